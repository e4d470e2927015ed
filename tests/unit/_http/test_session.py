"""A call from a request to a value, over real sockets: tokens, places, attempts, verdicts, ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from typing import Any

import pytest

from alor_async._http.request import Operation
from alor_async._http.session import wire_timeout
from alor_async._tokens import StaticToken
from alor_async.auth import RefreshToken
from alor_async.config import Limits, RetryPolicy, Timeouts
from alor_async.errors import (
    AuthError,
    BadRequest,
    ClosedError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    Forbidden,
    InvalidArgument,
    NotFound,
    QueueTimeout,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServerError,
    StatusError,
    TokenUnavailable,
    TransportError,
    Unauthorized,
)
from tests.support.manual_clock import ManualClock, settle
from tests.support.rawserver import HANG_UP, RESET, SILENCE, Exchange, RawServer, partly, reply, when
from tests.support.refusing import closed_port, full_backlog
from tests.support.rig import (
    CANCEL,
    FAST,
    FREE_READ,
    OK_BODY,
    OK_PRICE,
    ONCE,
    OPEN_READ,
    PLACE,
    REFRESH_TOKEN,
    REPLACE,
    SAME_ID,
    Price,
    Rig,
    Tokens,
    environment_of,
    place,
    read,
)
from tests.support.tokens import make_token

OK = reply(OK_BODY)


def static() -> StaticToken:
    return StaticToken(make_token())


async def failure(rig: Rig, request: Any, **options: Any) -> Any:
    """Make a call that must fail, and give its error."""
    with pytest.raises(RequestError) as caught:
        await rig.send(request, **options)
    return caught.value


# What is sent.


async def test_a_read() -> None:
    token = make_token()
    async with RawServer(OK) as server, Rig(server, auth=StaticToken(token)) as rig:
        assert await rig.send(read(day="2026-01-01")) == OK_PRICE
        (request,) = server.requests
        assert (request.method, request.target) == ("GET", "/md/v2/Clients/D39004/price?day=2026-01-01")
        assert request.token == token
        assert "x-reqid" not in request.headers
        assert "content-type" not in request.headers
        assert "traceparent" not in request.headers


async def test_a_command() -> None:
    async with RawServer(OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(place()) == OK_PRICE
        (request,) = server.requests
        assert request.headers["x-reqid"] == "id-1"
        assert request.headers["content-type"] == "application/json"
        assert request.json() == {"quantity": 1, "user": {"portfolio": "D39004"}}


async def test_f066_a_call_without_a_token_is_anonymous_only_where_it_may_be() -> None:
    async with RawServer(OK) as server, Rig(server) as rig:
        assert await rig.send(OPEN_READ.request()) == OK_PRICE
        assert await rig.send(FREE_READ.request()) == OK_PRICE
        with pytest.raises(AuthError, match=r"market_data\.get_price needs a token"):
            await rig.send(read())
        assert [request.token for request in server.requests] == [None, None]


async def test_f066_with_a_provider_an_optional_token_is_not_left_out() -> None:
    async with RawServer(OK) as server, Rig(server, auth=static()) as rig:
        await rig.send(OPEN_READ.request())
        await rig.send(FREE_READ.request())
        assert [request.token is None for request in server.requests] == [False, True]
    dead = RefreshToken(REFRESH_TOKEN)
    async with RawServer(OK).on("/refresh", reply(status=403)) as server, Rig(server, auth=dead) as rig:
        with pytest.raises(AuthError):
            await rig.send(OPEN_READ.request())
        assert server.count("/open") == 0


async def test_operations_of_the_token_service_go_to_its_host() -> None:
    operation = Operation(
        "auth.ping", "GET", "/ping", answer=FREE_READ.answer, access=FREE_READ.access, on_token_host=True
    )
    async with RawServer(reply(status=500)) as api, RawServer(OK) as oauth:
        environment = environment_of(api)
        elsewhere = type(environment)(
            name="two", api=api.address, oauth=oauth.address, ws=environment.ws, cws=environment.cws
        )
        async with Rig(api, environment=elsewhere) as rig:
            assert await rig.send(operation.request()) == OK_PRICE
        assert (api.count(), oauth.count()) == (0, 1)


# What comes back.


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest), (401, Unauthorized), (403, Forbidden), (404, NotFound), (418, StatusError),
        (429, RateLimited), (500, ServerError), (502, ServerError), (503, ServerError), (504, ServerError),
        (599, ServerError),
    ],
)  # fmt: skip
async def test_f087_each_status_has_its_error(status: int, kind: type[StatusError]) -> None:
    async with RawServer(reply(status=status)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read(), retries=ONCE)
        assert type(error) is kind
        assert error.status == status
        assert (error.code, error.message, error.body) == (None, None, "")
        assert error.operation == "market_data.get_price"
        assert error.attempts == 1
        assert error.stage == "status"
        assert 0 <= error.elapsed < 5
        assert str(error).startswith(f"market_data.get_price: the broker answered {status}")


@pytest.mark.parametrize("status", [600, 999])
async def test_f087_a_status_that_means_nothing(status: int) -> None:
    async with RawServer(reply(status=status)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert type(error) is TransportError
        assert str(status) in str(error)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"code": "OrderToCancelNotFound (404)", "message": "not found"}, "OrderToCancelNotFound", "not found"),
        ({"code": "OrderToCancelNotFound", "message": "not\nfound"}, "OrderToCancelNotFound", "not found"),
        ({"code": 404, "message": None, "title": "Bad"}, "404", "Bad"),
        ({"title": "BadRequest", "status": 400, "detail": "Forbidden attempt"}, None, "Forbidden attempt"),
        ({"title": "Errors", "errors": {"quantity": ["not valid"], "x": []}}, None, "quantity: not valid"),
        ({"code": ["x"], "message": ""}, None, None),
        ("a bare text", None, "a bare text"),
        (b"From and To must be less than today", None, "From and To must be less than today"),
        (b"\xef\xbb\xbf" + b'{"message":"bom"}', None, "bom"),
        ("Ошибка".encode("cp1251"), None, "Ошибка"),
        (b"null", None, None),
        (b"[1]", None, "[1]"),
        (b"<html>Bad</html>", None, None),
        (b"", None, None),
        (b"\x1b[31mred\x00\x07 alert\r\nforged line", None, "\ufffd[31mred\ufffd\ufffd alert forged line"),
    ],
)  # fmt: skip
async def test_f049_f050_f207_an_error_body_of_any_kind_is_told(
    body: Any, code: str | None, message: str | None
) -> None:
    async with RawServer(reply(body, 400)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert (error.code, error.message) == (code, message)
        assert "\n" not in str(error)
        assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    "body", [b"x" * 90_000, "щ".encode() * 40_000, b"[" * 90_000, b'{"message":"' + b"m" * 80_000 + b'"}']
)
async def test_f049_a_long_error_body_is_cut(body: bytes) -> None:
    async with RawServer(reply(body, 400)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert 0 < len(error.body.encode()) <= 2048
        assert len(str(error)) < 500


async def test_f191_tokens_and_portfolios_in_an_answer_are_masked() -> None:
    token = make_token()
    other = make_token()
    body = f"portfolio D39004 with {token} and {other} of {token[:60]}"
    answers = [reply({"message": body}, 400), reply(body.encode(), 400), reply({"price": body})]
    async with RawServer(*answers) as server, Rig(server, auth=StaticToken(token), retries=ONCE) as rig:
        for _ in range(3):
            error = await failure(rig, read())
            for text in (str(error), error.body, repr(vars(error))):
                assert token not in text
                assert other not in text
            assert "D39004" not in str(error) + error.body
        error = await failure(rig, place())
        assert "D39004" not in str(error)


async def test_f191_a_code_is_masked_before_it_is_cut() -> None:
    async with RawServer(reply({"code": "y" * 60 + " D39004"}, 400)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert isinstance(error, BadRequest)
        assert error.code is not None
        assert len(error.code) <= 64
        assert "D3" not in f"{error} {error.code}"


async def test_f018_f027_f028_an_unreadable_success() -> None:
    for body in (b"", b"<html>", b"[]", b'{"price":', b"null"):
        async with RawServer(reply(body)) as server, Rig(server, auth=static()) as rig:
            error = await failure(rig, read())
            assert type(error) is DecodeError
            assert error.path == "$"
            assert error.stage == "decode"
            assert server.count() == 3, "a read is tried again"
            server.requests.clear()
            error = await failure(rig, place())
            assert type(error) is DecodeError
            assert server.count() == 1, "a command is not"


async def test_a_path_in_the_answer_is_told() -> None:
    async with (
        RawServer(reply(b'{"price":1,"lots":"many"}')) as server,
        Rig(server, auth=static(), retries=ONCE) as rig,
    ):
        error = await failure(rig, read())
        assert error.path == "$.lots"
        assert "at $.lots" in str(error)
        assert error.body == '{"price":1,"lots":"many"}'


# Attempts.


@pytest.mark.parametrize(
    "trouble",
    [
        RESET,
        HANG_UP,
        partly(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1"),
        reply(status=500),
        reply(status=504),
        reply(status=429),
    ],
)
async def test_f010_f082_a_read_is_tried_again(trouble: Any) -> None:
    async with RawServer(trouble, trouble, OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read()) == OK_PRICE
        assert server.count() == 3


async def test_attempts_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "alor_async.http")
    async with RawServer(reply(status=503)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert isinstance(error, ServerError)
        assert error.attempts == server.count() == 3
        assert "(after 3 attempts)" in str(error)
        assert len(caplog.records) == 2
        error = await failure(rig, read(), retries=RetryPolicy(attempts=5, base=0, cap=0))
        assert error.attempts == 5
    assert "D39004" not in caplog.text


@pytest.mark.parametrize("status", [400, 403, 404, 418])
async def test_a_definite_no_is_not_asked_again(status: int) -> None:
    async with RawServer(reply(status=status)) as server, Rig(server, auth=static()) as rig:
        await failure(rig, read())
        assert server.count() == 1


@pytest.mark.parametrize("operation", [PLACE, REPLACE])
@pytest.mark.parametrize(
    "trouble", [RESET, HANG_UP, reply(status=500), reply(status=503), reply(b"<html>"), reply(status=429)]
)
async def test_f008_f083_a_command_is_sent_once(operation: Operation[Price], trouble: Any) -> None:
    async with RawServer(trouble, OK) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place(operation))
        assert server.count() == 1
        assert error.request_id == "id-1"
        assert "[request id-1]" in str(error)


async def test_f001_a_command_that_could_not_leave_may_be_tried_again() -> None:
    port = closed_port()
    started: list[asyncio.Server] = []
    received: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(received[0].lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.write(OK)
        await writer.drain()
        writer.close()

    class StartsAtTheSecondAttempt(ManualClock):
        async def sleep(self, seconds: float) -> None:
            started.append(await asyncio.start_server(answer, "127.0.0.1", port))

    async with RawServer(OK) as unused:
        here = environment_of(unused)
        environment = type(here)(
            name="late", api=f"http://127.0.0.1:{port}", oauth=here.oauth, ws=here.ws, cws=here.cws
        )
        rig = Rig(unused, auth=static(), environment=environment, clock=StartsAtTheSecondAttempt())
        async with rig:
            assert await rig.send(place()) == OK_PRICE
    for server in started:
        server.close()
        await server.wait_closed()
    assert len(received) == 1


@pytest.mark.parametrize("operation", [PLACE, REPLACE])
@pytest.mark.parametrize("trouble", [RESET, HANG_UP, reply(status=503), reply(b"<html>")])
async def test_f008_on_demand_a_command_is_sent_again_under_the_same_id(
    operation: Operation[Price], trouble: Any
) -> None:
    async with RawServer(trouble, OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(place(operation), retries=SAME_ID) == OK_PRICE
        assert [request.headers["x-reqid"] for request in server.requests] == ["id-1", "id-1"]
        assert server.requests[0].body == server.requests[1].body


async def test_a_cancel_has_no_id_and_is_never_sent_again() -> None:
    async with RawServer(RESET, reply(b"success")) as server, Rig(server, auth=static()) as rig:
        await failure(rig, CANCEL.request(), retries=SAME_ID)
        assert server.count() == 1


async def test_f093_the_same_id_is_not_trusted_for_longer_than_its_life() -> None:
    policy = RetryPolicy(base=0.001, cap=0.002, commands="same_id", request_id_life=0)
    async with RawServer(RESET, OK) as server, Rig(server, auth=static()) as rig:
        await failure(rig, place(), retries=policy)
        assert server.count() == 1


async def drop_and_refuse(exchange: Exchange) -> None:
    """Lose this request and refuse every further connection."""
    assert exchange.server._server is not None
    exchange.server._server.close()
    exchange.reset()


async def test_what_a_command_may_have_done_is_not_forgotten() -> None:
    async with RawServer(drop_and_refuse) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place(), retries=SAME_ID)
        assert type(error) is ConnectionLost, "not ConnectError, which would say that nothing was sent"
        assert error.attempts == 3
    for last in (reply(status=429), reply(status=429, headers={"Retry-After": "1000"})):
        async with RawServer(RESET, last) as server, Rig(server, auth=static()) as rig:
            error = await failure(rig, place(), retries=SAME_ID)
            assert type(error) is ConnectionLost
    async with RawServer(RESET, reply({"code": "NotEnoughCash"}, 400)) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, place(), retries=SAME_ID)
        assert type(error) is BadRequest
        assert error.ambiguous
        assert not (await failure(rig, place())).ambiguous


async def test_what_a_command_may_have_done_is_not_forgotten_when_the_token_fails_next() -> None:
    class OneToken(Tokens):
        async def get_token(self) -> str:
            raise TokenUnavailable("gone")

        def current(self) -> str | None:
            return self.tokens.pop() if self.tokens else None

    async with RawServer(RESET, OK) as server, Rig(server, auth=OneToken([make_token()])) as rig:
        error = await failure(rig, place(), retries=SAME_ID)
        assert type(error) is ConnectionLost
        assert isinstance(error.__cause__, TokenUnavailable)


# 429.


async def test_f079_an_order_to_wait_is_obeyed() -> None:
    clock = ManualClock()
    busy = reply(status=429, headers={"Retry-After": "5"})
    async with RawServer(busy, OK) as server, Rig(server, auth=static(), clock=clock) as rig:
        call = asyncio.create_task(rig.send(read()))
        await server.wait_for(1)
        while not clock.slept:  # noqa: ASYNC110 - it is a plain list
            await asyncio.sleep(0.001)
        other = asyncio.create_task(rig.send(read()))
        command = asyncio.create_task(rig.send(place()))
        assert await command == OK_PRICE, "the pause is that lane's"
        await asyncio.sleep(0.01)
        assert not other.done(), "who is on the same lane waits too"
        await clock.advance(5.1)
        assert await other == await call == OK_PRICE
        assert clock.slept == [5.0]


@pytest.mark.parametrize(
    ("header", "retry_after"), [("1000", 1000.0), ("1000000000", 1e9), ("-1", None), ("soon", None), (None, None)]
)
async def test_f079_an_order_that_is_too_long_ends_the_call(header: str | None, retry_after: float | None) -> None:
    busy = reply(status=429, headers={} if header is None else {"Retry-After": header})
    async with RawServer(busy) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read())
        assert isinstance(error, RateLimited)
        assert error.retry_after == retry_after
        assert server.count() == (1 if retry_after else 3)


async def test_f079_a_pause_that_the_deadline_does_not_leave_room_for_is_not_begun() -> None:
    busy = reply(status=429, headers={"Retry-After": "20"})
    async with RawServer(busy) as server, Rig(server, auth=static()) as rig:
        begun = time.monotonic()
        error = await failure(rig, read(), timeout=5)
        assert isinstance(error, RateLimited)
        assert time.monotonic() - begun < 2


async def test_f081_cancels_pass_while_data_is_throttled() -> None:
    busy = reply(status=429, headers={"Retry-After": "30"})
    async with RawServer(busy).on("/orders", reply(b"success")) as server, Rig(server, auth=static()) as rig:
        await failure(rig, read(), timeout=10)
        assert await rig.send(CANCEL.request(), timeout=5) is None


# 401.


async def test_f063_a_storm_of_401_makes_one_refresh_and_one_replay_each() -> None:
    old, new = make_token(), make_token()

    async def by_token(exchange: Exchange) -> None:
        await exchange.send(OK if exchange.seen.token == new else reply(status=401))

    auth = RefreshToken(REFRESH_TOKEN, initial=old)
    limits = Limits(in_flight=600)
    async with (
        RawServer(by_token).on("/refresh", reply({"AccessToken": new})) as server,
        Rig(server, auth=auth, limits=limits) as rig,
    ):
        calls = [rig.send(read()) for _ in range(250)]
        calls += [rig.send(place(request_id=f"id-{number}")) for number in range(250)]
        assert await asyncio.gather(*calls) == [OK_PRICE] * 500
        assert server.count("/refresh") == 1
        ids = [request.headers["x-reqid"] for request in server.requests if "x-reqid" in request.headers]
        assert len(ids) <= 500
        assert len(set(ids)) == 250


@pytest.mark.parametrize("request_", [read(), place()])
async def test_f063_a_second_401_is_the_end(request_: Any) -> None:
    tokens = Tokens([make_token(), make_token(), make_token()])
    async with RawServer(reply(status=401)) as server, Rig(server, auth=tokens) as rig:
        error = await failure(rig, request_)
        assert isinstance(error, Unauthorized)
        assert error.attempts == server.count() == 2
        assert len(tokens.invalidated) == 1
        assert not error.ambiguous


async def test_the_same_token_is_not_tried_twice() -> None:
    async with RawServer(reply(status=401)) as server, Rig(server, auth=static()) as rig:
        assert isinstance(await failure(rig, read()), Unauthorized)
        assert server.count() == 1


async def test_a_provider_with_one_method_is_enough() -> None:
    class Bare:
        async def get_token(self) -> str:
            return token

    token = make_token()
    async with RawServer(OK, reply(status=401)) as server, Rig(server, auth=Bare()) as rig:
        assert await rig.send(read()) == OK_PRICE
        assert server.requests[0].token == token
        assert isinstance(await failure(rig, read()), Unauthorized)


@pytest.mark.parametrize("bad", [None, "", 5, "with space", "line\nend", "é", "x" * 20_000])
async def test_f075_what_a_provider_gives_is_checked(bad: Any) -> None:
    class Bad:
        async def get_token(self) -> Any:
            return bad

    async with RawServer(OK) as server, Rig(server, auth=Bad()) as rig:
        with pytest.raises(AuthError):
            await rig.send(read())
        assert server.count() == 0


@pytest.mark.parametrize("method", ["get_token", "current"])
async def test_f075_a_provider_that_fails_is_an_error_of_ours(method: str) -> None:
    class Failing(Tokens):
        def __getattribute__(self, name: str) -> Any:
            if name == "current" and method == "get_token":
                raise AttributeError
            return super().__getattribute__(name)

        async def get_token(self) -> str:
            raise ZeroDivisionError("secret detail")

        def current(self) -> str | None:
            raise ZeroDivisionError("secret detail")

    async with RawServer(OK) as server, Rig(server, auth=Failing([make_token()])) as rig:
        with pytest.raises(TokenUnavailable, match="the token provider failed with ZeroDivisionError") as caught:
            await rig.send(read())
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert server.count() == 0


async def test_f075_a_provider_that_refuses_keeps_its_words() -> None:
    class Refusing(Tokens):
        def current(self) -> str | None:
            raise AuthError("not today")

    async with RawServer(OK) as server, Rig(server, auth=Refusing([make_token()])) as rig:
        with pytest.raises(AuthError, match="not today"):
            await rig.send(read())


async def test_a_token_that_ends_while_waiting_for_a_place_is_replaced() -> None:
    tokens = Tokens([make_token(), make_token()])
    first, second = tokens.tokens
    gate = asyncio.Event()
    async with RawServer(when(gate, OK), OK) as server, Rig(server, auth=tokens, limits=Limits(in_flight=2)) as rig:
        one = asyncio.create_task(rig.send(read()))
        await server.wait_for(1)
        two = asyncio.create_task(rig.send(read()))
        await settle()
        tokens.invalidate(first)
        gate.set()
        await asyncio.gather(one, two)
        assert [request.token for request in server.requests] == [first, second]


# Time.


async def test_f005_the_deadline_while_connecting_says_that_nothing_was_sent() -> None:
    with full_backlog() as port:
        async with RawServer(OK) as server:
            here = environment_of(server)
            there = type(here)(name="full", api=f"http://127.0.0.1:{port}", oauth=here.oauth, ws=here.ws, cws=here.cws)
            async with Rig(server, auth=static(), environment=there) as rig:
                for request in (read(), place()):
                    error = await failure(rig, request, timeout=0.1)
                    assert type(error) is ConnectError
                    assert "not connected within 0.1 s" in str(error)
                    assert error.stage == "connect"


@pytest.mark.parametrize("request_", [read(), place()])
async def test_the_deadline_after_sending(request_: Any) -> None:
    async with RawServer(SILENCE) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, request_, timeout=0.1)
        assert type(error) is RequestTimeout
        assert error.stage == "send"
        assert "no answer within 0.1 s" in str(error)
        assert 0.1 <= error.elapsed < 2
        assert server.count() == 1


async def drip(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await exchange.send(b" ")
        await asyncio.sleep(0.01)


async def test_f014_a_body_that_drips_does_not_outlive_the_deadline() -> None:
    async with RawServer(drip) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read(), timeout=Timeouts(total=0.2, read=0.1))
        assert type(error) is RequestTimeout
        assert error.stage == "read"
        assert error.elapsed >= 0.2


@pytest.mark.parametrize(
    "silent",
    [
        SILENCE,
        partly(b"HTTP/1.1 200 OK\r\n", SILENCE),
        partly(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1", SILENCE),
    ],
)
async def test_a_server_that_falls_silent_is_not_waited_for_until_the_deadline(silent: Any) -> None:
    async with RawServer(silent) as server, Rig(server, auth=static()) as rig:
        error = await failure(rig, read(), timeout=Timeouts(total=20, read=0.1))
        assert type(error) is RequestTimeout
        assert "nothing came from the server for 0.1 s (after 3 attempts)" in str(error)
        assert error.elapsed < 5
        assert type(await failure(rig, place(), timeout=Timeouts(total=20, read=0.1))) is RequestTimeout
        assert server.count("/orders") == 1


async def test_a_silent_read_is_tried_again() -> None:
    async with RawServer(SILENCE, OK) as server, Rig(server, auth=static()) as rig:
        assert await rig.send(read(), timeout=Timeouts(total=20, read=0.1)) == OK_PRICE
        assert server.count() == 2


async def test_f024_a_place_that_does_not_come_free() -> None:
    async with RawServer(SILENCE) as server, Rig(server, auth=static(), limits=Limits(in_flight=2)) as rig:
        first = asyncio.create_task(rig.send(read()))
        await server.wait_for(1)
        error = await failure(rig, read(), timeout=Timeouts(queue=0.05))
        assert type(error) is QueueTimeout
        assert "no free place within 0.05 s" in str(error)
        error = await failure(rig, read(), timeout=0.05)
        assert type(error) is QueueTimeout
        assert error.stage == "queue"
        assert server.count() == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_f024_a_thousand_calls_through_eight_places_leave_room_for_a_cancel() -> None:
    gate = asyncio.Event()
    limits = Limits(in_flight=8)
    async with (
        RawServer(when(gate, OK)).on("/orders", reply(b"success")) as server,
        Rig(server, auth=static(), limits=limits) as rig,
    ):
        calls = [asyncio.create_task(rig.send(read())) for _ in range(1000)]
        await server.wait_for(7)
        assert await rig.send(CANCEL.request(), timeout=2) is None
        assert server.count() == 8
        gate.set()
        assert await asyncio.gather(*calls) == [OK_PRICE] * 1000
        assert server.connections <= 8


async def test_the_pace_is_kept() -> None:
    async with RawServer(OK) as server:
        async with Rig(server, auth=static(), limits=Limits(per_second=20)) as rig:
            begun = time.monotonic()
            await asyncio.gather(*(rig.send(read()) for _ in range(8)))
            assert time.monotonic() - begun >= 6 / 20
        async with Rig(server, auth=static(), environment=environment_of(server, per_second=20)) as rig:
            begun = time.monotonic()
            await asyncio.gather(*(rig.send(read()) for _ in range(8)))
            assert time.monotonic() - begun >= 6 / 20


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5"])
async def test_a_senseless_timeout_is_refused(timeout: Any) -> None:
    async with RawServer(OK) as server, Rig(server, auth=static()) as rig:
        with pytest.raises(InvalidArgument, match="timeout"):
            await rig.send(read(), timeout)
        with pytest.raises(InvalidArgument, match="retries"):
            await rig.send(read(), retries=3)  # type: ignore[arg-type]
        assert server.count() == 0


def test_aiohttp_is_told_of_connecting_alone() -> None:
    timeout = wire_timeout(Timeouts(connect=3))
    assert (timeout.total, timeout.connect, timeout.sock_connect, timeout.sock_read) == (None, 3, 3, None)


# Cancellation and close.


@pytest.mark.parametrize("request_", [read(), place()])
async def test_a_cancellation_passes_untouched(request_: Any) -> None:
    async with RawServer(SILENCE, OK) as server, Rig(server, auth=static(), limits=Limits(in_flight=2)) as rig:
        call = asyncio.create_task(rig.send(request_))
        await server.wait_for(1)
        call.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await call
        assert await rig.send(read()) == OK_PRICE, "and its place is free again"


async def test_an_outer_time_limit_is_the_callers_own() -> None:
    async with RawServer(SILENCE) as server, Rig(server, auth=static()) as rig:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await rig.send(read())
        assert not isinstance(caught.value, RequestTimeout)


async def test_f175_closing_ends_reads_with_closed_and_commands_with_doubt() -> None:
    async with RawServer(SILENCE) as server, Rig(server, auth=static(), limits=Limits(in_flight=4)) as rig:
        reading = asyncio.create_task(rig.send(read()))
        placing = asyncio.create_task(rig.send(place()))
        third = asyncio.create_task(rig.send(read()))
        await server.wait_for(3)
        waiting = asyncio.create_task(rig.send(place()))
        await settle()
        begun = time.monotonic()
        await rig.close()
        await rig.close()
        assert time.monotonic() - begun < 2
        results = await asyncio.gather(reading, placing, third, waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ClosedError, ConnectionLost, ClosedError, ClosedError]
        with pytest.raises(ClosedError):
            await rig.send(read())
        assert server.count() == 3
        await server.wait_until_left()


async def test_f175_closing_during_a_pause_and_while_waiting_for_a_token() -> None:
    policy = RetryPolicy(base=20, cap=20)
    auth = RefreshToken(REFRESH_TOKEN)
    async with RawServer(reply(status=503)).on("/refresh", SILENCE) as server, Rig(server, auth=auth) as rig:
        waiting = asyncio.create_task(rig.send(read()))
        await server.wait_for(1, "/refresh")
        pausing = asyncio.create_task(rig.send(FREE_READ.request(), retries=policy))
        await server.wait_for(1, "/free")
        await asyncio.sleep(0.02)
        await rig.close()
        for call in (waiting, pausing):
            with pytest.raises(ClosedError):
                await call


async def test_calls_of_a_session_that_was_never_opened() -> None:
    async with RawServer(OK) as server:
        rig = Rig(server, auth=static())
        with pytest.raises(ClosedError, match="is not open"):
            await rig.send(read())
        await rig.close()


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with RawServer(OK, RESET, SILENCE) as server:
        rig = Rig(server, auth=static())
        async with rig:
            await rig.send(read())
            await failure(rig, place())
            await failure(rig, place(), timeout=0.05)
            assert not rig.session._deadlines._groups or all(
                not group.open for group in rig.session._deadlines._groups.values()
            )
            assert rig.session._limiter.taken == 0
        await server.wait_until_left()
    gc.collect()
    await settle()
    assert {task for task in asyncio.all_tasks() if "alor" in task.get_name()} <= before


async def test_f191_a_traceback_with_variables_shows_no_token() -> None:
    token = make_token()
    async with RawServer(RESET) as server, Rig(server, auth=StaticToken(token), retries=FAST) as rig:
        with pytest.raises(ConnectionLost) as caught:
            await rig.send(read())
        error: BaseException | None = caught.value
        seen = 0
        while error is not None:
            trace = error.__traceback__
            while trace is not None:
                if "tests" not in trace.tb_frame.f_code.co_filename:
                    for name, value in trace.tb_frame.f_locals.items():
                        seen += 1
                        assert token not in repr(value), name
                        assert token not in repr(getattr(value, "__dict__", "")), name
                trace = trace.tb_next
            error = error.__cause__ or error.__context__
        assert seen > 5
