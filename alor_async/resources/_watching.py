"""`alor.account`, third part: following a portfolio."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from alor_async._contract import operations
from alor_async._orders.blotter import Blotter
from alor_async._orders.sources import Sources
from alor_async._policy.arguments import check_count
from alor_async._policy.paging import MOSCOW
from alor_async.errors import DecodeError, NotFound
from alor_async.resources._base import Resource
from alor_async.values import Format, Portfolio, PortfolioLike

if TYPE_CHECKING:
    from alor_async._http.session import Session
    from alor_async._orders.own_orders import OwnOrders
    from alor_async._policy.clock import Clock
    from alor_async.resources.streams import StreamsResource

__all__ = ["BlotterMaker", "WatchResource"]


class BlotterMaker:
    """Makes blotters.

    Args:
        session: What carries their reads.
        streams: Where their subscriptions come from.
        own: Which orders came of the client's commands.
        clock: Where time comes from.
    """

    __slots__ = ("_clock", "_own", "_session", "_streams")

    def __init__(self, session: Session, streams: StreamsResource, own: OwnOrders, clock: Clock) -> None:
        self._session = session
        self._streams = streams
        self._own = own
        self._clock = clock

    def make(self, portfolio: Portfolio, events: int) -> Blotter:
        """Make one. Nothing is sent before it is entered."""
        sources = Sources(
            orders=self._streams.orders(portfolio),
            stop_orders=self._streams.stop_orders(portfolio),
            trades=self._streams.trades(portfolio),
            positions=self._streams.positions(portfolio),
            summaries=self._streams.summaries(portfolio),
            list_today=partial(self._list_today, portfolio),
            list_held=partial(self._list_held, portfolio),
        )
        return Blotter(sources, portfolio=portfolio, own=self._own, clock=self._clock, events=events)

    async def _list_today(self, portfolio: Portfolio) -> tuple[date, frozenset[str]]:
        """Read the exchange's day first: what is listed after it is of that day or a later one."""
        seconds = await self._session.send(operations.GET_SERVER_TIME.request())
        try:
            today = datetime.fromtimestamp(seconds, UTC).astimezone(MOSCOW).date()
        except (OverflowError, OSError, ValueError):
            operation = operations.GET_SERVER_TIME.name
            raise DecodeError("the answer is no time: out of range", operation=operation) from None
        request = operations.ACCOUNT_LIST_ORDERS.request(
            format=None, exchange=portfolio.read_exchange, portfolio=portfolio.id
        )
        try:
            orders = await self._session.send(request)
        except NotFound:
            orders = []
        return today, frozenset(order.order_id for order in orders)

    async def _list_held(self, portfolio: Portfolio) -> frozenset[str]:
        """Read what is held. That nothing is there is no proof that nothing is held: it is asked again."""
        request = operations.ACCOUNT_LIST_POSITIONS.request(
            format=Format.HEAVY, exchange=portfolio.read_exchange, portfolio=portfolio.id
        )
        held = await self._session.send(request)
        return frozenset(one.symbol if one.is_currency else f"{one.exchange}:{one.symbol}" for one in held)


class WatchResource(Resource):
    """Following a portfolio; `alor.account` is built on it.

    Args:
        session: What carries requests.
        blotters: Makes blotters.
    """

    __slots__ = ("_blotters",)

    def __init__(self, session: Session, blotters: BlotterMaker) -> None:
        super().__init__(session)
        self._blotters = blotters

    def watch(self, portfolio: PortfolioLike, *, events: int = 10_000) -> Blotter:
        """Follow a portfolio: its orders, trades, positions and money as one view that keeps itself up to date.

        Nothing is sent before it is entered: `async with alor.account.watch(portfolio) as blotter:`. It takes five
        subscriptions of those that the broker allows. Closing the client closes it.

        Args:
            portfolio: The portfolio or its id.
            events: How many events may wait for one who reads them slowly.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws OrdersGetAndSubscribeV2, StopOrdersGetAndSubscribeV2, TradesGetAndSubscribeV2,
        PositionsGetAndSubscribeV2, SummariesGetAndSubscribeV2
        """
        return self._blotters.make(Portfolio.of(portfolio), check_count("events", events, least=1))
