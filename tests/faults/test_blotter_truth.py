"""What a blotter says of orders when the exchange, the network or somebody else interferes: the truth, or that it is not known."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from alor_async import (
    AsyncAlor,
    Condition,
    Disconnected,
    Divergence,
    Filled,
    OrderAck,
    OrderChanged,
    OrderError,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    OrderStatus,
    OrderView,
    OrderWaitTimeout,
    Replaced,
    Side,
    StopOrderChanged,
)
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import PROMPT, client_of
from tests.faults.test_stream_gaps import strike
from tests.faults.trading_desk import trading_day
from tests.orders.blotter_kit import SBER, WITHIN, check_blotter, check_story, watching
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high


def top_of_book(sandbox: Sandbox) -> Decimal:
    """A price at which a buy stands before all others."""
    market = sandbox.market["SBER"]
    assert market.quote.bid is not None
    return market.quote.bid + market.spec.price_step


class TestAnswersAndFills:
    async def test_f102_accepted_and_then_refused_by_the_exchange(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            sandbox.faults.exchange.async_reject("no such account")
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low_and_high(sandbox)[0])
            done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert done.order is not None
            assert (done.order.status, done.filled_lots, done.is_external) == (OrderStatus.REJECTED, 0, False)
            assert "no such account" in (done.order.comment or "")
            entry = alor.ledger.find(str(ack.request_id))
            assert entry is not None
            assert (entry.state, entry.order_id) == ("accepted", ack.order_id), "the acknowledgement stays what it was"
            await check_blotter(sandbox, blotter)
            check_story(reader)

    async def test_f103_filled_before_the_acknowledgement_is_here(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            with sandbox.faults.ack.delay(0.3, operation="orders.place_market"):
                placing = asyncio.create_task(alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2))
                await until(lambda: any(view.is_final for view in blotter.orders.values()))
                assert not placing.done()
                (early,) = blotter.orders.values()
                assert early.is_external is None, "whose it is nobody knows before the answer"
                ack = await placing
            done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert (done.order_id, done.filled_lots, done.is_external) == (early.order_id, 2, False)
            # The last thing that is told of it says whose it was.
            await until(lambda: reader.views(ack.order_id)[-1] == done)
            await check_blotter(sandbox, blotter)
            check_story(reader)

    async def test_waiting_for_an_order_that_nothing_is_known_of(self) -> None:
        """The number of an acknowledgement is enough, however late the streams are."""
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, _):
            with sandbox.faults.net.latency(0.1, socket="ws"):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=3)
                assert blotter.order(ack.order_id) is None
                done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert (done.filled_lots, done.traded_lots, done.is_final) == (3, 3, True)


class TestReplacing:
    async def test_f104_the_old_order_is_gone_and_the_new_one_refused(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=9, price=top_of_book(sandbox))
            sandbox.market["SBER"].take("sell", lots=4)
            await until(lambda: (view := blotter.order(ack.order_id)) is not None and view.filled_lots == 4)
            held = blotter.positions[SBER].units
            with sandbox.faults.exchange.replace_fails("gone"), pytest.raises(OrderError):
                await alor.orders.replace_limit(
                    STOCKS, ack.order_id, SBER, Side.BUY, lots=5, price=low_and_high(sandbox)[0]
                )
            old = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert old.order is not None
            assert (old.order.status, old.filled_lots, old.replaced_by) == (OrderStatus.CANCELLED, 4, None)
            assert reader.of(Replaced) == []
            assert blotter.positions[SBER].units == held
            assert not any(view.replaces for view in blotter.orders.values())
            await check_blotter(sandbox, blotter)
            check_story(reader)

    async def test_f104_a_chain_leads_from_the_first_order_to_the_last(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            acks = [await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=4, price=low)]
            for lots in (3, 2):
                acks.append(
                    await alor.orders.replace_limit(STOCKS, acks[-1].order_id, SBER, Side.BUY, lots=lots, price=low)
                )
            first, second, third = [ack.order_id for ack in acks]
            assert (await blotter.wait(first, timeout=WITHIN)).replaced_by == second
            assert (await blotter.wait(second, timeout=WITHIN)).replaced_by == third
            await until(lambda: blotter.order(third))
            assert [blotter.orders[one].replaces for one in (first, second, third)] == [None, first, second]
            await until(lambda: len(reader.of(Replaced)) == 2)
            assert [(event.old_id, event.new_id) for event in reader.of(Replaced)] == [(first, second), (second, third)]
            await check_blotter(sandbox, blotter)

    @pytest.mark.parametrize("seed", range(4))
    async def test_f105_a_replace_races_a_fill(self, seed: int) -> None:
        chance = random.Random(seed)
        async with trading_day(seed) as (sandbox, alor), watching(alor) as (blotter, reader):
            before = blotter.positions[SBER].units
            price = top_of_book(sandbox)
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=6, price=price)

            async def replace() -> OrderAck | None:
                await asyncio.sleep(chance.choice([0, 0.001, 0.003]))
                try:
                    return await alor.orders.replace_limit(STOCKS, ack.order_id, SBER, Side.BUY, lots=2, price=price)
                except OrderNotWorking:
                    return None

            replacing = asyncio.create_task(replace())
            for _ in range(3):
                sandbox.market["SBER"].take("sell", lots=chance.randint(1, 3))
                await asyncio.sleep(chance.choice([0, 0.001]))
            replaced = await replacing
            old = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert old.replaced_by == (None if replaced is None else replaced.order_id)
            await check_blotter(sandbox, blotter)
            bought = sum(view.filled_lots for view in blotter.orders.values())
            assert old.filled_lots <= 6
            assert bought <= old.filled_lots + 2
            lot = sandbox.market["SBER"].spec.lot_size
            assert blotter.positions[SBER].units - before == bought * lot
            check_story(reader)

    async def test_a_replaced_conditional_order_is_a_chain_too(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            terms: dict[str, Any] = {"condition": Condition.LESS_OR_EQUAL}
            old = await alor.stop_orders.place_stop(STOCKS, SBER, Side.SELL, lots=1, trigger_price=low, **terms)
            new = await alor.stop_orders.replace_stop(
                STOCKS, old.order_id, SBER, Side.SELL, lots=2, trigger_price=low, **terms
            )
            done = await blotter.wait_stop_order(old.order_id, timeout=WITHIN)
            assert (done.replaced_by, done.is_external) == (new.order_id, False)
            await until(lambda: blotter.stop_order(new.order_id))
            assert blotter.stop_orders[new.order_id].replaces == old.order_id
            await until(lambda: reader.of(Replaced))
            assert reader.of(Replaced) == [Replaced(old_id=old.order_id, new_id=new.order_id, is_stop=True)]


class TestConditionalOrders:
    async def test_f110_parent_and_child_are_told_together(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            stop = await alor.stop_orders.place_stop_limit(
                STOCKS, SBER, Side.SELL, lots=9, price=low + 1, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            await until(lambda: blotter.stop_order(stop.order_id))
            market = sandbox.market["SBER"]
            await sandbox.clock.advance(seconds=1)
            market.trade(price=low, lots=1)
            await until(lambda: (view := blotter.stop_order(stop.order_id)) is not None and view.child is not None)
            with pytest.raises(OrderNotWorking):
                await alor.stop_orders.cancel(STOCKS, stop.order_id)
            fired = blotter.stop_orders[stop.order_id]
            assert fired.child is not None
            child_id = fired.child.order_id
            assert not fired.is_final, "it goes on as the order that it became"
            assert (fired.child.parent_stop, fired.child.is_external) == (stop.order_id, False)
            market.trade(price=low + 1, lots=4)
            await until(lambda: blotter.stop_orders[stop.order_id].filled_lots == 4)
            await alor.orders.cancel(STOCKS, child_id)
            done = await blotter.wait_stop_order(stop.order_id, timeout=WITHIN)
            assert done.order is not None
            assert done.child is not None
            assert done.child.order is not None
            assert (done.order.status, done.child.order.status) == (OrderStatus.FILLED, OrderStatus.CANCELLED)
            assert (done.filled_lots, sum(trade.lots or 0 for trade in done.trades)) == (4, 4)
            assert done.child == blotter.orders[child_id]
            await check_blotter(sandbox, blotter)
            check_story(reader)

    async def test_f110_what_it_would_become_is_refused(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            stop = await alor.stop_orders.place_stop(
                STOCKS, SBER, Side.SELL, lots=1_000_000, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            await sandbox.clock.advance(seconds=1)
            sandbox.market["SBER"].move_to(low)
            done = await blotter.wait_stop_order(stop.order_id, timeout=WITHIN)
            assert done.order is not None
            assert (done.order.status, done.child, done.filled_lots) == (OrderStatus.REJECTED, None, 0)
            assert done.order.error
            await until(lambda: reader.of(StopOrderChanged))
            await check_blotter(sandbox, blotter)

    async def test_f110_it_fires_and_the_exchange_refuses_its_order(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, _):
            low, _ = low_and_high(sandbox)
            stop = await alor.stop_orders.place_stop(
                STOCKS, SBER, Side.SELL, lots=2, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            sandbox.faults.exchange.async_reject("halted", times=None)
            await sandbox.clock.advance(seconds=1)
            sandbox.market["SBER"].move_to(low)
            done = await blotter.wait_stop_order(stop.order_id, timeout=WITHIN)
            await check_blotter(sandbox, blotter)
            assert done == blotter.stop_orders[stop.order_id]

    @pytest.mark.parametrize("seed", range(3))
    async def test_f110_a_replace_races_the_trigger(self, seed: int) -> None:
        chance = random.Random(seed)
        async with trading_day(seed) as (sandbox, alor), watching(alor) as (blotter, reader):
            low, _ = low_and_high(sandbox)
            terms: dict[str, Any] = {"condition": Condition.LESS_OR_EQUAL, "trigger_price": low}
            old = await alor.stop_orders.place_stop(STOCKS, SBER, Side.SELL, lots=3, **terms)

            async def replace() -> OrderAck | None:
                await asyncio.sleep(chance.choice([0, 0.002]))
                try:
                    return await alor.stop_orders.replace_stop(STOCKS, old.order_id, SBER, Side.SELL, lots=2, **terms)
                except OrderRejected:
                    return None

            replacing = asyncio.create_task(replace())
            await asyncio.sleep(chance.choice([0, 0.002]))
            await sandbox.clock.advance(seconds=1)
            sandbox.market["SBER"].move_to(low)
            new = await replacing
            done = await blotter.wait_stop_order(old.order_id, timeout=WITHIN)
            assert done.replaced_by == (None if new is None else new.order_id)
            assert (done.filled_lots > 0) is (new is None), "either it fired, or it gave way"
            await check_blotter(sandbox, blotter)
            check_story(reader)


class TestWhoseOrder:
    async def test_f112_somebody_else_trades_on_the_account(self) -> None:
        async with (
            trading_day() as (sandbox, alor),
            client_of(sandbox) as other,
            watching(alor) as (blotter, reader),
        ):
            low, _ = low_and_high(sandbox)
            mine = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            theirs = await other.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            stop = await other.stop_orders.place_stop(
                STOCKS, SBER, Side.SELL, lots=1, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            bought = await other.orders.place_market(STOCKS, "MOEX:GAZP", Side.BUY, lots=1)
            await blotter.wait(bought.order_id, timeout=WITHIN)
            await until(lambda: len(blotter.orders) == 3 and blotter.stop_orders)
            whose = {key: view.is_external for key, view in blotter.orders.items()}
            assert whose == {mine.order_id: False, theirs.order_id: True, bought.order_id: True}
            assert blotter.stop_orders[stop.order_id].is_external is True
            await check_blotter(sandbox, blotter)
            check_story(reader)

    async def test_f112_an_order_with_a_tag_of_ours_is_ours_after_a_restart(self) -> None:
        async with Sandbox(seed=42, time="stepped") as sandbox:
            low, _ = low_and_high(sandbox)
            async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, order_tags=True) as before:
                tagged = await before.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            async with client_of(sandbox) as alor, watching(alor) as (blotter, _):
                assert blotter.orders[tagged.order_id].is_external is False

    async def test_f112_an_order_whose_answer_was_lost_is_nobodys_until_that_is_known(self) -> None:
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT, order_tags=False) as alor,
            client_of(sandbox) as other,
            watching(alor) as (blotter, _),
        ):
            low, _ = low_and_high(sandbox)
            sandbox.faults.ack.drop(operation="orders.place_limit")
            with pytest.raises(OrderOutcomeUnknown):
                await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            like_it = await other.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            unlike_it = await other.orders.place_limit(
                STOCKS, "MOEX:GAZP", Side.BUY, lots=1, price=low_and_high(sandbox, "GAZP")[0]
            )
            await until(lambda: len(blotter.orders) == 3)
            assert blotter.orders[like_it.order_id].is_external is None
            assert [view.is_external for view in blotter.orders.values()].count(None) == 2
            assert blotter.orders[unlike_it.order_id].is_external is True


class TestContradictions:
    async def test_f116_trades_that_no_order_shows(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            mute = sandbox.faults.ws.mute(opcode="OrdersGetAndSubscribeV2")
            with mute, sandbox.faults.exchange.read_lag(3600):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                with pytest.raises(OrderWaitTimeout) as caught:
                    await blotter.wait(ack.order_id, timeout=0.5)
                await until(lambda: reader.of(Divergence))
            assert isinstance(caught.value, TimeoutError)
            known = caught.value.view
            assert isinstance(known, OrderView)
            assert (known.order, known.filled_lots, known.is_final) == (None, 2, False)
            divergence = Divergence(what="fills", subject=ack.order_id, shown=None, computed=Decimal(2))
            assert reader.of(Divergence) == [divergence]
            assert blotter.divergences == (divergence,)
            sandbox.faults.ws.abort()
            done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert (done.filled_lots, done.is_final) == (2, True)
            await until(lambda: len(reader.of(Divergence)) == 2)
            assert reader.of(Divergence)[-1].is_over
            assert blotter.divergences == ()
            await check_blotter(sandbox, blotter)

    async def test_f116_an_order_that_ended_is_not_final_before_its_trades_say_so(self) -> None:
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            mute = sandbox.faults.ws.mute(opcode="TradesGetAndSubscribeV2")
            with mute, sandbox.faults.exchange.read_lag(3600):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                await until(lambda: reader.views(ack.order_id))
                await until(lambda: [one for one in reader.of(Divergence) if one.what == "fills"])
                view = blotter.orders[ack.order_id]
                assert view.order is not None
                assert (view.order.status, view.filled_lots, view.traded_lots) == (OrderStatus.FILLED, 2, 0)
                assert not view.is_final
                with pytest.raises(OrderWaitTimeout, match="filled with 2 lots filled, its trades say 0"):
                    await blotter.wait(ack.order_id, timeout=0.1)
                await until(lambda: len(blotter.divergences) == 2)
                told = {one.what: (one.shown, one.computed) for one in blotter.divergences}
                held = blotter.positions[SBER].units
                lot = sandbox.market["SBER"].spec.lot_size
                assert told == {"fills": (2, 0), "position": (held, held - 2 * lot)}
            sandbox.faults.ws.abort()
            assert (await blotter.wait(ack.order_id, timeout=WITHIN)).traded_lots == 2
            await until(lambda: not blotter.divergences)
            await until(lambda: sum(one.is_over for one in reader.of(Divergence)) == 2)

    async def test_f158_a_position_that_no_trade_explains(self) -> None:
        def wrong(frame: bytes) -> bytes:
            message = json.loads(frame)
            data = message["data"]
            if data["sym"] == "SBER":
                data["q"] += 70
            return json.dumps(message).encode()

        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            with sandbox.faults.ws.corrupt(wrong, opcode="PositionsGetAndSubscribeV2", times=None):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
                await blotter.wait(ack.order_id, timeout=WITHIN)
                await until(lambda: reader.of(Divergence))
                real = {one.symbol: one.units for one in sandbox.positions(STOCKS)}["SBER"]
                assert reader.of(Divergence) == [
                    Divergence(what="position", subject=SBER, shown=Decimal(real + 70), computed=Decimal(real))
                ]
                assert blotter.positions[SBER].units == real + 70, "shown as it was told"
                assert len(blotter.trades) == 1
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            await until(lambda: not blotter.divergences)
            await check_blotter(sandbox, blotter)
            await until(lambda: [one.is_over for one in reader.of(Divergence)] == [False, True])

    @pytest.mark.parametrize(
        ("damage", "is_missed"),
        [(lambda frame: b"{}", True), (lambda frame: frame.replace(b'"buy"', b"{}"), False)],
        ids=["nobodys", "unreadable"],
    )
    async def test_a_message_that_was_lost_is_made_up_for(
        self, damage: Callable[[bytes], bytes], is_missed: bool
    ) -> None:
        """A trade that never came is missed by its order, and looked up."""
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            lost = sandbox.faults.ws.corrupt(damage, opcode="TradesGetAndSubscribeV2")
            ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
            done = await blotter.wait(ack.order_id, timeout=WITHIN)
            assert lost.fired == 1
            assert done.traded_lots == 2
            await until(lambda: [fill.is_recovered for fill in reader.of(Filled)] == [True])
            await check_blotter(sandbox, blotter)
            await until(lambda: not blotter.divergences)
            assert bool(reader.of(Divergence)) is is_missed, "what was seen and could not be read is looked up at once"

    async def test_time_without_a_connection_makes_no_divergence(self) -> None:
        """Two seconds of hearing both sides, not two seconds."""
        loop = asyncio.get_running_loop()
        async with trading_day() as (sandbox, alor), watching(alor) as (blotter, reader):
            mute = sandbox.faults.ws.mute(opcode="TradesGetAndSubscribeV2")
            with mute, sandbox.faults.exchange.read_lag(3600):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                await until(lambda: blotter.order(ack.order_id))
                with sandbox.faults.ws.refuse(503, times=None):
                    strike(sandbox, "abort")
                    await until(lambda: reader.of(Disconnected))
                    await asyncio.sleep(1.5)
                await until(lambda: blotter.is_live)
                back = loop.time()
                await until(lambda: reader.of(Divergence))
                assert loop.time() - back > 1.8


async def test_what_happens_while_it_opens_is_in_it() -> None:
    async with trading_day() as (sandbox, alor):
        buying = asyncio.create_task(alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1))
        async with watching(alor) as (blotter, reader):
            ack = await buying
            await blotter.wait(ack.order_id, timeout=WITHIN)
            await check_blotter(sandbox, blotter)
            strike(sandbox, "abort")
            await until(lambda: not blotter.is_live)
            await check_blotter(sandbox, blotter)
            assert len(reader.of(Filled)) <= 1
            assert len([one for one in reader.of(OrderChanged) if one.view.is_final]) <= 1
