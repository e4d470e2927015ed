"""Candles that change, close once, and are corrected afterwards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as some

from alor_async._streams.candles import CandleTracker
from alor_async._streams.events import Update
from alor_async.models import Candle
from alor_async.values import InstrumentId
from tests.unit._streams.making import candle

SBER = InstrumentId("SBER", "MOEX")


def told(tracker: CandleTracker, *frames: Candle) -> list[Update[Candle]]:
    return [update for frame in frames for update in tracker.admit(frame)]


def news(item: Candle, *, closed: bool = False, revision: bool = False) -> Update[Candle]:
    return Update(item=item, instrument_id=SBER, is_closed=closed, is_revision=revision)


class TestCandles:
    def test_f153_one_changes_then_closes_once(self) -> None:
        tracker = CandleTracker(SBER)
        first, changed, second = candle(60, 250), candle(60, 251), candle(120, 252)
        assert told(tracker, first) == [news(first)]
        assert told(tracker, changed) == [news(changed)]
        assert told(tracker, second) == [news(changed, closed=True), news(second)]
        assert tracker.resume_from == 120

    def test_f153_the_same_again_tells_nothing(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, candle(60), candle(120))
        assert told(tracker, candle(120), candle(60), candle(120)) == []
        assert tracker.duplicates == 3

    def test_f153_a_late_correction_is_a_revision(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, candle(60), candle(120))
        corrected = candle(60, 249)
        assert told(tracker, corrected, corrected) == [news(corrected, closed=True, revision=True)]
        back = candle(60)
        assert told(tracker, back) == [news(back, closed=True, revision=True)]

    def test_f153_one_that_was_skipped_is_no_revision_when_it_comes(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, candle(60), candle(180))
        skipped = candle(120)
        assert told(tracker, skipped) == [news(skipped, closed=True)]
        assert told(tracker, skipped) == []
        assert tracker.resume_from == 180

    def test_f153_history_then_live_overlap(self) -> None:
        tracker = CandleTracker(SBER)
        history = [candle(minute * 60) for minute in range(10)]
        told(tracker, *history)
        tracker.renew()
        assert tracker.resume_from == 540
        after = candle(600)
        assert told(tracker, *history, after) == [news(history[-1], closed=True), news(after)]

    def test_what_happened_in_a_gap_closes_in_its_order(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, candle(60, 250))
        tracker.renew()
        frames = [candle(60, 255), candle(120), candle(180)]
        assert told(tracker, *frames) == [
            news(frames[0]),
            news(frames[0], closed=True),
            news(frames[1]),
            news(frames[1], closed=True),
            news(frames[2]),
        ]

    def test_f148_a_revision_that_could_not_be_delivered_comes_again_as_one(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, candle(60), candle(120), candle(180))
        corrected = candle(60, 249)
        (update,) = tracker.admit(corrected)
        tracker.take_back(update)
        assert tracker.resume_from == 60
        again = [corrected, candle(120), candle(180)]
        assert told(tracker, *again) == [news(corrected, closed=True, revision=True)]

    def test_there_is_nothing_to_resume_before_the_first(self) -> None:
        assert CandleTracker().resume_from is None

    def test_memory_is_bounded_and_what_is_forgotten_is_not_told_again(self) -> None:
        tracker = CandleTracker(SBER)
        told(tracker, *(candle(minute * 60) for minute in range(5_000)))
        assert told(tracker, candle(60, 251)) == []
        assert tracker.stale == 1
        remembered = candle(4_200 * 60, 251)
        assert told(tracker, remembered) == [news(remembered, closed=True, revision=True)]


FRAMES = some.lists(some.builds(candle, some.integers(0, 12).map(lambda minute: minute * 60), some.integers(1, 3)))


def closings(updates: Iterable[Update[Candle]]) -> Counter[int]:
    return Counter(update.item.timestamp for update in updates if update.is_closed and not update.is_revision)


@given(frames=FRAMES)
def test_f153_each_closes_exactly_once_whatever_comes(frames: list[Candle]) -> None:
    tracker = CandleTracker(SBER)
    updates = told(tracker, *frames)
    seen = {frame.timestamp for frame in frames}
    newest = max(seen, default=None)
    assert closings(updates) == dict.fromkeys(seen - {newest}, 1)
    # What was told last of each candle is what came last of it.
    last_told = {update.item.timestamp: update.item for update in updates}
    assert last_told == {frame.timestamp: frame for frame in frames}


@given(count=some.integers(1, 12), room=some.integers(1, 12), changes=some.integers(1, 3))
def test_f148_what_there_was_no_room_for_is_told_when_it_comes_again(count: int, room: int, changes: int) -> None:
    tracker = CandleTracker(SBER)
    taken: list[Update[Candle]] = []
    keys: set[int] = set()
    for minute in range(count):
        for close in range(changes):
            for update in tracker.admit(candle(minute * 60, close)):
                opened = update.item.timestamp
                if opened in keys or len(keys) < room:
                    keys.add(opened)
                    taken.append(update)
                else:
                    tracker.take_back(update)
    assert tracker.resume_from == 60 * min(room, count - 1)
    history = (candle(minute * 60, changes - 1) for minute in range(min(room, count - 1), count))
    taken += told(tracker, *history)
    assert closings(taken) == dict.fromkeys(range(0, 60 * (count - 1), 60), 1)
    assert not any(update.is_revision for update in taken)
    assert {update.item.timestamp: int(update.item.close) for update in taken} == dict.fromkeys(
        range(0, 60 * count, 60), changes - 1
    )


@given(frames=FRAMES, seed=some.integers())
def test_an_update_is_never_the_same_as_the_one_before_it_of_its_candle(frames: list[Candle], seed: int) -> None:
    tracker = CandleTracker(SBER)
    chance = random.Random(seed)
    updates = told(tracker, *(frame for frame in frames for _ in range(chance.randint(1, 3))))
    last: dict[int, Update[Candle]] = {}
    for update in updates:
        before = last.get(update.item.timestamp)
        assert before is None or before.item != update.item or (update.is_closed and not before.is_closed)
        last[update.item.timestamp] = update
