"""The engine against the plain matcher, and the exchange against its own invariants, over commands that nobody chose."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.commands import Accepted, CancelOrder, CommandResult, Rejected, ReplaceOrder
from alor_async.sandbox.core.entities import Collateral, InstrumentSpec
from alor_async.sandbox.core.enums import Condition, OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.reference import Plain, PlainStop, Reference
from tests.sandbox.core.support import FUTURES, QUIET, STOCKS, UNITED, WEDNESDAY_NOON, HandClock, limit, market, stop

pytestmark = pytest.mark.heavy

LEAST_COMMANDS = 10_000
LENGTH, EXAMPLES = 100, 120
FOK, GTC, CLOSE = TimeInForce.FILL_OR_KILL, TimeInForce.GOOD_TILL_CANCELLED, TimeInForce.AT_THE_CLOSE
FEW = 4

Script = list[tuple[Any, ...]]

kinds_of_limit = st.sampled_from([kind for kind in TimeInForce if kind is not CLOSE])
kinds_of_market = st.sampled_from([TimeInForce.ONE_DAY, TimeInForce.IMMEDIATE_OR_CANCEL, FOK, CLOSE])
sides, owners, lots = st.sampled_from(Side), st.integers(0, 1), st.integers(1, 6)
offsets, indices = st.integers(-FEW, FEW), st.integers(0, 10**6)
days = st.just(TimeInForce.ONE_DAY)
resting = st.tuples(st.just("limit"), owners, sides, offsets, lots, days, st.just(0))
icebergs = st.tuples(st.just("limit"), owners, sides, offsets, lots, kinds_of_limit, st.integers(1, 3))
limits = st.tuples(st.just("limit"), owners, sides, offsets, lots, kinds_of_limit, st.just(0))
markets = st.tuples(st.just("market"), owners, sides, lots, kinds_of_market)
cancels = st.tuples(st.just("cancel"), indices)
replaces = st.tuples(st.just("replace"), indices, offsets, lots, st.integers(0, 3))
stops = st.tuples(st.just("stop"), owners, sides, st.sampled_from(Condition), offsets, st.none() | offsets, lots)
commands = st.one_of(resting, icebergs, limits, markets, cancels, replaces, stops)
scripts = st.lists(commands, min_size=LENGTH, max_size=LENGTH)


def quiet_future() -> InstrumentSpec:
    """A future with a board where nobody is, and so little collateral that money is never short."""
    (found,) = (spec for spec in default_instruments(WEDNESDAY_NOON.date()) if spec.short_name == "SiM6")
    assert found.collateral is not None
    cheap = {client: Collateral(Decimal(10), Decimal(10)) for client in found.collateral}
    return replace(found, boards=(QUIET,), collateral=cheap)


class Pair:
    """The same commands to the exchange and to the reference, on one instrument."""

    def __init__(self, spec: InstrumentSpec, owners: tuple[str, str], assumptions: Assumptions) -> None:
        self.spec, self.owners = spec, owners
        self.clock = HandClock()
        self.exchange = Exchange(clock=self.clock, seed=7, instruments=[spec], assumptions=assumptions)
        self.reference = Reference(
            may_meet_itself=assumptions.self_trade == "trades",
            passive_status=OrderStatus(assumptions.passive_crossing),
        )
        self.middle = self.exchange.get_quote("MOEX", spec.symbol).prev_close_price
        self.where = {"symbol": spec.symbol, "board": QUIET}
        self.numbers: list[str] = []
        self.given = Counter[str]()
        self.read = len(self.exchange.journal)
        self.before = [self.holdings(owner) for owner in owners]

    def price(self, offset: int) -> Decimal:
        return self.middle + offset * self.spec.price_step

    def holdings(self, portfolio: str) -> tuple[Decimal, Decimal]:
        held, money = (self.exchange.get_position(portfolio, name) for name in (self.spec.symbol, "RUB"))
        assert money is not None
        return held.units if held is not None else Decimal(0), money.units

    # -- the commands

    def place(self, command: Any, order: Plain) -> None:
        answer = self.exchange.place_order(command)
        if self.refused(order):
            assert isinstance(answer, Rejected)
        else:
            assert isinstance(answer, Accepted), answer
            self.reference.place(order)

    def refused(self, order: Plain) -> bool:
        """What the broker does not let in: tests of checks are elsewhere, these rules only keep the two in step."""
        empty = order.price is None and self.reference.partner(order) is None
        return empty or order.peak > order.lots or (order.kind is GTC and not self.spec.is_derivative)

    def limit(self, owner: int, side: Side, offset: int, lots: int, kind: TimeInForce, peak: int) -> None:
        price = self.price(offset)
        command = limit(side, lots, price, portfolio=self.owners[owner], tif=kind, iceberg=peak or None, **self.where)
        self.place(command, Plain(owner, side, price, lots, kind, peak))

    def market(self, owner: int, side: Side, lots: int, kind: TimeInForce) -> None:
        command = market(side, lots, portfolio=self.owners[owner], tif=kind, **self.where)
        self.place(command, Plain(owner, side, None, lots, kind))

    def cancel(self, index: int) -> None:
        order, number = self.some_order(index)
        command = CancelOrder(portfolio=self.owners[order.owner], order_id=number)
        self.agree(self.exchange.cancel_order(command), order)

    def some_order(self, index: int) -> tuple[Plain, str]:
        """One of the orders that were ever placed, working or not."""
        index %= len(self.numbers)
        return self.reference.orders[index], self.numbers[index]

    def agree(self, answer: CommandResult, order: Plain) -> None:
        """The exchange takes a command for an order exactly when it works; it ends with it."""
        assert isinstance(answer, Accepted) == (order.status is OrderStatus.WORKING)
        if order.status is OrderStatus.WORKING:
            order.status = OrderStatus.CANCELED

    def replace(self, index: int, offset: int, lots: int, peak: int) -> None:
        old, number = self.some_order(index)
        peak = min(old.peak, lots) if self.spec.is_derivative else min(peak, lots)
        command = limit(
            old.side, lots, self.price(offset), portfolio=self.owners[old.owner], iceberg=peak or None, **self.where
        )
        worked = old.status is OrderStatus.WORKING
        self.agree(self.exchange.replace_order(ReplaceOrder(order_id=number, order=command)), old)
        if worked:
            self.reference.place(Plain(old.owner, old.side, command.price, lots, old.kind, peak))

    def stop(self, owner: int, side: Side, condition: Condition, trigger: int, price: int | None, lots: int) -> None:
        at = None if price is None else self.price(price)
        command = stop(side, lots, condition, self.price(trigger), price=at, portfolio=self.owners[owner])
        command = replace(command, **self.where)
        assert isinstance(self.exchange.place_stop(command), Accepted)
        order = Plain(owner, side, at, lots, TimeInForce.ONE_DAY)
        self.reference.stops.append(PlainStop(condition, self.price(trigger), order))

    # -- the comparison

    def give(self, name: str, *arguments: Any) -> None:
        if name in ("cancel", "replace") and not self.numbers:
            return
        self.given[name] += 1
        getattr(self, name)(*arguments)
        self.reference.react()
        for _, kind, details in self.exchange.journal.records(self.read):
            self.read += 1
            if kind == "order_accepted":
                self.numbers.append(str(details["order_id"]))
        assert len(self.numbers) == len(self.reference.orders)

    def compare(self) -> None:
        for number, plain in zip(self.numbers, self.reference.orders, strict=True):
            order = self.exchange.get_order(self.owners[plain.owner], number)
            assert order is not None
            assert (order.status, order.filled_lots) == (plain.status, plain.filled), order
        kept = [self.exchange.list_stop_orders(portfolio) for portfolio in self.owners]
        placed = [[item.status for item in self.reference.stops if item.order.owner == owner] for owner in (0, 1)]
        assert [[item.status for item in items] for items in kept] == placed
        book = self.exchange.get_book("MOEX", self.spec.symbol, board=QUIET, depth=50)
        assert [(level.price, level.lots) for level in book.bids] == self.reference.levels(Side.BUY)
        assert [(level.price, level.lots) for level in book.asks] == self.reference.levels(Side.SELL)
        tape = self.exchange.list_market_trades("MOEX", self.spec.symbol, board=QUIET)
        assert [(trade.price, trade.lots) for trade in tape] == [trade[:2] for trade in self.reference.trades]
        self.compare_money()
        assert self.exchange.check() == []

    def compare_money(self) -> None:
        """Units and cash of both are what the trades make of them; commissions are all that is gone."""
        for owner, (units, money) in enumerate(self.before):
            held, left = self.holdings(self.owners[owner])
            assert held - units == self.reference.bought(owner) * self.spec.lot_size
            for price, lots, buyer, seller in self.reference.trades:
                value = price * lots * self.spec.lot_size
                fee = (value * Decimal("0.0005")).quantize(Decimal("0.01"), ROUND_HALF_UP)
                money -= (fee if not self.spec.is_derivative else lots) * ((buyer == owner) + (seller == owner))
                if not self.spec.is_derivative:
                    money -= value * ((buyer == owner) - (seller == owner))
            assert left == money

    def end_day(self) -> None:
        """Day orders end with their day, the others live on."""
        self.clock.forward(hours=14, minutes=30)
        self.exchange.advance()
        self.reference.end_day()


def live_through(script: Script, spec: InstrumentSpec, assumptions: Assumptions) -> Pair:
    """Give the commands to both, compare; let the day end, compare again."""
    pair = Pair(spec, (UNITED, FUTURES if spec.is_derivative else STOCKS), assumptions)
    for command in script:
        pair.give(*command)
    pair.compare()
    pair.end_day()
    pair.compare()
    return pair


def shortest(script: Script, *world: Any) -> Script:
    """The shortest beginning of a script over which the two disagree."""
    for length in range(len(script)):
        try:
            live_through(script[:length], *world)
        except AssertionError:
            return script[:length]
    return script


@pytest.mark.timeout(120)
def test_the_engine_agrees_with_the_reference() -> None:
    (sber,) = (spec for spec in default_instruments(WEDNESDAY_NOON.date()) if spec.symbol == "SBER")
    counted = Counter[str]()

    # Scripts have a fixed length, so that their number counts; a disagreement is cut to its shortest beginning instead.
    @settings(max_examples=EXAMPLES, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(
        scripts,
        st.sampled_from([sber, quiet_future()]),
        st.builds(
            Assumptions,
            self_trade=st.sampled_from(["trades", "canceled"]),
            passive_crossing=st.sampled_from(["canceled", "rejected"]),
        ),
    )
    def agree(script: Script, spec: InstrumentSpec, assumptions: Assumptions) -> None:
        try:
            pair = live_through(script, spec, assumptions)
        except AssertionError as error:
            error.add_note(f"they disagree after {shortest(script, spec, assumptions)}")
            raise
        counted.update(pair.given)
        counted["trades"] += len(pair.reference.trades)
        counted["fired"] += sum(item.status is OrderStatus.FILLED for item in pair.reference.stops)

    agree()
    trades, fired = counted.pop("trades"), counted.pop("fired")
    assert counted.total() >= LEAST_COMMANDS
    assert set(counted) == {"limit", "market", "cancel", "replace", "stop"}
    assert trades >= LEAST_COMMANDS // 10
    assert fired >= LEAST_COMMANDS // 100
