"""One socket, and all that is subscribed over it: asked for, watched, lost with it, and got back."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alor_async._contract.subscriptions import STREAMS_PING, STREAMS_UNSUBSCRIBE
from alor_async._http.message import SUCCESS_BELOW
from alor_async._policy.backoff import full_jitter
from alor_async._streams.events import GapReason, Stale
from alor_async._streams.seats import Seat
from alor_async._telemetry import STREAM_LOGGER, redact, shorten
from alor_async._ws.close_codes import Remedy
from alor_async._ws.connection import Connection, Ending
from alor_async._ws.dialing import dial
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    RateLimited,
    StatusError,
    StreamLost,
    SubscriptionRejected,
    TokenUnavailable,
    Unauthorized,
)

if TYPE_CHECKING:
    from alor_async._http.handshake import Socket
    from alor_async._streams.channel import Channel
    from alor_async._streams.hub import Hub

__all__ = ["MOST_SEATS", "Line"]

MOST_SEATS: Final = 5_000
"""So many subscriptions the broker accepts on one connection."""

_MUCH: Final = 5_000
"""A line that brings more messages a second than this takes no more subscriptions while another may be opened."""

_FLOOD: Final = 1_000
"""After so many messages an end right after an acknowledgement is taken for the broker's own overflow."""

_RIGHT_AFTER: Final = 1.0
_LONGEST_ORDERED_PAUSE: Final = 60.0
_GIVE_UPS: Final = 3
_PROBES_A_LOOK: Final = 2
_MOST_REASON: Final = 200
_OVERFLOW_WORDS: Final = ("overflow", "buffer", "unread", "too slow", "slow consumer")


class _Reply(msgspec.Struct, gc=False):
    guid: str | None = None
    requestGuid: str | None = None  # noqa: N815 - the wire's spelling
    httpCode: int = 0  # noqa: N815
    message: str | None = None


_reply_decoder: Final = msgspec.json.Decoder(_Reply)


class Line:
    """One socket of a hub and its supervisor: it connects, subscribes, and starts again until it is closed.

    Args:
        hub: Whose it is.
        number: For names of tasks.

    Attributes:
        seats: What is subscribed, or to be.
        capacity: How many it takes.
        rate: Messages a second at the last look.
        last_error: What the last failure to connect was.
        attempts: How many connections were tried for the present one.
        unrouted: Messages for nobody.
        empty_since: Since when nothing is wanted of it, in monotonic seconds; None while something is.
    """

    def __init__(self, hub: Hub, number: int) -> None:
        self._hub = hub
        self._clock = hub.clock
        self._settings = hub.settings
        self._number = number
        self.seats: dict[Channel[Any], Seat] = {}
        self.capacity = MOST_SEATS
        self.rate = 0.0
        self.last_error: AlorError | None = None
        self.attempts = 0
        self.unrouted = 0
        self.empty_since: float | None = None
        self._routes: dict[bytes, Callable[[bytes], None]] = {}
        self._asked: dict[str, Seat] = {}
        self._queue: list[tuple[int, int, Seat]] = []
        self._turns = itertools.count()
        self._wanted = asyncio.Event()
        self._connection: Connection | None = None
        self._connected_at = 0.0
        self._accepted_at = 0.0
        self._heard = 0
        self._looked_at = 0.0
        self._failures = 0
        self._give_ups = 0
        self._pause_ordered = 0.0
        self._ping_guid: str | None = None
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._run(), name=f"alor-stream-line-{number}", context=contextvars.Context()
        )

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    @property
    def is_busy(self) -> bool:
        """Whether it brings so much that others should not be put on it."""
        return self.rate > _MUCH

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._queue)

    # What is wanted.

    def add(self, seat: Seat) -> None:
        """Subscribe one more."""
        self.seats[seat.channel] = seat
        self.empty_since = None
        self._want(seat)

    def remove(self, channel: Channel[Any]) -> None:
        """Unsubscribe. Locally it ends at once; what still comes is dropped."""
        seat = self.seats.pop(channel, None)
        if seat is None:
            return
        self._leave(seat)
        if not self.seats:
            self.empty_since = self._clock.monotonic()

    def renew(self, seat: Seat, stale: Stale | None = None) -> None:
        """Ask for a subscription anew, under another guid."""
        self._leave(seat)
        seat.repeats = seat.replays = 0
        seat.channel.renew(stale)
        self._want(seat)

    def _want(self, seat: Seat) -> None:
        if self._connection is not None:
            heapq.heappush(self._queue, (seat.channel.traits.priority, next(self._turns), seat))
            self._wanted.set()

    def _leave(self, seat: Seat) -> None:
        guid, seat.guid = seat.guid, None
        seat.is_accepted = False
        if guid is None:
            return
        self._routes.pop(guid.encode(), None)
        self._asked.pop(guid, None)
        connection = self._connection
        token = None if connection is None else self._hub.ready_token()
        if connection is not None and token is not None:
            connection.send(STREAMS_UNSUBSCRIBE.message(guid=guid, token=token))

    # The supervisor.

    async def _run(self) -> None:
        socket = await self._connect()
        while socket is not None:
            ending = await self._serve(socket)
            reason = self._interrupt(ending)
            if ending.remedy is Remedy.REAUTHORIZE:
                self._hub.forget_token()
            if self._gives_up(ending):
                return
            with self._hub.reconnecting(reason) as progress:
                socket = await self._connect()
                progress.attempts = self.attempts

    async def _connect(self) -> Socket | None:
        """Try until it works; None when there is no sense in it."""
        began = self._clock.monotonic()
        self.attempts = 0
        while True:
            if self._failures:
                await self._clock.sleep(self._pause())
            self.attempts += 1
            try:
                return await dial(
                    self._hub.transport,
                    self._hub.url,
                    timeout=self._settings.ack_timeout,
                    max_message=self._settings.max_message,
                )
            except ClosedError:
                return None
            except AlorError as error:
                self._note_failure(error)
            patience = self._settings.give_up_after
            if patience is not None and self._clock.monotonic() - began >= patience:
                self._lose(f"no connection for {patience:g} s")
                return None

    def _pause(self) -> float:
        pause = full_jitter(
            self._failures,
            base=self._settings.reconnect_base,
            cap=self._settings.reconnect_cap,
            random=self._hub.random,
        )
        ordered, self._pause_ordered = self._pause_ordered, 0.0
        return max(pause, ordered)

    def _note_failure(self, error: AlorError) -> None:
        STREAM_LOGGER.debug("socket %d: attempt %d: %s", self._number, self.attempts, error)
        self.last_error = error
        self._failures += 1
        if isinstance(error, RateLimited):
            self._pause_ordered = min(error.retry_after or 0.0, _LONGEST_ORDERED_PAUSE)
        elif isinstance(error, Unauthorized) and self.attempts == 1:
            self._hub.forget_token()
        elif isinstance(error, StatusError) and not error.retryable:
            # Whoever opens a subscription learns it at once; those that have lived sit it out.
            for seat in tuple(self.seats.values()):
                if seat.opening is not None and not seat.was_live:
                    seat.opening.fail(self._lost(seat, f"the broker refused the connection: {error}"))

    async def _serve(self, socket: Socket) -> Ending:
        connection = Connection(
            socket,
            clock=self._clock,
            ping_every=self._settings.ping_every,
            silence=self._settings.silence,
            on_message=self._on_message,
            probe=self._probe,
            name=f"alor-stream-socket-{self._number}",
        )
        self._connected_at = self._looked_at = self._clock.monotonic()
        self._heard = 0
        self._connection = connection
        for seat in self.seats.values():
            self._want(seat)
        asker = asyncio.get_running_loop().create_task(self._ask(connection), name=f"alor-stream-asker-{self._number}")
        asker.add_done_callback(self._hub.note_failed_task)
        try:
            return await connection.run()
        finally:
            self._since = connection.last_heard
            self._total = connection.heard
            self._connection = None
            asker.cancel()
            await connection.close()

    async def _ask(self, connection: Connection) -> None:
        """Send the requests that wait, paced: own orders first."""
        pace = _Pace(self._settings.requests_per_second, self._hub)
        while True:
            while self._queue:
                _, _, seat = heapq.heappop(self._queue)
                if seat.guid is not None or self.seats.get(seat.channel) is not seat:
                    continue
                try:
                    token = await self._hub.token()
                except TokenUnavailable as error:
                    STREAM_LOGGER.debug("socket %d: %s", self._number, error)
                    await self._clock.sleep(self._settings.reconnect_base)
                    self._want(seat)
                    continue
                except AlorError as error:
                    self._refuse_all(error)
                    return
                await pace.turn()
                if seat.guid is None and self.seats.get(seat.channel) is seat:
                    self._send_request(connection, seat, token)
            self._wanted.clear()
            await self._wanted.wait()

    def _send_request(self, connection: Connection, seat: Seat, token: str) -> None:
        guid = self._hub.new_guid()
        key = guid.encode()
        seat.guid = guid
        seat.asked_at = self._clock.monotonic()

        def put_first(frame: bytes) -> None:
            self._routes[key] = seat.channel.put
            self._settle(seat)
            seat.channel.put(frame)

        self._routes[key] = put_first
        self._asked[guid] = seat
        connection.send(seat.channel.request(guid, token))

    # What comes.

    def _on_message(self, data: bytes) -> None:
        # The guid ends nearly every data message: found there, nothing of it is decoded here.
        start = data.rfind(b'"guid":"', -60)
        put = self._routes.get(data[start + 8 : -2]) if start >= 0 else None
        if put is not None:
            put(data)
        else:
            self._route_by_decoding(data)

    def _route_by_decoding(self, data: bytes) -> None:
        try:
            reply = _reply_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._note_unreadable(data)
            return
        if reply.requestGuid is not None:
            self._on_reply(reply.requestGuid, reply.httpCode, reply.message)
            return
        put = self._routes.get((reply.guid or "").encode())
        if put is not None:
            put(data)
        else:
            self.unrouted += 1

    def _note_unreadable(self, data: bytes) -> None:
        self.unrouted += 1
        STREAM_LOGGER.warning("socket %d: a message of %d bytes could not be read", self._number, len(data))
        if len(self.seats) == 1:
            next(iter(self.seats)).put_broken(data)

    def _on_reply(self, guid: str, code: int, message: str | None) -> None:
        connection = self._connection
        if connection is not None:
            connection.note_answer()
        seat = self._asked.get(guid)
        if guid == self._ping_guid:
            self._ping_guid = None
            self._hub.note_ping(is_known=code < SUCCESS_BELOW or code == 401)
        elif seat is None:
            self.unrouted += guid.encode() not in self._routes
        elif code < SUCCESS_BELOW:
            self._accept(seat)
        elif code == 401 and not seat.replays:
            self._hub.forget_token()
            self._ask_again(seat)
            seat.replays = 1
        elif (code == 429 or code >= 500) and seat.was_live:
            # It was accepted before: refusing new ones for some minutes is something that the broker does.
            self._leave(seat)
            self._clock.call_later(self._retry_pause(), lambda: self._want_still(seat))
        else:
            owner = seat.channel.portfolio
            secrets = () if owner is None else (owner.id,)
            reason = None if message is None else shorten(redact(message, secrets), _MOST_REASON)
            self._reject(seat, code, reason, f"the broker refused with {code}: {reason or 'no reason given'}")

    def _retry_pause(self) -> float:
        return self._settings.reconnect_base + self._settings.reconnect_cap * self._hub.random() / 10

    def _want_still(self, seat: Seat) -> None:
        if seat.guid is None and self.seats.get(seat.channel) is seat:
            self._want(seat)

    def _ask_again(self, seat: Seat) -> None:
        repeats, replays = seat.repeats, seat.replays
        self._leave(seat)
        seat.repeats, seat.replays = repeats, replays
        self._want(seat)

    def _accept(self, seat: Seat) -> None:
        if seat.guid is not None:
            self._asked.pop(seat.guid, None)
        seat.is_accepted = True
        seat.heard_at = self._accepted_at = self._clock.monotonic()
        self._settle(seat)
        opening, seat.opening = seat.opening, None
        if opening is not None:
            opening.settle()
        since, seat.owed_since = seat.owed_since, None
        if since is not None:
            self._hub.look_up(seat, since)

    def _settle(self, seat: Seat) -> None:
        seat.settle(self._hub.now(), self.attempts, self)

    def _reject(self, seat: Seat, status: int | None, reason: str | None, problem: str) -> None:
        name = seat.subscription.name
        about = "" if seat.channel.instrument_id is None else f" of {seat.channel.instrument_id}"
        self._hub.fail(
            seat.subscription,
            SubscriptionRejected(f"{name}{about}: {problem}", subscription=name, status=status, reason=reason),
        )

    def _probe(self) -> bytes | None:
        """Give the broker's own ping, while it knows it."""
        token = self._hub.ready_token() if self._hub.knows_ping else None
        if token is None:
            return None
        self._ping_guid = self._hub.new_guid()
        return STREAMS_PING.message(guid=self._ping_guid, token=token)

    # Ends.

    def _interrupt(self, ending: Ending) -> GapReason:
        """The connection is gone: say so to everybody, and get ready for the next."""
        now = self._clock.monotonic()
        reason = self._reason_of(ending, now)
        STREAM_LOGGER.info("socket %d: %s (%s %s)", self._number, reason, ending.code, ending.reason)
        if self._ping_guid is not None and ending.cause == "closed":
            self._hub.note_ping(is_known=False)
        if now - self._connected_at >= self._settings.stable_after:
            self._failures = self._give_ups = 0
        self._failures += 1
        if reason == "overflow":
            self.capacity = max(1, len(self.seats) // 2)  # the others go to another socket, where one may be opened
        self._routes.clear()
        self._asked.clear()
        self._queue.clear()
        self._ping_guid = None
        self.rate = 0.0
        since = datetime.fromtimestamp(self._since, UTC)
        for seat in self.seats.values():
            seat.interrupt(since, reason, self)
        if reason == "overflow":
            self._hub.spread(self)
        return reason

    def _reason_of(self, ending: Ending, now: float) -> GapReason:
        if ending.cause in {"closed", "lost"}:
            is_flooded = self.rate > _MUCH or (now - self._accepted_at <= _RIGHT_AFTER and self._total >= _FLOOD)
            if is_flooded or any(word in ending.reason.lower() for word in _OVERFLOW_WORDS):
                return "overflow"
        return _REASONS[ending.cause]

    def _gives_up(self, ending: Ending) -> bool:
        if ending.remedy is not Remedy.GIVE_UP:
            return False
        self._give_ups += 1
        if self._give_ups < _GIVE_UPS:
            return False
        self._lose(f"the broker ended {_GIVE_UPS} connections in a row with code {ending.code}")
        return True

    def _lose(self, problem: str) -> None:
        """End everything that is subscribed here."""
        for seat in tuple(self.seats.values()):
            self._hub.fail(seat.subscription, self._lost(seat, problem))

    def _lost(self, seat: Seat, problem: str, cause: BaseException | None = None) -> StreamLost:
        cause = cause or self.last_error
        error = StreamLost(
            f"{seat.subscription.name}: {problem}",
            subscription=seat.subscription.name,
            attempts=self.attempts,
            last_error=cause,
        )
        error.__cause__ = cause
        return error

    def _refuse_all(self, error: AlorError) -> None:
        """There is no token, and there will be none."""
        for seat in tuple(self.seats.values()):
            is_opening = seat.opening is not None and isinstance(error, AuthError | ClosedError)
            self._hub.fail(seat.subscription, error if is_opening else self._lost(seat, str(error), error))

    # The look that the hub takes now and then.

    def look(self, now: float) -> None:
        """See to what is overdue, what has gone quiet, and how much comes."""
        connection = self._connection
        if connection is None:
            return
        for guid, seat in tuple(self._asked.items()):
            if now - seat.asked_at > self._settings.ack_timeout:
                self._see_to_overdue(guid, seat)
        probes = _PROBES_A_LOOK
        for seat in tuple(self.seats.values()):
            if seat.note_traffic(now):
                self._hub.traffic_at = now
            elif seat.is_accepted and now > seat.heard_at:
                probes -= self._see_to_quiet(seat, now, may_probe=probes > 0)
        if now > self._looked_at:
            self.rate = (connection.heard - self._heard) / (now - self._looked_at)
        self._heard, self._looked_at = connection.heard, now

    def _see_to_overdue(self, guid: str, seat: Seat) -> None:
        if self._routes.get(guid.encode()) == seat.channel.put:
            self._accept(seat)  # data came: that is a yes
        elif not seat.repeats:
            self._ask_again(seat)
            seat.repeats = 1
        else:
            self._reject(seat, None, None, "the broker never answered")

    def _see_to_quiet(self, seat: Seat, now: float, *, may_probe: bool) -> bool:
        """End a snapshot after a pause; renew what is silent while others speak. Whether it was renewed."""
        quiet = now - seat.heard_at
        if seat.channel.in_snapshot:
            if quiet >= self._settings.snapshot_pause:
                seat.channel.note_pause()
            return False
        limit = self._settings.stale_after
        if limit is None or not may_probe or quiet < limit * seat.patience or now - self._hub.traffic_at > limit:
            return False
        seat.bear_longer()
        since = self._hub.now().timestamp() - quiet
        stale = Stale(since=datetime.fromtimestamp(since, UTC), instrument_id=seat.channel.instrument_id)
        self.renew(seat, stale)
        return True


_REASONS: Final[dict[str, GapReason]] = {
    "closed": "closed",
    "lost": "lost",
    "silent": "silent",
    "deaf": "silent",
    "too_long": "too_long",
    "broken": "broken",
    "local": "closed",
}


class _Pace:
    """Turns at a steady rate, after a burst of a second's worth."""

    __slots__ = ("_at", "_clock", "_left", "_rate")

    def __init__(self, rate: float, hub: Hub) -> None:
        self._rate = rate
        self._clock = hub.clock
        self._left = max(1.0, rate)
        self._at = self._clock.monotonic()

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = self._clock.monotonic()
        self._left = min(max(1.0, self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            await self._clock.sleep((1.0 - self._left) / self._rate)
            now = self._clock.monotonic()
            self._left += (now - self._at) * self._rate
            self._at = now
        self._left -= 1.0
