"""Which orders at the exchange came of this client's commands, and which took the place of which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from alor_async._orders.ledger import EntryState
from alor_async._streams.filters import Recent

if TYPE_CHECKING:
    from alor_async._orders.ledger import LedgerEntry, OrderLedger

__all__ = ["OwnOrders", "RemembersOrders"]

_REMEMBERED: Final = 100_000
_STOPS: Final = "stop_orders."


@runtime_checkable
class RemembersOrders(Protocol):
    """A ledger that can list what was accepted in earlier runs: their orders are known for this client's then."""

    def list_accepted(self) -> tuple[LedgerEntry, ...]:
        """List the entries that were accepted, as far as they are remembered, the oldest first."""
        ...


class OwnOrders:
    """A ledger seen from the orders: commands write it, and whoever looks at an order asks it.

    It is a ledger itself, which passes everything on to another one and listens.

    Args:
        ledger: The ledger that it passes everything on to.
    """

    __slots__ = ("_listeners", "_replacements", "_sources", "ledger")

    def __init__(self, ledger: OrderLedger) -> None:
        self.ledger = ledger
        self._sources: Recent[str, LedgerEntry] = Recent(_REMEMBERED)
        """The accepted command behind each order."""
        self._replacements: Recent[str, str] = Recent(_REMEMBERED)
        """What took the place of an order."""
        self._listeners: dict[Callable[[LedgerEntry], None], None] = {}

    # As a ledger.

    async def open(self) -> None:
        """Open the ledger, and learn what it remembers."""
        await self.ledger.open()
        for entry in self.list_accepted():
            self._note(entry)

    async def record(self, entry: LedgerEntry) -> None:
        """Pass an entry on."""
        await self.ledger.record(entry)

    def settle(self, key: str, state: EntryState, *, order_id: str | None = None, reason: str | None = None) -> None:
        """Pass on what became of an entry, and tell whoever listens."""
        before = self.ledger.find(key)
        self.ledger.settle(key, state, order_id=order_id, reason=reason)
        entry = self.ledger.find(key)
        if entry is not None and entry.state.is_settled and entry != before:
            self._note(entry)
            for listener in tuple(self._listeners):
                listener(entry)

    def find(self, key: str) -> LedgerEntry | None:
        """Give the entry of a key."""
        return self.ledger.find(key)

    def list_open(self) -> tuple[LedgerEntry, ...]:
        """List the entries of which something is left to find out."""
        return self.ledger.list_open()

    def list_accepted(self) -> tuple[LedgerEntry, ...]:
        """List what was accepted, the oldest first; nothing where the ledger does not remember that."""
        return self.ledger.list_accepted() if isinstance(self.ledger, RemembersOrders) else ()

    def acknowledge(self, key: str) -> None:
        """Pass on that the owner has seen to an entry himself."""
        self.ledger.acknowledge(key)

    async def close(self) -> None:
        """Close the ledger."""
        await self.ledger.close()

    # As a register of orders.

    def is_own(self, portfolio: str, order_id: str, *, is_stop: bool) -> bool:
        """Whether a command of this client made the order."""
        return _key(portfolio, order_id, is_stop=is_stop) in self._sources

    def replaced_by(self, portfolio: str, order_id: str, *, is_stop: bool) -> str | None:
        """Give the order that took the place of one; None when none did, as far as is known."""
        return self._replacements.get(_key(portfolio, order_id, is_stop=is_stop))

    def replaces(self, portfolio: str, order_id: str, *, is_stop: bool) -> str | None:
        """Give the order whose place one took; None when it took none, as far as is known."""
        entry = self._sources.get(_key(portfolio, order_id, is_stop=is_stop))
        return None if entry is None or entry.replaces == order_id else entry.replaces

    def may_become(self, portfolio: str, symbol: str, side: str, *, is_stop: bool) -> bool:
        """Whether a command without an outcome may turn out to have made such an order."""
        return any(
            entry.portfolio == portfolio
            and entry.operation.startswith(_STOPS) is is_stop
            and entry.symbol == symbol
            and entry.side in ("", side)
            for entry in self.ledger.list_open()
        )

    def listen(self, listener: Callable[[LedgerEntry], None]) -> None:
        """Call somebody for each command whose outcome becomes known."""
        self._listeners[listener] = None

    def forget(self, listener: Callable[[LedgerEntry], None]) -> None:
        """Call him no more. Idempotent."""
        self._listeners.pop(listener, None)

    def _note(self, entry: LedgerEntry) -> None:
        if entry.order_id is None or entry.state is not EntryState.ACCEPTED:
            return
        is_stop = entry.operation.startswith(_STOPS)
        self._sources.put(_key(entry.portfolio, entry.order_id, is_stop=is_stop), entry)
        if entry.replaces is not None and entry.replaces != entry.order_id:
            self._replacements.put(_key(entry.portfolio, entry.replaces, is_stop=is_stop), entry.order_id)


def _key(portfolio: str, order_id: str, *, is_stop: bool) -> str:
    """Conditional orders have numbers of their own."""
    return f"{'stop' if is_stop else 'order'} {order_id} {portfolio}"
