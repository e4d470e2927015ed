"""What a bot knows of the world: everything here came over its streams, and nothing by any other way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async._streams.events import Disconnected, Gap, Reconnected, SnapshotEnd, Update
from alor_async.models import Candle, MarketTrade, Order, OrderBook, OrderStatus, Position, StopOrder, Trade
from alor_async.values import Timeframe

MOST_WAITING: Final = 50
"""So many trades may wait for one who is too slow."""

FillKey: TypeAlias = tuple[str, str]

TIMEFRAME: Final = Timeframe.MINUTE

_FINAL: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})


class Ear:
    """Listens to one subscription until it ends.

    Attributes:
        notices: What was said about the stream, in order.
        updates: How many items came.
        mistakes: What should not have come where it came.
        most_pending: The most messages that were seen waiting.
    """

    def __init__(self, subscription: Any, take: Callable[[Any], None]) -> None:
        self.subscription = subscription
        self.notices: list[Any] = []
        self.updates = 0
        self.mistakes: list[str] = []
        self.most_pending = 0
        self._take = take
        self._is_cut = self._owes_gap = False
        self.task = asyncio.create_task(self._listen(), name=f"soak hears {subscription.name}")

    @property
    def is_one(self) -> bool:
        """Whether it is about one thing alone: several instruments may be on two sockets, of which one lives on."""
        return len(self.subscription.instruments) <= 1

    @property
    def gaps(self) -> list[Gap]:
        """The gaps that were announced."""
        return [notice for notice in self.notices if isinstance(notice, Gap)]

    @property
    def reconnects(self) -> list[Reconnected]:
        """The connections that replaced one that was lost."""
        return [notice for notice in self.notices if isinstance(notice, Reconnected)]

    async def _listen(self) -> None:
        async for event in self.subscription.events():
            if isinstance(event, Update):
                self.updates += 1
                if self._is_cut and self.is_one and not event.is_recovered:
                    self.mistakes.append(f"an item while the connection was gone: {event!r:.200}")
                self._take(event)
            else:
                self._note(event)
                self.notices.append(event)
        if self._is_cut or self._owes_gap:
            self.mistakes.append(f"ended with {self.notices[-1]}")

    def _note(self, notice: object) -> None:
        """Follow what is said: an end, then a gap and the new connection, in this order unless some instruments are late."""
        if isinstance(notice, Disconnected):
            self._is_cut = self._owes_gap = True
        elif isinstance(notice, Reconnected):
            self._expect(self._is_cut and not self._owes_gap, notice)
            self._is_cut = False
        elif isinstance(notice, Gap):
            # Of several instruments each has its own, the first of which comes before the new connection.
            self._expect(self._owes_gap or not self.is_one, notice)
            self._owes_gap = False
        elif not isinstance(notice, SnapshotEnd):
            self._expect(False, notice)

    def _expect(self, holds: bool, notice: object) -> None:
        if not holds:
            self.mistakes.append(f"out of place: {notice}")


class Dawdler:
    """Listens far too slowly.

    Attributes:
        items: How many items were heard.
        heard_of: How many were told to be lost.
        most_pending: The most entries that were seen waiting.
    """

    def __init__(self, subscription: Any, clock: Clock, pause: float) -> None:
        self.subscription = subscription
        self.items = 0
        self.heard_of = 0
        self.most_pending = 0
        self.task = asyncio.create_task(self._listen(clock, pause), name=f"soak dawdles over {subscription.name}")

    async def _listen(self, clock: Clock, pause: float) -> None:
        async for event in self.subscription.events():
            if isinstance(event, Update):
                self.items += 1
            elif isinstance(event, Gap):
                self.heard_of += event.lost or 0
            await clock.sleep(pause)


class View:
    """Orders, fills, holdings and the market, as the streams tell of them.

    Attributes:
        instruments: What is traded, such as `MOEX:SBER`.
        orders: The last state of each exchange order, by number.
        stop_orders: The same of conditional orders.
        fills: The own trades by number and side, for who trades with himself has both; `fill_counts` counts how often each was delivered.
        positions: The holdings by symbol.
        trades: The ids of the market's trades that came, by instrument.
        closed: The candles that closed as they were told last, by instrument and open time.
        ears: One for each subscription, by name.
        dawdlers: More subscriptions, of consumers who are too slow for them.
        mistakes: What contradicts a promise.
        began: When the streams were asked for, by the exchange's time.
    """

    def __init__(self, alor: AsyncAlor, portfolio: str, steps: dict[str, Decimal], start: datetime) -> None:
        self.instruments = tuple(steps)
        self.orders: dict[str, Order] = {}
        self.stop_orders: dict[str, StopOrder] = {}
        self.fills: dict[FillKey, Trade] = {}
        self.fill_counts: Counter[FillKey] = Counter()
        self.positions: dict[str, Position] = {}
        self.trades: dict[str, set[int]] = {name: set() for name in steps}
        self.closed: dict[str, dict[int, Candle]] = {name: {} for name in steps}
        self.ears: dict[str, Ear] = {}
        self.dawdlers: list[Dawdler] = []
        self.mistakes: list[str] = []
        self._books: dict[str, OrderBook] = {}
        self._alor = alor
        self._portfolio = portfolio
        self._steps = steps
        self.began = start

    async def open(self, stack: AsyncExitStack) -> None:
        """Subscribe to everything."""
        streams, names = self._alor.streams, self.instruments
        for subscription, take in (
            (streams.orders(self._portfolio), self._take_order),
            (streams.trades(self._portfolio), self._take_fill),
            (streams.positions(self._portfolio), self._take_position),
            (streams.stop_orders(self._portfolio), self._take_stop),
            (streams.summaries(self._portfolio), _ignore),
            (streams.order_book(*names, depth=5), self._take_book),
            (streams.quotes(*names), _ignore),
            (streams.candles(*names, timeframe=TIMEFRAME, start=self.began), self._take_candle),
            (streams.market_trades(*names, depth=50), self._take_trade),
        ):
            await stack.enter_async_context(subscription)
            self.ears[subscription.name] = Ear(subscription, take)

    async def open_slow(self, stack: AsyncExitStack, clock: Clock) -> None:
        """Subscribe again, to hear little of it: of books the newest, of trades what is not dropped."""
        for subscription in (
            self._alor.streams.order_book(*self.instruments, depth=5),
            self._alor.streams.market_trades(*self.instruments, on_slow="drop_oldest", inbox=MOST_WAITING),
        ):
            await stack.enter_async_context(subscription)
            self.dawdlers.append(Dawdler(subscription, clock, pause=20.0))

    def measure(self) -> None:
        """Look at how much waits."""
        for listener in (*self.ears.values(), *self.dawdlers):
            listener.most_pending = max(listener.most_pending, listener.subscription.pending)

    async def end(self) -> None:
        """Wait until every subscription has been heard to its end, which closing them brings about."""
        for dawdler in self.dawdlers:
            dawdler.task.cancel()  # it may be asleep
        await asyncio.gather(*(ear.task for ear in self.ears.values()))
        await asyncio.gather(*(dawdler.task for dawdler in self.dawdlers), return_exceptions=True)

    # What the bot asks.

    def step_of(self, instrument: str) -> Decimal:
        """The price step of an instrument."""
        return self._steps[instrument]

    def book(self, instrument: str) -> OrderBook | None:
        """The newest book of an instrument."""
        return self._books.get(instrument)

    def working(self) -> list[Order]:
        """The orders that work."""
        return [order for order in self.orders.values() if order.status not in _FINAL]

    def held_lots(self, instrument: str) -> Decimal:
        """How many lots of an instrument are held; negative for a debt."""
        position = self.positions.get(instrument.partition(":")[2])
        return Decimal(0) if position is None else position.units / (position.lot_size or 1)

    # What the streams bring.

    def _take_order(self, update: Update[Order]) -> None:
        order = update.item
        known = self.orders.get(order.order_id)
        if known is not None and (known.filled_lots > order.filled_lots or _revives(known, order)):
            self.mistakes.append(f"order {order.order_id} went from {known.status} to {order.status}")
        self.orders[order.order_id] = order

    def _take_stop(self, update: Update[StopOrder]) -> None:
        self.stop_orders[update.item.order_id] = update.item

    def _take_fill(self, update: Update[Trade]) -> None:
        key = update.item.trade_id, update.item.side.value
        self.fills[key] = update.item
        self.fill_counts[key] += 1

    def _take_position(self, update: Update[Position]) -> None:
        self.positions[update.item.symbol] = update.item

    def _take_book(self, update: Update[OrderBook]) -> None:
        self._books[str(update.instrument_id)] = update.item

    def _take_trade(self, update: Update[MarketTrade]) -> None:
        known = self.trades[str(update.instrument_id)]
        if update.item.trade_id in known:
            self.mistakes.append(f"trade {update.item.trade_id} of {update.instrument_id} came again")
        known.add(update.item.trade_id)

    def _take_candle(self, update: Update[Candle]) -> None:
        if not update.is_closed:
            return
        closed, candle = self.closed[str(update.instrument_id)], update.item
        if (candle.timestamp in closed) is not update.is_revision:
            self.mistakes.append(f"candle {candle.timestamp} closed twice, or was revised before it closed: {update}")
        closed[candle.timestamp] = candle


def _revives(known: Order, order: Order) -> bool:
    return known.status in _FINAL and order.status is not known.status


def _ignore(_update: object) -> None:
    """Hear it and let it go."""
