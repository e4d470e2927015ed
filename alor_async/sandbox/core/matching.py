"""The life of an order: accepted, filled in parts or whole, cancelled, rejected, expired.

Matching itself is the book's; here its trades become fills, money, own trades, market trades and journal entries. What
others must react to (stops, groups) is queued in `happened` and looked at when the command is done, so that one order's
matching is never interrupted by another's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain, count, repeat
from random import Random

from alor_async.sandbox.core.accounts import Account, Ledger, commission
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.book import BookOrder, Take
from alor_async.sandbox.core.clock import DAY, SECOND, day_of, to_us
from alor_async.sandbox.core.enums import OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.history import ID_STRIDE, Print, first_trade_id
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.orders import Fill, LiveOrder, Ticket, read_number
from alor_async.sandbox.core.schedule import ALWAYS, Schedule
from alor_async.sandbox.core.terms import Terms
from alor_async.sandbox.core.timeline import Timeline

FIRST_ORDER = 55_018_700_000
FIRST_DERIVATIVE_ORDER = 2_013_842_761_549_300_000
GOOD_TILL_DAYS = 365
WOULD_TRADE = "The order is passive only and would trade at once"
_LAST_MILLISECOND = DAY - 1_000
_ALL_OR_NOTHING, _AT_ONCE = TimeInForce.FILL_OR_KILL, (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_ENDED = {status: f"order_{status.value}" for status in OrderStatus}


class Matching:
    """Every exchange order of the clients, and the books they meet in.

    Attributes:
        happened: What nobody has reacted to yet, in the order in which it happened: market trades, orders that have
            ended and, where a first fill counts, orders that were filled in part.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        timeline: Timeline,
        feed: Feed,
        *,
        seed: int = 0,
        assumptions: Assumptions | None = None,
        schedule: Schedule = ALWAYS,
    ) -> None:
        """Start with no orders."""
        self._schedule = schedule
        self._assumptions = Assumptions() if assumptions is None else assumptions
        self._feed = feed
        self._journal = journal
        self._ledger = ledger
        self._seed = seed
        self._timeline = timeline
        self._orders: dict[int, LiveOrder] = {}
        self._orders_of: dict[Account, dict[int, LiveOrder]] = {}
        self._working_of: dict[Account, dict[int, LiveOrder]] = {}
        self._numbers = {False: FIRST_ORDER, True: FIRST_DERIVATIVE_ORDER}
        self._trade_id = first_trade_id(timeline.opened_us // SECOND) + ID_STRIDE
        self.happened: deque[tuple[InstrumentMarket, Print] | LiveOrder] = deque()
        self.rejection: str | None = None
        """Why the next order is rejected once it has been accepted."""

    # -- looking

    def orders_of(self, account: Account) -> list[LiveOrder]:
        """The orders of an account, oldest first."""
        return list(self._orders_of.get(account, {}).values())

    def working_of(self, account: Account) -> list[LiveOrder]:
        """The working orders of an account, oldest first."""
        return list(self._working_of.get(account, {}).values())

    def find(self, account: Account, order_id: str) -> LiveOrder | None:
        """An order by its number, if it is the account's."""
        number = read_number(order_id)
        order = None if number is None else self._orders.get(number)
        return order if order is not None and order.ticket.account is account else None

    # -- the life of an order

    def place(self, ticket: Ticket) -> LiveOrder:
        """Accept an order and let it meet the book; its status tells what became of it."""
        now = self._timeline.now_us
        order = LiveOrder(
            number=self.next_number(ticket.terms),
            ticket=ticket,
            created_us=now,
            updated_us=now,
            expires_us=self._expiry(ticket),
        )
        account = ticket.account
        self._orders[order.number] = order
        self._orders_of.setdefault(account, {})[order.number] = order
        self._working_of.setdefault(account, {})[order.number] = order
        account.promise(ticket.terms, ticket.side, order.ticks, order.open_units)
        self._journal.record(now, "order_accepted", order_id=str(order.number), order=order.as_accepted)
        self._tell(order)
        if self.rejection is None:
            self._meet(order)
        else:
            order.reason, self.rejection = self.rejection, None
            self._end(order, OrderStatus.REJECTED)
        self.note_book(ticket.market)
        if order.is_working:
            self._timeline.at(self._ends_at(order), lambda: self._expire(order))
        return order

    def next_number(self, terms: Terms) -> int:
        """A fresh order number; derivatives have longer ones."""
        self._numbers[terms.is_derivative] += 7
        return self._numbers[terms.is_derivative]

    def _expiry(self, ticket: Ticket) -> int:
        day = day_of(self._timeline.now_us)
        spec = ticket.terms.spec
        if ticket.time_in_force is not TimeInForce.GOOD_TILL_CANCELLED:
            return day * DAY + _LAST_MILLISECOND
        last = (day + GOOD_TILL_DAYS) * DAY + _LAST_MILLISECOND
        return last if spec.expires_at is None else min(last, to_us(spec.expires_at))

    def _ends_at(self, order: LiveOrder) -> int:
        """When an order that still works is cancelled: with the trading day, though it shows the end of the calendar's."""
        ticket = order.ticket
        if ticket.time_in_force is TimeInForce.GOOD_TILL_CANCELLED:
            return order.expires_us
        return self._schedule.day_end(ticket.terms.spec.market, order.created_us)

    def _meet(self, order: LiveOrder) -> None:
        """Let an order take what it may from the book, and rest with what is left if it may."""
        ticket = order.ticket
        book, kind, limit, lots = ticket.market.book, ticket.time_in_force, ticket.ticks, ticket.lots
        if kind is TimeInForce.BOOK_OR_CANCEL and limit is not None and book.crosses(ticket.side, limit):
            self._turn_passive_away(order)
            return
        allowed = lots if self._assumptions.self_trade == "trades" else self._lots_before_own(ticket)
        if kind is _ALL_OR_NOTHING and (allowed < lots or book.available(ticket.side, limit, lots) < lots):
            self._end(order, OrderStatus.CANCELED)
            return
        for take in book.take(ticket.side, limit, allowed):
            self._fill(order, take)
        if not order.left:
            return
        if limit is None or kind in _AT_ONCE or allowed < lots:
            self._end(order, OrderStatus.CANCELED)
            return
        order.resting = BookOrder(
            order.number, ticket.side, limit, order.left, _visible_parts(ticket, order.number, self._seed)
        )
        book.add(order.resting)

    def _turn_passive_away(self, order: LiveOrder) -> None:
        """End a passive order that would trade at once."""
        if self._assumptions.passive_crossing == "rejected":
            order.reason = WOULD_TRADE
            self._end(order, OrderStatus.REJECTED)
        else:
            self._end(order, OrderStatus.CANCELED)

    def _lots_before_own(self, ticket: Ticket) -> int:
        """How many of its lots an order may take before it would meet an order of its own account."""
        ticks, better_levels, this_level, visible_here = 0, 0, 0, 0
        for resting in ticket.market.book.orders(ticket.side.opposite):
            if ticket.ticks is not None and (resting.ticks - ticket.ticks) * ticket.side.sign > 0:
                break
            if resting.ticks != ticks:
                ticks, better_levels, this_level, visible_here = resting.ticks, better_levels + this_level, 0, 0
            if resting.number > 0 and self._orders[resting.number].ticket.account is ticket.account:
                return min(ticket.lots, better_levels + visible_here)
            visible_here += resting.visible
            this_level += resting.remaining  # hidden parts come behind what stands here now
        return ticket.lots

    def cancel(self, order: LiveOrder) -> None:
        """Take a working order out of the book; what it has filled stays."""
        if order.resting is not None:
            order.ticket.market.book.remove(order.resting)
        self._end(order, OrderStatus.CANCELED)
        self.note_book(order.ticket.market)

    def note_book(self, market: InstrumentMarket) -> None:
        """Remember and tell what a book has become."""
        market.note_top(self._timeline.now_us)
        if self._feed.listener is not None:
            self._feed.listener.on_book(market)

    def _tell(self, order: LiveOrder) -> None:
        """Tell of an order's new state, and of the money behind it."""
        listener = self._feed.listener
        if listener is not None:
            listener.on_order(order)
            listener.on_account(order.ticket.account)

    def _expire(self, order: LiveOrder) -> None:
        if order.is_working:
            self.cancel(order)

    def _end(self, order: LiveOrder, status: OrderStatus) -> None:
        account = order.ticket.account
        order.status = status
        order.updated_us = self._timeline.now_us
        order.resting = None
        del self._working_of[account][order.number]
        if order.left:
            account.promise(order.terms, order.side, order.ticks, -order.open_units)
        details = {} if order.reason is None else {"reason": order.reason}
        self._journal.record(
            order.updated_us, _ENDED[status], order_id=str(order.number), filled=order.filled, **details
        )
        self.happened.append(order)
        self._tell(order)

    def forget_ended(self) -> None:
        """Begin a new session: orders that ended in the last one are no longer listed."""
        self._orders = {number: order for number, order in self._orders.items() if order.is_working}
        self._orders_of = {account: dict(orders) for account, orders in self._working_of.items()}

    # -- trades

    def _fill(self, order: LiveOrder, take: Take) -> None:
        """Book one trade between an incoming client order and a resting one."""
        maker = self._orders[take.maker.number] if take.maker.number > 0 else None
        trade = self._print(order.ticket.market, order.side, take.maker.ticks, take.lots, of_client=True)
        other = maker.ticket.account if maker is not None else self._ledger.crowd
        self._settle(order.ticket.market, trade, order.ticket.account, other)
        self._note_fill(order, trade)
        if maker is not None:
            self._note_fill(maker, trade)

    # -- the crowd: a live market gives many of these a second, so they are cheap. None of them tells of the book: call
    # `note_book` when a burst of them is over.

    def crowd_add(self, market: InstrumentMarket, side: Side, ticks: int, lots: int) -> BookOrder:
        """Place a limit order of the crowd; what it crosses it takes, and what is left of it rests.

        It is not journalled. An order that has nothing `remaining` is not in the book.
        """
        left = lots
        if market.book.crosses(side, ticks):
            left -= self.crowd_take(market, side, ticks, lots)
        order = market.crowd_order(side, ticks, left)
        if left:
            market.book.add(order)
        return order

    def crowd_cancel(self, market: InstrumentMarket, order: BookOrder) -> bool:
        """Take an order of the crowd out of the book; whether it was still there. It is not journalled."""
        return market.book.discard(order)

    def crowd_take(self, market: InstrumentMarket, side: Side, limit: int | None, lots: int) -> int:
        """Let the crowd trade up to `lots` with what rests at `limit` or better; the lots that it got.

        A client's part of it is settled and journalled; what the crowd trades with itself touches no account, and only
        the journal's digest knows of it.
        """
        takes = market.book.take(side, limit, lots)
        for maker, taken in takes:
            if maker.number < 0:
                self._print(market, side, maker.ticks, taken, of_client=False)
                continue
            trade = self._print(market, side, maker.ticks, taken, of_client=True)
            order = self._orders[maker.number]
            self._settle(market, trade, self._ledger.crowd, order.ticket.account)
            self._note_fill(order, trade)
        return sum(take.lots for take in takes)

    def crowd_print(self, market: InstrumentMarket, side: Side, ticks: int, lots: int) -> None:
        """Put a trade of the crowd with itself on the tape; the book stays as it is."""
        self._print(market, side, ticks, lots, of_client=False)

    def _print(self, market: InstrumentMarket, side: Side, ticks: int, lots: int, *, of_client: bool) -> Print:
        """Put a trade on the tape."""
        self._trade_id += 1
        trade = Print(self._trade_id, self._timeline.now_us, ticks, lots, side.sign)
        market.record(trade)
        self.happened.append((market, trade))
        if of_client:
            self._journal.record(
                trade.time_us,
                "trade",
                trade_id=trade.trade_id,
                symbol=market.terms.spec.symbol,
                board=market.board,
                side=side,
                price=market.terms.price(ticks),
                lots=lots,
            )
        else:
            self._journal.fold(market.terms.spec.symbol, market.board, *trade)
        if self._feed.listener is not None:
            self._feed.listener.on_trade(market, trade)
        return trade

    def _settle(self, market: InstrumentMarket, trade: Print, taker: Account, maker: Account) -> None:
        buyer, seller = (taker, maker) if trade.sign > 0 else (maker, taker)
        self._ledger.settle(market.terms, trade.ticks, trade.lots * market.terms.lot, buyer, seller)

    def _note_fill(self, order: LiveOrder, trade: Print) -> None:
        """Give an order its part of a trade, with the own trade and the commission that come of it."""
        terms, account = order.terms, order.ticket.account
        units = trade.lots * terms.lot
        fee = commission(terms, trade.ticks, units)
        self._ledger.charge(account, fee)
        account.promise(terms, order.side, order.ticks, -units)
        order.filled += trade.lots
        order.paid += terms.value(trade.ticks, units)
        order.updated_us = trade.time_us
        fill = Fill(order.ticket, order.number, trade, fee)
        account.fills.append(fill)
        self._journal.record(trade.time_us, "fill", order_id=str(order.number), lots=trade.lots, trade=fill.view)
        if self._feed.listener is not None:
            self._feed.listener.on_fill(account, fill.view())
        if not order.left:
            self._end(order, OrderStatus.FILLED)
            return
        self._tell(order)
        if self._assumptions.group_execution == "first_fill":
            self.happened.append(order)


def _visible_parts(ticket: Ticket, number: int, seed: int) -> Iterator[int] | None:
    """The visible parts of an iceberg: the first as ordered, the next ones as far from it as its variance lets them be."""
    fixed = ticket.iceberg_fixed
    if not fixed:
        return None
    spread = fixed * ticket.iceberg_variance // 100
    if not spread:
        return repeat(fixed)
    rng = Random(f"{seed}:iceberg:{number}")
    return chain((fixed,), (max(1, fixed - spread + int(rng.random() * (2 * spread + 1))) for _ in count()))
