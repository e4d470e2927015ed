"""The tables of what belongs to a client: orders, trades, positions, risk, groups."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from alor_async.sandbox.core import entities as core
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.enums import Condition
from alor_async.sandbox.gateway.encode import Row, Table, Wire, same, single, utc, zoneless
from alor_async.values import Format

_ICEBERG: Table[core.Iceberg] = Table(
    same("fixed_lots", "creationFixedQuantity", "cf"),
    same("variance_percent", "creationVarianceQuantity", "cv"),
    same("visible_units", "visibleQuantity", "v"),
    same("visible_lots", "visibleQuantityBatch", "vb"),
    same("visible_filled_units", "visibleFilledQuantity", "vf"),
    same("visible_filled_lots", "visibleFilledQuantityBatch", "vfb"),
)

_REPO: Table[core.RepoDetails] = Table(
    same("rate", "repoRate", "r"),
    same("external_reference", "extRef", "exr"),
    same("term_days", "repoTerm", "tm"),
    same("account", "account", "a"),
    same("trade_kind", "tradeTypeInfo", "t"),
    same("value", "value", "v"),
    same("yield_", "yield", "y"),
)


def _nested(attribute: str, table: Table[Any], format: Format) -> Callable[[Any], Wire | None]:
    """A part of an entity, written by another table in the short or the long spelling; null when it is not there."""

    def read(entity: object) -> Wire | None:
        part = getattr(entity, attribute)
        return None if part is None else table.one(part, format)

    return read


def _parts(attribute: str, table: Table[Any], key: str, slim: str) -> tuple[Row, Row]:
    """The two rows of a nested object: long keys in Simple and Heavy, short ones in Slim."""
    return (
        Row(_nested(attribute, table, Format.HEAVY), key, "", key),
        Row(_nested(attribute, table, Format.SLIM), "", slim, ""),
    )


ORDER: Table[core.Order] = Table(
    same("order_id", "id", "id"),
    same("symbol", "symbol", "sym"),
    same("board", "board", "bd"),
    same("broker_symbol", "brokerSymbol", "tic"),
    same("portfolio", "portfolio", "p"),
    same("exchange", "exchange", "ex"),
    same("comment", "comment", "cmt"),
    same("order_type", "type", "t"),
    same("side", "side", "s"),
    same("status", "status", "st"),
    same(utc("created_at"), "transTime", "tt"),
    same(utc("updated_at"), "updateTime", "ut"),
    same(utc("expires_at"), "endTime"),
    Row(zoneless("expires_at"), "", "et", ""),
    same("units", "qtyUnits", "q"),
    same("lots", "qtyBatch", "qb"),
    Row("lots", "qty", "", ""),
    same("filled_units", "filledQtyUnits", "fq"),
    same("filled_lots", "filledQtyBatch", "fqb"),
    Row("filled_lots", "filled", "", ""),
    same("price", "price", "px"),
    same("time_in_force", "timeInForce", "tf"),
    *_parts("iceberg", _ICEBERG, "iceberg", "i"),
    same("volume", "volume", "v"),
    existing=("existing", "h", "existing"),
)

_PASCAL = {
    Condition.MORE: "More",
    Condition.LESS: "Less",
    Condition.MORE_OR_EQUAL: "MoreOrEqual",
    Condition.LESS_OR_EQUAL: "LessOrEqual",
}


def stop_orders(assumptions: Assumptions) -> Table[core.StopOrder]:
    """How conditional orders are written; two of their keys are spelled one way or the other."""
    return _stop_orders(assumptions.stop_id_type == "number", assumptions.condition_spelling == "pascal")


def _number(stop: core.StopOrder) -> int:
    return int(stop.order_id)


def _pascal(stop: core.StopOrder) -> str:
    return _PASCAL[stop.condition]


@cache
def _stop_orders(has_numbers: bool, is_pascal: bool) -> Table[core.StopOrder]:
    return Table(
        same(_number if has_numbers else "order_id", "id", "id"),
        same("exchange_order_id", "exchangeOrderId", "eid"),
        same("symbol", "symbol", "sym"),
        same("broker_symbol", "brokerSymbol", "tic"),
        same("portfolio", "portfolio", "p"),
        same("exchange", "exchange", "ex"),
        same("comment", "comment", "cmt"),
        same("board", "board", "bd"),
        same("order_type", "type", "t"),
        same("side", "side", "s"),
        same(_pascal if is_pascal else "condition", "condition", "cnd"),
        same("status", "status", "st"),
        same(utc("created_at"), "transTime", "tt"),
        same(utc("updated_at"), "updateTime", "ut"),
        same(utc("expires_at"), "endTime", "et"),
        same("error", "error", "err"),
        same("units", "qtyUnits", "q"),
        same("lots", "qtyBatch", "qb"),
        Row("lots", "qty", "", ""),
        Row("filled_units", "filled", "", ""),
        same("filled_units", "filledQtyUnits", "fq"),
        same("filled_lots", "filledQtyBatch", "fqb"),
        same("price", "price", "px"),
        Row("average_price", "avg_price", "pxavg", "avgPrice"),
        same("stop_price", "stopPrice", "pxs"),
        same("time_in_force", "timeInForce", "tf"),
        *_parts("iceberg", _ICEBERG, "iceberg", "i"),
        same("volume", "volume", "v"),
        same("protecting_seconds", "protectingSeconds", "psec"),
        existing=("existing", "h", "existing"),
    )


TRADE: Table[core.OwnTrade] = Table(
    same("trade_id", "id", "id"),
    Row("order_id", "orderno", "eid", "orderNo"),
    same("comment", "comment", "cmt"),
    same("symbol", "symbol", "sym"),
    Row("short_name", "", "", "shortName"),
    same("broker_symbol", "brokerSymbol", "tic"),
    same("exchange", "exchange", "ex"),
    same(utc("traded_at"), "date", "d"),
    same("board", "board", "b"),
    same("units", "qtyUnits", "q"),
    same("lots", "qtyBatch", "qb"),
    same("lots", "qty"),
    same("price", "price", "px"),
    Row("currency", "", "", "currency"),
    same("accrued_interest", "accruedInt", "ai"),
    same("side", "side", "s"),
    same("commission", "commission", "cms"),
    *_parts("repo", _REPO, "repoSpecificFields", "r"),
    same("volume", "volume", "v"),
    Row(utc("settles_at"), "", "", "settleDate"),
    same("value", "value", "val"),
    existing=("existing", "h", "existing"),
)


def _lots(attribute: str) -> Callable[[core.Position], object]:
    return lambda position: position.lots(getattr(position, attribute))


POSITION: Table[core.Position] = Table(
    same("volume", "volume", "v"),
    same("current_volume", "currentVolume", "cv"),
    same("symbol", "symbol", "sym"),
    same("broker_symbol", "brokerSymbol", "tic"),
    same("portfolio", "portfolio", "p"),
    same("exchange", "exchange", "ex"),
    same("average_price", "avgPrice", "pxavg"),
    same("units", "qtyUnits", "q"),
    same("open_units", "openUnits", "o"),
    same("lot_size", "lotSize", "lot"),
    same("short_name", "shortName", "n"),
    same("units_t0", "qtyT0", "q0"),
    same("units_t1", "qtyT1", "q1"),
    same("units_t2", "qtyT2", "q2"),
    same("units_future", "qtyTFuture", "qf"),
    same(_lots("units_t0"), "qtyT0Batch"),
    same(_lots("units_t1"), "qtyT1Batch"),
    same(_lots("units_t2"), "qtyT2Batch"),
    same(_lots("units_future"), "qtyTFutureBatch"),
    Row(_lots("units_future"), "qtyBatch", "", ""),
    same(_lots("open_units"), "openQtyBatch"),
    Row(_lots("units"), "qty", "", ""),
    Row("open_units", "open", "", ""),
    same("daily_unrealised_profit", "dailyUnrealisedPl", "upd"),
    same("unrealised_profit", "unrealisedPl", "up"),
    same("is_currency", "isCurrency", "cur"),
    existing=("existing", "h", "existing"),
)

_BUYING_POWER: Table[core.CurrencyBuyingPower] = Table(
    same("currency", "currency", "cr"), same("buying_power", "buyingPower", "bp")
)


def _buying_power(format: Format) -> Callable[[core.Summary], object]:
    return lambda summary: _BUYING_POWER.many(summary.buying_power_by_currency, format)


SUMMARY: Table[core.Summary] = Table(
    same("buying_power_at_morning", "buyingPowerAtMorning", "bpm"),
    same("buying_power", "buyingPower", "bp"),
    same("profit", "profit", "p"),
    same("profit_rate", "profitRate", "pr"),
    same("portfolio_evaluation", "portfolioEvaluation", "pe"),
    same("portfolio_liquidation_value", "portfolioLiquidationValue", "plv"),
    same("initial_margin", "initialMargin", "im"),
    same("corrected_margin", "correctedMargin", "mgc"),
    same("risk_before_force_position_closing", "riskBeforeForcePositionClosing", "r"),
    same("commission", "commission", "cms"),
    Row(_buying_power(Format.HEAVY), "buyingPowerByCurrency", "", "buyingPowerByCurrency"),
    Row(_buying_power(Format.SLIM), "", "bpv2", ""),
)

RISK: Table[core.PortfolioRisk] = Table(
    same("portfolio", "portfolio", "p"),
    same("exchange", "exchange", "ex"),
    same("portfolio_evaluation", "portfolioEvaluation", "pe"),
    same("portfolio_liquidation_value", "portfolioLiquidationValue", "plv"),
    same("initial_margin", "initialMargin", "mgi"),
    same("minimal_margin", "minimalMargin", "mgmn"),
    same("corrected_margin", "correctedMargin", "mgc"),
    same("risk_coverage_ratio_one", "riskCoverageRatioOne", "r1"),
    same("risk_coverage_ratio_two", "riskCoverageRatioTwo", "r2"),
    same("risk_category_id", "riskCategoryId", "rid"),
    same("client_type", "clientType", "ct"),
    same("has_forbidden_positions", "hasForbiddenPositions", "fpos"),
    same("has_negative_quantity", "hasNegativeQuantity", "nq"),
    same("risk_status", "riskStatus", "rst"),
    same(utc("calculated_at"), "calculationTime", "t"),
)

FUTURES_RISK: Table[core.FuturesRisk] = Table(
    Row("balance_money", "balanceMoney", "", ""),
    same("portfolio", "portfolio", "p"),
    same("money_free", "moneyFree", "f"),
    same("money_blocked", "moneyBlocked", "b"),
    same("fee", "fee", "fee"),
    same("money_old", "moneyOld", "o"),
    same("money_amount", "moneyAmount", "a"),
    same("money_pledge_amount", "moneyPledgeAmount", "pa"),
    same("vm_intermediate_clearing", "vmInterCl", "mgc"),
    same("vm_current_positions", "vmCurrentPositions", "mgp"),
    same("variation_margin", "varMargin"),
    same("indicative_variation_margin", "indicativeVarMargin", "ivm"),
    same("net_option_value", "netOptionValue", "nov"),
    same("position_risk", "posRisk", "pr"),
    same("is_limits_set", "isLimitsSet", "lim"),
)

ESTIMATE: Table[core.OrderEstimate] = single(
    ("portfolio", "portfolio"),
    ("symbol", "ticker"),
    ("exchange", "exchange"),
    ("board", "board"),
    ("quantity_to_sell", "quantityToSell"),
    ("quantity_to_buy", "quantityToBuy"),
    ("unlevered_quantity_to_sell", "notMarginQuantityToSell"),
    ("unlevered_quantity_to_buy", "notMarginQuantityToBuy"),
    ("evaluation", "orderEvaluation"),
    ("commission", "commission"),
    ("buy_price", "buyPrice"),
    ("is_united_portfolio", "isUnitedPortfolio"),
)


def _members(group: core.OrderGroup) -> object:
    return [{"orderId": order_id} for order_id in group.order_ids]


GROUP: Table[core.OrderGroup] = single(
    ("group_id", "id"),
    ("login", "login"),
    (_members, "orders"),
    ("policy", "executionPolicy"),
    ("status", "status"),
    (utc("created_at"), "createdAt"),
    (utc("closed_at"), "closedAt"),
)
