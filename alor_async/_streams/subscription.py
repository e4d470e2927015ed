"""`Subscription`: what a user holds of a stream, and `merge`, which reads several as one."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from alor_async._http.decode import WireError
from alor_async._policy.arguments import check_not_empty
from alor_async._streams.events import Disconnected, Event, Gap, Reconnected, Update
from alor_async._streams.turns import NOW_AND_THEN, Turn
from alor_async._telemetry import STREAM_LOGGER
from alor_async.errors import ClosedError, InvalidArgument, SlowConsumer, StreamError
from alor_async.values import InstrumentId, InstrumentLike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

    from alor_async._streams.channel import Channel
    from alor_async._streams.hub import Hub
    from alor_async._streams.inbox import Inbox
    from alor_async._streams.seats import Outage

__all__ = ["Subscription", "merge"]

T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Subscription(Generic[T_co]):
    """A stream of the broker's: an async context manager, and an async iterator of its models.

    Nothing is sent before `async with`, which returns when the broker has accepted. From then on it goes on by itself:
    through lost connections, restarts of the broker and expired tokens, until it is left, drained, or refused. Iterate it
    for the items alone; `events()` tells in addition what was lost and when. One consumer at a time; cancelling a wait is
    safe and loses nothing.

    Attributes:
        name: The stream's name, such as `streams.order_book`.
        instruments: The instruments that were asked for; empty for streams of a portfolio.
        delivered: How many items were handed over.
        gaps: How many gaps there were, whether or not the consumer has come to them.
    """

    def __init__(self, hub: Hub, channels: Sequence[Channel[T_co]], inbox: Inbox) -> None:
        self._hub = hub
        self._inbox = inbox
        self.channels = tuple(channels)
        self.name = channels[0].spec.name
        self.instruments: tuple[InstrumentId, ...] = tuple(
            channel.instrument_id for channel in channels if channel.instrument_id is not None
        )
        self.delivered = 0
        self.gaps = 0
        self.turn = Turn()
        self._lag: float | None = None
        self.freshest: Channel[T_co] | None = None
        """What brought news since the lag was taken last."""
        self.outage: Outage | None = None
        """The interruption that is not over for all of it."""
        self._state = "new"
        self._outbox: deque[Event[T_co]] = deque()

    def __repr__(self) -> str:
        return f"<Subscription {self.name}: {self._state}, {self.received} received, {self.delivered} delivered>"

    # Lifetime.

    async def __aenter__(self) -> Self:
        """Subscribe, and wait until the broker has accepted.

        Raises:
            SubscriptionRejected: The broker refused, or never answered.
            StreamLost: It could not be reached in time, or there was no token: `last_error` tells.
            AuthError: The refresh token was refused.
            RequestError: What is there already, and not wanted, could not be read.
            ClosedError: The client is not open, or the subscription was used before, or left while it opened.
        """
        if self._state != "new":
            raise ClosedError("a subscription is used once: make another one")
        self._state = "open"
        try:
            await self._hub.attach(self)
        except BaseException:
            self._state = "closed"
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Unsubscribe. What waits is dropped, and iteration ends. Idempotent, and safe from inside of the iteration."""
        self._state = "closed"
        self._hub.detach(self)
        self._inbox.end(None, at_once=True)
        self._outbox.clear()

    async def drain(self) -> None:
        """Unsubscribe, and let the iteration end after what waits has been delivered. Idempotent."""
        if self._state == "open":
            self._state = "draining"
            self._hub.detach(self)
            self._inbox.end(None)

    # What is known.

    @property
    def is_live(self) -> bool:
        """Whether all of it is subscribed over a connection that lives, as far as is known.

        A connection that dies without a word is found out within `StreamSettings.silence` seconds.
        """
        return self._state == "open" and self._hub.is_live(self)

    @property
    def latest(self) -> T_co | None:
        """The newest item that came, whether or not it was delivered; None before the first.

        With several instruments, that of the first of them that has one: `latest_of` tells them apart.
        """
        return self.latest_of(None)

    def latest_of(self, instrument: InstrumentLike | None) -> T_co | None:
        """Give the newest item of one instrument; None before the first, and for one that is not among `instruments`.

        Args:
            instrument: As it was asked for. With a board it is another key than without, and own trades and orders carry
                one. None for any.

        Raises:
            InvalidArgument: It is no instrument.
        """
        key = None if instrument is None else InstrumentId.of(instrument)
        newest: T_co | None = None
        for channel in self.channels:
            if key is None or channel.instrument_id == key:
                newest = channel.latest if newest is None else newest
        return newest

    @property
    def received(self) -> int:
        """How many messages came."""
        return sum(channel.received for channel in self.channels)

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the consumer was too slow. What was conflated is not counted."""
        return self._inbox.dropped

    @property
    def conflated(self) -> int:
        """How many messages were replaced by newer ones before they could be delivered."""
        return self._inbox.replaced

    @property
    def pending(self) -> int:
        """How many messages wait."""
        return self._inbox.pending + sum(isinstance(event, Update) for event in self._outbox)

    @property
    def duplicates(self) -> int:
        """How many items came more than once, and were delivered once."""
        return sum(channel.duplicates for channel in self.channels)

    @property
    def stale(self) -> int:
        """How many items came after newer ones, and were not delivered."""
        return sum(channel.stale for channel in self.channels)

    @property
    def lag(self) -> float | None:
        """Seconds from the exchange's time of the newest item to when it was seen here; None where items carry no time.

        Taken about once a second, by this machine's clock. With a sandbox whose time is stepped or fast it is the distance
        of two calendars.
        """
        return self._lag

    def note_lag(self, now: float) -> None:
        """Look at the newest item, if there is news. Called by the hub."""
        channel, self.freshest = self.freshest, None
        if channel is None:
            return
        latest = channel.latest
        moment = None if latest is None else channel.traits.exchange_time(latest)
        self._lag = None if moment is None else now - moment

    @property
    def inbox(self) -> Inbox:
        """Where its messages wait."""
        return self._inbox

    # Reading.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Give the next item.

        Raises:
            SlowConsumer: Messages were dropped; iterating again goes on after the loss.
            StreamDecodeError: A message could not be read; iterating again goes on.
            SubscriptionRejected: The broker refused to go on after a reconnection.
            StreamLost: Reconnecting gave up.
            ClosedError: The client was closed, or the subscription was never entered.
            StreamError: Somebody else waits for its items.
        """
        if not self.delivered & NOW_AND_THEN:
            await self.turn.end_if_long()
        while True:
            item = self.take_item()
            if item is not None:
                return item
            if not await self.wait():
                raise StopAsyncIteration

    def events(self) -> AsyncIterator[Event[T_co]]:
        """Iterate items as `Update`, and what happens to the stream between them, in order.

        What it yields: `Update`, `SnapshotEnd`, `Disconnected`, `Gap`, `Reconnected`, `Stale`. It raises what plain
        iteration raises, and may be left and called again. What was recovered after an interruption may be part of the
        new snapshot: look at `Update.is_recovered` before `is_snapshot`.
        """
        return _Events(self)

    def take_item(self) -> T_co | None:
        """Take the next item that waits; None when there is none."""
        inbox = self._inbox
        while self._outbox:
            event = self._outbox.popleft()  # somebody read events and left between two of one message
            if isinstance(event, Update):
                self.delivered += 1
                return event.item
        while True:
            try:
                channel, payload = inbox.take()
            except IndexError:
                self._check_overflow()
                return None
            if channel is None:
                continue
            if inbox.lost and not inbox.is_overflowing:
                self._slow_gap()
            if channel.is_steady and type(payload) is bytes:
                # Nearly every message comes this way: written out, not called.
                try:
                    read: T_co = channel.decode(payload)
                except WireError as error:
                    raise channel.explain(payload, error) from None
                channel.last = payload
                self.delivered += 1
                return read
            item: T_co | None = channel.item_of(payload)
            if item is not None:
                self.delivered += 1
                return item

    def take_event(self) -> Event[T_co] | None:
        """Take the next event that waits; None when there is none."""
        outbox, inbox = self._outbox, self._inbox
        while not outbox:
            try:
                channel, payload = inbox.take()
            except IndexError:
                self._check_overflow()
                return None
            if inbox.lost and not inbox.is_overflowing and channel is not None:
                outbox.append(self._slow_gap())
            if channel is None:
                outbox.append(payload)  # type: ignore[arg-type]
            else:
                outbox.extend(channel.events_of(payload))
        event = outbox.popleft()
        if isinstance(event, Update):
            self.delivered += 1
        return event

    async def wait(self) -> bool:
        """Wait until something may be taken; False when nothing will come any more."""
        inbox = self._inbox
        if inbox.pending:
            return True
        if inbox.is_ended:
            inbox.raise_end()
            return False
        self.check_free()
        waiter = inbox.waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if inbox.waiter is waiter:
                inbox.waiter = None
        self.turn.begin()
        return True

    def check_free(self) -> None:
        """Refuse a second consumer.

        Raises:
            ClosedError: The subscription was never opened.
            StreamError: Somebody waits for its items already.
        """
        if self._state == "new":
            raise ClosedError("this subscription is not open: use `async with`")
        if self._inbox.waiter is not None and not self._inbox.waiter.done():
            raise StreamError("this subscription is being iterated already", subscription=self.name)

    def _check_overflow(self) -> None:
        """Tell the consumer, once all that was kept is delivered, that messages were refused."""
        inbox = self._inbox
        if not inbox.is_overflowing:
            return
        gap = self._slow_gap()
        self._outbox.append(gap)
        self._hub.make_up(self, gap.since)
        raise SlowConsumer(
            f"{self.name}: the consumer fell behind: {gap.lost} messages were dropped past the limit of {inbox.limit}; "
            "iterating again goes on",
            subscription=self.name,
            pending=inbox.pending,
            dropped=gap.lost or 0,
        )

    def _slow_gap(self) -> Gap:
        """Say what the consumer missed by being slow."""
        inbox = self._inbox
        since = datetime.fromtimestamp(inbox.dropped_since, UTC)
        gap = Gap(since=since, until=self._hub.now(), reason="slow_consumer", lost=inbox.accept_again())
        self._note(gap)
        return gap

    def tell(self, notice: Disconnected | Gap | Reconnected) -> None:
        """Tell the consumer, in its place among the messages, what happened to the stream. Called by the hub."""
        self._note(notice)
        inbox = self._inbox
        if isinstance(notice, Gap) and inbox.is_overflowing:
            # It may be that only the gap of a slow consumer is told: then it holds this one.
            inbox.note_missed(notice.since)
        inbox.notify(notice)

    def _note(self, notice: Disconnected | Gap | Reconnected) -> None:
        match notice:
            case Gap():
                self.gaps += 1
                span = f"{notice.since:%Y-%m-%d %H:%M:%S.%f} to {notice.until:%Y-%m-%d %H:%M:%S.%f} UTC"
                STREAM_LOGGER.warning("%s: a gap from %s (%s)", self.name, span, notice.reason)
            case Disconnected():
                STREAM_LOGGER.warning("%s: disconnected (%s)", self.name, notice.reason)
            case Reconnected():
                STREAM_LOGGER.info("%s: reconnected after %d attempts", self.name, notice.attempts)


class _Events(Generic[T_co]):
    """The iterator behind `events()`: it holds nothing, so that leaving it loses nothing."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription[T_co]) -> None:
        self._subscription = subscription

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event[T_co]:
        if not self._subscription.delivered & NOW_AND_THEN:
            await self._subscription.turn.end_if_long()
        while True:
            event = self._subscription.take_event()
            if event is not None:
                return event
            if not await self._subscription.wait():
                raise StopAsyncIteration


@overload
def merge(
    first: Subscription[A], second: Subscription[B], /
) -> AsyncIterator[tuple[Subscription[A], A] | tuple[Subscription[B], B]]: ...
@overload
def merge(
    first: Subscription[A], second: Subscription[B], third: Subscription[C], /
) -> AsyncIterator[tuple[Subscription[A], A] | tuple[Subscription[B], B] | tuple[Subscription[C], C]]: ...
@overload
def merge(*subscriptions: Subscription[T_co]) -> AsyncIterator[tuple[Subscription[T_co], T_co]]: ...
def merge(*subscriptions: Subscription[Any]) -> AsyncIterator[tuple[Subscription[Any], Any]]:
    """Read several subscriptions as one: yields which of them, and its item. Each gets its turn.

    It ends when all of them have. What one of them raises is raised; reading on goes on with all. Type checkers tell
    items of up to three different models apart by the item's class, not by which subscription it came from.

    Args:
        subscriptions: At least one; each is open, and read by nobody else meanwhile.

    Raises:
        InvalidArgument: There are none, or something else is among them.
    """
    check_not_empty("subscriptions", subscriptions)
    for subscription in subscriptions:
        if not isinstance(subscription, Subscription):
            raise InvalidArgument("subscriptions", f"expected Subscriptions, got {type(subscription).__name__}")
    return _Merged(subscriptions)


class _Merged(Generic[T_co]):
    """The iterator behind `merge`."""

    __slots__ = ("_taken", "_turn", "_turns")

    def __init__(self, subscriptions: Sequence[Subscription[T_co]]) -> None:
        self._turns = deque(subscriptions)
        self._turn = Turn()
        self._taken = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Subscription[T_co], T_co]:
        turns = self._turns
        if not self._taken & NOW_AND_THEN:
            await self._turn.end_if_long()
        while True:
            for _ in range(len(turns)):
                subscription = turns[0]
                turns.rotate(-1)
                item = subscription.take_item()
                if item is not None:
                    self._taken += 1
                    return subscription, item
            if not await self._wait():
                raise StopAsyncIteration

    async def _wait(self) -> bool:
        """Wait until one of them has something; False when none will."""
        for subscription in tuple(self._turns):
            inbox = subscription.inbox
            if inbox.is_ended and not inbox.pending:
                self._turns.remove(subscription)
                inbox.raise_end()
        inboxes = [subscription.inbox for subscription in self._turns]
        if any(inbox.pending for inbox in inboxes) or not inboxes:
            return bool(inboxes)
        waiter = asyncio.get_running_loop().create_future()
        try:
            for subscription in self._turns:
                subscription.check_free()
                subscription.inbox.waiter = waiter
            await waiter
        finally:
            for inbox in inboxes:
                if inbox.waiter is waiter:
                    inbox.waiter = None
        self._turn.begin()
        return True
