"""What became of a replace or a cancel that went wrong: of the order that it names, and of the one that it makes.

The exchange's journal is the witness, as in test_order_outcomes.py.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import get_args

import pytest

from alor_async import OrderAck, RetryPolicy, Side, new_request_id
from alor_async._orders.ledger import EntryState
from alor_async.errors import InvalidArgument, OrderNotWorking, OrderRejected
from alor_async.models import Condition
from alor_async.sandbox import Sandbox
from alor_async.sandbox.gateway.dedupe import DedupeMode
from tests.faults.order_floor import SBER, Floor, new_floor
from tests.support.order_oracles import Outcome, check_oracles, outcome_of
from tests.support.shared_clock import SharedClock
from tests.support.world import FUTURES, NOON, STOCKS, UNITED, last_noon, low_and_high

REPLACE, CANCEL, CANCEL_ALL = "orders.replace_limit", "orders.cancel", "orders.cancel_all"
MODES = get_args(DedupeMode)
KNOWING = [mode for mode in MODES if mode != "off"]
SAME_ID = RetryPolicy(commands="same_id", base=0.01)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    """Nobody else is in the book."""
    async with new_floor() as floor:
        floor.sandbox.market["SBER"].clear()
        yield floor


def not_working(outcome: Outcome) -> OrderNotWorking:
    assert isinstance(outcome.error, OrderNotWorking), outcome
    return outcome.error


# Replace.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lost", ["ack", "req"])
async def test_f089_f090_a_lost_replace_is_found_by_the_tag_of_the_new_order(
    floor: Floor, mode: DedupeMode, lost: str
) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        old = await floor.place("old")
        getattr(floor.sandbox.faults, lost).drop(operation=REPLACE)
        outcome = await outcome_of(floor.replace(old.order_id, "new"))
        assert outcome.ending == "unknown"
        made = floor.check("new", outcome)
        found = await outcome_of(outcome.unknown.resolve(timeout=0.6))
    assert found.ending == ("ack" if lost == "ack" else "unknown")
    assert floor.check("new", found) == made
    assert floor.status(old.order_id) == ("canceled" if lost == "ack" else "working")
    if lost == "req":
        assert found.unknown.order_status == "working"
        assert found.unknown.filled_lots == 0
    assert floor.sandbox.requests.count(REPLACE) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_f104_a_refused_replace_whose_original_is_gone_says_so(floor: Floor, mode: DedupeMode) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        old = await floor.place("old")
        floor.fill(2)
        floor.sandbox.faults.exchange.replace_fails("gone")
        outcome = await outcome_of(floor.replace(old.order_id, "new", lots=3))
    error = not_working(outcome)
    floor.check("new", outcome)
    assert (error.order_status, error.filled_lots) == ("canceled", 2)
    assert error.code == "UnknownError"
    assert f"the order {old.order_id} is canceled, 2 of 5 lots filled" in str(error)
    assert floor.status(old.order_id) == "canceled"


@pytest.mark.parametrize("mode", KNOWING)
async def test_f104_the_copy_of_that_refusal_says_so_too(floor: Floor, mode: DedupeMode) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        old = await floor.place("old")
        floor.sandbox.faults.exchange.replace_fails("gone")
        floor.sandbox.faults.ack.drop(operation=REPLACE)
        outcome = await outcome_of(floor.replace(old.order_id, "new", retries=SAME_ID))
    if mode == "old_response_400":
        error = not_working(outcome)
        assert error.replayed
        assert error.order_status == "canceled"
    else:
        # The same answer as it was, or a phrase: after a lost attempt neither is a proof.
        assert outcome.ending == "unknown"
    floor.check("new", outcome)


@pytest.mark.parametrize("mode", MODES)
async def test_f104_a_lost_answer_with_the_original_gone_stays_unknown_and_says_so(
    floor: Floor, mode: DedupeMode
) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        old = await floor.place("old")
        floor.fill(1)
        floor.sandbox.faults.exchange.replace_fails("gone")
        floor.sandbox.faults.ack.drop(operation=REPLACE)
        outcome = await outcome_of(floor.replace(old.order_id, "new", lots=4))
        found = await outcome_of(outcome.unknown.resolve(timeout=0.6))
    assert found.ending == "unknown"
    floor.check("new", found)
    assert "the original order is gone" in str(found.error)
    assert (found.unknown.order_status, found.unknown.filled_lots) == ("canceled", 1)


async def test_f104_a_refusal_that_leaves_the_original_is_plain(floor: Floor) -> None:
    old = await floor.place("old")
    floor.sandbox.faults.exchange.replace_fails("untouched")
    outcome = await outcome_of(floor.replace(old.order_id, "new"))
    assert type(outcome.error) is OrderRejected
    floor.check("new", outcome)
    assert floor.status(old.order_id) == "working"


async def test_f104_a_read_that_fails_changes_nothing_of_what_the_refusal_means(floor: Floor) -> None:
    old = await floor.place("old")
    for fault in ("gone", "not working"):
        if fault == "gone":
            floor.sandbox.faults.exchange.replace_fails("gone")
        with floor.sandbox.faults.http.status(503, operation="account.get_order", times=None):
            outcome = await outcome_of(floor.replace(old.order_id, fault))
        assert outcome.ending == "rejected"
        assert isinstance(outcome.error, OrderNotWorking) is (fault == "not working")
        assert getattr(outcome.error, "order_status", None) is None
        floor.check(fault, outcome)
    assert floor.sandbox.requests.count("account.get_order") == 2, "one read each"


async def test_f107_telling_the_state_takes_no_longer_than_the_call_may(floor: Floor) -> None:
    placed = await floor.place("old")
    floor.fill(5)
    floor.sandbox.faults.ack.drop(operation="account.get_order", how="hang")
    async with asyncio.timeout(1.5):
        outcome = await outcome_of(floor.replace(placed.order_id, "new", timeout=0.5))
    assert not_working(outcome).order_status is None
    floor.check("new", outcome)


@pytest.mark.parametrize("seed", range(12))
async def test_f105_a_replace_that_races_fills_never_trades_more_than_was_asked_for(floor: Floor, seed: int) -> None:
    """Whoever is first: the old order's fills and the new order's lots are told as they are."""
    dice = random.Random(seed)
    old = await floor.place("old", lots=5)
    order = await floor.alor.account.get_order(STOCKS, old.order_id)
    lots, first = dice.randint(1, 5), dice.random() < 0.5
    floor.sandbox.faults.http.delay(0.05 if first else 0.0, operation=REPLACE)
    floor.ids["new"] = new_request_id()
    racing = asyncio.create_task(
        outcome_of(floor.alor.orders.replace_limit(order, comment="new", request_id=floor.ids["new"]))
    )
    await asyncio.sleep(0.02)
    floor.sandbox.market["SBER"].take("sell", lots=lots)
    outcome = await racing
    floor.check("new", outcome)
    filled = sum(trade.lots for trade in floor.sandbox.trades(STOCKS) if trade.order_id == old.order_id)
    if outcome.ending == "rejected":
        error = not_working(outcome)
        assert (error.order_status, error.filled_lots) == ("filled", 5)
        assert filled == 5
    else:
        new = await floor.alor.account.get_order(STOCKS, outcome.ack.order_id if outcome.ack else "")
        old_now = await floor.alor.account.get_order(STOCKS, old.order_id)
        assert (old_now.status, old_now.filled_lots) == ("canceled", filled)
        traded = sum(trade.lots for trade in floor.sandbox.trades(STOCKS))
        assert traded == filled + new.filled_lots == (await fills_told(floor))
        assert traded <= new.lots + filled
        assert filled <= order.lots


async def fills_told(floor: Floor) -> int:
    return sum(trade.lots or 0 for trade in await floor.alor.account.list_trades(STOCKS))


@pytest.mark.parametrize("lost", [False, True])
async def test_f105_a_replace_of_an_order_that_was_filled_meanwhile_is_not_working(floor: Floor, lost: bool) -> None:
    old = await floor.place("old", lots=3)
    floor.fill(3)
    if lost:
        floor.sandbox.faults.req.drop(operation=REPLACE)
    outcome = await outcome_of(floor.replace(old.order_id, "new"))
    if lost:
        outcome = await outcome_of(outcome.unknown.resolve(timeout=0))
    error = not_working(outcome)
    assert (error.order_status, error.filled_lots) == ("filled", 3)
    floor.check("new", outcome)


@pytest.mark.parametrize(("portfolio", "board"), [(FUTURES, ""), (UNITED, ":RFUD"), (UNITED, "")])
async def test_f106_side_and_symbol_of_a_derivatives_order_cannot_be_replaced(
    floor: Floor, portfolio: str, board: str
) -> None:
    symbol = (await floor.alor.market_data.get_futures_quote("MOEX:SBRF")).symbol
    future, low = f"MOEX:{symbol}{board}", low_and_high(floor.sandbox, symbol)[0]
    placed = await floor.alor.orders.place_limit(portfolio, future, Side.BUY, lots=1, price=low, allow_margin=True)
    before = floor.sent()
    replace = floor.alor.orders.replace_limit
    with pytest.raises(InvalidArgument, match="side"):
        await replace(portfolio, placed.order_id, future, Side.SELL, lots=1, price=low, allow_margin=True)
    with pytest.raises(InvalidArgument, match="instrument"):
        await replace(portfolio, placed.order_id, f"MOEX:Si{board}", Side.BUY, lots=1, price=low, allow_margin=True)
    assert floor.sent() == before
    moved = await replace(portfolio, placed.order_id, future, Side.BUY, lots=2, price=low, allow_margin=True)
    with pytest.raises(InvalidArgument, match="side"):
        await replace(portfolio, moved.order_id, future, Side.SELL, lots=1, price=low, allow_margin=True)


async def test_f106_shares_may_change_their_side(floor: Floor) -> None:
    """There the server does as it is told."""
    old = await floor.place("old")
    high = floor.low + 10
    moved = await floor.alor.orders.replace_limit(STOCKS, old.order_id, SBER, Side.SELL, lots=1, price=high)
    assert (await floor.alor.account.get_order(STOCKS, moved.order_id)).side == Side.SELL


# Cancel.


async def ended(floor: Floor, how: str) -> str:
    """An order that is not working, by its number."""
    if how == "unknown":
        return "404404404"
    placed = await floor.place(how, lots=4)
    if how == "filled":
        floor.fill(4)
    else:
        floor.fill(1)
        await floor.cancel(placed.order_id)
    return placed.order_id


@pytest.mark.parametrize("command", ["cancel", "replace"])
@pytest.mark.parametrize(
    ("how", "told"), [("filled", ("filled", 4)), ("canceled", ("canceled", 1)), ("unknown", (None, None))]
)
async def test_f085_f107_not_working_tells_filled_cancelled_and_never_known_apart(
    floor: Floor, command: str, how: str, told: tuple[str | None, int | None]
) -> None:
    order_id = await ended(floor, how)
    before = floor.sandbox.requests.count("account.get_order")
    outcome = await outcome_of(floor.cancel(order_id) if command == "cancel" else floor.replace(order_id, "new"))
    error = not_working(outcome)
    assert (error.order_status, error.filled_lots) == told
    assert error.code in {"OrderToCancelNotFound", "OrderToModifyNotFound"}
    assert floor.sandbox.requests.count("account.get_order") == before + 1
    if command == "replace":
        floor.check("new", outcome)
        entry = floor.alor.ledger.find(str(floor.ids["new"]))
        assert entry is not None
        assert entry.state is EntryState.REJECTED


async def test_f107_an_order_of_another_portfolio_is_not_working_and_nothing_is_told_of_it(floor: Floor) -> None:
    placed = await floor.place("mine")
    error = not_working(await outcome_of(floor.alor.orders.cancel(UNITED, placed.order_id)))
    assert error.order_status is None
    assert floor.status(placed.order_id) == "working"


async def test_f085_a_404_for_an_order_that_a_read_shows_working_tells_no_status(floor: Floor) -> None:
    """The two contradict each other: what the broker said of the command stands, and nothing is added."""
    placed = await floor.place("there")
    floor.sandbox.faults.http.status(404, operation=CANCEL)
    error = not_working(await outcome_of(floor.cancel(placed.order_id)))
    assert error.order_status is None
    assert error.filled_lots is None


async def test_f085_a_404_is_no_proof_that_nothing_works(floor: Floor) -> None:
    """Only the broker's own code says that there was nothing to cancel."""
    placed = await floor.place("there")
    floor.sandbox.faults.http.status(404, operation=CANCEL_ALL)
    with pytest.raises(OrderRejected):
        await floor.alor.orders.cancel_all(STOCKS)
    assert floor.status(placed.order_id) == "working"
    assert await floor.alor.orders.cancel_all(STOCKS) is True
    assert await floor.alor.orders.cancel_all(STOCKS) is False


@pytest.mark.parametrize("lost", ["ack", "req"])
async def test_f108_a_lost_cancel_is_answered_by_the_orders_status(floor: Floor, lost: str) -> None:
    placed = await floor.place("one", lots=4)
    getattr(floor.sandbox.faults, lost).drop(operation=CANCEL)
    outcome = await outcome_of(floor.cancel(placed.order_id))
    found = await outcome_of(outcome.unknown.resolve(timeout=0.4))
    assert floor.sandbox.requests.count(CANCEL) == 1
    if lost == "ack":
        assert found.ack == OrderAck(order_id=placed.order_id)
        assert not_working(await outcome_of(floor.cancel(placed.order_id))).order_status == "canceled"
        return
    assert found.ending == "unknown", "it may still come"
    assert found.unknown.order_status == "working"
    floor.fill(4)
    error = not_working(await outcome_of(found.unknown.resolve(timeout=0)))
    assert (error.order_status, error.filled_lots) == ("filled", 4)


@pytest.mark.parametrize("lost", ["ack", "req"])
@pytest.mark.parametrize("retries", [None, SAME_ID], ids=["never", "same_id"])
async def test_f109_cancel_all_is_never_repeated_and_never_called_done(
    floor: Floor, lost: str, retries: RetryPolicy | None
) -> None:
    first, second = await floor.place("first"), await floor.place("second")
    getattr(floor.sandbox.faults, lost).drop(operation=CANCEL_ALL)
    outcome = await outcome_of(floor.alor.orders.cancel_all(STOCKS, retries=retries))  # type: ignore[arg-type]
    newer = await floor.place("newer")
    before = len(floor.sandbox.requests)
    found = await outcome_of(outcome.unknown.resolve(timeout=5))
    assert found.ending == "unknown", "whether it was done, or still comes, no list of orders can prove"
    assert len(floor.sandbox.requests) == before + 1
    assert newer.order_id in str(found.error)
    assert (first.order_id in str(found.error)) is (lost == "req")
    assert floor.sandbox.requests.count(CANCEL_ALL) == 1
    assert floor.status(newer.order_id) == "working"
    if lost == "req":
        for order_id in (first.order_id, second.order_id):
            await floor.cancel(order_id)
    assert [order.order_id for order in floor.sandbox.orders(STOCKS) if order.status == "working"] == [newer.order_id]


# Conditional orders, and the days after.


@pytest.mark.parametrize("mode", MODES)
async def test_f110_a_conditional_order_that_fires_while_its_answer_is_lost_is_told_with_its_child(
    floor: Floor, mode: DedupeMode
) -> None:
    market, stops = floor.sandbox.market["SBER"], floor.alor.stop_orders
    trigger, request_id = floor.low + 5, new_request_id()
    market.add("sell", price=trigger + 1, lots=10)
    with floor.sandbox.faults.dedupe.mode(mode):
        floor.sandbox.faults.ack.drop(operation="stop_orders.place_stop")
        outcome = await outcome_of(
            stops.place_stop(
                STOCKS,
                SBER,
                Side.BUY,
                lots=1,
                condition=Condition.MORE_OR_EQUAL,
                trigger_price=trigger,
                comment="stop",
                request_id=request_id,
            )
        )
        market.take("buy", lots=1)
        found = await outcome_of(outcome.unknown.resolve(timeout=2))
    assert found.ending == "ack"
    (stop_id,) = check_oracles(floor.sandbox, floor.alor, "stop", found, request_id, stop=True)
    error = not_working(await outcome_of(stops.cancel(STOCKS, stop_id)))
    (stop,) = floor.sandbox.stop_orders(STOCKS)
    assert error.order_status == "filled"
    assert f"sent the order {stop.exchange_order_id}" in str(error)


async def test_f113_an_order_of_yesterday_is_proved_by_its_trade_in_the_history() -> None:
    async with Sandbox(seed=42, time="stepped", start=last_noon(NOON - timedelta(days=7))) as sandbox:
        both = SharedClock(sandbox, step=3600.0)
        async with both.client(order_tags=True) as alor:
            await both.finish(alor.get_claims())
            sandbox.faults.ack.drop(operation="orders.place_market")
            request_id = new_request_id()
            outcome = await both.finish(
                outcome_of(
                    alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1, comment="yesterday", request_id=request_id)
                )
            )
            assert outcome.ending == "unknown"
            await both.advance(hours=96)
            assert not sandbox.trades(STOCKS)
            found = await both.finish(outcome_of(outcome.unknown.resolve(timeout=5)))
            assert found.ending == "ack", found
            check_oracles(sandbox, alor, "yesterday", found, request_id)
            assert sandbox.requests.count("account.list_trades_history") >= 1
