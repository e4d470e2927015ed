"""Order commands a second on one core: the book and its matching alone, and the whole exchange; both against a plain list.

All sides get the same endless flow: half of it new orders behind the best price (one in ten an iceberg), a fifth orders
that trade, the rest cancels, over about a thousand working orders. Making the commands is part of what is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Generic, Protocol, TypeVar

from alor_async.sandbox.core.accounts import Account, Ledger
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.clock import to_datetime
from alor_async.sandbox.core.commands import Accepted, CancelOrder, PlaceOrder
from alor_async.sandbox.core.demo import CROWD
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.entities import PortfolioInfo
from alor_async.sandbox.core.enums import ClientType, Market, TimeInForce
from alor_async.sandbox.core.enums import Side as Way
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.feed import Feed
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.orders import LiveOrder, Ticket
from alor_async.sandbox.core.terms import Terms
from alor_async.sandbox.core.timeline import Timeline
from benchmarks.harness import CALM, Ratio, Result, Side, compare, plain

ALONE, WHOLE = 50_000, 15_000
ROUNDS = 15
NOON_US = 1_773_826_200_000_000  # a Wednesday
MIDDLE, DEPTH, MOST_WORKING = 29_000, 40, 1_000
SYMBOL, BOARD = "SBER", "SMAL"
PORTFOLIOS = ("D39004", "E39005")

H = TypeVar("H")


class Standing:
    """Exchange time that stands still."""

    def now_us(self) -> int:
        """Always the same."""
        return NOON_US


class Engine(Protocol[H]):
    """Whatever takes orders."""

    def place(self, side: Way, ticks: int, lots: int, peak: int, owner: int) -> H:
        """Place a limit order, an iceberg when `peak` is not 0."""
        ...

    def cancel(self, order: H) -> None:
        """Cancel an order that may be filled by now."""
        ...


class Flow(Generic[H]):
    """One command after another, for ever."""

    def __init__(self, engine: Engine[H], seed: int) -> None:
        self._engine = engine
        self._random = Random(seed).random
        self._placed: list[H] = []
        while len(self._placed) < MOST_WORKING // 2:
            self._rest()

    def command(self) -> None:
        """Give one command."""
        roll = self._random()
        if roll < 0.2:
            side = Way.BUY if self._random() < 0.5 else Way.SELL
            self._engine.place(side, MIDDLE + side.sign * DEPTH, 1 + int(self._random() * 4), 0, int(roll * 100) % 2)
        elif roll < 0.7 and len(self._placed) < MOST_WORKING:
            self._rest()
        else:
            index = int(self._random() * len(self._placed))
            self._placed[index], order = self._placed[-1], self._placed[index]
            self._placed.pop()
            self._engine.cancel(order)

    def _rest(self) -> None:
        random = self._random
        side = Way.BUY if random() < 0.5 else Way.SELL
        ticks = MIDDLE - side.sign * (1 + int(random() * DEPTH))
        peak = 2 if random() < 0.1 else 0
        self._placed.append(self._engine.place(side, ticks, 2 + int(random() * 6), peak, int(random() * 2)))


# -- the three sides


@dataclass(slots=True)
class _Row:
    """An order of the plain list."""

    side: Way
    ticks: int
    left: int
    peak: int
    shown: int


class PlainList:
    """Orders in one list, looked through for every trade: how one would begin."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []

    def place(self, side: Way, ticks: int, lots: int, peak: int, owner: int) -> _Row:  # noqa: ARG002
        """Trade with the best of the rows, as often as there is one."""
        sign = side.sign
        while lots:
            facing = (row for row in self._rows if row.side is not side and (row.ticks - ticks) * sign <= 0)
            best = min(facing, key=lambda row: row.ticks * sign, default=None)
            if best is None:
                break
            taken = min(lots, best.shown)
            lots -= taken
            best.left -= taken
            best.shown -= taken
            if not best.shown:
                self._rows.remove(best)
                if best.left:
                    best.shown = min(best.peak, best.left)
                    self._rows.append(best)
        row = _Row(side, ticks, lots, peak, min(peak, lots) if peak else lots)
        if lots:
            self._rows.append(row)
        return row

    def cancel(self, order: _Row) -> None:
        """Take a row out."""
        if order.left:
            self._rows = [row for row in self._rows if row is not order]
            order.left = 0


class _FreeLedger(Ledger):
    """Moves nothing."""

    def settle(self, terms: Terms, ticks: int, units: int, buyer: Account, seller: Account) -> None:
        pass

    def charge(self, account: Account, micros: int) -> None:
        pass


class _FreeJournal(Journal):
    """Writes nothing down."""

    def record(self, time_us: int, kind: str, **details: object) -> None:
        pass


class Alone:
    """`book.py` and `matching.py`, with a ledger and a journal that cost nothing."""

    def __init__(self) -> None:
        directory = Directory(default_instruments(to_datetime(NOON_US).date()), opened_us=NOON_US, seed=1)
        ledger = _FreeLedger(CROWD)
        self._accounts = [
            ledger.open(PortfolioInfo(name, "P", "A", Market.UNITED, ClientType.HIGH_RISK), 0) for name in PORTFOLIOS
        ]
        self._market = directory.market(directory.find("MOEX", SYMBOL), BOARD)
        self._matching = Matching(ledger, _FreeJournal(), Timeline(Standing()), Feed())

    def place(self, side: Way, ticks: int, lots: int, peak: int, owner: int) -> LiveOrder:
        """Place an order that was checked before."""
        ticket = Ticket(
            account=self._accounts[owner],
            market=self._market,
            side=side,
            lots=lots,
            ticks=ticks,
            time_in_force=TimeInForce.ONE_DAY,
            iceberg_fixed=peak,
        )
        order = self._matching.place(ticket)
        self._matching.happened.clear()  # what stops and groups would look at
        return order

    def cancel(self, order: LiveOrder) -> None:
        """Cancel it if it still works."""
        if order.is_working:
            self._matching.cancel(order)


class Whole:
    """The exchange: checks, money, journal and all."""

    def __init__(self) -> None:
        self.exchange = Exchange(clock=Standing(), seed=1)
        self._placed = self._refused = 0
        self._price = {ticks: Decimal(ticks) / 100 for ticks in range(MIDDLE - DEPTH, MIDDLE + DEPTH + 1)}

    def place(self, side: Way, ticks: int, lots: int, peak: int, owner: int) -> tuple[str, str]:
        """Place an order."""
        portfolio = PORTFOLIOS[owner]
        answer = self.exchange.place_order(
            PlaceOrder(
                portfolio=portfolio,
                exchange="MOEX",
                symbol=SYMBOL,
                board=BOARD,
                side=side,
                lots=lots,
                price=self._price[ticks],
                iceberg_fixed=peak or None,
            )
        )
        self._placed += 1
        if isinstance(answer, Accepted):
            return portfolio, answer.order_id
        self._refused += 1
        return portfolio, ""

    @property
    def refused(self) -> float:
        """The share of the orders that were not let in: they cost less than the others."""
        return self._refused / self._placed

    def cancel(self, order: tuple[str, str]) -> None:
        """Cancel it; the exchange refuses when it is filled."""
        self.exchange.cancel_order(CancelOrder(portfolio=order[0], order_id=order[1]))


async def measure() -> list[Result]:
    """Measure all three in turns."""
    whole = Whole()
    reference = Side("plain list", plain(Flow(PlainList(), 1).command))
    alone = Side("alone", plain(Flow(Alone(), 1).command))
    everything = Side("whole", plain(Flow(whole, 1).command))
    ratios = await compare([reference, alone, everything], rounds=ROUNDS)
    wrong = whole.exchange.check()
    assert not wrong, wrong
    assert whole.refused < 0.01, whole.refused
    return [
        _count("book and matching alone", alone, ALONE, ratios),
        _count("the whole exchange, with accounts, risk and journal", everything, WHOLE, ratios),
    ]


def _count(what: str, side: Side, wanted: int, ratios: dict[str, Ratio]) -> Result:
    rate, twin = Ratio.of(side.rates), ratios["A/A"]
    calm = CALM[0] <= twin.median <= CALM[1]
    return Result(
        "engine",
        f"order commands a second on one core: {what}",
        f">= {wanted:,}",
        f"{rate.median:,.0f} [{rate.low:,.0f}, {rate.high:,.0f}]",
        ("met" if rate.median >= wanted else "missed") if calm else "void",
        f"{ratios[side.name].median:.2f} times a plain list of orders; A/A {twin.median:.3f}",
    )
