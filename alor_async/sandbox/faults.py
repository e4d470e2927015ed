"""What can go wrong, as values: a selector (which request) x an effect (what happens) x a stage (before or after it acts).

`Fault` is one such value; `FaultPlan` holds the armed ones and decides, request by request, which fire. The one-line
spellings that tests and demos use (`sandbox.faults.http.status(503, ...)`) live in `alor_async.sandbox.inject`.
"""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

from alor_async.errors import ConfigError

if TYPE_CHECKING:
    import random
    from types import TracebackType

Direction: TypeAlias = Literal["in", "out"]
"""`in` is from the client to the exchange, `out` the way back."""

Stage: TypeAlias = Literal["before_execution", "after_execution"]
"""Whether the exchange acts on the request before the fault is felt. It decides if a lost answer hides an order."""

BEFORE: Stage = "before_execution"
AFTER: Stage = "after_execution"

# -- effects on the bytes of one request or one answer ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection breaks (RST) once so many bytes have passed in this direction."""

    after_bytes: int = 0
    direction: Direction = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """Nothing passes any more and nobody is told: `in` stops reading (the window fills), `out` loses the answer."""

    direction: Direction = "out"


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


@dataclass(frozen=True, slots=True)
class RejectToken:
    """The token of this request counts as expired: 401."""


AnswerEffect: TypeAlias = Answer | RawAnswer | ExtraHeaders | ChangedBody | Drip | Truncate | Delay | Drop | RejectToken
Effect: TypeAlias = WireEffect | AnswerEffect
FINAL_EFFECTS = (Answer, RawAnswer, Drop)
WIRE_EFFECTS = (Reset, Blackhole, Latency, Bandwidth, Slicer, HalfClose, SlowClose)


# -- which request ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Moment:
    """What is known about a request when faults are asked for; portfolio and symbol may stand in its body."""

    server: str
    method: str
    path: str
    template: str | None
    operation: str | None
    find: Callable[[str], tuple[str, ...]] = lambda _name: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which requests a fault is for. Everything given must hold; text is compared without case, `*` stands for any text.

    Args:
        route: `"GET /md/v2/time"` or `"/md/v2/time"`: a path as sent, or a template such as
            `"/md/v2/Securities/{symbols}/quotes"`.
        operation: `"orders.place_limit"`, `"orders.*"`.
        method: `"PUT"`.
        server: `"api"` or `"oauth"`.
        portfolio: The portfolio of the path, the query or the body.
        symbol: The symbol of the path, the query or the body.
        nth: The first request that counts, from 1.
        times: How often the fault fires; None is until it is cleared.
        probability: The chance of firing on each request, drawn from the sandbox's seed.
    """

    route: str | None = None
    operation: str | None = None
    method: str | None = None
    server: str | None = None
    portfolio: str | None = None
    symbol: str | None = None
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ConfigError("nth", "counts from 1")
        if self.times is not None and self.times < 1:
            raise ConfigError("times", "must be at least 1, or None for until it is cleared")
        if not 0.0 <= self.probability <= 1.0:
            raise ConfigError("probability", "must lie between 0 and 1")

    def matches(self, moment: Moment) -> bool:
        """Whether this request is meant."""
        return (
            (self.server is None or self.server == moment.server)
            and (self.method is None or self.method.upper() == moment.method)
            and (self.operation is None or _like(self.operation, moment.operation))
            and (self.route is None or self._is_route(moment))
            and (self.portfolio is None or any(_like(self.portfolio, found) for found in moment.find("portfolio")))
            and (self.symbol is None or any(_like(self.symbol, found) for found in moment.find("symbol")))
        )

    def _is_route(self, moment: Moment) -> bool:
        method, _, path = (self.route or "").rpartition(" ")
        if method and method.strip().upper() != moment.method:
            return False
        return _like(path, moment.path) or _like(path, moment.template)


def _like(pattern: str, text: str | None) -> bool:
    if text is None:
        return False
    pattern, text = pattern.lower(), text.lower()
    return pattern == text or ("*" in pattern and fnmatch.fnmatchcase(text, pattern))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: for whom, what, and when."""

    name: str
    selector: Selector
    effect: Effect
    stage: Stage = BEFORE


class Armed:
    """A fault that waits to fire, or has. As a context manager it is cleared at the end of the block."""

    __slots__ = ("_plan", "fault", "fired", "matched")

    def __init__(self, fault: Fault, plan: FaultPlan) -> None:
        self.fault = fault
        self._plan = plan
        self.fired = 0
        """How often it has fired."""
        self.matched = 0
        """How many requests it was asked about that fit its selector."""

    @property
    def spent(self) -> bool:
        """Whether it has fired as often as it may."""
        times = self.fault.selector.times
        return times is not None and self.fired >= times

    def clear(self) -> None:
        """Disarm it. A fault that is already gone stays gone."""
        self._plan.disarm(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def __repr__(self) -> str:
        return f"<Armed {self.fault.name} fired={self.fired} of {self.fault.selector.times or 'any number'}>"


Record: TypeAlias = Callable[[str, Stage | None, "Moment | None"], None]
"""Writes down a firing: the fault's name, its stage and the request, if it was one."""


class Routes(Protocol):
    """What the plan asks of the routing table, to refuse a selector that could never match."""

    def knows_operation(self, pattern: str) -> bool:
        """Whether any operation fits."""
        ...

    def knows_route(self, pattern: str) -> bool:
        """Whether any route fits."""
        ...


class FaultPlan:
    """The armed faults. Arming and clearing are safe from any thread; faults fire in the order in which they were armed."""

    def __init__(self, random: random.Random, routes: Routes, record: Record) -> None:
        self._random = random
        self._routes = routes
        self._record = record
        self._lock = threading.Lock()
        self.armed: tuple[Armed, ...] = ()
        self.watches_requests = False

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault.

        Raises:
            ConfigError: Its selector names an operation or a route that the exchange does not have.
        """
        selector = fault.selector
        if selector.operation is not None and not self._routes.knows_operation(selector.operation):
            raise ConfigError("operation", f"{selector.operation!r} is not one that the sandbox serves")
        if selector.route is not None and not self._routes.knows_route(selector.route):
            raise ConfigError("route", f"{selector.route!r} is not one that the sandbox serves")
        armed = Armed(fault, self)
        with self._lock:
            self._keep((*self.armed, armed))
        return armed

    def disarm(self, armed: Armed) -> None:
        """Take one fault away."""
        with self._lock:
            self._keep(tuple(other for other in self.armed if other is not armed))

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._keep(())

    def take(self, moment: Moment, wanted: Callable[[Fault], bool]) -> list[Effect]:
        """The effects that fire now on this request, each counted and put on record.

        They add up, in the order in which they were armed, until one of them decides the answer.
        """
        taken: list[Effect] = []
        with self._lock:
            for armed in self.armed:
                if wanted(armed.fault) and self._fires(armed, moment):
                    taken.append(armed.fault.effect)
                    self._record(armed.fault.name, armed.fault.stage, moment)
                    if isinstance(armed.fault.effect, FINAL_EFFECTS):
                        break
            if taken:
                self._keep(tuple(armed for armed in self.armed if not armed.spent))
        return taken

    def note(self, name: str) -> None:
        """Put on record what went wrong without a request: a token revoked, a port closed."""
        self._record(name, None, None)

    def jitter(self, most: float) -> float:
        """A random wait from zero to `most`."""
        return self._random.uniform(0.0, most)

    def _fires(self, armed: Armed, moment: Moment) -> bool:
        selector = armed.fault.selector
        if armed.spent or not selector.matches(moment):
            return False
        armed.matched += 1
        if armed.matched < selector.nth or (
            selector.probability < 1.0 and self._random.random() >= selector.probability
        ):
            return False
        armed.fired += 1
        return True

    def _keep(self, armed: tuple[Armed, ...]) -> None:
        self.armed = armed
        self.watches_requests = any(is_inward(other.fault) for other in armed)


def is_inward(fault: Fault) -> bool:
    """Whether the fault bends the bytes of the request itself, and so must be known before the server sees it."""
    return isinstance(fault.effect, WIRE_EFFECTS) and fault.effect.direction == "in"
