"""The exchange's own time.

The core never asks the machine what time it is: a function is handed in. All inner times are integers, microseconds
of UTC, so that they are compared and journalled exactly. Stepped and fast time are other ways to make `now_us`, and
need nothing from the rest of the core.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
MOSCOW_OFFSET = 3 * 3_600 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ExchangeClock(Protocol):
    """Exchange time, whatever drives it."""

    def now_us(self) -> int:
        """Microseconds of UTC since 1970; never less than the last answer."""
        ...


class WallClock:
    """Exchange time that follows a given clock and never runs backwards."""

    __slots__ = ("_last_us", "_read_ns")

    def __init__(self, read_ns: Callable[[], int]) -> None:
        """Follow `read_ns`, which answers nanoseconds since 1970 (`time.time_ns` in the gateway)."""
        self._read_ns = read_ns
        self._last_us = 0

    def now_us(self) -> int:
        """Microseconds of UTC since 1970; a step back of the source holds the time still."""
        self._last_us = max(self._last_us, self._read_ns() // 1_000)
        return self._last_us


def to_datetime(time_us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=time_us)


def to_us(time: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def day_of(time_us: int) -> int:
    """The UTC day number since 1970."""
    return time_us // DAY


def moscow_midnight(time_us: int) -> int:
    """The last midnight in Moscow, in microseconds of UTC."""
    return (time_us + MOSCOW_OFFSET) // DAY * DAY - MOSCOW_OFFSET
