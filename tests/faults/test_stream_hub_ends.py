"""How streams end: the client closes in any phase, a subscription is left, a consumer fails or acts from inside."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from alor_async import AsyncAlor, Environment
from alor_async._streams.events import Disconnected
from alor_async.errors import ClosedError
from alor_async.models import Side
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import Listener, client_of, settings
from tests.support.leftovers import open_sockets, other_tasks, our_tasks
from tests.support.rawserver import SILENCE, RawServer
from tests.support.refusing import full_backlog
from tests.support.streamserver import REFRESH_TOKEN, Heard, Line, StreamServer, acknowledge
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high, new_sandbox

CLOSES_WITHIN = 2.0


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


@pytest.fixture
async def nothing_left(server: StreamServer) -> AsyncIterator[None]:
    """Compare tasks and sockets before and after (O7)."""
    tasks, sockets = other_tasks(), open_sockets()
    yield
    gc.collect()
    assert our_tasks() == []
    await until(lambda: open_sockets() <= sockets and other_tasks() <= tasks)


async def close_quickly(alor: AsyncAlor) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await alor.close()
    assert loop.time() - began < CLOSES_WITHIN
    assert our_tasks() == []


async def enter(subscription: Any) -> asyncio.Task[Any]:
    """Begin to subscribe."""
    return asyncio.create_task(subscription.__aenter__(), name="test entering")


async def hang(request: web.BaseRequest) -> web.StreamResponse:
    """Answer nothing, until the client leaves."""
    await until(lambda: request.transport is None or request.transport.is_closing(), within=60)
    return web.Response()


def ignore(_line: Line, _one: Heard) -> None:
    """Acknowledge nothing."""


@pytest.mark.usefixtures("nothing_left")
class TestClosing:
    """Closing the client, whatever the streams are doing: two seconds at most, nothing left, `ClosedError`."""

    @pytest.mark.parametrize("phase", ["connecting", "tls"])
    async def test_f131_while_it_connects(self, server: StreamServer, phase: str) -> None:
        async with RawServer(SILENCE) as silent:
            with full_backlog() as full:
                ws = f"ws://127.0.0.1:{full}/ws" if phase == "connecting" else f"wss://127.0.0.1:{silent.port}/ws"
                at = server.environment.api
                there = Environment(name="scripted", api=at, oauth=at, ws=ws, cws=ws)
                alor = AsyncAlor(REFRESH_TOKEN, environment=there, streams=settings(ack_timeout=30))
                await alor.open()
                entering = await enter(alor.streams.quotes("MOEX:SBER"))
                if phase == "tls":
                    await until(lambda: silent.open_connections)
                await until(our_tasks)
                await close_quickly(alor)
                with pytest.raises(ClosedError):
                    await entering

    async def test_f131_while_it_shakes_hands(self, server: StreamServer) -> None:
        server.handshake = hang
        alor = server.client(settings(ack_timeout=30))
        await alor.open()
        entering = await enter(alor.streams.quotes("MOEX:SBER"))
        await until(lambda: server.handshakes)
        await close_quickly(alor)
        with pytest.raises(ClosedError):
            await entering

    async def test_f131_while_it_waits_for_a_token(self, server: StreamServer) -> None:
        class Slow:
            async def get_token(self) -> str:
                await asyncio.Event().wait()
                return ""

        alor = AsyncAlor(Slow(), environment=server.environment, streams=settings(ack_timeout=30))
        await alor.open()
        entering = await enter(alor.streams.quotes("MOEX:SBER"))
        await until(our_tasks)
        await close_quickly(alor)
        with pytest.raises(ClosedError):
            await entering

    async def test_f131_while_it_subscribes(self, server: StreamServer) -> None:
        server.answer = ignore
        alor = server.client(settings(ack_timeout=30))
        await alor.open()
        entering = [await enter(alor.streams.quotes(name)) for name in ("MOEX:SBER", "MOEX:GAZP")]
        await until(lambda: len(server.subscriptions) == 2)
        await close_quickly(alor)
        for task in entering:
            with pytest.raises(ClosedError):
                await task

    @pytest.mark.parametrize("phase", ["pausing", "shaking hands again", "subscribing again", "receiving", "flooded"])
    async def test_f131_while_somebody_listens(self, server: StreamServer, phase: str) -> None:
        alor = server.client(settings(reconnect_base=600, reconnect_cap=600) if phase == "pausing" else settings())
        await alor.open()
        listeners = []
        for stream in (alor.streams.quotes("MOEX:SBER"), alor.streams.orders(STOCKS)):
            await stream.__aenter__()
            listeners.append(Listener(stream))
        await PHASES[phase](server, listeners)
        await close_quickly(alor)
        await until(lambda: all(listener.is_over for listener in listeners))
        for listener in listeners:
            assert type(listener.error) is ClosedError
            with pytest.raises(ClosedError):
                await anext(listener.subscription)
            await listener.stop()

    async def test_f131_twice_at_once_and_once_more(self, server: StreamServer) -> None:
        alor = server.client(settings())
        await alor.open()
        stream = await alor.streams.quotes("MOEX:SBER").__aenter__()
        await asyncio.gather(alor.close(), alor.close())
        await alor.close()
        await stream.close()
        with pytest.raises(ClosedError):
            await alor.streams.quotes("MOEX:SBER").__aenter__()

    async def test_f131_a_subscription_that_is_cancelled_while_it_opens_leaves_nothing(
        self, server: StreamServer
    ) -> None:
        server.answer = ignore
        async with server.client(settings(ack_timeout=30)) as alor:
            entering = await enter(alor.streams.quotes("MOEX:SBER"))
            await until(lambda: server.subscriptions)
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
            server.answer = acknowledge
            async with alor.streams.quotes("MOEX:GAZP") as other:
                server.line.send("streams.quotes", server.line.guid_of("SBER"), c=1)
                server.line.send("streams.quotes", server.line.guid_of("GAZP"), c=120)
                assert (await anext(other)).last_price == 120
            await until(lambda: len(server.of("unsubscribe")) == 2)


async def _pausing(server: StreamServer, listeners: list[Listener]) -> None:
    await server.vanish()
    await until(lambda: all(listener.of(Disconnected) for listener in listeners))


async def _handshaking(server: StreamServer, _listeners: list[Listener]) -> None:
    server.handshake = hang
    known = len(server.handshakes)
    server.line.abort()
    await until(lambda: len(server.handshakes) > known)


async def _subscribing(server: StreamServer, _listeners: list[Listener]) -> None:
    server.answer = ignore
    known = len(server.subscriptions)
    server.line.abort()
    await until(lambda: len(server.subscriptions) == known + 2)


async def _receiving(server: StreamServer, listeners: list[Listener]) -> None:
    server.line.send("streams.quotes", server.line.guid_of("SBER"), c=250)
    await until(lambda: listeners[0].items)


async def _flooded(server: StreamServer, listeners: list[Listener]) -> None:
    """The server sends without a pause, and does not hear a goodbye."""
    line, guid = server.line, server.line.guid_of("SBER")

    async def pour() -> None:
        while line in server.open_lines:
            if line.unread < 1_000:
                line.send("streams.quotes", guid, c=250)
            if not line.unread % 20:
                await asyncio.sleep(0)

    server.helpers.append(asyncio.create_task(pour(), name="test pouring"))
    await until(lambda: listeners[0].items)


PHASES: dict[str, Callable[[StreamServer, list[Listener]], Awaitable[None]]] = {
    "pausing": _pausing,
    "shaking hands again": _handshaking,
    "subscribing again": _subscribing,
    "receiving": _receiving,
    "flooded": _flooded,
}


class TestConsumers:
    async def test_f150_one_that_raises_ends_its_own_subscription(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            quotes = alor.streams.quotes("MOEX:SBER")

            async def fail_at_the_first() -> None:
                async with quotes:
                    async for quote in quotes:
                        raise LookupError(quote.symbol)

            with pytest.raises(LookupError, match="SBER"):
                await fail_at_the_first()
            assert not quotes.is_live
            await until(lambda: [len(socket.subscriptions) for socket in sandbox.sockets] == [1])
            assert [item async for item in quotes] == []
            assert bystander.is_live
            await anext(bystander)

    async def test_f150_one_that_raises_in_a_task_of_its_own_is_heard_of(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor:

            async def consume(name: str, *, fails: bool) -> int:
                async with alor.streams.quotes(name) as quotes:
                    async for _ in quotes:
                        if fails:
                            raise LookupError(name)
                        return 1
                return 0

            outcomes = await asyncio.gather(
                consume("MOEX:SBER", fails=True), consume("MOEX:GAZP", fails=False), return_exceptions=True
            )
            assert type(outcomes[0]) is LookupError
            assert outcomes[1] == 1
            await until(lambda: [len(socket.subscriptions) for socket in sandbox.sockets] == [0])

    async def test_f151_a_handler_may_leave_its_subscription_and_take_another(self, sandbox: Sandbox) -> None:
        async with asyncio.timeout(10), client_of(sandbox) as alor:
            turns = 0
            async with alor.streams.quotes("MOEX:SBER") as quotes:
                async for _ in quotes:
                    turns += 1
                    await quotes.close()
                    async with alor.streams.quotes("MOEX:SBER") as again, alor.streams.order_book("MOEX:SBER") as book:
                        await anext(again)
                        await anext(book)
            assert turns == 1
            await until(lambda: [len(socket.subscriptions) for socket in sandbox.sockets] == [0])

    async def test_f151_a_handler_may_drain(self, server: StreamServer) -> None:
        async with server.client(settings()) as alor, alor.streams.market_trades("MOEX:SBER") as trades:
            for number in range(1, 6):
                server.line.send("streams.market_trades", server.line.guid_of("SBER"), id=number)
            await until(lambda: trades.pending == 5)
            seen = []
            async with asyncio.timeout(5):
                async for trade in trades:
                    seen.append(trade.trade_id)
                    await trades.drain()
            assert seen == [1, 2, 3, 4, 5]

    async def test_f151_a_handler_may_close_the_client(self, sandbox: Sandbox) -> None:
        async with asyncio.timeout(10):
            alor = client_of(sandbox)
            await alor.open()

            async def close_at_the_first() -> None:
                async with alor.streams.quotes("MOEX:SBER") as quotes:
                    async for _ in quotes:
                        await alor.close()

            with pytest.raises(ClosedError):
                await close_at_the_first()
            assert our_tasks() == []

    async def test_f151_a_handler_may_give_orders_and_see_them(self, sandbox: Sandbox) -> None:
        low, _ = low_and_high(sandbox)
        async with asyncio.timeout(10), client_of(sandbox) as alor, alor.streams.orders(STOCKS) as orders:
            first = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low)
            placed, cancelled = [first.order_id], []
            async for order in orders:
                if order.status == "working" and len(placed) < 4:
                    another = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low)
                    placed.append(another.order_id)
                    await alor.orders.cancel(STOCKS, order.order_id)
                elif order.status == "canceled":
                    cancelled.append(order.order_id)
                    if len(cancelled) == 3:
                        break
            assert cancelled == placed[:3]


class TestLeaving:
    async def test_f152_the_end_is_immediate_though_the_request_is_lost(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            await anext(bystander)
            lost = sandbox.faults.ws.drop(opcode="unsubscribe", times=None)
            quotes = await alor.streams.quotes("MOEX:SBER").__aenter__()
            await anext(quotes)
            async with asyncio.timeout(0.5):
                await quotes.close()
                assert [item async for item in quotes] == []
            await until(lambda: lost.fired)
            received = quotes.received
            for name in ("SBER", "GAZP"):
                market = sandbox.market[name]
                market.move_to(market.quote.last_price + market.spec.price_step)
            await sandbox.clock.advance(seconds=1)
            await anext(bystander)
            assert quotes.received == received, "what is left over is for nobody"
            assert sandbox.sockets.count("ws") == 1

    async def test_f152_what_comes_after_it_was_left_is_for_nobody(self, server: StreamServer) -> None:
        async with server.client(settings()) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            quotes = await alor.streams.quotes("MOEX:SBER").__aenter__()
            line, guid = server.line, server.line.guid_of("SBER")
            for price in range(200):
                line.send("streams.quotes", guid, c=price + 1)
            await quotes.close()
            line.reply(guid, 404, "there is no such subscription")
            line.send("streams.quotes", line.guid_of("GAZP"), c=120)
            assert (await anext(bystander)).last_price == 120
            assert [item async for item in quotes] == []
            assert len(server.lines) == 1

    async def test_f152_the_server_refuses_to_unsubscribe_and_nobody_minds(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            sandbox.faults.ws.reject(401, "Invalid JWT token!", opcode="unsubscribe", times=None)
            async with alor.streams.quotes("MOEX:SBER") as quotes:
                await anext(quotes)
            await until(lambda: sandbox.messages.count("unsubscribe"))
            await anext(bystander)
            assert bystander.is_live

    async def test_f152_closing_the_client_ends_it_at_the_exchange_without_a_request(self, sandbox: Sandbox) -> None:
        alor = client_of(sandbox)
        await alor.open()
        stream = await alor.streams.quotes("MOEX:SBER", "MOEX:GAZP").__aenter__()
        assert [len(socket.subscriptions) for socket in sandbox.sockets] == [2]
        await alor.close()
        await until(lambda: not len(sandbox.sockets))
        with contextlib.suppress(ClosedError):
            await stream.close()
