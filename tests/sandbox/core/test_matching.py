"""How orders meet: the readings of what nobody documents, icebergs, the crowd, and what is kept of it all."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.book import BookOrder
from alor_async.sandbox.core.commands import CancelOrder
from alor_async.sandbox.core.entities import Order
from alor_async.sandbox.core.enums import OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.matching import WOULD_TRADE, Matching
from alor_async.sandbox.core.orders import Ticket
from tests.sandbox.core.support import FUTURES, QUIET, STOCKS, UNITED, HandClock, limit, market, place

BUY, SELL = Side.BUY, Side.SELL
WORKING, FILLED, CANCELED = OrderStatus.WORKING, OrderStatus.FILLED, OrderStatus.CANCELED


def order_of(exchange: Exchange, number: str, portfolio: str = STOCKS) -> Order:
    order = exchange.get_order(portfolio, number)
    assert order is not None
    return order


def state(exchange: Exchange, number: str, portfolio: str = STOCKS) -> tuple[OrderStatus, int]:
    order = order_of(exchange, number, portfolio)
    return order.status, order.filled_lots


def healthy(assumptions: Assumptions) -> Exchange:
    return Exchange(clock=HandClock(), seed=42, assumptions=assumptions)


def quiet(exchange: Exchange) -> tuple[Matching, InstrumentMarket]:
    """The matching, and a board where nobody is."""
    return exchange._broker.matching, exchange._market("MOEX", "SBER", QUIET)


# -- passive orders


@pytest.mark.parametrize(
    ("reading", "status", "comment"),
    [("canceled", CANCELED, "mine"), ("rejected", OrderStatus.REJECTED, WOULD_TRADE)],
)
def test_a_passive_order_that_would_trade(reading: str, status: OrderStatus, comment: str) -> None:
    exchange = healthy(Assumptions(passive_crossing=reading))  # type: ignore[arg-type]
    asked = place(exchange, limit(SELL, 3, "290", portfolio=UNITED))
    number = place(exchange, limit(BUY, 1, "290", tif=TimeInForce.BOOK_OR_CANCEL, comment="mine"))
    order = order_of(exchange, number)
    assert (order.status, order.filled_lots, order.comment) == (status, 0, comment)
    assert state(exchange, asked, UNITED) == (WORKING, 0)
    (end,) = exchange.journal.of(f"order_{status.value}")
    assert end.details.get("reason") == (WOULD_TRADE if reading == "rejected" else None)
    assert state(exchange, place(exchange, limit(BUY, 1, "289.99", tif=TimeInForce.BOOK_OR_CANCEL))) == (WORKING, 0)
    assert exchange.check() == []


def test_a_market_order_that_gets_into_an_empty_book_is_cancelled() -> None:
    exchange = healthy(Assumptions())
    matching, board = quiet(exchange)
    account = exchange._broker.account(STOCKS)
    for kind in (TimeInForce.ONE_DAY, TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL):
        ticket = Ticket(account=account, market=board, side=BUY, lots=2, ticks=None, time_in_force=kind)
        order = matching.place(ticket)
        assert (order.status, order.filled) == (CANCELED, 0)
        (_, end) = exchange.journal.since(len(exchange.journal) - 2)
        assert (end.kind, end.details["order_id"]) == ("order_canceled", str(order.number))
    # These came in by the back door, so the journal must notice that no command was behind them.
    unexplained = exchange.check()
    assert len(unexplained) == 3
    assert all("comes from no command" in line for line in unexplained)


# -- an account meets itself


def test_an_account_may_trade_with_itself_and_pays_for_both_sides(exchange: Exchange) -> None:
    before, money = exchange.get_position(STOCKS, "SBER"), exchange.get_position(STOCKS, "RUB")
    resting = place(exchange, limit(SELL, 5, "290"))
    taking = place(exchange, limit(BUY, 3, "291"))
    assert (state(exchange, resting), state(exchange, taking)) == ((WORKING, 3), (FILLED, 3))
    after, left = exchange.get_position(STOCKS, "SBER"), exchange.get_position(STOCKS, "RUB")
    assert before is not None
    assert after is not None
    assert money is not None
    assert left is not None
    assert after.units == before.units
    assert money.units - left.units == 2 * Decimal("4.35")
    trades = exchange.list_trades(STOCKS)
    assert [(trade.side, trade.lots, trade.order_id) for trade in trades] == [(BUY, 3, taking), (SELL, 3, resting)]
    assert trades[0].trade_id == trades[1].trade_id


class TestWhenOwnOrdersMayNotMeet:
    """`self_trade="canceled"`: an order trades up to its own account's order, and is cancelled there."""

    @pytest.fixture
    def exchange(self) -> Exchange:
        return healthy(Assumptions(self_trade="canceled"))

    def test_it_trades_with_what_stands_before_its_own(self, exchange: Exchange) -> None:
        place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
        own = place(exchange, limit(SELL, 4, "290"))
        place(exchange, limit(SELL, 9, "290", portfolio=UNITED))
        taking = place(exchange, limit(BUY, 5, "291"))
        assert state(exchange, taking) == (CANCELED, 2)
        assert state(exchange, own) == (WORKING, 0)
        assert exchange.get_book("MOEX", "SBER", board=QUIET).asks[0].lots == 13
        assert exchange.check() == []

    def test_the_hidden_part_of_an_iceberg_stands_behind_the_own_order_at_its_price(self, exchange: Exchange) -> None:
        place(exchange, limit(SELL, 6, "289.90", portfolio=UNITED, iceberg=2))
        place(exchange, limit(SELL, 9, "290", portfolio=UNITED, iceberg=3))
        place(exchange, limit(SELL, 4, "290"))
        assert state(exchange, place(exchange, limit(BUY, 12, "291"))) == (CANCELED, 6 + 3)
        assert exchange.check() == []

    def test_all_or_nothing_is_nothing_when_the_own_order_is_in_the_way(self, exchange: Exchange) -> None:
        place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
        place(exchange, limit(SELL, 4, "290"))
        assert state(exchange, place(exchange, limit(BUY, 3, "290", tif=TimeInForce.FILL_OR_KILL))) == (CANCELED, 0)
        assert state(exchange, place(exchange, limit(BUY, 2, "290", tif=TimeInForce.FILL_OR_KILL))) == (FILLED, 2)

    def test_an_own_order_out_of_reach_is_not_in_the_way(self, exchange: Exchange) -> None:
        place(exchange, limit(SELL, 2, "290", portfolio=UNITED))
        place(exchange, limit(SELL, 4, "290.10"))
        assert state(exchange, place(exchange, limit(BUY, 3, "290"))) == (WORKING, 2)
        assert state(exchange, place(exchange, limit(BUY, 1, "290.05", portfolio=UNITED)), UNITED) == (WORKING, 0)

    def test_another_account_is_not_concerned(self, exchange: Exchange) -> None:
        own = place(exchange, limit(SELL, 4, "290"))
        assert state(exchange, place(exchange, market(BUY, 3, portfolio=UNITED)), UNITED) == (FILLED, 3)
        assert state(exchange, own) == (WORKING, 3)


# -- icebergs


def test_the_parts_of_an_iceberg_vary_on_derivatives(exchange: Exchange) -> None:
    si = exchange._market("MOEX", "SiM6")
    exchange.crowd.clear(si)
    price = exchange.get_quote("MOEX", "SiM6").last_price
    ticks = si.terms.ticks(price)
    assert ticks is not None

    def parts() -> list[int]:
        command = limit(SELL, 20, price, portfolio=FUTURES, symbol="SiM6", board=None, iceberg=4, variance=50)
        number = place(exchange, command)
        shown: list[int] = []
        while (order := order_of(exchange, number, FUTURES)).status is WORKING:
            assert order.iceberg is not None
            shown.append(order.iceberg.visible_lots)
            assert order.iceberg.visible_filled_lots == 0
            assert [lots for _, lots in si.book.levels(SELL)] == [shown[-1]]
            exchange.crowd.take(si, BUY, shown[-1])
        exchange.crowd.add(si, SELL, price, 20)
        place(
            exchange, market(BUY, 20, portfolio=FUTURES, symbol="SiM6", board=None)
        )  # so that the next one is covered
        return shown

    first, second = parts(), parts()
    assert sum(first) == sum(second) == 20
    assert first[0] == second[0] == 4
    assert all(2 <= part <= 6 for part in (*first[:-1], *second[:-1]))
    assert len({*first[1:-1], *second[1:-1]}) > 1
    assert first != second


def test_without_variance_the_parts_are_alike(exchange: Exchange) -> None:
    number = place(exchange, limit(SELL, 10, "290", iceberg=4))
    shown: list[int] = []
    for _ in range(10):
        iceberg = order_of(exchange, number).iceberg
        assert iceberg is not None
        shown.append(iceberg.visible_lots)
        assert iceberg.visible_lots + iceberg.visible_filled_lots == (4 if len(shown) <= 8 else 2)
        place(exchange, market(BUY, 1, portfolio=UNITED))
    assert shown == [4, 3, 2, 1, 4, 3, 2, 1, 2, 1]


def test_the_next_part_goes_behind_those_who_waited(exchange: Exchange) -> None:
    iceberg = place(exchange, limit(SELL, 6, "290", iceberg=2))
    second = place(exchange, limit(SELL, 3, "290", portfolio=UNITED))
    place(exchange, market(BUY, 4, portfolio=UNITED))
    assert (state(exchange, iceberg), state(exchange, second, UNITED)) == ((WORKING, 2), (WORKING, 2))
    place(exchange, market(BUY, 2, portfolio=UNITED))
    assert (state(exchange, iceberg), state(exchange, second, UNITED)) == ((WORKING, 3), (FILLED, 3))


def test_an_iceberg_takes_with_all_it_has_and_rests_with_a_part(exchange: Exchange) -> None:
    place(exchange, limit(SELL, 5, "290", portfolio=UNITED))
    number = place(exchange, limit(BUY, 9, "290", iceberg=3))
    order = order_of(exchange, number)
    assert (order.status, order.filled_lots) == (WORKING, 5)
    assert order.iceberg is not None
    assert (order.iceberg.visible_lots, order.iceberg.visible_filled_lots) == (3, 0)
    assert exchange.get_book("MOEX", "SBER", board=QUIET).bids[0].lots == 3


# -- the crowd's cheap calls


def test_the_crowd_adds_takes_and_cancels(exchange: Exchange) -> None:
    matching, board = quiet(exchange)
    first = matching.crowd_add(board, SELL, 29_000, 5)
    second = matching.crowd_add(board, SELL, 29_000, 2)
    crossing = matching.crowd_add(board, BUY, 29_000, 6)
    assert (first.remaining, second.remaining, crossing.remaining) == (0, 1, 0)
    beyond = matching.crowd_add(board, BUY, 29_001, 3)
    assert (second.remaining, beyond.remaining) == (0, 2)
    assert board.book.levels(BUY) == [(29_001, 2)]
    assert board.book.levels(SELL) == []
    assert matching.crowd_take(board, SELL, None, 1) == 1
    assert matching.crowd_cancel(board, beyond)
    assert not matching.crowd_cancel(board, beyond)
    assert not matching.crowd_cancel(board, first)
    assert [trade.lots for trade in board.live] == [5, 1, 1, 1]
    assert not exchange.journal.of("trade", "fill")
    assert exchange.get_quote("MOEX", "SBER").last_price


def test_a_client_in_the_way_of_the_crowd_is_filled_and_pays(exchange: Exchange) -> None:
    matching, board = quiet(exchange)
    crowd = exchange._ledger.crowd
    cash, units = crowd.cash, crowd.units(board.terms)
    number = place(exchange, limit(BUY, 4, "290"))
    resting = matching.crowd_add(board, SELL, 28_990, 3)
    assert resting.remaining == 0
    assert state(exchange, number) == (WORKING, 3)
    assert matching.crowd_take(board, SELL, 29_000, 9) == 1
    assert state(exchange, number) == (FILLED, 4)
    assert crowd.units(board.terms) == units - 40
    assert crowd.cash == cash + 40 * 290 * 1_000_000
    assert [entry.details["lots"] for entry in exchange.journal.of("fill")] == [3, 1]
    assert [entry.details["lots"] for entry in exchange.journal.of("trade")] == [3, 1]


def test_the_crowd_alone_leaves_no_trace_but_in_the_digest_and_on_the_tape() -> None:
    digests: set[str] = set()
    for lots in (1, 1, 2):
        exchange = healthy(Assumptions())
        matching, board = quiet(exchange)
        entries, crowd = len(exchange.journal), exchange._ledger.crowd
        money, held = crowd.cash, {symbol: holding.units for symbol, holding in crowd.holdings.items()}
        for _ in range(500):
            matching.crowd_add(board, SELL, 29_000, lots)
            matching.crowd_cancel(board, matching.crowd_add(board, SELL, 29_010, 1))
            matching.crowd_take(board, BUY, 29_000, lots)
            matching.note_book(board)
        exchange._settle_moment()
        assert len(exchange.journal) == entries
        assert (crowd.cash, {symbol: holding.units for symbol, holding in crowd.holdings.items()}) == (money, held)
        assert len(board.live) == 500
        assert not matching.happened
        assert exchange.check() == []
        digests.add(exchange.journal.digest())
    assert len(digests) == 2


# -- what is kept


def test_a_new_session_forgets_what_has_ended(exchange: Exchange, clock: HandClock) -> None:
    bid = exchange.get_quote("MOEX", "SiM6").bid
    assert bid is not None
    lasting = place(
        exchange,
        limit(BUY, 1, bid - 100, portfolio=FUTURES, symbol="SiM6", board=None, tif=TimeInForce.GOOD_TILL_CANCELLED),
    )
    gone = place(exchange, limit(BUY, 1, "280"))
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=gone))
    assert [order.order_id for order in exchange.list_orders(STOCKS)] == [gone]
    clock.forward(days=1)
    assert exchange.list_orders(STOCKS) == ()
    assert exchange.get_order(STOCKS, gone) is None
    assert [order.order_id for order in exchange.list_orders(FUTURES)] == [lasting]
    assert exchange.check() == []
    exchange.cancel_order(CancelOrder(portfolio=FUTURES, order_id=lasting))
    assert exchange.check() == []


def test_numbers_grow_and_never_meet(exchange: Exchange) -> None:
    numbers = [int(place(exchange, limit(BUY, 1, "280"))) for _ in range(5)]
    assert all(earlier < later for earlier, later in pairwise(numbers))
    assert not any(order.number > 0 for order in quiet(exchange)[1].book.orders(SELL))


def test_a_resting_order_shows_all_of_itself_without_parts() -> None:
    order = BookOrder(1, BUY, 100, 7)
    assert (order.visible, order.part) == (7, 7)
    iceberg = BookOrder(2, BUY, 100, 7, iter((3, 9)))
    assert (iceberg.visible, iceberg.part) == (3, 3)
    iceberg.remaining = 4
    iceberg.show()
    assert (iceberg.visible, iceberg.part) == (4, 4)
