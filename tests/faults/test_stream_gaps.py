"""Trading went on while the stream was cut off: what was missed is announced, and made up for, once each."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import pytest
from msgspec.structs import replace

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async._streams.events import Disconnected, Gap, Reconnected, SnapshotEnd, Update
from alor_async.errors import OrderRejected
from alor_async.models import Condition, Order, OrderStatus, Position, Side, StopOrder, Trade
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import PROMPT, Listener, client_of, listening
from tests.support.streamserver import DrivenAlor
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high

Fill: TypeAlias = tuple[str, str]
"""Number and side of a trade: who trades with himself is on both sides of it."""

SBER: Final = "MOEX:SBER"
SEEDS: Final = range(8)
CUTS: Final = 3
WITHIN: Final = 15.0


@asynccontextmanager
async def trading_day(seed: int = 42, **client: Any) -> AsyncIterator[tuple[Sandbox, AsyncAlor]]:
    """An exchange in the middle of a day, and a client; in the end nothing is wrong with the exchange."""
    async with Sandbox(seed=seed, time="stepped") as sandbox:
        async with client_of(sandbox, **client) as alor:
            yield sandbox, alor
        sandbox.check()


def fills_of(sandbox: Sandbox) -> list[Fill]:
    """What was executed today, as the exchange has it, oldest first."""
    return [(trade.trade_id, str(trade.side)) for trade in sandbox.trades(STOCKS)]


class Wall(Clock):
    """The machine's clock, but that a day may pass at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Desk:
    """Everything that is told of a portfolio, and what it amounts to."""

    def __init__(self, listeners: dict[str, Listener]) -> None:
        self.listeners = listeners
        self.orders, self.stop_orders = listeners["orders"], listeners["stop_orders"]
        self.trades, self.positions = listeners["trades"], listeners["positions"]

    @property
    def fills(self) -> list[Trade]:
        return self.trades.items

    def order_states(self) -> dict[str, Order]:
        """What is known of each order, as REST would show it."""
        return {order.order_id: replace(order, is_snapshot=True) for order in self.orders.items}

    def stop_states(self) -> dict[str, StopOrder]:
        return {stop.order_id: replace(stop, is_snapshot=True) for stop in self.stop_orders.items}

    def units(self) -> dict[str, Any]:
        """What is held of each instrument, as far as it was told."""
        positions: list[Position] = self.positions.items
        return {position.symbol: position.units for position in positions}

    def counts(self) -> Counter[Fill]:
        """How often each fill was told."""
        return Counter((trade.trade_id, str(trade.side)) for trade in self.fills)

    def recovered(self) -> set[Fill]:
        """The fills that were found afterwards."""
        updates = [update for update in self.trades.of(Update) if update.is_recovered]
        return {(update.item.trade_id, str(update.item.side)) for update in updates}

    def count(self, kind: type[object]) -> list[int]:
        """How many notices of a kind each subscription had."""
        return [len(listener.of(kind)) for listener in self.listeners.values()]


@asynccontextmanager
async def desk_of(alor: AsyncAlor, **options: Any) -> AsyncIterator[Desk]:
    """Listen to everything that a portfolio has to tell."""
    async with AsyncExitStack() as stack:
        listeners: dict[str, Listener] = {}
        for name in ("orders", "stop_orders", "trades", "positions"):
            subscription = await stack.enter_async_context(getattr(alor.streams, name)(STOCKS, **options))
            listeners[name] = await stack.enter_async_context(listening(subscription))
        yield Desk(listeners)


class Trader:
    """Trades by REST without rest, whatever happens to the streams; each seed trades otherwise."""

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, seed: int) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self.chance = random.Random(seed)
        self._task = asyncio.create_task(self._trade(), name="test trader")

    async def more(self, count: int) -> None:
        """Wait until so many more trades have happened."""
        enough = len(fills_of(self.sandbox)) + count
        await until(lambda: len(fills_of(self.sandbox)) >= enough or self._task.done(), within=WITHIN)

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _trade(self) -> None:
        ways: list[Callable[[], Awaitable[object]]] = [self._take, self._take, self._make, self._cancel, self._replace]
        while True:
            await self.sandbox.clock.advance(seconds=1)
            with contextlib.suppress(OrderRejected):
                await self.chance.choice(ways)()

    async def _take(self) -> None:
        side = self.chance.choice([Side.BUY, Side.SELL])
        await self.alor.orders.place_market(STOCKS, SBER, side, lots=self.chance.randint(1, 3))

    async def _make(self) -> None:
        """Stand before all others, and be taken in part."""
        market = self.sandbox.market["SBER"]
        bid = market.quote.bid
        assert bid is not None
        await self.alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=5, price=bid + market.spec.price_step)
        market.take("sell", lots=self.chance.randint(1, 6))

    def _working(self) -> list[Any]:
        return [order for order in self.sandbox.orders(STOCKS) if order.status == OrderStatus.WORKING]

    async def _cancel(self) -> None:
        if working := self._working():
            await self.alor.orders.cancel(STOCKS, self.chance.choice(working).order_id)

    async def _replace(self) -> None:
        if working := self._working():
            order = self.chance.choice(working)
            lots = self.chance.randint(1, 9)
            await self.alor.orders.replace_limit(STOCKS, order.order_id, SBER, Side.BUY, lots=lots, price=order.price)


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


def check_orders(orders: list[Order]) -> None:
    """No order ever goes back."""
    lives: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        lives[order.order_id].append(order)
    for life in lives.values():
        alive = [order.status == OrderStatus.WORKING for order in life]
        assert alive == sorted(alive, reverse=True)
        filled = [order.filled_lots for order in life]
        assert filled == sorted(filled)


async def check_desk(sandbox: Sandbox, alor: AsyncAlor, desk: Desk) -> None:
    """O4 and O5: what was told amounts to what is so at the exchange, and to nothing more."""
    once = dict.fromkeys(fills_of(sandbox), 1)
    listed = {order.order_id: order for order in await alor.account.list_orders(STOCKS)}
    held = {position.symbol: position.units for position in sandbox.positions(STOCKS)}
    with contextlib.suppress(TimeoutError):  # the assertions below say what is missing
        await until(
            lambda: desk.counts().keys() == once.keys() and desk.order_states() == listed and desk.units() == held,
            within=WITHIN,
        )
    assert desk.counts() == once
    assert desk.order_states() == listed
    assert desk.units() == held
    filled: Counter[str | None] = Counter()
    for trade in desk.fills:
        filled[trade.order_id] += trade.units
    assert filled == {number: order.filled_units for number, order in listed.items() if order.filled_units}
    check_orders(desk.orders.items)


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
