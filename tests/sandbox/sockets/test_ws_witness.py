"""What tests see of sockets, and the places where faults take hold."""

from __future__ import annotations

import asyncio
import gc
import re

import pytest

from alor_async.sandbox import Sandbox
from alor_async.sandbox.gateway.sockets.connection import About, Connection
from alor_async.sandbox.gateway.sockets.messages import Message
from tests.sandbox.sockets.client import Talker, talking
from tests.support.waiting import until

BOOK = "OrderBookGetAndSubscribe"


def on_loop(sandbox: Sandbox, connection: Connection, deed: str, *arguments: object) -> None:
    """Do something to a connection where it lives."""

    async def act() -> None:
        getattr(connection, deed)(*arguments)

    sandbox._host.submit(act).result(2)


class TestWitness:
    async def test_open_sockets_and_their_subscriptions(self, ws: Talker, stocks: str) -> None:
        book = await ws.subscribe(BOOK, code="sber", format="slim")
        await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=stocks.lower(), guid="mine")
        (socket,) = ws.sandbox.sockets
        assert (socket.number, socket.kind, socket.received, socket.sent) == (1, "ws", 2, 3)
        assert [(one.opcode, one.of, one.format, one.guid) for one in socket.subscriptions] == [
            (BOOK, "MOEX:SBER", "Slim", book),
            ("OrdersGetAndSubscribeV2", stocks, "Simple", "mine"),
        ]
        assert (ws.sandbox.sockets.count(), ws.sandbox.sockets.count("ws"), ws.sandbox.sockets.count("cws")) == (
            1,
            1,
            0,
        )

    async def test_closed_ones_are_counted_and_not_listed(self, sandbox: Sandbox) -> None:
        for _ in range(3):
            async with talking(sandbox):
                pass
        await until(lambda: not len(sandbox.sockets))
        assert (sandbox.sockets.count("ws"), sandbox.sockets.of("ws")) == (3, ())

    async def test_messages_are_kept_and_counted(self, ws: Talker, stocks: str) -> None:
        await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=stocks, guid="mine")
        await ws.ask("ordersgetandsubscribev2", portfolio="D1")
        await ws.say("hello")
        await ws.quiet()
        messages = ws.sandbox.messages
        assert len(messages) == 4
        assert [messages.count(name) for name in ("OrdersGetAndSubscribeV2", "orders*", "ping", None)] == [2, 2, 1, 4]
        first = messages.of("OrdersGetAndSubscribeV2")[0]
        assert (first.kind, first.connection, first.guid, first.json) == (
            "ws",
            1,
            "mine",
            {
                "opcode": "OrdersGetAndSubscribeV2",
                "guid": "mine",
                "token": "***",
                "exchange": "MOEX",
                "portfolio": stocks,
            },
        )
        assert (messages[2].opcode, messages[2].text, messages[-1].opcode) == ("", "hello", "ping")
        messages.clear()
        assert (len(messages), list(messages), messages.count()) == (0, [], 0)

    @pytest.mark.parametrize(
        "text",
        [
            '{{"opcode":"ping","guid":"1","token":"{}"}}',
            '{{"opcode":"ping","guid":"1","Token" : "{}"}}',
            '{{"opcode":"ping","guid":"1","token":"{}"',
            "token={}",
            '{{"opcode":"{0}","guid":"{0}"}}',
        ],
    )
    async def test_no_token_is_readable(self, ws: Talker, text: str) -> None:
        await ws.say(text.format(ws.token))
        await until(lambda: len(ws.sandbox.messages))
        (heard,) = ws.sandbox.messages
        signature = ws.token.rpartition(".")[2]
        for shown in (heard.text, repr(heard), str(heard), heard.opcode, heard.guid):
            assert not re.search(re.escape(signature), shown)


class TestHooks:
    async def test_before_send_sees_what_each_message_is_about_and_may_change_it(self, ws: Talker, stocks: str) -> None:
        seen: list[About] = []

        def twice(connection: Connection, payload: bytes, about: About) -> tuple[bytes, ...]:
            seen.append(about)
            return () if about.is_reply else (payload, payload)

        ws.sandbox.sockets.hooks.before_send = twice
        await ws.say({"opcode": BOOK, "guid": "b", "token": ws.token, "exchange": "MOEX", "code": "SBER"})
        assert len(await ws.new("b", 2)) == 2
        orders = {"opcode": "summariesgetandsubscribev2", "guid": "s", "portfolio": stocks}
        await ws.say({**orders, "token": ws.token, "exchange": "MOEX"})
        await ws.new("s", 2)
        ws.sandbox.sockets.hooks.before_send = None
        await ws.quiet()
        assert seen == [
            About(BOOK, "b", False, symbol="MOEX:SBER"),
            About(BOOK, "b"),
            About("SummariesGetAndSubscribeV2", "s", False, portfolio=stocks),
            About("SummariesGetAndSubscribeV2", "s"),
        ]
        assert not ws.replies["b"]

    async def test_it_sees_long_snapshots_too(self, ws: Talker) -> None:
        def drop_data(connection: Connection, payload: bytes, about: About) -> tuple[bytes, ...]:
            return (payload,) if about.is_reply else ()

        ws.sandbox.sockets.hooks.before_send = drop_data
        guid = await ws.subscribe("AllTradesGetAndSubscribe", code="SBER", depth=500)
        assert not ws.take(guid)

    async def test_before_hear_may_swallow_a_message_or_put_it_off(self, ws: Talker) -> None:
        kept: list[Message] = []

        def keep(connection: Connection, message: Message) -> Message | None:
            kept.append(message)
            return None

        ws.sandbox.sockets.hooks.before_hear = keep
        await ws.say({"opcode": "ping", "guid": "1", "token": ws.token})
        await until(lambda: kept)
        ws.sandbox.sockets.hooks.before_hear = None
        await ws.quiet()
        assert not ws.replies["1"]
        (connection,) = ws.sandbox.sockets.connections()
        on_loop(ws.sandbox, connection, "hear", kept[0])
        await until(lambda: ws.replies["1"])
        assert ws.token not in repr(kept[0])

    async def test_a_hook_that_fails_is_reported_and_does_not_end_the_connection(self) -> None:
        with Sandbox() as sandbox:
            async with talking(sandbox) as ws:

                def fail(connection: Connection, message: Message) -> Message | None:
                    raise ZeroDivisionError("the hook's own")

                sandbox.sockets.hooks.before_hear = fail
                await ws.say({"opcode": "ping", "guid": "1", "token": ws.token})
                await until(lambda: sandbox._gateway.failures)
                sandbox.sockets.hooks.before_hear = None
                await ws.quiet()
            with pytest.raises(AssertionError, match="the hook's own"):
                sandbox.check()

    @pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4999])
    async def test_close_comes_after_what_is_queued(self, ws: Talker, code: int) -> None:
        guid = await ws.subscribe("AllTradesGetAndSubscribe", code="SBER")
        (connection,) = ws.sandbox.sockets.connections()
        with ws.sandbox._lock:
            for _ in range(100):
                ws.sandbox.market["SBER"].trade(price=300, lots=1)
        await until(lambda: len(ws.data[guid]) >= 1)
        on_loop(ws.sandbox, connection, "close", code, "так надо")
        await until(lambda: ws.is_over)
        assert ws.close_code == code
        assert len(ws.take(guid)) == 100
        await until(lambda: not len(ws.sandbox.sockets))

    async def test_abort_is_a_reset(self, ws: Talker) -> None:
        (connection,) = ws.sandbox.sockets.connections()
        on_loop(ws.sandbox, connection, "abort")
        await until(lambda: ws.is_over)
        assert ws.close_code == 1006
        await until(lambda: not len(ws.sandbox.sockets))

    async def test_hold_and_release(self, ws: Talker) -> None:
        (connection,) = ws.sandbox.sockets.connections()
        on_loop(ws.sandbox, connection, "hold")
        await ws.say({"opcode": "ping", "guid": "1", "token": ws.token})
        await until(lambda: connection.unread == 1)
        assert not ws.heard
        on_loop(ws.sandbox, connection, "release")
        await until(lambda: ws.replies["1"])

    async def test_closing_a_held_connection_takes_two_seconds(self, ws: Talker) -> None:
        (connection,) = ws.sandbox.sockets.connections()
        on_loop(ws.sandbox, connection, "hold")
        on_loop(ws.sandbox, connection, "close")
        began = asyncio.get_running_loop().time()
        await until(lambda: ws.is_over)
        assert 1.5 < asyncio.get_running_loop().time() - began < 4
        await until(lambda: not ws.sandbox.connections)

    async def test_nothing_is_left_of_a_connection(self, sandbox: Sandbox) -> None:
        async with talking(sandbox) as ws:
            await ws.subscribe(BOOK, code="SBER")
        await until(lambda: not len(sandbox.sockets))
        await sandbox.clock.advance(seconds=5)
        gc.collect()
        await until(lambda: not [one for one in gc.get_objects() if type(one) is Connection and one.kind == "ws"])
