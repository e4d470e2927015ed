"""One direction of a connection: bytes pass at once while it is straight, through a small task while it is bent."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

_MUCH = 64 * 1024
"""So many bytes may wait in a lane before whoever feeds it is asked to pause."""


class Bend:
    """What one direction of a wire does to the bytes that pass: delays, pieces, a pace, and an end after so many bytes."""

    __slots__ = ("bandwidth", "is_dark", "latency", "left", "on_end", "piece", "piece_pause", "swallow")

    def __init__(self) -> None:
        self.latency: Callable[[], float] | None = None
        self.bandwidth: float | None = None
        self.piece: int | None = None
        self.piece_pause = 0.0
        self.left: int | None = None
        self.on_end: Callable[[], None] | None = None
        self.swallow = False
        self.is_dark = False
        """Nothing passes for now, and nothing is lost."""


def _ignore(_is_full: bool) -> None:
    """Nobody is to pause."""


class Lane:
    """One direction of a wire: delivers at once while straight, through a small task while bent.

    A chunk is delayed from the moment when it came, so a stream is late as a whole and not slower. `on_full` is told when
    so much waits that the sender should pause, and when he may go on.
    """

    __slots__ = (
        "_changed",
        "_deliver",
        "_due",
        "_finished",
        "_is_full",
        "_on_full",
        "_task",
        "_waiting",
        "_weight",
        "bend",
        "name",
    )

    def __init__(self, name: str, deliver: Callable[[bytes], None], on_full: Callable[[bool], None] = _ignore) -> None:
        self.name = name
        self.bend: Bend | None = None
        self._deliver = deliver
        self._on_full = on_full
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._weight = 0
        self._is_full = False
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._finished: Callable[[], None] | None = None

    def feed(self, data: bytes) -> None:
        """Pass bytes on, in order."""
        bend = self.bend
        if bend is None and self._task is None:
            self._deliver(data)
            return
        if bend is not None and bend.swallow:
            return
        loop = asyncio.get_running_loop()
        if bend is not None and bend.latency is not None:
            self._due = max(self._due, loop.time() + bend.latency())
        self._waiting.append((self._due, bytes(data)))
        self._weigh(len(data))
        if self._task is None:
            self._task = loop.create_task(self._pump(), name=f"sandbox wire {self.name}")

    def bending(self) -> Bend:
        """The bend of this lane, made if there is none."""
        if self.bend is None:
            self.bend = Bend()
        return self.bend

    def bend_anew(self, bend: Bend | None) -> None:
        """Put another bend in the place of the old one; what waits passes by the new one."""
        self.bend = bend
        self._changed.set()

    def when_empty(self, finished: Callable[[], None]) -> None:
        """Call `finished` once everything fed so far has passed."""
        if self._task is None:
            finished()
        else:
            self._finished = finished

    def drop(self) -> None:
        """Forget what waits and stop the pump."""
        self._waiting.clear()
        self._weight = 0
        self._finished = None
        if self._task is not None:
            self._task.cancel()

    async def _pump(self) -> None:
        try:
            while self._waiting:
                due, data = self._waiting[0]
                await self._until(due)
                if self._waiting:
                    self._waiting.popleft()
                    await self._pass(data)
                    self._weigh(-len(data))
        finally:
            self._task = None
        if self._finished is not None:
            finished, self._finished = self._finished, None
            finished()

    async def _until(self, due: float) -> None:
        """Wait until a chunk is due, or the bend that delayed it is gone."""
        loop = asyncio.get_running_loop()
        while self.bend is not None and self.bend.latency is not None and due > loop.time():
            await self._until_changed(due - loop.time())

    async def _until_light(self) -> None:
        while self.bend is not None and self.bend.is_dark:
            await self._until_changed(None)

    async def _until_changed(self, longest: float | None) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._changed.wait()

    async def _pass(self, data: bytes) -> None:
        """Deliver a chunk, piece by piece, each as the bend of the moment has it."""
        at = 0
        while at < len(data):
            await self._until_light()
            bend = self.bend
            if bend is None:
                self._deliver(data[at:])
                return
            piece = data[at : at + (bend.piece or len(data))]
            at += len(piece)
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
        self._weight = 0
        bend.swallow = True
        if bend.on_end is not None:
            bend.on_end()

    def _weigh(self, change: int) -> None:
        self._weight = max(0, self._weight + change)
        is_full = self._weight > _MUCH
        if is_full is not self._is_full:
            self._is_full = is_full
            self._on_full(is_full)
