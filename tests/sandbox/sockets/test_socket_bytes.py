"""Faults of the bytes under a socket: silence, delays, pieces, and ends, at any moment of its life."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker, talking
from tests.sandbox.sockets.watching import SHORT, lots_of, silent, trade, watch
from tests.support.waiting import until


class TestBytes:
    @pytest.mark.parametrize("direction", ["out", "in", "both"])
    async def test_a_blackhole_loses_nothing_when_it_is_over(
        self, sandbox: Sandbox, ws: Talker, direction: Any
    ) -> None:
        guid = await watch(ws)
        with sandbox.faults.net.blackhole(direction, socket="ws"):
            trade(sandbox, 2)
            heard = not await silent(ws, guid)
            assert heard is (direction == "in")
            before = sandbox.messages.count("ping")
            await ws.say({"opcode": "ping", "guid": "through", "token": ws.token})
            if direction == "out":
                await until(lambda: sandbox.messages.count("ping") > before)
            else:
                await asyncio.sleep(SHORT)
                assert sandbox.messages.count("ping") == before
            assert ws.replies["through"] == []
        await until(lambda: ws.replies["through"])
        if direction != "in":
            assert lots_of(await ws.new(guid)) == [2]

    async def test_it_is_on_future_sockets_too(self, sandbox: Sandbox) -> None:
        with sandbox.faults.net.blackhole("out", socket="ws") as armed:
            async with talking(sandbox) as ws:
                await ws.say({"opcode": "ping", "guid": "p", "token": ws.token})
                await until(lambda: sandbox.messages.count("ping") == 1)
                assert ws.replies["p"] == []
                armed.clear()
                await until(lambda: ws.replies["p"])
        assert armed.fired == 1

    async def test_while_nothing_passes_the_unread_messages_add_up_to_the_cut(
        self, sandbox: Sandbox, ws: Talker
    ) -> None:
        guid = await watch(ws)
        sandbox.faults.net.blackhole("out", socket="ws")
        sandbox.faults.ws.dup(40, guid=guid, times=None)
        for _ in range(200):
            trade(sandbox)
        await until(lambda: ws.is_over)

    async def test_latency_delays_a_stream_as_a_whole(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        sandbox.faults.net.latency(0.1, socket="ws")
        begun = time.monotonic()
        for lots in range(1, 11):
            trade(sandbox, lots)
            await asyncio.sleep(0.005)
        assert lots_of(await ws.new(guid, 10)) == list(range(1, 11))
        assert 0.1 <= time.monotonic() - begun < 0.6

    async def test_slices_and_a_pace_change_nothing_but_time(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        sandbox.faults.net.slicer(1, socket="ws")
        sandbox.faults.net.slicer(3, direction="in", socket="ws")
        sandbox.faults.net.bandwidth(20_000, direction="in", socket="ws")
        for lots in range(1, 6):
            trade(sandbox, lots)
        assert lots_of(await ws.new(guid, 5)) == [1, 2, 3, 4, 5]
        await ws.quiet()
        sandbox.faults.clear()
        assert sandbox.faults.armed == ()
        await ws.quiet()

    async def test_reset_now(self, sandbox: Sandbox, ws: Talker) -> None:
        assert sandbox.faults.net.reset(socket="ws").fired == 1
        await until(lambda: ws.is_over)
        async with talking(sandbox) as again:
            await watch(again)

    async def test_what_was_aimed_at_the_handshake_is_over_with_it(self, sandbox: Sandbox) -> None:
        sandbox.faults.net.latency(0.3, operation="ws.open")
        begun = time.monotonic()
        async with talking(sandbox) as ws:
            assert time.monotonic() - begun >= 0.3
            guid = await watch(ws)
            begun = time.monotonic()
            trade(sandbox)
            await ws.new(guid)
            assert time.monotonic() - begun < 0.25

    @pytest.mark.parametrize("after", [1, 20, 60])
    async def test_reset_inside_a_message(self, sandbox: Sandbox, ws: Talker, after: int) -> None:
        guid = await watch(ws)
        sandbox.faults.net.reset(after, socket="ws")
        trade(sandbox)
        await until(lambda: ws.is_over)
        assert ws.data[guid] == []

    async def test_half_close_goes_on_reading(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.net.half_close(socket="ws")
        await until(lambda: ws.is_over)

    async def test_nat_drop_silences_what_is_open_and_resets_it_when_cleared(
        self, sandbox: Sandbox, ws: Talker, rest: Caller
    ) -> None:
        guid = await watch(ws)
        await rest("GET", "/md/v2/time")
        with sandbox.faults.net.nat_drop():
            trade(sandbox)
            assert await silent(ws, guid)
            assert not ws.is_over
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    await rest("GET", "/md/v2/time")
            async with talking(sandbox) as fresh:
                with sandbox.faults.net.latency(0.01, socket="ws"):
                    await watch(fresh)
                await fresh.quiet()
            assert await silent(ws, guid)
        await until(lambda: ws.is_over)
        assert (await rest("GET", "/md/v2/time")).status == 200

    async def test_ban(self, sandbox: Sandbox, ws: Talker, rest: Caller) -> None:
        armed = sandbox.faults.net.ban(60)
        await until(lambda: ws.is_over)
        assert ws.close_code == 1008
        assert (await rest("GET", "/md/v2/time")).status == 429
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with talking(sandbox):
                raise AssertionError("it was let in")
        await sandbox.clock.advance(seconds=60)
        assert (await rest("GET", "/md/v2/time")).status == 200
        assert armed.fired == 2
