"""Consumers that cannot keep up: what reaches them, what is said to be lost, and that nobody else feels it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from alor_async._streams.events import Gap, Update
from alor_async.errors import SlowConsumer
from alor_async.models import Side
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import CoarseClock, Hasty, client_of, listening, live, settings
from tests.support.streamserver import DrivenAlor, Heard, Line, StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

FLOOD = 10_000
SMALL = 100
A_WHILE = 0.01
"""What a slow consumer does with each item: a hundred a second, where ten thousand come."""


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


async def pour(line: Line, stream: str, guid: str, key: str, count: int = FLOOD, **changes: object) -> None:
    """Send ten thousand a second, or as many as are read: past a full queue it waits a second for room, and no longer."""
    for number in range(1, count + 1):
        line.send(stream, guid, **{key: number}, **changes)
        if not number % SMALL:
            await asyncio.sleep(A_WHILE)
            with contextlib.suppress(TimeoutError):
                await until(lambda: line.unread < 2_500, within=1.0)


async def swallow(line: Line, size: int) -> None:
    """Wait until everything has left."""
    await until(lambda: not line.unread or line.was_cut, within=15)
    assert not line.was_cut, f"{size} messages were too many: somebody did not read"


class TestPolicies:
    """Ten thousand messages a second for who reads a hundred: the server never has to cut us off."""

    async def test_f148_state_is_conflated_to_the_newest_of_each_key(self, server: StreamServer) -> None:
        async with (
            server.client(settings(inbox=SMALL)) as alor,
            alor.streams.quotes("MOEX:SBER", "MOEX:GAZP") as quotes,
        ):
            line = server.line
            pourings = [
                asyncio.create_task(pour(line, "streams.quotes", line.guid_of(symbol), "c", FLOOD // 2))
                for symbol in ("SBER", "GAZP")
            ]
            newest: dict[str, list[int]] = {"SBER": [], "GAZP": []}
            async for update in quotes.events():
                if isinstance(update, Update):
                    assert update.instrument_id is not None
                    newest[update.instrument_id.symbol].append(int(update.item.last_price))
                    assert quotes.pending <= 4, "one of each instrument, and what is said about the stream"
                    if all(prices[-1:] == [FLOOD // 2] for prices in newest.values()):
                        break
                    await asyncio.sleep(A_WHILE)
            await asyncio.gather(*pourings)
            await swallow(line, FLOOD)
            for prices in newest.values():
                assert prices == sorted(set(prices))
            assert quotes.received == FLOOD
            assert quotes.delivered == sum(map(len, newest.values())) < FLOOD // 5
            assert (quotes.dropped, quotes.conflated) == (0, FLOOD - quotes.delivered)
            assert (quotes.gaps, len(server.lines)) == (0, 1)

    async def test_f148_the_oldest_are_dropped_counted_and_announced(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades("MOEX:SBER", on_slow="drop_oldest", inbox=SMALL) as trades,
        ):
            line = server.line
            pouring = asyncio.create_task(pour(line, "streams.market_trades", line.guid_of("SBER"), "id", h=False))
            seen, lost, last = 0, 0, 0
            async for event in trades.events():
                assert trades.pending <= SMALL + 2, "memory has a limit"
                if isinstance(event, Gap):
                    assert event.reason == "slow_consumer"
                    assert event.since <= event.until
                    assert event.lost
                    lost += event.lost
                    last += event.lost
                elif isinstance(event, Update):
                    last += 1
                    assert event.item.trade_id == last, "a gap stands where something is missing, and says how much"
                    seen += 1
                    if last == FLOOD:
                        break
                    await asyncio.sleep(A_WHILE)
            await pouring
            await swallow(line, FLOOD)
            assert seen + lost == FLOOD
            assert (trades.dropped, trades.delivered, trades.received) == (lost, seen, FLOOD)
            assert trades.gaps > 1
            assert len(server.lines) == 1

    async def test_f148_or_the_consumer_is_told_that_it_is_too_slow(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades("MOEX:SBER", inbox=SMALL) as trades,
        ):
            line = server.line
            pouring = asyncio.create_task(pour(line, "streams.market_trades", line.guid_of("SBER"), "id", h=False))
            told: list[SlowConsumer] = []
            seen, last = 0, 0
            while last < FLOOD:
                try:
                    async for trade in trades:
                        seen += 1
                        last += 1
                        assert trades.pending <= SMALL + 2
                        assert trade.trade_id == last, "nothing is skipped without a word"
                        if last == FLOOD:
                            break
                        await asyncio.sleep(A_WHILE)
                except SlowConsumer as slow:
                    told.append(slow)
                    last += slow.dropped
            await pouring
            await swallow(line, FLOOD)
            assert all(slow.dropped and str(slow.dropped) in str(slow) for slow in told)
            lost = sum(slow.dropped for slow in told)
            assert seen + lost == FLOOD
            assert (trades.dropped, trades.delivered) == (lost, seen)
            assert lost > FLOOD // 2
            assert len(server.lines) == 1

    async def test_f148_conflation_is_of_states_only_and_raising_of_both(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.quotes("MOEX:SBER", on_slow="raise", inbox=5) as quotes,
        ):
            for price in range(1, 21):
                server.line.send("streams.quotes", server.line.guid_of("SBER"), c=price)
            await until(lambda: quotes.received == 20)
            assert [int((await anext(quotes)).last_price) for _ in range(5)] == [1, 2, 3, 4, 5]
            with pytest.raises(SlowConsumer) as slow:
                await anext(quotes)
            assert slow.value.dropped == 15
            server.line.send("streams.quotes", server.line.guid_of("SBER"), c=21)
            assert int((await anext(quotes)).last_price) == 21

    async def test_f148_a_snapshot_that_passes_for_news_and_is_too_much_is_not_asked_for_without_a_pause(self) -> None:
        """Three positions without a mark in an inbox for one: he is told of it each time, and the broker is asked every few seconds."""
        clock = CoarseClock()
        async with StreamServer(clock=clock) as server:

            def tell(line: Line, one: Heard) -> None:
                line.reply(one.guid)
                for symbol in ("SBER", "GAZP", "LKOH") if one.is_subscription else ():
                    line.send("streams.positions", one.guid, sym=symbol, tic=f"MOEX:{symbol}", h=False)

            server.answer = tell
            async with (
                server.client() as alor,
                alor.streams.positions(STOCKS, on_slow="raise", inbox=1) as positions,
            ):
                told: list[int] = []

                async def insist() -> None:
                    while True:
                        try:
                            async for _ in positions:
                                pass
                        except SlowConsumer as slow:
                            told.append(slow.dropped)

                insisting = asyncio.create_task(insist())
                await live(clock, 60, step=0.5)
                insisting.cancel()
                assert 8 < len(server.subscriptions) < 60
                assert len(told) >= len(server.subscriptions) - 1


class TestOwn:
    """What stands for money is read again afterwards."""

    FILLS = 300

    @pytest.fixture
    async def sandbox(self) -> AsyncIterator[Sandbox]:
        async with new_sandbox() as running:
            yield running
            running.check()

    async def test_f148_each_fill_is_delivered_once_all_the_same(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.trades(STOCKS, inbox=20) as trades:
            seen, recovered = await self._trade_and_follow(sandbox, alor, trades)
            exchange = [trade.trade_id for trade in sandbox.trades(STOCKS)]
            assert len(exchange) >= self.FILLS
            assert sorted(update.item.trade_id for update in seen) == sorted(map(str, exchange))
            assert recovered > self.FILLS // 2
            assert sandbox.messages.count("TradesGetAndSubscribeV2") == 1, "its snapshot would be too much again"

    async def test_f148_a_read_that_lags_behind_is_repeated(self, sandbox: Sandbox) -> None:
        lag = sandbox.faults.exchange.read_lag(60)

        async def catch_up() -> None:
            await until(lambda: lag.fired, within=20)
            lag.clear()

        catching_up = asyncio.create_task(catch_up())
        async with (
            DrivenAlor(Hasty(), sandbox.refresh_token, environment=sandbox.environment, streams=settings()) as alor,
            alor.streams.trades(STOCKS, inbox=20) as trades,
        ):
            seen, recovered = await self._trade_and_follow(sandbox, alor, trades)
            await catching_up
            assert sandbox.requests.count("account.list_trades") >= 2
            assert len({update.item.trade_id for update in seen}) == len(seen) == len(sandbox.trades(STOCKS))
            assert recovered > self.FILLS // 2

    async def test_f148_a_page_in_place_of_an_answer_does_not_end_the_looking_up(self, sandbox: Sandbox) -> None:
        page = sandbox.faults.http.body(b"<html>Back soon</html>", operation="account.list_trades", times=None)

        async def mend() -> None:
            await until(lambda: page.fired >= 5, within=20)
            page.clear()

        mending = asyncio.create_task(mend())
        async with (
            DrivenAlor(Hasty(), sandbox.refresh_token, environment=sandbox.environment, streams=settings()) as alor,
            alor.streams.trades(STOCKS, inbox=20) as trades,
        ):
            seen, _ = await self._trade_and_follow(sandbox, alor, trades)
            await mending
            assert len({update.item.trade_id for update in seen}) == len(seen) == len(sandbox.trades(STOCKS))

    async def test_f148_each_order_is_known_as_it_is(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.orders(STOCKS, inbox=20) as orders:
            seen, _ = await self._trade_and_follow(sandbox, alor, orders)
            last = {update.item.order_id: update.item for update in seen}
            for order in sandbox.orders(STOCKS):
                known = last[order.order_id]
                assert (known.filled_lots, known.status) == (order.filled_lots, order.status.value)
            filled = [update.item.filled_lots for update in seen if update.item.lots == self.FILLS]
            assert filled == sorted(set(filled)), "never backwards"

    async def _trade_and_follow(self, sandbox: Sandbox, alor: Any, stream: Any) -> tuple[list[Update[Any]], int]:
        """Have an order filled lot by lot while nobody listens, and then listen to the end."""
        market = sandbox.market["SBER"]
        price = market.quote.bid
        assert price is not None
        market.set_book(asks=[(price + 1, 10_000)])
        order = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=self.FILLS, price=price)
        await until(lambda: stream.received >= 1 or stream.name == "streams.trades")

        def fill() -> None:
            for _ in range(self.FILLS):
                assert market.take("sell", lots=1) == 1

        await asyncio.to_thread(fill)
        await until(lambda: stream.dropped >= self.FILLS - 40, within=10)
        seen: list[Update[Any]] = []
        told: list[int] = []
        until_over = asyncio.get_running_loop().time() + 10
        while asyncio.get_running_loop().time() < until_over:
            try:
                async with asyncio.timeout(1):
                    async for event in stream.events():
                        seen += [event] if isinstance(event, Update) else []
            except SlowConsumer as slow:
                told.append(slow.dropped)
            except TimeoutError:
                break
        assert told
        assert all(told)
        assert order.order_id in {update.item.order_id for update in seen}
        return seen, sum(update.is_recovered for update in seen)


class TestNeighbours:
    async def test_f149_one_slow_consumer_among_twenty_is_felt_by_nobody(self, server: StreamServer) -> None:
        count, each = 20, 300
        async with server.client(settings()) as alor:
            slow = await alor.streams.market_trades("MOEX:SLOW", inbox=10).__aenter__()
            streams = [await alor.streams.market_trades(f"MOEX:I{number}").__aenter__() for number in range(count)]
            line = server.line
            guids = [line.guid_of(f"I{number}") for number in range(count)]
            sleepy = line.guid_of("SLOW")

            async def speak() -> None:
                for number in range(1, each + 1):
                    for guid in guids:
                        line.send("streams.market_trades", guid, id=number, h=False)
                    for extra in range(5):
                        line.send("streams.market_trades", sleepy, id=number * 5 + extra, h=False)
                    await asyncio.sleep(0)

            async def follow(stream: Any) -> list[int]:
                seen: list[int] = []
                async for trade in stream:
                    seen.append(trade.trade_id)
                    if len(seen) == each:
                        break
                return seen

            async with asyncio.timeout(20):
                *followed, _ = await asyncio.gather(*(follow(stream) for stream in streams), speak())
            assert followed == [list(range(1, each + 1))] * count
            assert all((stream.dropped, stream.gaps) == (0, 0) for stream in streams)
            await until(lambda: slow.received == 5 * each)
            assert (slow.dropped, slow.pending) == (5 * each - 10, 10)

    async def test_f149_nor_by_those_who_share_its_instrument(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.quotes("MOEX:SBER") as slow,
            alor.streams.quotes("MOEX:SBER") as quick,
            listening(quick) as heard,
        ):
            guids = {one.guid for one in server.line.subscriptions}
            for price in range(1, 101):
                for guid in guids:
                    server.line.send("streams.quotes", guid, c=price)
                await until(lambda: len(heard.items) == price)  # noqa: B023
            assert [int(item.last_price) for item in heard.items] == list(range(1, 101))
            assert int((await anext(slow)).last_price) == 100
