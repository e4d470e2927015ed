"""Streams of markets against the exchange itself: which instrument, how deep, every trade, candles that close."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from alor_async import InstrumentId, Side, SnapshotEnd, TradingStatus, Update
from alor_async.values import Format
from tests.streams.kit import BEGIN, SBER, Floor, take, through
from tests.support.waiting import until
from tests.support.world import STOCKS

IN_EVERY_FORMAT = pytest.mark.parametrize("format", Format)
GAZP = InstrumentId("GAZP", "MOEX")
LKOH = InstrumentId("LKOH", "MOEX", "TQBR")
ODD_ONES = ("SBER", "SU26238RMFS4", "SBRF")
MINUTE = timedelta(minutes=1)


def symbol_of(floor: Floor, name: str) -> str:
    """Give a symbol, or that of the nearest future of a base code."""
    if name != "SBRF":
        return name
    return next(one.spec.symbol for one in floor.exchange.instruments if one.spec.is_derivative)


def levels(book: Any, depth: int = 50) -> list[list[tuple[Decimal, int]]]:
    return [[(level.price, level.lots) for level in side[:depth]] for side in (book.bids, book.asks)]


class TestBooks:
    @pytest.mark.parametrize("name", ODD_ONES)
    @pytest.mark.parametrize("depth", [1, 20, 50])
    async def test_it_is_the_exchanges_to_the_depth_that_was_asked_for(
        self, floor: Floor, name: str, depth: int
    ) -> None:
        symbol = symbol_of(floor, name)
        market = floor.exchange.market[symbol]
        async with floor.alor.streams.order_book(f"MOEX:{symbol}", depth=depth) as books:
            (book,) = await take(books)
            assert levels(book) == levels(market.book, depth)
            await floor.trade(symbol)
            (book,) = await take(books)
            assert levels(book) == levels(market.book, depth)
            assert len(book.bids) == len(book.asks) == depth
            assert book.time == floor.exchange.clock.now

    async def test_an_order_of_ours_stands_in_it(self, floor: Floor) -> None:
        async with floor.alor.streams.order_book("MOEX:SBER", depth=50) as books:
            (before,) = await take(books)
            await floor.exchange.clock.advance(seconds=1)
            best = before.bids[0].price
            await floor.alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=7, price=best)
            (after,) = await take(books)
            assert after.bids[0].lots == before.bids[0].lots + 7

    @IN_EVERY_FORMAT
    async def test_each_of_several_is_told_by_the_instrument_that_was_asked_for(
        self, floor: Floor, format: Format
    ) -> None:
        asked = (SBER, GAZP, LKOH)
        async with floor.alor.streams.order_book(*asked, depth=5, format=format) as books:
            events = books.events()
            told = await take(events, 6)
            updates = [event for event in told if isinstance(event, Update)]
            assert {update.instrument_id for update in updates} == set(asked)
            for update in updates:
                assert update.instrument_id is not None
                assert levels(update.item) == levels(floor.exchange.market[update.instrument_id.symbol].book, 5)
            ends = [event.instrument_id for event in told if isinstance(event, SnapshotEnd)]
            assert sorted(map(str, ends)) == sorted(map(str, asked))
            for key in asked:
                own = [event for event in told if event.instrument_id == key]
                assert [type(event) for event in own] == [Update, SnapshotEnd]
            await floor.trade("GAZP")
            (update,) = await take(events)
            assert isinstance(update, Update)
            assert (update.instrument_id, update.is_snapshot) == (GAZP, False)
            assert levels(update.item) == levels(floor.exchange.market["GAZP"].book, 5)

    async def test_many_instruments_are_one_subscription(self, floor: Floor) -> None:
        names = [f"MOEX:{one.spec.symbol}" for one in floor.exchange.instruments if one.spec.exchange == "MOEX"]
        async with floor.alor.streams.order_book(*names, depth=1) as books:
            events = books.events()
            told = [event for event in await take(events, 2 * len(names)) if isinstance(event, Update)]
        assert sorted(str(update.instrument_id) for update in told) == sorted(names)
        assert len(floor.exchange.messages.of("OrderBookGetAndSubscribe")) == len(names) > 15


class TestQuotes:
    @IN_EVERY_FORMAT
    @pytest.mark.parametrize("name", ODD_ONES)
    async def test_it_is_the_exchanges(self, floor: Floor, name: str, format: Format) -> None:
        symbol = symbol_of(floor, name)
        async with floor.alor.streams.quotes(f"MOEX:{symbol}", format=format) as quotes:
            await take(quotes)
            traded = await floor.trade(symbol, lots=9)
            (quote,) = await take(quotes)
        truth = floor.exchange.market[symbol].quote
        assert quote.last_price == truth.last_price == traded.price
        assert (quote.symbol, quote.bid, quote.ask) == (symbol, truth.bid, truth.ask)
        assert (quote.bid_lots, quote.ask_lots, quote.volume) == (truth.bid_volume, truth.ask_volume, truth.volume)
        assert quote.last_price_time == floor.exchange.clock.now.replace(microsecond=0)


class TestTape:
    @IN_EVERY_FORMAT
    async def test_every_trade_once_and_in_order(self, floor: Floor, format: Format) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER", "MOEX:GAZP", format=format) as tape:
            made = []
            for number in range(60):
                symbol = ("SBER", "GAZP")[number % 3 == 0]
                market = floor.exchange.market[symbol]
                made.append((symbol, market.trade(price=market.quote.last_price, lots=number + 1)))
            events = tape.events()
            updates: list[Update[Any]] = []
            while len(updates) < 60:
                updates += [event for event in await take(events) if isinstance(event, Update)]
            assert not any(update.is_snapshot for update in updates)
            assert (tape.received, tape.delivered, tape.dropped, tape.pending) == (60, 60, 0, 0)
        for symbol in ("SBER", "GAZP"):
            told = [update.item for update in updates if update.item.symbol == symbol]
            assert {update.instrument_id.symbol for update in updates if update.item in told} == {symbol}
            truth = [trade for name, trade in made if name == symbol]
            assert [(one.trade_id, one.price, one.lots, one.timestamp_ms) for one in told] == [
                (one.trade_id, one.price, one.lots, one.timestamp_ms) for one in truth
            ]

    async def test_without_a_depth_the_past_is_left_out(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            events = tape.events()
            (end,) = await take(events)
            assert isinstance(end, SnapshotEnd)
            await floor.trade()
            (update,) = await take(events)
            assert not update.is_snapshot

    async def test_a_deep_past_comes_whole(self, floor: Floor) -> None:
        await floor.trade()
        async with floor.alor.streams.market_trades("MOEX:SBER", depth=2000) as tape:
            *updates, _ = await through(tape.events(), SnapshotEnd)
        trades = await floor.alor.market_data.list_market_trades("MOEX:SBER", descending=True, limit=2000)
        assert [update.item.trade_id for update in updates] == [trade.trade_id for trade in reversed(trades)]
        assert len(updates) > 100


class TestInstruments:
    @IN_EVERY_FORMAT
    async def test_what_changed_is_merged_into_a_whole(self, floor: Floor, format: Format) -> None:
        async with floor.alor.streams.instruments("MOEX:SBER", "MOEX:GAZP", format=format) as instruments:
            events = instruments.events()
            first = {event.instrument_id: event.item for event in await take(events, 4) if isinstance(event, Update)}
            floor.exchange.market["SBER"].halt()
            (update,) = await take(events)
            assert (update.instrument_id, update.item.symbol, update.is_snapshot) == (SBER, "SBER", False)
            before = first[SBER]
            changed = {name for name in before.__struct_fields__ if getattr(before, name) != getattr(update.item, name)}
            assert changed == {"trading_status", "trading_status_text"}
            assert update.item.trading_status != TradingStatus.NORMAL
            floor.exchange.market["SBER"].resume()
            (update,) = await take(events)
            assert update.item == before
            assert first[GAZP].symbol == "GAZP"

    @IN_EVERY_FORMAT
    async def test_what_was_overtaken_is_in_the_whole_all_the_same(self, fresh: Floor, format: Format) -> None:
        """Two messages tell two things; only the second is taken, and it holds both."""
        market = fresh.exchange.market["SBER"]
        async with fresh.alor.streams.instruments("MOEX:SBER", format=format) as instruments:
            (before,) = await take(instruments)
            market.gap(3)
            market.halt()
            await fresh.exchange.clock.advance(days=4)  # over a weekend as well, so that there is another session
            await until(lambda: instruments.received >= 3)
            assert instruments.pending == 1
            (after,) = await take(instruments)
        truth = next(one for one in fresh.exchange.instruments if one.spec.symbol == "SBER")
        assert after.trading_status == truth.trading_status != before.trading_status
        assert (after.price_min, after.price_max) == (truth.price_min, truth.price_max)
        assert (after.price_min, after.price_max) != (before.price_min, before.price_max)
        assert after.board == before.board == "TQBR"

    async def test_what_the_broker_no_longer_says_is_forgotten_with_the_connection(self, floor: Floor) -> None:
        def rated(payload: bytes) -> bytes:
            return payload.replace(b'"data":{', b'"data":{"mgb":12.5,', 1)

        floor.exchange.faults.ws.corrupt(rated, opcode="InstrumentsGetAndSubscribeV2")
        async with floor.alor.streams.instruments("MOEX:SBER") as instruments:
            events = instruments.events()
            first, _ = await take(events, 2)
            assert isinstance(first, Update)
            assert first.item.margin_buy == Decimal("12.5")
            floor.exchange.faults.ws.abort()
            *_, again, _ = await through(events, SnapshotEnd)
            assert again.item.margin_buy is None
            assert again.item == msgspec.structs.replace(first.item, margin_buy=None)


class TestCandles:
    async def next_minute(self, floor: Floor) -> None:
        await floor.exchange.clock.advance(seconds=60 - floor.exchange.clock.now.timestamp() % 60)

    @IN_EVERY_FORMAT
    async def test_one_that_is_complete_is_told_from_one_that_changes(self, floor: Floor, format: Format) -> None:
        await self.next_minute(floor)
        options: Any = {"timeframe": 60, "start": floor.exchange.clock.now, "format": format}
        async with floor.alor.streams.candles("MOEX:SBER", **options) as candles:
            events = candles.events()
            told: list[Update[Any]] = []
            for _ in range(3):
                for _ in range(2):
                    await floor.trade()
                    wanted = floor.exchange.market["SBER"].candles("60", 1)[-1].volume
                    while not told or told[-1].is_closed or told[-1].item.volume != wanted:
                        told += [one for one in await take(events) if isinstance(one, Update)]
                await self.next_minute(floor)
        closed = [update.item for update in told if update.is_closed]
        truth = floor.exchange.market["SBER"].candles("60", 3)
        assert [(one.timestamp, one.open, one.high, one.low, one.close, one.volume) for one in closed] == [
            (one.timestamp, one.open, one.high, one.low, one.close, one.volume) for one in truth[:2]
        ]
        assert [update.is_closed for update in told] == [False, False, True, False, False, True, False, False]
        assert not any(update.is_revision for update in told)
        assert [update.item.timestamp for update in told] == sorted(update.item.timestamp for update in told)

    async def test_none_that_is_complete_is_lost_on_one_who_looks_late(self, floor: Floor) -> None:
        await self.next_minute(floor)
        start = floor.exchange.clock.now
        async with floor.alor.streams.candles("MOEX:SBER", "MOEX:GAZP", timeframe=60, start=start) as candles:
            for _ in range(5):
                for symbol in ("SBER", "GAZP", "SBER"):
                    await floor.trade(symbol)
                await self.next_minute(floor)
            await until(lambda: candles.received >= 15)
            told: list[Any] = []
            events = candles.events()
            while candles.pending:
                told += await take(events)
        for symbol in ("SBER", "GAZP"):
            own = [one for one in told if isinstance(one, Update) and one.instrument_id.symbol == symbol]
            closed = [update.item for update in own if update.is_closed]
            truth = floor.exchange.market[symbol].candles("60", 5)
            assert [(one.timestamp, one.close, one.volume) for one in closed] == [
                (one.timestamp, one.close, one.volume) for one in truth[:-1]
            ]
            assert own[-1].item.timestamp == truth[-1].timestamp
            assert not own[-1].is_closed

    async def test_the_history_closes_each_but_the_last(self, floor: Floor) -> None:
        await floor.trade()
        async with floor.alor.streams.candles("MOEX:SBER", timeframe=60, start=BEGIN) as candles:
            *updates, _ = await through(candles.events(), SnapshotEnd)
        truth = await floor.candles(Format.SLIM)
        assert [update.item for update in updates if update.is_closed] == list(truth[:-1])
        assert updates[-1].item == truth[-1]
        assert not updates[-1].is_closed
        assert all(update.is_snapshot for update in updates)

    async def test_without_history_only_what_changes_comes(self, floor: Floor) -> None:
        options: Any = {"timeframe": 3600, "start": BEGIN, "skip_snapshot": True}
        async with floor.alor.streams.candles("MOEX:SBER", **options) as candles:
            events = candles.events()
            (end,) = await take(events)
            assert isinstance(end, SnapshotEnd)
            await floor.trade(lots=4)
            (update,) = await take(events)
        truth = floor.exchange.market["SBER"].candles("3600", 1)[-1]
        assert not update.is_snapshot
        assert (update.item.timestamp, update.item.volume) == (truth.timestamp, truth.volume)
