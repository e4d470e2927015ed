from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest

from alor_async.sandbox.core.candles import Candles, Frame, fold
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.clock import DAY, to_us
from alor_async.sandbox.core.entities import CandlePage
from alor_async.sandbox.core.exchange import Exchange, InvalidQuery
from alor_async.sandbox.core.history import Bar, History, day_number, split
from alor_async.sandbox.core.prints import Prints
from alor_async.sandbox.core.terms import Terms
from tests.sandbox.core.support import (
    QUIET,
    STOCKS,
    WEDNESDAY_NOON,
    HandClock,
    Side,
    forget_the_past,
    limit,
    market,
    place,
)

NOON = int(WEDNESDAY_NOON.timestamp())
FAR_FUTURE = 32_536_799_999
SPECS = {spec.symbol: spec for spec in default_instruments(WEDNESDAY_NOON.date())}


def seconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc]


def past(symbol: str = "SBER", seed: int = 42) -> Candles:
    forget_the_past()
    now = to_us(WEDNESDAY_NOON)
    return Candles(History(Terms(SPECS[symbol]), seed), Prints(), now, now)


def bars(candles: Candles, frame: str, start: int, end: int = FAR_FUTURE) -> list[Bar]:
    return candles.between(Frame.parse(frame), start, end)


# -- splitting


@pytest.mark.parametrize("seed", range(20))
def test_the_children_add_up_to_their_parent(seed: int) -> None:
    rng = Random(seed)
    low = rng.randrange(100, 10_000)
    high = low + rng.randrange(0, 400)
    parent = Bar(0, rng.randint(low, high), high, low, rng.randint(low, high), rng.randrange(600, 10**6))
    children = split(parent, list(range(60)), [4] * 60, rng)
    assert fold(children, Frame.parse("60")) == [parent]
    for before, after in pairwise(children):
        assert before.close == after.open
    for child in children:
        assert child.low <= min(child.open, child.close) <= max(child.open, child.close) <= child.high
        assert child.lots >= 4


# -- one history in all frames


@pytest.mark.heavy
@pytest.mark.parametrize("symbol", ["SBER", "Si-6.26", "RU000A106K43", "CNYRUB_TOM"])
def test_long_candles_are_made_of_short_ones(symbol: str) -> None:
    candles = past(symbol)
    start = seconds(2026, 2, 1)
    minutes = bars(candles, "60", start)
    assert fold(minutes, Frame.parse("3600")) == bars(candles, "3600", start)
    assert fold(minutes, Frame.parse("D")) == bars(candles, "D", start)
    assert fold(minutes, Frame.parse("900")) == bars(candles, "900", start)
    days = bars(candles, "D", seconds(2025, 1, 1))
    weeks = [bar for bar in fold(days, Frame.parse("W")) if bar.time >= seconds(2025, 1, 1)]
    assert weeks == bars(candles, "W", seconds(2025, 1, 1))
    assert fold(days, Frame.parse("M")) == bars(candles, "M", seconds(2025, 1, 1))
    assert fold(days, Frame.parse("Y")) == bars(candles, "Y", seconds(2025, 1, 1))


def test_minutes_are_made_of_seconds() -> None:
    candles = past()
    start = seconds(2026, 3, 16)
    assert fold(bars(candles, "1", start), Frame.parse("60")) == bars(candles, "60", start)
    assert fold(bars(candles, "15", start), Frame.parse("D")) == bars(candles, "D", start)
    assert fold(bars(candles, "1", start), Frame.parse("90")) == bars(candles, "90", start)


def test_a_part_of_a_range_is_the_same_as_in_the_whole() -> None:
    candles = past()
    whole = bars(candles, "60", seconds(2026, 3, 1))
    part = bars(candles, "60", seconds(2026, 3, 11, 8, 17), seconds(2026, 3, 12, 9, 1))
    assert part == [bar for bar in whole if part[0].time <= bar.time <= part[-1].time]
    assert (part[0].time, part[-1].time) == (seconds(2026, 3, 11, 8, 17), seconds(2026, 3, 12, 9, 1))
    second = bars(candles, "5", seconds(2026, 3, 11, 8, 17, 2), seconds(2026, 3, 11, 8, 20))
    whole = bars(candles, "5", seconds(2026, 3, 11), seconds(2026, 3, 12))
    assert second == [bar for bar in whole if seconds(2026, 3, 11, 8, 17, 2) <= bar.time <= seconds(2026, 3, 11, 8, 20)]


def test_the_seed_and_nothing_else_decides() -> None:
    start = seconds(2026, 3, 1)
    assert bars(past(), "60", start) == bars(past(), "60", start)
    assert bars(past(), "60", start) != bars(past(seed=43), "60", start)
    assert bars(past("SBER"), "D", start) != bars(past("SBERP"), "D", start)


def test_the_past_ends_now_and_begins_with_the_listing() -> None:
    candles = past()
    minutes = bars(candles, "60", seconds(2026, 3, 18))
    assert minutes[-1].time == NOON // 60 * 60
    assert minutes[0].time == seconds(2026, 3, 18, 7)
    assert bars(candles, "D", 0)[0].time == day_number(SPECS["SBER"].listed) * 86_400
    assert bars(candles, "1", seconds(2026, 1, 1))[0].time >= seconds(2026, 2, 16)
    assert bars(candles, "60", seconds(2026, 3, 14), seconds(2026, 3, 15, 23)) == []


def test_prices_stay_positive_and_near_their_place() -> None:
    for symbol, spec in SPECS.items():
        terms = Terms(spec)
        reference = terms.nearest_ticks(spec.reference_price)
        for bar in History(terms, 1)._year(2025).values():
            assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high, symbol
            assert reference // 2 < bar.low < bar.high < reference * 2, symbol


def test_trades_are_in_order_and_inside_their_minute() -> None:
    history = History(Terms(SPECS["SBER"]), 42)
    day = day_number(date(2026, 3, 17))
    prints = history.prints(day, (day + 1) * DAY)
    assert all(a.trade_id < b.trade_id and a.time_us <= b.time_us for a, b in pairwise(prints))
    assert history.trade_count(day) == len(prints)
    whole = history.day(day, (day + 1) * DAY)
    assert whole is not None
    assert (prints[0].ticks, prints[-1].ticks) == (whole.open, whole.close)
    assert sum(trade.lots for trade in prints) == whole.lots
    assert history.last_print((day + 1) * DAY) == prints[-1]
    assert history.last_print(prints[100].time_us) == prints[99]
    assert history.last_print(prints[0].time_us) == history.prints(day - 1, day * DAY)[-1]
    assert history.last_print(0).ticks > 0
    assert history.prints(day + 1, (day + 1) * DAY) == []


# -- frames


@pytest.mark.parametrize(
    ("text", "moment", "opened"),
    [
        ("60", (2026, 3, 18, 9, 30, 17), (2026, 3, 18, 9, 30)),
        ("14400", (2026, 3, 18, 9, 30), (2026, 3, 18, 8)),
        ("D", (2026, 3, 18, 9, 30), (2026, 3, 18)),
        ("86400", (2026, 3, 18, 9, 30), (2026, 3, 18)),
        ("W", (2026, 3, 18), (2026, 3, 16)),
        ("604800", (2026, 3, 16), (2026, 3, 16)),
        ("m", (2026, 3, 18), (2026, 3, 1)),
        ("3M", (2026, 3, 18), (2026, 1, 1)),
        ("Y", (2026, 3, 18), (2026, 1, 1)),
        ("31536000", (2026, 3, 18), (2026, 1, 1)),
        ("172800", (2026, 3, 19), (2026, 3, 18)),
        ("2W", (2026, 3, 29), (2026, 3, 16)),
    ],
)
def test_where_a_frame_opens(text: str, moment: tuple[int, ...], opened: tuple[int, ...]) -> None:
    assert Frame.parse(text).open_of(seconds(*moment)) == seconds(*opened)


@pytest.mark.parametrize("text", ["", " ", "0", "H", "-60", "1.5", "100000", "0D", "60s", "١"])
def test_frames_that_are_none(exchange: Exchange, text: str) -> None:
    with pytest.raises(InvalidQuery, match="time frame"):
        exchange.get_candles("MOEX", "SBER", text, start=0, end=1)


# -- pages


def page(exchange: Exchange, frame: str, start: int, end: int, **more: int) -> CandlePage:
    return exchange.get_candles("MOEX", "SBER", frame, start=start, end=end, **more)  # type: ignore[arg-type]


def test_the_neighbours_of_a_page(exchange: Exchange) -> None:
    whole = page(exchange, "3600", seconds(2026, 3, 10), seconds(2026, 3, 14)).candles
    found = page(exchange, "3600", seconds(2026, 3, 11), seconds(2026, 3, 12) - 1)
    inside = [candle for candle in whole if seconds(2026, 3, 11) <= candle.timestamp < seconds(2026, 3, 12)]
    assert list(found.candles) == inside
    first, last = whole.index(inside[0]), whole.index(inside[-1])
    assert (found.prev, found.next) == (whole[first - 1].timestamp, whole[last + 1].timestamp)


def test_walking_back_by_prev_misses_nothing(exchange: Exchange) -> None:
    start, end = seconds(2026, 3, 11), seconds(2026, 3, 17)
    walked: list[int] = []
    while end >= start:
        found = page(exchange, "1800", max(start, end - 30_000), end)
        walked = [candle.timestamp for candle in found.candles] + walked
        assert found.prev is not None
        end = found.prev
    whole = page(exchange, "1800", start, seconds(2026, 3, 17)).candles
    assert walked == [candle.timestamp for candle in whole]


def test_the_ends_of_history_have_no_neighbours(exchange: Exchange) -> None:
    found = page(exchange, "D", 0, FAR_FUTURE)
    assert (found.prev, found.next) == (None, None)
    nothing_before = page(exchange, "D", 0, 1_000)
    assert (nothing_before.candles, nothing_before.prev) == ((), None)
    assert nothing_before.next == found.candles[0].timestamp
    nothing_after = page(exchange, "60", NOON + 60, FAR_FUTURE)
    assert (nothing_after.candles, nothing_after.next) == ((), None)
    assert nothing_after.prev == NOON // 60 * 60
    weekend = page(exchange, "60", seconds(2026, 3, 14), seconds(2026, 3, 15))
    assert weekend.candles == ()
    assert (weekend.prev, weekend.next) == (seconds(2026, 3, 13, 15, 49), seconds(2026, 3, 16, 7))


def test_count_back_moves_the_start(exchange: Exchange) -> None:
    end = seconds(2026, 3, 16, 9)
    found = page(exchange, "60", end - 60, end, count_back=1_000)
    assert len(found.candles) == 1_000
    assert found.candles[-1].timestamp == end
    assert len(page(exchange, "60", end - 600, end, count_back=5).candles) == 11
    assert len(page(exchange, "Y", end, end, count_back=1_000).candles) == 13
    assert page(exchange, "60", end, end, count_back=0).candles == page(exchange, "60", end, end).candles
    few = page(exchange, "1", seconds(2026, 2, 16), seconds(2026, 2, 16, 8), count_back=10**6)
    assert few.prev is None


def test_no_data_at_all(exchange: Exchange) -> None:
    empty = exchange.get_candles("MOEX", "SBER", "60", start=0, end=FAR_FUTURE, board=QUIET)
    assert empty == CandlePage((), None, None)
    with pytest.raises(InvalidQuery, match="From"):
        page(exchange, "60", 10, 9)


def test_an_exact_name_or_a_looser_one(exchange: Exchange) -> None:
    loose = exchange.get_candles("MOEX", "sim6", "D", start=0, end=FAR_FUTURE)
    assert loose == exchange.get_candles("moex", "Si-6.26", "D", start=0, end=FAR_FUTURE, untraded=True)
    with pytest.raises(LookupError):
        exchange.get_candles("MOEX", "SiM6", "D", start=0, end=FAR_FUTURE, untraded=True)


# -- the present


def test_the_last_candle_is_where_the_book_is(exchange: Exchange) -> None:
    for instrument in exchange.list_instruments("MOEX"):
        symbol = instrument.spec.symbol
        quote = exchange.get_quote("MOEX", symbol)
        last = exchange.get_candles("MOEX", symbol, "60", start=NOON - 86_400, end=NOON).candles[-1]
        assert last.close == quote.last_price
        assert quote.bid is not None
        assert quote.ask is not None
        assert quote.bid <= quote.last_price <= quote.ask
        assert quote.ask - quote.bid <= 3 * instrument.spec.price_step
        tape = exchange.list_market_trades("MOEX", symbol, limit=1, descending=True)
        assert tape[0].price == quote.last_price


def test_what_happens_now_is_in_the_candles_at_once(exchange: Exchange, clock: HandClock) -> None:
    quote = exchange.get_quote("MOEX", "SBER")
    before = page(exchange, "60", NOON // 60 * 60, NOON).candles[0]
    clock.forward(seconds=5)
    place(exchange, market(Side.BUY, 3, board=None))
    clock.forward(minutes=2)
    exchange.crowd_trade("MOEX", "SBER", price=quote.last_price + 3, lots=4)
    first, second = page(exchange, "60", NOON // 60 * 60, FAR_FUTURE).candles
    assert (first.open, first.close, first.volume) == (before.open, quote.ask, before.volume + 3)
    assert (second.timestamp, second.high, second.volume) == (NOON // 60 * 60 + 120, quote.last_price + 3, 4)
    day = page(exchange, "D", NOON // 86_400 * 86_400, FAR_FUTURE).candles[-1]
    now = exchange.get_quote("MOEX", "SBER")
    assert (day.high, day.low, day.close) == (now.high_price, now.low_price, now.last_price)
    assert day.volume * 10 == now.volume == quote.volume + 70
    assert sum(trade.lots for trade in exchange.list_market_trades("MOEX", "SBER")) == day.volume


def test_trades_on_a_board_without_a_past_make_its_candles(exchange: Exchange, clock: HandClock) -> None:
    clock.forward(hours=1)
    place(exchange, limit(Side.SELL, 2, "290", portfolio="E39005"))
    place(exchange, market(Side.BUY, 2))
    found = exchange.get_candles("MOEX", "SBER", "300", start=0, end=FAR_FUTURE, board=QUIET)
    assert [(candle.timestamp, candle.open, candle.volume) for candle in found.candles] == [
        (seconds(2026, 3, 18, 10, 30), Decimal(290), 2)
    ]
    assert exchange.get_candles("MOEX", "SBER", "D", start=0, end=FAR_FUTURE, board=QUIET).candles[0].volume == 2


def test_late_readers_see_the_market_of_a_quarter_of_an_hour_ago(exchange: Exchange, clock: HandClock) -> None:
    quote = exchange.get_quote("MOEX", "SBER")
    late = exchange.get_quote("MOEX", "SBER", delayed=True)
    cut = NOON - 900
    candles = exchange.get_candles("MOEX", "SBER", "60", start=cut - 3_600, end=FAR_FUTURE, delayed=True)
    assert candles.candles[-1].timestamp == cut // 60 * 60
    assert candles.candles[-1].close == late.last_price
    assert late.last_price_timestamp <= cut
    assert exchange.server_time(delayed=True) == cut
    assert exchange.now() - exchange.now(delayed=True) == timedelta(minutes=15)
    clock.forward(minutes=1)
    exchange.crowd_trade("MOEX", "SBER", price=quote.last_price + 5, lots=1)
    clock.forward(minutes=14, seconds=59)
    assert exchange.get_quote("MOEX", "SBER", delayed=True).bid == quote.bid
    clock.forward(seconds=1)
    caught_up = exchange.get_quote("MOEX", "SBER", delayed=True)
    assert (caught_up.last_price, caught_up.ask) == (quote.last_price + 5, quote.last_price + 5)


def test_the_memory_for_late_readers_is_short(exchange: Exchange, clock: HandClock) -> None:
    for _ in range(40):
        clock.forward(minutes=1)
        place(exchange, market(Side.BUY, 1, board=None))
    assert len(exchange._market("MOEX", "SBER")._tops) <= 17


def test_the_sessions_of_a_weekend(clock: HandClock) -> None:
    clock.now = datetime(2026, 3, 21, 12, tzinfo=UTC)
    exchange = Exchange(clock=clock, seed=42)
    friday = exchange.get_candles("MOEX", "SBER", "D", start=seconds(2026, 3, 20), end=FAR_FUTURE).candles
    quote = exchange.get_quote("MOEX", "SBER")
    assert len(friday) == 1
    assert (quote.open_price, quote.high_price, quote.last_price) == (
        friday[0].open,
        friday[0].high,
        friday[0].close,
    )
    place(exchange, market(Side.BUY, 1, board=None))
    assert exchange.get_quote("MOEX", "SBER").volume == quote.volume + 10
    assert exchange.list_trades(STOCKS)[0].settles_at == datetime(2026, 3, 23, 23, 59, 59, tzinfo=UTC)
    clock.now = datetime(2026, 3, 23, 7, tzinfo=UTC)
    monday = exchange.get_quote("MOEX", "SBER")
    assert monday.prev_close_price == quote.ask
    assert (monday.volume, monday.open_price) == (0, quote.ask)
    assert exchange.list_market_trades("MOEX", "SBER") == ()
    assert exchange.check() == []
