"""The operations of `alor.account`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.account import (
    FUTURES_RISK,
    ORDER,
    ORDER_LIST,
    PORTFOLIO_RISK,
    POSITION,
    POSITION_LIST,
    STOP_ORDER,
    STOP_ORDER_LIST,
    SUMMARY,
    TRADE_LIST,
)
from alor_async._http.request import Operation, Parameter, Place

__all__ = [
    "ACCOUNT_GET_FUTURES_RISK",
    "ACCOUNT_GET_ORDER",
    "ACCOUNT_GET_POSITION",
    "ACCOUNT_GET_RISK",
    "ACCOUNT_GET_STOP_ORDER",
    "ACCOUNT_GET_SUMMARY",
    "ACCOUNT_LIST_ORDERS",
    "ACCOUNT_LIST_POSITIONS",
    "ACCOUNT_LIST_POSITIONS_BY_LOGIN",
    "ACCOUNT_LIST_STOP_ORDERS",
    "ACCOUNT_LIST_TRADES",
    "ACCOUNT_LIST_TRADES_HISTORY",
    "ACCOUNT_LIST_TRADES_HISTORY_OF",
    "ACCOUNT_LIST_TRADES_OF",
]


# Read the summary of a portfolio.
ACCOUNT_GET_SUMMARY: Final = Operation(
    "account.get_summary",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/summary",
    answer=SUMMARY,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
    ),
    has_format=True,
)

# List the positions of a portfolio.
ACCOUNT_LIST_POSITIONS: Final = Operation(
    "account.list_positions",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/positions",
    answer=POSITION_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("without_currency", "withoutCurrency", Place.QUERY),
    ),
    has_format=True,
)

# Read the position in one instrument.
ACCOUNT_GET_POSITION: Final = Operation(
    "account.get_position",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/positions/{symbol}",
    answer=POSITION,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
    ),
    has_format=True,
)

# List the positions of a login.
ACCOUNT_LIST_POSITIONS_BY_LOGIN: Final = Operation(
    "account.list_positions_by_login",
    "GET",
    "/md/v2/Clients/{login}/positions",
    answer=POSITION_LIST,
    parameters=(
        Parameter("login", "login", Place.PATH),
        Parameter("without_currency", "withoutCurrency", Place.QUERY),
    ),
    has_format=True,
)

# Read the risk of a portfolio.
ACCOUNT_GET_RISK: Final = Operation(
    "account.get_risk",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/risk",
    answer=PORTFOLIO_RISK,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
    ),
    has_format=True,
)

# Read the risk of a portfolio in derivatives.
ACCOUNT_GET_FUTURES_RISK: Final = Operation(
    "account.get_futures_risk",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/fortsrisk",
    answer=FUTURES_RISK,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
    ),
    has_format=True,
)

# List orders.
ACCOUNT_LIST_ORDERS: Final = Operation(
    "account.list_orders",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/orders",
    answer=ORDER_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
    ),
    has_format=True,
)

# Read one order.
ACCOUNT_GET_ORDER: Final = Operation(
    "account.get_order",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/orders/{orderId}",
    answer=ORDER,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("order_id", "orderId", Place.PATH),
    ),
    has_format=True,
)

# List conditional orders.
ACCOUNT_LIST_STOP_ORDERS: Final = Operation(
    "account.list_stop_orders",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/stoporders",
    answer=STOP_ORDER_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
    ),
    has_format=True,
)

# Read one conditional order.
ACCOUNT_GET_STOP_ORDER: Final = Operation(
    "account.get_stop_order",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/stoporders/{orderId}",
    answer=STOP_ORDER,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("order_id", "orderId", Place.PATH),
    ),
    has_format=True,
)

# List trades of the current session.
ACCOUNT_LIST_TRADES: Final = Operation(
    "account.list_trades",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/trades",
    answer=TRADE_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("with_repo", "withRepo", Place.QUERY),
    ),
    has_format=True,
)

# List trades of the current session in one instrument.
ACCOUNT_LIST_TRADES_OF: Final = Operation(
    "account.list_trades_of",
    "GET",
    "/md/v2/Clients/{exchange}/{portfolio}/{symbol}/trades",
    answer=TRADE_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
    ),
    has_format=True,
)

# List trades of past sessions.
ACCOUNT_LIST_TRADES_HISTORY: Final = Operation(
    "account.list_trades_history",
    "GET",
    "/md/v2/Stats/{exchange}/{portfolio}/history/trades",
    answer=TRADE_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("date_from", "dateFrom", Place.QUERY),
        Parameter("symbol", "ticker", Place.QUERY),
        Parameter("from_trade_id", "from", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("order_by_date", "orderByTradeDate", Place.QUERY),
        Parameter("descending", "descending", Place.QUERY),
        Parameter("with_repo", "withRepo", Place.QUERY),
        Parameter("side", "side", Place.QUERY),
    ),
    has_format=True,
)

# List trades of past sessions in one instrument.
ACCOUNT_LIST_TRADES_HISTORY_OF: Final = Operation(
    "account.list_trades_history_of",
    "GET",
    "/md/v2/Stats/{exchange}/{portfolio}/history/trades/{symbol}",
    answer=TRADE_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("portfolio", "portfolio", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("date_from", "dateFrom", Place.QUERY),
        Parameter("from_trade_id", "from", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("order_by_date", "orderByTradeDate", Place.QUERY),
        Parameter("descending", "descending", Place.QUERY),
        Parameter("with_repo", "withRepo", Place.QUERY),
        Parameter("side", "side", Place.QUERY),
    ),
    has_format=True,
)
