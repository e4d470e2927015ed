"""Hours of a bot's life in a bad network, lived in minutes.

A crowd moves two markets, a bot trades in them, and at intervals the network flaps, forgets connections, or the broker
restarts. Client and exchange share one time (`tests.support.shared_clock`); the sockets between them are real.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from alor_async import StreamSettings
from alor_async.sandbox import MarketPreset, Sandbox
from alor_async.sandbox.scenarios import Scenario
from alor_async.values import Format
from tests.soak.bot import Bot, end
from tests.soak.report import Report
from tests.soak.verdict import Verdict
from tests.soak.view import View
from tests.support.shared_clock import SharedClock
from tests.support.waiting import until

PORTFOLIO: Final = "D39004"
INSTRUMENTS: Final = ("MOEX:SBER", "MOEX:GAZP")
MORNING: Final = datetime(2026, 3, 17, 7, 10, tzinfo=UTC)
"""Ten past ten in Moscow, a Tuesday: the session has begun, and ten hours from here belong to it."""

_SETTLING: Final = 75.0
"""After a bad time the client may still pause before it tries again, a minute at most; seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long, how busy, how bad.

    Attributes:
        hours: Of exchange and client time.
        calm: Between two bad times; seconds.
        bad: How long one lasts; seconds.
        pace: Of the crowd; percent of what is usual.
        jitter: How unevenly bytes come over a flaky network; seconds of the machine's.
        seed: Of exchange, bot, faults, and the client's pauses.
        format: In which the streams come.
    """

    hours: float
    calm: float = 900.0
    bad: float = 90.0
    pace: int = 60
    jitter: float = 0.01
    seed: int = 42
    format: Format = Format.SLIM


@dataclass(slots=True)
class Baseline:
    """What the process holds beside the client: compared before it opens and after it closed."""

    tasks: set[asyncio.Task[object]] = field(default_factory=set)
    files: int = 0

    @classmethod
    def now(cls) -> Baseline:
        me = asyncio.current_task()
        return cls({task for task in asyncio.all_tasks() if task is not me}, open_files())


def open_files() -> int:
    """How many file descriptors this process has open, sockets included."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def resident_memory() -> int:
    """How much memory this process has; bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def live(plan: Plan) -> Report:
    """Live through a plan, and judge what became of it.

    Raises:
        AssertionError: A promise was broken; the message says which, and how.
    """
    began = time.perf_counter()
    random.seed(plan.seed)  # where a client takes the length of its pauses from
    preset = MarketPreset(pace=plan.pace)
    async with Sandbox(plan.seed, time="stepped", start=MORNING, market=dict.fromkeys(INSTRUMENTS, preset)) as sandbox:
        both = SharedClock(sandbox)
        before = Baseline.now()
        report = Report(plan.hours)
        verdict = await _trade(plan, both, report)
        verdict.raise_mistakes()
        await _check_nothing_left(sandbox, before)
        sandbox.check()
        report.real_seconds = time.perf_counter() - began
    return report


async def _trade(plan: Plan, both: SharedClock, report: Report) -> Verdict:
    sandbox = both.sandbox
    settings = StreamSettings(format=plan.format)
    async with both.client(streams=settings) as alor, AsyncExitStack() as stack:
        steps = {name: sandbox.market[name].spec.price_step for name in INSTRUMENTS}
        view = View(alor, PORTFOLIO, steps, both.sandbox.clock.now)
        await both.finish(view.open(stack))
        await both.finish(view.open_slow(stack, both))
        bot = Bot(alor, both, PORTFOLIO, view, random.Random(plan.seed))
        verdict = Verdict(sandbox, PORTFOLIO, view, bot)
        async with _running(bot):
            await _pass_the_day(plan, both, verdict, report)
        await both.advance(_SETTLING)
        await both.finish(bot.retire(), within=300.0)
        sandbox.market.pause()
        await both.advance(5.0)
        verdict.judge()
        report.note(sandbox, view, bot)
        await stack.aclose()
        await view.end()
    return verdict


@asynccontextmanager
async def _running(bot: Bot) -> AsyncIterator[None]:
    trading = asyncio.create_task(bot.run(), name="soak bot")
    try:
        yield
    finally:
        await end(trading)


async def _pass_the_day(plan: Plan, both: SharedClock, verdict: Verdict, report: Report) -> None:
    """Let calm and bad times take turns until the hours are over, and compare whenever the network has been well for long."""
    left = plan.hours * 3600.0
    for scenario in _bad_times(both.sandbox, plan):
        calm = plan.calm if left >= 2 * plan.calm + plan.bad else left
        await _pass(min(_SETTLING, calm), both, verdict, report)
        await _pass(calm - _SETTLING, both, verdict, report, compares=True)
        verdict.count()
        left -= calm
        if not left:
            return
        async with scenario:
            await _pass(plan.bad, both, verdict, report)
        report.acts[scenario.name] += scenario.acts
        left -= plan.bad


def _bad_times(sandbox: Sandbox, plan: Plan) -> Iterator[Scenario]:
    """Each kind in turn, without end."""
    while True:
        yield sandbox.scenarios.flaky_wifi(jitter=plan.jitter)
        yield sandbox.scenarios.nat_drop()
        yield sandbox.scenarios.broker_restart(down=plan.bad / 2)


async def _pass(seconds: float, both: SharedClock, verdict: Verdict, report: Report, *, compares: bool = False) -> None:
    """Let time pass, and look at queues, memory and, if asked to, everything that is known, every minute."""
    while seconds > 0.0:
        await both.advance(min(60.0, seconds))
        seconds -= 60.0
        verdict.view.measure()
        report.measure(resident_memory())
        if compares:
            verdict.compare()


async def _check_nothing_left(sandbox: Sandbox, before: Baseline) -> None:
    """Tasks, connections and file descriptors are back where they were (O7)."""
    await until(lambda: sandbox.connections == 0)
    gc.collect()
    await until(lambda: open_files() <= before.files)
    left = Baseline.now().tasks - before.tasks
    assert not left, f"tasks were left behind: {sorted(task.get_name() for task in left)}"
