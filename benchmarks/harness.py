"""How sides are compared: short slices in shuffled order, each round against its own base, and the base against itself."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

SLICE = 0.09
ROUNDS = 31
CALM = (0.95, 1.05)

Work = Callable[[int], Awaitable[None]]
"""Does a number of units of work."""


@dataclass
class Side:
    """One way to do the same work."""

    name: str
    work: Work
    least: int = 1
    units: int = 1
    rates: list[float] = field(default_factory=list)


@dataclass
class Ratio:
    """A median with the middle half around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Ratio:
        quarters = statistics.quantiles(values, n=4)
        return cls(statistics.median(values), quarters[0], quarters[2])

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass
class Result:
    """One line of the table."""

    goal: str
    what: str
    wanted: str
    measured: str
    verdict: Literal["met", "missed", "void"]
    note: str = ""


async def compare(
    sides: list[Side], *, rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Ratio]:
    """Run all sides, the first one twice a round, and give each side's rate over the first one's, round by round.

    The key `"A/A"` holds the second run of the first side over its first. `time.process_time` as the clock compares what
    the sides cost this process, where the other end is known to keep up: then it matters less what else the machine does.
    """
    base = sides[0]
    twin = Side("A/A", base.work, base.least)
    everyone = [*sides, twin]
    for side in everyone:
        await _calibrate(side, clock)
    for _ in range(rounds):
        order = list(everyone)
        random.shuffle(order)
        for side in order:
            gc.collect()  # or one side would pay for what another left behind
            began = clock()
            await side.work(side.units)
            side.rates.append(side.units / (clock() - began))
    return {
        side.name: Ratio.of([own / other for own, other in zip(side.rates, base.rates, strict=True)])
        for side in everyone
    }


async def _calibrate(side: Side, clock: Callable[[], float]) -> None:
    """Find how many units fill a slice; warms the side up on the way."""
    units = side.least
    while True:
        began = clock()
        await side.work(units)
        spent = clock() - began
        if spent >= SLICE / 2:
            side.units = max(side.least, round(units * SLICE / spent))
            return
        units = max(units * 2, round(units * SLICE / spent / 2))


def plain(work: Callable[[], object]) -> Work:
    """Make a side of a function without awaits."""

    async def run(units: int) -> None:
        for _ in range(units):
            work()

    return run


def in_flight(call: Callable[[], Awaitable[object]], width: int) -> Work:
    """Make a side of a call of which `width` are under way at any time."""

    async def run(units: int) -> None:
        left = units

        async def worker() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(worker())

    return run


def judge(goal: str, what: str, ratio: Ratio, twin: Ratio, *, at_least: float, note: str = "") -> Result:
    """Turn a ratio into a line: void when the base differed from itself."""
    calm = CALM[0] <= twin.median <= CALM[1]
    verdict: Literal["met", "missed", "void"] = "met" if ratio.median >= at_least else "missed"
    return Result(
        goal,
        what,
        f">= {at_least:g}",
        str(ratio),
        verdict if calm else "void",
        f"A/A {twin.median:.3f}" + (f"; {note}" if note else ""),
    )
