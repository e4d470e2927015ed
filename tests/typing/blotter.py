"""What a blotter gives, as a type checker sees it. Checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import assert_type

from alor_async import (
    AsyncAlor,
    Blotter,
    Disconnected,
    Divergence,
    Filled,
    Gap,
    Order,
    OrderChanged,
    OrderView,
    Position,
    Reconnected,
    Replaced,
    StopOrder,
    StopOrderChanged,
    StopOrderView,
    Summary,
    Trade,
)


async def view(alor: AsyncAlor) -> None:
    async with alor.account.watch("D39004") as blotter:
        assert_type(blotter, Blotter)
        assert_type(blotter.orders, Mapping[str, OrderView])
        assert_type(blotter.stop_orders, Mapping[str, StopOrderView])
        assert_type(blotter.trades, tuple[Trade, ...])
        assert_type(blotter.positions, Mapping[str, Position])
        assert_type(blotter.cash, Mapping[str, Decimal])
        assert_type(blotter.summary, Summary | None)
        assert_type(blotter.divergences, tuple[Divergence, ...])
        assert_type(blotter.order("1"), OrderView | None)
        done = await blotter.wait("1", timeout=5)
        assert_type(done.order, Order | None)
        assert_type(done.is_external, bool | None)
        stop = await blotter.wait_stop_order("1", timeout=5)
        assert_type(stop.order, StopOrder | None)
        assert_type(stop.child, OrderView | None)


async def events(blotter: Blotter) -> None:
    async for event in blotter.events():
        match event:
            case OrderChanged():
                assert_type(event.view, OrderView)
            case StopOrderChanged():
                assert_type(event.view, StopOrderView)
            case Filled():
                assert_type(event.trade, Trade)
            case Replaced():
                assert_type(event.new_id, str)
            case Divergence():
                assert_type(event.shown, Decimal | None)
            case _:
                assert_type(event, Disconnected | Gap | Reconnected)
