"""A market that moves by itself: what one hour of it at sixty times the speed costs, in time and in memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from benchmarks.harness import Result

INSTRUMENTS = ("SBER", "GAZP", "LKOH", "YDEX", "ROSN", "GMKN", "VTBR", "T", "SU26238RMFS4", "TMOS")
HOURS = 60
MOST_MEGABYTES = 300
LEAST_SPEED = 60


def measure() -> list[Result]:
    """Live through sixty hours of ten instruments, in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", "benchmarks.market"], check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    speed = found["lived"] / found["seconds"]
    return [
        Result(
            "sandbox",
            f"peak memory of {HOURS} hours of ten calm instruments: an hour of fast(60)",
            f"<= {MOST_MEGABYTES} MB",
            f"{found['peak']} MB",
            "met" if found["peak"] <= MOST_MEGABYTES else "missed",
            f"{found['events']} events, {found['trades']} trades",
        ),
        Result(
            "sandbox",
            "their exchange time / the time it takes one core",
            f">= {LEAST_SPEED}",
            f"{speed:.0f}",
            "met" if speed >= LEAST_SPEED else "missed",
            f"{found['events'] / found['seconds']:.0f} events a second",
        ),
    ]


def _live() -> dict[str, float]:
    """Let time pass hour by hour, as the gateway's driver does."""
    from alor_async.sandbox import Sandbox

    sandbox = Sandbox(seed=42, time="stepped", market=dict.fromkeys(INSTRUMENTS, "calm"))
    markets = [sandbox._exchange.find_market("MOEX", symbol) for symbol in INSTRUMENTS]
    before = sum(market.book_revision for market in markets)
    seconds, lived = 0.0, 0.0
    for _ in range(HOURS):
        events, began = sum(market.book_revision for market in markets), time.perf_counter()
        sandbox.clock.advance_blocking(hours=1)
        if sum(market.book_revision for market in markets) > events + 1_000:  # trading is not closed
            seconds += time.perf_counter() - began
            lived += 3_600
    sandbox.check()
    return {
        "seconds": seconds,
        "lived": lived,
        "events": sum(market.book_revision for market in markets) - before,
        "trades": sum(market.trade_revision for market in markets),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    print(json.dumps(_live()))
