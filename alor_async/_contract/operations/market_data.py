"""The operations of `alor.market_data`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.market_data import (
    CANDLE_PAGE,
    FUTURES_QUOTE,
    MARKET_TRADE_LIST,
    MARKET_TRADE_PAGE,
    ORDER_BOOK,
    QUOTE_LIST,
)
from alor_async._http.request import MIB, Access, Operation, Parameter, Place

__all__ = [
    "MARKET_DATA_GET_CANDLES",
    "MARKET_DATA_GET_FUTURES_QUOTE",
    "MARKET_DATA_GET_ORDER_BOOK",
    "MARKET_DATA_GET_QUOTES",
    "MARKET_DATA_LIST_MARKET_TRADES",
    "MARKET_DATA_LIST_MARKET_TRADES_HISTORY",
]


# Read quotes.
MARKET_DATA_GET_QUOTES: Final = Operation(
    "market_data.get_quotes",
    "GET",
    "/md/v2/Securities/{symbols}/quotes",
    answer=QUOTE_LIST,
    parameters=(Parameter("symbols", "symbols", Place.PATH),),
    access=Access.OPTIONAL,
    has_format=True,
)

# Read an order book.
MARKET_DATA_GET_ORDER_BOOK: Final = Operation(
    "market_data.get_order_book",
    "GET",
    "/md/v2/orderbooks/{exchange}/{symbol}",
    answer=ORDER_BOOK,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("depth", "depth", Place.QUERY),
    ),
    has_format=True,
)

# Read the quote of the current futures contract.
MARKET_DATA_GET_FUTURES_QUOTE: Final = Operation(
    "market_data.get_futures_quote",
    "GET",
    "/md/v2/Securities/{exchange}/{symbol}/actualFuturesQuote",
    answer=FUTURES_QUOTE,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
    ),
    has_format=True,
)

# Read candles.
MARKET_DATA_GET_CANDLES: Final = Operation(
    "market_data.get_candles",
    "GET",
    "/md/v2/history",
    answer=CANDLE_PAGE,
    parameters=(
        Parameter("symbol", "symbol", Place.QUERY),
        Parameter("exchange", "exchange", Place.QUERY),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("timeframe", "tf", Place.QUERY),
        Parameter("start", "from", Place.QUERY),
        Parameter("end", "to", Place.QUERY),
        Parameter("count_back", "countBack", Place.QUERY),
        Parameter("untraded", "untraded", Place.QUERY),
        Parameter("split_adjust", "splitAdjust", Place.QUERY),
    ),
    access=Access.OPTIONAL,
    has_format=True,
)

# List market trades of today.
MARKET_DATA_LIST_MARKET_TRADES: Final = Operation(
    "market_data.list_market_trades",
    "GET",
    "/md/v2/Securities/{exchange}/{symbol}/alltrades",
    answer=MARKET_TRADE_LIST,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("start", "from", Place.QUERY),
        Parameter("end", "to", Place.QUERY),
        Parameter("from_trade_id", "fromId", Place.QUERY),
        Parameter("to_trade_id", "toId", Place.QUERY),
        Parameter("min_lots", "qtyFrom", Place.QUERY),
        Parameter("max_lots", "qtyTo", Place.QUERY),
        Parameter("min_price", "priceFrom", Place.QUERY),
        Parameter("max_price", "priceTo", Place.QUERY),
        Parameter("side", "side", Place.QUERY),
        Parameter("offset", "offset", Place.QUERY),
        Parameter("limit", "take", Place.QUERY),
        Parameter("descending", "descending", Place.QUERY),
        Parameter("include_virtual_trades", "includeVirtualTrades", Place.QUERY),
    ),
    max_body=128 * MIB,
    has_format=True,
)

# List market trades of past days.
MARKET_DATA_LIST_MARKET_TRADES_HISTORY: Final = Operation(
    "market_data.list_market_trades_history",
    "GET",
    "/md/v2/Securities/{exchange}/{symbol}/alltrades/history",
    answer=MARKET_TRADE_PAGE,
    parameters=(
        Parameter("exchange", "exchange", Place.PATH),
        Parameter("symbol", "symbol", Place.PATH),
        Parameter("board", "instrumentGroup", Place.QUERY),
        Parameter("start", "from", Place.QUERY),
        Parameter("end", "to", Place.QUERY),
        Parameter("limit", "limit", Place.QUERY),
        Parameter("offset", "offset", Place.QUERY),
    ),
    max_body=128 * MIB,
    has_format=True,
)
