"""What is said over /ws: one constant a subscription, and what is said about subscriptions.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Any, Final

from alor_async._contract.wire.account import FUTURES_RISK, ORDER, PORTFOLIO_RISK, POSITION, STOP_ORDER, SUMMARY, TRADE
from alor_async._contract.wire.answers import SOCKET_REPLY
from alor_async._contract.wire.instruments import INSTRUMENT
from alor_async._contract.wire.market_data import CANDLE, MARKET_TRADE, ORDER_BOOK, QUOTE
from alor_async._http.message import Record, SignalSpec, StreamParameter, StreamSpec, ValueKind
from alor_async.values import Format

__all__ = [
    "ALL",
    "STREAMS_CANDLES",
    "STREAMS_FUTURES_RISKS",
    "STREAMS_INSTRUMENTS",
    "STREAMS_MARKET_TRADES",
    "STREAMS_ORDERS",
    "STREAMS_ORDER_BOOK",
    "STREAMS_PING",
    "STREAMS_POSITIONS",
    "STREAMS_QUOTES",
    "STREAMS_RISKS",
    "STREAMS_STOP_ORDERS",
    "STREAMS_SUMMARIES",
    "STREAMS_TRADES",
    "STREAMS_UNSUBSCRIBE",
]


# Follow the book of an instrument.
STREAMS_ORDER_BOOK: Final = StreamSpec(
    "streams.order_book",
    "OrderBookGetAndSubscribe",
    data=ORDER_BOOK,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("symbol", "code", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("board", "instrumentGroup"),
        StreamParameter("depth", "depth", ValueKind.INTEGER, least=1, most=50),
        StreamParameter("frequency_ms", "frequency", ValueKind.INTEGER),
    ),
    has_snapshot_flag=True,
    floors_ms={Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500},
)


# Follow the candles of an instrument.
STREAMS_CANDLES: Final = StreamSpec(
    "streams.candles",
    "BarsGetAndSubscribe",
    data=CANDLE,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("symbol", "code", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("board", "instrumentGroup"),
        StreamParameter("timeframe", "tf", required=True),
        StreamParameter("from_timestamp", "from", ValueKind.INTEGER, required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
        StreamParameter("split_adjust", "splitAdjust", ValueKind.FLAG),
        StreamParameter("frequency_ms", "frequency", ValueKind.INTEGER),
    ),
    key=("timestamp",),
    floors_ms={Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500},
)


# Follow the quote of an instrument.
STREAMS_QUOTES: Final = StreamSpec(
    "streams.quotes",
    "QuotesSubscribe",
    data=QUOTE,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("symbol", "code", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("board", "instrumentGroup"),
        StreamParameter("frequency_ms", "frequency", ValueKind.INTEGER),
    ),
    floors_ms={Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500},
)


# Follow what changes about an instrument: phase of trading, price limits, margins.
STREAMS_INSTRUMENTS: Final = StreamSpec(
    "streams.instruments",
    "InstrumentsGetAndSubscribeV2",
    data=INSTRUMENT,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("symbol", "code", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("board", "instrumentGroup"),
    ),
    is_partial=True,
)


# Follow all trades in an instrument.
STREAMS_MARKET_TRADES: Final = StreamSpec(
    "streams.market_trades",
    "AllTradesGetAndSubscribe",
    data=MARKET_TRADE,
    reply=SOCKET_REPLY,
    record=Record.EVENT,
    parameters=(
        StreamParameter("symbol", "code", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("board", "instrumentGroup"),
        StreamParameter("depth", "depth", ValueKind.INTEGER, most=5000),
        StreamParameter("include_virtual", "includeVirtualTrades", ValueKind.FLAG),
    ),
    has_snapshot_flag=True,
)


# Follow the positions of a portfolio.
STREAMS_POSITIONS: Final = StreamSpec(
    "streams.positions",
    "PositionsGetAndSubscribeV2",
    data=POSITION,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
    key=(
        "symbol",
        "exchange",
    ),
    has_snapshot_flag=True,
)


# Follow the summary of a portfolio.
STREAMS_SUMMARIES: Final = StreamSpec(
    "streams.summaries",
    "SummariesGetAndSubscribeV2",
    data=SUMMARY,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
)


# Follow the risk of a portfolio.
STREAMS_RISKS: Final = StreamSpec(
    "streams.risks",
    "RisksGetAndSubscribe",
    data=PORTFOLIO_RISK,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
)


# Follow the risk of a derivatives portfolio.
STREAMS_FUTURES_RISKS: Final = StreamSpec(
    "streams.futures_risks",
    "SpectraRisksGetAndSubscribe",
    data=FUTURES_RISK,
    reply=SOCKET_REPLY,
    record=Record.STATE,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
)


# Follow the user's own trades.
STREAMS_TRADES: Final = StreamSpec(
    "streams.trades",
    "TradesGetAndSubscribeV2",
    data=TRADE,
    reply=SOCKET_REPLY,
    record=Record.EVENT,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
    has_snapshot_flag=True,
)


# Follow the orders of a portfolio.
STREAMS_ORDERS: Final = StreamSpec(
    "streams.orders",
    "OrdersGetAndSubscribeV2",
    data=ORDER,
    reply=SOCKET_REPLY,
    record=Record.EVENT,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("statuses", "orderStatuses", ValueKind.TEXTS),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
    has_snapshot_flag=True,
)


# Follow the conditional orders of a portfolio.
STREAMS_STOP_ORDERS: Final = StreamSpec(
    "streams.stop_orders",
    "StopOrdersGetAndSubscribeV2",
    data=STOP_ORDER,
    reply=SOCKET_REPLY,
    record=Record.EVENT,
    parameters=(
        StreamParameter("portfolio", "portfolio", required=True),
        StreamParameter("exchange", "exchange", required=True),
        StreamParameter("statuses", "orderStatuses", ValueKind.TEXTS),
        StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG),
    ),
    has_snapshot_flag=True,
)


# End a subscription.
STREAMS_UNSUBSCRIBE: Final = SignalSpec(
    "streams.unsubscribe",
    "unsubscribe",
    reply=SOCKET_REPLY,
)


# Ask for a sign of life.
STREAMS_PING: Final = SignalSpec(
    "streams.ping",
    "ping",
    reply=SOCKET_REPLY,
    constants={"confirm": True},
)


ALL: Final[tuple[StreamSpec[Any, Any], ...]] = (
    STREAMS_ORDER_BOOK,
    STREAMS_CANDLES,
    STREAMS_QUOTES,
    STREAMS_INSTRUMENTS,
    STREAMS_MARKET_TRADES,
    STREAMS_POSITIONS,
    STREAMS_SUMMARIES,
    STREAMS_RISKS,
    STREAMS_FUTURES_RISKS,
    STREAMS_TRADES,
    STREAMS_ORDERS,
    STREAMS_STOP_ORDERS,
)
"""Every subscription."""
