"""What is said over a socket, as values: a spec is static, a message is the bytes of one request.

A request is one compact JSON object whose first key is its opcode and whose last, where there is one, is the token. What
comes back is a reply, read by `spec.reply`, or a data frame, read by `stream.decode`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import msgspec

from alor_async._http.decode import Shapes, WireError
from alor_async._http.frames import Frames
from alor_async._policy.arguments import check_count, check_order_id
from alor_async.errors import InvalidArgument
from alor_async.values import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[str, object], object]

__all__ = [
    "SUCCESS_BELOW",
    "CommandSpec",
    "Record",
    "SignalSpec",
    "StreamParameter",
    "StreamSpec",
    "ValueKind",
    "merge_data",
]

T_co = TypeVar("T_co", covariant=True)
Body = TypeVar("Body", bound=msgspec.Struct)
Reply = TypeVar("Reply")

SUCCESS_BELOW: Final = 300
"""A reply with a smaller status says yes. Others than 200 were seen."""

_MAX_INT64: Final = 2**63 - 1
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class Record(enum.Enum):
    """What one data frame of a stream is."""

    STATE = "state"
    """The newest of a key stands for all before it."""
    EVENT = "event"
    """Each counts, in its order."""


class ValueKind(enum.Enum):
    """What a parameter of a subscription holds."""

    TEXT = "text"
    INTEGER = "integer"
    FLAG = "flag"
    TEXTS = "texts"


class StreamParameter:
    """One parameter of a subscription: our name, the broker's, and which values it takes.

    Attributes:
        required: Whether a subscription cannot do without it.
        least: The smallest acceptable number.
        most: The largest acceptable number.
    """

    __slots__ = ("kind", "least", "most", "name", "required", "wire")

    def __init__(
        self,
        name: str,
        wire: str,
        kind: ValueKind = ValueKind.TEXT,
        *,
        required: bool = False,
        least: int = 0,
        most: int = _MAX_INT64,
    ) -> None:
        self.name = name
        self.wire = wire
        self.kind = kind
        self.required = required
        self.least = least
        self.most = most

    def __repr__(self) -> str:
        return f"StreamParameter({self.name!r}, {self.wire!r}, {self.kind})"

    def checked(self, value: object) -> object:
        """Return a value as the wire takes it.

        Raises:
            InvalidArgument: It is of another kind, or out of bounds.
        """
        if self.kind is ValueKind.INTEGER:
            return check_count(self.name, value, least=self.least, most=self.most)
        return _CHECKS[self.kind](self.name, value)


class StreamSpec(Generic[T_co, Reply]):
    """A subscription of /ws: everything about it that does not vary between uses.

    Attributes:
        name: `streams.method`; at once the word in logs, the label of metrics and the place in the docs.
        opcode: The broker's word for it.
        parameters: What a caller can ask for, in the order of the wire.
        data: How the data part of a frame is read, per format. `decode` reads whole frames.
        record: State or event.
        key: The attributes of the data that tell its states apart; empty where a subscription has one state alone.
        has_snapshot_flag: Whether `is_snapshot` of the data tells what was there before from what is new.
        is_partial: Whether later frames hold only what changed: they are joined by `merge_data` and then read.
        floors_ms: The least interval between frames that has an effect, by format; empty where every frame is sent.
        reply: How the reply to the request is read.
    """

    __slots__ = (
        "_frames",
        "_names",
        "data",
        "floors_ms",
        "has_snapshot_flag",
        "is_partial",
        "key",
        "name",
        "opcode",
        "parameters",
        "record",
        "reply",
    )

    def __init__(
        self,
        name: str,
        opcode: str,
        *,
        data: Shapes[T_co],
        reply: Shapes[Reply],
        record: Record,
        parameters: tuple[StreamParameter, ...],
        key: tuple[str, ...] = (),
        has_snapshot_flag: bool = False,
        is_partial: bool = False,
        floors_ms: Mapping[Format, int] | None = None,
    ) -> None:
        self.name = name
        self.opcode = opcode
        self.data = data
        self.reply = reply
        self.record = record
        self.parameters = parameters
        self.key = key
        self.has_snapshot_flag = has_snapshot_flag
        self.is_partial = is_partial
        self.floors_ms: Mapping[Format, int] = floors_ms or {}
        self._names = frozenset(parameter.name for parameter in parameters)
        self._frames: dict[Format, Frames[T_co]] = {}

    def __repr__(self) -> str:
        return f"<StreamSpec {self.name}: {self.opcode}>"

    def message(self, values: Mapping[str, object], *, guid: str, token: str, format: Format) -> bytes:
        """Write a request to subscribe.

        Args:
            values: Parameters by our names. One that is None is left out.
            guid: The name of the subscription on its connection; the same again replaces it.
            token: The access token.
            format: The spelling of the data.

        Raises:
            InvalidArgument: A parameter is missing, of another kind, or out of bounds.
        """
        if not values.keys() <= self._names:
            unknown = sorted(values.keys() - self._names)
            raise TypeError(f"{self.name} has no parameter {unknown[0]!r}")
        request: dict[str, object] = {"opcode": self.opcode}
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is not None:
                request[parameter.wire] = parameter.checked(value)
            elif parameter.required:
                raise InvalidArgument(parameter.name, "is required")
        request |= {"format": format.value, "guid": _text("guid", guid), "token": _text("token", token)}
        return _encoder.encode(request)

    def decode(self, frame: bytes, format: Format) -> T_co:
        """Read a whole data frame.

        Raises:
            WireError: It is not what the contract says.
        """
        return self._frames_in(format).decode(frame)

    def frame_decoder(self, format: Format) -> Callable[[bytes], T_co]:
        """Give what reads the data frames of one subscription: for whoever reads very many."""
        return self._frames_in(format).reader()

    def _frames_in(self, format: Format) -> Frames[T_co]:
        frames = self._frames.get(format)
        if frames is None:
            frames = self._frames[format] = Frames(self.data[format])
        return frames


class SignalSpec(Generic[Reply]):
    """A request about the connection or a subscription: it has a guid, perhaps a token, and nothing to choose.

    Attributes:
        name: Its word in logs.
        opcode: The broker's word for it.
        reply: How the reply is read.
        has_token: Whether it carries a token.
    """

    __slots__ = ("_constants", "has_token", "name", "opcode", "reply")

    def __init__(
        self,
        name: str,
        opcode: str,
        *,
        reply: Shapes[Reply],
        constants: Mapping[str, bool | str] | None = None,
        has_token: bool = True,
    ) -> None:
        self.name = name
        self.opcode = opcode
        self.reply = reply
        self.has_token = has_token
        self._constants = constants or {}

    def __repr__(self) -> str:
        return f"<SignalSpec {self.name}: {self.opcode}>"

    def message(self, *, guid: str, token: str | None = None) -> bytes:
        """Write the request.

        Args:
            guid: The subscription that is meant, or a name for this request.
            token: The access token, where the request carries one.

        Raises:
            InvalidArgument: The token is missing or too much.
        """
        if self.has_token is (token is None):
            raise InvalidArgument("token", "is required" if self.has_token else f"{self.name} carries none")
        request: dict[str, object] = {"opcode": self.opcode, "guid": _text("guid", guid), **self._constants}
        if token is not None:
            request["token"] = _text("token", token)
        return _encoder.encode(request)


class CommandSpec(Generic[Body, Reply]):
    """A command of /cws: everything about it that does not vary between uses.

    What it says about an order is a body of REST, so that one intent can go either way.

    Attributes:
        name: `facade.method`; as of an operation.
        opcode: The broker's word for it.
        body: The class of its body.
        reply: How the reply is read, a refusal as well.
        has_order_id: Whether it names an order that stands.
    """

    __slots__ = ("body", "has_order_id", "name", "opcode", "reply")

    def __init__(
        self, name: str, opcode: str, *, body: type[Body], reply: Shapes[Reply], has_order_id: bool = False
    ) -> None:
        self.name = name
        self.opcode = opcode
        self.body = body
        self.reply = reply
        self.has_order_id = has_order_id

    def __repr__(self) -> str:
        return f"<CommandSpec {self.name}: {self.opcode}>"

    def message(
        self, body: Body, *, guid: str, order_id: str | int | None = None, check_duplicates: bool | None = None
    ) -> bytes:
        """Write the request.

        Args:
            body: What the order is to be, or whose order is to be cancelled.
            guid: A name for the command, new on its connection.
            order_id: The order to replace or cancel.
            check_duplicates: Whether the server looks for a repeated command; None leaves it to the server, which does.

        Raises:
            InvalidArgument: The order's number is missing, too much, or no number.
        """
        if type(body) is not self.body:
            raise TypeError(f"{self.name} takes {self.body.__name__}, got {type(body).__name__}")
        if self.has_order_id is (order_id is None):
            raise InvalidArgument("order_id", "is required" if self.has_order_id else f"{self.name} has none")
        head: dict[str, object] = {"opcode": self.opcode, "guid": _text("guid", guid)}
        if order_id is not None:
            head["orderId"] = check_order_id(order_id, "order_id")
        if check_duplicates is not None:
            head["checkDuplicates"] = check_duplicates
        # Two objects become one: `{...}` and `{...}` to `{..., ...}`. No body is empty.
        return b"%b,%b" % (_encoder.encode(head)[:-1], _encoder.encode(body)[1:])


class _Changes(msgspec.Struct, gc=False):
    data: dict[str, msgspec.Raw]


_changes_decoder: Final = msgspec.json.Decoder(_Changes)


def merge_data(known: dict[str, msgspec.Raw], frame: bytes) -> bytes:
    """Add what a data frame says to what earlier frames of the subscription said, and return the data as it is now.

    Args:
        known: What was said so far, by keys of the wire; empty at first. It is changed in place.
        frame: A whole frame of a stream that `is_partial`.

    Raises:
        WireError: The frame is no data frame.
    """
    try:
        changes = _changes_decoder.decode(frame).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("not a data frame") from None
    for key, value in changes.items():
        known[key] = value.copy()  # else a small value would keep its whole frame alive
    return _encoder.encode(known)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(name, f"expected text, got {type(value).__name__}")
    if not value:
        raise InvalidArgument(name, "must not be empty")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidArgument(name, "must be text without lone surrogates")
    return str(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(name, f"expected True or False, got {type(value).__name__}")
    return value


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise InvalidArgument(name, f"expected several texts, got {type(value).__name__}")
    return [_text(name, item) for item in cast("Iterable[object]", value)]


_CHECKS: Final[Mapping[ValueKind, Check]] = {
    ValueKind.TEXT: _text,
    ValueKind.FLAG: _flag,
    ValueKind.TEXTS: _texts,
}
