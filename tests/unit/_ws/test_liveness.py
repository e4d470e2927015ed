"""Life is judged by counts: the limit is kept in either direction, and time in which nothing could be read is not counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alor_async._ws.liveness import Deafness, Judgement, Liveness

PING_EVERY = 5.0
SILENCE = 15.0


class Watch:
    """Looks as a connection does: one step after the other."""

    def __init__(self, ping_every: float = PING_EVERY, silence: float = SILENCE) -> None:
        self.liveness = Liveness(ping_every, silence)
        self.now = 1_000.0
        self.heard = 0
        self.answered = 0
        self.pings: list[float] = []

    def look(self, after: float | None = None) -> Judgement:
        self.now += self.liveness.step if after is None else after
        judgement = self.liveness.tick(self.now, self.heard, self.answered)
        if judgement.should_ping:
            self.pings.append(self.now - 1_000.0)
        return judgement

    def look_until(self, seconds: float, *, hearing: bool = False, answering: bool = False) -> Deafness | None:
        """Look until the time has come, or death."""
        while self.now - 1_000.0 < seconds - 1e-6:
            self.heard += hearing or answering
            self.answered += answering
            judgement = self.look()
            if judgement.is_dead:
                return judgement.why
        return None


def test_pings_go_out_at_their_pace_whether_or_not_data_flows() -> None:
    quiet, busy = Watch(silence=1_000.0), Watch(silence=1_000.0)
    quiet.look_until(60.0)
    busy.look_until(60.0, answering=True)
    assert quiet.pings == busy.pings == pytest.approx([5.0 * count for count in range(1, 13)])


@pytest.mark.parametrize("ping_every", [0.05, 0.1, 0.3, 1.0, 5.0, 7.7])
def test_sums_of_steps_do_not_delay_a_ping(ping_every: float) -> None:
    watch = Watch(ping_every, ping_every * 1_000)
    watch.look_until(ping_every * 50, answering=True)
    assert len(watch.pings) == 50


def test_f119_silence_is_death_within_the_limit() -> None:
    watch = Watch()
    watch.look_until(100.0, answering=True)
    began = watch.now
    assert watch.look_until(1_000.0) == "silent"
    assert SILENCE - 2 * watch.liveness.step < watch.now - began <= SILENCE


def test_f119_data_without_answers_is_death_within_the_limit_too() -> None:
    watch = Watch()
    watch.look_until(100.0, answering=True)
    began = watch.now
    assert watch.look_until(1_000.0, hearing=True) == "deaf"
    assert SILENCE - 2 * watch.liveness.step < watch.now - began <= SILENCE


def test_f119_who_never_says_a_word_dies_too() -> None:
    watch = Watch()
    assert watch.look_until(1_000.0) == "silent"
    assert watch.now - 1_000.0 <= SILENCE


def test_f119_a_path_that_died_whole_is_silent_although_the_last_answer_is_older_than_the_last_word() -> None:
    watch = Watch()
    watch.look_until(100.0, answering=True)
    assert watch.look_until(104.0, hearing=True) is None
    assert watch.look_until(1_000.0) == "silent"
    assert watch.now - 1_100.0 <= SILENCE


def test_answers_that_stop_and_begin_again_in_time_are_life() -> None:
    watch = Watch()
    for round_ in range(1, 20):
        assert watch.look_until(round_ * 14.0 - 2.0) is None
        assert watch.look_until(round_ * 14.0, answering=True) is None


def test_the_dead_get_no_ping() -> None:
    watch = Watch()
    while not (judgement := watch.look()).is_dead:
        pass
    assert not judgement.should_ping


@pytest.mark.parametrize("held", [SILENCE, 20.0, 3_600.0])
def test_f137_time_in_which_nothing_could_be_read_is_no_silence(held: float) -> None:
    watch = Watch()
    watch.look_until(50.0, answering=True)
    assert not watch.look(after=held).is_dead
    assert not watch.look().is_dead
    # Now what waited has been read.
    assert watch.look_until(watch.now - 1_000.0 + 100.0, answering=True) is None


def test_f137_silence_that_outlives_the_hold_is_death_still() -> None:
    watch = Watch()
    watch.look_until(50.0, answering=True)
    watch.look(after=20.0)
    resumed = watch.now
    assert watch.look_until(1_000.0) == "silent"
    assert watch.now - resumed <= SILENCE


def test_f137_a_loop_that_is_held_again_and_again_is_no_silence_of_the_server() -> None:
    watch = Watch()
    for _ in range(50):
        assert not watch.look(after=20.0).is_dead
        watch.heard += 1
        watch.answered += 1


def test_a_clock_that_steps_back_does_no_harm() -> None:
    watch = Watch()
    watch.look()
    assert not watch.look(after=-1_000.0).is_dead
    assert watch.look_until(1_000.0) == "silent"


@given(
    ping_every=st.floats(0.01, 60.0),
    factor=st.floats(1.01, 50.0),
    answering=st.lists(st.booleans(), max_size=400),
)
def test_f119_the_limit_is_kept_whatever_the_settings(ping_every: float, factor: float, answering: list[bool]) -> None:
    silence = ping_every * factor
    watch = Watch(ping_every, silence)
    last = watch.now
    for answers in answering:
        before = watch.now
        watch.heard += answers
        watch.answered += answers
        judgement = watch.look()
        if answers:
            last = before
        if judgement.is_dead:
            assert watch.now - last >= silence - watch.liveness.step, "too early"
            return
        assert watch.now - last <= silence or math.isclose(watch.now - last, silence), "too late"
