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

    For an iceberg `parts` says how large each visible part is to be; a new part goes to the end of its level's queue.

    Attributes:
        part: How large the visible part was when it was shown.
    """

    number: int
    side: Side
    ticks: int
    remaining: int
    parts: Iterator[int] | None = None
    visible: int = 0
    part: int = 0

    def __post_init__(self) -> None:
        """Show the first part."""
        self.show()

    def show(self) -> None:
        """Show the next part of an iceberg, or all of an ordinary order."""
        self.part = self.visible = self.remaining if self.parts is None else min(next(self.parts), self.remaining)


class Take(NamedTuple):
    """Lots taken from one resting order, at that order's price."""

    maker: BookOrder
    lots: int


class Best(NamedTuple):
    """The best prices (ticks), the lots at them, and the visible lots of the whole sides."""

    bid: int | None
    ask: int | None
    bid_lots: int
    ask_lots: int
    total_bid: int
    total_ask: int


class _Level:
    """One price: its orders, first come first served."""

    __slots__ = ("orders", "visible")

    def __init__(self) -> None:
        # Not a plain dict: finding the first entry of one gets slower with every entry that was taken from its front.
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

    def discard(self, order: BookOrder) -> bool:
        key = order.ticks * self.sign
        level = self.levels.get(key)
        if level is None or level.orders.pop(order.number, None) is None:
            return False
        level.visible -= order.visible
        self.visible -= order.visible
        if not level.orders:
            self.drop(key)
        return True

    def drop(self, key: int) -> None:
        del self.levels[key]
        if self.keys[-1] == key:
            self.keys.pop()
        else:
            del self.keys[bisect_left(self.keys, key)]

    def take_best(self, lots: int, takes: list[Take]) -> int:
        """Trade up to `lots` with the best level; what is left of them."""
        key = self.keys[-1]
        level = self.levels[key]
        orders = level.orders
        before = level.visible
        while lots and orders:
            maker = next(iter(orders.values()))
            taken = min(lots, maker.visible)
            lots -= taken
            maker.remaining -= taken
            maker.visible -= taken
            level.visible -= taken
            takes.append(Take(maker, taken))
            if maker.visible:
                continue
            if maker.remaining:
                maker.show()
                level.visible += maker.visible
                orders.move_to_end(maker.number)
            else:
                del orders[maker.number]
        self.visible += level.visible - before
        if not orders:
            self.drop(key)
        return lots


class Book:
    """Resting orders of one instrument. It never holds crossed sides: what crosses is taken before it is added."""

    __slots__ = ("_asks", "_bids")

    def __init__(self) -> None:
        """Start empty."""
        self._bids = _Half(1)
        self._asks = _Half(-1)

    def _half(self, side: Side) -> _Half:
        return self._bids if side is Side.BUY else self._asks

    def _facing(self, side: Side) -> _Half:
        """The half that an order to `side` trades with."""
        return self._asks if side is Side.BUY else self._bids

    def add(self, order: BookOrder) -> None:
        """Put an order behind those already at its price."""
        self._half(order.side).add(order)

    def discard(self, order: BookOrder) -> bool:
        """Take an order out; whether it was resting."""
        return self._half(order.side).discard(order)

    def remove(self, order: BookOrder) -> None:
        """Take out an order that is resting."""
        if not self.discard(order):
            raise KeyError(order.number)

    def best(self, side: Side) -> int | None:
        """The best price of a side in ticks, `None` when it is empty."""
        half = self._half(side)
        return half.keys[-1] * half.sign if half.keys else None

    def top(self) -> Best:
        """Both sides in short."""
        bids, asks = self._bids, self._asks
        bid = bids.keys[-1] if bids.keys else None
        ask = asks.keys[-1] if asks.keys else None
        return Best(
            bid,
            None if ask is None else -ask,
            0 if bid is None else bids.levels[bid].visible,
            0 if ask is None else asks.levels[ask].visible,
            bids.visible,
            asks.visible,
        )

    def visible_lots(self, side: Side) -> int:
        """All visible lots of a side."""
        return self._half(side).visible

    def levels(self, side: Side, depth: int | None = None) -> list[tuple[int, int]]:
        """The best levels of a side, as ticks and visible lots."""
        half = self._half(side)
        chosen = half.keys[::-1] if depth is None else half.keys[: -depth - 1 : -1]
        return [(key * half.sign, half.levels[key].visible) for key in chosen]

    def orders(self, side: Side) -> Iterator[BookOrder]:
        """Every resting order of a side, in the order in which they would be taken."""
        half = self._half(side)
        for key in reversed(half.keys):
            yield from half.levels[key].orders.values()

    def crosses(self, side: Side, limit: int) -> bool:
        """Whether an order to `side` at `limit` would trade at once."""
        half = self._facing(side)
        return bool(half.keys) and half.keys[-1] >= limit * half.sign

    def available(self, side: Side, limit: int | None, wanted: int) -> int:
        """How many lots an order to `side` could take at once, hidden ones included; counting stops at `wanted`."""
        half = self._facing(side)
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
        half = self._facing(side)
        keys = half.keys
        takes: list[Take] = []
        while lots and keys and (limit is None or keys[-1] >= limit * half.sign):
            lots = half.take_best(lots, takes)
        return takes
