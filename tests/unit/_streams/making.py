"""Models with nothing in them but what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from alor_async.models import (
    BookLevel,
    Candle,
    Exchange,
    MarketTrade,
    Order,
    OrderBook,
    OrderStatus,
    Position,
    Side,
    StopOrder,
    Trade,
)

WORKING: Final = OrderStatus.WORKING
FILLED: Final = OrderStatus.FILLED
CANCELLED: Final = OrderStatus.CANCELLED
REJECTED: Final = OrderStatus.REJECTED
NOON: Final = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    """Give the moment so many seconds after noon; None for none."""
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def order(
    status: OrderStatus = WORKING,
    filled: int = 0,
    updated: float | None = 0,
    *,
    created: float | None = 0,
    number: str = "1",
    price: str = "250",
    symbol: str = "SBER",
    is_snapshot: bool | None = False,
) -> Order:
    return Order(
        order_id=number,
        symbol=symbol,
        portfolio="D39004",
        exchange=Exchange.MOEX,
        side=Side.BUY,
        status=status,
        lots=10,
        filled_lots=filled,
        price=Decimal(price),
        created_at=at(created),
        updated_at=at(updated),
        is_snapshot=is_snapshot,
    )


def stop_order(
    status: OrderStatus = WORKING,
    filled: int | None = 0,
    updated: float | None = None,
    *,
    exchange_order_id: str | None = None,
    error: str | None = None,
    is_snapshot: bool | None = False,
) -> StopOrder:
    return StopOrder(
        order_id="1",
        exchange_order_id=exchange_order_id,
        symbol="SBER",
        portfolio="D39004",
        exchange=Exchange.MOEX,
        side=Side.SELL,
        status=status,
        lots=10,
        filled_lots=filled,
        trigger_price=Decimal(240),
        created_at=at(0),
        updated_at=at(updated),
        error=error,
        is_snapshot=is_snapshot,
    )


def trade(
    number: str = "1",
    *,
    symbol: str = "SBER",
    exchange: Exchange = Exchange.MOEX,
    side: Side = Side.BUY,
    is_snapshot: bool | None = False,
) -> Trade:
    return Trade(
        trade_id=number,
        symbol=symbol,
        exchange=exchange,
        units=10,
        price=Decimal(250),
        side=side,
        is_snapshot=is_snapshot,
    )


def market_trade(number: int = 1, *, timestamp_ms: int = 0, lots: int = 1, is_snapshot: bool = False) -> MarketTrade:
    return MarketTrade(
        trade_id=number,
        symbol="SBER",
        lots=lots,
        price=Decimal(250),
        timestamp_ms=timestamp_ms,
        is_snapshot=is_snapshot,
    )


def position(
    units: int = 10,
    *,
    symbol: str = "SBER",
    exchange: Exchange = Exchange.MOEX,
    lots: int | None = None,
    is_snapshot: bool | None = False,
) -> Position:
    return Position(
        symbol=symbol,
        portfolio="D39004",
        exchange=exchange,
        units=Decimal(units),
        lots=None if lots is None else Decimal(lots),
        is_snapshot=is_snapshot,
    )


def candle(timestamp: int, close: int = 250, volume: int = 1) -> Candle:
    price = Decimal(close)
    return Candle(timestamp=timestamp, open=price, high=price, low=price, close=price, volume=volume)


def book(bids: list[tuple[str, int]], asks: list[tuple[str, int]], timestamp_ms: int = 0) -> OrderBook:
    return OrderBook(bids=_levels(bids), asks=_levels(asks), timestamp_ms=timestamp_ms)


def _levels(side: list[tuple[str, int]]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price=Decimal(price), lots=lots) for price, lots in side)
