"""What a replacement of a derivatives order cannot change: the server ignores another side or symbol, and says nothing."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias

from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alor_async._orders.ledger import LedgerEntry

__all__ = ["KeptTerms"]

_MOST_KEPT: Final = 10_000
_DERIVATIVES: Final = frozenset({"RFUD", "ROPD"})
# `SiZ6` and `SBRF-12.26`, options on it likewise: a portfolio of all markets does not tell which one it is, nor need a board.
_NAMED_LIKE_ONE: Final = re.compile(r"[A-Za-z0-9]{2}[FGHJKMNQUVXZ][0-9]|[A-Za-z0-9]+-[0-9]{1,2}\.[0-9]{2}.*")

_Key: TypeAlias = tuple[str, bool, str]


class KeptTerms:
    """Remembers which commands made the orders of this client, of the last 10 000."""

    __slots__ = ("_makers",)

    def __init__(self) -> None:
        self._makers: OrderedDict[_Key, LedgerEntry] = OrderedDict()

    def learn(self, accepted: Iterable[LedgerEntry]) -> None:
        """Remember what earlier runs made, the oldest first."""
        for entry in accepted:
            if entry.order_id is not None:
                self.note(entry, entry.order_id)

    def check(self, entry: LedgerEntry) -> None:
        """Refuse to replace a derivatives order by one of another side or symbol.

        Raises:
            InvalidArgument: It would; the order would keep its own, silently.
        """
        known = self._original(entry)
        if known is None or not (_is_derivative(known) or _is_derivative(entry)):
            return
        for argument, kept, new in (("instrument", known.symbol, entry.symbol), ("side", known.side, entry.side)):
            if kept != new:
                raise InvalidArgument(argument, f"a derivatives order keeps its own: {kept}, got {new}")

    def note(self, entry: LedgerEntry, order_id: str) -> None:
        """Remember the order that a command has made."""
        original = self._original(entry)
        if original is not None and _is_derivative(original):
            # It knows the board, which the replacement may leave out.
            entry = original
        self._makers[_key(entry, order_id)] = entry
        if len(self._makers) > _MOST_KEPT:
            self._makers.popitem(last=False)

    def _original(self, entry: LedgerEntry) -> LedgerEntry | None:
        return None if entry.replaces is None else self._makers.get(_key(entry, entry.replaces))


def _key(entry: LedgerEntry, order_id: str) -> _Key:
    # Conditional orders count in a number space of their own.
    return entry.portfolio, entry.operation.startswith("stop_orders."), order_id


def _is_derivative(entry: LedgerEntry) -> bool:
    if entry.portfolio[:1].isdigit():
        return True
    if entry.board is not None:
        return entry.board.upper() in _DERIVATIVES
    return _NAMED_LIKE_ONE.fullmatch(entry.symbol) is not None
