"""`Subscription`: what a user holds of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

from alor_async._streams.delivery import Delivery
from alor_async._streams.turns import NOW_AND_THEN
from alor_async.errors import InvalidArgument
from alor_async.values import InstrumentId, InstrumentLike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from alor_async._streams.events import Event

__all__ = ["Subscription", "delivery_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MOST_NAMED: Final = 10


class Subscription(Generic[T_co]):
    """A stream of the broker's: an async context manager, and an async iterator of its models.

    Nothing is sent before `async with`, which returns when the broker has accepted. From then on it goes on by itself:
    through lost connections, restarts of the broker and expired tokens, until it is left, drained, or refused. Iterate it
    for the items alone; `events()` tells in addition what was lost and when. One consumer at a time; cancelling a wait is
    safe and loses nothing.
    """

    __slots__ = ("__weakref__", "_delivery")

    def __init__(self, delivery: Delivery[T_co]) -> None:
        self._delivery = delivery

    def __repr__(self) -> str:
        state, received, delivered = self._delivery.state, self.received, self.delivered
        return f"<Subscription {self.name}: {state}, {received} received, {delivered} delivered>"

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
        await self._delivery.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._delivery.close()

    async def close(self) -> None:
        """Unsubscribe. What waits is dropped, and iteration ends. Idempotent, and safe from inside of the iteration."""
        self._delivery.close()

    async def drain(self) -> None:
        """Unsubscribe, and let the iteration end after what waits has been delivered. Idempotent."""
        self._delivery.drain()

    # What is known.

    @property
    def name(self) -> str:
        """The stream's name, such as `streams.order_book`."""
        return self._delivery.name

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """The instruments that were asked for; empty for streams of a portfolio."""
        return self._delivery.instruments

    @property
    def is_live(self) -> bool:
        """Whether all of it is subscribed over a connection that lives, as far as is known.

        A connection that dies without a word is found out within `StreamSettings.silence` seconds.
        """
        return self._delivery.state == "open" and self._delivery.hub.is_live(self._delivery)

    @property
    def latest(self) -> T_co | None:
        """The newest item that came, whether or not it was delivered; None before the first.

        With several instruments, that of the first of them that has one: `latest_of` tells them apart.
        """
        return next((newest for channel in self._delivery.channels if (newest := channel.latest) is not None), None)

    def latest_of(self, instrument: InstrumentLike) -> T_co | None:
        """Give the newest item of one instrument; None before the first.

        Args:
            instrument: One of `instruments`. An order or a fill names its board as well: it finds the one that was asked
                for without.

        Raises:
            InvalidArgument: It is none of `instruments`, or no instrument at all.
        """
        key = InstrumentId.of(instrument)
        channels = {channel.instrument_id: channel for channel in self._delivery.channels}
        channel = channels.get(key) or channels.get(InstrumentId(key.symbol, key.exchange))
        if channel is None:
            names = ", ".join(map(str, self.instruments[:_MOST_NAMED])) or "a portfolio: use `latest`"
            more = ", ..." if len(self.instruments) > _MOST_NAMED else ""
            raise InvalidArgument("instrument", f"{key} is not followed here: {self.name} is of {names}{more}")
        return channel.latest

    @property
    def delivered(self) -> int:
        """How many items were handed over."""
        return self._delivery.delivered

    @property
    def gaps(self) -> int:
        """How many interruptions there were, whether or not the consumer has come to them."""
        return self._delivery.gaps

    @property
    def received(self) -> int:
        """How many messages came."""
        return self._delivery.received

    @property
    def dropped(self) -> int:
        """How many messages were dropped because the consumer was too slow. What was conflated is not counted."""
        return self._delivery.dropped

    @property
    def conflated(self) -> int:
        """How many messages were replaced by newer ones before they could be delivered."""
        return self._delivery.inbox.replaced

    @property
    def pending(self) -> int:
        """How many messages wait."""
        return self._delivery.pending

    @property
    def duplicates(self) -> int:
        """How many items came more than once, and were delivered once."""
        return sum(channel.duplicates for channel in self._delivery.channels)

    @property
    def stale(self) -> int:
        """How many items came after newer ones, and were not delivered."""
        return sum(channel.stale for channel in self._delivery.channels)

    @property
    def lag(self) -> float | None:
        """Seconds from the exchange's time of the newest item to when it was seen here; None where items carry no time.

        What is marked as a part of the snapshot is old, and not late: it does not count.

        Taken about once a second, by this machine's clock. With a sandbox whose time is stepped or fast it is the distance
        of two calendars.
        """
        return self._delivery.lag

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
        delivery = self._delivery
        if not delivery.delivered & NOW_AND_THEN:
            await delivery.turn.end_if_long()
        while True:
            item = delivery.take_item()
            if item is not None:
                return item
            if not await delivery.wait():
                raise StopAsyncIteration

    def events(self) -> AsyncIterator[Event[T_co]]:
        """Iterate items as `Update`, and what happens to the stream between them, in order.

        What it yields: `Update`, `SnapshotEnd`, `Disconnected`, `Gap`, `Reconnected`, `Stale`. It raises what plain
        iteration raises, and may be left and called again.
        """
        return _Events(self._delivery)


def delivery_of(subscription: Subscription[T]) -> Delivery[T]:
    """Give what is on its way to the consumer of a subscription; for the package alone."""
    return subscription._delivery  # noqa: SLF001 - of the class above


class _Events(Generic[T_co]):
    """The iterator behind `events()`: it holds nothing, so that leaving it loses nothing."""

    __slots__ = ("_delivery",)

    def __init__(self, delivery: Delivery[T_co]) -> None:
        self._delivery = delivery

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event[T_co]:
        delivery = self._delivery
        if not delivery.delivered & NOW_AND_THEN:
            await delivery.turn.end_if_long()
        while True:
            event = delivery.take_event()
            if event is not None:
                return event
            if not await delivery.wait():
                raise StopAsyncIteration
