"""The operations of `alor.stop_orders`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.answers import ORDER_ACCEPTED
from alor_async._contract.wire.plain import SUCCESS
from alor_async._http.request import Kind, Lane, Operation, Parameter, Place

__all__ = [
    "STOP_ORDERS_CANCEL",
    "STOP_ORDERS_CANCEL_ALL",
    "STOP_ORDERS_PLACE_STOP",
    "STOP_ORDERS_PLACE_STOP_LIMIT",
    "STOP_ORDERS_REPLACE_STOP",
    "STOP_ORDERS_REPLACE_STOP_LIMIT",
]


# Place a stop order.
STOP_ORDERS_PLACE_STOP: Final = Operation(
    "stop_orders.place_stop",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/stop",
    answer=ORDER_ACCEPTED,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Place a stop-limit order.
STOP_ORDERS_PLACE_STOP_LIMIT: Final = Operation(
    "stop_orders.place_stop_limit",
    "POST",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/stopLimit",
    answer=ORDER_ACCEPTED,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Replace a stop order.
STOP_ORDERS_REPLACE_STOP: Final = Operation(
    "stop_orders.replace_stop",
    "PUT",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/stop/{stopOrderId}",
    answer=ORDER_ACCEPTED,
    parameters=(Parameter("order_id", "stopOrderId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Replace a stop-limit order.
STOP_ORDERS_REPLACE_STOP_LIMIT: Final = Operation(
    "stop_orders.replace_stop_limit",
    "PUT",
    "/commandapi/warptrans/TRADE/v2/client/orders/actions/stopLimit/{stopOrderId}",
    answer=ORDER_ACCEPTED,
    parameters=(Parameter("order_id", "stopOrderId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)

# Cancel an order.
STOP_ORDERS_CANCEL: Final = Operation(
    "stop_orders.cancel",
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
STOP_ORDERS_CANCEL_ALL: Final = Operation(
    "stop_orders.cancel_all",
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
