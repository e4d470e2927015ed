"""The state behind a blotter: whatever order its messages come in, it ends in the same view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from alor_async import Divergence, Filled, OrderChanged, OrderStatus, Replaced, StopOrderChanged
from alor_async._orders.blotter_state import BlotterState
from alor_async._orders.ledger import EntryState, LedgerEntry, MemoryLedger
from alor_async._orders.order_records import OrderRecords
from alor_async._orders.own_orders import OwnOrders
from alor_async._streams.filters import Orders, Verdict
from alor_async.models import Side, TimeInForce, Trade
from tests.unit._streams.making import CANCELLED, FILLED, NOON, REJECTED, order, position, stop_order, trade

PORTFOLIO: Final = "D39004"
SBER: Final = "MOEX:SBER"
PATIENCE: Final = 2.0


def fill(number: str, lots: int | None = 1, *, of: str | None = "1", units: int | None = None, **changes: Any) -> Trade:
    units = 10 * (lots or 0) if units is None else units
    return replace(trade(number), order_id=of, lots=lots, units=units, **{"traded_at": NOON, **changes})


def entry(key: str = "k", **changes: Any) -> LedgerEntry:
    terms: dict[str, Any] = {
        "operation": "orders.place_limit",
        "wire": "rest",
        "portfolio": PORTFOLIO,
        "exchange": "MOEX",
        "symbol": "SBER",
        "side": "buy",
        "lots": 10,
        "digest": "",
        "created_at": datetime(2026, 4, 15, 9, tzinfo=UTC),
    }
    return LedgerEntry(key=key, **{**terms, **changes})


class Book:
    """A state, the ledger beside it, and all that was told."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.own = OwnOrders(self.ledger)
        self.state = BlotterState(PORTFOLIO, self.own, patience=PATIENCE)
        self.now = 100.0
        self.news: list[Any] = []
        self.own.listen(lambda one: self.hear(self.state.put_outcome(one, self.now)))

    def hear(self, news: list[Any]) -> list[Any]:
        self.news += news
        return news

    def put(self, item: Any) -> list[Any]:
        kind = {"Order": "order", "StopOrder": "stop_order", "Trade": "trade", "Position": "position"}
        put = getattr(self.state, f"put_{kind[type(item).__name__]}")
        return self.hear(put(item, self.now))

    def pass_time(self, seconds: float = PATIENCE) -> list[Any]:
        self.now += seconds
        return self.hear(self.state.review(self.now))

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.news if isinstance(one, kind)]


@pytest.fixture
def book() -> Book:
    return Book()


LIFE: Final = (
    order(updated=0),
    order(filled=3, updated=1),
    order(filled=7, updated=2),
    order(CANCELLED, 7, 3),
    fill("1", 3),
    fill("2", 4),
)


class TestAnyOrder:
    def test_every_order_of_messages_ends_the_same(self) -> None:
        for messages in permutations(LIFE):
            book, orders = Book(), Orders()
            for item in messages:
                if isinstance(item, Trade) or orders.admit(item) is Verdict.NEW:
                    book.put(item)
            view = book.state.records.order("1")
            assert view is not None
            assert (view.order, view.filled_lots, view.traded_lots, view.is_final) == (LIFE[3], 7, 7, True)
            told = [one.view for one in book.of(OrderChanged)]
            assert [one.filled_lots for one in told] == sorted(one.filled_lots for one in told)
            assert [one.is_final for one in told] == sorted(one.is_final for one in told)
            assert told[-1] == view
            assert len(book.of(Filled)) == 2
            assert book.pass_time() == []

    @given(some.permutations([*LIFE, stop_order(FILLED, 7, 4, exchange_order_id="1"), stop_order(updated=-1)]))
    def test_parent_and_child_find_each_other(self, messages: list[Any]) -> None:
        book = Book()
        stops = [one for one in messages if type(one).__name__ == "StopOrder"]
        late = stops.index(stop_order(updated=-1)) == 1
        orders = Orders()
        for item in messages:
            if late and item == stop_order(updated=-1):
                continue  # its filter keeps what came too late
            if isinstance(item, Trade) or type(item).__name__ != "Order" or orders.admit(item) is Verdict.NEW:
                book.put(item)
        parent, child = book.state.records.stop_order("1"), book.state.records.order("1")
        assert parent is not None
        assert child is not None
        assert (child.parent_stop, parent.child, parent.trades) == ("1", child, child.trades)
        assert (parent.is_final, parent.filled_lots) == (True, 7)
        assert book.of(StopOrderChanged)[-1].view == parent
        book.pass_time()
        book.pass_time()
        assert parent.is_external is child.is_external


class TestFinality:
    @pytest.mark.parametrize("status", [FILLED, CANCELLED, REJECTED])
    def test_needs_two_that_agree(self, book: Book, status: OrderStatus) -> None:
        book.put(order(status, 2))
        assert not book.state.orders["1"].is_final
        book.put(fill("1", 1))
        assert not book.state.orders["1"].is_final
        book.put(fill("2", 1))
        assert book.state.orders["1"].is_final

    def test_trades_win_where_they_say_more(self, book: Book) -> None:
        book.put(order(CANCELLED, 2))
        for number in "123":
            book.put(fill(number))
        view = book.state.orders["1"]
        assert (view.filled_lots, view.traded_lots, view.is_final) == (3, 3, False)

    def test_an_unknown_status_is_no_end(self, book: Book) -> None:
        book.put(order(OrderStatus("resting"), 0))
        assert not book.state.orders["1"].is_final

    def test_trades_that_say_only_their_units(self, book: Book) -> None:
        book.put(fill("1", None, units=70))
        assert book.state.orders["1"].traded_lots == 0, "nothing says how large a lot is"
        book.put(replace(order(CANCELLED, 7), units=100))
        view = book.state.orders["1"]
        assert (view.traded_lots, view.is_final) == (7, True)

    def test_a_trade_of_no_order_is_told_all_the_same(self, book: Book) -> None:
        assert book.put(fill("1", of=None)) == [Filled(trade=fill("1", of=None), order_id=None)]
        assert book.state.trades == (fill("1", of=None),)
        assert book.state.orders == {}

    def test_a_number_that_is_used_again_on_a_later_day_is_another_order(self, book: Book) -> None:
        book.put(order(FILLED, 10))
        book.put(fill("1", 10))
        day = 86_400.0
        book.put(order(updated=day, created=day))
        view = book.state.orders["1"]
        assert (view.filled_lots, view.trades, view.is_final) == (0, (), False)

    @pytest.mark.parametrize(
        ("status", "child", "is_final"),
        [
            (OrderStatus.WORKING, None, False),
            (FILLED, None, False),
            (CANCELLED, None, True),
            (REJECTED, None, True),
            (FILLED, order(number="9"), False),
            (FILLED, order(CANCELLED, 0, number="9"), True),
            (FILLED, order(REJECTED, 0, number="9"), True),
            (FILLED, order(FILLED, 4, number="9"), False),
        ],
    )
    def test_a_conditional_order_ends_with_the_order_that_it_became(
        self, book: Book, status: OrderStatus, child: Any, is_final: bool
    ) -> None:
        book.put(stop_order(status, exchange_order_id=None if child is None else "9"))
        if child is not None:
            assert not book.state.stop_orders["1"].is_final
            book.put(child)
        assert book.state.stop_orders["1"].is_final is is_final


class TestOrigins:
    async def test_nobody_says_whose_it_is_while_a_command_has_no_outcome(self, book: Book) -> None:
        await book.ledger.record(entry())
        book.put(order())
        assert book.state.orders["1"].is_external is None
        book.pass_time(60)
        assert book.state.orders["1"].is_external is None
        book.own.settle("k", EntryState.ACCEPTED, order_id="1")
        assert book.state.orders["1"].is_external is False
        assert book.news[-1] == OrderChanged(view=book.state.orders["1"])

    async def test_the_owner_may_say_in_his_ledger_that_he_has_seen_to_it(self, book: Book) -> None:
        await book.ledger.record(entry())
        book.put(order())
        await book.ledger.record(entry("s", operation="stop_orders.place_stop", side="sell"))
        book.put(stop_order())
        for key in ("k", "s"):
            assert not book.state.is_settled
            book.ledger.acknowledge(key)
            book.pass_time()
        assert book.state.orders["1"].is_external is True
        assert book.state.stop_orders["1"].is_external is True
        assert book.state.is_settled

    async def test_a_refused_command_made_no_order(self, book: Book) -> None:
        await book.ledger.record(entry())
        book.put(order())
        book.own.settle("k", EntryState.REJECTED)
        assert book.state.orders["1"].is_external is True

    @pytest.mark.parametrize(
        "changes",
        [{"symbol": "GAZP"}, {"side": "sell"}, {"portfolio": "D1"}, {"operation": "stop_orders.place_stop"}],
    )
    async def test_a_command_for_something_else_is_not_waited_for(self, book: Book, changes: dict[str, str]) -> None:
        await book.ledger.record(entry(**changes))
        book.put(order())
        assert book.state.orders["1"].is_external is True

    async def test_what_is_known_for_somebody_elses_stays_so_when_one_like_it_is_placed(self, book: Book) -> None:
        book.put(order())
        await book.ledger.record(entry())
        book.put(order(filled=1, updated=1))
        assert book.state.orders["1"].is_external is True
        book.own.settle("k", EntryState.ACCEPTED, order_id="1")
        assert book.state.orders["1"].is_external is False, "but for an acknowledgement"

    async def test_an_order_that_comes_before_its_parent_says_that_it_fired(self, book: Book) -> None:
        await book.ledger.record(entry(operation="stop_orders.place_stop", side="sell"))
        book.own.settle("k", EntryState.ACCEPTED, order_id="1")
        book.put(stop_order())
        book.put(replace(order(number="9"), side=Side.SELL))
        book.put(replace(order(number="10"), side=Side.SELL))
        assert [view.is_external for view in book.state.orders.values()] == [None, None]
        book.put(stop_order(FILLED, exchange_order_id="9"))
        assert [view.is_external for view in book.state.orders.values()] == [False, True]

    async def test_it_is_not_waited_for_long(self, book: Book) -> None:
        await book.ledger.record(entry(operation="stop_orders.place_stop", side="sell"))
        book.own.settle("k", EntryState.ACCEPTED, order_id="1")
        book.put(stop_order())
        book.put(replace(order(number="9"), side=Side.SELL))
        assert not book.state.is_settled
        book.pass_time(PATIENCE / 2)
        assert book.state.orders["9"].is_external is None
        book.pass_time(PATIENCE / 2)
        assert book.state.orders["9"].is_external is True
        assert book.state.is_settled

    def test_a_tag_is_enough(self, book: Book) -> None:
        book.put(replace(order(), comment="mine [a:JZQXG5DJNZTSAYLM]"))
        book.put(replace(stop_order(), comment="[a:JZQXG5DJNZTSAYLM]"))
        assert book.state.orders["1"].is_external is False
        assert book.state.stop_orders["1"].is_external is False

    async def test_a_chain_is_told_once(self, book: Book) -> None:
        await book.ledger.record(entry("r", operation="orders.replace_limit", replaces="1"))
        book.put(order(CANCELLED))
        book.put(order(number="2"))
        for _ in range(2):
            book.own.settle("r", EntryState.ACCEPTED, order_id="2")
        assert book.of(Replaced)[:1] == [Replaced(old_id="1", new_id="2")]
        assert len(book.of(Replaced)) == 1
        assert (book.state.orders["1"].replaced_by, book.state.orders["2"].replaces) == ("2", "1")

    async def test_one_that_keeps_its_number_is_no_chain(self, book: Book) -> None:
        await book.ledger.record(entry("r", operation="orders.replace_limit", replaces="1"))
        book.put(order())
        book.own.settle("r", EntryState.ACCEPTED, order_id="1")
        view = book.state.orders["1"]
        assert (view.replaces, view.replaced_by, view.is_external) == (None, None, False)
        assert book.of(Replaced) == []

    async def test_conditional_orders_have_numbers_of_their_own(self, book: Book) -> None:
        await book.ledger.record(entry("s", operation="stop_orders.place_stop"))
        book.own.settle("s", EntryState.ACCEPTED, order_id="1")
        book.put(order())
        assert book.state.orders["1"].is_external is True


class TestContradictions:
    def test_lasts_a_while_before_it_is_told_and_ends(self, book: Book) -> None:
        book.put(order(FILLED, 2))
        assert book.pass_time(PATIENCE - 0.1) == []
        book.put(fill("1", 1))
        assert book.pass_time(PATIENCE - 0.1) == [], "something came, so the wait began anew"
        told = Divergence(what="fills", subject="1", shown=Decimal(2), computed=Decimal(1))
        assert book.pass_time(0.1) == [told]
        assert book.pass_time() == []
        assert book.state.doubts.standing == (told,)
        news = book.put(fill("2", 1))
        over = Divergence(what="fills", subject="1", shown=Decimal(2), computed=Decimal(2), is_over=True)
        assert news[-1] == over
        assert book.state.doubts.standing == ()
        assert book.state.is_settled

    def test_a_time_without_a_connection_does_not_count(self, book: Book) -> None:
        book.put(order(FILLED, 2))
        book.now += 100
        book.state.doubts.restart(book.now)
        assert book.pass_time(PATIENCE - 0.1) == []
        assert len(book.pass_time(0.1)) == 1

    def test_what_was_held_before_is_found_out_by_itself(self, book: Book) -> None:
        book.put(position(500))
        book.pass_time()
        book.put(fill("1", 1))
        book.pass_time()
        told = {(one.what, one.shown, one.computed) for one in book.of(Divergence)}
        assert told == {("position", 500, 510), ("fills", None, 1)}
        book.put(position(510))
        assert [one.what for one in book.state.doubts.standing] == ["fills"]

    def test_what_was_held_in_the_morning_is_believed_at_once_if_it_fits(self, book: Book) -> None:
        book.put(replace(position(510), open_units=Decimal(500)))
        book.put(fill("1", 1))
        book.put(order(FILLED, 1))
        book.state.begin()
        book.put(replace(position(580), open_units=Decimal(500)))
        book.pass_time()
        assert [(one.shown, one.computed) for one in book.of(Divergence)] == [(580, 510)]

    def test_what_was_not_there_before_was_not_held(self, book: Book) -> None:
        book.state.begin()
        book.put(position(30))
        book.pass_time()
        assert [(one.shown, one.computed) for one in book.of(Divergence)] == [(30, 0)]
        book.put(fill("1", 3))
        book.put(order(FILLED, 3))
        assert book.state.doubts.standing == ()

    def test_both_sides_may_move_on_and_still_differ(self, book: Book) -> None:
        book.state.begin()
        book.put(position(30))
        book.pass_time()
        book.put(fill("1", 1))
        book.put(order(FILLED, 1))
        book.put(position(40))
        assert book.pass_time() == []
        (standing,) = book.state.doubts.standing
        assert (standing.shown, standing.computed) == (40, 10)
        book.put(position(60))
        assert [(one.shown, one.computed) for one in book.pass_time()] == [(60, 10)]

    def test_a_sale_and_a_purchase_and_money(self, book: Book) -> None:
        book.state.begin()
        book.put(fill("1", 3))
        book.put(replace(fill("2", 1), side=Side.SELL))
        book.put(position(20))
        book.put(replace(position(-250), symbol="RUB", is_currency=True))
        book.pass_time()
        assert [one for one in book.of(Divergence) if one.what == "position"] == []
        assert book.state.cash == {"RUB": Decimal(-250)}
        assert set(book.state.positions) == {SBER}


class TestDays:
    def test_what_ended_is_forgotten_when_the_second_day_after_begins(self, book: Book) -> None:
        day = 86_400.0
        book.put(order(FILLED, 1, number="1"))
        book.put(fill("1"))
        book.put(order(number="2"))
        book.put(order(updated=day, created=day, number="3"))
        assert set(book.state.orders) == {"1", "2", "3"}
        book.put(order(updated=2 * day, created=2 * day, number="4"))
        assert set(book.state.orders) == {"2", "3", "4"}, "what works stays"
        assert book.state.trades == ()

    def test_no_divergence_outlives_what_it_is_about(self, book: Book) -> None:
        day = 86_400.0
        book.put(order(number="1"))
        book.put(fill("1", of="2"))
        book.now += PATIENCE
        book.hear(book.state.review(book.now))
        assert [one.subject for one in book.state.doubts.standing] == ["2"]
        book.put(order(updated=2 * day, created=2 * day, number="3"))
        assert "2" not in book.state.orders
        assert book.state.doubts.standing == ()

    def test_what_is_left_from_a_day_before_and_not_listed_is_over(self, book: Book) -> None:
        book.put(order(number="1"))
        book.put(order(number="2"))
        book.put(replace(order(number="3"), time_in_force=TimeInForce.GOOD_TILL_CANCELLED))
        book.put(order(number="4", created=86_400))
        book.put(order(filled=2, number="5"))
        today = (NOON + timedelta(days=1)).date()
        book.hear(self.listed(book, {"2"}, today))
        expired = {key: view.has_expired for key, view in book.state.orders.items()}
        assert expired == {"1": True, "2": False, "3": False, "4": False, "5": True}
        final = {key for key, view in book.state.orders.items() if view.is_final}
        assert final == {"1"}, "the fills of the other one are not all known"
        book.put(fill("9", 2, of="5"))
        assert book.state.orders["5"].is_final
        book.put(order(number="1", updated=86_400))
        assert not book.state.orders["1"].has_expired, "it was told of again"

    @staticmethod
    def listed(book: Book, numbers: set[str], today: Any) -> list[Any]:
        return book.state.put_listed(numbers, today, book.now)

    def test_on_its_own_day_nothing_is_concluded_from_a_list(self, book: Book) -> None:
        book.put(order())
        assert self.listed(book, set(), NOON.date()) == []

    def test_there_is_a_limit_and_those_that_ended_go_first(self, book: Book) -> None:
        records = OrderRecords(PORTFOLIO, book.own, limit=20)
        for number in range(20):
            list(records.put_order(order(CANCELLED if number % 2 else OrderStatus.WORKING, number=str(number)), 0.0))
        list(records.put_order(order(number="20"), 0.0))
        assert [key for key, _ in records.orders()] == ["0", "2", *map(str, range(4, 21))]
        for number in range(21, 100):
            list(records.put_order(order(number=str(number)), 0.0))
            assert len(list(records.orders())) <= 20
        assert records.order("99") is not None
