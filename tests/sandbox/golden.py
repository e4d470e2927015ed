"""One sequential client over HTTP under stepped time, and the journal that it must leave behind, for ever.

`python -m tests.sandbox.golden` writes the hashes anew: after a change of what is journalled or of how the market moves,
and only when that change is wanted.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

import aiohttp

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import ORDERS, Caller, stocks_of

HASHES: Final = Path(__file__).with_name("golden.json")
SEEDS: Final = (1, 42)
MARKETS: Final = ("still", "calm", "flash_crash")


async def live(seed: int, market: str) -> str:
    """Live through a day of trading; the hash of the journal."""
    async with (
        Sandbox(seed=seed, market=market, time="stepped") as sandbox,
        aiohttp.ClientSession() as session,
    ):
        call, portfolio = Caller(sandbox, session), stocks_of(sandbox)
        sber = sandbox.market["SBER"]
        bid = sber.quote.bid
        assert bid is not None
        resting = (await call.place_limit(portfolio, bid - 20, lots=5)).json["orderNumber"]
        await call.place_limit(portfolio, bid, lots=5)
        await call.place_limit(portfolio, bid, side="sell", lots=2, timeInForce="immediateorcancel")
        await sandbox.clock.advance(seconds=30)
        await call.place_stop(portfolio, bid - 1, protectingSeconds=5)
        sber.gap(-1)
        await sandbox.clock.advance(minutes=5)
        await call.place_market(portfolio, lots=3)
        cancel = {"portfolio": portfolio, "exchange": "MOEX", "stop": "false"}
        await call("DELETE", f"{ORDERS}/{resting}", query=cancel)  # refused where the market has crashed onto it
        await call.place_limit(portfolio, 1)  # refused: far outside the day's limits
        await sandbox.clock.advance(minutes=5)
        sandbox.check()
        return sandbox.journal.digest()


async def live_all() -> dict[str, str]:
    """Every seed in every market."""
    return {f"{market} {seed}": await live(seed, market) for market in MARKETS for seed in SEEDS}


if __name__ == "__main__":
    HASHES.write_text(json.dumps(asyncio.run(live_all()), indent=2) + "\n", encoding="utf-8")
