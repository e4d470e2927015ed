"""Faults of `/ws`: of whole sockets, of single messages, and of the bytes under them; everything heals when it is cleared."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox, SandboxBroken
from tests.sandbox.sockets.client import Talker, talking
from tests.sandbox.sockets.trader import Trader
from tests.sandbox.sockets.watching import SHORT, lots_of, silent, trade, watch
from tests.support.waiting import until


def names(sandbox: Sandbox) -> list[Any]:
    return [entry.details["fault"] for entry in sandbox.journal.of("fault")]


class TestWholeSockets:
    @pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4000, 4999])
    async def test_close_with_any_code(self, sandbox: Sandbox, ws: Talker, code: int) -> None:
        armed = sandbox.faults.ws.close(code, "because")
        await until(lambda: ws.is_over)
        assert (ws.close_code, armed.fired, sandbox.faults.armed) == (code, 1, ())
        (entry,) = sandbox.journal.of("fault")
        assert (entry.details["fault"], entry.details["socket"]) == ("ws.close", "ws")

    async def test_the_peer_may_answer_a_closing_frame(self, sandbox: Sandbox) -> None:
        port = int(sandbox.environment.api.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = ("GET /ws HTTP/1.1", "Host: here", "Upgrade: websocket", "Connection: Upgrade")
        asked += ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "")
        writer.write("\r\n".join(asked).encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await until(lambda: len(sandbox.sockets) == 1)
        sandbox.faults.ws.close(1001)
        assert await reader.readexactly(4) == b"\x88\x02\x03\xe9"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT):
                await reader.read(1)
        writer.write(b"\x88\x82\x00\x00\x00\x00\x03\xe9")
        assert await reader.read() == b""
        writer.close()

    async def test_what_is_over_at_once_leaves_new_sockets_alone(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.ws.abort()
        await until(lambda: ws.is_over)
        assert ws.close_code == 1006
        async with talking(sandbox) as again:
            await watch(again)

    async def test_times_counts_new_sockets_too(self, sandbox: Sandbox, ws: Talker) -> None:
        armed = sandbox.faults.ws.close(1012, times=2)
        await until(lambda: ws.is_over)
        async with talking(sandbox) as second:
            await until(lambda: second.is_over)
            assert second.close_code == 1012
        async with talking(sandbox) as third:
            await watch(third)
        assert armed.fired == 2

    async def test_the_other_kind_is_left_alone(self, sandbox: Sandbox, ws: Talker, cws: Trader) -> None:
        sandbox.faults.cws.close(1001)
        await until(lambda: cws.talker.is_over)
        await watch(ws)

    async def test_a_closing_at_a_message_that_is_not_acted_on(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.ws.close(1011, opcode="BarsGetAndSubscribe")
        await watch(ws)
        await ws.say({"opcode": "BarsGetAndSubscribe", "guid": "b", "token": ws.token, "exchange": "MOEX"})
        await until(lambda: ws.is_over)
        assert (ws.close_code, ws.replies["b"]) == (1011, [])

    async def test_a_closing_after_a_reply(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.ws.close(1011, opcode="AllTrades*", stage="after_execution")
        guid = await watch(ws)
        assert ws.replies[guid][0]["httpCode"] == 200
        await until(lambda: ws.is_over)
        assert ws.close_code == 1011

    async def test_stall_stops_everything_until_cleared(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        with sandbox.faults.ws.stall():
            trade(sandbox, 3)
            await ws.say({"opcode": "ping", "guid": "late", "token": ws.token})
            assert await silent(ws, guid)
            assert ws.replies["late"] == []
        assert lots_of(await ws.new(guid)) == [3]
        await until(lambda: ws.replies["late"])

    async def test_a_time_window(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        sandbox.faults.ws.stall(after=10, until=20)
        trade(sandbox, 1)
        assert lots_of(await ws.new(guid)) == [1]
        await sandbox.clock.advance(seconds=10)
        trade(sandbox, 2)
        assert await silent(ws, guid)
        await sandbox.clock.advance(seconds=10)
        assert lots_of(await ws.new(guid)) == [2]

    @pytest.mark.parametrize("payload", [b"\xf1\x01a", b"\x83\x00", b"\x89\x7e\x00\x7e", b"\x80\x01a"])
    async def test_frames_that_are_none(self, sandbox: Sandbox, payload: bytes) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.environment.ws) as socket:
            sandbox.faults.ws.raw(payload + b"\x00" * 200)
            frame = await socket.receive()
            assert (frame.type, socket.close_code) == (aiohttp.WSMsgType.ERROR, 1002)

    async def test_a_fragmented_message_and_an_unasked_pong(self, sandbox: Sandbox, ws: Talker) -> None:
        message = json.dumps({"data": {"qty": 9}, "guid": "made-up"}).encode()
        sandbox.faults.ws.raw(
            bytes([0x01, 10]) + message[:10] + b"\x8a\x00" + bytes([0x80, len(message) - 10]) + message[10:]
        )
        assert lots_of(await ws.new("made-up")) == [9]
        await watch(ws)

    @pytest.mark.parametrize("status", [401, 403, 406, 429, 502])
    async def test_a_refused_handshake(self, sandbox: Sandbox, status: int) -> None:
        armed = sandbox.faults.ws.refuse(status, body="<html>no</html>", headers={"Retry-After": "7"})
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with talking(sandbox):
                raise AssertionError("it was let in")
        assert (caught.value.status, (caught.value.headers or {})["Retry-After"]) == (status, "7")
        assert sandbox.requests[-1].status == status
        async with talking(sandbox) as again:
            await watch(again)
        assert armed.fired == 1

    async def test_a_handshake_is_a_request_that_faults_of_requests_can_be_aimed_at(self, sandbox: Sandbox) -> None:
        sandbox.faults.http.delay(0.05, operation="ws.open")
        begun = time.monotonic()
        async with talking(sandbox) as ws:
            assert time.monotonic() - begun >= 0.05
            await watch(ws)
        sandbox.faults.req.drop(route="GET /ws", times=None)
        with pytest.raises(aiohttp.ClientError):
            async with talking(sandbox):
                raise AssertionError("it was let in")


class TestMessages:
    async def test_mute_one_guid(self, sandbox: Sandbox, ws: Talker) -> None:
        muted, heard = await watch(ws), await watch(ws)
        with sandbox.faults.ws.mute(guid=muted) as armed:
            trade(sandbox, 1)
            assert lots_of(await ws.new(heard)) == [1]
            await ws.quiet()
            assert ws.take(muted) == []
        trade(sandbox, 2)
        assert lots_of(await ws.new(muted)) == [2]
        assert armed.fired == 1
        assert names(sandbox) == ["ws.mute"]

    async def test_mute_by_opcode_symbol_and_all_while_pings_are_answered(self, sandbox: Sandbox, ws: Talker) -> None:
        sber = await watch(ws)
        gazp = await ws.subscribe("AllTradesGetAndSubscribe", code="GAZP")
        for which in ({"opcode": "alltrades*"}, {}):
            with sandbox.faults.ws.mute(**which):
                trade(sandbox)
                await ws.quiet()
                assert ws.take(sber) == []
        with sandbox.faults.ws.mute(symbol="gazp"):
            trade(sandbox, symbol="GAZP")
            trade(sandbox)
            await ws.new(sber)
            await ws.quiet()
            assert ws.take(gazp) == []

    async def test_portfolio(self, sandbox: Sandbox, ws: Talker, stocks: str, derivatives: str) -> None:
        mine = await ws.subscribe("SummariesGetAndSubscribeV2", portfolio=stocks)
        assert len(await ws.new(mine)) == 1
        sandbox.faults.ws.reject_subscribe(portfolio=stocks, times=None)
        assert (await ws.ask("SummariesGetAndSubscribeV2", portfolio=stocks))["httpCode"] == 400
        await ws.subscribe("SummariesGetAndSubscribeV2", portfolio=derivatives)

    async def test_dup_and_flood(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        sandbox.faults.ws.dup()
        trade(sandbox, 5)
        trade(sandbox, 6)
        assert lots_of(await ws.new(guid, 3)) == [5, 5, 6]
        sandbox.faults.ws.flood(500, guid=guid)
        trade(sandbox, 7)
        assert lots_of(await ws.new(guid, 500)) == [7] * 500

    async def test_a_flood_that_nobody_could_read_cuts_the_connection(self, sandbox: Sandbox, ws: Talker) -> None:
        await watch(ws)
        sandbox.faults.ws.flood(5_001)
        trade(sandbox)
        await until(lambda: ws.is_over)

    async def test_reorder(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        with sandbox.faults.ws.reorder(4):
            for lots in range(1, 7):
                trade(sandbox, lots)
            first = lots_of(await ws.new(guid, 4))
            assert sorted(first) == [1, 2, 3, 4] != first
            await ws.quiet()
            assert ws.take(guid) == []
        assert sorted(lots_of(await ws.new(guid, 2))) == [5, 6]

    async def test_corrupt(self, sandbox: Sandbox, ws: Talker) -> None:
        guid = await watch(ws)
        sandbox.faults.ws.corrupt(lambda honest: honest.replace(b'"qty":4', b'"qty":"NaN"'))
        trade(sandbox, 4)
        assert [one["qty"] for one in await ws.new(guid)] == ["NaN"]

    async def test_corrupt_at_random(self, sandbox: Sandbox) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.environment.ws) as socket:
            sandbox.faults.ws.corrupt()
            request = {"opcode": "SummariesGetAndSubscribeV2", "guid": "g", "exchange": "MOEX"}
            request |= {"portfolio": sandbox.portfolios[0], "token": sandbox.tokens.issue()}
            await socket.send_json(request)
            with pytest.raises(ValueError):
                json.loads((await socket.receive()).data)
            assert json.loads((await socket.receive()).data)["httpCode"] == 200

    async def test_a_function_that_fails_is_a_failure_of_the_sandbox(self, sandbox: Sandbox, ws: Talker) -> None:
        await watch(ws)
        sandbox.faults.ws.corrupt(lambda honest: honest[: 1 // 0])
        trade(sandbox)
        await until(lambda: sandbox._gateway.failures)
        with pytest.raises(SandboxBroken, match="ZeroDivisionError"):
            sandbox.check()
        sandbox._gateway.failures.clear()

    async def test_lost_late_and_strange_replies(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.ws.drop_ack(opcode="AllTrades*")
        await ws.say(
            {"opcode": "AllTradesGetAndSubscribe", "guid": "t", "code": "SBER", "exchange": "MOEX", "token": ws.token}
        )
        trade_heard = asyncio.create_task(ws.new("t"))
        await until(
            lambda: sandbox.messages.count("AllTrades*") == 1 and len(sandbox.sockets.of("ws")[0].subscriptions)
        )
        trade(sandbox, 8)
        assert lots_of(await trade_heard) == [8]
        assert ws.replies["t"] == []
        sandbox.faults.ws.delay_ack(0.1, guid="late")
        await ws.say({"opcode": "ping", "guid": "late", "token": ws.token})
        await ws.quiet()
        assert ws.replies["late"] == []
        await until(lambda: ws.replies["late"])
        sandbox.faults.ws.wrong_guid("stranger", opcode="ping")
        await ws.say({"opcode": "ping", "guid": "mine", "token": ws.token})
        await until(lambda: ws.replies["stranger"])
        assert ws.replies["mine"] == []

    async def test_a_subscription_that_is_refused_or_never_arrives(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.ws.reject_subscribe(404, "There is nothing")
        reply = await ws.ask("AllTradesGetAndSubscribe", code="SBER")
        assert (reply["httpCode"], reply["message"]) == (404, "There is nothing")
        sandbox.faults.ws.drop(guid="lost")
        await ws.say(
            {
                "opcode": "AllTradesGetAndSubscribe",
                "guid": "lost",
                "code": "SBER",
                "exchange": "MOEX",
                "token": ws.token,
            }
        )
        await ws.quiet()
        assert ws.replies["lost"] == []
        assert sandbox.sockets.of("ws")[0].subscriptions == ()

    @pytest.mark.parametrize("closes", [False, True])
    async def test_ping_may_be_unknown(self, sandbox: Sandbox, ws: Talker, closes: bool) -> None:
        with sandbox.faults.ws.ping_unsupported(closes=closes):
            assert (await ws.ask("ping"))["httpCode"] == 400
            if closes:
                await until(lambda: ws.is_over)
                return
        assert (await ws.ask("ping"))["httpCode"] == 200

    async def test_a_rejected_token(self, sandbox: Sandbox, ws: Talker) -> None:
        sandbox.faults.auth.reject(1)
        assert (await ws.ask("AllTradesGetAndSubscribe", code="SBER"))["httpCode"] == 401
        await watch(ws)

    async def test_the_same_seed_damages_the_same_way(self) -> None:
        async def story() -> list[int]:
            with Sandbox(seed=5, time="stepped") as sandbox:
                async with talking(sandbox) as ws:
                    guid = await watch(ws)
                    sandbox.faults.ws.mute(probability=0.5)
                    for lots in range(1, 20):
                        trade(sandbox, lots)
                    await ws.quiet()
                    return lots_of(ws.take(guid))

        first = await story()
        assert first == await story()
        assert 0 < len(first) < 19


class TestWhatMakesNoSense:
    @pytest.mark.parametrize(
        ("argument", "arm"),
        [
            ("socket", lambda faults: faults.net.blackhole(socket="wss")),
            ("direction", lambda faults: faults.net.blackhole("up", socket="ws")),
            ("guid", lambda faults: faults.net.latency(1, socket="ws", guid="x")),
            ("symbol", lambda faults: faults.net.blackhole(socket="ws", symbol="SBER")),
            ("socket", lambda faults: faults.net.slow_close(1, socket="ws")),
            ("socket", lambda faults: faults.http.status(500, socket="ws")),
            ("opcode", lambda faults: faults.http.status(500, opcode="ping")),
            ("operation", lambda faults: faults.ws.mute(operation="orders.*")),
            ("opcode", lambda faults: faults.ws.mute(opcode="NoSuchThing")),
            ("guid", lambda faults: faults.ws.mute(guid=5)),
            ("code", lambda faults: faults.ws.close(70_000)),
            ("code", lambda faults: faults.ws.close("1000")),
            ("reason", lambda faults: faults.ws.close(1000, "x" * 124)),
            ("window", lambda faults: faults.ws.reorder(1)),
            ("n", lambda faults: faults.ws.flood(0)),
            ("copies", lambda faults: faults.ws.dup(1.5)),
            ("unheard_of", lambda faults: faults.ws.mute(unheard_of=1)),
        ],
    )
    def test_it_is_refused_by_name(self, argument: str, arm: Any) -> None:
        with pytest.raises(ConfigError) as caught:
            arm(Sandbox().faults)
        assert caught.value.argument == argument
