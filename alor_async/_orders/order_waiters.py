"""Those who wait until an order has ended."""

from __future__ import annotations

import asyncio
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from alor_async._orders.news_queue import again
from alor_async._orders.views import OrderView, StopOrderView
from alor_async._policy.arguments import check_order_id
from alor_async.errors import InvalidArgument, OrderWaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from alor_async._policy.clock import Clock

__all__ = ["OrderWaiters"]

V = TypeVar("V", OrderView, StopOrderView)


class OrderWaiters:
    """All who wait for orders of one blotter.

    Args:
        clock: Where time comes from.
    """

    __slots__ = ("_clock", "_waiters")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiters: dict[tuple[type, str], set[asyncio.Future[Any]]] = {}

    async def wait(self, kind: type[V], find: Callable[[str], V | None], order_id: str, timeout: float) -> V:
        """Wait until an order is final.

        Raises:
            OrderWaitTimeout: It is not, as far as is known.
            InvalidArgument: An argument is wrong.
            AlorError: What the wait was ended with.
        """
        order_id, seconds = check_order_id(order_id), _check_seconds(timeout)
        view = find(order_id)
        if view is not None and view.is_final:
            return view
        waiter: asyncio.Future[V] = asyncio.get_running_loop().create_future()

        def give_up() -> None:
            if not waiter.done():
                waiter.set_exception(_too_long(order_id, seconds, find(order_id)))

        waiters = self._waiters.setdefault((kind, order_id), set())
        waiters.add(waiter)
        timer = self._clock.call_later(seconds, give_up)
        try:
            return await waiter
        finally:
            timer.cancel()
            waiters.discard(waiter)
            if not waiters and self._waiters.get((kind, order_id)) is waiters:
                del self._waiters[kind, order_id]
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # seen, also when the caller was cancelled at the same moment

    def tell(self, view: OrderView | StopOrderView) -> None:
        """Say how an order is now."""
        if view.is_final:
            for waiter in self._waiters.get((type(view), view.order_id), ()):
                if not waiter.done():
                    waiter.set_result(view)

    def fail(self, error: BaseException) -> None:
        """End all waits."""
        for waiters in self._waiters.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(again(error))


def _too_long(order_id: str, seconds: float, view: OrderView | StopOrderView | None) -> OrderWaitTimeout:
    if view is None:
        known = "nothing is known of it"
    elif view.order is None:
        known = f"only trades of it are known, {view.filled_lots} lots"
    else:
        known = f"it is {view.order.status}, {view.filled_lots} of {view.order.lots} lots are filled"
        if isinstance(view, OrderView) and view.traded_lots != view.order.filled_lots:
            known = f"it is {view.order.status} with {view.order.filled_lots} lots filled, its trades say {view.traded_lots}"
    instrument_id = None if view is None or view.order is None else view.order.instrument_id
    message = f"account.watch: order {order_id} had not ended for sure within {seconds:g} s: {known}"
    return OrderWaitTimeout(message, order_id=order_id, view=view, instrument_id=instrument_id)


def _check_seconds(timeout: object) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not isfinite(timeout) or timeout <= 0:
        raise InvalidArgument("timeout", f"expected seconds, greater than zero, got {timeout!r:.40}")
    return float(timeout)
