"""Opening a socket when the other side does not play along: every failure has a name, a bound, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any

import aiohttp
import pytest

from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async._ws.close_codes import Remedy
from alor_async._ws.connection import Connection
from alor_async._ws.dialing import dial
from alor_async.errors import (
    AlorError,
    BadRequest,
    ClosedError,
    ConnectError,
    ConnectionLost,
    Forbidden,
    NotFound,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServerError,
    StatusError,
    TransportError,
    Unauthorized,
)
from alor_async.sandbox import Sandbox
from tests.support.certificates import Authority
from tests.support.manual_clock import ManualClock, settle
from tests.support.rawserver import HANG_UP, RESET, SILENCE, Exchange, RawServer, Step, partly, reply
from tests.support.rawsocket import Peer, accepting, address_of, closing, opened, switching, text
from tests.support.refusing import closed_port, full_backlog
from tests.support.waiting import until

SOON = 2.0
PAGE = "<html><body><h1>502 Bad Gateway</h1>nginx</body></html>"


async def refused(transport: Transport, url: str, *, timeout: float = SOON) -> RequestError:
    """Dial, and give the error that comes of it."""
    begun = time.monotonic()
    with pytest.raises(RequestError) as caught:
        await dial(transport, url, timeout=timeout, max_message=1_000)
    assert time.monotonic() - begun < timeout + 1.0
    return caught.value


async def refused_by(*script: Step, timeout: float = SOON) -> RequestError:
    """Dial a raw server, and give the error; nothing stays open."""
    async with RawServer(*script) as server, opened() as transport:
        error = await refused(transport, address_of(server), timeout=timeout)
        await server.wait_until_left()
        assert server.count() == 1, "it was tried again"
        return error


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, BadRequest),
            (401, Unauthorized),
            (403, Forbidden),
            (404, NotFound),
            (406, StatusError),
            (429, RateLimited),
            (500, ServerError),
            (502, ServerError),
            (503, ServerError),
        ],
    )
    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            (b'{"code":"TooMany","message":"Go away"}', "TooMany", "Go away"),
            (PAGE.encode(), None, None),
            (b"", None, None),
        ],
        ids=["json", "page", "empty"],
    )
    async def test_f117_a_status_is_named(
        self, status: int, kind: type[StatusError], body: bytes, code: str | None, message: str | None
    ) -> None:
        error = await refused_by(reply(body, status))
        assert type(error) is kind
        assert isinstance(error, StatusError)
        assert (error.status, error.code, error.message) == (status, code, message)
        assert error.body == body.decode()
        assert error.elapsed > 0

    @pytest.mark.parametrize(("header", "pause"), [("7", 7.0), ("soon", None), (None, None)])
    async def test_f117_a_pause_that_is_asked_for_is_told(self, header: str | None, pause: float | None) -> None:
        error = await refused_by(reply(b"", 429, headers={} if header is None else {"Retry-After": header}))
        assert isinstance(error, RateLimited)
        assert (error.retry_after, error.retryable) == (pause, True)

    @pytest.mark.parametrize("status", [401, 403, 406, 429, 502])
    async def test_f117_the_sandbox_refuses_likewise(self, status: int) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            sandbox.faults.ws.refuse(status, body=PAGE)
            async with opened() as transport:
                error = await refused(transport, sandbox.environment.ws)
                assert isinstance(error, StatusError)
                assert error.status == status
                socket = await dial(transport, sandbox.environment.ws, timeout=SOON, max_message=1_000)
                socket.abort()

    async def test_f117_an_endless_refusal_is_read_to_its_bound(self) -> None:
        async def endless(exchange: Exchange) -> None:
            await exchange.send(b"HTTP/1.1 403 No\r\nContent-Type: text/html\r\nContent-Length: 9999999999\r\n\r\n")
            while True:
                await exchange.send(b"<p>no</p>" * 1_000)

        error = await refused_by(endless)
        assert isinstance(error, Forbidden)
        assert error.body.startswith("<p>no</p><p>")
        assert len(error.body) <= 2_048

    async def test_f117_a_refusal_that_breaks_off_is_a_refusal(self) -> None:
        head = b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        assert isinstance(await refused_by(partly(head + b'{"code"')), Unauthorized)


class TestWhatIsNoHandshake:
    @pytest.mark.parametrize(
        "changed",
        [
            {"Sec_WebSocket_Accept": "dGhlIHNhbXBsZSBub25jZQ=="},
            {"Sec_WebSocket_Accept": None},
            {"Upgrade": "h2c"},
            {"Upgrade": None},
            {"Connection": None},
            {"Connection": "close"},
        ],
    )
    async def test_f117_a_wrong_answer_opens_nothing(self, changed: dict[str, str | None]) -> None:
        async def shake(exchange: Exchange) -> None:
            await exchange.send(switching(exchange, **changed))
            await SILENCE(exchange)

        error = await refused_by(shake)
        assert type(error) is TransportError
        assert "handshake" in str(error) or "status 101" in str(error)

    @pytest.mark.parametrize(
        ("step", "kind"),
        [
            (reply(PAGE, content_type="text/html"), TransportError),
            (reply(b"", 204), TransportError),
            (reply(b"", 600), TransportError),
            (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", TransportError),
            (b"HTTP/1.1 101 Switching\r\nUpgrade: " + b"x" * 100_000 + b"\r\n\r\n", TransportError),
            (RESET, ConnectionLost),
            (HANG_UP, ConnectionLost),
            (partly(b"HTTP/1.1 101 Switching Pro"), ConnectionLost),
        ],
        ids=["page", "empty", "status 600", "ssh", "long header", "reset", "hung up", "cut"],
    )
    async def test_f117_what_is_no_answer_is_named(self, step: Step, kind: type[TransportError]) -> None:
        assert type(await refused_by(step)) is kind


class TestTime:
    @pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"])
    async def test_f117_a_slow_handshake_is_bounded(self, begin: bytes) -> None:
        error = await refused_by(partly(begin, SILENCE), timeout=0.2)
        assert isinstance(error, RequestTimeout)
        assert "0.2 s" in str(error)
        assert 0.2 <= error.elapsed < 1.0

    async def test_f117_a_handshake_in_drops_is_bounded_as_a_whole(self) -> None:
        async def drip(exchange: Exchange) -> None:
            for byte in switching(exchange):
                await exchange.send(bytes([byte]))
                await asyncio.sleep(0.02)

        assert isinstance(await refused_by(drip, timeout=0.3), RequestTimeout)

    async def test_f117_the_bound_is_the_clocks(self) -> None:
        clock = ManualClock()
        async with RawServer(SILENCE) as server, opened(clock) as transport:
            dialling = asyncio.create_task(dial(transport, address_of(server), timeout=10.0, max_message=1_000))
            await server.wait_for(1)
            await clock.advance(9.9)
            assert not dialling.done()
            await clock.advance(0.2)
            with pytest.raises(RequestTimeout):
                await dialling
            assert clock.pending == []

    async def test_f117_nobody_listens(self) -> None:
        async with opened() as transport:
            error = await refused(transport, f"ws://127.0.0.1:{closed_port()}/ws")
            assert isinstance(error, ConnectError)

    async def test_f117_a_connection_that_is_never_made_is_bounded(self) -> None:
        with full_backlog() as port:
            async with opened() as transport:
                error = await refused(transport, f"ws://127.0.0.1:{port}/ws", timeout=0.2)
                assert isinstance(error, ConnectError)

    async def test_f117_only_a_trusted_server_gets_a_handshake(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.behave()

        authority = Authority()
        async with RawServer(accepting(script), tls=authority.server_context()) as server:
            async with opened() as transport:
                error = await refused(transport, address_of(server))
                assert isinstance(error, ConnectError)
                assert "certificate" in str(error)
                assert server.count() == 0
            async with opened(ssl_context=authority.client_context()) as transport:
                (await dial(transport, address_of(server), timeout=SOON, max_message=1_000)).abort()
                await server.wait_until_left()

    async def test_f117_no_foreign_error_and_no_address_shows(self) -> None:
        error = await refused_by(HANG_UP)
        link: BaseException | None = error
        while link is not None:
            assert isinstance(link, AlorError) or link.__traceback__ is None
            assert "/ws" not in str(link)
            link = link.__cause__ or link.__context__


class TestCancelling:
    @pytest.mark.parametrize("phase", ["connecting", "tls", "handshaking"])
    async def test_f131_a_dial_can_be_given_up_in_any_phase(self, phase: str) -> None:
        with full_backlog() as unreachable:
            async with RawServer(SILENCE) as server, opened(ssl_context=ssl.create_default_context()) as transport:
                address = {
                    "connecting": f"ws://127.0.0.1:{unreachable}/ws",
                    "tls": address_of(server).replace("ws:", "wss:"),
                    "handshaking": address_of(server),
                }[phase]
                before = asyncio.all_tasks()
                dialling = asyncio.create_task(dial(transport, address, timeout=60.0, max_message=1_000))
                if phase == "handshaking":
                    await server.wait_for(1)
                elif phase == "tls":
                    await until(lambda: server.connections)
                else:
                    await settle()
                begun = time.monotonic()
                dialling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await dialling
                await server.wait_until_left()
                assert time.monotonic() - begun < SOON
                await settle()
                assert asyncio.all_tasks() == before | {task for task in asyncio.all_tasks() if task in server._tasks}

    async def test_f131_a_transport_that_closes_ends_a_handshake_and_dials_no_more(self) -> None:
        async with RawServer(SILENCE) as server, opened() as transport:
            dialling = asyncio.create_task(dial(transport, address_of(server), timeout=60.0, max_message=1_000))
            await server.wait_for(1)
            await transport.close()
            with pytest.raises((TransportError, ClosedError)):
                await dialling
            await server.wait_until_left()
            with pytest.raises(ClosedError):
                await dial(transport, address_of(server), timeout=1.0, max_message=1_000)


class TestWhereItLeads:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("where", ["another host", "another path", "nowhere"])
    async def test_f136_a_redirected_handshake_goes_nowhere(self, status: int, where: str) -> None:
        async def greet(peer: Peer) -> None:
            await peer.send(text(b"here I am"))

        async with RawServer(accepting(greet)) as second, opened() as transport:
            target = {"another host": address_of(second), "another path": "/other", "nowhere": "http://"}[where]
            async with RawServer(reply(b"", status, headers={"Location": target})) as first:
                error = await refused(transport, address_of(first))
                assert type(error) is TransportError
                assert "redirects" in str(error)
                await first.wait_until_left()
                assert first.count() == 1
                assert not {"authorization", "cookie"} & set(first.requests[0].headers)
                assert first.requests[0].target == "/ws"
            assert second.connections == 0

    async def test_f136_a_cookie_is_not_kept(self) -> None:
        async with RawServer(reply(b"", 503, headers={"Set-Cookie": "session=1"})) as server, opened() as transport:
            await refused(transport, address_of(server))
            await refused(transport, address_of(server))
            assert "cookie" not in server.requests[1].headers

    async def test_f135_a_name_is_resolved_at_each_dial(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def script(peer: Peer) -> None:
            await peer.send(closing(1012))
            await peer.listen()

        old = RawServer(accepting(script))
        async with old:
            new = RawServer(accepting(script), host="127.0.0.2", port=old.port)
            async with new, opened() as transport:
                address, asked = "127.0.0.1", 0

                async def names(host: str, port: int, **_: Any) -> list[Any]:
                    nonlocal asked
                    asked += 1
                    assert host == "ws.alor.test"
                    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

                # The system's names, as aiohttp asks for them.
                monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)

                async def live_once() -> None:
                    url = f"ws://ws.alor.test:{old.port}/ws"
                    opened_socket = await dial(transport, url, timeout=SOON, max_message=1_000)
                    connection = Connection(
                        opened_socket,
                        clock=Clock(),
                        ping_every=5.0,
                        silence=15.0,
                        on_message=lambda _: None,
                        probe=lambda: None,
                        name="alor-named",
                    )
                    assert (await connection.run()).remedy is Remedy.RECONNECT

                await live_once()
                await live_once()
                assert (asked, old.connections, new.connections) == (2, 2, 0)
                address = "127.0.0.2"  # the old one still listens: only a fresh look finds the new one
                await live_once()
                assert (asked, old.connections, new.connections) == (3, 2, 1)

    async def test_f135_a_borrowed_connector_is_used_and_stays_open(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.behave()

        async with aiohttp.ClientSession() as lender, RawServer(accepting(script)) as server:
            async with opened(borrowed=lender) as transport:
                lent = lender.connector
                assert lent is not None
                opened_socket = await dial(transport, address_of(server), timeout=SOON, max_message=1_000)
                assert len(lent._acquired) == 1
                opened_socket.abort()
            assert not lender.closed
            await server.wait_until_left()
