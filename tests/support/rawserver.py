"""A scripted server that speaks bytes: what a well-behaved HTTP library would never send, it sends.

    async with RawServer(reply(b'{"ok":true}'), RESET) as server:
        ...  # the first request gets the answer, the second a reset; `server.requests` holds what came

A script is a list of steps, one per request in the order of their arrival over all connections; the last step is repeated
for every further request. A step is bytes to send, an async function that gets the `Exchange`, or one of the constants.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias


class Seen:
    """One request that arrived."""

    def __init__(self, raw: bytes, body: bytes, connection: int) -> None:
        head, *lines = raw.decode("latin-1").split("\r\n")
        self.method, self.target, _ = head.split(" ", 2)
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        self.body = body
        self.connection = connection

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def token(self) -> str | None:
        value = self.headers.get("authorization")
        return None if value is None else value.removeprefix("Bearer ")

    def json(self) -> object:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.method} {self.target} #{self.connection}>"


class Exchange:
    """What a step that is a function works with."""

    def __init__(
        self, server: RawServer, seen: Seen, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self.server = server
        self.seen = seen
        self.writer = writer
        self.reader = reader

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        """Close with FIN."""
        self.writer.close()


StepFunction: TypeAlias = Callable[[Exchange], Awaitable[None]]
Step: TypeAlias = bytes | StepFunction


def reply(
    body: bytes | str | object = b"",
    status: int = 200,
    *,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> bytes:
    """Write a complete answer. What is neither bytes nor text is sent as JSON."""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def zipped(body: bytes, *, encoding: str = "gzip") -> bytes:
    """Write a complete answer with a compressed body."""
    packed = gzip.compress(body)
    return reply(packed, headers={"Content-Encoding": encoding})


async def RESET(exchange: Exchange) -> None:  # noqa: N802 - reads as a constant in scripts
    """Break the connection after the whole request was read."""
    exchange.reset()


async def HANG_UP(exchange: Exchange) -> None:  # noqa: N802
    """Close the connection after the whole request was read, in the polite way."""
    exchange.close()


async def SILENCE(exchange: Exchange) -> None:  # noqa: N802
    """Never answer; end when the client leaves or the server closes."""
    with contextlib.suppress(ConnectionError):
        await exchange.reader.read()


def partly(data: bytes, step: StepFunction = RESET) -> StepFunction:
    """Send some bytes, then do something else."""

    async def send_then(exchange: Exchange) -> None:
        await exchange.send(data)
        await step(exchange)

    return send_then


def when(event: asyncio.Event, data: bytes) -> StepFunction:
    """Answer once an event is set."""

    async def wait_then(exchange: Exchange) -> None:
        await event.wait()
        await exchange.send(data)

    return wait_then


class RawServer:
    """A loopback server that follows a script.

    Attributes:
        requests: What arrived, in order.
        connections: How many connections were accepted.
    """

    def __init__(
        self, *script: Step, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.script = list(script)
        self.requests: list[Seen] = []
        self.connections = 0
        self.open_connections = 0
        self._by_path: dict[str, list[Step]] = {}
        self._tls = tls
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    def on(self, path: str, *script: Step) -> Self:
        """Give a path a script of its own."""
        self._by_path[path] = list(script)
        return self

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, ssl=self._tls, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def address(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self.port}"

    def count(self, path: str | None = None) -> int:
        return sum(1 for seen in self.requests if path is None or seen.path == path)

    async def wait_for(self, count: int, path: str | None = None) -> None:
        """Wait until so many requests have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.count(path) >= count)

    async def wait_until_left(self) -> None:
        """Wait until every connection has ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.open_connections)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        number = self.connections
        try:
            while not writer.is_closing():
                seen = await _read_request(reader, number)
                self.requests.append(seen)
                await self._notify()
                step = self._next_step(seen.path)
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await step(Exchange(self, seen, writer, reader))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._tasks.discard(task)
            self.open_connections -= 1
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await writer.wait_closed()
            with contextlib.suppress(asyncio.CancelledError):
                await self._notify()

    def _next_step(self, path: str) -> Step:
        script = self._by_path.get(path, self.script)
        return script.pop(0) if len(script) > 1 else script[0]


async def _read_request(reader: asyncio.StreamReader, number: int) -> Seen:
    raw = await reader.readuntil(b"\r\n\r\n")
    seen = Seen(raw[:-4], b"", number)
    length = int(seen.headers.get("content-length", "0"))
    if length:
        seen.body = await reader.readexactly(length)
    return seen
