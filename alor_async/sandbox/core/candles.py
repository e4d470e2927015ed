"""Time frames, and candles of any of them from what the past and the present hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Any

from alor_async.sandbox.core.clock import DAY, MINUTE, SECOND
from alor_async.sandbox.core.history import (
    TRADES_KEPT_DAYS,
    Bar,
    History,
    Print,
    date_of,
    day_number,
)
from alor_async.sandbox.core.prints import Prints

_DAY_SECONDS = 86_400
_MONDAY = 4  # 1970-01-05
_FIRST_MONTH = 12  # January of the year 1: dates begin there
_LONG_AGO = -(2**62)
_LETTERS = {"86400": "D", "604800": "W", "2592000": "M", "31536000": "Y"}
_SPELLING = re.compile(r"([0-9]{0,9})([DWMY]?)", re.IGNORECASE)


class Unit(Enum):
    """What a time frame counts in."""

    SECONDS = "S"
    DAYS = "D"
    WEEKS = "W"
    MONTHS = "M"
    YEARS = "Y"


@dataclass(frozen=True, slots=True)
class Frame:
    """A time frame: a number of seconds, days, weeks, months or years.

    Frames below a day are counted from UTC midnight; longer ones stand at the UTC start of a day.
    """

    unit: Unit
    count: int

    @classmethod
    def parse(cls, text: Any) -> Frame:
        """Read a time frame as the wire spells it: `60`, `D`, `2W`.

        Raises:
            ValueError: It cannot be read, or seconds do not stay below a day.
        """
        spelled = _SPELLING.fullmatch(text.strip()) if isinstance(text, str) else None
        if spelled is None or not spelled[0]:
            raise ValueError(f"unknown time frame {text!r}")
        letter = spelled[2].upper() or _LETTERS.get(spelled[1], "S")
        count = 1 if not spelled[1] or (not spelled[2] and letter != "S") else int(spelled[1])
        if letter == "S" and count > _DAY_SECONDS and count % _DAY_SECONDS == 0:
            letter, count = "D", count // _DAY_SECONDS
        if count < 1 or (letter == "S" and count > _DAY_SECONDS):
            raise ValueError(f"unknown time frame {text!r}")
        return cls(Unit(letter), count)

    @property
    def is_intraday(self) -> bool:
        """Whether it is shorter than a day."""
        return self.unit is Unit.SECONDS

    @property
    def reach(self) -> int:
        """Seconds that no candle of this frame is longer than."""
        days = {Unit.SECONDS: 0, Unit.DAYS: 1, Unit.WEEKS: 7, Unit.MONTHS: 31, Unit.YEARS: 366}[self.unit]
        return self.count if self.is_intraday else days * self.count * _DAY_SECONDS

    def open_of(self, time: int) -> int:
        """When the candle that covers a moment opens; unix seconds."""
        day = time // _DAY_SECONDS
        match self.unit:
            case Unit.SECONDS:
                return time - time % _DAY_SECONDS % self.count
            case Unit.DAYS:
                return day // self.count * self.count * _DAY_SECONDS
            case Unit.WEEKS:
                return ((day - _MONDAY) // (7 * self.count) * 7 * self.count + _MONDAY) * _DAY_SECONDS
            case Unit.MONTHS:
                moment = date_of(day)
                months = max(_FIRST_MONTH, (moment.year * 12 + moment.month - 1) // self.count * self.count)
                return day_number(moment.replace(year=months // 12, month=months % 12 + 1, day=1)) * _DAY_SECONDS
            case Unit.YEARS:
                year = max(1, date_of(day).year // self.count * self.count)
                return day_number(date_of(day).replace(year=year, month=1, day=1)) * _DAY_SECONDS


def fold(bars: Iterable[Bar], frame: Frame) -> list[Bar]:
    """Join bars, given in order, into those of a longer frame."""
    return list(_folded(bars, frame))


def _folded(bars: Iterable[Bar], frame: Frame) -> Iterator[Bar]:
    opened = closes = _LONG_AGO
    first = high = low = last = lots = 0
    for time, bar_open, bar_high, bar_low, bar_close, bar_lots in bars:
        start = opened if time < closes else frame.open_of(time)
        if start == opened:
            if bar_high > high:
                high = bar_high
            if bar_low < low:
                low = bar_low
            last = bar_close
            lots += bar_lots
            continue
        if opened != _LONG_AGO:
            yield Bar(opened, first, high, low, last, lots)
        opened, first, high, low, last, lots = start, bar_open, bar_high, bar_low, bar_close, bar_lots
        if frame.is_intraday:
            closes = min(start + frame.count, (start // _DAY_SECONDS + 1) * _DAY_SECONDS)
    if opened != _LONG_AGO:
        yield Bar(opened, first, high, low, last, lots)


def _bar(trade: Print) -> Bar:
    return Bar(trade.time_us // SECOND, trade.ticks, trade.ticks, trade.ticks, trade.ticks, trade.lots)


class Candles:
    """Candles of one instrument as they stand at a moment: the generated past, then the trades that happened since.

    Args:
        past: The generated history, or `None` where there is none.
        live: Trades since the exchange opened.
        opened_us: When the exchange opened: what comes before is generated.
        until_us: The moment from which to look; later trades are not seen.
    """

    __slots__ = ("_cut_us", "_live", "_past", "_until_us")

    def __init__(self, past: History | None, live: Prints, opened_us: int, until_us: int) -> None:
        """Look at an instrument from a moment."""
        self._past = past
        self._live = live
        self._cut_us = min(opened_us, until_us)
        self._until_us = until_us

    @property
    def first_time(self) -> int:
        """No candle opens before this; unix seconds."""
        if self._past is not None:
            return self._past.first_day * _DAY_SECONDS
        first = self._live.first_minute
        return self._until_us // SECOND if first is None else first

    def between(self, frame: Frame, start: int, end: int) -> list[Bar]:
        """The candles that open in `[start, end]`, in order."""
        return list(self.walk(frame, start, end))

    def walk(self, frame: Frame, start: int, end: int) -> Iterator[Bar]:
        """The candles that open in `[start, end]`, in order, made as they are asked for."""
        start = max(start, self.first_time - frame.reach)
        end = min(end, self._until_us // SECOND)
        if start > end:
            return
        for bar in _folded(chain(self._generated(frame, start, end), self._happened(frame, start, end)), frame):
            if bar.time > end:
                return
            if bar.time >= start:
                yield bar

    def _generated(self, frame: Frame, start: int, end: int) -> Iterator[Bar]:
        """Bars of the past that the candles of a range are made of."""
        return self._intraday(frame, start, end) if frame.is_intraday else self._days(start, end + frame.reach)

    def _happened(self, frame: Frame, start: int, end: int) -> list[Bar]:
        """Bars of the present that the candles of a range are made of."""
        end += frame.reach
        if frame.count % 60 == 0 or not frame.is_intraday:
            return self._live.minutes(start - start % 60, end, self._until_us)
        kept = max(start, self._live.complete_from, (last_kept_day(self._until_us) + 1) * _DAY_SECONDS)
        trades = self._live.between(kept * SECOND, min((end + 1) * SECOND, self._until_us + 1))
        return [_bar(trade) for trade in trades]

    def _days(self, start: int, end: int) -> Iterator[Bar]:
        if self._past is None:
            return
        last = min(end, self._cut_us // SECOND) // _DAY_SECONDS
        for day in range(max(self._past.first_day, start // _DAY_SECONDS), last + 1):
            bar = self._past.day(day, self._cut_us)
            if bar is not None:
                yield bar

    def _intraday(self, frame: Frame, start: int, end: int) -> Iterator[Bar]:
        """The finest bars that the frame is made of, for each day of the range."""
        past, cut = self._past, self._cut_us
        if past is None:
            return
        last = min(end, cut // SECOND) // _DAY_SECONDS
        for day in range(max(past.first_day, start // _DAY_SECONDS), last + 1):
            if frame.count % 3_600 == 0:
                yield from past.hours(day, cut)
            elif frame.count % 60 == 0:
                yield from past.minutes(day, cut)
            elif day > last_kept_day(self._until_us):
                reach = (end + frame.reach) * SECOND
                opened = max(0, frame.open_of(max(start, 0)) * SECOND - MINUTE)
                yield from (_bar(trade) for trade in past.prints(day, min(cut, reach), opened))

    def before(self, frame: Frame, time: int, count: int = 1) -> list[Bar]:
        """The last `count` candles that open before `time`, in order; fewer when history ends."""
        found: list[Bar] = []
        window = max(4 * _DAY_SECONDS, 4 * frame.reach)
        first = self.first_time - frame.reach
        if frame.is_intraday and frame.count % 60:
            first = max(first, last_kept_day(self._until_us) * _DAY_SECONDS)
        end = min(time - 1, self._until_us // SECOND)
        while end >= first and len(found) < count:
            start = max(first, end - window + 1)
            found = self.between(frame, start, end) + found
            end = start - 1
            window *= 2
        return found[-count:]

    def after(self, frame: Frame, time: int) -> Bar | None:
        """The first candle that opens after `time`."""
        start = max(time + 1, self.first_time - frame.reach)
        last = self._until_us // SECOND
        window = max(4 * _DAY_SECONDS, 4 * frame.reach)
        while start <= last:
            found = self.between(frame, start, min(last, start + window - 1))
            if found:
                return found[0]
            start += window
            window *= 2
        return None


def last_kept_day(now_us: int) -> int:
    """The last day whose single trades are no longer kept."""
    return now_us // DAY - TRADES_KEPT_DAYS - 1
