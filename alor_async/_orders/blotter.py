"""`Blotter`: the orders, trades, positions and money of a portfolio as one view that keeps itself up to date."""

from __future__ import annotations

import asyncio
import contextvars
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from alor_async._orders.blotter_state import BlotterState
from alor_async._orders.news_queue import NewsQueue, again
from alor_async._orders.order_waiters import OrderWaiters
from alor_async._orders.outages import Outages
from alor_async._orders.views import Divergence, OrderChanged, OrderView, StopOrderChanged, StopOrderView
from alor_async._streams.events import Reconnected, Update
from alor_async._streams.subscription import delivery_of
from alor_async._telemetry import STREAM_LOGGER
from alor_async.errors import (
    AlorError,
    ClosedError,
    RequestError,
    SlowConsumer,
    StreamDecodeError,
    StreamLost,
    TokenUnavailable,
)
from alor_async.models import Order, Position, StopOrder, Summary, Trade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
    from datetime import date
    from decimal import Decimal
    from types import TracebackType

    from alor_async._orders.ledger import LedgerEntry
    from alor_async._orders.own_orders import OwnOrders
    from alor_async._orders.sources import Sources
    from alor_async._orders.views import BlotterEvent
    from alor_async._policy.clock import Clock, Timer
    from alor_async._streams.subscription import Subscription
    from alor_async.values import Portfolio

__all__ = ["Blotter"]

T = TypeVar("T")

_NAME: Final = "account.watch"
_MOST_EVENTS: Final = 10_000
_PATIENCE: Final = 2.0
"""How long sources may disagree before that is a divergence; seconds."""
_OPENING_TIME: Final = 60.0
"""How long it may take until everything that was there before is known; seconds."""
_CLOSE_TIME: Final = 1.0
_LOOK_AGAIN: Final = 5.0
_MAKE_UP_EVERY: Final = 60.0


class Blotter:
    """One portfolio, followed: its orders, trades, positions and money, as the broker tells them.

    An async context manager. `async with` returns when everything that was there before is known; from then on the view
    follows the broker by itself, over lost connections too. Reading it never waits and gives snapshots, which do not change:
    read again for what is so later. It is put together from five subscriptions, whose messages come in any order; where they
    do not fit together for long that is told as a `Divergence`, and what each of them says stays shown.

    After an error has ended it, the view stays as it was last. Before `async with` there is none, and reading it raises
    `ClosedError`: that nothing is known does not mean that nothing is held.

    Args:
        sources: The subscriptions, none of them open.
        portfolio: Whose.
        own: Which orders came of this client's commands.
        clock: Where time comes from.
        events: How many events may wait for their reader.
    """

    def __init__(
        self, sources: Sources, *, portfolio: Portfolio, own: OwnOrders, clock: Clock, events: int = _MOST_EVENTS
    ) -> None:
        self._sources = sources
        self._own = own
        self._clock = clock
        self._view = BlotterState(portfolio.id, own, patience=_PATIENCE)
        self._subscriptions: tuple[Subscription[Any], ...] = (
            sources.orders,
            sources.stop_orders,
            sources.trades,
            sources.positions,
            sources.summaries,
        )
        self._outages = Outages(subscription.name for subscription in self._subscriptions)
        self._news: NewsQueue[BlotterEvent] = NewsQueue(_NAME, events)
        self._waiters = OrderWaiters(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._reading: set[str] = set()
        """What is being read by REST."""
        self._made_up: dict[str, float] = {}
        """When something of a subscription was looked up because it may have been missed."""
        self._looks: dict[str, Timer] = {}
        """What is to be looked up again as soon as the last time is long enough ago."""
        self._opened: asyncio.Future[None] | None = None
        self._state = "new"
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Blotter: {self._state}, {len(self._view.orders)} orders, {len(self._view.trades)} trades>"

    # Lifetime.

    async def __aenter__(self) -> Self:
        """Subscribe, and wait until everything that was there before is known; about a second.

        Raises:
            SubscriptionRejected: The broker refused.
            StreamLost: It could not be reached in time.
            AuthError: No usable token.
            ClosedError: The client is not open, or the blotter was used before, or left while it opened.
        """
        if self._state != "new":
            raise ClosedError("a blotter is used once: make another one")
        self._state = "opening"
        self._opened = asyncio.get_running_loop().create_future()
        self._own.listen(self._note_outcome)
        timer = self._clock.call_later(_OPENING_TIME, self._give_up)
        try:
            for subscription in self._subscriptions:
                await subscription.__aenter__()
                self._start(self._follow(subscription), subscription.name)
            await self._opened
        except BaseException:
            await self.close()
            raise
        finally:
            timer.cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Unsubscribe. Reading its events ends, and waiting for orders with `ClosedError`. At most a second. Idempotent."""
        self._finish("closed", ClosedError("this blotter was closed"))
        self._news.end(None, at_once=True)
        for subscription in self._subscriptions:
            await subscription.close()
        tasks = self._tasks - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIME)

    # What is known.

    @property
    def is_live(self) -> bool:
        """Whether it follows the broker at this moment, and knows everything that was there before, as far as is known."""
        is_connected = all(subscription.is_live for subscription in self._subscriptions)
        return self._state == "open" and self._outages.is_whole and is_connected and "positions" not in self._reading

    @property
    def orders(self) -> Mapping[str, OrderView]:
        """The exchange orders by their numbers: those of the trading day, and what was seen of the day before."""
        return self._known.orders

    @property
    def stop_orders(self) -> Mapping[str, StopOrderView]:
        """The conditional orders by their numbers, which are apart from those of exchange orders."""
        return self._known.stop_orders

    @property
    def trades(self) -> tuple[Trade, ...]:
        """The own trades, each once, in the order in which they became known; at most 100 000."""
        return self._known.trades

    @property
    def positions(self) -> Mapping[str, Position]:
        """What is held of each instrument, by keys such as `MOEX:SBER`. What was closed today is there with zero units."""
        return self._known.positions

    @property
    def cash(self) -> Mapping[str, Decimal]:
        """Money, by currency, as the broker shows it among the positions."""
        return self._known.cash

    @property
    def summary(self) -> Summary | None:
        """The figures of the whole portfolio, such as its buying power; None before they are known."""
        return self._known.summary

    @property
    def divergences(self) -> tuple[Divergence, ...]:
        """What does not fit together at present, and has not for a while; the oldest first."""
        return self._known.doubts.standing

    def order(self, order_id: str) -> OrderView | None:
        """Give one exchange order; None while nothing is known of it."""
        return self._known.records.order(order_id)

    def stop_order(self, order_id: str) -> StopOrderView | None:
        """Give one conditional order; None while nothing is known of it."""
        return self._known.records.stop_order(order_id)

    def events(self) -> AsyncIterator[BlotterEvent]:
        """Iterate what changes, from when `async with` returned.

        One reader at a time. One who is too slow holds nothing up: past the limit events are dropped, and `SlowConsumer`
        tells so in their place. Reading again goes on; the view itself lacks nothing. Cancelling a wait loses nothing.

        Raises:
            ClosedError: The blotter was never entered. When the client is closed, iterating ends with it.
        """
        self._check_entered()
        return self._news

    async def wait(self, order_id: str, *, timeout: float) -> OrderView:
        """Wait until an exchange order has ended, and the order and its trades say the same about what was executed.

        The order need not be known yet: the number of an acknowledgement is enough. Cancelling is safe.

        Args:
            order_id: Its number.
            timeout: How long to wait; seconds.

        Returns:
            The order as it ended. When it was replaced, `replaced_by` tells the number of the one that stands.

        Raises:
            OrderWaitTimeout: It has not, as far as is known; `.view` is what is known.
            InvalidArgument: An argument is wrong.
            ClosedError: The blotter is not open, or was closed meanwhile.
            StreamError, AuthError: The blotter came to an end.
        """
        self._check_open()
        return await self._waiters.wait(OrderView, self.order, order_id, timeout)

    async def wait_stop_order(self, order_id: str, *, timeout: float) -> StopOrderView:
        """Wait until a conditional order has ended, and if it fired, the order that it became; otherwise as `wait`.

        Args:
            order_id: Its number.
            timeout: How long to wait; seconds.

        Raises:
            OrderWaitTimeout: It has not, as far as is known; `.view` is what is known.
            InvalidArgument: An argument is wrong.
            ClosedError: The blotter is not open, or was closed meanwhile.
            StreamError, AuthError: The blotter came to an end.
        """
        self._check_open()
        return await self._waiters.wait(StopOrderView, self.stop_order, order_id, timeout)

    # What comes in.

    async def _follow(self, subscription: Subscription[Any]) -> None:
        events = subscription.events()
        while True:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            except SlowConsumer as error:
                STREAM_LOGGER.warning("%s: %s", _NAME, error)  # what was dropped is looked up, and follows
                continue
            except StreamDecodeError as error:
                STREAM_LOGGER.warning("%s: %s", _NAME, error)
                self._make_up(subscription)
                continue
            except AlorError as error:
                self._fail(error)
                return
            if isinstance(event, Update):
                self._tell(self._put(event.item, is_recovered=event.is_recovered))
            else:
                was_whole = self._outages.is_whole
                if isinstance(event, Reconnected) and subscription is self._sources.positions:
                    self._view.expect_positions()
                self._tell(self._outages.hear(subscription.name, event))
                if self._outages.is_whole and not was_whole:
                    self._become_whole()

    def _put(self, item: object, *, is_recovered: bool) -> Iterable[BlotterEvent]:
        now, view, day = self._clock.monotonic(), self._view, self._view.day
        news: Iterable[BlotterEvent] = ()
        match item:
            case Order():
                news = view.put_order(item, now)
            case StopOrder():
                news = view.put_stop_order(item, now)
            case Trade():
                news = view.put_trade(item, now, is_recovered=is_recovered)
            case Position():
                news = view.put_position(item, now)
            case Summary():
                view.summary = item
            case _:
                pass
        is_of_unheard = is_recovered and isinstance(item, Trade) and view.records.is_unheard(item.order_id)
        if view.day != day or is_of_unheard:
            self._look_for_expired()
        return news

    def _note_outcome(self, entry: LedgerEntry) -> None:
        self._tell(self._view.put_outcome(entry, self._clock.monotonic()))

    def _make_up(self, subscription: Subscription[Any]) -> None:
        """Something may be missing: it is looked up, at once or as soon as the last look is long enough ago."""
        name = subscription.name
        wait = self._made_up.get(name, -_MAKE_UP_EVERY) + _MAKE_UP_EVERY - self._clock.monotonic()
        if wait <= 0:
            self._look_up(subscription)
        elif name not in self._looks:
            self._looks[name] = self._clock.call_later(wait, partial(self._look_up, subscription))

    def _look_up(self, subscription: Subscription[Any]) -> None:
        self._looks.pop(subscription.name, None)
        self._made_up[subscription.name] = self._clock.monotonic()
        delivery_of(subscription).make_up()

    def _tell(self, news: Iterable[BlotterEvent]) -> None:
        """Pass on what is new. What was there before the view was whole for the first time is no news."""
        if self._state != "open":
            return
        for item in news:
            self._news.put(item)
            if isinstance(item, OrderChanged | StopOrderChanged):
                self._waiters.tell(item.view)
        self._review_later()

    def _become_whole(self) -> None:
        """Everything is known, for the first time or again."""
        self._view.doubts.restart(self._clock.monotonic())
        if self._state == "opening":
            self._view.begin()
            self._state = "open"
            if self._opened is not None and not self._opened.done():
                self._opened.set_result(None)
        self._look_for_expired()
        if self._view.untold:
            # Those that ended on a day before are not told again, but it may also be that the broker is slow to tell.
            self._read("positions", self._sources.list_held, self._view.put_held)
        self._review_later()

    # What time decides.

    def _review_later(self) -> None:
        if self._timer is None and self._outages.is_whole and self._state == "open" and not self._view.is_settled:
            self._timer = self._clock.call_later(_PATIENCE / 4, self._review)

    def _review(self) -> None:
        self._timer = None
        if not self._outages.is_whole:
            return
        news = self._view.review(self._clock.monotonic())
        for what in {item.what for item in news if isinstance(item, Divergence)}:
            # It may be that a message was lost: what is told of it by another way may fit.
            self._make_up(self._sources.trades)
            self._make_up(self._sources.orders if what == "fills" else self._sources.positions)
        self._tell(news)

    def _look_for_expired(self) -> None:
        """Find out which orders are of an earlier day, and of those which still work: a broker may say nothing of it later."""
        if self._state == "open" and self._view.records.wants_list:
            self._read("orders", self._sources.list_today, self._put_listed)

    def _put_listed(self, found: tuple[date, frozenset[str]], now: float) -> Iterable[BlotterEvent]:
        today, listed = found
        return self._view.put_listed(listed, today, now)

    def _read(
        self, what: str, read: Callable[[], Awaitable[T]], put: Callable[[T, float], Iterable[BlotterEvent]]
    ) -> None:
        if what not in self._reading:
            self._reading.add(what)
            self._start(self._read_surely(what, read, put), what)

    async def _read_surely(
        self, what: str, read: Callable[[], Awaitable[T]], put: Callable[[T, float], Iterable[BlotterEvent]]
    ) -> None:
        """Read something by REST until it works, and take note of it."""
        try:
            while True:
                try:
                    found = await read()
                except AlorError as error:
                    STREAM_LOGGER.warning("%s: reading the %s of today failed: %s", _NAME, what, error)
                    if not isinstance(error, RequestError | TokenUnavailable):
                        return
                    await self._clock.sleep(_LOOK_AGAIN)
                else:
                    self._tell(put(found, self._clock.monotonic()))
                    return
        finally:
            self._reading.discard(what)

    # How it ends.

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"alor-blotter-{name}", context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            STREAM_LOGGER.error("%s failed: %s", task.get_name(), type(error).__name__)
            self._fail(StreamLost(f"{_NAME}: {type(error).__name__} in {task.get_name()}", last_error=error))

    def _give_up(self) -> None:
        self._fail(StreamLost(f"{_NAME}: the broker did not tell all that there is within {_OPENING_TIME:g} s"))

    def _fail(self, error: AlorError) -> None:
        """It cannot go on: whoever opens it, reads it or waits is told."""
        self._finish("failed", error)
        self._news.end(error)

    @property
    def _known(self) -> BlotterState:
        self._check_entered()
        return self._view

    def _check_entered(self) -> None:
        if self._state == "new":
            raise ClosedError("this blotter is not open: use `async with`")

    def _finish(self, state: str, error: AlorError) -> None:
        if self._state in ("failed", "closed"):
            self._state = state if state == "closed" else self._state
            return
        self._state, self._error = state, error
        self._own.forget(self._note_outcome)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._looks:
            self._looks.popitem()[1].cancel()
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()  # seen, also when whoever opens it goes away at the same moment
        self._waiters.fail(error)
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    def _check_open(self) -> None:
        if self._state != "open":
            raise again(self._error or ClosedError("this blotter is not open: use `async with`"))
