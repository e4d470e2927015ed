"""What is told once, what is told again, and what comes too late."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from alor_async._streams.filters import (
    MarketTrades,
    Orders,
    OwnTrades,
    Positions,
    Recent,
    StopOrders,
    Verdict,
)
from alor_async.models import Exchange, Order, OrderStatus, Position, Side, StopOrder
from tests.unit._streams.making import (
    CANCELLED,
    FILLED,
    NOON,
    REJECTED,
    market_trade,
    order,
    position,
    stop_order,
    trade,
)

NEW: Final = Verdict.NEW
DUPLICATE: Final = Verdict.DUPLICATE
STALE: Final = Verdict.STALE

HOUR: Final = 3_600.0
DAY: Final = 86_400.0


def verdicts(items: Sequence[Order], orders: Orders | None = None) -> list[Verdict]:
    orders = Orders() if orders is None else orders
    return [orders.admit(item) for item in items]


class TestRecent:
    def test_forgets_the_oldest_tenth_when_it_is_full(self) -> None:
        recent: Recent[int, str] = Recent(100)
        for key in range(100):
            assert recent.put(key, "") == ()
        assert recent.put(100, "") == tuple(range(10))
        assert list(recent) == list(range(10, 101))

    def test_what_is_put_again_is_the_newest(self) -> None:
        recent: Recent[int, str] = Recent(2)
        recent.put(1, "a")
        recent.put(2, "b")
        assert recent.put(1, "c") == ()
        assert recent.put(3, "d") == (2,)
        assert recent == {1: "c", 3: "d"}

    @given(keys=some.lists(some.integers(0, 30)), limit=some.integers(1, 20))
    def test_never_outgrows_its_limit_and_keeps_the_newest(self, keys: list[int], limit: int) -> None:
        recent: Recent[int, int] = Recent(limit)
        for number, key in enumerate(keys):
            recent.put(key, number)
            assert len(recent) <= limit
            assert next(reversed(recent)) == key
        assert list(recent.values()) == sorted(recent.values())


class TestOwnTrades:
    @given(numbers=some.lists(some.integers(0, 20)), renewals=some.sets(some.integers(0, 50)))
    def test_each_is_told_once_over_any_number_of_renewals(self, numbers: list[int], renewals: set[int]) -> None:
        trades = OwnTrades()
        told: list[int] = []
        for place, number in enumerate(numbers):
            if place in renewals:
                trades.renew()
            if trades.admit(trade(str(number), is_snapshot=place % 2 == 0)) is NEW:
                told.append(number)
        assert told == list(dict.fromkeys(numbers))
        assert trades.duplicates == len(numbers) - len(told)

    def test_what_was_looked_up_is_known_like_anything_else(self) -> None:
        trades = OwnTrades()
        assert trades.admit_recovered(trade("1")) is NEW
        assert trades.admit(trade("1")) is DUPLICATE
        assert trades.admit_recovered(trade("1")) is DUPLICATE

    def test_who_trades_with_himself_has_two_trades_of_one_number(self) -> None:
        trades = OwnTrades()
        assert [trades.admit(trade(side=side)) for side in (Side.BUY, Side.SELL, Side.BUY, Side.SELL)] == [
            NEW,
            NEW,
            DUPLICATE,
            DUPLICATE,
        ]

    def test_exchanges_and_markets_number_independently(self) -> None:
        trades = OwnTrades()
        own = [trade(), trade(exchange=Exchange.SPBX), trade(symbol="SBRF-6.26"), trade(symbol="USD000UTSTOM")]
        assert [trades.admit(item) for item in (*own, *own)] == [NEW] * 4 + [DUPLICATE] * 4

    @pytest.mark.parametrize("symbols", [("[N/A]", "SBER"), ("SBER", "[N/A]")])
    def test_a_trade_is_known_though_its_symbol_once_was_not(self, symbols: tuple[str, str]) -> None:
        trades = OwnTrades()
        assert [trades.admit(trade(symbol=symbol)) for symbol in symbols] == [NEW, DUPLICATE]

    def test_a_day_of_a_hundred_thousand_trades_is_remembered_and_no_more(self) -> None:
        trades = OwnTrades()
        for number in range(100_000):
            trades.admit(trade(str(number)))
        assert trades.admit(trade("0")) is DUPLICATE
        for number in range(100_000, 150_000):
            trades.admit(trade(str(number)))
        assert trades.admit(trade("60000")) is DUPLICATE
        assert trades.admit(trade("0")) is NEW


class TestMarketTrades:
    def test_each_is_told_once(self) -> None:
        trades = MarketTrades()
        assert [trades.admit(market_trade(number)) for number in (1, 2, 1, 3, 2)] == [
            NEW,
            NEW,
            DUPLICATE,
            NEW,
            DUPLICATE,
        ]

    def test_the_snapshot_after_an_interruption_tells_what_was_missed_alone(self) -> None:
        trades = MarketTrades()
        for number in range(100):
            trades.admit(market_trade(number))
        trades.renew()
        again = [trades.admit(market_trade(number, is_snapshot=True)) for number in range(50, 110)]
        assert again == [DUPLICATE] * 50 + [NEW] * 10

    def test_two_that_share_a_number_alone_are_two(self) -> None:
        trades = MarketTrades()
        assert trades.admit(market_trade(0, timestamp_ms=1)) is NEW
        assert trades.admit(market_trade(0, timestamp_ms=2)) is NEW

    def test_memory_is_bounded(self) -> None:
        trades = MarketTrades()
        for number in range(20_000):
            trades.admit(market_trade(number))
        assert trades.admit(market_trade(16_000)) is DUPLICATE
        assert trades.admit(market_trade(10_000)) is NEW


class TestOrders:
    def test_what_changes_is_told_in_order(self) -> None:
        life = [
            order(updated=None),
            order(updated=1, price="251"),
            order(updated=1, price="252"),  # the same time, and another price
            order(updated=None, price="253"),  # no time, and another price
            order(filled=3, updated=1),
            order(filled=5, updated=None),
            order(CANCELLED, filled=5, updated=2),
        ]
        assert verdicts(life) == [NEW] * len(life)

    def test_the_same_again_is_a_duplicate_whatever_its_mark(self) -> None:
        orders = Orders()
        assert orders.admit(order(filled=3, is_snapshot=False)) is NEW
        orders.renew()
        assert orders.admit(order(filled=3, is_snapshot=True)) is DUPLICATE
        assert orders.admit_recovered(order(filled=3, is_snapshot=None)) is DUPLICATE
        assert orders.duplicates == 2

    @pytest.mark.parametrize(
        ("later", "earlier"),
        [
            (order(updated=5, price="251"), order(updated=4)),
            (order(filled=3, updated=5), order(filled=2, updated=4)),
            (order(filled=3, updated=5), order(filled=2, updated=5)),
            (order(filled=3, updated=None), order(filled=2, updated=None)),
            (order(FILLED, 10, 5), order(updated=4)),
            (order(FILLED, 10, 5), order(updated=5)),
            (order(FILLED, 10, 5), order(filled=9, updated=9)),  # whatever a clock says: it ended
            (order(FILLED, 10, None), order(updated=None)),
            (order(CANCELLED, 3, 5), order(filled=3, updated=5)),
            (order(CANCELLED, 3, 5), order(filled=4, updated=5)),
            (order(REJECTED, 0, 5), order(updated=4)),
            (order(FILLED, 10, 5), order(CANCELLED, 9, 5)),
            (order(FILLED, 10, 5), order(CANCELLED, 10, 4)),
            (order(filled=4, updated=5), order(CANCELLED, 3, 6)),
        ],
    )
    def test_f142_nothing_goes_back(self, later: Order, earlier: Order) -> None:
        orders = Orders()
        assert orders.admit(later) is NEW
        assert orders.admit(earlier) is STALE
        assert orders.admit(later) is DUPLICATE  # what is late is not remembered
        assert (orders.duplicates, orders.stale) == (1, 1)

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (order(filled=3, updated=5), order(FILLED, 10, 4.999)),  # a time that was rounded down
            (order(updated=5), order(filled=1, updated=4)),
            (order(updated=5), order(REJECTED, 0, None)),
            (order(CANCELLED, 0, 5), order(CANCELLED, 3, 5)),  # executed while it was cancelled
            (order(CANCELLED, 3, 5), order(FILLED, 10, 5)),
        ],
    )
    def test_what_is_certainly_later_is_told_whatever_its_time_says(self, first: Order, then: Order) -> None:
        assert verdicts([first, then]) == [NEW, NEW]

    def test_an_unlisted_status_counts_as_alive(self) -> None:
        parked = OrderStatus("parked")
        assert verdicts([order(), order(parked, updated=1), order(FILLED, 10, 2)]) == [NEW, NEW, NEW]
        assert verdicts([order(FILLED, 10, 2), order(parked, updated=3)]) == [NEW, STALE]

    def test_orders_are_apart(self) -> None:
        assert verdicts([order(FILLED, 10, 5), order(number="2"), order(symbol="GAZP")]) == [NEW, NEW, NEW]

    def test_a_number_that_is_given_again_on_a_later_day_is_another_order(self) -> None:
        ended = order(FILLED, 10, HOUR)
        assert verdicts([ended, order(updated=DAY, created=DAY)]) == [NEW, NEW]
        assert verdicts([ended, order(updated=2 * HOUR, created=HOUR)]) == [NEW, STALE]

    def test_those_that_ended_days_ago_are_forgotten_and_those_that_live_are_not(self) -> None:
        orders = Orders()
        assert verdicts([order(FILLED, 10, 0, number="1"), order(updated=0, number="2")], orders) == [NEW, NEW]
        assert orders.admit(order(updated=DAY, number="3")) is NEW
        assert orders.admit(order(updated=0, number="1")) is STALE  # yesterday's
        assert orders.admit(order(updated=2 * DAY, number="4")) is NEW
        assert orders.admit(order(updated=0, number="2")) is DUPLICATE
        assert orders.admit(order(FILLED, 10, 0, number="1")) is NEW

    def test_those_that_never_end_do_not_fill_the_memory(self) -> None:
        orders = Orders()
        for number in range(120_000):
            orders.admit(order(number=str(number)))
        assert orders.admit(order(number="119999")) is DUPLICATE
        assert orders.admit(order(number="80000")) is DUPLICATE
        assert orders.admit(order(number="1")) is NEW

    def test_the_end_of_time_breaks_nothing(self) -> None:
        far = msgspec.structs.replace(order(number="9"), updated_at=NOON.replace(year=9999, month=12, day=31))
        assert verdicts([order(), far, order(filled=1, updated=1), order(updated=0)]) == [NEW, NEW, NEW, STALE]


@some.composite
def lives(draw: some.DrawFn) -> list[Order]:
    """A truthful life of an order: each state shows by itself that it is later than the one before."""
    number = str(draw(some.integers(1, 3)))
    filled, updated = 0, 0.0
    states = [order(number=number, updated=draw(some.sampled_from([0.0, None])))]
    for _ in range(draw(some.integers(0, 5))):
        gain = draw(some.integers(0, 2))
        filled = min(filled + gain, 9)
        updated += draw(some.integers(1, 3))
        states.append(order(number=number, filled=filled, updated=updated, price=str(250 + updated)))
    if draw(some.booleans()):
        end = draw(some.sampled_from([FILLED, CANCELLED, REJECTED]))
        states.append(order(end, 10 if end is FILLED else filled, updated + draw(some.integers(0, 2)), number=number))
    return states


@given(life=lives(), seed=some.integers(), copies=some.integers(1, 3))
def test_f140_states_in_any_order_only_move_forward_and_end_in_the_last(
    life: list[Order], seed: int, copies: int
) -> None:
    arrivals = life * copies
    random.Random(seed).shuffle(arrivals)
    orders = Orders()
    told = [state for state in arrivals if orders.admit(state) is NEW]
    places = [life.index(state) for state in told]
    # A state without a time among those with one does not show when it was: it alone may come late.
    proven = [place for place, state in zip(places, told, strict=True) if state.updated_at is not None]
    assert proven == sorted(proven)
    assert life[-1] in told
    if life[0].updated_at is not None:
        assert places == sorted(set(places))
        assert told[-1] == life[-1]
    assert orders.duplicates + orders.stale + len(told) == len(arrivals)


@given(life=lives(), seed=some.integers())
def test_nothing_is_lost_of_what_comes_in_order_with_repetitions(life: list[Order], seed: int) -> None:
    chance = random.Random(seed)
    orders = Orders()
    told: list[Order] = []
    for place, state in enumerate(life):
        assert orders.admit(state) is NEW
        told.append(state)
        for earlier in chance.sample(life[: place + 1], chance.randint(0, place + 1)):
            if earlier.updated_at is not None or earlier == state:
                assert orders.admit(earlier) is not NEW
    assert told == life


@given(
    states=some.lists(
        some.builds(
            order,
            status=some.sampled_from([*OrderStatus, OrderStatus("parked")]),
            filled=some.integers(0, 10),
            updated=some.none() | some.integers(0, 5),
            number=some.sampled_from(["1", "2"]),
            is_snapshot=some.booleans(),
        )
    )
)
def test_whatever_a_server_says_an_order_does_not_go_back(states: list[Order]) -> None:
    orders = Orders()
    told: dict[str, list[Order]] = defaultdict(list)
    for state in states:
        if orders.admit(state) is NEW:
            told[state.order_id].append(state)
    ended = {FILLED, CANCELLED, REJECTED}
    for life in told.values():
        for before, after in pairwise(life):
            assert after.filled_lots >= before.filled_lots
            assert (after.status in ended) >= (before.status in ended)


class TestStopOrders:
    def admit(self, *states: StopOrder) -> list[Verdict]:
        stops = StopOrders()
        return [stops.admit(state) for state in states]

    def test_one_that_fires_shows_its_order_and_the_fills(self) -> None:
        fired = [stop_order(FILLED, filled, 5, exchange_order_id="77") for filled in (0, 4, 10)]
        assert self.admit(stop_order(), *fired) == [NEW] * 4
        assert self.admit(*fired, stop_order(), *fired) == [NEW] * 3 + [STALE] + [STALE, STALE, DUPLICATE]

    def test_one_that_fired_does_not_lose_its_order(self) -> None:
        fired = stop_order(FILLED, 0, 5, exchange_order_id="77")
        assert self.admit(fired, stop_order(FILLED, 0, 5)) == [NEW, STALE]
        assert self.admit(stop_order(FILLED, 0, 5), fired) == [NEW, NEW]

    def test_one_that_fired_may_still_fail(self) -> None:
        fired = stop_order(FILLED, 0, 5, exchange_order_id="77")
        assert self.admit(fired, stop_order(REJECTED, 0, 6, error="no money")) == [NEW, NEW]
        assert self.admit(fired, stop_order(FILLED, 0, 6, error="no money")) == [NEW, NEW]

    def test_without_a_filled_quantity_its_time_decides(self) -> None:
        assert self.admit(stop_order(filled=None, updated=5), stop_order(filled=3, updated=4)) == [NEW, STALE]
        assert self.admit(stop_order(filled=3, updated=4), stop_order(FILLED, None, 5)) == [NEW, NEW]


class TestPositions:
    def test_the_same_state_is_told_once(self) -> None:
        positions = Positions()
        states = [position(10), position(10), position(20), position(20, is_snapshot=True), position(10)]
        assert [positions.admit(state) for state in states] == [NEW, DUPLICATE, NEW, DUPLICATE, NEW]

    def test_instruments_are_apart(self) -> None:
        positions = Positions()
        states = [position(), position(symbol="GAZP"), position(exchange=Exchange.SPBX)]
        assert [positions.admit(state) for state in states] == [NEW, NEW, NEW]

    def test_after_a_renewal_all_are_told_again_once(self) -> None:
        positions = Positions()
        positions.admit(position(10))
        positions.renew()
        assert positions.admit(position(10, is_snapshot=True)) is NEW
        assert positions.admit(position(10)) is DUPLICATE

    def test_f139_a_snapshot_does_not_undo_what_was_told_before_it(self) -> None:
        positions = Positions()
        positions.renew()
        assert positions.admit(position(20)) is NEW
        assert positions.admit(position(10, is_snapshot=True)) is STALE
        assert positions.admit(position(5, symbol="GAZP", is_snapshot=True)) is NEW
        assert positions.admit(position(30)) is NEW
        assert positions.stale == 1

    def test_f157_a_server_that_marks_everything_as_old_is_still_heard(self) -> None:
        positions = Positions()
        states = [position(units, is_snapshot=True) for units in (10, 20, 30)]
        assert [positions.admit(state) for state in states] == [NEW, NEW, NEW]

    def test_what_was_looked_up_never_undoes_what_the_subscription_told(self) -> None:
        positions = Positions()
        positions.renew()
        positions.admit(position(20, is_snapshot=True))
        assert positions.admit_recovered(position(10, is_snapshot=True)) is STALE
        assert positions.admit_recovered(position(20, is_snapshot=True)) is DUPLICATE

    def test_what_was_looked_up_is_told_where_the_subscription_is_silent(self) -> None:
        positions = Positions()
        for symbol in ("SBER", "GAZP"):
            positions.admit(position(10, symbol=symbol))
        positions.renew()
        assert positions.admit_recovered(position(10)) is DUPLICATE
        assert positions.admit_recovered(position(20, symbol="GAZP")) is NEW
        assert positions.admit_recovered(position(1, symbol="LKOH")) is NEW
        assert positions.admit(position(20, symbol="GAZP", is_snapshot=True)) is DUPLICATE

    def test_formats_say_the_same_though_one_says_more(self) -> None:
        positions = Positions()
        positions.admit(position(10, lots=None))
        assert positions.admit_recovered(position(10, lots=1)) is DUPLICATE

    @given(
        states=some.lists(
            some.builds(
                position,
                units=some.integers(0, 3),
                symbol=some.sampled_from(["SBER", "GAZP"]),
                is_snapshot=some.booleans(),
            )
        )
    )
    def test_the_last_news_is_what_stands(self, states: list[Position]) -> None:
        positions = Positions()
        shown: dict[str, Position] = {}
        for state in states:
            if positions.admit(state) is NEW:
                shown[state.symbol] = state
        news = {state.symbol: state for state in states if not state.is_snapshot}
        for symbol, state in news.items():
            assert shown[symbol].units == state.units
