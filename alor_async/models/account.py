"""What a portfolio holds, owes and did: positions, orders, trades, risks.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from decimal import Decimal

from msgspec import field

from alor_async.models._base import Model, UtcTime, WireId, ZonelessTime
from alor_async.models.enums import (
    ClientType,
    Condition,
    Exchange,
    OrderStatus,
    OrderType,
    RiskStatus,
    Side,
    StopOrderType,
    TimeInForce,
)
from alor_async.values import InstrumentId

__all__ = [
    "CurrencyBuyingPower",
    "FuturesRisk",
    "Iceberg",
    "Order",
    "PortfolioRisk",
    "Position",
    "RepoDetails",
    "StopOrder",
    "Summary",
    "Trade",
]


class CurrencyBuyingPower(Model, frozen=True, kw_only=True, gc=False):
    """Buying power in one currency.

    Never None: buying_power.

    Contract: schema `CurrencyBuyingPower`; the class itself carries the keys of Heavy.
    """

    currency: str | None = None
    """The currency."""
    buying_power: Decimal = field(name="buyingPower")
    """What is left for new purchases; in that currency."""


class Summary(Model, frozen=True, kw_only=True, gc=False):
    """Money and margin of a portfolio at a glance.

    Simple and Heavy only: derivatives_debt.

    Contract: schema `Summary`; the class itself carries the keys of Heavy.
    """

    buying_power_at_morning: Decimal | None = field(default=None, name="buyingPowerAtMorning")
    """Buying power when the day began; money."""
    buying_power: Decimal | None = field(default=None, name="buyingPower")
    """What is left for new purchases; money."""
    profit: Decimal | None = None
    """Profit of today; money."""
    profit_rate: Decimal | None = field(default=None, name="profitRate")
    """Profit of today; percent."""
    portfolio_evaluation: Decimal | None = field(default=None, name="portfolioEvaluation")
    """What the liquid holdings are worth; money."""
    portfolio_liquidation_value: Decimal | None = field(default=None, name="portfolioLiquidationValue")
    """What all holdings are worth; money."""
    initial_margin: Decimal | None = field(default=None, name="initialMargin")
    """Initial margin; money."""
    corrected_margin: Decimal | None = field(default=None, name="correctedMargin")
    """Adjusted margin; money."""
    risk_before_forced_closing: Decimal | None = field(default=None, name="riskBeforeForcePositionClosing")
    """How much may be lost before positions are closed by the broker; money."""
    commission: Decimal | None = None
    """Commission in all; money. Null for derivatives."""
    buying_power_by_currency: tuple[CurrencyBuyingPower, ...] | None = field(default=None, name="buyingPowerByCurrency")
    """Buying power in each currency."""
    derivatives_debt: Decimal | None = field(default=None, name="derivativesDebt")
    """Debt on the derivatives market; money. Simple and Heavy only."""


class Position(Model, frozen=True, kw_only=True, gc=False):
    """What a portfolio holds of one instrument, or of one currency.

    One that was closed today is still listed, with zero.

    - Never None: symbol, portfolio, exchange, units.
    - Simple and Heavy only: lots_t0, lots_t1, lots_t2, lots_future, open_lots, lots.

    Contract: schema `Position`; the class itself carries the keys of Heavy.
    """

    volume: Decimal | None = None
    """Value at the average price; settlement currency."""
    current_volume: Decimal | None = field(default=None, name="currentVolume")
    """Value at the current price; settlement currency."""
    symbol: str
    """Ticker; for money, the code of the currency."""
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    """Exchange and ticker with a colon between them."""
    portfolio: str
    """Portfolio it belongs to."""
    exchange: Exchange
    """Exchange it is traded at."""
    average_price: Decimal | None = field(default=None, name="avgPrice")
    """Average price of the position; price units."""
    units: Decimal = field(name="qtyUnits")
    """Held now, negative when short; units. Money has fractions."""
    open_units: Decimal | None = field(default=None, name="openUnits")
    """Held when the session opened; units."""
    lot_size: Decimal | None = field(default=None, name="lotSize")
    """How many units one lot holds; units."""
    short_name: str | None = field(default=None, name="shortName")
    """Short name; for derivatives, the short code of the exchange."""
    units_t0: Decimal | None = field(default=None, name="qtyT0")
    """Settled; units."""
    units_t1: Decimal | None = field(default=None, name="qtyT1")
    """With what settles tomorrow; units."""
    units_t2: Decimal | None = field(default=None, name="qtyT2")
    """With what settles the day after tomorrow; units."""
    units_future: Decimal | None = field(default=None, name="qtyTFuture")
    """With all that is to settle; units."""
    lots_t0: Decimal | None = field(default=None, name="qtyT0Batch")
    """Settled; lots. Simple and Heavy only."""
    lots_t1: Decimal | None = field(default=None, name="qtyT1Batch")
    """With what settles tomorrow; lots. Simple and Heavy only."""
    lots_t2: Decimal | None = field(default=None, name="qtyT2Batch")
    """With what settles the day after tomorrow; lots. Simple and Heavy only."""
    lots_future: Decimal | None = field(default=None, name="qtyTFutureBatch")
    """With all that is to settle; lots. Simple and Heavy only."""
    open_lots: Decimal | None = field(default=None, name="openQtyBatch")
    """Held when the session opened; lots. Simple and Heavy only."""
    daily_unrealised_profit: Decimal | None = field(default=None, name="dailyUnrealisedPl")
    """Unrealised profit since the session opened; settlement currency."""
    unrealised_profit: Decimal | None = field(default=None, name="unrealisedPl")
    """Unrealised profit since the position was opened; settlement currency."""
    is_currency: bool | None = field(default=None, name="isCurrency")
    """Whether this row is money."""
    is_snapshot: bool | None = field(default=None, name="existing")
    """True for data that was there before, false for a live event; REST answers carry true."""
    lots: Decimal | None = field(default=None, name="qtyBatch")
    """Held now; lots. Simple and Heavy only."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value)


class PortfolioRisk(Model, frozen=True, kw_only=True, gc=False):
    """Margin of a portfolio on the stock and currency markets, and how well it is covered.

    The broker calls it risk.

    Never None: portfolio.

    Contract: schema `PortfolioRisk`; the class itself carries the keys of Heavy.
    """

    portfolio: str
    """Portfolio it belongs to."""
    exchange: Exchange | None = None
    """Exchange that the figures are for."""
    portfolio_evaluation: Decimal | None = field(default=None, name="portfolioEvaluation")
    """What the liquid holdings are worth; money."""
    portfolio_liquidation_value: Decimal | None = field(default=None, name="portfolioLiquidationValue")
    """What all holdings are worth; money."""
    initial_margin: Decimal | None = field(default=None, name="initialMargin")
    """Initial margin; money."""
    minimal_margin: Decimal | None = field(default=None, name="minimalMargin")
    """Minimal margin; money."""
    corrected_margin: Decimal | None = field(default=None, name="correctedMargin")
    """Adjusted margin; money."""
    risk_coverage_ratio_one: Decimal | None = field(default=None, name="riskCoverageRatioOne")
    """First coverage ratio (NPR1), against the initial margin; money."""
    risk_coverage_ratio_two: Decimal | None = field(default=None, name="riskCoverageRatioTwo")
    """Second coverage ratio (NPR2), against the minimal margin; money."""
    risk_category_id: int | None = field(default=None, name="riskCategoryId")
    """Risk category of the client."""
    client_type: ClientType | None = field(default=None, name="clientType")
    """Risk class of the client."""
    has_forbidden_positions: bool | None = field(default=None, name="hasForbiddenPositions")
    """Whether a position is held that is not allowed."""
    has_negative_quantity: bool | None = field(default=None, name="hasNegativeQuantity")
    """Whether a quantity is negative."""
    risk_status: RiskStatus | None = field(default=None, name="riskStatus")
    """What the two ratios mean."""
    calculated_at: UtcTime | None = field(default=None, name="calculationTime")
    """When the figures were computed."""


class FuturesRisk(Model, frozen=True, kw_only=True, gc=False):
    """Money and margin of a portfolio on the derivatives market.

    The broker calls it fortsrisk, and SpectraRisks on the socket.

    - Never None: portfolio.
    - Simple and Heavy only: variation_margin.

    Contract: schema `FuturesRisk`; the class itself carries the keys of Heavy.
    """

    portfolio: str
    """Portfolio it belongs to."""
    money_free: Decimal | None = field(default=None, name="moneyFree")
    """Free for new positions; rubles."""
    money_blocked: Decimal | None = field(default=None, name="moneyBlocked")
    """Blocked as collateral; rubles."""
    fee: Decimal | None = None
    """Exchange fee already taken; rubles."""
    money_old: Decimal | None = field(default=None, name="moneyOld")
    """Money and discounted pledges when the session began; rubles."""
    money_amount: Decimal | None = field(default=None, name="moneyAmount")
    """Money and discounted pledges now; rubles."""
    money_pledge_amount: Decimal | None = field(default=None, name="moneyPledgeAmount")
    """Discounted value of the pledges; rubles."""
    cleared_variation_margin: Decimal | None = field(default=None, name="vmInterCl")
    """Variation margin that the midday clearing has settled; rubles."""
    position_variation_margin: Decimal | None = field(default=None, name="vmCurrentPositions")
    """Variation margin of the positions held now; rubles."""
    variation_margin: Decimal | None = field(default=None, name="varMargin")
    """Variation margin in all: the two before together; rubles. Simple and Heavy only."""
    indicative_variation_margin: Decimal | None = field(default=None, name="indicativeVarMargin")
    """Variation margin at indicative currency rates; rubles."""
    net_option_value: Decimal | None = field(default=None, name="netOptionValue")
    """Theoretical value of the options held, with its sign; rubles."""
    position_risk: Decimal | None = field(default=None, name="posRisk")
    """Collateral that would be asked if clearing happened now; rubles."""
    has_limits: bool | None = field(default=None, name="isLimitsSet")
    """Whether limits of money and pledges are set."""


class Iceberg(Model, frozen=True, kw_only=True, gc=False):
    """How much of an iceberg order the market sees.

    Contract: schema `Iceberg`; the class itself carries the keys of Heavy.
    """

    fixed_lots: int | None = field(default=None, name="creationFixedQuantity")
    """Constant visible part, as asked for; lots."""
    variance_percent: int | None = field(default=None, name="creationVarianceQuantity")
    """Amplitude of the random addition, as asked for; percent of the constant part. Derivatives only."""
    visible_units: int | None = field(default=None, name="visibleQuantity")
    """Visible now; units."""
    visible_lots: int | None = field(default=None, name="visibleQuantityBatch")
    """Visible now; lots."""
    visible_filled_units: int | None = field(default=None, name="visibleFilledQuantity")
    """Executed of the visible part; units."""
    visible_filled_lots: int | None = field(default=None, name="visibleFilledQuantityBatch")
    """Executed of the visible part; lots."""


class Order(Model, frozen=True, kw_only=True, gc=False):
    """An order at the exchange.

    Those of the current trading day are kept.

    Never None: order_id, symbol, portfolio, exchange, side, status, lots, filled_lots.

    Contract: schema `Order`; the class itself carries the keys of Heavy.
    """

    order_id: WireId = field(name="id")
    """Number of the order at the exchange; up to 19 digits."""
    symbol: str
    """Ticker."""
    board: str | None = None
    """Board (trading mode), such as TQBR."""
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    """Exchange and ticker with a colon between them."""
    portfolio: str
    """Portfolio it belongs to."""
    exchange: Exchange
    """Exchange it is traded at."""
    comment: str | None = None
    """The user's own remark, at most 100 characters. Null when there is none."""
    order_type: OrderType | None = field(default=None, name="type")
    """Limit or market."""
    side: Side
    """Buying or selling."""
    status: OrderStatus
    """Where the order stands."""
    created_at: UtcTime | None = field(default=None, name="transTime")
    """When it was placed."""
    updated_at: UtcTime | None = field(default=None, name="updateTime")
    """When its status last changed. Null while it has not."""
    expires_at: ZonelessTime | None = field(default=None, name="endTime")
    """Until when it lives."""
    units: int | None = field(default=None, name="qtyUnits")
    """Size of the order; units."""
    lots: int = field(name="qtyBatch")
    """Size of the order; lots."""
    filled_units: int | None = field(default=None, name="filledQtyUnits")
    """Executed so far; units."""
    filled_lots: int = field(name="filledQtyBatch")
    """Executed so far; lots."""
    price: Decimal | None = None
    """Limit price, in the quote currency of the instrument (percent of face value for bonds, points for futures). Zero
    for market orders.
    """
    is_snapshot: bool | None = field(default=None, name="existing")
    """True for data that was there before, false for a live event; REST answers carry true."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long it lives."""
    iceberg: Iceberg | None = None
    """What the market sees of it. Null for ordinary orders."""
    volume: Decimal | None = None
    """Value of the order; money. Null for market orders."""
    reason: str | None = None
    """Why the order was rejected, when the server says so."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value, self.board or None)


class StopOrder(Model, frozen=True, kw_only=True, gc=False):
    """A conditional order: it lives at the broker, unseen by the exchange, and sends one exchange order when it fires.

    Never None: order_id, symbol, portfolio, exchange, side, status, lots, trigger_price.

    Contract: schema `StopOrder`; the class itself carries the keys of Heavy.
    """

    order_id: WireId = field(name="id")
    """Number of the conditional order; a space of its own, apart from the exchange's."""
    exchange_order_id: WireId | None = field(default=None, name="exchangeOrderId")
    """Number of the exchange order it sent. Null until it fires."""
    symbol: str
    """Ticker."""
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    """Exchange and ticker with a colon between them."""
    portfolio: str
    """Portfolio it belongs to."""
    exchange: Exchange
    """Exchange it is traded at."""
    comment: str | None = None
    """The user's own remark, at most 100 characters. Null when there is none."""
    board: str | None = None
    """Board (trading mode), such as TQBR."""
    order_type: StopOrderType | None = field(default=None, name="type")
    """Stop or stop-limit."""
    side: Side
    """Buying or selling."""
    condition: Condition | None = None
    """When it fires."""
    status: OrderStatus
    """Where the order stands."""
    created_at: UtcTime | None = field(default=None, name="transTime")
    """When it was placed."""
    updated_at: UtcTime | None = field(default=None, name="updateTime")
    """When its status last changed. Null while it has not."""
    expires_at: UtcTime | None = field(default=None, name="endTime")
    """Until when it lives. Without an end, a date far ahead."""
    error: str | None = None
    """Why it failed. Null otherwise."""
    units: int | None = field(default=None, name="qtyUnits")
    """Size of the order; units."""
    lots: int = field(name="qtyBatch")
    """Size of the order; lots."""
    filled_units: int | None = field(default=None, name="filledQtyUnits")
    """Executed so far; units."""
    filled_lots: int | None = field(default=None, name="filledQtyBatch")
    """Executed so far; lots."""
    price: Decimal | None = None
    """Price of the order it sends, in the quote currency of the instrument (percent of face value for bonds, points
    for futures). Zero for a market order.
    """
    average_price: Decimal | None = field(default=None, name="avgPrice")
    """Average price of the execution; price units."""
    trigger_price: Decimal = field(name="stopPrice")
    """Price at which it fires, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    is_snapshot: bool | None = field(default=None, name="existing")
    """True for data that was there before, false for a live event; REST answers carry true."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long the order it sends lives."""
    iceberg: Iceberg | None = None
    """What the market will see of it. Null for ordinary orders."""
    volume: Decimal | None = None
    """Value of the order; money."""
    protecting_seconds: int | None = field(default=None, name="protectingSeconds")
    """How long the condition must hold before it fires; seconds."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value, self.board or None)


class RepoDetails(Model, frozen=True, kw_only=True, gc=False):
    """Terms of a repo trade.

    Contract: schema `RepoDetails`; the class itself carries the keys of Heavy.
    """

    repo_rate: Decimal | None = field(default=None, name="repoRate")
    """Rate; percent a year."""
    external_reference: str | None = field(default=None, name="extRef")
    """Reference of another system; free text."""
    term_days: int | None = field(default=None, name="repoTerm")
    """Calendar days between the two legs; days."""
    account: str | None = None
    """Trading account."""
    trade_type_text: str | None = field(default=None, name="tradeTypeInfo")
    """Kind of repo, in Russian."""
    value: Decimal | None = None
    """Volume of the repo; settlement currency."""
    repo_yield: Decimal | None = field(default=None, name="yield")
    """Yield at the price of the trade; percent a year."""


class Trade(Model, frozen=True, kw_only=True, gc=False):
    """A trade of the user's own.

    - Never None: trade_id, symbol, exchange, units, price, side.
    - Heavy only: short_name, currency, settles_at.

    Contract: schema `Trade`; the class itself carries the keys of Heavy.
    """

    trade_id: WireId = field(name="id")
    """Number of the trade."""
    order_id: WireId | None = field(default=None, name="orderNo")
    """Number of the order that was executed."""
    comment: str | None = None
    """Remark of the order. Null when there is none."""
    symbol: str
    """Ticker, or the text [N/A] when it is not known."""
    short_name: str | None = field(default=None, name="shortName")
    """Short name; for derivatives, the short code of the exchange. Heavy only."""
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    """Exchange and ticker with a colon between them."""
    exchange: Exchange
    """Exchange it is traded at."""
    traded_at: UtcTime | None = field(default=None, name="date")
    """When it was made."""
    board: str | None = None
    """Board (trading mode), such as TQBR."""
    units: int = field(name="qtyUnits")
    """Size of the trade; units."""
    lots: int | None = field(default=None, name="qtyBatch")
    """Size of the trade; lots."""
    price: Decimal
    """Price of the trade, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    currency: str | None = None
    """Settlement currency. Heavy only."""
    accrued_interest: Decimal | None = field(default=None, name="accruedInt")
    """Accrued coupon of the bonds traded; settlement currency. Zero or null for the rest."""
    side: Side
    """Bought or sold."""
    is_snapshot: bool | None = field(default=None, name="existing")
    """True for data that was there before, false for a live event; REST answers carry true."""
    commission: Decimal | None = None
    """Commission; money. Null for derivatives."""
    repo: RepoDetails | None = field(default=None, name="repoSpecificFields")
    """Terms of the repo. Null for ordinary trades."""
    volume: Decimal | None = None
    """Volume; settlement currency."""
    settles_at: UtcTime | None = field(default=None, name="settleDate")
    """When it settles. Heavy only."""
    value: Decimal | None = None
    """Exact value, price times units; settlement currency. Stocks only."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value, self.board or None)
