"""Many subscriptions on one socket, and one among many whose consumer is stuck: what they cost the others."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from alor_async import AsyncAlor
from alor_async._streams.subscription import Subscription
from benchmarks.blaster import Blaster
from benchmarks.harness import CALM, Ratio, Result, Side, Work, compare, judge
from benchmarks.sockets import BOOK, PATIENCE, check, client, ours

MANY = 1_000
CONSUMERS = 100


async def measure(blaster: Blaster) -> list[Result]:
    """Run both."""
    return await _many(blaster) + await _slow(blaster)


@dataclass
class _Crowd:
    """Subscriptions with a task each, which count together."""

    streams: list[Subscription[Any]]
    left: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def consume(self, stream: Subscription[Any]) -> None:
        async for _ in stream:
            self.left -= 1
            if not self.left:
                self.done.set()

    def work(self, order: Callable[[int], None], each: int) -> Work:
        """Make a side: a unit is a round of frames, of which `each` are delivered."""

        async def run(units: int) -> None:
            self.left = units * each
            self.done.clear()
            order(units)
            async with asyncio.timeout(PATIENCE):
                await self.done.wait()

        return run


async def _many(blaster: Blaster) -> list[Result]:
    names = [f"MANY{number:04}" for number in range(MANY)]
    apart = [f"APART{number:04}" for number in range(MANY)]
    async with (
        client(blaster.port) as first,
        client(blaster.port) as second,
        client(blaster.port) as third,
        BOOK.subscribe(first, "SINGLE") as one,
        BOOK.subscribe(second, *names) as many,
        _crowd([BOOK.subscribe(third, name) for name in apart]) as crowd,
    ):
        ratios = await compare(
            [
                Side("one", ours(blaster, "SINGLE", one)),
                Side("many", ours(blaster, "MANY", many)),
                Side("one of many", crowd.work(lambda units: blaster.blast("APART0000", units), 1)),
                Side("in turns", crowd.work(lambda units: blaster.blast("APART", units), 1), MANY),
            ],
            clock=time.process_time,
        )
        check(one, many, *crowd.streams)
    what = f"{MANY:,} subscriptions on one socket"
    return [
        _cost(f"{what}, one consumer of all / one subscription, CPU a message", ratios["many"], ratios["A/A"], 1.15),
        _cost(
            f"{what}, a task each, one of them busy / one subscription, CPU a message",
            ratios["one of many"],
            ratios["A/A"],
            1.15,
            note=f"{1 / ratios['in turns'].median:.2f} when each message wakes another task",
        ),
    ]


async def _slow(blaster: Blaster) -> list[Result]:
    results: list[Result] = []

    def rounds_of(word: str) -> Callable[[int], None]:
        return lambda units: blaster.blast(word, units * CONSUMERS)

    def subscribe(alor: AsyncAlor, word: str, **slow: Any) -> list[Subscription[Any]]:
        options: list[dict[str, Any]] = [{}] * (CONSUMERS - 1) + [slow]
        return [BOOK.subscribe(alor, f"{word}{n:03}", **each) for n, each in enumerate(options)]

    async with (
        client(blaster.port) as first,
        client(blaster.port) as second,
        client(blaster.port) as third,
        _crowd(subscribe(first, "CALM")) as calm,
        _crowd(subscribe(second, "CONFLATE", on_slow="conflate", inbox=1), stuck=1) as conflating,
        _crowd(subscribe(third, "DROPPING", inbox=100), stuck=1) as dropping,
    ):
        ratios = await compare(
            [
                Side("calm", calm.work(rounds_of("CALM"), CONSUMERS)),
                Side("conflate", conflating.work(rounds_of("CONFLATE"), CONSUMERS - 1)),
                Side("drop_oldest", dropping.work(rounds_of("DROPPING"), CONSUMERS - 1)),
            ],
            clock=time.process_time,
        )
        check(*calm.streams, *conflating.streams[:-1], *dropping.streams[:-1])
        assert dropping.streams[-1].dropped > 0, "the slow one was not slow"
    for word in ("conflate", "drop_oldest"):
        what = f"speed of the others, one of {CONSUMERS} consumers stuck ({word}) / none stuck"
        results.append(judge("slow", what, ratios[word], ratios["A/A"], at_least=0.95))
    return results


@contextlib.asynccontextmanager
async def _crowd(streams: list[Subscription[Any]], stuck: int = 0) -> AsyncIterator[_Crowd]:
    """Subscribe all, and let all but the last ones be consumed."""
    crowd = _Crowd(streams)
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(stream) for stream in streams))
        tasks = [asyncio.create_task(crowd.consume(stream)) for stream in streams[: len(streams) - stuck]]
        try:
            yield crowd
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _cost(what: str, rates: Ratio, twin: Ratio, at_most: float, note: str = "") -> Result:
    """Turn a ratio of rates into one of costs."""
    costs = Ratio(1 / rates.median, 1 / rates.high, 1 / rates.low)
    calm = CALM[0] <= twin.median <= CALM[1]
    verdict: Literal["met", "missed", "void"] = "met" if costs.median <= at_most else "missed"
    return Result(
        "streams",
        what,
        f"<= {at_most:g}",
        str(costs),
        verdict if calm else "void",
        f"A/A {twin.median:.3f}" + (f"; {note}" if note else ""),
    )
