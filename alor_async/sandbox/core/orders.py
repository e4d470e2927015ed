"""Orders as the engine keeps them: mutable, in ticks, lots and microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alor_async.sandbox.core.accounts import Account
from alor_async.sandbox.core.book import BookOrder
from alor_async.sandbox.core.clock import day_of, to_datetime
from alor_async.sandbox.core.entities import Iceberg, Order, OwnTrade, StopOrder
from alor_async.sandbox.core.enums import Condition, OrderStatus, OrderType, Side, TimeInForce
from alor_async.sandbox.core.history import Print, date_of, is_weekday
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.terms import Terms, to_money

MOST_DIGITS = 19


def read_number(order_id: str) -> int | None:
    """The number of an order as a client names it, `None` when it cannot be one: each has one spelling."""
    is_number = order_id.isascii() and order_id.isdigit() and not order_id.startswith("0")
    return int(order_id) if is_number and len(order_id) <= MOST_DIGITS else None


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A checked wish to trade: what becomes an order. `ticks` is `None` for a market order.

    It never changes once it is made; it is not frozen only because making a frozen one takes three times as long.
    """

    account: Account
    market: InstrumentMarket
    side: Side
    lots: int
    ticks: int | None
    time_in_force: TimeInForce
    comment: str | None = None
    allow_margin: bool = False
    iceberg_fixed: int = 0
    iceberg_variance: int = 0

    @property
    def terms(self) -> Terms:
        """The instrument's arithmetic."""
        return self.market.terms


@dataclass(slots=True, eq=False, kw_only=True)
class LiveOrder:
    """A client's exchange order. `resting` is its place in the book while it has one; `paid` the money of its fills.

    `reason` says why the exchange rejected it.
    """

    number: int
    ticket: Ticket
    created_us: int
    updated_us: int
    expires_us: int
    status: OrderStatus = OrderStatus.WORKING
    filled: int = 0
    paid: int = 0
    resting: BookOrder | None = None
    reason: str | None = None
    _shown: tuple[tuple[object, ...], Order] | None = None

    @property
    def terms(self) -> Terms:
        """The instrument's arithmetic."""
        return self.ticket.market.terms

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.ticket.side

    @property
    def ticks(self) -> int:
        """The limit price; 0 for a market order."""
        return self.ticket.ticks or 0

    @property
    def left(self) -> int:
        """Lots that are not filled."""
        return self.ticket.lots - self.filled

    @property
    def open_units(self) -> int:
        """Units that are not filled."""
        return self.left * self.terms.lot

    @property
    def is_working(self) -> bool:
        """Whether it can still trade."""
        return self.status is OrderStatus.WORKING

    @property
    def order_type(self) -> OrderType:
        """Limit or market."""
        return OrderType.MARKET if self.ticket.ticks is None else OrderType.LIMIT

    def _iceberg(self) -> Iceberg | None:
        ticket, lot = self.ticket, self.terms.lot
        if not ticket.iceberg_fixed:
            return None
        resting = self.resting
        shown = resting.visible if resting is not None else 0
        filled = resting.part - shown if resting is not None else 0
        return Iceberg(ticket.iceberg_fixed, ticket.iceberg_variance, shown * lot, shown, filled * lot, filled)

    def view(self) -> Order:
        """The order as the outside sees it now, the same object while nothing changes. The reason of an exchange's refusal stands in the comment."""
        resting = self.resting
        shown = None if resting is None else (resting.visible, resting.part)
        state = (self.status, self.filled, self.updated_us, self.reason, shown)
        if self._shown is None or self._shown[0] != state:
            comment = self.ticket.comment if self.reason is None else self.reason
            self._shown = state, self._view(self.status, self.filled, self.updated_us, comment, self._iceberg())
        return self._shown[1]

    def as_accepted(self) -> Order:
        """The order as it was before it met the book."""
        ticket = self.ticket
        iceberg = Iceberg(ticket.iceberg_fixed, ticket.iceberg_variance, 0, 0, 0, 0) if ticket.iceberg_fixed else None
        return self._view(OrderStatus.WORKING, 0, self.created_us, ticket.comment, iceberg)

    def _view(
        self, status: OrderStatus, filled: int, updated_us: int, comment: str | None, iceberg: Iceberg | None
    ) -> Order:
        ticket, terms = self.ticket, self.terms
        spec = terms.spec
        units = ticket.lots * terms.lot
        return Order(
            order_id=str(self.number),
            portfolio=ticket.account.info.portfolio,
            symbol=spec.symbol,
            exchange=spec.exchange,
            board=ticket.market.board,
            order_type=self.order_type,
            side=ticket.side,
            status=status,
            time_in_force=ticket.time_in_force,
            price=terms.price(self.ticks),
            units=units,
            lots=ticket.lots,
            filled_units=filled * terms.lot,
            filled_lots=filled,
            created_at=to_datetime(self.created_us),
            updated_at=to_datetime(updated_us),
            expires_at=to_datetime(self.expires_us),
            volume=None if ticket.ticks is None else to_money(terms.value(ticket.ticks, units)),
            comment=comment,
            iceberg=iceberg,
        )


@dataclass(slots=True, eq=False)
class Fill:
    """One side of a trade: what its client is shown is worked out when somebody looks, and then kept."""

    ticket: Ticket
    order_number: int
    trade: Print
    fee: int
    _view: OwnTrade | None = None

    def view(self) -> OwnTrade:
        """The trade as its client sees it."""
        if self._view is None:
            self._view = self._own_trade()
        return self._view

    def _own_trade(self) -> OwnTrade:
        ticket, trade, terms = self.ticket, self.trade, self.ticket.terms
        spec = terms.spec
        units = trade.lots * terms.lot
        value = to_money(terms.value(trade.ticks, units))
        return OwnTrade(
            trade_id=str(trade.trade_id),
            order_id=str(self.order_number),
            portfolio=ticket.account.info.portfolio,
            symbol=spec.symbol,
            short_name=spec.short_name,
            exchange=spec.exchange,
            board=ticket.market.board,
            side=ticket.side,
            price=terms.price(trade.ticks),
            units=units,
            lots=trade.lots,
            traded_at=to_datetime(trade.time_us),
            settles_at=_settlement(trade.time_us, spec.settle_days),
            currency=spec.currency,
            accrued_interest=to_money(terms.accrued_micros * units),
            volume=value,
            value=value,
            commission=None if terms.is_derivative else to_money(self.fee),
            comment=ticket.comment,
        )


def _settlement(time_us: int, days: int) -> datetime:
    """The end of the day on which a trade settles; weekends do not count."""
    day = day_of(time_us)
    while days:
        day += 1
        days -= is_weekday(day)
    date = date_of(day)
    return datetime(date.year, date.month, date.day, tzinfo=UTC) + timedelta(days=1, seconds=-1)


@dataclass(slots=True, eq=False, kw_only=True)
class LiveStop:
    """A client's conditional order.

    Attributes:
        is_active: False while it is dormant, waiting for its bracket group.
        armed_us: Since when the condition has held, while it must hold for `protecting_seconds`.
        child: The exchange order it became.
    """

    number: int
    ticket: Ticket
    condition: Condition
    trigger: int
    created_us: int
    expires_us: int
    protecting_seconds: int | None
    is_active: bool
    status: OrderStatus = OrderStatus.WORKING
    updated_us: int | None = None
    error: str | None = None
    armed_us: int | None = None
    child: LiveOrder | None = None

    @property
    def is_working(self) -> bool:
        """Whether it can still fire."""
        return self.status is OrderStatus.WORKING

    @property
    def order_type(self) -> OrderType:
        """Stop or stop-limit."""
        return OrderType.STOP if self.ticket.ticks is None else OrderType.STOP_LIMIT

    def is_met_by(self, ticks: int) -> bool:
        """Whether a market price meets the condition."""
        match self.condition:
            case Condition.MORE:
                return ticks > self.trigger
            case Condition.LESS:
                return ticks < self.trigger
            case Condition.MORE_OR_EQUAL:
                return ticks >= self.trigger
            case Condition.LESS_OR_EQUAL:
                return ticks <= self.trigger

    def view(self) -> StopOrder:
        """The conditional order as the outside sees it now."""
        ticket, terms, child = self.ticket, self.ticket.terms, self.child
        spec = terms.spec
        units = ticket.lots * terms.lot
        filled = child.filled if child is not None else 0
        fixed = ticket.iceberg_fixed
        return StopOrder(
            order_id=str(self.number),
            exchange_order_id=str(child.number) if child is not None else None,
            portfolio=ticket.account.info.portfolio,
            symbol=spec.symbol,
            exchange=spec.exchange,
            board=ticket.market.board,
            order_type=self.order_type,
            side=ticket.side,
            condition=self.condition,
            status=self.status,
            time_in_force=ticket.time_in_force,
            stop_price=terms.price(self.trigger),
            price=terms.price(ticket.ticks or 0),
            average_price=terms.average_price(child.paid, filled * terms.lot) if child is not None else terms.price(0),
            units=units,
            lots=ticket.lots,
            filled_units=filled * terms.lot,
            filled_lots=filled,
            created_at=to_datetime(self.created_us),
            updated_at=None if self.updated_us is None else to_datetime(self.updated_us),
            expires_at=to_datetime(self.expires_us),
            volume=to_money(terms.value(ticket.ticks or self.trigger, units)),
            comment=ticket.comment,
            error=self.error,
            iceberg=Iceberg(fixed, ticket.iceberg_variance, 0, 0, 0, 0) if fixed else None,
            protecting_seconds=self.protecting_seconds,
            is_active=self.is_active,
        )
