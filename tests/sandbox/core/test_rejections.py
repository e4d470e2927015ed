from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from alor_async.sandbox.core.commands import ErrorCode, PlaceOrder, Rejected
from alor_async.sandbox.core.entities import PortfolioInfo
from alor_async.sandbox.core.enums import ClientType, Condition, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import CURRENCIES, FUTURES, STOCKS, HandClock, limit, market, place, place_stop, stop

BUY, SELL = Side.BUY, Side.SELL
GOOD = limit(BUY, 1, "290")


def refusal(exchange: Exchange, command: PlaceOrder) -> ErrorCode:
    answer = exchange.place_order(command)
    assert isinstance(answer, Rejected), answer
    assert answer.message
    return answer.code


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (replace(GOOD, lots=0), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
        (replace(GOOD, lots=-3), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
        (replace(GOOD, lots=2**31), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
        (replace(GOOD, price=Decimal("290.005")), ErrorCode.INTERNAL_ERROR_WITH_PRICES),
        (replace(GOOD, price=Decimal(0)), ErrorCode.INTERNAL_ERROR_WITH_PRICES),
        (replace(GOOD, price=Decimal(-290)), ErrorCode.INTERNAL_ERROR_WITH_PRICES),
        (replace(GOOD, price=Decimal("NaN")), ErrorCode.INTERNAL_ERROR_WITH_PRICES),
        (replace(GOOD, price=Decimal("1e40")), ErrorCode.INTERNAL_ERROR_WITH_PRICES),
        (replace(GOOD, price=Decimal(100)), ErrorCode.EXCHANGE_LIMIT_EXCEEDED),
        (replace(GOOD, price=Decimal(900)), ErrorCode.EXCHANGE_LIMIT_EXCEEDED),
        (replace(GOOD, symbol="NOSUCH"), ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT),
        (replace(GOOD, board="RFUD"), ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT),
        (replace(GOOD, symbol="SiM6", board=None), ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT),
        (replace(GOOD, portfolio=CURRENCIES), ErrorCode.INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT),
        (replace(GOOD, time_in_force=TimeInForce.GOOD_TILL_CANCELLED), ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED),
        (replace(GOOD, time_in_force=TimeInForce.AT_THE_CLOSE), ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED),
        (market(BUY, 1, tif=TimeInForce.BOOK_OR_CANCEL), ErrorCode.FORBIDDEN_ORDER_TYPE),
        (market(BUY, 1), ErrorCode.NO_ORDER_PRICE_FOUND),
        (replace(GOOD, comment="x" * 101), ErrorCode.UNKNOWN_ERROR),
        (replace(GOOD, iceberg_fixed=2), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
        (replace(GOOD, iceberg_fixed=0), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
        (replace(GOOD, iceberg_fixed=1, iceberg_variance=5), ErrorCode.EXCHANGE_OPERATION_NOT_SUPPORTED),
        (replace(market(BUY, 1), iceberg_fixed=1), ErrorCode.FORBIDDEN_ORDER_TYPE),
        (limit(BUY, 4000, "290"), ErrorCode.ORDER_CREATES_UNCOVERED_RISK),
        (limit(SELL, 2900, "290"), ErrorCode.ORDER_CREATES_UNCOVERED_RISK),
        (limit(SELL, 1, "96", symbol="RU000A106K43", board=None), ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED),
        (limit(BUY, 1900, "96", symbol="RU000A106K43", board=None), ErrorCode.NOT_ENOUGH_CASH),
    ],
)
def test_what_is_refused_and_how(exchange: Exchange, command: PlaceOrder, code: ErrorCode) -> None:
    before = exchange.get_summary(STOCKS)
    assert refusal(exchange, command) is code
    assert exchange.list_orders(STOCKS) == ()
    assert exchange.get_summary(STOCKS) == before


def test_derivatives_need_free_money(exchange: Exchange) -> None:
    last = exchange.get_quote("MOEX", "SiM6").last_price
    command = limit(BUY, 40, last, portfolio=FUTURES, symbol="SiM6", board=None)
    assert refusal(exchange, command) is ErrorCode.INSUFFICIENT_CLIENT_FUNDS


def test_working_sales_count_before_a_short_sale(exchange: Exchange) -> None:
    command = limit(SELL, 2000, "6.5", symbol="TMOS", board=None)
    place(exchange, command)
    assert refusal(exchange, replace(command, lots=1)) is ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED


def test_the_wire_names_of_the_codes() -> None:
    assert ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED.wire_name == "InstrumentCantBeShortSelled"
    assert Rejected(ErrorCode.NOT_ENOUGH_CASH, "no").wire_code == "NotEnoughCash (401)"
    assert ErrorCode.PRICE_IN_STOP_ORDER_NOT_MULTIPLE_OF_MIN_INCREMENT.wire_name == (
        "PriceInStopOrderNotMultipleOfMinIncrement"
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (
            stop(SELL, 1, Condition.LESS, "280.005"),
            ErrorCode.PRICE_IN_STOP_ORDER_NOT_MULTIPLE_OF_MIN_INCREMENT,
        ),
        (stop(SELL, 1, Condition.LESS, "0"), ErrorCode.PRICE_IN_STOP_ORDER_NOT_MULTIPLE_OF_MIN_INCREMENT),
        (stop(SELL, 1, Condition.LESS, "280", protecting_seconds=301), ErrorCode.UNSUPPORTED_STOP_ORDER_TYPE),
        (stop(SELL, 1, Condition.LESS, "280", ends_at=1_000), ErrorCode.UNSUPPORTED_STOP_ORDER_TYPE),
        (stop(SELL, 0, Condition.LESS, "280"), ErrorCode.EXCHANGE_INCORRECT_QUANTITY),
    ],
)
def test_conditional_orders_are_refused(exchange: Exchange, command: object, code: ErrorCode) -> None:
    answer = exchange.place_stop(command)  # type: ignore[arg-type]
    assert isinstance(answer, Rejected)
    assert answer.code is code
    assert exchange.list_stop_orders(STOCKS) == ()


@pytest.fixture
def careful(clock: HandClock) -> Exchange:
    """An exchange whose stock and futures clients are of the LowRisk kind."""
    exchange = Exchange(clock=clock, seed=42)
    for portfolio in (STOCKS, FUTURES):
        account = exchange._broker.account(portfolio)
        info = account.info
        account.info = PortfolioInfo(info.portfolio, info.login, info.agreement, info.market, ClientType.LOW_RISK)
    return exchange


def test_careful_clients_must_consent_to_borrowing(careful: Exchange) -> None:
    place(careful, limit(SELL, 50, "290"))
    place(careful, limit(BUY, 400, "290", board="SPEQ"))
    for command in (
        limit(SELL, 1, "290"),
        limit(BUY, 400, "290"),
        limit(BUY, 1, "91000", portfolio=FUTURES, symbol="SiM6", board=None),
    ):
        assert refusal(careful, command) is ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN
        place(careful, replace(command, allow_margin=True))
    answer = careful.place_stop(stop(SELL, 1, Condition.LESS, "280"))
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN
    place_stop(careful, stop(SELL, 1, Condition.LESS, "280", allow_margin=True))
    assert careful.check() == []
