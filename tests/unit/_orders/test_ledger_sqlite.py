"""The ledger's file: durable before it is told, one owner, nothing that is not whole or not ours is touched."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from alor_async import ConfigError, EntryState, LedgerEntry, LedgerUnavailable, SqliteLedger
from alor_async._policy.clock import Clock, Timer
from tests.support.disks import plain_user, small_disk
from tests.support.waiting import until
from tests.unit._orders.ledger_kit import NOON, commits_in, entry, log_length, states


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.sqlite"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(path)
    await ledger.open()
    yield ledger
    await ledger.close()


async def contents(path: Path) -> dict[str, LedgerEntry]:
    """What another run would find."""
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.close()
    return {one.key: one for one in (*ledger._entries._open.values(), *ledger._entries._settled.values())}


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def copied(path: Path, folder: Path) -> Path:
    """What would be there if the process ended at this moment."""
    folder.mkdir()
    for file in (path, log_of(path)):
        shutil.copy(file, folder)
    return folder / path.name


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def change(path: Path, *statements: str) -> None:
    """Do with the file what another program would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


async def refused(path: Path, words: str) -> None:
    with pytest.raises(LedgerUnavailable, match=words) as caught:
        await SqliteLedger(path).open()
    assert str(path) in str(caught.value)
    assert caught.value.__cause__ is None


# --- Durable.


async def test_what_is_recorded_is_on_disk_before_it_is_told(ledger: SqliteLedger, path: Path, tmp_path: Path) -> None:
    for number in range(5):
        await ledger.record(entry(f"{number}"))
        found = await contents(copied(path, tmp_path / f"copy {number}"))
        assert list(found) == [f"{one}" for one in range(number + 1)]


async def test_every_field_comes_back(ledger: SqliteLedger, path: Path) -> None:
    full = entry(
        'odd "key" \'; --',
        wire="cws",
        board="TQBR",
        price=Decimal("250.10"),
        trigger_price=Decimal("1E-9"),
        replaces="61270448139",
        tag="JZQXG5DJNZTSAYLM",
        reason="не хватает денег",
    )
    await ledger.record(full)
    ledger.settle(full.key, EntryState.ACCEPTED, order_id="61270448140", reason=None)
    await ledger.close()
    assert await contents(path) == {full.key: full.settled(EntryState.ACCEPTED, "61270448140")}


async def test_many_at_once_share_one_transaction(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("alone"))
    assert commits_in(path) == 1
    await asyncio.gather(*(ledger.record(entry(f"{number}")) for number in range(100)))
    assert commits_in(path) == 2
    assert len(ledger.list_open()) == 101


async def test_an_outcome_shares_the_transaction_of_the_next_record(ledger: SqliteLedger, path: Path) -> None:
    for number in range(50):
        await ledger.record(entry(f"{number}"))
        ledger.settle(f"{number}", EntryState.ACCEPTED, order_id="7")
    # 100 if none did; a busy machine may take longer to the next record than an outcome waits.
    assert commits_in(path) < 90


async def test_an_outcome_that_no_record_follows_is_soon_on_disk(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("last"))
    ledger.settle("last", EntryState.ACCEPTED, order_id="7")
    await until(lambda: commits_in(path) == 2)


async def test_the_log_does_not_grow_from_order_to_order(ledger: SqliteLedger, path: Path) -> None:
    length = log_of(path).stat().st_size
    for number in range(300):
        await ledger.record(entry(f"{number}"))
    assert log_of(path).stat().st_size == length


async def test_an_idle_moment_begins_the_log_anew(ledger: SqliteLedger, path: Path) -> None:
    untouched = path.stat().st_mtime_ns  # noqa: ASYNC240 - a test may wait for its disk
    await asyncio.gather(*(ledger.record(entry(f"{number}")) for number in range(300)))
    length = log_length(path)
    await until(lambda: path.stat().st_mtime_ns != untouched)
    await ledger.record(entry("later"))
    assert log_length(path) < length
    await ledger.close()
    assert len(await contents(path)) == 301


async def test_settling_waits_for_nothing_and_closing_writes_it(ledger: SqliteLedger, path: Path) -> None:
    keys = [f"{number}" for number in range(500)]
    await asyncio.gather(*(ledger.record(entry(key)) for key in keys))
    for key in keys:
        ledger.settle(key, EntryState.ACCEPTED, order_id=key)
    await ledger.close()
    found = await contents(path)
    assert {one.state for one in found.values()} == {EntryState.ACCEPTED}
    assert [one.order_id for one in found.values()] == keys


async def test_a_record_that_is_cancelled_leaves_the_truth(ledger: SqliteLedger, path: Path) -> None:
    for number in range(20):
        task = asyncio.create_task(ledger.record(entry(f"{number}")))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ledger.list_open() == ()
    await ledger.close()
    assert {one.state for one in (await contents(path)).values()} <= {EntryState.NOT_SENT}


async def test_old_entries_leave_the_file_too(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("old"))
    ledger.settle("old", EntryState.ACCEPTED, order_id="1")
    await ledger.record(entry("open"))
    await ledger.record(entry("new", created_at=NOON.replace(year=2027)))
    assert ledger.find("old") is None
    await ledger.close()
    assert list(await contents(path)) == ["open", "new"]


async def test_the_log_is_brought_in_now_and_then(ledger: SqliteLedger, path: Path) -> None:
    for wave in range(12):
        await asyncio.gather(*(ledger.record(entry(f"{wave}-{number}")) for number in range(600)))
    await until(lambda: path.stat().st_size > 2_000_000)
    assert log_of(path).stat().st_size < 8_000_000


# --- One owner.


async def test_the_files_are_for_their_owner_alone(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("a"))
    for file in (path, log_of(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_second_ledger_is_refused_whatever_it_calls_the_file(ledger: SqliteLedger, path: Path) -> None:
    alias = path.with_name("alias.sqlite")
    alias.symlink_to(path)
    await refused(alias, "in use")
    await refused(path, "in use")
    await ledger.record(entry("still works"))


async def test_a_ledger_that_is_forgotten_lets_go(path: Path) -> None:
    forgotten: SqliteLedger | None = SqliteLedger(path)
    assert forgotten is not None
    await forgotten.open()
    await forgotten.record(entry("a"))
    forgotten = None
    gc.collect()
    assert list(await contents(path)) == ["a"]


async def test_closing_leaves_no_thread(ledger: SqliteLedger) -> None:
    assert any(thread.name == "alor-ledger" for thread in threading.enumerate())
    await ledger.close()
    assert not any(thread.name == "alor-ledger" for thread in threading.enumerate())


async def test_it_is_used_while_it_is_open_and_in_its_loop_alone(ledger: SqliteLedger, path: Path) -> None:
    def elsewhere() -> None:
        with pytest.raises(LedgerUnavailable, match="another event loop"):
            asyncio.run(ledger.record(entry("elsewhere")))

    await asyncio.to_thread(elsewhere)
    await ledger.close()
    with pytest.raises(LedgerUnavailable, match="not open"):
        await ledger.record(entry("late"))
    ledger.settle("late", EntryState.ACCEPTED)
    assert await contents(path) == {}


async def test_it_may_be_opened_again(ledger: SqliteLedger) -> None:
    await ledger.record(entry("a"))
    await ledger.close()
    await ledger.open()
    assert states(ledger, "a") == [EntryState.OPEN]


@pytest.mark.parametrize("wrong", ["", None, 5, b""])
def test_what_is_no_path_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="path"):
        SqliteLedger(wrong)  # type: ignore[arg-type]


async def test_no_name_leads_elsewhere_than_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = SqliteLedger(":memory:")
    monkeypatch.chdir("/")
    await ledger.open()
    await ledger.close()
    assert (tmp_path / ":memory:").exists()


# --- What is not ours, or not whole.


async def test_f098_a_file_of_something_else_is_refused_and_left_as_it_is(path: Path) -> None:
    notes = b"secret notes, no database at all\n" * 100
    write(path, notes)
    await refused(path, "is not a ledger")
    assert bytes_of(path) == notes


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_f098_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path, mode: str) -> None:
    change(path, f"PRAGMA journal_mode={mode}", "CREATE TABLE secret (word TEXT)")
    before = bytes_of(path)
    await refused(path, "another program")
    assert bytes_of(path) == before


async def test_a_later_format_is_refused(ledger: SqliteLedger, path: Path) -> None:
    await ledger.close()
    change(path, "PRAGMA user_version=2")
    await refused(path, "another version")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut in a page": lambda data: data[:-2000],
    "a page of zeros": lambda data: data[:8192] + bytes(4096) + data[12288:],
    "noise in the tables": lambda data: data[:4096] + bytes(range(256)) * 16 + data[8192:],
    "noise at the beginning": lambda data: b"noise" * 4 + data[20:],
}


@pytest.mark.parametrize("how", DAMAGE.values(), ids=DAMAGE)
async def test_f098_a_damaged_file_is_refused(ledger: SqliteLedger, path: Path, how: Callable[[bytes], bytes]) -> None:
    await asyncio.gather(*(ledger.record(entry(f"{number}")) for number in range(200)))
    await ledger.close()
    write(path, how(bytes_of(path)))
    await refused(path, "is damaged|is not a ledger")


async def test_f098_an_entry_that_cannot_be_read_is_not_passed_over(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("a"))
    await ledger.close()
    with sqlite3.connect(path) as database:
        database.execute('UPDATE entries SET entry = \'{"key": "secret"}\'')
    database.close()
    await refused(path, "is damaged: an entry cannot be read")


async def test_f098_an_empty_file_beside_its_log_is_not_taken_for_a_new_one(path: Path, tmp_path: Path) -> None:
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.record(entry("a"))
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(log_of(path), copy)
    await ledger.close()
    await refused(copy / path.name, "is damaged: it is gone or empty")
    (copy / path.name).touch()
    await refused(copy / path.name, "is damaged: it is gone or empty")
    assert (copy / f"{path.name}-wal").stat().st_size > 0


async def test_f098_a_file_that_was_begun_and_never_made_is_a_new_one(path: Path) -> None:
    write(path, b"")
    assert await contents(path) == {}


# --- The disk.


async def test_f098_no_place_for_a_file(tmp_path: Path) -> None:
    await refused(tmp_path / "nowhere" / "orders.sqlite", "No such file")
    await refused(tmp_path, "cannot be opened|is not a ledger")
    await refused(Path("/proc/orders.sqlite"), "cannot be used|cannot be opened")


async def test_f098_a_read_only_file_is_refused() -> None:
    with plain_user() as folder:
        path = folder / "orders.sqlite"
        await contents(path)
        path.chmod(0o400)
        await refused(path, "cannot be locked: it is read-only")
        path.chmod(0o600)
        assert await contents(path) == {}


async def test_f098_a_full_disk_fails_the_record_and_forgets_no_outcome(ledger: SqliteLedger, path: Path) -> None:
    await ledger.record(entry("earlier"))
    with small_disk(log_length(path)):
        with pytest.raises(LedgerUnavailable, match=f"{path.name} cannot be (written|read or written)"):
            await ledger.record(entry("refused"))
        ledger.settle("earlier", EntryState.ACCEPTED, order_id="7")
        with pytest.raises(LedgerUnavailable):
            await asyncio.gather(*(ledger.record(entry(f"refused {number}")) for number in range(10)))
    assert states(ledger, "refused") == [EntryState.NOT_SENT]
    await ledger.record(entry("later"))
    await ledger.close()
    found = await contents(path)
    assert {key: one.state for key, one in found.items()} == {
        "earlier": EntryState.ACCEPTED,
        "later": EntryState.OPEN,
    }


@pytest.mark.parametrize("is_new", [True, False])
async def test_f098_a_full_disk_is_noticed_when_a_client_opens(path: Path, is_new: bool) -> None:
    if not is_new:
        assert await contents(path) == {}
    with small_disk(100):
        await refused(path, "cannot be (written|read or written)|damaged")


class Impatient(Clock):
    """A clock by which no disk is in time, from when it is told so."""

    def __init__(self) -> None:
        self.is_over = False

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        if self.is_over:
            callback()
        return super().call_later(seconds, callback)


async def test_f098_a_disk_that_does_not_answer_is_not_waited_for(path: Path) -> None:
    clock = Impatient()
    ledger = SqliteLedger(path, clock=clock)
    await ledger.open()
    clock.is_over = True
    with pytest.raises(LedgerUnavailable, match="did not answer within 10 s"):
        await ledger.record(entry("late"))
    assert ledger.list_open() == ()
    await ledger.close()
    # The thread was left to finish by itself: what it wrote is followed by the note that nothing was sent.
    assert {one.state for one in (await contents(path)).values()} == {EntryState.NOT_SENT}


async def test_opening_that_is_cancelled_leaves_nothing(path: Path) -> None:
    for number in range(20):
        ledger = SqliteLedger(path)
        task = asyncio.create_task(ledger.open())
        await asyncio.sleep(number % 4 * 0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():
            await ledger.open()
        await ledger.close()
    await until(lambda: not any(thread.name == "alor-ledger" for thread in threading.enumerate()))
