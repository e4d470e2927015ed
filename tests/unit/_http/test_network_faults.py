"""Networks that are slow, shredded, half closed or dead, seen through a session."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async._tokens import StaticToken
from alor_async.errors import ConnectError, ConnectionLost, RequestError, RequestTimeout, TransportError
from tests.support.certificates import Authority
from tests.support.rawserver import HANG_UP, SILENCE, Exchange, RawServer, partly, reply
from tests.support.refusing import full_backlog
from tests.support.rig import OK_BODY, OK_PRICE, PLACE, Rig, environment_of, place, read
from tests.support.tokens import make_token

OK = reply(OK_BODY)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def static() -> StaticToken:
    return StaticToken(make_token())


async def failure(rig: Rig, request: Any, **options: Any) -> Any:
    with pytest.raises(RequestError) as caught:
        await rig.send(request, **options)
    return caught.value


class Names(AbstractResolver):
    """Gives the same addresses for every name; counts how often it was asked."""

    def __init__(self, *addresses: str, pause: float = 0.0) -> None:
        self.addresses = list(addresses)
        self.asked = 0
        self._pause = pause

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        await asyncio.sleep(self._pause)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


def by_name(server: RawServer, port: int, lender: aiohttp.ClientSession) -> Rig:
    """Reach a port by a name, through a connector that resolves names its own way."""
    here = environment_of(server)
    named = type(here)(name="named", api=f"http://localhost:{port}", oauth=here.oauth, ws=here.ws, cws=here.cws)
    return Rig(server, auth=static(), environment=named, transport=Transport(clock=Clock(), borrowed=lender))


async def test_f004_a_dead_address_costs_a_fraction_of_a_second() -> None:
    with full_backlog("127.0.0.2") as port:
        connector = aiohttp.TCPConnector(resolver=Names("127.0.0.2", "127.0.0.1"))
        async with (
            RawServer(OK, port=port) as server,
            aiohttp.ClientSession(connector=connector) as lender,
            by_name(server, port, lender) as rig,
        ):
            begun = time.monotonic()
            assert await rig.send(read()) == OK_PRICE
            assert time.monotonic() - begun < 1.5


async def test_f002_a_resolver_that_hangs_does_not_outlive_the_deadline() -> None:
    connector = aiohttp.TCPConnector(resolver=Names("127.0.0.1", pause=20))
    async with (
        RawServer(OK) as server,
        aiohttp.ClientSession(connector=connector) as lender,
        by_name(server, server.port, lender) as rig,
    ):
        error = await failure(rig, place(), timeout=0.1)
        assert type(error) is ConnectError
        assert error.elapsed < 2


async def test_f003_a_name_that_moved_is_found_again_at_the_first_failure() -> None:
    names = Names("127.0.0.2")
    connector = aiohttp.TCPConnector(resolver=names, use_dns_cache=False)
    async with (
        RawServer(OK) as new,
        RawServer(OK, host="127.0.0.2", port=new.port) as old,
        aiohttp.ClientSession(connector=connector) as lender,
        by_name(old, new.port, lender) as rig,
    ):
        assert await rig.send(read()) == OK_PRICE
        assert (old.count(), new.count()) == (1, 0)
        names.addresses = ["127.0.0.1"]
        old.script = [HANG_UP]
        assert await rig.send(read()) == OK_PRICE
        assert new.count() == 1


async def test_f007_tls_that_ends_inside_a_body_is_a_cut() -> None:
    authority = Authority()
    cut = partly(HEAD + b"Content-Length: 100\r\n\r\n{", abort)
    async with RawServer(cut, tls=authority.server_context()) as server:
        transport = Transport(clock=Clock(), ssl_context=authority.client_context())
        async with Rig(server, auth=static(), transport=transport) as rig:
            error = await failure(rig, place())
            assert type(error) is ConnectionLost
            assert error.stage == "read"


async def abort(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def answer_and_half_close(exchange: Exchange) -> None:
    await exchange.send(OK)
    exchange.writer.write_eof()
    await SILENCE(exchange)


async def test_f012_a_half_closed_connection_is_not_used_again() -> None:
    async with RawServer(answer_and_half_close, OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read()) == OK_PRICE
        await asyncio.sleep(0.05)
        assert await rig.send(place()) == OK_PRICE
        assert server.count() == 2
        assert server.connections == 2


async def answer_and_leave(exchange: Exchange) -> None:
    await exchange.send(OK)
    exchange.close()


async def test_f013_a_connection_that_is_dropped_as_it_is_reused() -> None:
    async with RawServer(answer_and_leave) as server, Rig(server, auth=static()) as rig:
        for _ in range(200):
            assert await rig.send(read()) == OK_PRICE
        for number in range(200):
            before = server.count("/orders")
            try:
                assert await rig.send(place(request_id=f"id-{number}")) == OK_PRICE
            except ConnectionLost:
                assert server.count("/orders") <= before + 1
            else:
                assert server.count("/orders") == before + 1


@pytest.mark.parametrize(
    "headers",
    [b"X: a\r\n" * 10_000 + b"\r\n", b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", b"X" * 100_000],
    ids=["many", "long", "endless"],
)
async def test_f015_headers_without_measure(headers: bytes) -> None:
    async with RawServer(partly(HEAD + headers, SILENCE)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place(), timeout=2)
        assert isinstance(error, TransportError)
        assert type(error) is not ConnectError, "it was sent"


async def drip_headers(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await exchange.send(b"a")
        await asyncio.sleep(0.01)


async def test_f015_headers_that_drip_do_not_outlive_the_deadline() -> None:
    async with RawServer(drip_headers) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place(), timeout=0.2)
        assert type(error) is RequestTimeout
        assert error.elapsed < 2


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\nContent-Length: 28\r\n",
        b"Content-Length: 28\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0x1c\r\n",
        b"Content-Length: +28\r\n",
        b"Content-Length: 1000\r\n",
    ],
)
async def test_f017_a_length_that_lies_is_an_error_and_ends_the_connection(lengths: bytes) -> None:
    lie = partly(HEAD + lengths + b"\r\n" + OK_BODY, HANG_UP)
    async with RawServer(lie, OK) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place())
        assert isinstance(error, TransportError)
        assert await rig.send(place()) == OK_PRICE
        assert server.connections == 2


async def test_f017_a_length_that_is_too_small_does_not_leak_into_the_next_answer() -> None:
    short = HEAD + b'Content-Length: 15\r\n\r\n{"price": 1   }' + OK
    async with RawServer(short, OK) as server, Rig(server, auth=static()) as rig:
        assert (await rig.send(read())).price == 1
        assert await rig.send(read()) == OK_PRICE
        assert server.count() == 2


async def test_f020_a_long_list_is_read_up_to_its_operations_limit() -> None:
    rows = b'{"price": 250.10, "lots": 3' + b" " * 90_000 + b"}"
    async with RawServer(reply(rows), reply(rows + b" " * 20_000)) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read()) == OK_PRICE
        error = await failure(rig, read())
        assert type(error) is TransportError
        assert "longer than 100000 bytes" in str(error)
        assert not error.retryable


async def test_f025_a_server_that_never_reads_is_left_in_time() -> None:
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        async with RawServer(OK) as server:
            here = environment_of(server)
            address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            there = type(here)(name="deaf", api=address, oauth=here.oauth, ws=here.ws, cws=here.cws)
            async with Rig(server, auth=static(), environment=there) as rig:
                request = PLACE.request(body=b"x" * 1_000_000, request_id="id-1")
                error = await failure(rig, request, timeout=0.3)
                assert type(error) is RequestTimeout
                assert error.stage == "send"


async def shredded(exchange: Exchange) -> None:
    for position in range(len(OK)):
        await exchange.send(OK[position : position + 1])
        await asyncio.sleep(0.0005)


async def test_f026_a_shredded_answer_is_the_same_answer() -> None:
    async with RawServer(shredded) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read()) == OK_PRICE
        assert await rig.send(place()) == OK_PRICE


@pytest.mark.parametrize("count", [0, 1, 8, 17, 40, 70, len(OK) - 1])
async def test_f011_a_cut_anywhere_in_the_answer_is_the_same_cut(count: int) -> None:
    async with RawServer(partly(OK[:count]), OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read()) == OK_PRICE
        server.script = [partly(OK[:count]), OK]
        before = server.count("/orders")
        assert type(await failure(rig, place())) is ConnectionLost
        assert server.count("/orders") == before + 1
