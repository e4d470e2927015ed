"""What is refused here, before anything is sent, and what the broker refuses for good: the same over both wires."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from alor_async import AsyncAlor, Condition, Forbidden, InvalidArgument, OrderRejected, Side
from alor_async.models import ExecutionPolicy, GroupedOrderType, OrderGroupStatus
from alor_async.resources.order_groups import GroupedOrder
from alor_async.resources.orders import OrdersResource
from alor_async.resources.stop_orders import StopOrdersResource
from alor_async.sandbox import Sandbox
from tests.support.waiting import until
from tests.support.world import KOPECK, STOCKS, client_of, low_and_high, new_sandbox

Facades = tuple[OrdersResource, StopOrdersResource]
WIRES = pytest.mark.parametrize("wire", ["rest", "cws"])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def alor(sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
    async with client_of(sandbox) as client:
        yield client


@asynccontextmanager
async def facades(alor: AsyncAlor, wire: str) -> AsyncIterator[Facades]:
    """The facades over one of the wires."""
    if wire == "rest":
        yield alor.orders, alor.stop_orders
    else:
        async with alor.command_socket() as fast:
            yield fast.orders, fast.stop_orders


def said(sandbox: Sandbox) -> int:
    """How much the exchange was asked for so far."""
    return len(sandbox.requests) + len(sandbox.messages)


LIMIT: dict[str, Any] = {"lots": 1, "price": Decimal(280)}
STOP: dict[str, Any] = {"lots": 1, "condition": Condition.LESS_OR_EQUAL, "trigger_price": Decimal(280)}
WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    *(("orders", "place_limit", LIMIT | {"lots": lots}, "lots") for lots in (0, -1, 1.5, True, "1", None)),
    *(("orders", "place_market", {"lots": lots}, "lots") for lots in (0, -5)),
    *(
        ("orders", "place_limit", LIMIT | {"price": price}, "price")
        for price in (Decimal("NaN"), Decimal("Infinity"), Decimal("1e99"), 250.1, "250", None)
    ),
    *(
        ("orders", "place_limit", LIMIT | {"comment": comment}, "comment")
        for comment in ("x" * 101, "two\nlines", "bell\a", 5)
    ),
    *(
        ("orders", "place_limit", LIMIT | {"request_id": request_id}, "request_id")
        for request_id in ("", "a\r\nX-Evil: 1", "идентификатор", "x" * 10_000, "spa ce", 7)
    ),
    ("stop_orders", "place_stop", STOP | {"expires": datetime(2030, 1, 1)}, "expires"),  # noqa: DTZ001
    ("stop_orders", "place_stop", STOP | {"trigger_price": Decimal("NaN")}, "trigger_price"),
    ("stop_orders", "place_stop", STOP | {"protecting_seconds": 301}, "protecting_seconds"),
    *(("stop_orders", "place_stop", STOP | {"activate": activate}, "activate") for activate in (None, 0, "no")),
    ("orders", "place_limit", LIMIT | {"allow_margin": None}, "allow_margin"),
]


@pytest.mark.heavy
@WIRES
@pytest.mark.parametrize(("facade", "method", "arguments", "named"), WRONG)
async def test_f096_what_is_wrong_in_a_command_is_refused_before_anything_is_sent(
    sandbox: Sandbox, alor: AsyncAlor, wire: str, facade: str, method: str, arguments: dict[str, Any], named: str
) -> None:
    async with facades(alor, wire) as (orders, stop_orders):
        before = said(sandbox)
        place = getattr(orders if facade == "orders" else stop_orders, method)
        with pytest.raises(InvalidArgument) as caught:
            await place(STOCKS, "MOEX:SBER", Side.BUY, **arguments)
        assert caught.value.argument == named
        assert said(sandbox) == before
    assert not alor.ledger.list_open(), "nothing was written down either"


@WIRES
async def test_f094_a_key_that_served_for_one_order_serves_for_no_other(
    sandbox: Sandbox, alor: AsyncAlor, wire: str
) -> None:
    low, _ = low_and_high(sandbox)
    async with facades(alor, wire) as (orders, _):
        await orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low, request_id="mine")
        before = said(sandbox)
        with pytest.raises(InvalidArgument, match="another order"):
            await orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=2, price=low, request_id="mine")
        assert said(sandbox) == before
    assert len(sandbox.orders()) == 1


@WIRES
@pytest.mark.parametrize("why", ["money", "price limits", "halted", "unknown ticker", "another's portfolio"])
async def test_f100_a_business_no_is_final_and_leaves_nothing(
    sandbox: Sandbox, alor: AsyncAlor, wire: str, why: str
) -> None:
    low, _ = low_and_high(sandbox)
    terms: dict[str, Any] = {"lots": 1, "price": low}
    portfolio, instrument = STOCKS, "MOEX:SBER"
    if why == "money":
        terms["lots"] = 100_000
    elif why == "price limits":
        terms["price"] = low * 10
    elif why == "halted":
        sandbox.market["SBER"].halt()
    elif why == "unknown ticker":
        instrument = "MOEX:NOPE"
    else:
        portfolio = "D00000"
    async with facades(alor, wire) as (orders, _):
        before = len(sandbox.orders())
        with pytest.raises((OrderRejected, Forbidden)) as caught:
            await orders.place_limit(portfolio, instrument, Side.BUY, **terms)
        if isinstance(caught.value, OrderRejected):
            assert caught.value.reason or caught.value.code
        else:
            assert why == "another's portfolio"
        assert len(sandbox.orders()) == before
    assert not alor.ledger.list_open()


@pytest.mark.parametrize("policy", [ExecutionPolicy.ON_EXECUTE_OR_CANCEL, ExecutionPolicy.IGNORE_CANCEL])
@pytest.mark.parametrize("end", ["filled", "cancelled"])
async def test_f111_a_group_converges_with_the_brokers_under_each_policy(
    sandbox: Sandbox, alor: AsyncAlor, policy: ExecutionPolicy, end: str
) -> None:
    low, _ = low_and_high(sandbox)
    first = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low)
    second = await alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=low - KOPECK)
    members = [GroupedOrder(STOCKS, one.order_id, GroupedOrderType.LIMIT) for one in (first, second)]
    group_id = await alor.order_groups.create(members, policy)
    if end == "filled":
        sandbox.market["SBER"].trade(price=low, lots=1)
    else:
        await alor.orders.cancel(STOCKS, first.order_id)
    await sandbox.clock.advance(seconds=2)

    def statuses() -> dict[str, str]:
        return {order.order_id: order.status.value for order in sandbox.orders()}

    ended = "filled" if end == "filled" else "canceled"
    await until(lambda: statuses()[first.order_id] == ended)
    listed = {order.order_id: str(order.status) for order in await alor.account.list_orders(STOCKS)}
    assert listed == statuses()
    survives = end == "cancelled" and policy is ExecutionPolicy.IGNORE_CANCEL
    assert (listed[second.order_id] == "working") is survives
    group = await alor.order_groups.get(group_id)
    assert (group.status == OrderGroupStatus.ACTIVE) is survives
