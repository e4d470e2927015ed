"""The desk: every command passes it. It writes down, sends, and writes down what became of it."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.kept_terms import KeptTerms
from alor_async._orders.ledger import EntryState, LedgerEntry, OrderLedger
from alor_async._orders.leftovers import RECOVERY_TIME, Leftovers, Recovered
from alor_async._orders.outcome import unknown as outcome_unknown
from alor_async._orders.own_orders import RemembersOrders
from alor_async._orders.questions import question_about, question_of
from alor_async._orders.resolve import Resolver
from alor_async._orders.tags import tag_of
from alor_async._policy.clock import Clock
from alor_async._telemetry import ORDER_LOGGER
from alor_async.config import RetryPolicy
from alor_async.errors import (
    AlorError,
    ClosedError,
    InvalidArgument,
    LedgerUnavailable,
    OrderOutcomeUnknown,
    OrderRejected,
)
from alor_async.values import InstrumentId

if TYPE_CHECKING:
    from uuid import UUID

    from alor_async._http.session import Session
    from alor_async._orders.rest_wire import OrderWire
    from alor_async.config import Timeouts

__all__ = ["Desk", "OrderDesk", "Recovered"]

_LAST_WORDS: Final = 1.0
"""How long closing waits for commands that are being cut short; seconds."""
_HARMLESS: Final = frozenset({EntryState.NOT_SENT, EntryState.REJECTED})


class OrderDesk:
    """Carries out the commands of one client, over whichever wire.

    Args:
        ledger: Where they are written down.
        session: What reads where an answer was lost.
        clock: Where time comes from.
        tags: Whether orders are marked in their comments.
        retries: How commands are repeated where a call does not say.
    """

    def __init__(
        self, ledger: OrderLedger, session: Session, clock: Clock, *, tags: bool, retries: RetryPolicy | None = None
    ) -> None:
        self.ledger = ledger
        self._session = session
        self._clock = clock
        self._tags = tags
        self._retries = RetryPolicy() if retries is None else retries
        self._resolver = Resolver(session, clock)
        self._kept = KeptTerms()
        self._opening = asyncio.Lock()
        self._is_open = False
        self._clock_ahead = 0.0
        self._was_closed = False
        self._under_way: set[str] = set()
        self._leftovers = Leftovers(ledger, self._find_out, clock, self._under_way)
        self._is_quiet: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the ledger, and note what an earlier run left. Idempotent.

        Raises:
            LedgerUnavailable: It cannot be used.
        """
        async with self._opening:
            if not self._is_open:
                await self.ledger.open()
                self._is_open = True
                self._clock_ahead = self._clock.now() - self._clock.monotonic()
                self._leftovers.note()
                if isinstance(self.ledger, RemembersOrders):
                    self._kept.learn(self.ledger.list_accepted())

    async def close(self) -> None:
        """Close the ledger, after the commands that are being cut short have told what they know."""
        if not self._is_open:
            return
        self._is_open, self._was_closed = False, True
        try:
            if self._under_way:
                self._is_quiet = asyncio.get_running_loop().create_future()
                timer = self._clock.call_later(_LAST_WORDS, self._note_quiet)
                try:
                    await self._is_quiet
                finally:
                    timer.cancel()
        finally:
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
            return await self._cancel(intent, wire, timeout, retries)
        self._check_open()
        if self._leftovers.list():
            await self._leftovers.clear(self._session.time_limits(timeout).total)
        key = str(intent.request_id)
        tag = tag_of(key) if self._tags else None
        intent.mark(tag)
        entry = self._entry(intent, wire.name, key, tag)
        self._kept.check(entry)
        left = self._check_key(entry, self._retries if retries is None else retries)
        is_repeat = left is not None
        if left is not None:
            timeout = self._within(timeout, left)
        self._under_way.add(key)
        try:
            if not is_repeat:
                await self._record(entry)
            return await self._send(intent, wire, timeout, retries, entry, is_repeat=is_repeat)
        finally:
            self._under_way.discard(key)
            if not self._under_way:
                self._note_quiet()

    async def recover(self, timeout: float = RECOVERY_TIME) -> Recovered:
        """Find out what became of the commands that have no outcome, of an earlier run and of this one, by reading.

        Args:
            timeout: How long to go on reading; seconds.

        Raises:
            ClosedError: The client is not open.
            AuthError, RequestError: Reading failed.
        """
        self._check_open()
        return await self._leftovers.recover(timeout)

    def _check_open(self) -> None:
        """Refuse before anything is written down.

        Raises:
            ClosedError: The client is not open, or belongs to another loop.
        """
        if not self._is_open:
            how = "was closed" if self._was_closed else "is not open: use `async with` or open()"
            raise ClosedError(f"this client {how}")
        self._session.check_loop()

    def _note_quiet(self) -> None:
        if self._is_quiet is not None and not self._is_quiet.done():
            self._is_quiet.set_result(None)

    async def _record(self, entry: LedgerEntry) -> None:
        try:
            await self.ledger.record(entry)
        except AlorError:
            raise
        except Exception as error:
            # A ledger of somebody else's: whatever ails it, nothing was sent.
            raise LedgerUnavailable(f"the ledger failed with {type(error).__name__}; nothing was sent") from error

    def _settle(
        self, entry: LedgerEntry, state: EntryState, *, order_id: str | None = None, reason: str | None = None
    ) -> None:
        try:
            self.ledger.settle(entry.key, state, order_id=order_id, reason=reason)
        except Exception as error:  # noqa: BLE001 - a ledger that breaks its word must not take the place of an outcome
            ORDER_LOGGER.warning(
                "the ledger failed with %s to note that %s is %s", type(error).__name__, entry.key, state
            )

    async def _cancel(
        self, intent: Intent[object], wire: OrderWire, timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Send what is not written down: the state of its order proves it."""
        began = self._clock.monotonic()
        try:
            return await wire.send(intent, timeout, retries)
        except OrderOutcomeUnknown as unknown:
            unknown.resolve_by(partial(self._resolver.resolve, question_of(intent)))
            raise
        except OrderRejected as rejected:
            left = self._left(timeout, began)
            raise await self._resolver.tell_state(rejected, question_of(intent), left) from rejected.__cause__

    async def _send(
        self,
        intent: Intent[object],
        wire: OrderWire,
        timeout: float | Timeouts | None,
        retries: RetryPolicy | None,
        entry: LedgerEntry,
        *,
        is_repeat: bool,
    ) -> OrderAck:
        """Send, and settle. Where the same command was sent before, this attempt's failure says nothing about that one."""
        settle = partial(self._settle, entry)
        began = self._clock.monotonic()
        try:
            ack = await wire.send(intent, timeout, retries)
        except OrderOutcomeUnknown as unknown:
            settle(EntryState.UNKNOWN, reason=str(unknown))
            unknown.resolve_by(partial(self._find_out, entry, request_id=intent.request_id))
            raise
        except OrderRejected as rejected:
            if is_repeat and not rejected.replayed:
                raise self._still_unknown(intent, entry, "refused now") from rejected
            settle(EntryState.REJECTED, reason=rejected.reason or rejected.code)
            left = self._left(timeout, began)
            raise await self._resolver.tell_state(rejected, question_about(entry), left) from rejected.__cause__
        except AlorError as error:
            if is_repeat and not isinstance(error, InvalidArgument):
                # It proves that nothing was acted on this time. The caller asks about the order.
                raise self._still_unknown(intent, entry, f"not repeated ({error})") from error
            if not is_repeat:
                settle(EntryState.NOT_SENT, reason=type(error).__name__)
            raise
        except BaseException:
            # Cancelled: whether anything left is what the wire knows.
            may_have_left = is_repeat or intent.may_have_left
            settle(EntryState.UNKNOWN if may_have_left else EntryState.NOT_SENT, reason="cancelled")
            raise
        settle(EntryState.ACCEPTED, order_id=ack.order_id)
        self._kept.note(entry, ack.order_id)
        return ack

    def _still_unknown(self, intent: Intent[object], entry: LedgerEntry, problem: str) -> OrderOutcomeUnknown:
        """Say of a repeat that came to nothing that the first attempt may have been carried out all the same."""
        doubt = outcome_unknown(intent, f"{problem}, but it was sent before under this request id")
        doubt.resolve_by(partial(self._find_out, entry, request_id=intent.request_id))
        return doubt

    def _within(self, timeout: float | Timeouts | None, seconds: float) -> Timeouts:
        """Bound the time-outs of a call, its waits included."""
        limits = self._session.time_limits(timeout)
        return limits if limits.total <= seconds else msgspec.structs.replace(limits, total=seconds)

    def _left(self, timeout: float | Timeouts | None, began: float) -> float:
        """How much is left of the time of a call."""
        return self._session.time_limits(timeout).total - (self._clock.monotonic() - began)

    async def _find_out(self, entry: LedgerEntry, timeout: float, *, request_id: UUID | str | None = None) -> OrderAck:
        question = question_about(entry, request_id)
        known = self.ledger.find(entry.key)
        if known is not None and known.state is EntryState.ACCEPTED and known.order_id is not None:
            return OrderAck(order_id=known.order_id, request_id=question.request_id)
        if known is not None and known.state in _HARMLESS:
            raise OrderRejected(
                f"{entry.operation}: it was not carried out: {known.reason or 'no reason given'}",
                reason=known.reason,
                request_id=question.request_id,
                instrument_id=question.instrument_id,
            )
        try:
            ack = await self._resolver.resolve(question, timeout)
        except OrderRejected as rejected:
            self._settle(entry, EntryState.REJECTED, reason=rejected.reason)
            raise
        except OrderOutcomeUnknown as unknown:
            unknown.resolve_by(partial(self._find_out, entry, request_id=request_id))
            raise
        self._settle(entry, EntryState.ACCEPTED, order_id=ack.order_id)
        self._kept.note(entry, ack.order_id)
        return ack

    def _entry(self, intent: Intent[object], wire: str, key: str, tag: str | None) -> LedgerEntry:
        body = intent.body
        instrument = intent.instrument_id or InstrumentId("unknown", "unknown")
        order_id = intent.values.get("order_id")
        said = b"%b %b %b" % (intent.payload, intent.operation.name.encode(), str(order_id).encode())
        return LedgerEntry(
            key=key,
            operation=intent.operation.name,
            wire="cws" if wire == "cws" else "rest",
            portfolio=intent.owner,
            exchange=instrument.exchange,
            symbol=instrument.symbol,
            board=instrument.board,
            side=str(getattr(body, "side", "")),
            lots=getattr(body, "lots", 0),
            price=getattr(body, "price", None),
            trigger_price=getattr(body, "trigger_price", None),
            replaces=order_id if isinstance(order_id, str) else None,
            tag=tag,
            digest=hashlib.sha256(said).hexdigest(),
            created_at=datetime.fromtimestamp(self._clock.now(), UTC),
        )

    def _check_key(self, entry: LedgerEntry, retries: RetryPolicy) -> float | None:
        """Refuse a key that served before, unless it is the same command over the one wire that knows its keys again.

        Returns:
            For how long the broker knows the key, where this repeats a command that may have been carried out; seconds. Not a
            byte may leave after that: it would be another order. None where this is no repeat.

        Raises:
            InvalidArgument: The key was used for another command, is in use, or the broker may have forgotten it.
        """
        if entry.key in self._under_way:
            raise InvalidArgument("request_id", "is in use: wait for the end of the command that bears it")
        known = self.ledger.find(entry.key)
        if known is None:
            return None
        if known.digest != entry.digest:
            raise InvalidArgument("request_id", "was used for another order: a key serves for one alone")
        if known.state in _HARMLESS:
            return None
        if known.state is EntryState.ACKNOWLEDGED:
            raise InvalidArgument("request_id", "belongs to a command that was acknowledged: take another")
        if not known.wire == entry.wire == "rest":
            raise InvalidArgument(
                "request_id",
                f"was used already, and a command socket does not know keys again: {_tell_state(known)}",
            )
        age = self._age(known, entry)
        life = retries.request_id_life if isinstance(retries, RetryPolicy) else self._retries.request_id_life
        if age >= life:
            raise InvalidArgument(
                "request_id",
                f"was used {age:.0f} s ago, and the broker may not know it again: {_tell_state(known)}",
            )
        return life - age

    def _age(self, known: LedgerEntry, now: LedgerEntry) -> float:
        """How much older one entry is, at least; seconds. Setting the machine's clock back in this run makes it no younger."""
        by_clock = (now.created_at - known.created_at).total_seconds()
        set_back = self._clock_ahead - (self._clock.now() - self._clock.monotonic())
        return max(abs(by_clock), by_clock + set_back)


def _tell_state(entry: LedgerEntry) -> str:
    """Say of a command whose key served already what became of it, or how that is found out."""
    if entry.state is EntryState.ACCEPTED:
        return f"that command was accepted, its order is {entry.order_id}"
    return "resolve that command first, or call recover_orders"


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
