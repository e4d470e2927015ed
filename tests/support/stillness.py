"""Waiting until two event loops that talk over sockets have nothing more to say to each other.

A clock that a test moves must not outrun what its last move has set going: bytes that lie in a socket, tasks that are ready,
a thread that works. None of that can be awaited, but all of it can be seen: a loop is at rest when nothing is ready to run,
no file of its is readable or writable, and no timer of the machine's time is about to ring. On one machine bytes are with the
receiver as soon as they are sent, so when both loops rest, and did nothing since they last did, nothing is on its way.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from alor_async.sandbox import Sandbox

HORIZON: Final = 0.1
"""A timer of the machine's that is due within so many seconds is waited for: bytes that a fault delays, for instance."""

_TOO_LONG: Final = 20.0


async def come_to_rest() -> int:
    """Let the running loop work until it is at rest; how often it had to be left to its work."""
    loop: Any = asyncio.get_running_loop()
    turns = 0
    while (pause := _next_work(loop)) is not None:
        turns += 1
        await asyncio.sleep(pause)
    return turns


def _next_work(loop: Any) -> float | None:
    """How soon a loop has something to do, in seconds; None when it is at rest."""
    if loop._ready or loop._selector.select(0):
        return 0.0
    now = loop.time()
    waits = [timer.when() - now for timer in loop._scheduled if not timer.cancelled()]
    soonest = min(waits, default=HORIZON)
    return max(0.0, soonest) if soonest < HORIZON else None


async def until_still(sandbox: Sandbox) -> None:
    """Wait until neither this loop nor a sandbox has anything to do.

    Raises:
        TimeoutError: They went on for twenty seconds.
    """
    before: object = None
    async with asyncio.timeout(_TOO_LONG):
        while True:
            theirs = await _rest_of(sandbox)
            ours = await come_to_rest()
            now = _traffic(sandbox)
            if not theirs and not ours and now == before:
                return
            before = now


async def _rest_of(sandbox: Sandbox) -> int:
    turns = 0

    async def rest() -> None:
        nonlocal turns
        turns = await come_to_rest()

    await asyncio.wrap_future(sandbox._host.submit(rest))
    return turns


def _traffic(sandbox: Sandbox) -> object:
    """What has passed so far. What passed while neither loop was looked at shows here."""
    sockets = sandbox.sockets.connections()
    return len(sandbox.requests), len(sandbox.messages), [(one.number, one.sent, one.unread) for one in sockets]
