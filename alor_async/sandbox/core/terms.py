"""An instrument's arithmetic: prices as whole steps, money as whole millionths.

Inside the engine a price is a number of price steps ("ticks") and money is an integer of millionths of the currency
("micros"), so nothing is ever rounded by accident. `Decimal` appears only where a value enters or leaves.
"""

from __future__ import annotations

from decimal import Decimal

from alor_async.sandbox.core.entities import InstrumentSpec
from alor_async.sandbox.core.enums import ClientType

MICROS = 1_000_000
KOPECK = 10_000


def to_micros(money: Decimal) -> int:
    """Money as an integer; the caller's decimals have at most six digits after the point."""
    scaled = money.scaleb(6)
    micros = int(scaled)
    if micros != scaled:
        raise ValueError(f"{money} has more than six decimals")
    return micros


def to_money(micros: int) -> Decimal:
    """Money for the outside world: two decimals where that is exact, more where it is needed."""
    if micros % MICROS == 0:
        return Decimal(micros // MICROS)
    if micros % KOPECK == 0:
        return Decimal(micros // KOPECK).scaleb(-2)
    return Decimal(micros).scaleb(-6).normalize()


def to_kopecks(micros: int) -> Decimal:
    """Money rounded half up to two decimals."""
    return to_money(round_to_kopeck(micros))


def round_to_kopeck(micros: int) -> int:
    """Round to a hundredth, halves away from zero."""
    rounded = (abs(micros) + KOPECK // 2) // KOPECK * KOPECK
    return rounded if micros >= 0 else -rounded


def ratio(numerator: int, denominator: int, digits: int = 2) -> Decimal:
    """A quotient rounded half away from zero to some digits; 0 when there is nothing to divide by."""
    if denominator == 0:
        return Decimal(0)
    scaled = (2 * abs(numerator) * 10**digits + abs(denominator)) // (2 * abs(denominator))
    sign = 1 if (numerator >= 0) == (denominator > 0) else -1
    return Decimal(sign * scaled).scaleb(-digits)


class Terms:
    """How one instrument counts: made once from its spec.

    Attributes:
        lot: Units in a lot.
        tick_micros: Money of one tick of one unit.
        accrued_micros: Accrued interest of one unit, paid with the price.
        is_derivative: Whether trading it moves no money, but variation margin.
        rate_up: Margin of a short position, in hundredths of a percent of its value; `rate_down` that of a long one.
        collateral: Margin of one contract held long and held short, by the kind of client; micros. None where the
            rates count.
    """

    __slots__ = (
        "_decimals",
        "_prices",
        "_step",
        "accrued_micros",
        "collateral",
        "is_derivative",
        "lot",
        "rate_down",
        "rate_up",
        "spec",
        "tick_micros",
    )

    def __init__(self, spec: InstrumentSpec) -> None:
        """Read the spec, which has made sure that its step is whole in its decimals."""
        self.spec = spec
        self.lot = spec.lot_size
        self.tick_micros = to_micros(spec.step_value)
        self.accrued_micros = to_micros(spec.accrued_interest)
        self.is_derivative = spec.is_derivative
        self.rate_up, self.rate_down = int(spec.rate_up * 100), int(spec.rate_down * 100)
        self.collateral: dict[ClientType, tuple[int, int]] | None = None
        if spec.collateral is not None:
            self.collateral = {
                client: (to_micros(base.long), to_micros(base.short)) for client, base in spec.collateral.items()
            }
        self._decimals = spec.decimals
        self._step = int(spec.price_step.scaleb(spec.decimals))
        self._prices: dict[int, Decimal] = {}

    def ticks(self, price: Decimal) -> int | None:
        """A price as ticks, or `None` when it is off its step."""
        if not price.is_finite() or price.adjusted() > 15:
            return None
        scaled = price.scaleb(self._decimals)
        whole = int(scaled)
        return whole // self._step if whole == scaled and whole % self._step == 0 else None

    def nearest_ticks(self, price: Decimal) -> int:
        """A price as ticks, rounded down to its step."""
        return int(price.scaleb(self._decimals)) // self._step

    def price(self, ticks: int) -> Decimal:
        """Ticks as a price."""
        price = self._prices.get(ticks)
        if price is None:
            whole = ticks * self._step
            unit = 10**self._decimals
            price = Decimal(whole // unit) if whole % unit == 0 else Decimal(whole).scaleb(-self._decimals)
            if len(self._prices) < 65_536:
                self._prices[ticks] = price
        return price

    def average_price(self, micros: int, units: int) -> Decimal:
        """The price at which `units` are worth `micros`."""
        if not units:
            return Decimal(0)
        price = (self.spec.price_step * ratio(micros, units * self.tick_micros, 6)).normalize()
        return price if price.as_tuple().exponent <= 0 else price.quantize(Decimal(1))  # type: ignore[operator]

    def value(self, ticks: int, units: int) -> int:
        """Money of `units` at a price, without accrued interest; micros."""
        return ticks * self.tick_micros * units

    def full_value(self, ticks: int, units: int) -> int:
        """Money that changes hands for `units` at a price; micros."""
        return (ticks * self.tick_micros + self.accrued_micros) * units
