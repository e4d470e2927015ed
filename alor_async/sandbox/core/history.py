"""Prices of the past, made by subdivision: years into days, days into hours, hours into minutes, minutes into trades.

Every part is drawn from a generator seeded by the instrument and the part's own place in time, and every split keeps
the parent's open, high, low, close and volume exactly. So any stretch of any length is computed directly, is the same
on every call, and an hour equals its sixty minutes. Prices are ticks throughout, and all arithmetic is on integers.

What was drawn lately is remembered for all histories at once: it follows from the seed alone, so that the next exchange
of the same seed begins with the same past.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from math import isqrt
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from alor_async.sandbox.core.clock import DAY, MINUTE, SECOND
from alor_async.sandbox.core.terms import Terms

FIRST_MINUTE = 7 * 60
LAST_MINUTE = 15 * 60 + 50
FIRST_HOUR = FIRST_MINUTE // 60
LAST_HOUR = -(-LAST_MINUTE // 60)
TRADES_KEPT_DAYS = 30
MAX_TRADES_A_MINUTE = 12
MIN_LOTS_A_MINUTE = 4
FIRST_TRADE_ID = 13_000_000_000
ID_STRIDE = 16

_EPOCH = date(1970, 1, 1)
_THURSDAY = 3
_FINE = 1_024
_DAYS_REMEMBERED = 8
_YEARS_REMEMBERED = 64
_SPLITS_REMEMBERED = 512


class Bar(NamedTuple):
    """Open, high, low and close in ticks, volume in lots, of the stretch that opens at `time` (unix seconds)."""

    time: int
    open: int
    high: int
    low: int
    close: int
    lots: int


class Print(NamedTuple):
    """One market trade: `sign` is +1 when a purchase took liquidity."""

    trade_id: int
    time_us: int
    ticks: int
    lots: int
    sign: int


def is_weekday(day: int) -> bool:
    """Whether a day number (since 1970, a Thursday) falls on Monday to Friday."""
    return (day + _THURSDAY) % 7 < 5


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def date_of(day: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=day)


def session_open_us(day: int) -> int:
    """When the trading day opens; microseconds."""
    return day * DAY + FIRST_MINUTE * MINUTE


def session_day(time_us: int) -> int:
    """The day of the last session that had opened by a moment."""
    day = (time_us - FIRST_MINUTE * MINUTE) // DAY
    while not is_weekday(day):
        day -= 1
    return day


def first_trade_id(time: int) -> int:
    """The number of the first trade of the minute of a moment (unix seconds): numbers grow with time."""
    return FIRST_TRADE_ID + time // 60 * ID_STRIDE


def merge(first: Bar, second: Bar) -> Bar:
    """Two neighbouring bars as one."""
    return Bar(
        first.time,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.lots + second.lots,
    )


def bar_of(time: int, prints: list[Print]) -> Bar:
    """The bar of at least one trade."""
    ticks = [trade.ticks for trade in prints]
    return Bar(time, ticks[0], max(ticks), min(ticks), ticks[-1], sum(trade.lots for trade in prints))


def split(parent: Bar, times: list[int], floors: list[int], rng: Random) -> list[Bar]:
    """Split a bar into children that open at `times` and add up to it exactly.

    The closes are a random walk tied down at the parent's close and held between its low and high; every child opens
    where the one before it closed. The highest child is raised to the parent's high, the lowest lowered to its low.

    `floors` are the least lots of each child, all at least 1; the parent has at least their sum.
    """
    _, opened, high, low, closed, lots = parent
    random = rng.random
    count = len(times)
    reach = (high - low) * _FINE * 100 // (2 * isqrt(count * 10_000)) + 1
    walk = list(accumulate([int(random() * (2 * reach + 1)) - reach for _ in times]))
    drift = (closed - opened) * _FINE - walk[-1]
    start = opened * _FINE + _FINE // 2
    wick = reach // _FINE + 2
    shares = list(accumulate([floor * (16 + int(random() * 112)) for floor in floors]))
    spare = lots - sum(floors)
    given = 0
    previous = opened
    bars: list[Bar] = []
    for index, time in enumerate(times):
        close = (start + walk[index] + drift * (index + 1) // count) // _FINE
        if close > high:  # bounce off the edge, so that prices do not stick to it
            close = max(low, 2 * high - close)
        elif close < low:
            close = min(high, 2 * low - close)
        top = (max(close, previous)) + int(random() * wick)
        bottom = (min(close, previous)) - int(random() * wick)
        upto = spare * shares[index] // shares[-1]
        bars.append(
            Bar(
                time,
                previous,
                min(high, top),
                max(low, bottom),
                close,
                floors[index] + upto - given,
            )
        )
        given = upto
        previous = close
    _touch(bars, high, low)
    return bars


def _touch(bars: list[Bar], high: int, low: int) -> None:
    """Make the extremes of the children those of the parent."""
    tops = [bar.high for bar in bars]
    top = tops.index(max(tops))
    bars[top] = bars[top]._replace(high=high)
    bottoms = [bar.low for bar in bars]
    bottom = bottoms.index(min(bottoms))
    bars[bottom] = bars[bottom]._replace(low=low)


def _trade_count(minute: Bar, rng: Random) -> int:
    """How many trades a minute has; the first thing drawn from its generator."""
    return min(minute.lots, 4 + int(rng.random() * (MAX_TRADES_A_MINUTE - 3)))


def _generator(seed: str, *place: object) -> Random:
    """The generator of a part of the past: the instrument's seed, and the part's place in time."""
    return Random(":".join((seed, *map(str, place))))


@lru_cache(_YEARS_REMEMBERED)
def _days_of_year(seed: str, year: int, opened: int, closed: int, span: int, day_volume: int) -> Mapping[int, Bar]:
    """The days of a year by number: closes walk from its opening price to that of the next year."""
    first, last = day_number(date(year, 1, 1)), day_number(date(year + 1, 1, 1))
    numbers = [day for day in range(first, last) if is_weekday(day)]
    random = _generator(seed, "days", year).random
    walk: list[int] = []
    position = 0
    for _ in numbers:
        position += int(random() * (span + 1)) - span // 2
        walk.append(position)
    drift = closed - opened - position
    days: dict[int, Bar] = {}
    previous = opened
    for index, day in enumerate(numbers, start=1):
        close = max(8, opened + walk[index - 1] + drift * index // len(numbers))
        start = max(8, previous + (int(random() * (span + 1)) - span // 2) // 4)
        high = max(start, close) + 1 + int(random() * span) // 3
        low = max(4, min(start, close) - 1 - int(random() * span) // 3)
        lots = day_volume * (50 + int(random() * 101)) // 100
        floor = MIN_LOTS_A_MINUTE * (LAST_MINUTE - FIRST_MINUTE)
        days[day] = Bar(day * 86_400, start, high, low, close, max(lots, floor))
        previous = close
    return MappingProxyType(days)


@lru_cache(_SPLITS_REMEMBERED)
def _hours_of_day(seed: str, parent: Bar) -> tuple[Bar, ...]:
    """The hours of a day."""
    day = parent.time // 86_400
    hours = range(FIRST_HOUR, LAST_HOUR)
    minutes = [min(60, LAST_MINUTE - hour * 60) for hour in hours]
    times = [parent.time + hour * 3_600 for hour in hours]
    return tuple(split(parent, times, [MIN_LOTS_A_MINUTE * count for count in minutes], _generator(seed, "hours", day)))


@lru_cache(_SPLITS_REMEMBERED)
def _minutes_of_hour(seed: str, hour: Bar) -> tuple[Bar, ...]:
    """The minutes of an hour."""
    count = min(60, hour.time // 86_400 * 1_440 + LAST_MINUTE - hour.time // 60)
    times = list(range(hour.time, hour.time + count * 60, 60))
    return tuple(split(hour, times, [MIN_LOTS_A_MINUTE] * count, _generator(seed, "minutes", hour.time)))


REMEMBERED = (_days_of_year, _hours_of_day, _minutes_of_hour)
"""What all histories share; emptying it changes nothing but the time that the next look takes."""


class History:
    """The past of one instrument. It knows no present: the caller says up to when it wants to see."""

    __slots__ = ("_counts", "_minutes", "_seed", "_terms", "first_day")

    def __init__(self, terms: Terms, seed: int) -> None:
        """Prepare; nothing is computed until it is asked for."""
        self._terms = terms
        self._seed = f"{seed}:{terms.spec.exchange}:{terms.spec.symbol}"
        self._counts: dict[int, int] = {}
        self._minutes: dict[int, list[Bar]] = {}
        self.first_day = day_number(terms.spec.listed)

    # -- whole days, as if all of time had passed

    def _year_open(self, year: int) -> int:
        """Where a year opens: within 6 % of the reference price."""
        reference = self._terms.nearest_ticks(self._terms.spec.reference_price)
        return reference * (940 + int(_generator(self._seed, "year", year).random() * 121)) // 1000

    def _year(self, year: int) -> Mapping[int, Bar]:
        """The days of a year by number."""
        opened, spec = self._year_open(year), self._terms.spec
        span = max(8, opened * spec.volatility_bp // 10_000)
        return _days_of_year(self._seed, year, opened, self._year_open(year + 1), span, spec.day_volume)

    def _whole_day(self, day: int) -> Bar | None:
        return self._year(date_of(day).year).get(day) if day >= self.first_day else None

    def _whole_hours(self, day: int) -> Sequence[Bar]:
        parent = self._whole_day(day)
        return () if parent is None else _hours_of_day(self._seed, parent)

    def _whole_minutes(self, day: int) -> list[Bar]:
        minutes = self._minutes.pop(day, None)
        if minutes is None:
            minutes = [minute for hour in self._whole_hours(day) for minute in _minutes_of_hour(self._seed, hour)]
        self._minutes[day] = minutes
        if len(self._minutes) > _DAYS_REMEMBERED:
            del self._minutes[next(iter(self._minutes))]
        return minutes

    def _minutes_between(self, day: int, start_us: int, until_us: int) -> Iterator[Bar]:
        """The minutes of a day, whole ones, that have a part in `[start_us, until_us)`."""
        for hour in self._whole_hours(day):
            if start_us < (hour.time + 3_600) * SECOND and hour.time * SECOND < until_us:
                for minute in _minutes_of_hour(self._seed, hour):
                    if start_us < (minute.time + 60) * SECOND and minute.time * SECOND < until_us:
                        yield minute

    def _minute_rng(self, minute: Bar) -> Random:
        return _generator(self._seed, "trades", minute.time)

    def _minute_prints(self, minute: Bar) -> list[Print]:
        """The trades of a minute: the first at its open, the last at its close, two inner ones at its extremes."""
        rng = self._minute_rng(minute)
        count = _trade_count(minute, rng)
        random = rng.random
        moments = sorted(int(random() * 60_000) for _ in range(count))
        span = minute.high - minute.low + 1
        ticks = [minute.low + int(random() * span) for _ in range(count)]
        ticks[0], ticks[-1] = minute.open, minute.close
        extremes = (minute.high, minute.low) if random() < 0.5 else (minute.low, minute.high)
        ticks[1], ticks[-2] = extremes
        shares = [random() for _ in range(count)]
        cuts = [int((minute.lots - count) * sum(shares[: index + 1]) / sum(shares)) for index in range(count)]
        cuts[-1] = minute.lots - count
        first_id = first_trade_id(minute.time)
        prints: list[Print] = []
        previous = ticks[0]
        for index, price in enumerate(ticks):
            sign = (1 if random() < 0.5 else -1) if price == previous else 1 if price > previous else -1
            lots = 1 + cuts[index] - (cuts[index - 1] if index else 0)
            time_us = minute.time * SECOND + moments[index] * 1_000
            prints.append(Print(first_id + index, time_us, price, lots, sign))
            previous = price
        return prints

    # -- the past up to a moment

    def minutes(self, day: int, until_us: int) -> list[Bar]:
        """The minutes of a day with the trades before `until_us`."""
        if day * DAY >= until_us:
            return []
        bars = self._whole_minutes(day)
        if (day + 1) * DAY <= until_us:
            return bars
        seconds = until_us // SECOND
        whole = [bar for bar in bars if bar.time + 60 <= seconds]
        if len(whole) < len(bars) and bars[len(whole)].time * SECOND < until_us:
            partial = [trade for trade in self._minute_prints(bars[len(whole)]) if trade.time_us < until_us]
            if partial:
                whole.append(bar_of(bars[len(whole)].time, partial))
        return whole

    def hours(self, day: int, until_us: int) -> Sequence[Bar]:
        """The hours of a day with the trades before `until_us`."""
        if (day + 1) * DAY <= until_us:
            return self._whole_hours(day)
        hours: list[Bar] = []
        for minute in self.minutes(day, until_us):
            opened = minute.time // 3_600 * 3_600
            if hours and hours[-1].time == opened:
                hours[-1] = merge(hours[-1], minute)
            else:
                hours.append(minute._replace(time=opened))
        return hours

    def day(self, day: int, until_us: int) -> Bar | None:
        """A day with the trades before `until_us`, `None` when there are none."""
        if (day + 1) * DAY <= until_us:
            return self._whole_day(day)
        whole: Bar | None = None
        for hour in self.hours(day, until_us):
            whole = hour._replace(time=day * 86_400) if whole is None else merge(whole, hour)
        return whole

    def prints(self, day: int, until_us: int, start_us: int = 0) -> list[Print]:
        """The trades of a day in `[start_us, until_us)`."""
        trades: list[Print] = []
        for minute in self._minutes_between(day, start_us, until_us):
            found = self._minute_prints(minute)
            opened = minute.time * SECOND
            if opened < start_us or opened + MINUTE > until_us:
                found = [trade for trade in found if start_us <= trade.time_us < until_us]
            trades += found
        return trades

    def trade_count(self, day: int) -> int:
        """How many trades a whole day has."""
        count = self._counts.get(day)
        if count is None:
            count = self._counts[day] = sum(
                _trade_count(bar, self._minute_rng(bar)) for bar in self._whole_minutes(day)
            )
        return count

    def last_print(self, until_us: int) -> Print:
        """The last trade before a moment; of the first day's opening when there is none."""
        day = min(until_us // DAY, session_day(until_us))
        while day >= self.first_day:
            for hour in reversed(self._whole_hours(day)):
                minutes = _minutes_of_hour(self._seed, hour) if hour.time * SECOND < until_us else ()
                for minute in reversed(minutes):
                    begun = minute.time * SECOND < until_us
                    trades = (
                        [trade for trade in self._minute_prints(minute) if trade.time_us < until_us] if begun else []
                    )
                    if trades:
                        return trades[-1]
            day -= 1
        opened = self._year_open(date_of(self.first_day).year)
        return Print(0, min(self.first_day * DAY, until_us - 1), opened, 1, 1)
