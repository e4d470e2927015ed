"""When trading is open: periods of a day in Moscow time, for each market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast

from alor_async.errors import ConfigError
from alor_async.sandbox.core.clock import DAY, MINUTE, MOSCOW_OFFSET, SECOND
from alor_async.sandbox.core.enums import Market
from alor_async.sandbox.core.history import is_weekday

Period: TypeAlias = tuple[time, time]
"""From when until when; Moscow time, on one day."""

_TRADED = (Market.STOCKS, Market.DERIVATIVES, Market.CURRENCIES)


class Phase(Enum):
    """What a moment is in a market: the number and the text of the status that an instrument then shows."""

    OPEN = 17, "нормальный период торгов"
    BREAK = 2, "перерыв в торгах"
    CLOSED = 18, "торги закрыты"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Trading hours. Between two periods of a day there is a break; before the first and after the last it is closed.

    Attributes:
        stocks: Periods of stocks, bonds and funds, in order; none means that trading never stops.
        derivatives: Periods of futures and options. Each of their breaks is a clearing.
        currencies: Periods of the FX market.
        weekends: Whether Saturdays and Sundays are like other days, or closed.

    Raises:
        ConfigError: A period is none, or they are not in order.
    """

    stocks: tuple[Period, ...] = ()
    derivatives: tuple[Period, ...] = ()
    currencies: tuple[Period, ...] = ()
    weekends: bool = False
    _minutes: Mapping[Market, tuple[tuple[int, int], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = zip(_TRADED, ("stocks", "derivatives", "currencies"), strict=True)
        read = {market: _read_periods(name, getattr(self, name)) for market, name in named}
        object.__setattr__(self, "_minutes", MappingProxyType(read))
        if not isinstance(self.weekends, bool):
            raise ConfigError("schedule.weekends", f"must be True or False, got {self.weekends!r:.40}")

    def phase(self, market: Market, time_us: int) -> Phase:
        """What a moment is; always open in a market without periods."""
        periods = self._minutes.get(market, ())
        if not periods:
            return Phase.OPEN
        day, moment = divmod(time_us + MOSCOW_OFFSET, DAY)
        if not self._is_worked(day) or moment < periods[0][0] or moment >= periods[-1][1]:
            return Phase.CLOSED
        return Phase.OPEN if any(opens <= moment < closes for opens, closes in periods) else Phase.BREAK

    def next_change(self, market: Market, time_us: int) -> int | None:
        """When the next period begins or ends; None when none ever does."""
        periods = self._minutes.get(market, ())
        if not periods:
            return None
        day, moment = divmod(time_us + MOSCOW_OFFSET, DAY)
        while True:
            if self._is_worked(day):
                for edge in (edge for period in periods for edge in period):
                    if edge > moment:
                        return day * DAY + edge - MOSCOW_OFFSET
            day, moment = day + 1, -1

    def day_end(self, market: Market, time_us: int) -> int:
        """When an order for the day ends: with the last period of the trading day, else with the day in UTC."""
        periods = self._minutes.get(market, ())
        if not periods:
            return (time_us // DAY + 1) * DAY - SECOND // 1_000
        day, moment = divmod(time_us + MOSCOW_OFFSET, DAY)
        while not self._is_worked(day) or moment >= periods[-1][1]:
            day, moment = day + 1, 0
        return day * DAY + periods[-1][1] - MOSCOW_OFFSET

    def _is_worked(self, day: int) -> bool:
        return self.weekends or is_weekday(day)


def _read_periods(name: str, periods: object) -> tuple[tuple[int, int], ...]:
    read = (
        [_read_period(period) for period in cast("tuple[object, ...]", periods)]
        if isinstance(periods, tuple)
        else [None]
    )
    known = tuple(period for period in read if period is not None)
    if len(known) < len(read):
        raise ConfigError(
            f"schedule.{name}", "must be a tuple of pairs of datetime.time without zones: (opens, closes)"
        )
    edges = [edge for period in known for edge in period]
    if any(earlier >= later for earlier, later in pairwise(edges)):
        raise ConfigError(f"schedule.{name}", "periods must be in order, and none may touch another")
    return known


def _read_period(period: object) -> tuple[int, int] | None:
    match period:
        case (time(tzinfo=None) as opens, time(tzinfo=None) as closes):
            return _microseconds(opens), _microseconds(closes)
        case _:
            return None


def _microseconds(moment: time) -> int:
    return (moment.hour * 60 + moment.minute) * MINUTE + moment.second * SECOND + moment.microsecond


ALWAYS = Schedule()
"""Trading never stops, and orders for the day end with the day in UTC."""

MOEX = Schedule(
    stocks=((time(10), time(18, 50)),),
    derivatives=((time(10), time(14)), (time(14, 5), time(18, 50)), (time(19, 5), time(23, 50))),
    currencies=((time(10), time(19)),),
)
"""The hours of the Moscow Exchange in round numbers: no auctions, no evening of stocks, two clearings of derivatives."""

ScheduleChoice: TypeAlias = Literal["always", "moex"] | Schedule


def choose_schedule(choice: Any) -> Schedule:
    """The schedule that a user means.

    Raises:
        ConfigError: There is no such schedule.
    """
    found = {"always": ALWAYS, "moex": MOEX}.get(choice) if isinstance(choice, str) else choice
    if not isinstance(found, Schedule):
        raise ConfigError("schedule", f"must be 'always', 'moex' or a Schedule, got {choice!r:.60}")
    return found
