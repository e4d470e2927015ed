"""What is asked after every command that went wrong, and who answers: the exchange's journal, never the client's word.

O1: at most one order for an intent. O2: an order that stands has an intent that is not called rejected. O3: a success has
its order, and a no has none. The ledger must tell the same story.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from alor_async import AsyncAlor, OrderAck, own_comment
from alor_async._orders.ledger import EntryState
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConnectError,
    Forbidden,
    InvalidArgument,
    LedgerUnavailable,
    OrderOutcomeUnknown,
    OrderRejected,
    OrdersUnresolved,
    QueueTimeout,
    RateLimited,
    Unauthorized,
)
from alor_async.sandbox import Sandbox

Ending = Literal["ack", "rejected", "unknown", "nothing"]

NOTHING_HAPPENED = (
    AuthError,
    ClosedError,
    ConnectError,
    Forbidden,
    InvalidArgument,
    LedgerUnavailable,
    OrdersUnresolved,
    QueueTimeout,
    RateLimited,
    Unauthorized,
)
STATES: dict[Ending, frozenset[EntryState | None]] = {
    "ack": frozenset({EntryState.ACCEPTED}),
    "rejected": frozenset({EntryState.REJECTED}),
    "unknown": frozenset({EntryState.UNKNOWN}),
    "nothing": frozenset({EntryState.NOT_SENT, None}),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    ending: Ending
    ack: OrderAck | None = None
    error: AlorError | None = None

    @property
    def unknown(self) -> OrderOutcomeUnknown:
        assert isinstance(self.error, OrderOutcomeUnknown), self
        return self.error


async def outcome_of(command: Awaitable[OrderAck]) -> Outcome:
    """Await a command; any error outside of the promised four endings is raised."""
    try:
        return Outcome("ack", ack=await command)
    except OrderOutcomeUnknown as error:
        return Outcome("unknown", error=error)
    except OrderRejected as error:
        return Outcome("rejected", error=error)
    except NOTHING_HAPPENED as error:
        return Outcome("nothing", error=error)


def orders_made(sandbox: Sandbox, label: str, *, since: int = 0) -> list[str]:
    """The numbers of all exchange orders ever accepted under a label, whatever became of them.

    Args:
        sandbox: The exchange.
        label: The comment, without the tag.
        since: How many entries of the journal are older than the command.
    """
    return [number for number, comment in _accepted(sandbox, "order_accepted", "order", since) if comment == label]


def stops_made(sandbox: Sandbox, label: str, *, since: int = 0) -> list[str]:
    """The same of conditional orders."""
    return [number for number, comment in _accepted(sandbox, "stop_accepted", "stop", since) if comment == label]


def _accepted(sandbox: Sandbox, kind: str, detail: str, since: int) -> Iterator[tuple[str, str | None]]:
    for _, what, details in sandbox.journal.records(since):
        if what == kind:
            shown: Any = details[detail]
            order = shown() if callable(shown) else shown
            yield order.order_id, own_comment(order.comment)


def check_oracles(
    sandbox: Sandbox,
    alor: AsyncAlor,
    label: str,
    outcome: Outcome,
    request_id: UUID | str,
    *,
    stop: bool = False,
    since: int = 0,
) -> list[str]:
    """Assert O1, O2, O3, and that the ledger agrees.

    Returns:
        The numbers of the orders that the command made: none or one.
    """
    made = (stops_made if stop else orders_made)(sandbox, label, since=since)
    assert len(made) <= 1, f"O1: {label} became {made}"
    if outcome.ack is not None:
        assert made == [outcome.ack.order_id], f"O3: {label} is {made}, told was {outcome.ack}"
    elif outcome.ending != "unknown":
        assert not made, f"O2: {label} stands as {made}, told was {outcome.error!r}"
    entry = alor.ledger.find(str(request_id))
    state = None if entry is None else entry.state
    assert state in STATES[outcome.ending], f"the ledger says {state} of {label}, told was {outcome.ending}"
    if entry is not None and outcome.ack is not None:
        assert entry.order_id == outcome.ack.order_id
    return made
