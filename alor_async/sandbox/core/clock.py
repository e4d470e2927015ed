"""The exchange's own time.

The core never asks the machine what time it is: a function is handed in. All inner times are integers, microseconds
of UTC, so that they are compared and journalled exactly. Wall, fast and stepped time are three ways to make `now_us`;
the rest of the core does not know which one it lives by.
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


class DrivenClock(ExchangeClock, Protocol):
    """A clock that a driver can wait by."""

    def seconds_until(self, time_us: int) -> float | None:
        """How long a moment of exchange time is away, in seconds of the machine; None when nobody knows."""
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

    def seconds_until(self, time_us: int) -> float:
        """How long a moment is away; zero when it is past."""
        return max(0, time_us - self.now_us()) / SECOND


class FastClock:
    """Exchange time that begins where it is told to and runs `speed` times as fast as a given clock."""

    __slots__ = ("_began_ns", "_read_ns", "_speed", "_start_us")

    def __init__(self, read_ns: Callable[[], int], *, start_us: int, speed: float) -> None:
        """Follow `read_ns`, which answers nanoseconds that only grow (`time.monotonic_ns` in the gateway)."""
        self._read_ns = read_ns
        self._began_ns = read_ns()
        self._start_us = start_us
        self._speed = speed

    def now_us(self) -> int:
        """Microseconds of UTC since 1970."""
        return self._start_us + int((self._read_ns() - self._began_ns) * self._speed) // 1_000

    def seconds_until(self, time_us: int) -> float:
        """How long a moment is away by the clock that is followed; zero when it is past."""
        return max(0, time_us - self.now_us()) / SECOND / self._speed


class SteppedClock:
    """Exchange time that stands still until it is moved, and only moves forward."""

    __slots__ = ("_now_us",)

    def __init__(self, start_us: int) -> None:
        """Stand at a moment."""
        self._now_us = start_us

    def now_us(self) -> int:
        """Microseconds of UTC since 1970."""
        return self._now_us

    def move_to(self, time_us: int) -> None:
        """Stand at a later moment."""
        if time_us < self._now_us:
            raise ValueError("time only moves forward")
        self._now_us = time_us

    def seconds_until(self, time_us: int) -> float | None:
        """Zero for what is past; nobody knows when the rest will come."""
        return 0.0 if time_us <= self._now_us else None


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
