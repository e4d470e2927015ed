"""What the broker answers about orders before they are placed.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from decimal import Decimal

from msgspec import field

from alor_async.models._base import Model
from alor_async.models.enums import Exchange
from alor_async.values import InstrumentId

__all__ = ["OrderEstimate"]


class OrderEstimate(Model, frozen=True, kw_only=True, gc=False):
    """What an order would cost, and how large it could be.

    Never None: portfolio, symbol, exchange.

    Contract: schema `OrderEstimate`; the class itself carries the keys of Heavy.
    """

    portfolio: str
    """Portfolio it belongs to."""
    symbol: str = field(name="ticker")
    """Ticker."""
    exchange: Exchange
    """Exchange it is traded at."""
    lots_to_sell: Decimal | None = field(default=None, name="quantityToSell")
    """Could be sold with borrowed securities; lots."""
    lots_to_buy: Decimal | None = field(default=None, name="quantityToBuy")
    """Could be bought with borrowed money; lots."""
    own_lots_to_sell: Decimal | None = field(default=None, name="notMarginQuantityToSell")
    """Could be sold without borrowing; lots."""
    own_lots_to_buy: Decimal | None = field(default=None, name="notMarginQuantityToBuy")
    """Could be bought without borrowing; lots."""
    order_value: Decimal | None = field(default=None, name="orderEvaluation")
    """Value of the order; money."""
    commission: Decimal | None = None
    """Commission to expect; money."""
    buy_price: Decimal | None = field(default=None, name="buyPrice")
    """Price of a lot that the budget was divided by; money. Null unless a budget was given."""
    is_united_portfolio: bool | None = field(default=None, name="isUnitedPortfolio")
    """Whether the portfolio holds the money of all markets together."""
    board: str | None = None
    """Board (trading mode)."""
    currency: str | None = None
    """Currency of the figures."""
    price: Decimal | None = None
    """Price that the estimate took; price units."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value, self.board or None)
