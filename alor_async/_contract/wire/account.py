"""How the answers of `account` are read in each format.

A key that starts with a hyphen occurs in no answer: it stands for a field that the format lacks.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from msgspec import field
from msgspec.structs import force_setattr

from alor_async._contract.wire.publishing import become, each, single
from alor_async._http.decode import Shape, Shapes
from alor_async.models._base import UtcTime, WireId, ZonelessTime
from alor_async.models.account import (
    CurrencyBuyingPower,
    FuturesRisk,
    Iceberg,
    Order,
    PortfolioRisk,
    Position,
    RepoDetails,
    StopOrder,
    Summary,
    Trade,
)
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

__all__ = [
    "FUTURES_RISK",
    "ORDER",
    "ORDER_LIST",
    "PORTFOLIO_RISK",
    "POSITION",
    "POSITION_LIST",
    "STOP_ORDER",
    "STOP_ORDER_LIST",
    "SUMMARY",
    "TRADE",
    "TRADE_LIST",
]


class _CurrencyBuyingPowerSlim(CurrencyBuyingPower, frozen=True, kw_only=True, gc=False):
    """CurrencyBuyingPower as Slim spells it."""

    currency: str | None = field(default=None, name="cr")
    buying_power: Decimal = field(name="bp")


class _SummarySlim(Summary, frozen=True, kw_only=True, gc=False):
    """Summary as Slim spells it."""

    buying_power_at_morning: Decimal | None = field(default=None, name="bpm")
    buying_power: Decimal | None = field(default=None, name="bp")
    profit: Decimal | None = field(default=None, name="p")
    profit_rate: Decimal | None = field(default=None, name="pr")
    portfolio_evaluation: Decimal | None = field(default=None, name="pe")
    portfolio_liquidation_value: Decimal | None = field(default=None, name="plv")
    initial_margin: Decimal | None = field(default=None, name="im")
    corrected_margin: Decimal | None = field(default=None, name="mgc")
    risk_before_forced_closing: Decimal | None = field(default=None, name="r")
    commission: Decimal | None = field(default=None, name="cms")
    buying_power_by_currency: tuple[_CurrencyBuyingPowerSlim, ...] | None = field(default=None, name="bpv2")
    derivatives_debt: Decimal | None = field(default=None, name="-derivatives_debt")


class _PositionSlim(Position, frozen=True, kw_only=True, gc=False):
    """Position as Slim spells it."""

    volume: Decimal | None = field(default=None, name="v")
    current_volume: Decimal | None = field(default=None, name="cv")
    symbol: str = field(name="sym")
    broker_symbol: str | None = field(default=None, name="tic")
    portfolio: str = field(name="p")
    exchange: Exchange = field(name="ex")
    average_price: Decimal | None = field(default=None, name="pxavg")
    units: Decimal = field(name="q")
    open_units: Decimal | None = field(default=None, name="o")
    lot_size: Decimal | None = field(default=None, name="lot")
    short_name: str | None = field(default=None, name="n")
    units_t0: Decimal | None = field(default=None, name="q0")
    units_t1: Decimal | None = field(default=None, name="q1")
    units_t2: Decimal | None = field(default=None, name="q2")
    units_future: Decimal | None = field(default=None, name="qf")
    lots_t0: Decimal | None = field(default=None, name="-lots_t0")
    lots_t1: Decimal | None = field(default=None, name="-lots_t1")
    lots_t2: Decimal | None = field(default=None, name="-lots_t2")
    lots_future: Decimal | None = field(default=None, name="-lots_future")
    open_lots: Decimal | None = field(default=None, name="-open_lots")
    daily_unrealised_profit: Decimal | None = field(default=None, name="upd")
    unrealised_profit: Decimal | None = field(default=None, name="up")
    is_currency: bool | None = field(default=None, name="cur")
    is_snapshot: bool | None = field(default=None, name="h")
    lots: Decimal | None = field(default=None, name="-lots")


class _PortfolioRiskSlim(PortfolioRisk, frozen=True, kw_only=True, gc=False):
    """PortfolioRisk as Slim spells it."""

    portfolio: str = field(name="p")
    exchange: Exchange | None = field(default=None, name="ex")
    portfolio_evaluation: Decimal | None = field(default=None, name="pe")
    portfolio_liquidation_value: Decimal | None = field(default=None, name="plv")
    initial_margin: Decimal | None = field(default=None, name="mgi")
    minimal_margin: Decimal | None = field(default=None, name="mgmn")
    corrected_margin: Decimal | None = field(default=None, name="mgc")
    risk_coverage_ratio_one: Decimal | None = field(default=None, name="r1")
    risk_coverage_ratio_two: Decimal | None = field(default=None, name="r2")
    risk_category_id: int | None = field(default=None, name="rid")
    client_type: ClientType | None = field(default=None, name="ct")
    has_forbidden_positions: bool | None = field(default=None, name="fpos")
    has_negative_quantity: bool | None = field(default=None, name="nq")
    risk_status: RiskStatus | None = field(default=None, name="rst")
    calculated_at: UtcTime | None = field(default=None, name="t")


class _FuturesRiskSlim(FuturesRisk, frozen=True, kw_only=True, gc=False):
    """FuturesRisk as Slim spells it."""

    portfolio: str = field(name="p")
    money_free: Decimal | None = field(default=None, name="f")
    money_blocked: Decimal | None = field(default=None, name="b")
    fee: Decimal | None = field(default=None, name="fee")
    money_old: Decimal | None = field(default=None, name="o")
    money_amount: Decimal | None = field(default=None, name="a")
    money_pledge_amount: Decimal | None = field(default=None, name="pa")
    cleared_variation_margin: Decimal | None = field(default=None, name="mgc")
    position_variation_margin: Decimal | None = field(default=None, name="mgp")
    variation_margin: Decimal | None = field(default=None, name="-variation_margin")
    indicative_variation_margin: Decimal | None = field(default=None, name="ivm")
    net_option_value: Decimal | None = field(default=None, name="nov")
    position_risk: Decimal | None = field(default=None, name="pr")
    has_limits: bool | None = field(default=None, name="lim")


class _IcebergSlim(Iceberg, frozen=True, kw_only=True, gc=False):
    """Iceberg as Slim spells it."""

    fixed_lots: int | None = field(default=None, name="cf")
    variance_percent: int | None = field(default=None, name="cv")
    visible_units: int | None = field(default=None, name="v")
    visible_lots: int | None = field(default=None, name="vb")
    visible_filled_units: int | None = field(default=None, name="vf")
    visible_filled_lots: int | None = field(default=None, name="vfb")


class _OrderSlim(Order, frozen=True, kw_only=True, gc=False):
    """Order as Slim spells it."""

    order_id: WireId = field(name="id")
    symbol: str = field(name="sym")
    board: str | None = field(default=None, name="bd")
    broker_symbol: str | None = field(default=None, name="tic")
    portfolio: str = field(name="p")
    exchange: Exchange = field(name="ex")
    comment: str | None = field(default=None, name="cmt")
    order_type: OrderType | None = field(default=None, name="t")
    side: Side = field(name="s")
    status: OrderStatus = field(name="st")
    created_at: UtcTime | None = field(default=None, name="tt")
    updated_at: UtcTime | None = field(default=None, name="ut")
    expires_at: ZonelessTime | None = field(default=None, name="et")
    units: int | None = field(default=None, name="q")
    lots: int = field(name="qb")
    filled_units: int | None = field(default=None, name="fq")
    filled_lots: int = field(name="fqb")
    price: Decimal | None = field(default=None, name="px")
    is_snapshot: bool | None = field(default=None, name="h")
    time_in_force: TimeInForce | None = field(default=None, name="tf")
    iceberg: _IcebergSlim | None = field(default=None, name="i")
    volume: Decimal | None = field(default=None, name="v")
    reason: str | None = field(default=None, name="reason")


class _StopOrderSimple(StopOrder, frozen=True, kw_only=True, gc=False):
    """StopOrder as Simple spells it."""

    order_id: WireId = field(name="id")
    exchange_order_id: WireId | None = field(default=None, name="exchangeOrderId")
    symbol: str = field(name="symbol")
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    portfolio: str = field(name="portfolio")
    exchange: Exchange = field(name="exchange")
    comment: str | None = field(default=None, name="comment")
    board: str | None = field(default=None, name="board")
    order_type: StopOrderType | None = field(default=None, name="type")
    side: Side = field(name="side")
    condition: Condition | None = field(default=None, name="condition")
    status: OrderStatus = field(name="status")
    created_at: UtcTime | None = field(default=None, name="transTime")
    updated_at: UtcTime | None = field(default=None, name="updateTime")
    expires_at: UtcTime | None = field(default=None, name="endTime")
    error: str | None = field(default=None, name="error")
    units: int | None = field(default=None, name="qtyUnits")
    lots: int = field(name="qtyBatch")
    filled_units: int | None = field(default=None, name="filledQtyUnits")
    filled_lots: int | None = field(default=None, name="filledQtyBatch")
    price: Decimal | None = field(default=None, name="price")
    average_price: Decimal | None = field(default=None, name="avg_price")
    trigger_price: Decimal = field(name="stopPrice")
    is_snapshot: bool | None = field(default=None, name="existing")
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    iceberg: Iceberg | None = field(default=None, name="iceberg")
    volume: Decimal | None = field(default=None, name="volume")
    protecting_seconds: int | None = field(default=None, name="protectingSeconds")


class _StopOrderSlim(StopOrder, frozen=True, kw_only=True, gc=False):
    """StopOrder as Slim spells it."""

    order_id: WireId = field(name="id")
    exchange_order_id: WireId | None = field(default=None, name="eid")
    symbol: str = field(name="sym")
    broker_symbol: str | None = field(default=None, name="tic")
    portfolio: str = field(name="p")
    exchange: Exchange = field(name="ex")
    comment: str | None = field(default=None, name="cmt")
    board: str | None = field(default=None, name="bd")
    order_type: StopOrderType | None = field(default=None, name="t")
    side: Side = field(name="s")
    condition: Condition | None = field(default=None, name="cnd")
    status: OrderStatus = field(name="st")
    created_at: UtcTime | None = field(default=None, name="tt")
    updated_at: UtcTime | None = field(default=None, name="ut")
    expires_at: UtcTime | None = field(default=None, name="et")
    error: str | None = field(default=None, name="err")
    units: int | None = field(default=None, name="q")
    lots: int = field(name="qb")
    filled_units: int | None = field(default=None, name="fq")
    filled_lots: int | None = field(default=None, name="fqb")
    price: Decimal | None = field(default=None, name="px")
    average_price: Decimal | None = field(default=None, name="pxavg")
    trigger_price: Decimal = field(name="pxs")
    is_snapshot: bool | None = field(default=None, name="h")
    time_in_force: TimeInForce | None = field(default=None, name="tf")
    iceberg: _IcebergSlim | None = field(default=None, name="i")
    volume: Decimal | None = field(default=None, name="v")
    protecting_seconds: int | None = field(default=None, name="psec")


class _RepoDetailsSlim(RepoDetails, frozen=True, kw_only=True, gc=False):
    """RepoDetails as Slim spells it."""

    repo_rate: Decimal | None = field(default=None, name="r")
    external_reference: str | None = field(default=None, name="exr")
    term_days: int | None = field(default=None, name="tm")
    account: str | None = field(default=None, name="a")
    trade_type_text: str | None = field(default=None, name="t")
    value: Decimal | None = field(default=None, name="v")
    repo_yield: Decimal | None = field(default=None, name="y")


class _TradeSimple(Trade, frozen=True, kw_only=True, gc=False):
    """Trade as Simple spells it."""

    trade_id: WireId = field(name="id")
    order_id: WireId | None = field(default=None, name="orderno")
    comment: str | None = field(default=None, name="comment")
    symbol: str = field(name="symbol")
    short_name: str | None = field(default=None, name="-short_name")
    broker_symbol: str | None = field(default=None, name="brokerSymbol")
    exchange: Exchange = field(name="exchange")
    traded_at: UtcTime | None = field(default=None, name="date")
    board: str | None = field(default=None, name="board")
    units: int = field(name="qtyUnits")
    lots: int | None = field(default=None, name="qtyBatch")
    price: Decimal = field(name="price")
    currency: str | None = field(default=None, name="-currency")
    accrued_interest: Decimal | None = field(default=None, name="accruedInt")
    side: Side = field(name="side")
    is_snapshot: bool | None = field(default=None, name="existing")
    commission: Decimal | None = field(default=None, name="commission")
    repo: RepoDetails | None = field(default=None, name="repoSpecificFields")
    volume: Decimal | None = field(default=None, name="volume")
    settles_at: UtcTime | None = field(default=None, name="-settles_at")
    value: Decimal | None = field(default=None, name="value")


class _TradeSlim(Trade, frozen=True, kw_only=True, gc=False):
    """Trade as Slim spells it."""

    trade_id: WireId = field(name="id")
    order_id: WireId | None = field(default=None, name="eid")
    comment: str | None = field(default=None, name="cmt")
    symbol: str = field(name="sym")
    short_name: str | None = field(default=None, name="-short_name")
    broker_symbol: str | None = field(default=None, name="tic")
    exchange: Exchange = field(name="ex")
    traded_at: UtcTime | None = field(default=None, name="d")
    board: str | None = field(default=None, name="b")
    units: int = field(name="q")
    lots: int | None = field(default=None, name="qb")
    price: Decimal = field(name="px")
    currency: str | None = field(default=None, name="-currency")
    accrued_interest: Decimal | None = field(default=None, name="ai")
    side: Side = field(name="s")
    is_snapshot: bool | None = field(default=None, name="h")
    commission: Decimal | None = field(default=None, name="cms")
    repo: _RepoDetailsSlim | None = field(default=None, name="r")
    volume: Decimal | None = field(default=None, name="v")
    settles_at: UtcTime | None = field(default=None, name="-settles_at")
    value: Decimal | None = field(default=None, name="val")


def _publish_currency_buying_power(currency_buying_powers: Iterable[Any]) -> None:
    for currency_buying_power in currency_buying_powers:
        force_setattr(currency_buying_power, "__class__", CurrencyBuyingPower)


def _publish_summary(summaries: Iterable[Any]) -> None:
    for summary in summaries:
        force_setattr(summary, "__class__", Summary)
        if summary.buying_power_by_currency is not None:
            _publish_currency_buying_power(summary.buying_power_by_currency)


def _publish_position(positions: Iterable[Any]) -> None:
    for position in positions:
        force_setattr(position, "__class__", Position)


def _publish_iceberg(icebergs: Iterable[Any]) -> None:
    for iceberg in icebergs:
        force_setattr(iceberg, "__class__", Iceberg)


def _publish_order(orders: Iterable[Any]) -> None:
    for order in orders:
        if order.order_id.__class__ is int:
            force_setattr(order, "order_id", str(order.order_id))


def _publish_order_slim(orders: Iterable[Any]) -> None:
    for order in orders:
        force_setattr(order, "__class__", Order)
        if order.order_id.__class__ is int:
            force_setattr(order, "order_id", str(order.order_id))
        if order.iceberg is not None:
            _publish_iceberg((order.iceberg,))


def _publish_stop_order(stop_orders: Iterable[Any]) -> None:
    for stop_order in stop_orders:
        if stop_order.order_id.__class__ is int:
            force_setattr(stop_order, "order_id", str(stop_order.order_id))
        if stop_order.exchange_order_id.__class__ is int:
            force_setattr(stop_order, "exchange_order_id", str(stop_order.exchange_order_id))


def _publish_stop_order_simple(stop_orders: Iterable[Any]) -> None:
    for stop_order in stop_orders:
        force_setattr(stop_order, "__class__", StopOrder)
        if stop_order.order_id.__class__ is int:
            force_setattr(stop_order, "order_id", str(stop_order.order_id))
        if stop_order.exchange_order_id.__class__ is int:
            force_setattr(stop_order, "exchange_order_id", str(stop_order.exchange_order_id))


def _publish_stop_order_slim(stop_orders: Iterable[Any]) -> None:
    for stop_order in stop_orders:
        force_setattr(stop_order, "__class__", StopOrder)
        if stop_order.order_id.__class__ is int:
            force_setattr(stop_order, "order_id", str(stop_order.order_id))
        if stop_order.exchange_order_id.__class__ is int:
            force_setattr(stop_order, "exchange_order_id", str(stop_order.exchange_order_id))
        if stop_order.iceberg is not None:
            _publish_iceberg((stop_order.iceberg,))


def _publish_repo_detail(repo_details: Iterable[Any]) -> None:
    for repo_detail in repo_details:
        force_setattr(repo_detail, "__class__", RepoDetails)


def _publish_trade(trades: Iterable[Any]) -> None:
    for trade in trades:
        if trade.trade_id.__class__ is int:
            force_setattr(trade, "trade_id", str(trade.trade_id))
        if trade.order_id.__class__ is int:
            force_setattr(trade, "order_id", str(trade.order_id))


def _publish_trade_simple(trades: Iterable[Any]) -> None:
    for trade in trades:
        force_setattr(trade, "__class__", Trade)
        if trade.trade_id.__class__ is int:
            force_setattr(trade, "trade_id", str(trade.trade_id))
        if trade.order_id.__class__ is int:
            force_setattr(trade, "order_id", str(trade.order_id))


def _publish_trade_slim(trades: Iterable[Any]) -> None:
    for trade in trades:
        force_setattr(trade, "__class__", Trade)
        if trade.trade_id.__class__ is int:
            force_setattr(trade, "trade_id", str(trade.trade_id))
        if trade.order_id.__class__ is int:
            force_setattr(trade, "order_id", str(trade.order_id))
        if trade.repo is not None:
            _publish_repo_detail((trade.repo,))


_SUMMARY: Final[Shape[Summary]] = Shape(Summary)
SUMMARY: Final[Shapes[Summary]] = Shapes(
    simple=_SUMMARY,
    slim=Shape(_SummarySlim, publish=single(_publish_summary), alternates=(("bp2v", "bpv2"),)),
    heavy=_SUMMARY,
)


_POSITION_LIST: Final[Shape[list[Position]]] = Shape(list[Position])
POSITION_LIST: Final[Shapes[list[Position]]] = Shapes(
    simple=_POSITION_LIST, slim=Shape(list[_PositionSlim], publish=each(_publish_position)), heavy=_POSITION_LIST
)


_POSITION: Final[Shape[Position]] = Shape(Position)
POSITION: Final[Shapes[Position]] = Shapes(
    simple=_POSITION, slim=Shape(_PositionSlim, publish=become(Position)), heavy=_POSITION
)


_PORTFOLIO_RISK: Final[Shape[PortfolioRisk]] = Shape(PortfolioRisk, zoneless=("calculationTime",))
PORTFOLIO_RISK: Final[Shapes[PortfolioRisk]] = Shapes(
    simple=_PORTFOLIO_RISK,
    slim=Shape(_PortfolioRiskSlim, publish=become(PortfolioRisk), zoneless=("t",)),
    heavy=_PORTFOLIO_RISK,
)


_FUTURES_RISK: Final[Shape[FuturesRisk]] = Shape(FuturesRisk)
FUTURES_RISK: Final[Shapes[FuturesRisk]] = Shapes(
    simple=_FUTURES_RISK, slim=Shape(_FuturesRiskSlim, publish=become(FuturesRisk)), heavy=_FUTURES_RISK
)


_ORDER_LIST: Final[Shape[list[Order]]] = Shape(
    list[Order], publish=each(_publish_order), zoneless=("transTime", "updateTime")
)
ORDER_LIST: Final[Shapes[list[Order]]] = Shapes(
    simple=_ORDER_LIST,
    slim=Shape(list[_OrderSlim], publish=each(_publish_order_slim), zoneless=("tt", "ut")),
    heavy=_ORDER_LIST,
)


_ORDER: Final[Shape[Order]] = Shape(Order, publish=single(_publish_order), zoneless=("transTime", "updateTime"))
ORDER: Final[Shapes[Order]] = Shapes(
    simple=_ORDER, slim=Shape(_OrderSlim, publish=single(_publish_order_slim), zoneless=("tt", "ut")), heavy=_ORDER
)


STOP_ORDER_LIST: Final[Shapes[list[StopOrder]]] = Shapes(
    simple=Shape(
        list[_StopOrderSimple],
        publish=each(_publish_stop_order_simple),
        zoneless=("endTime", "transTime", "updateTime"),
    ),
    slim=Shape(list[_StopOrderSlim], publish=each(_publish_stop_order_slim), zoneless=("et", "tt", "ut")),
    heavy=Shape(list[StopOrder], publish=each(_publish_stop_order), zoneless=("endTime", "transTime", "updateTime")),
)


STOP_ORDER: Final[Shapes[StopOrder]] = Shapes(
    simple=Shape(
        _StopOrderSimple, publish=single(_publish_stop_order_simple), zoneless=("endTime", "transTime", "updateTime")
    ),
    slim=Shape(_StopOrderSlim, publish=single(_publish_stop_order_slim), zoneless=("et", "tt", "ut")),
    heavy=Shape(StopOrder, publish=single(_publish_stop_order), zoneless=("endTime", "transTime", "updateTime")),
)


TRADE_LIST: Final[Shapes[list[Trade]]] = Shapes(
    simple=Shape(list[_TradeSimple], publish=each(_publish_trade_simple), zoneless=("date",)),
    slim=Shape(list[_TradeSlim], publish=each(_publish_trade_slim), zoneless=("d",), alternates=(("value", "val"),)),
    heavy=Shape(
        list[Trade], publish=each(_publish_trade), zoneless=("date", "settleDate"), alternates=(("orderno", "orderNo"),)
    ),
)


TRADE: Final[Shapes[Trade]] = Shapes(
    simple=Shape(_TradeSimple, publish=single(_publish_trade_simple), zoneless=("date",)),
    slim=Shape(_TradeSlim, publish=single(_publish_trade_slim), zoneless=("d",), alternates=(("value", "val"),)),
    heavy=Shape(
        Trade, publish=single(_publish_trade), zoneless=("date", "settleDate"), alternates=(("orderno", "orderNo"),)
    ),
)
