"""The file of a ledger: an SQLite database of one table. It is used by one thread, and waits for the disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from alor_async._orders.ledger import LedgerEntry
from alor_async.errors import LedgerUnavailable

__all__ = ["Change", "LedgerFile"]

_APPLICATION: Final = 0x414C4F52
"""What marks a database as a ledger of ours: "ALOR"."""
_VERSION: Final = 1
"""Of the table below. Fields that an entry gains with a default need no other version."""
_TABLE: Final = (
    "CREATE TABLE entries (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, "
    "entry TEXT NOT NULL)"
)
_RECORD: Final = "INSERT OR REPLACE INTO entries (key, state, entry) VALUES (?, ?, ?)"
_SETTLE: Final = "UPDATE entries SET state = ?, entry = ? WHERE key = ?"
_DROP: Final = "DELETE FROM entries WHERE key = ?"

_LOCK_ATTEMPTS: Final = 20
_LOCK_PAUSE: Final = 0.05
"""Another user of the file may be just letting go. SQLite's own patience does not cover all that opening does; seconds."""
_LOG_BYTES: Final = 2_000_000
"""What is written and removed once, so that the log is about twice as long before the first order."""
_CHECKPOINT_FROM: Final = 200
"""After how many changes the log is brought into the file, once nothing else is to be done."""
_CHECKPOINT_AT_LATEST: Final = 5_000
"""After how many changes it is, whatever is to be done."""

_PROBLEMS: Final = {
    "SQLITE_BUSY": "is in use by another client or process",
    "SQLITE_LOCKED": "is in use by another client or process",
    "SQLITE_NOTADB": "is not a ledger",
    "SQLITE_CORRUPT": "is damaged",
    "SQLITE_ERROR": "is damaged",
    "SQLITE_FULL": "cannot be written: the disk is full",
    "SQLITE_READONLY": "cannot be written: it is read-only",
    "SQLITE_PERM": "may not be used",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_IOERR_LOCK": "cannot be locked: it is read-only, or its disk knows no locks",
    "SQLITE_IOERR": "cannot be read or written: the disk failed",
}

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(LedgerEntry).decode


class Change(NamedTuple):
    """One thing to write.

    Attributes:
        entry: The entry as it is now.
        is_new: Whether it begins anew under its key, or is settled.
        dropped: The keys of old entries that make room for it.
    """

    entry: LedgerEntry
    is_new: bool
    dropped: tuple[str, ...] = ()


class LedgerFile:
    """Opens, reads and writes the file. Everything raises `LedgerUnavailable`, with the file's name in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None
        self._since_checkpoint = 0

    def open(self) -> list[LedgerEntry]:
        """Lock the file, prove that it is ours, whole and can be written, and read it. Changes nothing that is not ours.

        Returns:
            What stands in it, the oldest first.
        """
        attempts_left = _LOCK_ATTEMPTS
        while True:
            attempts_left -= 1
            try:
                return self._open()
            except BaseException as error:
                self.close()
                if not (_is_in_use(error) and attempts_left):
                    if isinstance(error, Exception):
                        raise self._unavailable(error) from None
                    raise
            time.sleep(_LOCK_PAUSE)

    def write(self, changes: Iterable[Change]) -> None:
        """Write all changes in one transaction: when this returns they are on disk, when it raises none of them is."""
        database = self._database
        if database is None:
            raise self.problem("is not open")
        try:
            database.execute("BEGIN IMMEDIATE")
            for change in changes:
                self._write(database, change)
            database.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(Exception):
                database.execute("ROLLBACK")
            if isinstance(error, Exception):
                raise self._unavailable(error) from None
            raise

    @property
    def wants_checkpoint(self) -> bool:
        """Whether a moment when nobody waits should be used to bring the log into the file."""
        return self._since_checkpoint >= _CHECKPOINT_FROM

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the log is so long that it cannot wait for such a moment."""
        return self._since_checkpoint >= _CHECKPOINT_AT_LATEST

    def checkpoint(self) -> None:
        """Bring the log into the file, which takes milliseconds; it begins anew. A failure does no harm."""
        if self._database is not None:
            self._since_checkpoint = 0
            with contextlib.suppress(Exception):
                self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Unlock the file. Idempotent."""
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(Exception):
                database.close()

    def problem(self, words: str) -> LedgerUnavailable:
        """Say what is wrong with the file."""
        return LedgerUnavailable(f"the ledger {self.path} {words}")

    def _open(self) -> list[LedgerEntry]:
        self._make()
        database = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        self._database = database
        # The lock is taken with the first transaction and kept until the file is closed.
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        is_new = self._identify(database)
        database.execute("COMMIT")
        if _value(database, "PRAGMA journal_mode=WAL") != "wal":
            raise self.problem("cannot be used: there is no write-ahead log where it is")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA wal_autocheckpoint=0")
        if not is_new and _value(database, "PRAGMA quick_check(1)") != "ok":
            raise self.problem("is damaged")
        database.execute("BEGIN IMMEDIATE")
        if is_new:
            database.execute(_TABLE)
            database.execute(f"PRAGMA application_id={_APPLICATION}")
        # Written each time: whether the disk takes it is known before the first order.
        database.execute(f"PRAGMA user_version={_VERSION}")
        database.execute("COMMIT")
        self._make_room(database)
        return [_decode(text) for (text,) in database.execute("SELECT entry FROM entries ORDER BY number")]

    def _make_room(self, database: sqlite3.Connection) -> None:
        """Give the log its length at once: to write into a file that does not grow costs a disk about half.

        A disk that has no room for it may have enough for orders.
        """
        with contextlib.suppress(sqlite3.Error):
            database.execute("DROP TABLE IF EXISTS room")
            database.execute("CREATE TABLE room (filler BLOB)")
            database.execute("INSERT INTO room VALUES (zeroblob(?))", (_LOG_BYTES,))
        with contextlib.suppress(sqlite3.Error):
            database.execute("DROP TABLE IF EXISTS room")
        self.checkpoint()

    def _make(self) -> None:
        """Make the file, for its owner's eyes only, unless it is there."""
        log = Path(f"{self.path}-wal")
        is_empty = not self.path.exists() or self.path.stat().st_size == 0
        if is_empty and log.exists() and log.stat().st_size > 0:
            # SQLite would take it for a new database and delete the log.
            raise self.problem(f"is damaged: it is gone or empty, though its log {log.name} is there")
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _identify(self, database: sqlite3.Connection) -> bool:
        """Refuse what is not a ledger. Returns whether it is an empty database, to become one."""
        application = _value(database, "PRAGMA application_id")
        version = _value(database, "PRAGMA user_version")
        tables = _value(database, "SELECT count(*) FROM sqlite_master")
        if (application, version, tables) == (0, 0, 0):
            return True
        if application != _APPLICATION:
            raise self.problem("is not a ledger: it is a database of another program")
        if version != _VERSION:
            raise self.problem(f"was written by another version of this library (its format is {version})")
        return False

    def _write(self, database: sqlite3.Connection, change: Change) -> None:
        entry = change.entry
        text = _encode(entry).decode()
        if change.is_new:
            database.execute(_RECORD, (entry.key, entry.state.value, text))
        else:
            database.execute(_SETTLE, (entry.state.value, text, entry.key))
        for key in change.dropped:
            database.execute(_DROP, (key,))
        self._since_checkpoint += 1

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        """Translate an error: what it says may hold what stands in the file, so only its kind is told."""
        if isinstance(error, LedgerUnavailable):
            return error
        if isinstance(error, msgspec.MsgspecError | UnicodeDecodeError):
            return self.problem("is damaged: an entry cannot be read")
        if isinstance(error, OSError):
            return self.problem(f"cannot be used: {error.strerror or type(error).__name__}")
        name = str(getattr(error, "sqlite_errorname", type(error).__name__))
        words = next((words for kind, words in _PROBLEMS.items() if name.startswith(kind)), "cannot be used")
        return self.problem(f"{words} ({name})")


def _is_in_use(error: BaseException) -> bool:
    return str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


def _value(database: sqlite3.Connection, statement: str) -> object:
    row = database.execute(statement).fetchone()
    return None if row is None else row[0]
