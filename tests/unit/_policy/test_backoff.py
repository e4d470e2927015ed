"""Pauses between attempts, and the headers that order them."""

from __future__ import annotations

import pytest

from alor_async._policy.backoff import full_jitter, parse_retry_after, parse_server_time

NOW = 1_000_000_000.0


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.25), (2, 0.5), (3, 1.0), (6, 8.0), (7, 8.0), (10_000, 8.0)])
def test_the_bound_doubles_up_to_the_cap(attempt: int, bound: float) -> None:
    assert full_jitter(attempt, base=0.25, cap=8, random=lambda: 1.0) == bound
    assert full_jitter(attempt, base=0.25, cap=8, random=lambda: 0.0) == 0.0
    assert full_jitter(attempt, base=0.25, cap=8, random=lambda: 0.5) == bound / 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("1000000000", 1e9),
        ("Sun, 09 Sep 2001 01:47:00 GMT", 20.0),
        ("Sun, 09 Sep 2001 01:46:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("٥", None),
        ("soon", None),
        ("", None),
        ("9" * 65, None),
        ("Sun, 99 Sep 2001 01:47:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "Mon, 99 Jan 2000 00:00:00 GMT", "Mon, 01 Jan 99999 00:00:00 GMT", "x" * 100]
)
def test_a_date_that_makes_no_sense_is_none(text: str | None) -> None:
    assert parse_server_time(text) is None


def test_a_date_is_unix_seconds() -> None:
    assert parse_server_time("Sun, 09 Sep 2001 01:46:40 GMT") == NOW
