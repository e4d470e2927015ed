"""What belongs to a client: money, positions, risk, orders and trades of the past and of today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from alor_async.sandbox.core.entities import Order, StopOrder
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.gateway import encode_account as encode
from alor_async.sandbox.gateway.call import Call, Refused, Reply, invalid, json_reply, written_reply
from alor_async.sandbox.gateway.order_fields import is_order_number
from alor_async.sandbox.gateway.routing import Route

AnyOrder = TypeVar("AnyOrder", Order, StopOrder)

_MOST_TRADES = 1000


def get_summary(call: Call) -> Reply:
    """A portfolio in a few numbers."""
    return json_reply(encode.SUMMARY.one(call.exchange.get_summary(call.own(call.path["portfolio"])), call.format))


def list_positions(call: Call) -> Reply:
    """Holdings and money."""
    without_currency = bool(call.query.flag("withoutCurrency"))
    found = call.exchange.list_positions(call.own(call.path["portfolio"]), without_currency=without_currency)
    return written_reply(encode.POSITION.written.list_of(found, call.format))


def list_positions_by_login(call: Call) -> Reply:
    """Holdings and money of the portfolios of a login that the token names."""
    if call.grant is None or call.path["login"].upper() != call.grant.login.upper():
        raise Refused(Reply(403))
    without_currency = bool(call.query.flag("withoutCurrency"))
    found = call.exchange.list_positions_by_login(call.grant.login, without_currency=without_currency)
    allowed = call.grant.portfolios
    return written_reply(
        encode.POSITION.written.list_of((one for one in found if one.portfolio in allowed), call.format)
    )


def get_position(call: Call) -> Reply:
    """One holding."""
    found = call.exchange.get_position(call.own(call.path["portfolio"]), call.path["symbol"])
    return Reply(404) if found is None else written_reply(encode.POSITION.written.bytes_of(found, call.format))


def get_risk(call: Call) -> Reply:
    """Margin."""
    return json_reply(encode.RISK.one(call.exchange.get_risk(call.own(call.path["portfolio"])), call.format))


def get_futures_risk(call: Call) -> Reply:
    """Money on the derivatives market."""
    found = call.exchange.get_futures_risk(call.own(call.path["portfolio"]))
    return json_reply(encode.FUTURES_RISK.one(found, call.format))


def _seen(call: Call, orders: Sequence[AnyOrder]) -> list[AnyOrder]:
    """The orders that are old enough to be seen, which are all unless a fault makes reads lag."""
    return [order for order in orders if call.sees(order.created_at)]


def list_orders(call: Call) -> Reply:
    """Exchange orders."""
    found = _seen(call, call.exchange.list_orders(call.own(call.path["portfolio"])))
    if not found and call.exchange.assumptions.no_orders == "not_found":
        return Reply(404)
    return written_reply(encode.ORDER.written.list_of(found, call.format))


def get_order(call: Call) -> Reply:
    """One exchange order."""
    found = call.exchange.get_order(call.own(call.path["portfolio"]), order_number(call, "orderId"))
    return (
        Reply(404)
        if found is None or not call.sees(found.created_at)
        else written_reply(encode.ORDER.written.bytes_of(found, call.format))
    )


def list_stop_orders(call: Call) -> Reply:
    """Conditional orders."""
    found = _seen(call, call.exchange.list_stop_orders(call.own(call.path["portfolio"])))
    if not found and call.exchange.assumptions.no_orders == "not_found":
        return Reply(404)
    return json_reply(encode.stop_orders(call.exchange.assumptions).many(found, call.format))


def get_stop_order(call: Call) -> Reply:
    """One conditional order."""
    found = call.exchange.get_stop_order(call.own(call.path["portfolio"]), order_number(call, "orderId"))
    return (
        Reply(404)
        if found is None or not call.sees(found.created_at)
        else json_reply(encode.stop_orders(call.exchange.assumptions).one(found, call.format))
    )


def list_trades(call: Call) -> Reply:
    """Own trades of this session."""
    call.query.flag("withRepo")
    found = call.exchange.list_trades(
        call.own(call.path["portfolio"]), symbol=call.path.get("symbol"), board=call.board
    )
    return json_reply(encode.TRADE.many((one for one in found if call.sees(one.traded_at)), call.format))


def list_trades_history(call: Call) -> Reply:
    """Own trades of earlier sessions."""
    query = call.query
    query.flag("withRepo")
    found = call.exchange.list_trades_history(
        call.own(call.path["portfolio"]),
        symbol=call.path.get("symbol") or query.text("ticker"),
        board=call.board,
        from_time=_from_time(query.text("dateFrom")),
        from_id=query.long("from"),
        side=query.choice("side", Side),
        descending=bool(query.flag("descending")),
        order_by_trade_date=bool(query.flag("orderByTradeDate")),
        limit=query.integer("limit", least=1, most=_MOST_TRADES) or _MOST_TRADES,
    )
    return json_reply(encode.TRADE.many(found, call.format))


def order_number(call: Call, name: str) -> str:
    """A path parameter that is an order number."""
    text = call.path[name]
    if not is_order_number(text):
        raise invalid(name, f"The value '{text[:80]}' is not valid.")
    return text


def _from_time(text: str | None) -> datetime | None:
    """A date, which means its first moment in UTC, or a moment."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("dateFrom", f"The value '{text[:80]}' is not valid.") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


_CLIENT = "/md/v2/Clients/{exchange}/{portfolio}"
_STATS = "/md/v2/Stats/{exchange}/{portfolio}/history/trades"
ROUTES = (
    Route("account.get_summary", "GET", f"{_CLIENT}/summary", get_summary, scope="Personal"),
    Route("account.list_positions", "GET", f"{_CLIENT}/positions", list_positions, scope="Personal"),
    Route("account.get_position", "GET", f"{_CLIENT}/positions/{{symbol}}", get_position, scope="Personal"),
    Route(
        "account.list_positions_by_login",
        "GET",
        "/md/v2/Clients/{login}/positions",
        list_positions_by_login,
        scope="Personal",
    ),
    Route("account.get_risk", "GET", f"{_CLIENT}/risk", get_risk, scope="Personal"),
    Route("account.get_futures_risk", "GET", f"{_CLIENT}/fortsrisk", get_futures_risk, scope="Personal"),
    Route("account.list_orders", "GET", f"{_CLIENT}/orders", list_orders, scope="OrdersRead"),
    Route("account.get_order", "GET", f"{_CLIENT}/orders/{{orderId}}", get_order, scope="OrdersRead"),
    Route("account.list_stop_orders", "GET", f"{_CLIENT}/stoporders", list_stop_orders, scope="OrdersRead"),
    Route("account.get_stop_order", "GET", f"{_CLIENT}/stoporders/{{orderId}}", get_stop_order, scope="OrdersRead"),
    Route("account.list_trades", "GET", f"{_CLIENT}/trades", list_trades, scope="Trades"),
    Route("account.list_trades_of", "GET", f"{_CLIENT}/{{symbol}}/trades", list_trades, scope="Trades"),
    Route("account.list_trades_history", "GET", _STATS, list_trades_history, scope="Trades"),
    Route("account.list_trades_history_of", "GET", f"{_STATS}/{{symbol}}", list_trades_history, scope="Trades"),
)
