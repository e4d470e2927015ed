"""The state behind a blotter: what is known of a portfolio, put together from messages that come in any order."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from alor_async._orders.doubts import Doubts
from alor_async._orders.order_records import OrderRecords, trading_day
from alor_async._orders.views import (
    Divergence,
    Filled,
    OrderChanged,
    OrderView,
    Replaced,
    StopOrderChanged,
    StopOrderView,
    told_lots,
)
from alor_async.models import Side

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from datetime import date, datetime

    from alor_async._orders.ledger import LedgerEntry
    from alor_async._orders.own_orders import OwnOrders
    from alor_async.models import Order, Position, StopOrder, Summary, Trade

__all__ = ["BlotterState", "News"]

News: TypeAlias = OrderChanged | StopOrderChanged | Replaced | Filled | Divergence

_MOST_TRADES: Final = 100_000
_KEPT: Final = timedelta(days=1)
"""What ended is kept through the day after its own."""


class BlotterState:
    """Everything that is known of one portfolio. Each `put` gives what is new because of it.

    Args:
        portfolio: Whose.
        own: Which orders came of this client's commands.
        patience: How long things may not fit together before that is said; seconds.

    Attributes:
        records: The orders.
        doubts: What does not fit.
        positions: What is held, by the keys of the instruments.
        cash: Money, by currency.
        summary: The newest summary; None before the first.
        day: The latest trading day that was seen.
        untold: The keys of the positions and currencies that were not told again after an interruption.
    """

    def __init__(self, portfolio: str, own: OwnOrders, *, patience: float) -> None:
        self.records = OrderRecords(portfolio, own)
        self.doubts = Doubts(patience)
        self.positions: Mapping[str, Position] = MappingProxyType({})
        self.cash: Mapping[str, Decimal] = MappingProxyType({})
        self.summary: Summary | None = None
        self.day: date | None = None
        self.untold: set[str] = set()
        self._portfolio = portfolio
        self._patience = patience
        self._trades: deque[Trade] = deque(maxlen=_MOST_TRADES)
        self._traded: dict[str, Decimal] = {}
        """What the trades of each instrument amount to; units."""
        self._traded_before: Mapping[str, Decimal] | None = None
        """What they did when everything was known for the first time."""
        self._shown_orders: Mapping[str, OrderView] | None = None
        self._shown_stops: Mapping[str, StopOrderView] | None = None
        self._shown_trades: tuple[Trade, ...] | None = None

    # What is shown: snapshots, made when they are asked for and kept until something changes.

    @property
    def orders(self) -> Mapping[str, OrderView]:
        """The exchange orders by their numbers."""
        if self._shown_orders is None:
            self._shown_orders = MappingProxyType(dict(self.records.orders()))
        return self._shown_orders

    @property
    def stop_orders(self) -> Mapping[str, StopOrderView]:
        """The conditional orders by their numbers."""
        if self._shown_stops is None:
            self._shown_stops = MappingProxyType(dict(self.records.stop_orders()))
        return self._shown_stops

    @property
    def trades(self) -> tuple[Trade, ...]:
        """The trades, in the order in which they became known."""
        if self._shown_trades is None:
            self._shown_trades = tuple(self._trades)
        return self._shown_trades

    # What becomes known.

    def begin(self) -> None:
        """Take note that everything that was there before is known."""
        self.records.begin()
        self._traded_before = dict(self._traded)
        for subject, position in self.positions.items():
            before = position.units - self._traded.get(subject, Decimal(0))
            if before == position.open_units:
                self.doubts.set_base(subject, before)

    def put_order(self, order: Order, now: float) -> list[News]:
        """Take the newest state of an exchange order."""
        self._begin_day(order.updated_at or order.created_at)
        return self._changes(self.records.put_order(order, now), now)

    def put_stop_order(self, order: StopOrder, now: float) -> list[News]:
        """Take the newest state of a conditional order."""
        return self._changes(self.records.put_stop_order(order, now), now)

    def put_trade(self, trade: Trade, now: float, *, is_recovered: bool = False) -> list[News]:
        """Take a trade that was not known."""
        self._begin_day(trade.traded_at)
        self._trades.append(trade)
        self._shown_trades = None
        news: list[News] = [Filled(trade=trade, order_id=trade.order_id, is_recovered=is_recovered)]
        if trade.order_id is not None:
            news += self._changes(self.records.put_trade(trade.order_id, trade, now), now)
        subject = f"{trade.exchange}:{trade.symbol}"
        sign = {Side.BUY: 1, Side.SELL: -1}.get(trade.side, 0)
        self._traded[subject] = self._traded.get(subject, Decimal(0)) + sign * trade.units
        return [*news, *self._compare_position(subject, now)]

    def put_position(self, position: Position, now: float) -> list[News]:
        """Take the newest state of a position, or of money."""
        if position.is_currency:
            self.untold.discard(position.symbol)
            self.cash = MappingProxyType({**self.cash, position.symbol: position.units})
            return []
        subject = f"{position.exchange}:{position.symbol}"
        self.untold.discard(subject)
        is_new = subject not in self.positions and not self.doubts.knows(subject)
        if is_new and self._traded_before is not None:
            # It was not there when everything was: nothing of it was held.
            self.doubts.set_base(subject, -self._traded_before.get(subject, Decimal(0)))
        self.positions = MappingProxyType({**self.positions, subject: position})
        return [*self._compare_position(subject, now)]

    def expect_positions(self) -> None:
        """Take note that all that is held is about to be told again."""
        self.untold = {*self.positions, *self.cash}

    def put_held(self, held: Container[str], now: float) -> list[News]:
        """Take note of what the broker lists: what it neither listed nor told again is over since a day before."""
        gone = {subject for subject in self.untold if subject not in held}
        self.untold.clear()
        self.cash = MappingProxyType({key: units for key, units in self.cash.items() if key not in gone})
        ended = gone & self.positions.keys()
        self.positions = MappingProxyType({key: one for key, one in self.positions.items() if key not in ended})
        news: list[News] = []
        for subject in ended:
            traded = self._traded.get(subject, Decimal(0))
            news += self.doubts.compare_position(subject, Decimal(0), traded, now)
        return news

    def put_outcome(self, entry: LedgerEntry, now: float) -> list[News]:
        """Take note of a command of this client whose outcome became known."""
        return self._changes(self.records.put_outcome(entry), now) if entry.portfolio == self._portfolio else []

    def put_listed(self, listed: Container[str], today: date, now: float) -> list[News]:
        """Take note of which exchange orders the broker lists today."""
        return self._changes(self.records.put_listed(listed, today), now)

    def review(self, now: float) -> list[News]:
        """Say what time has decided."""
        news = self._changes(self.records.decide_origins(now - self._patience), now)
        for order_id in self.doubts.overdue("fills", now):
            news += self._changes(self.records.explain(order_id), now)
        return [*news, *self.doubts.review(now)]

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing that time would decide."""
        return self.doubts.is_empty and not self.records.has_undecided

    # Within.

    def _changes(self, changes: Iterable[OrderChanged | StopOrderChanged | Replaced], now: float) -> list[News]:
        news: list[News] = []
        for change in changes:
            news.append(change)
            if isinstance(change, OrderChanged):
                self._shown_orders = None
                news += self._compare_fills(change.view, now)
            elif isinstance(change, StopOrderChanged):
                self._shown_stops = None
        return news

    def _compare_fills(self, view: OrderView, now: float) -> list[Divergence]:
        executed = view.earlier_lots + view.traded_lots
        told = told_lots(view.order, executed, has_expired=view.has_expired)
        shown = None if told is None else Decimal(told)
        return self.doubts.compare("fills", view.order_id, shown, Decimal(executed), now)

    def _compare_position(self, subject: str, now: float) -> list[Divergence]:
        position = self.positions.get(subject)
        if position is None:
            return []  # a currency that is bought is held under its own name, as money
        return self.doubts.compare_position(subject, position.units, self._traded.get(subject, Decimal(0)), now)

    def _begin_day(self, time: datetime | None) -> None:
        """Forget what ended two days before, when a day begins."""
        day = trading_day(time)
        if day is None or (self.day is not None and day <= self.day):
            return
        is_first, self.day = self.day is None, day
        if is_first:
            return
        forgotten = set(self.records.forget(day - _KEPT))
        self.doubts.forget("fills", forgotten)
        kept = [trade for trade in self._trades if trade.order_id not in forgotten]
        self._trades = deque(kept, maxlen=_MOST_TRADES)
        self._shown_orders = self._shown_stops = self._shown_trades = None
