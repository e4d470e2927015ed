"""Small REST reads: the sandbox's gateway beside a bare aiohttp.web handler that returns the same bytes.

Both run in processes of their own on one core, in turn; the clients are raw sockets in this process that send a rendered
request as soon as the answer to the last one is whole, so that the server is what is measured.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from multiprocessing.connection import Connection as Pipe
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from alor_async.sandbox import Sandbox
from benchmarks.harness import Result, Side, Work, compare, judge

CLIENTS = 16
LEAST = 0.5
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")

Bodies = dict[str, tuple[bytes, str]]
"""Body and Content-Type by path."""


def _reads(portfolio: str, order: str) -> dict[str, str]:
    client = f"/md/v2/Clients/MOEX/{portfolio}"
    return {
        "server time": "/md/v2/time",
        "one quote": "/md/v2/Securities/MOEX:SBER/quotes",
        "order book of 20 levels": "/md/v2/orderbooks/MOEX/SBER?depth=20",
        "list of positions": f"{client}/positions",
        "one order": f"{client}/orders/{order}",
    }


class _Client(asyncio.Protocol):
    """One connection: as many calls as the load has left, one after another."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        self._needed = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            length = _LENGTH.search(self._received)
            assert self._received.startswith(b"HTTP/1.1 200"), self._received
            assert length is not None
            self._needed = end + int(length[1])
        if len(self._received) >= self._needed:
            self._received, self._needed = b"", 0
            self.call()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.fail(exc or ConnectionError("the server closed"))

    def call(self) -> None:
        """Send the next request, if there is one."""
        if self._load.take():
            assert self._transport is not None
            self._transport.write(self._load.request)

    def close(self) -> None:
        """End the connection."""
        assert self._transport is not None
        self._transport.abort()


class _Load:
    """So many clients that send one request over and over."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self._left = 0
        self._under_way = 0
        self._done: asyncio.Future[None] | None = None
        self.clients: list[_Client] = []

    def take(self) -> bool:
        """Whether there is a call left for a client that is free."""
        if self._left > 0:
            self._left -= 1
            return True
        self._under_way -= 1
        if not self._under_way and self._done is not None and not self._done.done():
            self._done.set_result(None)
        return False

    def fail(self, reason: Exception) -> None:
        """End the slice at once."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(reason)

    async def work(self, units: int) -> None:
        """Make so many calls."""
        self._left = units
        self._under_way = len(self.clients)
        self._done = asyncio.get_running_loop().create_future()
        for client in self.clients:
            client.call()
        await self._done
        self._done = None


@asynccontextmanager
async def _load(base: str, path: str, token: str) -> AsyncIterator[Work]:
    where = urlsplit(base)
    request = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\n"
    load = _Load(request.encode())
    loop = asyncio.get_running_loop()
    for _ in range(CLIENTS):
        _, client = await loop.create_connection(lambda: _Client(load), where.hostname, where.port)
        load.clients.append(client)
    try:
        yield load.work
    finally:
        for client in load.clients:
            client.close()


# -- the other processes ---------------------------------------------------------------------------------------------


def _run_sandbox(pipe: Pipe, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    with Sandbox(seed=1) as sandbox:
        portfolio = next(name for name in sandbox.portfolios if name.startswith("D"))
        pipe.send((sandbox.environment.api, sandbox.tokens.issue(), portfolio))
        pipe.recv()
        sandbox.check()


def _run_bare(pipe: Pipe, cores: set[int], bodies: Bodies) -> None:
    os.sched_setaffinity(0, cores)
    asyncio.run(_serve_bare(pipe, bodies))


async def _serve_bare(pipe: Pipe, bodies: Bodies) -> None:
    def handler(body: bytes, content_type: str) -> Any:
        async def handle(_request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, headers={"Content-Type": content_type})

        return handle

    app = web.Application()
    for path, answer in bodies.items():
        app.router.add_get(urlsplit(path).path, handler(*answer))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    await runner.cleanup()


@contextmanager
def _process(target: Any, *arguments: Any) -> Iterator[Any]:
    """Run a server on a core that is not this process's; gives what it says of itself."""
    context = multiprocessing.get_context("spawn")
    cores = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, set(sorted(cores)[:1]) or {0}, *arguments), daemon=True)
    process.start()
    try:
        yield ours.recv()
        ours.send("stop")
        process.join(10)
        assert process.exitcode == 0, f"the server ended with {process.exitcode}"
    finally:
        if process.is_alive():
            process.kill()


# -- the measured ----------------------------------------------------------------------------------------------------


def _ask(base: str, path: str, token: str, body: object = None) -> tuple[bytes, str]:
    headers = {"Authorization": f"Bearer {token}", "X-REQID": str(uuid.uuid4())}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=10) as response:
        return response.read(), response.headers["Content-Type"]


def _place_order(base: str, token: str, portfolio: str) -> str:
    quote = json.loads(_ask(base, "/md/v2/Securities/MOEX:SBER/quotes", token)[0])[0]
    order = {
        "side": "buy",
        "quantity": 1,
        "price": round(quote["bid"] - 1, 2),
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": portfolio},
    }
    answer, _ = _ask(base, "/commandapi/warptrans/TRADE/v2/client/orders/actions/limit", token, order)
    return str(json.loads(answer)["orderNumber"])


async def measure() -> list[Result]:
    """Compare read by read."""
    results: list[Result] = []
    with _process(_run_sandbox) as (sandbox, token, portfolio):
        reads = _reads(portfolio, await asyncio.to_thread(_place_order, sandbox, token, portfolio))
        bodies = {path: await asyncio.to_thread(_ask, sandbox, path, token) for path in reads.values()}
        with _process(_run_bare, bodies) as bare:
            for name, path in reads.items():
                async with AsyncExitStack() as stack:
                    base = await stack.enter_async_context(_load(bare, path, token))
                    ours = await stack.enter_async_context(_load(sandbox, path, token))
                    ratios = await compare([Side("bare", base, CLIENTS), Side("sandbox", ours, CLIENTS)])
                what = f"sandbox: {name}, over a bare aiohttp.web handler"
                results.append(judge("gateway", what, ratios["sandbox"], ratios["A/A"], at_least=LEAST))
    return results
