"""Commands: orders and conditional orders placed, replaced, cancelled and estimated."""

from __future__ import annotations

from alor_async.sandbox.core.commands import (
    CancelAll,
    CancelOrder,
    CommandResult,
    EstimateOrder,
    Rejected,
    ReplaceOrder,
    ReplaceStop,
)
from alor_async.sandbox.gateway import encode_account as encode
from alor_async.sandbox.gateway.call import Call, Fields, Reply, json_reply, read_array, text_reply
from alor_async.sandbox.gateway.order_fields import read_order, read_stop
from alor_async.sandbox.gateway.rest.account import order_number
from alor_async.sandbox.gateway.routing import Route


def place_market(call: Call) -> Reply:
    """Place a market order."""
    return _answer(call.exchange.place_order(read_order(call.fields(), call.own, is_limit=False)))


def place_limit(call: Call) -> Reply:
    """Place a limit order."""
    return _answer(call.exchange.place_order(read_order(call.fields(), call.own, is_limit=True)))


def replace_market(call: Call) -> Reply:
    """Replace an order by a market order."""
    order = read_order(call.fields(), call.own, is_limit=False)
    return _answer(call.exchange.replace_order(ReplaceOrder(order_id=order_number(call, "orderId"), order=order)))


def replace_limit(call: Call) -> Reply:
    """Replace an order by a limit order."""
    order = read_order(call.fields(), call.own, is_limit=True)
    return _answer(call.exchange.replace_order(ReplaceOrder(order_id=order_number(call, "orderId"), order=order)))


def place_stop(call: Call) -> Reply:
    """Place a conditional order that becomes a market order."""
    return _answer(call.exchange.place_stop(read_stop(call.fields(), call.own, is_limit=False)))


def place_stop_limit(call: Call) -> Reply:
    """Place a conditional order that becomes a limit order."""
    return _answer(call.exchange.place_stop(read_stop(call.fields(), call.own, is_limit=True)))


def replace_stop(call: Call) -> Reply:
    """Replace a conditional order."""
    order = read_stop(call.fields(), call.own, is_limit=False)
    return _answer(call.exchange.replace_stop(ReplaceStop(order_id=order_number(call, "stopOrderId"), order=order)))


def replace_stop_limit(call: Call) -> Reply:
    """Replace a conditional limit order."""
    order = read_stop(call.fields(), call.own, is_limit=True)
    return _answer(call.exchange.replace_stop(ReplaceStop(order_id=order_number(call, "stopOrderId"), order=order)))


def cancel(call: Call) -> Reply:
    """Cancel one order; bare text unless JSON is asked for."""
    query = call.query
    portfolio = call.own(query.required("portfolio"))
    query.required("exchange")
    query.required("stop")
    is_stop = bool(query.flag("stop"))
    result = call.exchange.cancel_order(
        CancelOrder(portfolio=portfolio, order_id=order_number(call, "orderId"), is_stop=is_stop)
    )
    if isinstance(result, Rejected):
        return _refusal(result)
    return json_reply({"message": "success"}) if query.flag("jsonResponse") else text_reply("success")


def cancel_all(call: Call) -> Reply:
    """Cancel every working order of a portfolio: one kind, or both when none is named."""
    query = call.query
    query.required("exchange")
    portfolio = call.own(query.required("portfolio"))
    only = query.flag("stop")
    kinds = (False, True) if only is None else (only,)
    results = [call.exchange.cancel_all(CancelAll(portfolio=portfolio, is_stop=is_stop)) for is_stop in kinds]
    refusals = [result for result in results if isinstance(result, Rejected)]
    if len(refusals) == len(results):
        return json_reply({"code": refusals[0].code.wire_name, "message": refusals[0].message}, 400)
    return json_reply("success") if call.exchange.assumptions.cancel_all_text == "quoted" else text_reply("success")


def estimate(call: Call) -> Reply:
    """What one order would cost."""
    return json_reply(encode.ESTIMATE.one(call.exchange.estimate(_estimate(call, call.fields()))))


def estimate_all(call: Call) -> Reply:
    """What each of several orders would cost."""
    requests = [_estimate(call, Fields(item)) for item in read_array(call.body)]
    return json_reply(encode.ESTIMATE.many(call.exchange.estimate(request) for request in requests))


def _estimate(call: Call, fields: Fields) -> EstimateOrder:
    return EstimateOrder(
        portfolio=call.own(fields.text("portfolio")),
        exchange=fields.text("exchange").upper(),
        symbol=fields.text("ticker"),
        board=fields.text_or_none("board"),
        price=fields.decimal_or_none("price"),
        lots=fields.integer_or_none("lotQuantity"),
        budget=fields.decimal_or_none("budget"),
        include_limit_orders=fields.flag("includeLimitOrders"),
    )


def _answer(result: CommandResult) -> Reply:
    if isinstance(result, Rejected):
        return _refusal(result)
    return json_reply({"message": result.message, "orderNumber": result.order_id})


def _refusal(result: Rejected) -> Reply:
    return json_reply({"code": result.wire_code, "message": result.message}, 400)


_ORDERS = "/commandapi/warptrans/TRADE/v2/client/orders"
_CREATE = "OrdersCreate"
ROUTES = (
    Route("orders.place_market", "POST", f"{_ORDERS}/actions/market", place_market, scope=_CREATE, has_request_id=True),
    Route("orders.place_limit", "POST", f"{_ORDERS}/actions/limit", place_limit, scope=_CREATE, has_request_id=True),
    Route(
        "orders.replace_market",
        "PUT",
        f"{_ORDERS}/actions/market/{{orderId}}",
        replace_market,
        scope=_CREATE,
        has_request_id=True,
    ),
    Route(
        "orders.replace_limit",
        "PUT",
        f"{_ORDERS}/actions/limit/{{orderId}}",
        replace_limit,
        scope=_CREATE,
        has_request_id=True,
    ),
    Route("orders.cancel", "DELETE", f"{_ORDERS}/{{orderId}}", cancel, scope=_CREATE),
    Route("orders.cancel_all", "DELETE", f"{_ORDERS}/all", cancel_all, scope=_CREATE),
    Route("orders.estimate", "POST", f"{_ORDERS}/estimate", estimate),
    Route("orders.estimate_all", "POST", f"{_ORDERS}/estimate/all", estimate_all),
    Route("stop_orders.place_stop", "POST", f"{_ORDERS}/actions/stop", place_stop, scope=_CREATE, has_request_id=True),
    Route(
        "stop_orders.place_stop_limit",
        "POST",
        f"{_ORDERS}/actions/stopLimit",
        place_stop_limit,
        scope=_CREATE,
        has_request_id=True,
    ),
    Route(
        "stop_orders.replace_stop",
        "PUT",
        f"{_ORDERS}/actions/stop/{{stopOrderId}}",
        replace_stop,
        scope=_CREATE,
        has_request_id=True,
    ),
    Route(
        "stop_orders.replace_stop_limit",
        "PUT",
        f"{_ORDERS}/actions/stopLimit/{{stopOrderId}}",
        replace_stop_limit,
        scope=_CREATE,
        has_request_id=True,
    ),
)
