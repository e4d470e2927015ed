"""The typed intermediate model: what the contract says, once it has been understood.

`schemas` and `operations` read the documents into these values, `python` turns them into code. Nothing here knows YAML,
and nothing here knows Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

__all__ = [
    "ABSENT_PREFIX",
    "FORMATS",
    "Answer",
    "Body",
    "Contract",
    "EnumRef",
    "Enumeration",
    "Field",
    "Format",
    "Many",
    "Member",
    "Operation",
    "Parameter",
    "Record",
    "Scalar",
    "Schema",
    "SchemaRef",
    "Signal",
    "SocketCommand",
    "SocketParameter",
    "SocketRequest",
    "Sockets",
    "Spelling",
    "Stream",
    "Type",
    "schema_names",
]


class Format(StrEnum):
    """A wire format, by its word in the contract."""

    SIMPLE = "simple"
    SLIM = "slim"
    HEAVY = "heavy"


FORMATS = tuple(Format)

ABSENT_PREFIX = "-"
"""Starts the key under which a class looks for a field that a format lacks. No key of the broker starts like this."""


class Scalar(Enum):
    """A plain value."""

    TEXT = "text"
    WIRE_ID = "an id that is text, sometimes sent as a number"
    INTEGER = "integer"
    DECIMAL = "exact decimal"
    BOOLEAN = "boolean"
    TIME = "date and time"
    UUID = "UUID"


@dataclass(frozen=True)
class SchemaRef:
    """An object, by the name of its schema."""

    name: str


@dataclass(frozen=True)
class EnumRef:
    """One of a set of words or numbers, by the name of its schema."""

    name: str


@dataclass(frozen=True)
class Many:
    """A JSON array."""

    item: Type


Type = Scalar | SchemaRef | EnumRef | Many


def schema_names(type_: Type) -> Iterator[str]:
    """Yield the names of the objects that a type is made of."""
    match type_:
        case SchemaRef(name):
            yield name
        case Many(item):
            yield from schema_names(item)
        case _:
            return


@dataclass(frozen=True)
class Spelling:
    """The key of a field in each format, None where the format lacks the field."""

    simple: str | None
    slim: str | None
    heavy: str | None

    def __getitem__(self, format_: Format) -> str | None:
        return {Format.SIMPLE: self.simple, Format.SLIM: self.slim, Format.HEAVY: self.heavy}[format_]

    @property
    def formats(self) -> tuple[Format, ...]:
        """The formats that carry the field."""
        return tuple(format_ for format_ in FORMATS if self[format_] is not None)


@dataclass(frozen=True)
class Field:
    """One field of an object.

    Attributes:
        name: Our name for it.
        wire: Its key on the wire.
        alternates: Other keys that were seen on the wire, by format.
        zoneless: The formats in which a time comes without a zone, or as the sentinel for "never".
        only_for: The instruments that carry it, in the contract's words; None for all.
    """

    name: str
    type: Type
    nullable: bool
    required: bool
    wire: Spelling
    alternates: tuple[tuple[Format, str], ...]
    zoneless: frozenset[Format]
    only_for: str | None
    doc: str


@dataclass(frozen=True)
class Schema:
    """One object of the contract.

    Attributes:
        module: Where its class stands (a file of `models`, `bodies` or `answers`); None for what is exported only.
        usual: The format whose keys the class itself carries.
        ignored: The keys of fields that stand in the contract and not in the class.
    """

    name: str
    place: str
    doc: str
    module: str | None
    usual: Format
    fields: tuple[Field, ...]
    ignored: tuple[Spelling, ...]


@dataclass(frozen=True)
class Member:
    """One listed value of an enumeration."""

    name: str
    value: str | int
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """A set of words or numbers; the server may send others where it is open."""

    name: str
    doc: str
    members: tuple[Member, ...]
    is_open: bool


@dataclass(frozen=True)
class Parameter:
    """One parameter that a caller can give."""

    name: str
    wire: str
    place: str


@dataclass(frozen=True)
class Answer:
    """What a successful answer holds. `type` None is the bare word of success."""

    type: Type | None


@dataclass(frozen=True)
class Body:
    """What a request carries."""

    type: Type
    form: bool


@dataclass(frozen=True)
class Operation:
    """One operation of the REST contract.

    Attributes:
        name: Facade and method, such as `market_data.get_quotes`.
        also: Other names under which the same operation is offered.
        oauth: Whether it lives on the authorisation host.
    """

    name: str
    also: tuple[str, ...]
    summary: str
    method: str
    path: str
    kind: str
    lane: str
    access: str
    oauth: bool
    parameters: tuple[Parameter, ...]
    has_format: bool
    has_request_id: bool
    body: Body | None
    answer: Answer
    max_body: int | None


class Record(StrEnum):
    """What one data frame of a stream is: the newest of a key, or something that counts by itself."""

    STATE = "state"
    EVENT = "event"


@dataclass(frozen=True)
class SocketParameter:
    """One parameter of a subscription that a caller can give.

    Attributes:
        type: A plain value or a list of texts.
        least: The smallest acceptable number; None where the contract names none.
        most: The largest acceptable number; None where the contract names none.
    """

    name: str
    wire: str
    type: Type
    required: bool
    least: int | None
    most: int | None


@dataclass(frozen=True)
class SocketRequest:
    """What every request over a socket has.

    Attributes:
        name: Facade and method, such as `streams.order_book`.
        opcode: Its word on the wire.
        reply: What becomes of it, when all goes well or not.
    """

    name: str
    summary: str
    opcode: str
    reply: Answer


@dataclass(frozen=True)
class Stream(SocketRequest):
    """One subscription of /ws.

    Attributes:
        data: What a data frame holds.
        key: The fields of the data that tell its states apart.
        has_snapshot_flag: Whether the data says if it was there before.
        is_partial: Whether later frames hold only what changed.
        floors_ms: The least interval between frames that has an effect, by format; empty where every frame is sent.
    """

    parameters: tuple[SocketParameter, ...]
    data: Answer
    record: Record
    key: tuple[str, ...]
    has_snapshot_flag: bool
    is_partial: bool
    floors_ms: tuple[tuple[Format, int], ...]


@dataclass(frozen=True)
class Signal(SocketRequest):
    """A request about the connection or a subscription, without parameters.

    Attributes:
        constants: Keys that always have the same value.
        has_token: Whether it carries a token.
    """

    constants: tuple[tuple[str, bool | str], ...]
    has_token: bool


@dataclass(frozen=True)
class SocketCommand(SocketRequest):
    """One command of /cws.

    Attributes:
        body: The schema whose fields it has beside its own.
        has_order_id: Whether it names an order that stands.
    """

    body: str
    has_order_id: bool


@dataclass(frozen=True)
class Sockets:
    """Everything that is said over the sockets, by channel."""

    streams: tuple[Stream, ...]
    signals: dict[str, tuple[Signal, ...]]
    commands: tuple[SocketCommand, ...]


@dataclass(frozen=True)
class Contract:
    """Everything that code is made from."""

    schemas: dict[str, Schema]
    enums: dict[str, Enumeration]
    operations: tuple[Operation, ...]
    sockets: Sockets

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Yield what is answered and sent, with the name of what it belongs to."""
        for operation in self.operations:
            yield operation.name, operation.answer
        for stream in self.sockets.streams:
            yield stream.name, stream.data
        for request in (
            *self.sockets.streams,
            *(signal for signals in self.sockets.signals.values() for signal in signals),
            *self.sockets.commands,
        ):
            yield request.name, request.reply
