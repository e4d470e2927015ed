"""The exchange and its broker, as one object: the only door into the core.

Everything is synchronous and deterministic: the same seed, clock and list of commands give the same journal. The
object is not safe for several threads at once; the gateway calls it from one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TypeVar
from uuid import UUID

from alor_async.sandbox.core.accounts import Account, Ledger
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.audit import Audit
from alor_async.sandbox.core.broker import Broker, Leaving
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.clock import ExchangeClock, to_datetime
from alor_async.sandbox.core.commands import (
    CancelAll,
    CancelOrder,
    CommandResult,
    CreateGroup,
    DeleteGroup,
    EstimateOrder,
    GroupRefused,
    PlaceOrder,
    PlaceStop,
    Rejected,
    ReplaceOrder,
    ReplaceStop,
    UpdateGroup,
)
from alor_async.sandbox.core.crowd import Crowd
from alor_async.sandbox.core.demo import CROWD, DEMO_PORTFOLIOS, EXCHANGE, LOGIN, open_portfolios
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.entities import (
    FuturesRisk,
    InstrumentSpec,
    MarketTrade,
    Order,
    OrderEstimate,
    OrderGroup,
    OwnTrade,
    PortfolioInfo,
    PortfolioRisk,
    Position,
    StopOrder,
    Summary,
)
from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.errors import InvalidQuery, UnknownInstrument, UnknownPortfolio
from alor_async.sandbox.core.estimates import estimate
from alor_async.sandbox.core.feed import Feed, Listener
from alor_async.sandbox.core.flow import start_flows
from alor_async.sandbox.core.invariants import find_violations
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.market_reads import MarketReads
from alor_async.sandbox.core.portfolios import PortfolioSpec, open_as
from alor_async.sandbox.core.presets import MarketChoice, Presets
from alor_async.sandbox.core.queries import order_history, own_trades
from alor_async.sandbox.core.reports import Reports
from alor_async.sandbox.core.schedule import ScheduleChoice, choose_schedule
from alor_async.sandbox.core.timeline import Timeline

__all__ = ["Exchange", "InvalidQuery", "UnknownInstrument", "UnknownPortfolio"]

C = TypeVar("C")
R = TypeVar("R")


class Exchange(MarketReads):
    """An exchange with a broker in front of it.

    Reads raise `UnknownInstrument` or `UnknownPortfolio` for names that do not exist (HTTP 404); single objects that
    may or may not be there are `None`. Commands never raise for what a client may get wrong: they answer `Rejected`.
    `exchange` names are matched without case, symbols too, and the exchange ticker of a future is as good as its
    symbol. Reads with `delayed=True` show the exchange as it was fifteen minutes ago.
    """

    def __init__(
        self,
        *,
        clock: ExchangeClock,
        seed: int = 0,
        instruments: Sequence[InstrumentSpec] | None = None,
        assumptions: Assumptions | None = None,
        market: MarketChoice = "still",
        schedule: ScheduleChoice = "always",
        portfolios: Sequence[PortfolioSpec] | None = None,
        most_at_once: int | None = None,
    ) -> None:
        """Open the exchange: the default instruments, books around their last prices, and the demo portfolios.

        Args:
            clock: Exchange time.
            seed: Everything random comes from it.
            instruments: Added to the default ones; one with the same exchange and symbol replaces the default.
            assumptions: How it behaves where nobody says how; the defaults when there are none.
            market: How markets move by themselves.
            schedule: When trading is open.
            portfolios: The accounts; those for demonstrations when there are none.
            most_at_once: How many of the things that are due one call lives through at most; None for all.
        """
        self._feed = Feed()
        timeline = Timeline(clock)
        timeline.most_at_once = most_at_once
        opened_us = timeline.opened_us
        self._journal = Journal()
        self._audit = Audit(self._journal)
        specs = (*default_instruments(to_datetime(opened_us).date()), *(instruments or ()))
        super().__init__(Directory(specs, opened_us=opened_us, seed=seed), timeline, assumptions or Assumptions())
        self._ledger = Ledger(CROWD)
        openings = DEMO_PORTFOLIOS if portfolios is None else open_as(portfolios, self._directory)
        open_portfolios(openings, self._ledger, self._directory, opened_us)
        self._broker = Broker(
            self._ledger,
            self._directory,
            self._journal,
            self._timeline,
            self._feed,
            seed=seed,
            assumptions=self._assumptions,
            schedule=choose_schedule(schedule),
        )
        self._reports = Reports(self._broker, self._directory, self._timeline)
        timeline.settle = self._settle_moment
        self._journal.record(opened_us, "opened", seed=seed)
        matching = self._broker.matching
        self.crowd = Crowd(matching, self._journal, timeline, live=self.advance, settle=self._settle_moment)
        """What exact tests make the crowd do."""
        start_flows(self._directory, matching, timeline, Presets(market), seed=seed, jump=self.crowd.move)

    # -- inside

    def _account(self, portfolio: str) -> Account:
        self.advance()
        return self._broker.account(portfolio)

    def _accounts_of(self, login: str) -> dict[str, Account]:
        return {account.info.portfolio.upper(): account for account in self._ledger if account.info.login == login}

    def _isin(self, symbol: str) -> str | None:
        return self._directory.find(EXCHANGE, symbol).spec.isin

    def _run(self, command: C, handle: Callable[[C], R]) -> R:
        """Run a command between two journal entries, and let everything react before the answer is given."""
        self.advance()
        self._journal.record(self._timeline.now_us, "command", name=type(command).__name__, command=command)
        result = handle(command)
        self._broker.react()
        self._journal.record(self._timeline.now_us, "answer", name=type(result).__name__, result=result)
        self._settled()
        return result

    def advance(self) -> None:
        """Bring everything up to the clock: expiries, protection times, a new session. Every call does it."""
        self._timeline.advance()

    def _settle_moment(self) -> None:
        """Let everything react to what was due at a moment, and be told at that moment."""
        self._broker.react()
        self._settled()

    def _settled(self) -> None:
        if self._feed.listener is not None:
            self._feed.listener.on_settled()

    # -- for whoever shows the exchange to the outside

    def listen(self, listener: Listener | None) -> None:
        """Tell `listener` of every change from now on; None tells nobody."""
        self._feed.listener = listener

    def at(self, time_us: int, action: Callable[[], None]) -> None:
        """Do something at a moment of exchange time; it must not change the exchange."""
        self._timeline.at(time_us, action)

    def wake_by(self, hastened: Callable[[], None]) -> None:
        """Call `hastened` whenever something becomes due before everything else that waits."""
        self._timeline.hastened = hastened

    def find_market(self, exchange: str, symbol: str, board: str | None = None) -> InstrumentMarket:
        """A market itself, to be read as it stands; `UnknownInstrument` when there is none."""
        return self._market(exchange, symbol, board)

    def find_account(self, portfolio: str) -> Account:
        """An account itself, to be read as it stands; `UnknownPortfolio` when there is none."""
        return self._broker.account(portfolio)

    @property
    def reports(self) -> Reports:
        """What there is to say about an account as it stands, without letting time pass."""
        return self._reports

    @property
    def now_us(self) -> int:
        """The moment up to which the exchange has lived; microseconds."""
        return self._timeline.now_us

    @property
    def next_due_us(self) -> int | None:
        """When the exchange next has something to do by itself; None when never."""
        return self._timeline.next_due_us

    @property
    def assumptions(self) -> Assumptions:
        """How it behaves where nobody says how."""
        return self._assumptions

    # -- who and when

    @property
    def journal(self) -> Journal:
        """Every command, execution and event so far."""
        return self._journal

    @property
    def login(self) -> str:
        """The trading login that owns every portfolio."""
        return LOGIN

    @property
    def portfolios(self) -> tuple[PortfolioInfo, ...]:
        """The portfolios of the login."""
        return tuple(account.info for account in self._ledger if account.info.login == LOGIN)

    # -- portfolios

    def get_portfolio(self, portfolio: str) -> PortfolioInfo:
        """Who owns a portfolio and where it trades."""
        return self._broker.account(portfolio).info

    def get_summary(self, portfolio: str) -> Summary:
        """A portfolio in a few numbers."""
        return self._reports.summary(self._account(portfolio))

    def list_positions(self, portfolio: str, *, without_currency: bool = False) -> tuple[Position, ...]:
        """Holdings, those closed today included, and money rows."""
        return self._reports.positions(self._account(portfolio), without_currency=without_currency)

    def list_positions_by_login(self, login: str, *, without_currency: bool = False) -> tuple[Position, ...]:
        """The positions of every portfolio of a login; `UnknownPortfolio` for a login that is not ours."""
        self.advance()
        accounts = [account for account in self._ledger if account.info.login == login]
        if not accounts:
            raise UnknownPortfolio(login)
        rows = (self._reports.positions(account, without_currency=without_currency) for account in accounts)
        return tuple(chain.from_iterable(rows))

    def get_position(self, portfolio: str, symbol: str) -> Position | None:
        """One holding or money row."""
        rows = self.list_positions(portfolio)
        return next((row for row in rows if symbol.upper() in (row.symbol.upper(), row.short_name.upper())), None)

    def get_risk(self, portfolio: str) -> PortfolioRisk:
        """Margin of a portfolio."""
        return self._reports.risk(self._account(portfolio))

    def get_futures_risk(self, portfolio: str) -> FuturesRisk:
        """Money of a portfolio on the derivatives market; `UnknownPortfolio` when it does not trade there."""
        account = self._account(portfolio)
        if account.info.market not in (Market.DERIVATIVES, Market.UNITED):
            raise UnknownPortfolio(f"{portfolio} does not trade derivatives")
        return self._reports.futures_risk(account)

    def list_orders(self, portfolio: str) -> tuple[Order, ...]:
        """The exchange orders of the current session, oldest first."""
        return tuple(order.view() for order in self._broker.matching.orders_of(self._account(portfolio)))

    def get_order(self, portfolio: str, order_id: str) -> Order | None:
        """One exchange order of the current session."""
        order = self._broker.matching.find(self._account(portfolio), order_id)
        return None if order is None else order.view()

    def list_stop_orders(self, portfolio: str) -> tuple[StopOrder, ...]:
        """The conditional orders: all working ones, and those that ended in the current session."""
        return tuple(stop.view() for stop in self._broker.stops.stops_of(self._account(portfolio)))

    def get_stop_order(self, portfolio: str, order_id: str) -> StopOrder | None:
        """One conditional order."""
        stop = self._broker.stops.find(self._account(portfolio), order_id)
        return None if stop is None else stop.view()

    def list_trades(
        self, portfolio: str, *, symbol: str | None = None, board: str | None = None
    ) -> tuple[OwnTrade, ...]:
        """Own trades of the current session, oldest first."""
        return tuple(own_trades(self._account(portfolio).trades, symbol=symbol, board=board))

    def list_trades_history(
        self,
        portfolio: str,
        *,
        symbol: str | None = None,
        board: str | None = None,
        from_time: datetime | None = None,
        from_id: int | None = None,
        side: Side | None = None,
        descending: bool = False,
        order_by_trade_date: bool = False,
        limit: int | None = None,
    ) -> tuple[OwnTrade, ...]:
        """Own trades of earlier sessions; never those of the current one."""
        trades = own_trades(
            self._account(portfolio).past_trades, symbol=symbol, board=board, side=side, isin_of=self._isin
        )
        return order_history(
            trades,
            from_time=from_time,
            from_id=from_id,
            descending=descending,
            order_by_trade_date=order_by_trade_date,
            limit=limit,
        )

    # -- commands

    def place_order(self, command: PlaceOrder) -> CommandResult:
        """Place a market or limit order.

        An accepted order may be filled, partly filled, cancelled (what `immediateorcancel` could not fill) or
        rejected by the exchange by the time this returns: its fate is in `get_order`.
        """
        return self._run(command, self._broker.place)

    def replace_order(self, command: ReplaceOrder) -> CommandResult:
        """Cancel a working order and place another under a new number; a refusal leaves the old one untouched."""
        return self._run(command, self._broker.replace)

    def place_stop(self, command: PlaceStop) -> CommandResult:
        """Place a conditional order; it blocks no money until it fires."""
        return self._run(command, self._broker.place_stop)

    def replace_stop(self, command: ReplaceStop) -> CommandResult:
        """Cancel a working conditional order and place another under a new number."""
        return self._run(command, self._broker.replace_stop)

    def cancel_order(self, command: CancelOrder) -> CommandResult:
        """Cancel a working order of either kind."""
        return self._run(command, self._broker.cancel)

    def cancel_all(self, command: CancelAll) -> tuple[str, ...] | Rejected:
        """Cancel every working order of one kind; the numbers cancelled, or a refusal when there is none."""
        return self._run(command, self._broker.cancel_all)

    def estimate(self, request: EstimateOrder) -> OrderEstimate:
        """What could be traded: an order of the estimated quantity passes the risk check, one lot more does not.

        Raises:
            InvalidQuery: Neither or both of `lots` and `budget`, a price off its step, and the like.
        """
        account = self._account(request.portfolio)
        return estimate(request, account, self._directory, self._broker.risk)

    def halt(self, exchange: str, symbol: str) -> None:
        """Stop the trading of one instrument."""
        self.advance()
        self._broker.sessions.halt(self._directory.find(exchange, symbol))
        self._settled()

    def unhalt(self, exchange: str, symbol: str) -> None:
        """Let one instrument trade again as its market does."""
        self.advance()
        self._broker.sessions.unhalt(self._directory.find(exchange, symbol))
        self._settled()

    def pause_trading(self, market: Market | None = None) -> None:
        """Stop the trading of a market, or of all, as for a clearing: orders are refused, the crowd waits."""
        self.advance()
        self._broker.sessions.pause(market)
        self._settled()

    def resume_trading(self, market: Market | None = None) -> None:
        """Let a market, or all, trade again as its hours have it."""
        self.advance()
        self._broker.sessions.resume(market)
        self._settled()

    def fail_next_replacement(self, leaving: Leaving | None) -> None:
        """Refuse the next replacement of any order, and leave the old order `untouched` or `gone`; None takes it back."""
        self._broker.fail_next_replacement(leaving)

    def reject_next_order(self, reason: str | None) -> None:
        """Reject the next order after it was accepted, with this reason in its comment; None takes it back."""
        self._broker.matching.rejection = reason

    # -- order groups

    def list_groups(self, login: str) -> tuple[OrderGroup, ...]:
        """The groups of a login, oldest first."""
        self.advance()
        return self._broker.groups.list_of(login)

    def get_group(self, login: str, group_id: UUID) -> OrderGroup | None:
        """One group."""
        self.advance()
        return self._broker.groups.find(login, group_id)

    def create_group(self, command: CreateGroup) -> OrderGroup | GroupRefused:
        """Link orders."""
        accounts = self._accounts_of(command.login)
        return self._run(command, lambda command: self._broker.groups.create(command, accounts))

    def update_group(self, command: UpdateGroup) -> OrderGroup | GroupRefused | None:
        """Change a group; `None` when there is no such group."""
        accounts = self._accounts_of(command.login)
        return self._run(command, lambda command: self._broker.groups.update(command, accounts))

    def delete_group(self, command: DeleteGroup) -> bool:
        """Forget a group; whether there was one."""
        return self._run(command, self._broker.groups.delete)

    # -- the exchange itself

    def crowd_trade(self, exchange: str, symbol: str, *, price: Decimal, lots: int) -> MarketTrade:
        """Make the crowd trade with itself at `price`: the book is moved out of the way, stops fire.

        For exact tests: clients' orders at better prices are filled first, as they would be.
        """
        return self.crowd.trade(self._market(exchange, symbol), price, lots)

    def check(self) -> list[str]:
        """Run the invariants; what is violated, in words. An empty list is a healthy exchange."""
        return find_violations(self._ledger, self._directory, self._broker) + self._audit.check()
