"""The append-only record of what happened: commands, executions, events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias, cast
from uuid import UUID

Plain: TypeAlias = "bool | int | str | list[Plain] | dict[str, Plain] | None"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `number` counts from 1 without a gap; `details` is plain JSON-able data."""

    number: int
    time_us: int
    kind: str
    details: dict[str, Plain]

    def to_json(self) -> str:
        """One line, keys in a fixed order."""
        record = {"number": self.number, "time_us": self.time_us, "kind": self.kind, "details": self.details}
        return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Journal:
    """Append-only: entries are never changed, removed or reordered."""

    __slots__ = ("_entries", "_folded")

    def __init__(self) -> None:
        """Start empty."""
        self._entries: list[Entry] = []
        self._folded = hashlib.sha256()

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, oldest first; a copy, so that recording goes on meanwhile."""
        return iter(tuple(self._entries))

    def record(self, time_us: int, kind: str, **details: object) -> Entry:
        """Write down one thing; the values are made plain at once, so that later changes do not reach the record."""
        entry = Entry(len(self._entries) + 1, time_us, kind, {name: _plain(value) for name, value in details.items()})
        self._entries.append(entry)
        return entry

    def fold(self, *values: int | str) -> None:
        """Let the digest know of something that happens too often to be kept."""
        self._folded.update(repr(values).encode())

    def since(self, number: int) -> tuple[Entry, ...]:
        """The entries after entry `number`."""
        return tuple(self._entries[number:])

    def of(self, *kinds: str) -> tuple[Entry, ...]:
        """The entries of some kinds."""
        return tuple(entry for entry in self._entries if entry.kind in kinds)

    def to_lines(self) -> str:
        """The whole journal as JSON lines."""
        return "".join(entry.to_json() + "\n" for entry in self._entries)

    def digest(self) -> str:
        """A hash of the whole journal, with what was folded into it: two runs are the same exactly when it is."""
        whole = hashlib.sha256(self.to_lines().encode())
        whole.update(self._folded.digest())
        return whole.hexdigest()


def _plain(value: object) -> Plain:
    """The JSON-able form of a value of the core."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    raise TypeError(f"the journal cannot hold a {type(value).__name__}")
