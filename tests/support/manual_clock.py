"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from alor_async._policy.clock import Clock, Timer


class _Timer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        self.callback = _nothing  # what it holds must not live on until it would have been due


def _nothing() -> None:
    """Do nothing."""


class ManualClock(Clock):
    """Wall and monotonic time that move only by `advance`, `sleep_machine` and `set_wall`.

    Attributes:
        slept: Every pause that was asked for, in order.
    """

    def __init__(self, wall: float = 1_800_000_000.0, monotonic: float = 1_000.0) -> None:
        self.wall = wall
        self.uptime = monotonic
        self.slept: list[float] = []
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.uptime

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = _Timer(self.uptime + seconds, callback)
        heapq.heappush(self._timers, (timer.when, next(self._numbers), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    @property
    def pending(self) -> list[float]:
        """The times, counted from now, of all timers that were not called off."""
        return sorted(when - self.uptime for when, _, timer in self._timers if not timer.is_cancelled)

    async def advance(self, seconds: float) -> None:
        """Let time pass, call what is due in order, and let the tasks that wake up run."""
        end = self.uptime + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            if timer.is_cancelled:
                continue
            self.wall += when - self.uptime
            self.uptime = when
            timer.callback()
            await settle()
        self.wall += end - self.uptime
        self.uptime = end
        await settle()

    def sleep_machine(self, seconds: float) -> None:
        """Suspend: the wall clock goes on, the monotonic clock does not."""
        self.wall += seconds


async def settle(rounds: int = 20) -> None:
    """Let every task run that can, without letting time pass."""
    for _ in range(rounds):
        await asyncio.sleep(0)
