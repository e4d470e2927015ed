"""The append-only record of what happened: commands, executions, events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from itertools import islice
from types import FunctionType, MethodType, NoneType, UnionType
from typing import Any, TypeAlias, cast, get_args, get_type_hints
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


_SCALARS = (int, str, Decimal, UUID, datetime, Enum, NoneType, FunctionType, MethodType)
_KEPT: dict[type[object], bool] = {}

Recorded: TypeAlias = "tuple[int, str, dict[str, object]]"


class Journal:
    """Append-only: entries are never changed, removed or reordered.

    Most entries are never read, so a record keeps what cannot change as it is, and an entry is made plain when somebody
    reads it.
    """

    __slots__ = ("_folded", "_records")

    def __init__(self) -> None:
        """Start empty."""
        self._records: list[Recorded] = []
        self._folded = hashlib.sha256()

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._records)

    def __iter__(self) -> Iterator[Entry]:
        """Every entry so far, oldest first; recording goes on meanwhile."""
        return map(_entry, range(1, len(self._records) + 1), self._records)

    def record(self, time_us: int, kind: str, **details: object) -> None:
        """Write down one thing; later changes of the values do not reach the record.

        A detail that is a function is called when the entry is read: it must answer the same for ever.
        """
        for name, value in details.items():
            if not _never_changes(type(value)):
                details[name] = _plain(value)
        self._records.append((time_us, kind, details))

    def fold(self, *values: int | str) -> None:
        """Let the digest know of something that happens too often to be kept."""
        self._folded.update(repr(values).encode())

    def records(self, number: int = 0) -> Iterator[Recorded]:
        """Time, kind and details after entry `number`, the details as they were recorded: for those who read it all."""
        return islice(self._records, number, len(self._records))

    def since(self, number: int) -> tuple[Entry, ...]:
        """The entries after entry `number`."""
        return tuple(map(_entry, range(number + 1, len(self._records) + 1), self._records[number:]))

    def of(self, *kinds: str) -> tuple[Entry, ...]:
        """The entries of some kinds."""
        return tuple(
            _entry(number, record) for number, record in enumerate(self._records, start=1) if record[1] in kinds
        )

    def to_lines(self) -> str:
        """The whole journal as JSON lines."""
        return "".join(entry.to_json() + "\n" for entry in self)

    def digest(self) -> str:
        """A hash of the whole journal, with what was folded into it: two runs are the same exactly when it is."""
        whole = hashlib.sha256()
        for entry in self:
            whole.update(entry.to_json().encode() + b"\n")
        whole.update(self._folded.digest())
        return whole.hexdigest()


def _entry(number: int, record: Recorded) -> Entry:
    """The entry that a record stands for."""
    time_us, kind, details = record
    return Entry(number, time_us, kind, {name: _plain(value) for name, value in details.items()})


def _never_changes(kind: type[object]) -> bool:
    """Whether a record may keep a value of this type as it is: a scalar, a function, or a frozen record of scalars."""
    known = _KEPT.get(kind)
    if known is None:
        known = _KEPT[kind] = issubclass(kind, _SCALARS) or _is_frozen_record(kind)
    return known


def _is_frozen_record(kind: Any) -> bool:
    if not is_dataclass(kind) or not cast("Any", kind).__dataclass_params__.frozen:
        return False
    hints = get_type_hints(kind)
    return all(_never_changes_as(hints[item.name]) for item in fields(kind))


def _never_changes_as(hint: object) -> bool:
    """The same for a declared type, which may be a choice of several."""
    if isinstance(hint, type) and not get_args(hint):
        return _never_changes(hint)
    return isinstance(hint, UnionType) and all(_never_changes_as(choice) for choice in get_args(hint))


def _plain(value: object) -> Plain:
    """The JSON-able form of a value of the core."""
    if isinstance(value, (FunctionType, MethodType)):
        return _plain(value())
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
