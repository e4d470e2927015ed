"""What a client has: positions, money, risk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from alor_async.sandbox.core.enums import ClientType, Market, RiskStatus

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PortfolioInfo:
    """One portfolio of the login, for the token's claims and for routing."""

    portfolio: str
    login: str
    agreement: str
    market: Market
    client_type: ClientType


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding or a money row (`is_currency`). Quantities are units; divide by `lot_size` for lots."""

    portfolio: str
    symbol: str
    exchange: str
    short_name: str
    lot_size: int
    average_price: Decimal
    units: Decimal
    open_units: Decimal
    units_t0: Decimal
    units_t1: Decimal
    units_t2: Decimal
    units_future: Decimal
    volume: Decimal
    current_volume: Decimal
    daily_unrealised_profit: Decimal
    unrealised_profit: Decimal
    is_currency: bool

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"

    def lots(self, units: Decimal) -> Decimal:
        """The same quantity in lots."""
        return units / self.lot_size


@dataclass(frozen=True, slots=True)
class CurrencyBuyingPower:
    """Money free for purchases in one currency."""

    currency: str
    buying_power: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A portfolio in a few numbers; money."""

    buying_power_at_morning: Decimal
    buying_power: Decimal
    profit: Decimal
    profit_rate: Decimal
    portfolio_evaluation: Decimal
    portfolio_liquidation_value: Decimal
    initial_margin: Decimal
    corrected_margin: Decimal
    risk_before_force_position_closing: Decimal
    commission: Decimal | None
    buying_power_by_currency: tuple[CurrencyBuyingPower, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRisk:
    """Margin of a portfolio: ratio 1 = value - initial margin, ratio 2 = value - minimal margin; money."""

    portfolio: str
    exchange: str
    portfolio_evaluation: Decimal
    portfolio_liquidation_value: Decimal
    initial_margin: Decimal
    minimal_margin: Decimal
    corrected_margin: Decimal
    risk_coverage_ratio_one: Decimal
    risk_coverage_ratio_two: Decimal
    risk_category_id: int
    client_type: ClientType
    has_forbidden_positions: bool
    has_negative_quantity: bool
    risk_status: RiskStatus
    calculated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesRisk:
    """Money of a portfolio on the derivatives market."""

    portfolio: str
    money_free: Decimal
    money_blocked: Decimal
    fee: Decimal
    money_old: Decimal
    money_amount: Decimal
    money_pledge_amount: Decimal
    vm_intermediate_clearing: Decimal
    vm_current_positions: Decimal
    variation_margin: Decimal
    indicative_variation_margin: Decimal
    net_option_value: Decimal
    position_risk: Decimal
    is_limits_set: bool
    balance_money: Decimal = ZERO
