"""An estimate and the check that a later order meets never disagree, whatever the account has come to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.commands import Accepted, ErrorCode, EstimateOrder, PlaceOrder, Rejected
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.portfolios import PortfolioSpec
from tests.sandbox.core.support import HandClock

pytestmark = pytest.mark.heavy

PORTFOLIOS = (
    PortfolioSpec(portfolio="PLAIN", cash=Decimal("81234.56"), holdings={"SBER": 7, "GAZP": -3}),
    PortfolioSpec(portfolio="CAREFUL", cash=40_000, holdings={"SBER": 2}, client_type="LowRisk"),
    PortfolioSpec(portfolio="BOLD", cash=40_000, holdings={"LKOH": -1}, client_type="HighRisk"),
    PortfolioSpec(portfolio="FUT", market="derivatives", cash=250_000),
    PortfolioSpec(portfolio="ALL", market="united", cash=150_000, holdings={"SBER": 4}),
    PortfolioSpec(portfolio="BROKE", cash=0),
)
STOCKS = ("SBER", "GAZP", "LKOH", "TMOS", "SU26238RMFS4")
REFUSALS = {
    ErrorCode.NOT_ENOUGH_CASH,
    ErrorCode.ORDER_CREATES_UNCOVERED_RISK,
    ErrorCode.INSUFFICIENT_CLIENT_FUNDS,
    ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED,
    ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN,
    ErrorCode.EXCHANGE_INCORRECT_QUANTITY,
}

EXCHANGE_SEED = 42
orders = st.tuples(
    st.sampled_from(PORTFOLIOS),
    st.integers(0, len(STOCKS)),
    st.sampled_from(Side),
    st.integers(-40, 40),
    st.integers(1, 30),
)


def symbol_of(exchange: Exchange, spec: PortfolioSpec, number: int) -> str:
    if spec.market == "derivatives" or number == len(STOCKS):
        return exchange.get_futures_quote("MOEX", "Si").spec.symbol
    return STOCKS[number]


def limit(exchange: Exchange, spec: PortfolioSpec, symbol: str, side: Side, ticks: int, lots: int) -> PlaceOrder:
    instrument = exchange.get_instrument("MOEX", symbol)
    price = exchange.get_quote("MOEX", symbol).last_price + ticks * instrument.spec.price_step
    return PlaceOrder(
        portfolio=spec.portfolio,
        exchange="MOEX",
        symbol=symbol,
        side=side,
        lots=lots,
        price=min(max(price, instrument.price_min), instrument.price_max),
        allow_margin=True,
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.lists(orders, max_size=8), asked=orders, is_market=st.booleans())
def test_the_most_that_an_estimate_names_is_accepted_and_one_lot_more_is_not(
    before: list[tuple[PortfolioSpec, int, Side, int, int]],
    asked: tuple[PortfolioSpec, int, Side, int, int],
    is_market: bool,
) -> None:
    exchange = Exchange(clock=HandClock(), seed=EXCHANGE_SEED, portfolios=PORTFOLIOS)
    for spec, number, side, ticks, lots in before:
        exchange.place_order(limit(exchange, spec, symbol_of(exchange, spec, number), side, ticks, lots))
    spec, number, side, ticks, _ = asked
    symbol = symbol_of(exchange, spec, number)
    wanted = limit(exchange, spec, symbol, side, ticks, 1)
    price = None if is_market else wanted.price
    estimate = exchange.estimate(
        EstimateOrder(
            portfolio=spec.portfolio, exchange="MOEX", symbol=symbol, price=price, lots=1, include_limit_orders=True
        )
    )
    most = estimate.quantity_to_buy if side is Side.BUY else estimate.quantity_to_sell

    def place(lots: int) -> Accepted | Rejected:
        return exchange.place_order(
            PlaceOrder(
                portfolio=spec.portfolio,
                exchange="MOEX",
                symbol=symbol,
                side=side,
                lots=lots,
                price=price,
                allow_margin=True,
            )
        )

    refused = place(most + 1)
    if isinstance(refused, Rejected) and refused.code is ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT:
        return  # a portfolio that does not trade there: an estimate is a question, an order is not
    assert isinstance(refused, Rejected), f"{most} is not the most"
    assert refused.code in REFUSALS, refused
    if most:
        assert isinstance(place(most), Accepted)
    assert exchange.check() == []
