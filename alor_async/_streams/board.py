"""An inbox for state: the newest of each key waits for its consumer, and what it overtook does not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alor_async._streams.inbox import MOST_NOTICES, Inbox, Loss, counts

if TYPE_CHECKING:
    from alor_async._streams.channel import Channel
    from alor_async._streams.inbox import Entry

__all__ = ["Board"]


class Board(Inbox):
    """The newest of each key. What is said about the stream keeps its place: nothing moves across it.

    The limit is one of keys: a channel with one state alone never reaches it.
    """

    __slots__ = ("_lost_keys", "_page", "_serial", "waiting")

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        super().__init__(limit, now)
        self.waiting: OrderedDict[object, list[Any]] = OrderedDict()
        self.take = self._take
        self._page = 0
        """Counts what was said: an entry from before may not be replaced in its place."""
        self._serial = 0
        self._lost_keys: set[object] = set()
        """Of what states were dropped since that was last said: what is missing of each is the newest."""

    @property
    def pending(self) -> int:
        return len(self.waiting)

    def accept_again(self) -> dict[Channel[Any], Loss]:
        self._lost_keys.clear()
        return super().accept_again()

    def put(self, channel: Channel[Any], payload: object) -> bool:
        return self._put(channel, channel, payload)

    def put_keyed(self, channel: Channel[Any], key: object, payload: object) -> bool:
        return self._put((channel, key), channel, payload)

    def _put(self, key: object, channel: Channel[Any], payload: object) -> bool:
        if self.is_ended:
            return False
        known = self.waiting.get(key)
        if known is not None:
            self.replaced += 1
            known[1] = payload
            if known[2] != self._page:
                known[2] = self._page
                self.waiting.move_to_end(key)
            return True
        if len(self.waiting) >= self._room and key is not channel and not self._make_room(key, channel, payload):
            return False
        self.waiting[key] = [channel, payload, self._page]
        if self.waiter is not None:
            self.wake()
        return True

    def _make_room(self, key: object, channel: Channel[Any], payload: object) -> bool:
        if not self.is_overflowing and self._find_room(channel, payload, self._entries()):
            return True
        self._overflow()
        if key in self._lost_keys:
            self.replaced += 1
        else:
            self._lost_keys.add(key)
            self._lose(channel)
        return False

    def _entries(self) -> list[Entry]:
        return [(channel, payload) for channel, payload, _ in self.waiting.values()]

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
        if self._exempt and not counts((channel, payload)):
            self._spare(-1)
        return channel, payload

    def clear(self) -> None:
        self.waiting.clear()
        self._spare(-self._exempt)
