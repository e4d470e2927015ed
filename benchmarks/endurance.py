"""P15 for streams, and the loop's lag: what stays behind after millions of messages, and how long each holds the loop.

`python -m benchmarks.endurance PORT` takes them in an interpreter of its own and prints its memory now and then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from alor_async import StreamSettings
from alor_async._streams.subscription import Subscription
from benchmarks.blaster import Blaster
from benchmarks.harness import Result
from benchmarks.sockets import BOOK, MILLION, PATIENCE, QUOTE, check, client

MOMENTS = (1, 3, 5)
"""After how many million messages memory is looked at."""
LAG_WANTED = 0.050


def measure_memory(blaster: Blaster) -> Result:
    """Take five million quotes in an interpreter of its own."""
    command = [sys.executable, "-m", "benchmarks.endurance", str(blaster.port)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    sizes = [int(word) for word in ran.stdout.split()]
    ratio = sizes[-1] / sizes[0]
    return Result(
        "P15",
        f"memory after {MOMENTS[-1]} million messages of a stream / after {MOMENTS[0]} million",
        "flat: <= 1.05",
        f"{ratio:.3f}",
        "met" if ratio <= 1.05 else "missed",
        " ".join(f"{size / 1024:.1f} MB at {moment} million;" for moment, size in zip(MOMENTS, sizes, strict=True))[
            :-1
        ],
    )


async def _fill(port: int) -> None:
    """Take messages in this interpreter, and print how many kB it holds at each moment."""
    blaster = Blaster(port)
    async with client(port) as alor, QUOTE.subscribe(alor, "LONG") as stream:
        blaster.blast("LONG", MOMENTS[-1] * MILLION)
        taken = 0
        async for _ in stream:
            taken += 1
            if taken % MILLION == 0 and taken // MILLION in MOMENTS:
                print(_resident())
                if taken == MOMENTS[-1] * MILLION:
                    break
        check(stream)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


# -- how long the loop is held -----------------------------------------------------------------------------------------


async def measure_lag(blaster: Blaster) -> list[Result]:
    """Ask for a timer every millisecond, and look how late each comes."""
    logging.getLogger("alor_async.streams").setLevel(logging.ERROR)  # gaps are what is asked for here
    results: list[Result] = []
    loads: dict[str, tuple[float, dict[str, Any]]] = {
        "at full load": (0.0, {}),
        "at full load, of which a consumer sleeps half of the time": (0.3, {"inbox": StreamSettings().inbox}),
    }
    async with client(blaster.port) as alor:
        for number, (what, (pause, options)) in enumerate(loads.items()):
            name = f"LAG{number}"
            async with BOOK.subscribe(alor, name, **options) as stream, _Ticks() as ticks:
                await _load(blaster, name, stream, pause)
            results.append(_lag(what, ticks))
    return results


def _lag(what: str, ticks: _Ticks) -> Result:
    return Result(
        "lag",
        f"how late the loop comes to a timer, {what}: the worst of {len(ticks.lates):,}",
        f"< {LAG_WANTED * 1000:g} ms",
        f"{ticks.worst() * 1000:.1f} ms",
        "met" if ticks.worst() < LAG_WANTED else "missed",
        f"99 of 100 within {ticks.usual() * 1000:.1f} ms",
    )


async def _load(blaster: Blaster, name: str, stream: Subscription[Any], pause: float) -> None:
    """Some seconds of all that one consumer can take, perhaps with pauses in which too much comes."""
    batch, sent = 100_000, 0
    for _ in range(5):
        sent += batch
        blaster.blast(name, batch)
        await asyncio.sleep(pause)
        async with asyncio.timeout(PATIENCE):
            async for _ in stream:
                if stream.delivered + stream.dropped == sent:
                    break


class _Ticks:
    """A timer every millisecond, and how late each came by what this process did: not by what the machine did meanwhile."""

    def __init__(self) -> None:
        self.lates: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._used = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def worst(self) -> float:
        return max(self.lates)

    def usual(self) -> float:
        return sorted(self.lates)[len(self.lates) * 99 // 100]

    def _set(self) -> None:
        self._due = self._loop.time() + 0.001
        self._used = time.process_time()
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        self.lates.append(min(self._loop.time() - self._due, time.process_time() - self._used))
        self._set()

    async def __aenter__(self) -> Self:
        self._set()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._timer is not None
        self._timer.cancel()


if __name__ == "__main__":
    asyncio.run(_fill(int(sys.argv[1])))
