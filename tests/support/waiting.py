"""Waiting for what nothing can be awaited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, within: float = 5.0) -> None:
    """Wait until a condition holds; a TimeoutError after `within` seconds says that it never did."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the exchange lives in another thread, it has no event for us
            await asyncio.sleep(0.005)
