"""Finding out what became of a command, by reading alone. What is not proved stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeVar

from alor_async._contract import operations
from alor_async._orders.evidence import Evidence, Question, explain, prove, tell_state
from alor_async._orders.intent import OrderAck, Verb
from alor_async._policy.arguments import check_since
from alor_async._policy.clock import Clock
from alor_async._policy.paging import MOSCOW, TradeWalk
from alor_async.config import RetryPolicy
from alor_async.errors import (
    AlorError,
    InvalidArgument,
    NotFound,
    OrderRejected,
    RateLimited,
    RequestError,
    ServerError,
    TransportError,
)
from alor_async.values import Format

if TYPE_CHECKING:
    from alor_async._http.request import Operation
    from alor_async._http.session import Session
    from alor_async.models import Order, StopOrder, Trade

__all__ = ["Question", "Resolver"]

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0
_ONE_LOOK: Final = 5.0
_MOST_LOOKS: Final = 40
"""However long the time is, so often it is read at most; the pauses get as long as that takes."""
_PASSING: Final = (TransportError, ServerError, RateLimited)
_STATE_TIME: Final = 2.0
_ONCE: Final = RetryPolicy(attempts=1)
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_TRADES_PER_REQUEST: Final = 1_000
_MOST_PAGES: Final = 10


class Resolver:
    """Reads until an outcome is proved or time is up.

    Args:
        session: What carries the reads.
        clock: Where time comes from.
    """

    __slots__ = ("_clock", "_session")

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    async def resolve(self, question: Question, timeout: float) -> OrderAck:
        """Find out.

        Failures of reads that pass by themselves are waited out.

        Args:
            question: What to find out about.
            timeout: How long to go on reading; seconds. Zero looks once.

        Raises:
            OrderRejected: A definite no.
            OrderOutcomeUnknown: Nothing is proved within the time.
            InvalidArgument: The time is not zero or more.
            ClosedError: The client is closed.
            AuthError, RequestError: Reading failed, and waiting would not help.
        """
        if (
            isinstance(timeout, bool)
            or not isinstance(timeout, int | float)
            or not (isfinite(timeout) and timeout >= 0)
        ):
            raise InvalidArgument("timeout", "must be seconds, zero or more")
        until = self._clock.monotonic() + (timeout or _ONE_LOOK)
        evidence: Evidence | None = None
        failure: RequestError | None = None
        pause, looks = _FIRST_PAUSE, 0
        while question.can_be_answered or (question.is_about_all and not looks):
            looks += 1
            try:
                evidence = await self._look(question, until)
                failure = None
            except _PASSING as error:
                failure = error
            else:
                ack = prove(question, evidence)
                if ack is not None:
                    return ack
            left = until - self._clock.monotonic()
            if not timeout or left <= 0 or looks >= _MOST_LOOKS:
                break
            await self._clock.sleep(min(max(pause, left / (_MOST_LOOKS - looks + 1)), left))
            pause = min(2 * pause, _LONGEST_PAUSE)
        unknown = explain(question, evidence, looks=looks)
        unknown.resolve_by(partial(self.resolve, question))
        raise unknown from failure

    async def tell_state(self, error: OrderRejected, question: Question, limit: float) -> OrderRejected:
        """Read once how the order stands that a refused replace or cancel named, and let the refusal say so.

        Args:
            error: The refusal.
            question: What was refused.
            limit: How long it may take; seconds. It takes two at most.

        Returns:
            The refusal, as it was when the read fails or explains nothing.
        """
        if question.order_id is None or question.verb not in {Verb.REPLACE, Verb.CANCEL} or limit <= 0:
            return error
        get = operations.ACCOUNT_GET_STOP_ORDER if question.is_stop else operations.ACCOUNT_GET_ORDER
        place = {"exchange": question.exchange, "portfolio": question.portfolio, "order_id": question.order_id}
        order: Order | StopOrder
        try:
            order = await self._session.send(
                get.request_with(place, format=Format.HEAVY), min(limit, _STATE_TIME), _ONCE
            )
        except AlorError:
            return error
        return tell_state(error, question, order)

    async def _look(self, question: Question, until: float) -> Evidence:
        """Read what the question needs, and no more: trades only where lists prove nothing."""
        stops: list[StopOrder] = []
        orders: list[Order] = []
        if question.is_stop:
            stops = await self._list(operations.ACCOUNT_LIST_STOP_ORDERS, question, until)
        if not question.is_stop or (question.tag is not None and question.verb is not Verb.CANCEL):
            orders = await self._list(operations.ACCOUNT_LIST_ORDERS, question, until)
        evidence = Evidence(orders=orders, stop_orders=stops)
        if question.tag is None or question.verb is Verb.CANCEL or evidence.bearers(question):
            return evidence
        return Evidence(orders=orders, stop_orders=stops, trades=await self._trades(question, until))

    async def _trades(self, question: Question, until: float) -> list[Trade]:
        """Own trades: what is filled may be listed no more, and trades bear the comments of their orders."""
        # The session first: a trade that becomes history meanwhile is then read twice, and not never.
        trades = await self._list(operations.ACCOUNT_LIST_TRADES, question, until)
        start = await self._since_an_earlier_day(question, until)
        if start is None:
            return trades
        walk = TradeWalk(start, _TRADES_PER_REQUEST)
        for _ in range(_MOST_PAGES):
            if walk.done:
                break
            request = operations.ACCOUNT_LIST_TRADES_HISTORY.request(
                format=Format.HEAVY,
                exchange=question.exchange,
                portfolio=question.portfolio,
                date_from=check_since("since", walk.since),
                limit=_TRADES_PER_REQUEST,
                order_by_date=True,
                descending=False,
            )
            page = await self._session.send(request, self._left(until))
            try:
                trades += walk.accept(page)
            except InvalidArgument:
                break
        return trades

    async def _since_an_earlier_day(self, question: Question, until: float) -> datetime | None:
        """Give when the command was sent by the server's clock, or None when that was on the trading day of now."""
        if question.asked_at is None:
            return None
        age = timedelta(seconds=max(self._clock.now() - question.asked_at.timestamp(), 0)) + _CLOCKS_DIFFER
        seconds = await self._session.send(operations.GET_SERVER_TIME.request(), self._left(until))
        try:
            now = datetime.fromtimestamp(seconds, UTC)
            start = now - age
        except (OverflowError, OSError, ValueError):
            now = datetime.fromtimestamp(self._clock.now(), UTC)
            start = now - age
        is_earlier = start.astimezone(MOSCOW).date() < now.astimezone(MOSCOW).date()
        return start.replace(microsecond=0) if is_earlier else None

    async def _list(self, operation: Operation[list[T]], question: Question, until: float) -> list[T]:
        request = operation.request(exchange=question.exchange, portfolio=question.portfolio, format=Format.HEAVY)
        try:
            return await self._session.send(request, self._left(until))
        except NotFound:
            # So some servers say that there is nothing.
            return []

    def _left(self, until: float) -> float:
        return max(until - self._clock.monotonic(), 0.001)
