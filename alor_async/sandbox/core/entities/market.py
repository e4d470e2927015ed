"""What a market shows: quotes, books, candles, trades."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from alor_async.sandbox.core.entities.instruments import InstrumentSpec
from alor_async.sandbox.core.enums import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Quotes of an instrument; the futures quote is the same with `prev_settle_price`.

    `volume` counts units traded today (contracts for futures); sizes are lots; `ask` and `bid` are `None` when that
    side of the book is empty.
    """

    spec: InstrumentSpec
    prev_close_price: Decimal
    last_price: Decimal
    last_price_timestamp: int
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    volume: Decimal
    open_interest: int | None
    ask: Decimal | None
    bid: Decimal | None
    ask_volume: int
    bid_volume: int
    total_ask_volume: int
    total_bid_volume: int
    book_timestamp_ms: int | None
    lot_value: Decimal
    accrued_interest: Decimal
    bond_yield: Decimal | None
    change: Decimal
    change_percent: Decimal
    prev_settle_price: Decimal | None


@dataclass(frozen=True, slots=True)
class BookLevel:
    """All visible lots at one price. `bond_yield` is there for bonds only."""

    price: Decimal
    lots: int
    bond_yield: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """An order book, best levels first."""

    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; `timestamp` is its open time in unix seconds, `volume` is lots."""

    timestamp: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class CandlePage:
    """Candles of a range, and the open times of the neighbours outside it (`None`: there are none)."""

    candles: tuple[Candle, ...]
    prev: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """An anonymous trade; `side` is the side of the order that took liquidity."""

    trade_id: int
    symbol: str
    exchange: str
    board: str
    lots: int
    price: Decimal
    traded_at: datetime
    timestamp_ms: int
    side: Side
    open_interest: int


@dataclass(frozen=True, slots=True)
class MarketTradePage:
    """One page of earlier market trades and how many there are in all."""

    trades: tuple[MarketTrade, ...]
    total: int
