"""Finding out what became of a command, by reading alone. What is not proved stays unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from alor_async._contract import operations
from alor_async._orders.intent import OrderAck, Verb
from alor_async._orders.tags import client_tag
from alor_async._policy.clock import Clock
from alor_async.errors import NotFound, OrderNotWorking, OrderOutcomeUnknown, OrderRejected
from alor_async.models import Order, OrderStatus, StopOrder
from alor_async.values import Format, InstrumentId

if TYPE_CHECKING:
    from uuid import UUID

    from alor_async._http.session import Session

__all__ = ["Question", "Resolver"]

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


class Question(Struct, frozen=True, kw_only=True):
    """A command whose outcome is unknown.

    Attributes:
        operation: What it does, such as `orders.place_limit`.
        verb: Placing, replacing, or cancelling.
        portfolio: Whose.
        exchange: The exchange of its orders, as reads name it.
        is_stop: Whether it is about conditional orders.
        order_id: The order that it names; None for a new one.
        tag: What marks the order that it makes; None without tags.
        request_id: Its idempotency key; None where it has none.
        instrument_id: Of what; None where it names none.
    """

    operation: str
    verb: Verb
    portfolio: str
    exchange: str
    is_stop: bool
    order_id: str | None = None
    tag: str | None = None
    request_id: UUID | str | None = None
    instrument_id: InstrumentId | None = None


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

        Raises:
            OrderRejected: A definite no.
            OrderOutcomeUnknown: Nothing is proved within the time.
            AlorError: Reading failed.
        """
        until = self._clock.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            ack = await self._look(question)
            if ack is not None:
                return ack
            left = until - self._clock.monotonic()
            if left <= 0:
                raise _unknown(question)
            await self._clock.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _look(self, question: Question) -> OrderAck | None:
        """Look once: an acknowledgement, an error that is a proof, or None."""
        orders = await self._list(question)
        by_tag = [order for order in orders if question.tag is not None and client_tag(order.comment) == question.tag]
        if question.verb is not Verb.CANCEL and len(by_tag) == 1:
            return _acknowledge(question, by_tag[0])
        if question.verb is Verb.CANCEL:
            named = next((order for order in orders if order.order_id == question.order_id), None)
            return None if named is None else _judge_cancel(question, named)
        return None

    async def _list(self, question: Question) -> list[Order] | list[StopOrder]:
        operation = operations.ACCOUNT_LIST_STOP_ORDERS if question.is_stop else operations.ACCOUNT_LIST_ORDERS
        request = operation.request(exchange=question.exchange, portfolio=question.portfolio, format=Format.HEAVY)
        try:
            return await self._session.send(request)
        except NotFound:
            return []


def _acknowledge(question: Question, order: Order | StopOrder) -> OrderAck:
    """The order was found: it was accepted, unless the exchange refused it."""
    if order.status == OrderStatus.REJECTED:
        reason = order.reason if isinstance(order, Order) else order.error
        raise OrderRejected(
            f"{question.operation}: the order {order.order_id} was rejected: {reason or 'no reason given'}",
            reason=reason,
            request_id=question.request_id,
            instrument_id=question.instrument_id,
        )
    return OrderAck(order_id=order.order_id, request_id=question.request_id)


def _judge_cancel(question: Question, order: Order | StopOrder) -> OrderAck | None:
    if order.status == OrderStatus.CANCELLED:
        return OrderAck(order_id=order.order_id)
    if order.status in {OrderStatus.FILLED, OrderStatus.REJECTED}:
        error = OrderNotWorking(
            f"{question.operation}: the order {order.order_id} is {order.status}, nothing was changed",
            instrument_id=question.instrument_id,
        )
        error.order_status = str(order.status)
        error.filled_lots = order.filled_lots
        raise error
    return None


def _unknown(question: Question) -> OrderOutcomeUnknown:
    how = "no order bears its tag" if question.tag is not None else "without a tag its order cannot be told from others"
    if question.verb is Verb.CANCEL:
        how = "the order is not ended"
    return OrderOutcomeUnknown(
        f"{question.operation}: nobody knows as yet whether it was carried out: {how}",
        request_id=question.request_id,
        instrument_id=question.instrument_id,
    )
