"""The accounts that are there out of the box: one login, its portfolios, and what they bought in earlier sessions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from alor_async.sandbox.core.accounts import Account, Ledger, commission
from alor_async.sandbox.core.clock import DAY, MINUTE
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.entities import PortfolioInfo
from alor_async.sandbox.core.enums import ClientType, Market, Side, TimeInForce
from alor_async.sandbox.core.history import FIRST_MINUTE, is_weekday, session_day
from alor_async.sandbox.core.matching import FIRST_DERIVATIVE_ORDER, FIRST_ORDER
from alor_async.sandbox.core.orders import Fill, Ticket
from alor_async.sandbox.core.terms import Terms, to_micros

LOGIN = "P039004"
EXCHANGE = "MOEX"
FUTURES = ("Si", "RTS", "SBRF")
CROWD = PortfolioInfo("CROWD", "CROWD", "CROWD", Market.UNITED, ClientType.SPECIAL)


@dataclass(frozen=True, slots=True)
class Deal:
    """A trade of an earlier session: `lots` are negative for a sale; symbols may be a future's group."""

    symbol: str
    lots: int
    sessions_ago: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DemoPortfolio:
    """A portfolio, its cash at the opening, and the deals behind its positions."""

    portfolio: str
    agreement: str
    market: Market
    cash: Decimal
    deals: tuple[Deal, ...]
    client_type: ClientType = ClientType.STANDARD_RISK
    login: str = LOGIN


DEMO_PORTFOLIOS = (
    DemoPortfolio(
        "D39004",
        "39004",
        Market.STOCKS,
        Decimal("1452307.70"),
        (
            Deal("SBER", 60, 18, "first steps"),
            Deal("GAZP", 100, 15),
            Deal("SBER", -20, 11),
            Deal("LKOH", 12, 9),
            Deal("SU26238RMFS4", 50, 7),
            Deal("TMOS", 2_000, 4),
            Deal("SBER", 10, 2),
        ),
    ),
    DemoPortfolio("7500GHC", "39004", Market.DERIVATIVES, Decimal(500_000), (Deal("Si", 3, 6), Deal("Si", -1, 3))),
    DemoPortfolio("G39004", "39004", Market.CURRENCIES, Decimal(300_000), (Deal("CNYRUB_TOM", 5, 5),)),
    DemoPortfolio(
        "E39005",
        "39005",
        Market.UNITED,
        Decimal(1_000_000),
        (Deal("SBER", 30, 8), Deal("SBRF", -4, 3), Deal("T", 40, 2)),
    ),
)


def open_portfolios(
    portfolios: tuple[DemoPortfolio, ...], ledger: Ledger, directory: Directory, opened_us: int
) -> None:
    """Open the accounts and give them what their deals left them with; the crowd is short of the same."""
    for number, demo in enumerate(portfolios, start=1):
        info = PortfolioInfo(demo.portfolio, demo.login, demo.agreement, demo.market, demo.client_type)
        account = ledger.open(info, to_micros(demo.cash))
        for deal in demo.deals:
            _live_through(deal, account, ledger.crowd, directory, opened_us, number)
        for holding in (*account.holdings.values(), *ledger.crowd.holdings.values()):
            holding.open_units = holding.units
            holding.unsettled = holding.paid_today = 0


def _live_through(
    deal: Deal, account: Account, crowd: Account, directory: Directory, opened_us: int, number: int
) -> None:
    """Book a deal as the past it is: units and cost change hands, the money was settled long ago."""
    terms = find_terms(deal.symbol, directory)
    market = directory.market(terms)
    day = session_day(opened_us)
    for _ in range(deal.sessions_ago):
        day -= 1
        while not is_weekday(day):
            day -= 1
    moment = day * DAY + (FIRST_MINUTE + 60 + 7 * number) * MINUTE
    price = market.last(moment - 1)
    side = Side.BUY if deal.lots > 0 else Side.SELL
    trade = price._replace(lots=abs(deal.lots), sign=side.sign)
    ticket = Ticket(
        account=account,
        market=market,
        side=side,
        lots=trade.lots,
        ticks=trade.ticks,
        time_in_force=TimeInForce.ONE_DAY,
        comment=deal.comment,
    )
    first = FIRST_DERIVATIVE_ORDER if terms.spec.is_derivative else FIRST_ORDER
    units = trade.lots * terms.lot
    fee = commission(terms, trade.ticks, units)
    account.past_trades.append(Fill(ticket, first - deal.sessions_ago * 100_000 + number * 7, trade, fee).view())
    close = market.previous_close(session_day(opened_us))
    for owner, sign in ((account, side.sign), (crowd, -side.sign)):
        holding = owner.holding(terms)
        holding.change(trade.ticks, units * sign)
        holding.variation = -terms.value(close, holding.units) if terms.spec.is_derivative else 0


def find_terms(symbol: str, directory: Directory) -> Terms:
    """The instrument of a symbol, or the nearest future of a group.

    Raises:
        UnknownInstrument: There is none.
    """
    return directory.nearest_future(EXCHANGE, symbol) if symbol in FUTURES else directory.find(EXCHANGE, symbol)
