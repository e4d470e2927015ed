"""Faults of the server's clock and of its memory: what it tells may be wrong, what it does is not."""

from __future__ import annotations

import base64
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Answer, Caller

TIME = "/md/v2/time"


@pytest.fixture
def low(sandbox: Sandbox) -> str:
    bid = sandbox.market["SBER"].quote.bid
    assert bid is not None
    return str(bid - 5)


def claims_of(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def told_at(answer: Answer) -> float:
    return parsedate_to_datetime(answer.headers["Date"]).timestamp()


class TestClock:
    @pytest.mark.parametrize("seconds", [3600, -3600, 0.0])
    async def test_skew_is_told_everywhere(self, sandbox: Sandbox, call: Caller, seconds: float) -> None:
        with sandbox.faults.clock.skew(seconds):
            answer = await call("GET", TIME)
            assert abs(told_at(answer) - time.time() - seconds) < 3
            assert abs(int(answer.text) - time.time() - seconds) < 3
            claims = claims_of(sandbox.tokens.issue(life=100))
            assert abs(claims["exp"] - time.time() - seconds - 100) < 3
            assert abs(claims["iat"] - time.time() - seconds) < 3
        answer = await call("GET", TIME)
        assert abs(told_at(answer) - time.time()) < 3
        assert abs(int(answer.text) - time.time()) < 3

    async def test_the_life_of_a_token_is_not_touched(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.clock.skew(-7200)
        call.token = sandbox.tokens.issue(life=60)
        assert (await call("GET", TIME)).status == 200

    async def test_steps_add_up(self, sandbox: Sandbox, call: Caller) -> None:
        sandbox.faults.clock.step(100)
        back = sandbox.faults.clock.step(-40)
        assert abs(int((await call("GET", TIME)).text) - time.time() - 60) < 3
        back.clear()
        back.clear()
        assert abs(int((await call("GET", TIME)).text) - time.time() - 100) < 3

    async def test_freeze_and_advance(self) -> None:
        with Sandbox(seed=1, time="stepped") as sandbox:
            async with aiohttp.ClientSession() as session:
                call = Caller(sandbox, session)
                begun = int((await call("GET", TIME)).text)
                with sandbox.faults.clock.freeze():
                    first = await call("GET", TIME)
                    await sandbox.faults.clock.advance(hours=8)
                    then = await call("GET", TIME)
                    assert (
                        (first.text, first.headers["Date"])
                        == (then.text, then.headers["Date"])
                        == (
                            str(begun),
                            first.headers["Date"],
                        )
                    )
                assert int((await call("GET", TIME)).text) == begun + 8 * 3600

    async def test_only_stepped_time_can_be_moved(self, sandbox: Sandbox) -> None:
        with pytest.raises(ConfigError, match="time"):
            await sandbox.faults.clock.advance(seconds=1)

    @pytest.mark.parametrize("seconds", ["1", None, float("inf")])
    def test_no_duration(self, sandbox: Sandbox, seconds: object) -> None:
        with pytest.raises(ConfigError, match="seconds"):
            sandbox.faults.clock.skew(seconds)  # type: ignore[arg-type]


class TestDedupe:
    async def test_a_mode_lasts_until_it_is_cleared(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        await call.place_limit(portfolio, low, request_id="one")
        with sandbox.faults.dedupe.mode("replay_200"):
            assert (await call.place_limit(portfolio, low, request_id="one")).status == 200
        assert (await call.place_limit(portfolio, low, request_id="one")).status == 400
        assert len(sandbox.orders()) == 1

    async def test_what_is_forgotten_is_executed_again(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: str
    ) -> None:
        await call.place_limit(portfolio, low, request_id="one")
        sandbox.faults.dedupe.forget()
        assert (await call.place_limit(portfolio, low, request_id="one")).status == 200
        assert len(sandbox.orders()) == 2
