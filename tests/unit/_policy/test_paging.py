"""How a long range becomes many requests: everything once, in order, and always to an end."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async._policy.paging import MOSCOW, CandleWindows, MoscowDays, TradeWalk
from alor_async.errors import InvalidArgument
from alor_async.models import Candle, CandlePage, Exchange, Side, Trade

START = datetime(2026, 1, 5, 10, tzinfo=UTC)


def candle(timestamp: int) -> Candle:
    one = Decimal(1)
    return Candle(timestamp=timestamp, open=one, high=one, low=one, close=one, volume=1)


def page(*timestamps: int, following: int | None = None) -> CandlePage:
    return CandlePage(candles=tuple(candle(timestamp) for timestamp in timestamps), next_timestamp=following)


def walk_candles(
    start: int, end: int, span: int, stored: list[int], *, tells_next: bool = True, includes_end: bool = True
) -> tuple[list[int], int]:
    """Walk against a broker that has these candles; return what came out and how many requests it took."""
    windows = CandleWindows(start, end, span)
    out: list[int] = []
    requests = 0
    while (window := windows.current) is not None:
        requests += 1
        assert requests <= 10_000
        first, last = window
        assert start <= first < last <= end
        inside = [t for t in stored if first <= t < last or (includes_end and t == last)]
        after = [t for t in stored if t > last or (not includes_end and t == last)]
        following = min(after, default=None) if tells_next else None
        out += [found.timestamp for found in windows.accept(page(*inside, following=following))]
    return out, requests


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 500), unique=True).map(sorted),
    st.integers(0, 400),
    st.integers(0, 200),
    st.integers(1, 50),
    st.booleans(),
)
def test_every_candle_of_the_range_comes_once_and_in_order(stored, start, length, span, includes_end):
    out, _ = walk_candles(start, start + length, span, stored, includes_end=includes_end)
    assert out == [t for t in stored if start <= t < start + length]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-5, 300), max_size=6), st.none() | st.integers(-100, 1000), st.integers(1, 50))
def test_no_answer_makes_the_walk_endless_or_leave_the_range(timestamps, following, span):
    windows = CandleWindows(0, 200, span)
    seen: list[int] = []
    for _ in range(202):
        if windows.current is None:
            break
        seen += [found.timestamp for found in windows.accept(page(*timestamps, following=following))]
    assert windows.current is None
    assert seen == sorted(set(seen))
    assert all(0 <= timestamp < 200 for timestamp in seen)


def test_a_gap_is_skipped_when_the_broker_tells_where_it_ends():
    out, requests = walk_candles(0, 1_000_000, 10, [5, 999_990])
    assert out == [5, 999_990]
    assert requests <= 3


def test_a_broker_that_tells_no_neighbour_is_asked_until_a_window_is_empty():
    out, requests = walk_candles(0, 100, 10, [1, 11, 21], tells_next=False)
    assert out == [1, 11, 21]
    assert requests == 4


def test_a_neighbour_in_the_past_does_not_make_the_walk_creep():
    windows = CandleWindows(0, 100, 10)
    windows.accept(page(1, following=0))
    assert windows.current == (10, 20)


def test_candles_are_sorted_and_those_outside_are_dropped():
    windows = CandleWindows(10, 20, 5)
    assert [found.timestamp for found in windows.accept(page(14, 9, 12, 12, 25))] == [12, 14]


def test_an_empty_range_needs_no_request_and_a_reversed_one_is_refused():
    assert CandleWindows(5, 5, 10).current is None
    with pytest.raises(InvalidArgument, match=r"^end: "):
        CandleWindows(6, 5, 10)


def moscow(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=MOSCOW)


def test_a_range_is_cut_at_the_midnights_of_moscow():
    days = MoscowDays(moscow(3, 18), moscow(5, 12), now=moscow(5, 15))
    assert [(start, end) for start, end, _ in days.earlier()] == [
        (moscow(3, 18), moscow(4)),
        (moscow(4), moscow(5)),
    ]
    assert {last for _, _, last in days.earlier()} == {moscow(5) - timedelta(seconds=1)}
    assert days.today() == (moscow(5), moscow(5, 12))


def test_a_range_before_today_has_no_part_today_and_the_reverse():
    past = MoscowDays(moscow(3, 10), moscow(3, 12), now=moscow(5, 15))
    assert [part[:2] for part in past.earlier()] == [(moscow(3, 10), moscow(3, 12))]
    assert past.today() is None
    today = MoscowDays(moscow(5, 1), moscow(6), now=moscow(5, 15))
    assert list(today.earlier()) == []
    assert today.today() == (moscow(5, 1), moscow(6))
    to_midnight = MoscowDays(moscow(4), moscow(5), now=moscow(5))
    assert [part[:2] for part in to_midnight.earlier()] == [(moscow(4), moscow(5))]
    assert to_midnight.today() is None


def test_an_empty_range_has_no_parts():
    days = MoscowDays(moscow(3), moscow(3), now=moscow(5))
    assert list(days.earlier()) == []
    assert days.today() is None


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 10)),  # noqa: DTZ001 - a zone is drawn below
    st.timedeltas(timedelta(0), timedelta(days=5)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 12)),  # noqa: DTZ001
    st.integers(-12, 14),
)
def test_the_parts_of_a_range_touch_and_cover_it(start, length, now, offset):
    zone = timezone(timedelta(hours=offset))
    start, now = start.replace(tzinfo=zone), now.replace(tzinfo=UTC)
    days = MoscowDays(start, start + length, now=now)
    parts = [(first, last) for first, last, _ in days.earlier()]
    today = days.today()
    parts += [] if today is None else [today]
    if not parts:
        assert length == timedelta(0)
        return
    assert parts[0][0] == start
    assert parts[-1][1] == start + length
    for (_, end), (following, _) in itertools.pairwise(parts):
        assert end == following
    for first, last, allowed in days.earlier():
        assert first.astimezone(MOSCOW).date() == (last - timedelta(microseconds=1)).astimezone(MOSCOW).date()
        assert allowed < now


def trade(number: int, second: int | None, symbol: str = "SBER") -> Trade:
    traded_at = None if second is None else START + timedelta(seconds=second, milliseconds=number % 1000)
    return Trade(
        trade_id=str(number),
        symbol=symbol,
        exchange=Exchange.MOEX,
        units=1,
        price=Decimal(1),
        side=Side.BUY,
        traded_at=traded_at,
    )


def walk_trades(stored: list[Trade], page_size: int) -> list[Trade]:
    """Walk against a broker that has these trades."""
    walk = TradeWalk(START, page_size)
    out: list[Trade] = []
    for _ in range(1000):
        if walk.done:
            return out
        known = [item for item in stored if item.traded_at is not None and item.traded_at >= walk.since]
        out += walk.accept(sorted(known, key=lambda item: str(item.traded_at))[:page_size])
    raise AssertionError("the walk has no end")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(2, 20))
def test_every_trade_comes_once_and_in_order_or_the_walk_says_why_not(seconds, page_size):
    stored = [trade(number, second) for number, second in enumerate(sorted(seconds))]
    most_in_a_second = max((seconds.count(second) for second in seconds), default=0)
    if most_in_a_second < page_size:
        assert walk_trades(stored, page_size) == stored
    elif most_in_a_second > page_size:
        with pytest.raises(InvalidArgument, match="page_size"):
            walk_trades(stored, page_size)


def test_the_walk_goes_on_from_the_second_of_the_last_trade():
    walk = TradeWalk(START, 2)
    assert walk.accept([trade(1, 0), trade(2, 5)]) == [trade(1, 0), trade(2, 5)]
    assert walk.since == START + timedelta(seconds=5)
    assert walk.accept([trade(2, 5), trade(3, 5)]) == [trade(3, 5)]
    assert not walk.done
    with pytest.raises(InvalidArgument, match="more than 2 trades in the second 2026-01-05T10:00:05Z"):
        walk.accept([trade(2, 5), trade(3, 5)])


def test_a_short_page_is_the_last():
    walk = TradeWalk(START, 3)
    assert walk.accept([trade(1, 0)]) == [trade(1, 0)]
    assert walk.done


def test_markets_number_their_trades_independently():
    walk = TradeWalk(START, 2)
    stock, future = trade(7, 0, "SBER"), trade(7, 0, "SBRF-3.26")
    assert walk.accept([stock, future]) == [stock, future]
    assert walk.accept([future]) == []


def test_trades_without_a_date_end_the_walk_with_an_error_and_not_in_circles():
    walk = TradeWalk(START, 2)
    assert len(walk.accept([trade(1, None), trade(2, None)])) == 2
    assert walk.since == START
    with pytest.raises(InvalidArgument, match="page_size"):
        walk.accept([trade(1, None), trade(2, None)])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_the_memory_of_the_walk_is_one_second_long(seed):
    walk = TradeWalk(START, 50)
    for start in range(seed, seed + 2000, 40):
        walk.accept([trade(start + n, (start - seed + n) // 4) for n in range(50)])
        assert len(walk._seen) <= 8
