"""What waits for a consumer who does not come: bounded, and the newest of it kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alor_async._streams.board import Board
from alor_async._streams.events import Disconnected
from alor_async._streams.inbox import MOST_NOTICES

MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)


def test_what_is_said_to_nobody_does_not_pile_up() -> None:
    board = Board(10, lambda: 0.0)
    count = MOST_NOTICES + 500
    for second in range(count):
        board.notify(Disconnected(since=MORNING + timedelta(seconds=second), reason="lost"))
    assert board.pending == MOST_NOTICES
    kept = [board.take()[1] for _ in range(board.pending)]
    assert [kept[0], kept[-1]] == [
        Disconnected(since=MORNING + timedelta(seconds=second), reason="lost") for second in (500, count - 1)
    ]


def test_what_is_said_keeps_its_place_when_some_of_it_was_heard() -> None:
    board = Board(10, lambda: 0.0)
    first, second = (Disconnected(since=MORNING, reason="lost"), Disconnected(since=MORNING, reason="closed"))
    board.notify(first)
    assert board.take() == (None, first)
    board.notify(second)
    assert (board.pending, board.take()) == (1, (None, second))
    with pytest.raises(IndexError):
        board.take()
