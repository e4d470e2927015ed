"""`SqliteLedger`: a ledger that survives. Reading is answered from memory, writing is another thread's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from alor_async._orders.ledger import Entries, EntryState, LedgerEntry, check_open
from alor_async._policy.clock import Clock
from alor_async.errors import ConfigError, LedgerUnavailable

if TYPE_CHECKING:
    from alor_async._orders.ledger_writer import LedgerWriter

__all__ = ["SqliteLedger"]

T = TypeVar("T")

_LONGEST_OPENING: Final = 30.0
_LONGEST_RECORD: Final = 10.0
_LONGEST_CLOSING: Final = 2.0


class SqliteLedger:
    """Keeps a client's commands in an SQLite file, each before its first byte leaves: it survives a crash and a power cut.

    One client at a time, in one event loop; any other is refused by a lock. The file is made for its owner's eyes only, and
    belongs on a local disk. Settled entries are kept for a week, and the last 100 000 of them.

    Args:
        path: The file; made when it is not there. SQLite keeps another beside it, `-wal`, which belongs to it.
        clock: Where time comes from; None for the system's.

    Raises:
        ConfigError: The path is not one.
    """

    __slots__ = ("__weakref__", "_clock", "_entries", "_finalizer", "_loop", "_path", "_writer")

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ConfigError("path", "must be the path of a file")
        # Absolute: another working directory later, or SQLite's ":memory:", must not lead elsewhere.
        self._path = Path(path).absolute()
        self._clock = Clock() if clock is None else clock
        self._entries = Entries()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: LedgerWriter | None = None
        self._finalizer: weakref.finalize[[], SqliteLedger] | None = None

    def __repr__(self) -> str:
        return f"<SqliteLedger {self._path}: {len(self.list_open())} open>"

    async def open(self) -> None:
        """Lock the file and read it.

        Raises:
            LedgerUnavailable: It is in use, damaged, not a ledger, or cannot be written.
        """
        # Only here: `import alor_async` must not load SQLite.
        from alor_async._orders.ledger_writer import LedgerWriter

        if self._writer is not None:
            raise self._problem("is in use by another client: give each its own")
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Entries] = loop.create_future()
        self._writer = writer = LedgerWriter(self._path, opened)
        try:
            self._entries = await self._wait(opened, _LONGEST_OPENING)
        except BaseException:
            writer.stop()
            self._writer = None
            raise
        self._loop = loop
        # A ledger that is forgotten, not closed, still lets go of its file.
        self._finalizer = weakref.finalize(self, writer.stop)

    async def record(self, entry: LedgerEntry) -> None:
        """Write an entry to disk; returns when it is there. What is recorded at the same time costs one write.

        Raises:
            LedgerUnavailable: It could not be written within ten seconds. Whatever of it may reach the disk later is
                followed by the note that nothing was sent.
        """
        loop = asyncio.get_running_loop()
        if self._writer is None or self._loop is None:
            raise self._problem("is not open")
        if loop is not self._loop:
            raise self._problem("was opened in another event loop")
        written: asyncio.Future[None] = loop.create_future()
        dropped = self._entries.make_room(entry.created_at)
        self._entries.put(entry)
        self._writer.record(entry, dropped, written)
        try:
            await self._wait(written, _LONGEST_RECORD)
        except BaseException:
            self.settle(entry.key, EntryState.NOT_SENT, reason="it was not written down in time")
            raise

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Note what became of an entry: known at once, on disk soon. What is known only grows."""
        entry = self._entries.settle(key, state, order_id, reason)
        if entry is not None and self._writer is not None:
            self._writer.settle(entry)

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key."""
        return self._entries.find(key)

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List what is open or unknown, the oldest first."""
        return self._entries.list_open()

    def list_accepted(self) -> tuple[LedgerEntry, ...]:
        """List what was accepted, in earlier runs too, as far as it is remembered."""
        return self._entries.list_accepted()

    def acknowledge(self, key: str) -> None:
        """Take note that the owner has seen to an entry himself. It is on disk before any order that is recorded later.

        Raises:
            InvalidArgument: There is no such entry, or nothing is left to find out about it.
            LedgerUnavailable: It is not open: it would be forgotten.
        """
        if self._writer is None:
            raise self._problem("is not open")
        check_open(self, key)
        self.settle(key, EntryState.ACKNOWLEDGED)

    async def close(self) -> None:
        """Write what waits, and unlock the file. Takes at most two seconds: a slow disk is left to finish by itself."""
        writer, self._writer, self._loop = self._writer, None, None
        if writer is None:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        writer.stop(closed)
        with contextlib.suppress(LedgerUnavailable):
            await self._wait(closed, _LONGEST_CLOSING)
            writer.join()

    async def _wait(self, waiter: asyncio.Future[T], seconds: float) -> T:
        """Wait for the thread, but not for ever."""

        def give_up() -> None:
            if not waiter.done():
                waiter.set_exception(self._problem(f"did not answer within {seconds:g} s"))

        timer = self._clock.call_later(seconds, give_up)
        try:
            return await waiter
        finally:
            timer.cancel()

    def _problem(self, words: str) -> LedgerUnavailable:
        return LedgerUnavailable(f"the ledger {self._path} {words}")
