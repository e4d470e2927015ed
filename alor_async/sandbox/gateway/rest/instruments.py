"""Instruments, market data and the clock: what a request asks, and the entities that answer it."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain

from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.exchange import UnknownInstrument
from alor_async.sandbox.gateway import encode
from alor_async.sandbox.gateway.call import JSON, Call, Reply, json_reply, written_reply
from alor_async.sandbox.gateway.encode_candles import bar_page
from alor_async.sandbox.gateway.routing import Access, Route

_SEARCH_LIMIT = 25
_DEPTH = 20
_MOST_DEPTH = 50
_MOST_TRADES = 50_000


class SliceMode(StrEnum):
    """How the broker cuts candles of a part of a day; the sandbox's days have no gaps to tell the two apart by."""

    EQUAL_INTERVALS = "EqualIntervals"
    DAILY_INTERVALS = "DailyIntervals"


def server_time(call: Call) -> Reply:
    """Exchange time, as the server's clock shows it; a bare number."""
    return json_reply(call.shown.of_exchange(call.exchange.server_time(delayed=call.delayed)))


def search(call: Call) -> Reply:
    """Instruments by a part of their name."""
    query = call.query
    found = call.exchange.search_instruments(
        query.text("query") or "",
        exchange=query.exchange("exchange"),
        board=call.board,
        sector=query.choice("sector", Market),
        cfi_code=query.text("cficode"),
        include_non_base_boards=bool(query.flag("includeNonBaseBoards")),
        limit=_or(query.integer("limit", least=0), _SEARCH_LIMIT),
        offset=query.integer("offset", least=0) or 0,
    )
    return json_reply(encode.INSTRUMENT.many(found, call.format))


def list_for(call: Call) -> Reply:
    """The instruments of an exchange."""
    query = call.query
    query.flag("includeOld")
    exchange, market = call.path["exchange"], query.text("market")
    if market is not None and market.upper() == "SPBX":
        if exchange.upper() != "SPBX":
            return json_reply([])
        market = None
    found = call.exchange.list_instruments(
        exchange,
        market=None if market is None else query.choice("market", Market),
        include_non_base_boards=bool(query.flag("includeNonBaseBoards")),
        limit=query.integer("limit", least=0),
        offset=query.integer("offset", least=0) or 0,
    )
    return json_reply(encode.INSTRUMENT.many(found, call.format))


def get_instrument(call: Call) -> Reply:
    """One instrument."""
    found = call.exchange.get_instrument(call.path["exchange"], call.path["symbol"], call.board)
    return json_reply(encode.INSTRUMENT.one(found, call.format))


def list_boards(call: Call) -> Reply:
    """The boards of an instrument."""
    return json_reply(call.exchange.list_boards(call.path["exchange"], call.path["symbol"]))


def list_currency_pairs(call: Call) -> Reply:
    """Currency pairs."""
    return json_reply(encode.CURRENCY_PAIR.many(call.exchange.list_currency_pairs()))


def list_risk_rates(call: Call) -> Reply:
    """Margin rates."""
    query = call.query
    page = call.exchange.list_risk_rates(
        exchange=query.exchange("exchange"),
        ticker=query.text("ticker"),
        risk_category_id=query.required_integer("riskCategoryId"),
        search=query.text("search"),
        limit=query.integer("limit", least=0),
        offset=query.integer("offset", least=0) or 0,
    )
    return json_reply(encode.risk_rate_page(page))


def get_quotes(call: Call) -> Reply:
    """Quotes of a list of instruments; names that do not exist are left out, unless it is assumed otherwise."""
    quotes: list[bytes] = []
    for name in call.path["symbols"].split(","):
        exchange, _, symbol = name.partition(":")
        try:
            quote = call.exchange.get_quote(exchange, symbol.partition(":")[0], delayed=call.delayed)
        except UnknownInstrument:
            if call.exchange.assumptions.unknown_quote == "not_found":
                raise
            continue
        quotes.append(encode.QUOTE.written.bytes_of(quote, call.format))
    return written_reply(b"[" + b",".join(quotes) + b"]")


def get_futures_quote(call: Call) -> Reply:
    """Quotes of the nearest future of a group."""
    quote = call.exchange.get_futures_quote(call.path["exchange"], call.path["symbol"])
    return json_reply(encode.FUTURES_QUOTE.one(quote, call.format))


def get_order_book(call: Call) -> Reply:
    """The order book."""
    depth = _or(call.query.integer("depth", least=1, most=_MOST_DEPTH), _DEPTH)
    try:
        found = call.exchange.get_book(call.path["exchange"], call.path["symbol"], board=call.board, depth=depth)
    except UnknownInstrument:
        if call.exchange.assumptions.unknown_book == "empty_list":
            return json_reply([])
        raise
    return written_reply(encode.BOOK.bytes_of(found, call.format))


def get_candles(call: Call) -> Reply:
    """Candles of a range."""
    query = call.query
    query.flag("splitAdjust")
    query.choice("sliceMode", SliceMode)
    page = call.exchange.get_bars(
        query.required("exchange"),
        query.required("symbol"),
        query.required("tf"),
        start=query.required_long("from"),
        end=query.required_long("to"),
        board=call.board,
        count_back=query.integer("countBack", least=0),
        untraded=bool(query.flag("untraded")),
        delayed=call.delayed,
    )
    pieces = bar_page(page, call.format)
    first, second = next(pieces), next(pieces, None)
    return Reply(200, first, JSON, rest=None if second is None else chain((second,), pieces))


def list_market_trades(call: Call) -> Reply:
    """The anonymous trades of this session."""
    query = call.query
    query.flag("includeVirtualTrades")
    trades = call.exchange.list_market_trades(
        call.path["exchange"],
        call.path["symbol"],
        board=call.board,
        start=query.long("from"),
        end=query.long("to"),
        from_id=query.long("fromId"),
        to_id=query.long("toId"),
        lots_from=query.integer("qtyFrom"),
        lots_to=query.integer("qtyTo"),
        price_from=query.decimal("priceFrom"),
        price_to=query.decimal("priceTo"),
        side=query.choice("side", Side),
        descending=bool(query.flag("descending")),
        offset=query.integer("offset", least=0) or 0,
        limit=query.integer("take", least=0),
    )
    return json_reply(encode.MARKET_TRADE.many(trades, call.format, existing=False))


def list_market_trades_history(call: Call) -> Reply:
    """The anonymous trades of earlier days."""
    query = call.query
    page = call.exchange.list_market_trades_history(
        call.path["exchange"],
        call.path["symbol"],
        start=query.long("from"),
        end=query.long("to"),
        limit=query.required_integer("limit", least=1, most=_MOST_TRADES),
        offset=query.integer("offset", least=0) or 0,
        board=call.board,
    )
    return json_reply(encode.market_trade_page(page, call.format))


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


_SECURITY = "/md/v2/Securities/{exchange}/{symbol}"
ROUTES = (
    Route("get_server_time", "GET", "/md/v2/time", server_time, Access.OPTIONAL),
    Route("instruments.search", "GET", "/md/v2/Securities", search, Access.OPTIONAL),
    Route(
        "instruments.list_currency_pairs",
        "GET",
        "/md/v2/Securities/currencyPairs",
        list_currency_pairs,
        Access.OPTIONAL,
    ),
    Route("instruments.list_for", "GET", "/md/v2/Securities/{exchange}", list_for),
    Route("instruments.get", "GET", _SECURITY, get_instrument),
    Route("instruments.list_boards", "GET", f"{_SECURITY}/availableBoards", list_boards, Access.OPTIONAL),
    Route("instruments.list_risk_rates", "GET", "/md/v2/risk/rates", list_risk_rates, Access.OPTIONAL),
    Route("market_data.get_quotes", "GET", "/md/v2/Securities/{symbols}/quotes", get_quotes, Access.OPTIONAL),
    Route("market_data.get_futures_quote", "GET", f"{_SECURITY}/actualFuturesQuote", get_futures_quote),
    Route("market_data.get_order_book", "GET", "/md/v2/orderbooks/{exchange}/{symbol}", get_order_book),
    Route("market_data.get_candles", "GET", "/md/v2/history", get_candles, Access.OPTIONAL),
    Route("market_data.list_market_trades", "GET", f"{_SECURITY}/alltrades", list_market_trades),
    Route(
        "market_data.list_market_trades_history", "GET", f"{_SECURITY}/alltrades/history", list_market_trades_history
    ),
)
