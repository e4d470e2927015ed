"""The order book of one instrument on one board: price first, then time.

Prices are ticks and quantities are lots. A side is a sorted list of keys whose last one is the best price, and a level
for each key: adding and cancelling cost a binary search at most, taking the best costs nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from alor_async.sandbox.core.enums import Side


@dataclass(slots=True, eq=False)
class BookOrder:
    """A limit order as the book sees it. `visible` of the `remaining` lots are shown.

    For an iceberg `peak` is the size of each visible part; a new part goes to the end of its level's queue.
    """

    number: int
    side: Side
    ticks: int
    remaining: int
    peak: int = 0
    visible: int = 0

    def __post_init__(self) -> None:
        """Show the first part."""
        self.show()

    def show(self) -> None:
        """Show the next part of an iceberg, or all of an ordinary order."""
        self.visible = min(self.peak, self.remaining) if self.peak else self.remaining


class Take(NamedTuple):
    """Lots taken from one resting order, at that order's price."""

    maker: BookOrder
    lots: int


class _Level:
    """One price: its orders, first come first served."""

    __slots__ = ("orders", "visible")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, BookOrder] = OrderedDict()
        self.visible = 0


class _Half:
    """One side of a book. Keys are ticks for bids and negated ticks for asks, so the best is always the last."""

    __slots__ = ("keys", "levels", "sign", "visible")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}
        self.visible = 0

    def add(self, order: BookOrder) -> None:
        key = order.ticks * self.sign
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = _Level()
            insort(self.keys, key)
        level.orders[order.number] = order
        level.visible += order.visible
        self.visible += order.visible

    def remove(self, order: BookOrder) -> None:
        key = order.ticks * self.sign
        level = self.levels[key]
        del level.orders[order.number]
        self.shrink(level, order.visible)
        if not level.orders:
            self.drop(key)

    def shrink(self, level: _Level, lots: int) -> None:
        level.visible -= lots
        self.visible -= lots

    def drop(self, key: int) -> None:
        del self.levels[key]
        del self.keys[bisect_left(self.keys, key)]


class Book:
    """Resting orders of one instrument. It never holds crossed sides: what crosses is taken before it is added."""

    __slots__ = ("_halves",)

    def __init__(self) -> None:
        """Start empty."""
        self._halves = {Side.BUY: _Half(1), Side.SELL: _Half(-1)}

    def add(self, order: BookOrder) -> None:
        """Put an order behind those already at its price."""
        self._halves[order.side].add(order)

    def remove(self, order: BookOrder) -> None:
        """Take out an order that is resting."""
        self._halves[order.side].remove(order)

    def best(self, side: Side) -> int | None:
        """The best price of a side in ticks, `None` when it is empty."""
        half = self._halves[side]
        return half.keys[-1] * half.sign if half.keys else None

    def visible_lots(self, side: Side) -> int:
        """All visible lots of a side."""
        return self._halves[side].visible

    def levels(self, side: Side, depth: int | None = None) -> list[tuple[int, int]]:
        """The best levels of a side, as ticks and visible lots."""
        half = self._halves[side]
        chosen = half.keys[::-1] if depth is None else half.keys[: -depth - 1 : -1]
        return [(key * half.sign, half.levels[key].visible) for key in chosen]

    def orders(self, side: Side) -> Iterator[BookOrder]:
        """Every resting order of a side, in the order in which they would be taken."""
        half = self._halves[side]
        for key in reversed(half.keys):
            yield from half.levels[key].orders.values()

    def crosses(self, side: Side, limit: int) -> bool:
        """Whether an order to `side` at `limit` would trade at once."""
        half = self._halves[side.opposite]
        return bool(half.keys) and half.keys[-1] >= limit * half.sign

    def available(self, side: Side, limit: int | None, wanted: int) -> int:
        """How many lots an order to `side` could take at once, hidden ones included; counting stops at `wanted`."""
        half = self._halves[side.opposite]
        found = 0
        for key in reversed(half.keys):
            if found >= wanted or (limit is not None and key < limit * half.sign):
                break
            found += sum(order.remaining for order in half.levels[key].orders.values())
        return min(found, wanted)

    def take(self, side: Side, limit: int | None, lots: int) -> list[Take]:
        """Trade up to `lots` for an incoming order to `side`, best price first, first come first served.

        `limit` is the worst acceptable price in ticks; `None` takes whatever there is. The answer is in the order of the
        trades. The makers' `remaining` is already less by it, and those that have nothing left are out of the book.
        """
        half = self._halves[side.opposite]
        takes: list[Take] = []
        while lots and half.keys and (limit is None or half.keys[-1] >= limit * half.sign):
            key = half.keys[-1]
            level = half.levels[key]
            while lots and level.orders:
                maker = next(iter(level.orders.values()))
                taken = min(lots, maker.visible)
                lots -= taken
                maker.remaining -= taken
                maker.visible -= taken
                half.shrink(level, taken)
                takes.append(Take(maker, taken))
                if not maker.visible:
                    self._next_part(half, level, maker)
            if not level.orders:
                half.drop(key)
        return takes

    @staticmethod
    def _next_part(half: _Half, level: _Level, maker: BookOrder) -> None:
        """Retire an order whose visible part is gone, or show its next part at the end of the queue."""
        if not maker.remaining:
            del level.orders[maker.number]
            return
        maker.show()
        level.orders.move_to_end(maker.number)
        half.shrink(level, -maker.visible)
