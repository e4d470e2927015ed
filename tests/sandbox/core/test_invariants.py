"""`Exchange.check()`: it is silent whatever clients do, and each of its rules can fail."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.audit import Audit
from alor_async.sandbox.core.commands import (
    Accepted,
    CancelAll,
    CancelOrder,
    CreateGroup,
    ErrorCode,
    GroupMember,
    Rejected,
    ReplaceOrder,
    ReplaceStop,
)
from alor_async.sandbox.core.enums import Condition, ExecutionPolicy, OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.history import Print
from alor_async.sandbox.core.journal import Journal
from tests.sandbox.core.support import (
    CURRENCIES,
    FUTURES,
    QUIET,
    STOCKS,
    UNITED,
    HandClock,
    limit,
    market,
    place,
    place_stop,
    stop,
)

pytestmark = pytest.mark.heavy

BUY, SELL = Side.BUY, Side.SELL
LEAST_COMMANDS = 2_000
LENGTH, EXAMPLES = 60, 50

# -- whatever clients do

PLACES = (
    (STOCKS, "SBER"),
    (STOCKS, "GAZP"),
    (STOCKS, "SU26238RMFS4"),
    (UNITED, "SBER"),
    (UNITED, "SiM6"),
    (FUTURES, "SiM6"),
    (CURRENCIES, "CNYRUB_TOM"),
)

places, sides, lots = st.sampled_from(PLACES), st.sampled_from(Side), st.integers(1, 400)
offsets, indices = st.integers(-15, 15), st.integers(0, 10**6)
kinds, conditions = st.sampled_from(TimeInForce), st.sampled_from(Condition)
peaks = st.none() | st.integers(1, 50)
steps = st.one_of(
    st.tuples(st.just("limit"), places, sides, lots, offsets, kinds, peaks),
    st.tuples(st.just("limit"), places, sides, lots, offsets, st.just(TimeInForce.ONE_DAY), peaks),
    st.tuples(st.just("market"), places, sides, lots, kinds),
    st.tuples(st.just("stop"), places, sides, lots, conditions, offsets, st.none() | offsets, st.booleans()),
    st.tuples(st.just("cancel"), indices),
    st.tuples(st.just("cancel_all"), places, st.booleans()),
    st.tuples(st.just("replace"), indices, lots, st.none() | offsets, kinds),
    st.tuples(st.just("replace_stop"), indices, lots, conditions, offsets),
    st.tuples(st.just("group"), indices, indices, indices, st.sampled_from(ExecutionPolicy)),
    st.tuples(st.just("crowd"), places, offsets, st.integers(1, 2_000)),
    st.tuples(st.just("wait"), st.sampled_from([1, 7, 300, 3_600, 40_000, 90_000])),
)


class Life:
    """Everything a client can do, right or wrong."""

    def __init__(self, assumptions: Assumptions) -> None:
        self.clock = HandClock()
        self.exchange = Exchange(clock=self.clock, seed=11, assumptions=assumptions)
        self.orders: list[tuple[tuple[str, str], str]] = [(PLACES[0], "1")]
        self.stops: list[tuple[tuple[str, str], str]] = [(PLACES[0], "1")]
        self.answers = Counter[str]()

    def price(self, symbol: str, offset: int) -> Decimal:
        quote = self.exchange.get_quote("MOEX", symbol)
        return quote.last_price + offset * quote.spec.price_step * 10

    def noted(self, answer: object, where: tuple[str, str], kept: list[tuple[tuple[str, str], str]]) -> None:
        self.answers[type(answer).__name__] += 1
        if isinstance(answer, Accepted):
            kept.append((where, answer.order_id))

    def limit(
        self, where: tuple[str, str], side: Side, lots: int, offset: int, kind: TimeInForce, peak: int | None
    ) -> None:
        portfolio, symbol = where
        price = self.price(symbol, offset)
        command = limit(side, lots, price, portfolio=portfolio, symbol=symbol, board=None, tif=kind, iceberg=peak)
        self.noted(self.exchange.place_order(command), where, self.orders)

    def market(self, where: tuple[str, str], side: Side, lots: int, kind: TimeInForce) -> None:
        command = market(side, lots, portfolio=where[0], symbol=where[1], board=None, tif=kind)
        self.noted(self.exchange.place_order(command), where, self.orders)

    def stop(
        self,
        where: tuple[str, str],
        side: Side,
        lots: int,
        condition: Condition,
        trigger: int,
        price: int | None,
        active: bool,
    ) -> None:
        portfolio, symbol = where
        command = stop(
            side,
            lots,
            condition,
            self.price(symbol, trigger),
            price=None if price is None else self.price(symbol, price),
            portfolio=portfolio,
            symbol=symbol,
            activate=active,
            protecting_seconds=lots if lots < 20 else None,
        )
        self.noted(self.exchange.place_stop(command), where, self.stops)

    def cancel(self, index: int) -> None:
        kept = (self.orders, self.stops)[index % 2]
        (portfolio, _), number = kept[index % len(kept)]
        command = CancelOrder(portfolio=portfolio, order_id=number, is_stop=kept is self.stops)
        self.answers[type(self.exchange.cancel_order(command)).__name__] += 1

    def cancel_all(self, where: tuple[str, str], is_stop: bool) -> None:
        self.exchange.cancel_all(CancelAll(portfolio=where[0], is_stop=is_stop))

    def replace(self, index: int, lots: int, offset: int | None, kind: TimeInForce) -> None:
        where, number = self.orders[index % len(self.orders)]
        portfolio, symbol = where
        side = BUY if index % 2 else SELL
        command = market(side, lots, portfolio=portfolio, symbol=symbol, board=None, tif=kind)
        if offset is not None:
            command = limit(side, lots, self.price(symbol, offset), portfolio=portfolio, symbol=symbol, board=None)
        self.noted(self.exchange.replace_order(ReplaceOrder(order_id=number, order=command)), where, self.orders)

    def replace_stop(self, index: int, lots: int, condition: Condition, offset: int) -> None:
        where, number = self.stops[index % len(self.stops)]
        portfolio, symbol = where
        command = stop(BUY, lots, condition, self.price(symbol, offset), portfolio=portfolio, symbol=symbol)
        self.noted(self.exchange.replace_stop(ReplaceStop(order_id=number, order=command)), where, self.stops)

    def group(self, first: int, second: int, third: int, policy: ExecutionPolicy) -> None:
        """Group what works; now and then something else."""
        portfolios = [info.portfolio for info in self.exchange.portfolios]
        working = [
            GroupMember(portfolio, "MOEX", item.order_id, item.order_type)
            for portfolio in portfolios
            for item in (*self.exchange.list_orders(portfolio), *self.exchange.list_stop_orders(portfolio))
            if item.status is OrderStatus.WORKING or first % 10 == 0
        ]
        members = tuple({working[index % len(working)] for index in (first, second, third)}) if working else ()
        members = tuple(sorted(members, key=lambda member: int(member.order_id)))
        made = self.exchange.create_group(CreateGroup(login=self.exchange.login, members=members, policy=policy))
        self.answers[type(made).__name__] += 1

    def crowd(self, where: tuple[str, str], offset: int, lots: int) -> None:
        instrument = self.exchange.get_instrument("MOEX", where[1])
        price = min(max(self.price(where[1], offset), instrument.price_min), instrument.price_max)
        self.exchange.crowd_trade("MOEX", where[1], price=price, lots=lots)

    def wait(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        self.exchange.advance()


@pytest.mark.timeout(120)
def test_nothing_a_client_does_breaks_an_invariant() -> None:
    counted, answers = Counter[str](), Counter[str]()

    @settings(max_examples=EXAMPLES, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(
        st.lists(steps, min_size=LENGTH, max_size=LENGTH),
        st.builds(
            Assumptions,
            replace_refused=st.sampled_from(["untouched", "gone"]),
            self_trade=st.sampled_from(["trades", "canceled"]),
            passive_crossing=st.sampled_from(["canceled", "rejected"]),
            market_on_empty_book=st.sampled_from(["refused", "canceled"]),
            stop_already_met=st.sampled_from(["next_trade", "at_once"]),
            group_execution=st.sampled_from(["whole", "first_fill"]),
        ),
    )
    def live(script: list[tuple[Any, ...]], assumptions: Assumptions) -> None:
        life = Life(assumptions)
        for number, (name, *arguments) in enumerate(script, start=1):
            getattr(life, name)(*arguments)
            wrong = life.exchange.check()
            assert wrong == [], f"after {script[:number]}"
            counted[name] += 1
        answers.update(life.answers)

    live()
    assert counted.total() >= LEAST_COMMANDS
    assert len(counted) == 10
    assert answers["Accepted"] >= LEAST_COMMANDS // 5
    assert answers["Rejected"] >= LEAST_COMMANDS // 50
    assert answers["OrderGroup"] >= 5


# -- each rule can fail


def test_the_invariants_can_fail(exchange: Exchange) -> None:
    number = place(exchange, limit(BUY, 3, "290"))
    stop_number = place_stop(exchange, stop(SELL, 1, Condition.LESS, "1"))
    order = exchange._broker.matching.find(exchange._broker.account(STOCKS), number)
    conditional = exchange._broker.stops.find(exchange._broker.account(STOCKS), stop_number)
    assert order is not None
    assert order.resting is not None
    assert conditional is not None
    quiet = exchange._market("MOEX", "SBER", QUIET)

    def wrong() -> str:
        return "\n".join(exchange.check())

    order.filled = 4
    assert "4 of 3 lots are filled" in wrong()
    assert "4 lots filled but 0 traded" in wrong()
    assert "is not the one that is working" in wrong()
    assert "30 units of MOEX:SBER are promised to buy, -10 open" in wrong()
    order.filled = 0
    order.status = OrderStatus.FILLED
    assert "filled with 0 of 3 lots" in wrong()
    assert "filled but in the book" in wrong()
    order.status = OrderStatus.WORKING
    order.resting.visible = 9
    assert "rests with 9 of 3 lots" in wrong()
    assert "miscounts" in wrong()
    order.resting.visible = 3
    quiet.book.remove(order.resting)
    assert f"order {number} works and is in no book" in wrong()
    quiet.book.add(order.resting)
    crossing = quiet.crowd_order(SELL, 28_900, 1)
    quiet.book.add(crossing)
    assert "crossed at 29000 over 28900" in wrong()
    quiet.book.remove(crossing)
    quiet.live.append(Print(1, 1, 0, 1, 1))
    assert "trade 1 is empty" in wrong()
    assert "trade 1 follows" in wrong()
    quiet.live.clear()
    conditional.status = OrderStatus.FILLED
    assert "has no order" in wrong()
    conditional.status = OrderStatus.WORKING
    exchange._ledger.crowd.cash += 1
    assert "cash: " in wrong()
    exchange._ledger.crowd.cash -= 1
    holding = exchange._broker.account(STOCKS).holdings[quiet.terms]
    holding.units += 1
    assert "SBER: 1 units too many in all accounts" in wrong()
    holding.units -= 1


Entry = tuple[str, dict[str, object]]
ACCEPTED: Entry = "order_accepted", {"order_id": "7"}
CANCELED: Entry = "order_canceled", {"order_id": "7", "filled": 0}
PLACED: Entry = "command", {"command": limit(BUY, 3, "290")}
REPLACED: Entry = "command", {"command": ReplaceOrder(order_id="7", order=limit(BUY, 3, "290"))}
YES: Entry = "answer", {"result": Accepted("7")}
NO: Entry = "answer", {"result": Rejected(ErrorCode.UNKNOWN_ERROR, "no")}


def filled(lots: int) -> Entry:
    return "fill", {"order_id": "7", "lots": lots}


def ended(lots: int) -> Entry:
    return "order_filled", {"order_id": "7", "filled": lots}


def other(entry: Entry, number: str = "8") -> Entry:
    """The same about another order."""
    kind, details = entry
    return kind, {"result": Accepted(number)} if kind == "answer" else {**details, "order_id": number}


def found(*entries: Entry) -> list[str]:
    journal = Journal()
    for kind, details in entries:
        journal.record(1, kind, **details)
    return Audit(journal).check()


FIRED: Entry = "stop_filled", {"order_id": "1", "exchange_order_id": "7"}


@pytest.mark.parametrize(
    "entries",
    [
        (PLACED, ACCEPTED, YES, filled(1), filled(2), ended(3)),
        (PLACED, NO),
        (PLACED, ACCEPTED, YES, REPLACED, CANCELED, other(ACCEPTED), other(YES)),
        (PLACED, ACCEPTED, YES, REPLACED, NO),
        (PLACED, ACCEPTED, YES, REPLACED, CANCELED, NO),
        (PLACED, ACCEPTED, YES, ("command", {"command": CancelOrder(portfolio=STOCKS, order_id="7")}), CANCELED, YES),
        (PLACED, ACCEPTED, YES, filled(1), ("order_canceled", {"order_id": "7", "filled": 1})),
        (ACCEPTED, filled(3), ended(3), FIRED),
    ],
)
def test_a_life_that_is_right(entries: tuple[Entry, ...]) -> None:
    assert found(*entries) == []


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ((PLACED, ACCEPTED, ACCEPTED, YES), "order 7 is accepted twice"),
        ((PLACED, ACCEPTED, YES, CANCELED, ACCEPTED), "order 7 is accepted twice"),
        ((PLACED, ACCEPTED, YES, CANCELED, filled(1)), "order 7 is filled when it does not work"),
        ((PLACED, ACCEPTED, YES, filled(0)), "order 7 is filled with 0 lots"),
        ((PLACED, ACCEPTED, YES, filled(-1)), "order 7 is filled with -1 lots"),
        ((PLACED, ACCEPTED, YES, CANCELED, CANCELED), "order 7 ends (order_canceled) when it does not work"),
        (
            (PLACED, ACCEPTED, YES, filled(1), ended(3)),
            "order 7 ends with 3 lots, which are not what its fills add up to",
        ),
        ((PLACED, YES), "a command says that it became order 7, which was not accepted for it"),
        ((PLACED, ACCEPTED, YES, PLACED, YES), "a command says that it became order 7, which was not accepted for it"),
        ((PLACED, ACCEPTED, NO), "order 7 comes from no command"),
        ((PLACED, ACCEPTED, other(ACCEPTED), YES), "order 8 comes from no command"),
        ((ACCEPTED, FIRED, FIRED), "stop 1 says that it became order 7, which was not accepted for it"),
        (
            (PLACED, ACCEPTED, YES, REPLACED, other(ACCEPTED), other(YES)),
            "order 7 is replaced and still works",
        ),
        (
            (PLACED, ACCEPTED, YES, REPLACED, CANCELED, other(ACCEPTED), NO),
            "order 8 comes from no command",
        ),
        (
            (PLACED, ACCEPTED, YES, ("command", {"command": CancelOrder(portfolio=STOCKS, order_id="7")}), YES),
            "order 7 is cancelled and still works",
        ),
    ],
)
def test_a_life_that_is_wrong(entries: tuple[Entry, ...], complaint: str) -> None:
    assert found(*entries)[0] == complaint


def test_an_audit_goes_on_where_it_stopped_and_forgets_nothing() -> None:
    journal = Journal()
    audit = Audit(journal)
    for kind, details in (PLACED, ACCEPTED, YES, CANCELED):
        journal.record(1, kind, **details)
        if kind != "order_accepted":
            assert audit.check() == []
    journal.record(1, "fill", order_id="7", lots=1)
    assert audit.check() == audit.check() == ["order 7 is filled when it does not work"]
