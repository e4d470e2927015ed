"""Callers that go away at any moment: the ledger knows what may have left, and the exchange has at most one order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from alor_async import EntryState, OrderAck, OrderOutcomeUnknown
from alor_async.errors import AlorError
from tests.orders.command_kit import Floor, gathered, trading
from tests.support.waiting import until

STEPS = 24


async def turns(count: int) -> None:
    """Let the event loop run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


class TestCancelledCallers:
    @pytest.mark.parametrize("way", ["ready", "no place", "no connection"])
    async def test_f173_cancelled_after_every_step(self, way: str) -> None:
        """Nothing is lost: what left is unknown or known, what did not leave is known not to have left."""
        async with trading(window=2) as floor:
            hold = await held(floor, way)
            for step in range(STEPS):
                key = f"{way}-{step}"
                task = floor.intents.begin(floor.fast.orders, key, request_id=key)
                await turns(step)
                task.cancel()
                await gathered([task])
                entry = floor.alor.ledger.find(key)
                if entry is None:
                    assert way == "ready" or step < STEPS
                elif entry.state is EntryState.NOT_SENT:
                    assert key not in floor.intents.accepted
                elif way != "ready":
                    pytest.fail(f"{key} is {entry.state}, and had no way to leave")
            assert floor.fast.waiting == 0
            await hold()
            await settled(floor)
            await until(lambda: floor.fast.is_ready)
            await floor.place_surely("afterwards")

    async def test_f173_f165_replies_to_those_who_left_settle_the_ledger(self) -> None:
        async with trading() as floor:
            for step in range(40):
                key = f"step-{step}"
                task = floor.intents.begin(floor.fast.orders, key, request_id=key)
                await turns(2)
                await asyncio.sleep(0.0001 * step)
                task.cancel()
                await gathered([task])
            await settled(floor)
            for key, orders in floor.intents.accepted.items():
                entry = floor.alor.ledger.find(key)
                assert entry is not None
                assert (entry.state, entry.order_id) == (EntryState.ACCEPTED, orders[0])
            assert floor.alor.ledger.list_open() == ()

    async def test_a_deadline_that_ends_with_the_reply_takes_the_reply(self) -> None:
        """A loop that was held for longer than the deadline: what has arrived meanwhile is read first."""
        async with trading() as floor:
            sure = 0
            floor.sandbox.faults.cws.delay(0.02, opcode="create:*", times=10)
            for number in range(10):
                task = floor.intents.begin(floor.fast.orders, f"held {number}", timeout=0.05)
                await until(lambda: floor.fast.in_flight == 1 or task.done())  # noqa: B023 - awaited here
                hold_the_loop_until(floor, f"held {number}")
                told = await task
                assert isinstance(told, OrderAck | OrderOutcomeUnknown)
                sure += isinstance(told, OrderAck)
            assert sure == 10

    @pytest.mark.parametrize("timeout", [0.0001, 0.0005, 0.001, 0.002, 0.005])
    async def test_deadlines_of_every_length_tell_the_truth(self, timeout: float) -> None:
        async with trading(window=3) as floor:
            for round_ in range(5):
                told = await floor.intents.place_many(floor.fast.orders, 10, f"{round_}-", timeout=timeout)
                assert all(isinstance(one, OrderAck | AlorError) for one in told)
            await settled(floor)
            for comment, (told_of,) in floor.intents.told.items():
                if not isinstance(told_of, OrderAck | OrderOutcomeUnknown):
                    assert comment not in floor.intents.accepted


async def held(floor: Floor, way: str) -> Callable[[], Any]:
    """Bring about that a command finds its way free, no place, or no connection; and give what ends that."""
    if way == "ready":
        return lambda: asyncio.sleep(0)
    if way == "no place":
        stall = floor.sandbox.faults.cws.stall()
        stuck = floor.intents.begin(floor.fast.orders, "stuck")
        await until(lambda: floor.fast.in_flight == 1)

        async def release() -> None:
            stall.clear()
            assert isinstance(await stuck, OrderAck)

        return release
    refusing = floor.sandbox.faults.net.refuse()
    floor.sandbox.faults.cws.abort()
    await until(lambda: not floor.fast.is_ready)

    async def heal() -> None:
        refusing.clear()

    return heal


async def settled(floor: Floor) -> None:
    """Wait until every reply was written down."""
    await until(lambda: not floor.alor.ledger.list_open() and not floor.fast.in_flight)


def hold_the_loop_until(floor: Floor, comment: str) -> None:
    """Hold the event loop for longer than the deadline, and until the exchange has acted and replied."""
    time.sleep(0.1)
    while comment not in floor.intents.accepted:
        time.sleep(0.01)
    time.sleep(0.05)
