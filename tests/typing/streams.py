"""What subscriptions give, as a type checker sees it. Checked, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_type

from alor_async import (
    AsyncAlor,
    Candle,
    Disconnected,
    Format,
    FuturesRisk,
    Gap,
    Instrument,
    InstrumentId,
    MarketTrade,
    Order,
    OrderBook,
    OrderStatus,
    Portfolio,
    PortfolioRisk,
    Position,
    Quote,
    Reconnected,
    SlowConsumer,
    SnapshotEnd,
    Stale,
    StopOrder,
    StreamDecodeError,
    StreamError,
    StreamLost,
    StreamSettings,
    Subscription,
    SubscriptionRejected,
    Summary,
    Timeframe,
    Trade,
    Update,
    merge,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


async def markets(alor: AsyncAlor, quote: Quote) -> None:
    async with alor.streams.order_book("MOEX:SBER", quote, depth=10, frequency_ms=100) as books:
        assert_type(books, Subscription[OrderBook])
        async for book in books:
            assert_type(book, OrderBook)
            assert_type(book.bids[0].price, Decimal)
    async with alor.streams.candles("MOEX:SBER", timeframe=Timeframe.MINUTE, start=START) as candles:
        assert_type(await anext(candles), Candle)
    async with alor.streams.quotes(InstrumentId("SBER", "MOEX"), format=Format.HEAVY) as quotes:
        assert_type(await anext(quotes), Quote)
    async with alor.streams.instruments(quote) as instruments:
        assert_type(await anext(instruments), Instrument)
    async with alor.streams.market_trades("MOEX:SBER", on_slow="drop_oldest", inbox=5) as tape:
        assert_type(await anext(tape), MarketTrade)


async def portfolios(alor: AsyncAlor, portfolio: Portfolio) -> None:
    async with alor.streams.positions(portfolio) as positions:
        assert_type(await anext(positions), Position)
    async with alor.streams.summaries("D39004", skip_snapshot=True) as summaries:
        assert_type(await anext(summaries), Summary)
    async with alor.streams.risks("D39004") as risks:
        assert_type(await anext(risks), PortfolioRisk)
    async with alor.streams.futures_risks("7500GHC") as futures_risks:
        assert_type(await anext(futures_risks), FuturesRisk)
    async with alor.streams.trades(portfolio) as trades:
        assert_type(await anext(trades), Trade)
    async with alor.streams.orders(portfolio, statuses=[OrderStatus.WORKING]) as orders:
        assert_type(await anext(orders), Order)
    async with alor.streams.stop_orders(portfolio) as stop_orders:
        assert_type(await anext(stop_orders), StopOrder)


async def events(orders: Subscription[Order]) -> None:
    async for event in orders.events():
        match event:
            case Update():
                assert_type(event, Update[Order])
                assert_type(event.item, Order)
                assert_type(event.instrument_id, InstrumentId | None)
                assert_type(event.is_snapshot, bool)
                assert_type(event.is_closed, bool)
                assert_type(event.anomalies, tuple[str, ...])
            case Gap():
                assert_type(event.since, datetime)
                assert_type(event.lost, int | None)
                assert_type(event.instrument_id, InstrumentId | None)
            case Reconnected():
                assert_type(event.attempts, int)
            case SnapshotEnd():
                assert_type(event.is_assumed, bool)
            case Disconnected():
                assert_type(event.since, datetime)
            case _:
                assert_type(event, Stale)


async def counters(orders: Subscription[Order]) -> None:
    assert_type(orders.latest, Order | None)
    assert_type(orders.latest_of("MOEX:SBER"), Order | None)
    assert_type(orders.name, str)
    assert_type(orders.instruments, tuple[InstrumentId, ...])
    assert_type(orders.conflated, int)
    assert_type(orders.received, int)
    assert_type(orders.delivered, int)
    assert_type(orders.dropped, int)
    assert_type(orders.duplicates, int)
    assert_type(orders.stale, int)
    assert_type(orders.gaps, int)
    assert_type(orders.pending, int)
    assert_type(orders.lag, float | None)
    assert_type(orders.is_live, bool)
    await orders.drain()
    await orders.close()


async def several(first: Subscription[Quote], second: Subscription[Quote]) -> None:
    async for subscription, quote in merge(first, second):
        assert_type(subscription, Subscription[Quote])
        assert_type(quote, Quote)


def a_subscription_of_quotes_is_one_of_anything_wider(quotes: Subscription[Quote]) -> Subscription[Quote | Order]:
    return quotes


def failures(error: StreamError) -> None:
    match error:
        case SubscriptionRejected():
            assert_type(error.status, int | None)
            assert_type(error.reason, str | None)
        case SlowConsumer():
            assert_type(error.pending, int)
            assert_type(error.dropped, int)
        case StreamDecodeError():
            assert_type(error.frame, str)
        case StreamLost():
            assert_type(error.attempts, int)
            assert_type(error.last_error, BaseException | None)
        case _:
            assert_type(error.subscription, str)


def settings() -> StreamSettings:
    return StreamSettings(format=Format.HEAVY, inbox=50_000, give_up_after=600)
