"""One refresh for all who wait, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import pickle
from collections.abc import Awaitable
from email.utils import formatdate
from typing import Any

import pytest

from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async.auth import RefreshToken
from alor_async.config import PRODUCTION, TEST
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConfigError,
    InvalidArgument,
    TokenRefused,
    TokenUnavailable,
)
from alor_async.values import Portfolio
from tests.support.manual_clock import ManualClock, settle
from tests.support.rawserver import RESET, SILENCE, RawServer, reply, when
from tests.support.rig import OK_BODY, REFRESH_TOKEN, Rig, environment_of, read
from tests.support.tokens import make_jwt, make_token

REFRESH = "/refresh"


def granted(token: str | None = None, **headers: str) -> bytes:
    return reply({"AccessToken": make_token() if token is None else token}, headers=headers)


def refresher(**options: Any) -> RefreshToken:
    return RefreshToken(REFRESH_TOKEN, **options)


async def outcomes(calls: list[Awaitable[str]]) -> list[str | BaseException]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def with_time(clock: ManualClock, task: asyncio.Task[Any], *, step: float = 1.0, steps: int = 400) -> None:
    """Let time pass until a task is done: sockets need real turns of the loop, pauses need the clock."""
    for _ in range(steps):
        if task.done():
            return
        await asyncio.sleep(0.002)
        await clock.advance(step)


async def test_f192_the_token_travels_in_the_body_alone() -> None:
    token = make_token()
    async with RawServer().on(REFRESH, granted(token)) as server, Rig(server, auth=refresher()) as rig:
        assert await rig.auth.get_token() == token
        (request,) = server.requests
        assert (request.method, request.target) == ("POST", REFRESH)
        assert request.json() == {"token": REFRESH_TOKEN}
        assert "authorization" not in request.headers
        assert request.headers["content-type"] == "application/json"


async def test_allowed_portfolios_are_asked_for() -> None:
    auth = refresher(allowed_portfolios=["D39004", Portfolio("7500ABC")])
    async with RawServer().on(REFRESH, granted()) as server, Rig(server, auth=auth) as rig:
        await rig.auth.get_token()
        assert server.requests[0].json() == {"token": REFRESH_TOKEN, "allowedPortfolios": ["D39004", "7500ABC"]}


async def test_f054_a_thousand_callers_make_one_request() -> None:
    token = make_token()
    gate = asyncio.Event()
    async with RawServer().on(REFRESH, when(gate, granted(token))) as server, Rig(server, auth=refresher()) as rig:
        callers = [asyncio.create_task(rig.auth.get_token()) for _ in range(1000)]
        await server.wait_for(1)
        gate.set()
        assert set(await asyncio.gather(*callers)) == {token}
        assert await rig.auth.get_token() == token
        assert server.count() == 1


async def test_f054_a_thousand_calls_with_an_expired_token_make_one_request() -> None:
    auth = refresher(initial=make_token(-10))
    async with RawServer(reply(OK_BODY)).on(REFRESH, granted()) as server, Rig(server, auth=auth) as rig:
        await asyncio.gather(*(rig.send(read()) for _ in range(1000)))
        assert server.count(REFRESH) == 1
        assert server.count() == 1001


async def test_f055_a_leader_that_is_cancelled_takes_nobody_along() -> None:
    token = make_token()
    gate = asyncio.Event()
    async with RawServer().on(REFRESH, when(gate, granted(token))) as server, Rig(server, auth=refresher()) as rig:
        callers = [asyncio.create_task(rig.auth.get_token()) for _ in range(1000)]
        await server.wait_for(1)
        for leader in callers[:3]:
            leader.cancel()
        gate.set()
        results = await outcomes(list(callers))
        assert [type(result) for result in results[:3]] == [asyncio.CancelledError] * 3
        assert set(results[3:]) == {token}
        assert server.count() == 1


@pytest.mark.parametrize("steps", range(8))
async def test_f055_the_leader_is_cancelled_after_each_number_of_steps(steps: int) -> None:
    token = make_token()
    async with RawServer().on(REFRESH, granted(token)) as server, Rig(server, auth=refresher()) as rig:
        leader = asyncio.create_task(rig.auth.get_token())
        followers = [asyncio.create_task(rig.auth.get_token()) for _ in range(5)]
        await settle(steps)
        leader.cancel()
        assert await asyncio.gather(*followers) == [token] * 5
        await asyncio.gather(leader, return_exceptions=True)
        assert server.count() == 1


async def test_f056_a_failure_for_which_nobody_waits_is_not_lost_in_the_log() -> None:
    gate = asyncio.Event()
    async with (
        RawServer().on(REFRESH, when(gate, reply(status=403)), granted()) as server,
        Rig(server, auth=refresher()) as rig,
    ):
        caller = asyncio.create_task(rig.auth.get_token())
        await server.wait_for(1)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        flight = rig.auth._flight
        assert flight is not None
        gate.set()
        await asyncio.wait({flight})
        with pytest.raises(TokenRefused):
            await rig.auth.get_token()


async def test_f057_short_deadlines_do_not_keep_the_refresh_from_ending() -> None:
    token = make_token()
    gate = asyncio.Event()
    async with (
        RawServer(reply(OK_BODY)).on(REFRESH, when(gate, granted(token))) as server,
        Rig(server, auth=refresher()) as rig,
    ):
        results = await asyncio.gather(*(rig.send(read(), 0.05) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [TokenUnavailable] * 5
        assert "no access token within 0.05 s" in str(results[0])
        gate.set()
        assert (await rig.send(read())).lots == 3
        assert server.count(REFRESH) == 1


async def test_f058_a_refusal_is_remembered_and_everybody_gets_their_own_error() -> None:
    async with RawServer().on(REFRESH, reply(status=403)) as server, Rig(server, auth=refresher()) as rig:
        results = await outcomes([rig.auth.get_token() for _ in range(1000)])
        assert {type(result) for result in results} == {TokenRefused}
        assert len({id(result) for result in results}) == 1000
        for _ in range(5):
            with pytest.raises(TokenRefused, match="not accepted by rig") as caught:
                await rig.auth.get_token()
            assert caught.value.status == 403
            assert not caught.value.retryable
        assert server.count() == 1


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_f058_these_statuses_refuse(status: int) -> None:
    async with RawServer().on(REFRESH, reply(status=status)) as server, Rig(server, auth=refresher()) as rig:
        with pytest.raises(TokenRefused):
            await rig.auth.get_token()


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_page_of_a_proxy_is_no_refusal(status: int) -> None:
    page = reply(b"<html><title>Access denied</title></html>", status=status)
    token = make_token()
    async with RawServer().on(REFRESH, page, granted(token)) as server, Rig(server, auth=refresher()) as rig:
        with contextlib.suppress(TokenUnavailable):
            await rig.auth.get_token()
        assert await rig.auth.get_token() == token


@pytest.mark.parametrize("trouble", [reply(status=503), reply(status=500), RESET, reply(status=429)])
async def test_one_failure_of_the_service_is_got_over(trouble: Any) -> None:
    token = make_token()
    async with RawServer().on(REFRESH, trouble, granted(token)) as server, Rig(server, auth=refresher()) as rig:
        results = await outcomes([rig.auth.get_token() for _ in range(1000)])
        assert set(results) == {token}
        assert server.count() == 2


async def test_f060_a_service_that_stays_down_is_unavailable_and_asked_ever_more_rarely() -> None:
    clock = ManualClock()
    async with (
        RawServer().on(REFRESH, reply(status=503)) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        for _ in range(6):
            call = asyncio.create_task(rig.auth.get_token())
            await with_time(clock, call, step=0.1)
            with pytest.raises(TokenUnavailable, match="answered 503") as caught:
                await call
            assert caught.value.retryable
        assert server.count() == 3 + 5
        assert max(clock.slept) > 8 * clock.slept[0]


@pytest.mark.parametrize(("ordered", "waited"), [("7", 7.0), ("1000000", 60.0)])
async def test_f061_an_order_to_wait_is_obeyed_up_to_a_minute(ordered: str, waited: float) -> None:
    clock = ManualClock()
    busy = reply(status=429, headers={"Retry-After": ordered})
    async with (
        RawServer().on(REFRESH, busy, granted(make_token(now=clock.now()))) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        calls = [asyncio.create_task(rig.auth.get_token()) for _ in range(10)]
        await with_time(clock, calls[-1])
        await asyncio.gather(*calls)
        assert clock.slept == [waited]
        assert server.count() == 2


FAR = 253_402_300_000


@pytest.mark.parametrize(
    "answer",
    [
        reply({}),
        reply({"AccessToken": None}),
        reply({"AccessToken": ""}),
        reply({"AccessToken": "not a token"}),
        reply({"AccessToken": make_token(exp=None)}),
        reply({"AccessToken": make_token(exp="soon")}),
        reply({"AccessToken": make_token(-1)}),
        reply({"AccessToken": make_token(-100_000)}),
        reply({"AccessToken": make_token(exp=FAR)}),
        reply({"AccessToken": make_token(exp=-5)}),
        reply({"AccessToken": make_token(padding="x" * 20_000)}),
        reply({"AccessToken": make_token(padding="x" * 10_000_000)}),
        reply({"AccessToken": make_jwt([])}),
        reply({"AccessToken": "a.b.c"}),
        reply(b"<html>"),
        reply(b"\xff\xfe"),
        reply(b""),
        reply(b"[" * 60_000),
        reply(status=204),
        reply(status=307, headers={"Location": "http://127.0.0.1:9/refresh"}),
        reply(status=404),
    ],
)
async def test_f062_what_is_no_token_is_an_error_and_never_kept(answer: bytes) -> None:
    async with RawServer().on(REFRESH, answer) as server, Rig(server, auth=refresher()) as rig:
        with pytest.raises(AuthError) as caught:
            await rig.auth.get_token()
        assert isinstance(caught.value, TokenUnavailable)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200
        assert rig.auth.current() is None


async def test_f062_renewed_but_expired_is_said() -> None:
    async with RawServer().on(REFRESH, granted(make_token(-1))) as server, Rig(server, auth=refresher()) as rig:
        with pytest.raises(TokenUnavailable, match="already expired"):
            await rig.auth.get_token()
        assert server.count() == 1, "asking again at once would not help"


async def test_f059_a_token_is_renewed_in_the_background_while_it_serves() -> None:
    clock = ManualClock()
    old, new = make_token(now=clock.now()), make_token(3600, now=clock.now())
    gate = asyncio.Event()
    async with (
        RawServer().on(REFRESH, granted(old), when(gate, granted(new))) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        assert await rig.auth.get_token() == old
        await clock.advance(1300)
        assert rig.auth.current() == old
        assert server.count() == 1
        await clock.advance(200)
        assert [await rig.auth.get_token() for _ in range(3)] == [old] * 3
        await server.wait_for(2)
        gate.set()
        flight = rig.auth._flight
        assert flight is not None
        await asyncio.wait({flight})
        await settle()
        assert rig.auth.current() == new
        assert server.count() == 2


async def test_f059_a_renewal_that_fails_in_the_background_troubles_nobody(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    old = make_token(now=clock.now())
    async with (
        RawServer().on(REFRESH, granted(old), reply(status=503)) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        await rig.auth.get_token()
        await clock.advance(1500)
        with caplog.at_level(logging.WARNING, "alor_async.auth"):
            for _ in range(20):
                assert await rig.auth.get_token() == old
                await asyncio.sleep(0.002)
                await clock.advance(0.5)
        assert 4 <= server.count() <= 12, "backed off: fewer requests than calls"
        await clock.advance(400)
        call = asyncio.create_task(rig.auth.get_token())
        await with_time(clock, call)
        with pytest.raises(TokenUnavailable):
            await call


async def test_f064_an_old_token_that_is_refused_does_not_cost_the_new_one() -> None:
    old, new = make_token(), make_token()
    async with RawServer().on(REFRESH, granted(old), granted(new)) as server, Rig(server, auth=refresher()) as rig:
        await rig.auth.get_token()
        rig.auth.invalidate(old)
        assert await rig.auth.get_token() == new
        rig.auth.invalidate(old)
        assert rig.auth.current() == new
        assert server.count() == 2


@pytest.mark.parametrize("skew", [3600, -3600, 8 * 3600])
async def test_f069_a_wrong_clock_here_does_not_matter(skew: float) -> None:
    clock = ManualClock()
    true_time = clock.now() - skew
    token = make_token(now=true_time)
    async with (
        RawServer().on(REFRESH, granted(token, Date=formatdate(true_time, usegmt=True))) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        assert await rig.auth.get_token() == token
        await clock.advance(1000)
        assert rig.auth.current() == token
        await clock.advance(800)
        assert rig.auth.current() is None
        assert server.count() <= 2


async def test_f069_after_a_suspend_the_token_is_renewed_before_use() -> None:
    clock = ManualClock()
    old, new = make_token(now=clock.now()), make_token(now=clock.now() + 8 * 3600)
    async with (
        RawServer().on(REFRESH, granted(old), granted(new)) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        await rig.auth.get_token()
        clock.sleep_machine(8 * 3600)
        assert rig.auth.current() is None
        call = asyncio.create_task(rig.auth.get_token())
        await with_time(clock, call, step=0.1)
        assert await call == new


async def test_f069_a_senseless_date_is_no_date() -> None:
    async with RawServer().on(REFRESH, granted(Date="yesterday")) as server, Rig(server, auth=refresher()) as rig:
        assert await rig.auth.get_token()


async def test_an_initial_token_spares_the_first_request() -> None:
    token = make_token()
    async with RawServer().on(REFRESH, granted()) as server, Rig(server, auth=refresher(initial=token)) as rig:
        assert await rig.auth.get_token() == token
        assert server.count() == 0


async def test_f077_closing_ends_a_refresh_that_is_under_way() -> None:
    async with RawServer().on(REFRESH, SILENCE) as server, Rig(server, auth=refresher()) as rig:
        callers = [asyncio.create_task(rig.auth.get_token()) for _ in range(10)]
        await server.wait_for(1)
        await rig.close()
        results = await outcomes(list(callers))
        assert {type(result) for result in results} == {ClosedError}
        with pytest.raises(ClosedError, match="no client is open"):
            await rig.auth.get_token()
        assert rig.auth._flight is None


async def test_f077_closing_before_the_refresh_took_its_first_step() -> None:
    async with RawServer().on(REFRESH, SILENCE) as server, Rig(server, auth=refresher()) as rig:
        caller = asyncio.create_task(rig.auth.get_token())
        await asyncio.sleep(0)
        await rig.close()
        with pytest.raises(ClosedError):
            await caller


async def test_a_caller_that_waits_through_another_client_is_served_by_that_one() -> None:
    auth = refresher()
    token = make_token()
    async with RawServer().on(REFRESH, SILENCE, granted(token)) as server, Rig(server, auth=auth) as first:
        second = Transport(clock=Clock())
        await second.open()
        auth.bind(second, environment=first.environment, clock=first.clock)
        caller = asyncio.create_task(auth.get_token())
        await server.wait_for(1)
        await first.close()
        assert not caller.done(), "the request went over the other transport"
        auth.bind(first.transport, environment=first.environment, clock=first.clock)
        third = Transport(clock=Clock())
        await third.open()
        auth._bindings.pop()
        auth.bind(third, environment=first.environment, clock=first.clock)
        await auth.unbind(second)
        assert await caller == token
        await auth.unbind(third)
        await second.close()
        await third.close()


async def test_a_refresh_token_belongs_to_one_environment() -> None:
    auth = refresher()
    transport = Transport(clock=Clock())
    auth.bind(transport, environment=TEST, clock=Clock())
    with pytest.raises(ConfigError, match="belongs to test, not to production"):
        auth.bind(transport, environment=PRODUCTION, clock=Clock())
    await auth.unbind(transport)
    with pytest.raises(ConfigError):
        auth.bind(transport, environment=PRODUCTION, clock=Clock())


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "é", "x" * 20_000, None, 5])
def test_a_refresh_token_must_look_like_one(token: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        RefreshToken(token)
    assert caught.value.argument == "token"


def test_settings_are_checked_when_made() -> None:
    with pytest.raises(ConfigError, match="initial"):
        refresher(initial="not a token")
    with pytest.raises(InvalidArgument):
        refresher(allowed_portfolios=["../.."])


def variables_of(error: BaseException | None) -> list[str]:
    """Print what a traceback with variables would show, of all frames but the test's own."""
    texts: list[str] = []
    while error is not None:
        texts.append(repr(error))
        trace = error.__traceback__
        while trace is not None:
            if "tests" not in trace.tb_frame.f_code.co_filename:
                texts += [repr(value) for value in trace.tb_frame.f_locals.values()]
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    return texts


async def test_f191_nothing_shows_the_tokens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = make_token()
    echo = reply({"message": f"bad {REFRESH_TOKEN} {token}"}, status=500)
    async with RawServer().on(REFRESH, granted(token), echo) as server, Rig(server, auth=refresher()) as rig:
        assert REFRESH_TOKEN not in repr(rig.auth)
        await rig.auth.get_token()
        rig.auth.invalidate(token)
        with pytest.raises(TokenUnavailable) as caught:
            await rig.auth.get_token()
        texts = [repr(caught.value), str(caught.value), repr(vars(caught.value)), caplog.text, repr(rig.auth)]
        texts += variables_of(caught.value)
        assert [text for text in texts if REFRESH_TOKEN in text or token in text] == []
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            act(rig.auth)
    assert "not bound" in repr(refresher())


async def test_an_unexpected_failure_still_wakes_everybody_with_an_error_of_ours() -> None:
    class Broken(Clock):
        def monotonic(self) -> float:
            raise ZeroDivisionError

    auth = refresher()
    async with RawServer().on(REFRESH, granted()) as server:
        transport = Transport(clock=Clock())
        await transport.open()
        auth.bind(transport, environment=environment_of(server), clock=Broken())
        results = await outcomes([auth.get_token() for _ in range(3)])
        assert all(isinstance(result, AlorError) for result in results)
        assert "ZeroDivisionError" in str(results[0])
        await auth.unbind(transport)
        await transport.close()


async def test_a_new_token_that_is_refused_at_once_does_not_make_a_storm() -> None:
    clock = ManualClock()
    async with (
        RawServer(reply(status=401)).on(REFRESH, *(granted(make_token(now=clock.now())) for _ in range(40))) as server,
        Rig(server, auth=refresher(), clock=clock) as rig,
    ):
        first = asyncio.create_task(rig.auth.get_token())
        await first
        rig.auth.invalidate(first.result())
        second = asyncio.create_task(rig.auth.get_token())
        await settle(50)
        assert not second.done()
        assert server.count() == 1
        await with_time(clock, second, step=0.1)
        assert json.loads(server.requests[1].body) == {"token": REFRESH_TOKEN}
