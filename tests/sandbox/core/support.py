"""A clock that the tests move by hand, and short words for commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alor_async.sandbox.core.clock import to_us
from alor_async.sandbox.core.commands import Accepted, PlaceOrder, PlaceStop
from alor_async.sandbox.core.enums import Condition, Side, TimeInForce
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.history import REMEMBERED

WEDNESDAY_NOON = datetime(2026, 3, 18, 9, 30, 17, tzinfo=UTC)
STOCKS, FUTURES, CURRENCIES, UNITED = "D39004", "7500GHC", "G39004", "E39005"
QUIET = "SMAL"
"""A board of SBER where nobody trades until a test does."""


class HandClock:
    """Exchange time that stands still until it is moved."""

    def __init__(self, now: datetime = WEDNESDAY_NOON) -> None:
        self.now = now

    def now_us(self) -> int:
        return to_us(self.now)

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


def forget_the_past() -> None:
    """Let the past be drawn anew, as in another process, and not be remembered from an exchange of the same seed."""
    for drawn in REMEMBERED:
        drawn.cache_clear()


def limit(
    side: Side,
    lots: int,
    price: Decimal | str,
    *,
    portfolio: str = STOCKS,
    symbol: str = "SBER",
    board: str | None = QUIET,
    tif: TimeInForce = TimeInForce.ONE_DAY,
    comment: str | None = None,
    iceberg: int | None = None,
    variance: int | None = None,
    allow_margin: bool = False,
) -> PlaceOrder:
    """A limit order, on the quiet board unless told otherwise."""
    return PlaceOrder(
        portfolio=portfolio,
        exchange="MOEX",
        symbol=symbol,
        board=board,
        side=side,
        lots=lots,
        price=Decimal(price),
        time_in_force=tif,
        comment=comment,
        iceberg_fixed=iceberg,
        iceberg_variance=variance,
        allow_margin=allow_margin,
    )


def market(
    side: Side,
    lots: int,
    *,
    portfolio: str = STOCKS,
    symbol: str = "SBER",
    board: str | None = QUIET,
    tif: TimeInForce = TimeInForce.ONE_DAY,
    allow_margin: bool = False,
) -> PlaceOrder:
    """A market order, on the quiet board unless told otherwise."""
    return PlaceOrder(
        portfolio=portfolio,
        exchange="MOEX",
        symbol=symbol,
        board=board,
        side=side,
        lots=lots,
        time_in_force=tif,
        allow_margin=allow_margin,
    )


def stop(
    side: Side,
    lots: int,
    condition: Condition,
    trigger: Decimal | str,
    *,
    price: Decimal | None = None,
    portfolio: str = STOCKS,
    symbol: str = "SBER",
    ends_at: int = 0,
    protecting_seconds: int | None = None,
    activate: bool = True,
    comment: str | None = None,
    allow_margin: bool = False,
) -> PlaceStop:
    """A conditional order on the primary board."""
    return PlaceStop(
        portfolio=portfolio,
        exchange="MOEX",
        symbol=symbol,
        side=side,
        lots=lots,
        condition=condition,
        trigger_price=Decimal(trigger),
        price=price,
        ends_at=ends_at,
        protecting_seconds=protecting_seconds,
        activate=activate,
        comment=comment,
        allow_margin=allow_margin,
    )


def place(exchange: Exchange, command: PlaceOrder) -> str:
    """Place an order that must be accepted; its number."""
    answer = exchange.place_order(command)
    assert isinstance(answer, Accepted), answer
    return answer.order_id


def place_stop(exchange: Exchange, command: PlaceStop) -> str:
    """Place a conditional order that must be accepted; its number."""
    answer = exchange.place_stop(command)
    assert isinstance(answer, Accepted), answer
    return answer.order_id
