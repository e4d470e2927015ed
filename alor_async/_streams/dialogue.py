"""What is asked and answered on one connection: requests go out in turn, replies and data find their channels."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from alor_async._contract.subscriptions import STREAMS_PING, STREAMS_UNSUBSCRIBE
from alor_async._http.message import SUCCESS_BELOW, Record
from alor_async._streams.events import Stale
from alor_async._streams.pace import Pace
from alor_async._telemetry import STREAM_LOGGER, redact, shorten
from alor_async._ws.connection import Connection
from alor_async.errors import AlorError, ClosedError, SubscriptionRejected, TokenUnavailable

if TYPE_CHECKING:
    from alor_async._http.handshake import Socket
    from alor_async._streams.hub import Hub
    from alor_async._streams.line import Line
    from alor_async._streams.seats import Seat

__all__ = ["MUCH", "Dialogue"]

MUCH: Final = 5_000
"""Messages a second that make a connection a busy one."""

_PROBES_A_LOOK: Final = 2
_MOST_REASON: Final = 200


class _Reply(msgspec.Struct, gc=False):
    guid: str | None = None
    requestGuid: str | None = None  # noqa: N815 - the wire's spelling
    httpCode: int = 0  # noqa: N815
    message: str | None = None


_reply_decoder: Final = msgspec.json.Decoder(_Reply)


class Dialogue:
    """One connection of a line, from its opening to its end.

    Args:
        hub: Whose tokens, guids and settings are used.
        line: Whose seats are asked for.
        socket: Freshly dialled.
        name: For logs and tasks.

    Attributes:
        connection: The connection.
        accepted_at: When the broker last said yes, in monotonic seconds.
        rate: Messages a second at the last look.
        calm_at: When a look last found less than it takes to call it busy, in monotonic seconds.
        unrouted: Messages for nobody.
        ping_is_open: Whether the broker's own ping was sent and not answered yet.
    """

    def __init__(self, hub: Hub, line: Line, socket: Socket, name: str) -> None:
        settings = hub.settings
        self._hub = hub
        self._line = line
        self._clock = hub.clock
        self._ack_timeout = settings.ack_timeout
        self._name = name
        self._routes: dict[bytes, Callable[[bytes], None]] = {}
        """Who gets a message, by its end."""
        self._asked: dict[str, Seat] = {}
        self._queue: list[tuple[int, int, Seat]] = []
        self._turns = itertools.count()
        self._wanted = asyncio.Event()
        self._ping_guid: str | None = None
        self._made_up_at = -1.0
        self._looked_at = self._clock.monotonic()
        self._heard = 0
        self.accepted_at = 0.0
        self.rate = 0.0
        self.calm_at = self._looked_at
        self.unrouted = 0
        self.connection = Connection(
            socket,
            clock=self._clock,
            ping_every=settings.ping_every,
            silence=settings.silence,
            on_message=self._receiver(),
            probe=self._probe,
            name=name,
        )

    @property
    def ping_is_open(self) -> bool:
        """Whether the broker's own ping waits for its answer."""
        return self._ping_guid is not None

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._queue)

    # What is asked.

    def want(self, seat: Seat) -> None:
        """Ask for a channel when its turn comes: own orders go first."""
        heapq.heappush(self._queue, (seat.channel.traits.priority, next(self._turns), seat))
        self._wanted.set()

    def renew(self, seat: Seat) -> None:
        """Ask for a channel anew. Where each message counts, the old subscription goes on until the new one is accepted."""
        if seat.channel.spec.record is Record.EVENT:
            if seat.guid is not None:
                self._asked.pop(seat.guid, None)
                self._unsubscribe(seat, seat.former)
                seat.former, seat.guid = seat.guid, None
            seat.is_accepted = False
        else:
            self._take_back(seat)
        self.want(seat)

    def leave(self, seat: Seat) -> None:
        """Unsubscribe, if it was asked for. What still comes of it is dropped."""
        self._take_back(seat)
        self._unsubscribe(seat, seat.former)
        seat.former = None

    def _take_back(self, seat: Seat) -> None:
        """Unsubscribe from what was asked for last."""
        guid, seat.guid = seat.guid, None
        seat.is_accepted = False
        self._unsubscribe(seat, guid)

    def _unsubscribe(self, seat: Seat, guid: str | None) -> None:
        if guid is None:
            return
        self._routes.pop(_end_of(guid), None)
        self._asked.pop(guid, None)
        # While a new token is on its way, the one that was good for subscribing is good enough.
        self._say(STREAMS_UNSUBSCRIBE.message(guid=guid, token=self._hub.ready_token() or seat.token))

    async def ask(self) -> None:
        """Send the requests that wait, paced, for as long as the connection lasts."""
        pace = Pace(self._hub.settings.requests_per_second, self._clock)
        while True:
            while self._queue:
                _, _, seat = heapq.heappop(self._queue)
                if not self._is_wanted(seat):
                    continue
                try:
                    token = await self._hub.token()
                except TokenUnavailable as error:
                    STREAM_LOGGER.debug("%s: %s", self._name, error)
                    self._line.last_error = error
                    await self._clock.sleep(self._hub.settings.reconnect_base)
                    self.want(seat)
                    continue
                except AlorError as error:
                    self._line.refuse_all(error)
                    continue
                self._line.last_error = None
                await pace.turn()
                if self._is_wanted(seat):
                    self._send_request(seat, token)
            self._wanted.clear()
            await self._wanted.wait()

    def _is_wanted(self, seat: Seat) -> bool:
        return seat.guid is None and self._line.seats.get(seat.channel) is seat

    def _send_request(self, seat: Seat, token: str) -> None:
        guid = self._hub.new_guid()
        key = _end_of(guid)
        seat.guid = guid
        seat.token = token
        seat.asked_at = self._hub.lived.at_next_look

        def put_first(frame: bytes) -> None:
            self._routes[key] = seat.channel.put
            self._line.settle(seat)
            seat.channel.put(frame)

        self._routes[key] = put_first
        self._asked[guid] = seat
        self._say(seat.channel.request(guid, token))

    def _ask_again(self, seat: Seat) -> None:
        self._take_back(seat)
        self.want(seat)

    def _say(self, message: bytes) -> None:
        try:
            self.connection.send(message)
        except ClosedError:
            return  # it has just ended, as its line is about to see

    def _probe(self) -> bytes | None:
        """Give the broker's own ping, while it knows it."""
        token = self._hub.ready_token() if self._hub.knows_ping else None
        if token is None:
            return None
        self._ping_guid = self._hub.new_guid()
        return STREAMS_PING.message(guid=self._ping_guid, token=token)

    # What comes.

    def _receiver(self) -> Callable[[bytes], None]:
        """Give what takes every message. It runs for each: it is a closure because that is quicker than a method."""
        find, route_by_decoding = self._routes.get, self._route_by_decoding

        def receive(data: bytes) -> None:
            # The guid ends nearly every data message: found there, nothing of it is decoded here.
            put = find(data[data.rfind(b",") :])
            if put is not None:
                put(data)
            else:
                route_by_decoding(data)

        return receive

    def _route_by_decoding(self, data: bytes) -> None:
        try:
            reply = _reply_decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._note_unreadable(data)
            return
        if reply.requestGuid is not None:
            self._on_reply(reply.requestGuid, reply.httpCode, reply.message)
            return
        put = self._routes.get(_end_of(reply.guid or ""))
        if put is not None:
            put(data)
        else:
            self.unrouted += 1

    def _note_unreadable(self, data: bytes) -> None:
        self.unrouted += 1
        STREAM_LOGGER.warning("%s: a message of %d bytes could not be read", self._name, len(data))
        if len(self._line.seats) == 1:
            next(iter(self._line.seats)).put_broken(data)
        elif self._hub.lived.now > self._made_up_at:
            # Whose it was cannot be told. If it was about money, what it said is read by REST; but while a snapshot is on
            # its way, what was there before would pass for news.
            self._made_up_at = self._hub.lived.at_next_look
            own = (channel for channel in self._line.seats if channel.traits.is_own and not channel.in_snapshot)
            self._hub.make_up(dict.fromkeys(own, self._hub.now()))

    def _on_reply(self, guid: str, code: int, message: str | None) -> None:
        self.connection.note_answer()
        if guid == self._ping_guid:
            self._ping_guid = None
            self._hub.note_ping(is_known=code < SUCCESS_BELOW or code == 401)
            return
        seat = self._asked.get(guid)
        if seat is None:
            self.unrouted += _end_of(guid) not in self._routes
        elif code < SUCCESS_BELOW:
            self._accept(seat)
        elif code == 401 and not seat.replays:
            seat.replays += 1
            self._hub.forget_token(seat.token)
            self._ask_again(seat)
        elif (code == 429 or code >= 500) and seat.was_live:
            # It was accepted before: to refuse new ones for some minutes is something that the broker does.
            self._ask_later(seat)
        else:
            owner = seat.channel.portfolio
            secrets = () if owner is None else (owner.id,)
            reason = None if message is None else shorten(redact(message, secrets), _MOST_REASON)
            self._reject(seat, code, reason, f"the broker refused with {code}: {reason or 'no reason given'}")

    def _ask_later(self, seat: Seat) -> None:
        self._take_back(seat)
        self._clock.call_later(self._hub.long_pause(), lambda: self._want_still(seat))

    def _want_still(self, seat: Seat) -> None:
        if self._is_wanted(seat):
            self.want(seat)

    def _accept(self, seat: Seat) -> None:
        if seat.guid is not None:
            self._asked.pop(seat.guid, None)
        self._unsubscribe(seat, seat.former)
        seat.former = None
        seat.is_accepted = True
        seat.heard_at = self._hub.lived.at_next_look
        self.accepted_at = self._clock.monotonic()
        self._line.settle(seat)
        opening, seat.opening = seat.opening, None
        if opening is not None:
            opening.settle()
        since, seat.owed_since = seat.owed_since, None
        if since is not None:
            self._hub.look_up(seat, since)

    def _reject(self, seat: Seat, status: int | None, reason: str | None, problem: str) -> None:
        name = seat.subscription.name
        about = "" if seat.channel.instrument_id is None else f" of {seat.channel.instrument_id}"
        self._hub.fail(
            seat.subscription,
            SubscriptionRejected(f"{name}{about}: {problem}", subscription=name, status=status, reason=reason),
        )

    # What is looked at now and then.

    def look(self) -> None:
        """See to what is overdue, what has gone quiet, and how much comes."""
        now = self._hub.lived.now
        for guid, seat in tuple(self._asked.items()):
            if now - seat.asked_at > self._ack_timeout:
                self._see_to_overdue(guid, seat)
        probes = _PROBES_A_LOOK
        for seat in tuple(self._line.seats.values()):
            if seat.note_traffic(now):
                self._hub.traffic_at = now
                seat.subscription.freshest = seat.channel
            elif seat.is_accepted and now > seat.heard_at:
                probes -= self._see_to_quiet(seat, now, may_probe=probes > 0)
        self._measure_rate(self._clock.monotonic(), self.connection.heard)

    def _measure_rate(self, now: float, heard: int) -> None:
        if now > self._looked_at:
            self.rate = (heard - self._heard) / (now - self._looked_at)
            if self.rate <= MUCH:
                self.calm_at = now
        self._heard, self._looked_at = heard, now

    def _see_to_overdue(self, guid: str, seat: Seat) -> None:
        if self._routes.get(_end_of(guid)) == seat.channel.put:
            self._accept(seat)  # data came: that is a yes
        elif not seat.repeats:
            seat.repeats += 1
            self._ask_again(seat)
        elif seat.was_live:
            self._ask_later(seat)  # so it is while a broker starts
        else:
            self._reject(seat, None, None, "the broker never answered")

    def _see_to_quiet(self, seat: Seat, now: float, *, may_probe: bool) -> bool:
        """End a snapshot after a pause; renew what is silent while others speak. Whether it was renewed."""
        settings, quiet = self._hub.settings, now - seat.heard_at
        if seat.channel.in_snapshot:
            if quiet >= (settings.ack_timeout if seat.channel.is_owed_candles else settings.snapshot_pause):
                seat.is_probed = False
                seat.channel.note_pause()
            return False
        limit = settings.stale_after
        if limit is None or not may_probe or quiet < limit * seat.patience or now - self._hub.traffic_at >= limit:
            return False
        seat.bear_longer()
        since = datetime.fromtimestamp(self._clock.now() - quiet, UTC)
        self._line.renew(seat, Stale(since=since, instrument_id=seat.channel.instrument_id))
        return True


def _end_of(guid: str) -> bytes:
    """How the messages of a subscription usually end. The guid is one of ours: there is nothing in it to escape."""
    return b',"guid":"%b"}' % guid.encode()
