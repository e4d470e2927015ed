"""Quotes, order books, candles and market trades.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from datetime import UTC, datetime
from decimal import Decimal

from msgspec import field

from alor_async.models._base import Model, UtcTime
from alor_async.models.enums import Exchange, Side
from alor_async.values import InstrumentId

__all__ = ["BookLevel", "Candle", "CandlePage", "FuturesQuote", "MarketTrade", "MarketTradePage", "OrderBook", "Quote"]


class Quote(Model, frozen=True, kw_only=True, gc=False):
    """Latest prices and sizes of an instrument.

    - Never None: symbol, exchange.
    - Heavy only: currency, previous_settlement_price.
    - Simple and Heavy only: previous_close_price, change, change_percent.
    - Only for derivatives: previous_settlement_price.

    Contract: schema `Quote`; the class itself carries the keys of Heavy.
    """

    symbol: str
    """Ticker."""
    exchange: Exchange
    """Exchange it is traded at."""
    description: str | None = None
    """Short description; for derivatives, the short code of the exchange."""
    currency: str | None = None
    """Settlement currency. Heavy only."""
    previous_close_price: Decimal | None = field(default=None, name="prevClosePrice")
    """Closing price of the session before; price units. Simple and Heavy only."""
    last_price: Decimal | None = field(default=None, name="lastPrice")
    """Price of the last trade; price units."""
    last_price_timestamp: int | None = field(default=None, name="lastPriceTimestamp")
    """When the last trade was made; Unix seconds."""
    high_price: Decimal | None = field(default=None, name="highPrice")
    """Highest price of the session; price units."""
    low_price: Decimal | None = field(default=None, name="lowPrice")
    """Lowest price of the session; price units."""
    accrued_interest: Decimal | None = field(default=None, name="accruedInterest")
    """Accrued coupon of one bond; settlement currency. Zero or null for the rest."""
    volume: Decimal | None = None
    """Traded today; units (contracts for futures), as far as the sizes in samples tell: the broker does not name the
    unit.
    """
    open_interest: int | None = field(default=None, name="openInterest")
    """Open contracts. Zero or null where there are none."""
    ask: Decimal | None = None
    """Best offer in the book; price units."""
    bid: Decimal | None = None
    """Best bid in the book; price units."""
    ask_lots: int | None = field(default=None, name="askVol")
    """Size at the best offer; lots."""
    bid_lots: int | None = field(default=None, name="bidVol")
    """Size at the best bid; lots."""
    book_timestamp_ms: int | None = field(default=None, name="obMsTimestamp")
    """When the book last changed; Unix milliseconds. Usually null for stocks."""
    open_price: Decimal | None = field(default=None, name="openPrice")
    """First price of the session; price units."""
    bond_yield: Decimal | None = field(default=None, name="yield")
    """Yield at the last price; percent a year. Null for what is not a bond."""
    lot_size: Decimal | None = field(default=None, name="lotSize")
    """How many units one lot holds; units."""
    lot_value: Decimal | None = field(default=None, name="lotValue")
    """Value of one lot; money."""
    face_value: Decimal | None = field(default=None, name="faceValue")
    """Face value of one unit; for futures the size of a lot, for currencies the units that the price is quoted for."""
    kind: str | None = field(default=None, name="type")
    """Kind of instrument, in the exchange's words."""
    total_bid_lots: int | None = field(default=None, name="totalBidVol")
    """Sum of all bids in the book; lots."""
    total_ask_lots: int | None = field(default=None, name="totalAskVol")
    """Sum of all offers in the book; lots."""
    previous_settlement_price: Decimal | None = field(default=None, name="prevSettlePrice")
    """Price of the clearing before; price units. Heavy only. Only for derivatives."""
    change: Decimal | None = None
    """Last price minus the previous close; price units. Simple and Heavy only."""
    change_percent: Decimal | None = field(default=None, name="changePercent")
    """Change against the previous close; percent. Simple and Heavy only."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value)

    @property
    def last_price_time(self) -> datetime | None:
        """`last_price_timestamp` as an aware UTC datetime."""
        return None if self.last_price_timestamp is None else datetime.fromtimestamp(self.last_price_timestamp, UTC)

    @property
    def book_time(self) -> datetime | None:
        """`book_timestamp_ms` as an aware UTC datetime."""
        return None if self.book_timestamp_ms is None else datetime.fromtimestamp(self.book_timestamp_ms / 1000, UTC)


class FuturesQuote(Model, frozen=True, kw_only=True, gc=False):
    """Latest prices and sizes of the futures contract that is current for a base code.

    - Never None: symbol, exchange.
    - Heavy only: currency, previous_settlement_price.
    - Simple and Heavy only: previous_close_price, change, change_percent.
    - Only for derivatives: previous_settlement_price.

    Contract: schema `FuturesQuote`; the class itself carries the keys of Heavy.
    """

    symbol: str
    """Code of the contract with its month, such as SBRF-6.26."""
    exchange: Exchange
    """Exchange it is traded at."""
    description: str | None = None
    """Short code of the exchange, such as SRM6."""
    currency: str | None = None
    """Settlement currency. Heavy only."""
    previous_close_price: Decimal | None = field(default=None, name="prevClosePrice")
    """Closing price of the session before; price units. Simple and Heavy only."""
    last_price: Decimal | None = field(default=None, name="lastPrice")
    """Price of the last trade; price units."""
    last_price_timestamp: int | None = field(default=None, name="lastPriceTimestamp")
    """When the last trade was made; Unix seconds."""
    high_price: Decimal | None = field(default=None, name="highPrice")
    """Highest price of the session; price units."""
    low_price: Decimal | None = field(default=None, name="lowPrice")
    """Lowest price of the session; price units."""
    accrued_interest: Decimal | None = field(default=None, name="accruedInterest")
    """Null: futures accrue no coupon."""
    volume: Decimal | None = None
    """Traded today; contracts."""
    open_interest: int | None = field(default=None, name="openInterest")
    """Open contracts. Zero or null where there are none."""
    ask: Decimal | None = None
    """Best offer in the book; price units."""
    bid: Decimal | None = None
    """Best bid in the book; price units."""
    ask_lots: int | None = field(default=None, name="askVol")
    """Size at the best offer; lots."""
    bid_lots: int | None = field(default=None, name="bidVol")
    """Size at the best bid; lots."""
    book_timestamp_ms: int | None = field(default=None, name="obMsTimestamp")
    """When the book last changed; Unix milliseconds. Usually null for stocks."""
    open_price: Decimal | None = field(default=None, name="openPrice")
    """First price of the session; price units."""
    bond_yield: Decimal | None = field(default=None, name="yield")
    """Yield at the last price; percent a year. Null for what is not a bond."""
    lot_size: Decimal | None = field(default=None, name="lotSize")
    """How many units one lot holds; units."""
    lot_value: Decimal | None = field(default=None, name="lotValue")
    """Value of one lot; money."""
    face_value: Decimal | None = field(default=None, name="faceValue")
    """Face value of one unit; for futures the size of a lot, for currencies the units that the price is quoted for."""
    kind: str | None = field(default=None, name="type")
    """Full name of the contract, with its code."""
    total_bid_lots: int | None = field(default=None, name="totalBidVol")
    """Sum of all bids in the book; lots."""
    total_ask_lots: int | None = field(default=None, name="totalAskVol")
    """Sum of all offers in the book; lots."""
    previous_settlement_price: Decimal | None = field(default=None, name="prevSettlePrice")
    """Price of the clearing before; price units. Heavy only. Only for derivatives."""
    change: Decimal | None = None
    """Last price minus the previous close; price units. Simple and Heavy only."""
    change_percent: Decimal | None = field(default=None, name="changePercent")
    """Change against the previous close; percent. Simple and Heavy only."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """
        return InstrumentId(self.symbol, self.exchange.value)

    @property
    def last_price_time(self) -> datetime | None:
        """`last_price_timestamp` as an aware UTC datetime."""
        return None if self.last_price_timestamp is None else datetime.fromtimestamp(self.last_price_timestamp, UTC)

    @property
    def book_time(self) -> datetime | None:
        """`book_timestamp_ms` as an aware UTC datetime."""
        return None if self.book_timestamp_ms is None else datetime.fromtimestamp(self.book_timestamp_ms / 1000, UTC)


class BookLevel(Model, frozen=True, kw_only=True, gc=False):
    """One price of an order book, and what stands there.

    - Never None: price, lots.
    - Slim only: bond_yield.
    - Only for bonds: bond_yield.

    Contract: schema `BookLevel`; the class itself carries the keys of Slim.
    """

    price: Decimal = field(name="p")
    """Price of the level, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    lots: int = field(name="v")
    """Size of the level; lots."""
    bond_yield: Decimal | None = field(default=None, name="y")
    """Yield at the price; percent a year. Slim only. Only for bonds."""


class OrderBook(Model, frozen=True, kw_only=True, gc=False):
    """Bids and offers of an instrument, best first.

    Never None: bids, asks, timestamp_ms.

    Contract: schema `OrderBook`; the class itself carries the keys of Slim.
    """

    bids: tuple[BookLevel, ...] = field(name="b")
    """Bids, the highest price first."""
    asks: tuple[BookLevel, ...] = field(name="a")
    """Offers, the lowest price first."""
    timestamp_ms: int = field(name="t")
    """When the book was seen; Unix milliseconds."""
    is_snapshot: bool | None = field(default=None, name="h")
    """True for data that was there before, false for a live event; REST answers carry true."""

    @property
    def time(self) -> datetime:
        """`timestamp_ms` as an aware UTC datetime."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


class Candle(Model, frozen=True, kw_only=True, gc=False):
    """Prices and volume of one stretch of time.

    The broker calls it a bar, and a list of them history.

    Never None: timestamp, close, open, high, low, volume.

    Contract: schema `Candle`; the class itself carries the keys of Heavy.
    """

    timestamp: int = field(name="time")
    """When the candle opens; Unix seconds. Daily and longer candles carry the UTC start of the day."""
    close: Decimal
    """Last price; price units."""
    open: Decimal
    """First price; price units."""
    high: Decimal
    """Highest price; price units."""
    low: Decimal
    """Lowest price; price units."""
    volume: int
    """Traded; lots."""

    @property
    def time(self) -> datetime:
        """`timestamp` as an aware UTC datetime."""
        return datetime.fromtimestamp(self.timestamp, UTC)


class CandlePage(Model, frozen=True, kw_only=True, gc=False):
    """Candles of a range, and where the neighbours stand.

    An empty page without neighbours means that there is no data at all.

    Never None: candles.

    Contract: schema `CandlePage`; the class itself carries the keys of Heavy.
    """

    candles: tuple[Candle, ...] = field(name="history")
    """Candles, the oldest first."""
    next_timestamp: int | None = field(default=None, name="next")
    """When the first candle after the range opens; Unix seconds. Null when there is none."""
    previous_timestamp: int | None = field(default=None, name="prev")
    """When the last candle before the range opens; Unix seconds. Null when there is none."""

    @property
    def next_time(self) -> datetime | None:
        """`next_timestamp` as an aware UTC datetime."""
        return None if self.next_timestamp is None else datetime.fromtimestamp(self.next_timestamp, UTC)

    @property
    def previous_time(self) -> datetime | None:
        """`previous_timestamp` as an aware UTC datetime."""
        return None if self.previous_timestamp is None else datetime.fromtimestamp(self.previous_timestamp, UTC)


class MarketTrade(Model, frozen=True, kw_only=True, gc=False):
    """A trade at the exchange, whoever made it.

    The broker calls the list alltrades.

    - Never None: trade_id, symbol, lots, price, timestamp_ms.
    - Simple and Heavy only: traded_at.

    Contract: schema `MarketTrade`; the class itself carries the keys of Heavy.
    """

    trade_id: int = field(name="id")
    """Number that the exchange gave to the trade."""
    symbol: str
    """Ticker, or the text [N/A] when it is not known."""
    board: str | None = None
    """Board (trading mode), such as TQBR."""
    lots: int = field(name="qty")
    """Size of the trade; lots."""
    price: Decimal
    """Price of the trade, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    traded_at: UtcTime | None = field(default=None, name="time")
    """When it was made. Simple and Heavy only."""
    timestamp_ms: int = field(name="timestamp")
    """When it was made; Unix milliseconds."""
    side: Side | None = None
    """Buying or selling, as the exchange reports it."""
    open_interest: int | None = field(default=None, name="oi")
    """Open contracts after the trade. Zero or null where there are none."""
    is_snapshot: bool | None = field(default=None, name="existing")
    """True for data that was there before, false for a live event; REST answers carry true."""

    @property
    def time(self) -> datetime:
        """`timestamp_ms` as an aware UTC datetime."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


class MarketTradePage(Model, frozen=True, kw_only=True, gc=False):
    """One page of market trades of past days.

    Never None: trades.

    Contract: schema `MarketTradePage`; the class itself carries the keys of Heavy.
    """

    total: int | None = None
    """How many trades match in all."""
    trades: tuple[MarketTrade, ...] = field(name="list")
    """The trades of this page."""
