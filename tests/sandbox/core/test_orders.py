from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alor_async.sandbox.core.commands import Accepted, CancelAll, CancelOrder, ErrorCode, Rejected, ReplaceOrder
from alor_async.sandbox.core.entities import Order
from alor_async.sandbox.core.enums import OrderStatus, OrderType, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange, UnknownPortfolio
from tests.sandbox.core.support import FUTURES, QUIET, STOCKS, UNITED, HandClock, limit, market, place

BUY, SELL = Side.BUY, Side.SELL


def order_of(exchange: Exchange, number: str, portfolio: str = STOCKS) -> Order:
    order = exchange.get_order(portfolio, number)
    assert order is not None
    return order


def state(exchange: Exchange, number: str, portfolio: str = STOCKS) -> tuple[OrderStatus, int]:
    order = order_of(exchange, number, portfolio)
    return order.status, order.filled_lots


def test_a_limit_order_rests_and_shows_in_the_book(exchange: Exchange) -> None:
    number = place(exchange, limit(BUY, 5, "290.10", comment="grid-7"))
    order = order_of(exchange, number)
    assert (order.order_type, order.status, order.lots, order.units) == (OrderType.LIMIT, OrderStatus.WORKING, 5, 50)
    assert (order.price, order.volume, order.comment) == (Decimal("290.10"), Decimal(14505), "grid-7")
    assert order.expires_at == datetime(2026, 3, 18, 23, 59, 59, 999_000, tzinfo=UTC)
    assert order.broker_symbol == "MOEX:SBER"
    assert exchange.list_orders(STOCKS) == (order,)
    book = exchange.get_book("MOEX", "SBER", board=QUIET)
    assert [(level.price, level.lots) for level in book.bids] == [(Decimal("290.10"), 5)]


def test_partial_fills_stay_working_until_the_last(exchange: Exchange) -> None:
    number = place(exchange, limit(SELL, 5, "290.10"))
    place(exchange, market(BUY, 2, portfolio=UNITED))
    assert state(exchange, number) == (OrderStatus.WORKING, 2)
    place(exchange, limit(BUY, 3, "291", portfolio=UNITED))
    assert state(exchange, number) == (OrderStatus.FILLED, 5)
    assert [(trade.price, trade.lots, trade.side) for trade in exchange.list_trades(STOCKS)] == [
        (Decimal("290.10"), 2, SELL),
        (Decimal("290.10"), 3, SELL),
    ]
    assert [trade.side for trade in exchange.list_trades(UNITED, symbol="SBER", board=QUIET)] == [BUY, BUY]
    assert exchange.list_trades(UNITED, symbol="GAZP") == ()


def test_the_trade_happens_at_the_resting_price(exchange: Exchange) -> None:
    place(exchange, limit(SELL, 1, "290"))
    taker = place(exchange, limit(BUY, 1, "295", portfolio=UNITED))
    (trade,) = exchange.list_trades(UNITED)
    assert (trade.order_id, trade.price, trade.value, trade.commission) == (
        taker,
        Decimal(290),
        Decimal(2900),
        Decimal("1.45"),
    )
    assert trade.settles_at == datetime(2026, 3, 19, 23, 59, 59, tzinfo=UTC)
    (print_,) = exchange.list_market_trades("MOEX", "SBER", board=QUIET)
    assert (str(print_.trade_id), print_.lots, print_.side) == (trade.trade_id, 1, BUY)


def test_what_a_market_order_cannot_get_is_cancelled(exchange: Exchange) -> None:
    place(exchange, limit(SELL, 3, "290", portfolio=UNITED))
    number = place(exchange, market(BUY, 5))
    order = order_of(exchange, number)
    assert (order.status, order.filled_lots, order.price, order.volume) == (OrderStatus.CANCELED, 3, Decimal(0), None)


@pytest.mark.parametrize(
    ("tif", "offered", "expected", "left_in_book"),
    [
        (TimeInForce.ONE_DAY, 3, (OrderStatus.WORKING, 3), 2),
        (TimeInForce.IMMEDIATE_OR_CANCEL, 3, (OrderStatus.CANCELED, 3), 0),
        (TimeInForce.FILL_OR_KILL, 3, (OrderStatus.CANCELED, 0), 0),
        (TimeInForce.FILL_OR_KILL, 5, (OrderStatus.FILLED, 5), 0),
        (TimeInForce.BOOK_OR_CANCEL, 3, (OrderStatus.CANCELED, 0), 0),
        (TimeInForce.BOOK_OR_CANCEL, 0, (OrderStatus.WORKING, 0), 5),
    ],
)
def test_time_in_force(
    exchange: Exchange, tif: TimeInForce, offered: int, expected: tuple[OrderStatus, int], left_in_book: int
) -> None:
    if offered:
        place(exchange, limit(SELL, offered, "290", portfolio=UNITED))
    number = place(exchange, limit(BUY, 5, "290", tif=tif))
    assert state(exchange, number) == expected
    bids = exchange.get_book("MOEX", "SBER", board=QUIET).bids
    assert sum(level.lots for level in bids) == left_in_book


def test_at_the_close_is_fill_or_kill_on_this_exchange(exchange: Exchange) -> None:
    place(exchange, limit(SELL, 3, "290", portfolio=UNITED))
    number = place(exchange, market(BUY, 5, tif=TimeInForce.AT_THE_CLOSE))
    assert state(exchange, number) == (OrderStatus.CANCELED, 0)
    assert order_of(exchange, number).time_in_force is TimeInForce.FILL_OR_KILL


def test_good_till_cancelled_lives_a_year_on_derivatives_or_as_long_as_the_contract(
    exchange: Exchange, clock: HandClock
) -> None:
    bid = exchange.get_quote("MOEX", "SiM6").bid
    assert bid is not None
    command = limit(
        BUY, 1, bid - 100, portfolio=FUTURES, symbol="SiM6", board=None, tif=TimeInForce.GOOD_TILL_CANCELLED
    )
    number = place(exchange, command)
    assert len(number) == 19
    assert order_of(exchange, number, FUTURES).expires_at == datetime(2026, 6, 18, tzinfo=UTC)
    clock.forward(days=5)
    assert state(exchange, number, FUTURES) == (OrderStatus.WORKING, 0)
    clock.forward(days=100)
    assert exchange.get_order(FUTURES, number) is None


def test_a_day_order_ends_with_its_day(exchange: Exchange, clock: HandClock) -> None:
    number = place(exchange, limit(BUY, 1, "290"))
    clock.forward(hours=14, minutes=29)
    assert state(exchange, number) == (OrderStatus.WORKING, 0)
    clock.forward(minutes=1)
    assert state(exchange, number) == (OrderStatus.CANCELED, 0)
    assert order_of(exchange, number).updated_at == datetime(2026, 3, 18, 23, 59, 59, 999_000, tzinfo=UTC)
    assert exchange.get_book("MOEX", "SBER", board=QUIET).bids == ()


def test_cancel_is_final_and_keeps_what_was_filled(exchange: Exchange) -> None:
    number = place(exchange, limit(SELL, 5, "290"))
    place(exchange, market(BUY, 2, portfolio=UNITED))
    assert exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=number)) == Accepted(number)
    assert state(exchange, number) == (OrderStatus.CANCELED, 2)
    again = exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=number))
    assert isinstance(again, Rejected)
    assert again.wire_code == "OrderToCancelNotFound (404)"


@pytest.mark.parametrize("order_id", ["1", "", "x", "٣", "99999999999999999999999", "9" * 5_000])
def test_unknown_numbers_are_refused(exchange: Exchange, order_id: str) -> None:
    assert exchange.get_order(STOCKS, order_id) is None
    assert exchange.get_stop_order(STOCKS, order_id) is None
    for is_stop in (False, True):
        answer = exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=order_id, is_stop=is_stop))
        assert isinstance(answer, Rejected)
        assert answer.code is ErrorCode.ORDER_TO_CANCEL_NOT_FOUND
    answer = exchange.replace_order(ReplaceOrder(order_id=order_id, order=limit(BUY, 1, "290")))
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.ORDER_TO_MODIFY_NOT_FOUND


def test_an_order_is_its_portfolios_alone(exchange: Exchange) -> None:
    number = place(exchange, limit(BUY, 1, "290"))
    assert exchange.get_order(UNITED, number) is None
    assert isinstance(exchange.cancel_order(CancelOrder(portfolio=UNITED, order_id=number)), Rejected)
    with pytest.raises(UnknownPortfolio):
        exchange.get_order("D1", number)
    with pytest.raises(UnknownPortfolio):
        exchange.place_order(limit(BUY, 1, "290", portfolio="D1"))


def test_cancel_all_cancels_what_works(exchange: Exchange) -> None:
    numbers = [place(exchange, limit(BUY, 1, price)) for price in ("290", "289", "288")]
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=numbers[1]))
    other = place(exchange, limit(BUY, 1, "287", portfolio=UNITED))
    assert exchange.cancel_all(CancelAll(portfolio=STOCKS)) == (numbers[0], numbers[2])
    refused = exchange.cancel_all(CancelAll(portfolio=STOCKS))
    assert isinstance(refused, Rejected)
    assert refused.message == "Orders to cancel not found"
    assert state(exchange, other, UNITED) == (OrderStatus.WORKING, 0)


def test_replace_gives_a_new_number_and_goes_to_the_end_of_the_queue(exchange: Exchange) -> None:
    first = place(exchange, limit(SELL, 2, "290", comment="mine"))
    second = place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
    answer = exchange.replace_order(ReplaceOrder(order_id=first, order=limit(SELL, 3, "290")))
    assert isinstance(answer, Accepted)
    assert answer.order_id != first
    assert state(exchange, first) == (OrderStatus.CANCELED, 0)
    assert order_of(exchange, answer.order_id).comment == "mine"
    place(exchange, market(BUY, 3, portfolio=UNITED))
    assert state(exchange, second, UNITED) == (OrderStatus.FILLED, 2)
    assert state(exchange, answer.order_id) == (OrderStatus.WORKING, 1)


def test_a_refused_replace_leaves_the_old_order_alone(exchange: Exchange) -> None:
    number = place(exchange, limit(BUY, 1, "290"))
    for wanted in (limit(BUY, 0, "290"), limit(BUY, 1, "290.005"), limit(BUY, 1, "900"), limit(BUY, 90_000, "290")):
        assert isinstance(exchange.replace_order(ReplaceOrder(order_id=number, order=wanted)), Rejected)
    assert state(exchange, number) == (OrderStatus.WORKING, 0)
    assert len(exchange.list_orders(STOCKS)) == 1


def test_a_replace_needs_money_only_for_the_difference(exchange: Exchange) -> None:
    estimate = exchange.get_summary(STOCKS)
    lots = int(estimate.risk_before_force_position_closing / 290 / 10 * 5)
    number = place(exchange, limit(BUY, lots, "290"))
    assert isinstance(exchange.place_order(limit(BUY, lots, "290")), Rejected)
    answer = exchange.replace_order(ReplaceOrder(order_id=number, order=limit(BUY, lots, "290.01")))
    assert isinstance(answer, Accepted)


def test_a_replaced_derivative_keeps_side_symbol_and_time_in_force(exchange: Exchange) -> None:
    quote = exchange.get_quote("MOEX", "SiM6")
    assert quote.bid is not None
    command = limit(
        BUY,
        4,
        quote.bid - 50,
        portfolio=FUTURES,
        symbol="SiM6",
        board=None,
        tif=TimeInForce.GOOD_TILL_CANCELLED,
        iceberg=2,
        variance=10,
    )
    number = place(exchange, command)
    wanted = limit(SELL, 2, quote.bid - 60, portfolio=FUTURES, symbol="SBER", board="TQBR")
    answer = exchange.replace_order(ReplaceOrder(order_id=number, order=wanted))
    assert isinstance(answer, Accepted)
    order = order_of(exchange, answer.order_id, FUTURES)
    assert (order.side, order.symbol, order.lots) == (BUY, "Si-6.26", 2)
    assert order.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
    assert order.iceberg is not None
    assert (order.iceberg.fixed_lots, order.iceberg.variance_percent) == (2, 10)


def test_a_market_order_may_replace_a_working_limit_order(exchange: Exchange) -> None:
    place(exchange, limit(SELL, 1, "291", portfolio=UNITED))
    number = place(exchange, limit(BUY, 1, "290"))
    answer = exchange.replace_order(ReplaceOrder(order_id=number, order=market(BUY, 1)))
    assert isinstance(answer, Accepted)
    assert state(exchange, answer.order_id) == (OrderStatus.FILLED, 1)


def test_an_iceberg_shows_its_visible_part_only(exchange: Exchange) -> None:
    number = place(exchange, limit(SELL, 10, "290", iceberg=4))
    assert exchange.get_book("MOEX", "SBER", board=QUIET).asks[0].lots == 4
    place(exchange, market(BUY, 5, portfolio=UNITED))
    order = order_of(exchange, number)
    assert order.filled_lots == 5
    assert order.iceberg is not None
    assert (order.iceberg.visible_lots, order.iceberg.visible_filled_lots) == (3, 1)
    assert (order.iceberg.visible_units, order.iceberg.visible_filled_units) == (30, 10)
    place(exchange, market(BUY, 5, portfolio=UNITED))
    order = order_of(exchange, number)
    assert order.iceberg is not None
    assert (order.status, order.iceberg.visible_lots) == (OrderStatus.FILLED, 0)


def test_the_crowd_is_there_to_trade_with(exchange: Exchange) -> None:
    before = exchange.get_book("MOEX", "SBER")
    number = place(exchange, market(BUY, before.asks[0].lots + 1, board=None))
    after = exchange.get_quote("MOEX", "SBER")
    assert state(exchange, number) == (OrderStatus.FILLED, before.asks[0].lots + 1)
    assert after.ask == before.asks[1].price == after.last_price
    assert {trade.price for trade in exchange.list_trades(STOCKS)} == {level.price for level in before.asks[:2]}


def test_the_crowd_trades_where_it_is_told(exchange: Exchange) -> None:
    quote = exchange.get_quote("MOEX", "SBER")
    bid = place(exchange, limit(BUY, 2, quote.last_price - 1, board=None))
    trade = exchange.crowd_trade("MOEX", "SBER", price=quote.last_price - 2, lots=7)
    assert (trade.price, trade.side) == (quote.last_price - 2, SELL)
    assert state(exchange, bid) == (OrderStatus.FILLED, 2)
    now = exchange.get_quote("MOEX", "SBER")
    assert now.last_price == now.bid == quote.last_price - 2
    ask = place(exchange, limit(SELL, 2, quote.last_price + 1, board=None))
    exchange.crowd_trade("MOEX", "SBER", price=quote.last_price + 1, lots=1)
    assert state(exchange, ask) == (OrderStatus.WORKING, 1)
    for price, lots, name in ((Decimal("1.001"), 1, "price"), (Decimal(-1), 1, "price"), (quote.last_price, 0, "lots")):
        with pytest.raises(ValueError, match=f"^{name}: "):
            exchange.crowd_trade("MOEX", "SBER", price=price, lots=lots)
