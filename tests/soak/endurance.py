"""Two long trials: a broker that is away for a working day, and subscriptions that come and go without end."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from alor_async import AsyncAlor, StreamSettings
from alor_async._streams.events import Disconnected, SnapshotEnd
from alor_async._streams.subscription import Subscription
from alor_async.sandbox import Sandbox
from tests.soak.day import MORNING, PORTFOLIO, Baseline
from tests.soak.memory import client_memory, watching_memory
from tests.soak.view import TIMEFRAME, Ear, View
from tests.support.shared_clock import SharedClock

MOST_GROWTH: Final = 64 * 1024
"""By so much may the memory of a client differ between two looks at it; bytes."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What a client did while its broker was away.

    Attributes:
        attempts: How often it tried to connect.
        heard_after: How long after the return it asked again; seconds.
        ready_after: How long after that everything was live again, and the snapshots were told; seconds.
        growth: By how much its memory grew between the first hour and the last; bytes.
    """

    attempts: int
    heard_after: float
    ready_after: float
    growth: int


def names_of_tasks() -> Counter[str]:
    """How many tasks there are of each name: a pause between two tries is a new task each time."""
    return Counter(task.get_name() for task in asyncio.all_tasks())


async def endure_an_outage(hours: float) -> Outage:
    """Subscribe, lose the broker for hours, get it back.

    Raises:
        AssertionError: The client gave up, grew, or did not come back.
    """
    async with Sandbox(3, time="stepped", start=MORNING) as sandbox:
        # A long step: nothing happens at the exchange meanwhile, and the client's own timers are kept to the microsecond.
        both = SharedClock(sandbox, step=600.0)
        async with both.client() as alor, AsyncExitStack() as stack:
            steps = {name: sandbox.market[name].spec.price_step for name in ("MOEX:SBER", "MOEX:GAZP")}
            view = View(alor, PORTFOLIO, steps, sandbox.clock.now)
            await both.finish(view.open(stack))
            with watching_memory():
                absence = sandbox.faults.net.refuse()
                await both.advance(hours=1)
                early, tasks = client_memory(), names_of_tasks()
                await both.advance(hours=hours - 1)
                growth = client_memory() - early
                assert growth < MOST_GROWTH, f"{growth} bytes more than after the first hour"
                assert names_of_tasks() <= tasks, "tasks were left behind"
            assert not any(ear.subscription.is_live for ear in view.ears.values())
            absence.clear()
            returned, sockets = both.monotonic(), sandbox.sockets.count("ws")
            await both.finish(_until(both, lambda: sandbox.sockets.count("ws") > sockets), within=120.0)
            heard = both.monotonic()
            await both.finish(_until(both, lambda: all(map(_is_whole, view.ears.values()))), within=120.0)
            outage = Outage(_attempts(view), heard - returned, both.monotonic() - heard, growth)
            await stack.aclose()
            await view.end()
    return outage


async def _until(both: SharedClock, holds: Callable[[], bool]) -> None:
    while not holds():
        await both.sleep(0.1)


def _is_whole(ear: Ear) -> bool:
    """Whether a subscription is live again, and all of its snapshots have come."""
    since = next((at for at, notice in enumerate(ear.notices) if isinstance(notice, Disconnected)), 0)
    ends = sum(isinstance(notice, SnapshotEnd) for notice in ear.notices[since:])
    return ear.subscription.is_live and ends >= max(len(ear.subscription.instruments), 1)


def _attempts(view: View) -> int:
    """How often it tried, which every subscription is told alike, after one gap."""
    for ear in view.ears.values():
        assert (ear.subscription.gaps, len(ear.reconnects)) == (1, 1), ear.notices
    (told,) = {ear.reconnects[0].attempts for ear in view.ears.values()}
    return told


@dataclass(frozen=True, slots=True)
class Churn:
    """What came and went.

    Attributes:
        subscriptions: How many.
        sockets: How many sockets that took.
        growth: By how much the client's memory grew between the first tenth and the end; bytes.
        seconds: Of the shared time.
    """

    subscriptions: int
    sockets: int
    growth: int
    seconds: float


async def churn(count: int, *, at_once: int = 50) -> Churn:
    """Subscribe and leave, in changing company, `count` times over.

    Raises:
        AssertionError: Something was left behind.
    """
    async with Sandbox(5, time="stepped", start=MORNING) as sandbox:
        both = SharedClock(sandbox)
        began, settings = both.monotonic(), StreamSettings(requests_per_second=1_000.0)
        async with both.client(streams=settings) as alor:
            # One stays, and with it the socket.
            async with AsyncExitStack() as stack:
                kept = alor.streams.orders(PORTFOLIO)
                await both.finish(stack.enter_async_context(kept))
                ear = Ear(kept, lambda _: None)
                with watching_memory():
                    done, early, tasks = 0, 0, set[asyncio.Task[object]]()
                    coming = itertools.islice(_kinds(alor, sandbox), count)
                    while some := tuple(itertools.islice(coming, at_once)):
                        await both.finish(_come_and_go(some))
                        await both.advance(seconds=1)
                        done += len(some)
                        if not early and done >= count // 10:
                            early, tasks = client_memory(), Baseline.now().tasks
                    growth = client_memory() - early
                assert growth < MOST_GROWTH, f"{growth} bytes more than after the first tenth"
                assert Baseline.now().tasks == tasks, Baseline.now().tasks ^ tasks
                (socket,) = sandbox.sockets.of("ws")
                assert [one.opcode for one in socket.subscriptions] == ["OrdersGetAndSubscribeV2"]
            await ear.task
        return Churn(done, sandbox.sockets.count("ws"), growth, both.monotonic() - began)


def _kinds(alor: AsyncAlor, sandbox: Sandbox) -> Iterator[Subscription[Any]]:
    """Subscriptions of every kind and of many instruments, without end."""
    streams = alor.streams
    for instrument in itertools.cycle(sandbox.instruments):
        name = f"{instrument.spec.exchange}:{instrument.spec.symbol}"
        yield streams.order_book(name, depth=5)
        yield streams.quotes(name)
        yield streams.candles(name, timeframe=TIMEFRAME, start=sandbox.clock.now)
        yield streams.market_trades(name)
        yield streams.trades(PORTFOLIO)
        yield streams.positions(PORTFOLIO)


async def _come_and_go(subscriptions: Sequence[Subscription[Any]]) -> None:
    async def visit(subscription: Subscription[Any]) -> None:
        async with subscription:
            pass

    await asyncio.gather(*(visit(one) for one in subscriptions))
