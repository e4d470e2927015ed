"""One socket of the hub's, and its supervisor: it is opened, served, lost, and got back."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final

from alor_async._policy.backoff import full_jitter
from alor_async._streams.dialogue import MUCH, Dialogue
from alor_async._streams.events import GapReason, Stale
from alor_async._telemetry import STREAM_LOGGER
from alor_async._ws.close_codes import Remedy
from alor_async._ws.connection import Ending
from alor_async._ws.dialing import dial
from alor_async.errors import AlorError, AuthError, ClosedError, RateLimited, StatusError, StreamLost, Unauthorized

if TYPE_CHECKING:
    from alor_async._http.handshake import Socket
    from alor_async._streams.channel import Channel
    from alor_async._streams.hub import Hub
    from alor_async._streams.seats import Seat

__all__ = ["MOST_SEATS", "Line"]

MOST_SEATS: Final = 5_000
"""So many subscriptions the broker accepts on one connection."""

_LASTING: Final = 10.0
"""A line that has been busy for so many seconds takes no more subscriptions while another may be opened: a snapshot ends."""

_FLOOD: Final = 1_000
"""After so many messages an end right after an acknowledgement is taken for the broker's own overflow."""

_RIGHT_AFTER: Final = 1.0
_LONGEST_REST: Final = 2.0
"""Who opens a subscription waits so many times `ack_timeout` for the next attempt, at most: he gives up after three."""

_LONGEST_ORDERED_PAUSE: Final = 60.0
_GIVE_UPS: Final = 3
_OVERFLOW_WORDS: Final = ("overflow", "buffer", "unread", "too slow", "slow consumer")

_REASONS: Final[dict[str, GapReason]] = {
    "closed": "closed",
    "lost": "lost",
    "silent": "silent",
    "deaf": "silent",
    "too_long": "too_long",
    "broken": "broken",
    "local": "closed",
}


class Line:
    """One socket of a hub, over any number of connections.

    Args:
        hub: Whose it is.
        number: For names of tasks.

    Attributes:
        seats: What is subscribed, or to be.
        capacity: How many it takes.
        last_error: Why there is no connection, or no token for what is to be said over it; None where there is both.
        attempts: How many connections were tried for the present one.
        empty_since: Since when nothing is wanted of it, in monotonic seconds; None while something is.
        task: What keeps it up; it ends when there is no sense in going on.
    """

    def __init__(self, hub: Hub, number: int) -> None:
        self._hub = hub
        self._clock = hub.clock
        self._settings = hub.settings
        self._name = f"alor-stream-socket-{number}"
        self.seats: dict[Channel[Any], Seat] = {}
        self.capacity = MOST_SEATS
        self.last_error: AlorError | None = None
        self.attempts = 0
        self.empty_since: float | None = None
        self._dialogue: Dialogue | None = None
        self._connected_at = 0.0
        self._failures = 0
        self._give_ups = 0
        self._overflows = 0
        self._pause_ordered = 0.0
        self._was_unauthorized = False
        self._resting: asyncio.Task[None] | None = None
        """A pause that may still be shortened."""
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._run(), name=self._name, context=contextvars.Context()
        )

    @property
    def rate(self) -> float:
        """Messages a second at the last look."""
        return 0.0 if self._dialogue is None else self._dialogue.rate

    @property
    def is_busy(self) -> bool:
        """Whether it has brought so much for so long that others should not be put on it."""
        return self._dialogue is not None and self._clock.monotonic() - self._dialogue.calm_at > _LASTING

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self.seats) if self._dialogue is None else self._dialogue.waiting

    # What is wanted.

    def add(self, seat: Seat) -> None:
        """Subscribe one more."""
        self.seats[seat.channel] = seat
        self.empty_since = None
        if self._dialogue is not None:
            self._dialogue.want(seat)
        elif seat.opening is not None:
            self._shorten_rest()

    def remove(self, channel: Channel[Any], error: BaseException) -> None:
        """Unsubscribe. Locally it ends at once; what still comes is dropped. Whoever is opening it gets the error."""
        seat = self.seats.pop(channel, None)
        if seat is None:
            return
        if seat.opening is not None:
            seat.opening.fail(error)
        if self._dialogue is not None:
            self._dialogue.leave(seat)
        if not self.seats:
            self.empty_since = self._clock.monotonic()

    def renew(self, seat: Seat, stale: Stale | None = None) -> None:
        """Ask for a subscription anew, under another guid."""
        if self._dialogue is None:
            return  # all of them are about to be asked for anew
        self._dialogue.renew(seat)
        seat.repeats = seat.replays = 0
        seat.is_probed = stale is not None
        seat.channel.renew(stale)

    def renew_later(self, seat: Seat) -> None:
        """Ask anew after a pause: a snapshot that is too much for its inbox would else be asked for without a pause."""

        def renew() -> None:
            if self.seats.get(seat.channel) is seat:
                self.renew(seat)

        self._clock.call_later(self._hub.long_pause(), renew)

    def settle(self, seat: Seat) -> None:
        """The first sign of a subscription came: an interruption of it is over."""
        seat.settle(self._hub.now(), self.attempts)

    def look(self) -> None:
        """See to what is overdue, what has gone quiet, and how much comes."""
        if self._dialogue is not None:
            self._dialogue.look()

    # The supervisor.

    async def _run(self) -> None:
        socket = await self._connect()
        while socket is not None:
            reason = await self._serve(socket)
            if reason is None or not self.seats:
                return
            with self._hub.reconnecting(reason) as progress:
                socket = await self._connect()
                progress.attempts = self.attempts
                progress.is_back = socket is not None

    async def _connect(self) -> Socket | None:
        """Try until it works; None when there is no sense in it, or nothing is wanted any more."""
        began = self._clock.monotonic()
        patience = self._settings.give_up_after
        self.attempts = 0
        self._was_unauthorized = False
        while self.seats:
            if self._failures:
                await self._rest(inf if patience is None else began + patience - self._clock.monotonic())
                if not self.seats:
                    break
            self.attempts += 1
            try:
                return await dial(
                    self._hub.transport,
                    self._hub.url,
                    timeout=self._settings.ack_timeout,
                    max_message=self._settings.max_message,
                )
            except ClosedError as error:
                self._lose(str(error), error)
                return None
            except AlorError as error:
                self._note_failure(error)
            if patience is not None and self._clock.monotonic() - began >= patience:
                self._lose(f"no connection for {patience:g} s", self.last_error)
        return None

    async def _rest(self, longest: float) -> None:
        """Pause before the next attempt: for so long at most, and as long as nobody comes who has less time."""
        pause = full_jitter(
            self._failures,
            base=self._settings.reconnect_base,
            cap=self._settings.reconnect_cap,
            random=self._hub.random,
        )
        ordered, self._pause_ordered = self._pause_ordered, 0.0
        pause = max(min(max(pause, ordered), longest), 0.0)
        rest = asyncio.get_running_loop().create_task(self._clock.sleep(pause), name=f"{self._name}-rest")
        if not ordered:
            self._resting = rest
        try:
            await asyncio.wait({rest})
        finally:
            self._resting = None
            rest.cancel()
            await asyncio.wait({rest})

    def _shorten_rest(self) -> None:
        """Let somebody who opens a subscription not wait in vain for a broker that is back: try before he gives up.

        Each pause is shortened once, to a random one: many who come do not come at once, and not more often.
        """
        rest, self._resting = self._resting, None
        if rest is not None:
            remaining = _LONGEST_REST * self._settings.ack_timeout * self._hub.random()
            self._clock.call_later(remaining, lambda: _cancel(rest))

    def _note_failure(self, error: AlorError) -> None:
        STREAM_LOGGER.debug("%s: attempt %d: %s", self._name, self.attempts, error)
        self.last_error = error
        self._failures += 1
        if isinstance(error, RateLimited):
            self._pause_ordered = min(error.retry_after or 0.0, _LONGEST_ORDERED_PAUSE)
        elif isinstance(error, Unauthorized) and not self._was_unauthorized:
            self._was_unauthorized = True
            self._hub.forget_token()
        elif isinstance(error, StatusError) and not error.retryable:
            # Whoever opens a subscription learns it at once; those that have lived sit it out.
            for seat in tuple(self.seats.values()):
                if seat.opening is not None and not seat.was_live:
                    seat.opening.fail(self._lost(seat, f"the broker refused the connection: {error}", error))

    async def _serve(self, socket: Socket) -> GapReason | None:
        """Use a connection to its end. Returns why it ended, None when there is no sense in another."""
        dialogue = self._dialogue = Dialogue(self._hub, self, socket, self._name)
        self._connected_at = self._clock.monotonic()
        for seat in self.seats.values():
            dialogue.want(seat)
        asker = asyncio.get_running_loop().create_task(dialogue.ask(), name=f"{self._name}-asker")
        asker.add_done_callback(self._hub.note_failed_task)
        try:
            ending = await dialogue.connection.run()
        finally:
            self._dialogue = None
            asker.cancel()
            await dialogue.connection.close()
        return self._interrupt(dialogue, ending)

    # Ends.

    def _interrupt(self, dialogue: Dialogue, ending: Ending) -> GapReason | None:
        """The connection is gone: say so to everybody, and get ready for the next."""
        now = self._clock.monotonic()
        reason = self._reason_of(dialogue, ending, now)
        STREAM_LOGGER.info("%s: %s (code %s) %s", self._name, reason, ending.code, ending.reason or "without a word")
        if dialogue.ping_is_open and ending.cause == "closed":
            self._hub.suspect_ping()
        if now - self._connected_at >= self._settings.stable_after:
            self._failures = self._give_ups = 0
        self._failures += 1
        since = datetime.fromtimestamp(dialogue.connection.last_heard, UTC)
        for seat in self.seats.values():
            seat.interrupt(since, reason)
        self._overflows = self._overflows + 1 if reason == "overflow" else 0
        if self._overflows > 1 or _names_overflow(ending):
            # A path that broke in the middle of a large snapshot looks the same, once: hence the second in a row.
            self.capacity = max(1, len(self.seats) // 2)
            self._hub.spread(self)
        if ending.remedy is Remedy.REAUTHORIZE:
            self._hub.forget_token()
        elif ending.remedy is Remedy.GIVE_UP:
            self._give_ups += 1
            if self._give_ups >= _GIVE_UPS:
                self._lose(f"the broker ended {_GIVE_UPS} connections in a row with code {ending.code}")
                return None
        return reason

    def _reason_of(self, dialogue: Dialogue, ending: Ending, now: float) -> GapReason:
        if ending.cause in {"closed", "lost"}:
            heard = dialogue.connection.heard
            is_flooded = dialogue.rate > MUCH or (now - dialogue.accepted_at <= _RIGHT_AFTER and heard >= _FLOOD)
            if is_flooded or _names_overflow(ending):
                return "overflow"
        return _REASONS[ending.cause]

    def _lose(self, problem: str, cause: BaseException | None = None) -> None:
        """End everything that is subscribed here."""
        for seat in tuple(self.seats.values()):
            self._hub.fail(seat.subscription, self._lost(seat, problem, cause))

    def refuse_all(self, error: AlorError) -> None:
        """End everything that is subscribed here: there is no token, and there will be none."""
        for seat in tuple(self.seats.values()):
            is_opening = seat.opening is not None and isinstance(error, AuthError | ClosedError)
            self._hub.fail(seat.subscription, error if is_opening else self._lost(seat, str(error), error))

    def _lost(self, seat: Seat, problem: str, cause: BaseException | None) -> StreamLost:
        name = seat.subscription.name
        error = StreamLost(f"{name}: {problem}", subscription=name, attempts=self.attempts, last_error=cause)
        error.__cause__ = cause
        return error


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _names_overflow(ending: Ending) -> bool:
    return any(word in ending.reason.lower() for word in _OVERFLOW_WORDS)
