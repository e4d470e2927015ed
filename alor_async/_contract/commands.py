"""What is said over /cws: one constant a command, and what opens the way for them.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Any, Final

from alor_async._contract.bodies import (
    CancellationBody,
    LimitOrderBody,
    LimitOrderReplacementBody,
    MarketOrderBody,
    StopLimitOrderBody,
    StopLimitOrderReplacementBody,
    StopOrderBody,
)
from alor_async._contract.wire.answers import COMMAND_REPLY
from alor_async._http.message import CommandSpec, SignalSpec

__all__ = [
    "ALL",
    "COMMAND_SOCKET_AUTHORIZE",
    "COMMAND_SOCKET_PING",
    "ORDERS_CANCEL_LIMIT",
    "ORDERS_CANCEL_MARKET",
    "ORDERS_PLACE_LIMIT",
    "ORDERS_PLACE_MARKET",
    "ORDERS_REPLACE_LIMIT",
    "ORDERS_REPLACE_MARKET",
    "STOP_ORDERS_CANCEL_STOP",
    "STOP_ORDERS_CANCEL_STOP_LIMIT",
    "STOP_ORDERS_PLACE_STOP",
    "STOP_ORDERS_PLACE_STOP_LIMIT",
    "STOP_ORDERS_REPLACE_STOP",
    "STOP_ORDERS_REPLACE_STOP_LIMIT",
]


# Place a market order.
ORDERS_PLACE_MARKET: Final = CommandSpec(
    "orders.place_market",
    "create:market",
    body=MarketOrderBody,
    reply=COMMAND_REPLY,
)


# Place a limit order.
ORDERS_PLACE_LIMIT: Final = CommandSpec(
    "orders.place_limit",
    "create:limit",
    body=LimitOrderBody,
    reply=COMMAND_REPLY,
)


# Place a conditional order that sends a market order.
STOP_ORDERS_PLACE_STOP: Final = CommandSpec(
    "stop_orders.place_stop",
    "create:stop",
    body=StopOrderBody,
    reply=COMMAND_REPLY,
)


# Place a conditional order that sends a limit order.
STOP_ORDERS_PLACE_STOP_LIMIT: Final = CommandSpec(
    "stop_orders.place_stop_limit",
    "create:stopLimit",
    body=StopLimitOrderBody,
    reply=COMMAND_REPLY,
)


# Cancel an order and place a market order in its stead.
ORDERS_REPLACE_MARKET: Final = CommandSpec(
    "orders.replace_market",
    "update:market",
    body=MarketOrderBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel an order and place a limit order in its stead.
ORDERS_REPLACE_LIMIT: Final = CommandSpec(
    "orders.replace_limit",
    "update:limit",
    body=LimitOrderReplacementBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a conditional order and place another that sends a market order.
STOP_ORDERS_REPLACE_STOP: Final = CommandSpec(
    "stop_orders.replace_stop",
    "update:stop",
    body=StopOrderBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a conditional order and place another that sends a limit order.
STOP_ORDERS_REPLACE_STOP_LIMIT: Final = CommandSpec(
    "stop_orders.replace_stop_limit",
    "update:stopLimit",
    body=StopLimitOrderReplacementBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a market order.
ORDERS_CANCEL_MARKET: Final = CommandSpec(
    "orders.cancel_market",
    "delete:market",
    body=CancellationBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a limit order.
ORDERS_CANCEL_LIMIT: Final = CommandSpec(
    "orders.cancel_limit",
    "delete:limit",
    body=CancellationBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a conditional order that sends a market order.
STOP_ORDERS_CANCEL_STOP: Final = CommandSpec(
    "stop_orders.cancel_stop",
    "delete:stop",
    body=CancellationBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Cancel a conditional order that sends a limit order.
STOP_ORDERS_CANCEL_STOP_LIMIT: Final = CommandSpec(
    "stop_orders.cancel_stop_limit",
    "delete:stopLimit",
    body=CancellationBody,
    reply=COMMAND_REPLY,
    has_order_id=True,
)


# Prove who sends the commands that follow.
COMMAND_SOCKET_AUTHORIZE: Final = SignalSpec(
    "command_socket.authorize",
    "authorize",
    reply=COMMAND_REPLY,
)


# Ask for a sign of life.
COMMAND_SOCKET_PING: Final = SignalSpec(
    "command_socket.ping",
    "ping",
    reply=COMMAND_REPLY,
    constants={"confirm": True},
    has_token=False,
)


ALL: Final[tuple[CommandSpec[Any, Any], ...]] = (
    ORDERS_PLACE_MARKET,
    ORDERS_PLACE_LIMIT,
    STOP_ORDERS_PLACE_STOP,
    STOP_ORDERS_PLACE_STOP_LIMIT,
    ORDERS_REPLACE_MARKET,
    ORDERS_REPLACE_LIMIT,
    STOP_ORDERS_REPLACE_STOP,
    STOP_ORDERS_REPLACE_STOP_LIMIT,
    ORDERS_CANCEL_MARKET,
    ORDERS_CANCEL_LIMIT,
    STOP_ORDERS_CANCEL_STOP,
    STOP_ORDERS_CANCEL_STOP_LIMIT,
)
"""Every command."""
