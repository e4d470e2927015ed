"""What once went wrong with orders, one test each: none of it comes back unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alor_async import (
    AsyncAlor,
    BracketIncomplete,
    ConnectError,
    EntryState,
    InvalidArgument,
    LedgerUnavailable,
    Limits,
    OrderOutcomeUnknown,
    OrderStatus,
    OrdersUnresolved,
    Portfolio,
    RateLimited,
    RequestTimeout,
    RetryPolicy,
    Side,
    SqliteLedger,
    StaticToken,
    client_tag,
    own_comment,
)
from alor_async._policy.clock import Clock
from alor_async.sandbox import Sandbox
from alor_async.sandbox.core.catalogue import default_instruments
from tests.support.leftovers import our_tasks
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, UNITED, low_and_high, new_sandbox

SBER = "MOEX:SBER"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


def connect(sandbox: Sandbox, **options: Any) -> AsyncAlor:
    return AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, **options)


# --- Tags: one order bears one, and no other order bears the same.


@pytest.mark.parametrize("wire", ["rest", "cws"])
async def test_an_order_without_a_tag_of_its_own_does_not_bear_that_of_the_order_it_replaces(
    sandbox: Sandbox, wire: str
) -> None:
    price = low_and_high(sandbox)[0]
    async with connect(sandbox, order_tags=True) as marking, connect(sandbox) as plain:
        ack = await marking.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, comment="mine")
        order = await plain.account.get_order(STOCKS, ack.order_id)
        assert client_tag(order.comment) is not None
        if wire == "rest":
            replacement = await plain.orders.replace_limit(order, lots=2)
        else:
            async with plain.command_socket() as socket:
                replacement = await socket.orders.replace_limit(order, lots=2)
        new = await plain.account.get_order(STOCKS, replacement.order_id)
    assert (client_tag(new.comment), own_comment(new.comment)) == (None, "mine")


# --- A cancelled caller has no error to resolve: recovering finds out for him.


async def test_what_a_cancelled_caller_left_is_recovered_in_the_same_run(sandbox: Sandbox) -> None:
    price = low_and_high(sandbox)[0]
    async with connect(sandbox, order_tags=True) as alor:
        sandbox.faults.ack.drop(how="hang", operation="orders.place_limit")
        placing = asyncio.create_task(
            alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, request_id="left")
        )
        await until(lambda: bool(sandbox.orders()))
        assert (await alor.recover_orders()).resolved == (), "its caller waits as yet, and is told himself"
        placing.cancel()
        await asyncio.wait([placing])
        recovered = await alor.recover_orders()
    assert [(entry.key, entry.state) for entry in recovered.resolved] == [("left", EntryState.ACCEPTED)]
    assert recovered.unresolved == ()
    assert [order.order_id for order in sandbox.orders()] == [recovered.resolved[0].order_id]


# --- A repeat under the same key never leaves after the broker may have forgotten it.


async def test_f093_a_repeat_that_waits_for_its_turn_does_not_outlive_its_key(sandbox: Sandbox) -> None:
    price = low_and_high(sandbox)[0]
    policy = RetryPolicy(request_id_life=1.0)
    async with connect(sandbox, retries=policy, limits=Limits(in_flight=2)) as alor:

        async def place() -> None:
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, request_id="once")

        sandbox.faults.ack.drop(operation="orders.place_limit")
        with pytest.raises(OrderOutcomeUnknown):
            await place()
        sandbox.faults.ack.drop(how="hang", operation="get_server_time")
        reading = asyncio.create_task(alor.get_server_time(timeout=2.0, retries=RetryPolicy(attempts=1)))
        await until(lambda: sandbox.requests.count("get_server_time") == 1)
        sandbox.faults.dedupe.forget()
        with pytest.raises(OrderOutcomeUnknown, match="it was sent before under this request id"):
            await place()
        await asyncio.wait([reading])
        assert isinstance(reading.exception(), RequestTimeout)
    assert len(sandbox.orders()) == 1


class SetBack(Clock):
    """The machine's clocks: time passes, and the one on the wall is set back meanwhile."""

    passed = back = 0.0

    def now(self) -> float:
        return super().now() + self.passed - self.back

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


class SetBackAlor(AsyncAlor):
    def _new_clock(self) -> Clock:
        return SetBack()


@pytest.mark.parametrize("back", [110.0, 120.0, 1000.0])
async def test_f093_a_clock_that_is_set_back_makes_no_key_young_again(sandbox: Sandbox, back: float) -> None:
    price = low_and_high(sandbox)[0]
    token = StaticToken(sandbox.tokens.issue(life=1e6))
    async with SetBackAlor(token, environment=sandbox.environment) as alor:
        await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, request_id="once")
        clock = alor._clock
        assert isinstance(clock, SetBack)
        clock.passed, clock.back = 120.0, back
        sandbox.faults.dedupe.forget()
        with pytest.raises(InvalidArgument, match="may not know it again"):
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, request_id="once")
    assert len(sandbox.orders()) == 1


# --- Brackets: ends do not sleep for an entry that is sure not to stand.


async def place_bracket(sandbox: Sandbox, alor: AsyncAlor, **changes: Any) -> None:
    price = low_and_high(sandbox)[0]
    terms: dict[str, Any] = {"lots": 1, "price": price, "take_profit": price + 5, "stop_loss": price - 5}
    await alor.order_groups.place_bracket(STOCKS, SBER, Side.BUY, **(terms | changes))


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_f111_ends_are_taken_back_when_the_entry_was_refused_before_acting(sandbox: Sandbox, status: int) -> None:
    sandbox.faults.http.status(status, operation="orders.place_limit", times=None)
    async with connect(sandbox) as alor:
        with pytest.raises(BracketIncomplete) as caught:
            await place_bracket(sandbox, alor)
    assert caught.value.step == "entry"
    assert caught.value.placed == {}
    assert isinstance(caught.value.__cause__, RateLimited) == (status == 429)
    assert not [stop for stop in sandbox.stop_orders() if stop.status.value == OrderStatus.WORKING]


@pytest.mark.parametrize("changes", [{"lots": 0}, {"lots": -1}, {"comment": "x" * 101}, {"comment": "a\nb"}])
async def test_bad_terms_of_a_bracket_are_a_mistake_and_no_half_done_bracket(
    sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    async with connect(sandbox) as alor:
        with pytest.raises(InvalidArgument) as caught:
            await place_bracket(sandbox, alor, **changes)
    assert caught.value.argument in changes
    assert not sandbox.stop_orders()


# --- Derivatives keep their side and symbol, whoever made the order.


@pytest.mark.parametrize("is_known", [True, False], ids=["where the ledger remembers", "where nothing does"])
async def test_f106_another_side_is_refused_for_a_derivatives_order_of_an_earlier_run(
    sandbox: Sandbox, tmp_path: Path, is_known: bool
) -> None:
    file = tmp_path / "orders.sqlite"
    async with connect(sandbox, ledger=SqliteLedger(file)) as alor:
        symbol = (await alor.market_data.get_futures_quote("MOEX:SBRF")).symbol
        future, low = f"MOEX:{symbol}", sandbox.market[symbol].book.bids[-1].price
        ack = await alor.orders.place_limit(FUTURES, future, Side.BUY, lots=1, price=low)
    async with connect(sandbox, ledger=SqliteLedger(file) if is_known else None) as alor:
        replacing = alor.orders.replace_limit(FUTURES, ack.order_id, future, Side.SELL, lots=1, price=low)
        if is_known:
            with pytest.raises(InvalidArgument, match="keeps its own") as caught:
                await replacing
            assert caught.value.argument == "side"
            assert sandbox.requests.count("orders.replace_limit") == 0
        else:
            await replacing


# --- What is looked up is read where it is.


def read_at(sandbox: Sandbox) -> set[str]:
    """The exchanges at which orders were read."""
    return {one.path.split("/")[4] for one in sandbox.requests.of("account.*")}


async def test_the_orders_of_a_portfolio_of_all_markets_are_read_as_a_whole(sandbox: Sandbox) -> None:
    price = low_and_high(sandbox)[0]
    async with connect(sandbox, order_tags=True) as alor:
        sandbox.faults.ack.drop(operation="orders.*", times=2)
        with pytest.raises(OrderOutcomeUnknown) as lost:
            await alor.orders.place_limit(UNITED, SBER, Side.BUY, lots=1, price=price)
        placed = await lost.value.resolve(timeout=1)
        with pytest.raises(OrderOutcomeUnknown) as lost:
            await alor.orders.cancel(UNITED, placed.order_id)
        await lost.value.resolve(timeout=1)
    assert read_at(sandbox) == {"UNITED"}


async def test_an_order_of_another_exchange_is_read_there() -> None:
    at_home = next(spec for spec in default_instruments(datetime.now(UTC).date()) if spec.symbol == "SBER")
    abroad = replace(at_home, symbol="ABRD", exchange="SPBX", board="SPBX", boards=(), isin=None)
    async with Sandbox(seed=42, instruments=[abroad]) as sandbox, connect(sandbox, order_tags=True) as alor:
        sandbox.faults.ack.drop(operation="orders.*", times=2)
        with pytest.raises(OrderOutcomeUnknown) as lost:
            await alor.orders.place_market(Portfolio(STOCKS, exchange="SPBX"), "SPBX:ABRD", Side.BUY, lots=1)
        await lost.value.resolve(timeout=1)
        assert read_at(sandbox) == {"SPBX"}


# --- What a connection is refused for is no answer to a command.


@pytest.mark.parametrize("status", [400, 404])
async def test_a_command_is_not_sent_rather_than_answered_where_its_connection_is_refused(
    sandbox: Sandbox, status: int
) -> None:
    price = low_and_high(sandbox)[0]
    async with connect(sandbox) as alor, alor.command_socket() as fast:
        sandbox.faults.cws.refuse(status, times=None)
        sandbox.faults.cws.abort()
        with pytest.raises(OrderOutcomeUnknown):
            await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price)
        for key in ("waits", "comes-later"):
            with pytest.raises(ConnectError, match=f"no authorized command socket: .* {status}"):
                await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=price, request_id=key)
            entry = alor.ledger.find(key)
            assert entry is not None
            assert entry.state is EntryState.NOT_SENT


# --- Closing goes through with it, once begun.


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, 20])
async def test_f175_closing_that_is_cancelled_leaves_nothing_open(sandbox: Sandbox, tmp_path: Path, turns: int) -> None:
    price = low_and_high(sandbox)[0]
    file = tmp_path / "orders.sqlite"
    alor = connect(sandbox, ledger=SqliteLedger(file))
    await alor.open()
    await alor.command_socket().open()
    sandbox.faults.ack.drop(how="hang", operation="orders.place_limit")
    placing = asyncio.create_task(alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price))
    await until(lambda: bool(sandbox.orders()))
    closing = asyncio.create_task(alor.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    await asyncio.wait([placing])
    assert isinstance(placing.exception(), OrderOutcomeUnknown)
    assert our_tasks() == []
    async with connect(sandbox, ledger=SqliteLedger(file)) as next_one:
        assert [entry.state for entry in next_one.ledger.list_open()] == [EntryState.UNKNOWN]


# --- What the owner of a ledger says is noted, or refused.


async def test_what_is_acknowledged_too_late_to_be_written_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    price = low_and_high(sandbox)[0]
    ledger = SqliteLedger(tmp_path / "orders.sqlite")
    async with connect(sandbox, ledger=ledger) as alor:
        sandbox.faults.ack.drop(operation="orders.place_limit")
        with pytest.raises(OrderOutcomeUnknown):
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, request_id="left")
    with pytest.raises(LedgerUnavailable, match="is not open"):
        ledger.acknowledge("left")
    async with connect(sandbox, ledger=ledger) as alor:
        assert [entry.key for entry in alor.ledger.list_open()] == ["left"]


# --- The time of a call is the caller's, whatever earlier runs left.


async def test_f097_looking_at_what_an_earlier_run_left_keeps_to_the_time_of_the_call(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    price = low_and_high(sandbox)[0]
    file = tmp_path / "orders.sqlite"

    async def place(alor: AsyncAlor, **options: Any) -> None:
        await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=price, **options)

    async with connect(sandbox, ledger=SqliteLedger(file), order_tags=True) as alor:
        sandbox.faults.ack.drop(operation="orders.place_limit")
        with pytest.raises(OrderOutcomeUnknown):
            await place(alor)
    async with connect(sandbox, ledger=SqliteLedger(file), order_tags=True) as alor:
        with sandbox.faults.ack.drop(how="hang", operation="account.*", times=None):
            async with asyncio.timeout(3):
                with pytest.raises(OrdersUnresolved):
                    await place(alor, timeout=0.3)
        assert len((await alor.recover_orders()).resolved) == 1
        await place(alor)
    assert len(sandbox.orders()) == 2
