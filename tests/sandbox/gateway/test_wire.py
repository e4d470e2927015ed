"""Faults of bytes: the connection breaks, stalls, crawls or lies, exactly where it was told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any, Self

import aiohttp
import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.support.waiting import until

TIME = "/md/v2/time"
LOST = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)


class Line:
    """A bare TCP connection: sees every byte and how the end came."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def __aenter__(self) -> Self:
        host, port = self.sandbox.environment.api.removeprefix("http://").split(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def say(self, text: str) -> None:
        self.writer.write(text.encode())
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def ask(self, path: str = TIME, *more: str) -> None:
        await self.say("\r\n".join((f"GET {path} HTTP/1.1", "Host: sandbox", *more, "", "")))

    async def hear(self) -> tuple[bytes, str]:
        """Everything until the end, and what the end was: `fin` or `reset`."""
        heard = b""
        while True:
            try:
                chunk = await self.reader.read(65536)
            except ConnectionResetError:
                return heard, "reset"
            if not chunk:
                return heard, "fin"
            heard += chunk

    async def hear_answer(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        return head + await self.reader.readexactly(length)


async def test_the_wire_is_loopback_only(sandbox: Sandbox) -> None:
    assert sandbox.environment.api.startswith("http://127.0.0.1:")
    outside = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    port = int(sandbox.environment.api.rpartition(":")[2])
    for address in outside:
        if not address.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((str(address), port), timeout=0.2)


class TestReset:
    @pytest.mark.parametrize("after", [0, 1, 40, 10_000])
    async def test_of_the_answer(self, sandbox: Sandbox, after: int) -> None:
        sandbox.faults.net.reset(after, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            if after == 10_000:
                assert (await line.hear_answer()).startswith(b"HTTP/1.1 200")
                return
            heard, end = await line.hear()
            assert (len(heard), end) == (after, "reset")
        assert sandbox.requests.count("get_server_time") == 1

    @pytest.mark.parametrize("after", [0, 1, 20, 42])
    async def test_of_the_request(self, sandbox: Sandbox, after: int) -> None:
        sandbox.faults.net.reset(after, direction="in", route="GET /md/v2/time")
        async with Line(sandbox) as line:
            await line.ask()
            assert await line.hear() == (b"", "reset")
        assert sandbox.requests.count() == 0
        assert len(sandbox.journal.of("fault")) == 1

    async def test_of_a_request_that_comes_in_pieces_on_a_used_connection(self, sandbox: Sandbox) -> None:
        async with Line(sandbox) as line:
            await line.ask()
            await line.hear_answer()
            sandbox.faults.net.reset(60, direction="in", operation="instruments.list_currency_pairs")
            for piece in (
                "GET /md/v2/Secur",
                "ities/currencyPairs HT",
                "TP/1.1\r\nHost: sandbox\r\nX-A: b\r\n",
                "\r\n",
            ):
                await line.say(piece)
                await asyncio.sleep(0)
            assert await line.hear() == (b"", "reset")
        assert sandbox.requests.count("instruments.list_currency_pairs") == 0

    async def test_of_another_route_leaves_this_one_alone(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.net.reset(direction="in", operation="orders.*", times=None)
        assert (await call("GET", TIME)).status == 200


class TestRefuse:
    async def test_connections_are_refused_and_open_ones_break(self, sandbox: Sandbox, call: Caller) -> None:
        assert (await call("GET", TIME)).status == 200
        with sandbox.faults.net.refuse():
            await until(lambda: sandbox.connections == 0)
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await call("GET", TIME)
            assert isinstance(caught.value.os_error, ConnectionRefusedError)
        assert (await call("GET", TIME)).status == 200

    async def test_one_server_only(self, sandbox: Sandbox, call: Caller) -> None:
        refusing = sandbox.faults.net.refuse("oauth", reset_open=False)
        assert (await call("GET", TIME)).status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await call("POST", "/refresh", server="oauth")
        refusing.clear()
        assert (await call("POST", "/refresh", server="oauth")).status == 403

    async def test_so_many_and_no_more(self, sandbox: Sandbox) -> None:
        armed = sandbox.faults.net.refuse("api", n=2)
        ends = []
        for _ in range(3):
            try:
                async with Line(sandbox) as line:
                    await line.ask(TIME, "Connection: close")
                    heard, end = await line.hear()
                    ends.append((bool(heard), end))
            except ConnectionResetError:  # it was so quick that not even the connection was made
                ends.append((False, "reset"))
        assert ends == [(False, "reset"), (False, "reset"), (True, "fin")]
        assert (armed.fired, sandbox.requests.count()) == (2, 1)

    async def test_clearing_everything_listens_again(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.net.refuse()
        sandbox.faults.clear()
        assert (await call("GET", TIME)).status == 200

    def test_a_sandbox_that_does_not_run_cannot_refuse(self) -> None:
        with pytest.raises(RuntimeError, match="not running"):
            Sandbox().faults.net.refuse()


class TestSilence:
    @pytest.mark.parametrize("direction", ["in", "out"])
    async def test_blackhole(self, sandbox: Sandbox, direction: Any) -> None:
        sandbox.faults.net.blackhole(direction=direction, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await line.hear()
        assert sandbox.requests.count("get_server_time") == (1 if direction == "out" else 0)


class TestPace:
    async def test_latency(self, sandbox: Sandbox, call: Caller) -> None:
        for direction in ("in", "out"):
            sandbox.faults.net.latency(0.03, jitter=0.01, direction=direction)
            begun = time.monotonic()
            assert (await call("GET", TIME)).status == 200
            assert time.monotonic() - begun >= 0.03

    async def test_bandwidth(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.bandwidth(4000, route=TIME)
        async with Line(sandbox) as line:
            begun = time.monotonic()
            await line.ask()
            answer = await line.hear_answer()
            assert time.monotonic() - begun >= len(answer) / 4000 * 0.5

    async def test_slices(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.net.slicer(1, pause=0.0, times=None)
        sandbox.faults.net.slicer(3, pause=0.0, direction="in", times=None)
        for _ in range(2):
            answer = await call("GET", "/md/v2/Securities/MOEX/SBER")
            assert answer.json["symbol"] == "SBER"

    async def test_effects_add_up(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.slicer(7, route=TIME)
        sandbox.faults.net.latency(0.01, route=TIME)
        sandbox.faults.net.reset(30, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            heard, end = await line.hear()
            assert (len(heard), end) == (30, "reset")

    async def test_the_next_answer_on_the_same_connection_is_straight(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.slicer(1, pause=0.001, route=TIME)
        async with Line(sandbox) as line:
            for _ in range(2):
                await line.ask()
                assert (await line.hear_answer()).startswith(b"HTTP/1.1 200")


class TestEnds:
    async def test_half_close_after_the_answer(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.half_close(route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            heard, end = await line.hear()
            assert heard.startswith(b"HTTP/1.1 200")
            assert end == "fin"
            await line.ask("/md/v2/Securities/currencyPairs")
            await until(lambda: sandbox.requests.count("instruments.list_currency_pairs") == 1)

    async def test_half_close_inside_the_answer(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.half_close(after_bytes=20, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            heard, end = await line.hear()
            assert (len(heard), end) == (20, "fin")

    async def test_slow_close(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.slow_close(0.05, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            assert b"Connection: close" in await line.hear_answer()
            begun = time.monotonic()
            assert await line.hear() == (b"", "fin")
            assert time.monotonic() - begun >= 0.04

    async def test_a_bent_answer_leaves_whole_before_the_connection_closes(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.slicer(5, pause=0.001, route=TIME)
        async with Line(sandbox) as line:
            await line.ask(TIME, "Connection: close")
            heard, end = await line.hear()
            assert heard.endswith(heard.partition(b"\r\n\r\n")[2])
            assert int(heard.partition(b"\r\n\r\n")[2]) > 1_000_000_000
            assert end == "fin"

    async def test_a_client_that_leaves_in_the_middle_of_a_bent_answer(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.slicer(1, pause=0.05, route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            await line.reader.readexactly(1)
        await until(lambda: sandbox.connections == 0)


class TestRaw:
    async def test_exactly_these_bytes_then_the_end(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.raw(b"HTTP/9.9 what\r\n\r\n\x00\xff", route=TIME)
        async with Line(sandbox) as line:
            await line.ask()
            assert await line.hear() == (b"HTTP/9.9 what\r\n\r\n\x00\xff", "fin")

    async def test_from_a_function_and_the_connection_stays(self, sandbox: Sandbox) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42"
        sandbox.faults.net.raw(lambda: answer, close=False, route=TIME, stage="after_execution")
        async with Line(sandbox) as line:
            for expected in (answer, b"HTTP/1.1 200 OK"):
                await line.ask()
                assert (await line.hear_answer()).startswith(expected)

    async def test_a_client_library_meets_malformed_http(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.net.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
        with pytest.raises(aiohttp.ClientError):
            await call("GET", TIME)
