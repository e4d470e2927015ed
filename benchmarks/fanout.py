"""One book to a hundred subscribers: messages a second through the sandbox's `/ws`, and through a bare aiohttp server.

The sandbox runs in a process of its own with the hand on its clock: every ten milliseconds of exchange time the book
changes, which is as often as a subscriber may be told of it. The bare server sends the same bytes to the same clients,
with nothing to work out. The clients are raw sockets in this process: they count frames and look at nothing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from typing import Any

from aiohttp import WSMsgType, web

from alor_async.sandbox import Sandbox
from benchmarks.harness import Result
from benchmarks.server import all_cores

CLIENTS = 100
SECONDS = 3.0
SLICES = 5
WANTED = 30_000
_AHEAD = 50
"""So many changes may be on their way: enough to keep everybody busy, far from the 5 000 that cut a client off."""
_HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def _frame(text: str) -> bytes:
    """A client's text frame; the mask is zero, so the text stands in it as it is."""
    payload = text.encode()
    length = len(payload)
    head = bytes([0x81, 0x80 | length]) if length < 126 else bytes([0x81, 0xFE]) + length.to_bytes(2, "big")
    return head + bytes(4) + payload


class _Counter(asyncio.Protocol):
    """A raw client: sends the handshake and one message, then counts frames."""

    def __init__(self, greeting: str) -> None:
        self._greeting = greeting
        self._rest = b""
        self._is_open = False
        self.frames = 0
        self.opened = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_HANDSHAKE.encode())

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            assert self.transport is not None
            self._is_open = True
            self.transport.write(_frame(self._greeting))
        self._rest = self._count(data)
        if self.frames and not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed before anything came"))

    def _count(self, data: bytes) -> bytes:
        at, end = 0, len(data)
        while end - at >= 4:
            length = data[at + 1]
            start = at + 2
            if length == 126:
                length = (data[at + 2] << 8) | data[at + 3]
                start = at + 4
            if start + length > end:
                break
            at = start + length
            self.frames += 1
        return data[at:]


async def _clients(port: int, greeting: Callable[[int], str]) -> list[_Counter]:
    loop = asyncio.get_running_loop()
    clients: list[_Counter] = []
    for number in range(CLIENTS):
        _, client = await loop.create_connection(lambda number=number: _Counter(greeting(number)), "127.0.0.1", port)  # type: ignore[misc]
        clients.append(client)
        await client.opened
    return clients


async def _rates(clients: list[_Counter]) -> list[float]:
    """Messages a second over all clients, slice by slice."""

    def total() -> int:
        return sum(client.frames for client in clients)

    await asyncio.sleep(SECONDS / SLICES)
    rates: list[float] = []
    for _ in range(SLICES):
        counted, began = total(), time.perf_counter()
        await asyncio.sleep(SECONDS / SLICES)
        rates.append((total() - counted) / (time.perf_counter() - began))
    return sorted(rates)


# -- the other processes ---------------------------------------------------------------------------------------------


def _run_sandbox(pipe: Pipe, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    with Sandbox(seed=1, time="stepped", socket_limit=None) as sandbox:
        pipe.send((sandbox.environment.api.rpartition(":")[2], sandbox.tokens.issue()))
        pipe.recv()
        market = sandbox.market["SBER"]
        price, step = market.quote.last_price, market.spec.price_step
        changes = 0
        while not pipe.poll():
            changes += 1
            sandbox.clock.advance_blocking(seconds=0.01)
            market.trade(price=price + step * (changes % 7), lots=1 + changes % 5)
            while not changes % 10 and _slowest(sandbox) < changes - _AHEAD and not pipe.poll():
                time.sleep(0.0005)
        sandbox.check()


def _slowest(sandbox: Sandbox) -> int:
    return min((socket.sent for socket in sandbox.sockets), default=0)


def _run_bare(pipe: Pipe, cores: set[int], payload: bytes) -> None:
    os.sched_setaffinity(0, cores)
    asyncio.run(_serve_bare(pipe, payload))


async def _serve_bare(pipe: Pipe, payload: bytes) -> None:
    sockets: list[web.WebSocketResponse] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await socket.send_frame(payload, WSMsgType.TEXT)
        sockets.append(socket)
        await socket.receive()
        return socket

    server = web.Server(handle, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    pipe.send(listening.sockets[0].getsockname()[1])
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    with suppress(ConnectionError):
        while not pipe.poll():
            for socket in sockets:
                await socket.send_frame(payload, WSMsgType.TEXT)
            await asyncio.sleep(0)


# -- the measured ----------------------------------------------------------------------------------------------------


async def _through(
    target: Callable[..., None], arguments: tuple[Any, ...], connect: Callable[[Any], Awaitable[list[_Counter]]]
) -> list[float]:
    with all_cores():
        cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, set(cores[:1]), *arguments), daemon=True)
    process.start()
    try:
        clients = await connect(await asyncio.to_thread(ours.recv))
        ours.send("go")
        rates = await _rates(clients)
        ours.send("stop")
    finally:
        await asyncio.to_thread(process.join, 10)
        if process.is_alive():
            process.kill()
    assert process.exitcode == 0, f"the server ended with {process.exitcode}"
    return rates


async def _to_sandbox(address: tuple[str, str]) -> list[_Counter]:
    port, token = address

    def subscribe(number: int) -> str:
        return json.dumps(
            {
                "opcode": "OrderBookGetAndSubscribe",
                "code": "SBER",
                "exchange": "MOEX",
                "depth": 20,
                "format": "Slim",
                "frequency": 10,
                "guid": f"b{number}",
                "token": token,
            }
        )

    return await _clients(int(port), subscribe)


async def _to_bare(port: int) -> list[_Counter]:
    return await _clients(port, str)


def _sample() -> bytes:
    """A message like those of the sandbox, to the byte."""
    level = [{"p": 306.77 - number / 100, "v": 842 + number} for number in range(20)]
    data = {"b": level, "a": level, "t": 1776243600000, "h": False}
    return json.dumps({"data": data, "guid": "b42"}, separators=(",", ":")).encode()


async def measure() -> list[Result]:
    """Measure both, the bare server first."""
    bare = await _through(_run_bare, (_sample(),), _to_bare)
    ours = await _through(_run_sandbox, (), _to_sandbox)
    middle, reference = ours[len(ours) // 2], bare[len(bare) // 2]
    return [
        Result(
            "fan-out",
            f"messages a second of one book to {CLIENTS} subscribers of `/ws`",
            f">= {WANTED:,}",
            f"{middle:,.0f} [{ours[0]:,.0f}, {ours[-1]:,.0f}]",
            "met" if middle >= WANTED else "missed",
            f"{middle / reference:.2f} of a bare aiohttp server that sends the same bytes ({reference:,.0f})",
        )
    ]
