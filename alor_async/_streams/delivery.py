"""What is on its way to one consumer: a subscription as the hub and whoever iterates know it. Users hold `Subscription`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from alor_async._http.decode import WireError
from alor_async._streams.events import Disconnected, Event, Gap, Reconnected, Update
from alor_async._streams.turns import Turn
from alor_async._telemetry import STREAM_LOGGER
from alor_async.errors import ClosedError, SlowConsumer, StreamError
from alor_async.values import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alor_async._streams.channel import Channel
    from alor_async._streams.hub import Hub
    from alor_async._streams.inbox import Inbox, Loss
    from alor_async._streams.seats import Outage

__all__ = ["Delivery"]

T_co = TypeVar("T_co", covariant=True)


class Delivery(Generic[T_co]):
    """The channels of one subscription, the inbox in which their messages wait, and what was handed over.

    Args:
        hub: What subscribes.
        channels: At least one; several for several instruments.
        inbox: Where all of them put what comes.

    Attributes:
        name: The stream's name.
        instruments: The instruments that were asked for.
        state: "new", "open", "draining" or "closed".
        delivered: How many items were handed over.
        gaps: How many interruptions there were, of the stream or of the consumer.
        turn: How long the consumer has held the loop.
        lag: How old the newest item that is news was when it came; seconds.
        freshest: What brought news since the lag was taken last.
        outage: The interruption that is not over for all of it.
    """

    def __init__(self, hub: Hub, channels: Sequence[Channel[T_co]], inbox: Inbox) -> None:
        self.hub = hub
        self.channels = tuple(channels)
        self.inbox = inbox
        self.name = channels[0].spec.name
        self.instruments: tuple[InstrumentId, ...] = tuple(
            channel.instrument_id for channel in channels if channel.instrument_id is not None
        )
        self.state = "new"
        self.delivered = 0
        self.gaps = 0
        self.turn = Turn()
        self.lag: float | None = None
        self.freshest: Channel[T_co] | None = None
        self.outage: Outage | None = None
        self._outbox: deque[Event[T_co]] = deque()

    # Lifetime.

    async def open(self) -> None:
        """Subscribe to all of it."""
        if self.state != "new":
            raise ClosedError("a subscription is used once: make another one")
        self.state = "open"
        try:
            await self.hub.attach(self)
        except BaseException as error:
            self.state = "closed"
            # Somebody may iterate already: he must not wait for what will never come.
            self.inbox.end(error if isinstance(error, Exception) else None)
            raise

    def close(self) -> None:
        """Unsubscribe, and drop what waits."""
        self.state = "closed"
        self.hub.detach(self)
        self.inbox.end(None, at_once=True)
        self._outbox.clear()

    def drain(self) -> None:
        """Unsubscribe; what waits may still be taken."""
        if self.state == "open":
            self.state = "draining"
            self.hub.detach(self)
            self.inbox.end(None)

    # What is counted.

    @property
    def received(self) -> int:
        """How many messages came."""
        return sum(channel.received for channel in self.channels)

    @property
    def dropped(self) -> int:
        """How many messages were dropped."""
        return self.inbox.dropped

    @property
    def pending(self) -> int:
        """How many messages wait."""
        return self.inbox.pending + sum(isinstance(event, Update) for event in self._outbox)

    def note_lag(self, now: float) -> None:
        """Look at the newest item, if there is news: what was there before is old, and not late."""
        channel, self.freshest = self.freshest, None
        latest = None if channel is None else channel.latest
        if channel is None or getattr(latest, "is_snapshot", None):
            return
        try:
            moment = None if latest is None else channel.traits.exchange_time(latest)
        except OverflowError:
            moment = None  # that is no time
        self.lag = None if moment is None else now - moment

    # What the consumer takes.

    def take_item(self) -> T_co | None:
        """Take the next item that waits; None when there is none."""
        inbox = self.inbox
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
            if inbox.losses and not inbox.is_overflowing:
                self._tell_losses(inbox.accept_again())
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
        outbox, inbox = self._outbox, self.inbox
        while not outbox:
            try:
                channel, payload = inbox.take()
            except IndexError:
                self._check_overflow()
                return None
            if inbox.losses and not inbox.is_overflowing and channel is not None:
                outbox.extend(self._tell_losses(inbox.accept_again()))
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
        inbox = self.inbox
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
        if self.state == "new":
            raise ClosedError("this subscription is not open: use `async with`")
        if self.inbox.waiter is not None and not self.inbox.waiter.done():
            raise StreamError("this subscription is being iterated already", subscription=self.name)

    def make_up(self) -> None:
        """Look up what may be missing because a message could not be read, where that can be done."""
        self.hub.make_up(dict.fromkeys(self.channels, self.hub.now()))

    # What the consumer is told.

    def tell(self, notice: Disconnected | Reconnected) -> None:
        """Tell the consumer, in its place among the messages, what happened to the connection."""
        if isinstance(notice, Disconnected):
            STREAM_LOGGER.warning("%s: disconnected (%s)", self.name, notice.reason)
        else:
            STREAM_LOGGER.info("%s: reconnected, attempt %d", self.name, notice.attempts)
        self.inbox.notify(notice)

    def tell_gap(self, gap: Gap, channel: Channel[T_co], *, is_first: bool) -> None:
        """Tell of an interruption, once for each of the channels that it had; the first of them counts."""
        if is_first:
            self._note_gap(gap)
        self.inbox.notify_gap(gap, channel)

    def _check_overflow(self) -> None:
        """Tell the consumer, once all that was kept is delivered, that messages were refused."""
        inbox = self.inbox
        if not inbox.is_overflowing:
            return
        lost, losses = inbox.lost, inbox.accept_again()
        self._outbox.extend(self._tell_losses(losses))
        self.hub.make_up({channel: _moment(loss) for channel, loss in losses.items()})
        raise SlowConsumer(
            f"{self.name}: the consumer fell behind: {lost} messages were dropped past the limit of {inbox.limit}; "
            "iterating again goes on",
            subscription=self.name,
            pending=inbox.pending,
            dropped=lost,
        )

    def _tell_losses(self, losses: Mapping[Channel[T_co], Loss]) -> list[Gap]:
        """Say what the consumer missed by being slow, of each channel."""
        now = self.hub.now()
        gaps = [
            Gap(
                since=_moment(loss),
                until=now,
                reason="slow_consumer",
                lost=loss.count or None,
                instrument_id=channel.instrument_id,
            )
            for channel, loss in losses.items()
        ]
        self._note_gap(min(gaps, key=lambda gap: gap.since))
        return gaps

    def _note_gap(self, gap: Gap) -> None:
        self.gaps += 1
        span = f"{gap.since:%Y-%m-%d %H:%M:%S.%f} to {gap.until:%Y-%m-%d %H:%M:%S.%f} UTC"
        STREAM_LOGGER.warning("%s: a gap from %s (%s)", self.name, span, gap.reason)


def _moment(loss: Loss) -> datetime:
    return datetime.fromtimestamp(loss.since, UTC)
