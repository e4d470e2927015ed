"""Somebody who reads a blotter's events, and whether the blotter shows what is so at the exchange."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

from alor_async import (
    AsyncAlor,
    Blotter,
    Divergence,
    Filled,
    OrderChanged,
    OrderStatus,
    OrderView,
    StopOrderChanged,
)
from alor_async.sandbox import Sandbox
from tests.support.waiting import until
from tests.support.world import STOCKS

E = TypeVar("E")

SBER: Final = "MOEX:SBER"
WITHIN: Final = 15.0


class Reader:
    """Reads the events of a blotter until they end, and keeps them."""

    def __init__(self, blotter: Blotter) -> None:
        self.blotter = blotter
        self.events: list[Any] = []
        self.error: BaseException | None = None
        self.is_over = False
        self._task = asyncio.create_task(self._read(), name="test reader")

    async def _read(self) -> None:
        try:
            async for event in self.blotter.events():
                self.events.append(event)
        except Exception as error:  # noqa: BLE001 - kept for the test to judge
            self.error = error
        finally:
            self.is_over = True

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def views(self, order_id: str) -> list[OrderView]:
        """What was told of one order, in order."""
        return [event.view for event in self.of(OrderChanged) if event.view.order_id == order_id]

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@contextlib.asynccontextmanager
async def watching(alor: AsyncAlor, portfolio: str = STOCKS, **options: Any) -> AsyncIterator[tuple[Blotter, Reader]]:
    """Follow a portfolio, and read the events."""
    async with alor.account.watch(portfolio, **options) as blotter:
        reader = Reader(blotter)
        try:
            yield blotter, reader
        finally:
            await reader.stop()


def told(blotter: Blotter) -> dict[str, Any]:
    """What a blotter shows, as it can be compared."""
    views = blotter.orders.values()
    return {
        "orders": {
            view.order_id: (str(view.order.status), view.order.lots, view.filled_lots, view.order.price, view.is_final)
            for view in views
            if view.order is not None
        },
        "stop orders": {
            view.order_id: (str(view.order.status), view.order.exchange_order_id, view.filled_lots)
            for view in blotter.stop_orders.values()
            if view.order is not None
        },
        "fills": Counter((trade.trade_id, str(trade.side), trade.order_id, trade.units) for trade in blotter.trades),
        "fills of orders": {view.order_id: sum(trade.units for trade in view.trades) for view in views if view.trades},
        "units": {position.symbol: position.units for position in blotter.positions.values()} | dict(blotter.cash),
    }


def truth(sandbox: Sandbox, portfolio: str = STOCKS) -> dict[str, Any]:
    """What is so at the exchange."""
    orders = sandbox.orders(portfolio)
    return {
        "orders": {
            one.order_id: (str(one.status), one.lots, one.filled_lots, one.price, one.status != OrderStatus.WORKING)
            for one in orders
        },
        "stop orders": {
            one.order_id: (str(one.status), one.exchange_order_id, one.filled_lots)
            for one in sandbox.stop_orders(portfolio)
        },
        "fills": Counter((one.trade_id, str(one.side), one.order_id, one.units) for one in sandbox.trades(portfolio)),
        "fills of orders": {one.order_id: one.filled_units for one in orders if one.filled_units},
        "units": {one.symbol: one.units for one in sandbox.positions(portfolio)},
    }


async def check_blotter(sandbox: Sandbox, blotter: Blotter, portfolio: str = STOCKS) -> None:
    """O4 and O5: what is shown is what is so at the exchange, and each fill counts once."""
    with contextlib.suppress(TimeoutError):  # the assertions below say what is missing
        await until(lambda: blotter.is_live and told(blotter) == truth(sandbox, portfolio), within=WITHIN)
    shown, real = told(blotter), truth(sandbox, portfolio)
    for what, expected in real.items():
        assert shown[what] == expected, what
    assert blotter.is_live
    for view in blotter.orders.values():
        assert view.order is not None
        assert view.traded_lots == view.filled_lots == view.order.filled_lots


def check_story(reader: Reader) -> None:
    """Promise 16, and O5 once more: no order goes back, no fill is told twice, no divergence where there was none."""
    alive: dict[str, list[bool]] = defaultdict(list)
    filled: dict[str, list[int]] = defaultdict(list)
    final: dict[str, list[bool]] = defaultdict(list)
    for event in reader.of(OrderChanged):
        view = event.view
        filled[view.order_id].append(view.filled_lots)
        final[view.order_id].append(view.is_final)
        if view.order is not None:
            alive[view.order_id].append(view.order.status == OrderStatus.WORKING)
    for life in alive.values():
        assert life == sorted(life, reverse=True)
    for series in (*filled.values(), *final.values()):
        assert series == sorted(series)
    fills = Counter((event.trade.trade_id, str(event.trade.side)) for event in reader.of(Filled))
    assert not fills or set(fills.values()) == {1}
    assert reader.of(Divergence) == []
    for event in reader.of(StopOrderChanged):
        assert event.view.order is not None
