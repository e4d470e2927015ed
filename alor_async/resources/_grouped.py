"""An order as a group names it."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from alor_async._contract import bodies
from alor_async._policy.arguments import check_choice, check_order_id
from alor_async.errors import InvalidArgument
from alor_async.models import Order, StopOrder
from alor_async.models.enums import Exchange, GroupedOrderType
from alor_async.values import Portfolio, PortfolioLike

__all__ = ["GroupedOrder", "GroupedOrderLike"]


class GroupedOrder(Struct, frozen=True):
    """An order as a group names it.

    Attributes:
        portfolio: The portfolio or its id.
        order_id: The order's number, 1 to 19 digits.
        order_type: What kind of order the number belongs to: exchange orders and conditional ones count separately.

    Raises:
        InvalidArgument: An attribute is wrong.
    """

    portfolio: PortfolioLike
    order_id: str
    order_type: GroupedOrderType

    def __post_init__(self) -> None:
        self.to_body()

    @classmethod
    def of(cls, order: GroupedOrderLike) -> GroupedOrder:
        """Take it as it is, or read it from an order."""
        if isinstance(order, GroupedOrder):
            return order
        if isinstance(order, Order | StopOrder):
            portfolio = Portfolio(order.portfolio, exchange=str(order.exchange))
            return cls(portfolio, order.order_id, check_choice("orders", str(order.order_type), GroupedOrderType))
        raise InvalidArgument("orders", f"expected Order, StopOrder or GroupedOrder, got {type(order).__name__}")

    def to_body(self) -> bodies.OrderGroupItem:
        """Write it as a body names it."""
        account = Portfolio.of(self.portfolio)
        return bodies.OrderGroupItem(
            portfolio=account.id,
            exchange=Exchange(account.trade_exchange),
            order_id=check_order_id(self.order_id),
            order_type=check_choice("order_type", self.order_type, GroupedOrderType),
        )


GroupedOrderLike: TypeAlias = GroupedOrder | Order | StopOrder
"""What names an order in a group."""
