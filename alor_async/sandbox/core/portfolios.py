"""Portfolios of one's own: what an account begins with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from alor_async.errors import ConfigError
from alor_async.sandbox.core.demo import LOGIN, Deal, DemoPortfolio, find_terms
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.enums import ClientType, Market
from alor_async.sandbox.core.errors import UnknownInstrument

OTHER_LOGIN = "P000001"
MOST_HELD = 10**9
"""Lots of one instrument that a portfolio can begin with."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MARKETS: Mapping[str, Market] = MappingProxyType(
    {
        "stocks": Market.STOCKS,
        "derivatives": Market.DERIVATIVES,
        "currencies": Market.CURRENCIES,
        "united": Market.UNITED,
    }
)

MarketName: TypeAlias = Literal["stocks", "derivatives", "currencies", "united"]
ClientTypeName: TypeAlias = Literal["LowRisk", "StandardRisk", "HighRisk", "Special"]


def _no_holdings() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioSpec:
    """One portfolio of a sandbox.

    Attributes:
        portfolio: Its id, such as `D1`: letters, digits, `-` and `_`, at most 32.
        market: Where it trades.
        cash: Roubles at the opening, with at most two decimals.
        holdings: Lots held since the session before, by symbol; negative ones are sold short. `Si`, `RTS` and `SBRF`
            are the nearest futures of these names.
        client_type: The risk class, which chooses the margin rates.
        is_foreign: Whether it belongs to another login: it exists, but no token holds it.

    Raises:
        ConfigError: A value is wrong.
    """

    portfolio: str
    market: MarketName = "stocks"
    cash: Decimal | int = Decimal(1_000_000)
    holdings: Mapping[str, int] = field(default_factory=_no_holdings)
    client_type: ClientTypeName = "StandardRisk"
    is_foreign: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.portfolio, str) or not _ID.fullmatch(self.portfolio):
            raise ConfigError(
                "portfolio", f"must be letters, digits, '-' and '_', at most 32, got {self.portfolio!r:.40}"
            )
        if self.market not in get_args(MarketName):
            raise ConfigError("market", f"must be one of {', '.join(_MARKETS)}, got {self.market!r:.40}")
        if self.client_type not in get_args(ClientTypeName):
            raise ConfigError("client_type", f"must be one of {', '.join(ClientType)}, got {self.client_type!r:.40}")
        if not isinstance(self.is_foreign, bool):
            raise ConfigError("is_foreign", f"must be True or False, got {self.is_foreign!r:.40}")
        _check_cash(self.cash)
        for symbol, lots in _items(self.holdings):
            if not isinstance(symbol, str) or type(lots) is not int or not 0 < abs(lots) <= MOST_HELD:
                raise ConfigError(
                    "holdings",
                    f"must map symbols to lots, at most {MOST_HELD} and not 0, got {symbol!r:.40}: {lots!r:.40}",
                )

    @property
    def login(self) -> str:
        """Whose it is."""
        return OTHER_LOGIN if self.is_foreign else LOGIN

    def opening(self) -> DemoPortfolio:
        """The same as the exchange opens it: what is held was bought in the session before."""
        deals = tuple(Deal(symbol, lots, 1) for symbol, lots in self.holdings.items())
        return DemoPortfolio(
            self.portfolio,
            self.portfolio,
            _MARKETS[self.market],
            Decimal(self.cash),
            deals,
            ClientType(self.client_type),
            self.login,
        )


def _items(holdings: Any) -> Any:
    if not isinstance(holdings, Mapping):
        raise ConfigError("holdings", f"must map symbols to lots, got {holdings!r:.40}")
    return holdings.items()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _check_cash(cash: Any) -> None:
    if isinstance(cash, bool) or not isinstance(cash, Decimal | int):
        raise ConfigError("cash", f"must be a Decimal or a whole number, got {cash!r:.40}")
    amount = Decimal(cash)
    if not amount.is_finite() or abs(amount) > 10**15 or amount != amount.quantize(Decimal("0.01")):
        raise ConfigError("cash", f"must have at most two decimals and fifteen digits, got {cash!r:.40}")


def open_as(specs: Any, directory: Directory) -> tuple[DemoPortfolio, ...]:
    """The portfolios that a user wants.

    Raises:
        ConfigError: They are none or all foreign, two have one id, or an instrument is unknown or of another market.
    """
    chosen: tuple[Any, ...] = tuple(specs) if isinstance(specs, Iterable) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not chosen or not all(isinstance(spec, PortfolioSpec) for spec in chosen):
        raise ConfigError("portfolios", "must be at least one PortfolioSpec, and nothing else")
    if all(spec.is_foreign for spec in chosen):
        raise ConfigError("portfolios", "one at least must be the login's own")
    ids = [spec.portfolio.upper() for spec in chosen]
    if len(set(ids)) < len(ids):
        raise ConfigError("portfolios", "two have the same id")
    for spec in chosen:
        for symbol in spec.holdings:
            _check_symbol(spec, symbol, directory)
    return tuple(spec.opening() for spec in chosen)


def _check_symbol(spec: PortfolioSpec, symbol: str, directory: Directory) -> None:
    try:
        terms = find_terms(symbol, directory)
    except UnknownInstrument:
        raise ConfigError("holdings", f"{symbol!r:.40} is not one of the sandbox's instruments") from None
    if spec.market not in ("united", _name_of(terms.spec.market)):
        raise ConfigError("holdings", f"{symbol!r:.40} is not traded by a portfolio of {spec.market}")


def _name_of(market: Market) -> str:
    return next(name for name, value in _MARKETS.items() if value is market)
