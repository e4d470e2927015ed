"""Places, pace and lanes."""

from __future__ import annotations

import asyncio
import math

import pytest

from alor_async._policy.limits import Limiter, Pace
from alor_async.errors import QueueTimeout
from tests.support.manual_clock import ManualClock, settle

CANCEL, PLACE, DATA = 0, 1, 2


def starts_of(pace: Pace, begin: float, end: float, step: float = 0.001) -> list[float]:
    starts: list[float] = []
    now = begin
    while now < end:
        while pace.take(now) == 0.0:
            starts.append(now)
        now += step
    return starts


@pytest.mark.parametrize("per_second", [0.5, 1, 2.5, 9, 10, 30, 100])
def test_no_second_sees_more_starts_than_allowed(per_second: float) -> None:
    starts = starts_of(Pace(per_second, 0.0), 0.0, 6.0)
    most = max(sum(1 for other in starts if start <= other < start + 1.0 - 0.0015) for start in starts)
    assert most <= math.ceil(per_second)
    assert len(starts) >= 0.85 * per_second * 6 - 1, "and the allowance is nearly used up"


def test_the_pace_tells_how_long_to_wait() -> None:
    pace = Pace(2.0, 0.0)
    assert pace.take(0.0) == 0.0
    assert pace.take(0.0) == pytest.approx(0.5)
    assert pace.take(0.25) == pytest.approx(0.25)
    assert pace.take(0.5) == 0.0


def test_a_clock_that_jumps_back_does_not_fill_the_bucket() -> None:
    pace = Pace(1.0, 100.0)
    assert pace.take(100.0) == 0.0
    assert pace.take(50.0) == pytest.approx(1.0)


def test_one_place_is_kept_for_cancels() -> None:
    limiter = Limiter(3, None, ManualClock())
    assert limiter.try_enter(DATA)
    assert limiter.try_enter(PLACE)
    assert not limiter.try_enter(DATA)
    assert not limiter.try_enter(PLACE)
    assert limiter.try_enter(CANCEL)
    assert not limiter.try_enter(CANCEL)
    assert limiter.taken == 3


async def test_who_waits_is_served_lane_by_lane_and_first_come_first() -> None:
    limiter = Limiter(2, None, ManualClock())
    order: list[str] = []

    async def wait(name: str, lane: int) -> None:
        await limiter.enter(lane, 30)
        order.append(name)
        await settle(1)
        limiter.leave()

    assert limiter.try_enter(DATA)
    assert limiter.try_enter(CANCEL)
    async with asyncio.TaskGroup() as group:
        for name, lane in [("data 1", DATA), ("data 2", DATA), ("place", PLACE), ("cancel", CANCEL)]:
            group.create_task(wait(name, lane))
        await settle()
        assert order == []
        assert limiter.waiting == 4
        limiter.leave()
        await settle()
        limiter.leave()
    assert order == ["cancel", "place", "data 1", "data 2"]
    assert limiter.taken == 0
    assert limiter.waiting == 0


async def test_a_cancel_passes_a_full_house_of_data() -> None:
    limiter = Limiter(2, None, ManualClock())
    assert limiter.try_enter(DATA)
    waiting = asyncio.create_task(limiter.enter(DATA, 30))
    await settle()
    assert not limiter.try_enter(CANCEL), "somebody waits, so the quick way is shut"
    await limiter.enter(CANCEL, 30)
    assert not waiting.done()
    limiter.leave()
    await settle()
    assert not waiting.done(), "the cancel's place is no place for data"
    limiter.leave()
    await waiting


async def test_waiting_ends_in_time() -> None:
    clock = ManualClock()
    limiter = Limiter(2, None, clock)
    assert limiter.try_enter(DATA)
    waiting = asyncio.create_task(limiter.enter(DATA, 2))
    await settle()
    await clock.advance(1.9)
    assert not waiting.done()
    await clock.advance(0.2)
    with pytest.raises(QueueTimeout, match="no free place within 2 s") as caught:
        await waiting
    assert caught.value.stage == "queue"
    limiter.leave()
    assert limiter.taken == 0
    await limiter.enter(DATA, 2), "and who gave up is not served any more"
    assert limiter.taken == 1


async def test_a_place_that_comes_in_the_moment_of_a_cancellation_is_not_lost() -> None:
    limiter = Limiter(2, None, ManualClock())
    assert limiter.try_enter(DATA)
    waiting = asyncio.create_task(limiter.enter(DATA, 30))
    await settle()
    limiter.leave()  # gives the place to the waiter ...
    waiting.cancel()  # ... who is cancelled before it wakes up
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert limiter.taken == 0


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    limiter = Limiter(2, None, ManualClock())
    assert limiter.try_enter(DATA)
    first = asyncio.create_task(limiter.enter(DATA, 30))
    second = asyncio.create_task(limiter.enter(DATA, 30))
    await settle()
    first.cancel()
    await settle()
    limiter.leave()
    await second
    assert limiter.taken == 1


async def test_the_pace_lets_the_cancel_go_first() -> None:
    clock = ManualClock()
    limiter = Limiter(64, 1.0, clock)
    order: list[int] = []

    async def go(lane: int) -> None:
        await limiter.enter(lane, 30)
        order.append(lane)

    assert limiter.try_enter(DATA)
    assert not limiter.try_enter(DATA), "the next second's start"
    async with asyncio.TaskGroup() as group:
        for lane in (DATA, DATA, PLACE, CANCEL):
            group.create_task(go(lane))
        await settle()
        for expected in ([CANCEL], [CANCEL, PLACE], [CANCEL, PLACE, DATA], [CANCEL, PLACE, DATA, DATA]):
            await clock.advance(1.0)
            assert order == expected


async def test_f081_a_pause_of_one_lane_leaves_the_others_alone() -> None:
    clock = ManualClock()
    limiter = Limiter(8, None, clock)
    limiter.pause(DATA, 5)
    limiter.pause(DATA, 1), "a shorter order does not shorten a longer one"
    assert not limiter.try_enter(DATA)
    assert limiter.try_enter(PLACE)
    waiting = asyncio.create_task(limiter.enter(DATA, 30))
    await settle()
    await limiter.enter(CANCEL, 1)
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    await waiting
    assert limiter.try_enter(DATA)


async def test_closing_stops_the_timer() -> None:
    clock = ManualClock()
    limiter = Limiter(8, 1.0, clock)
    assert limiter.try_enter(DATA)
    waiting = asyncio.create_task(limiter.enter(DATA, 30))
    await settle()
    limiter.close()
    limiter.close()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert clock.pending == []


async def test_two_thousand_waiters_are_no_trouble() -> None:
    limiter = Limiter(2, None, ManualClock())
    assert limiter.try_enter(DATA)
    waiters = [asyncio.create_task(limiter.enter(DATA, 30)) for _ in range(2_000)]
    await settle()
    for waiter in waiters[:-1]:
        waiter.cancel()
    await settle()
    limiter.leave()
    await waiters[-1]
    assert limiter.taken == 1
