"""Clients of streams whose times are short, somebody who listens, and a clock that is driven while sockets are real."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeVar

import msgspec

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async._streams.events import Event, Update
from alor_async.config import StreamSettings
from alor_async.sandbox import Sandbox
from tests.support.manual_clock import ManualClock, settle

E = TypeVar("E")

PROMPT: Final = StreamSettings(
    ping_every=0.1,
    silence=5.0,
    ack_timeout=5.0,
    requests_per_second=10_000,
    snapshot_pause=0.05,
    reconnect_base=0.02,
    reconnect_cap=0.05,
)
"""Pauses so short that a test need not wait, limits so long that a busy machine does not reach them."""

OWN: Final = (
    "OrdersGetAndSubscribeV2",
    "StopOrdersGetAndSubscribeV2",
    "TradesGetAndSubscribeV2",
    "PositionsGetAndSubscribeV2",
)
"""What stands for money, and comes back first."""


def settings(**changes: Any) -> StreamSettings:
    """Give the prompt settings, some of them changed."""
    return msgspec.structs.replace(PROMPT, **changes)


class Hasty(Clock):
    """Waits a twentieth of what it is told."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


def client_of(sandbox: Sandbox, **changes: Any) -> AsyncAlor:
    return AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, streams=settings(**changes))


class Listener:
    """Somebody who listens to `events()` until the iteration ends, and keeps what it said."""

    def __init__(self, subscription: Any) -> None:
        self.subscription = subscription
        self.events: list[Event[Any]] = []
        self.error: BaseException | None = None
        self.is_over = False
        self._task = asyncio.create_task(self._listen(), name="test listener")

    async def _listen(self) -> None:
        try:
            async for event in self.subscription.events():
                self.events.append(event)
        except Exception as error:  # noqa: BLE001 - kept for the test to judge
            self.error = error
        finally:
            self.is_over = True

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def items(self) -> list[Any]:
        return [update.item for update in self.of(Update)]

    def kinds(self) -> list[str]:
        """The names of the events' classes."""
        return [type(event).__name__ for event in self.events]

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@contextlib.asynccontextmanager
async def listening(subscription: Any) -> AsyncIterator[Listener]:
    """Listen to an open subscription in a task."""
    listener = Listener(subscription)
    try:
        yield listener
    finally:
        await listener.stop()


class CoarseClock(ManualClock):
    """A clock for very many timers: it calls all that fall due in a step in their order, and then lets the tasks run once."""

    async def advance(self, seconds: float) -> None:
        end = self.uptime + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                self.wall += when - self.uptime
                self.uptime = when
                timer.callback()
        self.wall += end - self.uptime
        self.uptime = end
        await settle(5)


async def live(clock: ManualClock, seconds: float, *, step: float = 0.25) -> None:
    """Let the clock run, and the sockets have their turn after each step of it."""
    end = clock.monotonic() + seconds
    while clock.monotonic() < end - 1e-9:
        await clock.advance(min(step, end - clock.monotonic()))
        await breathe()


async def live_until(clock: ManualClock, condition: Callable[[], object], *, within: float, step: float = 0.25) -> None:
    """Let the clock run until a condition holds."""
    end = clock.monotonic() + within
    await breathe()
    while not condition():
        assert clock.monotonic() < end, f"not within {within:g} s of the clock"
        await clock.advance(step)
        await breathe()


async def breathe(rounds: int = 2) -> None:
    """Let what is on its way over loopback arrive, without letting the clock run."""
    for _ in range(rounds):
        await asyncio.sleep(0.0005)
        await settle(5)
