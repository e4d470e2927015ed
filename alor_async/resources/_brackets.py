"""A bracket: an entry, a take profit and a stop loss, linked so that the broker watches them together."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from msgspec import Struct

from alor_async._policy.arguments import check_choice
from alor_async._telemetry import ORDER_LOGGER
from alor_async.errors import (
    AlorError,
    BracketIncomplete,
    BracketStep,
    InvalidArgument,
    OrderNotWorking,
    OrderOutcomeUnknown,
)
from alor_async.models.enums import Condition, ExecutionPolicy, GroupedOrderType, OrderStatus, Side
from alor_async.resources._commands import price_on_step
from alor_async.resources._grouped import GroupedOrder
from alor_async.values import InstrumentId, InstrumentLike, OrderAck, Portfolio, PortfolioLike

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alor_async.resources._base import TimeoutLike
    from alor_async.resources.orders import OrdersResource
    from alor_async.resources.stop_orders import StopOrdersResource

__all__ = ["Bracket", "BracketPlan", "Brackets"]

_ENDED_UNFIRED: Final = (OrderStatus.CANCELLED, OrderStatus.REJECTED)
_STEPS: Final[tuple[BracketStep, ...]] = ("stop_loss", "take_profit", "entry", "group")


class Bracket(Struct, frozen=True, kw_only=True):
    """A bracket that stands.

    Attributes:
        entry: The limit order.
        take_profit: The conditional order that ends the position with a profit; dormant until the entry is filled.
        stop_loss: The one that ends it with a loss; likewise.
        group_id: What links them at the broker.
    """

    entry: OrderAck
    take_profit: OrderAck
    stop_loss: OrderAck
    group_id: UUID


class BracketPlan:
    """What is wanted of a bracket, checked.

    Raises:
        InvalidArgument: A price is wrong, or on the wrong side of the entry.
    """

    def __init__(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        take_profit: Decimal,
        stop_loss: Decimal,
        allow_margin: bool,
        comment: str | None,
    ) -> None:
        self.instrument = instrument
        self.key = InstrumentId.of(instrument)
        # Its orders are cancelled and linked where they trade, which the portfolio alone does not tell.
        self.portfolio = Portfolio(Portfolio.of(portfolio).id, exchange=self.key.exchange)
        self.side = check_choice("side", side, Side)
        self.exit_side = Side.SELL if self.side == Side.BUY else Side.BUY
        self.lots = lots
        self.price = price_on_step(price, instrument)
        self.take_profit = price_on_step(take_profit, instrument, "take_profit")
        self.stop_loss = price_on_step(stop_loss, instrument, "stop_loss")
        self.allow_margin = allow_margin
        self.comment = comment
        low, high = (self.stop_loss, self.take_profit) if self.side == Side.BUY else (self.take_profit, self.stop_loss)
        if not low < self.price:
            raise InvalidArgument(
                "stop_loss" if self.side == Side.BUY else "take_profit",
                f"must be below the entry's price, {self.price}",
            )
        if not high > self.price:
            raise InvalidArgument(
                "take_profit" if self.side == Side.BUY else "stop_loss",
                f"must be above the entry's price, {self.price}",
            )

    def trigger(self, price: Decimal) -> Condition:
        """When the market has come to a price, seen from the entry."""
        return Condition.MORE_OR_EQUAL if price > self.price else Condition.LESS_OR_EQUAL


class Link(Protocol):
    """How orders are linked: `order_groups.create`."""

    async def __call__(
        self, orders: Iterable[GroupedOrder], policy: ExecutionPolicy, *, timeout: TimeoutLike | None = None
    ) -> UUID:
        """Link them."""
        ...


class Brackets:
    """Places brackets: the dormant ends first, then the entry, then what links them.

    In this order nothing can be executed before both ends stand, and whatever fails, what stands is told.
    """

    __slots__ = ("_create_group", "_orders", "_stop_orders")

    def __init__(self, link: Link, orders: OrdersResource, stop_orders: StopOrdersResource) -> None:
        self._create_group = link
        self._orders = orders
        self._stop_orders = stop_orders

    async def place(self, plan: BracketPlan, timeout: TimeoutLike | None) -> Bracket:
        """Place all of it.

        Raises:
            InvalidArgument: Nothing was sent.
            BracketIncomplete: It failed on the way; it says what stands.
        """
        placed: dict[str, OrderAck] = {}
        group_id: UUID | None = None
        for step in _STEPS:
            try:
                if step == "group":
                    group_id = await self._link(plan, placed, timeout)
                else:
                    placed[step] = await self._place(step, plan, timeout)
            except AlorError as error:
                if isinstance(error, InvalidArgument) and not placed:
                    raise
                if step != "group" and not isinstance(error, OrderOutcomeUnknown):
                    # It is sure not to stand: whatever else it may be, the ends would sleep for nothing.
                    await self._take_back(plan, placed, timeout)
                raise _incomplete(step, plan, placed, error) from error
        if group_id is None:
            raise RuntimeError("a bracket ends in its group")
        return Bracket(**placed, group_id=group_id)

    async def _place(self, step: BracketStep, plan: BracketPlan, timeout: TimeoutLike | None) -> OrderAck:
        if step == "entry":
            return await self._orders.place_limit(
                plan.portfolio,
                plan.instrument,
                plan.side,
                lots=plan.lots,
                price=plan.price,
                allow_margin=plan.allow_margin,
                comment=plan.comment,
                timeout=timeout,
            )
        trigger = plan.stop_loss if step == "stop_loss" else plan.take_profit
        return await self._stop_orders.place_stop(
            plan.portfolio,
            plan.instrument,
            plan.exit_side,
            lots=plan.lots,
            condition=plan.trigger(trigger),
            trigger_price=trigger,
            allow_margin=plan.allow_margin,
            comment=plan.comment,
            activate=False,
            timeout=timeout,
        )

    async def _link(self, plan: BracketPlan, placed: dict[str, OrderAck], timeout: TimeoutLike | None) -> UUID:
        kinds = {
            "entry": GroupedOrderType.LIMIT,
            "take_profit": GroupedOrderType.STOP,
            "stop_loss": GroupedOrderType.STOP,
        }
        members = [GroupedOrder(plan.portfolio, placed[step].order_id, kind) for step, kind in kinds.items()]
        return await self._create_group(members, ExecutionPolicy.TRIGGER_BRACKET_ORDERS, timeout=timeout)

    async def _take_back(self, plan: BracketPlan, placed: dict[str, OrderAck], timeout: TimeoutLike | None) -> None:
        """Cancel the dormant ends of a bracket whose entry will not come. What cannot be cancelled is told as standing."""
        for step in tuple(placed):
            if step == "entry":
                continue
            try:
                await self._stop_orders.cancel(plan.portfolio, placed[step].order_id, timeout=timeout)
            except AlorError as error:
                if isinstance(error, OrderNotWorking) and error.order_status in _ENDED_UNFIRED:
                    del placed[step]
                    continue
                ORDER_LOGGER.warning("the dormant %s of a bracket was not cancelled: %s", step, error)
            else:
                del placed[step]


def _incomplete(
    step: BracketStep, plan: BracketPlan, placed: dict[str, OrderAck], error: AlorError
) -> BracketIncomplete:
    standing = [f"{name} {ack.order_id}" for name, ack in placed.items()]
    if isinstance(error, OrderOutcomeUnknown):
        standing.append(f"perhaps the {step}")
    return BracketIncomplete(
        f"order_groups.place_bracket: the {step} failed: {error}; standing: {', '.join(standing) or 'nothing'}",
        step=step,
        placed=dict(placed),
        request_id=getattr(error, "request_id", None),
        instrument_id=plan.key,
    )
