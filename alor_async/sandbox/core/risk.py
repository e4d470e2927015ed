"""What a portfolio may still do: margin, buying power, the check of a new order, and estimates made with that check.

Money is micros, prices are ticks. The requirement of an instrument is that of the worse of two outcomes: all working
purchases are filled, or all working sales are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from alor_async.sandbox.core.accounts import MINIMAL_MARGIN_SHARE, Account, commission
from alor_async.sandbox.core.commands import ErrorCode, Rejected
from alor_async.sandbox.core.enums import ClientType, Market, Side
from alor_async.sandbox.core.terms import Terms, to_micros

MAX_LOTS = 2**31 - 1


class Working(Protocol):
    """What the check must know of a working order."""

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
        """The limit price."""
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
    """The risk desk: it sees accounts, prices and working orders, and changes nothing."""

    __slots__ = ("_last",)

    def __init__(self, last: Callable[[Terms], int]) -> None:
        """Value everything at the last prices."""
        self._last = last

    def figures(self, account: Account, working: Iterable[Working] = ()) -> Figures:
        """Sum up a portfolio."""
        liquid = value = account.cash
        variation = 0
        for holding in account.holdings.values():
            terms = holding.terms
            last = self._last(terms)
            if terms.spec.is_derivative:
                variation += holding.gain(last)
                continue
            worth = terms.full_value(last, holding.units)
            value += worth
            liquid += worth if terms.spec.is_marginal and worth > 0 else 0
        if account.info.market is not Market.DERIVATIVES:
            value += variation
            liquid += variation
        orders = list(working)
        return Figures(liquid, value, self._margin(account, ()), self._margin(account, orders), variation)

    def _margin(self, account: Account, working: Iterable[Working], *, collateral_only: bool = False) -> int:
        """What the worse outcome of every instrument demands, or of every derivative."""
        involved = {symbol: holding.terms for symbol, holding in account.holdings.items()}
        bought: dict[str, list[Working]] = {}
        sold: dict[str, list[Working]] = {}
        for order in working:
            symbol = order.terms.spec.symbol
            involved[symbol] = order.terms
            (bought if order.side is Side.BUY else sold).setdefault(symbol, []).append(order)
        return sum(
            self._demand(account, terms, bought.get(symbol, []), sold.get(symbol, []))
            for symbol, terms in involved.items()
            if terms.spec.is_derivative or not collateral_only
        )

    def _demand(self, account: Account, terms: Terms, bought: list[Working], sold: list[Working]) -> int:
        held = account.units(terms)
        last = self._last(terms)
        spec = terms.spec
        if spec.collateral is not None:
            base = spec.collateral[account.info.client_type]
            long = held + sum(order.open_units for order in bought)
            short = sum(order.open_units for order in sold) - held
            return max(0, long * to_micros(base.long), short * to_micros(base.short))
        worth = terms.full_value(last, held)
        long = worth + sum(terms.full_value(order.ticks, order.open_units) for order in bought)
        short = sum(terms.full_value(max(order.ticks, last), order.open_units) for order in sold) - worth
        up, down = int(spec.rate_up * 100), int(spec.rate_down * 100)
        return max(0, long * down // 10_000, short * up // 10_000)

    def buying_power(self, account: Account, working: Iterable[Working]) -> int:
        """Money that is free without borrowing: neither promised to purchases nor collateral of derivatives."""
        orders = list(working)
        free = account.cash - self._margin(account, orders, collateral_only=True)
        for order in orders:
            if order.side is Side.BUY and not order.terms.spec.is_derivative:
                free -= order.terms.full_value(order.ticks, order.open_units)
                free -= commission(order.terms, order.ticks, order.open_units)
        return free

    def refusal(
        self, account: Account, order: Intended, working: Iterable[Working], *, allow_margin: bool
    ) -> Rejected | None:
        """Why an order may not be placed beside the working ones, `None` when it may."""
        others = list(working)
        spec = order.terms.spec
        if order.side is Side.SELL and not spec.is_short_sell_possible:
            promised = sum(item.open_units for item in others if item.terms is order.terms and item.side is Side.SELL)
            if account.units(order.terms) < promised + order.open_units:
                return Rejected(ErrorCode.INSTRUMENT_CANT_BE_SHORT_SELLED, "Instrument can't be short-selled")
        before = self.figures(account, others)
        demanded = self._margin(account, [*others, order])
        fee = commission(order.terms, order.ticks, order.open_units)
        if demanded > before.blocked and before.value - fee < demanded:
            return _uncovered(order)
        if (
            account.info.client_type is ClientType.LOW_RISK
            and not allow_margin
            and self._borrows(account, order, others)
        ):
            return Rejected(ErrorCode.LOW_RISK_MARGINAL_FORBIDDEN, "Marginal trade is forbidden without allowMargin")
        return None

    def _borrows(self, account: Account, order: Intended, working: list[Working]) -> bool:
        """Whether an order needs more than the account has of its own."""
        terms = order.terms
        lots = self.unlevered_lots(account, terms, order.side, order.ticks, working)
        return terms.spec.is_derivative or lots * terms.lot < order.open_units

    def unlevered_lots(self, account: Account, terms: Terms, side: Side, ticks: int, working: Iterable[Working]) -> int:
        """How many lots can be bought with free cash, or sold out of what is held."""
        orders = list(working)
        if terms.spec.is_derivative:
            return self.levered_lots(account, terms, side, ticks, orders)
        promised = sum(order.open_units for order in orders if order.terms is terms and order.side is side)
        if side is Side.SELL:
            return max(0, account.units(terms) - promised) // terms.lot
        covers = max(0, -account.units(terms) - promised) // terms.lot
        free = self.buying_power(account, orders)

        def affordable(lots: int) -> bool:
            units = lots * terms.lot
            return terms.full_value(ticks, units) + commission(terms, ticks, units) <= free

        return max(covers, _most(affordable, MAX_LOTS))

    def levered_lots(self, account: Account, terms: Terms, side: Side, ticks: int, working: Iterable[Working]) -> int:
        """The largest order that the check lets through; one lot more is refused."""
        orders = list(working)

        def passes(lots: int) -> bool:
            intended = Intended(terms, side, ticks, lots * terms.lot)
            return self.refusal(account, intended, orders, allow_margin=True) is None

        return _most(passes, MAX_LOTS // terms.lot)

    @staticmethod
    def minimal_margin(margin: int) -> int:
        """The margin under which positions are closed by force."""
        return margin // MINIMAL_MARGIN_SHARE


def _uncovered(order: Intended) -> Rejected:
    spec = order.terms.spec
    if spec.is_derivative:
        return Rejected(ErrorCode.INSUFFICIENT_CLIENT_FUNDS, "Insufficient client funds")
    if order.side is Side.BUY and not spec.is_marginal:
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
