"""What the crowd does by itself in one market: one flow of events, from which book, trades, quotes and candles come.

Every event is a moment on the exchange's timeline: an order is added, cancelled, or takes what rests. Chance comes from a
generator of the instrument's own and all arithmetic is on integers, so a flow depends on the seed and on what clients
did, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from random import Random

from alor_async.sandbox.core.book import BookOrder
from alor_async.sandbox.core.clock import MINUTE, SECOND
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.history import FIRST_MINUTE, LAST_MINUTE, session_day
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.presets import MarketPreset, Presets
from alor_async.sandbox.core.timeline import Timeline

SESSION_MINUTES = LAST_MINUTE - FIRST_MINUTE
SLOWEST_A_MINUTE, FASTEST_A_MINUTE = 120, 600

_FINE = 1 << 20
_BASIS = 10_000
_LOOK_AGAIN_US = 5 * SECOND
_CRASH_FALLS_US = MINUTE
_CRASH_LASTS_US = 6 * MINUTE


def events_a_minute(market: InstrumentMarket) -> int:
    """How many events a minute are usual for an instrument: the more, the larger its turnover."""
    terms = market.terms
    money = terms.value(terms.nearest_ticks(terms.spec.reference_price), terms.spec.day_volume * terms.lot)
    magnitude = (money // 1_000_000).bit_length()
    return min(FASTEST_A_MINUTE, max(SLOWEST_A_MINUTE, 60 * (magnitude - 24)))


class Flow:
    """The crowd's events in one market.

    Args:
        market: Where it acts, while trading is open there.
        matching: Through which it acts.
        timeline: On which its events lie.
        preset: How it acts.
        seed: What it does comes from this.
        jump: How the crowd moves a market to a price at one stroke.
    """

    def __init__(
        self,
        market: InstrumentMarket,
        matching: Matching,
        timeline: Timeline,
        preset: MarketPreset,
        *,
        seed: int,
        jump: Callable[[InstrumentMarket, int, int], None],
    ) -> None:
        """Plan the first event."""
        spec, pace = market.terms.spec, events_a_minute(market) * preset.pace
        self._market, self._matching, self._timeline, self._preset = market, matching, timeline, preset
        self._jump = jump
        self._bits = Random(f"{seed}:{spec.exchange}:{spec.symbol}:{market.board}:flow").getrandbits
        self._pause_us = 2 * 100 * MINUTE // pace
        reference = market.reference.ticks
        day_range = reference * spec.volatility_bp * preset.volatility * _FINE // (_BASIS * 100)
        self._step = day_range // max(1, isqrt(SESSION_MINUTES * pace // 100))
        self._drift = reference * _FINE * preset.drift * 100 // (_BASIS * 60 * pace)
        self._pulled = max(1, pace // max(1, preset.pull))
        self._lots = max(1, spec.day_volume * 100 * 100 // (SESSION_MINUTES * pace * max(10, preset.takes)))
        self._orders: dict[Side, list[BookOrder]] = {}
        self._gathered = -1
        self._day = session_day(timeline.now_us)
        self._low, self._high = market.limits(timeline.now_us)
        self._home = self._value = reference * _FINE
        self._next_gap_us = self._gap_after(timeline.now_us)
        self._crash_us = self._crash_after(timeline.now_us)
        self._plan(self._pause_us)

    def _draw(self, count: int) -> int:
        """One of `count` numbers from 0 on."""
        return self._bits(30) * count >> 30

    def _plan(self, within_us: int) -> None:
        self._timeline.at(self._timeline.now_us + 1 + self._draw(within_us), self._happen)

    def _happen(self) -> None:
        """One event; then the next one is planned."""
        market = self._market
        if not market.is_trading:
            self._plan(_LOOK_AGAIN_US)
            return
        now = self._timeline.now_us
        if session_day(now) != self._day:
            self._open_session(now)
        if market.gathered != self._gathered:
            self._look_around()
        value = self._wander(now)
        if now >= self._next_gap_us and self._preset.gap:
            self._next_gap_us = self._gap_after(now)
            self._leap(value)
        else:
            self._act(value)
            self._refill(value)
        self._matching.note_book(market)
        self._plan(self._pause_us)

    # -- the value

    def _wander(self, now: int) -> int:
        """Let the value change; the price that it stands for, in ticks."""
        step = self._step
        value = self._value + self._drift + self._draw(2 * step + 1) - step
        if self._preset.pull:
            value += (self._home - value) // self._pulled
        low, high = (self._low + 2) * _FINE, (self._high - 2) * _FINE
        self._value = value = min(max(value, low), high)
        if self._preset.crash and now >= self._crash_us:
            value = max(low, value - self._fallen(now - self._crash_us))
            if now >= self._crash_us + _CRASH_LASTS_US:
                self._crash_us = self._crash_after(now)
        return value // _FINE

    def _fallen(self, since_us: int) -> int:
        """How far below itself the value stands so long after a crash began."""
        deepest = self._value * self._preset.crash // _BASIS
        if since_us < _CRASH_FALLS_US:
            return deepest * since_us // _CRASH_FALLS_US
        return deepest * max(0, _CRASH_LASTS_US - since_us) // (_CRASH_LASTS_US - _CRASH_FALLS_US)

    def _crash_after(self, now: int) -> int:
        """When the crash of the next stretch begins."""
        spare_us = self._preset.crash_every * MINUTE - _CRASH_LASTS_US
        return now + self._draw(1_000) * spare_us // 1_000

    def _gap_after(self, now: int) -> int:
        return now + (500 + self._draw(1_000)) * self._preset.gap_every * MINUTE // 1_000

    def _leap(self, value: int) -> None:
        """Move the market by a gap at one stroke; away from a limit that is near."""
        sign = 1 if self._draw(2) else -1
        distance = value * self._preset.gap // _BASIS
        target = value + sign * distance
        if not self._low + 2 <= target <= self._high - 2:
            target = min(max(value - sign * distance, self._low + 2), self._high - 2)
        self._jump(self._market, target, 1 + self._draw(2 * self._lots))

    # -- the crowd

    def _open_session(self, now: int) -> None:
        """Begin a day: its limits hold, and yesterday's orders are gone."""
        market = self._market
        self._day = session_day(now)
        self._low, self._high = market.limits(now)
        last = market.last()
        market.clear_crowd()
        market.seed_book(last.ticks, last.sign, now)
        home = self._home
        self._look_around()
        self._home = home
        if self._preset.gap:
            self._next_gap_us = now

    def _look_around(self) -> None:
        """Take the crowd as somebody has gathered it: the value is where its book is, or the last trade."""
        market = self._market
        self._gathered = market.gathered
        for side in Side:
            self._orders[side] = [order for order in market.book.orders(side) if order.number < 0]
        bid, ask = market.book.best(Side.BUY), market.book.best(Side.SELL)
        last = market.last().ticks
        if bid is not None and ask is not None and not bid <= last <= ask:
            last = (bid + ask) // 2
        self._home = self._value = last * _FINE + _FINE // 2

    def _act(self, value: int) -> None:
        """One event of the crowd around a value."""
        book, preset = self._market.book, self._preset
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        if ask is not None and ask < value:
            self._chase(Side.BUY, value - 1)
        elif bid is not None and bid > value + 1:
            self._chase(Side.SELL, value + 2)
        else:
            side = Side.BUY if self._bits(1) else Side.SELL
            if self._draw(100) < preset.takes:
                limit = ask if side is Side.BUY else bid
                if limit is not None:
                    self._matching.crowd_take(self._market, side, limit, 1 + self._draw(2 * self._lots))
            elif self._draw(2 * preset.depth) < len(self._orders[side]):
                self._cancel(side)
            else:
                self._add(side, value)

    def _refill(self, value: int) -> None:
        """Leave no side without an order, whoever has taken the last one."""
        for side in Side:
            if self._market.book.best(side) is None:
                self._add(side, value)

    def _add(self, side: Side, value: int) -> None:
        """Place an order, most likely a good one; it takes nothing."""
        preset = self._preset
        offset = preset.spread + (self._draw(preset.width) * self._draw(1_000)) // 1_000
        facing = self._market.book.best(side.opposite)
        if side is Side.BUY:
            ticks = max(self._low, value - offset if facing is None else min(value - offset, facing - 1))
        else:
            ticks = min(self._high, value + 1 + offset if facing is None else max(value + 1 + offset, facing + 1))
        if not self._market.book.crosses(side, ticks):
            order = self._matching.crowd_add(self._market, side, ticks, 1 + self._draw(6 * self._lots))
            self._orders[side].append(order)

    def _cancel(self, side: Side) -> None:
        """Withdraw an order, whichever; those that have traded are forgotten on the way."""
        orders = self._orders[side]
        for _ in range(3):
            if not orders:
                return
            index = self._draw(len(orders))
            orders[index], orders[-1] = orders[-1], orders[index]
            if self._matching.crowd_cancel(self._market, orders.pop()):
                return

    def _chase(self, side: Side, limit: int) -> None:
        """Take from orders that lag behind the value; the crowd's own among them are withdrawn at once."""
        market = self._market
        self._matching.crowd_take(market, side, limit, 1 + self._draw(2 * self._lots))
        stale: list[BookOrder] = []
        for order in market.book.orders(side.opposite):
            if (order.ticks - limit) * side.sign > 0:
                break
            if order.number < 0:
                stale.append(order)
        for order in stale:
            self._matching.crowd_cancel(market, order)


def start_flows(
    directory: Directory,
    matching: Matching,
    timeline: Timeline,
    presets: Presets,
    *,
    seed: int,
    jump: Callable[[InstrumentMarket, int, int], None],
) -> None:
    """Let every market that is to move by itself do so, on the primary boards.

    Raises:
        ConfigError: A preset is given to an instrument that does not exist.
    """
    presets.check({terms.spec.broker_symbol for terms in directory})
    for terms in directory:
        preset = presets.of(terms.spec)
        if preset.pace:
            Flow(directory.market(terms), matching, timeline, preset, seed=seed, jump=jump)
