"""The caller is cancelled at every point where a command waits: when it begins to wait, and when the wait is just over."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Generator
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from alor_async import AsyncAlor, OrderAck, RetryPolicy, SqliteLedger
from alor_async._orders.ledger import EntryState
from tests.support.order_oracles import orders_made
from tests.support.stillness import until_still
from tests.support.world import STOCKS
from tests.sweeps.desk import OPERATIONS, Attempt, Breaker, new_breaker

T = TypeVar("T")
When = Literal["before", "after"]

SCENES = ("warm", "cold", "resent", "expired", "ledger")
"""A connection that is open; a client without connection and token; a command whose first answer is lost, and one whose
token is refused; and one that is written down on a disk before it leaves.
"""


class CancelledAtStep(Generic[T]):
    """Awaits something, and has the awaiting task cancelled at its n-th suspension.

    Args:
        work: What is awaited.
        step: The suspension, from 1.
        when: Before what it waits for has come, or when that is there and the task has not gone on yet.
    """

    def __init__(self, work: Awaitable[T], step: int, when: When) -> None:
        self._work = work
        self._step = step
        self._when = when
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self._work.__await__()
        task = asyncio.current_task()
        assert task is not None
        try:
            waits_for = next(inner)
            while True:
                self.steps += 1
                if self.steps == self._step:
                    if self._when == "after" and waits_for is not None:
                        waits_for.add_done_callback(lambda _: task.cancel())
                    else:
                        task.cancel()
                try:
                    value = yield waits_for
                except BaseException as error:  # noqa: BLE001 - it goes where it was meant for
                    waits_for = inner.throw(error)
                else:
                    waits_for = inner.send(value)
        except StopIteration as end:
            result: T = end.value
            return result


async def sweep(names: tuple[str, ...] = tuple(OPERATIONS), every: int = 1) -> str:
    """Cancel commands at every suspension, or at every few.

    Returns:
        What the ledger said of them, in one line.
    """
    endings: Counter[str] = Counter()
    cancelled = 0
    async with new_breaker() as breaker:
        for name in names:
            for scene in SCENES:
                for when in ("before", "after"):
                    step = 1
                    while await _cancel_at(breaker, name, scene, step, when, endings):  # type: ignore[arg-type]
                        cancelled += 1
                        step += every
                    assert step > every, f"{name}, {scene}: never suspended"
    return f"{cancelled} cancelled: " + ", ".join(f"{ending} {count}" for ending, count in sorted(endings.items()))


async def _cancel_at(breaker: Breaker, name: str, scene: str, step: int, when: When, endings: Counter[str]) -> bool:
    """Cancel one command at one suspension, and ask what became of it. False when it did not suspend so often."""
    attempt = await breaker.attempt(name)
    async with _client_for(breaker, scene) as alor:
        if scene == "resent":
            breaker.sandbox.faults.ack.drop(operation=OPERATIONS[name])
        elif scene == "expired":
            breaker.sandbox.faults.auth.expire_now()
        stepped = CancelledAtStep(attempt.send(alor), step, when)
        task = asyncio.create_task(_awaited(stepped))
        await asyncio.wait({task}, timeout=10)
        assert task.done(), "a cancelled caller is free at once"
        await until_still(breaker.sandbox)
        breaker.sandbox.faults.clear()
        if stepped.steps < step:
            assert not task.cancelled()
            task.exception()
            return False
        _judge(breaker, attempt, alor, task, endings)
        entry = alor.ledger.find(attempt.key)
        if name != "cancel" and (entry is None or entry.state is not EntryState.ACCEPTED):
            await breaker.repeat(attempt, alor=alor)
    return True


def _judge(
    breaker: Breaker, attempt: Attempt, alor: AsyncAlor, task: asyncio.Task[OrderAck], endings: Counter[str]
) -> None:
    breaker.check_cancelled(attempt, alor=alor)
    entry = alor.ledger.find(attempt.key)
    state = "no entry" if entry is None else entry.state.value
    if task.cancelled():
        endings[f"{attempt.name} {state}"] += 1
        return
    # Only where the cancellation came when all was over is there anything to tell.
    assert not isinstance(task.exception(), asyncio.CancelledError)
    assert attempt.name == "cancel" or orders_made(breaker.sandbox, attempt.label, since=attempt.since)
    endings[f"{attempt.name} told"] += 1


async def _awaited(stepped: CancelledAtStep[OrderAck]) -> OrderAck:
    return await stepped


@contextlib.asynccontextmanager
async def _client_for(breaker: Breaker, scene: str) -> AsyncIterator[AsyncAlor]:
    if scene == "warm":
        await breaker.alor.get_server_time()
        yield breaker.alor
        return
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncAlor(
            breaker.sandbox.refresh_token,
            environment=breaker.sandbox.environment,
            order_tags=True,
            retries=RetryPolicy(commands="same_id", base=0.002),
            ledger=SqliteLedger(Path(folder) / "orders.db") if scene == "ledger" else None,
        ) as alor:
            if scene != "cold":
                await alor.account.get_summary(STOCKS)
            yield alor
