"""The sweeps at their full size: `make sweep`. Prints how the commands ended; ends with an error when a promise is broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tests.sweeps import cancelled_calls, ledger_kills, lost_bytes, torn_log

SWEEPS: Final[dict[str, Callable[[], Awaitable[str]]]] = {
    "lost at every byte": lost_bytes.sweep,
    "cancelled at every await": cancelled_calls.sweep,
    "killed at every step": ledger_kills.sweep,
    "log torn at every byte": torn_log.sweep,
}


async def main() -> None:
    """Run all sweeps, one after the other."""
    for name, sweep in SWEEPS.items():
        began = time.monotonic()
        summary = await sweep()
        print(f"{name} ({time.monotonic() - began:.0f} s): {summary}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
