"""The arithmetic of orders is exact, and what would need rounding is refused or rounded the safe way."""

from __future__ import annotations

import subprocess
import sys
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alor_async import Instrument, InvalidArgument, Market, Side, trading
from alor_async.models import Exchange


def instrument(**facts: Any) -> Instrument:
    known: dict[str, Any] = {
        "symbol": "SBER", "exchange": Exchange.MOEX, "lot_size": Decimal(10), "price_step": Decimal("0.01"), "step_value": Decimal("0.01"),
    }  # fmt: skip
    return Instrument(**{**known, **facts})


SHARE = instrument()
BOND = instrument(
    symbol="SU26238RMFS4",
    lot_size=Decimal(1),
    price_step=Decimal("0.001"),
    step_value=Decimal("0.01"),
    face_value=Decimal(1000),
)
FUTURE = instrument(
    symbol="RTS-6.26", lot_size=Decimal(1), price_step=Decimal(10), step_value=Decimal("16.12345"), market=Market.FORTS
)


def test_lots_and_units() -> None:
    assert trading.lots_to_units(3, SHARE) == 30
    assert trading.units_to_lots(30, SHARE) == 3
    assert trading.units_to_lots(Decimal("30.000"), SHARE) == 3
    assert trading.units_to_lots(37, SHARE, whole=False) == 3
    assert trading.units_to_lots(0, SHARE) == 0
    with pytest.raises(InvalidArgument, match="no whole lots of 10"):
        trading.units_to_lots(37, SHARE)


@pytest.mark.parametrize(
    ("price", "side", "rounded"),
    [
        ("250.119", Side.BUY, "250.11"),
        ("250.111", Side.SELL, "250.12"),
        ("250.11", Side.BUY, "250.11"),
        ("250.11", Side.SELL, "250.11"),
        ("-37.635", Side.BUY, "-37.64"),
        ("-37.635", Side.SELL, "-37.63"),
    ],
)
def test_a_price_is_never_rounded_to_a_worse_one(price: str, side: Side, rounded: str) -> None:
    assert trading.round_price(Decimal(price), SHARE, side) == Decimal(rounded)


def test_a_price_off_its_step_is_refused_and_the_nearest_are_named() -> None:
    assert trading.check_on_step(Decimal("250.10"), SHARE) == Decimal("250.10")
    with pytest.raises(InvalidArgument, match=r"250\.105 is no multiple of the price step 0\.01: 250\.10 or 250\.11"):
        trading.check_on_step(Decimal("250.105"), SHARE)
    assert not trading.is_on_step(Decimal(87125), FUTURE)


def test_money_of_shares_bonds_and_futures() -> None:
    assert trading.money_for(Decimal("250.10"), 3, SHARE) == Decimal("7503.00")
    assert trading.money_for(Decimal("56.303"), 3, BOND, accrued_interest=Decimal("13.42")) == Decimal("1729.35")
    assert trading.money_for(Decimal(87120), 2, FUTURE) == Decimal("280934.9928")
    assert trading.lots_for_money(Decimal(7503), Decimal("250.10"), SHARE) == 3
    assert trading.lots_for_money(Decimal("7502.99"), Decimal("250.10"), SHARE) == 2
    assert trading.lots_for_money(Decimal(1), Decimal("250.10"), SHARE) == 0


@given(
    ticks=st.integers(1, 10**7),
    lots=st.integers(1, 10_000),
    which=st.sampled_from([SHARE, BOND, FUTURE]),
    more=st.decimals("0", "0.000001", places=6),
)
def test_a_price_for_money_is_the_inverse_of_the_money_for_a_price(
    ticks: int, lots: int, which: Instrument, more: Decimal
) -> None:
    assert which.price_step is not None
    price = ticks * which.price_step
    money = trading.money_for(price, lots, which)
    assert trading.price_for(money, lots, which, Side.BUY) == price
    assert trading.price_for(money, lots, which, Side.SELL) == price
    assert trading.price_for(money + more, lots, which, Side.BUY) == price, "a little more buys no better"
    if more:
        assert trading.price_for(money + more, lots, which, Side.SELL) == price + which.price_step


def test_the_callers_decimal_context_changes_nothing() -> None:
    with localcontext(Context(prec=3)):
        assert trading.is_on_step(Decimal("250.10"), SHARE)
        assert trading.check_on_step(Decimal(87120), FUTURE) == Decimal(87120)
        with pytest.raises(InvalidArgument, match=r"250\.10 or 250\.11"):
            trading.check_on_step(Decimal("250.105"), SHARE)
        assert trading.units_to_lots(123_450, SHARE) == 12_345
        assert trading.lots_for_money(Decimal(1_000_000_000), Decimal("250.10"), SHARE) == 399_840
        assert trading.money_for(Decimal("250.10"), 3, SHARE) == Decimal("7503.00")
        assert trading.price_for(Decimal("7503.00"), 3, SHARE, Side.BUY) == Decimal("250.10")
    assert trading.lots_for_money(Decimal("1e30"), Decimal("0.01"), SHARE) == 10**31


def test_what_is_divided_last_is_not_rounded_before() -> None:
    """A third of a step has no end of digits; the money that it comes to may have one."""
    thirds = instrument(price_step=Decimal(3), step_value=Decimal(1000), lot_size=Decimal(3))
    assert trading.money_for(Decimal("426.35989"), 101, thirds) == Decimal("43062348.890")
    assert trading.lots_for_money(Decimal("4263598.9"), Decimal("426.35989"), thirds) == 10
    assert trading.lots_for_money(Decimal("4263598.8"), Decimal("426.35989"), thirds) == 9


def test_a_default_decimal_context_that_was_changed_before_the_import_changes_nothing() -> None:
    program = """
import decimal
default = decimal.DefaultContext
default.traps[decimal.Inexact] = default.traps[decimal.Rounded] = True
default.Emax, default.Emin = 8, -8
from decimal import Decimal
from alor_async import Instrument, Side, trading
third = Instrument(
    symbol="SBER", exchange="MOEX", lot_size=Decimal(10), price_step=Decimal(3), step_value=Decimal(1)
)
print(trading.round_price(Decimal(10), third, Side.BUY), trading.money_for(Decimal(3), 2 * 10**9, third))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=20)
    assert (run.stdout.split(), run.stderr) == (["9", "20000000000"], "")


@pytest.mark.parametrize(
    "call",
    [
        lambda: trading.lots_to_units(0, SHARE),
        lambda: trading.units_to_lots(-10, SHARE),
        lambda: trading.units_to_lots(Decimal("NaN"), SHARE),
        lambda: trading.round_price(250.1, SHARE, Side.BUY),  # type: ignore[arg-type]
        lambda: trading.round_price(Decimal("Infinity"), SHARE, Side.BUY),
        lambda: trading.round_price(Decimal(1), "MOEX:SBER", Side.BUY),  # type: ignore[arg-type]
        lambda: trading.money_for(Decimal(1), 1, instrument(step_value=None)),
        lambda: trading.money_for(Decimal(1), 1, instrument(price_step=Decimal(0))),
        lambda: trading.lots_to_units(1, instrument(lot_size=Decimal("0.5"))),
        lambda: trading.lots_for_money(Decimal(100), Decimal(0), SHARE),
    ],
)
def test_what_cannot_be_computed_is_refused(call: Any) -> None:
    with pytest.raises(InvalidArgument):
        call()


def test_derivatives_are_told_by_market_or_board() -> None:
    assert trading.is_derivative(FUTURE)
    assert not trading.is_derivative(SHARE)
    assert trading.is_derivative(instrument(board="RFUD"))
    assert not trading.is_derivative(instrument(board="RFUD", market=Market.FOND))
