"""Where a blotter's knowledge comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

from msgspec import Struct

from alor_async._streams.subscription import Subscription
from alor_async.models import Order, Position, StopOrder, Summary, Trade

__all__ = ["Sources"]


class Sources(Struct, frozen=True, kw_only=True):
    """What a blotter is made from.

    Attributes:
        orders: The exchange orders.
        stop_orders: The conditional orders.
        trades: The own trades.
        positions: What is held, money included.
        summaries: The figures of the whole portfolio.
        list_today: Reads by REST which day the exchange has, and the numbers of the exchange orders of that day.
        list_held: Reads by REST what is held: the keys of instruments, such as `MOEX:SBER`, and currencies.
    """

    orders: Subscription[Order]
    stop_orders: Subscription[StopOrder]
    trades: Subscription[Trade]
    positions: Subscription[Position]
    summaries: Subscription[Summary]
    list_today: Callable[[], Awaitable[tuple[date, frozenset[str]]]]
    list_held: Callable[[], Awaitable[frozenset[str]]]
