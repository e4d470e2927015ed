"""A running sandbox, a client of it, and the proof that it leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller, stocks_of


@pytest.fixture(autouse=True)
def no_thread_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every sandbox ends its thread."""
    before = set(threading.enumerate())
    yield
    left = {thread for thread in threading.enumerate() if thread not in before and thread.is_alive()}
    assert not left, left


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=42) as running:
        yield running
        running.check()


@pytest.fixture
def portfolio(sandbox: Sandbox) -> str:
    return stocks_of(sandbox)


@pytest.fixture
async def call(sandbox: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(sandbox, session)
