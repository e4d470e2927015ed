"""A blotter through cuts, doubled and overtaking messages, and reads that lag: in the end it shows what is so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from alor_async import Disconnected, Divergence, Filled, Gap, OrderStatus, Reconnected, Side, TimeInForce
from alor_async._policy.clock import Timer
from alor_async.models import Condition
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import PROMPT, Hasty
from tests.faults.test_stream_gaps import strike
from tests.faults.trading_desk import Trader, Wall, fills_of, trading_day
from tests.orders.blotter_kit import SBER, WITHIN, Reader, check_blotter, check_story, watching
from tests.support.streamserver import DrivenAlor
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, low_and_high

SEEDS = range(6)


class ShortMinutes(Hasty):
    """What is to be done in a minute is done in three seconds."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return super().call_later(seconds / 20 if seconds > 30.0 else seconds, callback)


class Night(Wall, Hasty):
    """A night may pass at once, and nobody waits for long."""


async def cut(sandbox: Sandbox, reader: Reader, trader: Trader | None, how: str, *, unseen: int = 2) -> None:
    """Cut the streams, let trading go on meanwhile, and wait until they are back."""
    before = len(reader.of(Reconnected))
    with sandbox.faults.ws.refuse(503, times=None):
        strike(sandbox, how)
        await until(lambda: len(reader.of(Disconnected)) == before + 1, within=WITHIN)
        assert not reader.blotter.is_live
        if trader is not None:
            await trader.more(unseen)
    await until(lambda: len(reader.of(Reconnected)) == before + 1, within=WITHIN)


class TestCuts:
    @pytest.mark.parametrize("seed", SEEDS)
    async def test_trading_through_cuts_ends_in_the_exchanges_state(self, seed: int) -> None:
        chance = random.Random(seed)
        async with trading_day(seed) as (sandbox, alor), watching(alor) as (blotter, reader):
            trader = Trader(sandbox, alor, seed)
            try:
                for _ in range(3):
                    await trader.more(chance.randint(1, 4))
                    await cut(sandbox, reader, trader, chance.choice(["abort", "half_close", "1001", "1012"]))
                await trader.more(2)
            finally:
                await trader.stop()
            await check_blotter(sandbox, blotter)
            await until(lambda: len(reader.of(Filled)) == len(fills_of(sandbox)))
            check_story(reader)
            assert any(fill.is_recovered for fill in reader.of(Filled))
            assert not any(view.is_external for view in blotter.orders.values())
            notices = [kind for kind in reader.kinds() if kind in ("Disconnected", "Gap", "Reconnected")]
            assert notices == ["Disconnected", "Gap", "Reconnected"] * 3
            assert all(gap.since <= gap.until for gap in reader.of(Gap))

    @pytest.mark.parametrize("seed", SEEDS)
    async def test_messages_that_overtake_each_other_or_come_twice(self, seed: int) -> None:
        async with trading_day(seed) as (sandbox, alor), watching(alor) as (blotter, reader):
            with sandbox.faults.ws.reorder(3), sandbox.faults.ws.dup(2, times=None, probability=0.3):
                trader = Trader(sandbox, alor, seed)
                try:
                    await trader.more(8)
                finally:
                    await trader.stop()
            await check_blotter(sandbox, blotter)
            await until(lambda: len(reader.of(Filled)) == len(fills_of(sandbox)))
            check_story(reader)

    async def test_reads_that_lag_take_nothing_back(self) -> None:
        async with trading_day(7) as (sandbox, alor), watching(alor) as (blotter, reader):
            with sandbox.faults.exchange.read_lag(3600):
                trader = Trader(sandbox, alor, 7)
                try:
                    await trader.more(3)
                    await cut(sandbox, reader, trader, "abort")
                    await trader.more(1)
                finally:
                    await trader.stop()
                await check_blotter(sandbox, blotter)
            check_story(reader)
            assert not any(view.has_expired for view in blotter.orders.values())

    @pytest.mark.parametrize(
        "damage", [lambda frame: b"{}", lambda frame: frame.replace(b'"buy"', b"{}")], ids=["nobodys", "unreadable"]
    )
    async def test_what_is_lost_soon_after_a_look_is_looked_up_later(self, damage: Callable[[bytes], bytes]) -> None:
        """Looking twice in a minute is too much, and never looking again costs a fill."""
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(ShortMinutes(), sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            watching(alor) as (blotter, reader),
        ):
            for number in range(3):
                lost = sandbox.faults.ws.corrupt(damage, opcode="TradesGetAndSubscribeV2")
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                assert (await blotter.wait(ack.order_id, timeout=WITHIN)).traded_lots == 2
                assert lost.fired == 1
                await until(lambda: len(reader.of(Filled)) > number)  # noqa: B023 - awaited here
            await check_blotter(sandbox, blotter)

    async def test_a_conditional_order_that_fired_unseen(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            stop = await alor.stop_orders.place_stop(
                STOCKS, SBER, Side.SELL, lots=5, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            with sandbox.faults.ws.refuse(503, times=None):
                strike(sandbox, "abort")
                await until(lambda: reader.of(Disconnected))
                await sandbox.clock.advance(seconds=1)
                sandbox.market["SBER"].move_to(low)
                await sandbox.clock.advance(seconds=1)
            done = await blotter.wait_stop_order(stop.order_id, timeout=WITHIN)
            assert done.child is not None
            assert (done.filled_lots, done.child.parent_stop, done.child.is_external) == (5, stop.order_id, False)
            await check_blotter(sandbox, blotter)
            check_story(reader)


class TestTheDayEnds:
    async def test_f113_an_order_that_expires_is_not_cancelled_by_us(self) -> None:
        """Heard as it happens: the exchange ends it, and the wait for it ends too."""
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, _):
            low, _ = low_and_high(sandbox)
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low)
            await until(lambda: blotter.order(ack.order_id))
            before = sandbox.requests.count("orders.*")
            await sandbox.clock.advance(hours=24)
            done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert done.order is not None
            assert (done.order.status, done.filled_lots, done.replaced_by) == (OrderStatus.CANCELLED, 0, None)
            assert sandbox.requests.count("orders.*") == before
            assert sandbox.orders(STOCKS) == ()

    async def test_f113_an_order_that_expired_unheard_is_known_to_be_over(self) -> None:
        wall = Wall()
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(wall, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            watching(alor) as (blotter, reader),
        ):
            low, _ = low_and_high(sandbox)
            old = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low)
            await until(lambda: blotter.order(old.order_id))
            with sandbox.faults.ws.refuse(503, times=None):
                strike(sandbox, "1012")
                await until(lambda: reader.of(Disconnected))
                await sandbox.clock.advance(hours=24)
                wall.ahead += 86_400
            done = await blotter.wait(old.order_id, timeout=WITHIN)
            assert done.order is not None
            assert (done.has_expired, done.order.status, done.filled_lots) == (True, OrderStatus.WORKING, 0)
            assert sandbox.orders(STOCKS) == (), "nothing was repeated"
            new = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            await until(lambda: blotter.order(new.order_id))
            young = blotter.orders[new.order_id]
            assert (young.is_final, young.has_expired) == (False, False)

    @pytest.mark.parametrize("lots", [1, 2])
    async def test_f113_an_order_that_was_filled_unheard_on_its_last_day_is_done(self, lots: int) -> None:
        """The order is listed no more, so its trades have the last word: what it said before is older."""
        wall = Wall()
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(wall, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            watching(alor) as (blotter, reader),
        ):
            sandbox.market["SBER"].clear()
            old = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low_and_high(sandbox)[0])
            await until(lambda: blotter.order(old.order_id))
            with sandbox.faults.ws.refuse(503, times=None):
                strike(sandbox, "1012")
                await until(lambda: reader.of(Disconnected))
                assert sandbox.market["SBER"].take("sell", lots=lots) == lots
                await sandbox.clock.advance(hours=24)
                wall.ahead += 86_400
            done = await blotter.wait(old.order_id, timeout=WITHIN)
            assert (done.has_expired, done.filled_lots, done.traded_lots) == (True, lots, lots)
            assert blotter.divergences == ()
            assert [fill.is_recovered for fill in reader.of(Filled)] == [True]

    @pytest.mark.parametrize("rest", [0, 3])
    async def test_f113_an_order_that_lasts_for_days_is_done_with_what_it_executed_before(self, rest: int) -> None:
        """The broker lists the trades of today alone, so what is missing in them was executed on a day before."""
        wall = Wall()
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(wall, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
        ):
            symbol = (await alor.market_data.get_futures_quote("MOEX:SBRF")).symbol
            market = sandbox.market[symbol]
            low = market.book.bids[-1].price
            market.clear()
            lasting = await alor.orders.place_limit(
                FUTURES, f"MOEX:{symbol}", Side.BUY, lots=5, price=low, time_in_force=TimeInForce.GOOD_TILL_CANCELLED
            )
            assert market.take("sell", lots=2) == 2
            await sandbox.clock.advance(hours=24)
            wall.ahead += 86_400
            assert await alor.account.list_trades(FUTURES) == []
            async with watching(alor, FUTURES) as (blotter, reader):
                await until(lambda: blotter.orders[lasting.order_id].earlier_lots == 2, within=WITHIN)
                market.clear()
                if rest:
                    assert market.take("sell", lots=rest) == rest
                else:
                    await alor.orders.cancel(FUTURES, lasting.order_id)
                done = await blotter.wait(lasting.order_id, timeout=WITHIN)
                assert (done.is_final, done.traded_lots, done.filled_lots) == (True, rest, 2 + rest)
                assert blotter.divergences == ()
                check_story(reader)

    @pytest.mark.parametrize("failures", [0, 5])
    async def test_f113_an_order_of_whose_end_the_broker_says_nothing(self, failures: int) -> None:
        """It is looked for as soon as something of the next day is told, and until the look succeeds."""
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(Hasty(), sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            watching(alor) as (blotter, _),
        ):
            low, _high = low_and_high(sandbox)
            old = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low)
            await until(lambda: blotter.order(old.order_id))
            with sandbox.faults.ws.mute(opcode="OrdersGetAndSubscribeV2"):
                await sandbox.clock.advance(hours=24)
            assert not blotter.orders[old.order_id].is_final
            assert blotter.is_live
            page = sandbox.faults.http.body(b"<html>Back soon</html>", operation="account.list_orders", times=None)
            new = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            await until(lambda: page.fired >= failures, within=WITHIN)
            page.clear()
            assert (await blotter.wait(old.order_id, timeout=WITHIN)).has_expired
            await until(lambda: blotter.order(new.order_id))
            assert not blotter.orders[new.order_id].is_final

    @pytest.mark.parametrize("failures", [0, 3])
    async def test_what_was_sold_unheard_on_the_day_before_is_held_no_more_and_its_order_is_done(
        self, failures: int
    ) -> None:
        """It is told no more, as it ended on an earlier day."""
        night = Night()
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(night, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            watching(alor) as (blotter, reader),
        ):
            lots = int(blotter.positions[SBER].units) // 10
            page = sandbox.faults.http.status(404, operation="account.list_positions", times=None)
            with sandbox.faults.ws.refuse(503, times=None):
                strike(sandbox, "1012")
                await until(lambda: reader.of(Disconnected))
                sold = await alor.orders.place_market(STOCKS, SBER, Side.SELL, lots=lots)
                await sandbox.clock.advance(hours=24)
                night.ahead += 86_400
            await until(lambda: page.fired >= failures, within=WITHIN)
            if failures:
                assert not blotter.is_live, "it is not known whether it is held"
                assert SBER in blotter.positions
            page.clear()
            await until(lambda: blotter.is_live, within=WITHIN)
            held = {one.symbol: one.units for one in sandbox.positions(STOCKS)}
            assert {one.symbol: one.units for one in blotter.positions.values()} | blotter.cash == held
            await until(lambda: [fill.order_id for fill in reader.of(Filled)] == [sold.order_id], within=WITHIN)
            end = await blotter.wait(sold.order_id, timeout=WITHIN)
            assert (end.order, end.has_expired, end.filled_lots) == (None, True, lots)
            assert blotter.divergences == ()

            bought = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=3)
            await blotter.wait(bought.order_id, timeout=WITHIN)
            await until(lambda: SBER in blotter.positions and blotter.positions[SBER].units == 30)
            await asyncio.sleep(2.5)  # for so long nothing must be wrong with it
            assert reader.of(Divergence) == []

    async def test_a_position_that_is_not_told_again_is_still_held_where_the_broker_lists_it(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            before, lost = dict(blotter.positions), []

            def lose(frame: bytes) -> bytes:
                if b'"SBER"' not in frame:
                    return frame
                lost.append(frame)
                return b"{}"

            with sandbox.faults.ws.corrupt(lose, opcode="PositionsGetAndSubscribeV2", times=None):
                strike(sandbox, "1012")
                await until(lambda: reader.of(Reconnected))
                await until(lambda: blotter.is_live, within=WITHIN)
                assert lost
                assert dict(blotter.positions) == before
