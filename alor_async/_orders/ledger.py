"""The ledger: what was wanted, written down before its first byte leaves, and what became of it.

A command that places or replaces is an entry. It is open until its outcome is known; after a crash the entries that are
open are those of which nobody knows, and they are looked up before anything else is placed.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec
from msgspec import Struct

from alor_async.errors import InvalidArgument, LedgerUnavailable

__all__ = ["Entries", "EntryState", "LedgerEntry", "MemoryLedger", "OrderLedger", "WireName", "check_open"]

WireName: TypeAlias = Literal["rest", "cws"]

MOST_SETTLED: Final = 100_000
KEPT_FOR: Final = timedelta(days=7)
"""For how long a settled entry is remembered, counted by the entries' own times."""

_DROPPED_AT_ONCE: Final = 8
"""How many old entries make room for a new one: a loop is never held by a clean-up."""


class EntryState(enum.StrEnum):
    """What is known of an entry."""

    OPEN = "open"
    """Written down; it may have been sent."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    """Surely not acted on: nothing left, or the broker refused before acting."""
    UNKNOWN = "unknown"
    """It may have been carried out."""
    ACKNOWLEDGED = "acknowledged"
    """Unknown, and its owner has seen to it."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to find out."""
        return self not in _UNSETTLED


_UNSETTLED: Final = frozenset({EntryState.OPEN, EntryState.UNKNOWN})

# What is known of an entry only grows: of two findings the later in this list stands, whichever came first.
_GROWTH: Final = {
    state: rank
    for rank, state in enumerate(
        (
            EntryState.OPEN,
            EntryState.UNKNOWN,
            EntryState.ACKNOWLEDGED,
            EntryState.NOT_SENT,
            EntryState.REJECTED,
            EntryState.ACCEPTED,
        )
    )
}


class LedgerEntry(Struct, frozen=True, kw_only=True, gc=False):
    """One command that was, or is, about to leave.

    Attributes:
        key: The idempotency key: the request id over REST, the guid over a command socket.
        operation: What it does, such as `orders.place_limit`.
        wire: Which way it goes.
        portfolio: Whose.
        exchange: Where.
        symbol: Of what.
        board: The board, or None for the primary one.
        side: Buy or sell.
        lots: How many.
        price: The limit price, None where it has none.
        trigger_price: The trigger, None where it has none.
        replaces: The order that it replaces, None where it places a new one.
        tag: What marks the order in its comment, None without tags.
        digest: SHA-256 of what is sent, in hex: the same key may not serve for anything else.
        created_at: When it was written down, by this machine's clock; aware UTC.
        state: What is known of it.
        order_id: The order's number, where it is known.
        reason: Why it was rejected, or is unknown.
    """

    key: str
    operation: str
    wire: WireName
    portfolio: str
    exchange: str
    symbol: str
    board: str | None = None
    side: str
    lots: int
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    replaces: str | None = None
    tag: str | None = None
    digest: str
    created_at: datetime
    state: EntryState = EntryState.OPEN
    order_id: str | None = None
    reason: str | None = None

    def settled(self, state: EntryState, order_id: str | None = None, reason: str | None = None) -> LedgerEntry:
        """The same entry with what became of it; itself where that is no news. What is known is never unlearned."""
        if _GROWTH[state] <= _GROWTH[self.state]:
            return self
        return msgspec.structs.replace(self, state=state, order_id=order_id or self.order_id, reason=reason)


@runtime_checkable
class OrderLedger(Protocol):
    """Where a client writes down its commands. Keys are unique in it for as long as it remembers them."""

    async def open(self) -> None:
        """Get ready, for one client alone.

        Raises:
            LedgerUnavailable: It cannot be used, or is in use.
        """
        ...

    async def record(self, entry: LedgerEntry) -> None:
        """Write an entry down; one that stands under the same key gives way.

        When this returns the entry is as durable as the ledger can make it. When it raises, or is cancelled, nothing may
        be sent, and the ledger says so of the entry as soon as it can.

        Raises:
            LedgerUnavailable: It could not be written.
        """
        ...

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Note what became of an entry. Never waits and never raises; it is durable soon.

        What is known only grows: an entry that was accepted stays so, whatever is said of it later.
        """
        ...

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key, None when there is none."""
        ...

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List the entries of which something is left to find out, the oldest first."""
        ...

    def acknowledge(self, key: str) -> None:
        """Take note that the owner has seen to an entry himself: it holds nothing up any more.

        Raises:
            InvalidArgument: There is no such entry, or nothing is left to find out about it.
        """
        ...

    async def close(self) -> None:
        """Write what waits, and let go. Takes at most two seconds. Idempotent."""
        ...


class Entries:
    """Entries in memory, by their keys: those of which something is left to find out, and those that are settled.

    Args:
        entries: What there is to begin with, the oldest first.
    """

    __slots__ = ("_open", "_settled")

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._open: dict[str, LedgerEntry] = {}
        self._settled: OrderedDict[str, LedgerEntry] = OrderedDict()
        for entry in entries:
            self.put(entry)

    def put(self, entry: LedgerEntry) -> None:
        """Add an entry; one that stands under the same key gives way."""
        self._settled.pop(entry.key, None)
        self._open.pop(entry.key, None)
        if entry.state.is_settled:
            self._settled[entry.key] = entry
        else:
            self._open[entry.key] = entry

    def settle(self, key: str, state: EntryState, order_id: str | None, reason: str | None) -> LedgerEntry | None:
        """Note what became of an entry. Returns the entry as it is now, None when there is none or it is no news."""
        known = self.find(key)
        if known is None:
            return None
        entry = known.settled(state, order_id, reason)
        if entry is known:
            return None
        if state.is_settled:
            self._open.pop(key, None)
            self._settled[key] = entry
        else:
            self._open[key] = entry
        return entry

    def make_room(self, now: datetime) -> tuple[str, ...]:
        """Forget settled entries that are old or too many, a few at a time. Returns their keys."""
        dropped: list[str] = []
        horizon = now - KEPT_FOR
        while self._settled and len(dropped) < _DROPPED_AT_ONCE:
            oldest = next(iter(self._settled.values()))
            if len(self._settled) <= MOST_SETTLED and oldest.created_at >= horizon:
                break
            del self._settled[oldest.key]
            dropped.append(oldest.key)
        return tuple(dropped)

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key."""
        return self._open.get(key) or self._settled.get(key)

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List what is open or unknown, the oldest first."""
        return tuple(self._open.values())

    def list_accepted(self) -> tuple[LedgerEntry, ...]:
        """List those that became orders, in the order in which that was known."""
        return tuple(entry for entry in self._settled.values() if entry.state is EntryState.ACCEPTED)

    def __len__(self) -> int:
        return len(self._open) + len(self._settled)


class MemoryLedger:
    """Keeps entries in memory: enough to refuse a key that is reused, and to settle late answers. It does not survive.

    Settled entries are remembered for a week, and the last 100 000 of them. What one client leaves open, the next one
    that is given the same ledger finds.
    """

    __slots__ = ("_entries", "_is_open")

    def __init__(self) -> None:
        self._entries = Entries()
        self._is_open = False

    def __repr__(self) -> str:
        return f"<MemoryLedger: {len(self.list_open())} open>"

    async def open(self) -> None:
        """Get ready, for one client alone.

        Raises:
            LedgerUnavailable: Another client uses it.
        """
        if self._is_open:
            raise LedgerUnavailable("this ledger is in use by another client: give each its own")
        self._is_open = True

    async def record(self, entry: LedgerEntry) -> None:
        """Remember an entry."""
        self._entries.make_room(entry.created_at)
        self._entries.put(entry)

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Note what became of an entry; what is known only grows."""
        self._entries.settle(key, state, order_id, reason)

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key."""
        return self._entries.find(key)

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List what is open or unknown, the oldest first."""
        return self._entries.list_open()

    def list_accepted(self) -> tuple[LedgerEntry, ...]:
        """List the commands that were accepted, as far as they are remembered."""
        return self._entries.list_accepted()

    def acknowledge(self, key: str) -> None:
        """Take note that the owner has seen to an entry himself.

        Raises:
            InvalidArgument: There is no such entry, or nothing is left to find out about it.
        """
        check_open(self, key)
        self.settle(key, EntryState.ACKNOWLEDGED)

    async def close(self) -> None:
        """Let go; there is nothing to write."""
        self._is_open = False


def check_open(ledger: OrderLedger, key: str) -> None:
    """Refuse to acknowledge what needs it not.

    Raises:
        InvalidArgument: There is no such entry, or nothing is left to find out about it.
    """
    entry = ledger.find(key)
    if entry is None or entry.state.is_settled:
        raise InvalidArgument("key", "no entry that is open or unknown has this key")
