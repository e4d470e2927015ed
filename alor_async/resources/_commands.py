"""What `orders` and `stop_orders` share: the wire, the parts of a body, cancelling."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from alor_async._contract import bodies
from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._policy.arguments import check_choice, check_order_id, check_price, check_request_id
from alor_async.errors import InvalidArgument, OrderNotWorking
from alor_async.models import Instrument, Order, StopOrder
from alor_async.models.enums import Exchange, Side
from alor_async.trading import check_on_step
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike, new_request_id

if TYPE_CHECKING:
    from uuid import UUID

    from alor_async._http.request import Operation
    from alor_async._http.session import Session
    from alor_async._orders.rest_wire import OrderWire
    from alor_async.config import RetryPolicy
    from alor_async.resources._base import TimeoutLike

__all__ = ["Commands", "body_instrument", "body_owner", "expiry_of", "price_on_step", "remaining_lots", "replaced"]

T = TypeVar("T")

WAITS_UNTIL_DONE: Final = datetime(2060, 12, 31, tzinfo=UTC)
"""From this day on, the end of a conditional order means that it has none."""


class Commands:
    """A group of commands over one wire; the session beside it is for reads."""

    __slots__ = ("_session", "_wire")

    def __init__(self, wire: OrderWire, session: Session) -> None:
        self._wire = wire
        self._session = session

    async def _send(
        self,
        operation: Operation[T],
        verb: Verb,
        key: InstrumentId,
        body: Struct,
        request_id: UUID | str | None,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
        *,
        order_id: str | None = None,
    ) -> OrderAck:
        intent = Intent(
            operation,
            verb,
            values={} if order_id is None else {"order_id": order_id},
            body=body,
            request_id=new_request_id() if request_id is None else check_request_id(request_id),
            instrument_id=key,
        )
        return await self._wire.send(intent, timeout, retries)

    async def _cancel(
        self,
        operation: Operation[object],
        target: PortfolioLike | Order | StopOrder,
        order_id: str | None,
        *,
        stop: bool,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
    ) -> OrderAck:
        instrument_id: InstrumentId | None = None
        order_type: str | None = None
        if isinstance(target, Portfolio | str):
            portfolio = Portfolio.of(target)
            number = check_order_id(order_id)
        else:
            order = check_kind(target, StopOrder if stop else Order)
            refuse_beside_order(order_id=order_id)
            portfolio, instrument_id, number = owner_of(order), order.instrument_id, order.order_id
            order_type = order.order_type
        intent = Intent(
            operation,
            Verb.CANCEL,
            values={
                "order_id": number,
                "portfolio": portfolio.id,
                "exchange": portfolio.trade_exchange,
                "stop": stop,
            },
            instrument_id=instrument_id,
            order_type=order_type,
        )
        return await self._wire.send(intent, timeout, retries)

    async def _cancel_all(
        self,
        operation: Operation[object],
        portfolio: PortfolioLike,
        *,
        stop: bool,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
    ) -> bool:
        account = Portfolio.of(portfolio)
        intent = Intent(
            operation,
            Verb.CANCEL,
            values={"portfolio": account.id, "exchange": account.trade_exchange, "stop": stop},
        )
        try:
            await self._wire.send(intent, timeout, retries)
        except OrderNotWorking:
            return False
        return True


def body_instrument(key: InstrumentId) -> bodies.InstrumentKey:
    """Write an instrument as a body names it."""
    return bodies.InstrumentKey(symbol=key.symbol, exchange=Exchange(key.exchange), board=key.board)


def body_owner(portfolio: Portfolio) -> bodies.OrderOwner:
    """Write a portfolio as a body names it."""
    return bodies.OrderOwner(portfolio=portfolio.id)


def price_on_step(price: object, instrument: object, argument: str = "price") -> Decimal:
    """Return a price; where the whole instrument is given, and not its key alone, it must be a multiple of its step."""
    exact = check_price(price, argument)
    if isinstance(instrument, Instrument) and instrument.price_step is not None:
        check_on_step(exact, instrument, argument)
    return exact


class ReplacedOrder(Struct, frozen=True, gc=False):
    """What a replace needs to know of the order that it replaces."""

    account: Portfolio
    order_id: str
    key: InstrumentId
    side: Side


def replaced(
    target: PortfolioLike | Order | StopOrder,
    order_id: str | None,
    instrument: InstrumentLike | None,
    side: Side | None,
    *,
    kind: type[Order | StopOrder],
) -> ReplacedOrder:
    """Read the order to replace from an order of the right kind, or from the arguments that name it."""
    if isinstance(target, Portfolio | str):
        if instrument is None:
            raise InvalidArgument("instrument", "is required")
        return ReplacedOrder(
            Portfolio.of(target),
            check_order_id(order_id),
            InstrumentId.of(instrument),
            check_choice("side", side, Side),
        )
    order = check_kind(target, kind)
    refuse_beside_order(order_id=order_id, instrument=instrument, side=side)
    return ReplacedOrder(owner_of(order), order.order_id, order.instrument_id, check_choice("side", order.side, Side))


def check_kind(order: object, kind: type[Order | StopOrder]) -> Order | StopOrder:
    """Return an order that counts in the number space of these commands: a number of the other hits a stranger."""
    if not isinstance(order, kind):
        raise InvalidArgument("portfolio", f"expected a portfolio or {kind.__name__}, got {type(order).__name__}")
    return order


def owner_of(order: Order | StopOrder) -> Portfolio:
    """Take the portfolio of an order, with the exchange that its commands name."""
    return Portfolio(order.portfolio, exchange=str(order.exchange))


def remaining_lots(order: Order) -> int:
    """Tell how many lots of an order are not filled yet."""
    return order.lots - (order.filled_lots or 0)


def expiry_of(order: StopOrder) -> datetime | None:
    """Tell until when a conditional order waits, or None when it waits until it is done."""
    expires_at = order.expires_at
    return None if expires_at is None or expires_at >= WAITS_UNTIL_DONE else expires_at


def refuse_beside_order(**arguments: object) -> None:
    """Refuse what the order already says."""
    for argument, value in arguments.items():
        if value is not None:
            raise InvalidArgument(argument, "the order says it: leave it out")
