"""What counts as time: as much as looks have seen pass, and no more than was planned between two of them."""

from __future__ import annotations

import pytest

from alor_async._streams.lived import LivedTime

STEP = 0.5


def test_looks_that_come_in_time_count_what_passed() -> None:
    lived = LivedTime(STEP)
    assert [lived.look(100 + number * STEP) for number in range(4)] == [True] * 4
    assert lived.now == 4 * STEP
    assert lived.at_next_look == 5 * STEP


def test_a_hold_counts_for_one_pause_and_what_waited_is_read_before_anything_is_judged() -> None:
    lived = LivedTime(STEP)
    lived.look(100)
    assert not lived.look(160)
    assert lived.now == 2 * STEP
    assert lived.look(160 + STEP)


def test_one_that_holds_again_and_again_does_not_keep_others_from_being_judged() -> None:
    lived = LivedTime(STEP)
    lived.look(100)
    assert [lived.look(160 + 60 * number) for number in range(4)] == [False, True, False, True]
    assert lived.now == 5 * STEP


@pytest.mark.parametrize("late", [1.1, 1.9])
def test_a_loop_that_is_merely_busy_holds_nothing_up(late: float) -> None:
    lived = LivedTime(STEP)
    assert all(lived.look(100 + number * late * STEP) for number in range(4))


def test_a_clock_that_stands_still_counts_nothing() -> None:
    lived = LivedTime(STEP)
    lived.look(100)
    assert lived.look(100)
    assert lived.now == STEP
