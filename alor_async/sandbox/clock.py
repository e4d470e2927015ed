"""Exchange time as a user chooses and moves it: `Sandbox(time="stepped")`, `await sandbox.clock.advance(minutes=5)`.

Wall time is the machine's. Fast time runs n times as fast. Stepped time stands still until it is moved, so that a run is
the same on any day and on any machine. Tokens live in wall time, whichever is chosen.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time as machine
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from alor_async.errors import ClosedError, ConfigError, InvalidArgument
from alor_async.sandbox.core.clock import FastClock, SteppedClock, WallClock, to_datetime, to_us

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.driver import Driver

__all__ = ["OPENING", "Clock", "Fast", "Time", "fast"]

OPENING: Final = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)
"""When stepped and fast time begin unless `start` says otherwise: noon in Moscow of a Wednesday, markets are open."""

_FIRST_YEAR, _LAST_YEAR = 2016, 2098
_FASTEST = 86_400.0


@dataclass(frozen=True, slots=True)
class Fast:
    """Exchange time that runs `speed` times as fast as the machine's; made by `fast`."""

    speed: float


Time: TypeAlias = Literal["wall", "stepped"] | Fast


def fast(speed: float) -> Fast:
    """Exchange time that runs `speed` times as fast as the machine's: with `fast(60)` a minute takes a second.

    Args:
        speed: Greater than 0, at most 86 400: a day a second.

    Raises:
        ConfigError: The speed is out of range.
    """
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 < speed <= _FASTEST:
        raise ConfigError("speed", f"must be a number greater than 0, at most {_FASTEST:g}, got {speed!r:.40}")
    return Fast(float(speed))


def make_source(time: Time, start: datetime | None) -> WallClock | FastClock | SteppedClock:
    """The exchange's clock for what a user chose.

    Raises:
        ConfigError: There is no such time, or it cannot begin then.
    """
    if time == "wall":
        if start is not None:
            raise ConfigError("start", "wall time begins now; choose time='stepped' or time=fast(n) to begin elsewhere")
        return WallClock(machine.time_ns)
    start_us = to_us(OPENING if start is None else _check_start(start))
    if time == "stepped":
        return SteppedClock(start_us)
    if isinstance(time, Fast):
        return FastClock(machine.monotonic_ns, start_us=start_us, speed=time.speed)
    raise ConfigError("time", f"must be 'wall', 'stepped' or fast(n), got {time!r:.40}")


def _check_start(start: Any) -> datetime:
    if not isinstance(start, datetime) or start.utcoffset() is None:
        raise ConfigError("start", f"must be a datetime with a time zone, got {start!r:.60}")
    if not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        raise ConfigError("start", f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}, got {start:%Y-%m-%d}")
    return start


class Clock:
    """Exchange time: what it is, and in stepped time the way to move it.

    Everything that falls due on the way happens at its own moment, in order. When a move returns, all of it is done and
    handed to the sockets. Cancelling a move only ends the waiting: time goes on to where it was sent.
    """

    def __init__(
        self,
        source: WallClock | FastClock | SteppedClock,
        lock: threading.RLock,
        driver: Driver,
        submit: Callable[[Callable[[], Coroutine[None, None, None]]], Future[None]],
    ) -> None:
        self._source = source
        self._lock = lock
        self._driver = driver
        self._submit = submit

    @property
    def mode(self) -> Literal["wall", "stepped", "fast"]:
        """Which kind of time it is."""
        if isinstance(self._source, SteppedClock):
            return "stepped"
        return "fast" if isinstance(self._source, FastClock) else "wall"

    @property
    def now(self) -> datetime:
        """Exchange time, UTC."""
        with self._lock:
            return to_datetime(self._source.now_us())

    async def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let this much exchange time pass, and wait until what fell due is done.

        Raises:
            ConfigError: Time is not stepped.
            InvalidArgument: A duration is negative or not a number.
        """
        await self._settle(self._move_by(days=days, hours=hours, minutes=minutes, seconds=seconds))

    async def set(self, time: datetime) -> None:
        """Let exchange time pass until this moment, and wait until what fell due is done.

        Raises:
            ConfigError: Time is not stepped.
            InvalidArgument: The moment has no time zone or is past.
        """
        await self._settle(self._move_to(time))

    def advance_blocking(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Do what `advance` does for code without an event loop: the calling thread waits."""
        self._settle_blocking(self._move_by(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def set_blocking(self, time: datetime) -> None:
        """Do what `set` does for code without an event loop: the calling thread waits."""
        self._settle_blocking(self._move_to(time))

    # -- inside

    def _move_by(self, **durations: float) -> Future[None] | None:
        for unit, amount in durations.items():
            is_number = isinstance(amount, int | float) and not isinstance(amount, bool) and math.isfinite(amount)
            if not is_number or amount < 0:
                raise InvalidArgument(unit, f"must be a number, zero or greater, got {amount!r:.40}")
        source = self._stepped()
        with self._lock:
            try:
                target = to_datetime(source.now_us()) + timedelta(**durations)
            except OverflowError:
                raise InvalidArgument("advance", "leads beyond the last year that there is") from None
            return self._move_to(target)

    def _move_to(self, time: datetime) -> Future[None] | None:
        source = self._stepped()
        if not isinstance(time, datetime) or time.utcoffset() is None:
            raise InvalidArgument("time", f"must be a datetime with a time zone, got {time!r:.60}")
        if time.year > _LAST_YEAR:
            raise InvalidArgument("time", f"must not lie beyond the year {_LAST_YEAR}")
        with self._lock:
            now_us, target_us = source.now_us(), to_us(time)
            if target_us < now_us:
                raise InvalidArgument("time", f"time only moves forward: it is {to_datetime(now_us)} already")
            source.move_to(target_us)
        try:
            return self._submit(self._driver.catch_up)
        except ClosedError:  # nobody is served before the start and after the end, but time may pass
            return None

    def _stepped(self) -> SteppedClock:
        if not isinstance(self._source, SteppedClock):
            raise ConfigError("time", f"{self.mode} time runs by itself; make Sandbox(time='stepped') to move it")
        return self._source

    async def _settle(self, moving: Future[None] | None) -> None:
        if moving is None:
            await self._driver.catch_up()
            return
        await asyncio.shield(asyncio.wrap_future(_answered(moving)))

    def _settle_blocking(self, moving: Future[None] | None) -> None:
        if moving is None:
            while self._driver.live():
                pass
            return
        _answered(moving).result()


def _answered(moving: Future[None]) -> Future[None]:
    """A future that tells the end of the gateway as an error: a cancellation would be taken for one of the waiting task."""
    answered: Future[None] = Future()
    answered.set_running_or_notify_cancel()  # from here on nobody can cancel it

    def pass_on(done: Future[None]) -> None:
        failure = ClosedError("the sandbox stopped while its time was moving") if done.cancelled() else done.exception()
        if failure is None:
            answered.set_result(None)
        else:
            answered.set_exception(failure)

    moving.add_done_callback(pass_on)
    return answered
