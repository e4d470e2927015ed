"""What the facades for orders, estimates and groups do: orders as arguments, refusals, repeated request ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from alor_async import AsyncAlor, EstimateRequest, GroupedOrder, OrderAck, Portfolio, new_request_id
from alor_async.errors import BadRequest, InvalidArgument, NotFound, OrderNotWorking, OrderRejected
from alor_async.models import (
    Condition,
    ExecutionPolicy,
    GroupedOrderType,
    Order,
    OrderGroup,
    OrderStatus,
    Side,
    StopOrder,
)
from alor_async.sandbox import Sandbox
from tests.support.world import FUTURES, LATER, STOCKS, UNITED, client_of, low_and_high, new_sandbox

SBER = "MOEX:SBER"


@pytest.fixture
def exchange() -> Iterator[Sandbox]:
    with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def alor(exchange: Sandbox) -> AsyncIterator[AsyncAlor]:
    async with client_of(exchange) as client:
        await client.get_claims()
        exchange.requests.clear()
        yield client


@pytest.fixture
def low(exchange: Sandbox) -> Decimal:
    return low_and_high(exchange)[0]


async def resting(alor: AsyncAlor, price: Decimal, *, lots: int = 5, comment: str | None = "mine") -> Order:
    ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=lots, price=price, comment=comment)
    return await alor.account.get_order(STOCKS, ack.order_id)


async def waiting(alor: AsyncAlor, price: Decimal) -> StopOrder:
    ack = await alor.stop_orders.place_stop_limit(
        STOCKS,
        SBER,
        Side.SELL,
        lots=2,
        price=price,
        condition=Condition.LESS_OR_EQUAL,
        trigger_price=price,
        expires=LATER,
        comment="guard",
    )
    return await alor.account.get_stop_order(STOCKS, ack.order_id)


# Replace.


async def test_a_replace_with_an_order_says_what_the_order_says(
    alor: AsyncAlor, exchange: Sandbox, low: Decimal
) -> None:
    order = await resting(alor, low)
    ack = await alor.orders.replace_limit(order, price=low + 1)
    body = exchange.requests[-1].json
    assert body == {
        "side": "buy",
        "quantity": 5,
        "price": float(low + 1),
        "instrument": {"symbol": "SBER", "exchange": "MOEX", "instrumentGroup": "TQBR"},
        "comment": "mine",
        "user": {"portfolio": STOCKS},
        "allowMargin": False,
    }
    old = await alor.account.get_order(STOCKS, order.order_id)
    new = await alor.account.get_order(STOCKS, ack.order_id)
    assert (old.status, new.status) == (OrderStatus.CANCELLED, OrderStatus.WORKING)
    assert (new.price, new.lots, new.comment) == (low + 1, 5, "mine")


async def test_a_replace_asks_for_what_is_not_filled_yet(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    placed = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=5, price=low)
    exchange.market["SBER"].trade(price=low, lots=2)
    order = await alor.account.get_order(STOCKS, placed.order_id)
    assert (order.status, order.filled_lots) == (OrderStatus.WORKING, 2)
    ack = await alor.orders.replace_limit(order, price=low - 1)
    assert exchange.requests[-1].json["quantity"] == 3  # type: ignore[index]
    assert (await alor.account.get_order(STOCKS, ack.order_id)).lots == 3


async def test_what_is_given_goes_before_what_the_order_says(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    order = await resting(alor, low)
    request_id = new_request_id()
    ack = await alor.orders.replace_limit(order, lots=2, comment="other", request_id=request_id)
    assert (ack.request_id, ack.replayed) == (request_id, False)
    now = await alor.account.get_order(STOCKS, ack.order_id)
    assert (now.lots, now.comment, now.price) == (2, "other", low)
    for beside in ({"order_id": "1"}, {"instrument": SBER}, {"side": Side.BUY}):
        with pytest.raises(InvalidArgument, match=next(iter(beside))):
            await alor.orders.replace_limit(now, **beside)  # type: ignore[call-overload]


async def test_a_market_order_takes_the_place_of_a_resting_one(alor: AsyncAlor, low: Decimal) -> None:
    order = await resting(alor, low)
    ack = await alor.orders.replace_market(order)
    now = await alor.account.get_order(STOCKS, ack.order_id)
    assert (now.status, now.lots, now.filled_lots) == (OrderStatus.FILLED, 5, 5)


async def test_a_stop_order_is_replaced_as_an_object(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    order = await waiting(alor, low)
    ack = await alor.stop_orders.replace_stop_limit(order, trigger_price=low - 1)
    body = exchange.requests[-1].json
    assert isinstance(body, dict)
    assert body["stopEndUnixTime"] == int(LATER.timestamp())
    assert (body["quantity"], body["condition"], body["comment"]) == (2, "lessorequal", "guard")
    now = await alor.account.get_stop_order(STOCKS, ack.order_id)
    assert (now.trigger_price, now.price, now.lots) == (low - 1, low, 2)


# Cancel.


async def test_cancelling_by_order_and_by_number(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    order, other, stop = await resting(alor, low), await resting(alor, low - 1), await waiting(alor, low)
    assert await alor.orders.cancel(order) == OrderAck(order_id=order.order_id)
    assert exchange.requests[-1].query == {"portfolio": STOCKS, "exchange": "MOEX", "stop": "false"}
    assert await alor.orders.cancel(Portfolio(STOCKS), other.order_id) == OrderAck(order_id=other.order_id)
    assert await alor.stop_orders.cancel(stop) == OrderAck(order_id=stop.order_id)
    assert exchange.requests[-1].query["stop"] == "true"
    assert {item.status for item in await alor.account.list_orders(STOCKS)} == {OrderStatus.CANCELLED}
    with pytest.raises(InvalidArgument, match="order_id"):
        await alor.orders.cancel(order, order.order_id)
    with pytest.raises(InvalidArgument, match="order_id"):
        await alor.orders.cancel(STOCKS)


async def test_cancel_all_tells_whether_there_was_anything(alor: AsyncAlor, low: Decimal) -> None:
    assert await alor.orders.cancel_all(STOCKS) is False
    assert await alor.stop_orders.cancel_all(STOCKS) is False
    orders = [await resting(alor, low), await resting(alor, low - 1)]
    stop = await waiting(alor, low)
    assert await alor.orders.cancel_all(STOCKS) is True
    assert (await alor.account.get_stop_order(STOCKS, stop.order_id)).status == OrderStatus.WORKING
    assert await alor.stop_orders.cancel_all(STOCKS) is True
    for order in orders:
        assert (await alor.account.get_order(STOCKS, order.order_id)).status == OrderStatus.CANCELLED


@pytest.mark.parametrize("end", ["filled", "cancelled", "unknown"])
async def test_what_is_done_or_unknown_is_not_working(alor: AsyncAlor, low: Decimal, end: str) -> None:
    if end == "filled":
        number = (await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)).order_id
    else:
        number = (await resting(alor, low)).order_id if end == "cancelled" else "123456789"
    if end == "cancelled":
        await alor.orders.cancel(STOCKS, number)
    with pytest.raises(OrderNotWorking) as cancelled:
        await alor.orders.cancel(STOCKS, number)
    assert cancelled.value.code == "OrderToCancelNotFound"
    with pytest.raises(OrderNotWorking) as replaced:
        await alor.orders.replace_limit(STOCKS, number, SBER, Side.BUY, lots=1, price=low)
    assert replaced.value.code == "OrderToModifyNotFound"
    assert isinstance(replaced.value, OrderRejected)
    with pytest.raises(OrderNotWorking):
        await alor.stop_orders.cancel(STOCKS, number)


# Refusals and repetitions.


async def test_a_refusal_has_its_code_and_its_text(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    request_id = new_request_id()
    with pytest.raises(OrderRejected) as caught:
        await alor.orders.place_limit(
            STOCKS, SBER, Side.BUY, lots=1, price=low - Decimal("0.005"), request_id=request_id
        )
    error = caught.value
    assert type(error) is OrderRejected
    assert error.code
    assert error.reason
    assert error.reason in str(error)
    assert (error.request_id, str(error.instrument_id), error.replayed) == (request_id, SBER, False)
    assert STOCKS not in str(error)
    with pytest.raises(OrderRejected) as caught:
        await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1_000_000, price=low)
    assert caught.value.code == "OrderCreatesUncoveredRisk"
    with pytest.raises(OrderRejected):
        await alor.orders.place_market(STOCKS, "MOEX:NOSUCH", Side.BUY, lots=1)
    assert not [order for order in exchange.orders(STOCKS) if order.status == "working"]


@pytest.mark.parametrize("request_id", [uuid4(), "mine-1", None], ids=["uuid", "text", "made"])
async def test_a_repeated_request_id_is_one_order(
    alor: AsyncAlor, exchange: Sandbox, low: Decimal, request_id: UUID | str | None
) -> None:
    first = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low, request_id=request_id)
    again = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low, request_id=first.request_id)
    assert isinstance(first.request_id, str if request_id == "mine-1" else UUID)
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.order_id, first.request_id) == (again.order_id, again.request_id)
    assert len(exchange.orders(STOCKS)) == 1
    assert [item.header("X-REQID") for item in exchange.requests] == [str(first.request_id)] * 2


async def test_a_repeated_refusal_is_the_first_one(alor: AsyncAlor, low: Decimal) -> None:
    for replayed in (False, True):
        with pytest.raises(OrderRejected) as caught:
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1_000_000, price=low, request_id="no-1")
        assert (caught.value.code, caught.value.replayed) == ("OrderCreatesUncoveredRisk", replayed)


async def test_calls_without_a_request_id_get_one_each(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    acks = [await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low) for _ in range(3)]
    assert len({ack.request_id for ack in acks}) == len({ack.order_id for ack in acks}) == 3
    assert len(exchange.orders(STOCKS)) == 3


# Estimates.


async def test_an_estimate_places_nothing(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    by_lots = await alor.orders.estimate(STOCKS, SBER, lots=3, price=low)
    by_money = await alor.orders.estimate(STOCKS, SBER, budget=Decimal(30_000))
    at_market = await alor.orders.estimate(STOCKS, SBER, lots=3)
    several = await alor.orders.estimate_all(
        [
            EstimateRequest(portfolio=STOCKS, instrument=SBER, lots=3, price=low),
            EstimateRequest(portfolio=Portfolio(STOCKS), instrument="MOEX:GAZP", budget=Decimal(10_000)),
        ]
    )
    assert several[0] == by_lots
    assert len(several) == 2
    assert by_lots != at_market != by_money
    assert exchange.orders() == ()
    for wrong in ({"lots": 1, "budget": Decimal(1)}, {"lots": 0}, {"price": 1.5}, {"instrument": "SBER"}):
        with pytest.raises(InvalidArgument):
            EstimateRequest(**{"portfolio": STOCKS, "instrument": SBER, **wrong})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="requests"):
        await alor.orders.estimate_all([])


# Groups.


async def test_a_group_of_order_objects_lives_and_goes(alor: AsyncAlor, exchange: Sandbox, low: Decimal) -> None:
    order, stop = await resting(alor, low), await waiting(alor, low)
    group_id = await alor.order_groups.create([order, stop], ExecutionPolicy.ON_EXECUTE_OR_CANCEL)
    assert exchange.requests[-1].json == {
        "orders": [
            {"portfolio": STOCKS, "exchange": "MOEX", "orderId": order.order_id, "type": "Limit"},
            {"portfolio": STOCKS, "exchange": "MOEX", "orderId": stop.order_id, "type": "StopLimit"},
        ],
        "executionPolicy": "OnExecuteOrCancel",
    }
    group: OrderGroup = await alor.order_groups.get(group_id)
    assert [member.order_id for member in group.orders] == [order.order_id, stop.order_id]
    assert await alor.order_groups.get(str(group_id)) == group
    assert await alor.order_groups.list_all() == [group]
    await alor.order_groups.update(group_id, ExecutionPolicy.IGNORE_CANCEL)
    changed = await alor.order_groups.get(group_id)
    assert (changed.orders, changed.execution_policy) == (group.orders, ExecutionPolicy.IGNORE_CANCEL)
    await alor.order_groups.update(group_id, ExecutionPolicy.IGNORE_CANCEL, [order])
    assert [member.order_id for member in (await alor.order_groups.get(group_id)).orders] == [order.order_id]
    await alor.order_groups.delete(group_id)
    assert (await alor.account.get_order(STOCKS, order.order_id)).status == OrderStatus.WORKING
    with pytest.raises(BadRequest):
        await alor.order_groups.get(group_id)
    for gone in (
        alor.order_groups.delete(group_id),
        alor.order_groups.update(group_id, ExecutionPolicy.IGNORE_CANCEL),
        alor.order_groups.create([GroupedOrder("D99999", "1", GroupedOrderType.LIMIT)], ExecutionPolicy.IGNORE_CANCEL),
    ):
        with pytest.raises(OrderRejected) as caught:
            await gone
        assert caught.value.reason


async def test_a_group_takes_the_other_order_with_it(alor: AsyncAlor, low: Decimal) -> None:
    order, stop = await resting(alor, low), await waiting(alor, low)
    await alor.order_groups.create([order, stop], ExecutionPolicy.ON_EXECUTE_OR_CANCEL)
    await alor.orders.cancel(order)
    assert (await alor.account.get_stop_order(STOCKS, stop.order_id)).status == OrderStatus.CANCELLED


async def test_an_order_of_a_united_portfolio_trades_as_moex_in_a_group(
    alor: AsyncAlor, exchange: Sandbox, low: Decimal
) -> None:
    ack = await alor.orders.place_limit(UNITED, SBER, Side.BUY, lots=1, price=low)
    order = await alor.account.get_order(UNITED, ack.order_id)
    await alor.order_groups.create([order], ExecutionPolicy.IGNORE_CANCEL)
    assert exchange.requests[-1].json["orders"][0]["exchange"] == "MOEX"  # type: ignore[index]
    assert (await alor.orders.cancel(order)).order_id == order.order_id


async def test_conditional_orders_wait_until_done_or_until_their_time(alor: AsyncAlor, low: Decimal) -> None:
    endless = await alor.stop_orders.place_stop(
        STOCKS, SBER, Side.SELL, lots=1, condition=Condition.LESS, trigger_price=low
    )
    order = await alor.account.get_stop_order(STOCKS, endless.order_id)
    assert order.expires_at is None or order.expires_at > datetime.now(UTC) + timedelta(days=3_000)
    assert (await waiting(alor, low)).expires_at == LATER
    with pytest.raises(NotFound):
        await alor.account.get_stop_order(STOCKS, "1")
    with pytest.raises(NotFound):
        await alor.account.get_order(FUTURES, "1")
