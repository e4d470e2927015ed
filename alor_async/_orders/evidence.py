"""What reads say about a command whose answer was lost: pure, and the only place that decides what they prove.

A tag proves, and so does the number of the order that a command named. That nothing is found proves nothing, for reads may
lag and the command may still come; neither do equal terms, for somebody else may have wished the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from alor_async._orders.intent import OrderAck, Verb
from alor_async._orders.tags import client_tag
from alor_async._telemetry import redact
from alor_async.errors import OrderNotWorking, OrderOutcomeUnknown, OrderRejected
from alor_async.models import Order, OrderStatus, StopOrder, Trade
from alor_async.values import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

__all__ = ["Evidence", "Question", "explain", "prove", "tell_state"]

AnyOrder: TypeAlias = Order | StopOrder

_OVER: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})
_MOST_NAMED: Final = 10
_LONGEST_REASON: Final = 300


class Question(Struct, frozen=True, kw_only=True):
    """A command whose outcome is unknown.

    Attributes:
        operation: What it does, such as `orders.place_limit`.
        verb: Placing, replacing, or cancelling.
        portfolio: Whose.
        exchange: The exchange of its orders, as reads name it.
        is_stop: Whether it is about conditional orders.
        order_id: The order that it names; None for a new one, and for cancelling all.
        tag: What marks the order that it makes; None without tags.
        request_id: Its idempotency key; None where it has none.
        instrument_id: Of what; None where it names none.
        asked_at: When it was sent, by the client's clock; aware. None where that is not known.
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
    asked_at: datetime | None = None

    @property
    def can_be_answered(self) -> bool:
        """Whether anything that could be read would prove something: it needs a tag, or a number."""
        return self.tag is not None or self.order_id is not None

    @property
    def is_about_all(self) -> bool:
        """Whether it cancels whatever works."""
        return self.verb is Verb.CANCEL and self.order_id is None


class Evidence(Struct, frozen=True, kw_only=True):
    """What was read.

    Attributes:
        orders: The exchange orders of this session.
        stop_orders: The conditional orders.
        trades: Own trades.
    """

    orders: list[Order] = []
    stop_orders: list[StopOrder] = []
    trades: list[Trade] = []

    def find(self, question: Question) -> AnyOrder | None:
        """The order that a command names, in the number space that it means."""
        return self._numbered(question, question.order_id)

    def bearers(self, question: Question) -> dict[str, AnyOrder | None]:
        """The orders that bear the tag of a command, by their numbers; None where only a trade tells of one."""
        if question.tag is None:
            return {}
        sent = dict.fromkeys(self._sent(question.tag))
        if question.is_stop:
            # What a conditional order sends bears its comment, but a number of another space.
            return {
                stop.order_id: stop
                for stop in self.stop_orders
                if client_tag(stop.comment) == question.tag or stop.exchange_order_id in sent
            }
        return {number: self._numbered(question, number) for number in sent}

    def sent_by_stop(self, question: Question) -> str | None:
        """The exchange order that the conditional order of a command has sent."""
        return next(self._sent(question.tag), None) if question.is_stop and question.tag is not None else None

    def has_traded(self, order_id: str) -> bool:
        """Whether a trade tells of an exchange order."""
        return any(trade.order_id == order_id for trade in self.trades)

    def working(self, question: Question) -> list[str]:
        """The numbers of the orders that work."""
        orders: list[Order] | list[StopOrder] = self.stop_orders if question.is_stop else self.orders
        return [order.order_id for order in orders if order.status == OrderStatus.WORKING]

    def _sent(self, tag: str) -> Iterator[str]:
        yield from (order.order_id for order in self.orders if client_tag(order.comment) == tag)
        yield from (trade.order_id for trade in self.trades if trade.order_id and client_tag(trade.comment) == tag)

    def _numbered(self, question: Question, order_id: str | None) -> AnyOrder | None:
        orders: list[Order] | list[StopOrder] = self.stop_orders if question.is_stop else self.orders
        return next((order for order in orders if order.order_id == order_id), None)


def prove(question: Question, evidence: Evidence) -> OrderAck | None:
    """Give what is proved of a command: that it was carried out, or None when nothing is.

    Raises:
        OrderRejected: It is proved that nothing works, and nothing was traded, because of it.
    """
    if question.verb is Verb.CANCEL:
        return _judge_cancel(question, evidence.find(question))
    bearers = evidence.bearers(question)
    if len(bearers) == 1:
        ((number, order),) = bearers.items()
        if order is not None and order.status == OrderStatus.REJECTED and not _was_filled(order, evidence):
            raise _refused(question, order)
        return OrderAck(order_id=number, request_id=question.request_id)
    if question.verb is Verb.REPLACE and not bearers:
        original = evidence.find(question)
        if original is not None and original.status in {OrderStatus.FILLED, OrderStatus.REJECTED}:
            # A replacement ends the original as cancelled: one that ended otherwise was not replaced, and cannot be any more.
            raise _not_working(question, original)
    return None


def _judge_cancel(question: Question, order: AnyOrder | None) -> OrderAck | None:
    if order is None or order.status not in _OVER:
        return None
    if order.status == OrderStatus.CANCELLED and not _has_expired(order):
        return OrderAck(order_id=order.order_id)
    raise _not_working(question, order)


def _has_expired(order: AnyOrder) -> bool:
    """Whether a cancelled order ended with its time: that was not done by a command."""
    return order.expires_at is not None and order.updated_at is not None and order.updated_at >= order.expires_at


def _was_filled(order: AnyOrder, evidence: Evidence) -> bool:
    return bool(order.filled_lots) or (isinstance(order, Order) and evidence.has_traded(order.order_id))


def _refused(question: Question, order: AnyOrder) -> OrderRejected:
    reason = order.reason if isinstance(order, Order) else order.error
    reason = None if reason is None else redact(reason, (question.portfolio,))[:_LONGEST_REASON]
    return OrderRejected(
        f"{question.operation}: the order {order.order_id} was rejected: {reason or 'no reason given'}",
        reason=reason,
        request_id=question.request_id,
        instrument_id=question.instrument_id,
    )


def _not_working(question: Question, order: AnyOrder) -> OrderNotWorking:
    error = OrderNotWorking(
        f"{question.operation}: nothing was changed: {describe(order)}",
        request_id=question.request_id,
        instrument_id=question.instrument_id,
    )
    return _with_state(error, order)


def describe(order: AnyOrder) -> str:
    """Say in words how an order stands."""
    words = [f"the order {order.order_id} is {order.status.value}"]
    if order.status == OrderStatus.CANCELLED and _has_expired(order):
        words.append(" because its time was over")
    if order.filled_lots is not None:
        words.append(f", {order.filled_lots} of {order.lots} lots filled")
    if isinstance(order, StopOrder) and order.exchange_order_id is not None:
        words.append(f", and sent the order {order.exchange_order_id}")
    if isinstance(order, StopOrder) and order.error:
        words.append(f": {redact(order.error, (order.portfolio,))[:_LONGEST_REASON]}")
    return "".join(words)


def tell_state(error: OrderRejected, question: Question, order: AnyOrder) -> OrderRejected:
    """Say in a refusal of a replace or a cancel how the order stands, as far as it explains the refusal.

    An order that seems to work explains nothing: the read may lag.

    Returns:
        The same error; for a refused replacement whose original has ended, one that says so.
    """
    if order.status not in _OVER:
        return error
    if not isinstance(error, OrderNotWorking):
        if question.verb is not Verb.REPLACE:
            return error
        words = str(error)
        error = OrderNotWorking(
            words,
            code=error.code,
            reason=error.reason,
            replayed=error.replayed,
            request_id=error.request_id,
            instrument_id=error.instrument_id,
        )
    error.args = (f"{error}; {describe(order)}",)
    return _with_state(error, order)


def _with_state(error: OrderNotWorking, order: AnyOrder) -> OrderNotWorking:
    error.order_status = order.status.value
    error.filled_lots = order.filled_lots
    return error


def explain(question: Question, evidence: Evidence | None, *, looks: int) -> OrderOutcomeUnknown:
    """Say why nothing is proved, and what is known all the same.

    Args:
        question: What was asked.
        evidence: What was read last; None when no read succeeded.
        looks: How often it was read.
    """
    original = None if evidence is None else evidence.find(question)
    error = OrderOutcomeUnknown(
        f"{question.operation}: nobody knows as yet whether it was carried out: {_why(question, evidence, original, looks)}",
        request_id=question.request_id,
        instrument_id=question.instrument_id,
    )
    if original is not None:
        error.order_status = original.status.value
        error.filled_lots = original.filled_lots
    return error


def _why(question: Question, evidence: Evidence | None, original: AnyOrder | None, looks: int) -> str:
    if not question.can_be_answered and not question.is_about_all:
        return "without a tag its order cannot be told from others"
    if evidence is None:
        return "nothing could be read"
    if question.is_about_all:
        return _what_works(evidence.working(question))
    bearers = evidence.bearers(question)
    if bearers:
        return f"{len(bearers)} orders bear its tag: {', '.join(list(bearers)[:_MOST_NAMED])}"
    child = evidence.sent_by_stop(question)
    if child is not None:
        return f"the conditional order sent the order {child}, and its own number is not told"
    words = (
        "no order bears its tag" if question.tag is not None else "without a tag its order cannot be told from others"
    )
    if question.order_id is None:
        return words
    if original is None:
        state = f"the order {question.order_id} is not listed"
    elif original.status == OrderStatus.CANCELLED and looks > 1:
        state = f"the original order is gone: {describe(original)}"
    else:
        state = describe(original)
    return state if question.verb is Verb.CANCEL else f"{state}; {words}"


def _what_works(numbers: list[str]) -> str:
    if not numbers:
        return "no order works now, but it may still come: an order that is placed soon could be cancelled by it"
    shown = ", ".join(numbers[:_MOST_NAMED]) + (", ..." if len(numbers) > _MOST_NAMED else "")
    return f"{len(numbers)} orders work: {shown}; cancel those that are meant one by one"
