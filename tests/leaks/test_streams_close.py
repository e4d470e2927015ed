"""Streams leave nothing behind either: no task, no socket, no timer, no object that grows (O7, O8, O13)."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import aiohttp
import pytest

from alor_async import AsyncAlor
from alor_async._streams.events import Reconnected
from alor_async.errors import ClosedError, SubscriptionRejected
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import client_of, listening
from tests.support.leftovers import open_sockets, other_tasks, our_tasks
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, new_sandbox


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
    await until(lambda: sandbox.connections == 0 and open_sockets() <= before)


@pytest.mark.usefixtures("nothing_left")
async def test_every_stream_after_use(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor:
        streams = alor.streams
        everything = [
            streams.order_book("MOEX:SBER", "MOEX:GAZP"),
            streams.quotes("MOEX:SBER"),
            streams.instruments("MOEX:SBER"),
            streams.market_trades("MOEX:SBER"),
            streams.positions(STOCKS),
            streams.summaries(STOCKS),
            streams.risks(STOCKS),
            streams.futures_risks(FUTURES),
            streams.trades(STOCKS),
            streams.orders(STOCKS),
            streams.stop_orders(STOCKS),
        ]
        await asyncio.gather(*(stream.__aenter__() for stream in everything))
        assert all(stream.is_live for stream in everything)
        for stream in everything[::2]:
            await stream.close()
    assert our_tasks() == []


@pytest.mark.usefixtures("nothing_left")
async def test_a_client_that_never_streams_opens_no_socket(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor:
        alor.streams.quotes("MOEX:SBER")
        await alor.get_server_time()
        assert our_tasks() == []
    assert sandbox.sockets.count() == 0


@pytest.mark.usefixtures("nothing_left")
async def test_after_reconnections_and_refusals(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:SBER") as quotes, listening(quotes) as heard:
        tasks = our_tasks()
        for count in range(1, 11):
            sandbox.faults.ws.abort()
            await until(lambda: len(heard.of(Reconnected)) == count)  # noqa: B023
            with pytest.raises(SubscriptionRejected):
                await alor.streams.quotes("MOEX:NOBODY").__aenter__()
        await until(lambda: our_tasks() == tasks)
        await until(lambda: len(sandbox.sockets) == 1)


@pytest.mark.usefixtures("nothing_left")
async def test_with_consumers_that_wait_are_cancelled_or_gone(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor:
        waiting, cancelled, forgotten = [
            await alor.streams.orders(STOCKS, skip_snapshot=True).__aenter__() for _ in range(3)
        ]
        tasks = [asyncio.create_task(anext(stream)) for stream in (waiting, cancelled)]  # type: ignore[arg-type]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait({tasks[1]})
        assert tasks[1].cancelled()
        assert cancelled.is_live
        assert forgotten.is_live
    with pytest.raises(ClosedError):
        await tasks[0]


@pytest.mark.usefixtures("nothing_left")
async def test_a_thousand_subscriptions_that_come_and_go_leave_no_trace(sandbox: Sandbox) -> None:
    """What is kept for a subscription goes with it: the hub holds nobody who left."""
    async with client_of(sandbox, max_sockets=1) as alor, alor.streams.quotes("MOEX:GAZP"):
        tasks = our_tasks()
        gone = []
        for _ in range(100):
            batch = [alor.streams.quotes("MOEX:SBER") for _ in range(10)]
            await asyncio.gather(*(stream.__aenter__() for stream in batch))
            await asyncio.gather(*(stream.close() for stream in batch))
            gone += [weakref.ref(stream) for stream in batch]
            del batch
        await until(lambda: sum(len(socket.subscriptions) for socket in sandbox.sockets) == 1)
        gc.collect()
        assert our_tasks() == tasks
        kept = [reference for reference in gone if reference() is not None]
        assert len(kept) <= 1, "perhaps the last that was asked for, until another one is"


@pytest.mark.usefixtures("nothing_left")
async def test_over_a_borrowed_session_which_stays_open(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as lender:
        async with (
            AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, session=lender) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
        ):
            await anext(quotes)
        assert not lender.closed
        await until(lambda: not len(sandbox.sockets))


@pytest.mark.usefixtures("nothing_left")
async def test_when_the_task_that_holds_the_client_is_cancelled(sandbox: Sandbox) -> None:
    async def hold() -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:SBER") as quotes:
            async for _ in quotes:
                pass

    holding = asyncio.create_task(hold())
    await until(lambda: len(sandbox.sockets) == 1)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert our_tasks() == []
