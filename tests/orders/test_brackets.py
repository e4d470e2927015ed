"""A bracket in one call: what stands when all goes well, and the truth when it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from alor_async import (
    AsyncAlor,
    BracketIncomplete,
    ConnectionLost,
    InvalidArgument,
    OrderOutcomeUnknown,
    OrderRejected,
    Side,
)
from alor_async.errors import AlorError
from alor_async.sandbox import Sandbox
from alor_async.sandbox.core.catalogue import default_instruments
from tests.support.world import KOPECK, STOCKS, client_of, new_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def alor(sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
    async with client_of(sandbox) as client:
        yield client


def prices(sandbox: Sandbox, side: Side = Side.BUY) -> dict[str, Decimal]:
    """An entry that rests, and its ends."""
    last = sandbox.market["SBER"].quote.last_price
    way = 1 if side == Side.BUY else -1
    entry = last - 2 * way
    return {"price": entry, "take_profit": entry + 3 * way, "stop_loss": entry - 3 * way}


def stops(sandbox: Sandbox) -> dict[str, str]:
    return {stop.order_id: str(stop.status.value) for stop in sandbox.stop_orders()}


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_the_ends_wake_up_with_the_fill_and_one_ends_the_other(
    sandbox: Sandbox, alor: AsyncAlor, side: Side
) -> None:
    asked = prices(sandbox, side)
    bracket = await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", side, lots=2, **asked)
    group = await alor.order_groups.get(bracket.group_id)
    assert {member.order_id for member in group.orders} == {
        bracket.entry.order_id,
        bracket.take_profit.order_id,
        bracket.stop_loss.order_id,
    }
    sandbox.market["SBER"].move_to(asked["take_profit"])
    assert not [trade for trade in sandbox.trades() if trade.order_id == bracket.stop_loss.order_id]
    way = 1 if side == Side.BUY else -1
    sandbox.market["SBER"].move_to(asked["price"] - way * KOPECK)
    await sandbox.clock.advance(seconds=1)
    entry = next(order for order in sandbox.orders() if order.order_id == bracket.entry.order_id)
    assert entry.status.value == "filled"
    sandbox.market["SBER"].move_to(asked["take_profit"] + way * KOPECK)
    await sandbox.clock.advance(seconds=2)
    listed = {stop.order_id: stop for stop in await alor.account.list_stop_orders(STOCKS)}
    assert listed[bracket.take_profit.order_id].status == "filled"
    assert listed[bracket.stop_loss.order_id].status == "canceled"


@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"take_profit": Decimal(1)}, "take_profit"),
        ({"stop_loss": Decimal(10_000)}, "stop_loss"),
        ({"price": 285.5}, "price"),
        ({"take_profit": Decimal("NaN")}, "take_profit"),
    ],
)
async def test_ends_on_the_wrong_side_are_refused_before_anything_is_sent(
    sandbox: Sandbox, alor: AsyncAlor, changes: dict[str, Any], argument: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", Side.BUY, lots=1, **(prices(sandbox) | changes))
    assert caught.value.argument == argument
    assert not sandbox.stop_orders()


async def test_prices_off_the_step_are_refused_where_the_instrument_is_known(sandbox: Sandbox, alor: AsyncAlor) -> None:
    sber = await alor.instruments.get("MOEX:SBER")
    asked = prices(sandbox) | {"stop_loss": Decimal("250.0015")}
    with pytest.raises(InvalidArgument, match="no multiple of the price step"):
        await alor.order_groups.place_bracket(STOCKS, sber, Side.BUY, lots=1, **asked)
    with pytest.raises(InvalidArgument, match="no multiple of the price step"):
        await alor.orders.place_limit(STOCKS, sber, Side.BUY, lots=1, price=Decimal("250.0015"))
    assert not sandbox.orders()


@pytest.mark.parametrize(
    ("step", "operation", "calls"),
    [
        ("stop_loss", "stop_orders.place_stop", 1),
        ("take_profit", "stop_orders.place_stop", 2),
        ("entry", "orders.place_limit", 1),
        ("group", "order_groups.create", 1),
    ],
)
async def test_f111_a_refusal_on_the_way_tells_what_stands(
    sandbox: Sandbox, alor: AsyncAlor, step: str, operation: str, calls: int
) -> None:
    sandbox.faults.http.status(400, body=b'{"code":"NotEnoughMoney","message":"no"}', operation=operation, nth=calls)
    with pytest.raises(BracketIncomplete) as caught:
        await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", Side.BUY, lots=1, **prices(sandbox))
    error = caught.value
    assert error.step == step
    assert isinstance(error.__cause__, OrderRejected)
    working = {one.order_id for one in (*sandbox.orders(), *sandbox.stop_orders()) if one.status.value == "working"}
    assert {ack.order_id for ack in error.placed.values()} == working, "what is said to stand is what stands"
    assert set(error.placed) == ({"stop_loss", "take_profit", "entry"} if step == "group" else set())


async def test_f111_a_lost_answer_on_the_way_takes_nothing_back(sandbox: Sandbox, alor: AsyncAlor) -> None:
    sandbox.faults.ack.drop(operation="orders.place_limit")
    with pytest.raises(BracketIncomplete) as caught:
        await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", Side.BUY, lots=1, **prices(sandbox))
    assert caught.value.step == "entry"
    assert isinstance(caught.value.__cause__, OrderOutcomeUnknown)
    assert str(caught.value).endswith(", perhaps the entry")
    assert set(caught.value.placed) == {"stop_loss", "take_profit"}
    assert len(sandbox.orders()) == 1, "the entry stands, and its ends do too"
    assert len(sandbox.stop_orders()) == 2


async def test_f111_what_cannot_be_taken_back_is_said_to_stand(sandbox: Sandbox, alor: AsyncAlor) -> None:
    sandbox.faults.http.status(400, body=b'{"code":"NotEnoughMoney"}', operation="orders.place_limit")
    sandbox.faults.ack.drop(method="DELETE", times=None)
    with pytest.raises(BracketIncomplete) as caught:
        await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", Side.BUY, lots=1, **prices(sandbox))
    assert set(caught.value.placed) == {"stop_loss", "take_profit"}
    assert isinstance(caught.value, AlorError)
    assert not isinstance(caught.value, ConnectionLost)


async def test_f111_an_end_that_is_gone_already_is_not_said_to_stand(sandbox: Sandbox, alor: AsyncAlor) -> None:
    sandbox.faults.http.status(400, operation="orders.place_limit")
    gone = b'{"code":"OrderToCancelNotFound"}'
    sandbox.faults.http.status(400, body=gone, method="DELETE", stage="after_execution", times=None)
    with pytest.raises(BracketIncomplete, match="standing: nothing") as caught:
        await alor.order_groups.place_bracket(STOCKS, "MOEX:SBER", Side.BUY, lots=1, **prices(sandbox))
    assert caught.value.placed == {}
    assert set(stops(sandbox).values()) == {"canceled"}


async def test_a_bracket_is_linked_and_taken_back_where_it_trades() -> None:
    at_home = next(spec for spec in default_instruments(datetime.now(UTC).date()) if spec.symbol == "SBER")
    abroad = replace(at_home, symbol="ABRD", exchange="SPBX", board="SPBX", boards=(), isin=None)
    async with Sandbox(seed=42, instruments=[abroad]) as sandbox, client_of(sandbox) as alor:
        bid = sandbox.market["SPBX:ABRD"].book.bids[-1].price
        asked = {"price": bid, "take_profit": bid + 5, "stop_loss": bid - 5}
        await alor.order_groups.place_bracket(STOCKS, "SPBX:ABRD", Side.BUY, lots=1, **asked)
        (linked,) = sandbox.requests.of("order_groups.create")
        assert {member["exchange"] for member in linked.json["orders"]} == {"SPBX"}
        sandbox.faults.http.status(400, operation="orders.place_limit")
        with pytest.raises(BracketIncomplete):
            await alor.order_groups.place_bracket(STOCKS, "SPBX:ABRD", Side.BUY, lots=1, **asked)
        assert {cancel.query["exchange"] for cancel in sandbox.requests.of("orders.cancel")} == {"SPBX"}
