"""The course of the days: trading opens, pauses and closes, sessions are cleared, contracts expire."""

from __future__ import annotations

from alor_async.sandbox.core.accounts import Ledger
from alor_async.sandbox.core.clock import to_us
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import Market
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.history import session_day, session_open_us
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.schedule import Phase, Schedule
from alor_async.sandbox.core.stops import Stops
from alor_async.sandbox.core.terms import Terms
from alor_async.sandbox.core.timeline import Timeline

_TRADED = (Market.STOCKS, Market.DERIVATIVES, Market.CURRENCIES)


class Sessions:
    """Decides for each instrument whether orders may meet: by the hours of its market, by pauses, by halts, by its end.

    A new session begins on weekdays at ten in Moscow, whatever the hours: settlements and commissions are counted by
    it. Variation margin becomes cash then, and at every break of the derivatives market.
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        matching: Matching,
        stops: Stops,
        journal: Journal,
        timeline: Timeline,
        feed: Feed,
        schedule: Schedule,
    ) -> None:
        """Open or close every market as the hour has it."""
        self._ledger = ledger
        self._directory = directory
        self._matching = matching
        self._stops = stops
        self._journal = journal
        self._timeline = timeline
        self._feed = feed
        self._schedule = schedule
        self._paused: set[Market] = set()
        self._halted: set[Terms] = set()
        self._expired: set[Terms] = set()
        directory.opened = self._apply
        for market in directory.open_markets:
            self._apply(market)
        for traded in _TRADED:
            self._await_change(traded)
        for terms in directory:
            if terms.is_derivative and terms.spec.expires_at is not None:
                self._await_expiry(terms, to_us(terms.spec.expires_at))
        self._await_session()

    # -- by order

    def pause(self, market: Market | None) -> None:
        """Stop the trading of a market, or of all, as for a clearing."""
        self._paused.update(_TRADED if market is None else (market,))
        self._journal.record(self._timeline.now_us, "trading_paused", market=market)
        self._apply_all()

    def resume(self, market: Market | None) -> None:
        """Let a market, or all, trade again as its hours have it."""
        self._paused.difference_update(_TRADED if market is None else (market,))
        self._journal.record(self._timeline.now_us, "trading_resumed", market=market)
        self._apply_all()

    def halt(self, terms: Terms) -> None:
        """Stop the trading of one instrument."""
        self._halted.add(terms)
        self._journal.record(self._timeline.now_us, "halted", symbol=terms.spec.symbol)
        self._apply_all()

    def unhalt(self, terms: Terms) -> None:
        """Let one instrument trade again as its market does."""
        self._halted.discard(terms)
        self._journal.record(self._timeline.now_us, "unhalted", symbol=terms.spec.symbol)
        self._apply_all()

    # -- statuses

    def _phase(self, terms: Terms) -> Phase:
        market = terms.spec.market
        hours = self._schedule.phase(market, self._timeline.now_us)
        if terms in self._expired or hours is Phase.CLOSED:
            return Phase.CLOSED
        return Phase.BREAK if market in self._paused or terms in self._halted else hours

    def _apply(self, market: InstrumentMarket) -> None:
        status, info = self._phase(market.terms).value
        before = market.trading_status
        market.set_trading_status(status, info)
        if market.trading_status != before and self._feed.listener is not None:
            self._feed.listener.on_instrument(market)

    def _apply_all(self) -> None:
        for market in self._directory.open_markets:
            self._apply(market)

    # -- by the hour

    def _await_change(self, market: Market) -> None:
        change = self._schedule.next_change(market, self._timeline.now_us)
        if change is not None:
            self._timeline.at(change, lambda: self._change(market))

    def _change(self, market: Market) -> None:
        """A period begins or ends."""
        phase = self._schedule.phase(market, self._timeline.now_us)
        self._journal.record(self._timeline.now_us, f"trading_{phase.name.lower()}", market=market)
        for opened in self._directory.open_markets:
            if opened.terms.spec.market is market:
                self._apply(opened)
        if market is Market.DERIVATIVES and phase is Phase.BREAK:
            self._ledger.pay_variation(self._last_prices())
            self._tell_accounts()
        self._await_change(market)

    def _await_session(self) -> None:
        day = session_day(self._timeline.now_us) + 1
        while session_day(session_open_us(day)) != day:
            day += 1
        self._timeline.at(session_open_us(day), self._open_session)

    def _open_session(self) -> None:
        """Clear the last session and begin the next."""
        self._ledger.clear(self._last_prices())
        self._matching.forget_ended()
        self._stops.forget_ended()
        self._journal.record(self._timeline.now_us, "session_opened")
        if self._feed.listener is not None:
            for market in self._directory.open_markets:
                self._feed.listener.on_instrument(market)
        self._tell_accounts()
        self._await_session()

    def _last_prices(self) -> dict[Terms, int]:
        """The last price of everything that anybody holds; ticks."""
        held = dict.fromkeys(terms for account in (*self._ledger, self._ledger.crowd) for terms in account.holdings)
        return {terms: self._directory.market(terms).last().ticks for terms in held}

    def _tell_accounts(self) -> None:
        if self._feed.listener is not None:
            for account in self._ledger:
                self._feed.listener.on_account(account)

    # -- the end of a contract

    def _await_expiry(self, terms: Terms, time_us: int) -> None:
        self._timeline.at(time_us, lambda: self._expire(terms))

    def _expire(self, terms: Terms) -> None:
        """Cancel what is ordered of a contract, and close what is held of it at its last price."""
        for account in self._ledger:
            for order in self._matching.working_of(account):
                if order.terms is terms:
                    self._matching.cancel(order)
            for stop in self._stops.working_of(account):
                if stop.ticket.terms is terms:
                    self._stops.cancel(stop)
        last = self._directory.market(terms).last().ticks
        for account in (*self._ledger, self._ledger.crowd):
            holding = account.holdings.get(terms)
            if holding is not None and holding.units:
                holding.change(last, -holding.units)
        self._expired.add(terms)
        self._journal.record(self._timeline.now_us, "expired", symbol=terms.spec.symbol, price=terms.price(last))
        self._apply_all()
        self._tell_accounts()
