"""What the exchange shows: values in the units of the outside world.

Prices and money are `Decimal`, quantities of orders and trades are `int`, times are aware UTC `datetime` (or `int`
with the unit in the name). Everything here is immutable: the engine keeps its own scaled integers and makes these
values when it is asked. Commands and their results stand in `commands.py`, the enumerations in `enums.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from .enums import (
    ClientType,
    Condition,
    ExecutionPolicy,
    GroupStatus,
    Market,
    OrderStatus,
    OrderType,
    RiskStatus,
    Side,
    TimeInForce,
)

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Collateral:
    """Base collateral of one derivative contract for one class of clients; money."""

    long: Decimal
    short: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """The static facts of an instrument, and the few numbers that seed its market.

    Attributes:
        short_name: Short name; for derivatives the exchange ticker, which is accepted as an alias of the symbol.
        kind: Instrument type as the broker words it (`CS`, `MF`, `CORP`, a contract's full name).
        lot_size: Units in one lot (1 for derivatives).
        face_value: Nominal of one unit; size of one lot for futures; quoted currency units for FX.
        expires_at: When the instrument ceases to exist; `None` means never.
        price_step: Smallest price change, in price units.
        step_value: Money of one price step: of one unit, or of one contract for futures.
        decimals: Digits after the point in a price.
        rating: Yesterday's turnover as a number to sort by.
        reference_price: The price around which history and book are generated.
        day_volume: A usual day's volume; lots.
        volatility_bp: A usual day's range; hundredths of a percent.
        settle_days: 0 or 1: when a trade settles after its day.
        rate_up: Risk rate for shorts; percent.
        rate_down: Risk rate for longs; percent.
        collateral: Per client type; `None` for everything but derivatives.
    """

    symbol: str
    exchange: str
    board: str
    market: Market
    short_name: str
    description: str
    kind: str
    cfi_code: str
    price_step: Decimal
    step_value: Decimal
    decimals: int
    reference_price: Decimal
    day_volume: int
    volatility_bp: int
    lot_size: int = 1
    face_value: Decimal = ONE
    currency: str = "RUB"
    isin: str | None = None
    boards: tuple[str, ...] = ()
    expires_at: datetime | None = None
    rating: int = 0
    price_multiplier: Decimal = ONE
    price_shown_units: Decimal = ONE
    shares_issued: int = 0
    complex_product_category: str = ""
    bond_yield: Decimal | None = None
    accrued_interest: Decimal = ZERO
    listed: date = date(2014, 1, 6)
    settle_days: int = 1
    limit_percent: int = 20
    asset_type: str = "stock"
    underlying: str | None = None
    underlying_sign: int = 0
    rate_up: Decimal = Decimal(100)
    rate_down: Decimal = Decimal(100)
    is_short_sell_possible: bool = False
    is_marginal: bool = False
    collateral: dict[ClientType, Collateral] | None = field(default=None, hash=False)
    base_swap_price: Decimal | None = None

    @property
    def is_derivative(self) -> bool:
        """Whether it trades on the derivatives market."""
        return self.market is Market.DERIVATIVES

    @property
    def is_bond(self) -> bool:
        """Whether its price is a percentage of the face value."""
        return self.bond_yield is not None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def all_boards(self) -> tuple[str, ...]:
        """The primary board first, then the others."""
        return (self.board, *(board for board in self.boards if board != self.board))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A security as the wire shows it: the static facts and the state of the day."""

    spec: InstrumentSpec
    board: str
    price_min: Decimal
    price_max: Decimal
    margin_buy: Decimal
    margin_sell: Decimal
    margin_rate: Decimal
    trading_status: int
    trading_status_info: str | None
    theoretical_price: Decimal = ZERO
    theoretical_price_limit: Decimal = ZERO
    volatility: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Quotes of an instrument; the futures quote is the same with `prev_settle_price`.

    `volume` counts units traded today (contracts for futures); sizes are lots; `ask` and `bid` are `None` when that
    side of the book is empty.
    """

    spec: InstrumentSpec
    prev_close_price: Decimal
    last_price: Decimal
    last_price_timestamp: int
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    volume: Decimal
    open_interest: int | None
    ask: Decimal | None
    bid: Decimal | None
    ask_volume: int
    bid_volume: int
    total_ask_volume: int
    total_bid_volume: int
    book_timestamp_ms: int | None
    lot_value: Decimal
    accrued_interest: Decimal
    bond_yield: Decimal | None
    change: Decimal
    change_percent: Decimal
    prev_settle_price: Decimal | None


@dataclass(frozen=True, slots=True)
class BookLevel:
    """All visible lots at one price. `bond_yield` is there for bonds only."""

    price: Decimal
    lots: int
    bond_yield: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """An order book, best levels first."""

    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; `timestamp` is its open time in unix seconds, `volume` is lots."""

    timestamp: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class CandlePage:
    """Candles of a range, and the open times of the neighbours outside it (`None`: there are none)."""

    candles: tuple[Candle, ...]
    prev: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """An anonymous trade; `side` is the side of the order that took liquidity."""

    trade_id: int
    symbol: str
    exchange: str
    board: str
    lots: int
    price: Decimal
    traded_at: datetime
    timestamp_ms: int
    side: Side
    open_interest: int


@dataclass(frozen=True, slots=True)
class MarketTradePage:
    """One page of earlier market trades and how many there are in all."""

    trades: tuple[MarketTrade, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Iceberg:
    """An order that shows part of itself."""

    fixed_lots: int
    variance_percent: int
    visible_units: int
    visible_lots: int
    visible_filled_units: int
    visible_filled_lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An exchange order of a client. `price` is 0 and `volume` (money) is `None` for market orders."""

    order_id: str
    portfolio: str
    symbol: str
    exchange: str
    board: str
    order_type: OrderType
    side: Side
    status: OrderStatus
    time_in_force: TimeInForce
    price: Decimal
    units: int
    lots: int
    filled_units: int
    filled_lots: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    volume: Decimal | None
    comment: str | None
    iceberg: Iceberg | None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """A conditional order of a client. `price` is 0 for stop-market; `error` says why it failed."""

    order_id: str
    exchange_order_id: str | None
    portfolio: str
    symbol: str
    exchange: str
    board: str
    order_type: OrderType
    side: Side
    condition: Condition
    status: OrderStatus
    time_in_force: TimeInForce
    stop_price: Decimal
    price: Decimal
    average_price: Decimal
    units: int
    lots: int
    filled_units: int
    filled_lots: int
    created_at: datetime
    updated_at: datetime | None
    expires_at: datetime
    volume: Decimal | None
    comment: str | None
    error: str | None
    iceberg: Iceberg | None
    protecting_seconds: int | None
    is_active: bool

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class RepoDetails:
    """What a repo trade has on top of an ordinary one. The sandbox makes no repo trades of its own."""

    rate: Decimal
    external_reference: str
    term_days: int
    account: str
    trade_kind: str
    value: Decimal
    yield_: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTrade:
    """A trade of a client. `commission` is `None` on the derivatives market."""

    trade_id: str
    order_id: str
    portfolio: str
    symbol: str
    short_name: str
    exchange: str
    board: str
    side: Side
    price: Decimal
    units: int
    lots: int
    traded_at: datetime
    settles_at: datetime
    currency: str
    accrued_interest: Decimal
    volume: Decimal
    value: Decimal
    commission: Decimal | None
    comment: str | None
    repo: RepoDetails | None = None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding or a money row (`is_currency`). Quantities are units; divide by `lot_size` for lots."""

    portfolio: str
    symbol: str
    exchange: str
    short_name: str
    lot_size: int
    average_price: Decimal
    units: Decimal
    open_units: Decimal
    units_t0: Decimal
    units_t1: Decimal
    units_t2: Decimal
    units_future: Decimal
    volume: Decimal
    current_volume: Decimal
    daily_unrealised_profit: Decimal
    unrealised_profit: Decimal
    is_currency: bool

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"

    def lots(self, units: Decimal) -> Decimal:
        """The same quantity in lots."""
        return units / self.lot_size


@dataclass(frozen=True, slots=True)
class CurrencyBuyingPower:
    """Money free for purchases in one currency."""

    currency: str
    buying_power: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A portfolio in a few numbers; money."""

    buying_power_at_morning: Decimal
    buying_power: Decimal
    profit: Decimal
    profit_rate: Decimal
    portfolio_evaluation: Decimal
    portfolio_liquidation_value: Decimal
    initial_margin: Decimal
    corrected_margin: Decimal
    risk_before_force_position_closing: Decimal
    commission: Decimal | None
    buying_power_by_currency: tuple[CurrencyBuyingPower, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRisk:
    """Margin of a portfolio: ratio 1 = value - initial margin, ratio 2 = value - minimal margin; money."""

    portfolio: str
    exchange: str
    portfolio_evaluation: Decimal
    portfolio_liquidation_value: Decimal
    initial_margin: Decimal
    minimal_margin: Decimal
    corrected_margin: Decimal
    risk_coverage_ratio_one: Decimal
    risk_coverage_ratio_two: Decimal
    risk_category_id: int
    client_type: ClientType
    has_forbidden_positions: bool
    has_negative_quantity: bool
    risk_status: RiskStatus
    calculated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesRisk:
    """Money of a portfolio on the derivatives market."""

    portfolio: str
    money_free: Decimal
    money_blocked: Decimal
    fee: Decimal
    money_old: Decimal
    money_amount: Decimal
    money_pledge_amount: Decimal
    vm_intermediate_clearing: Decimal
    vm_current_positions: Decimal
    variation_margin: Decimal
    indicative_variation_margin: Decimal
    net_option_value: Decimal
    position_risk: Decimal
    is_limits_set: bool
    balance_money: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRate:
    """Margin rates of one instrument; percent."""

    rate_id: int
    symbol: str
    exchange: str
    risk_category_id: int
    security_risk_category_id: int | None
    asset_type: str
    underlying_asset: str | None
    set_name: str | None
    isin: str | None
    currency_code: str | None
    rate_up: Decimal
    rate_down: Decimal
    rate_symmetric: Decimal
    is_short_sell_possible: bool
    is_marginal: bool
    set_rate: Decimal
    underlying_sign: int


@dataclass(frozen=True, slots=True)
class RiskRatePage:
    """One page of risk rates and how many there are in all."""

    rates: tuple[RiskRate, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CurrencyPair:
    """A pair of the FX market."""

    first_code: str
    second_code: str
    symbol_tom: str


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """Linked orders; members are order ids in the order they were given."""

    group_id: UUID
    login: str
    order_ids: tuple[str, ...]
    policy: ExecutionPolicy
    status: GroupStatus
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEstimate:
    """How much could be traded, and what it would cost. Quantities are lots."""

    portfolio: str
    symbol: str
    exchange: str
    board: str
    quantity_to_sell: int
    quantity_to_buy: int
    unlevered_quantity_to_sell: int
    unlevered_quantity_to_buy: int
    evaluation: Decimal
    commission: Decimal
    buy_price: Decimal | None
    is_united_portfolio: bool


@dataclass(frozen=True, slots=True)
class PortfolioInfo:
    """One portfolio of the login, for the token's claims and for routing."""

    portfolio: str
    login: str
    agreement: str
    market: Market
    client_type: ClientType
