"""Commands over the broker's command socket: an intent goes out as one message and comes back as an outcome.

What went over a socket is never sent again, neither on that connection nor on another one, and neither over REST: only a
reply tells what became of it, and where there is none, nobody knows.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.ledger import EntryState, OrderLedger
from alor_async._orders.outcome import unknown
from alor_async._orders.rest_wire import RestWire
from alor_async._orders.socket_line import CommandLine
from alor_async._orders.socket_words import Command, is_spoken, message_of
from alor_async._policy.clock import Deadline, Deadlines
from alor_async.config import RetryPolicy
from alor_async.errors import (
    AlorError,
    ClosedError,
    InvalidArgument,
    OrderOutcomeUnknown,
    OrderRejected,
    RequestTimeout,
)
from alor_async.values import new_request_id

if TYPE_CHECKING:
    from alor_async._http.session import Session
    from alor_async._http.transport import Transport
    from alor_async._policy.clock import Clock
    from alor_async.config import StreamSettings, Timeouts

__all__ = ["SocketWire"]

_PATH: Final = "/cws"


class SocketWire:
    """Sends intents over one connection, which it opens, keeps and gets back.

    Args:
        transport: What opens the connection.
        session: Whose tokens and time-outs are used, and what carries the commands that sockets do not know.
        url: Where the connection goes.
        settings: Pings, pauses and limits, as for streams.
        clock: Where time comes from.
        ledger: Where replies are written down for which nobody waits any more.
        window: How many commands may wait for their replies at once.
        check_duplicates: Whether the broker looks for an order that repeats another; None leaves it to the broker.
        name: For logs and tasks.
        random: Gives numbers in [0, 1), for the pauses.
    """

    __slots__ = ("_check_duplicates", "_clock", "_deadlines", "_ledger", "_line", "_rest", "_session", "_state")

    name = "cws"

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        url: str,
        settings: StreamSettings,
        clock: Clock,
        ledger: OrderLedger,
        window: int,
        check_duplicates: bool | None,
        name: str,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._session = session
        self._rest = RestWire(session)
        self._clock = clock
        self._ledger = ledger
        self._check_duplicates = check_duplicates
        self._deadlines = Deadlines(clock)
        self._state = "is not open: use `async with` or open()"
        self._line = CommandLine(
            transport,
            session,
            url=url,
            settings=settings,
            clock=clock,
            random=random,
            window=window,
            note_late=self._note_late,
            name=name,
        )

    @property
    def line(self) -> CommandLine:
        """The way to the broker."""
        return self._line

    async def open(self) -> None:
        """Connect and authorize, within the time that a call may wait for a place.

        Raises:
            ClosedError: It was open before, or the client is not open.
            AuthError, RequestError: It did not work.
        """
        if not self._state.startswith("is not open"):
            raise ClosedError("this command socket was opened before: make another one")
        self._session.check_loop()
        self._state = ""
        try:
            await self._line.open(self._session.time_limits(None).queue)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End it within two seconds. Idempotent."""
        self._state = "was closed"
        try:
            await self._line.close()
        finally:
            self._deadlines.interrupt_all()

    async def send(
        self, intent: Intent[object], timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Send the intent; see `OrderWire.send`. Whatever `retries` says, it leaves once.

        Raises:
            OrderRejected: A definite no.
            OrderOutcomeUnknown: No proof either way.
            AlorError: Another error, which proves that nothing was acted on.
        """
        if self._state:
            raise ClosedError(f"this command socket {self._state}")
        self._session.check_loop()
        if not is_spoken(intent):
            return await self._rest.send(intent, timeout, retries)
        limits = self._session.time_limits(timeout)
        if retries is not None and not isinstance(retries, RetryPolicy):
            raise InvalidArgument("retries", f"must be a RetryPolicy, got {type(retries).__name__}")
        telemetry = self._session.telemetry
        if telemetry is None:
            return await self._carry_out(intent, limits)
        with telemetry.call(intent.operation.name, _PATH):
            return await self._carry_out(intent, limits)

    async def _carry_out(self, intent: Intent[object], limits: Timeouts) -> OrderAck:
        is_cancel = intent.verb is Verb.CANCEL
        guid = str(new_request_id() if is_cancel or intent.request_id is None else intent.request_id)
        message = message_of(intent, guid=guid, check_duplicates=self._check_duplicates)
        command = Command(intent, guid, message, is_urgent=is_cancel)
        try:
            self._line.submit(command, limits.queue)
            await self._wait(command, limits.total)
        except asyncio.CancelledError:
            self._leave(command)
            raise
        outcome = command.outcome
        if outcome is None:
            outcome = self._out_of_time(command, limits.total)
        if isinstance(outcome, AlorError):
            raise outcome
        return outcome

    async def _wait(self, command: Command, seconds: float) -> None:
        """Wait for the outcome, for so many seconds at most."""
        deadline = Deadline(seconds)
        self._deadlines.watch(deadline)
        try:
            await command.answered
        except asyncio.CancelledError:
            # A reply that came in the same turn of the loop, for instance because that was held for long, counts.
            if not deadline.took_over():
                raise
        finally:
            deadline.leave()

    def _out_of_time(self, command: Command, seconds: float) -> AlorError:
        if not command.intent.may_have_left:
            error = self._line.why_not_sent(seconds)
        else:
            late = RequestTimeout(f"no reply within {seconds:g} s", stage="read")
            error = unknown(command.intent, late.problem)
            error.__cause__ = late
        self._line.abandon(command)
        return error

    def _leave(self, command: Command) -> None:
        """The caller was cancelled. What is known of the command is not lost with it."""
        if command.outcome is None:
            self._line.abandon(command)
        else:
            # The reply came at the same moment. Whoever sees the cancellation writes "unknown"; this comes after that.
            asyncio.get_running_loop().call_soon(self._note_late, command.intent, command.outcome)

    def _note_late(self, intent: Intent[object], outcome: OrderAck | AlorError) -> None:
        """Write down what a reply says for which nobody waits any more: it resolves what was unknown."""
        if intent.verb is Verb.CANCEL or intent.request_id is None:
            return  # cancels are not written down
        key = str(intent.request_id)
        entry = self._ledger.find(key)
        if entry is None or entry.state.is_settled or isinstance(outcome, OrderOutcomeUnknown):
            return
        if isinstance(outcome, OrderAck):
            self._ledger.settle(key, EntryState.ACCEPTED, order_id=outcome.order_id)
        elif isinstance(outcome, OrderRejected):
            self._ledger.settle(key, EntryState.REJECTED, reason=outcome.reason or outcome.code)
        else:
            self._ledger.settle(key, EntryState.NOT_SENT, reason=type(outcome).__name__)
