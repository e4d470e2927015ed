"""Candles agree with each other, whatever instrument, frame and range: the past, the present and where they meet."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.candles import Candles, Frame, fold
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.clock import SteppedClock, to_us
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.history import TRADES_KEPT_DAYS, Bar
from tests.sandbox.core.support import WEDNESDAY_NOON, forget_the_past

pytestmark = pytest.mark.heavy

NOW = to_us(WEDNESDAY_NOON) // 1_000_000
DAY = 86_400
LIVED_MINUTES = 50
SYMBOLS = sorted(spec.symbol for spec in default_instruments(WEDNESDAY_NOON.date()))
PARTS = {
    "60": ["1", "5", "30"],
    "300": ["1", "60"],
    "420": ["60"],
    "3600": ["60", "900", "1"],
    "14400": ["3600", "60"],
    "50000": ["1000", "1"],
    "D": ["60", "3600", "10"],
    "2D": ["D", "60"],
    "W": ["D", "3600"],
    "2W": ["W", "D"],
    "M": ["D", "60"],
    "3M": ["M", "D"],
    "Y": ["M", "D"],
}


@cache
def moving(symbol: str) -> Candles:
    """An instrument that has moved by itself for a while, opened in the middle of a minute."""
    clock = SteppedClock(NOW * 1_000_000)
    exchange = Exchange(clock=clock, seed=7, market={symbol: "calm"})
    clock.move_to(clock.now_us() + LIVED_MINUTES * 60_000_000)
    exchange.advance()
    return exchange.find_market("MOEX", symbol).candles(exchange.now_us)


def between(candles: Candles, frame: str, start: int, end: int) -> list[Bar]:
    return candles.between(Frame.parse(frame), start, end)


@pytest.mark.parametrize("symbol", ["SBER", "RU000A106K43", "RTS-6.26"])
@pytest.mark.parametrize(("frame", "part"), [(frame, part) for frame, parts in PARTS.items() for part in parts])
def test_a_candle_is_the_sum_of_its_parts_up_to_now(symbol: str, frame: str, part: str) -> None:
    candles = moving(symbol)
    is_long = part in "DWM" or part[-1] in "DWM"
    days = 800 if is_long else 70 if int(part) % 60 == 0 else 10
    first = Frame.parse(frame).open_of(NOW - days * DAY)
    first = Frame.parse(frame).open_of(
        first + Frame.parse(frame).reach
    )  # the first one may have begun before its parts
    whole = between(candles, frame, first, NOW + DAY)
    assert whole
    assert fold(between(candles, part, first, NOW + DAY), Frame.parse(frame)) == whole


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["SBER", "LKOH", "SU26238RMFS4", "Si-6.26"]),
    st.sampled_from([*PARTS, "1", "10", "900"]),
    st.integers(0, 20 * DAY),
    st.integers(0, 2 * DAY),
)
def test_any_range_is_a_part_of_any_longer_one(symbol: str, frame: str, back: int, length: int) -> None:
    candles = moving(symbol)
    start = NOW + LIVED_MINUTES * 60 - back
    margin = 4 * DAY + 2 * Frame.parse(frame).reach  # a weekend, and a neighbour
    whole = between(candles, frame, start - margin, start + length + margin)
    part = between(candles, frame, start, start + length)
    assert part == [bar for bar in whole if start <= bar.time <= start + length]
    if part:
        before = candles.before(Frame.parse(frame), part[0].time, 3)
        assert before[-1:] == [bar for bar in whole if bar.time < start][-1:]
        after = candles.after(Frame.parse(frame), part[-1].time)
        assert after == next((bar for bar in whole if bar.time > start + length), None)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SYMBOLS), st.sampled_from(["60", "3600", "D"]), st.integers(NOW - 2_000 * DAY, NOW))
def test_a_view_is_the_same_on_every_exchange(symbol: str, frame: str, start: int) -> None:
    def view() -> list[Bar]:
        forget_the_past()
        exchange = Exchange(clock=SteppedClock(NOW * 1_000_000), seed=3)
        candles = exchange.find_market("MOEX", symbol).candles(exchange.now_us)
        return between(candles, frame, start, start + 5 * DAY)

    assert view() == view()


def test_the_opening_minute_joins_what_was_with_what_is() -> None:
    candles = moving("SBER")
    still = Exchange(clock=SteppedClock(NOW * 1_000_000), seed=7).find_market("MOEX", "SBER")
    opening = NOW // 60 * 60
    (before,) = between(still.candles(NOW * 1_000_000), "60", opening, opening)
    (joined,) = between(candles, "60", opening, opening)
    assert (joined.open, joined.lots > before.lots) == (before.open, True)
    assert sum(bar.lots for bar in between(candles, "1", opening, opening + 59)) == joined.lots
    month, day = (between(candles, frame, NOW - 40 * DAY, NOW + DAY)[-1] for frame in ("M", "D"))
    assert (month.close, month.high >= day.high, day.lots > joined.lots) == (day.close, True, True)


def test_seconds_are_there_for_thirty_days() -> None:
    candles = moving("SBER")
    first = between(candles, "1", 0, NOW)[0]
    assert (NOW // DAY - first.time // DAY) in range(TRADES_KEPT_DAYS - 3, TRADES_KEPT_DAYS + 1)
    assert between(candles, "1", NOW - 400 * DAY, NOW - 40 * DAY) == []
    assert between(candles, "60", NOW - 400 * DAY, NOW - 399 * DAY)
