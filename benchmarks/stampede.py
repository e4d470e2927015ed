"""P12: ten thousand callers and no token."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from alor_async import AsyncAlor, RefreshToken
from benchmarks.harness import CALM, Ratio, Result
from benchmarks.rest import environment
from benchmarks.server import Server

CALLERS = 10_000
ROUNDS = 15


async def measure(server: Server) -> list[Result]:
    """Compare with as many tasks that wait on one Event."""
    before = server.ask("refreshes")
    ours, floor, again = [], [], []
    async with aiohttp.ClientSession() as session:
        for _ in range(ROUNDS):
            floor.append(await _one_event(session, server))
            ours.append(await _one_refresher(server))
            again.append(await _one_event(session, server))
    refreshes = server.ask("refreshes") - before - 2 * ROUNDS
    ratio = Ratio.of([own / other for own, other in zip(ours, floor, strict=True)])
    twin = Ratio.of([own / other for own, other in zip(again, floor, strict=True)])
    calm = CALM[0] <= twin.median <= CALM[1]
    return [
        Result(
            "P12",
            f"{CALLERS} callers without a token: requests to the token service",
            "1",
            f"{refreshes / ROUNDS:g}",
            "met" if refreshes == ROUNDS else "missed",
            f"{ROUNDS} rounds",
        ),
        Result(
            "P12",
            f"{CALLERS} callers without a token: wall time / as many tasks on one Event",
            "<= 1.2",
            str(ratio),
            ("met" if ratio.median <= 1.2 else "missed") if calm else "void",
            f"A/A {twin.median:.3f}",
        ),
    ]


async def _one_refresher(server: Server) -> float:
    auth = RefreshToken("bench-refresh-token")
    async with AsyncAlor(auth, environment=environment(server)):
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(auth.get_token())
        return time.perf_counter() - began


async def _one_event(session: aiohttp.ClientSession, server: Server) -> float:
    ready = asyncio.Event()

    async def leader() -> None:
        async with session.post(f"{server.base}/refresh", json={"token": "bench-refresh-token"}) as response:
            await response.read()
        ready.set()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(leader())
        for _ in range(CALLERS):
            group.create_task(ready.wait())
    return time.perf_counter() - began
