"""Orders that are written down first: processes that are killed, keys that are used twice, disks that fail.

The exchange is the witness: whatever the ledger says is compared with the orders that stand there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alor_async import (
    AsyncAlor,
    EntryState,
    InvalidArgument,
    LedgerUnavailable,
    OrderAck,
    OrderOutcomeUnknown,
    OrdersUnresolved,
    Side,
    SqliteLedger,
)
from alor_async.sandbox import Sandbox
from alor_async.sandbox.faults import Stage
from tests.support.aftermath import check, live, orders_of, plan_for
from tests.support.disks import small_disk
from tests.support.doomed import Step
from tests.support.world import STOCKS, low_and_high, new_sandbox
from tests.sweeps.torn_log import tear, write_and_crash

SBER = "MOEX:SBER"
PLACE = "orders.place_limit"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as sandbox:
        yield sandbox
        sandbox.check()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite"


@asynccontextmanager
async def run(sandbox: Sandbox, path: Path, **options: Any) -> AsyncIterator[AsyncAlor]:
    """One run of a program on a ledger."""
    options = {"order_tags": True} | options
    async with AsyncAlor(
        sandbox.refresh_token, environment=sandbox.environment, ledger=SqliteLedger(path), **options
    ) as alor:
        await alor.get_claims()
        yield alor


async def place(sandbox: Sandbox, alor: AsyncAlor, key: str, **options: Any) -> OrderAck:
    price = low_and_high(sandbox)[0]
    options = {"lots": 1, "price": price} | options
    return await alor.orders.place_limit(STOCKS, SBER, Side.BUY, request_id=key, **options)


# --- F094: one key for two orders.


@pytest.mark.parametrize("change", [{"lots": 2}, {"comment": "another"}])
async def test_f094_a_key_that_served_for_another_order_is_refused_also_after_a_restart(
    sandbox: Sandbox, path: Path, change: dict[str, Any]
) -> None:
    async with run(sandbox, path) as alor:
        await place(sandbox, alor, "once")
        with pytest.raises(InvalidArgument, match="was used for another order"):
            await place(sandbox, alor, "once", **change)
    async with run(sandbox, path) as alor:
        with pytest.raises(InvalidArgument, match="was used for another order"):
            await place(sandbox, alor, "once", **change)
        with pytest.raises(InvalidArgument, match="was used for another order"):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1, request_id="once")
    assert sandbox.requests.count(PLACE) == 1
    assert len(orders_of(sandbox, "once")) == 1


async def test_f094_a_key_is_refused_while_its_command_is_under_way(sandbox: Sandbox, path: Path) -> None:
    async with run(sandbox, path) as alor:
        results = await asyncio.gather(*(place(sandbox, alor, "once") for _ in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["InvalidArgument"] * 4 + ["OrderAck"]
    assert len(orders_of(sandbox, "once")) == 1


async def test_f094_the_same_command_may_be_repeated_while_the_broker_remembers_it(
    sandbox: Sandbox, path: Path
) -> None:
    async with run(sandbox, path) as alor:
        first = await place(sandbox, alor, "once")
    async with run(sandbox, path) as alor:
        again = await place(sandbox, alor, "once")
    assert again.replayed
    assert again.order_id == first.order_id
    assert len(orders_of(sandbox, "once")) == 1


# --- F095: one key in two processes.


async def test_f095_the_second_process_learns_that_the_answer_is_the_first_ones(
    sandbox: Sandbox, path: Path, tmp_path: Path
) -> None:
    plan = plan_for(sandbox, tmp_path / "theirs.sqlite", "shared")
    told = await live(plan)
    key = plan.keys[1]
    async with run(sandbox, path) as alor:
        ack = await place(sandbox, alor, key, comment=plan.run)
    assert told[key] == ["accepted", ack.order_id, False]
    assert ack.replayed
    assert orders_of(sandbox, key) == [ack.order_id]


# --- F097: the process is killed.

STEPS: list[tuple[Step, int]] = [
    ("before_record", 1),
    ("before_record", 3),
    ("after_record", 1),
    ("after_record", 3),
    ("after_record", 4),
    ("before_settle", 1),
    ("before_settle", 2),
    ("before_settle", 4),
    ("after_settle", 1),
    ("after_settle", 4),
]


@pytest.mark.parametrize(("step", "nth"), STEPS)
async def test_f097_killed_at_any_step_of_the_ledger(sandbox: Sandbox, path: Path, step: Step, nth: int) -> None:
    plan = plan_for(sandbox, path, "doomed", step=step, nth=nth)
    left = await check(sandbox, plan, await live(plan))
    assert left or step != "after_record", "what was written down and not sent can only be listed"


@pytest.mark.parametrize("delay", [0, 100, 250, 600])
async def test_f097_killed_inside_a_commit(sandbox: Sandbox, path: Path, delay: float) -> None:
    plan = plan_for(sandbox, path, "doomed", step="in_commit", nth=2, delay=delay)
    await check(sandbox, plan, await live(plan))


@pytest.mark.parametrize("operation", [PLACE, "orders.replace_limit"])
@pytest.mark.parametrize("stage", ["before_execution", "after_execution"])
async def test_f097_killed_between_sending_and_the_answer(
    sandbox: Sandbox, path: Path, operation: str, stage: Stage
) -> None:
    def doom(pid: int) -> None:
        sandbox.faults.proc.kill9(pid, stage=stage, operation=operation)

    plan = plan_for(sandbox, path, "doomed")
    told = await live(plan, doom=doom)
    assert await check(sandbox, plan, told) == (1 if stage == "before_execution" else 0)


async def test_f097_killed_again_and_again_on_one_ledger(sandbox: Sandbox, path: Path) -> None:
    for number, step in enumerate(("after_record", "before_settle", "in_commit", "before_settle")):
        plan = plan_for(sandbox, path, f"life-{number}", step=step, delay=150)  # type: ignore[arg-type]
        await check(sandbox, plan, await live(plan))


async def test_f097_without_tags_what_is_left_can_only_be_listed(sandbox: Sandbox, path: Path) -> None:
    with sandbox.faults.ack.drop(operation=PLACE):
        async with run(sandbox, path, order_tags=False) as alor:
            with pytest.raises(OrderOutcomeUnknown):
                await place(sandbox, alor, "lost")
            assert (await place(sandbox, alor, "another")).order_id, "doubts of this run hold up nothing"
    async with run(sandbox, path, order_tags=False) as alor:
        refusals = await asyncio.gather(
            *(place(sandbox, alor, f"new-{number}") for number in range(20)), return_exceptions=True
        )
        assert {type(refusal) for refusal in refusals} == {OrdersUnresolved}
        assert sandbox.requests.count(PLACE) == 2
        # What cannot be told must not keep an order from being cancelled.
        assert await alor.orders.cancel_all(STOCKS)
        alor.ledger.acknowledge("lost")
        await place(sandbox, alor, "new")
    async with run(sandbox, path, order_tags=False) as alor:
        await place(sandbox, alor, "newer")


async def test_f097_nothing_is_placed_while_what_is_left_cannot_be_read_about(sandbox: Sandbox, path: Path) -> None:
    with sandbox.faults.ack.drop(operation=PLACE):
        async with run(sandbox, path) as alor:
            with pytest.raises(OrderOutcomeUnknown):
                await place(sandbox, alor, "lost")
    async with run(sandbox, path) as alor:
        with (
            sandbox.faults.http.status(403, operation="account.*", times=None),
            pytest.raises(OrdersUnresolved, match="reading failed"),
        ):
            await place(sandbox, alor, "new")
        assert sandbox.requests.count(PLACE) == 1
        recovered = await alor.recover_orders()
        assert [entry.key for entry in recovered.resolved] == ["lost"]
        assert orders_of(sandbox, "lost") == [recovered.resolved[0].order_id]
        await place(sandbox, alor, "new")


async def test_f097_many_orders_that_wait_for_what_is_left_share_one_look(sandbox: Sandbox, path: Path) -> None:
    plan = plan_for(sandbox, path, "doomed", step="after_record")
    await live(plan)
    async with run(sandbox, path) as alor:
        await alor.recover_orders(timeout=0.5)
        reads = sandbox.requests.count("account.list_orders")
        assert reads > 0
        refusals = await asyncio.gather(
            *(place(sandbox, alor, f"new-{number}") for number in range(20)), return_exceptions=True
        )
        assert {type(refusal) for refusal in refusals} == {OrdersUnresolved}
        assert sandbox.requests.count("account.list_orders") <= reads + 5
    assert sandbox.requests.count(PLACE) == 0


async def test_f181_closing_settles_what_is_under_way_and_the_next_run_lists_the_rest(
    sandbox: Sandbox, path: Path
) -> None:
    waiting = sandbox.faults.ack.drop(how="hang", operation=PLACE, times=None)
    async with run(sandbox, path) as alor:
        tasks = [asyncio.create_task(place(sandbox, alor, f"{number}")) for number in range(5)]
        async with asyncio.timeout(5):
            while waiting.fired < 5:  # noqa: ASYNC110 - the exchange lives in another thread
                await asyncio.sleep(0.01)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {OrderOutcomeUnknown}
    sandbox.faults.clear()
    async with run(sandbox, path) as alor:
        assert {entry.state for entry in alor.ledger.list_open()} == {EntryState.UNKNOWN}
        recovered = await alor.recover_orders()
        assert len(recovered.resolved) == 5
        assert recovered.unresolved == ()


# --- F098: the disk.


async def test_f098_on_a_full_disk_an_order_is_refused_before_it_is_sent(sandbox: Sandbox, path: Path) -> None:
    async with run(sandbox, path) as alor:
        await place(sandbox, alor, "first")
        with small_disk(1):
            with pytest.raises(LedgerUnavailable, match=r"orders\.sqlite cannot be (written|read or written)"):
                await place(sandbox, alor, "refused")
            # Cancelling needs no ledger.
            assert await alor.orders.cancel_all(STOCKS)
        assert sandbox.requests.count(PLACE) == 1
        await place(sandbox, alor, "refused")
    assert len(orders_of(sandbox, "refused")) == 1


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(5000)], ids=["text", "torn"])
async def test_f098_a_client_does_not_open_on_a_file_that_is_not_whole(
    sandbox: Sandbox, path: Path, content: bytes
) -> None:
    path.write_bytes(content)  # noqa: ASYNC240 - a test may wait for its disk
    alor = AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, ledger=SqliteLedger(path))
    with pytest.raises(LedgerUnavailable, match=r"orders\.sqlite"):
        await alor.open()
    await alor.close()


async def test_f098_a_ledger_serves_one_client_at_a_time(sandbox: Sandbox, path: Path) -> None:
    plan = plan_for(sandbox, path, "second")
    async with run(sandbox, path) as alor:
        other = AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, ledger=alor.ledger)
        with pytest.raises(LedgerUnavailable, match="in use"):
            await other.open()
        await other.close()
        assert await live(plan) == {"open": ["LedgerUnavailable"]}  # in another process
        await place(sandbox, alor, "mine")
    assert sandbox.requests.count(PLACE) == 1
    assert set(await live(plan)) == set(plan.keys)


async def test_f098_a_log_that_is_torn_anywhere_gives_a_whole_beginning(tmp_path: Path) -> None:
    path, size = await write_and_crash(tmp_path)
    assert await tear(path, sorted({*range(0, size, 997), size})) > 20
