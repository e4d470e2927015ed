"""The life of an order: accepted, filled in parts or whole, cancelled, expired.

Matching itself is the book's; here its trades become fills, money, own trades, market trades and journal entries. What
others must react to (stops, groups) is queued in `prints` and `ended` and looked at when the command is done, so that
one order's matching is never interrupted by another's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count, repeat
from random import Random

from alor_async.sandbox.core.accounts import Account, Ledger, commission
from alor_async.sandbox.core.book import BookOrder, Take
from alor_async.sandbox.core.clock import DAY, SECOND, day_of, to_datetime, to_us
from alor_async.sandbox.core.entities import OwnTrade
from alor_async.sandbox.core.enums import OrderStatus, Side, TimeInForce
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.history import ID_STRIDE, Print, date_of, first_trade_id, is_weekday
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.orders import LiveOrder, Ticket
from alor_async.sandbox.core.terms import Terms, to_money
from alor_async.sandbox.core.timeline import Timeline

FIRST_ORDER = 55_018_700_000
FIRST_DERIVATIVE_ORDER = 2_013_842_761_549_300_000
GOOD_TILL_DAYS = 365
_LAST_MILLISECOND = DAY - 1_000


class Matching:
    """Every exchange order of the clients, and the books they meet in.

    Attributes:
        prints: Market trades that nobody has reacted to yet.
        ended: Orders that have ended and that nobody has reacted to yet.
    """

    def __init__(self, ledger: Ledger, journal: Journal, timeline: Timeline, feed: Feed, *, seed: int = 0) -> None:
        """Start with no orders."""
        self._seed = seed
        self._feed = feed
        self._ledger = ledger
        self._journal = journal
        self._timeline = timeline
        self._orders: dict[int, LiveOrder] = {}
        self._working: dict[str, dict[int, LiveOrder]] = {}
        self._numbers = {False: FIRST_ORDER, True: FIRST_DERIVATIVE_ORDER}
        self._trade_id = first_trade_id(timeline.opened_us // SECOND) + ID_STRIDE
        self.prints: deque[tuple[InstrumentMarket, Print]] = deque()
        self.ended: deque[LiveOrder] = deque()

    # -- looking

    def orders_of(self, account: Account) -> list[LiveOrder]:
        """The orders of an account, oldest first."""
        return [order for order in self._orders.values() if order.ticket.account is account]

    def working_of(self, account: Account) -> list[LiveOrder]:
        """The working orders of an account, oldest first."""
        return list(self._working.get(account.info.portfolio, {}).values())

    def find(self, account: Account, order_id: str) -> LiveOrder | None:
        """An order by its number, if it is the account's."""
        order = self._orders.get(int(order_id)) if order_id.isascii() and order_id.isdigit() else None
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
        self._orders[order.number] = order
        self._working.setdefault(ticket.account.info.portfolio, {})[order.number] = order
        self._journal.record(now, "order_accepted", order=order.view())
        self._tell(order)
        self._meet(order)
        self.note_book(ticket.market)
        if order.is_working:
            self._timeline.at(order.expires_us, lambda: self._expire(order))
        return order

    def next_number(self, terms: Terms) -> int:
        """A fresh order number; derivatives have longer ones."""
        self._numbers[terms.spec.is_derivative] += 7
        return self._numbers[terms.spec.is_derivative]

    def _expiry(self, ticket: Ticket) -> int:
        day = day_of(self._timeline.now_us)
        spec = ticket.terms.spec
        if ticket.time_in_force is not TimeInForce.GOOD_TILL_CANCELLED:
            return day * DAY + _LAST_MILLISECOND
        last = (day + GOOD_TILL_DAYS) * DAY + _LAST_MILLISECOND
        return last if spec.expires_at is None else min(last, to_us(spec.expires_at))

    def _meet(self, order: LiveOrder) -> None:
        """Let an order take what it may from the book, and rest with what is left if it may."""
        ticket = order.ticket
        book, kind = ticket.market.book, ticket.time_in_force
        limit = ticket.ticks
        passive = kind is TimeInForce.BOOK_OR_CANCEL
        if passive and limit is not None and book.crosses(ticket.side, limit):
            self._end(order, OrderStatus.CANCELED)
            return
        if kind is TimeInForce.FILL_OR_KILL and book.available(ticket.side, limit, ticket.lots) < ticket.lots:
            self._end(order, OrderStatus.CANCELED)
            return
        for take in book.take(ticket.side, limit, ticket.lots):
            self._fill(order, take)
        if not order.left:
            return
        if limit is None or kind in (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL):
            self._end(order, OrderStatus.CANCELED)
            return
        order.resting = BookOrder(
            order.number, ticket.side, limit, order.left, _parts(ticket, order.number, self._seed)
        )
        book.add(order.resting)

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
        order.status = status
        order.updated_us = self._timeline.now_us
        order.resting = None
        del self._working[order.ticket.account.info.portfolio][order.number]
        self._journal.record(order.updated_us, f"order_{status.value}", order_id=str(order.number), filled=order.filled)
        self.ended.append(order)
        self._tell(order)

    def forget_ended(self) -> None:
        """Begin a new session: orders that ended in the last one are no longer listed."""
        self._orders = {number: order for number, order in self._orders.items() if order.is_working}

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

    def _print(self, market: InstrumentMarket, side: Side, ticks: int, lots: int, *, of_client: bool) -> Print:
        """Put a trade on the tape."""
        self._trade_id += 1
        trade = Print(self._trade_id, self._timeline.now_us, ticks, lots, side.sign)
        market.record(trade)
        self.prints.append((market, trade))
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
        order.filled += trade.lots
        order.paid += terms.value(trade.ticks, units)
        order.updated_us = trade.time_us
        own = own_trade(order.ticket, order.number, trade, fee)
        account.trades.append(own)
        self._journal.record(trade.time_us, "fill", trade=own)
        if self._feed.listener is not None:
            self._feed.listener.on_fill(account, own)
        if order.left:
            self._tell(order)
        else:
            self._end(order, OrderStatus.FILLED)


def _parts(ticket: Ticket, number: int, seed: int) -> Iterator[int] | None:
    """The visible parts of an iceberg: the first as ordered, the next ones as far from it as its variance lets them be."""
    fixed = ticket.iceberg_fixed
    if not fixed:
        return None
    spread = fixed * ticket.iceberg_variance // 100
    if not spread:
        return repeat(fixed)
    rng = Random(f"{seed}:iceberg:{number}")
    return chain((fixed,), (max(1, fixed - spread + int(rng.random() * (2 * spread + 1))) for _ in count()))


def own_trade(ticket: Ticket, order_number: int, trade: Print, fee: int) -> OwnTrade:
    """One side of a trade as its client sees it."""
    terms = ticket.terms
    spec = terms.spec
    units = trade.lots * terms.lot
    value = to_money(terms.value(trade.ticks, units))
    return OwnTrade(
        trade_id=str(trade.trade_id),
        order_id=str(order_number),
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
        commission=None if spec.is_derivative else to_money(fee),
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
