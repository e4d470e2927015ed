"""Trading hours, breaks, halts, clearing, and the end of contracts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox.core.clock import to_datetime, to_us
from alor_async.sandbox.core.commands import CancelOrder, ErrorCode, Rejected
from alor_async.sandbox.core.enums import Condition, Market, OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.schedule import ALWAYS, MOEX, Phase, Schedule, choose_schedule
from tests.sandbox.core.support import FUTURES, STOCKS, HandClock, limit, place, place_stop, stop

MOSCOW = timezone(timedelta(hours=3))
WEDNESDAY = datetime(2026, 3, 18, tzinfo=MOSCOW)


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return WEDNESDAY + timedelta(days=days, hours=hour, minutes=minute)


def exchange_at(moment: datetime, schedule: Any = "moex") -> tuple[Exchange, HandClock]:
    clock = HandClock(moment.astimezone(UTC))
    return Exchange(clock=clock, seed=42, schedule=schedule), clock


def go(exchange: Exchange, clock: HandClock, moment: datetime) -> None:
    clock.now = moment.astimezone(UTC)
    exchange.advance()


def status(exchange: Exchange, symbol: str = "SBER") -> int:
    return exchange.get_instrument("MOEX", symbol).trading_status


def future(exchange: Exchange) -> str:
    return exchange.get_futures_quote("MOEX", "Si").spec.symbol


@pytest.mark.parametrize(
    ("market", "moment", "phase"),
    [
        (Market.STOCKS, at(9, 59), Phase.CLOSED),
        (Market.STOCKS, at(10), Phase.OPEN),
        (Market.STOCKS, at(14, 2), Phase.OPEN),
        (Market.STOCKS, at(18, 49), Phase.OPEN),
        (Market.STOCKS, at(18, 50), Phase.CLOSED),
        (Market.STOCKS, at(12, days=3), Phase.CLOSED),
        (Market.DERIVATIVES, at(14), Phase.BREAK),
        (Market.DERIVATIVES, at(14, 5), Phase.OPEN),
        (Market.DERIVATIVES, at(19), Phase.BREAK),
        (Market.DERIVATIVES, at(23, 49), Phase.OPEN),
        (Market.DERIVATIVES, at(23, 50), Phase.CLOSED),
        (Market.CURRENCIES, at(18, 55), Phase.OPEN),
    ],
)
def test_the_hours_of_the_moscow_exchange(market: Market, moment: datetime, phase: Phase) -> None:
    assert MOEX.phase(market, to_us(moment)) is phase
    assert ALWAYS.phase(market, to_us(moment)) is Phase.OPEN


def test_the_next_change_and_the_end_of_the_day_are_found_over_weekends() -> None:
    friday = at(18, 50, days=2)
    found = MOEX.next_change(Market.STOCKS, to_us(friday))
    assert found is not None
    assert to_datetime(found) == at(10, days=5)
    assert to_datetime(MOEX.day_end(Market.STOCKS, to_us(friday))) == at(18, 50, days=5)
    assert to_datetime(MOEX.day_end(Market.STOCKS, to_us(at(9)))) == at(18, 50)
    assert ALWAYS.next_change(Market.STOCKS, to_us(friday)) is None
    worked = Schedule(stocks=((time(10), time(11)),), weekends=True)
    found = worked.next_change(Market.STOCKS, to_us(friday))
    assert found is not None
    assert to_datetime(found) == at(10, days=3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"stocks": [(time(10), time(11))]}, "schedule.stocks"),
        ({"derivatives": ((time(10), "11:00"),)}, "schedule.derivatives"),
        ({"currencies": ((time(11), time(10)),)}, "schedule.currencies"),
        ({"stocks": ((time(10), time(12)), (time(11), time(13)))}, "schedule.stocks"),
        ({"stocks": ((time(10, tzinfo=UTC), time(11, tzinfo=UTC)),)}, "schedule.stocks"),
        ({"weekends": 1}, "schedule.weekends"),
    ],
)
def test_a_wrong_schedule_is_refused(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Schedule(**arguments)


@pytest.mark.parametrize("choice", ["nyse", None, 7])
def test_an_unknown_schedule_is_refused(choice: Any) -> None:
    with pytest.raises(ConfigError, match="schedule"):
        choose_schedule(choice)


def test_outside_the_hours_orders_are_refused_and_told_why() -> None:
    exchange, clock = exchange_at(at(9, 30))
    assert status(exchange) == 18
    answer = exchange.place_order(limit(Side.BUY, 1, "290", board=None))
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.EXCHANGE_TRADING_IS_STOPPED
    go(exchange, clock, at(10))
    assert status(exchange) == 17
    place(exchange, limit(Side.BUY, 1, exchange.get_instrument("MOEX", "SBER").price_min, board=None))
    assert exchange.check() == []


def test_an_order_for_the_day_ends_with_the_trading_day() -> None:
    exchange, clock = exchange_at(at(12))
    low = exchange.get_instrument("MOEX", "SBER").price_min
    number = place(exchange, limit(Side.BUY, 1, low, board=None))
    go(exchange, clock, at(18, 49))
    order = exchange.get_order(STOCKS, number)
    assert order is not None
    assert order.status is OrderStatus.WORKING
    assert order.expires_at.hour == 23
    go(exchange, clock, at(18, 50))
    order = exchange.get_order(STOCKS, number)
    assert order is not None
    assert order.status is OrderStatus.CANCELED
    assert status(exchange) == 18


def test_a_good_till_cancelled_order_outlives_the_day() -> None:
    exchange, clock = exchange_at(at(12))
    symbol = future(exchange)
    low = exchange.get_instrument("MOEX", symbol).price_min
    kept = limit(Side.BUY, 1, low, symbol=symbol, board=None, portfolio=FUTURES, tif=TimeInForce.GOOD_TILL_CANCELLED)
    number = place(exchange, kept)
    go(exchange, clock, at(12, days=2))
    order = exchange.get_order(FUTURES, number)
    assert order is not None
    assert order.status is OrderStatus.WORKING


def test_a_break_stops_derivatives_only_and_pays_the_variation_margin() -> None:
    exchange, clock = exchange_at(at(13, 59))
    symbol = future(exchange)
    before = exchange.get_futures_risk(FUTURES)
    price = exchange.get_quote("MOEX", symbol).last_price
    step = exchange.get_instrument("MOEX", symbol).spec.price_step
    exchange.crowd_trade("MOEX", symbol, price=price + 40 * step, lots=1)
    moved = exchange.get_futures_risk(FUTURES)
    assert moved.vm_current_positions > before.vm_current_positions
    assert moved.vm_intermediate_clearing == 0
    go(exchange, clock, at(14))
    assert (status(exchange), status(exchange, symbol)) == (17, 2)
    paid = exchange.get_futures_risk(FUTURES)
    assert paid.vm_current_positions == 0
    assert paid.vm_intermediate_clearing == moved.vm_current_positions
    assert paid.variation_margin == moved.variation_margin
    assert paid.money_free == moved.money_free + moved.vm_current_positions
    go(exchange, clock, at(14, 5))
    assert status(exchange, symbol) == 17
    go(exchange, clock, at(11, days=1))
    assert exchange.get_futures_risk(FUTURES).vm_intermediate_clearing == 0
    assert exchange.check() == []


def test_a_halt_stops_one_instrument_and_its_conditional_orders_wait() -> None:
    exchange, clock = exchange_at(at(12), "always")
    last = exchange.get_quote("MOEX", "SBER").last_price
    protected = stop(Side.SELL, 1, Condition.LESS_OR_EQUAL, last - 1, protecting_seconds=10)
    number = place_stop(exchange, protected)
    exchange.crowd_trade("MOEX", "SBER", price=last - 2, lots=1)
    exchange.halt("MOEX", "SBER")
    assert (status(exchange), status(exchange, "GAZP")) == (2, 17)
    clock.forward(seconds=20)
    found = exchange.get_stop_order(STOCKS, number)
    assert found is not None
    assert found.status is OrderStatus.WORKING
    refused = exchange.place_order(limit(Side.BUY, 1, last, board=None))
    assert isinstance(refused, Rejected)
    exchange.unhalt("MOEX", "SBER")
    exchange.crowd_trade("MOEX", "SBER", price=last - 2, lots=1)
    clock.forward(seconds=11)
    found = exchange.get_stop_order(STOCKS, number)
    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert exchange.check() == []


def test_a_pause_stops_a_market_or_all_of_them_and_cancelling_goes_on() -> None:
    exchange, _ = exchange_at(at(12), "always")
    low = exchange.get_instrument("MOEX", "SBER").price_min
    number = place(exchange, limit(Side.BUY, 1, low, board=None))
    symbol = future(exchange)
    exchange.pause_trading(Market.DERIVATIVES)
    assert (status(exchange), status(exchange, symbol)) == (17, 2)
    exchange.pause_trading()
    assert (status(exchange), status(exchange, symbol)) == (2, 2)
    assert not isinstance(exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=number)), Rejected)
    exchange.resume_trading(Market.DERIVATIVES)
    assert (status(exchange), status(exchange, symbol)) == (2, 17)
    exchange.resume_trading()
    assert (status(exchange), status(exchange, "GAZP")) == (17, 17)


def test_a_market_that_is_first_looked_at_during_a_pause_is_paused() -> None:
    exchange, _ = exchange_at(at(12), "always")
    exchange.pause_trading(Market.STOCKS)
    assert all(item.trading_status == 2 for item in exchange.list_instruments("MOEX", market=Market.STOCKS))


def test_a_contract_expires_with_everything_that_is_ordered_and_held_of_it() -> None:
    exchange, clock = exchange_at(at(12), "always")
    symbol = future(exchange)
    spec = exchange.get_instrument("MOEX", symbol).spec
    assert spec.expires_at is not None
    low = exchange.get_instrument("MOEX", symbol).price_min
    number = place(
        exchange,
        limit(Side.BUY, 1, low, symbol=symbol, board=None, portfolio=FUTURES, tif=TimeInForce.GOOD_TILL_CANCELLED),
    )
    stop_number = place_stop(exchange, stop(Side.SELL, 1, Condition.LESS, low, symbol=symbol, portfolio=FUTURES))
    held = exchange.get_position(FUTURES, symbol)
    assert held is not None
    assert held.units > 0
    clock.now = spec.expires_at - timedelta(seconds=1)
    exchange.advance()
    assert status(exchange, symbol) == 17
    clock.now = spec.expires_at
    exchange.advance()
    assert status(exchange, symbol) == 18
    order, conditional = exchange.get_order(FUTURES, number), exchange.get_stop_order(FUTURES, stop_number)
    assert order is None or order.status is OrderStatus.CANCELED
    assert conditional is None or conditional.status is OrderStatus.CANCELED
    held = exchange.get_position(FUTURES, symbol)
    assert held is None or held.units == Decimal(0)
    assert exchange.check() == []
