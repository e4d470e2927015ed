"""What clients say on sockets: read once for everybody, and kept for tests with every token hidden."""

from __future__ import annotations

import fnmatch
import json
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from alor_async.sandbox.gateway.call import Fields, Refused, read_json

Kind: TypeAlias = Literal["ws", "cws"]

_MOST_KEPT = 20_000
_LONGEST_KEPT = 16_384
_HIDDEN = "***"
_TOKEN_VALUE = re.compile(r'("token"\s*:\s*")[^"]*', re.IGNORECASE)
_JWT = re.compile(r"eyJ[\w-]+\.[\w.-]+")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a client.

    Attributes:
        text: As it came; empty for a binary frame.
        fields: The JSON object in it; None when it is anything else.
        opcode: What it asks for, as it was spelled; empty when it does not say.
        guid: Its id, always as text; empty when it has none.
        token: The access token that it brings; empty when it brings none.
    """

    text: str = field(repr=False)
    fields: Fields | None = field(default=None, repr=False)
    opcode: str = ""
    guid: str = ""
    token: str = field(default="", repr=False)


def read_message(text: str | None) -> Message:
    """Understand as much of a message as there is to understand; None is a frame that is not text."""
    if text is None:
        return Message("")
    try:
        fields = Fields(read_json(text.encode("utf-8", "surrogatepass")))
    except Refused:
        return Message(text)
    return Message(text, fields, _text(fields, "opcode"), _text(fields, "guid"), _text(fields, "token"))


def _text(fields: Fields, name: str) -> str:
    try:
        found = fields.text_or_none(name) or ""
    except Refused:
        return ""
    return found.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be sent back


class Heard:
    """One message that was received, without its token."""

    __slots__ = ("_text", "connection", "guid", "kind", "number", "opcode")

    def __init__(self, number: int, kind: Kind, connection: int, message: Message) -> None:
        self.number = number
        """Counts from 1."""
        self.kind: Kind = kind
        """`ws` or `cws`."""
        self.connection = connection
        """The number of the socket that it came on."""
        self.opcode = _without_tokens(message.opcode)
        """As it was spelled; empty when there was none."""
        self.guid = _without_tokens(message.guid)
        self._text = message.text[:_LONGEST_KEPT]

    @property
    def text(self) -> str:
        """The message (its first 16 384 characters) with tokens hidden."""
        return _without_tokens(self._text)

    @property
    def json(self) -> object:
        """The message as JSON, tokens hidden; a ValueError when it is none."""
        return json.loads(self.text)

    def __repr__(self) -> str:
        return f"<Heard #{self.number} on {self.kind} {self.connection}: {self.opcode[:80]!r} {self.guid[:80]!r}>"


def _without_tokens(text: str) -> str:
    return _JWT.sub(_HIDDEN, _TOKEN_VALUE.sub(rf"\g<1>{_HIDDEN}", text))


class MessageLog:
    """The last messages that came on sockets, oldest first, and counts of all of them. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Heard] = deque(maxlen=_MOST_KEPT)
        self._total = 0
        self._by_opcode: Counter[str] = Counter()

    def add(self, kind: Kind, connection: int, message: Message) -> None:
        """Write a message down."""
        with self._lock:
            self._total += 1
            heard = Heard(self._total, kind, connection, message)
            self._kept.append(heard)
            self._by_opcode[heard.opcode[:80]] += 1

    def __len__(self) -> int:
        """How many messages came since the start or the last `clear`."""
        return self._total

    def __iter__(self) -> Iterator[Heard]:
        """The messages that are kept, oldest first; a copy."""
        with self._lock:
            return iter(tuple(self._kept))

    def __getitem__(self, index: int) -> Heard:
        """One of the kept messages; -1 is the last."""
        with self._lock:
            return self._kept[index]

    def of(self, opcode: str) -> tuple[Heard, ...]:
        """The kept messages of one opcode, or of a pattern such as `create:*`, in any case."""
        return tuple(one for one in self if _fits(one.opcode, opcode))

    def count(self, opcode: str | None = None) -> int:
        """How many messages came, of an opcode or of a pattern, in any case."""
        with self._lock:
            counts = tuple(self._by_opcode.items())
        return sum(count for name, count in counts if opcode is None or _fits(name, opcode))

    def clear(self) -> None:
        """Forget what was received so far."""
        with self._lock:
            self._kept.clear()
            self._by_opcode.clear()
            self._total = 0


def _fits(opcode: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(opcode.lower(), pattern.lower())
