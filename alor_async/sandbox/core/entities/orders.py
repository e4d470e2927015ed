"""What a client has ordered and traded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from alor_async.sandbox.core.enums import (
    Condition,
    ExecutionPolicy,
    GroupStatus,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)


@dataclass(frozen=True, slots=True)
class Iceberg:
    """An order that shows part of itself."""

    fixed_lots: int
    variance_percent: int
    visible_units: int
    visible_lots: int
    visible_filled_units: int
    visible_filled_lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An exchange order of a client. `price` is 0 and `volume` (money) is `None` for market orders."""

    order_id: str
    portfolio: str
    symbol: str
    exchange: str
    board: str
    order_type: OrderType
    side: Side
    status: OrderStatus
    time_in_force: TimeInForce
    price: Decimal
    units: int
    lots: int
    filled_units: int
    filled_lots: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    volume: Decimal | None
    comment: str | None
    iceberg: Iceberg | None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOrder:
    """A conditional order of a client. `price` is 0 for stop-market; `error` says why it failed."""

    order_id: str
    exchange_order_id: str | None
    portfolio: str
    symbol: str
    exchange: str
    board: str
    order_type: OrderType
    side: Side
    condition: Condition
    status: OrderStatus
    time_in_force: TimeInForce
    stop_price: Decimal
    price: Decimal
    average_price: Decimal
    units: int
    lots: int
    filled_units: int
    filled_lots: int
    created_at: datetime
    updated_at: datetime | None
    expires_at: datetime
    volume: Decimal | None
    comment: str | None
    error: str | None
    iceberg: Iceberg | None
    protecting_seconds: int | None
    is_active: bool

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class RepoDetails:
    """What a repo trade has on top of an ordinary one. The sandbox makes no repo trades of its own."""

    rate: Decimal
    external_reference: str
    term_days: int
    account: str
    trade_kind: str
    value: Decimal
    yield_: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTrade:
    """A trade of a client. `commission` is `None` on the derivatives market."""

    trade_id: str
    order_id: str
    portfolio: str
    symbol: str
    short_name: str
    exchange: str
    board: str
    side: Side
    price: Decimal
    units: int
    lots: int
    traded_at: datetime
    settles_at: datetime
    currency: str
    accrued_interest: Decimal
    volume: Decimal
    value: Decimal
    commission: Decimal | None
    comment: str | None
    repo: RepoDetails | None = None

    @property
    def broker_symbol(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """Linked orders; members are order ids in the order they were given."""

    group_id: UUID
    login: str
    order_ids: tuple[str, ...]
    policy: ExecutionPolicy
    status: GroupStatus
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEstimate:
    """How much could be traded, and what it would cost. Quantities are lots."""

    portfolio: str
    symbol: str
    exchange: str
    board: str
    quantity_to_sell: int
    quantity_to_buy: int
    unlevered_quantity_to_sell: int
    unlevered_quantity_to_buy: int
    evaluation: Decimal
    commission: Decimal
    buy_price: Decimal | None
    is_united_portfolio: bool
