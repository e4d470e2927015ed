from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import to_us
from alor_async.sandbox.core.commands import (
    Accepted,
    CancelAll,
    CancelOrder,
    CreateGroup,
    DeleteGroup,
    GroupMember,
    GroupRefused,
    Rejected,
    ReplaceOrder,
    ReplaceStop,
    UpdateGroup,
)
from alor_async.sandbox.core.entities import OrderGroup, StopOrder
from alor_async.sandbox.core.enums import Condition, ExecutionPolicy, GroupStatus, OrderStatus, OrderType, Side
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import STOCKS, UNITED, HandClock, limit, market, place, place_stop, stop

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def last(exchange: Exchange) -> Decimal:
    return exchange.get_quote("MOEX", "SBER").last_price


def stop_of(exchange: Exchange, number: str) -> StopOrder:
    found = exchange.get_stop_order(STOCKS, number)
    assert found is not None
    return found


def move(exchange: Exchange, price: Decimal) -> None:
    exchange.crowd_trade("MOEX", "SBER", price=price, lots=1)


def test_a_conditional_order_rests_with_the_broker(exchange: Exchange, last: Decimal) -> None:
    before = exchange.get_summary(STOCKS)
    number = place_stop(exchange, stop(BUY, 5, Condition.MORE_OR_EQUAL, last + 1, price=last + 2, comment="in"))
    order = stop_of(exchange, number)
    assert (order.order_type, order.status, order.is_active) == (OrderType.STOP_LIMIT, OrderStatus.WORKING, True)
    assert (order.stop_price, order.price, order.volume) == (last + 1, last + 2, (last + 2) * 50)
    assert (order.exchange_order_id, order.updated_at, order.error, order.comment) == (None, None, None, "in")
    assert order.expires_at == datetime(2060, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert order.broker_symbol == "MOEX:SBER"
    assert exchange.list_stop_orders(STOCKS) == (order,)
    assert exchange.list_orders(STOCKS) == ()
    assert exchange.get_summary(STOCKS) == before


@pytest.mark.parametrize(
    ("condition", "step", "fires"),
    [
        (Condition.MORE, 0, False),
        (Condition.MORE, 1, True),
        (Condition.MORE_OR_EQUAL, 0, True),
        (Condition.MORE_OR_EQUAL, -1, False),
        (Condition.LESS, 0, False),
        (Condition.LESS, -1, True),
        (Condition.LESS_OR_EQUAL, 0, True),
        (Condition.LESS_OR_EQUAL, 1, False),
    ],
)
def test_when_a_condition_fires(
    exchange: Exchange, last: Decimal, condition: Condition, step: int, fires: bool
) -> None:
    number = place_stop(exchange, stop(SELL, 2, condition, last + 1))
    move(exchange, last + 1 + Decimal("0.01") * step)
    order = stop_of(exchange, number)
    assert order.status is (OrderStatus.FILLED if fires else OrderStatus.WORKING)
    if fires:
        assert order.exchange_order_id is not None
        child = exchange.get_order(STOCKS, order.exchange_order_id)
        assert child is not None
        assert (child.order_type, child.status, child.filled_lots) == (OrderType.MARKET, OrderStatus.FILLED, 2)
        assert (order.filled_lots, order.average_price) == (2, exchange.list_trades(STOCKS)[0].price)


def test_a_client_trade_fires_stops_too(exchange: Exchange, last: Decimal) -> None:
    number = place_stop(exchange, stop(BUY, 1, Condition.MORE_OR_EQUAL, last, price=last - 3))
    place(exchange, market(BUY, 1, portfolio=UNITED, board=None))
    order = stop_of(exchange, number)
    assert order.status is OrderStatus.FILLED
    (child,) = exchange.list_orders(STOCKS)
    assert (child.order_id, child.status, child.price) == (order.exchange_order_id, OrderStatus.WORKING, last - 3)


def test_a_stop_may_fire_another(exchange: Exchange, last: Decimal) -> None:
    """The market stops at the first one's trigger; only the trades of its order go beyond."""
    first = place_stop(exchange, stop(BUY, 2_000, Condition.MORE_OR_EQUAL, last + 1))
    second = place_stop(exchange, stop(SELL, 1, Condition.MORE, last + 1))
    third = place_stop(exchange, stop(SELL, 1, Condition.MORE, last + 20))
    move(exchange, last + 1)
    assert stop_of(exchange, first).filled_lots == 2_000
    assert stop_of(exchange, second).status is OrderStatus.FILLED
    assert stop_of(exchange, third).status is OrderStatus.WORKING


def test_a_refused_child_makes_a_rejected_stop(exchange: Exchange, last: Decimal) -> None:
    number = place_stop(exchange, stop(BUY, 90_000, Condition.MORE, last))
    move(exchange, last + 1)
    order = stop_of(exchange, number)
    assert (order.status, order.exchange_order_id) == (OrderStatus.REJECTED, None)
    assert order.error == "Order creates uncovered risk"


def test_a_stop_expires(exchange: Exchange, clock: HandClock, last: Decimal) -> None:
    end = to_us(clock.now) // 1_000_000 + 60
    number = place_stop(exchange, stop(BUY, 1, Condition.MORE, last + 1, ends_at=end))
    clock.forward(seconds=59)
    assert stop_of(exchange, number).status is OrderStatus.WORKING
    clock.forward(seconds=1)
    assert stop_of(exchange, number).status is OrderStatus.CANCELED
    clock.forward(days=1)
    assert exchange.get_stop_order(STOCKS, number) is None


def test_conditional_orders_outlive_the_session(exchange: Exchange, clock: HandClock, last: Decimal) -> None:
    end = to_us(clock.now) // 1_000_000 + 60
    number = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 1, ends_at=end))
    move(exchange, last - 2)
    kept = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 5))
    clock.forward(days=2)
    assert exchange.get_stop_order(STOCKS, number) is None
    assert stop_of(exchange, kept).status is OrderStatus.WORKING


def test_the_condition_must_hold_for_the_protection_time(exchange: Exchange, clock: HandClock, last: Decimal) -> None:
    number = place_stop(exchange, stop(SELL, 1, Condition.LESS_OR_EQUAL, last - 1, protecting_seconds=30))
    move(exchange, last - 1)
    clock.forward(seconds=20)
    move(exchange, last)
    clock.forward(seconds=20)
    assert stop_of(exchange, number).status is OrderStatus.WORKING
    move(exchange, last - 2)
    clock.forward(seconds=15)
    move(exchange, last - 1)
    clock.forward(seconds=15)
    order = stop_of(exchange, number)
    assert (order.status, order.protecting_seconds, order.filled_lots) == (OrderStatus.FILLED, 30, 1)
    assert order.updated_at == clock.now


def test_what_a_timer_sets_off_is_finished_at_its_own_moment(
    exchange: Exchange, clock: HandClock, last: Decimal
) -> None:
    """The end of a stop reaches its group although nobody gives a command in between."""
    end = to_us(clock.now) // 1_000_000 + 60
    expiring = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 1, ends_at=end))
    other = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 2))
    members = (member(expiring, OrderType.STOP), member(other, OrderType.STOP))
    group_id = group(exchange, ExecutionPolicy.ON_EXECUTE_OR_CANCEL, *members)
    clock.forward(minutes=5)
    assert stop_of(exchange, other).status is OrderStatus.CANCELED
    found = exchange.get_group(exchange.login, group_id)
    assert found is not None
    assert found.closed_at == datetime.fromtimestamp(end, UTC)


def test_replace_and_cancel(exchange: Exchange, last: Decimal) -> None:
    number = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 1, comment="sl"))
    refused = exchange.replace_stop(ReplaceStop(order_id=number, order=stop(SELL, 0, Condition.LESS, last - 2)))
    assert isinstance(refused, Rejected)
    answer = exchange.replace_stop(ReplaceStop(order_id=number, order=stop(SELL, 2, Condition.LESS, last - 2)))
    assert isinstance(answer, Accepted)
    assert stop_of(exchange, number).status is OrderStatus.CANCELED
    new = stop_of(exchange, answer.order_id)
    assert (new.lots, new.stop_price, new.comment, new.status) == (2, last - 2, "sl", OrderStatus.WORKING)
    again = exchange.replace_stop(ReplaceStop(order_id=number, order=stop(SELL, 2, Condition.LESS, last - 2)))
    assert isinstance(again, Rejected)
    other = place_stop(exchange, stop(SELL, 1, Condition.LESS, last - 1))
    assert isinstance(exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=new.order_id)), Rejected)
    cancel = CancelOrder(portfolio=STOCKS, order_id=new.order_id, is_stop=True)
    assert exchange.cancel_order(cancel) == Accepted(new.order_id)
    assert exchange.cancel_all(CancelAll(portfolio=STOCKS, is_stop=True)) == (other,)
    move(exchange, last - 9)
    assert exchange.list_orders(STOCKS) == ()


def test_a_dormant_stop_sleeps(exchange: Exchange, last: Decimal) -> None:
    number = place_stop(exchange, stop(SELL, 1, Condition.LESS, last, activate=False))
    move(exchange, last - 2)
    order = stop_of(exchange, number)
    assert (order.status, order.is_active) == (OrderStatus.WORKING, False)


# -- groups


def member(number: str, kind: OrderType = OrderType.LIMIT, portfolio: str = STOCKS) -> GroupMember:
    return GroupMember(portfolio, "MOEX", number, kind)


def group(exchange: Exchange, policy: ExecutionPolicy, *members: GroupMember) -> UUID:
    made = exchange.create_group(CreateGroup(exchange.login, members, policy))
    assert isinstance(made, OrderGroup), made
    assert made.status is GroupStatus.ACTIVE
    return made.group_id


def status(exchange: Exchange, group_id: UUID) -> GroupStatus:
    found = exchange.get_group(exchange.login, group_id)
    assert found is not None
    assert (found.closed_at is None) == (found.status is GroupStatus.ACTIVE)
    return found.status


@pytest.fixture
def pair(exchange: Exchange, last: Decimal) -> tuple[str, str]:
    """A limit order under the market and a stop above it."""
    return (
        place(exchange, limit(BUY, 1, last - 2, board=None)),
        place_stop(exchange, stop(BUY, 1, Condition.MORE_OR_EQUAL, last + 2)),
    )


def test_one_cancels_the_other(exchange: Exchange, last: Decimal, pair: tuple[str, str]) -> None:
    order, conditional = pair
    group_id = group(exchange, ExecutionPolicy.ON_EXECUTE_OR_CANCEL, member(order), member(conditional, OrderType.STOP))
    assert exchange.list_groups(exchange.login)[0].order_ids == pair
    assert exchange.list_groups("nobody") == ()
    move(exchange, last + 2)
    assert stop_of(exchange, conditional).status is OrderStatus.FILLED
    found = exchange.get_order(STOCKS, order)
    assert found is not None
    assert found.status is OrderStatus.CANCELED
    assert status(exchange, group_id) is GroupStatus.FILLED


@pytest.mark.parametrize("edit", [False, True])
def test_a_cancelled_or_replaced_member_ends_the_group(
    exchange: Exchange, last: Decimal, pair: tuple[str, str], edit: bool
) -> None:
    order, conditional = pair
    group_id = group(exchange, ExecutionPolicy.ON_EXECUTE_OR_CANCEL, member(order), member(conditional, OrderType.STOP))
    if edit:
        exchange.replace_order(ReplaceOrder(order_id=order, order=limit(BUY, 2, last - 2, board=None)))
    else:
        exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order))
    assert stop_of(exchange, conditional).status is OrderStatus.CANCELED
    assert status(exchange, group_id) is GroupStatus.CANCELED


def test_ignore_cancel_lets_members_leave(exchange: Exchange, last: Decimal, pair: tuple[str, str]) -> None:
    order, conditional = pair
    third = place(exchange, limit(BUY, 1, last - 3, board=None))
    group_id = group(
        exchange, ExecutionPolicy.IGNORE_CANCEL, member(order), member(conditional, OrderType.STOP), member(third)
    )
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order))
    assert status(exchange, group_id) is GroupStatus.ACTIVE
    move(exchange, last - 4)
    assert status(exchange, group_id) is GroupStatus.FILLED
    assert stop_of(exchange, conditional).status is OrderStatus.CANCELED


def test_a_group_that_everybody_left_is_over(exchange: Exchange, pair: tuple[str, str]) -> None:
    order, conditional = pair
    group_id = group(exchange, ExecutionPolicy.IGNORE_CANCEL, member(order), member(conditional, OrderType.STOP))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=conditional, is_stop=True))
    assert status(exchange, group_id) is GroupStatus.CANCELED


@pytest.fixture
def bracket(exchange: Exchange, last: Decimal) -> tuple[str, str, str, UUID]:
    """A limit order with a dormant stop-loss and a dormant take-profit."""
    entry = place(exchange, limit(BUY, 1, last - 2, board=None))
    loss = place_stop(exchange, stop(SELL, 1, Condition.LESS_OR_EQUAL, last - 6, activate=False))
    profit = place_stop(exchange, stop(SELL, 1, Condition.MORE_OR_EQUAL, last, activate=False))
    members = (member(entry), member(loss, OrderType.STOP), member(profit, OrderType.STOP))
    return entry, loss, profit, group(exchange, ExecutionPolicy.TRIGGER_BRACKET_ORDERS, *members)


def test_a_bracket_wakes_its_stops_when_the_limit_order_is_filled(
    exchange: Exchange, last: Decimal, bracket: tuple[str, str, str, UUID]
) -> None:
    _, loss, profit, group_id = bracket
    move(exchange, last + 1)
    assert stop_of(exchange, profit).status is OrderStatus.WORKING
    move(exchange, last - 3)
    assert stop_of(exchange, profit).is_active
    assert stop_of(exchange, loss).is_active
    assert status(exchange, group_id) is GroupStatus.ACTIVE
    move(exchange, last + 1)
    assert stop_of(exchange, profit).status is OrderStatus.FILLED
    assert stop_of(exchange, loss).status is OrderStatus.CANCELED
    assert status(exchange, group_id) is GroupStatus.FILLED


def test_a_bracket_without_its_limit_order_is_over(exchange: Exchange, bracket: tuple[str, str, str, UUID]) -> None:
    entry, loss, profit, group_id = bracket
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=entry))
    assert {stop_of(exchange, loss).status, stop_of(exchange, profit).status} == {OrderStatus.CANCELED}
    assert status(exchange, group_id) is GroupStatus.CANCELED


def test_a_bracket_with_no_stops_left_is_filled_by_its_limit_order(
    exchange: Exchange, last: Decimal, bracket: tuple[str, str, str, UUID]
) -> None:
    _, loss, profit, group_id = bracket
    for number in (loss, profit):
        exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=number, is_stop=True))
    assert status(exchange, group_id) is GroupStatus.ACTIVE
    move(exchange, last - 3)
    assert status(exchange, group_id) is GroupStatus.FILLED


def test_groups_are_refused(exchange: Exchange, pair: tuple[str, str]) -> None:
    order, conditional = pair

    def refused(policy: ExecutionPolicy, *members: GroupMember) -> str:
        answer = exchange.create_group(CreateGroup(exchange.login, members, policy))
        assert isinstance(answer, GroupRefused)
        return answer.detail

    policy = ExecutionPolicy.IGNORE_CANCEL
    assert refused(policy) == "An order group needs at least one order"
    assert refused(policy, member("55")) == "Forbidden attempt to modify an order (55) not owned by the user"
    assert "not owned" in refused(policy, member(order, portfolio=UNITED))
    assert "not owned" in refused(policy, member(order, portfolio="D1"))
    assert "not owned" in refused(policy, member(conditional, OrderType.LIMIT))
    assert "exactly one limit" in refused(ExecutionPolicy.TRIGGER_BRACKET_ORDERS, member(conditional, OrderType.STOP))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order))
    assert refused(policy, member(order)) == f"Order ({order}) is not working"
    stranger = exchange.create_group(CreateGroup("nobody", (member(conditional, OrderType.STOP),), policy))
    assert isinstance(stranger, GroupRefused)


def test_groups_are_changed_and_forgotten(exchange: Exchange, pair: tuple[str, str]) -> None:
    order, conditional = pair
    login = exchange.login
    group_id = group(exchange, ExecutionPolicy.IGNORE_CANCEL, member(order), member(conditional, OrderType.STOP))
    updated = exchange.update_group(UpdateGroup(login, group_id, None, ExecutionPolicy.ON_EXECUTE_OR_CANCEL))
    assert isinstance(updated, OrderGroup)
    assert (updated.policy, updated.order_ids) == (ExecutionPolicy.ON_EXECUTE_OR_CANCEL, pair)
    updated = exchange.update_group(UpdateGroup(login, group_id, (member(order),), ExecutionPolicy.IGNORE_CANCEL))
    assert isinstance(updated, OrderGroup)
    assert updated.order_ids == (order,)
    for members, policy in (
        ((member("1"),), ExecutionPolicy.IGNORE_CANCEL),
        ((member(conditional, OrderType.STOP),), ExecutionPolicy.TRIGGER_BRACKET_ORDERS),
    ):
        assert isinstance(exchange.update_group(UpdateGroup(login, group_id, members, policy)), GroupRefused)
    unknown = UUID(int=0)
    assert exchange.update_group(UpdateGroup(login, unknown, None, ExecutionPolicy.IGNORE_CANCEL)) is None
    assert exchange.get_group("nobody", group_id) is None
    assert not exchange.delete_group(DeleteGroup("nobody", group_id))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order))
    closed = exchange.update_group(UpdateGroup(login, group_id, None, ExecutionPolicy.IGNORE_CANCEL))
    assert isinstance(closed, GroupRefused)
    assert exchange.delete_group(DeleteGroup(login, group_id))
    assert exchange.list_groups(login) == ()
    assert stop_of(exchange, conditional).status is OrderStatus.WORKING


@pytest.mark.parametrize("policy", [ExecutionPolicy.ON_EXECUTE_OR_CANCEL, ExecutionPolicy.IGNORE_CANCEL])
def test_of_two_linked_stops_that_one_trade_meets_the_first_fires(
    exchange: Exchange, last: Decimal, policy: ExecutionPolicy
) -> None:
    near, far = (
        place_stop(exchange, stop(SELL, 5, Condition.LESS_OR_EQUAL, last - Decimal(away))) for away in ("0.50", "0.60")
    )
    group(exchange, policy, member(near, OrderType.STOP), member(far, OrderType.STOP))
    move(exchange, last - 1)
    assert [stop_of(exchange, number).status for number in (near, far)] == [OrderStatus.FILLED, OrderStatus.CANCELED]


def test_a_sweep_that_fills_one_of_two_linked_orders_does_not_fire_the_other(exchange: Exchange, last: Decimal) -> None:
    dip = place(exchange, limit(BUY, 5, last - Decimal("0.50"), board=None))
    breakdown = place_stop(exchange, stop(SELL, 5, Condition.LESS_OR_EQUAL, last - Decimal("0.60")))
    group(exchange, ExecutionPolicy.ON_EXECUTE_OR_CANCEL, member(dip), member(breakdown, OrderType.STOP))
    move(exchange, last - 1)
    filled = exchange.get_order(STOCKS, dip)
    assert filled is not None
    assert filled.status is OrderStatus.FILLED
    assert stop_of(exchange, breakdown).status is OrderStatus.CANCELED


def test_a_woken_stop_sees_the_trades_after_its_entry_and_none_before(exchange: Exchange, last: Decimal) -> None:
    board = exchange.find_market("MOEX", "SBER")
    tick = Decimal("0.01")
    exchange.crowd.set_book(board, [(last - away * tick, 1) for away in (1, 9, 12)], [])
    entry = place(exchange, limit(BUY, 1, last - 5 * tick, board=None))
    gain = place_stop(exchange, stop(SELL, 1, Condition.MORE_OR_EQUAL, last - 2 * tick, activate=False))
    loss = place_stop(exchange, stop(SELL, 1, Condition.LESS_OR_EQUAL, last - 8 * tick, activate=False))
    stops = (member(gain, OrderType.STOP), member(loss, OrderType.STOP))
    group(exchange, ExecutionPolicy.TRIGGER_BRACKET_ORDERS, member(entry), *stops)
    exchange.crowd.take(board, SELL, 3)
    assert (stop_of(exchange, gain).status, stop_of(exchange, gain).is_active) == (OrderStatus.CANCELED, True)
    assert (stop_of(exchange, loss).status, stop_of(exchange, loss).filled_lots) == (OrderStatus.FILLED, 1)


def test_what_began_to_be_executed_keeps_its_stops_when_the_rest_of_it_is_cancelled() -> None:
    exchange = Exchange(clock=HandClock(), seed=42, assumptions=Assumptions(group_execution="first_fill"))
    last = exchange.get_quote("MOEX", "SBER").last_price
    entry = place(exchange, limit(BUY, 50, last - Decimal("0.10"), board=None))
    loss = place_stop(exchange, stop(SELL, 5, Condition.LESS_OR_EQUAL, last - 1, activate=False))
    group(exchange, ExecutionPolicy.TRIGGER_BRACKET_ORDERS, member(entry), member(loss, OrderType.STOP))
    exchange.crowd_trade("MOEX", "SBER", price=last - Decimal("0.10"), lots=5)
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=entry))
    assert (stop_of(exchange, loss).status, stop_of(exchange, loss).is_active) == (OrderStatus.WORKING, True)
    assert exchange.check() == []
