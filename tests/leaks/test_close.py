"""Closing a client leaves nothing behind: no task, no socket, no thread, no warning (O7, O13)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator

import aiohttp
import pytest

from alor_async import AsyncAlor, RefreshToken
from alor_async.errors import AlorError, ClosedError, NotFound
from alor_async.sandbox import Sandbox
from tests.support.leftovers import open_sockets, other_tasks
from tests.support.waiting import until
from tests.support.world import new_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running


@pytest.fixture
async def nothing_left(sandbox: Sandbox) -> AsyncIterator[None]:
    """Compare tasks and sockets before and after, and collect garbage so that forgotten things warn."""
    tasks, before = other_tasks(), open_sockets()
    yield
    gc.collect()
    assert other_tasks() <= tasks
    # The sandbox's ends of the connections are closed by its own thread, a moment later.
    await until(lambda: sandbox.connections == 0 and open_sockets() <= before)


def client(sandbox: Sandbox, **options: object) -> AsyncAlor:
    return AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("nothing_left")
async def test_after_success_and_failure(sandbox: Sandbox) -> None:
    async with client(sandbox) as alor:
        await asyncio.gather(*(alor.get_server_time() for _ in range(20)))
        with pytest.raises(NotFound):
            await alor.instruments.get("MOEX:NOBODY")


@pytest.mark.usefixtures("nothing_left")
async def test_f175_with_calls_in_flight(sandbox: Sandbox) -> None:
    sandbox.faults.http.delay(30, operation="get_server_time", times=None)
    alor = client(sandbox)
    await alor.open()
    calls = [asyncio.create_task(alor.get_server_time()) for _ in range(10)]
    await until(lambda: sandbox.requests.count("get_server_time") == 10)
    async with asyncio.timeout(2):
        await alor.close()
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, AlorError)


@pytest.mark.usefixtures("nothing_left")
async def test_f077_during_a_refresh(sandbox: Sandbox) -> None:
    sandbox.faults.auth.slow(30)
    alor = client(sandbox)
    await alor.open()
    calls = [asyncio.create_task(alor.get_server_time()) for _ in range(10)]
    await until(lambda: any(task.get_name() == "alor-token-refresh" for task in asyncio.all_tasks()))
    async with asyncio.timeout(2):
        await alor.close()
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, ClosedError)


@pytest.mark.usefixtures("nothing_left")
async def test_with_cancelled_calls(sandbox: Sandbox) -> None:
    sandbox.faults.http.delay(30, operation="get_server_time", times=None)
    async with client(sandbox) as alor:
        calls = [asyncio.create_task(alor.get_server_time()) for _ in range(10)]
        await until(lambda: sandbox.requests.count("get_server_time") == 10)
        for call in calls:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}


@pytest.mark.usefixtures("nothing_left")
async def test_f176_twice_at_the_same_time_and_without_ever_opening(sandbox: Sandbox) -> None:
    never = client(sandbox)
    await never.close()
    with pytest.raises(ClosedError):
        await never.get_server_time()
    alor = client(sandbox)
    await alor.open()
    await alor.open()
    await alor.get_server_time()
    await asyncio.gather(alor.close(), alor.close())
    await alor.close()
    with pytest.raises(ClosedError, match="closed"):
        await alor.get_server_time()
    with pytest.raises(ClosedError, match="closed"):
        await alor.open()


@pytest.mark.usefixtures("nothing_left")
async def test_a_borrowed_session_lends_its_connections_and_stays_open(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as lender:
        async with lender.get(f"{sandbox.environment.api}/md/v2/time") as response:
            await response.read()
        assert sandbox.connections == 1
        async with client(sandbox, session=lender) as alor:
            await alor.get_server_time()
            # One to the API, which the lender had open already, and one to the token service.
            assert sandbox.connections == 2
        assert not lender.closed
        async with lender.get(f"{sandbox.environment.api}/md/v2/time") as response:
            assert response.status == 200
        assert sandbox.connections == 2


@pytest.mark.usefixtures("nothing_left")
async def test_a_shared_provider_outlives_the_client_that_brought_it(sandbox: Sandbox) -> None:
    auth = RefreshToken(sandbox.refresh_token)
    async with AsyncAlor(auth, environment=sandbox.environment) as first:
        async with AsyncAlor(auth, environment=sandbox.environment) as second:
            await second.get_claims()
        await first.get_claims()
    assert sandbox.tokens.refreshes == 1
    with pytest.raises(ClosedError):
        await first.get_claims()


async def test_a_stopped_sandbox_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    async with new_sandbox() as sandbox, client(sandbox) as alor:
        await alor.get_server_time()
    assert {thread for thread in threading.enumerate() if "alor" in thread.name} <= before
