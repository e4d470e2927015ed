"""What the facts of an instrument may be, so that a wrong one is refused when it is written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from alor_async.errors import ConfigError
from alor_async.sandbox.core.enums import Market

MOST_LOTS_A_DAY = 10**12
MOST_STEPS = 10**9
"""The highest price, in price steps."""

_MONEY_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, as a test and in words that follow "must be"."""

    admits: Callable[[Any], bool]
    words: str


def _text(pattern: str, words: str) -> Rule:
    full = re.compile(pattern)
    return Rule(lambda value: isinstance(value, str) and full.fullmatch(value) is not None, words)


def _whole(least: int, most: int) -> Rule:
    return Rule(lambda value: type(value) is int and least <= value <= most, f"a whole number from {least} to {most}")


def _decimal(least: str, *, above: bool = False, decimals: int = 12, most: str = "1e12") -> Rule:
    low, high = Decimal(least), Decimal(most)

    def admits(value: Any) -> bool:
        if not isinstance(value, Decimal) or not value.is_finite() or not low <= value <= high:
            return False
        return not (above and value == low) and value == round(value, decimals)

    bound = f"greater than {least}" if above else f"of at least {least}"
    return Rule(admits, f"a Decimal {bound} and at most {high:f}, with at most {decimals} decimals")


def _optional(rule: Rule) -> Rule:
    return Rule(lambda value: value is None or rule.admits(value), f"{rule.words}, or None")


def _is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime) and value.year >= 1970


_SYMBOL = _text(r"[^\s:,/?#%](?:[^\t\r\n:,/?#%]{0,62}[^\s:,/?#%])?", "1 to 64 characters without any of : , / ? # %")
_BOARD = _text(r"[A-Z0-9_]{1,16}", "1 to 16 capital letters, digits and _")
_ANY_TEXT = _text(r"[^\r\n]{0,256}", "one line of text")
_SOME_TEXT = _text(r"[^\r\n]{1,256}", "one line of text that is not empty")
_FLAG = Rule(lambda value: isinstance(value, bool), "True or False")
_TRADED = Rule(
    lambda value: isinstance(value, Market) and value is not Market.UNITED, "Market.STOCKS, DERIVATIVES or CURRENCIES"
)
_BOARDS = Rule(
    lambda value: isinstance(value, tuple) and all(_BOARD.admits(board) for board in value),  # pyright: ignore[reportUnknownVariableType]
    f"a tuple of boards, each {_BOARD.words}",
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "symbol": _SYMBOL,
        "exchange": _text("MOEX|SPBX", "MOEX or SPBX"),
        "board": _BOARD,
        "boards": _BOARDS,
        "market": _TRADED,
        "short_name": _SOME_TEXT,
        "description": _ANY_TEXT,
        "kind": _ANY_TEXT,
        "cfi_code": _ANY_TEXT,
        "isin": _optional(_SOME_TEXT),
        "currency": _SOME_TEXT,
        "complex_product_category": _ANY_TEXT,
        "asset_type": _SOME_TEXT,
        "underlying": _optional(_SOME_TEXT),
        "underlying_sign": _whole(-1, 1),
        "lot_size": _whole(1, 10**6),
        "face_value": _decimal("0"),
        "decimals": _whole(0, 8),
        "price_step": _decimal("0", above=True),
        "step_value": _decimal("0", above=True, decimals=_MONEY_DECIMALS),
        "reference_price": _decimal("0", above=True),
        "day_volume": _whole(1, MOST_LOTS_A_DAY),
        "volatility_bp": _whole(0, 10_000),
        "expires_at": _optional(Rule(_is_moment, "a datetime with a time zone")),
        "listed": Rule(_is_day, "a date since 1970"),
        "rating": _whole(0, 10**18),
        "shares_issued": _whole(0, 10**18),
        "price_multiplier": _decimal("0", above=True),
        "price_shown_units": _decimal("0", above=True),
        "bond_yield": _optional(_decimal("-1000")),
        "accrued_interest": _decimal("0", decimals=_MONEY_DECIMALS),
        "settle_days": _whole(0, 1),
        "limit_percent": _whole(1, 99),
        "rate_up": _decimal("0", decimals=2, most="1000"),
        "rate_down": _decimal("0", decimals=2, most="1000"),
        "is_short_sell_possible": _FLAG,
        "is_marginal": _FLAG,
        "base_swap_price": _optional(_decimal("0")),
    }
)
"""The rule of every fact that stands for itself, by its name."""

COLLATERAL = _decimal("0", above=True, decimals=_MONEY_DECIMALS)


def check_facts(facts: Any) -> None:
    """Hold every fact against its rule, and price and step against each other.

    Raises:
        ConfigError: One is wrong; it is named.
    """
    for name, rule in RULES.items():
        value = getattr(facts, name)
        if not rule.admits(value):
            raise ConfigError(name, f"must be {rule.words}, got {value!r:.40}")
    step, price = facts.price_step, facts.reference_price
    if step != round(step, facts.decimals):
        raise ConfigError("price_step", f"must have at most {facts.decimals} decimals, as a price has, got {step}")
    if not step <= price <= step * MOST_STEPS:
        raise ConfigError("reference_price", f"must be between one and {MOST_STEPS} price steps, got {price}")
