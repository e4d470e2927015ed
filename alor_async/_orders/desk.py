"""The desk: every command passes it. It writes down, sends, and writes down what became of it."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.ledger import EntryState, LedgerEntry, OrderLedger
from alor_async._orders.resolve import Question, Resolver
from alor_async._orders.tags import tag_of
from alor_async._policy.clock import Clock
from alor_async.errors import AlorError, InvalidArgument, OrderOutcomeUnknown, OrderRejected, OrdersUnresolved
from alor_async.values import InstrumentId, Portfolio

if TYPE_CHECKING:
    from alor_async._http.session import Session
    from alor_async._orders.rest_wire import OrderWire
    from alor_async.config import RetryPolicy, Timeouts

__all__ = ["Desk", "OrderDesk", "Recovered"]

_RECOVERY_TIME: Final = 5.0
_HARMLESS: Final = frozenset({EntryState.NOT_SENT, EntryState.REJECTED})


class Recovered(Struct, frozen=True, kw_only=True):
    """What was found out about the commands of an earlier run.

    Attributes:
        resolved: Those whose outcome is known now.
        unresolved: The rest: look at each, then `alor.ledger.acknowledge(entry.key)`.
    """

    resolved: tuple[LedgerEntry, ...]
    unresolved: tuple[LedgerEntry, ...]


class OrderDesk:
    """Carries out the commands of one client, over whichever wire.

    Args:
        ledger: Where they are written down.
        session: What reads where an answer was lost.
        clock: Where time comes from.
        tags: Whether orders are marked in their comments.
    """

    def __init__(self, ledger: OrderLedger, session: Session, clock: Clock, *, tags: bool) -> None:
        self.ledger = ledger
        self._clock = clock
        self._tags = tags
        self._resolver = Resolver(session, clock)
        self._leftovers: dict[str, None] = {}
        self._recovering = asyncio.Lock()

    async def open(self) -> None:
        """Open the ledger, and note what an earlier run left.

        Raises:
            LedgerUnavailable: It cannot be used.
        """
        await self.ledger.open()
        self._leftovers = dict.fromkeys(entry.key for entry in self.ledger.list_open())

    async def close(self) -> None:
        """Close the ledger."""
        await self.ledger.close()

    async def carry_out(
        self, intent: Intent[object], wire: OrderWire, timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Send an intent, and remember what became of it.

        Raises:
            OrderRejected: A definite no.
            OrderOutcomeUnknown: No proof either way; it can find out.
            AlorError: Another error, which proves that nothing was acted on.
        """
        if intent.verb is Verb.CANCEL or intent.request_id is None:
            try:
                return await wire.send(intent, timeout, retries)
            except OrderOutcomeUnknown as unknown:
                unknown.resolve_by(partial(self._resolver.resolve, question_of(intent)))
                raise
        if self._leftovers:
            await self._see_to_leftovers()
        key = str(intent.request_id)
        tag = tag_of(key) if self._tags else None
        if tag is not None:
            intent.mark(tag)
        entry = self._entry(intent, wire.name, key, tag)
        self._check_key(entry)
        await self.ledger.record(entry)
        return await self._send(intent, wire, timeout, retries, entry)

    async def recover(self, timeout: float = _RECOVERY_TIME) -> Recovered:
        """Find out what became of the commands that an earlier run left open, by reading.

        Args:
            timeout: How long to go on reading; seconds.

        Raises:
            AuthError, RequestError: Reading failed.
        """
        async with self._recovering:
            left = self._left()
            resolved: list[LedgerEntry] = []
            for entry in left:
                try:
                    await self._find_out(entry, timeout)
                except OrderRejected:
                    pass
                except OrderOutcomeUnknown:
                    continue
                self._leftovers.pop(entry.key, None)
                resolved.append(self.ledger.find(entry.key) or entry)
            return Recovered(resolved=tuple(resolved), unresolved=self._left())

    async def _send(
        self,
        intent: Intent[object],
        wire: OrderWire,
        timeout: float | Timeouts | None,
        retries: RetryPolicy | None,
        entry: LedgerEntry,
    ) -> OrderAck:
        settle = partial(self.ledger.settle, entry.key)
        try:
            ack = await wire.send(intent, timeout, retries)
        except OrderOutcomeUnknown as unknown:
            settle(EntryState.UNKNOWN, reason=str(unknown))
            unknown.resolve_by(partial(self._find_out, entry))
            raise
        except OrderRejected as rejected:
            settle(EntryState.REJECTED, reason=rejected.reason or rejected.code)
            raise
        except AlorError as error:
            settle(EntryState.NOT_SENT, reason=type(error).__name__)
            raise
        except BaseException:
            # Cancelled: whether anything left is what the wire knows.
            settle(EntryState.UNKNOWN if intent.may_have_left else EntryState.NOT_SENT, reason="cancelled")
            raise
        settle(EntryState.ACCEPTED, order_id=ack.order_id)
        return ack

    async def _find_out(self, entry: LedgerEntry, timeout: float) -> OrderAck:
        try:
            ack = await self._resolver.resolve(question_about(entry), timeout)
        except OrderRejected as rejected:
            self.ledger.settle(entry.key, EntryState.REJECTED, reason=rejected.reason)
            raise
        except OrderOutcomeUnknown as unknown:
            unknown.resolve_by(partial(self._find_out, entry))
            raise
        self.ledger.settle(entry.key, EntryState.ACCEPTED, order_id=ack.order_id)
        return ack

    async def _see_to_leftovers(self) -> None:
        """Before anything is placed, find out what an earlier run left; refuse while something remains."""
        left = (await self.recover()).unresolved
        if left:
            raise OrdersUnresolved(
                f"{len(left)} commands of an earlier run have no known outcome; nothing was sent: look at each, then "
                "acknowledge it in the ledger",
                keys=tuple(entry.key for entry in left),
            )

    def _left(self) -> tuple[LedgerEntry, ...]:
        known = [self.ledger.find(key) for key in self._leftovers]
        left = tuple(entry for entry in known if entry is not None and not entry.state.is_settled)
        self._leftovers = dict.fromkeys(entry.key for entry in left)
        return left

    def _entry(self, intent: Intent[object], wire: str, key: str, tag: str | None) -> LedgerEntry:
        body = intent.body
        instrument = intent.instrument_id or InstrumentId("unknown", "unknown")
        digest = hashlib.sha256(intent.payload)
        digest.update(f"{intent.operation.name} {intent.values}".encode())
        order_id = intent.values.get("order_id")
        return LedgerEntry(
            key=key,
            operation=intent.operation.name,
            wire="cws" if wire == "cws" else "rest",
            portfolio=next(iter(intent.portfolios), ""),
            exchange=instrument.exchange,
            symbol=instrument.symbol,
            board=instrument.board,
            side=str(getattr(body, "side", "")),
            lots=getattr(body, "lots", 0),
            price=getattr(body, "price", None),
            trigger_price=getattr(body, "trigger_price", None),
            replaces=order_id if isinstance(order_id, str) else None,
            tag=tag,
            digest=digest.hexdigest(),
            created_at=datetime.fromtimestamp(self._clock.now(), UTC),
        )

    def _check_key(self, entry: LedgerEntry) -> None:
        """Refuse a key that served before, unless it is the same command over the one wire that knows its keys again.

        Raises:
            InvalidArgument: It does.
        """
        known = self.ledger.find(entry.key)
        if known is None:
            return
        if known.digest != entry.digest:
            raise InvalidArgument("request_id", "was used for another order: a key serves for one alone")
        if known.state in _HARMLESS or (known.wire == entry.wire == "rest"):
            return
        raise InvalidArgument(
            "request_id", "was used already, and a command socket does not know keys again: resolve that command first"
        )


class Desk:
    """An `OrderWire` that passes a desk: what the facades hold."""

    __slots__ = ("_desk", "_wire")

    def __init__(self, desk: OrderDesk, wire: OrderWire) -> None:
        self._desk = desk
        self._wire = wire

    @property
    def name(self) -> str:
        """The name of the wire."""
        return self._wire.name

    async def send(
        self, intent: Intent[object], timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Carry the intent out; see `OrderDesk.carry_out`."""
        return await self._desk.carry_out(intent, self._wire, timeout, retries)


def question_of(intent: Intent[object]) -> Question:
    """Ask about an intent."""
    order_id, exchange = intent.values.get("order_id"), intent.values.get("exchange")
    portfolio = Portfolio(next(iter(intent.portfolios)), exchange=None)
    return Question(
        operation=intent.operation.name,
        verb=intent.verb,
        portfolio=portfolio.id,
        exchange=exchange if isinstance(exchange, str) else portfolio.read_exchange,
        is_stop=intent.values.get("stop") is True,
        order_id=order_id if isinstance(order_id, str) else None,
        request_id=intent.request_id,
        instrument_id=intent.instrument_id,
    )


def question_about(entry: LedgerEntry) -> Question:
    """Ask about an entry of the ledger."""
    return Question(
        operation=entry.operation,
        verb=Verb.PLACE if entry.replaces is None else Verb.REPLACE,
        portfolio=entry.portfolio,
        exchange=Portfolio(entry.portfolio).read_exchange,
        is_stop=entry.operation.startswith("stop_orders."),
        order_id=entry.replaces,
        tag=entry.tag,
        request_id=entry.key,
        instrument_id=InstrumentId(entry.symbol, entry.exchange, entry.board),
    )
