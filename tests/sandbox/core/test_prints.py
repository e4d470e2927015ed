from __future__ import annotations

from random import Random

import pytest

from alor_async.sandbox.core.book import Best
from alor_async.sandbox.core.candles import Candles, Frame, fold
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.history import Bar, History, Print, session_open_us
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.prints import MOST_KEPT, Prints
from alor_async.sandbox.core.terms import Terms
from alor_async.sandbox.core.tops import DELAY_US, Tops
from tests.sandbox.core.support import WEDNESDAY_NOON

pytestmark = pytest.mark.heavy

START = 1_773_826_217


def some(count: int, *, seed: int = 1, pause_us: int = 900_000) -> list[Print]:
    """Trades at random times and prices."""
    rng = Random(seed)
    time_us, ticks = START * 1_000_000, 29_000
    trades: list[Print] = []
    for number in range(1, count + 1):
        time_us += rng.randrange(pause_us)
        ticks += rng.randrange(-3, 4)
        trades.append(Print(number, time_us, ticks, rng.randrange(1, 50), rng.choice((-1, 1))))
    return trades


def filled(trades: list[Print]) -> Prints:
    prints = Prints()
    for trade in trades:
        prints.append(trade)
    return prints


def bars_of(trades: list[Print]) -> list[Bar]:
    """The obvious way: a bar for every trade, joined."""
    return fold(
        (Bar(t.time_us // 1_000_000, t.ticks, t.ticks, t.ticks, t.ticks, t.lots) for t in trades), Frame.parse("60")
    )


def test_they_are_a_sequence() -> None:
    trades = some(500)
    prints = filled(trades)
    assert list(prints) == trades
    assert (len(prints), prints[0], prints[-1], prints.last) == (500, trades[0], trades[-1], trades[-1])
    assert prints.newest(7) == trades[-7:]
    assert prints.newest(10_000) == trades
    with pytest.raises(IndexError):
        prints[500]
    prints.clear()
    assert (len(prints), prints.last, prints.first_minute) == (0, None, None)
    assert prints.until(2**60) is None
    assert prints.minutes(0, 2**40, 2**60) == []


@pytest.mark.parametrize("seed", range(5))
def test_ranges_and_minutes_are_what_one_would_count(seed: int) -> None:
    trades, rng = some(2_000, seed=seed), Random(seed)
    prints = filled(trades)
    first, last = trades[0].time_us, trades[-1].time_us
    for _ in range(40):
        low, high = sorted(rng.randrange(first - 10**6, last + 10**6) for _ in range(2))
        assert prints.between(low, high) == [trade for trade in trades if low <= trade.time_us < high]
        before = [trade for trade in trades if trade.time_us <= high]
        assert prints.until(high) == (before[-1] if before else None)
        wanted = [bar for bar in bars_of(before) if low // 1_000_000 <= bar.time <= last // 1_000_000]
        assert prints.minutes(low // 1_000_000, last // 1_000_000, high) == wanted
    assert prints.minutes(0, 2**40, 2**60) == bars_of(trades)


def test_old_trades_become_minutes() -> None:
    trades = some(MOST_KEPT * 2, pause_us=1_800_000)
    prints = filled(trades)
    assert MOST_KEPT <= len(prints) <= MOST_KEPT * 5 // 4
    assert list(prints) == trades[-len(prints) :]
    assert prints.complete_from % 60 == 0
    dropped = trades[-len(prints) - 1]
    assert dropped.time_us < prints.complete_from * 1_000_000 <= prints[0].time_us
    assert prints.minutes(0, 2**40, 2**60) == bars_of(trades)
    assert prints.first_minute == trades[0].time_us // 60_000_000 * 60


def test_seconds_begin_where_single_trades_are_complete() -> None:
    trades = some(MOST_KEPT * 3 // 2)
    prints = filled(trades)
    now = trades[-1].time_us
    candles = Candles(None, prints, START * 1_000_000, now)
    seconds = candles.between(Frame.parse("1"), START - 60, now // 1_000_000)
    minutes = candles.between(Frame.parse("60"), START - 60, now // 1_000_000)
    assert fold(seconds, Frame.parse("60")) == [bar for bar in minutes if bar.time >= prints.complete_from]
    assert minutes[0].time < prints.complete_from == seconds[0].time // 60 * 60


def test_yesterdays_close_outlives_yesterdays_trades() -> None:
    terms = Terms(next(spec for spec in default_instruments(WEDNESDAY_NOON.date()) if spec.symbol == "SBER"))
    market = InstrumentMarket(terms, "TQBR", History(terms, 1), opened_us=START * 1_000_000, seed=1)
    market.record(Print(1, START * 1_000_000, 29_876, 1, 1))
    opening = session_open_us(START // 86_400 + 1)
    for number in range(MOST_KEPT * 3 // 2):
        market.record(Print(2 + number, opening + number * 200_000, 29_000 + number % 7, 1, 1))
    assert market.live[0].ticks != 29_876
    assert market.previous_close(START // 86_400 + 1) == 29_876
    assert market.quote(opening + 30_000_000_000).prev_close_price == terms.price(29_876)


def test_very_many_trades_in_one_minute_are_dropped_all_the_same() -> None:
    trades = [Print(number, START * 1_000_000, 100, 1, 1) for number in range(MOST_KEPT * 3 // 2)]
    prints = filled(trades)
    assert len(prints) <= MOST_KEPT * 5 // 4
    assert prints.minutes(0, 2**40, 2**60)[0].lots == len(trades)


@pytest.mark.parametrize("seed", range(3))
def test_late_views_of_a_moving_book_are_exact_and_bounded(seed: int) -> None:
    rng = Random(seed)
    now = START * 1_000_000
    tops = Tops(Best(1, 2, 3, 4, 5, 6))
    history: list[tuple[int, Best]] = [(0, Best(1, 2, 3, 4, 5, 6))]
    longest = 0
    for step in range(20_000):
        now += rng.choice((0, 1_000, 200_000, 900_000))
        best = Best(rng.randrange(3), None if rng.random() < 0.1 else 5, 1, 1, 1, 1)
        tops.note(now, best)
        history.append((now, best))
        longest = max(longest, len(tops))
        if step % 50 == 0:
            for moment in (now - DELAY_US, now - rng.randrange(DELAY_US), now):
                expected = next(best for time, best in reversed(history) if time <= moment)
                assert tops.at(moment)[1:] == expected
    assert longest < 4_000
    assert len(tops._kept) < 8_000
    assert tops.newest[1:] == history[-1][1]
