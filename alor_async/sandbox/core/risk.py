"""What a portfolio may still do: margin, buying power, the check of a new order, and estimates made with that check.

Money is micros, prices are ticks. The requirement of an instrument is that of the worse of two outcomes: all working
purchases are filled, or all working sales are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from alor_async.sandbox.core.accounts import MINIMAL_MARGIN_SHARE, Account, Exposure, commission
from alor_async.sandbox.core.commands import ErrorCode, Rejected
from alor_async.sandbox.core.enums import ClientType, Market, Side
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.terms import Terms

MAX_LOTS = 2**31 - 1

Working: TypeAlias = Mapping[Terms, Exposure]
NO_ORDERS: Working = {}


class Counted(Protocol):
    """What the check must know of a working order that goes."""

    @property
    def terms(self) -> Terms:
        """The instrument."""
        ...

    @property
    def side(self) -> Side:
        """Buy or sell."""
        ...

    @property
    def ticks(self) -> int:
        """The limit price; 0 for a market order."""
        ...

    @property
    def open_units(self) -> int:
        """Units that are not filled yet."""
        ...


@dataclass(frozen=True, slots=True)
class Intended:
    """An order that is not placed yet."""

    terms: Terms
    side: Side
    ticks: int
    open_units: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A portfolio's money at a moment; micros.

    Attributes:
        liquid: Cash and what is accepted as collateral.
        value: All of it, liabilities taken off.
        margin: What positions demand; `blocked` what positions and working orders demand.
        variation: Variation margin of derivatives since the last clearing.
    """

    liquid: int
    value: int
    margin: int
    blocked: int
    variation: int


class Risk:
    """The risk desk: it sees accounts, prices and what working orders promise, and changes nothing.

    `working` is `Account.exposures`, or `NO_ORDERS` for what would be if there were none.
    """

    __slots__ = ("_market_of", "_markets")

    def __init__(self, market_of: Callable[[Terms], InstrumentMarket]) -> None:
        """Value everything at the last prices of its market."""
        self._market_of = market_of
        self._markets: dict[Terms, InstrumentMarket] = {}

    def _last(self, terms: Terms) -> int:
        market = self._markets.get(terms)
        if market is None:
            market = self._markets[terms] = self._market_of(terms)
        return market.last().ticks

    # -- figures

    def figures(self, account: Account, working: Working, *, leaving: Counted | None = None) -> Figures:
        """Sum up a portfolio; `leaving` is a working order that no longer counts."""
        client = account.info.client_type
        liquid = value = account.cash
        variation = margin = blocked = 0
        for terms, holding in account.holdings.items():
            held = holding.units
            last = self._last(terms)
            if terms.is_derivative:
                variation += holding.gain(last)
            elif held:
                worth = terms.full_value(last, held)
                value += worth
                liquid += worth if terms.spec.is_marginal and worth > 0 else 0
            demand = _demand(client, terms, last, held) if held else 0
            exposure = working.get(terms)
            margin += demand
            blocked += demand if exposure is None else _demand(client, terms, last, held, exposure, leaving=leaving)
        for terms, exposure in working.items():
            if terms not in account.holdings:
                blocked += _demand(client, terms, self._last(terms), 0, exposure, leaving=leaving)
        if account.info.market is not Market.DERIVATIVES:
            value += variation
            liquid += variation
        return Figures(liquid, value, margin, blocked, variation)

    def buying_power(self, account: Account, working: Working, *, leaving: Counted | None = None) -> int:
        """Money that is free without borrowing: neither promised to purchases nor collateral of derivatives."""
        free = account.cash
        for terms, exposure in working.items():
            if not terms.is_derivative:
                free -= exposure.bought.value(terms) + exposure.bought.fees(terms)
        if leaving is not None and leaving.side is Side.BUY and not leaving.terms.is_derivative:
            free += _cost(leaving.terms, leaving.ticks, leaving.open_units)
        involved = account.holdings.keys() | working.keys()
        return free - sum(
            self._demand_of(account, terms, working, leaving=leaving) for terms in involved if terms.is_derivative
        )

    def _demand_of(
        self,
        account: Account,
        terms: Terms,
        working: Working,
        *,
        leaving: Counted | None = None,
        coming: Intended | None = None,
    ) -> int:
        """What one instrument of an account demands."""
        exposure = working.get(terms)
        client, held = account.info.client_type, account.units(terms)
        return _demand(client, terms, self._last(terms), held, exposure, leaving=leaving, coming=coming)

    # -- the check of an order

    def refusal(
        self,
        account: Account,
        order: Intended,
        working: Working,
        *,
        allow_margin: bool,
        instead_of: Counted | None = None,
    ) -> Rejected | None:
        """Why an order may not be placed beside the working ones, `None` when it may.

        `instead_of` is a working order that goes when this one comes.
        """
        terms = order.terms
        if order.side is Side.SELL and not terms.spec.is_short_sell_possible:
            promised = _promised(working, terms, Side.SELL) - _units(instead_of, terms, Side.SELL)
            if account.units(terms) < promised + order.open_units:
                return Rejected(ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED, "Instrument can't be short-selled")
        before = self.figures(account, working, leaving=instead_of)
        without = self._demand_of(account, terms, working, leaving=instead_of)
        demanded = before.blocked - without + self._demand_of(account, terms, working, leaving=instead_of, coming=order)
        fee = commission(terms, order.ticks, order.open_units)
        if demanded > before.blocked and before.value - fee < demanded:
            return _uncovered(order)
        if (
            account.info.client_type is ClientType.LOW_RISK
            and not allow_margin
            and self._borrows(account, order, working, instead_of)
        ):
            return Rejected(ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN, "Marginal trade is forbidden without allowMargin")
        return None

    def _borrows(self, account: Account, order: Intended, working: Working, instead_of: Counted | None) -> bool:
        """Whether an order needs more than the account has of its own."""
        terms = order.terms
        if terms.is_derivative:
            return True
        lots = self.unlevered_lots(account, terms, order.side, order.ticks, working, instead_of=instead_of)
        return lots * terms.lot < order.open_units

    def unlevered_lots(
        self,
        account: Account,
        terms: Terms,
        side: Side,
        ticks: int,
        working: Working,
        *,
        instead_of: Counted | None = None,
    ) -> int:
        """How many lots can be bought with free cash, or sold out of what is held."""
        if terms.is_derivative:
            return self.levered_lots(account, terms, side, ticks, working)
        promised = _promised(working, terms, side) - _units(instead_of, terms, side)
        if side is Side.SELL:
            return max(0, account.units(terms) - promised) // terms.lot
        covers = max(0, -account.units(terms) - promised) // terms.lot
        free = self.buying_power(account, working, leaving=instead_of)
        return max(covers, _most(lambda lots: _cost(terms, ticks, lots * terms.lot) <= free, MAX_LOTS))

    def levered_lots(self, account: Account, terms: Terms, side: Side, ticks: int, working: Working) -> int:
        """The largest order that the check lets through; one lot more is refused."""

        def passes(lots: int) -> bool:
            intended = Intended(terms, side, ticks, lots * terms.lot)
            return self.refusal(account, intended, working, allow_margin=True) is None

        return _most(passes, MAX_LOTS // terms.lot)

    @staticmethod
    def minimal_margin(margin: int) -> int:
        """The margin under which positions are closed by force."""
        return margin // MINIMAL_MARGIN_SHARE


def _demand(
    client: ClientType,
    terms: Terms,
    last: int,
    held: int,
    exposure: Exposure | None = None,
    *,
    leaving: Counted | None = None,
    coming: Intended | None = None,
) -> int:
    """What the worse outcome of an instrument demands: all that is promised is bought, or all of it is sold."""
    bought = sold = bought_value = sold_value = 0
    if exposure is not None:
        bought, sold = exposure.bought.units, exposure.sold.units
        bought_value, sold_value = exposure.bought.value(terms), exposure.sold.value_from(terms, last)
    for order, sign in ((leaving, -1), (coming, 1)):
        if order is None or order.terms is not terms:
            continue
        units = order.open_units * sign
        if order.side is Side.BUY:
            bought += units
            bought_value += terms.full_value(order.ticks, units)
        else:
            sold += units
            sold_value += terms.full_value(max(order.ticks, last), units)
    if terms.collateral is not None:
        long, short = terms.collateral[client]
        return max(0, (held + bought) * long, (sold - held) * short)
    worth = terms.full_value(last, held)
    return max(0, (worth + bought_value) * terms.rate_down // 10_000, (sold_value - worth) * terms.rate_up // 10_000)


def _promised(working: Working, terms: Terms, side: Side) -> int:
    """The open units of the working orders to one side of an instrument."""
    exposure = working.get(terms)
    return 0 if exposure is None else exposure.of(side).units


def _units(order: Counted | None, terms: Terms, side: Side) -> int:
    """The open units of an order, if it is one to this side of this instrument."""
    return order.open_units if order is not None and order.terms is terms and order.side is side else 0


def _cost(terms: Terms, ticks: int, units: int) -> int:
    """The money that a purchase takes, with its commission."""
    return terms.full_value(ticks, units) + commission(terms, ticks, units)


def _uncovered(order: Intended) -> Rejected:
    if order.terms.is_derivative:
        return Rejected(ErrorCode.INSUFFICIENT_CLIENT_FUNDS, "Insufficient client funds")
    if order.side is Side.BUY and not order.terms.spec.is_marginal:
        return Rejected(ErrorCode.NOT_ENOUGH_CASH, "Not enough cash")
    return Rejected(ErrorCode.ORDER_CREATES_UNCOVERED_RISK, "Order creates uncovered risk")


def _most(passes: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that passes, if all smaller ones do; 0 when none does."""
    good, bad = 0, 1
    while bad <= most and passes(bad):
        good, bad = bad, bad * 2
    bad = min(bad, most + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        if passes(middle):
            good = middle
        else:
            bad = middle
    return good
