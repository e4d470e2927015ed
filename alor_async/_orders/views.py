"""What a blotter shows of an order, and what it tells: values, which never change."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from alor_async._streams.events import Disconnected, Gap, Reconnected
from alor_async.models import Order, StopOrder, Trade

if TYPE_CHECKING:
    from alor_async.values import InstrumentId

__all__ = [
    "BlotterEvent",
    "Divergence",
    "Filled",
    "OrderChanged",
    "OrderView",
    "Replaced",
    "StopOrderChanged",
    "StopOrderView",
    "told_lots",
]


class OrderView(Struct, frozen=True, kw_only=True):
    """An exchange order and all that is known around it. It stays as it is: look again for what is so later.

    Attributes:
        order_id: Its number.
        order: The order as the broker told it last; None while only trades of it, or its acknowledgement, are known.
        trades: Its trades, each once, in the order in which they became known.
        traded_lots: What they add up to; lots.
        earlier_lots: What was executed on earlier days, whose trades the broker tells no more; lots. Found out a moment after the
            view is whole, for orders that last for days, and part of no other figure but `filled_lots`.
        filled_lots: What the order itself says is executed, or its trades where they say more: neither is ever taken back.
            Lots.
        is_final: Whether it has ended, and the order and its trades say the same about what was executed. Where its end was
            never told, its trades have the last word.
        is_external: Whether it is somebody else's: made at another terminal, by another program, or by the broker. None
            while a command of this client without an answer may have made it.
        has_expired: Whether it was left over from an earlier trading day and is not on the broker's list of today: it
            works no more, though its end was never told.
        replaces: The number of the order whose place it took.
        replaced_by: The number of the order that took its place.
        parent_stop: The number of the conditional order that became it.
    """

    order_id: str
    order: Order | None = None
    trades: tuple[Trade, ...] = ()
    traded_lots: int = 0
    earlier_lots: int = 0
    filled_lots: int = 0
    is_final: bool = False
    is_external: bool | None = None
    has_expired: bool = False
    replaces: str | None = None
    replaced_by: str | None = None
    parent_stop: str | None = None

    @property
    def instrument_id(self) -> InstrumentId | None:
        """The key of its instrument; None while nothing tells it.

        Raises:
            InvalidArgument: The broker does not know the symbol, and writes `[N/A]`.
        """
        source = self.order or next(iter(self.trades), None)
        return None if source is None else source.instrument_id


def told_lots(order: Order | None, executed: int, *, has_expired: bool) -> int | None:
    """Give what an order says is executed, None while it is not known; lots.

    What one said that ended unheard is older than its trades: as far as it has so many lots, they speak for it. They do so
    wholly for one that lived and ended unheard.
    """
    if order is None:
        return executed if has_expired else None
    return executed if has_expired and order.filled_lots < executed <= order.lots else order.filled_lots


class StopOrderView(Struct, frozen=True, kw_only=True):
    """A conditional order, and what it became.

    Attributes:
        order_id: Its number, of a space apart from that of exchange orders.
        order: The conditional order as the broker told it last; None while only its acknowledgement is known.
        child: The exchange order that it became; None until it fires, and until that order is known.
        trades: The trades of that order.
        filled_lots: What was executed of it, as far as either of the two tells; lots.
        is_final: Whether it has ended, and if it fired, the order that it became too.
        is_external: As in `OrderView`.
        replaces: The number of the conditional order whose place it took.
        replaced_by: The number of the conditional order that took its place.
    """

    order_id: str
    order: StopOrder | None = None
    child: OrderView | None = None
    trades: tuple[Trade, ...] = ()
    filled_lots: int = 0
    is_final: bool = False
    is_external: bool | None = None
    replaces: str | None = None
    replaced_by: str | None = None


class OrderChanged(Struct, frozen=True, kw_only=True):
    """An exchange order is not as it was.

    Attributes:
        view: As it is now.
    """

    view: OrderView


class StopOrderChanged(Struct, frozen=True, kw_only=True):
    """A conditional order, or the order that it became, is not as it was.

    Attributes:
        view: As it is now.
    """

    view: StopOrderView


class Filled(Struct, frozen=True, kw_only=True):
    """Something was executed. Each fill is told once, whatever happens to the connection.

    Attributes:
        trade: The fill.
        order_id: Of which order; None where the broker does not say.
        is_recovered: Whether it happened while the connection was gone, and was found afterwards.
    """

    trade: Trade
    order_id: str | None
    is_recovered: bool = False


class Replaced(Struct, frozen=True, kw_only=True):
    """One order took the place of another, by a command of this client.

    Attributes:
        old_id: The number of the one that is gone.
        new_id: The number of the one that stands.
        is_stop: Whether they are conditional orders.
    """

    old_id: str
    new_id: str
    is_stop: bool = False


class Divergence(Struct, frozen=True, kw_only=True):
    """Two things that the broker told do not fit together, and did not for a while. Nothing is overwritten: both are shown.

    Attributes:
        what: `fills`: what an order says is executed, against its trades. `position`: what is held, against what was held
            before and the trades since.
        subject: The number of the order, or the key of the instrument, such as `MOEX:SBER`.
        shown: What the order or the position says (lots, or units); None where trades tell of an order that is not shown.
        computed: What the trades amount to (lots, or units).
        is_over: Whether this tells that they fit again.
    """

    what: Literal["fills", "position"]
    subject: str
    shown: Decimal | None
    computed: Decimal
    is_over: bool = False


BlotterEvent: TypeAlias = (
    OrderChanged | StopOrderChanged | Filled | Replaced | Divergence | Disconnected | Gap | Reconnected
)
"""Everything that `Blotter.events()` yields."""
