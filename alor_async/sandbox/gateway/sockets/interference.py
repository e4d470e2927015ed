"""Where faults take hold of sockets: of single messages on their way in and out, and of whole connections.

Everything that touches a connection happens in the gateway's loop. While no fault waits for messages, none is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from alor_async.errors import ClosedError
from alor_async.sandbox import effects
from alor_async.sandbox.effects import Effect, WireEffect
from alor_async.sandbox.faults import AFTER, BEFORE, Armed, Fault, FaultPlan
from alor_async.sandbox.gateway.call import Fields, Refused
from alor_async.sandbox.gateway.foiling import foiled, is_for
from alor_async.sandbox.gateway.killing import kill
from alor_async.sandbox.gateway.sockets.command_list import OPCODES as COMMANDS
from alor_async.sandbox.gateway.sockets.encode import reply
from alor_async.sandbox.gateway.sockets.operations import EXACTLY as SUBSCRIPTIONS
from alor_async.sandbox.selectors import Moment

if TYPE_CHECKING:
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.gateway.host import Host
    from alor_async.sandbox.gateway.sockets.connection import About, Connection
    from alor_async.sandbox.gateway.sockets.messages import Message
    from alor_async.sandbox.gateway.sockets.registry import Sockets

OPCODES = (*SUBSCRIPTIONS, "unsubscribe", *COMMANDS)
"""Everything that either kind of socket can be asked."""
_DAMAGED_BYTES = 4


@dataclass(slots=True)
class _KeptBack:
    """Messages of one connection that wait to be shuffled."""

    connection: Connection
    effect: effects.Shuffle
    payloads: list[bytes] = field(default_factory=list[bytes])


class Interference:
    """The faults of sockets at work."""

    def __init__(
        self, plan: FaultPlan, sockets: Sockets, host: Host, exchange: Exchange, exchange_lock: threading.RLock
    ) -> None:
        self._plan = plan
        self._sockets = sockets
        self._host = host
        self._exchange = exchange
        self._exchange_lock = exchange_lock
        self._asked: dict[Connection, Message] = {}
        self._kept_back: list[_KeptBack] = []
        self._is_needed = False
        self._scheduled: set[Armed] = set()
        sockets.hooks.opened = self._opened
        sockets.hooks.closed = self._closed
        plan.changed = self._plan_changed

    # -- the plan changes: in any thread -----------------------------------------------------------------------------

    def _plan_changed(self) -> None:
        """Watch what has to be watched; what holds whole sockets takes hold before this returns."""
        hooks, watches = self._sockets.hooks, "message" in self._plan.scopes
        hooks.before_hear = self._before_hear if watches else None
        hooks.before_send = self._before_send if watches else None
        was_needed, self._is_needed = self._is_needed, "socket" in self._plan.scopes
        if not was_needed and not self._is_needed and not self._kept_back:
            return
        self._schedule_windows()
        with contextlib.suppress(ClosedError):  # it does not run: there is nothing to take hold of
            self._host.do(self._apply)

    def _schedule_windows(self) -> None:
        """Look again when the time window of a fault begins, and when it ends."""
        for armed in self._plan.armed:
            if "socket" in armed.scopes and armed not in self._scheduled:
                self._scheduled.add(armed)
                with self._exchange_lock:
                    for time_us in (armed.starts_us, armed.ends_us):
                        if time_us is not None:
                            self._exchange.at(time_us, self._time_has_come)
        self._scheduled.intersection_update(self._plan.armed)

    def _time_has_come(self) -> None:
        if self._host.is_here:
            self._apply()
        else:
            with contextlib.suppress(ClosedError):
                self._host.submit(self._apply_soon)

    async def _apply_soon(self) -> None:
        self._apply()

    # -- whole connections: in the gateway's loop --------------------------------------------------------------------

    def _opened(self, connection: Connection) -> None:
        if self._is_needed:
            asyncio.get_running_loop().call_soon(self._take_hold, connection)  # once it listens

    def _closed(self, connection: Connection) -> None:
        self._asked.pop(connection, None)
        self._kept_back = [kept for kept in self._kept_back if kept.connection is not connection]

    def _apply(self) -> None:
        for connection in self._sockets.connections():
            self._take_hold(connection)
        armed = {id(one.fault.effect) for one in self._plan.armed}
        for kept in tuple(self._kept_back):
            if id(kept.effect) not in armed:
                self._let_out(kept)

    def _take_hold(self, connection: Connection) -> None:
        """Do to a connection what the armed faults want: some of it at once, some for as long as they are armed."""
        moment = Moment(server="api", path=f"/{connection.kind}", socket=connection.kind)
        lasting: list[WireEffect] = []
        for armed in self._plan.armed:
            is_new = connection.number not in armed.seen
            if "socket" not in armed.scopes or not armed.is_due:
                continue
            if self._plan.take_hold(armed, connection.number, moment):
                effect = armed.fault.effect
                if isinstance(effect, effects.WIRE_EFFECTS) and not _is_over_at_once(effect):
                    lasting.append(effect)
                elif is_new:
                    _strike(connection, effect)
        connection.wire.put_under(lasting)

    # -- messages of clients -----------------------------------------------------------------------------------------

    def _before_hear(self, connection: Connection, message: Message) -> Message | None:
        self._asked[connection] = message
        moment = self._moment(connection, message.opcode, message.guid)

        def is_wanted(fault: Fault) -> bool:
            carries = bool(message.token) or not isinstance(fault.effect, effects.RejectToken)
            return fault.stage == BEFORE and carries and is_for(fault.effect, message.opcode)

        taken = self._plan.take("message", moment, is_wanted)
        wait, told = (
            0.0,
            [effect for effect in taken if isinstance(effect, effects.FailReplacement | effects.RejectLater)],
        )
        for effect in taken:
            match effect:
                case effects.RejectToken():
                    message = replace(message, token="")
                case effects.Delay(seconds=seconds):
                    wait += seconds
                case effects.Say():
                    connection.deliver(reply(message.guid, effect.code, effect.text))
                    if effect.closes:
                        connection.close(1008, effect.text)
                    return None
                case effects.Drop() | effects.Kill() | effects.Close() | effects.Abort():
                    _strike(connection, effect)
                    return None
                case _:
                    _strike(connection, effect)
        if not wait and not told:
            return message
        self._hear_after(wait, connection, message, told)
        return None

    def _hear_after(self, wait: float, connection: Connection, message: Message, told: Iterable[Effect]) -> None:
        def hear() -> None:
            self._asked[connection] = message
            with self._exchange_lock, foiled(self._exchange, told):
                connection.hear(message)

        if wait:
            asyncio.get_running_loop().call_later(wait, hear)
        else:
            hear()

    # -- messages to clients -----------------------------------------------------------------------------------------

    def _before_send(self, connection: Connection, payload: bytes, about: About) -> Iterator[bytes]:
        moment = self._moment(connection, about.opcode, about.guid, about)
        taken = self._plan.take("message", moment, lambda fault: _is_for(fault, about))
        payloads: list[bytes] = [payload]
        for effect in taken:
            match effect:
                case effects.Withhold():
                    return
                case effects.Delay(seconds=seconds):
                    for late in payloads:
                        asyncio.get_running_loop().call_later(seconds, connection.deliver, late)
                    return
                case effects.Drop() | effects.Kill():
                    _strike(connection, effect)
                    return
                case effects.Repeat(copies=copies):
                    payloads = payloads * copies
                case effects.Alter():
                    payloads = [self._altered(one, effect) for one in payloads]
                case effects.Say(code=code, text=text):
                    payloads = [reply(about.guid, code, text)]
                case effects.Shuffle():
                    payloads = self._keep_back(connection, effect, payloads)
                case _:
                    pass
        yield from payloads
        for effect in taken:
            if isinstance(effect, effects.Close | effects.Abort | effects.RawFrame):
                _strike(connection, effect)
            elif isinstance(effect, effects.Say) and effect.closes:
                connection.close(1008, effect.text)

    def _altered(self, payload: bytes, effect: effects.Alter) -> bytes:
        if callable(effect.change):
            return effect.change(payload)
        if effect.change is not None:
            return effect.change
        damaged = bytearray(payload)
        for _ in range(_DAMAGED_BYTES):
            damaged[self._plan.random.randrange(len(damaged))] = self._plan.random.randrange(0x21, 0x7F)
        damaged[0] = ord("?")  # whatever chance did, it is no JSON any more
        return bytes(damaged)

    def _keep_back(self, connection: Connection, effect: effects.Shuffle, payloads: list[bytes]) -> list[bytes]:
        kept = next((one for one in self._kept_back if one.connection is connection and one.effect is effect), None)
        if kept is None:
            kept = _KeptBack(connection, effect)
            self._kept_back.append(kept)
        kept.payloads += payloads
        if len(kept.payloads) < effect.window:
            return []
        self._kept_back.remove(kept)
        return self._shuffled(kept.payloads)

    def _let_out(self, kept: _KeptBack) -> None:
        self._kept_back.remove(kept)
        for payload in self._shuffled(kept.payloads):
            kept.connection.deliver(payload)

    def _shuffled(self, payloads: list[bytes]) -> list[bytes]:
        """In another order than before, unless there is no other."""
        shuffled = payloads[:]
        self._plan.random.shuffle(shuffled)
        return shuffled[1:] + shuffled[:1] if shuffled == payloads else shuffled

    def _moment(self, connection: Connection, opcode: str, guid: str, about: About | None = None) -> Moment:
        message = self._asked.get(connection)
        asked = message.fields if message is not None and message.guid == guid else None

        def find(name: str) -> tuple[str, ...]:
            known = None if about is None else (about.portfolio if name == "portfolio" else about.symbol)
            if known is not None:
                return (known.rpartition(":")[2],)
            return () if asked is None else tuple(_search(name, asked))

        return Moment(
            server="api", path=f"/{connection.kind}", socket=connection.kind, opcode=opcode, guid=guid, find=find
        )


def _is_for(fault: Fault, about: About) -> bool:
    """Whether a fault is for such a message to a client: what does not say so is for replies."""
    if fault.stage != AFTER:
        return False
    part = getattr(fault.effect, "part", "reply")
    return part == "any" or about.is_reply is (part == "reply")


def _is_over_at_once(effect: WireEffect) -> bool:
    return isinstance(effect, effects.Reset | effects.HalfClose) and not effect.after_bytes


def _strike(connection: Connection, effect: Effect) -> None:
    """Do to a connection what is over at once."""
    match effect:
        case effects.Abort() | effects.Reset():
            connection.abort()
        case effects.HalfClose():
            connection.wire.half_close()
        case effects.Close(code=code, reason=reason):
            connection.close(code, reason)
        case effects.Drop(how=how):
            if how == "reset":
                connection.abort()
            elif how == "close":
                connection.close()
        case effects.Kill(pid=pid):
            kill(pid)
            connection.abort()
        case effects.RawFrame(payload=payload):
            connection.wire.inject(payload)
        case _:
            pass  # what it is does not concern a connection


def _search(name: str, fields: Fields) -> Iterator[str]:
    """The portfolio or the symbol that a message names, wherever it stands."""
    outer, inner, key = ("portfolio", "user", "portfolio") if name == "portfolio" else ("code", "instrument", "symbol")
    with contextlib.suppress(Refused):
        if fields.has(outer):
            yield fields.text(outer)
        if fields.has(inner):
            yield fields.part(inner).text(key)
