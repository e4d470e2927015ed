"""What can go wrong, as values: a selector (for whom) x an effect (what happens) x a stage (before or after it acts).

`Fault` is one such value; `FaultPlan` holds the armed ones and decides, request by request and message by message, which
fire. The one-line spellings that tests and demos use (`sandbox.faults.http.status(503, ...)`) live in
`alor_async.sandbox.inject`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, get_args

from alor_async.errors import ConfigError
from alor_async.sandbox.core.clock import SECOND, to_us
from alor_async.sandbox.effects import (
    FINAL_EFFECTS,
    WIRE_EFFECTS,
    Effect,
    ExchangeEffect,
    MessageEffect,
    SlowClose,
    SocketEffect,
    TurnAway,
)
from alor_async.sandbox.selectors import OF_MESSAGES, OF_REQUESTS, Instant, Moment, Selector, is_like

if TYPE_CHECKING:
    import random
    from types import TracebackType

Stage: TypeAlias = Literal["before_execution", "after_execution"]
"""Whether the exchange acts on the request before the fault is felt. It decides if a lost answer hides an order."""

BEFORE: Stage = "before_execution"
AFTER: Stage = "after_execution"

Scope: TypeAlias = Literal["request", "message", "socket", "connection"]
"""What a fault takes hold of: an HTTP request, a message on a socket, an open socket as a whole, a new connection."""

EITHER: tuple[Scope, ...] = ("request", "message")
"""A fault of requests and of messages alike, unless its selector can only fit one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: for whom, what, and when.

    `scopes` is what it may take hold of; the effect's own when nothing is said.
    """

    name: str
    selector: Selector
    effect: Effect
    stage: Stage = BEFORE
    scopes: tuple[Scope, ...] = ()


class Handle(Protocol):
    """What every one-line spelling gives back."""

    @property
    def fired(self) -> int:
        """How often it has fired."""
        ...

    def clear(self) -> None:
        """Undo it."""
        ...


class Ending:
    """A handle that ends with `clear` or with the `with` block."""

    __slots__ = ()

    def clear(self) -> None:
        """Undo it; what is undone already stays so."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()


class Armed(Ending):
    """A fault that waits to fire, or has. As a context manager it is cleared at the end of the block."""

    __slots__ = ("_plan", "ends_us", "fault", "fired", "matched", "scopes", "seen", "starts_us")

    def __init__(self, fault: Fault, scopes: frozenset[Scope], plan: FaultPlan) -> None:
        self.fault = fault
        self.scopes = scopes
        self._plan = plan
        self.fired = 0
        """How often it has fired."""
        self.matched = 0
        """How many requests, messages or sockets it was asked about that fit its selector."""
        now_us = plan.now_us()
        self.starts_us = _resolve(fault.selector.after, now_us)
        self.ends_us = _resolve(fault.selector.until, now_us)
        self.seen: dict[int, bool] = {}
        """The sockets that it was asked about, by number, and whether it took hold of them."""

    @property
    def spent(self) -> bool:
        """Whether it has fired as often as it may."""
        times = self.fault.selector.times
        return times is not None and self.fired >= times

    @property
    def is_due(self) -> bool:
        """Whether exchange time is within its window."""
        if self.starts_us is None and self.ends_us is None:
            return True
        now_us = self._plan.now_us()
        return (self.starts_us is None or now_us >= self.starts_us) and (self.ends_us is None or now_us < self.ends_us)

    def clear(self) -> None:
        """Disarm it. A fault that is already gone stays gone."""
        self._plan.disarm(self)

    def __repr__(self) -> str:
        return f"<Armed {self.fault.name} fired={self.fired} of {self.fault.selector.times or 'any number'}>"


class Standing(Ending):
    """Something that is wrong from now on, without waiting for anything, until it is cleared."""

    __slots__ = ("_plan", "_undo", "fired", "name")

    def __init__(self, name: str, undo: Callable[[], None], plan: FaultPlan) -> None:
        self.name = name
        self.fired = 1
        """It took hold when it was made."""
        self._undo = undo
        self._plan = plan

    def clear(self) -> None:
        """Undo it; what is undone already stays so."""
        if self._plan.drop(self):
            self._undo()

    def __repr__(self) -> str:
        return f"<Standing {self.name}>"


Record: TypeAlias = Callable[[str, Stage | None, "Moment | None"], None]
"""Writes down a firing: the fault's name, its stage and the request or message, if it was one."""


class Routes(Protocol):
    """What the plan asks of the routing table, to refuse a selector that could never match."""

    @property
    def operations(self) -> Collection[str]:
        """What can be asked for."""
        ...

    def knows_operation(self, pattern: str) -> bool:
        """Whether any operation fits."""
        ...

    def knows_route(self, pattern: str) -> bool:
        """Whether any route fits."""
        ...


def _never_now() -> int:
    return 0


def _nobody() -> None:
    """Nobody is told."""


class FaultPlan:
    """The armed faults. Arming and clearing are safe from any thread; faults fire in the order in which they were armed.

    Attributes:
        armed: What is armed, the oldest first.
        scopes: What any of them could take hold of.
        watches_requests: Whether one of them bends the bytes of requests.
        now_us: Exchange time.
        changed: Called after something was armed or went, in whichever thread that was.
    """

    def __init__(
        self,
        random: random.Random,
        routes: Routes,
        record: Record,
        *,
        opcodes: Iterable[str] = (),
        now_us: Callable[[], int] = _never_now,
    ) -> None:
        self.random = random
        self._routes = routes
        self._opcodes = tuple(opcodes)
        self._record = record
        self._lock = threading.Lock()
        self._standing: tuple[Standing, ...] = ()
        self.now_us = now_us
        self.changed: Callable[[], None] = _nobody
        self.armed: tuple[Armed, ...] = ()
        self.scopes: frozenset[Scope] = frozenset()
        self.watches_requests = False

    # -- arming ------------------------------------------------------------------------------------------------------

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault.

        Raises:
            ConfigError: Its selector names what the exchange does not have, or what such a fault cannot be for.
        """
        self._check(fault.selector)
        armed = Armed(fault, _scopes_of(fault), self)
        with self._lock:
            self._keep((*self.armed, armed))
        self.changed()
        return armed

    def stand(self, name: str, undo: Callable[[], None]) -> Standing:
        """Put on record what is wrong from now on, and how it is undone."""
        self._record(name, None, None)
        standing = Standing(name, undo, self)
        with self._lock:
            self._standing = (*self._standing, standing)
        return standing

    def disarm(self, armed: Armed) -> None:
        """Take one fault away."""
        with self._lock:
            self._keep(tuple(other for other in self.armed if other is not armed))
        self.changed()

    def drop(self, standing: Standing) -> bool:
        """Forget what is being undone; whether it was still in force."""
        with self._lock:
            left = tuple(other for other in self._standing if other is not standing)
            was_there = len(left) < len(self._standing)
            self._standing = left
        return was_there

    def clear(self) -> None:
        """Take all faults away, and undo what stands, the newest first."""
        with self._lock:
            self._keep(())
        self.changed()
        for standing in reversed(self._standing):
            standing.clear()

    # -- firing ------------------------------------------------------------------------------------------------------

    def take(self, scope: Scope, moment: Moment, wanted: Callable[[Fault], bool]) -> list[Effect]:
        """The effects that fire now, each counted and put on record.

        They add up, in the order in which they were armed, until one of them decides what becomes of it.
        """
        taken: list[Effect] = []
        with self._lock:
            for armed in self.armed:
                if scope in armed.scopes and wanted(armed.fault) and self._fires(armed, moment):
                    taken.append(armed.fault.effect)
                    if isinstance(armed.fault.effect, FINAL_EFFECTS):
                        break
            left = tuple(armed for armed in self.armed if not armed.spent or "socket" in armed.scopes)
            is_changed = len(left) < len(self.armed)
            if is_changed:
                self._keep(left)
        if is_changed:
            self.changed()
        return taken

    def take_hold(self, armed: Armed, number: int, moment: Moment) -> bool:
        """Whether a fault of whole sockets has hold of this one; asked for the first time, it makes up its mind."""
        with self._lock:
            if number not in armed.seen:
                armed.seen[number] = self._fires(armed, moment)
            return armed.seen[number]

    def note(self, name: str) -> None:
        """Put on record what went wrong at once: a token revoked, a clock set."""
        self._record(name, None, None)

    def jitter(self, most: float) -> float:
        """A random wait from zero to `most`."""
        return self.random.uniform(0.0, most)

    def _fires(self, armed: Armed, moment: Moment) -> bool:
        selector = armed.fault.selector
        if armed.spent or not selector.matches(moment) or not armed.is_due:
            return False
        armed.matched += 1
        if armed.matched < selector.nth or (
            selector.probability < 1.0 and self.random.random() >= selector.probability
        ):
            return False
        armed.fired += 1
        self._record(armed.fault.name, armed.fault.stage, moment)
        return True

    def _keep(self, armed: tuple[Armed, ...]) -> None:
        self.armed = armed
        self.scopes = frozenset[Scope]().union(*(other.scopes for other in armed))
        self.watches_requests = any("request" in other.scopes and is_inward(other.fault) for other in armed)

    def _check(self, selector: Selector) -> None:
        if selector.operation is not None and not self._routes.knows_operation(selector.operation):
            hint = _did_you_mean(selector.operation, self._routes.operations)
            raise ConfigError("operation", f"{selector.operation!r} is not one that the sandbox serves{hint}")
        if selector.route is not None and not self._routes.knows_route(selector.route):
            raise ConfigError("route", f"{selector.route!r} is not one that the sandbox serves")
        opcode = selector.opcode
        if opcode is not None and not any(is_like(opcode, known) for known in self._opcodes):
            hint = _did_you_mean(opcode, self._opcodes)
            raise ConfigError("opcode", f"{opcode!r} is not one that the sandbox knows{hint}")
        now_us = self.now_us()
        after, until = _resolve(selector.after, now_us), _resolve(selector.until, now_us)
        if after is not None and until is not None and until <= after:
            raise ConfigError("until", "must lie after the beginning")


def _did_you_mean(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, sorted(known), n=2)
    return f": did you mean {' or '.join(near)}?" if near else ""


def is_inward(fault: Fault) -> bool:
    """Whether the fault bends the bytes of the request itself, and so must be known before the server sees it."""
    effect = fault.effect
    return isinstance(effect, WIRE_EFFECTS) and effect.direction in {"in", "both"}


def _scopes_of(fault: Fault) -> frozenset[Scope]:
    """What a fault may take hold of.

    Raises:
        ConfigError: Its selector can only fit something else.
    """
    selector, own = fault.selector, fault.scopes or _usual_scopes(fault)
    of_requests, of_messages = selector.names(OF_REQUESTS), selector.names((*OF_MESSAGES, "socket"))
    left: tuple[Scope, ...] = tuple(
        scope
        for scope in own
        if (of_requests is None or scope == "request" or (scope == "connection" and of_requests == "server"))
        and (of_messages is None or scope in ("message", "socket"))
    )
    if not left:
        is_of_requests = "request" in own or "connection" in own
        raise ConfigError((of_messages if is_of_requests else of_requests) or "route", f"{fault.name} is not for that")
    aimed_within = selector.names((*OF_MESSAGES, "portfolio", "symbol"))
    if "socket" in left and aimed_within is not None:
        raise ConfigError(aimed_within, f"{fault.name} takes hold of whole sockets, not of single messages")
    if "socket" in left and isinstance(fault.effect, SlowClose):
        raise ConfigError("socket", f"{fault.name} is for answers")
    return frozenset(left)


def _usual_scopes(fault: Fault) -> tuple[Scope, ...]:
    effect: Any = fault.effect
    if isinstance(effect, get_args(ExchangeEffect)):
        return EITHER
    if isinstance(effect, get_args(MessageEffect)):
        return ("message",)
    if isinstance(effect, get_args(SocketEffect)):
        return ("message",) if fault.selector.names((*OF_MESSAGES, "portfolio", "symbol")) else ("socket",)
    if isinstance(effect, TurnAway):
        return ("connection",)
    return ("socket",) if isinstance(effect, WIRE_EFFECTS) and fault.selector.socket is not None else ("request",)


def _resolve(instant: Instant | None, now_us: int) -> int | None:
    if instant is None or isinstance(instant, datetime):
        return None if instant is None else to_us(instant)
    return now_us + int(instant * SECOND)
