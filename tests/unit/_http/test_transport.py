"""One request, one answer: what is sent, how often, and what of the answer is believed."""

from __future__ import annotations

import asyncio
import gc
import ssl
import tracemalloc
import warnings
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from alor_async._http.transport import Answer, SecretBytes, SecretText, Transport, check_proxy, check_tls
from alor_async._policy.clock import Clock, Progress
from alor_async._version import __version__
from alor_async.errors import (
    ClosedError,
    ConfigError,
    ConnectError,
    ConnectionLost,
    RequestTimeout,
    TransportError,
)
from tests.support.certificates import Authority
from tests.support.manual_clock import ManualClock
from tests.support.rawserver import HANG_UP, RESET, SILENCE, Exchange, RawServer, partly, reply, zipped
from tests.support.refusing import closed_port, full_backlog

TIMEOUT = aiohttp.ClientTimeout(total=5, connect=1, sock_connect=1)
LIMIT = 100_000


async def fetch(
    transport: Transport,
    url: str,
    method: str = "GET",
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout: aiohttp.ClientTimeout = TIMEOUT,
    progress: Progress | None = None,
) -> Answer:
    return await transport.send(
        method,
        url,
        headers=None if headers is None else CIMultiDict(headers),
        body=body,
        timeout=timeout,
        max_body=LIMIT,
        progress=Progress() if progress is None else progress,
    )


class Opened:
    def __init__(self, **options: Any) -> None:
        self.transport = Transport(clock=options.pop("clock", None) or Clock(), **options)

    async def __aenter__(self) -> Transport:
        await self.transport.open()
        return self.transport

    async def __aexit__(self, *_: object) -> None:
        await self.transport.close()


async def test_a_request_leaves_as_it_was_written() -> None:
    async with RawServer(reply(b"{}", headers={"X-Answer": "yes"})) as server, Opened(user_agent="bot/1") as transport:
        answer = await fetch(
            transport, f"{server.address}/a/MOEX:SBER%2Fx?q=%20%2B", "PUT", body=b"body", headers={"X-REQID": "1"}
        )
        assert (answer.status, answer.body, answer.headers["x-answer"]) == (200, b"{}", "yes")
        (request,) = server.requests
        assert request.target == "/a/MOEX:SBER%2Fx?q=%20%2B"
        assert request.body == b"body"
        assert request.headers["x-reqid"] == "1"
        assert request.headers["user-agent"] == f"bot/1 alor-async/{__version__}"
        assert request.headers["accept-encoding"] == "gzip, deflate"
        assert "cookie" not in request.headers


async def test_connections_are_kept_and_cookies_are_not() -> None:
    crumbs = reply(b"1", headers={"Set-Cookie": "session=spy; Path=/"})
    async with RawServer(crumbs) as server, Opened() as transport:
        for _ in range(3):
            await fetch(transport, server.address)
        assert server.connections == 1
        assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("trouble", [RESET, HANG_UP], ids=["reset", "hang up"])
@pytest.mark.parametrize("pooled", [False, True], ids=["fresh", "pooled"])
async def test_f009_nothing_is_ever_sent_twice(method: str, trouble: Any, pooled: bool) -> None:
    script = [reply(b"1"), trouble, reply(b"2")] if pooled else [trouble, reply(b"2")]
    async with RawServer(*script) as server, Opened() as transport:
        if pooled:
            await fetch(transport, server.address)
        with pytest.raises(ConnectionLost) as caught:
            await fetch(transport, f"{server.address}/order", method, body=None if method == "GET" else b"{}")
        assert server.count("/order") == 1
        assert caught.value.stage == "send"
        assert not server.open_connections or server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
async def test_f193_a_redirect_is_refused(status: int) -> None:
    async with (
        RawServer(reply(b"gotcha")) as other,
        RawServer(reply(status=status, headers={"Location": f"{other.address}/steal"})) as server,
        Opened() as transport,
    ):
        with pytest.raises(TransportError, match="redirects, which is not followed") as caught:
            await fetch(transport, server.address, "POST", body=b"{}", headers={"Authorization": "Bearer x"})
        assert other.count() == 0
        assert str(other.port) not in str(caught.value)
        assert not caught.value.retryable


async def test_f194_the_environment_does_not_choose_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(reply(b"1")) as server, RawServer(reply(b"2")) as proxy, Opened() as transport:
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        assert (await fetch(transport, server.address)).body == b"1"
        assert proxy.count() == 0


async def test_a_proxy_that_was_asked_for_is_used_and_f023_its_refusal_is_no_secret_telling() -> None:
    async with RawServer(reply(b"via")) as proxy, Opened(proxy=proxy.address) as transport:
        assert (await fetch(transport, "http://broker.invalid/x")).body == b"via"
        assert proxy.requests[0].target == "http://broker.invalid/x"
    secret = "http://user:pass" + "word@127.0.0.1:{}"
    async with RawServer(reply(status=407)) as proxy, Opened(proxy=secret.format(proxy.port)) as transport:
        with pytest.raises(ConnectError, match="the proxy refused with status 407") as caught:
            await fetch(transport, "https://broker.invalid/x")
        assert "pass" not in f"{caught.value!r} {caught.value.__cause__!r} {transport._proxy!r}"
    async with Opened(proxy=f"http://127.0.0.1:{closed_port()}") as transport:
        with pytest.raises(ConnectError, match="proxy could not be reached"):
            await fetch(transport, "http://broker.invalid/x")


async def test_f001_a_refused_connection_says_that_nothing_was_sent() -> None:
    async with Opened() as transport:
        with pytest.raises(ConnectError, match="nothing was sent") as caught:
            await fetch(transport, f"http://127.0.0.1:{closed_port()}/")
        assert caught.value.stage == "connect"
        assert caught.value.retryable


async def test_f002_a_name_that_does_not_resolve() -> None:
    async with Opened() as transport:
        with pytest.raises(ConnectError, match="could not be resolved"):
            await fetch(transport, "http://does-not-exist.invalid/")


async def test_f005_a_connection_that_is_never_accepted_ends_in_the_time_for_connecting() -> None:
    with full_backlog() as port:
        async with Opened() as transport:
            with pytest.raises(ConnectError, match="not connected in time"):
                await fetch(
                    transport,
                    f"http://127.0.0.1:{port}/",
                    timeout=aiohttp.ClientTimeout(total=20, connect=0.2, sock_connect=0.2),
                )


@pytest.mark.parametrize("flaw", ["expired", "wrong host", "self-signed"])
async def test_f006_a_certificate_that_proves_nothing_is_refused(flaw: str) -> None:
    authority = Authority()
    async with RawServer(reply(b"1"), tls=authority.server_context(flaw)) as server:
        context = authority.client_context() if flaw != "self-signed" else None
        async with Opened(ssl_context=context) as transport:
            with pytest.raises(ConnectError, match="certificate is not trusted") as caught:
                await fetch(transport, server.address)
            assert not caught.value.retryable
            assert server.count() == 0


async def test_f006_a_certificate_of_a_trusted_authority_is_accepted() -> None:
    authority = Authority()
    tls = authority.server_context()
    async with RawServer(reply(b"1"), tls=tls) as server, Opened(ssl_context=authority.client_context()) as transport:
        assert (await fetch(transport, server.address)).body == b"1"


async def test_f006_a_borrowed_connector_that_trusts_everybody_is_not_believed() -> None:
    authority = Authority()
    async with (
        RawServer(reply(b"1"), tls=authority.server_context()) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as lender,
        Opened(borrowed=lender) as transport,
    ):
        with pytest.raises(ConnectError, match="not trusted"):
            await fetch(transport, server.address)


def tls_settings() -> list[tuple[str, ssl.SSLContext]]:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.VerifyMode.CERT_NONE
    optional = ssl.create_default_context()
    optional.verify_mode = ssl.VerifyMode.CERT_OPTIONAL
    old = ssl.create_default_context()
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    return [("careless", careless), ("blind", blind), ("optional", optional), ("old", old)]


@pytest.mark.parametrize(("name", "context"), tls_settings(), ids=lambda value: value if isinstance(value, str) else "")
def test_f199_a_context_that_does_not_check_is_a_config_error(name: str, context: ssl.SSLContext) -> None:
    with pytest.raises(ConfigError) as caught:
        Transport(clock=Clock(), ssl_context=context)
    assert caught.value.argument == "ssl_context", name


def test_settings_are_checked_when_made() -> None:
    check_tls(None)
    check_tls(ssl.create_default_context())
    with pytest.raises(ConfigError, match=r"ssl\.SSLContext"):
        check_tls(True)  # type: ignore[arg-type]
    check_proxy(None)
    check_proxy("http://user:word@host:3128")
    for proxy in ("socks5://host", "host:3128", "http://", "http://host:port", 5):
        with pytest.raises(ConfigError, match="proxy"):
            check_proxy(proxy)  # type: ignore[arg-type]
    for agent in ("", " ", "é", "a\nb", 5):
        with pytest.raises(ConfigError, match="user_agent"):
            Transport(clock=Clock(), user_agent=agent)  # type: ignore[arg-type]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (partly(b""), ConnectionLost, ""),
        (partly(b"HTTP/1.1 20"), ConnectionLost, ""),
        (partly(HEAD), ConnectionLost, ""),
        (partly(HEAD + b"Content-Length: 10\r\n\r\n12345"), ConnectionLost, ""),
        (partly(HEAD + b"Content-Length: 10\r\n\r\n12345", HANG_UP), ConnectionLost, "broke off"),
        (partly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", HANG_UP), ConnectionLost, "broke off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n12345\r\n", TransportError, ""),
        (HEAD + b"Content-Length: five\r\n\r\n12345", TransportError, "not valid HTTP"),
        (HEAD + b"Content-Length: -5\r\n\r\n12345", TransportError, "not valid HTTP"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", TransportError, "not valid HTTP"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", TransportError, "not valid HTTP"),
        (HEAD + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", TransportError, "not valid HTTP"),
        (HEAD + b"X: a\r\n" * 10_000 + b"\r\n", TransportError, "not valid HTTP"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", TransportError, "not valid HTTP"),
        (reply(b"not zipped", headers={"Content-Encoding": "gzip"}), TransportError, "the answer"),
        (HEAD + b"Content-Length: 200000\r\n\r\n1", TransportError, "longer than 100000 bytes"),
    ],
)  # fmt: skip
async def test_f011_to_f021_an_answer_that_is_none(answer: Any, kind: type[TransportError], text: str) -> None:
    async with RawServer(answer) as server, Opened() as transport:
        with pytest.raises(kind) as caught:
            await fetch(transport, server.address)
        assert text in str(caught.value)
        assert isinstance(caught.value, kind)
        assert server.count() == 1
        await asyncio.wait_for(server.wait_until_left(), 5)


async def endless(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


async def test_f016_a_body_without_end_is_given_up_at_the_limit() -> None:
    async with RawServer(endless) as server, Opened() as transport:
        with pytest.raises(TransportError, match="longer than 100000 bytes"):
            await fetch(transport, server.address)


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_the_limit_is_exact_and_counts_what_was_packed(size: int) -> None:
    body = b"x" * size
    async with RawServer(reply(body), zipped(body)) as server, Opened() as transport:
        for _ in range(2):
            if size <= LIMIT:
                assert (await fetch(transport, server.address)).body == body
            else:
                with pytest.raises(TransportError, match="longer than"):
                    await fetch(transport, server.address)


async def test_f019_a_bomb_of_200_megabytes_takes_a_few() -> None:
    bomb = zipped(b"\0" * 200_000_000)
    async with RawServer(bomb) as server, Opened() as transport:
        await fetch_nothing(transport, server)
        gc.collect()
        tracemalloc.start()
        try:
            with pytest.raises(TransportError, match="longer than 100000 bytes"):
                await fetch(transport, server.address)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000


async def fetch_nothing(transport: Transport, server: RawServer) -> None:
    """Warm up, so that what is measured is the bomb."""
    server.on("/warm", reply(b"1"))
    await fetch(transport, f"{server.address}/warm")


async def test_f018_a_body_that_ends_with_the_connection_is_taken_as_it_is() -> None:
    async with RawServer(partly(HEAD + b'Connection: close\r\n\r\n{"price"', HANG_UP)) as server, Opened() as transport:
        assert (await fetch(transport, server.address)).body == b'{"price"'


@pytest.mark.parametrize("first", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
async def test_f022_interim_answers_are_passed_over(first: bytes) -> None:
    async with RawServer(first + reply(b"1")) as server, Opened() as transport:
        assert (await fetch(transport, server.address)).body == b"1"


async def test_f022_http_1_0_and_no_content() -> None:
    old = b"HTTP/1.0 200 OK\r\n\r\n1"
    async with RawServer(partly(old, HANG_UP), b"HTTP/1.1 204 No Content\r\n\r\n") as server, Opened() as transport:
        assert (await fetch(transport, server.address)).body == b"1"
        nothing = await fetch(transport, server.address)
        assert (nothing.status, nothing.body) == (204, b"")


async def test_the_stage_is_told_while_it_happens() -> None:
    progress = Progress()
    beginning = partly(HEAD + b"Content-Length: 5\r\n\r\n1", SILENCE)
    async with RawServer(SILENCE, beginning) as server, Opened() as transport:
        for count, stage in [(1, "send"), (2, "read")]:
            call = asyncio.create_task(fetch(transport, server.address, progress=progress))
            await server.wait_for(count)
            while progress.stage != stage:  # noqa: ASYNC110 - it is a plain attribute
                await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


async def test_time_outs_of_aiohttp_are_ours() -> None:
    async with RawServer(SILENCE) as server, Opened() as transport:
        with pytest.raises(RequestTimeout, match="no answer in time"):
            await fetch(transport, server.address, timeout=aiohttp.ClientTimeout(total=0.05))


async def test_f003_a_connection_retires_after_five_minutes() -> None:
    clock = ManualClock()
    async with RawServer(reply(b"1")) as server, Opened(clock=clock) as transport:
        for expected in (1, 1):
            await fetch(transport, server.address)
            assert server.connections == expected
        await clock.advance(299)
        await fetch(transport, server.address)
        assert server.connections == 1
        await clock.advance(2)
        await fetch(transport, server.address)
        assert server.connections == 1, "the last time"
        await fetch(transport, server.address)
        assert server.connections == 2


async def test_what_is_known_of_connections_does_not_grow() -> None:
    async with RawServer(reply(b"1", headers={"Connection": "close"})) as server, Opened() as transport:
        for _ in range(300):
            await fetch(transport, server.address)
        assert server.connections == 300
        assert len(transport._first_used) < 257


async def test_a_borrowed_session_lends_its_connector_and_nothing_else() -> None:
    async with RawServer(reply(b"1")) as server:
        lender = aiohttp.ClientSession(
            headers={"X-Lender": "1"}, cookies={"lender": "1"}, connector=aiohttp.TCPConnector(limit=1)
        )
        async with lender:
            async with lender.get(server.address) as response:
                await response.read()
            async with Opened(borrowed=lender) as transport:
                await fetch(transport, server.address)
                assert server.connections == 1, "the lender's connection was used"
                assert "x-lender" not in server.requests[1].headers
                assert "cookie" not in server.requests[1].headers
            assert not lender.closed
            async with lender.get(server.address) as response:
                assert await response.read() == b"1"


async def test_f009_a_borrowed_connector_does_not_resend_either() -> None:
    async with RawServer(reply(b"1"), RESET, reply(b"2")) as server, aiohttp.ClientSession() as lender:
        async with lender.get(server.address) as response:
            await response.read()
        async with Opened(borrowed=lender) as transport:
            with pytest.raises(ConnectionLost):
                await fetch(transport, f"{server.address}/order", "PUT", body=b"{}")
            assert server.count("/order") == 1


async def test_a_lender_that_closes_first_is_named() -> None:
    async with RawServer(reply(b"1")) as server:
        lender = aiohttp.ClientSession()
        async with Opened(borrowed=lender) as transport:
            await lender.close()
            with pytest.raises(ClosedError, match="borrowed"):
                await fetch(transport, server.address)
        late = Transport(clock=Clock(), borrowed=lender)
        with pytest.raises(ClosedError, match="borrowed"):
            await late.open()
        await late.close()


async def test_before_opening_and_after_closing() -> None:
    transport = Transport(clock=Clock())
    assert not transport.is_open
    with pytest.raises(ClosedError, match="is not open"):
        await fetch(transport, "http://127.0.0.1:9/")
    await transport.open()
    await transport.open()
    assert transport.is_open
    await transport.close()
    await transport.close()
    with pytest.raises(ClosedError, match="was closed"):
        await fetch(transport, "http://127.0.0.1:9/")
    with pytest.raises(ClosedError, match="make another"):
        await transport.open()


async def test_closing_breaks_off_what_is_under_way() -> None:
    async with RawServer(SILENCE) as server, Opened() as transport:
        call = asyncio.create_task(fetch(transport, server.address))
        await server.wait_for(1)
        await transport.close()
        with pytest.raises(ConnectionLost):
            await call
        await asyncio.wait_for(server.wait_until_left(), 5)


async def test_closing_while_connecting_is_being_closed() -> None:
    with full_backlog() as port:
        async with Opened() as transport:
            call = asyncio.create_task(fetch(transport, f"http://127.0.0.1:{port}/"))
            await asyncio.sleep(0.05)
            await transport.close()
            with pytest.raises((ClosedError, ConnectError)):
                await call


def test_secrets_do_not_show() -> None:
    assert (
        "word"
        not in f"{SecretText('word')!r} {SecretBytes(b'word')!r} {[SecretText('word')]} {CIMultiDict(a=SecretText('word'))!r}"
    )
    assert SecretText("word") == "word"
