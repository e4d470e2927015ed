"""What commands give and how their errors read, as a type checker sees it. Checked, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type
from uuid import UUID

from alor_async import (
    AlorError,
    AsyncAlor,
    Condition,
    ExecutionPolicy,
    InstrumentId,
    Order,
    OrderAck,
    OrderEstimate,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    RequestError,
    Side,
    StatusError,
    StopOrder,
    new_request_id,
)


async def orders(alor: AsyncAlor, order: Order) -> None:
    request_id = new_request_id()
    assert_type(request_id, UUID)
    ack = await alor.orders.place_limit(
        "D39004", "MOEX:SBER", Side.BUY, lots=10, price=Decimal("250.10"), request_id=request_id
    )
    assert_type(ack, OrderAck)
    assert_type(ack.order_id, str)
    assert_type(ack.request_id, UUID | str | None)
    assert_type(ack.replayed, bool)
    assert_type(await alor.orders.place_market("D39004", order, Side.SELL, lots=1), OrderAck)
    assert_type(await alor.orders.replace_limit(order, price=Decimal(251)), OrderAck)
    assert_type(
        await alor.orders.replace_limit("D39004", "5", "MOEX:SBER", Side.BUY, lots=1, price=Decimal(251)), OrderAck
    )
    assert_type(await alor.orders.cancel(order), OrderAck)
    assert_type(await alor.orders.cancel("D39004", "5"), OrderAck)
    assert_type(await alor.orders.cancel_all("D39004"), bool)
    assert_type(await alor.orders.estimate("D39004", "MOEX:SBER", lots=5), OrderEstimate)


async def stop_orders(alor: AsyncAlor, stop_order: StopOrder) -> None:
    ack = await alor.stop_orders.place_stop(
        "D39004", "MOEX:SBER", Side.SELL, lots=1, condition=Condition.LESS, trigger_price=Decimal(240)
    )
    assert_type(ack, OrderAck)
    assert_type(await alor.stop_orders.replace_stop(stop_order, trigger_price=Decimal(239)), OrderAck)
    assert_type(await alor.stop_orders.cancel(stop_order), OrderAck)


async def order_groups(alor: AsyncAlor, order: Order, stop_order: StopOrder) -> None:
    group_id = await alor.order_groups.create([order, stop_order], ExecutionPolicy.IGNORE_CANCEL)
    assert_type(group_id, UUID)
    await alor.order_groups.delete(group_id)


def failures(error: AlorError) -> None:
    assert_type(error.retryable, bool)
    match error:
        case OrderNotWorking():
            assert_type(error.filled_lots, int | None)
        case OrderRejected():
            assert_type(error.code, str | None)
            assert_type(error.instrument_id, InstrumentId | None)
        case OrderOutcomeUnknown():
            assert_type(error.request_id, UUID | str | None)
        case StatusError():
            assert_type(error.status, int)
            assert_type(error.raw_body, bytes)
        case RequestError():
            assert_type(error.elapsed, float)
        case _:
            pass
