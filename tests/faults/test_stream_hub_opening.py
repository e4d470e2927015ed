"""A socket that does not open, and requests on it that are refused, forgotten or answered oddly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest
from aiohttp import web

from alor_async._streams.events import Reconnected
from alor_async.errors import (
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    StatusError,
    StreamError,
    StreamLost,
    SubscriptionRejected,
    TokenRefused,
    TransportError,
    Unauthorized,
)
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import OWN, client_of, listening, live_until, settings
from tests.support.manual_clock import ManualClock
from tests.support.streamserver import Heard, Line, StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

PAGE = "<!DOCTYPE html><html><body>Welcome</body></html>"
QUOTES = "QuotesSubscribe"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


class TestHandshake:
    @pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (404, NotFound), (406, StatusError)])
    async def test_f117_a_refusal_that_will_stay_is_told_at_once(
        self, sandbox: Sandbox, status: int, kind: type[StatusError]
    ) -> None:
        sandbox.faults.ws.refuse(status, body=PAGE, times=None)
        async with client_of(sandbox) as alor:
            with pytest.raises(StreamLost, match=str(status)) as lost:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert type(lost.value.last_error) is kind
            assert lost.value.last_error.status == status
            assert lost.value.attempts == 1
            # The next one begins afresh.
            sandbox.faults.clear()
            async with alor.streams.quotes("MOEX:SBER") as quotes:
                await anext(quotes)

    @pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (502, ServerError)])
    async def test_f117_one_that_may_pass_is_told_when_time_is_up(
        self, sandbox: Sandbox, status: int, kind: type[StatusError]
    ) -> None:
        sandbox.faults.ws.refuse(status, body=PAGE, times=None)
        async with client_of(sandbox, ack_timeout=0.3) as alor:
            with pytest.raises(StreamLost, match=str(status)) as lost:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert type(lost.value.last_error) is kind
            assert lost.value.last_error.status == status
            assert lost.value.attempts > 1
            assert 0 <= lost.value.attempts - sandbox.requests.count("ws.open") <= 1, "the last may be under way"

    async def test_f117_a_401_costs_exactly_one_refresh(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor:
            await alor.get_server_time()
            sandbox.faults.ws.refuse(401)
            async with alor.streams.quotes("MOEX:SBER") as quotes:
                await anext(quotes)
            assert sandbox.tokens.refreshes == 2
            assert sandbox.requests.count("ws.open") == 2

    async def test_f117_a_401_that_stays_costs_one_refresh_and_no_more(self, sandbox: Sandbox) -> None:
        sandbox.faults.ws.refuse(401, times=None)
        async with client_of(sandbox, ack_timeout=0.5) as alor:
            await alor.get_server_time()
            for _ in range(3):
                with pytest.raises(StreamLost) as lost:
                    await alor.streams.quotes("MOEX:SBER").__aenter__()
                assert type(lost.value.last_error) is Unauthorized
            assert sandbox.tokens.refreshes == 1, "the handshake itself takes no token"
            await alor.get_server_time()
            assert sandbox.tokens.refreshes == 2

    async def test_f117_a_429_costs_the_pause_that_it_asks_for(self) -> None:
        clock = ManualClock()
        async with StreamServer(clock=clock) as server, server.client() as alor:
            server.handshake = refusing(429, {"Retry-After": "7"}, times=1)
            opening = asyncio.create_task(alor.streams.quotes("MOEX:SBER").__aenter__())
            await live_until(clock, opening.done, within=9)
            await opening
            first, second = server.handshakes
            assert 7.0 <= second - first < 8.0

    @pytest.mark.parametrize("how", ["page", "silence", "wrong key", "no upgrade", "cut"])
    async def test_f117_what_is_no_handshake_is_named(self, server: StreamServer, how: str) -> None:
        server.handshake = SPOILED[how]
        async with server.client(settings(ack_timeout=0.4)) as alor:
            async with asyncio.timeout(3):
                with pytest.raises(StreamLost) as lost:
                    await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert isinstance(lost.value.last_error, TransportError)
            assert type(lost.value.last_error).__module__ == "alor_async.errors"

    async def test_f117_a_reconnection_goes_on_whatever_the_refusals(self, server: StreamServer) -> None:
        async with (
            server.client(settings(ack_timeout=0.3)) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            refusals = [refusing(status) for status in (502, 403, 404, 429, 406, 401)] + list(SPOILED.values())
            tried: list[object] = []

            async def refuse_in_turn(request: web.BaseRequest) -> web.StreamResponse | None:
                tried.append(request)
                return await refusals[len(tried) - 1](request) if len(tried) <= len(refusals) else None

            server.handshake = refuse_in_turn
            server.line.abort()
            await until(lambda: heard.of(Reconnected), within=15)
            assert heard.of(Reconnected)[0].attempts == len(refusals) + 1
            server.line.send("streams.quotes", server.line.guid_of("SBER"), c=251)
            await until(lambda: heard.items)
            assert heard.kinds()[:3] == ["Disconnected", "Gap", "Reconnected"]
            assert heard.items[-1].last_price == 251
            assert server.refreshes == 2, "the one 401 costs one refresh"

    async def test_f117_a_refused_refresh_token_ends_the_stream(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:SBER") as quotes, listening(quotes) as heard:
            sandbox.faults.auth.revoke_refresh()
            sandbox.faults.ws.close(1001)
            await until(lambda: heard.is_over)
            assert isinstance(heard.error, StreamLost)
            assert isinstance(heard.error.last_error, TokenRefused)


def refusing(
    status: int, headers: dict[str, str] | None = None, *, times: int | None = None
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]:
    seen = 0

    async def refuse(_request: web.BaseRequest) -> web.StreamResponse | None:
        nonlocal seen
        seen += 1
        return None if times is not None and seen > times else web.Response(status=status, headers=headers)

    return refuse


async def _page(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=PAGE, content_type="text/html")


async def _silence(_request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _say(request: web.BaseRequest, answer: bytes) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.write(answer)
    request.transport.close()
    await asyncio.Event().wait()
    raise AssertionError


async def _wrong_key(request: web.BaseRequest) -> web.StreamResponse:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return await _say(request, head + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")


async def _no_upgrade(request: web.BaseRequest) -> web.StreamResponse:
    return await _say(request, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


async def _cut(request: web.BaseRequest) -> web.StreamResponse:
    return await _say(request, b"HTTP/1.1 101 Switching Protocols\r\nUpgr")


SPOILED: dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {
    "page": _page,
    "silence": _silence,
    "wrong key": _wrong_key,
    "no upgrade": _no_upgrade,
    "cut": _cut,
}


class TestAcknowledgement:
    async def test_f145_one_that_never_comes_is_asked_for_again_once(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox, ack_timeout=0.2) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            sandbox.faults.ws.drop(opcode=QUOTES, times=None)
            with pytest.raises(SubscriptionRejected) as rejected:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert rejected.value.status is None
            assert sandbox.messages.count(QUOTES) == 3
            assert sandbox.sockets.count("ws") == 1
            await anext(bystander)

    async def test_f145_one_that_is_lost_once_is_made_up_for(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox, ack_timeout=0.2) as alor:
            lost = sandbox.faults.ws.drop_ack(opcode=OWN[0])
            async with alor.streams.orders(STOCKS):
                assert (lost.fired, sandbox.messages.count(OWN[0])) == (1, 2)
                await until(lambda: sum(len(socket.subscriptions) for socket in sandbox.sockets) == 1)

    async def test_f145_where_data_comes_it_is_not_missed(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox, ack_timeout=0.2) as alor:
            lost = sandbox.faults.ws.drop_ack(opcode=QUOTES)
            async with alor.streams.quotes("MOEX:SBER") as quotes:
                await anext(quotes)
                assert (lost.fired, sandbox.messages.count(QUOTES)) == (1, 1)

    async def test_f145_one_for_another_guid_does_not_count(self, server: StreamServer) -> None:
        def for_nobody_first(line: Line, one: Heard) -> None:
            line.reply("nobody-asked" if len(server.subscriptions) == 1 and one.is_subscription else one.guid)

        server.answer = for_nobody_first
        async with server.client(settings(ack_timeout=0.2)) as alor, alor.streams.quotes("MOEX:SBER"):
            assert len(server.subscriptions) == 2

    async def test_f145_one_that_is_said_twice_counts_once(self, server: StreamServer) -> None:
        def twice(line: Line, one: Heard) -> None:
            line.reply(one.guid)
            line.reply(one.guid)

        server.answer = twice
        async with server.client(settings()) as alor, alor.streams.quotes("MOEX:SBER") as quotes:
            server.line.reply(server.line.guid_of("SBER"), 400, "a no after the yes is for nobody")
            server.line.send("streams.quotes", server.line.guid_of("SBER"), c=251)
            assert (await anext(quotes)).last_price == 251
            assert (len(server.subscriptions), len(server.lines)) == (1, 1)

    async def test_f145_data_may_come_before_it(self, server: StreamServer) -> None:
        def data_first(line: Line, one: Heard) -> None:
            if one.is_subscription:
                for price in (250, 251, 252):
                    line.send("streams.market_trades", one.guid, id=price, px=price)
            line.reply(one.guid)

        server.answer = data_first
        async with server.client(settings()) as alor, alor.streams.market_trades("MOEX:SBER") as trades:
            assert [(await anext(trades)).price for _ in range(3)] == [250, 251, 252]


class TestRefusals:
    async def test_f146_an_expired_token_costs_one_refresh_for_all(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:SBER"):
            assert sandbox.tokens.refreshes == 1
            sandbox.faults.auth.expire_now()
            names = ("MOEX:GAZP", "MOEX:LKOH", "MOEX:SBER", "MOEX:GAZP")
            streams = [alor.streams.order_book(name) for name in names]
            await asyncio.gather(*(stream.__aenter__() for stream in streams))
            for stream in streams:
                await anext(stream)
            assert sandbox.tokens.refreshes == 2
            assert sandbox.sockets.count("ws") == 1

    async def test_f146_a_late_401_does_not_cost_the_new_token(self, server: StreamServer) -> None:
        """The second no speaks of the old token, and comes when the new one is in use already."""
        late: list[str] = []

        def refuse_the_old(line: Line, one: Heard) -> None:
            if server.refreshes > 1 or not one.is_subscription:
                line.reply(one.guid)
            elif one.subject == "SBER":
                line.reply(one.guid, 401, "Invalid JWT token!")
            else:
                late.append(one.guid)

        server.answer = refuse_the_old
        async with server.client(settings()) as alor:
            slow = alor.streams.quotes("MOEX:GAZP")
            opening = asyncio.create_task(slow.__aenter__())
            await until(lambda: late)
            async with alor.streams.quotes("MOEX:SBER"):
                server.line.reply(late[0], 401, "Invalid JWT token!")
                await opening
            assert server.refreshes == 2
            assert len(server.subscriptions) == 4

    async def test_f146_a_401_that_stays_is_told(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            sandbox.faults.ws.reject_subscribe(401, "Invalid JWT token!", symbol="SBER", times=None)
            with pytest.raises(SubscriptionRejected) as rejected:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert (rejected.value.status, rejected.value.reason) == (401, "Invalid JWT token!")
            assert sandbox.messages.count(QUOTES) == 3
            assert sandbox.tokens.refreshes <= 2
            await anext(bystander)

    async def test_f147_a_refusal_reaches_its_own_subscription_alone(self, sandbox: Sandbox) -> None:
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:GAZP") as bystander:
            await anext(bystander)
            with pytest.raises(SubscriptionRejected) as rejected:
                await alor.streams.quotes("MOEX:NOBODY").__aenter__()
            assert rejected.value.status == 404
            assert "no such instrument" in str(rejected.value.reason)
            assert isinstance(rejected.value, StreamError)
            sandbox.faults.ws.reject_subscribe(400, "not today", symbol="SBER")
            with pytest.raises(SubscriptionRejected, match="not today") as rejected:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert rejected.value.status == 400
            sandbox.market["GAZP"].move_to(sandbox.market["GAZP"].quote.last_price + Decimal("0.10"))
            await sandbox.clock.advance(seconds=1)
            await anext(bystander)
            assert sandbox.sockets.count("ws") == 1

    async def test_f147_a_refused_replay_ends_its_own_subscription_alone(self, sandbox: Sandbox) -> None:
        async with (
            client_of(sandbox) as alor,
            alor.streams.quotes("MOEX:GAZP") as good,
            alor.streams.quotes("MOEX:SBER") as delisted,
            listening(good) as lives,
            listening(delisted) as dies,
        ):
            sandbox.faults.ws.reject_subscribe(400, "delisted", symbol="SBER", times=None)
            sandbox.faults.ws.close(1012)
            await until(lambda: dies.is_over and lives.of(Reconnected))
            assert isinstance(dies.error, SubscriptionRejected)
            assert (dies.error.status, dies.error.reason) == (400, "delisted")
            count = len(lives.items)
            sandbox.market["GAZP"].move_to(sandbox.market["GAZP"].quote.last_price + Decimal("0.10"))
            await sandbox.clock.advance(seconds=1)
            await until(lambda: len(lives.items) > count)
            assert not lives.is_over
