"""A running sandbox whose time stands still, and a socket to it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker, portfolio_of, talking
from tests.sandbox.sockets.trader import Trader, trading


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every sandbox ends its thread."""
    before = set(threading.enumerate())
    yield
    left = {thread for thread in threading.enumerate() if thread not in before and thread.is_alive()}
    assert not left, left


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=42, time="stepped") as running:
        yield running
        running.check()


@pytest.fixture
def stocks(sandbox: Sandbox) -> str:
    return portfolio_of(sandbox, "D")


@pytest.fixture
def derivatives(sandbox: Sandbox) -> str:
    return portfolio_of(sandbox, "7")


@pytest.fixture
async def ws(sandbox: Sandbox) -> AsyncIterator[Talker]:
    async with talking(sandbox) as talker:
        yield talker


@pytest.fixture
async def rest(sandbox: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(sandbox, session)


@pytest.fixture
async def cws(sandbox: Sandbox) -> AsyncIterator[Trader]:
    async with trading(sandbox) as trader:
        yield trader
