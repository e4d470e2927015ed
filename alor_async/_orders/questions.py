"""What is asked about a command whose outcome is unknown: made from the command itself, or from what the ledger has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alor_async._orders.evidence import Question
from alor_async._orders.intent import Verb
from alor_async.values import InstrumentId, Portfolio

if TYPE_CHECKING:
    from uuid import UUID

    from alor_async._orders.intent import Intent
    from alor_async._orders.ledger import LedgerEntry

__all__ = ["question_about", "question_of"]


def question_of(intent: Intent[object]) -> Question:
    """Ask about an intent."""
    order_id = intent.values.get("order_id")
    portfolio = next(iter(intent.portfolios))
    return Question(
        operation=intent.operation.name,
        verb=intent.verb,
        portfolio=portfolio,
        exchange=_read_exchange(portfolio, str(intent.values["exchange"])),
        is_stop=intent.values.get("stop") is True,
        order_id=order_id if isinstance(order_id, str) else None,
        request_id=intent.request_id,
        instrument_id=intent.instrument_id,
    )


def question_about(entry: LedgerEntry, request_id: UUID | str | None = None) -> Question:
    """Ask about an entry of the ledger; its key, as its caller spelt it, may be given."""
    return Question(
        operation=entry.operation,
        verb=Verb.PLACE if entry.replaces is None else Verb.REPLACE,
        portfolio=entry.portfolio,
        exchange=_read_exchange(entry.portfolio, entry.exchange),
        is_stop=entry.operation.startswith("stop_orders."),
        order_id=entry.replaces,
        tag=entry.tag,
        request_id=entry.key if request_id is None else request_id,
        instrument_id=InstrumentId(entry.symbol, entry.exchange, entry.board),
        asked_at=entry.created_at,
    )


def _read_exchange(portfolio: str, exchange: str) -> str:
    """Where an order is read that trades at an exchange: there, unless its portfolio is read as a whole."""
    usual = Portfolio(portfolio)
    return exchange if usual.read_exchange == usual.trade_exchange else usual.read_exchange
