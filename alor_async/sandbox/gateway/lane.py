"""One direction of a connection: bytes pass at once while it is straight, through a small task while it is bent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable


class Bend:
    """What one direction of a wire does to the bytes that pass: delays, pieces, a pace, and an end after so many bytes."""

    __slots__ = ("bandwidth", "latency", "left", "on_end", "piece", "piece_pause", "swallow")

    def __init__(self) -> None:
        self.latency: Callable[[], float] | None = None
        self.bandwidth: float | None = None
        self.piece: int | None = None
        self.piece_pause = 0.0
        self.left: int | None = None
        self.on_end: Callable[[], None] | None = None
        self.swallow = False

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """Cut a chunk as the bend wants it."""
        size = self.piece or len(data)
        return (data[start : start + size] for start in range(0, len(data), size))


class Lane:
    """One direction of a wire: delivers at once while straight, through a small task while bent."""

    __slots__ = ("_deliver", "_finished", "_task", "_waiting", "bend", "name")

    def __init__(self, name: str, deliver: Callable[[bytes], None]) -> None:
        self.name = name
        self.bend: Bend | None = None
        self._deliver = deliver
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._finished: Callable[[], None] | None = None

    def feed(self, data: bytes) -> None:
        """Pass bytes on, in order."""
        if self.bend is None and self._task is None:
            self._deliver(data)
            return
        if self.bend is not None and self.bend.swallow:
            return
        self._waiting.append(bytes(data))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._pump(), name=f"sandbox wire {self.name}")

    def bending(self) -> Bend:
        """The bend of this lane, made if there is none."""
        if self.bend is None:
            self.bend = Bend()
        return self.bend

    def when_empty(self, finished: Callable[[], None]) -> None:
        """Call `finished` once everything fed so far has passed."""
        if self._task is None:
            finished()
        else:
            self._finished = finished

    def drop(self) -> None:
        """Forget what waits and stop the pump."""
        self._waiting.clear()
        self._finished = None
        if self._task is not None:
            self._task.cancel()

    async def _pump(self) -> None:
        try:
            while self._waiting:
                await self._pass(self._waiting.popleft())
        finally:
            self._task = None
        if self._finished is not None:
            finished, self._finished = self._finished, None
            finished()

    async def _pass(self, data: bytes) -> None:
        bend = self.bend
        if bend is None:
            self._deliver(data)
            return
        if bend.latency is not None:
            await asyncio.sleep(bend.latency())
        for piece in bend.pieces(data):
            if bend.bandwidth is not None:
                await asyncio.sleep(len(piece) / bend.bandwidth)
            if bend.swallow:
                return
            if bend.left is not None and len(piece) >= bend.left:
                self._end(bend, piece[: bend.left])
                return
            if bend.left is not None:
                bend.left -= len(piece)
            self._deliver(piece)
            if bend.piece_pause:
                await asyncio.sleep(bend.piece_pause)

    def _end(self, bend: Bend, last: bytes) -> None:
        if last:
            self._deliver(last)
        self._waiting.clear()
        bend.swallow = True
        if bend.on_end is not None:
            bend.on_end()
