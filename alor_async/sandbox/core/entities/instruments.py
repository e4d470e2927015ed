"""What an instrument is: static facts, the state of the day, margin rates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from alor_async.errors import ConfigError
from alor_async.sandbox.core.entities.spec_rules import COLLATERAL, check_facts
from alor_async.sandbox.core.enums import ClientType, Market

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Collateral:
    """Base collateral of one derivative contract for one class of clients; money.

    Raises:
        ConfigError: An amount is no Decimal greater than 0 with at most six decimals.
    """

    long: Decimal
    short: Decimal

    def __post_init__(self) -> None:
        for name in ("long", "short"):
            if not COLLATERAL.admits(getattr(self, name)):
                raise ConfigError(name, f"must be {COLLATERAL.words}, got {getattr(self, name)!r:.40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """The static facts of an instrument, and the few numbers that seed its market.

    Attributes:
        short_name: Short name; for derivatives the exchange ticker, which is accepted as an alias of the symbol.
        kind: Instrument type as the broker words it (`CS`, `MF`, `CORP`, a contract's full name).
        lot_size: Units in one lot (1 for derivatives).
        face_value: Nominal of one unit; size of one lot for futures; quoted currency units for FX.
        expires_at: When the instrument ceases to exist; `None` means never.
        price_step: Smallest price change, in price units.
        step_value: Money of one price step: of one unit, or of one contract for futures.
        decimals: Digits after the point in a price.
        rating: Yesterday's turnover as a number to sort by.
        reference_price: The price around which history and book are generated.
        day_volume: A usual day's volume; lots.
        volatility_bp: A usual day's range; hundredths of a percent.
        settle_days: 0 or 1: when a trade settles after its day.
        rate_up: Risk rate for shorts; percent.
        rate_down: Risk rate for longs; percent.
        collateral: Per client type; `None` for everything but derivatives, and for those whose rates count.

    Raises:
        ConfigError: A fact is wrong; it is named.
    """

    symbol: str
    exchange: str
    board: str
    market: Market
    short_name: str
    description: str
    kind: str
    cfi_code: str
    price_step: Decimal
    step_value: Decimal
    decimals: int
    reference_price: Decimal
    day_volume: int
    volatility_bp: int
    lot_size: int = 1
    face_value: Decimal = ONE
    currency: str = "RUB"
    isin: str | None = None
    boards: tuple[str, ...] = ()
    expires_at: datetime | None = None
    rating: int = 0
    price_multiplier: Decimal = ONE
    price_shown_units: Decimal = ONE
    shares_issued: int = 0
    complex_product_category: str = ""
    bond_yield: Decimal | None = None
    accrued_interest: Decimal = ZERO
    listed: date = date(2014, 1, 6)
    settle_days: int = 1
    limit_percent: int = 20
    asset_type: str = "stock"
    underlying: str | None = None
    underlying_sign: int = 0
    rate_up: Decimal = Decimal(100)
    rate_down: Decimal = Decimal(100)
    is_short_sell_possible: bool = False
    is_marginal: bool = False
    collateral: dict[ClientType, Collateral] | None = field(default=None, hash=False)
    base_swap_price: Decimal | None = None

    def __post_init__(self) -> None:
        check_facts(self)
        if self.collateral is not None:
            _check_collateral(self.collateral, is_derivative=self.is_derivative)

    @property
    def is_derivative(self) -> bool:
        """Whether it trades on the derivatives market."""
        return self.market is Market.DERIVATIVES

    @property
    def is_bond(self) -> bool:
        """Whether its price is a percentage of the face value."""
        return self.bond_yield is not None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def all_boards(self) -> tuple[str, ...]:
        """The primary board first, then the others."""
        return (self.board, *(board for board in self.boards if board != self.board))


def _check_collateral(collateral: Any, *, is_derivative: bool) -> None:
    if not is_derivative:
        raise ConfigError("collateral", "only derivatives have one")
    of = collateral if isinstance(collateral, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    if len(of) > len(ClientType) or not all(isinstance(of.get(client), Collateral) for client in ClientType):  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        raise ConfigError("collateral", "must be a dict with a Collateral for every ClientType")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A security as the wire shows it: the static facts and the state of the day."""

    spec: InstrumentSpec
    board: str
    price_min: Decimal
    price_max: Decimal
    margin_buy: Decimal
    margin_sell: Decimal
    margin_rate: Decimal
    trading_status: int
    trading_status_info: str | None
    theoretical_price: Decimal = ZERO
    theoretical_price_limit: Decimal = ZERO
    volatility: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRate:
    """Margin rates of one instrument; percent."""

    rate_id: int
    symbol: str
    exchange: str
    risk_category_id: int
    security_risk_category_id: int | None
    asset_type: str
    underlying_asset: str | None
    set_name: str | None
    isin: str | None
    currency_code: str | None
    rate_up: Decimal
    rate_down: Decimal
    rate_symmetric: Decimal
    is_short_sell_possible: bool
    is_marginal: bool
    set_rate: Decimal
    underlying_sign: int


@dataclass(frozen=True, slots=True)
class RiskRatePage:
    """One page of risk rates and how many there are in all."""

    rates: tuple[RiskRate, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CurrencyPair:
    """A pair of the FX market."""

    first_code: str
    second_code: str
    symbol_tom: str
