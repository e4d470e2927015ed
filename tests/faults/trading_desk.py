"""A desk that is told of a portfolio by streams, somebody who trades for it by REST, and whether what was told is so."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async._streams.events import Update
from alor_async.errors import OrderRejected
from alor_async.models import Order, OrderStatus, Position, Side, StopOrder, Trade
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import Listener, client_of, listening
from tests.support.waiting import until
from tests.support.world import STOCKS

Fill: TypeAlias = tuple[str, str]
"""Number and side of a trade: who trades with himself is on both sides of it."""

SBER: Final = "MOEX:SBER"
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
        self._is_over = False
        self._task = asyncio.create_task(self._trade(), name="test trader")

    async def more(self, count: int) -> None:
        """Wait until so many more trades have happened."""
        enough = len(fills_of(self.sandbox)) + count
        await until(lambda: len(fills_of(self.sandbox)) >= enough or self._task.done(), within=WITHIN)

    async def stop(self) -> None:
        """Let the command that is under way end: cancelled, it might be carried out after all."""
        self._is_over = True
        await self._task

    async def _trade(self) -> None:
        ways: list[Callable[[], Awaitable[object]]] = [self._take, self._take, self._make, self._cancel, self._replace]
        while not self._is_over:
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
