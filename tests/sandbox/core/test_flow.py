from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox.core.candles import Frame, fold
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.clock import SteppedClock, to_us
from alor_async.sandbox.core.entities import InstrumentSpec
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.presets import PRESETS, MarketChoice, MarketPreset
from tests.sandbox.core.support import WEDNESDAY_NOON, Side, limit, market, place

pytestmark = pytest.mark.heavy

NOON = int(WEDNESDAY_NOON.timestamp())
FAR_FUTURE = 32_536_799_999
LIVELY = ["calm", "trend", "mean_revert", "gap", "illiquid", "flash_crash"]


class Run:
    """An exchange whose markets move, in stepped time."""

    def __init__(
        self,
        choice: MarketChoice,
        *,
        seed: int = 42,
        start: datetime = WEDNESDAY_NOON,
        instruments: Sequence[InstrumentSpec] = (),
    ) -> None:
        self.clock = SteppedClock(to_us(start))
        self.exchange = Exchange(clock=self.clock, seed=seed, market=choice, instruments=instruments)

    def forward(self, *, seconds: float = 0, minutes: float = 0) -> None:
        self.clock.move_to(self.clock.now_us() + int((seconds + 60 * minutes) * 1_000_000))
        self.exchange.advance()

    def market(self, symbol: str = "SBER") -> InstrumentMarket:
        return self.exchange.find_market("MOEX", symbol)


def only(symbol: str, preset: str | MarketPreset) -> MarketChoice:
    return {symbol: preset}


class Watcher:
    """Looks at a market at every change, as streams do."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.broken: list[str] = []
        self.looks = 0

    def on_trade(self, market: InstrumentMarket, trade: object) -> None:
        if market.last() is not trade:
            self.broken.append("the last trade is not the last")

    def on_book(self, market: InstrumentMarket) -> None:
        self.looks += 1
        low, high = market.limits(self.exchange.now_us)
        bid, ask = market.book.best(Side.BUY), market.book.best(Side.SELL)
        if bid is None or ask is None or not low <= bid < ask <= high:
            self.broken.append(f"{bid} under {ask} within {low} to {high}")
        for side in Side:
            levels = market.book.levels(side)
            if not all(low <= ticks <= high and lots > 0 for ticks, lots in levels):
                self.broken.append(f"{side}: {levels}")

    def on_instrument(self, *_: object) -> None: ...

    on_order = on_stop = on_fill = on_account = on_instrument

    def on_settled(self) -> None: ...


@pytest.mark.parametrize("preset", LIVELY)
@pytest.mark.parametrize("symbol", ["SBER", "RU000A106K43"])
def test_the_book_is_sound_at_every_moment(preset: str, symbol: str) -> None:
    run = Run(only(symbol, preset))
    watcher = Watcher(run.exchange)
    run.exchange.listen(watcher)
    run.forward(minutes=20)
    assert watcher.looks > (100 if preset == "illiquid" else 1_500)
    assert watcher.broken == []
    assert run.exchange.check() == []


@pytest.mark.parametrize("preset", LIVELY)
def test_candles_trades_and_quotes_come_from_one_flow(preset: str) -> None:
    run = Run(only("SBER", preset))
    run.forward(minutes=35, seconds=17.3)
    exchange = run.exchange
    tape = exchange.list_market_trades("MOEX", "SBER")
    quote = exchange.get_quote("MOEX", "SBER")
    assert quote.last_price == tape[-1].price
    assert (quote.open_price, quote.high_price, quote.low_price) == (
        tape[0].price,
        max(trade.price for trade in tape),
        min(trade.price for trade in tape),
    )
    assert quote.volume == 10 * sum(trade.lots for trade in tape)
    assert all(a.trade_id < b.trade_id and a.timestamp_ms <= b.timestamp_ms for a, b in pairwise(tape))
    assert all(trade.price % Decimal("0.01") == 0 for trade in tape)
    for frame, size in (("1", 1), ("60", 60), ("300", 300), ("3600", 3_600)):
        page = exchange.get_candles("MOEX", "SBER", frame, start=NOON // 86_400 * 86_400, end=FAR_FUTURE)
        by_time: dict[int, list[Decimal]] = {}
        for trade in tape:
            by_time.setdefault(trade.timestamp_ms // 1_000 // size * size, []).append(trade.price)
        assert [(c.timestamp, c.open, c.high, c.low, c.close) for c in page.candles] == [
            (time, prices[0], max(prices), min(prices), prices[-1]) for time, prices in by_time.items()
        ]
        assert sum(candle.volume for candle in page.candles) * 10 == quote.volume


def test_long_candles_of_a_moving_market_are_made_of_its_minutes() -> None:
    run = Run(only("SBER", "calm"))
    run.forward(minutes=90)
    candles = run.market().candles(run.exchange.now_us)
    start = NOON - 5 * 86_400
    minutes = candles.between(Frame.parse("60"), start, FAR_FUTURE)
    for frame in ("180", "3600", "14400", "D"):
        whole = candles.between(Frame.parse(frame), start // 86_400 * 86_400, FAR_FUTURE)
        assert fold(minutes, Frame.parse(frame))[-3:] == whole[-3:]
    seconds = candles.between(Frame.parse("10"), NOON // 86_400 * 86_400, FAR_FUTURE)
    assert fold(seconds, Frame.parse("60")) == [bar for bar in minutes if bar.time >= NOON // 86_400 * 86_400]


def test_what_happens_does_not_depend_on_who_looks() -> None:
    def digest(steps: list[float], *, seed: int = 1, looking: bool = False) -> str:
        run = Run("calm", seed=seed)
        for step in steps:
            run.forward(seconds=step)
            if looking:
                run.exchange.get_quote("MOEX", "SBER")
                run.exchange.get_candles("MOEX", "GAZP", "60", start=NOON - 600, end=FAR_FUTURE)
        return run.exchange.journal.digest()

    whole = digest([30])
    assert digest([0.1] * 300, looking=True) == whole
    assert digest([29, 1]) == whole
    assert digest([30], seed=2) != whole
    assert digest([31]) != whole


def test_each_instrument_has_its_own_chance() -> None:
    alone, both = Run(only("SBER", "calm")), Run({"SBER": "calm", "GAZP": "flash_crash"})
    for run in (alone, both):
        run.forward(minutes=5)

    def tape(run: Run) -> list[tuple[int, int, int]]:
        return [(trade.time_us, trade.ticks, trade.lots) for trade in run.market().live]

    assert tape(alone) == tape(both)
    assert not list(alone.market("GAZP").live)


def test_a_still_market_stands_still() -> None:
    run = Run("still")
    before = run.exchange.get_quote("MOEX", "SBER"), run.exchange.get_book("MOEX", "SBER")
    run.forward(minutes=30)
    assert (run.exchange.get_quote("MOEX", "SBER"), run.exchange.get_book("MOEX", "SBER")) == before


@pytest.mark.parametrize("preset", ["calm", "illiquid", "flash_crash"])
def test_late_readers_see_exactly_what_was_shown_a_quarter_of_an_hour_ago(preset: str) -> None:
    run = Run(only("SBER", preset))

    def look(*, delayed: bool) -> tuple[object, object]:
        page = run.exchange.get_candles("MOEX", "SBER", "60", start=NOON - 600, end=FAR_FUTURE, delayed=delayed)
        return run.exchange.get_quote("MOEX", "SBER", delayed=delayed), page.candles

    shown: list[tuple[object, object]] = []
    for step in range(90):
        run.forward(seconds=20)
        shown.append(look(delayed=False))
        if step >= 45:
            assert look(delayed=True) == shown[step - 45]
    place(run.exchange, limit(Side.BUY, 50, run.exchange.get_quote("MOEX", "SBER").last_price, board=None, iceberg=5))
    hidden = look(delayed=False)
    run.forward(minutes=15)
    assert look(delayed=True) == hidden


# -- what the presets are for


def moved(preset: str | MarketPreset, minutes: int, seed: int = 42) -> list[int]:
    """The lowest, the first, the last and the highest price; hundredths of a percent of the first."""
    run = Run(only("SBER", preset), seed=seed)
    first = run.market().reference.ticks
    run.forward(minutes=minutes)
    bars = run.market().live.minutes(0, FAR_FUTURE, 2**60)
    prices = (min(bar.low for bar in bars), bars[-1].close, max(bar.high for bar in bars))
    return [(price - first) * 10_000 // first for price in prices]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trend_goes_somewhere_and_calm_does_not(seed: int) -> None:
    assert moved("trend", 60, seed)[1] > 40
    assert moved(replace(PRESETS["trend"], drift=-240), 60, seed)[1] < -150
    low, _, high = moved("calm", 60, seed)
    assert -120 < low < high < 120


def test_gaps_crashes_and_returns() -> None:
    low, last, high = moved("flash_crash", 15)
    assert low < -1_100
    assert -100 < last <= high < 100
    run = Run(only("SBER", "gap"))
    run.forward(minutes=20)
    steps = [abs(b.ticks - a.ticks) * 10_000 // a.ticks for a, b in pairwise(run.market().live)]
    assert sum(step > 120 for step in steps) in (1, 2, 3, 4)
    wild, tied = moved(MarketPreset(volatility=1_000), 120), moved(MarketPreset(volatility=1_000, pull=60), 120)
    assert tied[2] - tied[0] < wild[2] - wild[0]


def test_an_illiquid_market_is_slow_and_wide() -> None:
    figures: list[tuple[int, int, int]] = []
    for preset in ("illiquid", "calm"):
        run = Run(only("SBER", preset))
        spread = 0
        for _ in range(20):
            run.forward(minutes=1)
            best = run.market().book.top()
            assert best.bid is not None
            assert best.ask is not None
            spread += best.ask - best.bid
        figures.append((len(run.market().live), -spread, best.total_bid))
    assert figures[0][0] * 5 < figures[1][0]
    assert figures[0][1] < figures[1][1] * 3


@pytest.mark.parametrize(("symbol", "least", "most"), [("SBER", 8, 12), ("RU000A106K43", 1, 3)])
def test_how_much_happens(symbol: str, least: int, most: int) -> None:
    run = Run(only(symbol, "calm"))
    before = run.market(symbol).book_revision
    run.forward(minutes=10)
    assert least * 600 <= run.market(symbol).book_revision - before <= most * 600


# -- clients and the crowd


def test_the_crowd_fills_what_a_client_offers_well_and_refills_what_he_takes() -> None:
    run = Run(only("SBER", "calm"))
    quote = run.exchange.get_quote("MOEX", "SBER")
    assert quote.ask is not None
    number = place(run.exchange, limit(Side.SELL, 30, quote.ask - Decimal("0.01"), board=None))
    run.forward(minutes=5)
    order = run.exchange.get_order("D39004", number)
    assert order is not None
    assert order.filled_lots > 0
    run.exchange.check()
    thin = Run(only("TMOS", "calm"))
    asks = sum(lots for _, lots in thin.market("TMOS").book.levels(Side.SELL)[:2])
    place(thin.exchange, market(Side.BUY, asks, symbol="TMOS", board=None, portfolio="E39005", allow_margin=True))
    thin.forward(minutes=2)
    assert len(thin.market("TMOS").book.levels(Side.SELL)) > 10
    assert thin.exchange.check() == []


def test_a_moved_market_goes_on_from_where_it_was_moved_to() -> None:
    run = Run(only("SBER", "calm"))
    last = run.exchange.get_quote("MOEX", "SBER").last_price
    run.forward(minutes=1)
    run.exchange.crowd_trade("MOEX", "SBER", price=last + 12, lots=5)
    run.forward(minutes=5)
    assert abs(run.exchange.get_quote("MOEX", "SBER").last_price - last - 12) < 2


@pytest.mark.parametrize("drift", [1_000, -1_000])
def test_prices_stop_at_the_limits_of_the_day(drift: int) -> None:
    sber = next(spec for spec in default_instruments(WEDNESDAY_NOON.date()) if spec.symbol == "SBER")
    wild = MarketPreset(drift=drift, volatility=500, gap=300, gap_every=1, crash=2_000, crash_every=7)
    tight = [replace(sber, limit_percent=2)]
    for preset in (wild, MarketPreset(drift=drift)):
        run = Run(only("SBER", preset), instruments=tight)
        watcher = Watcher(run.exchange)
        run.exchange.listen(watcher)
        run.forward(minutes=25)
        assert watcher.broken == []
        assert watcher.looks > 1_500
        low, high = run.market().limits(run.exchange.now_us)
        prices = {trade.ticks for trade in run.market().live}
        assert low <= min(prices) <= max(prices) <= high
    edge = high if drift > 0 else low
    assert abs(run.market().last().ticks - edge) < 30


def test_nothing_happens_while_trading_is_stopped() -> None:
    run = Run(only("SBER", "calm"))
    run.forward(minutes=1)
    sber = run.market()
    sber.set_trading_status(18, "торги приостановлены")
    stopped = sber.revision
    run.forward(minutes=10)
    assert sber.revision == stopped
    assert run.exchange.get_instrument("MOEX", "SBER").trading_status == 18
    sber.set_trading_status(17, "нормальный период торгов")
    run.forward(minutes=1)
    assert sber.revision > stopped + 100


def test_a_new_day_has_new_orders_within_new_limits() -> None:
    run = Run(only("SBER", "trend"), start=datetime(2026, 3, 18, 6, 58, tzinfo=UTC))
    sber = run.market()
    old = {order.number for side in Side for order in sber.book.orders(side)}
    watcher = Watcher(run.exchange)
    run.forward(minutes=1)
    run.exchange.crowd_trade("MOEX", "SBER", price=run.exchange.get_quote("MOEX", "SBER").last_price + 20, lots=1)
    run.forward(seconds=65)
    run.exchange.listen(watcher)
    run.forward(minutes=3)
    assert watcher.broken == []
    assert not old & {order.number for side in Side for order in sber.book.orders(side)}
    low, high = sber.limits(run.exchange.now_us)
    assert low < sber.last().ticks < high
    assert sber.previous_close(run.exchange.now_us // (86_400 * 10**6)) * 80 // 100 == low


# -- choosing


def test_wrong_choices_are_named() -> None:
    clock = SteppedClock(to_us(WEDNESDAY_NOON))
    for choice, said in (
        ("wild", "still, calm"),
        ({"SBER": "wild"}, "still, calm"),
        ({"NOSUCH": "calm"}, "MOEX:NOSUCH"),
        ({"SPBX:SBER": "calm"}, "SPBX:SBER"),
        ({5: "calm"}, "named by text"),
        (None, "MarketPreset"),
    ):
        with pytest.raises(ConfigError, match="market") as caught:
            Exchange(clock=clock, market=choice)  # type: ignore[arg-type]
        assert said in str(caught.value)
    for name, value in (("pace", -1), ("takes", 101), ("drift", 0.5), ("depth", 0), ("crash", True)):
        with pytest.raises(ConfigError, match=name):
            MarketPreset(**{name: value})  # type: ignore[arg-type]


def test_one_preset_for_each() -> None:
    run = Run({"sber": "still", "*": "calm", "MOEX:GAZP": MarketPreset(pace=10)})
    run.forward(minutes=10)
    assert not list(run.market("SBER").live)
    assert 0 < len(run.market("GAZP").live) * 4 < len(run.market("LKOH").live)
