"""Faults in answers, tokens and requests: aimed, counted, put on record, and gone when cleared."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Fault, Sandbox, SandboxBroken, Selector
from alor_async.sandbox.effects import Answer, RejectToken
from alor_async.sandbox.faults import Stage
from alor_async.sandbox.inject import Which
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.trader import trading
from tests.support.waiting import until

TIME = "/md/v2/time"
LOST = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


async def status(call: Caller, path: str = TIME) -> int:
    return (await call("GET", path)).status


@pytest.fixture
def low(sandbox: Sandbox) -> str:
    bid = sandbox.market["SBER"].quote.bid
    assert bid is not None
    return str(bid - 5)


class TestSelectors:
    async def test_times_and_route(self, sandbox: Sandbox, call: Caller) -> None:
        armed = sandbox.faults.http.status(503, route="GET /md/v2/time", times=2)
        assert await status(call, "/md/v2/Securities/currencyPairs") == 200
        assert [await status(call) for _ in range(3)] == [503, 503, 200]
        assert (armed.fired, armed.spent) == (2, True)
        assert sandbox.faults.armed == ()

    async def test_nth(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.status(500, operation="get_server_time", nth=2)
        assert [await status(call) for _ in range(3)] == [200, 500, 200]

    async def test_until_cleared_by_hand_or_by_a_block(self, sandbox: Sandbox, call: Caller) -> None:
        with sandbox.faults.http.status(502, times=None) as armed:
            assert [await status(call) for _ in range(3)] == [502] * 3
        assert await status(call) == 200
        assert armed.fired == 3
        sandbox.faults.http.status(504, times=None)
        assert await status(call) == 504
        sandbox.faults.clear()
        assert await status(call) == 200

    async def test_method_server_and_pattern(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.status(418, method="delete", times=None)
        sandbox.faults.http.status(419, server="oauth", times=None)
        sandbox.faults.http.status(420, operation="instruments.*", times=None)
        assert await status(call) == 200
        assert (await call("POST", "/refresh", server="oauth")).status == 419
        assert await status(call, "/md/v2/Securities/currencyPairs") == 420
        assert (await call("DELETE", "/md/v2/time")).status == 418

    async def test_portfolio_and_symbol_wherever_they_stand(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        sandbox.faults.http.status(521, portfolio=portfolio.lower(), symbol="sber", times=None)
        sandbox.faults.http.status(522, symbol="GAZP", times=None)
        sandbox.faults.http.status(523, portfolio=portfolio, times=None)
        assert (await call.place_limit(portfolio, low)).status == 521
        assert await status(call, f"/md/v2/Clients/MOEX/{portfolio}/SBER/trades") == 521
        assert await status(call, "/md/v2/Securities/MOEX:LKOH,MOEX:GAZP/quotes") == 522
        assert await status(call, "/md/v2/history?symbol=GAZP") == 522
        assert await status(call, f"/md/v2/Clients/MOEX/{portfolio}/orders") == 523
        estimate = {"portfolio": portfolio, "ticker": "SBER", "exchange": "MOEX"}
        answer = await call("POST", "/commandapi/warptrans/TRADE/v2/client/orders/estimate", json=estimate)
        assert answer.status == 521
        assert await status(call, "/md/v2/Securities/MOEX/LKOH") == 200

    async def test_probability_comes_from_the_seed(self) -> None:
        async def story(seed: int) -> list[int]:
            with Sandbox(seed=seed) as sandbox:
                async with aiohttp.ClientSession() as session:
                    call = Caller(sandbox, session)
                    sandbox.faults.http.status(500, probability=0.5, times=None)
                    return [await status(call) for _ in range(24)]

        first, again, other = await story(1), await story(1), await story(2)
        assert first == again != other
        assert {200, 500} == set(first)

    async def test_a_fault_made_as_a_value(self, sandbox: Sandbox, call: Caller) -> None:
        fault = Fault(name="teapot", selector=Selector(route=TIME), effect=Answer(status=418, body=b"short and stout"))
        assert "teapot" in repr(sandbox.faults.arm(fault))
        assert (await call("GET", TIME)).text == "short and stout"

    async def test_every_firing_is_in_the_journal(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.status(503, operation="get_server_time")
        await status(call)
        (entry,) = sandbox.journal.of("fault")
        assert entry.details["fault"] == "http.status"
        assert entry.details["operation"] == "get_server_time"

    @pytest.mark.parametrize(
        ("argument", "which"),
        [
            ("operation", {"operation": "orders.place_limt"}),
            ("route", {"route": "GET /md/v2/tim"}),
            ("route", {"route": "GET /md/v3/*"}),
            ("route", {"route": "PATCH *"}),
            ("route", {"route": "/md/v2/Clients/*/*/*/*/*/nothing"}),
            ("route", {"route": 5}),
            ("route", {"route": ""}),
            ("operation", {"operation": b"orders.*"}),
            ("method", {"method": 7}),
            ("server", {"server": "web"}),
            ("portfolio", {"portfolio": 7500}),
            ("symbol", {"symbol": ["SBER"]}),
            ("nth", {"nth": 0}),
            ("nth", {"nth": 1.0}),
            ("nth", {"nth": True}),
            ("times", {"times": 0}),
            ("times", {"times": "x"}),
            ("probability", {"probability": 1.5}),
            ("probability", {"probability": "a"}),
            ("probability", {"probability": float("nan")}),
            ("after", {"after": -1}),
            ("after", {"after": "12:00"}),
            ("until", {"until": datetime.fromisoformat("2026-01-01")}),
            ("until", {"after": 5, "until": 5}),
            ("selected", {"selected": 1}),
        ],
    )
    def test_a_selector_that_could_never_match_is_refused(self, sandbox: Sandbox, argument: str, which: dict) -> None:
        with pytest.raises(ConfigError) as caught:
            sandbox.faults.http.status(500, **which)
        assert caught.value.argument == argument

    @pytest.mark.parametrize(
        ("which", "near"),
        [
            ({"operation": "stop_orders.cancel"}, "orders.cancel"),
            ({"operation": "market_data.get_quote"}, "market_data.get_quotes"),
            ({"opcode": "create:limits"}, "create:limit"),
        ],
    )
    def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
        self, sandbox: Sandbox, which: dict, near: str
    ) -> None:
        with pytest.raises(ConfigError, match=f"did you mean.* {near}[ ?]"):
            sandbox.faults.ack.drop(**which)

    @pytest.mark.parametrize(
        "route", ["*", "GET *", "/md/v2/clients/*", "/md/v2/Clients/MOEX/D*/orders", "*/actions/*", "DELETE */orders/*"]
    )
    def test_a_pattern_that_some_path_fits_is_taken(self, sandbox: Sandbox, route: str) -> None:
        sandbox.faults.http.status(500, route=route).clear()

    async def test_a_time_window_in_seconds_from_now_or_as_moments(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with aiohttp.ClientSession() as session:
                call = Caller(sandbox, session)
                begins = sandbox.clock.now + timedelta(seconds=10)
                sandbox.faults.http.status(500, after=10, until=20, times=None)
                sandbox.faults.http.status(501, after=begins + timedelta(seconds=10), times=None)
                seen = [await status(call)]
                for seconds in (9.999, 0.001, 9.999, 0.001):
                    await sandbox.clock.advance(seconds=seconds)
                    seen.append(await status(call))
                assert seen == [200, 200, 500, 500, 501]

    def test_values_that_make_no_sense_are_refused(self, sandbox: Sandbox) -> None:
        with pytest.raises(ConfigError, match="status"):
            sandbox.faults.http.status(5)
        with pytest.raises(ConfigError, match="size"):
            sandbox.faults.net.slicer(0)
        with pytest.raises(ConfigError, match="n: "):
            sandbox.faults.net.refuse(n=0)
        with pytest.raises(ConfigError, match="server"):
            sandbox.faults.net.refuse("web")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="seconds"):
            sandbox.faults.ack.delay(-1)
        with pytest.raises(ConfigError, match="how"):
            sandbox.faults.req.drop(how="softly")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="leaving"):
            sandbox.faults.exchange.replace_fails("half")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="mode"):
            sandbox.faults.dedupe.mode("sometimes")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="bytes_per_second"):
            sandbox.faults.net.bandwidth(0)


def test_the_keywords_of_the_one_line_spellings_are_the_selector_s_own() -> None:
    assert set(Which.__annotations__) == {field.name for field in dataclasses.fields(Selector)}


class TestHttp:
    async def test_status_with_body_and_headers(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.status(429, body="slow down", headers={"Retry-After": "5"})
        answer = await call("GET", TIME)
        assert (answer.status, answer.text, answer.headers["Retry-After"]) == (429, "slow down", "5")

    async def test_before_execution_nothing_acts_after_it_all_has(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        sandbox.faults.http.status(503, operation="orders.place_limit")
        assert (await call.place_limit(portfolio, low)).status == 503
        assert sandbox.orders() == ()
        sandbox.faults.http.status(503, operation="orders.place_limit", stage="after_execution")
        assert (await call.place_limit(portfolio, low)).status == 503
        assert len(sandbox.orders()) == 1

    async def test_redirect(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.redirect("http://127.0.0.1:1/elsewhere", status=308)
        answer = await call("GET", TIME)
        assert (answer.status, answer.headers["Location"]) == (308, "http://127.0.0.1:1/elsewhere")

    async def test_headers_may_repeat(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.header("X-Noise", "a", count=3)
        answer = await call("GET", TIME)
        assert answer.headers.getall("X-Noise") == ["a"] * 3
        assert int(answer.text) > 0

    async def test_another_body_or_a_change_of_the_honest_one(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.body("<html></html>", content_type="text/html")
        answer = await call("GET", TIME)
        assert (answer.status, answer.text, answer.content_type) == (200, "<html></html>", "text/html")
        sandbox.faults.http.body(lambda honest: b"[" + honest + b"]")
        assert isinstance((await call("GET", TIME)).json, list)

    async def test_a_body_under_a_false_flag(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.body(lambda honest: gzip.compress(honest + b" " * 1000))
        sandbox.faults.http.header("Content-Encoding", "gzip")
        answer = await call("GET", TIME)
        assert len(answer.body) > 1000
        assert int(answer.text) > 0

    async def test_a_function_that_fails_is_a_failure_of_the_sandbox(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.body(lambda honest: honest[99:100] or bytes(1 // 0))
        assert await status(call) == 500
        with pytest.raises(SandboxBroken, match="ZeroDivisionError"):
            sandbox.check()
        sandbox._gateway.failures.clear()

    @pytest.mark.parametrize("code", [204, 304, 418, 599])
    async def test_any_status_even_cut(self, sandbox: Sandbox, call: Caller, code: int) -> None:
        sandbox.faults.http.status(code, times=2)
        assert await status(call) == code
        sandbox.faults.http.truncate(0)
        assert await status(call) == code

    async def test_drip(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.drip(pause=0.01, size=2)
        begun = time.monotonic()
        assert int((await call("GET", TIME)).text) > 0
        assert time.monotonic() - begun >= 0.03

    async def test_truncated_as_the_length_tells(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.truncate(3)
        with pytest.raises(aiohttp.ClientPayloadError):
            await call("GET", TIME)

    async def test_truncated_and_nothing_tells(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.truncate(3, declared=False)
        answer = await call("GET", TIME)
        assert (answer.status, len(answer.body)) == (200, 3)

    async def test_delay(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.http.delay(0.05)
        begun = time.monotonic()
        assert await status(call) == 200
        assert time.monotonic() - begun >= 0.05


class TestLostRequestsAndAnswers:
    @pytest.mark.parametrize("how", ["reset", "close"])
    async def test_the_order_is_there_though_its_answer_is_not(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str, how: str
    ) -> None:
        sandbox.faults.ack.drop(operation="orders.place_limit", how=how)
        with pytest.raises(LOST):
            await call.place_limit(portfolio, low, request_id="lost")
        assert len(sandbox.orders()) == 1
        assert sandbox.requests[-1].status is None
        again = await call.place_limit(portfolio, low, request_id="lost")
        assert again.json["oldResponse"]["statusCode"] == 200
        assert len(sandbox.orders()) == 1

    async def test_the_request_is_lost_before_it_acts(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        sandbox.faults.req.drop(operation="orders.place_limit")
        with pytest.raises(LOST):
            await call.place_limit(portfolio, low, request_id="never")
        assert sandbox.orders() == ()
        assert (await call.place_limit(portfolio, low, request_id="never")).status == 200

    async def test_silence(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.ack.drop(how="hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await call("GET", TIME)
        assert sandbox.requests.count("get_server_time") == 1

    async def test_a_late_answer_hides_an_order_that_is_there(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        sandbox.faults.ack.delay(30)
        task = asyncio.create_task(call.place_limit(portfolio, low, request_id="late"))
        await until(lambda: len(sandbox.orders()) == 1)
        again = await call.place_limit(portfolio, low, request_id="late")
        assert again.json["oldResponse"]["statusCode"] == 200
        task.cancel()
        await asyncio.wait([task])

    async def test_a_client_that_gave_up_is_served_all_the_same(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        sandbox.faults.req.delay(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await call.place_limit(portfolio, low)
        assert sandbox.orders() == ()
        await until(lambda: len(sandbox.orders()) == 1)


class TestAuth:
    def test_what_needs_no_request_is_on_record_too(self, sandbox: Sandbox) -> None:
        sandbox.faults.auth.expire_now()
        sandbox.faults.auth.revoke_refresh()
        with sandbox.faults.net.refuse():
            pass
        assert [entry.details["fault"] for entry in sandbox.journal.of("fault")] == [
            "auth.expire_now",
            "auth.revoke_refresh",
            "net.refuse",
        ]

    async def test_a_token_is_not_refused_after_the_fact(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.arm(Fault(name="late", selector=Selector(), effect=RejectToken(), stage="after_execution"))
        assert await status(call) == 200

    async def test_a_call_without_a_token_is_not_counted(self, sandbox: Sandbox, call: Caller) -> None:
        token, call.token = call.token, None
        armed = sandbox.faults.auth.reject(1)
        assert (await status(call), armed.fired) == (200, 0)
        call.token = token
        assert await status(call) == 401

    async def test_good_tokens_are_refused_for_a_while(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.auth.reject(2)
        assert [await status(call) for _ in range(3)] == [401, 401, 200]

    async def test_a_slow_or_failing_token_service(self, sandbox: Sandbox, call: Caller) -> None:
        async def refresh() -> int:
            return (await call("POST", "/refresh", server="oauth", json={"token": sandbox.refresh_token})).status

        sandbox.faults.auth.slow(0.05)
        begun = time.monotonic()
        assert await refresh() == 200
        assert time.monotonic() - begun >= 0.05
        sandbox.faults.auth.status(503, headers={"Retry-After": "1"}, times=2)
        assert [await refresh() for _ in range(3)] == [503, 503, 200]
        assert sandbox.tokens.refreshes == 2

    async def test_an_answer_without_a_token(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.auth.answer(b'{"AccessToken":null}')
        answer = await call("POST", "/refresh", server="oauth", json={"token": sandbox.refresh_token})
        assert (answer.status, answer.json) == (200, {"AccessToken": None})


class TestKill:
    """A process under test is killed at a moment that the exchange knows."""

    @pytest.fixture
    def bot(self) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
            yield process
            process.kill()

    @pytest.mark.parametrize(("stage", "orders"), [("before_execution", 0), ("after_execution", 1)])
    async def test_by_a_request(
        self, sandbox: Sandbox, call: Caller, low: str, bot: subprocess.Popen[bytes], stage: Stage, orders: int
    ) -> None:
        armed = sandbox.faults.proc.kill9(bot.pid, stage=stage, operation="orders.place_limit")
        assert await status(call) == 200, "what is not aimed at kills nobody"
        with pytest.raises(LOST):
            await call.place_limit("D39004", low)
        await until(lambda: bot.poll() == -signal.SIGKILL)
        assert (armed.fired, len(sandbox.orders())) == (1, orders)
        assert [entry.details["fault"] for entry in sandbox.journal.of("fault")] == ["proc.kill9"]

    @pytest.mark.parametrize(("stage", "orders"), [("before_execution", 0), ("after_execution", 1)])
    async def test_by_a_message(
        self, sandbox: Sandbox, bot: subprocess.Popen[bytes], stage: Stage, orders: int
    ) -> None:
        sandbox.faults.proc.kill9(bot.pid, stage=stage, opcode="create:limit")
        async with trading(sandbox) as trader:
            await trader.talker.say({"opcode": "create:limit", "guid": "doom", **trader.order()})
            await until(lambda: bot.poll() == -signal.SIGKILL)
            await until(lambda: trader.talker.is_over)
        assert len(sandbox.orders()) == orders

    async def test_one_that_is_gone_already(
        self, sandbox: Sandbox, call: Caller, low: str, bot: subprocess.Popen[bytes]
    ) -> None:
        bot.kill()
        bot.wait()
        sandbox.faults.proc.kill9(bot.pid)
        with pytest.raises(LOST):
            await call.place_limit("D39004", low)
        assert await status(call) == 200

    @pytest.mark.parametrize("pid", ["own", 0, 1, -1, True, "7", None])
    def test_what_must_not_be_killed(self, sandbox: Sandbox, pid: Any) -> None:
        with pytest.raises(ConfigError, match="pid"):
            sandbox.faults.proc.kill9(os.getpid() if pid == "own" else pid)
