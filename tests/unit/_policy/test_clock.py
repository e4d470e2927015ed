"""Deadlines of many calls by one timer."""

from __future__ import annotations

import asyncio
import time
from math import inf

import pytest

from alor_async._policy.clock import Clock, Deadline, Deadlines, Progress
from tests.support.manual_clock import ManualClock, settle


class Ended(Exception):
    pass


async def watched(
    deadlines: Deadlines, seconds: float, work: asyncio.Future[str], *, silent_until: float = inf, patience: float = inf
) -> str:
    """Wait for `work` the way a call does."""
    deadline = Deadline(seconds, patience)
    deadlines.watch(deadline)
    deadline.silent_until = silent_until
    try:
        return await work
    except asyncio.CancelledError:
        if deadline.fell_silent():
            raise Ended("silent") from None
        if not deadline.took_over():
            raise
    finally:
        deadline.leave()
    raise Ended("closed" if deadline.is_closed else "over")


def forever() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_each_call_ends_at_its_own_time() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    first = asyncio.create_task(watched(deadlines, 10, forever()))
    await settle()
    await clock.advance(4)
    second = asyncio.create_task(watched(deadlines, 10, forever()))
    short = asyncio.create_task(watched(deadlines, 1, forever()))
    await settle()
    assert len(clock.pending) == 2, "one timer for each duration, however many calls"
    await clock.advance(1.02)
    assert short.done()
    await clock.advance(4.97)
    assert not first.done()
    await clock.advance(0.02)
    assert first.done()
    assert not second.done()
    await clock.advance(4)
    for task in (first, second, short):
        with pytest.raises(Ended, match="over"):
            await task
    assert clock.pending == []


async def test_a_call_that_ends_in_time_leaves_nothing() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    work = forever()
    work.set_result("done")
    assert await watched(deadlines, 10, work) == "done"
    await clock.advance(10)
    assert clock.pending == []


async def test_silence_ends_a_call_before_its_time() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    begun = clock.monotonic()
    call = asyncio.create_task(watched(deadlines, 30, forever(), silent_until=begun + 5, patience=5))
    other = asyncio.create_task(watched(deadlines, 30, forever(), patience=5))
    await settle()
    await clock.advance(4.9)
    assert not call.done()
    await clock.advance(0.2)
    with pytest.raises(Ended, match="silent"):
        await call
    assert not other.done(), "nothing is expected of anybody there"
    await clock.advance(25)
    with pytest.raises(Ended):
        await other


async def test_an_answer_that_comes_piece_by_piece_is_waited_for() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadline = Deadline(30, 5)

    async def call() -> None:
        deadlines.watch(deadline)
        deadline.expect(clock.monotonic())
        try:
            await forever()
        finally:
            deadline.leave()

    task = asyncio.create_task(call())
    await settle()
    for _ in range(5):
        await clock.advance(4)
        assert not task.done()
        deadline.expect(clock.monotonic())
    await clock.advance(5.1)
    assert task.done()
    assert deadline.is_silent
    assert not deadline.is_over
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_wins() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    call = asyncio.create_task(watched(deadlines, 1, forever()))
    await settle()
    call.cancel()
    await clock.advance(2)
    with pytest.raises(asyncio.CancelledError):
        await call
    both = asyncio.create_task(watched(deadlines, 1, forever()))
    await settle()
    timers = clock.pending
    assert timers
    # The deadline and the outside strike before the task runs again.
    for deadline in list(next(iter(deadlines._groups.values())).open):
        deadline.is_over = True
        deadline.interrupt()
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both


async def test_a_call_inside_the_clean_up_of_a_cancelled_task_still_ends_in_time() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    ended: list[str] = []

    async def task() -> None:
        try:
            await forever()
        finally:
            try:
                await watched(deadlines, 1, forever())
            except Ended as error:
                ended.append(str(error))

    running = asyncio.create_task(task())
    await settle()
    running.cancel()
    await settle()
    await clock.advance(1.1)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["over"]


async def test_a_call_goes_on_after_a_silence_and_is_still_watched() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    deadline = Deadline(10, 2)
    seen: list[str] = []

    async def call() -> None:
        deadlines.watch(deadline)
        try:
            for _ in range(2):
                deadline.expect(clock.monotonic())
                try:
                    await forever()
                except asyncio.CancelledError:
                    assert deadline.fell_silent()
                    seen.append("silent")
            await forever()
        except asyncio.CancelledError:
            assert deadline.took_over()
            seen.append("over")
        finally:
            deadline.leave()

    task = asyncio.create_task(call())
    await settle()
    await clock.advance(4.1)
    assert seen == ["silent", "silent"]
    await clock.advance(6)
    await task
    assert seen == ["silent", "silent", "over"]
    assert task.cancelling() == 0


@pytest.mark.parametrize("outside", [False, True])
async def test_silence_and_the_end_in_one_moment_are_the_end(outside: bool) -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    call = asyncio.create_task(watched(deadlines, 5, forever(), patience=3))
    await settle()
    (deadline,) = next(iter(deadlines._groups.values())).open
    deadline.is_silent = True
    deadline.interrupt()
    deadline.is_over = True
    deadline.interrupt()
    if outside:
        call.cancel()
    with pytest.raises(asyncio.CancelledError if outside else Ended, match=None if outside else "over"):
        await call
    deadlines.interrupt_all()


async def test_asyncio_timeout_around_a_call_is_not_mistaken_for_ours() -> None:
    deadlines = Deadlines(Clock())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await watched(deadlines, 30, forever())
    deadlines.interrupt_all()


async def test_closing_ends_all() -> None:
    clock = ManualClock()
    deadlines = Deadlines(clock)
    calls = [asyncio.create_task(watched(deadlines, seconds, forever())) for seconds in (1, 1, 5)]
    await settle()
    deadlines.interrupt_all()
    for call in calls:
        with pytest.raises(Ended, match="closed"):
            await call
    assert clock.pending == []
    deadlines.interrupt_all()


def test_a_call_needs_a_task() -> None:
    async def outside() -> None:
        failed = forever()

        def try_it() -> None:
            try:
                Deadlines(Clock()).watch(Deadline(1))
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(try_it)
        assert "task" in await failed

    asyncio.run(outside())


async def test_the_system_clock() -> None:
    clock = Clock()
    assert abs(clock.now() - time.time()) < 1
    before = clock.monotonic()
    await clock.sleep(0.01)
    called = asyncio.Event()
    clock.call_later(0.01, called.set)
    await called.wait()
    assert clock.monotonic() - before >= 0.015
    assert Progress().stage == "queue"
