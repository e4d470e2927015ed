"""What requests carry: structs that are encoded and never decoded.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct, field
from msgspec.json import Encoder

from alor_async.models.enums import Condition, Exchange, ExecutionPolicy, GroupedOrderType, Side, TimeInForce

__all__ = [
    "CancellationBody",
    "InstrumentKey",
    "LimitOrderBody",
    "LimitOrderReplacementBody",
    "MarketOrderBody",
    "OAuthCodeBody",
    "OrderEstimateBody",
    "OrderGroupBody",
    "OrderGroupItem",
    "OrderGroupReplacementBody",
    "OrderOwner",
    "RefreshBody",
    "StopLimitOrderBody",
    "StopLimitOrderReplacementBody",
    "StopOrderBody",
    "encode",
]


class InstrumentKey(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Which instrument an order is for."""

    symbol: str
    """Ticker."""
    exchange: Exchange
    """Exchange it is traded at."""
    board: str | None = field(default=None, name="instrumentGroup")
    """Board (trading mode). The primary board when it is left out."""


class OrderOwner(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """On whose account an order is placed."""

    portfolio: str
    """Portfolio it belongs to."""


class MarketOrderBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A market order, new or replacing another. When it replaces one in derivatives, side and symbol are ignored."""

    side: Side
    """Buying or selling."""
    lots: int = field(name="quantity")
    """Size; lots."""
    instrument: InstrumentKey
    """What to trade."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    user: OrderOwner
    """On whose account."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long the order lives."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """


class LimitOrderBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A new limit order."""

    side: Side
    """Buying or selling."""
    lots: int = field(name="quantity")
    """Size; lots."""
    price: Decimal
    """Limit price, in the quote currency of the instrument (percent of face value for bonds, points for futures); a
    multiple of the price step.
    """
    instrument: InstrumentKey
    """What to trade."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    user: OrderOwner
    """On whose account."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long the order lives."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """
    iceberg_lots: int | None = field(default=None, name="icebergFixed")
    """Constant visible part of an iceberg order; lots. The whole order is covered by collateral all the same."""
    iceberg_variance_percent: int | None = field(default=None, name="icebergVariance")
    """Amplitude of the random addition to the visible part; percent of it. Derivatives only."""


class LimitOrderReplacementBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A limit order that replaces another.

    In derivatives side and symbol are ignored; the visible part can be changed for stocks and currencies only.
    """

    side: Side
    """Buying or selling."""
    lots: int = field(name="quantity")
    """Size; lots."""
    price: Decimal
    """Limit price, in the quote currency of the instrument (percent of face value for bonds, points for futures); a
    multiple of the price step.
    """
    instrument: InstrumentKey
    """What to trade."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    user: OrderOwner
    """On whose account."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """
    iceberg_lots: int | None = field(default=None, name="icebergFixed")
    """Constant visible part of an iceberg order; lots. The whole order is covered by collateral all the same."""


class StopOrderBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A conditional order that sends a market order, new or replacing another."""

    side: Side
    """Buying or selling."""
    condition: Condition
    """When it fires."""
    trigger_price: Decimal = field(name="triggerPrice")
    """Price at which it fires, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    expires_timestamp: int | None = field(default=None, name="stopEndUnixTime")
    """Until when it lives; Unix seconds. Zero means without end."""
    lots: int = field(name="quantity")
    """Size; lots."""
    instrument: InstrumentKey
    """What to trade."""
    user: OrderOwner
    """On whose account."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """
    protecting_seconds: int | None = field(default=None, name="protectingSeconds")
    """How long the condition must hold before it fires; seconds."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    activate: bool | None = None
    """False makes it dormant until an order group wakes it."""


class StopLimitOrderBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A new conditional order that sends a limit order."""

    side: Side
    """Buying or selling."""
    condition: Condition
    """When it fires."""
    trigger_price: Decimal = field(name="triggerPrice")
    """Price at which it fires, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    expires_timestamp: int | None = field(default=None, name="stopEndUnixTime")
    """Until when it lives; Unix seconds. Zero means without end."""
    price: Decimal
    """Price of the limit order it sends, in the quote currency of the instrument (percent of face value for bonds,
    points for futures); a multiple of the price step.
    """
    lots: int = field(name="quantity")
    """Size; lots."""
    instrument: InstrumentKey
    """What to trade."""
    user: OrderOwner
    """On whose account."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long the order it sends lives."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """
    iceberg_lots: int | None = field(default=None, name="icebergFixed")
    """Constant visible part of an iceberg order; lots. The whole order is covered by collateral all the same."""
    iceberg_variance_percent: int | None = field(default=None, name="icebergVariance")
    """Amplitude of the random addition to the visible part; percent of it. Derivatives only."""
    protecting_seconds: int | None = field(default=None, name="protectingSeconds")
    """How long the condition must hold before it fires; seconds."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    activate: bool | None = None
    """False makes it dormant until an order group wakes it."""


class StopLimitOrderReplacementBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A conditional order that sends a limit order and replaces another."""

    side: Side
    """Buying or selling."""
    condition: Condition
    """When it fires."""
    trigger_price: Decimal = field(name="triggerPrice")
    """Price at which it fires, in the quote currency of the instrument (percent of face value for bonds, points for
    futures).
    """
    expires_timestamp: int | None = field(default=None, name="stopEndUnixTime")
    """Until when it lives; Unix seconds. Zero means without end."""
    price: Decimal
    """Price of the limit order it sends, in the quote currency of the instrument (percent of face value for bonds,
    points for futures); a multiple of the price step.
    """
    lots: int = field(name="quantity")
    """Size; lots."""
    instrument: InstrumentKey
    """What to trade."""
    user: OrderOwner
    """On whose account."""
    time_in_force: TimeInForce | None = field(default=None, name="timeInForce")
    """How long the order it sends lives."""
    allow_margin: bool | None = field(default=None, name="allowMargin")
    """Whether the position may become uncovered. Clients of class LowRisk must send true for every order in
    derivatives, every conditional order, and every order that opens or grows an uncovered position; nobody else
    needs it.
    """
    iceberg_lots: int | None = field(default=None, name="icebergFixed")
    """Constant visible part of an iceberg order; lots. The whole order is covered by collateral all the same."""
    protecting_seconds: int | None = field(default=None, name="protectingSeconds")
    """How long the condition must hold before it fires; seconds."""
    comment: str | None = None
    """The user's own remark, at most 100 characters."""
    activate: bool | None = None
    """False makes it dormant until an order group wakes it."""


class OrderEstimateBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An order to estimate. Either lots or a budget; without a price the market price is taken."""

    portfolio: str
    """Portfolio it belongs to."""
    symbol: str = field(name="ticker")
    """Ticker."""
    exchange: Exchange
    """Exchange it is traded at."""
    price: Decimal | None = None
    """Price, in the quote currency of the instrument (percent of face value for bonds, points for futures)."""
    lots: int | None = field(default=None, name="lotQuantity")
    """Size; lots."""
    budget: Decimal | None = None
    """Money to spend on buying; no more than the cash at hand counts."""
    board: str | None = None
    """Board (trading mode), such as TQBR."""
    include_limit_orders: bool | None = field(default=None, name="includeLimitOrders")
    """Whether working limit orders count."""


class OrderGroupItem(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An order that joins a group."""

    portfolio: str
    """Portfolio of the order."""
    exchange: Exchange
    """Exchange of the order."""
    order_id: str = field(name="orderId")
    """Number of the order, or of the conditional order."""
    order_type: GroupedOrderType = field(name="type")
    """Kind of the order."""


class OrderGroupBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A new group of orders that exist already."""

    orders: tuple[OrderGroupItem, ...]
    """The orders to watch together."""
    execution_policy: ExecutionPolicy = field(name="executionPolicy")
    """What happens to the others."""


class OrderGroupReplacementBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a group is to become."""

    orders: tuple[OrderGroupItem, ...] | None = None
    """The orders to watch together."""
    execution_policy: ExecutionPolicy = field(name="executionPolicy")
    """What happens to the others."""


class RefreshBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A refresh token to exchange for an access token."""

    token: str
    """Refresh token."""
    allowed_portfolios: tuple[str, ...] | None = field(default=None, name="allowedPortfolios")
    """Portfolios that the new access token is narrowed to."""


class OAuthCodeBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A code to exchange for tokens; sent as a form."""

    grant_type: str
    """Always authorization_code."""
    code: str
    """Code from the redirect; good for one use."""
    redirect_uri: str
    """The address that /authorize was given."""
    client_id: str
    """Number of the application."""
    client_secret: str | None = None
    """Secret of the application; a single-page application has none."""


class CancellationBody(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Where an order is cancelled, and on whose account."""

    exchange: Exchange
    """Exchange it was placed at."""
    user: OrderOwner
    """On whose account."""


_encoder: Final = Encoder(decimal_format="number")


def encode(body: Struct | Sequence[Struct]) -> bytes:
    """Write a body as JSON: prices as exact numbers, what is None left out."""
    return _encoder.encode(body)
