"""What the crowd is made to do by plain calls: exact tests and tapes move the market with these."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from alor_async.errors import InvalidArgument
from alor_async.sandbox.core.book import BookOrder
from alor_async.sandbox.core.entities import MarketTrade
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.risk import MAX_LOTS
from alor_async.sandbox.core.tape import FindMarket, Replay, read_tape
from alor_async.sandbox.core.timeline import Timeline

Levels = Sequence[tuple[Decimal, int]]
"""Prices and lots, in any order."""


class Crowd:
    """The crowd of every market, by order.

    Args:
        matching: Through which it trades.
        journal: Where its orders from outside are written down.
        timeline: Exchange time.
        live: Brings the exchange up to the present before anything is done.
        settle: Lets everything react to what was done.
    """

    def __init__(
        self,
        matching: Matching,
        journal: Journal,
        timeline: Timeline,
        *,
        live: Callable[[], None],
        settle: Callable[[], None],
    ) -> None:
        """Stand ready."""
        self._matching = matching
        self._journal = journal
        self._timeline = timeline
        self._live = live
        self._settle = settle

    # -- by order: checked, journalled, and everything reacts

    def trade(self, market: InstrumentMarket, price: Decimal, lots: int, side: Side | None = None) -> MarketTrade:
        """Trade at a price and surround it with new orders; clients' orders that the price passes are filled first.

        Without a side, a trade at the last price or above is a purchase.

        Raises:
            InvalidArgument: `price` is off its step or outside the day's limits, or `lots` is no quantity.
        """
        self._live()
        ticks = self._ticks(market, "price", price)
        _check_lots("lots", lots)
        with self._ordered("crowd_trade", market, price=price, lots=lots, side=side):
            self.move(market, ticks, lots, side)
            trade = market.last()
        return market.entity(trade)

    def set_book(self, market: InstrumentMarket, bids: Levels, asks: Levels) -> None:
        """Let the crowd's orders be these and no others.

        Raises:
            InvalidArgument: A level is wrong, the sides cross each other, or they cross what clients have resting.
        """
        self._live()
        sides = {
            Side.BUY: self._levels(market, "bids", bids),
            Side.SELL: self._levels(market, "asks", asks),
        }
        if bids and asks and max(sides[Side.BUY])[0] >= min(sides[Side.SELL])[0]:
            raise InvalidArgument("bids", "the best bid must lie below the best ask")
        for argument, side in (("bids", Side.BUY), ("asks", Side.SELL)):
            of_clients = [order.ticks for order in market.book.orders(side.opposite) if order.number > 0]
            if any((ticks - theirs) * side.sign >= 0 for ticks, _ in sides[side] for theirs in of_clients):
                raise InvalidArgument(argument, "a level would trade with a client's order; use take() for that")
        with self._ordered("crowd_book", market, bids=bids, asks=asks):
            self.replace_book(market, sides[Side.BUY], sides[Side.SELL])

    def add(self, market: InstrumentMarket, side: Side, price: Decimal, lots: int) -> int:
        """Place a limit order; how many of its lots traded at once.

        Raises:
            InvalidArgument: `price` is off its step or outside the day's limits, or `lots` is no quantity.
        """
        self._live()
        ticks = self._ticks(market, "price", price)
        _check_lots("lots", lots)
        with self._ordered("crowd_order", market, side=side, price=price, lots=lots):
            order = self._matching.crowd_add(market, side, ticks, lots)
            market.gathered += 1
        return lots - order.remaining

    def take(self, market: InstrumentMarket, side: Side, lots: int) -> int:
        """Place a market order; how many lots it got.

        Raises:
            InvalidArgument: `lots` is no quantity.
        """
        self._live()
        _check_lots("lots", lots)
        with self._ordered("crowd_take", market, side=side, lots=lots):
            return self._matching.crowd_take(market, side, None, lots)

    def clear(self, market: InstrumentMarket) -> None:
        """Take all the crowd's orders out of the book."""
        self._live()
        with self._ordered("crowd_cleared", market):
            market.clear_crowd()

    def replay(self, lines: Iterable[str], find_market: FindMarket, speed: Decimal) -> int:
        """Play a tape from now on; when its last event happens, in microseconds of exchange time.

        Raises:
            InvalidArgument: A line of the tape is none; nothing of it is played.
        """
        self._live()
        events = read_tape(lines, find_market)
        self._journal.record(self._timeline.now_us, "replay", events=len(events), speed=speed)
        ends_us = Replay(events, self, self._timeline, speed).ends_us
        self._live()
        return ends_us

    # -- at a moment of its own: nothing is checked or journalled, and the timeline lets everything react

    def move(self, market: InstrumentMarket, ticks: int, lots: int, side: Side | None = None) -> None:
        """Move a market to a price by a trade there, and surround the price with new orders."""
        if side is None:
            side = Side.BUY if ticks >= market.last().ticks else Side.SELL
        market.clear_crowd()
        self._trade_through(market, side, ticks, lots)
        market.seed_book(ticks, side.sign, self._timeline.now_us)
        self._matching.note_book(market)

    def print(self, market: InstrumentMarket, side: Side, ticks: int, lots: int) -> None:
        """Trade at a price and leave the crowd's other orders as they are, but for those that would cross it."""
        for resting in Side:
            self._withdraw(market, resting, ticks)
        self._trade_through(market, side, ticks, lots)
        self._matching.note_book(market)

    def _withdraw(self, market: InstrumentMarket, side: Side, ticks: int) -> None:
        """Take out the crowd's orders that are better than a price."""
        passed: list[BookOrder] = []
        for order in market.book.orders(side):
            if (order.ticks - ticks) * side.sign <= 0:
                break
            if order.number < 0:
                passed.append(order)
        for order in passed:
            self._matching.crowd_cancel(market, order)

    def replace_book(
        self, market: InstrumentMarket, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]
    ) -> None:
        """Let the crowd's orders be these; those that clients' orders cross trade with them."""
        market.clear_crowd()
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            for ticks, lots in levels:
                self._matching.crowd_add(market, side, ticks, lots)
        self._matching.note_book(market)

    def _trade_through(self, market: InstrumentMarket, side: Side, ticks: int, lots: int) -> None:
        """Fill clients' orders that a price passes, then those at the price; the rest the crowd trades with itself."""
        for direction in (side.opposite, side):
            passed = ticks - direction.sign
            while market.book.crosses(direction, passed):
                self._matching.crowd_take(market, direction, passed, market.book.visible_lots(direction.opposite))
        of_crowd = 0
        while lots > of_crowd and market.book.crosses(side, ticks):
            first = next(market.book.orders(side.opposite))
            part = min(lots - of_crowd, first.visible)
            if first.number > 0:
                lots -= self._matching.crowd_take(market, side, ticks, part)
            else:
                market.book.take(side, ticks, part)
                of_crowd += part
        if lots:
            self._matching.crowd_print(market, side, ticks, lots)

    # -- inside

    @contextmanager
    def _ordered(self, name: str, market: InstrumentMarket, **details: object) -> Generator[None]:
        """Write an order down before it is carried out, and let everything react to it afterwards."""
        spec = market.terms.spec
        self._journal.record(self._timeline.now_us, name, symbol=spec.symbol, board=market.board, **details)
        yield
        self._matching.note_book(market)
        self._settle()

    def _ticks(self, market: InstrumentMarket, argument: str, price: Decimal) -> int:
        ticks = market.terms.ticks(price)
        if ticks is None or ticks <= 0:
            raise InvalidArgument(
                argument, f"{price} is not a multiple of the price step {market.terms.spec.price_step}"
            )
        low, high = market.limits(self._timeline.now_us)
        if not low <= ticks <= high:
            terms = market.terms
            raise InvalidArgument(argument, f"{price} is outside today's {terms.price(low)} to {terms.price(high)}")
        return ticks

    def _levels(self, market: InstrumentMarket, argument: str, levels: Levels) -> list[tuple[int, int]]:
        read: list[tuple[int, int]] = []
        for price, lots in levels:
            _check_lots(argument, lots)
            read.append((self._ticks(market, argument, price), lots))
        return read


def _check_lots(argument: str, lots: Any) -> None:
    if isinstance(lots, bool) or not isinstance(lots, int) or not 1 <= lots <= MAX_LOTS:
        raise InvalidArgument(argument, f"{lots!r:.40} is not a quantity: lots are whole numbers from 1 to {MAX_LOTS}")
