"""A matcher so slow and plain that it can be checked by reading it: one list of orders, looked through for every trade."""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal

from alor_async.sandbox.core.enums import Condition, OrderStatus, Side, TimeInForce

LASTING = (TimeInForce.ONE_DAY, TimeInForce.GOOD_TILL_CANCELLED, TimeInForce.BOOK_OR_CANCEL)


@dataclass
class Plain:
    """An order: `price` is `None` for market orders, `peak` 0 for all but icebergs, `turn` its place in time."""

    owner: int
    side: Side
    price: Decimal | None
    lots: int
    kind: TimeInForce
    peak: int = 0
    filled: int = 0
    shown: int = 0
    turn: int = 0
    status: OrderStatus = OrderStatus.WORKING

    @property
    def left(self) -> int:
        return self.lots - self.filled

    def show(self) -> None:
        self.shown = min(self.peak, self.left) if self.peak else self.left


@dataclass
class PlainStop:
    """A conditional order that becomes `order` when a trade meets its condition."""

    condition: Condition
    trigger: Decimal
    order: Plain
    status: OrderStatus = OrderStatus.WORKING

    def is_met(self, price: Decimal) -> bool:
        return {
            Condition.MORE: price > self.trigger,
            Condition.LESS: price < self.trigger,
            Condition.MORE_OR_EQUAL: price >= self.trigger,
            Condition.LESS_OR_EQUAL: price <= self.trigger,
        }[self.condition]


@dataclass
class Reference:
    """All there is: orders in the order of their coming, trades (price, lots, buyer, seller), stops, news of trades."""

    may_meet_itself: bool = True
    passive_status: OrderStatus = OrderStatus.CANCELED
    orders: list[Plain] = field(default_factory=list[Plain])
    trades: list[tuple[Decimal, int, int, int]] = field(default_factory=list[tuple[Decimal, int, int, int]])
    stops: list[PlainStop] = field(default_factory=list[PlainStop])
    news: deque[Decimal] = field(default_factory=deque[Decimal])
    turns: int = 0

    def partner(self, order: Plain) -> Plain | None:
        """Who trades with an order next: the best price, and of those the one who has waited longest."""
        facing = [item for item in self.orders if item.status is OrderStatus.WORKING and item.side is not order.side]
        if order.price is not None:
            limit, sign = order.price, order.side.sign
            facing = [item for item in facing if item.price is not None and (item.price - limit) * sign <= 0]
        return min(facing, key=lambda item: ((item.price or 0) * order.side.sign, item.turn), default=None)

    def place(self, order: Plain) -> None:
        kind = order.kind
        if kind is TimeInForce.BOOK_OR_CANCEL and self.partner(order) is not None:
            order.status = self.passive_status
        elif kind in (TimeInForce.FILL_OR_KILL, TimeInForce.AT_THE_CLOSE) and not self.could_be_filled(order):
            order.status = OrderStatus.CANCELED
        else:
            self.fill(order)
            if not order.left:
                order.status = OrderStatus.FILLED
            elif order.price is None or kind not in LASTING or self.partner(order) is not None:
                order.status = OrderStatus.CANCELED
        self.wait(order)
        self.orders.append(order)

    def could_be_filled(self, order: Plain) -> bool:
        """Try it on a copy of the world."""
        world, wish = deepcopy((self, order))
        world.fill(wish)
        return not wish.left

    def fill(self, order: Plain) -> None:
        while order.left and (partner := self.partner(order)) is not None:
            if partner.owner == order.owner and not self.may_meet_itself:
                return
            lots = min(order.left, partner.shown)
            order.filled += lots
            partner.filled += lots
            partner.shown -= lots
            buyer, seller = (order, partner) if order.side is Side.BUY else (partner, order)
            assert partner.price is not None
            self.trades.append((partner.price, lots, buyer.owner, seller.owner))
            self.news.append(partner.price)
            if not partner.left:
                partner.status = OrderStatus.FILLED
            elif not partner.shown:
                self.wait(partner)

    def wait(self, order: Plain) -> None:
        """Show a part at the end of the queue."""
        self.turns += 1
        order.turn = self.turns
        order.show()

    def react(self) -> None:
        """Let the stops see every trade."""
        while self.news:
            price = self.news.popleft()
            for stop in list(self.stops):
                if stop.status is OrderStatus.WORKING and stop.is_met(price):
                    nobody = stop.order.price is None and self.partner(stop.order) is None
                    stop.status = OrderStatus.REJECTED if nobody else OrderStatus.FILLED
                    if not nobody:
                        self.place(stop.order)

    def end_day(self) -> None:
        for order in self.orders:
            if order.status is OrderStatus.WORKING and order.kind is not TimeInForce.GOOD_TILL_CANCELLED:
                order.status = OrderStatus.CANCELED

    def levels(self, side: Side) -> list[tuple[Decimal, int]]:
        """The visible book of one side, best price first."""
        found: dict[Decimal, int] = {}
        for order in self.orders:
            if order.status is OrderStatus.WORKING and order.side is side and order.price is not None:
                found[order.price] = found.get(order.price, 0) + order.shown
        return sorted(found.items(), reverse=side is Side.BUY)

    def bought(self, owner: int) -> int:
        """The lots that an owner has bought, less those that he has sold."""
        return sum(lots * ((buyer == owner) - (seller == owner)) for _, lots, buyer, seller in self.trades)
