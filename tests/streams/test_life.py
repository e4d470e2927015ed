"""What a subscription is to its consumer: entered, iterated, left, drained, closed; what it counts; several as one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from alor_async import AsyncAlor, InvalidArgument, SnapshotEnd, Subscription, Update, merge
from alor_async.errors import ClosedError, SlowConsumer, StreamError
from tests.streams.kit import BY_NAME, QUICK, SBER, STREAMS, Floor, Stream, plain, rest_of, take, through, until_error
from tests.support.waiting import until
from tests.support.world import STOCKS


async def waiting(awaitable: Any) -> asyncio.Task[Any]:
    """Start it, and let it come to where it waits."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def trades(floor: Floor, count: int) -> list[int]:
    """Make so many trades; their numbers."""
    market = floor.exchange.market["SBER"]
    return [market.trade(price=market.quote.last_price, lots=1).trade_id for _ in range(count)]


async def ids(tape: Any, count: int) -> list[int]:
    return [trade.trade_id for trade in await take(tape, count)]


class TestEntering:
    @pytest.mark.parametrize("stream", STREAMS, ids=str)
    async def test_making_one_does_nothing(self, floor: Floor, stream: Stream) -> None:
        before, tasks = floor.exchange.sockets.count("ws"), asyncio.all_tasks()
        subscription = stream.open(floor.alor)
        assert isinstance(subscription, Subscription)
        await asyncio.sleep(0)
        assert (subscription.is_live, subscription.latest, subscription.received) == (False, None, 0)
        assert (floor.exchange.sockets.count("ws"), asyncio.all_tasks()) == (before, tasks)
        assert floor.messages == []

    async def test_it_is_live_while_it_is_open(self, floor: Floor) -> None:
        quotes = floor.alor.streams.quotes("MOEX:SBER")
        async with quotes as entered:
            assert entered is quotes
            assert quotes.is_live
            assert quotes.instruments == (SBER,)
            assert quotes.name == "streams.quotes"
        assert not quotes.is_live

    async def test_it_is_not_iterated_before(self, floor: Floor) -> None:
        quotes = floor.alor.streams.quotes("MOEX:SBER")
        with pytest.raises(ClosedError):
            await take(quotes)
        with pytest.raises(ClosedError):
            await take(quotes.events())

    async def test_it_is_entered_once(self, floor: Floor) -> None:
        quotes = floor.alor.streams.quotes("MOEX:SBER")
        async with quotes:
            with pytest.raises(ClosedError):
                await quotes.__aenter__()
            await take(quotes)
        with pytest.raises(ClosedError):
            await quotes.__aenter__()

    async def test_a_client_that_is_not_open_says_so(self, floor: Floor) -> None:
        alor = AsyncAlor(floor.exchange.refresh_token, environment=floor.exchange.environment)
        quotes = alor.streams.quotes("MOEX:SBER")
        with pytest.raises(ClosedError):
            await quotes.__aenter__()
        async with alor:
            pass
        with pytest.raises(ClosedError):
            await alor.streams.quotes("MOEX:SBER").__aenter__()

    async def test_a_cancelled_entry_leaves_nothing(self, floor: Floor) -> None:
        with floor.exchange.faults.ws.drop_ack(opcode="QuotesSubscribe"):
            entering = await waiting(floor.alor.streams.quotes("MOEX:SBER").__aenter__())
            await until(lambda: floor.exchange.messages.count("QuotesSubscribe"))
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
        await until(lambda: not any(socket.subscriptions for socket in floor.exchange.sockets))


class TestIterating:
    async def test_it_may_be_left_and_gone_on_with(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            made = await trades(floor, 30)
            seen: list[int] = []
            for _ in range(3):
                async for trade in tape:
                    seen.append(trade.trade_id)
                    if len(seen) % 5 == 0:
                        break
                async for event in tape.events():
                    seen += [event.item.trade_id] if isinstance(event, Update) else []
                    if len(seen) % 5 == 0 and isinstance(event, Update):
                        break
            assert seen == made

    async def test_what_follows_the_end_of_a_snapshot_is_not_lost_on_one_who_leaves_there(self, floor: Floor) -> None:
        """The first news says that the snapshot is over, and is news itself."""
        async with floor.alor.streams.market_trades("MOEX:SBER", depth=3) as tape:
            made = await trades(floor, 2)
            await until(lambda: tape.received == 5)
            async for event in tape.events():
                if isinstance(event, SnapshotEnd):
                    break
            assert tape.pending == 2
            assert await ids(tape, 2) == made
            assert (tape.pending, tape.delivered) == (0, 5)

    @pytest.mark.parametrize("how", ["iterate", "events", "merge"])
    async def test_a_cancelled_wait_loses_nothing(self, floor: Floor, how: str) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await through(tape.events(), SnapshotEnd)
            feed: Any = {"iterate": tape, "events": tape.events(), "merge": merge(tape)}[how]
            wait = await waiting(anext(feed))
            wait.cancel()
            with pytest.raises(asyncio.CancelledError):
                await wait
            made = await trades(floor, 2)
            assert await ids(tape, 2) == made

    async def test_a_wait_that_is_cancelled_as_something_comes_loses_nothing(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await through(tape.events(), SnapshotEnd)
            for _ in range(20):
                before = tape.received
                wait = await waiting(anext(tape))
                (made,) = await trades(floor, 1)
                while tape.received == before:  # noqa: ASYNC110 - to be cancelled at that very moment
                    await asyncio.sleep(0)
                wait.cancel()
                try:
                    seen = await wait
                except asyncio.CancelledError:
                    (seen,) = await take(tape)
                assert seen.trade_id == made
            assert tape.pending == 0

    async def test_one_consumer_at_a_time(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await through(tape.events(), SnapshotEnd)
            first = await waiting(anext(tape))
            for other in (tape, tape.events(), merge(tape)):
                with pytest.raises(StreamError) as caught:
                    await take(other)
                assert caught.value.subscription == "streams.market_trades"
            made = await trades(floor, 2)
            assert (await first).trade_id == made[0]
            assert await ids(tape, 1) == made[1:]

    async def test_an_error_of_the_consumer_ends_its_subscription_alone(self, floor: Floor) -> None:
        async with floor.alor.streams.quotes("MOEX:SBER") as others:
            with pytest.raises(ZeroDivisionError):
                await self.fail_in_an_iteration(floor)
            await until(lambda: [len(one.subscriptions) for one in floor.exchange.sockets] == [1])
            await take(others)
            await floor.trade()
            await take(others)

    async def fail_in_an_iteration(self, floor: Floor) -> None:
        async with floor.alor.streams.quotes("MOEX:SBER") as quotes:
            async for _ in quotes:
                raise ZeroDivisionError


class TestEnding:
    @pytest.mark.parametrize("how", ["iterate", "events", "merge"])
    async def test_closing_from_inside_ends_the_iteration(self, floor: Floor, how: str) -> None:
        seen = 0
        async with floor.alor.streams.market_trades("MOEX:SBER", depth=5) as tape:
            feed: Any = {"iterate": tape, "events": tape.events(), "merge": merge(tape)}[how]
            async with asyncio.timeout(5):
                async for _ in feed:
                    seen += 1
                    await tape.close()
            assert seen == 1
            assert await rest_of(tape) == []
            assert await rest_of(tape.events()) == []
            await tape.close()

    @pytest.mark.parametrize("how", ["iterate", "events", "merge"])
    async def test_closing_from_outside_wakes_the_one_who_waits(self, floor: Floor, how: str) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await through(tape.events(), SnapshotEnd)
            feed: Any = {"iterate": tape, "events": tape.events(), "merge": merge(tape)}[how]
            wait = await waiting(rest_of(feed))
            await tape.close()
            async with asyncio.timeout(1):
                assert await wait == []

    async def test_closing_the_client_is_an_error_to_those_who_wait(self, floor: Floor) -> None:
        alor = AsyncAlor(floor.exchange.refresh_token, environment=floor.exchange.environment, streams=QUICK)
        async with contextlib.AsyncExitStack() as stack:
            await alor.open()
            tape = await stack.enter_async_context(alor.streams.market_trades("MOEX:SBER"))
            quotes = await stack.enter_async_context(alor.streams.quotes("MOEX:SBER"))
            await through(tape.events(), SnapshotEnd)
            wait = await waiting(anext(tape))
            async with asyncio.timeout(2):
                await alor.close()
            with pytest.raises(ClosedError):
                await wait
            with pytest.raises(ClosedError):
                await rest_of(quotes)
            with pytest.raises(ClosedError):
                await rest_of(quotes.events())

    async def test_draining_delivers_what_waits_and_ends(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            made = await trades(floor, 10)
            await until(lambda: tape.received == 10)
            assert await ids(tape, 1) == made[:1]
            await tape.drain()
            await tape.drain()
            await trades(floor, 1)
            assert [trade.trade_id for trade in await rest_of(tape)] == made[1:]
            await until(lambda: floor.exchange.messages.count("unsubscribe") == 1)
            assert (tape.delivered, tape.pending, tape.is_live) == (10, 0, False)

    async def test_draining_ends_the_wait_of_one_who_has_it_all(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            await through(tape.events(), SnapshotEnd)
            wait = await waiting(rest_of(tape))
            await tape.drain()
            async with asyncio.timeout(1):
                assert await wait == []

    async def test_a_guid_is_never_used_again(self, floor: Floor) -> None:
        guids = []
        for _ in range(5):
            async with floor.alor.streams.quotes("MOEX:SBER"):
                guids.append(floor.exchange.messages.of("QuotesSubscribe")[-1].guid)
        assert len(set(guids)) == 5


class TestCounting:
    async def test_what_was_received_delivered_and_waits(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            made = await trades(floor, 7)
            await until(lambda: tape.received == 7)
            assert await ids(tape, 3) == made[:3]
            assert (tape.received, tape.delivered, tape.pending, tape.dropped) == (7, 3, 4, 0)
            assert (tape.duplicates, tape.stale, tape.gaps) == (0, 0, 0)
            assert tape.latest is not None
            assert tape.latest.trade_id == made[-1]
            assert STOCKS not in repr(tape)

    async def test_the_newest_state_stands_for_those_before(self, floor: Floor) -> None:
        async with floor.alor.streams.order_book("MOEX:SBER", "MOEX:GAZP", depth=3) as books:
            assert len(await take(books, 2)) == 2
            for _ in range(4):
                await floor.trade()
                await floor.trade("GAZP")
            await until(lambda: books.received == 10)
            assert books.pending == 2
            told = {event.instrument_id.symbol: event.item for event in await take(books.events(), 2)}
            for symbol, book in told.items():
                assert book.bids[0].price == floor.exchange.market[symbol].book.bids[0].price
                assert books.latest_of(f"MOEX:{symbol}") == book
            assert (books.delivered, books.dropped, books.conflated) == (4, 0, 6)

    async def test_who_asked_for_all_gets_all_or_an_error(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER", inbox=5) as tape:
            made = await trades(floor, 12)
            await until(lambda: tape.received == 12)
            seen, error = await until_error(tape, SlowConsumer)
            assert [trade.trade_id for trade in seen] == made[:5]
            assert error.dropped == tape.dropped == 7
            more = await trades(floor, 2)
            assert await ids(tape, 2) == more
            assert tape.gaps == 1

    async def test_dropping_the_oldest_says_how_many(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER", inbox=5, on_slow="drop_oldest") as tape:
            events = tape.events()
            await through(events, SnapshotEnd)
            made = await trades(floor, 12)
            await until(lambda: tape.received == 12)
            gap, *updates = await take(events, 6)
            assert (gap.reason, gap.lost, tape.dropped, tape.gaps) == ("slow_consumer", 7, 7, 1)
            assert [update.item.trade_id for update in updates] == made[-5:]

    async def test_state_may_be_kept_whole(self, floor: Floor) -> None:
        async with floor.alor.streams.quotes("MOEX:SBER", on_slow="raise") as quotes:
            prices = [(await floor.trade()).price for _ in range(4)]
            await until(lambda: quotes.received == 5)
            assert [quote.last_price for quote in await take(quotes, 5)][1:] == prices

    async def test_the_lag_is_from_the_exchanges_time(self, floor: Floor) -> None:
        async with floor.alor.streams.market_trades("MOEX:SBER") as tape:
            assert tape.lag is None
            made = await floor.trade()
            await until(lambda: tape.lag is not None)
            assert tape.lag == pytest.approx(time.time() - made.timestamp_ms / 1000, abs=3)

    @pytest.mark.parametrize("name", ["candles", "summaries", "instruments"])
    async def test_what_carries_no_time_has_no_lag(self, floor: Floor, name: str) -> None:
        async with BY_NAME[name].open(floor.alor) as subscription, floor.alor.streams.quotes("MOEX:SBER") as quotes:
            await until(lambda: quotes.lag is not None)
            assert subscription.received > 0
            assert subscription.lag is None


class TestMerging:
    async def test_each_item_comes_with_its_subscription(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.market_trades("MOEX:SBER") as tape,
            floor.alor.streams.orders(STOCKS, skip_snapshot=True) as orders,
            floor.alor.streams.quotes("MOEX:GAZP") as quotes,
        ):
            made = await trades(floor, 3)
            number = await floor.rest()
            await until(lambda: (tape.received, orders.received, quotes.received) == (3, 1, 1))
            told = await take(merge(tape, orders, quotes), 5)
            assert [one.trade_id for which, one in told if which is tape] == made
            assert [one.order_id for which, one in told if which is orders] == [number]
            assert [one.symbol for which, one in told if which is quotes] == ["GAZP"]

    async def test_a_busy_one_does_not_keep_the_others_back(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.market_trades("MOEX:SBER") as busy,
            floor.alor.streams.quotes("MOEX:GAZP") as quiet,
        ):
            await trades(floor, 50)
            await until(lambda: busy.received == 50 and quiet.received == 1)
            told = [which for which, _ in await take(merge(busy, quiet), 3)]
            assert quiet in told

    async def test_it_waits_for_all_and_ends_with_the_last(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.market_trades("MOEX:SBER") as tape,
            floor.alor.streams.market_trades("MOEX:GAZP") as other,
        ):
            both = merge(tape, other)
            wait = await waiting(rest_of(both))
            (made,) = await trades(floor, 1)
            await until(lambda: tape.delivered == 1)
            await tape.close()
            market = floor.exchange.market["GAZP"]
            later = market.trade(price=market.quote.last_price, lots=1).trade_id
            await until(lambda: other.delivered == 1)
            await other.close()
            async with asyncio.timeout(1):
                assert [(which, one.trade_id) for which, one in await wait] == [(tape, made), (other, later)]

    async def test_what_one_raises_is_raised_and_the_others_go_on(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.market_trades("MOEX:SBER", inbox=2) as tape,
            floor.alor.streams.quotes("MOEX:GAZP") as quotes,
        ):
            await trades(floor, 5)
            await until(lambda: tape.received == 5 and quotes.received == 1)
            both = merge(tape, quotes)
            told, _ = await until_error(both, SlowConsumer)
            made = await trades(floor, 1)
            seen = [which for which, _ in [*told, *await take(both, 4 - len(told))]]
            assert (seen.count(tape), seen.count(quotes)) == (3, 1)
            assert tape.latest is not None
            assert tape.latest.trade_id == made[0]

    @pytest.mark.parametrize("wrong", [(), ("quotes",), (None,)])
    def test_it_takes_subscriptions(self, wrong: Any) -> None:
        with pytest.raises(InvalidArgument):
            merge(*wrong)


async def test_a_subscription_within_the_iteration_of_another(floor: Floor) -> None:
    """No deadlock: neither of subscribing, nor of trading, nor of leaving, from inside."""
    async with asyncio.timeout(5), floor.alor.streams.market_trades("MOEX:SBER", depth=3) as tape:
        seen = 0
        async for _ in tape:
            stream = BY_NAME["orders"]
            async with stream.open(floor.alor, skip_snapshot=True) as orders:
                number = await floor.rest()
                assert plain((await take(orders))[0]).order_id == number
            seen += 1
            if seen == 3:
                break
