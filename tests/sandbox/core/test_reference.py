"""The engine against a matcher so slow and plain that it can be checked by reading it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async.sandbox.core.commands import Accepted, CancelOrder, ReplaceOrder
from alor_async.sandbox.core.enums import OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import QUIET, STOCKS, UNITED, HandClock, limit, market

CENT = Decimal("0.01")
MIDDLE = Decimal("290.00")
KINDS = (
    TimeInForce.ONE_DAY,
    TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL,
    TimeInForce.BOOK_OR_CANCEL,
)


@dataclass
class Plain:
    """An order of the reference: `price` is `None` for market orders."""

    number: int
    side: Side
    price: Decimal | None
    lots: int
    kind: TimeInForce
    filled: int = 0
    status: OrderStatus = OrderStatus.WORKING

    @property
    def left(self) -> int:
        return self.lots - self.filled


class Reference:
    """Looks through all orders for every single lot."""

    def __init__(self) -> None:
        self.orders: list[Plain] = []
        self.trades: list[tuple[Decimal, int]] = []

    def partner(self, order: Plain) -> Plain | None:
        facing = [item for item in self.orders if item.status is OrderStatus.WORKING and item.side is not order.side]
        if order.price is not None:
            limit = order.price
            facing = [
                item
                for item in facing
                if item.price is not None and (item.price <= limit if order.side is Side.BUY else item.price >= limit)
            ]
        worse = 1 if order.side is Side.BUY else -1
        return min(facing, key=lambda item: ((item.price or 0) * worse, item.number), default=None)

    def place(self, side: Side, price: Decimal | None, lots: int, kind: TimeInForce) -> Plain:
        order = Plain(len(self.orders), side, price, lots, kind)
        if (kind is TimeInForce.BOOK_OR_CANCEL and self.partner(order) is not None) or (
            kind is TimeInForce.FILL_OR_KILL and self.reachable(order) < lots
        ):
            order.status = OrderStatus.CANCELED
        else:
            self.fill(order)
        self.orders.append(order)
        return order

    def reachable(self, order: Plain) -> int:
        saved = [(item, item.status) for item in self.orders]
        found = 0
        while (partner := self.partner(order)) is not None:
            found += partner.left
            partner.status = OrderStatus.CANCELED
        for item, status in saved:
            item.status = status
        return found

    def fill(self, order: Plain) -> None:
        while order.left and (partner := self.partner(order)) is not None:
            lots = min(order.left, partner.left)
            order.filled += lots
            partner.filled += lots
            self.trades.append((partner.price or Decimal(0), lots))
            if not partner.left:
                partner.status = OrderStatus.FILLED
        if not order.left:
            order.status = OrderStatus.FILLED
        elif order.price is None or order.kind in (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL):
            order.status = OrderStatus.CANCELED

    def levels(self, side: Side) -> list[tuple[Decimal, int]]:
        found: dict[Decimal, int] = {}
        for order in self.orders:
            if order.status is OrderStatus.WORKING and order.side is side and order.price is not None:
                found[order.price] = found.get(order.price, 0) + order.left
        return sorted(found.items(), reverse=side is Side.BUY)


places = st.tuples(
    st.just("place"),
    st.sampled_from(Side),
    st.one_of(st.none(), st.integers(-4, 4)),
    st.integers(1, 6),
    st.sampled_from(KINDS),
)
cancels = st.tuples(st.just("cancel"), st.integers(0, 40))
replaces = st.tuples(st.just("replace"), st.integers(0, 40), st.integers(-4, 4), st.integers(1, 6))


class Pair:
    """The same commands to the engine and to the reference."""

    def __init__(self) -> None:
        self.exchange = Exchange(clock=HandClock(), seed=7)
        self.reference = Reference()
        self.numbers: list[str] = []

    def owner(self, index: int) -> str:
        return (STOCKS, UNITED)[index % 2]

    def place(self, side: Side, offset: int | None, lots: int, kind: TimeInForce) -> None:
        owner = self.owner(len(self.numbers))
        if offset is None:
            if kind is TimeInForce.BOOK_OR_CANCEL or not self.reference.levels(side.opposite):
                return  # refused before it is an order: test_rejections.py
            command = market(side, lots, portfolio=owner, tif=kind)
        else:
            command = limit(side, lots, MIDDLE + CENT * offset, portfolio=owner, tif=kind)
        answer = self.exchange.place_order(command)
        assert isinstance(answer, Accepted), answer
        self.numbers.append(answer.order_id)
        self.reference.place(side, command.price, lots, kind)

    def cancel(self, index: int) -> None:
        if index < len(self.numbers):
            order = self.reference.orders[index]
            number = self.numbers[index]
            answer = self.exchange.cancel_order(CancelOrder(portfolio=self.owner(index), order_id=number))
            assert isinstance(answer, Accepted) == (order.status is OrderStatus.WORKING)
            if order.status is OrderStatus.WORKING:
                order.status = OrderStatus.CANCELED

    def replace(self, index: int, offset: int, lots: int) -> None:
        if index >= len(self.numbers):
            return
        old, owner = self.reference.orders[index], self.owner(index)
        command = limit(old.side, lots, MIDDLE + CENT * offset, portfolio=owner)
        answer = self.exchange.replace_order(ReplaceOrder(order_id=self.numbers[index], order=command))
        assert isinstance(answer, Accepted) == (old.status is OrderStatus.WORKING)
        if isinstance(answer, Accepted):
            old.status = OrderStatus.CANCELED
            kind = old.kind
            if len(self.numbers) % 2 != index % 2:  # keep the owners in step with the numbers
                self.numbers.append("")
                self.reference.orders.append(Plain(len(self.numbers), old.side, None, 1, kind, 0, OrderStatus.REJECTED))
            self.numbers.append(answer.order_id)
            self.reference.place(old.side, command.price, lots, kind)

    def compare(self) -> None:
        for index, (number, plain) in enumerate(zip(self.numbers, self.reference.orders, strict=True)):
            if number:
                order = self.exchange.get_order(self.owner(index), number)
                assert order is not None
                assert (order.status, order.filled_lots) == (plain.status, plain.filled), order
        book = self.exchange.get_book("MOEX", "SBER", board=QUIET, depth=50)
        assert [(level.price, level.lots) for level in book.bids] == self.reference.levels(Side.BUY)
        assert [(level.price, level.lots) for level in book.asks] == self.reference.levels(Side.SELL)
        tape = self.exchange.list_market_trades("MOEX", "SBER", board=QUIET)
        assert [(trade.price, trade.lots) for trade in tape] == self.reference.trades
        assert self.exchange.check() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(places, places, places, cancels, replaces), max_size=40))
def test_the_engine_agrees_with_the_reference(commands: list[tuple[object, ...]]) -> None:
    pair = Pair()
    for name, *arguments in commands:
        getattr(pair, str(name))(*arguments)
    pair.compare()
