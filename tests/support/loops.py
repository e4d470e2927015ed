"""An event loop that checks all that asyncio's debug mode checks, at a small part of its price."""

from __future__ import annotations

import asyncio


class CheckedLoop(asyncio.SelectorEventLoop):
    """Keeps no traceback for each future and callback, which is where debug mode spends nearly all of its time.

    Futures, tasks and handles ask `get_debug` whether to keep one. The loop's own checks do not: that it is called from
    its own thread, that what it calls can be called, that no callback takes long.
    """

    def get_debug(self) -> bool:
        return False
