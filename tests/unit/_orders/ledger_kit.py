"""Entries for tests of ledgers, and ledgers for tests of a desk."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from alor_async import EntryState, LedgerEntry, MemoryLedger

NOON: Final = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24


def entry(key: str, **changes: Any) -> LedgerEntry:
    """A limit order that is about to leave."""
    values: dict[str, Any] = {
        "operation": "orders.place_limit",
        "wire": "rest",
        "portfolio": "D39004",
        "exchange": "MOEX",
        "symbol": "SBER",
        "side": "buy",
        "lots": 1,
        "digest": hashlib.sha256(key.encode()).hexdigest(),
        "created_at": NOON,
    }
    return LedgerEntry(key=key, **values | changes)


def states(ledger: Any, *keys: str) -> list[EntryState | None]:
    """What a ledger knows of some keys."""
    found = [ledger.find(key) for key in keys]
    return [None if one is None else one.state for one in found]


def commits_in(path: Path) -> int:
    """Count the transactions in a database's write-ahead log: the frames that end one name the database's size."""
    return sum(size_after > 0 for size_after, _ in _frames(path))


def log_length(path: Path) -> int:
    """Where what counts in the write-ahead log ends: what stands behind it is of an earlier use. Bytes."""
    return max((end for _, end in _frames(path)), default=_WAL_HEADER)


def _frames(path: Path) -> Iterator[tuple[int, int]]:
    """Give of each frame that counts the size of the database after it, if it ends a transaction, and where it ends."""
    log = path.with_name(f"{path.name}-wal").read_bytes()
    if len(log) < _WAL_HEADER:
        return
    page_size, salts = struct.unpack(">I", log[8:12])[0], log[16:24]
    length = _FRAME_HEADER + page_size
    for start in range(_WAL_HEADER, len(log) - length + 1, length):
        _, size_after = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != salts:
            return
        yield size_after, start + length


class Failing(MemoryLedger):
    """A ledger of somebody else's, that breaks its word."""

    def __init__(self, **failures: BaseException) -> None:
        super().__init__()
        self.failures = failures

    async def record(self, entry: LedgerEntry) -> None:
        if "record" in self.failures:
            raise self.failures["record"]
        await super().record(entry)

    def settle(self, key: str, state: EntryState, **what: Any) -> None:
        if "settle" in self.failures:
            raise self.failures["settle"]
        super().settle(key, state, **what)


class Ordered(MemoryLedger):
    """A ledger that remembers in which order it was told things."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def settle(self, key: str, state: EntryState, **what: Any) -> None:
        self.told.append(state.value)
        super().settle(key, state, **what)

    async def close(self) -> None:
        self.told.append("close")
        await super().close()
