"""What the benchmarks of streams share: sorts of messages, a client of the blaster, and our side of a comparison."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from alor_async import AsyncAlor, Environment, Format, StaticToken, StreamSettings
from alor_async._contract import subscriptions
from alor_async._http.message import StreamSpec
from alor_async._streams.subscription import Subscription
from benchmarks.blaster import Blaster
from benchmarks.harness import Work
from benchmarks.server import token

MILLION = 1_000_000
PATIENCE = 60.0
"""A side that waits longer than this lacks a message."""


@dataclass(frozen=True)
class Kind:
    """One sort of message."""

    word: str
    spec: StreamSpec[Any, Any]
    at_least: float

    def subscribe(self, alor: AsyncAlor, *names: str, **options: Any) -> Subscription[Any]:
        """Subscribe so that nothing may replace anything: every message counts here."""
        method = alor.streams.order_book if self.word == "book" else alor.streams.quotes
        settings: dict[str, Any] = {"on_slow": "drop_oldest", "inbox": MILLION} | options
        return method(*(f"MOEX:{name}" for name in names), format=Format.SLIM, **settings)


BOOK = Kind("book", subscriptions.STREAMS_ORDER_BOOK, 0.85)
QUOTE = Kind("quote", subscriptions.STREAMS_QUOTES, 0.70)


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[AsyncAlor]:
    plain = f"127.0.0.1:{port}"
    environment = Environment(
        name="bench", api=f"http://{plain}", oauth=f"http://{plain}", ws=f"ws://{plain}/ws", cws=f"ws://{plain}/cws"
    )
    settings = StreamSettings(requests_per_second=100_000.0, stale_after=None)
    async with AsyncAlor(StaticToken(token()), environment=environment, streams=settings) as alor:
        yield alor


def ours(blaster: Blaster, prefix: str, stream: Subscription[Any]) -> Work:
    async def run(units: int) -> None:
        blaster.blast(prefix, units)
        left = units
        async with asyncio.timeout(PATIENCE):
            async for _ in stream:
                left -= 1
                if not left:
                    break

    return run


def check(*streams: Subscription[Any]) -> None:
    """What was sent was delivered: nothing dropped, nothing replaced, nothing left."""
    for stream in streams:
        counts = (stream.received, stream.delivered, stream.dropped, stream.pending)
        assert counts == (stream.delivered, stream.received, 0, 0), counts
