"""Watching the trades of a market over `/ws`, for tests of what goes wrong on the way."""

from __future__ import annotations

import contextlib
from typing import Any

from alor_async.sandbox import Sandbox
from tests.sandbox.sockets.client import Talker
from tests.support.waiting import until

SHORT = 0.15
"""Long enough for what would come at once on this machine; seconds."""


async def watch(ws: Talker, **fields: Any) -> str:
    """Subscribe to trades of SBER, from now on."""
    return await ws.subscribe("AllTradesGetAndSubscribe", code="SBER", **fields)


def trade(sandbox: Sandbox, lots: int = 1, symbol: str = "SBER") -> None:
    quote = sandbox.market[symbol].quote
    assert quote.ask is not None
    sandbox.market[symbol].trade(price=quote.ask, lots=lots)


def lots_of(data: list[Any]) -> list[int]:
    return [int(one["qty"]) for one in data]


async def silent(ws: Talker, guid: str, seconds: float = SHORT) -> bool:
    """Whether nothing comes for a while."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: ws.data[guid] or ws.is_over, within=seconds)
        return False
    return True
