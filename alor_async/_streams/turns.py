"""Turns on the event loop: a consumer for whom much waits would hold it for as long as that lasts."""

from __future__ import annotations

import asyncio
import time
from typing import Final

__all__ = ["NOW_AND_THEN", "Turn"]

NOW_AND_THEN: Final = 63
"""A turn is looked at when none of these bits is set in the number of items: once in 64."""
_LONGEST: Final = 0.01


class Turn:
    """How long a consumer has held the loop. Real time, whoever drives the client's clock."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The loop has just been elsewhere."""
        self._began = time.monotonic()

    async def end_if_long(self) -> None:
        """Let others run, if they have waited for a hundredth of a second."""
        if time.monotonic() - self._began > _LONGEST:
            await asyncio.sleep(0)
            self.begin()
