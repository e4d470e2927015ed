"""The other end, in a process of its own: rendered answers over a bare asyncio protocol, so that it is never the limit.

`python -m benchmarks.server` prints its port. An instrument list of any size is asked for by `limit=`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from benchmarks import data

LIMIT = re.compile(rb"[?&]limit=(\d+)")
OFFSET = re.compile(rb"[?&]offset=(\d+)")


def token(life: float = 1800.0) -> str:
    """Make an access token that says when it ends, and nothing else that is true."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'ES256', 'typ': 'JWT'})}.{part({'exp': int(time.time() + life), 'sub': 'bench'})}.c2ln"


def _rendered(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Answers:
    """What is answered to which path."""

    def __init__(self) -> None:
        self.refreshes = 0
        self.small = _rendered(data.book(3))
        self.candles = _rendered(data.candles(1_150))
        self.accepted = _rendered(b'{"message":"success","orderNumber":"18995978560"}')
        self.lists: dict[int, bytes] = {}
        self.row = data.instruments(1)[1:-1]

    def find(self, line: bytes) -> bytes:
        if b"/md/v2/orderbooks/" in line:
            return self.small
        if b"/md/v2/history" in line:
            return self.candles
        if b"/refresh" in line:
            self.refreshes += 1
            return _rendered(json.dumps({"AccessToken": token()}).encode())
        if b"/md/v2/Securities/" in line:
            return self._instruments(line)
        if b"/client/orders/actions/" in line:
            return self.accepted
        return _rendered(str(self.refreshes).encode())

    def _instruments(self, line: bytes) -> bytes:
        limit, offset = LIMIT.search(line), OFFSET.search(line)
        count = int(limit.group(1)) if limit else 1
        first = int(offset.group(1)) if offset else 0
        if first and first + count > 200_000:
            return _rendered(b"[]")
        if count not in self.lists:
            self.lists[count] = _rendered(b"[" + b",".join([self.row] * count) + b"]")
        return self.lists[count]


class _Protocol(asyncio.Protocol):
    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, received: bytes) -> None:
        assert self._transport is not None
        text = self._rest + received if self._rest else received
        while True:
            end = text.find(b"\r\n\r\n")
            if end < 0:
                break
            following = end + 4
            length = text.lower().find(b"content-length:", 0, end)
            if length >= 0:
                following += int(text[length + 15 : text.index(b"\r\n", length)])
                if len(text) < following:
                    break
            self._transport.write(self._answers.find(text[: text.index(b"\r\n")]))
            text = text[following:]
        self._rest = text


async def _serve(pipe: Connection) -> None:
    answers = _Answers()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(answers), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    async with server:
        while True:
            question = await loop.run_in_executor(None, pipe.recv)
            if question == "stop":
                return
            pipe.send(time.process_time() if question == "cpu" else answers.refreshes)


def _main(pipe: Connection, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    asyncio.run(_serve(pipe))


class Server:
    """A handle on the server's process."""

    def __init__(self, port: int, pipe: Connection) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._pipe = pipe

    def ask(self, question: str) -> float:
        """Ask for `cpu` (seconds used so far) or `refreshes`."""
        self._pipe.send(question)
        answer: float = self._pipe.recv()
        return answer

    def stop(self) -> None:
        """Tell it to end."""
        self._pipe.send("stop")


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let this process use every core again, for sides that have threads."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start the server in another process, and stop it."""
    # A core for the measured side and the others for the server: moving between cores is most of the noise.
    cores = sorted(os.sched_getaffinity(0))
    mine, others = set(cores[-1:]), set(cores[:-1]) or set(cores)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_main, args=(theirs, others), daemon=True)
    process.start()
    os.sched_setaffinity(0, mine)
    server = Server(ours.recv(), ours)
    try:
        yield server
    finally:
        os.sched_setaffinity(0, cores)
        server.stop()
        process.join(5)
        if process.is_alive():
            process.kill()
