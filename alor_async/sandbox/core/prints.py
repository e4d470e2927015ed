"""The trades of one market since it opened, in little memory.

The last ones are kept one by one, which is what lists of trades and candles of seconds are made of; all of them are kept
as minutes. So the memory of a market that never stops grows by a minute at a time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from alor_async.sandbox.core.clock import SECOND
from alor_async.sandbox.core.history import Bar, Print, bar_of

MOST_KEPT = 100_000
"""How many single trades are kept at least, if there were so many: about a day of a busy instrument."""

_DROPPED_AT_ONCE = MOST_KEPT // 4
_WIDTH = len(Print._fields)
_BAR_WIDTH = len(Bar._fields)
_NEVER = -(10**9)


class Prints:
    """Trades, oldest first; as a sequence, the single ones that are kept.

    Attributes:
        last: The newest trade.
        complete_from: Since when every single trade is kept; unix seconds.
    """

    __slots__ = ("_minute", "_minutes", "_rows", "complete_from", "last")

    def __init__(self) -> None:
        """Start with none."""
        self._rows = array("q")
        self._minutes = array("q")
        self._minute = Bar(_NEVER, 0, 0, 0, 0, 0)
        self.last: Print | None = None
        self.complete_from = 0

    def __len__(self) -> int:
        """How many single trades are kept."""
        return len(self._rows) // _WIDTH

    def __getitem__(self, index: int) -> Print:
        """One trade; negative numbers count from the newest."""
        at = range(len(self))[index] * _WIDTH
        return Print(*self._rows[at : at + _WIDTH])

    def __iter__(self) -> Iterator[Print]:
        """Every single trade that is kept."""
        return iter(self._slice(0, len(self)))

    def append(self, trade: Print) -> None:
        """Take the newest trade."""
        self._rows.extend(trade)
        self.last = trade
        _, time_us, ticks, lots, _ = trade
        minute, opened, high, low, _, volume = self._minute
        if time_us - minute * SECOND < 60 * SECOND:
            self._minute = Bar(minute, opened, max(high, ticks), min(low, ticks), ticks, volume + lots)
        else:
            if minute != _NEVER:
                self._minutes.extend(self._minute)
            self._minute = Bar(time_us // SECOND // 60 * 60, ticks, ticks, ticks, ticks, lots)
        if len(self._rows) >= (MOST_KEPT + _DROPPED_AT_ONCE) * _WIDTH:
            self._forget()

    def clear(self) -> None:
        """Forget everything."""
        del self._rows[:], self._minutes[:]
        self._minute = Bar(_NEVER, 0, 0, 0, 0, 0)
        self.last = None

    def _forget(self) -> None:
        """Drop the oldest single trades, whole minutes if possible."""
        opened = self[_DROPPED_AT_ONCE].time_us // SECOND // 60 * 60
        dropped = self.index(opened * SECOND) or _DROPPED_AT_ONCE
        del self._rows[: dropped * _WIDTH]
        self.complete_from = -(-self[0].time_us // SECOND) if dropped == _DROPPED_AT_ONCE else opened

    # -- one by one

    def index(self, time_us: int) -> int:
        """The place of the first trade at a moment or later."""
        return bisect_left(range(len(self)), time_us, key=self._time)

    def _time(self, index: int) -> int:
        return self._rows[index * _WIDTH + 1]

    def _slice(self, start: int, end: int) -> list[Print]:
        rows = self._rows
        return [Print(*rows[at : at + _WIDTH]) for at in range(start * _WIDTH, end * _WIDTH, _WIDTH)]

    def until(self, time_us: int) -> Print | None:
        """The last trade up to a moment, `None` when none is kept."""
        if self.last is not None and self.last.time_us <= time_us:
            return self.last
        index = bisect_right(range(len(self)), time_us, key=self._time)
        return self[index - 1] if index else None

    def between(self, start_us: int, end_us: int) -> list[Print]:
        """The trades in `[start_us, end_us)` that are kept one by one."""
        return self._slice(self.index(start_us), self.index(end_us))

    def walk(self, start_us: int, *, newest_first: bool) -> Iterator[Print]:
        """The trades from a moment on that are kept one by one, made as they are asked for."""
        places: range = range(self.index(start_us), len(self))
        for place in reversed(places) if newest_first else places:
            yield self[place]

    def newest(self, count: int) -> list[Print]:
        """The last `count` trades, oldest first."""
        return self._slice(max(0, len(self) - count), len(self))

    # -- as minutes

    @property
    def first_minute(self) -> int | None:
        """When the minute of the first trade opened; unix seconds, `None` without trades."""
        if self._minutes:
            return self._minutes[0]
        return None if self._minute.time == _NEVER else self._minute.time

    def minutes(self, start: int, end: int, until_us: int) -> list[Bar]:
        """The minutes that open in `[start, end]` (unix seconds), with the trades up to a moment."""
        bars, width = self._minutes, _BAR_WIDTH
        begun = until_us // SECOND // 60 * 60
        last = min(end, begun - 60)
        places = range(len(bars) // width)
        low = bisect_left(places, start, key=lambda place: bars[place * width])
        high = bisect_right(places, last, key=lambda place: bars[place * width])
        found = [Bar(*bars[at : at + width]) for at in range(low * width, high * width, width)]
        latest = self._minute
        if start <= latest.time <= last:
            found.append(latest)
        if start <= begun <= end:
            found += self._begun(begun, until_us)
        return found

    def _begun(self, opened: int, until_us: int) -> list[Bar]:
        """The minute that opens at a time with the trades up to a moment inside it, if there are any."""
        if opened == self._minute.time and self.last is not None and self.last.time_us <= until_us:
            return [self._minute]
        trades = self.between(opened * SECOND, until_us + 1)
        return [bar_of(opened, trades)] if trades else []
