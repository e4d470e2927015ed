"""The hub: all subscriptions of one client, on as few sockets as they need."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import random as _random
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from alor_async._http.session import Session
from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock, Timer
from alor_async._streams.line import MOST_SEATS, Line
from alor_async._streams.lived import LivedTime
from alor_async._streams.meters import StreamMeters
from alor_async._streams.recovery import Recovery
from alor_async._streams.seats import LookUp, Opening, Seat
from alor_async._telemetry import STREAM_LOGGER, Reconnection, Telemetry
from alor_async.config import Environment, StreamSettings
from alor_async.errors import AlorError, ClosedError, StreamError, StreamLost

if TYPE_CHECKING:
    from alor_async._streams.channel import Channel
    from alor_async._streams.delivery import Delivery
    from alor_async._streams.events import GapReason

__all__ = ["Hub"]

_CLOSE_TIME: Final = 1.5
_LONGEST_LOOK: Final = 0.5
_LINGER: Final = 30.0
"""A socket on which nothing is subscribed is kept for so long; seconds."""

_LOOK_UP_AGAIN: Final = 5.0


class Hub:
    """Subscriptions, the sockets under them, and what keeps both alive.

    Args:
        transport: What opens sockets.
        session: Whose tokens are used, and what looks up after a gap.
        environment: Where the sockets go.
        settings: How subscriptions behave.
        clock: Where time comes from.
        random: Gives numbers in [0, 1), for the pauses.

    Attributes:
        knows_ping: Whether the broker knows its own ping, as far as is known.
        lived: How much time there was to read what comes: by it silence and delays are measured.
        traffic_at: When a look last found data of any subscription, by `lived`.
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        environment: Environment,
        settings: StreamSettings,
        clock: Clock,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.transport = transport
        self.url = environment.ws
        self.settings = settings
        self.clock = clock
        self.random = random
        self.knows_ping = True
        self.traffic_at = 0.0
        self._ping_doubts = 1
        self._session = session
        self._recovery = Recovery(session, clock)
        self._telemetry: Telemetry | None = None
        self._meters: StreamMeters | None = None
        self._lines: list[Line] = []
        self._line_numbers = itertools.count(1)
        self._guids = itertools.count(1)
        self._subscriptions: dict[Delivery[Any], None] = {}
        self._look_ups: dict[Channel[Any], LookUp] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self.lived = LivedTime(
            min(
                _LONGEST_LOOK, settings.snapshot_pause / 2, settings.ack_timeout / 4, (settings.stale_after or 60.0) / 4
            )
        )
        self._token = ""
        self._is_closed = False

    # For its owner.

    def open(self, telemetry: Telemetry | None) -> None:
        """Get ready. Nothing is connected before the first subscription."""
        self._telemetry = telemetry
        self._meters = None if telemetry is None else StreamMeters(telemetry)

    async def close(self) -> None:
        """End all subscriptions and sockets, within two seconds. Idempotent."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for subscription in tuple(self._subscriptions):
            self.fail(subscription, ClosedError("this client was closed"), at_once=True)
        if self._meters is not None:
            self._meters.flush()
        tasks = {*self._tasks, *(line.task for line in self._lines)}
        self._lines.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIME)

    # For subscriptions.

    async def attach(self, subscription: Delivery[Any]) -> None:
        """Subscribe to all of a subscription's channels, and wait until all are accepted.

        Raises:
            SubscriptionRejected: The broker refused one, or never answered.
            StreamLost: It could not be reached in time, or there was no token.
            StreamError: There are too many.
            AuthError: The refresh token was refused.
            RequestError: What is there already, and not wanted, could not be read.
            ClosedError: The client is not open, or the subscription was left meanwhile.
        """
        self._check_open()
        with self._span(subscription):
            await self._recovery.prepare(subscription.channels)
            self._check_open()
            if subscription.inbox.is_ended:
                raise _left(subscription)
            opening = Opening(len(subscription.channels))
            timer: Timer | None = None
            try:
                self._subscriptions[subscription] = None
                for channel in subscription.channels:
                    self._pick().add(Seat(channel, subscription, opening))
                timer = self.clock.call_later(self._patience(subscription), lambda: self._expire(opening, subscription))
                self._look_again()
                await opening.done
            except BaseException:
                self.detach(subscription)
                raise
            finally:
                if timer is not None:
                    timer.cancel()
                if opening.done.done() and not opening.done.cancelled():
                    opening.done.exception()  # seen, also when the caller was cancelled at the same moment

    def detach(self, subscription: Delivery[Any], error: BaseException | None = None) -> None:
        """Unsubscribe from all of it, and tell whoever opens it why. Idempotent."""
        if self._subscriptions.pop(subscription, self) is self:
            return
        for line in self._lines:
            for channel in subscription.channels:
                line.remove(channel, error or _left(subscription))
        for channel in subscription.channels:
            self._end_look_up(channel)
        subscription.outage = None
        if self._meters is not None:
            self._meters.forget(subscription)

    def make_up(self, missed: Mapping[Channel[Any], datetime]) -> None:
        """Look up what a consumer missed by being slow, where that can be done: since when, of each channel."""
        for line in self._lines:
            for channel, since in missed.items():
                seat = line.seats.get(channel)
                if seat is None:
                    continue
                if channel.traits.is_ledger:
                    self.look_up(seat, since, twice=True)
                elif channel.misses_candles:
                    line.renew(seat)
                elif channel.traits.is_own:
                    line.renew_later(seat)

    def is_live(self, subscription: Delivery[Any]) -> bool:
        """Whether all of it is accepted on sockets that are open."""
        seats = [line.seats.get(channel) for channel in subscription.channels for line in self._lines]
        return sum(seat is not None and seat.is_accepted for seat in seats) == len(subscription.channels)

    def now(self) -> datetime:
        """The wall clock's time."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    # For lines.

    def new_guid(self) -> str:
        """Make a guid. None comes twice in a client's life; short ones save traffic."""
        return f"s{next(self._guids)}"

    async def token(self) -> str:
        """Give a valid access token.

        Raises:
            AuthError: There is none.
            ClosedError: The client was closed.
        """
        self._token = self._session.ready_token() or await self._session.get_token()
        return self._token

    def ready_token(self) -> str | None:
        """Give a token that is at hand; None otherwise."""
        try:
            return self._session.ready_token()
        except AlorError:
            return None

    def forget_token(self, token: str | None = None) -> None:
        """The broker refused a token, or what was done with the one that was used last, or is at hand."""
        self._session.invalidate_token(token or self._token or self.ready_token() or "")

    def note_ping(self, *, is_known: bool) -> None:
        """The broker answered its own ping, or said that it does not know it."""
        if self.knows_ping and not is_known:
            STREAM_LOGGER.info("the broker does not know `ping`: the protocol's own is used alone")
        self.knows_ping = is_known
        self._ping_doubts = 0

    def suspect_ping(self) -> None:
        """A connection was closed while a ping was open: that was the reason if none was ever answered, or twice in a row."""
        self._ping_doubts += 1
        if self._ping_doubts > 1:
            self.note_ping(is_known=False)

    def long_pause(self) -> float:
        """Give the pause before something is asked for again that the broker does not want to give at present; seconds."""
        return self.settings.reconnect_base + self.settings.reconnect_cap * self.random() / 10

    def look_up(self, seat: Seat, since: datetime, *, twice: bool = False) -> None:
        """Begin to look up what happened since a moment; `twice` where no snapshot makes up for reads that lag behind."""
        former = self._end_look_up(seat.channel)
        if former is not None:
            # One at a time, which does the work of both: where reads fail for hours, they must not pile up.
            since, twice = min(since, former.since), twice or former.twice
        task = asyncio.get_running_loop().create_task(
            self._look_up(seat.channel, since, twice=twice),
            name=f"alor-stream-recovery-{seat.guid}",
            context=contextvars.Context(),
        )
        self._look_ups[seat.channel] = LookUp(since, twice, task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self.note_failed_task)

    def fail(self, subscription: Delivery[Any], error: BaseException, *, at_once: bool = False) -> None:
        """End a subscription with an error: for whoever opens it, or for whoever reads it."""
        self.detach(subscription, error)
        subscription.inbox.end(error, at_once=at_once)

    def spread(self, crowded: Line) -> None:
        """Move what a line does not take any more to another one, if there may be one."""
        if len(self._lines) >= self.settings.max_sockets:
            crowded.capacity = MOST_SEATS
            return
        for channel in list(crowded.seats)[crowded.capacity :]:
            seat = crowded.seats.pop(channel)
            self._pick().add(seat)

    @contextlib.contextmanager
    def reconnecting(self, reason: GapReason) -> Generator[Reconnection]:
        """Put a span around getting a connection back."""
        if self._telemetry is None:
            yield Reconnection()
            return
        with self._telemetry.reconnect_span(reason) as progress:
            yield progress
        if progress.is_back:
            self._telemetry.count_reconnect(reason)

    def note_failed_task(self, task: asyncio.Task[None]) -> None:
        """A task of ours must not end in an error: where one does, it is said, and nobody waits for it in vain."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        STREAM_LOGGER.error("%s failed: %s", task.get_name(), type(error).__name__)
        for subscription in tuple(self._subscriptions):
            lost = StreamLost(f"{subscription.name}: {type(error).__name__} in {task.get_name()}", last_error=error)
            self.fail(subscription, lost)

    # Within.

    def _check_open(self) -> None:
        if self._is_closed or not self.transport.is_open:
            state = "was closed" if self._is_closed else "is not open: use `async with` or open()"
            raise ClosedError(f"this client {state}")
        self._session.check_loop()

    def _span(self, subscription: Delivery[Any]) -> contextlib.AbstractContextManager[None]:
        if self._telemetry is None:
            return contextlib.nullcontext()
        return self._telemetry.stream_span(subscription.name, instruments=len(subscription.instruments))

    def _pick(self) -> Line:
        """Choose the socket for one more channel: the first with room, a new one only for a reason."""
        with_room = [line for line in self._lines if len(line.seats) < line.capacity]
        for line in with_room:
            if not line.is_busy:
                return line
        if len(self._lines) < self.settings.max_sockets:
            line = Line(self, next(self._line_numbers))
            line.task.add_done_callback(self.note_failed_task)
            line.task.add_done_callback(lambda _: self._forget(line))
            self._lines.append(line)
            return line
        if with_room:
            return min(with_room, key=lambda line: line.rate)
        raise StreamError(
            f"all {len(self._lines)} sockets are full: the broker takes {MOST_SEATS} subscriptions on each"
        )

    def _forget(self, line: Line) -> None:
        """A line has ended: what was put on it since goes to another."""
        if line not in self._lines:
            return
        self._lines.remove(line)
        seats, line.seats = line.seats, {}
        for seat in seats.values():
            if not self._is_closed:
                self._pick().add(seat)

    def _patience(self, subscription: Delivery[Any]) -> float:
        waiting = sum(line.waiting for line in self._lines) + len(subscription.channels)
        # One for the connection, two for a request that is repeated once.
        return 3 * self.settings.ack_timeout + 2 * waiting / self.settings.requests_per_second

    def _expire(self, opening: Opening, subscription: Delivery[Any]) -> None:
        last_error = next((line.last_error for line in self._lines if line.last_error is not None), None)
        attempts = max((line.attempts for line in self._lines), default=0)
        about = "" if last_error is None else f": {last_error}"
        error = StreamLost(
            f"{subscription.name}: the broker could not be reached in time{about}",
            subscription=subscription.name,
            attempts=attempts,
            last_error=last_error,
        )
        error.__cause__ = last_error
        opening.fail(error)

    def _end_look_up(self, channel: Channel[Any]) -> LookUp | None:
        """Break off what is being looked up for a channel, and give what that was."""
        former = self._look_ups.pop(channel, None)
        if former is not None:
            former.task.cancel()
        return former

    async def _look_up(self, channel: Channel[Any], since: datetime, *, twice: bool) -> None:
        if channel.portfolio is not None:
            with contextlib.suppress(AlorError):  # it was said, and there is no sense in trying on
                channel.put_recovered(await self._recovery.find(channel.spec, channel.portfolio, since), since)
                if twice:
                    await self.clock.sleep(_LOOK_UP_AGAIN)
                    channel.put_recovered(await self._recovery.find(channel.spec, channel.portfolio, since), since)
        del self._look_ups[channel]  # whoever breaks it off has done that already

    # The look that is taken now and then.

    def _look_again(self) -> None:
        if self._timer is None and not self._is_closed:
            self._timer = self.clock.call_later(self.lived.step, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._lines:
            self._look_again()  # first of all: whatever fails here must not end the looking
        elif self._meters is not None:
            self._meters.flush()  # nobody looks any more: what the last ones counted is told, and that nothing waits
        now = self.clock.monotonic()
        if not self.lived.look(now):
            return
        for line in tuple(self._lines):
            if line.empty_since is not None and now - line.empty_since > _LINGER:
                self._lines.remove(line)
                self._tasks.add(line.task)
                line.task.add_done_callback(self._tasks.discard)
                line.task.cancel()
            else:
                line.look()
        wall = self.clock.now()
        for subscription in self._subscriptions:
            subscription.note_lag(wall)
        if self._meters is not None:
            self._meters.sample(self._subscriptions, now)


def _left(subscription: Delivery[Any]) -> ClosedError:
    return ClosedError(f"{subscription.name}: it was closed while it opened")
