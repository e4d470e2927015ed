"""What an estimate is asked about."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from alor_async._contract import bodies
from alor_async._policy.arguments import check_flag, check_lots, check_optional_price
from alor_async.errors import InvalidArgument
from alor_async.models.enums import Exchange
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike

__all__ = ["EstimateRequest"]


class EstimateRequest(Struct, frozen=True, kw_only=True):
    """An order to be estimated; see `alor.orders.estimate`.

    Attributes:
        portfolio: The portfolio or its id.
        instrument: Its key, or anything that carries one; without a board, the primary board.
        price: The order's price; None for the market's.
        lots: How many lots; not together with `budget`.
        budget: How much money to spend on a purchase; not together with `lots`.
        include_limit_orders: Whether working limit orders count as done.

    Raises:
        InvalidArgument: An attribute is wrong.
    """

    portfolio: PortfolioLike
    instrument: InstrumentLike
    price: Decimal | None = None
    lots: int | None = None
    budget: Decimal | None = None
    include_limit_orders: bool | None = None

    def __post_init__(self) -> None:
        if self.lots is not None and self.budget is not None:
            raise InvalidArgument("budget", "cannot be combined with lots")
        self.to_body()

    def to_body(self) -> bodies.OrderEstimateBody:
        """Write it as a body names it."""
        account, key = Portfolio.of(self.portfolio), InstrumentId.of(self.instrument)
        return bodies.OrderEstimateBody(
            portfolio=account.id,
            symbol=key.symbol,
            exchange=Exchange(key.exchange),
            board=key.board,
            price=check_optional_price(self.price),
            lots=None if self.lots is None else check_lots(self.lots),
            budget=check_optional_price(self.budget, "budget"),
            include_limit_orders=bool(check_flag("include_limit_orders", self.include_limit_orders)),
        )
