"""Arithmetic of orders that is easily got wrong: lots and units, price steps, and what a price is in money.

All of it is exact: `Decimal` in, `Decimal` out, and an argument that would need rounding is refused unless a function says
that it rounds. An `Instrument` comes from `alor.instruments.get`.
"""

from __future__ import annotations

from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    localcontext,
)
from typing import Final

from alor_async._policy.arguments import check_choice, check_lots, check_price
from alor_async.errors import InvalidArgument
from alor_async.models import Instrument, Market, Side

__all__ = [
    "check_on_step",
    "is_derivative",
    "is_on_step",
    "lots_for_money",
    "lots_to_units",
    "money_for",
    "price_for",
    "round_price",
    "units_to_lots",
]

_EXACT: Final = Context(
    prec=60,
    rounding=ROUND_HALF_EVEN,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    capitals=1,
    clamp=0,
    traps=[InvalidOperation, DivisionByZero],
)
"""Wide enough that no product of prices, steps and quantities is rounded. The caller's own, and what he made the default before
this was imported, do not matter: nothing is left out."""


def lots_to_units(lots: int, instrument: Instrument) -> int:
    """Give how many units some lots hold: shares, bonds, contracts.

    Raises:
        InvalidArgument: `lots` is no whole number above zero, or the instrument does not say how large its lot is.
    """
    return check_lots(lots) * _lot_size(instrument)


def units_to_lots(units: int | Decimal, instrument: Instrument, *, whole: bool = True) -> int:
    """Give how many lots some units are.

    Args:
        units: Zero or more.
        instrument: What is held or wanted.
        whole: Whether an odd rest is refused; False leaves it out, as for selling what can be sold.

    Raises:
        InvalidArgument: A rest is left over, `units` is negative or not finite, or the lot's size is not known.
    """
    quantity = _decimal("units", units)
    if quantity < 0:
        raise InvalidArgument("units", "must not be negative")
    size = _lot_size(instrument)
    with localcontext(_EXACT):
        lots, rest = divmod(quantity, size)
    if rest and whole:
        raise InvalidArgument("units", f"{quantity} units are no whole lots of {size}; whole=False leaves the rest out")
    return int(lots)


def is_on_step(price: Decimal, instrument: Instrument) -> bool:
    """Whether a price is a multiple of the instrument's price step.

    Raises:
        InvalidArgument: The price is not finite, or the step is not known.
    """
    with localcontext(_EXACT):
        return not _decimal("price", price) % _step(instrument)


def check_on_step(price: Decimal, instrument: Instrument, argument: str = "price") -> Decimal:
    """Return a price that is a multiple of the instrument's price step.

    Raises:
        InvalidArgument: It is not; the nearest prices are named.
    """
    if is_on_step(price, instrument):
        return _decimal(argument, price)
    step = _step(instrument)
    with localcontext(_EXACT):
        below = _to_step(price, step, ROUND_FLOOR)
        raise InvalidArgument(argument, f"{price} is no multiple of the price step {step}: {below} or {below + step}")


def round_price(price: Decimal, instrument: Instrument, side: Side) -> Decimal:
    """Round a price to the instrument's step, never to one that is worse than what was asked for.

    A buyer's price is rounded down, a seller's up. Prices within the day's limits stay within them.

    Raises:
        InvalidArgument: The price is not finite, or the step is not known.
    """
    return _to_step(_decimal("price", price), _step(instrument), _rounding(side))


def money_for(price: Decimal, lots: int, instrument: Instrument, *, accrued_interest: Decimal = Decimal(0)) -> Decimal:
    """Give what some lots are worth at a price, in the settlement currency, without commission; exact.

    Only between two price steps of an odd width may it have no end of digits; then it has sixty.

    Prices of shares and currencies are money, those of bonds are percent of the face value, those of futures are points:
    the value of a price step turns all of them into money.

    Args:
        price: Price of one unit, as quotes and orders spell it.
        lots: How many lots.
        instrument: What is bought or sold; its `price_step`, `step_value` and `lot_size` are used.
        accrued_interest: Accrued coupon of one bond, from its quote; it is paid on top of the price.

    Raises:
        InvalidArgument: An argument is wrong, or the instrument does not say what a step is worth.
    """
    with localcontext(_EXACT):
        return _worth(price, accrued_interest, instrument) * lots_to_units(lots, instrument) / _step(instrument)


def price_for(
    money: Decimal, lots: int, instrument: Instrument, side: Side, *, accrued_interest: Decimal = Decimal(0)
) -> Decimal:
    """Give the price at which some lots cost at most this much (buying), or bring at least this much (selling).

    It is rounded to the price step, in the user's favour. The inverse of `money_for`.

    Raises:
        InvalidArgument: An argument is wrong, or the instrument does not say what a step is worth.
    """
    with localcontext(_EXACT):
        unit = _money(money) / lots_to_units(lots, instrument) - _decimal("accrued_interest", accrued_interest)
        price = unit / _step_value(instrument) * _step(instrument)
        return _to_step(price, _step(instrument), _rounding(side))


def lots_for_money(
    money: Decimal, price: Decimal, instrument: Instrument, *, accrued_interest: Decimal = Decimal(0)
) -> int:
    """Give how many whole lots can be bought for this much at a price, without commission; zero when none.

    Raises:
        InvalidArgument: An argument is wrong, or a lot would cost nothing.
    """
    budget = _money(money)
    with localcontext(_EXACT):
        lot = _worth(price, accrued_interest, instrument) * _lot_size(instrument)
        if lot <= 0:
            raise InvalidArgument("price", "must be above zero here")
        return max(0, int(budget * _step(instrument) // lot))


def is_derivative(instrument: Instrument) -> bool:
    """Whether it is a future or an option, as far as the instrument says."""
    if instrument.market is not None:
        return instrument.market == Market.FORTS
    return instrument.board in {"RFUD", "ROPD"}


def _rounding(side: Side) -> str:
    """How a price is rounded so that it gets no worse."""
    return ROUND_FLOOR if check_choice("side", side, Side) == Side.BUY else ROUND_CEILING


def _to_step(price: Decimal, step: Decimal, rounding: str) -> Decimal:
    with localcontext(_EXACT):
        return (price / step).to_integral_value(rounding) * step


def _worth(price: Decimal, accrued_interest: Decimal, instrument: Instrument) -> Decimal:
    """What a unit is worth, times the price step: what is divided last is not rounded before."""
    interest = _decimal("accrued_interest", accrued_interest) * _step(instrument)
    return _decimal("price", price) * _step_value(instrument) + interest


def _decimal(argument: str, value: object) -> Decimal:
    """Return an exact, finite number of a sane size, zero and below included."""
    return check_price(value, argument)


def _money(value: object) -> Decimal:
    """Return an amount, which may have more digits than a price."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= _EXACT.prec // 2:
        return value
    return _decimal("money", value)


def _lot_size(instrument: Instrument) -> int:
    size = _fact(instrument, "lot_size")
    if size != size.to_integral_value():
        raise InvalidArgument("instrument", f"{instrument.symbol} has a lot of {size} units, which is not whole")
    return int(size)


def _step(instrument: Instrument) -> Decimal:
    return _fact(instrument, "price_step")


def _step_value(instrument: Instrument) -> Decimal:
    return _fact(instrument, "step_value")


def _fact(instrument: Instrument, name: str) -> Decimal:
    if not isinstance(instrument, Instrument):
        raise InvalidArgument(
            "instrument", f"expected an Instrument (see instruments.get), got {type(instrument).__name__}"
        )
    value = getattr(instrument, name)
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise InvalidArgument("instrument", f"{instrument.symbol} does not say its {name}")
    return value
