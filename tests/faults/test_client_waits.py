"""What ends a wait, and what must not: silence is the server's alone, and a client that cannot open is closed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from alor_async import AsyncAlor, Environment, RefreshToken, RetryPolicy, Side, Timeouts
from alor_async.errors import ClosedError, ConfigError, ConnectionLost, OrderOutcomeUnknown, TokenUnavailable
from tests.support.world import STOCKS, new_sandbox

IMPATIENT = Timeouts(read=0.1, total=20)


async def test_a_pause_between_attempts_is_not_the_servers_silence() -> None:
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, timeouts=IMPATIENT) as alor,
    ):
        await alor.get_server_time()
        sandbox.faults.req.drop(how="close", times=None, server="api")
        patient = RetryPolicy(attempts=2, base=1.0, cap=1.0)
        calls = [alor.get_server_time(retries=patient) for _ in range(12)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ConnectionLost}
        resent = RetryPolicy(attempts=2, base=1.0, cap=1.0, commands="same_id")
        orders = [
            alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=Decimal("280.00"), retries=resent)
            for _ in range(6)
        ]
        outcomes = await asyncio.gather(*orders, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {OrderOutcomeUnknown}


async def test_a_token_never_travels_to_another_environment() -> None:
    async with new_sandbox() as one, new_sandbox() as other:
        auth = RefreshToken(one.refresh_token)
        async with AsyncAlor(auth, environment=one.environment) as first:
            await first.get_server_time()
            second = AsyncAlor(auth, environment=other.environment)
            with pytest.raises(ConfigError, match="belongs to"):
                await second.open()
            with pytest.raises(ClosedError):
                await second.open()
            with pytest.raises(ClosedError):
                await second.get_server_time()
            await first.get_claims()
        assert len(other.requests) == 0


class Hanging:
    """A provider that never gives a token."""

    async def get_token(self) -> str:
        await asyncio.Event().wait()
        return ""


class Failing:
    """A provider with a mistake in it."""

    async def get_token(self) -> str:
        raise KeyError("token")


def nowhere() -> Environment:
    at = "http://127.0.0.1:9"
    return Environment(name="nowhere", api=at, oauth=at, ws="ws://127.0.0.1:9/ws", cws="ws://127.0.0.1:9/cws")


@pytest.mark.parametrize("provider", [Hanging(), Failing()], ids=["hanging", "failing"])
async def test_f075_claims_wait_no_longer_than_a_call_and_leak_no_foreign_error(provider: Hanging | Failing) -> None:
    async with AsyncAlor(provider, environment=nowhere(), timeouts=Timeouts(total=0.2)) as alor:
        with pytest.raises(TokenUnavailable):
            await alor.get_claims()
