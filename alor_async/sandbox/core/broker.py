"""The broker: it takes commands, checks them, and keeps everything that must react to what they set off."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Literal, TypeAlias

from alor_async.sandbox.core.accounts import Account, Ledger
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.checks import read_order, read_trigger, refuse_closed, refuse_price
from alor_async.sandbox.core.commands import (
    Accepted,
    CancelAll,
    CancelOrder,
    CommandResult,
    ErrorCode,
    PlaceOrder,
    PlaceStop,
    Rejected,
    ReplaceOrder,
    ReplaceStop,
)
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import ClientType
from alor_async.sandbox.core.errors import UnknownPortfolio
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.groups import Groups
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.orders import LiveOrder, Ticket
from alor_async.sandbox.core.risk import Intended, Risk
from alor_async.sandbox.core.schedule import Schedule
from alor_async.sandbox.core.sessions import Sessions
from alor_async.sandbox.core.stops import Stops
from alor_async.sandbox.core.timeline import Timeline

Leaving: TypeAlias = Literal["untouched", "gone"]
"""What a refused replacement leaves of the old order."""


class Broker:
    """The clients' side of the exchange.

    Attributes:
        matching: Exchange orders.
        stops: Conditional orders.
        groups: Order groups.
        sessions: Trading hours, pauses and the course of the days.
        risk: The risk desk.
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        journal: Journal,
        timeline: Timeline,
        feed: Feed,
        *,
        seed: int,
        assumptions: Assumptions,
        schedule: Schedule,
    ) -> None:
        """Open for business."""
        self._ledger = ledger
        self._directory = directory
        self._journal = journal
        self._timeline = timeline
        self._feed = feed
        self._assumptions = assumptions
        self._failing: deque[Leaving] = deque()
        self.risk = Risk(directory.market)
        self.matching = Matching(ledger, journal, timeline, feed, seed=seed, assumptions=assumptions, schedule=schedule)
        self.stops = Stops(self._enter, journal, timeline, feed, assumptions)
        self.groups = Groups(self.matching, self.stops, journal, timeline, seed=seed, assumptions=assumptions)
        timeline.settle = self.react
        self.sessions = Sessions(ledger, directory, self.matching, self.stops, journal, timeline, feed, schedule)

    def account(self, portfolio: str) -> Account:
        """The account of a portfolio.

        Raises:
            UnknownPortfolio: There is none.
        """
        account = self._ledger.find(portfolio)
        if account is None:
            raise UnknownPortfolio(portfolio)
        return account

    # -- exchange orders

    def place(self, command: PlaceOrder) -> CommandResult:
        """Check and place an order."""
        ticket = read_order(command, self.account(command.portfolio), self._directory)
        return _answer(ticket if isinstance(ticket, Rejected) else self._enter(ticket))

    def _enter(self, ticket: Ticket, instead_of: LiveOrder | None = None) -> LiveOrder | Rejected:
        """Check price and money, and place; an order that is replaced no longer counts, and goes first."""
        refused = refuse_closed(ticket) or refuse_price(ticket, self._timeline.now_us, self._assumptions)
        if refused is not None:
            return refused
        ticks = ticket.market.price_for(ticket.side) if ticket.ticks is None else ticket.ticks
        intended = Intended(ticket.terms, ticket.side, ticks, ticket.lots * ticket.terms.lot)
        refused = self.risk.refusal(
            ticket.account,
            intended,
            ticket.account.exposures,
            allow_margin=ticket.allow_margin,
            instead_of=instead_of,
        )
        if refused is not None:
            return refused
        if instead_of is not None:
            self.matching.cancel(instead_of)
        return self.matching.place(ticket)

    def replace(self, command: ReplaceOrder) -> CommandResult:
        """Cancel a working order and place another; a refusal leaves the old one untouched."""
        wanted = command.order
        account = self.account(wanted.portfolio)
        old = self.matching.find(account, command.order_id)
        if old is None or not old.is_working:
            return Rejected(ErrorCode.ORDER_TO_MODIFY_NOT_FOUND, "Order to modify not found")
        ticket = old.ticket
        if ticket.terms.spec.is_derivative:
            spec = ticket.terms.spec
            wanted = replace(
                wanted,
                side=ticket.side,
                exchange=spec.exchange,
                symbol=spec.symbol,
                board=ticket.market.board,
                iceberg_fixed=min(ticket.iceberg_fixed, wanted.lots) or None,
                iceberg_variance=ticket.iceberg_variance or None,
            )
        if wanted.comment is None:
            wanted = replace(wanted, comment=ticket.comment)
        if wanted.price is not None:
            wanted = replace(wanted, time_in_force=ticket.time_in_force)
        new = read_order(wanted, account, self._directory)
        result = self._failure() or (new if isinstance(new, Rejected) else self._enter(new, instead_of=old))
        if isinstance(result, Rejected) and self._is_lost():
            self.matching.cancel(old)
            return _without_the_old(result)
        return _answer(result)

    # -- conditional orders

    def place_stop(self, command: PlaceStop) -> CommandResult:
        """Check and keep a conditional order."""
        read = self._read_stop(command)
        return read if isinstance(read, Rejected) else self._keep_stop(command, *read)

    def replace_stop(self, command: ReplaceStop) -> CommandResult:
        """Cancel a conditional order and keep another; a refusal leaves the old one untouched."""
        wanted = command.order
        old = self.stops.find(self.account(wanted.portfolio), command.order_id)
        if old is None or not old.is_working:
            return Rejected(ErrorCode.ORDER_TO_MODIFY_NOT_FOUND, "Order to modify not found")
        if wanted.comment is None:
            wanted = replace(wanted, comment=old.ticket.comment)
        read = self._failure() or self._read_stop(wanted)
        if isinstance(read, Rejected):
            if not self._is_lost():
                return read
            self.stops.cancel(old)
            return _without_the_old(read)
        self.stops.cancel(old)
        return self._keep_stop(wanted, *read)

    # -- replacements that fail

    def fail_next_replacement(self, leaving: Leaving | None) -> None:
        """Refuse the next replacement, whatever it is, and leave the old order as it is or gone; None takes it back."""
        if leaving is None:
            self._failing.clear()
        else:
            self._failing.append(leaving)

    def _failure(self) -> Rejected | None:
        return Rejected(ErrorCode.UNKNOWN_ERROR, "The order could not be replaced") if self._failing else None

    def _is_lost(self) -> bool:
        """Whether the old order goes with a refused replacement."""
        leaving = self._failing.popleft() if self._failing else self._assumptions.replace_refused
        return leaving == "gone"

    def _read_stop(self, command: PlaceStop) -> tuple[Ticket, int] | Rejected:
        account = self.account(command.portfolio)
        ticket = read_order(command, account, self._directory)
        if isinstance(ticket, Rejected):
            return ticket
        if account.info.client_type is ClientType.LOW_RISK and not command.allow_margin:
            return Rejected(ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN, "Conditional orders need allowMargin")
        trigger = read_trigger(command, ticket, self._timeline.now_us)
        return trigger if isinstance(trigger, Rejected) else (ticket, trigger)

    def _keep_stop(self, command: PlaceStop, ticket: Ticket, trigger: int) -> Accepted:
        stop = self.stops.place(
            ticket,
            command.condition,
            trigger,
            ends_at=command.ends_at,
            protecting_seconds=command.protecting_seconds,
            activate=command.activate,
        )
        return Accepted(str(stop.number))

    # -- cancelling

    def cancel(self, command: CancelOrder) -> CommandResult:
        """Cancel one working order."""
        account = self.account(command.portfolio)
        if command.is_stop:
            stop = self.stops.find(account, command.order_id)
            if stop is not None and stop.is_working:
                self.stops.cancel(stop)
                return Accepted(command.order_id)
        else:
            order = self.matching.find(account, command.order_id)
            if order is not None and order.is_working:
                self.matching.cancel(order)
                return Accepted(command.order_id)
        return Rejected(ErrorCode.ORDER_TO_CANCEL_NOT_FOUND, "Order to cancel not found")

    def cancel_all(self, command: CancelAll) -> tuple[str, ...] | Rejected:
        """Cancel every working order of one kind."""
        account = self.account(command.portfolio)
        cancelled: list[str] = []
        if command.is_stop:
            for stop in self.stops.working_of(account):
                self.stops.cancel(stop)
                cancelled.append(str(stop.number))
        else:
            for order in self.matching.working_of(account):
                self.matching.cancel(order)
                cancelled.append(str(order.number))
        if not cancelled:
            return Rejected(ErrorCode.ORDER_TO_CANCEL_NOT_FOUND, "Orders to cancel not found")
        return tuple(cancelled)

    # -- reactions

    def react(self) -> None:
        """Let stops see the trades and groups see what has ended, one by one, until nothing more comes of it.

        Groups come first, so that of two linked orders never both are executed where one trade or sweep meets both.
        """
        happened, met, ended = self.matching.happened, self.stops.met, self.stops.ended
        while True:
            if ended:
                self.groups.see(ended.popleft())
            elif met:
                self.stops.fire(met.popleft())
            elif not happened:
                return
            elif isinstance(event := happened.popleft(), LiveOrder):
                self.groups.see(event)
            else:
                self.stops.see(*event)


def _answer(result: LiveOrder | Rejected) -> CommandResult:
    return result if isinstance(result, Rejected) else Accepted(str(result.number))


def _without_the_old(refused: Rejected) -> Rejected:
    return Rejected(refused.code, f"{refused.message}; the original order is cancelled")
