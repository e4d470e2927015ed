"""A thousand callers and one token: how often the token service is asked, counted by the token service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import pytest

from alor_async import AsyncAlor, Limits, Side, TokenRefused
from alor_async.sandbox import Sandbox
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

CALLERS = 1_000


@pytest.fixture
async def desk() -> AsyncIterator[tuple[Sandbox, AsyncAlor]]:
    """A client whose access token has just expired."""
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, limits=Limits(in_flight=128)) as alor,
    ):
        await alor.get_server_time()
        assert sandbox.tokens.refreshes == 1
        sandbox.faults.auth.expire_now()
        yield sandbox, alor
        sandbox.check()


def callers(alor: AsyncAlor) -> list[asyncio.Task[datetime]]:
    return [asyncio.create_task(alor.get_server_time()) for _ in range(CALLERS)]


async def test_f054_f063_an_expired_token_is_renewed_once_for_all(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    await asyncio.gather(*callers(alor))
    assert sandbox.tokens.refreshes == 2
    assert sandbox.requests.count("auth.refresh") == 2
    # Each call was answered once, and repeated at most once after its 401.
    assert CALLERS + 1 <= sandbox.requests.count("get_server_time") <= 2 * CALLERS + 1


async def test_f055_the_first_caller_may_be_cancelled(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.auth.slow(0.3)
    calls = callers(alor)
    await until(lambda: any(task.get_name() == "alor-token-refresh" for task in asyncio.all_tasks()))
    calls[0].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(isinstance(outcome, datetime) for outcome in outcomes[1:])
    assert sandbox.tokens.refreshes == 2


async def test_f057_a_slow_refresh_is_waited_for_by_all(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.auth.slow(1.0)
    await asyncio.gather(*callers(alor))
    assert sandbox.requests.count("auth.refresh") == 2


async def test_f060_a_refresh_that_fails_once_is_repeated_for_all(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.auth.status(503)
    await asyncio.gather(*callers(alor))
    assert sandbox.tokens.refreshes == 2
    assert sandbox.requests.count("auth.refresh") == 3


async def test_f058_a_refusal_is_told_to_all_and_remembered(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.auth.revoke_refresh()
    outcomes = await asyncio.gather(*callers(alor), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TokenRefused}
    assert len({id(outcome) for outcome in outcomes}) == CALLERS
    with pytest.raises(TokenRefused):
        await alor.get_server_time()
    assert sandbox.requests.count("auth.refresh") == 2


async def test_f065_an_order_that_met_an_expired_token_is_placed_once(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    ack = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=Decimal("280.00"), comment="once")
    received = sandbox.requests.of("orders.place_limit")
    assert [request.status for request in received] == [401, 200]
    assert {request.header("X-REQID") for request in received} == {str(ack.request_id)}
    assert sum(order.comment == "once" for order in sandbox.orders(STOCKS)) == 1
    assert not ack.replayed
