"""Commands whose request or answer is lost, late or cut: the exchange is the witness, not the client's word.

What is asked after each (docs/reliability.md, O1 to O3): at most one order for an intent; an order that stands is never
called rejected; a success has its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from uuid import uuid4

import pytest

from alor_async import AsyncAlor, OrderAck, RetryPolicy, Side, Timeouts
from alor_async.errors import ConnectError, OrderOutcomeUnknown, OrderRejected, TransportError
from alor_async.sandbox import Sandbox
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

SBER = "MOEX:SBER"
CHEAP = Decimal("280.00")
SAME_ID = RetryPolicy(commands="same_id", base=0.01)
RESPONSE_LENGTH = 230


@pytest.fixture
async def desk() -> AsyncIterator[tuple[Sandbox, AsyncAlor]]:
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor,
    ):
        await alor.get_claims()
        yield sandbox, alor
        sandbox.check()


def orders_named(sandbox: Sandbox, comment: str) -> int:
    return sum(order.comment == comment for order in sandbox.orders(STOCKS))


async def place(alor: AsyncAlor, comment: str, **options: object) -> OrderAck:
    return await alor.orders.place_limit(  # type: ignore[arg-type]
        STOCKS, SBER, Side.BUY, lots=1, price=CHEAP, comment=comment, **options
    )


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_f010_f089_an_answer_lost_after_execution_is_unknown_and_sent_once(
    desk: tuple[Sandbox, AsyncAlor], how: str
) -> None:
    sandbox, alor = desk
    sandbox.faults.ack.drop(how=how, operation="orders.place_limit")  # type: ignore[arg-type]
    with pytest.raises(OrderOutcomeUnknown) as caught:
        await place(alor, "lost")
    assert orders_named(sandbox, "lost") == 1
    assert sandbox.requests.count("orders.place_limit") == 1
    assert caught.value.request_id is not None
    assert str(caught.value.instrument_id) == SBER


async def test_f090_a_request_lost_before_execution_is_unknown_too(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.req.drop(operation="orders.place_limit")
    with pytest.raises(OrderOutcomeUnknown):
        await place(alor, "never")
    assert orders_named(sandbox, "never") == 0
    assert sandbox.requests.count("orders.place_limit") == 1


@pytest.mark.parametrize("lost", ["ack", "req"])
async def test_f089_f090_the_same_id_ends_in_exactly_one_order(desk: tuple[Sandbox, AsyncAlor], lost: str) -> None:
    sandbox, alor = desk
    getattr(sandbox.faults, lost).drop(operation="orders.place_limit")
    request_id = uuid4()
    ack = await place(alor, "again", request_id=request_id, retries=SAME_ID)
    assert orders_named(sandbox, "again") == 1
    assert ack.replayed is (lost == "ack")
    assert ack.request_id == request_id
    assert [order.order_id for order in sandbox.orders(STOCKS) if order.comment == "again"] == [ack.order_id]
    received = sandbox.requests.of("orders.place_limit")
    assert len(received) == 2
    assert {request.header("X-REQID") for request in received} == {str(request_id)}


Command = Callable[[AsyncAlor, OrderAck], Awaitable[object]]
COMMANDS: dict[str, tuple[str, Command]] = {
    "replace": (
        "orders.replace_limit",
        lambda alor, ack: alor.orders.replace_limit(
            STOCKS, ack.order_id, SBER, Side.BUY, lots=1, price=CHEAP - 1, comment="moved"
        ),
    ),
    "cancel": ("orders.cancel", lambda alor, ack: alor.orders.cancel(STOCKS, ack.order_id)),
    "cancel_all": ("orders.cancel_all", lambda alor, ack: alor.orders.cancel_all(STOCKS)),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("retries", [None, SAME_ID], ids=["default", "same_id"])
async def test_f009_f108_f109_puts_and_deletes_reach_the_server_as_often_as_said(
    desk: tuple[Sandbox, AsyncAlor], name: str, retries: RetryPolicy | None
) -> None:
    """A PUT whose connection drops is seen once; a DELETE never twice, whatever the policy says."""
    sandbox, _ = desk
    operation, command = COMMANDS[name]
    async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, retries=retries) as alor:
        ack = await place(alor, "first")
        sandbox.faults.ack.drop(operation=operation)
        if name == "replace" and retries is not None:
            moved = await command(alor, ack)
            assert isinstance(moved, OrderAck)
            assert moved.replayed
            assert sandbox.requests.count(operation) == 2
            assert orders_named(sandbox, "moved") == 1
            return
        with pytest.raises(OrderOutcomeUnknown):
            await command(alor, ack)
    assert sandbox.requests.count(operation) == 1
    assert orders_named(sandbox, "first") == 1
    assert orders_named(sandbox, "moved") == (name == "replace")


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_f008_f011_an_order_cut_at_any_byte_is_never_doubled_and_never_guessed(
    desk: tuple[Sandbox, AsyncAlor], direction: str
) -> None:
    sandbox, alor = desk
    verdicts: set[str] = set()
    for cut in (1, 2, *range(24, 720, 48)) if direction == "in" else (0, 1, *range(16, RESPONSE_LENGTH + 64, 24)):
        comment = f"{direction}-{cut}"
        with sandbox.faults.net.reset(cut, direction=direction, operation="orders.place_limit"):  # type: ignore[arg-type]
            try:
                ack = await place(alor, comment)
            except OrderOutcomeUnknown:
                verdict = "unknown"
            except ConnectError:
                verdict = "nothing sent"
            else:
                verdict = "placed"
                assert any(order.order_id == ack.order_id for order in sandbox.orders(STOCKS))
        standing = orders_named(sandbox, comment)
        assert standing <= 1
        assert standing == 1 or verdict != "placed"
        assert standing == 0 or verdict != "nothing sent"
        verdicts.add(verdict)
    assert "unknown" in verdicts


async def test_f018_an_answer_without_length_that_ends_early_is_unknown(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    for cut in (0, 1, 20, 40):
        sandbox.faults.http.truncate(cut, declared=False, operation="orders.place_limit")
        with pytest.raises(OrderOutcomeUnknown):
            await place(alor, f"cut-{cut}")
        assert orders_named(sandbox, f"cut-{cut}") == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("stage", ["before_execution", "after_execution"])
async def test_f083_a_server_error_is_never_a_rejection(
    desk: tuple[Sandbox, AsyncAlor], status: int, stage: str
) -> None:
    sandbox, alor = desk
    sandbox.faults.http.status(status, stage=stage, operation="orders.place_limit")  # type: ignore[arg-type]
    with pytest.raises(OrderOutcomeUnknown):
        await place(alor, "five")
    assert orders_named(sandbox, "five") == (stage == "after_execution")
    assert sandbox.requests.count("orders.place_limit") == 1


async def test_f091_a_late_answer_leaves_the_outcome_unknown_and_one_order(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.ack.delay(20, operation="orders.place_limit")
    with pytest.raises(OrderOutcomeUnknown):
        await place(alor, "late", timeout=0.3)
    assert orders_named(sandbox, "late") == 1
    assert sandbox.requests.count("orders.place_limit") == 1


async def test_f099_a_cancelled_caller_gets_only_its_cancellation(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    sandbox.faults.ack.delay(20, operation="orders.place_limit")
    task = asyncio.create_task(place(alor, "cancelled"))
    await until(lambda: orders_named(sandbox, "cancelled"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert orders_named(sandbox, "cancelled") == 1
    assert (await alor.account.get_summary(STOCKS)).buying_power is not None


async def test_f100_a_business_no_is_definite_and_not_repeated(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    with pytest.raises(OrderRejected) as caught:
        await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=10_000_000, price=CHEAP, comment="dear")
    assert caught.value.code
    assert not caught.value.replayed
    assert STOCKS not in str(caught.value)
    assert orders_named(sandbox, "dear") == 0
    assert sandbox.requests.count("orders.place_limit") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_f193_a_redirect_reaches_no_second_host(desk: tuple[Sandbox, AsyncAlor], status: int) -> None:
    sandbox, alor = desk
    async with new_sandbox() as other:
        where = f"{other.environment.api}/anywhere"
        sandbox.faults.http.redirect(where, status=status, operation="orders.place_limit")
        with pytest.raises(OrderOutcomeUnknown):
            await place(alor, "elsewhere")
        sandbox.faults.http.redirect(where, status=status, operation="get_server_time", times=None)
        with pytest.raises(TransportError, match="redirect"):
            await alor.get_server_time(retries=RetryPolicy(attempts=1))
        assert len(other.requests) == 0
        assert other.connections == 0


async def test_f001_a_refused_connection_is_proof_that_nothing_was_sent(desk: tuple[Sandbox, AsyncAlor]) -> None:
    sandbox, alor = desk
    with sandbox.faults.net.refuse("api"), pytest.raises(ConnectError):
        await place(alor, "refused", timeout=Timeouts(total=5), retries=RetryPolicy(attempts=2, base=0.01))
    assert orders_named(sandbox, "refused") == 0
    assert (await place(alor, "healed")).order_id
