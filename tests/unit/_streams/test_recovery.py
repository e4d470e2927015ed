"""What is looked up after a gap, from a real exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest

from alor_async import AsyncAlor
from alor_async._contract.subscriptions import (
    STREAMS_ORDERS,
    STREAMS_POSITIONS,
    STREAMS_STOP_ORDERS,
    STREAMS_SUMMARIES,
    STREAMS_TRADES,
)
from alor_async._http.session import Session
from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async._streams.filters import OwnTrades, Verdict
from alor_async._streams.recovery import Recovery
from alor_async.auth import RefreshToken
from alor_async.errors import ServerError
from alor_async.models import Side, Trade
from alor_async.sandbox import Sandbox
from alor_async.values import Format, Portfolio
from tests.support.manual_clock import ManualClock
from tests.support.rig import FAST
from tests.support.world import STOCKS, UNITED, client_of, make_world

ACCOUNT = Portfolio(STOCKS)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=42, time="stepped") as running:  # a Wednesday
        yield running
        running.check()


@asynccontextmanager
async def recovery_of(
    sandbox: Sandbox, *, ahead: timedelta = timedelta(0), page_size: int = 1_000
) -> AsyncIterator[Recovery]:
    """A recovery whose own clock is ahead of the exchange's."""
    clock = ManualClock(wall=(sandbox.clock.now + ahead).timestamp())
    async with AsyncExitStack() as closing:
        transport = Transport(clock=Clock())
        await transport.open(None)
        closing.push_async_callback(transport.close)
        auth = RefreshToken(sandbox.refresh_token)
        auth.bind(transport, environment=sandbox.environment, clock=Clock(), telemetry=None)
        closing.push_async_callback(auth.unbind, transport)
        session = Session(transport, environment=sandbox.environment, auth=auth, clock=Clock(), retries=FAST)
        closing.push_async_callback(session.close)
        yield Recovery(session, clock, page_size=page_size)


async def buy(alor: AsyncAlor, sandbox: Sandbox, times: int = 1, portfolio: str = STOCKS) -> None:
    for _ in range(times):
        await sandbox.clock.advance(seconds=1)
        await alor.orders.place_market(portfolio, "MOEX:SBER", Side.BUY, lots=1)


async def test_it_reads_what_rest_shows(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor, recovery_of(sandbox) as recovery:
        await make_world(sandbox, alor)
        account = alor.account
        for spec, shown in (
            (STREAMS_ORDERS, await account.list_orders(STOCKS)),
            (STREAMS_STOP_ORDERS, await account.list_stop_orders(STOCKS)),
            (STREAMS_TRADES, await account.list_trades(STOCKS)),
            (STREAMS_POSITIONS, await account.list_positions(STOCKS)),
        ):
            assert shown
            assert await recovery.read(spec, ACCOUNT, sandbox.clock.now) == tuple(shown)
        asked = [request for request in sandbox.requests if request.operation.startswith("account.")]
        assert {request.query.get("format") for request in asked} == {Format.HEAVY.value}


async def test_what_has_no_list_has_nothing_to_look_up(sandbox: Sandbox) -> None:
    async with recovery_of(sandbox) as recovery:
        assert await recovery.read(STREAMS_SUMMARIES, ACCOUNT, sandbox.clock.now) == ()
        assert not sandbox.requests.count("account.*")


async def test_a_server_that_says_not_found_has_nothing(sandbox: Sandbox) -> None:
    async with recovery_of(sandbox) as recovery:
        with sandbox.faults.http.status(404, operation="account.list_orders"):
            assert await recovery.read(STREAMS_ORDERS, ACCOUNT, sandbox.clock.now) == ()


async def test_a_failure_is_tried_again_and_then_told(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor, recovery_of(sandbox) as recovery:
        await buy(alor, sandbox)
        with sandbox.faults.http.status(503, operation="account.list_trades"):
            assert len(await recovery.read(STREAMS_TRADES, ACCOUNT, sandbox.clock.now)) == 1
        with (
            sandbox.faults.http.status(503, operation="account.list_trades", times=None),
            pytest.raises(ServerError),
        ):
            await recovery.read(STREAMS_TRADES, ACCOUNT, sandbox.clock.now)


AHEAD = [timedelta(0), timedelta(hours=9), timedelta(days=-300)]


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
async def test_a_gap_over_night_reaches_into_history_whatever_the_clock_says(
    sandbox: Sandbox, ahead: timedelta
) -> None:
    async with client_of(sandbox) as alor:
        await buy(alor, sandbox, 2)
        since = sandbox.clock.now
        await buy(alor, sandbox, 3)
        in_gap = {trade.trade_id for trade in sandbox.trades(STOCKS)[2:]}
        await sandbox.clock.advance(hours=24)
        await buy(alor, sandbox, 4)
        in_gap |= {trade.trade_id for trade in sandbox.trades(STOCKS)}
        assert len(in_gap) == 7
        async with recovery_of(sandbox, ahead=ahead) as recovery:
            found = await recovery.read(STREAMS_TRADES, ACCOUNT, since + ahead)
    numbers = [trade.trade_id for trade in found if isinstance(trade, Trade)]
    assert in_gap <= set(numbers)
    times = [trade.traded_at for trade in found if isinstance(trade, Trade)]
    assert times == sorted(times, key=lambda time: time or since)


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
async def test_a_gap_within_the_day_needs_no_history(sandbox: Sandbox, ahead: timedelta) -> None:
    async with client_of(sandbox) as alor:
        await buy(alor, sandbox, 2)
        await sandbox.clock.advance(hours=24)
        await buy(alor, sandbox, 3)
        async with recovery_of(sandbox, ahead=ahead) as recovery:
            found = await recovery.read(STREAMS_TRADES, ACCOUNT, sandbox.clock.now + ahead - timedelta(hours=1))
    assert len(found) == 3
    assert not sandbox.requests.count("account.list_trades_history")


async def test_without_the_servers_time_the_own_clock_has_to_do(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor:
        await buy(alor, sandbox, 2)
        since = sandbox.clock.now - timedelta(minutes=5)
        await sandbox.clock.advance(hours=24)
        with sandbox.faults.http.status(500, operation="get_server_time", times=None):
            async with recovery_of(sandbox) as recovery:
                assert len(await recovery.read(STREAMS_TRADES, ACCOUNT, since)) == 2


async def test_all_pages_of_the_history_are_read(sandbox: Sandbox) -> None:
    async with client_of(sandbox) as alor:
        since = sandbox.clock.now
        await buy(alor, sandbox, 11, UNITED)
        expected = [trade.trade_id for trade in sandbox.trades(UNITED)]
        await sandbox.clock.advance(hours=24)
        async with recovery_of(sandbox, page_size=4) as recovery:
            found = await recovery.read(STREAMS_TRADES, Portfolio(UNITED), since)
    trades = OwnTrades()
    once = [trade.trade_id for trade in found if isinstance(trade, Trade) and trades.admit(trade) is Verdict.NEW]
    assert once == expected
    assert sandbox.requests.count("account.list_trades_history") >= 3
