"""The ledger: what was wanted, written down before its first byte leaves, and what became of it.

A command that places or replaces is an entry. It is open until its outcome is known; after a crash the entries that are
open are those of which nobody knows, and they are looked up before anything else is placed.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec
from msgspec import Struct

from alor_async.errors import InvalidArgument

__all__ = ["EntryState", "LedgerEntry", "MemoryLedger", "OrderLedger", "WireName"]

WireName: TypeAlias = Literal["rest", "cws"]

MOST_SETTLED: Final = 100_000


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
        return self not in {EntryState.OPEN, EntryState.UNKNOWN}


class LedgerEntry(Struct, frozen=True, kw_only=True):
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
        """The same entry with what became of it; an order's number that was known is kept."""
        return msgspec.structs.replace(self, state=state, order_id=order_id or self.order_id, reason=reason)


@runtime_checkable
class OrderLedger(Protocol):
    """Where a client writes down its commands. Keys are unique in it for as long as it remembers them."""

    async def open(self) -> None:
        """Get ready, for one client alone. Idempotent.

        Raises:
            LedgerUnavailable: It cannot be used.
        """
        ...

    async def record(self, entry: LedgerEntry) -> None:
        """Write an entry down. When this returns it is as durable as the ledger can make it.

        Raises:
            LedgerUnavailable: It could not be written: nothing may be sent.
        """
        ...

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Note what became of an entry. Never waits and never raises; it is durable soon."""
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


class MemoryLedger:
    """Keeps entries in memory: enough to refuse a key that is reused, and to settle late answers. It does not survive.

    Of those that are settled, the last 100 000 are remembered.
    """

    __slots__ = ("_open", "_settled")

    def __init__(self) -> None:
        self._open: dict[str, LedgerEntry] = {}
        self._settled: OrderedDict[str, LedgerEntry] = OrderedDict()

    def __repr__(self) -> str:
        return f"<MemoryLedger: {len(self._open)} open>"

    async def open(self) -> None:
        """Get ready; there is nothing to do."""

    async def record(self, entry: LedgerEntry) -> None:
        """Remember an entry."""
        self._settled.pop(entry.key, None)
        self._open[entry.key] = entry

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Note what became of an entry."""
        entry = self.find(key)
        if entry is None:
            return
        self._open.pop(key, None)
        self._settled.pop(key, None)
        entry = entry.settled(state, order_id, reason)
        if not state.is_settled:
            self._open[key] = entry
            return
        self._settled[key] = entry
        if len(self._settled) > MOST_SETTLED:
            self._settled.popitem(last=False)

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key."""
        return self._open.get(key) or self._settled.get(key)

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List what is open or unknown, the oldest first."""
        return tuple(self._open.values())

    def acknowledge(self, key: str) -> None:
        """Take note that the owner has seen to an entry himself.

        Raises:
            InvalidArgument: There is no such entry, or nothing is left to find out about it.
        """
        check_open(self, key)
        self.settle(key, EntryState.ACKNOWLEDGED)

    async def close(self) -> None:
        """Let go; there is nothing to write."""


def check_open(ledger: OrderLedger, key: str) -> None:
    """Refuse to acknowledge what needs it not.

    Raises:
        InvalidArgument: There is no such entry, or nothing is left to find out about it.
    """
    entry = ledger.find(key)
    if entry is None or entry.state.is_settled:
        raise InvalidArgument("key", "no entry that is open or unknown has this key")
