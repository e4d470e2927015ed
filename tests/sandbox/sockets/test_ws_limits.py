"""How many sockets, subscriptions and unread messages there may be, and clients that mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Assumptions, Sandbox
from alor_async.sandbox.gateway.sockets import connection, registry, subscriptions
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker, talking
from tests.support.waiting import until

BOOK = "OrderBookGetAndSubscribe"
TAPE = "AllTradesGetAndSubscribe"


@contextlib.asynccontextmanager
async def many(sandbox: Sandbox, count: int) -> AsyncIterator[list[Talker]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(talking(sandbox)) for _ in range(count)]


class TestSockets:
    async def test_the_eleventh_is_refused(self, sandbox: Sandbox, rest: Caller) -> None:
        async with many(sandbox, registry.MOST_SOCKETS) as talkers:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with talking(sandbox):
                    pass
            assert refused.value.status == 429
            assert (len(sandbox.sockets), sandbox.sockets.refused) == (10, 1)
            for talker in talkers:
                await talker.quiet()
            await talkers[0].close()
            await until(lambda: len(sandbox.sockets) == 9)
            async with talking(sandbox) as another:
                await another.quiet()
        await until(lambda: not len(sandbox.sockets))
        assert (await rest("GET", "/md/v2/time")).status == 200

    async def test_or_the_oldest_is_closed(self) -> None:
        with Sandbox(assumptions=Assumptions(too_many_sockets="oldest_closed"), socket_limit=2) as sandbox:
            async with many(sandbox, 2) as (oldest, second), talking(sandbox) as third:
                await until(lambda: oldest.is_over)
                assert oldest.close_code == 1008
                await second.quiet()
                await third.quiet()
                assert [one.number for one in sandbox.sockets] == [2, 3]
            sandbox.check()

    async def test_a_sandbox_may_allow_any_number(self) -> None:
        with Sandbox(socket_limit=None) as sandbox:
            async with many(sandbox, 30) as talkers:
                await talkers[-1].quiet()
                assert len(sandbox.sockets) == 30

    @pytest.mark.parametrize("limit", [0, -1, 1.5, "10", True])
    def test_a_wrong_limit_is_named(self, limit: Any) -> None:
        with pytest.raises(ConfigError, match="socket_limit"):
            Sandbox(socket_limit=limit)


class TestSubscriptions:
    async def test_the_five_thousand_and_first_is_refused(self, ws: Talker) -> None:
        most = subscriptions.MOST_SUBSCRIPTIONS
        for start in range(0, most, 500):
            for number in range(start, start + 500):
                request = {"opcode": TAPE, "code": "SBER", "exchange": "MOEX", "guid": str(number), "token": ws.token}
                await ws.say(request)
            await ws.quiet()
        assert all(ws.replies[str(number)][0]["httpCode"] == 200 for number in range(most))
        assert (await ws.ask(TAPE, code="SBER"))["httpCode"] == 400
        await ws.subscribe(TAPE, code="GAZP", guid="7")  # in place of an old one
        await ws.ask("unsubscribe", guid="8")
        guid = await ws.subscribe(TAPE, code="GAZP")
        ws.sandbox.market["GAZP"].trade(price=120, lots=1)
        await until(lambda: ws.data["7"] and ws.data[guid])
        async with talking(ws.sandbox) as other:
            await other.subscribe(TAPE, code="SBER")
        assert len(next(iter(ws.sandbox.sockets)).subscriptions) == most


class _Deaf:
    """A client that reads only when told to, with little room for what it does not read."""

    def __init__(self, sandbox: Sandbox, room: int = 4096) -> None:
        host, _, port = sandbox.environment.api.removeprefix("http://").partition(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.connect((host, int(port)))
        self.socket.settimeout(5)
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
        upgrade = f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
        self.socket.sendall(upgrade.encode())
        assert self.socket.recv(65536).startswith(b"HTTP/1.1 101")

    def say(self, message: Any) -> None:
        payload = json.dumps(message).encode()
        self.socket.sendall(b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload)

    def counts(self, mark: bytes, until: int, is_slow: Callable[[], bool]) -> int:
        """Read until a mark has come so often, or there is no more; a little at a time while that is wanted."""
        total, rest = 0, b""
        while total < until and (chunk := self.socket.recv(1 << 16)):
            data = rest + chunk
            total += data.count(mark)
            rest = data[-len(mark) + 1 :]
            if is_slow():
                time.sleep(0.05)
        return total

    def reads_to_the_end(self) -> int:
        """Read everything that is left; a reset at the end is an end too."""
        total = 0
        with contextlib.suppress(ConnectionError):
            while chunk := self.socket.recv(1 << 20):
                total += len(chunk)
        return total


class TestUnread:
    async def test_a_client_that_does_not_read_is_cut_and_others_are_served(self, ws: Talker) -> None:
        sandbox = ws.sandbox
        deaf = await asyncio.to_thread(_Deaf, sandbox)
        try:
            request = {"opcode": TAPE, "code": "SBER", "exchange": "MOEX", "token": ws.token}
            await asyncio.to_thread(deaf.say, {**request, "guid": "d" * 2000})
            guid = await ws.subscribe(TAPE, code="SBER", format="Slim")
            await until(lambda: sum(len(one.subscriptions) for one in sandbox.sockets) == 2)
            trades = 0
            while len(sandbox.sockets) == 2:
                assert trades < 40_000
                await asyncio.to_thread(self._trade, sandbox, 500)
                trades += 500
                await until(lambda: len(ws.data[guid]) == trades, within=10)  # noqa: B023
            assert trades > connection.MOST_UNREAD
            await asyncio.to_thread(deaf.reads_to_the_end)
        finally:
            deaf.socket.close()

    @staticmethod
    def _trade(sandbox: Sandbox, count: int) -> None:
        with sandbox._lock:
            market = sandbox.market["SBER"]
            ask = market.quote.ask
            assert ask is not None
            market.add("sell", price=ask, lots=count)
            for _ in range(count):
                market.take("buy", lots=1)

    async def test_a_slow_reader_is_not_cut_when_time_outruns_him(self, sandbox: Sandbox) -> None:
        """Eight thousand trades in one moment: nobody reads them as they come, and whoever reads at all gets them all."""
        slow = await asyncio.to_thread(_Deaf, sandbox, 1 << 17)
        try:
            request = {"opcode": TAPE, "code": "SBER", "exchange": "MOEX", "token": sandbox.tokens.issue()}
            await asyncio.to_thread(slow.say, {**request, "guid": "s" * 2000})
            await until(lambda: sum(len(one.subscriptions) for one in sandbox.sockets) == 1)
            trading = asyncio.create_task(asyncio.to_thread(self._trade, sandbox, 8_000))
            seen = await asyncio.to_thread(slow.counts, b'"qty":', 8_000, lambda: not trading.done())
            assert seen == 8_000
            await trading
        finally:
            slow.socket.close()

    async def test_what_waits_for_others_is_not_sent_twice(self, ws: Talker) -> None:
        """Whoever comes while the streams wait for a slow reader has what they hold back in his snapshot already."""
        await ws.subscribe(TAPE, code="SBER")
        (slow,) = ws.sandbox.sockets.connections()
        async with talking(ws.sandbox) as late:
            slow.hold()
            await asyncio.to_thread(self._trade, ws.sandbox, connection.MOST_UNREAD // 2 + 100)
            guid = await late.subscribe(TAPE, code="SBER", depth=5000)
            before = len(late.data[guid])
            ws.sandbox.market["SBER"].trade(price=301, lots=1)
            await until(lambda: late.data[guid][-1]["price"] == 301)
            numbers = [trade["id"] for trade in late.take(guid)]
            assert (len(numbers), numbers) == (before + 1, sorted(set(numbers)))

    async def test_a_held_connection_is_cut_too(self, ws: Talker) -> None:
        guid = await ws.subscribe(TAPE, code="SBER")
        (held,) = ws.sandbox.sockets.connections()
        held.hold()
        await asyncio.to_thread(self._trade, ws.sandbox, connection.MOST_UNREAD)
        await until(lambda: held.unread == connection.MOST_UNREAD)
        assert not ws.is_over
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        await until(lambda: ws.is_over)
        assert (ws.close_code, ws.take(guid)) == (1006, [])


def _garbage(dice: random.Random, token: str) -> str | bytes:
    """A message that a fuzzer would send."""
    values: list[Any] = [None, True, -1, 2**70, 1e308, "", "x" * 5000, "SBER", [], [[]], {}, {"a": {}}, "\ud800", "\0"]
    kind = dice.random()
    if kind < 0.1:
        return dice.randbytes(dice.randint(0, 300))
    if kind < 0.2:
        return "".join(chr(dice.randint(1, 0xD7FF)) for _ in range(dice.randint(0, 200)))
    if kind < 0.25:
        return dice.choice("[{") * dice.randint(1, 60_000)
    opcodes = [one.opcode for one in subscriptions.IN_ANY_CASE.values()]
    names = (
        "code exchange portfolio depth frequency format tf from skipHistory orderStatuses instrumentGroup guid token"
    )
    message = {"opcode": dice.choice([*opcodes, "unsubscribe", "ping"]), "guid": "g", "token": token}
    message |= {"code": "SBER", "exchange": "MOEX", "portfolio": "D39004", "tf": 60, "from": 1776243000}
    for name in dice.sample(names.split(), dice.randint(0, 4)):
        message[name] = dice.choice(values)
    return json.dumps(message)


class TestHostileClients:
    @pytest.mark.parametrize("seed", range(4))
    async def test_garbage_does_no_harm(self, sandbox: Sandbox, ws: Talker, rest: Caller, seed: int) -> None:
        dice = random.Random(seed)
        guid = await ws.subscribe(BOOK, code="SBER")
        async with talking(sandbox) as enemy:
            for _ in range(400):
                message = _garbage(dice, enemy.token)
                if isinstance(message, bytes):
                    await enemy.websocket.send_bytes(message)
                else:
                    await enemy.say(message)
            await enemy.quiet()
            assert sum(map(len, enemy.replies.values())) == 401
            assert not any(reply["httpCode"] == 500 for replies in enemy.replies.values() for reply in replies)
        ws.take(guid)
        sandbox.market["SBER"].trade(price=300, lots=1)
        assert await ws.new(guid)
        assert (await rest("GET", "/md/v2/time")).status == 200
        sandbox.check()

    async def test_a_message_too_long_ends_its_connection_only(self, sandbox: Sandbox, ws: Talker) -> None:
        async with talking(sandbox) as enemy:
            await enemy.say("x" * (connection.LARGEST_MESSAGE + 1))
            await until(lambda: enemy.is_over)
            assert enemy.close_code == 1009
        await ws.quiet()
        sandbox.check()

    async def test_one_that_is_just_short_enough_is_answered(self, ws: Talker) -> None:
        await ws.say(f'{{"opcode":"ping","guid":"1","token":"{ws.token}"}}'.ljust(connection.LARGEST_MESSAGE))
        await until(lambda: ws.replies["1"])

    async def test_text_that_is_no_text_ends_its_connection_only(self, sandbox: Sandbox, ws: Talker) -> None:
        async with talking(sandbox) as enemy:
            await enemy.websocket.send_frame(b"\xff\xfe\xff", aiohttp.WSMsgType.TEXT)
            await until(lambda: enemy.is_over)
            assert enemy.close_code == 1007
        await ws.quiet()
        sandbox.check()

    async def test_ten_thousand_requests_in_a_burst(self, sandbox: Sandbox, ws: Talker, rest: Caller) -> None:
        """Every one of a burst is replied to, and others have their turn meanwhile."""
        async with talking(sandbox) as enemy:
            for number in range(10_000):
                request = {"opcode": TAPE, "code": "SBER", "exchange": "MOEX", "guid": f"g{number % 50}"}
                await enemy.say({**request, "token": enemy.token})
                if number % 2_500 == 0:
                    await ws.quiet()
                    assert (await rest("GET", "/md/v2/time")).status == 200
            await until(lambda: sum(map(len, enemy.replies.values())) == 10_000, within=20)
        sandbox.check()

    @pytest.mark.parametrize("end", ["reset", "half a frame", "half a handshake", "unmasked"])
    async def test_connections_that_end_badly(self, sandbox: Sandbox, ws: Talker, end: str) -> None:
        if end == "half a handshake":
            _, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.environment.api.rpartition(":")[2]))
            writer.write(b"GET /ws HTTP/1.1\r\nUpgrade: webso")
            writer.transport.abort()
        else:
            deaf = await asyncio.to_thread(_Deaf, sandbox)
            await asyncio.to_thread(
                deaf.say, {"opcode": BOOK, "code": "SBER", "exchange": "MOEX", "guid": "1", "token": ws.token}
            )
            await until(lambda: sum(len(one.subscriptions) for one in sandbox.sockets) == 1)
            deaf.socket.sendall({"half a frame": b"\x81\xfe\x10", "unmasked": b"\x81\x05hello"}.get(end, b""))
            if end == "reset":
                deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            deaf.socket.close()
        await until(lambda: len(sandbox.sockets) == 1)
        sandbox.market["SBER"].trade(price=300, lots=1)
        await ws.quiet()
        sandbox.check()

    async def test_stopping_is_quick_whoever_is_connected(self) -> None:
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        loop = asyncio.get_running_loop()
        with Sandbox(seed=1) as sandbox:
            async with many(sandbox, 3) as talkers:
                deaf = await asyncio.to_thread(_Deaf, sandbox)
                for talker in talkers:
                    await talker.subscribe(BOOK, code="SBER")
                began = loop.time()
                await asyncio.to_thread(sandbox.stop)
                assert loop.time() - began < 1.5
                await until(lambda: all(talker.is_over for talker in talkers))
                deaf.socket.close()
        await until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)  # noqa: PTH208
