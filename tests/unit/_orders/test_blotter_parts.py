"""The small parts of a blotter: several streams as one story, and a queue that never holds its writer up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from alor_async import ClosedError, Disconnected, Gap, Reconnected, SlowConsumer, SnapshotEnd, Stale, StreamError
from alor_async._orders.news_queue import NewsQueue
from alor_async._orders.outages import Outages
from tests.unit._streams.making import NOON


def moment(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


def gap(since: float, until: float, lost: int | None = None) -> Gap:
    return Gap(since=moment(since), until=moment(until), reason="lost", lost=lost)


class TestOutages:
    def test_is_whole_when_all_have_told_what_was_there(self) -> None:
        outages = Outages(["orders", "trades"])
        assert not outages.is_whole
        outages.hear("orders", SnapshotEnd())
        assert not outages.is_whole
        outages.hear("trades", SnapshotEnd())
        assert outages.is_whole

    def test_tells_one_story_of_two(self) -> None:
        outages = Outages(["orders", "trades"])
        for name in ("orders", "trades"):
            outages.hear(name, SnapshotEnd())
        gone = Disconnected(since=moment(0), reason="lost")
        assert outages.hear("orders", gone) == (gone,)
        assert outages.hear("trades", gone) == ()
        assert outages.hear("orders", gap(1, 5)) == ()
        assert outages.hear("orders", Reconnected(at=moment(5), attempts=1)) == ()
        outages.hear("orders", SnapshotEnd())
        assert not outages.is_whole, "the other one is still gone"
        assert outages.hear("trades", gap(0, 6)) == ()
        told = outages.hear("trades", Reconnected(at=moment(6), attempts=3))
        assert told == (gap(0, 6), Reconnected(at=moment(6), attempts=3))
        assert not outages.is_whole, "what it missed has not been told"
        outages.hear("trades", SnapshotEnd())
        assert outages.is_whole

    def test_what_was_lost_is_added_up_where_it_is_known(self) -> None:
        outages = Outages(["a", "b"])
        gone = Disconnected(since=moment(0), reason="overflow")
        for name, lost in (("a", 2), ("b", 3)):
            outages.hear(name, gone)
            outages.hear(name, gap(0, 1, lost))
        outages.hear("a", Reconnected(at=moment(1), attempts=1))
        told, _ = outages.hear("b", Reconnected(at=moment(1), attempts=1))
        assert isinstance(told, Gap)
        assert told.lost == 5

    def test_a_gap_of_a_slow_reader_is_told_as_it_is(self) -> None:
        outages = Outages(["orders"])
        slow = Gap(since=moment(0), until=moment(1), reason="slow_consumer", lost=3)
        assert outages.hear("orders", slow) == (slow,)
        assert outages.hear("orders", Stale(since=moment(0))) == ()


class TestNewsQueue:
    async def test_gives_in_order_and_then_the_end(self) -> None:
        queue: NewsQueue[int] = NewsQueue("news", 10)
        for number in range(3):
            queue.put(number)
        queue.end(None)
        queue.put(3)
        assert [one async for one in queue] == [0, 1, 2]

    async def test_past_its_limit_takes_nothing_until_that_was_heard(self) -> None:
        queue: NewsQueue[int] = NewsQueue("news", 2)
        for number in range(5):
            queue.put(number)
        assert [await anext(queue), await anext(queue)] == [0, 1]
        queue.put(5)  # what comes after a loss stands after the news of the loss
        with pytest.raises(SlowConsumer) as caught:
            await anext(queue)
        assert caught.value.dropped == 4
        queue.put(6)
        assert await anext(queue) == 6

    async def test_an_error_comes_after_what_waits_and_again(self) -> None:
        queue: NewsQueue[int] = NewsQueue("news", 2)
        queue.put(1)
        queue.end(ClosedError("over"))
        queue.end(None)
        assert await anext(queue) == 1
        for _ in range(2):
            with pytest.raises(ClosedError, match="over"):
                await anext(queue)

    async def test_an_end_at_once_drops_what_waits(self) -> None:
        queue: NewsQueue[int] = NewsQueue("news", 1)
        queue.put(1)
        queue.put(2)
        queue.end(None, at_once=True)
        assert [one async for one in queue] == []

    async def test_wakes_its_one_reader(self) -> None:
        queue: NewsQueue[int] = NewsQueue("news", 1)
        reading = asyncio.ensure_future(anext(queue))
        await asyncio.sleep(0)
        with pytest.raises(StreamError, match="read already"):
            await anext(queue)
        queue.put(1)
        queue.put(2)
        assert await reading == 1
        with pytest.raises(SlowConsumer):
            await anext(queue)
        reading = asyncio.ensure_future(anext(queue))
        await asyncio.sleep(0)
        queue.end(None)
        with pytest.raises(StopAsyncIteration):
            await reading
