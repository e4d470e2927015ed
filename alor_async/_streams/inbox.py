"""Where messages wait for their consumer, as bytes: what is dropped or replaced here is never decoded.

Putting never waits, so that a slow consumer is not felt by the socket, nor by other subscriptions. There are two kinds.
A `Queue` keeps what comes in its order, up to a limit. A `Board` keeps the newest of each key.
"""

from __future__ import annotations

import asyncio
import copy
import enum
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from alor_async._streams.channel import Channel

    Entry: TypeAlias = tuple[Channel[Any] | None, object]

__all__ = ["MOST_NOTICES", "Board", "Inbox", "Marker", "OnSlow", "Queue"]

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


class Inbox(ABC):
    """What waits for one consumer, and the end of it.

    An entry is a channel and what came of it: bytes, or what was made of them. Without a channel it is a notice.

    Attributes:
        limit: How many messages may wait.
        dropped: How many were dropped.
        replaced: How many were replaced by newer ones of their key.
        waiter: Whom to wake when something comes; None while nobody waits.
        take: Takes the first entry; IndexError when nothing waits. Taken anew for each: it may be another one.
    """

    __slots__ = (
        "_error",
        "_now",
        "dropped",
        "dropped_since",
        "is_ended",
        "limit",
        "lost",
        "replaced",
        "take",
        "waiter",
    )

    take: Callable[[], Entry]

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self.limit = limit
        self.dropped = 0
        self.replaced = 0
        self.lost = 0
        """How many were dropped since that was last said."""
        self.dropped_since = 0.0
        """When the first of them was dropped; unix seconds."""
        self.is_ended = False
        self.waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._now = now

    @property
    @abstractmethod
    def pending(self) -> int:
        """How many entries wait."""

    @abstractmethod
    def put(self, channel: Channel[Any], payload: object) -> None:
        """Add what came."""

    def entrance(self, channel: Channel[Any]) -> Callable[[bytes], None]:
        """Give what takes the messages of a channel, where each is put as it comes, and counts them."""

        def enter(frame: bytes) -> None:
            channel.received += 1
            channel.newest = frame
            self.put(channel, frame)

        return enter

    @abstractmethod
    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> None:
        """Add what came of one key within its channel."""

    @abstractmethod
    def notify(self, notice: object, channel: Channel[Any] | None = None) -> None:
        """Add what is said about the stream, in its place among the messages. It is not dropped for their sake."""

    @abstractmethod
    def clear(self) -> None:
        """Forget what waits."""

    @property
    def is_overflowing(self) -> bool:
        """Whether messages are refused until the consumer has heard of it."""
        return False

    def accept_again(self) -> int:
        """Go on after an overflow of which the consumer was told, and give how many were lost."""
        lost, self.lost = self.lost, 0
        return lost

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
        self._error = error
        if at_once:
            self.clear()
        self.wake()

    def raise_end(self) -> None:
        """Raise what ended it, if it ended in an error."""
        if self._error is not None:
            # A fresh one each time: one that is raised again collects the tracebacks of all.
            error = copy.copy(self._error)
            error.__cause__ = self._error.__cause__
            raise error

    def note_loss(self, count: int = 1) -> None:
        """Count messages that are dropped."""
        if not self.lost:
            self.dropped_since = self._now()
        self.lost += count
        self.dropped += count

    def note_missed(self, since: datetime) -> None:
        """Let what the consumer is about to be told that he missed begin no later than this."""
        self.dropped_since = min(self.dropped_since, since.timestamp())


class Queue(Inbox):
    """Everything, in its order, up to a limit."""

    __slots__ = ("_drops_oldest", "_kept", "_marks", "_overflowing", "_room", "waiting")

    def __init__(self, limit: int, now: Callable[[], float], *, drops_oldest: bool) -> None:
        super().__init__(limit, now)
        self.waiting: deque[Entry] = deque()
        self.take = self.waiting.popleft
        self._room = limit
        """So many may wait; none, not even the first, while nothing is accepted."""
        self._kept: deque[Entry] = deque()
        """Notices that stood before messages that were dropped."""
        self._drops_oldest = drops_oldest
        self._overflowing = False
        self._marks: set[tuple[Channel[Any] | None, type]] = set()
        """What was said since messages are refused, once each."""

    @property
    def pending(self) -> int:
        return len(self.waiting) + len(self._kept)

    @property
    def is_overflowing(self) -> bool:
        return self._overflowing

    def accept_again(self) -> int:
        self._overflowing = False
        self._marks.clear()
        if not self.is_ended:
            self._room = self.limit
        return super().accept_again()

    def end(self, error: BaseException | None, *, at_once: bool = False) -> None:
        self._room = _NONE
        super().end(error, at_once=at_once)

    def put(self, channel: Channel[Any], payload: object) -> None:
        waiting = self.waiting
        if len(waiting) >= self._room and not self._make_room():
            return
        waiting.append((channel, payload))
        if self.waiter is not None:
            self.wake()

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

    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> None:  # noqa: ARG002
        self.put(channel, payload)

    def notify(self, notice: object, channel: Channel[Any] | None = None) -> None:
        if self.is_ended or (self._overflowing and self._is_idle(notice, channel)):
            return
        self.waiting.append((channel, notice))
        self.wake()

    def _is_idle(self, notice: object, channel: Channel[Any] | None) -> bool:
        """Whether it tells nothing to a consumer who is about to learn that he missed too much: it is not kept for him."""
        if channel is None:
            return True
        mark = channel, type(notice)
        is_known = isinstance(notice, Marker) and mark in self._marks
        self._marks.add(mark)
        return is_known

    def _take_kept(self) -> Entry:
        entry = self._kept.popleft()
        if not self._kept:
            self.take = self.waiting.popleft
        return entry

    def clear(self) -> None:
        self.waiting.clear()
        self._kept.clear()
        self.take = self.waiting.popleft

    def _make_room(self) -> bool:
        """Drop the oldest message if that is the policy; otherwise refuse from now on what comes."""
        if self.is_ended:
            return False
        if not self._drops_oldest:
            self._overflowing = True
            self._room = _NONE
            self.note_loss()
            return False
        while self.waiting:
            entry = self.waiting.popleft()
            if _is_message(entry):
                self.note_loss()
                return True
            self._kept.append(entry)
            self.take = self._take_kept
            if len(self._kept) > MOST_NOTICES:
                self._kept.popleft()
        return True


class Board(Inbox):
    """The newest of each key. What is said about the stream keeps its place: nothing moves across it.

    The limit is one of keys: a channel with one state alone never reaches it.
    """

    __slots__ = ("_overflowing", "_page", "_serial", "waiting")

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        super().__init__(limit, now)
        self.waiting: OrderedDict[object, list[Any]] = OrderedDict()
        self.take = self._take
        self._page = 0
        """Counts what was said: an entry from before may not be replaced in its place."""
        self._serial = 0
        self._overflowing = False

    @property
    def pending(self) -> int:
        return len(self.waiting)

    @property
    def is_overflowing(self) -> bool:
        return self._overflowing

    def accept_again(self) -> int:
        self._overflowing = False
        return super().accept_again()

    def put(self, channel: Channel[Any], payload: object) -> None:
        self._put(channel, channel, payload)

    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> None:
        self._put((channel, key), channel, payload)

    def _put(self, key: object, channel: Channel[Any], payload: object) -> None:
        if self.is_ended:
            return
        known = self.waiting.get(key)
        if known is not None:
            self.replaced += 1
            known[1] = payload
            if known[2] != self._page:
                known[2] = self._page
                self.waiting.move_to_end(key)
            return
        if len(self.waiting) >= self.limit and key is not channel:
            self._overflowing = True
            self.note_loss()
            return
        self.waiting[key] = [channel, payload, self._page]
        if self.waiter is not None:
            self.wake()

    def notify(self, notice: object, channel: Channel[Any] | None = None) -> None:
        if self.is_ended:
            return
        self._page += 1
        self._serial += 1
        self.waiting[self._serial] = [channel, notice, self._page]
        self.waiting.pop(self._serial - MOST_NOTICES, None)
        self.wake()

    def _take(self) -> Entry:
        if not self.waiting:
            raise IndexError
        _, (channel, payload, _) = self.waiting.popitem(last=False)
        return channel, payload

    def clear(self) -> None:
        self.waiting.clear()


def _is_message(entry: Entry) -> bool:
    """Whether it is something that came, and not something said about the stream."""
    return entry[0] is not None and not isinstance(entry[1], Marker)
