"""A year of minute candles through the sandbox's gateway: how long it takes, and what many of them leave in memory."""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks.harness import Result

FIRST_YEAR, YEARS, ROUNDS = 2016, 10, 3
LONGEST = 1.0
FLAT = 1.05


def measure() -> list[Result]:
    """Serve ten years, one by one and three times over, in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", "benchmarks.history"], check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    seconds = statistics.median(found["seconds"])
    early, late = found["peaks"][YEARS - 1], found["peaks"][-1]
    return [
        Result(
            "sandbox",
            "a year of minute candles of one instrument, asked for and received",
            f"<= {LONGEST:g} s",
            f"{seconds:.2f} s [{min(found['seconds']):.2f}, {max(found['seconds']):.2f}]",
            "met" if seconds <= LONGEST else "missed",
            f"{found['candles']:.0f} candles, {found['bytes'] / 1_000_000:.0f} MB each, both sides in one process",
        ),
        Result(
            "sandbox",
            f"peak memory after {YEARS * ROUNDS} such years / after {YEARS}",
            f"flat: <= {FLAT}",
            f"{late / early:.3f}",
            "met" if late / early <= FLAT else "missed",
            f"{late} MB against {early} MB",
        ),
    ]


async def _serve() -> dict[str, object]:
    """Ask for year after year and let the bytes go as they come."""
    import aiohttp

    from alor_async.sandbox import Sandbox

    seconds: list[float] = []
    peaks: list[int] = []
    received = candles = 0
    async with (
        Sandbox(seed=42, time="stepped") as sandbox,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {sandbox.tokens.issue()}"}) as session,
    ):
        for year in [*range(FIRST_YEAR, FIRST_YEAR + YEARS)] * ROUNDS:
            first, last = (int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) for number in (year, year + 1))
            query = {"exchange": "MOEX", "symbol": "SBER", "tf": "60", "from": str(first), "to": str(last - 1)}
            began = time.perf_counter()
            async with session.get(f"{sandbox.environment.api}/md/v2/history", params=query) as answer:
                answer.raise_for_status()
                async for chunk in answer.content.iter_any():
                    received += len(chunk)
                    candles += chunk.count(b"{")
            seconds.append(time.perf_counter() - began)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    served = len(seconds)
    return {"seconds": seconds, "peaks": peaks, "bytes": received / served, "candles": candles / served - 1}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_serve())))
