"""What every ledger promises, in memory and on disk."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from alor_async import EntryState, InvalidArgument, LedgerUnavailable, MemoryLedger, OrderLedger, SqliteLedger
from alor_async._orders.ledger import KEPT_FOR, MOST_SETTLED, Entries
from tests.unit._orders.ledger_kit import NOON, entry, states

AnyLedger: TypeAlias = MemoryLedger | SqliteLedger


@pytest.fixture(params=["memory", "sqlite"])
def new_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AnyLedger]:
    """Make the ledger of another run: a new object over the same file, or the same object where memory is all there is."""
    if request.param == "sqlite":
        return lambda: SqliteLedger(tmp_path / "orders.sqlite")
    one = MemoryLedger()
    return lambda: one


@pytest.fixture
async def ledger(new_ledger: Callable[[], AnyLedger]) -> AsyncIterator[AnyLedger]:
    ledger = new_ledger()
    await ledger.open()
    yield ledger
    await ledger.close()


# --- What is known only grows.

GROWING = [
    EntryState.OPEN,
    EntryState.UNKNOWN,
    EntryState.ACKNOWLEDGED,
    EntryState.NOT_SENT,
    EntryState.REJECTED,
    EntryState.ACCEPTED,
]


@pytest.mark.parametrize(("known", "told"), list(itertools.product(GROWING, GROWING)))
def test_of_two_findings_the_one_that_says_more_stands(known: EntryState, told: EntryState) -> None:
    before = entry("a", state=known, order_id="1" if known is EntryState.ACCEPTED else None)
    after = before.settled(told, "2" if told is EntryState.ACCEPTED else None, "why")
    if GROWING.index(told) > GROWING.index(known):
        assert after.state is told
        assert after.reason == "why"
        assert after.order_id == ("2" if told is EntryState.ACCEPTED else None)
    else:
        assert after is before


@pytest.mark.parametrize("told", [EntryState.UNKNOWN, EntryState.NOT_SENT, EntryState.REJECTED])
async def test_an_order_that_was_accepted_stays_so(ledger: AnyLedger, told: EntryState) -> None:
    await ledger.record(entry("a"))
    ledger.settle("a", EntryState.ACCEPTED, order_id="7")
    ledger.settle("a", told, reason="said later")
    assert states(ledger, "a") == [EntryState.ACCEPTED]
    assert ledger.list_open() == ()


async def test_a_late_yes_overrules_what_was_believed(ledger: AnyLedger) -> None:
    await ledger.record(entry("a"))
    ledger.settle("a", EntryState.UNKNOWN, reason="no answer")
    ledger.acknowledge("a")
    ledger.settle("a", EntryState.ACCEPTED, order_id="7")
    found = ledger.find("a")
    assert found is not None
    assert (found.state, found.order_id) == (EntryState.ACCEPTED, "7")


# --- Finding and listing.


def test_it_is_a_ledger(ledger: AnyLedger) -> None:
    assert isinstance(ledger, OrderLedger)
    assert "0 open" in repr(ledger)


async def test_the_oldest_stands_first_however_they_are_settled(ledger: AnyLedger) -> None:
    for key in "abcde":
        await ledger.record(entry(key))
    ledger.settle("d", EntryState.UNKNOWN)
    ledger.settle("a", EntryState.UNKNOWN)
    ledger.settle("b", EntryState.ACCEPTED, order_id="1")
    ledger.settle("e", EntryState.REJECTED, reason="no money")
    assert [one.key for one in ledger.list_open()] == ["a", "c", "d"]
    assert [one.key for one in ledger.list_accepted()] == ["b"]
    assert ledger.find("nobody") is None


async def test_what_is_not_there_is_settled_without_a_word(ledger: AnyLedger) -> None:
    ledger.settle("nobody", EntryState.ACCEPTED, order_id="1")
    assert ledger.find("nobody") is None


async def test_only_what_is_open_can_be_acknowledged(ledger: AnyLedger) -> None:
    await ledger.record(entry("a"))
    await ledger.record(entry("b"))
    ledger.settle("b", EntryState.ACCEPTED, order_id="1")
    ledger.acknowledge("a")
    assert states(ledger, "a") == [EntryState.ACKNOWLEDGED]
    for key in ("a", "b", "nobody"):
        with pytest.raises(InvalidArgument, match="key"):
            ledger.acknowledge(key)


async def test_a_key_that_begins_anew_is_the_youngest(ledger: AnyLedger) -> None:
    await ledger.record(entry("a"))
    await ledger.record(entry("b"))
    ledger.settle("a", EntryState.NOT_SENT)
    await ledger.record(entry("a", lots=2))
    assert [(one.key, one.lots) for one in ledger.list_open()] == [("b", 1), ("a", 2)]


# --- From one client to the next.


async def test_one_client_at_a_time(ledger: AnyLedger, new_ledger: Callable[[], AnyLedger]) -> None:
    with pytest.raises(LedgerUnavailable, match="in use"):
        await ledger.open()
    if isinstance(ledger, SqliteLedger):
        with pytest.raises(LedgerUnavailable, match="in use"):
            await new_ledger().open()


async def test_the_next_run_finds_everything(new_ledger: Callable[[], AnyLedger]) -> None:
    first = new_ledger()
    await first.open()
    for key in "abcdef":
        await first.record(entry(key))
    first.settle("a", EntryState.ACCEPTED, order_id="7")
    first.settle("b", EntryState.REJECTED, reason="no money")
    first.settle("c", EntryState.NOT_SENT, reason="ConnectError")
    first.settle("d", EntryState.UNKNOWN, reason="no answer")
    first.settle("e", EntryState.UNKNOWN, reason="no answer")
    first.acknowledge("e")
    before = [first.find(key) for key in "abcdef"]
    await first.close()
    await first.close()
    second = new_ledger()
    await second.open()
    assert [second.find(key) for key in "abcdef"] == before
    assert [one.key for one in second.list_open()] == ["d", "f"]
    await second.close()


# --- Memory has a limit.


def test_settled_entries_are_dropped_by_age_a_few_at_a_time() -> None:
    entries = Entries(
        entry(f"{number}", state=EntryState.ACCEPTED, created_at=NOON + timedelta(minutes=number))
        for number in range(20)
    )
    entries.put(entry("open", created_at=NOON - timedelta(days=90)))
    assert entries.make_room(NOON + KEPT_FOR) == ()
    dropped = entries.make_room(NOON + KEPT_FOR + timedelta(minutes=4))
    assert dropped == ("0", "1", "2", "3")
    assert len(entries.make_room(NOON + timedelta(days=90))) == 8
    while entries.make_room(NOON + timedelta(days=90)):
        pass
    assert len(entries) == 1
    assert entries.find("open") is not None


def test_settled_entries_are_dropped_by_number() -> None:
    entries = Entries(entry(f"{number}", state=EntryState.ACCEPTED) for number in range(MOST_SETTLED + 3))
    assert entries.make_room(NOON) == ("0", "1", "2")
    assert entries.make_room(NOON) == ()
    assert len(entries) == MOST_SETTLED
