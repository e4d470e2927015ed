"""Trading went on while the stream was cut off: what was missed is announced, and made up for, once each."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from alor_async._streams.events import Disconnected, Gap, Reconnected, SnapshotEnd, Update
from alor_async.models import Condition, OrderStatus, Side
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import PROMPT, Listener, client_of
from tests.faults.trading_desk import SBER, WITHIN, Desk, Fill, Trader, Wall, check_desk, desk_of, fills_of, trading_day
from tests.support.streamserver import DrivenAlor
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high

SEEDS: Final = range(8)
CUTS: Final = 3


def strike(sandbox: Sandbox, how: str) -> None:
    """Cut every socket."""
    if how == "abort":
        sandbox.faults.ws.abort()
    elif how == "half_close":
        sandbox.faults.net.half_close(socket="ws")
    else:
        sandbox.faults.ws.close(int(how))


async def cut_while(
    sandbox: Sandbox, desk: Desk, how: str, during: Callable[[], Awaitable[object]], *, cuts: int = 1
) -> None:
    """Cut all streams, let something happen while none comes back, and wait until all are back."""
    with sandbox.faults.ws.refuse(503, times=None):
        strike(sandbox, how)
        await until(lambda: not sandbox.sockets and min(desk.count(Disconnected)) == cuts, within=WITHIN)
        await during()
    await until(lambda: min(desk.count(Reconnected)) == cuts, within=WITHIN)


def check_notices(listener: Listener, cuts: int) -> None:
    """O11: a gap is announced exactly where there was one, and nothing is told inside of it."""
    told = [kind for kind in listener.kinds() if kind not in ("Update", "SnapshotEnd")]
    assert told == ["Disconnected", "Gap", "Reconnected"] * cuts
    silent = False
    for event in listener.events:
        assert not (silent and isinstance(event, Update))
        silent = isinstance(event, Disconnected) if isinstance(event, Disconnected | Gap) else silent
    for gap in listener.of(Gap):
        assert gap.since <= gap.until
    assert len(listener.of(SnapshotEnd)) <= cuts + 1
    assert listener.subscription.gaps == cuts


class TestTradingThroughCuts:
    @pytest.mark.parametrize("seed", SEEDS)
    async def test_f138_every_fill_comes_once_and_those_in_a_gap_are_marked(self, seed: int) -> None:
        ways = random.Random(seed)
        missed: set[Fill] = set()
        async with trading_day(seed) as (sandbox, alor):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=50)
            async with desk_of(alor) as desk:
                trader = Trader(sandbox, alor, seed)

                async def trade_unseen() -> None:
                    before = len(fills_of(sandbox))
                    await trader.more(ways.randint(1, 4))
                    missed.update(fills_of(sandbox)[before:])

                try:
                    for cut in range(1, CUTS + 1):
                        await trader.more(ways.randint(1, 4))
                        how = ways.choice(["abort", "half_close", "1000", "1001", "1012"])
                        await cut_while(sandbox, desk, how, trade_unseen, cuts=cut)
                    await trader.more(2)
                finally:
                    await trader.stop()
                await check_desk(sandbox, alor, desk)
                assert missed
                assert missed <= desk.recovered()
                for listener in desk.listeners.values():
                    check_notices(listener, CUTS)

    async def test_f138_a_path_that_died_in_silence(self) -> None:
        """NAT drop: nobody says goodbye, and the gap is as old as the last sign of life."""
        async with trading_day(ping_every=0.2, silence=1.5) as (sandbox, alor), desk_of(alor) as desk:
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            await until(lambda: len(desk.fills) == 1)
            with sandbox.faults.net.nat_drop():
                async with client_of(sandbox) as other:
                    await other.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                    await check_desk(sandbox, other, desk)
            assert desk.recovered() == set(fills_of(sandbox)[1:])
            for listener in desk.listeners.values():
                assert [gap.reason for gap in listener.of(Gap)] == ["silent"]

    async def test_f138_a_conditional_order_that_fired_unseen(self) -> None:
        async with trading_day() as (sandbox, alor):
            low, _ = low_and_high(sandbox)
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=5)
            stop = await alor.stop_orders.place_stop(
                STOCKS, SBER, Side.SELL, lots=5, condition=Condition.LESS_OR_EQUAL, trigger_price=low
            )
            async with desk_of(alor) as desk:

                async def fall() -> None:
                    await sandbox.clock.advance(seconds=1)
                    sandbox.market["SBER"].move_to(low)
                    await sandbox.clock.advance(seconds=1)

                await cut_while(sandbox, desk, "abort", fall)
                await check_desk(sandbox, alor, desk)
                fired = {order.order_id: order for order in sandbox.stop_orders(STOCKS)}[stop.order_id]
                await until(lambda: desk.stop_states()[stop.order_id].filled_lots == 5)
                known = desk.stop_states()[stop.order_id]
                assert (known.status, known.exchange_order_id) == (OrderStatus.FILLED, fired.exchange_order_id)
                assert any(update.is_recovered for update in desk.stop_orders.of(Update))

    async def test_f138_who_wants_no_snapshot_gets_what_he_missed_and_nothing_older(self) -> None:
        async with trading_day() as (sandbox, alor):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            async with desk_of(alor, skip_snapshot=True) as desk:

                async def buy() -> None:
                    await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)

                await cut_while(sandbox, desk, "1001", buy)
                missed = set(fills_of(sandbox)[1:])
                await until(lambda: desk.counts().keys() >= missed)
                await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=3)
                everything = fills_of(sandbox)[1:]
                await until(lambda: len(desk.fills) >= len(everything))
                assert desk.counts() == dict.fromkeys(everything, 1)
                assert desk.recovered() == missed
                assert set(desk.order_states()) == {order.order_id for order in sandbox.orders(STOCKS)[1:]}

    async def test_f138_a_night_in_the_gap(self) -> None:
        """The evening's fills are in no snapshot any more: they come from history."""
        wall = Wall()
        async with (
            Sandbox(seed=42, time="stepped") as sandbox,
            DrivenAlor(wall, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor,
            desk_of(alor) as desk,
        ):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            await until(lambda: len(desk.fills) == 1)
            evening: set[Fill] = set()

            async def night() -> None:
                await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                evening.update(fills_of(sandbox)[1:])
                await sandbox.clock.advance(hours=24)
                wall.ahead += 86_400
                await alor.orders.place_market(STOCKS, SBER, Side.SELL, lots=1)

            await cut_while(sandbox, desk, "1012", night)
            morning = set(fills_of(sandbox))
            assert evening
            assert not evening & morning
            await until(lambda: desk.recovered() >= morning | evening, within=WITHIN)
            assert desk.recovered() == morning | evening
            assert set(desk.counts().values()) == {1}

    async def test_f138_looking_up_is_tried_until_it_works(self) -> None:
        async with trading_day() as (sandbox, alor), desk_of(alor, skip_snapshot=True) as desk:

            async def buy() -> None:
                await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
                sandbox.faults.http.status(503, operation="account.list_trades", times=2)

            await cut_while(sandbox, desk, "abort", buy)
            await check_desk(sandbox, alor, desk)

    @pytest.mark.parametrize("looks_late", [False, True])
    async def test_f138_a_look_up_that_is_older_than_the_stream_undoes_nothing(self, looks_late: bool) -> None:
        """REST may lag behind: a position that it shows never takes the place of what the stream told since."""

        def yesterdays(body: bytes) -> bytes:
            rows = json.loads(body)
            for row in rows:
                row["qtyUnits"] = row["qty"] = -1
            return json.dumps(rows).encode()

        async with trading_day() as (sandbox, alor), alor.streams.positions(STOCKS) as positions:
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            if not looks_late:
                await until(lambda: positions.received >= 3)
                while positions.pending:
                    await anext(positions)
            sandbox.faults.http.body(yesterdays, operation="account.list_positions", times=None)
            sandbox.faults.ws.abort()
            await until(lambda: sandbox.requests.count("account.list_positions") and positions.is_live, within=WITHIN)
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=2)
            held = {position.symbol: position.units for position in sandbox.positions(STOCKS)}
            shown: dict[str, Any] = {}
            async with asyncio.timeout(WITHIN):
                while shown != held or positions.pending:
                    position = await anext(positions)
                    assert position.units != -1
                    shown[position.symbol] = position.units
            await until(lambda: positions.stale >= len(held))
