"""What a replacement of a derivatives order cannot change: the server ignores another side or symbol, and says nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from alor_async._orders.intent import Verb
from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from alor_async._orders.intent import Intent

__all__ = ["KeptTerms"]

_MOST_KEPT: Final = 10_000
_DERIVATIVES: Final = frozenset({"RFUD", "ROPD"})


class _Terms(Struct, frozen=True, gc=False):
    symbol: str
    side: str
    is_derivative: bool


class KeptTerms:
    """Remembers side and symbol of the orders that this client placed, the last 10 000 of them."""

    __slots__ = ("_makers",)

    def __init__(self) -> None:
        self._makers: OrderedDict[tuple[str, bool, str], Intent[object] | _Terms] = OrderedDict()
        """What made each order: its terms are read when somebody asks, which is seldom."""

    def check(self, intent: Intent[object]) -> None:
        """Refuse to replace a derivatives order by one of another side or symbol.

        Raises:
            InvalidArgument: It would; the order would keep its own, silently.
        """
        known = self._known(intent)
        if known is None:
            return
        wanted = _terms_of(intent)
        if wanted is None or not (known.is_derivative or wanted.is_derivative):
            return
        for argument, kept, new in (("instrument", known.symbol, wanted.symbol), ("side", known.side, wanted.side)):
            if kept != new:
                raise InvalidArgument(argument, f"a derivatives order keeps its own: {kept}, got {new}")

    def note(self, intent: Intent[object], order_id: str) -> None:
        """Remember the order that an intent has made."""
        known = self._known(intent)
        key = _key(intent, order_id)
        self._makers.pop(key, None)
        self._makers[key] = known if known is not None and known.is_derivative else intent
        if len(self._makers) > _MOST_KEPT:
            self._makers.popitem(last=False)

    def _known(self, intent: Intent[object]) -> _Terms | None:
        if intent.verb is not Verb.REPLACE:
            return None
        maker = self._makers.get(_key(intent, str(intent.values.get("order_id"))))
        return maker if maker is None or isinstance(maker, _Terms) else _terms_of(maker)


def _key(intent: Intent[object], order_id: str) -> tuple[str, bool, str]:
    # Conditional orders count in a number space of their own.
    return intent.owner, intent.operation.name.startswith("stop_orders."), order_id


def _terms_of(intent: Intent[object]) -> _Terms | None:
    instrument, side = intent.instrument_id, getattr(intent.body, "side", None)
    if instrument is None or side is None:
        return None
    is_derivative = intent.owner[:1].isdigit() or instrument.board in _DERIVATIVES
    return _Terms(instrument.symbol, str(side), is_derivative)
