"""How much is under way at once, and how fast: places, a pace, and lanes that decide who goes first.

One place is kept for cancels, and of what the pace allows they take theirs first: with every other place taken and every
data call throttled, the next thing to leave is still the cancel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from alor_async._policy.clock import Clock, Timer
from alor_async.errors import QueueTimeout

__all__ = ["Limiter", "Pace"]

_LANES: Final = 3
_CANCEL: Final = 0


class Pace:
    """At most so many starts in any second, in small bursts.

    A bucket that holds a tenth of a second's allowance, filled so that burst and flow together stay within it: after a
    burst the starts are evenly spaced, which keeps the wait of whoever goes first short.
    """

    __slots__ = ("_capacity", "_filled_at", "_flow", "_tokens")

    def __init__(self, per_second: float, now: float) -> None:
        self._capacity = max(1.0, per_second // 10)
        self._flow = per_second - (self._capacity - 1.0)
        self._tokens = self._capacity
        self._filled_at = now

    def take(self, now: float) -> float:
        """Take one start. Returns 0, or how many seconds are missing, in which case nothing was taken."""
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - self._filled_at) * self._flow)
        self._filled_at = now
        if self._tokens >= 1.0 - 1e-9:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._flow


class Limiter:
    """Who may send now.

    Args:
        in_flight: Places, at least 2.
        per_second: The pace, or None for none.
        clock: Where time comes from.
    """

    __slots__ = ("_clock", "_pace", "_paused_until", "_places", "_taken", "_timer", "_waiters", "_waiting")

    def __init__(self, in_flight: int, per_second: float | None, clock: Clock) -> None:
        self._clock = clock
        self._places = [in_flight if lane == _CANCEL else in_flight - 1 for lane in range(_LANES)]
        self._pace = None if per_second is None else Pace(per_second, clock.monotonic())
        self._taken = 0
        self._paused_until = [0.0] * _LANES
        self._waiters: list[deque[asyncio.Future[None]]] = [deque() for _ in range(_LANES)]
        self._waiting = 0
        self._timer: Timer | None = None

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self._waiting

    def try_enter(self, lane: int) -> bool:
        """Take a place if there is one and nobody waits. Never blocks."""
        if self._waiting or self._taken >= self._places[lane]:
            return False
        if (self._pace is not None or self._paused_until[lane]) and self._delay(lane) > 0.0:
            return False
        self._taken += 1
        return True

    async def enter(self, lane: int, seconds: float) -> None:
        """Wait for a place and for the pace, at most so long. Every successful entry is paid back with `leave`.

        Raises:
            QueueTimeout: It took too long.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[lane].append(waiter)
        self._waiting += 1
        self._serve()
        if waiter.done():
            return
        timer = self._clock.call_later(seconds, lambda: _give_up(waiter, seconds))
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self.leave()  # the place was given in the very moment of the cancellation
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give the place back."""
        self._taken -= 1
        if self._waiting:
            self._serve()

    def pause(self, lane: int, seconds: float) -> None:
        """Let nobody start on a lane for so long."""
        self._paused_until[lane] = max(self._paused_until[lane], self._clock.monotonic() + seconds)

    def close(self) -> None:
        """Stop the timer. Waiters are cancelled by those who own them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _delay(self, lane: int) -> float:
        """Start, or tell how many seconds are missing."""
        now = self._clock.monotonic()
        return self._pause_left(lane, now) or (0.0 if self._pace is None else self._pace.take(now))

    def _pause_left(self, lane: int, now: float) -> float:
        left = self._paused_until[lane] - now
        if left > 0.0:
            return left
        self._paused_until[lane] = 0.0
        return 0.0

    def _serve(self) -> None:
        """Let go whoever may, the first lane first; whom only time holds back is looked at again then."""
        now = self._clock.monotonic()
        soonest: float | None = None
        for lane, waiters in enumerate(self._waiters):
            self._drop_those_who_left(waiters)
            paused = self._pause_left(lane, now)
            if paused and waiters:
                soonest = paused if soonest is None else min(soonest, paused)
                continue
            while waiters and self._taken < self._places[lane]:
                delay = 0.0 if self._pace is None else self._pace.take(now)
                if delay > 0.0:
                    # No lower lane may snatch the start that this one waits for.
                    self._wake_in(delay)
                    return
                waiters.popleft().set_result(None)
                self._waiting -= 1
                self._taken += 1
                self._drop_those_who_left(waiters)
        if soonest is not None:
            self._wake_in(soonest)

    def _drop_those_who_left(self, waiters: deque[asyncio.Future[None]]) -> None:
        while waiters and waiters[0].done():
            waiters.popleft()
            self._waiting -= 1

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(seconds, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._serve()


def _give_up(waiter: asyncio.Future[None], seconds: float) -> None:
    if not waiter.done():
        waiter.set_exception(QueueTimeout(f"no free place within {seconds:g} s", stage="queue"))
