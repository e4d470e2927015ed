"""The thread behind a ledger's file: it writes what comes, and whatever waits at the same time in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar

from alor_async._orders.ledger import Entries, LedgerEntry
from alor_async._orders.ledger_file import Change, LedgerFile
from alor_async.errors import LedgerUnavailable

__all__ = ["LedgerWriter"]

T = TypeVar("T")

_PATIENCE: Final = 0.01
"""How long an outcome waits for a record to share its transaction; seconds. Who crashes in between finds out by reading."""
_IDLE: Final = 0.05
"""After how long without a task the log may be brought into the file; seconds."""


class _Task(NamedTuple):
    """A change on its way to the disk, and who waits for it: nobody where an entry is settled."""

    change: Change
    waiter: asyncio.Future[None] | None


class _Stop(NamedTuple):
    """The end: write what waits, and let go."""

    waiter: asyncio.Future[None] | None


_Queue: TypeAlias = "queue.SimpleQueue[list[_Task] | _Stop]"


class LedgerWriter:
    """Starts at once, and opens the file. Nothing here waits.

    Args:
        path: The file.
        opened: Gets what stands in it, or `LedgerUnavailable`.
    """

    __slots__ = ("_gathered", "_loop", "_thread", "_waiting")

    def __init__(self, path: Path, opened: asyncio.Future[Entries]) -> None:
        self._waiting: _Queue = queue.SimpleQueue()
        self._gathered: list[_Task] = []
        self._loop = opened.get_loop()
        # A daemon: a disk that hangs must not keep a program from ending.
        self._thread = threading.Thread(
            target=_serve, args=(LedgerFile(path), self._waiting, opened), name="alor-ledger", daemon=True
        )
        self._thread.start()

    def record(self, entry: LedgerEntry, dropped: tuple[str, ...], written: asyncio.Future[None]) -> None:
        """Write a new entry, and drop old ones. `written` is done when that is on disk, or fails."""
        self._gather(_Task(Change(entry, is_new=True, dropped=dropped), written))

    def settle(self, entry: LedgerEntry) -> None:
        """Write what became of an entry, after all that came before; it is tried again until it succeeds."""
        self._gather(_Task(Change(entry, is_new=False), None))

    def stop(self, stopped: asyncio.Future[None] | None = None) -> None:
        """Write what waits, let go of the file and end. `stopped` is done then."""
        self._hand_over()
        self._waiting.put(_Stop(stopped))

    def join(self) -> None:
        """See the end of the thread, which is a matter of microseconds once `stopped` is done."""
        self._thread.join()

    def _gather(self, task: _Task) -> None:
        """Hand over together what comes in one turn of the loop: it shares a transaction, and waits for no other."""
        self._gathered.append(task)
        if len(self._gathered) == 1:
            try:
                self._loop.call_soon(self._hand_over)
            except RuntimeError:  # The loop was closed before the client was.
                self._hand_over()

    def _hand_over(self) -> None:
        if self._gathered:
            self._waiting.put(self._gathered)
            self._gathered = []


def _serve(file: LedgerFile, waiting: _Queue, opened: asyncio.Future[Entries]) -> None:
    """Be the thread: open the file, write what comes, until told to stop."""
    try:
        entries = Entries(file.open())
    except LedgerUnavailable as problem:
        _post(opened, partial(_fail, opened, problem))
        return
    _post(opened, partial(_give, opened, entries))
    kept: list[Change] = []
    while True:
        batch, stop = _take(waiting, _IDLE if file.wants_checkpoint else None)
        if batch or kept:
            kept = _write(file, kept, batch)
        if stop is not None:
            file.close()
            if stop.waiter is not None:
                _post(stop.waiter, partial(_give, stop.waiter, None))
            return
        if file.needs_checkpoint or (not batch and file.wants_checkpoint):
            file.checkpoint()


def _take(waiting: _Queue, seconds: float | None) -> tuple[list[_Task], _Stop | None]:
    """Wait for something to do, at most so long, and take all that is there with it.

    What nobody waits for gives the next record a moment to join it: an order that follows an outcome then waits for one
    write to the disk, not for two.
    """
    batch: list[_Task] = []
    with contextlib.suppress(queue.Empty):
        item = waiting.get(timeout=seconds)
        until = time.monotonic() + _PATIENCE
        while not isinstance(item, _Stop):
            batch += item
            patience = until - time.monotonic() if all(task.waiter is None for task in batch) else 0.0
            item = waiting.get(timeout=patience) if patience > 0 else waiting.get_nowait()
        return batch, item
    return batch, None


def _write(file: LedgerFile, kept: list[Change], batch: list[_Task]) -> list[Change]:
    """Write in one transaction, and tell who waits. Returns what is to be written with the next one after a failure.

    A record that failed is over, for its command is not sent. What became of earlier commands is not forgotten.
    """
    problem: LedgerUnavailable | None = None
    try:
        file.write([*kept, *(task.change for task in batch)])
    except LedgerUnavailable as error:
        problem = error
    waiters = [task.waiter for task in batch if task.waiter is not None]
    if waiters:
        _post(waiters[0], partial(_answer, waiters, problem))
    if problem is None:
        return []
    return [*kept, *(task.change for task in batch if task.waiter is None)]


def _post(waiter: asyncio.Future[T], callback: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # The loop was closed: nobody waits any more.
        waiter.get_loop().call_soon_threadsafe(callback)


def _give(waiter: asyncio.Future[T], result: T) -> None:
    if not waiter.done():
        waiter.set_result(result)


def _fail(waiter: asyncio.Future[T], problem: LedgerUnavailable) -> None:
    if not waiter.done():
        waiter.set_exception(problem)


def _answer(waiters: list[asyncio.Future[None]], problem: LedgerUnavailable | None) -> None:
    for waiter in waiters:
        if problem is None:
            _give(waiter, None)
        else:
            _fail(waiter, LedgerUnavailable(str(problem)))
