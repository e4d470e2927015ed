"""Keeps the exchange alive while nobody asks it anything: what falls due happens when it is due.

Lives in the gateway's loop and takes the exchange's lock for one bounded slice at a time, so that requests and streams
have their turn in between, however much there is to catch up with.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alor_async.sandbox.core.clock import DrivenClock
    from alor_async.sandbox.core.exchange import Exchange

MOST_AT_ONCE = 400
"""How many things that are due one slice lives through: a few milliseconds of a busy market."""

_BREATH = 0.001
"""Between two slices the lock is free for so long: a thread that waits for it needs a moment to wake up."""

_SHORTEST_PAUSE = 0.001
_LONGEST_PAUSE = 1.0
"""The machine's clock may be set, or the machine suspended: look at it again, whatever was reckoned before."""


class Driver:
    """The exchange's heartbeat.

    Args:
        exchange: Whom to keep alive; it wakes the driver when something is due sooner than expected.
        lock: Held while the exchange is asked.
        clock: The exchange's own.
        drained: Waits until what came of a slice is on its way to the clients: time does not outrun the streams.
        failures: Where what fails inside is kept; `Sandbox.check` reports it.
    """

    def __init__(
        self,
        exchange: Exchange,
        lock: threading.RLock,
        clock: DrivenClock,
        drained: Callable[[], Awaitable[None]],
        failures: list[BaseException],
    ) -> None:
        self._exchange = exchange
        self._lock = lock
        self._clock = clock
        self._drained = drained
        self._failures = failures
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hastened = asyncio.Event()
        self._is_living = False

    async def run(self) -> None:
        """Live until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._exchange.wake_by(self._hasten)
        try:
            while True:
                await self.catch_up()
                await self._pause(self._seconds_left())
        finally:
            self._loop = None

    async def catch_up(self) -> None:
        """Live through everything that is due by now, and hand what comes of it to the sockets."""
        while self.live():
            await asyncio.sleep(_BREATH)
            await self._drained()
        await self._drained()

    def live(self) -> bool:
        """Live through one slice; whether more is due."""
        with self._lock:
            self._is_living = True
            try:
                self._exchange.advance()
            except Exception as failure:  # noqa: BLE001  (told by `Sandbox.check`; the exchange lives on)
                self._failures.append(failure)
            finally:
                self._is_living = False
            due = self._exchange.next_due_us
            return due is not None and due <= self._clock.now_us()

    def _seconds_left(self) -> float | None:
        """How long nothing is due; None when nobody knows. Forgets what hastened it before."""
        with self._lock:
            self._hastened.clear()
            due = self._exchange.next_due_us
            return None if due is None else self._clock.seconds_until(due)

    async def _pause(self, seconds: float | None) -> None:
        longest = None if seconds is None else max(_SHORTEST_PAUSE, min(seconds, _LONGEST_PAUSE))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._hastened.wait()

    def _hasten(self) -> None:
        """Called under the lock, in whichever thread put something on the exchange's list."""
        if self._loop is not None and not self._is_living:
            with contextlib.suppress(RuntimeError):  # the loop is being closed
                self._loop.call_soon_threadsafe(self._hastened.set)
