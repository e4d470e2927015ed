"""A small market maker that never stops: it places, moves and cancels orders, and keeps what became of each intent."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async.errors import AlorError, OrderOutcomeUnknown, OrderRejected, RequestError
from alor_async.models import Condition, Order, OrderBook, Side

if TYPE_CHECKING:
    from tests.soak.view import View

_MOST_LOTS: Final = 80
"""The crowd's orders are about as large, so that many fills are partial."""
_PAUSE: Final = (1.0, 6.0)
_MOST_OPEN: Final = 12
_MOST_HELD: Final = 150
"""From so many lots on the bot only trades towards nothing."""

_Act = Callable[[str], Awaitable[None]]


class Bot:
    """Trades some instruments of one portfolio with what it sees on its streams.

    Args:
        alor: Its client.
        clock: By which it pauses.
        portfolio: For which it trades.
        view: What it knows of market and orders.
        chance: Where its moods come from.

    Attributes:
        fates: By the comment that each order carries: `accepted`, `rejected`, `unknown` or `not sent`.
        errors: What else calls ended in, by the error's name.
    """

    def __init__(self, alor: AsyncAlor, clock: Clock, portfolio: str, view: View, chance: random.Random) -> None:
        self.fates: dict[str, str] = {}
        self.errors: Counter[str] = Counter()
        self._alor = alor
        self._clock = clock
        self._portfolio = portfolio
        self._view = view
        self._chance = chance
        self._numbers = itertools.count(1)
        self._steps = {name: self._view.step_of(name) for name in self._view.instruments}
        self._acts: tuple[tuple[int, _Act], ...] = (
            (50, self._place),
            (15, self._take),
            (15, self._cancel),
            (10, self._replace),
            (10, self._guard),
        )

    async def run(self) -> None:
        """Trade until cancelled."""
        while True:
            await self._clock.sleep(self._chance.uniform(*_PAUSE))
            await self.act()

    async def act(self) -> None:
        """Do one thing, and note what it ended in."""
        acts = [act for _, act in self._acts]
        act = self._chance.choices(acts, weights=[weight for weight, _ in self._acts])[0]
        if len(self._view.working()) >= _MOST_OPEN:
            act = self._cancel
        try:
            await act(self._chance.choice(self._view.instruments))
        except AlorError as error:
            self.errors[type(error).__name__] += 1

    async def retire(self) -> None:
        """Cancel all that works, as often as it takes."""
        for cancel_all in (self._alor.stop_orders.cancel_all, self._alor.orders.cancel_all):
            for _ in range(5):
                try:
                    await cancel_all(self._portfolio)
                    break
                except OrderRejected:  # there is nothing to cancel
                    break
                except RequestError as error:
                    self.errors[type(error).__name__] += 1

    # What it does.

    async def _place(self, instrument: str) -> None:
        book, side = self._view.book(instrument), self._side(instrument)
        price = _best(book, side)
        if price is None:
            return
        # At the best price, before it, or a few steps behind it.
        step = self._steps[instrument]
        away = self._chance.randint(-1, 3) * step
        price = price - away if side is Side.BUY else price + away
        await self._order(
            lambda comment: self._alor.orders.place_limit(
                self._portfolio, instrument, side, lots=self._lots(), price=price, comment=comment
            )
        )

    async def _take(self, instrument: str) -> None:
        side = self._side(instrument)
        await self._order(
            lambda comment: self._alor.orders.place_market(
                self._portfolio, instrument, side, lots=self._lots(), comment=comment
            )
        )

    async def _cancel(self, instrument: str) -> None:
        order = self._any_working()
        if order is not None:
            await self._alor.orders.cancel(self._portfolio, order.order_id)

    async def _replace(self, instrument: str) -> None:
        order = self._any_working()
        if order is None:
            return
        price = _best(self._view.book(f"MOEX:{order.symbol}"), order.side)
        if price is not None and price != order.price:
            await self._order(lambda comment: self._alor.orders.replace_limit(order, price=price, comment=comment))

    async def _guard(self, instrument: str) -> None:
        """Place a conditional order near the market, so that many of them fire."""
        price = _best(self._view.book(instrument), Side.BUY)
        if price is None:
            return
        side = self._side(instrument)
        step = self._steps[instrument] * self._chance.randint(5, 25)
        trigger = price + step if side is Side.BUY else price - step
        condition = Condition.MORE_OR_EQUAL if side is Side.BUY else Condition.LESS_OR_EQUAL
        await self._alor.stop_orders.place_stop(
            self._portfolio, instrument, side, lots=self._lots(), condition=condition, trigger_price=trigger
        )

    async def _order(self, send: Callable[[str], Awaitable[object]]) -> None:
        comment = f"bot-{next(self._numbers)}"
        self.fates[comment] = "unknown"  # a cancelled call leaves it so
        try:
            await send(comment)
        except OrderRejected:
            self.fates[comment] = "rejected"
        except OrderOutcomeUnknown:
            raise
        except AlorError:
            self.fates[comment] = "not sent"
            raise
        else:
            self.fates[comment] = "accepted"

    # What it goes by.

    def _lots(self) -> int:
        return self._chance.randint(1, _MOST_LOTS)

    def _side(self, instrument: str) -> Side:
        held = self._view.held_lots(instrument)
        if abs(held) > _MOST_HELD:
            return Side.SELL if held > 0 else Side.BUY
        return self._chance.choice((Side.BUY, Side.SELL))

    def _any_working(self) -> Order | None:
        working = self._view.working()
        return self._chance.choice(working) if working else None


def _best(book: OrderBook | None, side: Side) -> Decimal | None:
    levels = () if book is None else book.bids if side is Side.BUY else book.asks
    return levels[0].price if levels else None


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a bot's task, and raise what it ended in if it ended before."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
