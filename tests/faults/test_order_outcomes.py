"""What became of an order whose answer was lost, late or odd, in every way in which the broker may answer a repeat.

The exchange's journal is the witness (tests/support/order_oracles.py). Orders are marked with tags, so the truth can be read.
"""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest

from alor_async import AsyncAlor, Limits, OrderAck, RetryPolicy, Side, new_request_id
from alor_async._orders.ledger import EntryState
from alor_async.errors import ClosedError, InvalidArgument, OrderOutcomeUnknown, OrderRejected
from alor_async.sandbox.gateway.dedupe import DedupeMode
from tests.faults.order_floor import SBER, Floor, new_floor
from tests.support.order_oracles import orders_made, outcome_of
from tests.support.waiting import until
from tests.support.world import STOCKS

PLACE = "orders.place_limit"
MODES = get_args(DedupeMode)
SAME_ID = RetryPolicy(commands="same_id", base=0.01)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    async with new_floor() as floor:
        yield floor


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lost", ["ack", "req"])
async def test_f089_f090_a_lost_order_is_sent_once_and_found_by_its_tag(
    floor: Floor, mode: DedupeMode, lost: str
) -> None:
    """By default nothing is sent twice, so it does not matter what the broker makes of repeats."""
    with floor.sandbox.faults.dedupe.mode(mode):
        getattr(floor.sandbox.faults, lost).drop(operation=PLACE)
        outcome = await outcome_of(floor.place("one"))
        assert outcome.ending == "unknown"
        made = floor.check("one", outcome)
        found = await outcome_of(outcome.unknown.resolve(timeout=0.6))
    assert found.ending == ("ack" if lost == "ack" else "unknown")
    assert floor.check("one", found) == made
    assert len(made) == (lost == "ack")
    assert floor.sandbox.requests.count(PLACE) == 1
    if found.ack is not None:
        assert found.ack.request_id == floor.ids["one"]
    else:
        assert "no order bears its tag" in str(found.error)
        again = await outcome_of(found.unknown.resolve(timeout=0))
        assert again.ending == "unknown", "the error of resolve can be resolved too"


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "off"])
@pytest.mark.parametrize("lost", ["ack", "req"])
async def test_f089_f090_the_same_id_is_kept_and_makes_one_order(floor: Floor, mode: DedupeMode, lost: str) -> None:
    """Resending needs a broker that knows ids again ("off" does not): it is asked for, never the default."""
    with floor.sandbox.faults.dedupe.mode(mode):
        getattr(floor.sandbox.faults, lost).drop(operation=PLACE)
        outcome = await outcome_of(floor.place("kept", retries=SAME_ID))
        made = floor.check("kept", outcome)
    assert len(made) == 1
    received = floor.sandbox.requests.of(PLACE)
    assert len(received) == 2
    assert {request.header("X-REQID") for request in received} == {str(floor.ids["kept"])}
    assert len({request.body for request in received}) == 1
    if lost == "ack" and mode == "bare_400":
        assert outcome.ending == "unknown", "handled before: nobody says how"
        outcome = await outcome_of(outcome.unknown.resolve(timeout=2))
    assert outcome.ending == "ack"
    floor.check("kept", outcome)


@pytest.mark.parametrize("mode", MODES)
async def test_f083_a_server_error_is_resolved_by_reading(floor: Floor, mode: DedupeMode) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        for status in (500, 502, 503, 504):
            for stage in ("before_execution", "after_execution"):
                label = f"{status} {stage}"
                floor.sandbox.faults.http.status(status, stage=stage, operation=PLACE)  # type: ignore[arg-type]
                outcome = await outcome_of(floor.place(label))
                assert outcome.ending == "unknown"
                made = floor.check(label, outcome)
                found = await outcome_of(outcome.unknown.resolve(timeout=0))
                assert found.ending == ("ack" if stage == "after_execution" else "unknown")
                assert floor.check(label, found) == made


async def test_f084_a_lagging_copy_is_no_proof_of_absence(floor: Floor) -> None:
    floor.sandbox.faults.ack.drop(operation=PLACE)
    with floor.sandbox.faults.exchange.read_lag(60):
        outcome = await outcome_of(floor.place("young"))
        before = len(floor.sandbox.requests)
        late = await outcome_of(outcome.unknown.resolve(timeout=0.6))
        assert late.ending == "unknown"
        floor.check("young", late)
        assert floor.sandbox.requests.count("account.list_orders") >= 2, "it looks more than once"
        assert len(floor.sandbox.requests) - before < 20, "and not without end"
        await floor.sandbox.clock.advance(seconds=61)
        found = await outcome_of(late.unknown.resolve(timeout=2))
    assert found.ending == "ack"
    floor.check("young", found)


async def test_f084_an_order_that_the_list_lacks_is_proved_by_its_trade(floor: Floor) -> None:
    """Filled at once, and the list of orders lags: trades bear the comments of their orders."""
    floor.sandbox.faults.ack.drop(operation="orders.place_market")
    request_id = new_request_id()
    floor.ids["quick"] = request_id
    outcome = await outcome_of(
        floor.alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1, comment="quick", request_id=request_id)
    )
    with floor.sandbox.faults.exchange.read_lag(60, operation="account.list_orders"):
        found = await outcome_of(outcome.unknown.resolve(timeout=2))
    assert found.ending == "ack"
    floor.check("quick", found)


@pytest.mark.parametrize("mode", MODES)
async def test_f091_an_order_that_is_accepted_late_is_found_and_not_repeated(floor: Floor, mode: DedupeMode) -> None:
    """The request waits somewhere on the way until long after we stopped waiting."""
    with floor.sandbox.faults.dedupe.mode(mode):
        floor.sandbox.faults.req.delay(1.5, operation=PLACE)
        outcome = await outcome_of(floor.place("late", timeout=0.5))
        assert outcome.ending == "unknown"
        assert not floor.check("late", outcome)
        early = await outcome_of(outcome.unknown.resolve(timeout=0))
        assert early.ending == "unknown", "it is not there yet, which proves nothing"
        found = await outcome_of(early.unknown.resolve(timeout=10))
    assert found.ending == "ack"
    floor.check("late", found)
    assert floor.sandbox.requests.count(PLACE) == 1


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "off"])
async def test_f091_a_repeat_that_races_the_first_makes_one_order(floor: Floor, mode: DedupeMode) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        floor.sandbox.faults.req.delay(1.0, operation=PLACE)
        outcome = await outcome_of(floor.place("raced", timeout=0.5))
        assert outcome.ending == "unknown"
        repeated = await outcome_of(floor.place("raced"))
        assert repeated.ending == "ack"
        floor.check("raced", repeated)
        await until(lambda: len([one for one in floor.sandbox.requests.of(PLACE) if one.status]) == 2)
    floor.check("raced", repeated)


def envelope(old: object) -> bytes:
    return json.dumps({"message": "Request with such X-ALOR-REQID was already handled.", "oldResponse": old}).encode()


ODD: dict[str, bytes] = {
    "bare": b'{"message": "Request with such X-ALOR-REQID was already handled."}',
    "null": envelope(None),
    "empty": envelope({}),
    "no body": envelope({"statusCode": 200}),
    "null body": envelope({"statusCode": 200, "body": None}),
    "no number": envelope({"statusCode": 200, "body": {"message": "success"}}),
    "text": envelope({"statusCode": 200, "body": "success"}),
    "server error": envelope({"statusCode": 500, "body": ""}),
    "copy in a copy": envelope({"statusCode": 400, "body": {"message": "again", "oldResponse": {"statusCode": 200}}}),
    "cut": envelope({"statusCode": 200, "body": {"orderNumber": "1"}})[:-20],
    "phrase": "Запрос уже был обработан: already handled".encode(),
}


@pytest.mark.parametrize("name", ODD)
async def test_f092_an_odd_answer_to_a_repeat_is_unknown_and_then_read(floor: Floor, name: str) -> None:
    floor.sandbox.faults.ack.drop(operation=PLACE)
    floor.sandbox.faults.http.status(400, body=ODD[name], operation=PLACE, stage="after_execution")
    outcome = await outcome_of(floor.place("odd", retries=SAME_ID))
    assert outcome.ending == "unknown"
    floor.check("odd", outcome)
    found = await outcome_of(outcome.unknown.resolve(timeout=2))
    assert found.ending == "ack"
    floor.check("odd", found)


async def test_f092_the_copy_of_a_no_is_a_no(floor: Floor) -> None:
    floor.sandbox.faults.ack.drop(operation=PLACE)
    outcome = await outcome_of(floor.place("dear", lots=10_000_000, retries=SAME_ID))
    assert outcome.ending == "rejected"
    assert isinstance(outcome.error, OrderRejected)
    assert outcome.error.replayed
    floor.check("dear", outcome)


async def test_f093_nothing_is_resent_once_the_broker_may_have_forgotten_the_id(floor: Floor) -> None:
    life = 0.5
    policy = RetryPolicy(attempts=100, base=0.05, cap=0.05, commands="same_id", request_id_life=life)
    floor.sandbox.faults.ack.drop(operation=PLACE, times=None)
    began = asyncio.get_running_loop().time()
    outcome = await outcome_of(floor.place("old", retries=policy, timeout=10))
    assert outcome.ending == "unknown"
    assert asyncio.get_running_loop().time() - began < 5
    sent = floor.sandbox.requests.count(PLACE)
    assert sent >= 2
    assert len(floor.check("old", outcome)) == 1
    # From now on the broker would take it for a new order: it is not asked again, neither by us nor for the caller.
    floor.sandbox.faults.clear()
    floor.sandbox.faults.dedupe.forget()
    await asyncio.sleep(life)
    with pytest.raises(InvalidArgument, match="request_id"):
        await floor.place("old", retries=policy)
    assert floor.sandbox.requests.count(PLACE) == sent
    found = await outcome_of(outcome.unknown.resolve(timeout=2))
    floor.check("old", found)


async def test_f093_a_wait_for_a_place_does_not_carry_a_resend_beyond_the_life_of_its_id(floor: Floor) -> None:
    """The only place is taken while the second attempt waits for it; when it is free the broker may have forgotten the id."""
    policy = RetryPolicy(attempts=5, base=0.001, commands="same_id", request_id_life=0.4)
    sandbox = floor.sandbox
    async with AsyncAlor(
        sandbox.refresh_token, environment=sandbox.environment, order_tags=True, limits=Limits(in_flight=2)
    ) as alor:
        await alor.get_claims()
        sandbox.faults.http.delay(0.1, operation=PLACE)
        sandbox.faults.ack.drop(operation=PLACE)
        sandbox.faults.http.delay(0.8, operation="get_server_time")
        placing = asyncio.create_task(outcome_of(floor.place("queued", alor=alor, retries=policy)))
        await until(lambda: sandbox.requests.count(PLACE))
        await alor.get_server_time()
        outcome = await placing
        sandbox.faults.dedupe.forget()
        assert outcome.ending == "unknown"
        assert sandbox.requests.count(PLACE) == 1
        floor.check("queued", outcome, alor=alor)


@pytest.mark.parametrize("when", ["queue", "sent"])
async def test_f099_the_ledger_tells_the_truth_of_a_cancelled_caller(floor: Floor, when: str) -> None:
    sandbox = floor.sandbox
    async with AsyncAlor(
        sandbox.refresh_token, environment=sandbox.environment, order_tags=True, limits=Limits(in_flight=2)
    ) as alor:
        await alor.get_claims()
        operation = "get_server_time" if when == "queue" else PLACE
        sandbox.faults.ack.delay(5, operation=operation)
        busy = asyncio.create_task(alor.get_server_time()) if when == "queue" else None
        if busy is not None:
            await until(lambda: sandbox.requests.count("get_server_time"))
        task = asyncio.create_task(floor.place("dropped", alor=alor))
        if when == "sent":
            await until(lambda: orders_made(sandbox, "dropped"))
        else:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        entry = alor.ledger.find(str(floor.ids["dropped"]))
        assert entry is not None
        assert entry.state is (EntryState.UNKNOWN if when == "sent" else EntryState.NOT_SENT)
        assert len(orders_made(sandbox, "dropped")) == (when == "sent")
        if busy is not None:
            busy.cancel()


@pytest.mark.parametrize("body", [b'{"message":"success"}', b'{"message":"success","orderNumber":null}', b"success"])
@pytest.mark.parametrize("mode", MODES)
async def test_f101_a_success_without_a_number_is_unknown_and_then_found(
    floor: Floor, mode: DedupeMode, body: bytes
) -> None:
    with floor.sandbox.faults.dedupe.mode(mode):
        floor.sandbox.faults.http.body(body, operation=PLACE)
        outcome = await outcome_of(floor.place("nameless"))
        assert outcome.ending == "unknown"
        assert len(floor.check("nameless", outcome)) == 1
        found = await outcome_of(outcome.unknown.resolve(timeout=2))
    assert found.ending == "ack"
    floor.check("nameless", found)


async def test_f113_nothing_of_yesterday_is_repeated_today_and_expiry_is_no_cancel_of_ours(floor: Floor) -> None:
    sandbox = floor.sandbox
    placed = await floor.place("for the day")
    sandbox.faults.req.drop(operation="orders.cancel")
    cancelled = await outcome_of(floor.alor.orders.cancel(STOCKS, placed.order_id))
    assert cancelled.ending == "unknown"
    assert "working" in str((await outcome_of(cancelled.unknown.resolve(timeout=0))).error)
    order = await floor.alor.account.get_order(STOCKS, placed.order_id)
    assert order.expires_at is not None
    await sandbox.clock.set(order.expires_at)
    sent = len([one for one in sandbox.requests if one.method != "GET"])
    ended = await outcome_of(cancelled.unknown.resolve(timeout=0))
    assert ended.ending == "rejected", "its time was over: the cancel did nothing"
    assert "time was over" in str(ended.error)
    await sandbox.clock.advance(days=4)
    next_day = await outcome_of(cancelled.unknown.resolve(timeout=0))
    assert next_day.ending == "unknown", "an order of yesterday is not listed, which proves nothing"
    assert len([one for one in sandbox.requests if one.method != "GET"]) == sent


async def test_f115_a_comment_that_the_server_cuts_or_drops_leaves_the_outcome_unknown(floor: Floor) -> None:
    """Nothing relies on the tag: without it only what has a number can be told."""
    sandbox = floor.sandbox
    placed = await floor.place("bearer")
    for damage in (lambda comment: comment[:-3], lambda comment: None, lambda comment: comment.split(" [")[0]):

        def spoil(body: bytes, damage: Any = damage) -> bytes:
            orders = json.loads(body)
            return json.dumps([{**order, "comment": damage(order["comment"] or "")} for order in orders]).encode()

        label = f"lost {id(damage)}"
        with (
            sandbox.faults.http.body(spoil, operation="account.list_orders", times=None),
            sandbox.faults.http.body(spoil, operation="account.list_trades", times=None),
        ):
            sandbox.faults.ack.drop(operation=PLACE)
            outcome = await outcome_of(floor.place(label))
            found = await outcome_of(outcome.unknown.resolve(timeout=0.4))
            assert found.ending == "unknown", "equal terms prove nothing"
            assert len(floor.check(label, found)) == 1
    sandbox.faults.ack.drop(operation="orders.cancel")
    cancelled = await outcome_of(floor.alor.orders.cancel(STOCKS, placed.order_id))
    assert (await outcome_of(cancelled.unknown.resolve(timeout=0))).ack == OrderAck(order_id=placed.order_id)


async def test_f115_without_tags_nothing_is_read_and_nothing_is_guessed(floor: Floor) -> None:
    sandbox = floor.sandbox
    async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as plain:
        sandbox.faults.ack.drop(operation=PLACE)
        outcome = await outcome_of(floor.place("plain", alor=plain))
        before = len(sandbox.requests)
        found = await outcome_of(outcome.unknown.resolve(timeout=5))
        assert found.ending == "unknown"
        assert "without a tag" in str(found.error)
        assert len(sandbox.requests) == before
        assert len(floor.check("plain", found, alor=plain)) == 1


async def test_f115_a_comment_too_long_beside_its_tag_is_refused_before_sending(floor: Floor) -> None:
    with pytest.raises(InvalidArgument, match="comment"):
        await floor.place("c" * 80)
    assert (await floor.place("c" * 79)).order_id
    assert floor.sandbox.requests.count(PLACE) == 1


async def test_f089_a_closed_client_and_an_error_from_elsewhere_cannot_find_out(floor: Floor) -> None:
    floor.sandbox.faults.ack.drop(operation=PLACE)
    outcome = await outcome_of(floor.place("gone"))
    copied: OrderOutcomeUnknown = pickle.loads(pickle.dumps(outcome.unknown))
    with pytest.raises(ClosedError):
        await copied.resolve()
    await floor.alor.close()
    with pytest.raises(ClosedError):
        await outcome.unknown.resolve()


async def test_f089_a_repeat_that_is_refused_says_nothing_of_the_first(floor: Floor) -> None:
    """The broker forgot the id, and trading has stopped meanwhile: the order of the first attempt stands all the same."""
    sandbox = floor.sandbox
    sandbox.faults.ack.drop(operation=PLACE)
    first = await outcome_of(floor.place("twice"))
    assert first.ending == "unknown"
    sandbox.faults.dedupe.forget()
    sandbox.market["SBER"].halt()
    second = await outcome_of(floor.place("twice"))
    assert second.ending == "unknown"
    floor.check("twice", second)
    found = await outcome_of(second.unknown.resolve(timeout=0))
    assert found.ending == "ack"
    floor.check("twice", found)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_f083_resolving_waits_out_what_passes_by_itself(floor: Floor, status: int) -> None:
    sandbox = floor.sandbox
    async with AsyncAlor(
        sandbox.refresh_token, environment=sandbox.environment, order_tags=True, retries=RetryPolicy(attempts=1)
    ) as alor:
        sandbox.faults.ack.drop(operation=PLACE)
        outcome = await outcome_of(floor.place("patient", alor=alor))
        sandbox.faults.http.status(status, operation="account.list_orders", times=2)
        found = await outcome_of(outcome.unknown.resolve(timeout=5))
        assert found.ending == "ack"
        floor.check("patient", found, alor=alor)
        assert sandbox.requests.count("account.list_orders") == 3
        sandbox.faults.http.status(503, operation="account.*", times=None)
        sandbox.faults.ack.drop(operation=PLACE)
        blind = await outcome_of(floor.place("blind", alor=alor))
        unread = await outcome_of(blind.unknown.resolve(timeout=0.3))
        assert unread.ending == "unknown"
        assert "nothing could be read" in str(unread.error)
        assert unread.unknown.__cause__ is not None
