"""Cash and holdings of every account, the crowd's included, and the ledger that moves them.

Whatever one account gains another loses, to the last micro: a trade moves units one way and money the other, and
commissions go to the house. Derivatives move no money when they trade; what they owe piles up as variation margin and
becomes cash at the clearing between two sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alor_async.sandbox.core.entities import OwnTrade, PortfolioInfo
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.terms import MICROS, Terms, round_to_kopeck

if TYPE_CHECKING:
    from alor_async.sandbox.core.orders import Fill

CURRENCY = "RUB"
COMMISSION_PER_MILLION = 500
CONTRACT_FEE_MICROS = MICROS
MINIMAL_MARGIN_SHARE = 2


def commission(terms: Terms, ticks: int, units: int) -> int:
    """What the broker takes for a trade: 0.05 % of its value, or a rouble a contract; micros."""
    if terms.is_derivative:
        return CONTRACT_FEE_MICROS * units
    return round_to_kopeck(terms.value(ticks, units) * COMMISSION_PER_MILLION // 1_000_000)


@dataclass(slots=True, eq=False)
class Holding:
    """One instrument in one account. `units` and `cost` are negative for shorts; money is micros.

    Attributes:
        open_units: Units when the session opened.
        unsettled: Units of this session's trades that settle tomorrow.
        cost: What the units that are held now cost, at their average price.
        paid_today: Value of this session's purchases less that of its sales.
        variation: What derivatives have gained, less the value of the units held (see `Holding.gain`).
    """

    terms: Terms
    units: int = 0
    open_units: int = 0
    unsettled: int = 0
    cost: int = 0
    paid_today: int = 0
    variation: int = 0

    def change(self, ticks: int, units: int) -> None:
        """Trade `units` (negative: sell) at a price; the cost keeps the average price of what is left."""
        value = self.terms.value(ticks, units)
        before, after = self.units, self.units + units
        if before * units >= 0:
            self.cost += value
        elif before * after > 0:
            self.cost = self.cost * after // before
        else:
            self.cost = self.terms.value(ticks, after)
        self.units = after
        self.paid_today += value
        self.unsettled += units if self.terms.spec.settle_days else 0
        if self.terms.is_derivative:
            self.variation -= value

    def gain(self, ticks: int) -> int:
        """Variation margin since the last clearing, at a price; 0 for what is paid at once."""
        return self.variation + self.terms.value(ticks, self.units) if self.terms.is_derivative else 0

    def profit_today(self, ticks: int, close: int) -> int:
        """Profit since the session opened, at a price."""
        return self.terms.value(ticks, self.units) - self.terms.value(close, self.open_units) - self.paid_today

    @property
    def is_idle(self) -> bool:
        """Whether the session knows nothing of it."""
        return not (self.units or self.open_units or self.paid_today)


class Promised:
    """Working orders to one side of an instrument, summed up as they come and go.

    Attributes:
        units: Units of all of them that are not filled yet.
    """

    __slots__ = ("_at", "_ticks", "units")

    def __init__(self) -> None:
        """Start with nothing."""
        self.units = 0
        self._ticks = 0
        self._at: dict[int, int] = {}

    def change(self, ticks: int, units: int) -> None:
        """Count more units at a price, or fewer."""
        self.units += units
        self._ticks += ticks * units
        at = self._at.get(ticks, 0) + units
        if at:
            self._at[ticks] = at
        else:
            del self._at[ticks]

    def value(self, terms: Terms) -> int:
        """Money that changes hands when all are filled; micros."""
        return self._ticks * terms.tick_micros + self.units * terms.accrued_micros

    def value_from(self, terms: Terms, ticks: int) -> int:
        """The same with no price below `ticks`."""
        missing = sum((ticks - at) * units for at, units in self._at.items() if at < ticks)
        return self.value(terms) + missing * terms.tick_micros

    def fees(self, terms: Terms) -> int:
        """What the broker takes when all are filled; micros."""
        return sum(commission(terms, ticks, units) for ticks, units in self._at.items())


class Exposure:
    """What the working orders of an account may still buy and sell of one instrument."""

    __slots__ = ("bought", "sold")

    def __init__(self) -> None:
        """Start with no orders."""
        self.bought = Promised()
        self.sold = Promised()

    def of(self, side: Side) -> Promised:
        """One side of it."""
        return self.bought if side is Side.BUY else self.sold


@dataclass(slots=True, eq=False)
class Account:
    """The cash and the holdings of one portfolio; money is micros of roubles.

    Attributes:
        unsettled_cash: Money of this session's trades that settles tomorrow.
        fees: Commission of this session.
        interim: Variation margin that became cash in the middle of this session.
        holdings: What it has, or had in this session; symbols would not do, for two exchanges may share one.
        exposures: What working orders may still trade.
        fills: Own trades of this session; `past_trades` are those of earlier ones.
    """

    info: PortfolioInfo
    cash: int = 0
    open_cash: int = 0
    unsettled_cash: int = 0
    fees: int = 0
    interim: int = 0
    holdings: dict[Terms, Holding] = field(default_factory=dict[Terms, Holding])
    exposures: dict[Terms, Exposure] = field(default_factory=dict[Terms, Exposure])
    fills: list[Fill] = field(default_factory=list["Fill"])
    past_trades: list[OwnTrade] = field(default_factory=list[OwnTrade])

    @property
    def trades(self) -> list[OwnTrade]:
        """Own trades of this session as the outside sees them, oldest first."""
        return [fill.view() for fill in self.fills]

    def promise(self, terms: Terms, side: Side, ticks: int, units: int) -> None:
        """Count what a working order may still trade; `units` are negative for what it no longer may."""
        exposure = self.exposures.get(terms)
        if exposure is None:
            exposure = self.exposures[terms] = Exposure()
        exposure.of(side).change(ticks, units)

    def holding(self, terms: Terms) -> Holding:
        """The holding of an instrument, an empty one when there was none."""
        found = self.holdings.get(terms)
        if found is None:
            found = self.holdings[terms] = Holding(terms)
        return found

    def units(self, terms: Terms) -> int:
        """Units held of an instrument."""
        found = self.holdings.get(terms)
        return found.units if found is not None else 0

    def trade(self, terms: Terms, side: Side, ticks: int, units: int) -> None:
        """Move the units and the money of one side of a trade."""
        self.holding(terms).change(ticks, units * side.sign)
        if not terms.is_derivative:
            money = terms.full_value(ticks, units) * side.sign
            self.cash -= money
            self.unsettled_cash -= money if terms.spec.settle_days else 0


class Ledger:
    """All accounts, and where the commissions go."""

    __slots__ = ("_accounts", "_deposited", "crowd", "house")

    def __init__(self, crowd: PortfolioInfo) -> None:
        """Start with the crowd alone."""
        self.crowd = Account(crowd)
        self.house = 0
        self._accounts: dict[str, Account] = {}
        self._deposited = 0

    def __iter__(self) -> Iterator[Account]:
        """The clients' accounts."""
        return iter(self._accounts.values())

    def open(self, info: PortfolioInfo, cash: int) -> Account:
        """Open an account with some cash."""
        account = self._accounts[info.portfolio.upper()] = Account(info, cash=cash, open_cash=cash)
        self._deposited += cash
        return account

    def find(self, portfolio: str) -> Account | None:
        """The account of a portfolio, whatever the case of its name."""
        return self._accounts.get(portfolio.upper())

    def settle(self, terms: Terms, ticks: int, units: int, buyer: Account, seller: Account) -> None:
        """Move units from seller to buyer and money the other way."""
        buyer.trade(terms, Side.BUY, ticks, units)
        seller.trade(terms, Side.SELL, ticks, units)

    def charge(self, account: Account, micros: int) -> None:
        """Take a commission for the house."""
        account.cash -= micros
        account.fees += micros
        self.house += micros

    def pay_variation(self, prices: dict[Terms, int]) -> None:
        """Turn variation margin into cash in the middle of a session.

        Args:
            prices: The last price of every instrument held, in ticks.
        """
        for account in (*self, self.crowd):
            for terms, holding in account.holdings.items():
                gain = holding.gain(prices[terms])
                account.cash += gain
                account.interim += gain
                holding.variation -= gain

    def clear(self, prices: dict[Terms, int]) -> None:
        """Close the session: settle what was pending, turn variation margin into cash, start counting anew.

        Args:
            prices: The last price of every instrument held, in ticks.
        """
        for account in (*self, self.crowd):
            account.unsettled_cash = 0
            for terms, holding in account.holdings.items():
                gain = holding.gain(prices[terms])
                account.cash += gain
                holding.variation -= gain
                holding.open_units = holding.units
                holding.unsettled = holding.paid_today = 0
            account.open_cash = account.cash
            account.fees = account.interim = 0
            account.past_trades += account.trades
            account.fills = []

    def check(self) -> list[str]:
        """What is not conserved, in words."""
        everybody = (*self, self.crowd)
        wrong: list[str] = []
        cash = sum(account.cash for account in everybody) + self.house
        if cash != self._deposited:
            wrong.append(f"cash: {cash} micros in all accounts, {self._deposited} deposited")
        for terms in dict.fromkeys(terms for account in everybody for terms in account.holdings):
            symbol = terms.spec.broker_symbol
            units, variation = _total(account.holdings[terms] for account in everybody if terms in account.holdings)
            if units:
                wrong.append(f"{symbol}: {units} units too many in all accounts")
            if variation:
                wrong.append(f"{symbol}: {variation} micros of variation margin out of balance")
        for account in everybody:
            wrong += [
                f"{account.info.portfolio}: {holding.terms.spec.symbol} costs {holding.cost} with no units"
                for holding in account.holdings.values()
                if not holding.units and holding.cost
            ]
        return wrong


def _total(holdings: Iterable[Holding]) -> tuple[int, int]:
    """Units and variation margin of the same instrument in several accounts; both are 0 when nothing leaked."""
    units = variation = 0
    for holding in holdings:
        units += holding.units
        variation += holding.variation
    return units, variation
