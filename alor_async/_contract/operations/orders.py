"""The operations of `alor.orders`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.answers import ORDER_ACCEPTED
from alor_async._contract.wire.orders import ORDER_ESTIMATE, ORDER_ESTIMATE_LIST
from alor_async._contract.wire.plain import SUCCESS
from alor_async._http.request import Kind, Lane, Operation, Parameter, Place

__all__ = [
    "ORDERS_CANCEL",
    "ORDERS_CANCEL_ALL",
    "ORDERS_ESTIMATE",
    "ORDERS_ESTIMATE_ALL",
    "ORDERS_PLACE_LIMIT",
    "ORDERS_PLACE_MARKET",
    "ORDERS_REPLACE_LIMIT",
    "ORDERS_REPLACE_MARKET",
]


# Place a market order.
ORDERS_PLACE_MARKET: Final = Operation(
    "orders.place_market",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/market",
    answer=ORDER_ACCEPTED,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Place a limit order.
ORDERS_PLACE_LIMIT: Final = Operation(
    "orders.place_limit",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/limit",
    answer=ORDER_ACCEPTED,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Replace a market order.
ORDERS_REPLACE_MARKET: Final = Operation(
    "orders.replace_market",
    "PUT",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/market/{orderId}",
    answer=ORDER_ACCEPTED,
    parameters=(Parameter("order_id", "orderId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Replace a limit order.
ORDERS_REPLACE_LIMIT: Final = Operation(
    "orders.replace_limit",
    "PUT",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/limit/{orderId}",
    answer=ORDER_ACCEPTED,
    parameters=(Parameter("order_id", "orderId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Cancel an order.
ORDERS_CANCEL: Final = Operation(
    "orders.cancel",
    "DELETE",
    "/commandapi/warptrans/TRADE/v2/client/orders/{orderId}",
    answer=SUCCESS,
    parameters=(
        Parameter("order_id", "orderId", Place.PATH),
        Parameter("portfolio", "portfolio", Place.QUERY),
        Parameter("exchange", "exchange", Place.QUERY),
        Parameter("stop", "stop", Place.QUERY),
    ),
    kind=Kind.COMMAND,
    lane=Lane.CANCEL,
)

# Cancel all orders of a portfolio.
ORDERS_CANCEL_ALL: Final = Operation(
    "orders.cancel_all",
    "DELETE",
    "/commandapi/warptrans/TRADE/v2/client/orders/all",
    answer=SUCCESS,
    parameters=(
        Parameter("exchange", "exchange", Place.QUERY),
        Parameter("portfolio", "portfolio", Place.QUERY),
        Parameter("stop", "stop", Place.QUERY),
    ),
    kind=Kind.COMMAND,
    lane=Lane.CANCEL,
)

# Estimate an order.
ORDERS_ESTIMATE: Final = Operation(
    "orders.estimate",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/estimate",
    answer=ORDER_ESTIMATE,
)

# Estimate several orders.
ORDERS_ESTIMATE_ALL: Final = Operation(
    "orders.estimate_all",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/estimate/all",
    answer=ORDER_ESTIMATE_LIST,
)
