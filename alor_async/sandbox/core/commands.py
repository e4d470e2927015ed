"""What a client can ask of the exchange, and what it answers.

A command is a value: the journal keeps it as it came, and a list of commands replayed on the same seed gives the same
journal. Prices are `Decimal` in the instrument's price units, quantities are lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from uuid import UUID

from alor_async.sandbox.core.enums import Condition, ExecutionPolicy, OrderType, Side, TimeInForce

MAX_COMMENT = 100


class ErrorCode(IntEnum):
    """The broker's own numbers for refusals. They are not HTTP statuses: all of these travel with HTTP 400."""

    EXCHANGE_ORDER_NOT_FOUND = 253
    EXCHANGE_OPERATION_NOT_SUPPORTED = 300
    EXCHANGE_LIMIT_EXCEEDED = 301
    EXCHANGE_INCORRECT_QUANTITY = 304
    EXCHANGE_TRADING_IS_STOPPED = 306
    INSUFFICIENT_CLIENT_FUNDS = 309
    ORDER_CREATES_UNCOVERED_RISK = 400
    NOT_ENOUGH_CASH = 401
    REVERT_NOT_GENERATED = 402
    ORDER_TO_MODIFY_NOT_FOUND = 403
    ORDER_TO_CANCEL_NOT_FOUND = 404
    INSTRUMENT_CANT_BE_SHORT_SELLED = 405
    INSTRUMENT_IN_BOARD_FORBIDDEN_FOR_CLIENT = 406
    CLIENT_BLOCKED = 407
    UNKNOWN_ERROR = 408
    INTERNAL_ERROR_WITH_PRICES = 409
    INVALID_COMPLEX_PRODUCT_CATEGORY = 410
    NO_ORDER_PRICE_FOUND = 411
    FORBIDDEN_ORDER_TYPE = 412
    LOW_RISK_MARGINAL_FORBIDDEN = 413
    CANT_WRITE_STOP_ORDER_TO_STORAGE = 501
    UNSUPPORTED_STOP_ORDER_TYPE = 502
    PRICE_IN_STOP_ORDER_NOT_MULTIPLE_OF_MIN_INCREMENT = 503
    COMMAND_RESPONSE_TIMEOUT = 900

    @property
    def wire_name(self) -> str:
        """The name on the wire, without its number: `OrderToCancelNotFound`."""
        return "".join(word.capitalize() for word in self.name.split("_"))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command was taken. `order_id` is the number of the new (or cancelled) order."""

    order_id: str
    message: str = "success"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A definite no: nothing changed, unless the message says otherwise."""

    code: ErrorCode
    message: str

    @property
    def wire_code(self) -> str:
        """`Name (number)`, the longer of the two spellings on the wire."""
        return f"{self.code.wire_name} ({self.code.value})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place a limit order, or a market order when `price` is `None`."""

    portfolio: str
    exchange: str
    symbol: str
    side: Side
    lots: int
    price: Decimal | None = None
    board: str | None = None
    time_in_force: TimeInForce = TimeInForce.ONE_DAY
    comment: str | None = None
    allow_margin: bool = False
    iceberg_fixed: int | None = None
    iceberg_variance: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceOrder:
    """Cancel `order_id` and place what `order` says under a new number.

    For derivatives the side and symbol of the new order are those of the old one, whatever `order` says. A `None`
    comment keeps the old comment. The time in force is kept when the new order is a limit order.
    """

    order_id: str
    order: PlaceOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStop:
    """Place a conditional order: stop-limit when `price` is given, otherwise stop (a market order when it fires).

    `ends_at` is unix seconds, 0 means no end. `activate=False` makes a dormant order that a bracket group wakes.
    """

    portfolio: str
    exchange: str
    symbol: str
    side: Side
    lots: int
    condition: Condition
    trigger_price: Decimal
    price: Decimal | None = None
    board: str | None = None
    ends_at: int = 0
    time_in_force: TimeInForce = TimeInForce.ONE_DAY
    comment: str | None = None
    allow_margin: bool = False
    iceberg_fixed: int | None = None
    iceberg_variance: int | None = None
    protecting_seconds: int | None = None
    activate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceStop:
    """Cancel the conditional order `order_id` and place what `order` says under a new number."""

    order_id: str
    order: PlaceStop


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel one order. `is_stop` picks the number space: conditional or exchange orders."""

    portfolio: str
    order_id: str
    is_stop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll:
    """Cancel all working orders of a portfolio: the conditional ones or the exchange ones."""

    portfolio: str
    is_stop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateOrder:
    """Ask what an order would cost. `lots` and `budget` exclude each other; no price means the market price."""

    portfolio: str
    exchange: str
    symbol: str
    board: str | None = None
    price: Decimal | None = None
    lots: int | None = None
    budget: Decimal | None = None
    include_limit_orders: bool = False


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One order named for a group."""

    portfolio: str
    exchange: str
    order_id: str
    order_type: OrderType


@dataclass(frozen=True, slots=True)
class CreateGroup:
    """Link working orders under a policy."""

    login: str
    members: tuple[GroupMember, ...]
    policy: ExecutionPolicy


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """Give a group other members (`None` keeps them) and another policy."""

    login: str
    group_id: UUID
    members: tuple[GroupMember, ...] | None
    policy: ExecutionPolicy


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Forget a group; its orders live on."""

    login: str
    group_id: UUID


@dataclass(frozen=True, slots=True)
class GroupRefused:
    """A group command was refused; `detail` is the text for the wire."""

    detail: str


Command = (
    PlaceOrder
    | ReplaceOrder
    | PlaceStop
    | ReplaceStop
    | CancelOrder
    | CancelAll
    | CreateGroup
    | UpdateGroup
    | DeleteGroup
)
CommandResult = Accepted | Rejected
