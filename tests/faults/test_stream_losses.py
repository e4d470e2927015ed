"""What was once lost, told twice, told wrongly or kept for ever, and is no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from alor_async import InstrumentId
from alor_async._streams.events import Disconnected, Gap, Reconnected, SnapshotEnd, Update
from alor_async.errors import SlowConsumer
from alor_async.models import OrderStatus, Side
from tests.faults.hub_support import client_of, listening, settings
from tests.streams.kit import until_error
from tests.support.streamserver import Heard, Line, StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high, new_sandbox

PATIENCE = 3.0
"""Within this time what was dropped is told after all; seconds."""


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


class TestCandles:
    async def test_f153_what_was_missed_is_recovered_and_the_last_candle_too_if_it_changed(
        self, server: StreamServer
    ) -> None:
        start = datetime(2026, 9, 14, tzinfo=UTC)
        async with (
            server.client(settings(snapshot_pause=0.3)) as alor,
            alor.streams.candles("MOEX:SBER", timeframe=60, start=start) as candles,
            listening(candles) as heard,
        ):
            server.line.send("streams.candles", server.line.guid_of("SBER"), t=1789374300, v=1)
            await until(lambda: heard.of(SnapshotEnd))
            server.line.abort()
            await until(lambda: len(server.lines) == 2 and server.line.subscriptions)
            guid = server.line.guid_of("SBER")
            server.line.send("streams.candles", guid, t=1789374300, v=2)
            server.line.send("streams.candles", guid, t=1789374360, v=3)
            server.line.send("streams.candles", guid, t=1789374420, v=4)
            await until(lambda: len(heard.of(SnapshotEnd)) == 2)
            back = heard.events[heard.kinds().index("Reconnected") + 1 :]
            assert isinstance(back[-1], SnapshotEnd)
            for event in back[:-1]:
                assert isinstance(event, Update)
                assert (event.is_recovered, event.is_snapshot) == (True, False)
            assert heard.items[-1].volume == 4


class TestSnapshots:
    @pytest.mark.parametrize("name", ["summaries", "risks", "candles"])
    async def test_what_comes_first_where_none_was_wanted_is_news(self, server: StreamServer, name: str) -> None:
        async with server.client(settings(snapshot_pause=5)) as alor:
            start = datetime(2026, 9, 14, tzinfo=UTC)
            streams: dict[str, Any] = {
                "summaries": alor.streams.summaries(STOCKS, skip_snapshot=True),
                "risks": alor.streams.risks(STOCKS, skip_snapshot=True),
                "candles": alor.streams.candles("MOEX:SBER", timeframe=60, start=start, skip_snapshot=True),
            }
            stream = streams[name]
            async with stream, listening(stream) as heard:
                (request,) = server.line.subscriptions
                server.line.send(f"streams.{name}", request.guid)
                await until(lambda: heard.items)
                updates: list[Update[Any]] = heard.of(Update)
                assert [update.is_snapshot for update in updates] == [False]


class TestMarketTrades:
    async def test_f138_the_deepest_snapshot_repeats_nothing(self, server: StreamServer) -> None:
        async def history(line: Line, guid: str, last: int) -> None:
            for number in range(last - 4_999, last + 1):
                line.send("streams.market_trades", guid, id=number, h=True)
                if not number % 1_000:
                    await until(lambda: not line.unread)

        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades("MOEX:LKOH", depth=5_000) as tape,
            listening(tape) as heard,
        ):
            await history(server.line, server.line.guid_of("LKOH"), 10_000)
            await until(lambda: len(heard.items) == 5_000)
            server.line.send("streams.market_trades", server.line.guid_of("LKOH"), id=10_001, h=False)
            await until(lambda: len(heard.items) == 5_001)
            server.line.abort()
            await until(lambda: len(server.lines) == 2 and server.line.subscriptions)
            await history(server.line, server.line.guid_of("LKOH"), 10_002)
            await until(lambda: tape.received == 10_001 and not tape.pending)
            assert [trade.trade_id for trade in heard.items] == list(range(5_001, 10_003))

    async def test_f120_nothing_is_lost_while_a_quiet_one_is_looked_after(self, server: StreamServer) -> None:
        """Without a depth no snapshot makes up for what is under way while it is asked for anew."""
        async with (
            server.client(settings(stale_after=0.3)) as alor,
            alor.streams.market_trades("MOEX:LKOH") as tape,
            alor.streams.quotes("MOEX:SBER"),
            listening(tape) as heard,
        ):
            line, former = server.line, server.line.guid_of("LKOH")
            line.send("streams.market_trades", former, id=1, h=False)
            await until(lambda: heard.items)

            def answer(line: Line, one: Heard) -> None:
                if one.subject == "LKOH":
                    line.send("streams.market_trades", former, id=2, h=False)
                line.reply(one.guid)

            server.answer = answer
            async with asyncio.timeout(5):
                while len([one for one in server.subscriptions if one.subject == "LKOH"]) < 2:
                    line.send("streams.quotes", line.guid_of("SBER"), c=250)
                    await asyncio.sleep(0.02)
            await until(lambda: any(one.fields["guid"] == former for one in server.of("unsubscribe")))
            line.send("streams.market_trades", line.guid_of("LKOH"), id=3, h=False)
            await until(lambda: len(heard.items) >= 2 and heard.items[-1].trade_id == 3)
            assert [trade.trade_id for trade in heard.items] == [1, 2, 3]


class TestGaps:
    async def test_f138_orders_that_were_not_wanted_do_not_come_after_a_gap(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            await alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
            low, _ = low_and_high(sandbox)
            working = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low)
            async with (
                alor.streams.orders(STOCKS, statuses=[OrderStatus.WORKING]) as orders,
                listening(orders) as heard,
            ):
                await until(lambda: heard.items)
                sandbox.faults.ws.abort()
                await until(lambda: heard.of(Reconnected))
                bought = await alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
                await until(lambda: bought.order_id in {order.order_id for order in heard.items})
                await asyncio.sleep(0.3)
                assert {order.order_id for order in heard.items} == {working.order_id, bought.order_id}

    async def test_f138_an_order_that_ended_unseen_is_told_whatever_statuses_were_wanted(self) -> None:
        async with (
            new_sandbox() as sandbox,
            client_of(sandbox) as alor,
            alor.streams.orders(STOCKS, statuses=[OrderStatus.WORKING]) as orders,
            listening(orders) as heard,
        ):
            sandbox.faults.exchange.read_lag(3_600)
            with sandbox.faults.ws.refuse(503, times=None):
                sandbox.faults.ws.abort()
                await until(lambda: heard.of(Disconnected))
                bought = await alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
            await until(lambda: heard.items)
            (update,) = heard.of(Update)
            assert (update.item.order_id, update.item.status) == (bought.order_id, OrderStatus.FILLED)
            assert update.is_recovered

    async def test_f148_a_gap_that_ends_while_too_much_waits_is_within_the_one_that_is_told(
        self, server: StreamServer
    ) -> None:
        def answer(line: Line, one: Heard) -> None:
            if line.number == 1 or one.subject == "SBER":
                line.reply(one.guid)

        server.answer = answer
        async with (
            server.client(settings(inbox=10)) as alor,
            alor.streams.market_trades("MOEX:SBER", "MOEX:LKOH") as tape,
        ):
            before = alor.streams._hub.now()
            server.line.abort()
            await until(lambda: len(server.lines) == 2 and len(server.line.subscriptions) == 2)
            for number in range(20):
                server.line.send("streams.market_trades", server.line.guid_of("SBER"), id=number, h=False)
            await until(lambda: tape.dropped)
            server.line.reply(server.line.guid_of("LKOH"))
            await until(lambda: tape.is_live)
            events = tape.events()
            seen, _ = await until_error(events, SlowConsumer)
            told = [event for event in seen if not isinstance(event, Update | SnapshotEnd)]
            cut, first, _ = told
            assert isinstance(cut, Disconnected)
            assert cut.since <= before
            assert [type(event) for event in told] == [Disconnected, Gap, Reconnected]
            assert isinstance(first, Gap)
            assert (first.instrument_id, first.lost) == (InstrumentId.of("MOEX:SBER"), None)
            gaps = {
                gap.instrument_id: gap for gap in [await anext(events), await anext(events)] if isinstance(gap, Gap)
            }
            assert gaps[InstrumentId.of("MOEX:SBER")].lost == 10
            late = gaps[InstrumentId.of("MOEX:LKOH")]
            assert late.lost is None
            assert late.since <= cut.since


class TestCounting:
    async def test_the_lag_is_that_of_whatever_came_last(self, server: StreamServer) -> None:
        async with server.client(settings()) as alor, alor.streams.market_trades("MOEX:SBER", "MOEX:LKOH") as tape:
            now = int(alor.streams._hub.clock.now() * 1000)
            server.line.send("streams.market_trades", server.line.guid_of("SBER"), id=1, h=False, t=now - 3_600_000)
            await until(lambda: tape.lag is not None)
            assert tape.lag == pytest.approx(3_600, abs=60)
            for number in range(2, 40):
                now = int(alor.streams._hub.clock.now() * 1000)
                server.line.send("streams.market_trades", server.line.guid_of("LKOH"), id=number, h=False, t=now)
                await asyncio.sleep(0.01)
            await until(lambda: tape.lag is not None and tape.lag < 60)


class TestRecovery:
    async def test_f138_a_socket_that_flaps_while_rest_is_down_does_not_pile_up_reads(self) -> None:
        async with (
            new_sandbox() as sandbox,
            client_of(sandbox) as alor,
            alor.streams.trades(STOCKS) as trades,
            listening(trades) as heard,
        ):
            sandbox.faults.http.status(503, operation="account.list_trades", times=None)
            for times in range(1, 9):
                sandbox.faults.ws.abort()
                await until(lambda: len(heard.of(Reconnected)) == times, within=10)  # noqa: B023
            tasks = [task for task in asyncio.all_tasks() if "recovery" in task.get_name()]
            assert len(tasks) == 1
            await trades.close()
            await until(lambda: all(task.done() for task in tasks))

    async def test_f138_what_is_looked_up_for_one_who_never_reads_does_not_pile_up(self) -> None:
        """He is told that he missed too much; only then it is looked up again, each fill once."""
        async with (
            new_sandbox() as sandbox,
            client_of(sandbox, inbox=5) as alor,
            alor.streams.trades(STOCKS) as trades,
        ):
            for _ in range(8):
                await alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
            await until(lambda: trades.dropped)
            waiting = trades.pending
            for sockets in range(2, 6):
                reads = sandbox.requests.count("account.list_trades")
                sandbox.faults.ws.abort()
                await until(
                    lambda: sandbox.sockets.count("ws") and sandbox.requests.count("account.list_trades") > reads  # noqa: B023
                )
                assert trades.gaps == sockets - 1
            assert trades.pending <= waiting + 2
            fills = {trade.trade_id for trade in sandbox.trades(STOCKS)}
            seen, _ = await until_error(trades, SlowConsumer)
            async with asyncio.timeout(PATIENCE):
                while len(seen) < len(fills):
                    seen.append(await anext(trades))
            assert sorted(trade.trade_id for trade in seen) == sorted(fills)


class TestSlowConsumers:
    async def test_what_is_said_of_many_instruments_to_one_who_never_reads_does_not_pile_up(
        self, server: StreamServer
    ) -> None:
        async with (
            server.client(settings(inbox=5)) as alor,
            alor.streams.market_trades(*[f"MOEX:I{number}" for number in range(20)]) as tape,
        ):
            for number in range(10):
                server.line.send("streams.market_trades", server.line.guid_of("I0"), id=number, h=False)
            await until(lambda: tape.dropped)
            pending: list[int] = []
            for times in range(1, 9):
                server.line.abort()
                await until(lambda: tape.gaps == times and tape.is_live)  # noqa: B023
                pending.append(tape.pending)
            assert pending[-1] == pending[2]

    async def test_f148_books_that_are_all_marked_as_of_before_are_bounded_all_the_same(
        self, server: StreamServer
    ) -> None:
        """One state is its own snapshot once, whatever a server says of it."""
        async with (
            server.client(settings()) as alor,
            alor.streams.order_book("MOEX:SBER", on_slow="drop_oldest", inbox=10) as books,
        ):
            for number in range(30):
                server.line.send(
                    "streams.order_book", server.line.guid_of("SBER"), t=1_776_243_600_000 + number, h=True
                )
            await until(lambda: books.received == 30)
            assert (books.pending, books.dropped) == (10, 20)
            told = [await anext(books.events()) for _ in range(11)]
        assert [type(event) for event in told].count(SnapshotEnd) <= 1
        assert sum(isinstance(event, Update) and event.is_snapshot for event in told) <= 1

    async def test_f148_a_position_that_was_dropped_comes_again(self, server: StreamServer) -> None:
        held = {"SBER": 1, "GAZP": 1}

        def answer(line: Line, one: Heard) -> None:
            line.reply(one.guid)
            for symbol, units in held.items():
                line.send("streams.positions", one.guid, sym=symbol, tic=f"MOEX:{symbol}", q=units, h=True)

        server.answer = answer
        async with (
            server.client(settings()) as alor,
            alor.streams.positions(STOCKS, on_slow="raise", inbox=5) as positions,
        ):
            guid = server.line.guid_of(STOCKS)
            for units in range(2, 12):
                server.line.send("streams.positions", guid, sym="SBER", tic="MOEX:SBER", q=units, h=False)
            server.line.send("streams.positions", guid, sym="GAZP", tic="MOEX:GAZP", q=7, h=False)
            held = {"SBER": 11, "GAZP": 7}
            await until(lambda: positions.received == 13)
            seen, _ = await until_error(positions, SlowConsumer)
            latest = {position.symbol: position.units for position in seen}
            async with asyncio.timeout(PATIENCE):
                while latest != held:
                    position = await anext(positions)
                    latest[position.symbol] = position.units
