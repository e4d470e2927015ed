"""One time for the client and the exchange: hours of both pass in seconds, and sockets stay real.

    async with Sandbox(time="stepped") as sandbox:
        both = SharedClock(sandbox)
        async with both.client() as alor:
            await both.advance(hours=10)

Between two small steps everything that the last one has set going comes to its end, over the sockets and in both threads
(`tests.support.stillness`), so a run is as exact as if time had really passed. Whatever waits by the client's clock needs
somebody to move it: `advance`, or `finish` for a call that cannot end while time stands still.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from math import ceil
from typing import Any, Final, TypeVar

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async.sandbox import Sandbox
from alor_async.sandbox.core.clock import SteppedClock
from tests.support.manual_clock import ManualClock
from tests.support.stillness import until_still

T = TypeVar("T")

STEP: Final = 1.0
"""The longest stretch of time that passes at once; seconds."""

_TICKS: Final = 1_000_000
"""The exchange counts microseconds."""


class SharedClock(ManualClock):
    """The client's clock, and the hand that moves it together with a sandbox's.

    Both begin at the same moment. In each step the exchange lives first, then the client reads what came of it, and then
    the client's timers ring that are due: nobody is called silent whose words lie in the socket already.

    Args:
        sandbox: One whose time is stepped.
        step: The longest stretch of time that passes at once; seconds.
    """

    def __init__(self, sandbox: Sandbox, *, step: float = STEP) -> None:
        super().__init__(wall=sandbox.clock.now.timestamp())
        self.sandbox = sandbox
        self._step = round(step * _TICKS)
        self._began = self.uptime, self.wall
        self._passed = 0

    def client(self, **options: Any) -> AsyncAlor:
        """A client that lives by this time."""
        options.setdefault("environment", self.sandbox.environment)
        return _TimedAlor(self, options.pop("auth", self.sandbox.refresh_token), **options)

    async def advance(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Let time pass for both, and let everything that it sets going come to its end."""
        await until_still(self.sandbox)
        end = self._passed + round((seconds + 60.0 * minutes + 3600.0 * hours) * _TICKS)
        while self._passed < end:
            await self._step_towards(end)

    async def finish(self, work: Coroutine[Any, Any, T], *, within: float = 60.0) -> T:
        """Let time pass until something is done that may have to wait for it.

        Raises:
            TimeoutError: It is not done `within` so many seconds of this time.
        """
        task = asyncio.create_task(work)
        end = self._passed + round(within * _TICKS)
        try:
            await until_still(self.sandbox)
            while not task.done() and self._passed < end:
                await self._step_towards(end)
        finally:
            is_late = task.cancel()
            await asyncio.wait({task})
        if is_late:
            raise TimeoutError(f"not done within {within:g} s of the shared time")
        return task.result()

    async def _step_towards(self, end: int) -> None:
        """Go to the end, or only as far as one step leads, or to the moment when the next timer rings."""
        due = self._next_timer()
        target = min(end, self._passed + self._step, end if due is None else max(due, self._passed + 1))
        ticks, self._passed = target - self._passed, target
        self.uptime = self._began[0] + target / _TICKS
        self.wall = self._began[1] + target / _TICKS
        if not self._skip(ticks):
            await self.sandbox.clock.advance(seconds=ticks / _TICKS)
            await until_still(self.sandbox)
        if self._ring(target):
            await until_still(self.sandbox)
        self.slept.clear()

    def _skip(self, ticks: int) -> bool:
        """Let the exchange's time pass at no cost if nothing is due there; whether that was so."""
        source, sandbox = self.sandbox._clock, self.sandbox
        assert isinstance(source, SteppedClock)
        with sandbox._lock:
            target, due = source.now_us() + ticks, sandbox._exchange.next_due_us
            if due is not None and due <= target:
                return False
            source.move_to(target)
        return True

    def _ring(self, now: int) -> int:
        """Call what is due; how many timers that were."""
        rung = 0
        while (due := self._next_timer()) is not None and due <= now:
            when, _, timer = heapq.heappop(self._timers)
            self.uptime = max(self.uptime, when)
            timer.callback()
            rung += 1
        return rung

    def _next_timer(self) -> int | None:
        """When the next timer rings, in ticks since the start; None when there is none."""
        while self._timers and self._timers[0][2].is_cancelled:
            heapq.heappop(self._timers)
        return ceil((self._timers[0][0] - self._began[0]) * _TICKS) if self._timers else None


class _TimedAlor(AsyncAlor):
    def __init__(self, clock: Clock, *arguments: Any, **options: Any) -> None:
        self._given_clock = clock
        super().__init__(*arguments, **options)

    def _new_clock(self) -> Clock:
        return self._given_clock
