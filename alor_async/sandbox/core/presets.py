"""How a live market behaves, as values: `MarketPreset`, and those that have names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from alor_async.errors import ConfigError
from alor_async.sandbox.core.entities import InstrumentSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPreset:
    """Rates and biases of a market that moves by itself. All of them are whole numbers.

    The crowd gathers around a value that nobody sees. The value wanders; the crowd offers a little above it, bids a
    little below, takes what lags behind and withdraws what has become dear.

    Attributes:
        pace: How many things happen, in percent of what is usual for the instrument (two to ten a second, by its
            turnover). 0 is a market where nothing happens by itself.
        volatility: How far the value wanders in a session, in percent of the instrument's usual daily range.
        drift: By how much the value grows in an hour; hundredths of a percent, negative to fall.
        pull: How much of its distance from where it began the value loses in a minute; percent.
        spread: How many price steps, beyond the least one on either side, the best prices keep from the value.
        depth: About how many orders the crowd has on each side.
        width: How many price steps behind the best price the crowd's orders may lie.
        takes: How many of a hundred things that happen are market orders.
        gap: By how much the price jumps, up or down; hundredths of a percent. A new session opens with one, too.
        gap_every: About how many minutes lie between two jumps.
        crash: By how much the price falls in a crash; hundredths of a percent. The fall lasts a minute, and what was
            lost is won back in the next five.
        crash_every: There is one crash in each stretch of so many minutes.

    Raises:
        ConfigError: A number is out of its range; the error names it.
    """

    pace: int = 100
    volatility: int = 100
    drift: int = 0
    pull: int = 0
    spread: int = 0
    depth: int = 80
    width: int = 60
    takes: int = 15
    gap: int = 0
    gap_every: int = 10
    crash: int = 0
    crash_every: int = 15

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in fields(self):
            value, (least, most) = getattr(self, field.name), _RANGES[field.name]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ConfigError(field.name, f"must be a whole number from {least} to {most}, got {value!r:.40}")


_RANGES: Final = {
    "pace": (0, 10_000),
    "volatility": (0, 10_000),
    "drift": (-1_000, 1_000),
    "pull": (0, 100),
    "spread": (0, 1_000),
    "depth": (1, 1_000),
    "width": (1, 1_000),
    "takes": (0, 100),
    "gap": (0, 2_000),
    "gap_every": (1, 10_000),
    "crash": (0, 2_000),
    "crash_every": (7, 10_000),
}

STILL: Final = MarketPreset(pace=0)
"""Nothing moves by itself: what happens is what commands and plain calls make happen."""

PRESETS: Final = {
    "still": STILL,
    "calm": MarketPreset(),
    "trend": MarketPreset(drift=120),
    "mean_revert": MarketPreset(volatility=400, pull=30),
    "gap": MarketPreset(gap=150),
    "illiquid": MarketPreset(pace=8, volatility=150, spread=6, depth=8, width=50),
    "flash_crash": MarketPreset(crash=1_200),
}

MarketChoice: TypeAlias = "str | MarketPreset | Mapping[str, str | MarketPreset]"
"""How markets move: one preset or its name for all, or one for each instrument, with `"*"` for the others."""

_OTHERS = "*"


class Presets:
    """Which preset which instrument has.

    Args:
        choice: What a user has chosen; instruments as `SBER` (of MOEX) or `MOEX:SBER`.

    Raises:
        ConfigError: It is none, or there is no preset of that name.
    """

    def __init__(self, choice: MarketChoice) -> None:
        """Read a choice."""
        chosen: Mapping[Any, Any] = choice if isinstance(choice, Mapping) else {_OTHERS: choice}
        self._presets: dict[str, MarketPreset] = {}
        for name, preset in chosen.items():
            if not isinstance(name, str):
                raise ConfigError("market", f"instruments are named by text, got {name!r:.40}")
            full = name if name == _OTHERS or ":" in name else f"MOEX:{name}"
            self._presets[full.upper()] = _named(preset)

    def check(self, instruments: set[str]) -> None:
        """Insist that every instrument named exists; they are given as `MOEX:SBER`."""
        unknown = self._presets.keys() - {name.upper() for name in instruments} - {_OTHERS}
        if unknown:
            raise ConfigError("market", f"there is no instrument {min(unknown)}")

    def of(self, spec: InstrumentSpec) -> MarketPreset:
        """The preset of an instrument; still, when nobody chose one."""
        return self._presets.get(spec.broker_symbol.upper()) or self._presets.get(_OTHERS, STILL)


def _named(preset: Any) -> MarketPreset:
    if isinstance(preset, MarketPreset):
        return preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ConfigError("market", f"must be a MarketPreset or one of {', '.join(PRESETS)}, got {preset!r:.40}")
    return PRESETS[preset]
