"""A sandbox in the middle of a trading day, and a portfolio in which something has happened already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from alor_async import AsyncAlor
from alor_async.models import Condition, ExecutionPolicy, GroupedOrderType, Side
from alor_async.resources.order_groups import GroupedOrder
from alor_async.sandbox import Sandbox
from alor_async.sandbox.gateway.dedupe import DedupeMode

STOCKS: Final = "D39004"
FUTURES: Final = "7500GHC"
UNITED: Final = "E39005"
KOPECK: Final = Decimal("0.01")


def last_noon(before: datetime | None = None) -> datetime:
    """Give 14:00 in Moscow of the last weekday before today: a moment in which every market has traded for hours."""
    day = (datetime.now(UTC) if before is None else before) - timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    return day.replace(hour=11, minute=0, second=0, microsecond=0)


NOON: Final = last_noon()
LATER: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def new_sandbox(*, dedupe: DedupeMode = "old_response_400") -> Sandbox:
    return Sandbox(seed=42, time="stepped", start=NOON, dedupe=dedupe)


@asynccontextmanager
async def client_of(sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
    async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor:
        yield alor


@dataclass(frozen=True, slots=True)
class World:
    """What stands in the sandbox: orders that rest far from the market, a trade of today, a group.

    Attributes:
        future: The symbol of the nearest futures contract.
        low: A price at which a buy of SBER rests.
        high: A price at which a sale of SBER rests.
        futures_low: A price at which a buy of the future rests.
        order_id: A buy of SBER that rests.
        stop_id: A conditional market order.
        stop_limit_id: A conditional limit order.
        group_id: A group of the two conditional orders.
    """

    login: str
    future: str
    low: Decimal
    high: Decimal
    futures_low: Decimal
    order_id: str
    stop_id: str
    stop_limit_id: str
    group_id: UUID


def low_and_high(sandbox: Sandbox, symbol: str = "SBER") -> tuple[Decimal, Decimal]:
    """Give prices within the day's limits and far from the market."""
    market = sandbox.market[symbol]
    last, step = market.quote.last_price, market.spec.price_step
    return tuple(last * percent // 100 // step * step for percent in (95, 105))  # type: ignore[return-value]


async def make_world(sandbox: Sandbox, alor: AsyncAlor) -> World:
    """Place orders, trade once and link orders, through the public client."""
    low, high = low_and_high(sandbox)
    future = (await alor.market_data.get_futures_quote("MOEX:SBRF")).symbol
    orders, stops = alor.orders, alor.stop_orders
    await orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
    resting = await orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=3, price=low, comment="resting")
    stop = await stops.place_stop(
        STOCKS, "MOEX:SBER", Side.SELL, lots=1, condition=Condition.LESS_OR_EQUAL, trigger_price=low
    )
    stop_limit = await stops.place_stop_limit(
        STOCKS,
        "MOEX:SBER",
        Side.SELL,
        lots=2,
        price=low,
        condition=Condition.LESS_OR_EQUAL,
        trigger_price=low,
        expires=LATER,
    )
    group_id = await alor.order_groups.create(
        [
            GroupedOrder(STOCKS, stop.order_id, GroupedOrderType.STOP),
            GroupedOrder(STOCKS, stop_limit.order_id, GroupedOrderType.STOP_LIMIT),
        ],
        ExecutionPolicy.ON_EXECUTE_OR_CANCEL,
    )
    return World(
        login=sandbox.login,
        future=future,
        low=low,
        high=high,
        futures_low=low_and_high(sandbox, future)[0],
        order_id=resting.order_id,
        stop_id=stop.order_id,
        stop_limit_id=stop_limit.order_id,
        group_id=group_id,
    )
