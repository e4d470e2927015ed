"""The orders of a portfolio, each with its trades, its origin and its kin, whatever order they become known in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from alor_async._orders.tags import client_tag
from alor_async._orders.views import OrderChanged, OrderView, Replaced, StopOrderChanged, StopOrderView, told_lots
from alor_async._policy.paging import MOSCOW
from alor_async.models import Order, OrderStatus, StopOrder, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from datetime import date, datetime

    from alor_async._orders.ledger import LedgerEntry
    from alor_async._orders.own_orders import OwnOrders
    from alor_async.models import Trade

    Change = OrderChanged | StopOrderChanged | Replaced

__all__ = ["OrderRecords", "trading_day"]

AnyOrder = TypeVar("AnyOrder", Order, StopOrder)
AnyView = TypeVar("AnyView", OrderView, StopOrderView)

_FINAL: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})
_MOST_ORDERS: Final = 50_000


class _Record(Generic[AnyOrder, AnyView]):
    """What is known of one order.

    Attributes:
        since: When it became known, by the monotonic clock.
        is_orphan: Whether it is sure to have come of no conditional order.
        may_be_older: Whether it may have traded on a day whose trades are told no more.
        earlier_lots: How much it did; lots.
        view: As it was shown last.
    """

    __slots__ = ("earlier_lots", "has_expired", "is_orphan", "may_be_older", "order", "since", "trades", "view")

    def __init__(self, since: float) -> None:
        self.order: AnyOrder | None = None
        self.trades: tuple[Trade, ...] = ()
        self.since = since
        self.is_orphan = False
        self.may_be_older = False
        self.earlier_lots = 0
        self.has_expired = False
        self.view: AnyView | None = None


class OrderRecords:
    """All orders of one portfolio. Each method gives the changes that it made.

    Args:
        portfolio: Whose.
        own: Which of them came of this client's commands.
        limit: How many are kept, of either kind.
    """

    __slots__ = (
        "_limit",
        "_orders",
        "_own",
        "_parents",
        "_portfolio",
        "_short_of_trades",
        "_stops",
        "_undecided",
        "_undecided_stops",
    )

    def __init__(self, portfolio: str, own: OwnOrders, *, limit: int = _MOST_ORDERS) -> None:
        self._portfolio = portfolio
        self._own = own
        self._limit = limit
        self._orders: dict[str, _Record[Order, OrderView]] = {}
        self._stops: dict[str, _Record[StopOrder, StopOrderView]] = {}
        self._parents: dict[str, str] = {}
        """The conditional orders that became exchange orders, by the numbers of these."""
        self._undecided: dict[str, None] = {}
        """The exchange orders of which nobody knows as yet whose they are."""
        self._undecided_stops: dict[str, None] = {}
        self._short_of_trades: dict[str, None] = {}
        """Those that had executed more than was told of their trades, when everything was known for the first time."""

    # What is shown.

    def order(self, order_id: str) -> OrderView | None:
        """Give one exchange order."""
        record = self._orders.get(order_id)
        return None if record is None else record.view

    def stop_order(self, order_id: str) -> StopOrderView | None:
        """Give one conditional order."""
        record = self._stops.get(order_id)
        return None if record is None else record.view

    def orders(self) -> Iterator[tuple[str, OrderView]]:
        """Give all exchange orders, in the order in which they became known."""
        return ((key, record.view) for key, record in self._orders.items() if record.view is not None)

    def stop_orders(self) -> Iterator[tuple[str, StopOrderView]]:
        """Give all conditional orders, likewise."""
        return ((key, record.view) for key, record in self._stops.items() if record.view is not None)

    @property
    def has_undecided(self) -> bool:
        """Whether of one of them nobody knows as yet whose it is. That may end without a word: by time, or in the ledger."""
        return bool(self._undecided or self._undecided_stops)

    def is_unheard(self, order_id: str | None) -> bool:
        """Whether nothing but trades tell of an order."""
        record = None if order_id is None else self._orders.get(order_id)
        return record is not None and _is_unheard(record)

    @property
    def wants_list(self) -> bool:
        """Whether the list of today would tell more: one of them is alive, as far as is known, or may be of an earlier day."""
        return bool(self._short_of_trades) or any(
            _is_working(record) or _is_unheard(record) for record in self._orders.values()
        )

    # What becomes known.

    def begin(self) -> None:
        """Take note that everything that was there before is known."""
        self._short_of_trades = {
            order_id: None for order_id, view in self.orders() if view.filled_lots > view.traded_lots
        }

    def put_order(self, order: Order, now: float) -> Iterable[Change]:
        """Take the newest state of an exchange order."""
        record = self._orders.get(order.order_id)
        if record is None:
            record = self._orders[order.order_id] = _Record(now)
            _make_room(self._orders, self._limit)
        elif record.order is not None and _ended(record.order) and not _ended(order):
            # Another order, of a later day, got the number of one that ended.
            day = trading_day(order.created_at)
            record.trades = tuple(trade for trade in record.trades if trading_day(trade.traded_at) == day)
            record.earlier_lots = 0
        record.order = order
        record.has_expired = False
        yield from self._refresh(order.order_id)

    def put_stop_order(self, order: StopOrder, now: float) -> Iterable[Change]:
        """Take the newest state of a conditional order."""
        record = self._stops.get(order.order_id)
        if record is None:
            record = self._stops[order.order_id] = _Record(now)
            _make_room(self._stops, self._limit)
        record.order = order
        child_id = order.exchange_order_id
        if child_id is not None:
            self._parents[child_id] = order.order_id
        if child_id is not None:
            yield from self._refresh(child_id)
        yield from self._refresh_stop(order.order_id)
        yield from self._decide()

    def put_trade(self, order_id: str, trade: Trade, now: float) -> Iterable[Change]:
        """Take a trade of an exchange order, which need not be known yet."""
        record = self._orders.get(order_id)
        if record is None:
            record = self._orders[order_id] = _Record(now)
            _make_room(self._orders, self._limit)
        record.trades = (*record.trades, trade)
        yield from self._refresh(order_id)

    def put_outcome(self, entry: LedgerEntry) -> Iterable[Change]:
        """Take note of a command of this client whose outcome became known."""
        is_stop = entry.operation.startswith("stop_orders.")
        refresh = self._refresh_stop if is_stop else self._refresh
        if entry.order_id is not None:
            yield from refresh(entry.order_id)
            if entry.replaces not in (None, entry.order_id):
                yield Replaced(old_id=entry.replaces, new_id=entry.order_id, is_stop=is_stop)
                yield from refresh(entry.replaces)
        yield from self._decide()

    def put_listed(self, listed: Container[str], today: date) -> Iterable[Change]:
        """Take note of which orders the broker lists today: what was left from a day before and is not there is over."""
        for order_id in self._short_of_trades:
            record = self._orders.get(order_id)
            if record is not None and _was_made_before(record.order, today):
                record.may_be_older = True
        self._short_of_trades = {}
        for order_id, record in tuple(self._orders.items()):
            is_left = _is_working(record) and _lives_a_day(record.order, today)
            if (is_left or _is_unheard_since(record, today)) and order_id not in listed:
                record.has_expired = True
                yield from self._refresh(order_id)

    def explain(self, order_id: str) -> Iterable[Change]:
        """Take what an order of an earlier day executed beyond its trades for executed on days whose trades are not told."""
        record = self._orders.get(order_id)
        if record is not None and record.may_be_older and record.order is not None:
            record.may_be_older = False
            record.earlier_lots = max(record.order.filled_lots - _traded_lots(record.order, record.trades), 0)
            yield from self._refresh(order_id)

    def decide_origins(self, before: float) -> Iterable[Change]:
        """Wait no longer for the conditional orders of those that have been known since before a moment."""
        for key in self._undecided:
            record = self._orders.get(key)
            if record is not None and record.since <= before:
                record.is_orphan = True
        yield from self._decide()

    def forget(self, day: date) -> list[str]:
        """Forget what ended before a day, and give the numbers of the exchange orders that were forgotten."""
        past = [key for key, record in self._orders.items() if _is_past(record, day)]
        for key in past:
            del self._orders[key]
        for key in [key for key, record in self._stops.items() if _is_past(record, day)]:
            del self._stops[key]
        self._parents = {child: stop for child, stop in self._parents.items() if stop in self._stops}
        return past

    # Within.

    def _refresh(self, order_id: str) -> Iterable[Change]:
        record = self._orders.get(order_id)
        if record is None:
            self._undecided.pop(order_id, None)
        else:
            view = self._view(order_id, record)
            _mark(self._undecided, order_id, view)
            if view != record.view:
                record.view = view
                yield OrderChanged(view=view)
        parent = self._parents.get(order_id)
        if parent is not None:
            yield from self._refresh_stop(parent)

    def _refresh_stop(self, order_id: str) -> Iterable[Change]:
        record = self._stops.get(order_id)
        if record is None:
            self._undecided_stops.pop(order_id, None)
            return
        view = self._stop_view(order_id, record)
        _mark(self._undecided_stops, order_id, view)
        if view != record.view:
            record.view = view
            yield StopOrderChanged(view=view)

    def _view(self, order_id: str, record: _Record[Order, OrderView]) -> OrderView:
        order = record.order
        traded = _traded_lots(order, record.trades)
        executed = record.earlier_lots + traded
        has_ended = record.has_expired or (order is not None and _ended(order))
        return OrderView(
            order_id=order_id,
            order=order,
            trades=record.trades,
            traded_lots=traded,
            earlier_lots=record.earlier_lots,
            filled_lots=executed if order is None else max(executed, order.filled_lots),
            is_final=has_ended and told_lots(order, executed, has_expired=record.has_expired) == executed,
            is_external=self._is_external(order_id, record),
            has_expired=record.has_expired,
            replaces=self._own.replaces(self._portfolio, order_id, is_stop=False),
            replaced_by=self._own.replaced_by(self._portfolio, order_id, is_stop=False),
            parent_stop=self._parents.get(order_id),
        )

    def _stop_view(self, order_id: str, record: _Record[StopOrder, StopOrderView]) -> StopOrderView:
        order = record.order
        child_id = None if order is None else order.exchange_order_id
        child = None if child_id is None else self.order(child_id)
        filled = 0 if order is None else order.filled_lots or 0
        return StopOrderView(
            order_id=order_id,
            order=order,
            child=child,
            trades=() if child is None else child.trades,
            filled_lots=filled if child is None else max(filled, child.filled_lots),
            is_final=order is not None and _stop_ended(order, child),
            is_external=self._is_external_stop(order_id, record),
            replaces=self._own.replaces(self._portfolio, order_id, is_stop=True),
            replaced_by=self._own.replaced_by(self._portfolio, order_id, is_stop=True),
        )

    def _is_external(self, order_id: str, record: _Record[Order, OrderView]) -> bool | None:
        source = record.order or record.trades[0]
        if self._own.is_own(self._portfolio, order_id, is_stop=False) or client_tag(source.comment) is not None:
            return False
        parent_id = self._parents.get(order_id)
        if parent_id is not None and parent_id in self._stops:
            return self._is_external_stop(parent_id, self._stops[parent_id])
        if record.view is not None and record.view.is_external:
            return True
        if self._own.may_become(self._portfolio, source.symbol, str(source.side), is_stop=False):
            return None
        return None if not record.is_orphan and self._may_have_fired(source) else True

    def _is_external_stop(self, order_id: str, record: _Record[StopOrder, StopOrderView]) -> bool | None:
        order = record.order
        if self._own.is_own(self._portfolio, order_id, is_stop=True):
            return False
        if order is not None and client_tag(order.comment) is not None:
            return False
        if record.view is not None and record.view.is_external:
            return True
        if order is None or self._own.may_become(self._portfolio, order.symbol, str(order.side), is_stop=True):
            return None
        return True

    def _may_have_fired(self, source: Order | Trade) -> bool:
        """Whether a conditional order of ours may be the parent, though it has not said so."""
        return any(
            record.order is not None
            and record.order.exchange_order_id is None
            and record.order.status in (OrderStatus.WORKING, OrderStatus.FILLED)
            and (record.order.symbol, record.order.side) == (source.symbol, source.side)
            and record.view is not None
            and record.view.is_external is not True
            for record in self._stops.values()
        )

    def _decide(self) -> Iterable[Change]:
        """Look again at those of whom it was not known whose they are."""
        for order_id in tuple(self._undecided_stops):
            yield from self._refresh_stop(order_id)
        for order_id in tuple(self._undecided):
            yield from self._refresh(order_id)


def _mark(undecided: dict[str, None], order_id: str, view: OrderView | StopOrderView) -> None:
    if view.is_external is None:
        undecided[order_id] = None
    else:
        undecided.pop(order_id, None)


def trading_day(time: datetime | None) -> date | None:
    """Give the day of the exchange's calendar, which is Moscow's."""
    return None if time is None else time.astimezone(MOSCOW).date()


def _ended(order: Order | StopOrder) -> bool:
    return order.status in _FINAL


def _stop_ended(order: StopOrder, child: OrderView | None) -> bool:
    """One that fired goes on as the order that it became; one that could not fire has none."""
    if child is not None:
        return _ended(order) and child.is_final
    return order.exchange_order_id is None and order.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED)


def _is_working(record: _Record[Order, OrderView]) -> bool:
    return record.order is not None and not _ended(record.order) and not record.has_expired


def _is_unheard(record: _Record[Order, OrderView]) -> bool:
    """Whether nothing but trades tell of it."""
    return record.order is None and not record.has_expired


def _is_unheard_since(record: _Record[Order, OrderView], today: date) -> bool:
    """Whether nothing but trades of days before tell of it."""
    last = trading_day(record.trades[-1].traded_at) if record.trades else None
    return _is_unheard(record) and last is not None and last < today


def _lives_a_day(order: Order | None, today: date) -> bool:
    """Whether an order was made on a day before, and not for longer than that day."""
    is_lasting = order is not None and order.time_in_force == TimeInForce.GOOD_TILL_CANCELLED
    return _was_made_before(order, today) and not is_lasting


def _was_made_before(order: Order | None, day: date) -> bool:
    made = None if order is None else trading_day(order.created_at)
    return made is not None and made < day


def _is_past(record: _Record[Order, OrderView] | _Record[StopOrder, StopOrderView], day: date) -> bool:
    """Whether it ended, and was touched last before a day."""
    order = record.order
    if order is None:
        last = trading_day(record.trades[-1].traded_at) if record.trades else None
    elif record.view is not None and record.view.is_final:
        last = trading_day(order.updated_at or order.created_at)
    else:
        last = None
    return last is not None and last < day


def _traded_lots(order: Order | None, trades: tuple[Trade, ...]) -> int:
    """Add up the trades; those that only say their units are converted by what the order says of itself."""
    lots = units = 0
    for trade in trades:
        if trade.lots is None:
            units += trade.units
        else:
            lots += trade.lots
    if units and order is not None and order.units:
        lots += units * order.lots // order.units
    return lots


def _make_room(records: dict[str, _Record[AnyOrder, AnyView]], limit: int) -> None:
    """Forget a tenth when there are too many: the oldest that ended, or the oldest of all if none did."""
    if len(records) <= limit:
        return
    ended = [key for key, record in records.items() if record.view is not None and record.view.is_final]
    for key in (ended or list(records))[: max(limit // 10, 1)]:
        del records[key]
