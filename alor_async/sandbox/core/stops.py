"""Conditional orders: they rest with the broker, block no money, and become exchange orders when the market gets there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from alor_async.sandbox.core.accounts import Account
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import SECOND
from alor_async.sandbox.core.commands import Rejected
from alor_async.sandbox.core.enums import Condition, OrderStatus
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.history import Print
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.orders import LiveOrder, LiveStop, Ticket, read_number
from alor_async.sandbox.core.timeline import Timeline

FIRST_STOP = 8_939_400
NEVER_US = 2_871_763_199 * SECOND  # 2060-12-31T23:59:59Z, the broker's word for "no end"

Fire = Callable[[Ticket], "LiveOrder | Rejected"]


class Stops:
    """Every conditional order of the clients.

    A condition is looked at when a trade happens on its market: a stop whose condition already holds when it is placed
    or activated waits for the next trade, unless the assumption `stop_already_met` has it look at the last one.

    Stops that one trade meets fire one by one: whoever reacts to the end of the first may cancel the next.

    Attributes:
        met: Stops that are to fire, in this order.
        ended: Stops that have ended and that nobody has reacted to yet.
    """

    def __init__(self, fire: Fire, journal: Journal, timeline: Timeline, feed: Feed, assumptions: Assumptions) -> None:
        """Start with none; `fire` checks and places the exchange order of one."""
        self._fire = fire
        self._feed = feed
        self._looks_at_once = assumptions.stop_already_met == "at_once"
        self._journal = journal
        self._timeline = timeline
        self._stops: dict[int, LiveStop] = {}
        self._waiting: dict[InstrumentMarket, dict[int, LiveStop]] = {}
        self._number = FIRST_STOP
        self.met: deque[LiveStop] = deque()
        self.ended: deque[LiveStop] = deque()

    # -- looking

    def stops_of(self, account: Account) -> list[LiveStop]:
        """The conditional orders of an account, oldest first."""
        return [stop for stop in self._stops.values() if stop.ticket.account is account]

    def working_of(self, account: Account) -> list[LiveStop]:
        """Those that can still fire."""
        return [stop for stop in self.stops_of(account) if stop.is_working]

    def find(self, account: Account, order_id: str) -> LiveStop | None:
        """A conditional order by its number, if it is the account's."""
        number = read_number(order_id)
        stop = None if number is None else self._stops.get(number)
        return stop if stop is not None and stop.ticket.account is account else None

    # -- the life of a stop

    def place(
        self,
        ticket: Ticket,
        condition: Condition,
        trigger: int,
        *,
        ends_at: int = 0,
        protecting_seconds: int | None = None,
        activate: bool = True,
    ) -> LiveStop:
        """Take a conditional order. `ends_at` is unix seconds, 0 means no end."""
        now = self._timeline.now_us
        self._number += 1
        stop = LiveStop(
            number=self._number,
            ticket=ticket,
            condition=condition,
            trigger=trigger,
            created_us=now,
            expires_us=min(ends_at * SECOND, NEVER_US) if ends_at else NEVER_US,
            protecting_seconds=protecting_seconds,
            is_active=activate,
        )
        self._stops[stop.number] = stop
        self._waiting.setdefault(ticket.market, {})[stop.number] = stop
        self._journal.record(now, "stop_accepted", stop=stop.view())
        self._tell(stop)
        if ends_at:
            self._timeline.at(stop.expires_us, lambda: self._expire(stop))
        self._begin(stop)
        return stop

    def _begin(self, stop: LiveStop) -> None:
        """Look at the last trade, where that is how stops begin."""
        market = stop.ticket.market
        if self._looks_at_once and stop.is_active and market.is_trading:
            self._see(stop, market.last()._replace(time_us=self._timeline.now_us))

    def cancel(self, stop: LiveStop) -> None:
        """End a conditional order that has not fired."""
        self._end(stop, OrderStatus.CANCELED)

    def activate(self, stop: LiveStop) -> None:
        """Wake a dormant one; the next trade may fire it."""
        stop.is_active = True
        stop.updated_us = self._timeline.now_us
        self._journal.record(stop.updated_us, "stop_activated", order_id=str(stop.number))
        self._tell(stop)
        self._begin(stop)

    def _tell(self, stop: LiveStop) -> None:
        if self._feed.listener is not None:
            self._feed.listener.on_stop(stop)

    def _expire(self, stop: LiveStop) -> None:
        if stop.is_working:
            self.cancel(stop)

    def _end(self, stop: LiveStop, status: OrderStatus) -> None:
        stop.status = status
        stop.updated_us = self._timeline.now_us
        del self._waiting[stop.ticket.market][stop.number]
        self._journal.record(
            stop.updated_us,
            f"stop_{status.value}",
            order_id=str(stop.number),
            exchange_order_id=str(stop.child.number) if stop.child is not None else None,
            error=stop.error,
        )
        self.ended.append(stop)
        self._tell(stop)

    def forget_ended(self) -> None:
        """Begin a new session: stops that ended in the last one are no longer listed."""
        self._stops = {number: stop for number, stop in self._stops.items() if stop.is_working}

    # -- the market moves

    def see(self, market: InstrumentMarket, trade: Print) -> None:
        """Look at the conditions of a market after a trade; while trading is stopped they wait."""
        if not market.is_trading:
            return
        for stop in self._waiting.get(market, {}).values():
            if stop.is_active:
                self._see(stop, trade)

    def _see(self, stop: LiveStop, trade: Print) -> None:
        if not stop.is_met_by(trade.ticks):
            stop.armed_us = None
        elif not stop.protecting_seconds:
            self.met.append(stop)
        elif stop.armed_us is None:
            armed_us = stop.armed_us = trade.time_us
            self._timeline.at(armed_us + stop.protecting_seconds * SECOND, lambda: self._protected(stop, armed_us))

    def _protected(self, stop: LiveStop, armed_us: int) -> None:
        """The protection time is over: fire if the condition has held since it was armed, and trading has not stopped."""
        if stop.is_working and stop.armed_us == armed_us:
            if stop.ticket.market.is_trading:
                self.met.append(stop)
            else:
                stop.armed_us = None

    def fire(self, stop: LiveStop) -> None:
        """Turn a stop that is met and still works into an exchange order, which may itself be refused."""
        if not stop.is_working:
            return
        result = self._fire(stop.ticket)
        if isinstance(result, Rejected):
            stop.error = result.message
            self._end(stop, OrderStatus.REJECTED)
        else:
            stop.child = result
            self._end(stop, OrderStatus.FILLED)
