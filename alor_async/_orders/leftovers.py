"""Commands of an earlier run whose outcome nobody knows: found out by reading, before anything else is placed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from typing import Final, TypeAlias

from msgspec import Struct

from alor_async._orders.intent import OrderAck
from alor_async._orders.ledger import EntryState, LedgerEntry, OrderLedger
from alor_async._policy.clock import Clock
from alor_async.errors import AlorError, OrderOutcomeUnknown, OrderRejected, OrdersUnresolved, RequestError

__all__ = ["FindOut", "Leftovers", "Recovered"]

FindOut: TypeAlias = Callable[[LedgerEntry, float], Awaitable[OrderAck]]

RECOVERY_TIME: Final = 5.0
_QUICK_LOOK: Final = 1.0
_REST: Final = 1.0
"""For how long what was read is good enough for the next order; seconds."""


class Recovered(Struct, frozen=True, kw_only=True):
    """What was found out about commands without an outcome.

    Attributes:
        resolved: Those whose outcome is known now.
        unresolved: The rest: look at each, then `alor.ledger.acknowledge(entry.key)`. Those of an earlier run hold up new
            orders until then, those of this run do not.
    """

    resolved: tuple[LedgerEntry, ...]
    unresolved: tuple[LedgerEntry, ...]


class Leftovers:
    """What an earlier run left open in a ledger.

    Args:
        ledger: The ledger.
        find_out: Finds out about one entry within some seconds, and settles it.
        clock: Where time comes from.
        under_way: The keys of the commands whose callers wait: they learn the outcome by themselves.
    """

    __slots__ = ("_clock", "_find_out", "_keys", "_ledger", "_looked_at", "_looking", "_under_way")

    def __init__(self, ledger: OrderLedger, find_out: FindOut, clock: Clock, under_way: Container[str]) -> None:
        self._ledger = ledger
        self._find_out = find_out
        self._clock = clock
        self._under_way = under_way
        self._keys: dict[str, None] = {}
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None

    def note(self) -> None:
        """Take what is open now for left by an earlier run."""
        self._keys = dict.fromkeys(entry.key for entry in self._ledger.list_open())
        self._looked_at = None

    def list(self) -> tuple[LedgerEntry, ...]:
        """List those that nobody found out about or acknowledged."""
        if not self._keys:
            return ()
        known = [self._ledger.find(key) for key in self._keys]
        left = tuple(entry for entry in known if entry is not None and not entry.state.is_settled)
        self._keys = dict.fromkeys(entry.key for entry in left)
        return left

    async def recover(self, timeout: float) -> Recovered:
        """Find out what can be found out: about what an earlier run left, and what this one did, as cancelled callers do.

        Args:
            timeout: How long to go on reading; seconds.

        Raises:
            AuthError, RequestError: Reading failed. What was found out before is in the ledger.
        """
        async with self._looking:
            before = tuple(entry for entry in self._ledger.list_open() if entry.key not in self._under_way)
            await self._look(before, timeout)
            found = [self._ledger.find(entry.key) for entry in before]
            after = [entry for entry in found if entry is not None]
            return Recovered(
                resolved=tuple(entry for entry in after if _is_known(entry)),
                unresolved=tuple(entry for entry in after if not entry.state.is_settled),
            )

    async def clear(self, limit: float) -> None:
        """Let a command pass that places, once nothing is left. Many that wait here share one look.

        Args:
            limit: How long a look may take at most; seconds.

        Raises:
            OrdersUnresolved: Something remains.
            AuthError: There is no token to read with.
        """
        if not self.list():
            return
        failure: RequestError | None = None
        async with self._looking:
            left = self.list()
            if left and not self._has_just_looked():
                try:
                    await self._look(left, min(limit, RECOVERY_TIME if self._looked_at is None else _QUICK_LOOK))
                except RequestError as error:
                    failure = error
                left = self.list()
        if left:
            count = f"{len(left)} command{'s' if len(left) > 1 else ''} of an earlier run"
            how = "nothing was found by reading" if failure is None else "reading failed"
            raise OrdersUnresolved(
                f"{count} without an outcome, {how}; nothing was sent: look at each in `alor.ledger.list_open()`, then say "
                "`alor.ledger.acknowledge(key)`",
                keys=tuple(entry.key for entry in left),
            ) from failure

    def _has_just_looked(self) -> bool:
        return self._looked_at is not None and self._clock.monotonic() - self._looked_at < _REST

    async def _look(self, entries: tuple[LedgerEntry, ...], timeout: float) -> None:
        """Find out about all at once: one that cannot be read does not hold up the others."""
        failures: list[AlorError] = []

        async def look(entry: LedgerEntry) -> None:
            try:
                await self._find_out(entry, timeout)
            except (OrderRejected, OrderOutcomeUnknown):
                return
            except AlorError as error:
                failures.append(error)

        try:
            async with asyncio.TaskGroup() as group:
                for entry in entries:
                    group.create_task(look(entry), name="alor-recovery")
        finally:
            self._looked_at = self._clock.monotonic()
        if failures:
            raise failures[0]


def _is_known(entry: LedgerEntry) -> bool:
    return entry.state.is_settled and entry.state is not EntryState.ACKNOWLEDGED
