"""The exchange and its broker, as one object: the only door into the core.

Everything is synchronous and deterministic: the same seed, clock and list of commands give the same journal. The
object is not safe for several threads at once; the gateway calls it from one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from .clock import ExchangeClock
from .commands import (
    CancelAll,
    CancelOrder,
    Command,
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
from .entities import (
    BookSnapshot,
    CandlePage,
    CurrencyPair,
    FuturesRisk,
    Instrument,
    InstrumentSpec,
    MarketTrade,
    MarketTradePage,
    Order,
    OrderEstimate,
    OrderGroup,
    OwnTrade,
    PortfolioInfo,
    PortfolioRisk,
    Position,
    Quote,
    RiskRatePage,
    StopOrder,
    Summary,
)
from .enums import Market, Side
from .journal import Journal


class UnknownInstrument(LookupError):
    """No such symbol on that exchange, or not on that board."""


class UnknownPortfolio(LookupError):
    """No such portfolio."""


class InvalidQuery(ValueError):
    """A read asked for something that makes no sense; the text is fit for the wire (HTTP 400)."""


class Exchange:
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
    ) -> None:
        """Open the exchange: the default instruments, books around their last prices, and the demo portfolios.

        Args:
            clock: Exchange time.
            seed: Everything random comes from it.
            instruments: Added to the default ones; one with the same symbol and board replaces the default.
        """
        raise NotImplementedError

    # -- who and when

    @property
    def journal(self) -> Journal:
        """Every command, execution and event so far."""
        raise NotImplementedError

    @property
    def login(self) -> str:
        """The trading login that owns every portfolio."""
        raise NotImplementedError

    @property
    def portfolios(self) -> tuple[PortfolioInfo, ...]:
        """The portfolios of the login: stocks, derivatives, currencies, united."""
        raise NotImplementedError

    def now(self, *, delayed: bool = False) -> datetime:
        """Exchange time, aware UTC."""
        raise NotImplementedError

    def server_time(self, *, delayed: bool = False) -> int:
        """Exchange time in unix seconds."""
        raise NotImplementedError

    # -- instruments

    def search_instruments(
        self,
        query: str = "",
        *,
        exchange: str | None = None,
        board: str | None = None,
        sector: Market | None = None,
        cfi_code: str | None = None,
        include_non_base_boards: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Instrument, ...]:
        """Find instruments whose symbol, name or ISIN contains `query`, the most traded first."""
        raise NotImplementedError

    def list_instruments(
        self,
        exchange: str,
        *,
        market: Market | None = None,
        include_non_base_boards: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Instrument, ...]:
        """List the instruments of an exchange, the most traded first."""
        raise NotImplementedError

    def get_instrument(self, exchange: str, symbol: str, board: str | None = None) -> Instrument:
        """One instrument on its primary board, or on `board`."""
        raise NotImplementedError

    def list_boards(self, exchange: str, symbol: str) -> tuple[str, ...]:
        """The boards of an instrument, the primary one first."""
        raise NotImplementedError

    def list_currency_pairs(self) -> tuple[CurrencyPair, ...]:
        """The pairs of the FX market."""
        raise NotImplementedError

    def list_risk_rates(
        self,
        *,
        exchange: str | None = None,
        ticker: str | None = None,
        risk_category_id: int | None = None,
        search: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> RiskRatePage:
        """Margin rates per instrument and client category. `search` is a prefix of symbol or ISIN."""
        raise NotImplementedError

    # -- market data

    def get_quote(self, exchange: str, symbol: str, *, delayed: bool = False) -> Quote:
        """The quotes of an instrument."""
        raise NotImplementedError

    def get_futures_quote(self, exchange: str, symbol: str) -> Quote:
        """The quotes of the nearest future: `symbol` is a contract or its group (`Si`, `SBRF`)."""
        raise NotImplementedError

    def get_book(self, exchange: str, symbol: str, *, board: str | None = None, depth: int = 20) -> BookSnapshot:
        """The best `depth` levels of both sides."""
        raise NotImplementedError

    def get_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: str,
        *,
        start: int,
        end: int,
        board: str | None = None,
        count_back: int | None = None,
        untraded: bool = False,
        delayed: bool = False,
    ) -> CandlePage:
        """The candles that open in `[start, end]` (unix seconds, both included).

        Args:
            timeframe: Seconds as text, or `D`, `W`, `M`, `Y`, with an optional factor (`2W`, `3M`).
            count_back: Move `start` back until the page holds this many candles; ignored when it already does.
            untraded: Match the symbol exactly; otherwise the short name will do.

        Raises:
            InvalidQuery: The time frame cannot be read, or the range is upside down.
        """
        raise NotImplementedError

    def list_market_trades(
        self,
        exchange: str,
        symbol: str,
        *,
        board: str | None = None,
        start: int | None = None,
        end: int | None = None,
        from_id: int | None = None,
        to_id: int | None = None,
        lots_from: int | None = None,
        lots_to: int | None = None,
        price_from: Decimal | None = None,
        price_to: Decimal | None = None,
        side: Side | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[MarketTrade, ...]:
        """The market trades of the current session, oldest first unless `descending`. Bounds are included."""
        raise NotImplementedError

    def list_market_trades_history(
        self,
        exchange: str,
        symbol: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int,
        offset: int = 0,
        board: str | None = None,
    ) -> MarketTradePage:
        """The market trades of earlier days; they are kept for thirty days.

        Raises:
            InvalidQuery: A bound is not before today's midnight in Moscow, or `limit` is not in 1..50000.
        """
        raise NotImplementedError

    # -- portfolios

    def get_portfolio(self, portfolio: str) -> PortfolioInfo:
        """Who owns a portfolio and where it trades."""
        raise NotImplementedError

    def get_summary(self, portfolio: str) -> Summary:
        """A portfolio in a few numbers."""
        raise NotImplementedError

    def list_positions(self, portfolio: str, *, without_currency: bool = False) -> tuple[Position, ...]:
        """Holdings, those closed today included, and money rows."""
        raise NotImplementedError

    def list_positions_by_login(self, login: str, *, without_currency: bool = False) -> tuple[Position, ...]:
        """The positions of every portfolio of a login; `UnknownPortfolio` for a login that is not ours."""
        raise NotImplementedError

    def get_position(self, portfolio: str, symbol: str) -> Position | None:
        """One holding or money row."""
        raise NotImplementedError

    def get_risk(self, portfolio: str) -> PortfolioRisk:
        """Margin of a portfolio."""
        raise NotImplementedError

    def get_futures_risk(self, portfolio: str) -> FuturesRisk:
        """Money of a portfolio on the derivatives market; `UnknownPortfolio` when it does not trade there."""
        raise NotImplementedError

    def list_orders(self, portfolio: str) -> tuple[Order, ...]:
        """The exchange orders of the current session, oldest first."""
        raise NotImplementedError

    def get_order(self, portfolio: str, order_id: str) -> Order | None:
        """One exchange order of the current session."""
        raise NotImplementedError

    def list_stop_orders(self, portfolio: str) -> tuple[StopOrder, ...]:
        """The conditional orders: all working ones, and those that ended in the current session."""
        raise NotImplementedError

    def get_stop_order(self, portfolio: str, order_id: str) -> StopOrder | None:
        """One conditional order."""
        raise NotImplementedError

    def list_trades(self, portfolio: str, *, symbol: str | None = None, board: str | None = None) -> tuple[OwnTrade, ...]:
        """Own trades of the current session, oldest first."""
        raise NotImplementedError

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
        raise NotImplementedError

    # -- commands

    def execute(self, command: Command) -> CommandResult | OrderGroup | GroupRefused | None:
        """Run any command; the methods below are its typed faces."""
        raise NotImplementedError

    def place_order(self, command: PlaceOrder) -> CommandResult:
        """Place a market or limit order.

        An accepted order may be filled, partly filled, cancelled (what `immediateorcancel` could not fill) or
        rejected by the exchange by the time this returns: its fate is in `get_order`.
        """
        raise NotImplementedError

    def replace_order(self, command: ReplaceOrder) -> CommandResult:
        """Cancel a working order and place another under a new number; a refusal leaves the old one untouched."""
        raise NotImplementedError

    def place_stop(self, command: PlaceStop) -> CommandResult:
        """Place a conditional order; it blocks no money until it fires."""
        raise NotImplementedError

    def replace_stop(self, command: ReplaceStop) -> CommandResult:
        """Cancel a working conditional order and place another under a new number."""
        raise NotImplementedError

    def cancel_order(self, command: CancelOrder) -> CommandResult:
        """Cancel a working order of either kind."""
        raise NotImplementedError

    def cancel_all(self, command: CancelAll) -> tuple[str, ...] | Rejected:
        """Cancel every working order of one kind; the numbers cancelled, or a refusal when there is none."""
        raise NotImplementedError

    def estimate(self, request: EstimateOrder) -> OrderEstimate:
        """What could be traded: an order of the estimated quantity passes the risk check, one lot more does not.

        Raises:
            InvalidQuery: Neither or both of `lots` and `budget`, a price off its step, and the like.
        """
        raise NotImplementedError

    # -- order groups

    def list_groups(self, login: str) -> tuple[OrderGroup, ...]:
        """The groups of a login, oldest first."""
        raise NotImplementedError

    def get_group(self, login: str, group_id: UUID) -> OrderGroup | None:
        """One group."""
        raise NotImplementedError

    def create_group(self, command: CreateGroup) -> OrderGroup | GroupRefused:
        """Link orders."""
        raise NotImplementedError

    def update_group(self, command: UpdateGroup) -> OrderGroup | GroupRefused | None:
        """Change a group; `None` when there is no such group."""
        raise NotImplementedError

    def delete_group(self, command: DeleteGroup) -> bool:
        """Forget a group; whether there was one."""
        raise NotImplementedError

    # -- the exchange itself

    def advance(self) -> None:
        """Bring everything up to the clock: expiries, protection times, a new session. Every call above does it."""
        raise NotImplementedError

    def crowd_trade(self, exchange: str, symbol: str, *, price: Decimal, lots: int) -> MarketTrade:
        """Make the crowd trade with itself at `price`: the book is moved out of the way, stops fire.

        For exact tests: clients' orders at better prices are filled first, as they would be.
        """
        raise NotImplementedError

    def check(self) -> list[str]:
        """Run the invariants; what is violated, in words. An empty list is a healthy exchange."""
        raise NotImplementedError
