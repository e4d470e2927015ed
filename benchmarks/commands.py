"""Commands over `/cws`: orders through a command socket beside a bare aiohttp WebSocket that sends the same messages.

The other end is the sandbox, in a process of its own: it takes every order. The bare side knows nothing of orders: it fills
a guid into a rendered message, sends it, decodes the reply and finds out who waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe
from typing import Any

import aiohttp
import msgspec

from alor_async import AsyncAlor, Environment
from alor_async import Side as Way
from alor_async.sandbox import PortfolioSpec, Sandbox
from benchmarks.harness import Result, Side, compare, in_flight, judge
from benchmarks.server import all_cores

AT_LEAST = 0.8
WIDTHS = (1, 100)
TIMED = 3_000
SYMBOL = "SBER"

Call = Callable[[], Awaitable[object]]


class _Place:
    """Where the sandbox is, and what is ordered there."""

    def __init__(self, environment: Environment, token: str, portfolio: str, price: Decimal) -> None:
        self.environment = environment
        self.token = token
        self.portfolio = portfolio
        self.price = price

    def message(self, guid: str) -> bytes:
        """Write the command, as the command socket writes it."""
        return (
            b'{"opcode":"create:limit","guid":"%b","checkDuplicates":false,"side":"buy","quantity":1,"price":%b,'
            b'"instrument":{"symbol":"SBER","exchange":"MOEX"},"user":{"portfolio":"%b"},"allowMargin":false}'
            % (guid.encode(), str(self.price).encode(), self.portfolio.encode())
        )


class _Reply(msgspec.Struct):
    guid: str = msgspec.field(name="requestGuid")
    status: int = msgspec.field(name="httpCode")
    number: str | None = msgspec.field(name="orderNumber", default=None)


async def measure() -> list[Result]:
    """Compare one after another, and a hundred at once."""
    results: list[Result] = []
    with _sandbox() as place:
        async with _bare(place) as bare, _ours(place) as ours:
            for width in WIDTHS:
                sides = [
                    Side("bare", in_flight(bare, width), width),
                    Side("ours", in_flight(ours, width), width),
                ]
                ratios = await compare(sides)
                what = f"commands over /cws, {width} in flight / bare aiohttp WebSocket, same messages"
                rate = statistics.median(sides[1].rates)
                note = f"{rate:,.0f} a second"
                results.append(judge("commands", what, ratios["ours"], ratios["A/A"], at_least=AT_LEAST, note=note))
                results.append(_latencies(f"bare aiohttp WebSocket, {width} in flight", await _times(bare, width)))
                results.append(_latencies(f"command socket, {width} in flight", await _times(ours, width)))
    return results


@contextlib.asynccontextmanager
async def _bare(place: _Place) -> AsyncIterator[Call]:
    """A WebSocket, a task that reads, and a future for each command."""
    decoder = msgspec.json.Decoder(_Reply)
    waiting: dict[str, asyncio.Future[_Reply]] = {}
    async with aiohttp.ClientSession() as session, session.ws_connect(place.environment.cws) as socket:

        async def read() -> None:
            async for message in socket:
                reply = decoder.decode(message.data)
                waiting.pop(reply.guid).set_result(reply)

        async def ask(guid: str, message: bytes) -> _Reply:
            future = waiting[guid] = asyncio.get_running_loop().create_future()
            await socket.send_str(message.decode())
            reply = await future
            assert reply.status == 200, reply
            return reply

        async def call() -> _Reply:
            guid = str(uuid.uuid4())
            return await ask(guid, place.message(guid))

        reader = asyncio.create_task(read())
        await ask("me", msgspec.json.encode({"opcode": "authorize", "guid": "me", "token": place.token}))
        yield call
        reader.cancel()


@contextlib.asynccontextmanager
async def _ours(place: _Place) -> AsyncIterator[Call]:
    async with (
        AsyncAlor(_Ready(place.token), environment=place.environment) as alor,
        alor.command_socket(max(WIDTHS) + 1, check_duplicates=False) as fast,
    ):

        async def call() -> object:
            return await fast.orders.place_limit(place.portfolio, f"MOEX:{SYMBOL}", Way.BUY, lots=1, price=place.price)

        yield call


class _Ready:
    """A provider that has a token at hand, as the library's own has."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    async def get_token(self) -> str:
        return self._token


async def _times(call: Call, width: int) -> list[float]:
    """Time each of many calls, of which so many are under way at any time; seconds."""
    times: list[float] = []

    async def timed() -> None:
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)

    await in_flight(timed, width)(TIMED)
    return times


def _latencies(what: str, times: list[float]) -> Result:
    percent = statistics.quantiles(times, n=100)
    measured = f"p50 {percent[49] * 1e6:.0f} us, p99 {percent[98] * 1e6:.0f} us"
    return Result("commands", what, "shown", measured, "met")


# -- the other process -----------------------------------------------------------------------------------------------


def _run(pipe: Pipe, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    rich = PortfolioSpec(portfolio="D1", cash=10**12)
    with Sandbox(seed=1, portfolios=[rich]) as sandbox:
        last, step = sandbox.market[SYMBOL].quote.last_price, sandbox.market[SYMBOL].spec.price_step
        price = last * 95 // 100 // step * step
        pipe.send((sandbox.environment, sandbox.tokens.issue(), rich.portfolio, price))
        pipe.recv()
        sandbox.check()


@contextlib.contextmanager
def _sandbox() -> Iterator[_Place]:
    """Start a sandbox in another process, on cores that the measured side leaves free, and stop it."""
    mine = os.sched_getaffinity(0)
    with all_cores():
        others = os.sched_getaffinity(0) - mine
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process: Any = context.Process(target=_run, args=(theirs, others or mine), daemon=True)
    process.start()
    try:
        theirs.close()  # or the end of a process that failed would not be seen
        yield _Place(*ours.recv())
        ours.send("stop")
        process.join(30)
        assert process.exitcode == 0, f"the sandbox ended with {process.exitcode}"
    finally:
        if process.is_alive():
            process.kill()
