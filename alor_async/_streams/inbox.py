"""Where messages wait for their consumer, as bytes: what is dropped or replaced here is never decoded.

Putting never waits, so that a slow consumer is not felt by the socket, nor by other subscriptions. There are two kinds.
A `Queue`, here, keeps what comes in its order, up to a limit. A `Board` keeps the newest of each key. What was there before
the subscription began, or began again, was asked for and comes all at once: it does not count against the limit.
"""

from __future__ import annotations

import asyncio
import copy
import enum
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    from alor_async._streams.channel import Channel
    from alor_async._streams.events import Gap

    Entry: TypeAlias = tuple[Channel[Any] | None, object]

__all__ = ["MOST_HISTORY", "MOST_NOTICES", "Inbox", "Loss", "Marker", "OnSlow", "Queue", "counts"]

MOST_HISTORY: Final = 1_000_000
"""So much of before may wait beyond the limit: a server that marks everything so must not fill the memory."""

MOST_NOTICES: Final = 20_000
"""So much may be said about a stream to somebody who only ever looks at its newest state; then the oldest is forgotten."""

_NONE: Final = -1


class OnSlow(enum.StrEnum):
    """What becomes of messages for a consumer that cannot keep up."""

    CONFLATE = "conflate"
    """The newest of each key stands for those before it."""
    DROP_OLDEST = "drop_oldest"
    """Past the limit the oldest go, and a `Gap` says how many."""
    RAISE = "raise"
    """Past the limit what waits is delivered, then `SlowConsumer` is raised."""


class Marker:
    """Something about one channel that keeps its place among its messages, and is for the consumer's end alone."""

    __slots__ = ()


class Loss:
    """What is missing of one channel, and was not told yet.

    Attributes:
        count: How many messages; none where only an interruption is to be told.
        since: When the first of them was dropped, in unix seconds, or the interruption began.
    """

    __slots__ = ("count", "since")

    def __init__(self, since: float) -> None:
        self.count = 0
        self.since = since


def counts(entry: Entry) -> bool:
    """Whether it takes room: it is news, and neither something said about the stream nor what was there before."""
    channel, payload = entry
    return channel is not None and not isinstance(payload, Marker) and not channel.tells_history(payload)


class Inbox(ABC):
    """What waits for one consumer, and the end of it.

    An entry is a channel and what came of it: bytes, or what was made of them. Without a channel it is a notice.

    Attributes:
        limit: How many messages may wait, apart from what was there before.
        dropped: How many were dropped.
        replaced: How many were replaced by newer ones of their key.
        losses: What was dropped since that was last said.
        is_overflowing: Whether messages are refused until the consumer has heard of it.
        waiter: Whom to wake when something comes; None while nobody waits.
        take: Takes the first entry; IndexError when nothing waits. Taken anew for each: it may be another one.
    """

    __slots__ = (
        "_error",
        "_exempt",
        "_now",
        "_room",
        "dropped",
        "is_ended",
        "is_overflowing",
        "limit",
        "losses",
        "replaced",
        "take",
        "waiter",
    )

    take: Callable[[], Entry]

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self.limit = limit
        self.dropped = 0
        self.replaced = 0
        self.losses: dict[Channel[Any], Loss] = {}
        self.is_ended = False
        self.is_overflowing = False
        self.waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._now = now
        self._room = limit
        """So many entries may wait; none, not even the first, while nothing is accepted."""
        self._exempt = 0
        """So many of those that wait are known not to count."""

    @property
    @abstractmethod
    def pending(self) -> int:
        """How many entries wait."""

    @abstractmethod
    def put(self, channel: Channel[Any], payload: object) -> bool:
        """Add what came, and say whether it was taken."""

    def entrance(self, channel: Channel[Any]) -> Callable[[bytes], None]:
        """Give what takes the messages of a channel, where each is put as it comes, and counts them."""

        def enter(frame: bytes) -> None:
            channel.received += 1
            channel.newest = frame
            self.put(channel, frame)

        return enter

    @abstractmethod
    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> bool:
        """Add what came of one key within its channel, and say whether it was taken."""

    @abstractmethod
    def notify(self, notice: object, channel: Channel[Any] | None = None) -> None:
        """Add what is said about the stream, in its place among the messages. It is not dropped for their sake."""

    def notify_gap(self, gap: Gap, channel: Channel[Any]) -> None:  # noqa: ARG002 - for those who may not take it
        """Add what is said of an interruption of a channel."""
        self.notify(gap)

    @abstractmethod
    def clear(self) -> None:
        """Forget what waits."""

    @property
    def lost(self) -> int:
        """How many were dropped since that was last said."""
        return sum(loss.count for loss in self.losses.values())

    def accept_again(self) -> dict[Channel[Any], Loss]:
        """Go on after an overflow of which the consumer was told, and give what was lost of which channel."""
        losses, self.losses = self.losses, {}
        self.is_overflowing = False
        self._set_room()
        return losses

    def wake(self) -> None:
        """Let the consumer look again."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def end(self, error: BaseException | None, *, at_once: bool = False) -> None:
        """Take no more. What waits is still delivered, unless the end is to be at once; then comes the error, if any."""
        if self.is_ended and not at_once:
            return
        self.is_ended = True
        self._set_room()
        self._error = error
        if at_once:
            self.accept_again()  # what was lost goes with what waits: there is nobody left to be told
            self.clear()
        self.wake()

    def raise_end(self) -> None:
        """Raise what ended it, if it ended in an error."""
        if self._error is not None:
            # A fresh one each time: one that is raised again collects the tracebacks of all.
            error = copy.copy(self._error)
            error.__cause__ = self._error.__cause__
            raise error

    def note_missed(self, channel: Channel[Any], since: datetime) -> None:
        """Let what the consumer is about to be told that he missed of a channel begin no later than this."""
        loss = self._loss_of(channel)
        loss.since = min(loss.since, since.timestamp())

    def _loss_of(self, channel: Channel[Any]) -> Loss:
        loss = self.losses.get(channel)
        if loss is None:
            loss = self.losses[channel] = Loss(self._now())
        return loss

    def _lose(self, channel: Channel[Any]) -> None:
        """Count a message that is dropped."""
        self._loss_of(channel).count += 1
        self.dropped += 1

    def _set_room(self) -> None:
        self._room = _NONE if self.is_ended or self.is_overflowing else self.limit + self._exempt

    def _spare(self, count: int) -> None:
        """Leave so many more, or fewer, of those that wait out of account."""
        self._exempt += count
        self._set_room()

    def _find_room(self, channel: Channel[Any], payload: object, waiting: Collection[Entry]) -> bool:
        """Look whether a message has a place after all, where as many wait as may: what does not count is counted only now."""
        if self.is_ended or self.is_overflowing:
            return False
        if channel.tells_history(payload) and len(waiting) < self.limit + MOST_HISTORY:
            self._spare(1)
            return True
        exempt = min(sum(not counts(entry) for entry in waiting), MOST_HISTORY)
        self._spare(exempt - self._exempt)
        return len(waiting) < self._room

    def _overflow(self) -> None:
        """Refuse from now on what comes, until the consumer has heard of it."""
        if not self.is_ended:
            self.is_overflowing = True
            self._set_room()


class Queue(Inbox):
    """Everything, in its order, up to a limit."""

    __slots__ = ("_drops_oldest", "_kept", "_marks", "waiting")

    def __init__(self, limit: int, now: Callable[[], float], *, drops_oldest: bool) -> None:
        super().__init__(limit, now)
        self.waiting: deque[Entry] = deque()
        self.take = self.waiting.popleft
        self._kept: deque[Entry] = deque()
        """What does not count and stood before messages that were dropped."""
        self._drops_oldest = drops_oldest
        self._marks: set[tuple[Channel[Any] | None, type]] = set()
        """What was said since messages are refused, once each."""

    @property
    def pending(self) -> int:
        return len(self.waiting) + len(self._kept)

    def accept_again(self) -> dict[Channel[Any], Loss]:
        self._marks.clear()
        return super().accept_again()

    def put(self, channel: Channel[Any], payload: object) -> bool:
        waiting = self.waiting
        if len(waiting) >= self._room and not self._make_room(channel, payload):
            return False
        waiting.append((channel, payload))
        if self.waiter is not None:
            self.wake()
        return True

    def entrance(self, channel: Channel[Any]) -> Callable[[bytes], None]:
        waiting, put = self.waiting, self.put

        def enter(frame: bytes) -> None:
            # It runs for every message: `put` is written out for the usual one.
            channel.received += 1
            channel.newest = frame
            if len(waiting) < self._room:
                waiting.append((channel, frame))
                if self.waiter is not None:
                    self.wake()
            else:
                put(channel, frame)

        return enter

    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> bool:  # noqa: ARG002
        return self.put(channel, payload)

    def notify(self, notice: object, channel: Channel[Any] | None = None) -> None:
        if self.is_ended or (self.is_overflowing and self._is_idle(notice, channel)):
            return
        self.waiting.append((channel, notice))
        self.wake()

    def notify_gap(self, gap: Gap, channel: Channel[Any]) -> None:
        if self.is_overflowing:
            # Only the gap of a slow consumer is told: it holds this one.
            self.note_missed(channel, gap.since)
        else:
            self.notify(gap)

    def _is_idle(self, notice: object, channel: Channel[Any] | None) -> bool:
        """Whether it tells nothing to a consumer who is about to learn that he missed too much: it is not kept for him."""
        if channel is None:
            return True
        mark = channel, type(notice)
        is_known = isinstance(notice, Marker) and mark in self._marks
        self._marks.add(mark)
        return is_known

    def clear(self) -> None:
        self.waiting.clear()
        self._kept.clear()
        self._spare(-self._exempt)
        self.take = self.waiting.popleft

    def _take_slowly(self) -> Entry:
        """Take the first, where that is not all that there is to do."""
        if self._kept:
            entry = self._kept.popleft()
        else:
            entry = self.waiting.popleft()
            if self._exempt and not counts(entry):
                self._spare(-1)
        if not self._kept and not self._exempt:
            self.take = self.waiting.popleft
        return entry

    def _spare(self, count: int) -> None:
        super()._spare(count)
        if self._exempt:
            self.take = self._take_slowly

    def _make_room(self, channel: Channel[Any], payload: object) -> bool:
        """Find room for a message, or drop the oldest if that is the policy; otherwise refuse from now on what comes."""
        drops_oldest = self._drops_oldest and not self.is_ended
        may_find = not drops_oldest or channel.tells_history(payload)
        if may_find and self._find_room(channel, payload, self.waiting):
            return True
        if drops_oldest:
            self._drop_oldest()
            return True
        self._overflow()
        if not self.is_ended:
            self._lose(channel)
        return False

    def _drop_oldest(self) -> None:
        while self.waiting:
            entry = self.waiting.popleft()
            if counts(entry):
                self._lose(cast("Channel[Any]", entry[0]))
                return
            if self._exempt:
                self._spare(-1)
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        kept = self._kept
        kept.append(entry)
        self.take = self._take_slowly
        if len(kept) > (MOST_NOTICES if kept[0][0] is None else MOST_HISTORY):
            kept.popleft()
