"""What a fault does, as values: to the bytes of a connection, to an answer, to a message on a socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["in", "out"]
"""`in` is from the client to the exchange, `out` the way back."""

# -- effects on the bytes of one request or one answer ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection breaks (RST) once so many bytes have passed in this direction."""

    after_bytes: int = 0
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """Nothing passes any more and nobody is told.

    For one request, `in` stops reading (the window fills) and `out` loses the answer. For a whole socket the bytes wait, as
    TCP keeps them, and pass once it is over; `both` is both ways.
    """

    direction: Direction | Literal["both"] = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Every chunk waits this long, plus up to `jitter`; seconds."""

    seconds: float
    jitter: float = 0.0
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """So many bytes a second and no more."""

    bytes_per_second: float
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer:
    """Chunks fall into pieces of `size` bytes with a pause (seconds) between them."""

    size: int = 1
    pause: float = 0.0
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfClose:
    """FIN goes out once the answer is whole (or after so many bytes), while the exchange goes on reading."""

    after_bytes: int | None = None
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose:
    """The answer is whole and says that the connection closes, but FIN comes so many seconds late."""

    seconds: float
    direction: Direction = "out"


WireEffect: TypeAlias = Reset | Blackhole | Latency | Bandwidth | Slicer | HalfClose | SlowClose

# -- effects on the answer -------------------------------------------------------------------------------------------

BodyChange: TypeAlias = bytes | Callable[[bytes], bytes]
"""New bytes, or a function from the honest body to the new one (it runs in the exchange's thread)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """This status, these headers and this body instead of the honest answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """Exactly these bytes on the socket, HTTP or not; then the connection closes unless `close` is False."""

    payload: bytes | Callable[[], bytes]
    close: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraHeaders:
    """The honest answer, with these headers added; a name may repeat."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBody:
    """The honest status, with another body and perhaps another Content-Type."""

    body: BodyChange
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The honest answer, its body `size` bytes at a time with `pause` seconds between."""

    size: int
    pause: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The honest answer, cut after so many bytes of body; with `declared` its Content-Length still promises them all."""

    after_bytes: int
    declared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Wait so many seconds at this stage."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """No answer: the connection breaks (`reset`), closes politely (`close`), or stays open and silent (`hang`)."""

    how: Literal["reset", "close", "hang"] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The process of this number is killed, and there is no answer."""

    pid: int


@dataclass(frozen=True, slots=True)
class RejectToken:
    """The token of this request counts as expired: 401."""


# -- effects on what the exchange does -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FailReplacement:
    """The replacement is refused, and leaves the old order as it is or gone."""

    leaving: Literal["gone", "untouched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectLater:
    """The order is accepted, and then rejected by the exchange with this reason in its comment."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLag:
    """The read does not show orders and trades that are younger than this; seconds of exchange time."""

    seconds: float


# -- effects on the messages of a socket -----------------------------------------------------------------------------

Part: TypeAlias = Literal["data", "reply", "any"]
"""Which messages to a client an effect is for: the data of subscriptions, the replies to requests, or both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold:
    """The message does not go out; the connection looks healthy."""

    part: Part = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The message goes out so many times."""

    copies: int = 2
    part: Part = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle:
    """So many messages are kept back and go out together, in another order."""

    window: int
    part: Part = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alter:
    """The message goes out changed: by a function, as these bytes, or (None) damaged at random."""

    change: BodyChange | None = None
    part: Part = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """This reply in place of the honest one; before execution, nothing is done. The connection may end with it."""

    code: int
    text: str
    closes: bool = False


# -- effects on a socket as a whole ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The server closes with this code and reason, once everything queued has left."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """The connection breaks (RST), without a closing frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """Exactly these bytes between two frames, whether they are a frame or not."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class TurnAway:
    """The connection is reset as soon as it is made, before a byte passes."""


AnswerEffect: TypeAlias = (
    Answer | RawAnswer | ExtraHeaders | ChangedBody | Drip | Truncate | Delay | Drop | Kill | RejectToken
)
ExchangeEffect: TypeAlias = FailReplacement | RejectLater | ReadLag
MessageEffect: TypeAlias = Withhold | Repeat | Shuffle | Alter | Say
SocketEffect: TypeAlias = Close | Abort | RawFrame
Effect: TypeAlias = WireEffect | AnswerEffect | ExchangeEffect | MessageEffect | SocketEffect | TurnAway

WIRE_EFFECTS = (Reset, Blackhole, Latency, Bandwidth, Slicer, HalfClose, SlowClose)
FINAL_EFFECTS = (Answer, RawAnswer, Drop, Kill, Say, Withhold, Close, Abort, TurnAway)
"""What decides the fate of a request or a message: nothing that was armed later is felt by it."""
