"""What a blotter has to tell, while it waits for the one who reads it."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from typing import Generic, Self, TypeVar

from alor_async.errors import SlowConsumer, StreamError

__all__ = ["NewsQueue", "again"]

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def again(error: E) -> E:
    """Give an error that was told already anew: one that is raised again and again collects the tracebacks of all."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin


class NewsQueue(Generic[T]):
    """A queue that never makes its writer wait: past its limit it takes nothing more until its reader has heard of it.

    Args:
        name: Whose news.
        limit: How many may wait.
    """

    __slots__ = ("_dropped", "_end", "_is_ended", "_limit", "_name", "_news", "_waiter")

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._news: deque[T] = deque()
        self._dropped = 0
        self._is_ended = False
        self._end: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: T) -> None:
        """Add something, unless it is full."""
        if self._is_ended:
            return
        if self._dropped or len(self._news) >= self._limit:
            self._dropped += 1
        else:
            self._news.append(item)
        self._wake()

    def end(self, error: BaseException | None, *, at_once: bool = False) -> None:
        """Let the reading end, after what waits; with an error unless it is None. The first end stands."""
        if at_once:
            self._news.clear()
            self._dropped = 0
        if not self._is_ended:
            self._is_ended, self._end = True, error
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Give the next.

        Raises:
            SlowConsumer: Some were dropped; reading again goes on after them.
            StopAsyncIteration: There will be no more.
            StreamError: Somebody else waits already.
            BaseException: What it was ended with.
        """
        while not self._news:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                raise SlowConsumer(
                    f"{self._name}: the reader fell behind: {dropped} events were dropped past the limit of {self._limit}; "
                    "the view is whole, and reading again goes on",
                    subscription=self._name,
                    dropped=dropped,
                )
            if self._is_ended:
                raise StopAsyncIteration if self._end is None else again(self._end)
            await self._wait()
        return self._news.popleft()

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise StreamError("the events of this blotter are being read already", subscription=self._name)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
