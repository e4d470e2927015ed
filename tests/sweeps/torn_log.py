"""The log of a ledger is torn anywhere: what is found is always a beginning of what was written, and whole (F098)."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from alor_async import EntryState, SqliteLedger
from tests.unit._orders.ledger_kit import entry, log_length

_ENTRIES = 6
_HEADER, _FRAME = 32, 24 + 4096


async def write_and_crash(folder: Path) -> tuple[Path, int]:
    """Write entries, each in a transaction of its own, and keep the files as a crash would leave them.

    Returns:
        The copy, and how many bytes of its log count.
    """
    path, copy = folder / "orders.sqlite", folder / "torn"
    ledger = SqliteLedger(path)
    await ledger.open()
    older = await asyncio.to_thread(path.with_name(f"{path.name}-wal").read_bytes)
    for number in range(_ENTRIES):
        await ledger.record(entry(f"{number}"))
    ledger.settle("0", EntryState.ACCEPTED, order_id="7")
    await ledger.record(entry("last"))
    await asyncio.to_thread(_copy, path, copy)
    (copy / "older").write_bytes(older)
    await ledger.close()
    return copy / path.name, log_length(copy / path.name)


def torn(path: Path) -> Callable[[int], None]:
    """Give what puts the files back as they are, with a log of some length.

    What stood behind it before, which is of an earlier use of the log, is there every other time.
    """
    log = path.with_name(f"{path.name}-wal")
    saved, whole, older = log.read_bytes(), path.read_bytes(), path.with_name("older").read_bytes()
    turns = itertools.cycle([b"", older])

    def put_back(length: int) -> None:
        path.write_bytes(whole)
        log.write_bytes(saved[:length] + next(turns)[length:])

    return put_back


async def tear(path: Path, lengths: Iterable[int]) -> int:
    """Open the ledger with its log cut to each of the lengths. Returns how often."""
    put_back = torn(path)
    expected = [*(f"{number}" for number in range(_ENTRIES)), "last"]
    count, most = 0, 0
    for length in lengths:
        put_back(length)
        ledger = SqliteLedger(path)
        await ledger.open()
        keys = [key for key in expected if ledger.find(key) is not None]
        assert keys == expected[: len(keys)], f"a hole at {length} bytes: {keys}"
        assert len(keys) >= most, f"{length} bytes gave less than fewer did"
        most = len(keys)
        await ledger.close()
        count += 1
    assert most == len(expected)
    return count


async def sweep() -> str:
    """Cut at every byte of the headers, and at every eighth of the pages between them."""
    with tempfile.TemporaryDirectory() as folder:
        path, size = await write_and_crash(Path(folder))
        cuts = (cut for cut in range(size + 1) if cut % 8 == 0 or (cut - _HEADER) % _FRAME < _HEADER)
        count = await tear(path, cuts)
    return f"torn at {count} places, always a whole beginning"


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir()
    for file in (path, path.with_name(f"{path.name}-wal")):
        shutil.copy(file, folder)
