"""One exchange for all tests of a module, in which something has happened already, and a client for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from alor_async import AsyncAlor
from alor_async.sandbox import Sandbox
from tests.streams.kit import QUICK, Floor
from tests.support.waiting import until
from tests.support.world import make_world, new_sandbox


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def floor(exchange: Sandbox) -> AsyncIterator[Floor]:
    """A client of its own, which leaves no task and no socket behind."""
    exchange.faults.clear()
    for symbol in ("SBER", "LKOH"):
        exchange.market[symbol].resume()
    before = asyncio.all_tasks() - {asyncio.current_task()}
    async with AsyncAlor(exchange.refresh_token, environment=exchange.environment, streams=QUICK) as alor:
        if not exchange.orders():
            await make_world(exchange, alor)
        exchange.messages.clear()
        yield Floor(exchange, alor)
    assert asyncio.all_tasks() - {asyncio.current_task()} == before
    await until(lambda: not exchange.sockets)


@pytest.fixture
async def fresh() -> AsyncIterator[Floor]:
    """An exchange of one's own, on which nothing has happened."""
    async with (
        new_sandbox() as exchange,
        AsyncAlor(exchange.refresh_token, environment=exchange.environment, streams=QUICK) as alor,
    ):
        yield Floor(exchange, alor)
        exchange.check()
