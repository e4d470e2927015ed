"""An instrument of one's own is refused when it is written down, not when the exchange stumbles over it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox.core.catalogue import default_instruments
from alor_async.sandbox.core.entities import Collateral, InstrumentSpec
from alor_async.sandbox.core.entities.spec_rules import RULES
from alor_async.sandbox.core.enums import ClientType, Market, Side
from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import HandClock, limit, place

SPECS = default_instruments(date(2026, 3, 18))
SHARE = next(spec for spec in SPECS if spec.symbol == "SBER")
FUTURE = next(spec for spec in SPECS if spec.is_derivative)
HALF = {ClientType.LOW_RISK: Collateral(Decimal(1), Decimal(1))}

WRONG: list[tuple[str, Any]] = [
    *(("symbol", value) for value in ("", " X", "A:B", "A,B", "A/B", "x" * 65, 5)),
    *(("exchange", value) for value in ("NYSE", "moex", "UNITED", None)),
    *(("board", value) for value in ("", "tqbr", "TQ BR", 5)),
    *(("boards", value) for value in (["SMAL"], "SMAL", ("smal",), (5,))),
    *(("market", value) for value in ("FOND", Market.UNITED, None)),
    *((name, None) for name in ("short_name", "description", "kind", "cfi_code", "currency", "asset_type")),
    *((name, "two\nlines") for name in ("short_name", "description", "complex_product_category")),
    ("short_name", ""),
    ("isin", 5),
    ("underlying", ""),
    ("underlying_sign", 2),
    *(("lot_size", value) for value in (0, -1, 1.5, "1", True, 10**7)),
    ("face_value", None),
    ("face_value", Decimal(-1)),
    *(("decimals", value) for value in (-1, 9, "2")),
    *(("price_step", value) for value in (Decimal(0), Decimal("-0.01"), 0.01, Decimal("0.003"), Decimal("NaN"))),
    *(("step_value", value) for value in (Decimal(0), 0.01, Decimal("1e-7"), Decimal("Infinity"))),
    *(("reference_price", value) for value in (Decimal(0), Decimal(-5), 305, Decimal("0.001"), Decimal("1e11"))),
    *(("day_volume", value) for value in (0, -5, 1.5, 10**25)),
    *(("volatility_bp", value) for value in (-1, 10**6)),
    *(("expires_at", value) for value in (datetime(2026, 6, 1), date(2026, 6, 1))),  # noqa: DTZ001
    *(("listed", value) for value in (None, date(1, 1, 1), datetime(2020, 1, 1, tzinfo=UTC))),
    ("rating", None),
    ("shares_issued", -1),
    ("price_multiplier", Decimal(0)),
    ("price_shown_units", 1),
    ("bond_yield", 13.5),
    *(("accrued_interest", value) for value in (Decimal(-5), Decimal("1e-7"))),
    *(("settle_days", value) for value in (-1, 2, True)),
    *(("limit_percent", value) for value in (0, 100, -5)),
    *((name, value) for name in ("rate_up", "rate_down") for value in (None, 1, Decimal(-1), Decimal("0.001"))),
    ("is_short_sell_possible", 1),
    ("is_marginal", "yes"),
    ("base_swap_price", 91.5),
    ("collateral", {client: Collateral(Decimal(1), Decimal(1)) for client in ClientType}),
]


@pytest.mark.parametrize(("fact", "value"), WRONG)
def test_a_wrong_fact_is_refused_by_its_name(fact: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(SHARE, **{fact: value})
    assert caught.value.argument == fact


def test_every_fact_has_its_rule_and_its_test() -> None:
    facts = {field.name for field in fields(InstrumentSpec)}
    assert facts == RULES.keys() | {"collateral"}
    assert facts == {fact for fact, _ in WRONG}


@pytest.mark.parametrize("collateral", [{}, HALF, dict.fromkeys(ClientType, 5), 5])
def test_the_collateral_of_a_contract_must_be_complete(collateral: Any) -> None:
    with pytest.raises(ConfigError, match="collateral"):
        replace(FUTURE, collateral=collateral)


@pytest.mark.parametrize("amount", [Decimal(0), Decimal(-1), 5, Decimal("1e-7")])
def test_collateral_is_money(amount: Any) -> None:
    with pytest.raises(ConfigError, match="long"):
        Collateral(amount, Decimal(1))
    with pytest.raises(ConfigError, match="short"):
        Collateral(Decimal(1), amount)


@pytest.mark.parametrize(
    "facts",
    [
        {"price_step": Decimal("0.00000001"), "decimals": 8, "reference_price": Decimal("0.00000001")},
        {"price_step": Decimal(5), "decimals": 0, "reference_price": Decimal(5)},
        {"volatility_bp": 0, "day_volume": 1, "lot_size": 1_000},
        {"limit_percent": 99, "settle_days": 0, "rate_up": Decimal(0), "rate_down": Decimal(1000)},
        {"exchange": "SPBX", "board": "SPBX", "boards": (), "currency": "USD"},
    ],
)
def test_what_the_rules_admit_the_exchange_can_trade(facts: dict[str, Any]) -> None:
    spec = replace(SHARE, symbol="OWN", short_name="OWN", **facts)
    exchange = Exchange(clock=HandClock(), seed=42, instruments=[spec])
    shown = exchange.get_instrument(spec.exchange, "OWN")
    order = limit(Side.BUY, 1, max(shown.price_min, spec.price_step), symbol="OWN", board=None)
    place(exchange, replace(order, exchange=spec.exchange))
    assert exchange.get_candles(spec.exchange, "OWN", "D", start=0, end=2**31).candles
    assert exchange.check() == []
