"""A relay that gives up on connections over which nothing passes, as proxies and NAT gateways do."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class IdleProxy:
    """Relays bytes to one server, and cuts a connection after `patience` seconds without any.

    Attributes:
        cut: How many connections were cut.
    """

    def __init__(self, target: str, patience: float) -> None:
        address = urlsplit(target)
        self._target = (address.hostname, address.port)
        self._path = address.path
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut = 0

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.timeout(self._patience) as limit:
                await asyncio.gather(
                    self._relay(reader, far_writer, limit),
                    self._relay(far_reader, writer, limit),
                )
        except TimeoutError:
            self.cut += 1
        finally:
            for end in (writer, far_writer):
                end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: asyncio.Timeout) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                limit.reschedule(asyncio.get_running_loop().time() + self._patience)
                writer.write(data)
                await writer.drain()
        writer.close()
