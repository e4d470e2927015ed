"""How the answers of `market_data` are read in each format.

A key that starts with a hyphen occurs in no answer: it stands for a field that the format lacks.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from msgspec import field
from msgspec.structs import force_setattr

from alor_async._contract.wire.publishing import become, each, single
from alor_async._http.decode import Shape, Shapes
from alor_async.models._base import UtcTime
from alor_async.models.enums import Exchange, Side
from alor_async.models.market_data import (
    BookLevel,
    Candle,
    CandlePage,
    FuturesQuote,
    MarketTrade,
    MarketTradePage,
    OrderBook,
    Quote,
)

__all__ = [
    "CANDLE",
    "CANDLE_PAGE",
    "FUTURES_QUOTE",
    "MARKET_TRADE",
    "MARKET_TRADE_LIST",
    "MARKET_TRADE_PAGE",
    "ORDER_BOOK",
    "QUOTE",
    "QUOTE_LIST",
]


class _QuoteSimple(Quote, frozen=True, kw_only=True, gc=False):
    """Quote as Simple spells it."""

    symbol: str = field(name="symbol")
    exchange: Exchange = field(name="exchange")
    description: str | None = field(default=None, name="description")
    currency: str | None = field(default=None, name="-currency")
    previous_close_price: Decimal | None = field(default=None, name="prev_close_price")
    last_price: Decimal | None = field(default=None, name="last_price")
    last_price_timestamp: int | None = field(default=None, name="last_price_timestamp")
    high_price: Decimal | None = field(default=None, name="high_price")
    low_price: Decimal | None = field(default=None, name="low_price")
    accrued_interest: Decimal | None = field(default=None, name="accruedInt")
    volume: Decimal | None = field(default=None, name="volume")
    open_interest: int | None = field(default=None, name="open_interest")
    ask: Decimal | None = field(default=None, name="ask")
    bid: Decimal | None = field(default=None, name="bid")
    ask_lots: int | None = field(default=None, name="ask_vol")
    bid_lots: int | None = field(default=None, name="bid_vol")
    book_timestamp_ms: int | None = field(default=None, name="ob_ms_timestamp")
    open_price: Decimal | None = field(default=None, name="open_price")
    bond_yield: Decimal | None = field(default=None, name="yield")
    lot_size: Decimal | None = field(default=None, name="lotsize")
    lot_value: Decimal | None = field(default=None, name="lotvalue")
    face_value: Decimal | None = field(default=None, name="facevalue")
    kind: str | None = field(default=None, name="type")
    total_bid_lots: int | None = field(default=None, name="total_bid_vol")
    total_ask_lots: int | None = field(default=None, name="total_ask_vol")
    previous_settlement_price: Decimal | None = field(default=None, name="-previous_settlement_price")
    change: Decimal | None = field(default=None, name="change")
    change_percent: Decimal | None = field(default=None, name="change_percent")


class _QuoteSlim(Quote, frozen=True, kw_only=True, gc=False):
    """Quote as Slim spells it."""

    symbol: str = field(name="sym")
    exchange: Exchange = field(name="ex")
    description: str | None = field(default=None, name="desc")
    currency: str | None = field(default=None, name="-currency")
    previous_close_price: Decimal | None = field(default=None, name="-previous_close_price")
    last_price: Decimal | None = field(default=None, name="c")
    last_price_timestamp: int | None = field(default=None, name="tst")
    high_price: Decimal | None = field(default=None, name="h")
    low_price: Decimal | None = field(default=None, name="l")
    accrued_interest: Decimal | None = field(default=None, name="acci")
    volume: Decimal | None = field(default=None, name="v")
    open_interest: int | None = field(default=None, name="oi")
    ask: Decimal | None = field(default=None, name="ask")
    bid: Decimal | None = field(default=None, name="bid")
    ask_lots: int | None = field(default=None, name="av")
    bid_lots: int | None = field(default=None, name="bv")
    book_timestamp_ms: int | None = field(default=None, name="tso")
    open_price: Decimal | None = field(default=None, name="o")
    bond_yield: Decimal | None = field(default=None, name="y")
    lot_size: Decimal | None = field(default=None, name="lot")
    lot_value: Decimal | None = field(default=None, name="lotv")
    face_value: Decimal | None = field(default=None, name="fv")
    kind: str | None = field(default=None, name="t")
    total_bid_lots: int | None = field(default=None, name="tbv")
    total_ask_lots: int | None = field(default=None, name="tav")
    previous_settlement_price: Decimal | None = field(default=None, name="-previous_settlement_price")
    change: Decimal | None = field(default=None, name="-change")
    change_percent: Decimal | None = field(default=None, name="-change_percent")


class _FuturesQuoteSimple(FuturesQuote, frozen=True, kw_only=True, gc=False):
    """FuturesQuote as Simple spells it."""

    symbol: str = field(name="symbol")
    exchange: Exchange = field(name="exchange")
    description: str | None = field(default=None, name="description")
    currency: str | None = field(default=None, name="-currency")
    previous_close_price: Decimal | None = field(default=None, name="prev_close_price")
    last_price: Decimal | None = field(default=None, name="last_price")
    last_price_timestamp: int | None = field(default=None, name="last_price_timestamp")
    high_price: Decimal | None = field(default=None, name="high_price")
    low_price: Decimal | None = field(default=None, name="low_price")
    accrued_interest: Decimal | None = field(default=None, name="accruedInt")
    volume: Decimal | None = field(default=None, name="volume")
    open_interest: int | None = field(default=None, name="open_interest")
    ask: Decimal | None = field(default=None, name="ask")
    bid: Decimal | None = field(default=None, name="bid")
    ask_lots: int | None = field(default=None, name="ask_vol")
    bid_lots: int | None = field(default=None, name="bid_vol")
    book_timestamp_ms: int | None = field(default=None, name="ob_ms_timestamp")
    open_price: Decimal | None = field(default=None, name="open_price")
    bond_yield: Decimal | None = field(default=None, name="yield")
    lot_size: Decimal | None = field(default=None, name="lotsize")
    lot_value: Decimal | None = field(default=None, name="lotvalue")
    face_value: Decimal | None = field(default=None, name="facevalue")
    kind: str | None = field(default=None, name="type")
    total_bid_lots: int | None = field(default=None, name="total_bid_vol")
    total_ask_lots: int | None = field(default=None, name="total_ask_vol")
    previous_settlement_price: Decimal | None = field(default=None, name="-previous_settlement_price")
    change: Decimal | None = field(default=None, name="change")
    change_percent: Decimal | None = field(default=None, name="change_percent")


class _FuturesQuoteSlim(FuturesQuote, frozen=True, kw_only=True, gc=False):
    """FuturesQuote as Slim spells it."""

    symbol: str = field(name="sym")
    exchange: Exchange = field(name="ex")
    description: str | None = field(default=None, name="desc")
    currency: str | None = field(default=None, name="-currency")
    previous_close_price: Decimal | None = field(default=None, name="-previous_close_price")
    last_price: Decimal | None = field(default=None, name="c")
    last_price_timestamp: int | None = field(default=None, name="tst")
    high_price: Decimal | None = field(default=None, name="h")
    low_price: Decimal | None = field(default=None, name="l")
    accrued_interest: Decimal | None = field(default=None, name="acci")
    volume: Decimal | None = field(default=None, name="v")
    open_interest: int | None = field(default=None, name="oi")
    ask: Decimal | None = field(default=None, name="ask")
    bid: Decimal | None = field(default=None, name="bid")
    ask_lots: int | None = field(default=None, name="av")
    bid_lots: int | None = field(default=None, name="bv")
    book_timestamp_ms: int | None = field(default=None, name="tso")
    open_price: Decimal | None = field(default=None, name="o")
    bond_yield: Decimal | None = field(default=None, name="y")
    lot_size: Decimal | None = field(default=None, name="lot")
    lot_value: Decimal | None = field(default=None, name="lotv")
    face_value: Decimal | None = field(default=None, name="fv")
    kind: str | None = field(default=None, name="t")
    total_bid_lots: int | None = field(default=None, name="tbv")
    total_ask_lots: int | None = field(default=None, name="tav")
    previous_settlement_price: Decimal | None = field(default=None, name="-previous_settlement_price")
    change: Decimal | None = field(default=None, name="-change")
    change_percent: Decimal | None = field(default=None, name="-change_percent")


class _BookLevelHeavy(BookLevel, frozen=True, kw_only=True, gc=False):
    """BookLevel as Simple and Heavy spell it."""

    price: Decimal = field(name="price")
    lots: int = field(name="volume")
    bond_yield: Decimal | None = field(default=None, name="-bond_yield")


class _OrderBookSimple(OrderBook, frozen=True, kw_only=True, gc=False):
    """OrderBook as Simple spells it."""

    bids: tuple[_BookLevelHeavy, ...] = field(name="bids")
    asks: tuple[_BookLevelHeavy, ...] = field(name="asks")
    timestamp_ms: int = field(name="ms_timestamp")
    is_snapshot: bool | None = field(default=None, name="existing")


class _OrderBookHeavy(OrderBook, frozen=True, kw_only=True, gc=False):
    """OrderBook as Heavy spells it."""

    bids: tuple[_BookLevelHeavy, ...] = field(name="bids")
    asks: tuple[_BookLevelHeavy, ...] = field(name="asks")
    timestamp_ms: int = field(name="msTimestamp")
    is_snapshot: bool | None = field(default=None, name="existing")


class _CandleSlim(Candle, frozen=True, kw_only=True, gc=False):
    """Candle as Slim spells it."""

    timestamp: int = field(name="t")
    close: Decimal = field(name="c")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    volume: int = field(name="v")


class _CandlePageSlim(CandlePage, frozen=True, kw_only=True, gc=False):
    """CandlePage as Slim spells it."""

    candles: tuple[_CandleSlim, ...] = field(name="h")
    next_timestamp: int | None = field(default=None, name="next")
    previous_timestamp: int | None = field(default=None, name="prev")


class _MarketTradeSlim(MarketTrade, frozen=True, kw_only=True, gc=False):
    """MarketTrade as Slim spells it."""

    trade_id: int = field(name="id")
    symbol: str = field(name="sym")
    board: str | None = field(default=None, name="bd")
    lots: int = field(name="q")
    price: Decimal = field(name="px")
    traded_at: UtcTime | None = field(default=None, name="-traded_at")
    timestamp_ms: int = field(name="t")
    side: Side | None = field(default=None, name="s")
    open_interest: int | None = field(default=None, name="oi")
    is_snapshot: bool | None = field(default=None, name="h")


class _MarketTradePageSlim(MarketTradePage, frozen=True, kw_only=True, gc=False):
    """MarketTradePage as Slim spells it."""

    total: int | None = field(default=None, name="total")
    trades: tuple[_MarketTradeSlim, ...] = field(name="list")


def _publish_quote(quotes: Iterable[Any]) -> None:
    for quote in quotes:
        force_setattr(quote, "__class__", Quote)


def _publish_book_level(book_levels: Iterable[Any]) -> None:
    for book_level in book_levels:
        force_setattr(book_level, "__class__", BookLevel)


def _publish_order_book(order_books: Iterable[Any]) -> None:
    for order_book in order_books:
        force_setattr(order_book, "__class__", OrderBook)
        _publish_book_level(order_book.bids)
        _publish_book_level(order_book.asks)


def _publish_candle(candles: Iterable[Any]) -> None:
    for candle in candles:
        force_setattr(candle, "__class__", Candle)


def _publish_candle_page(candle_pages: Iterable[Any]) -> None:
    for candle_page in candle_pages:
        force_setattr(candle_page, "__class__", CandlePage)
        _publish_candle(candle_page.candles)


def _publish_market_trade(market_trades: Iterable[Any]) -> None:
    for market_trade in market_trades:
        force_setattr(market_trade, "__class__", MarketTrade)


def _publish_market_trade_page(market_trade_pages: Iterable[Any]) -> None:
    for market_trade_page in market_trade_pages:
        force_setattr(market_trade_page, "__class__", MarketTradePage)
        _publish_market_trade(market_trade_page.trades)


QUOTE_LIST: Final[Shapes[list[Quote]]] = Shapes(
    simple=Shape(list[_QuoteSimple], publish=each(_publish_quote)),
    slim=Shape(list[_QuoteSlim], publish=each(_publish_quote), alternates=(("le", "l"),)),
    heavy=Shape(list[Quote], alternates=(("accruedIntetest", "accruedInterest"), ("change_percent", "changePercent"))),
)


ORDER_BOOK: Final[Shapes[OrderBook]] = Shapes(
    simple=Shape(_OrderBookSimple, publish=single(_publish_order_book)),
    slim=Shape(OrderBook),
    heavy=Shape(_OrderBookHeavy, publish=single(_publish_order_book)),
)


FUTURES_QUOTE: Final[Shapes[FuturesQuote]] = Shapes(
    simple=Shape(_FuturesQuoteSimple, publish=become(FuturesQuote)),
    slim=Shape(_FuturesQuoteSlim, publish=become(FuturesQuote), alternates=(("a", "ask"), ("b", "bid"), ("le", "l"))),
    heavy=Shape(FuturesQuote, alternates=(("accruedIntetest", "accruedInterest"), ("change_percent", "changePercent"))),
)


_CANDLE_PAGE: Final[Shape[CandlePage]] = Shape(CandlePage)
CANDLE_PAGE: Final[Shapes[CandlePage]] = Shapes(
    simple=_CANDLE_PAGE,
    slim=Shape(_CandlePageSlim, publish=single(_publish_candle_page), alternates=(("history", "h"),)),
    heavy=_CANDLE_PAGE,
)


_MARKET_TRADE_LIST: Final[Shape[list[MarketTrade]]] = Shape(list[MarketTrade], zoneless=("time",))
MARKET_TRADE_LIST: Final[Shapes[list[MarketTrade]]] = Shapes(
    simple=_MARKET_TRADE_LIST,
    slim=Shape(list[_MarketTradeSlim], publish=each(_publish_market_trade)),
    heavy=_MARKET_TRADE_LIST,
)


_MARKET_TRADE_PAGE: Final[Shape[MarketTradePage]] = Shape(MarketTradePage, zoneless=("time",))
MARKET_TRADE_PAGE: Final[Shapes[MarketTradePage]] = Shapes(
    simple=_MARKET_TRADE_PAGE,
    slim=Shape(_MarketTradePageSlim, publish=single(_publish_market_trade_page)),
    heavy=_MARKET_TRADE_PAGE,
)


_CANDLE: Final[Shape[Candle]] = Shape(Candle)
CANDLE: Final[Shapes[Candle]] = Shapes(simple=_CANDLE, slim=Shape(_CandleSlim, publish=become(Candle)), heavy=_CANDLE)


QUOTE: Final[Shapes[Quote]] = Shapes(
    simple=Shape(_QuoteSimple, publish=become(Quote)),
    slim=Shape(_QuoteSlim, publish=become(Quote), alternates=(("le", "l"),)),
    heavy=Shape(Quote, alternates=(("accruedIntetest", "accruedInterest"), ("change_percent", "changePercent"))),
)


_MARKET_TRADE: Final[Shape[MarketTrade]] = Shape(MarketTrade, zoneless=("time",))
MARKET_TRADE: Final[Shapes[MarketTrade]] = Shapes(
    simple=_MARKET_TRADE, slim=Shape(_MarketTradeSlim, publish=become(MarketTrade)), heavy=_MARKET_TRADE
)
