from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.accounts import Account, Ledger
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.commands import Accepted, CancelOrder, EstimateOrder, PlaceOrder, Rejected
from alor_async.sandbox.core.demo import CROWD
from alor_async.sandbox.core.entities import Position
from alor_async.sandbox.core.enums import Market, RiskStatus, Side
from alor_async.sandbox.core.exchange import Exchange, InvalidQuery, UnknownInstrument, UnknownPortfolio
from alor_async.sandbox.core.risk import NO_ORDERS
from alor_async.sandbox.core.terms import ratio, round_to_kopeck, to_micros, to_money
from tests.sandbox.core.support import (
    CURRENCIES,
    FUTURES,
    STOCKS,
    UNITED,
    WEDNESDAY_NOON,
    HandClock,
    limit,
    market,
    place,
)

BUY, SELL = Side.BUY, Side.SELL


def position(exchange: Exchange, symbol: str, portfolio: str = STOCKS) -> Position:
    found = exchange.get_position(portfolio, symbol)
    assert found is not None
    return found


def test_the_demo_portfolios(exchange: Exchange) -> None:
    assert [(info.portfolio, info.market) for info in exchange.portfolios] == [
        (STOCKS, Market.STOCKS),
        (FUTURES, Market.DERIVATIVES),
        (CURRENCIES, Market.CURRENCIES),
        (UNITED, Market.UNITED),
    ]
    assert {info.login for info in exchange.portfolios} == {exchange.login}
    assert exchange.get_portfolio(STOCKS.lower()).portfolio == STOCKS
    sber = position(exchange, "sber")
    assert (sber.units, sber.open_units, sber.units_t0, sber.lots(sber.units)) == (500, 500, 500, 50)
    assert not sber.is_currency
    money = position(exchange, "RUB")
    assert money.is_currency
    assert money.units == Decimal("1452307.70")
    everything = exchange.list_positions_by_login(exchange.login)
    assert len(everything) == sum(len(exchange.list_positions(info.portfolio)) for info in exchange.portfolios)
    assert not any(row.is_currency for row in exchange.list_positions_by_login(exchange.login, without_currency=True))
    with pytest.raises(UnknownPortfolio):
        exchange.list_positions_by_login("nobody")
    assert exchange.get_position(STOCKS, "YDEX") is None


def test_a_purchase_moves_money_and_units(exchange: Exchange) -> None:
    before, cash = position(exchange, "SBER"), position(exchange, "RUB")
    place(exchange, limit(SELL, 4, "290", portfolio=UNITED))
    place(exchange, limit(BUY, 4, "290"))
    after, paid = position(exchange, "SBER"), position(exchange, "RUB")
    assert after.units == before.units + 40
    assert (after.units_t0, after.units_t1, after.units_t2, after.units_future) == (500, 540, 540, 540)
    assert cash.units - paid.units == 40 * 290 + Decimal("5.80")
    assert paid.units_t0 == cash.units - Decimal("5.80")
    assert after.volume == before.volume + 40 * 290
    assert after.average_price == (after.volume / 540).quantize(Decimal("0.00000001")).normalize()
    assert exchange.get_summary(STOCKS).commission == Decimal("5.80")


def test_profit_of_the_day_and_since_the_purchase(exchange: Exchange) -> None:
    quote = exchange.get_quote("MOEX", "SBER")
    before = position(exchange, "SBER")
    summary = exchange.get_summary(STOCKS)
    exchange.crowd_trade("MOEX", "SBER", price=quote.last_price + 1, lots=1)
    after = position(exchange, "SBER")
    assert after.current_volume - before.current_volume == 500
    assert after.unrealised_profit - before.unrealised_profit == 500
    assert after.daily_unrealised_profit == 500 * (quote.last_price + 1 - quote.prev_close_price)
    assert exchange.get_summary(STOCKS).profit - summary.profit == 500


def test_a_position_that_is_closed_today_stays_with_nothing_in_it(exchange: Exchange) -> None:
    bought = position(exchange, "SBER").units // 10
    place(exchange, limit(BUY, int(bought), "290", portfolio=UNITED))
    place(exchange, market(SELL, int(bought)))
    row = position(exchange, "SBER")
    assert (row.units, row.open_units, row.average_price, row.volume) == (0, 500, 0, 0)
    assert row.daily_unrealised_profit == 500 * (290 - exchange.get_quote("MOEX", "SBER").prev_close_price)


def test_a_partial_sale_keeps_the_average_price(exchange: Exchange) -> None:
    before = position(exchange, "SBER")
    place(exchange, limit(BUY, 20, "290", portfolio=UNITED))
    place(exchange, market(SELL, 20))
    after = position(exchange, "SBER")
    assert (after.units, after.average_price) == (300, before.average_price)
    assert after.volume == before.volume * 300 / 500


def test_the_commission_must_be_affordable_too(exchange: Exchange) -> None:
    """One lot on top of the largest order would demand its margin; without the fee a little more would pass."""
    last = exchange.get_quote("MOEX", "SBER").last_price
    risk = exchange.get_risk(STOCKS)
    most = exchange.estimate(
        EstimateOrder(portfolio=STOCKS, exchange="MOEX", symbol="SBER", price=last, lots=1)
    ).quantity_to_buy
    lot_margin = last * 10 * Decimal("0.1827")
    without_fee = int(risk.risk_coverage_ratio_one / lot_margin)
    assert without_fee > most == int(risk.risk_coverage_ratio_one / (lot_margin + last * 10 / 2_000))


def test_a_short_position_and_its_turn(exchange: Exchange) -> None:
    place(exchange, limit(BUY, 80, "290", portfolio=UNITED))
    place(exchange, market(SELL, 60))
    row = position(exchange, "SBER")
    assert (row.units, row.average_price) == (-100, 290)
    assert exchange.get_risk(STOCKS).has_negative_quantity
    place(exchange, limit(SELL, 30, "291", portfolio=UNITED))
    place(exchange, market(BUY, 15))
    row = position(exchange, "SBER")
    assert (row.units, row.average_price) == (50, 291)


def test_working_purchases_lower_the_buying_power(exchange: Exchange) -> None:
    before = exchange.get_summary(STOCKS)
    assert before.buying_power == before.buying_power_at_morning == Decimal("1452307.70")
    place(exchange, limit(BUY, 10, "290"))
    after = exchange.get_summary(STOCKS)
    assert before.buying_power - after.buying_power == 29_000 + Decimal("14.50")
    assert after.initial_margin == before.initial_margin
    assert after.corrected_margin > before.corrected_margin
    assert after.buying_power_by_currency[0].buying_power == after.buying_power


def test_margin_follows_the_formulas(exchange: Exchange) -> None:
    for portfolio in (STOCKS, FUTURES, CURRENCIES, UNITED):
        risk, summary = exchange.get_risk(portfolio), exchange.get_summary(portfolio)
        assert risk.risk_coverage_ratio_one == risk.portfolio_liquidation_value - risk.initial_margin
        assert risk.risk_coverage_ratio_two == risk.portfolio_liquidation_value - risk.minimal_margin
        assert abs(risk.minimal_margin * 2 - risk.initial_margin) <= Decimal("0.01")
        assert risk.risk_status is RiskStatus.OK
        assert summary.risk_before_force_position_closing == risk.risk_coverage_ratio_two
        assert summary.portfolio_liquidation_value == risk.portfolio_liquidation_value


def test_a_short_that_goes_wrong(exchange: Exchange) -> None:
    """The status falls step by step; what makes it worse is refused, what makes it better is not."""
    last = exchange.get_quote("MOEX", "SBER").last_price
    place(exchange, market(SELL, 2400, board=None))
    exchange.crowd_trade("MOEX", "SBER", price=last + 15, lots=1)
    assert exchange.get_risk(STOCKS).risk_status is RiskStatus.DEMAND
    exchange.crowd_trade("MOEX", "SBER", price=last + 45, lots=1)
    risk = exchange.get_risk(STOCKS)
    assert (risk.risk_status, risk.risk_coverage_ratio_two < 0) == (RiskStatus.TO_CLOSE, True)
    assert isinstance(exchange.place_order(market(SELL, 1, board=None)), Rejected)
    place(exchange, market(BUY, 100, board=None))
    assert exchange.get_risk(STOCKS).risk_coverage_ratio_one > risk.risk_coverage_ratio_one


def test_futures_money(exchange: Exchange) -> None:
    quote = exchange.get_futures_quote("MOEX", "Si")
    before = exchange.get_futures_risk(FUTURES)
    place(exchange, market(BUY, 1, portfolio=FUTURES, symbol="SiM6", board=None))
    exchange.crowd_trade("MOEX", "SiM6", price=quote.last_price + 500, lots=1)
    place(exchange, limit(SELL, 5, quote.last_price + 900, portfolio=FUTURES, symbol="SiM6", board=None))
    risk = exchange.get_futures_risk(FUTURES)
    (trade,) = exchange.list_trades(FUTURES)
    assert trade.commission is None
    assert risk.fee == 1
    assert risk.money_free == risk.money_amount + risk.vm_intermediate_clearing - risk.money_blocked - risk.fee
    assert risk.money_amount == risk.money_old == before.money_amount
    assert risk.variation_margin == 2 * (quote.last_price - quote.prev_close_price + 500) + (
        quote.last_price + 500 - trade.price
    )
    assert risk.money_blocked > 0
    assert exchange.get_summary(FUTURES).buying_power == risk.money_free
    united = exchange.get_futures_risk(UNITED)
    assert united.portfolio == UNITED
    assert exchange.get_position(UNITED, "SRM6") == exchange.get_position(UNITED, "SBRF-6.26")
    assert exchange.get_summary(UNITED).buying_power < 1_000_000
    with pytest.raises(UnknownPortfolio):
        exchange.get_futures_risk(STOCKS)


def test_the_clearing_makes_variation_margin_cash(exchange: Exchange, clock: HandClock) -> None:
    quote = exchange.get_futures_quote("MOEX", "Si")
    exchange.crowd_trade("MOEX", quote.spec.symbol, price=quote.last_price + 500, lots=1)
    gained = exchange.get_futures_risk(FUTURES).variation_margin
    place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
    place(exchange, market(BUY, 2))
    clock.forward(days=1)
    risk = exchange.get_futures_risk(FUTURES)
    assert (risk.variation_margin, risk.money_amount) == (0, 500_000 + gained)
    assert exchange.get_futures_quote("MOEX", "Si").prev_close_price == quote.last_price + 500
    row, money = position(exchange, "SBER"), position(exchange, "RUB")
    assert row.units == row.open_units == row.units_t0 == 520
    assert money.units_t0 == money.units
    summary = exchange.get_summary(STOCKS)
    assert (summary.profit, summary.commission) == (0, 0)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("portfolio", "symbol"),
    [
        (STOCKS, "SBER"),
        (STOCKS, "SU26238RMFS4"),
        (STOCKS, "RU000A106K43"),
        (STOCKS, "TMOS"),
        (FUTURES, "SiM6"),
        (CURRENCIES, "CNYRUB_TOM"),
        (UNITED, "SBRF-6.26"),
    ],
)
def test_an_estimate_is_what_the_check_lets_through(
    exchange: Exchange, portfolio: str, symbol: str, side: Side
) -> None:
    price = exchange.get_quote("MOEX", symbol).last_price
    place(exchange, limit(BUY, 1, price * Decimal("0.95") // 1, portfolio=portfolio, symbol=symbol, board=None))
    request = EstimateOrder(
        portfolio=portfolio, exchange="MOEX", symbol=symbol, price=price, lots=1, include_limit_orders=True
    )
    estimate = exchange.estimate(request)
    most = estimate.quantity_to_buy if side is BUY else estimate.quantity_to_sell
    over = exchange.place_order(limit(side, most + 1, price, portfolio=portfolio, symbol=symbol, board=None))
    assert isinstance(over, Rejected), most
    if most:
        place(exchange, limit(side, most, price, portfolio=portfolio, symbol=symbol, board=None))


def test_what_an_estimate_says(exchange: Exchange) -> None:
    ask = exchange.get_quote("MOEX", "SBER").ask
    assert ask is not None
    found = exchange.estimate(EstimateOrder(portfolio=STOCKS, exchange="MOEX", symbol="SBER", lots=5))
    assert found.evaluation == ask * 50
    assert found.commission == (ask * 50 / 2000).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
    assert found.unlevered_quantity_to_sell == 50
    assert found.unlevered_quantity_to_buy == int(Decimal("1452307.70") / (ask * Decimal("10.005")))
    assert found.quantity_to_buy > found.unlevered_quantity_to_buy
    assert (found.buy_price, found.board, found.is_united_portfolio) == (None, "TQBR", False)


def test_an_estimate_by_budget(exchange: Exchange) -> None:
    def request(**changes: object) -> EstimateOrder:
        return EstimateOrder(portfolio=UNITED, exchange="MOEX", symbol="SBER", **changes)  # type: ignore[arg-type]

    found = exchange.estimate(request(price=Decimal(290), budget=Decimal(9_000)))
    assert (found.evaluation, found.buy_price, found.is_united_portfolio) == (8_700, 2_900, True)
    capped = exchange.estimate(request(price=Decimal(290), budget=Decimal(10**9)))
    assert capped.evaluation == 1_000_000 // 2_900 * 2_900
    for wrong in (
        {},
        {"lots": 1, "budget": Decimal(1)},
        {"lots": 0},
        {"budget": Decimal(-1)},
        {"budget": Decimal("Infinity")},
        {"lots": 1, "price": Decimal("290.001")},
    ):
        with pytest.raises(InvalidQuery):
            exchange.estimate(request(**wrong))
    with pytest.raises(UnknownInstrument):
        exchange.estimate(EstimateOrder(portfolio=UNITED, exchange="MOEX", symbol="NOSUCH", lots=1))


def test_own_trades_become_history_with_the_next_session(exchange: Exchange, clock: HandClock) -> None:
    earlier = exchange.list_trades_history(STOCKS)
    assert len(earlier) == 7
    assert sum(trade.units if trade.side is BUY else -trade.units for trade in earlier if trade.symbol == "SBER") == 500
    assert exchange.list_trades(STOCKS) == ()
    place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
    place(exchange, market(BUY, 2))
    (today,) = exchange.list_trades(STOCKS)
    assert exchange.list_trades_history(STOCKS) == earlier
    clock.forward(days=1)
    assert exchange.list_trades(STOCKS) == ()
    assert exchange.list_orders(STOCKS) == ()
    assert exchange.list_trades_history(STOCKS) == (*earlier, today)


def test_the_history_of_own_trades_is_filtered_and_ordered(exchange: Exchange) -> None:
    trades = exchange.list_trades_history(STOCKS)
    numbers = [int(trade.trade_id) for trade in trades]
    assert numbers == sorted(numbers)

    def found(**filters: object) -> list[int]:
        return [int(item.trade_id) for item in exchange.list_trades_history(STOCKS, **filters)]  # type: ignore[arg-type]

    assert found(descending=True) == numbers[::-1]
    assert found(order_by_trade_date=True, descending=True, limit=2) == numbers[:-3:-1]
    assert found(from_id=numbers[3], limit=2) == numbers[3:5]
    assert found(from_id=numbers[3], descending=True) == numbers[3::-1]
    assert found(from_time=trades[4].traded_at) == numbers[4:]
    assert found(symbol="ru0009029540", side=SELL) == [
        int(trade.trade_id) for trade in trades if trade.symbol == "SBER" and trade.side is SELL
    ]
    assert found(board="tqob") == found(symbol="SU26238RMFS4")


def test_the_ledger_sees_what_is_not_conserved(exchange: Exchange) -> None:
    account = exchange._broker.account(STOCKS)
    held = {terms.spec.symbol: holding for terms, holding in account.holdings.items()}
    account.cash += 1
    held["SBER"].units += 10
    held["GAZP"].variation += 5
    held["LKOH"].units = 0
    wrong = "\n".join(exchange.check())
    assert "cash:" in wrong
    assert "SBER: 10 units too many" in wrong
    assert "GAZP: 5 micros" in wrong
    assert "LKOH costs" in wrong
    account.cash -= 1
    held["SBER"].units -= 10
    held["GAZP"].variation -= 5
    held["LKOH"].units = 12


def test_an_empty_ledger_is_healthy() -> None:
    ledger = Ledger(CROWD)
    assert ledger.check() == []
    assert ledger.find("D1") is None
    assert list(ledger) == []
    assert Account(CROWD).holdings == {}


def test_money_is_exact() -> None:
    assert to_money(-1_234_500_000) == Decimal("-1234.50")
    assert str(to_money(15_623_400)) == "15.6234"
    assert str(to_money(5_000_000)) == "5"
    assert round_to_kopeck(15_000) == 20_000
    assert round_to_kopeck(-15_000) == -20_000
    assert (ratio(1, 3), ratio(-2, 3, 1), ratio(1, 0)) == (Decimal("0.33"), Decimal("-0.7"), 0)
    with pytest.raises(ValueError, match="six decimals"):
        to_micros(Decimal("0.0000001"))


def walk(exchange: Exchange, portfolio: str, symbol: str) -> int:
    """What one instrument blocks, summed up order by order."""
    account = exchange._broker.account(portfolio)
    market = exchange._market("MOEX", symbol)
    terms, last, held = market.terms, market.last().ticks, account.units(market.terms)
    orders = [order for order in exchange._broker.matching.working_of(account) if order.terms is terms]
    bought = [order for order in orders if order.side is BUY]
    sold = [order for order in orders if order.side is SELL]
    if terms.collateral is not None:
        long, short = terms.collateral[account.info.client_type]
        all_bought = held + sum(order.open_units for order in bought)
        all_sold = sum(order.open_units for order in sold) - held
        return max(0, all_bought * long, all_sold * short)
    worth = terms.full_value(last, held)
    long = worth + sum(terms.full_value(order.ticks, order.open_units) for order in bought)
    short = sum(terms.full_value(max(order.ticks, last), order.open_units) for order in sold) - worth
    return max(0, long * terms.rate_down // 10_000, short * terms.rate_up // 10_000)


@pytest.mark.heavy
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["SBER", "GAZP", "SiM6"]),
            st.sampled_from(Side),
            st.integers(-30, 30),
            st.integers(1, 30),
            st.sampled_from(["place", "place", "cancel", "trade"]),
        ),
        max_size=25,
    )
)
def test_what_orders_block_is_what_a_walk_over_them_says(
    steps: list[tuple[str, Side, int, int, str]],
) -> None:
    exchange = Exchange(clock=HandClock(), seed=3)
    account = exchange._broker.account(UNITED)
    risk = exchange._broker.risk
    for symbol, side, offset, lots, what in steps:
        quote = exchange.get_quote("MOEX", symbol)
        price = quote.last_price + offset * quote.spec.price_step
        working = exchange._broker.matching.working_of(account)
        if what == "place":
            exchange.place_order(limit(side, lots, price, portfolio=UNITED, symbol=symbol, board=None))
        elif what == "trade":
            exchange.crowd_trade("MOEX", symbol, price=price, lots=lots)
        elif working:
            number = str(working[lots % len(working)].number)
            exchange.cancel_order(CancelOrder(portfolio=UNITED, order_id=number))
        involved = {terms.spec.symbol for terms in account.holdings.keys() | account.exposures.keys()}
        blocked = risk.figures(account, account.exposures).blocked
        assert blocked == sum(walk(exchange, UNITED, symbol) for symbol in involved)
        assert risk.figures(account, NO_ORDERS).blocked == risk.figures(account, account.exposures).margin
        leaving = next(iter(exchange._broker.matching.working_of(account)), None)
        if leaving is not None:
            without = risk.figures(account, account.exposures, leaving=leaving).blocked
            exchange._broker.matching.cancel(leaving)
            assert without == risk.figures(account, account.exposures).blocked
    exchange._broker.react()
    assert exchange.check() == []


def test_two_exchanges_may_trade_the_same_symbol() -> None:
    at_home = next(spec for spec in default_instruments(WEDNESDAY_NOON.date()) if spec.symbol == "SBER")
    abroad = replace(at_home, exchange="SPBX", board="SPBX", boards=(), lot_size=1)
    exchange = Exchange(clock=HandClock(), seed=42, instruments=[abroad])
    quote = exchange.get_quote("SPBX", "SBER")
    assert quote.bid is not None
    for price in (None, quote.bid):
        command = PlaceOrder(portfolio=STOCKS, exchange="SPBX", symbol="SBER", side=BUY, lots=7, price=price)
        assert isinstance(exchange.place_order(command), Accepted)
    held = {position.broker_symbol: position for position in exchange.list_positions(STOCKS)}
    assert (held["MOEX:SBER"].units, held["MOEX:SBER"].lot_size) == (500, 10)
    assert (held["SPBX:SBER"].units, held["SPBX:SBER"].lot_size) == (7, 1)
    assert exchange.check() == []
