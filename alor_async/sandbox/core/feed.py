"""What happens, told to whoever shows it to the outside as it happens.

The engine calls the feed at the moment of each change, under the exchange's lock; the listener looks at what changed or
notes that it has to, and never gives commands. Without a listener a change costs one comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alor_async.sandbox.core.accounts import Account
    from alor_async.sandbox.core.entities import OwnTrade
    from alor_async.sandbox.core.history import Print
    from alor_async.sandbox.core.market import InstrumentMarket
    from alor_async.sandbox.core.orders import LiveOrder, LiveStop


class Listener(Protocol):
    """Who is told. Times are the exchange's (`Exchange.now_us`); objects are alive and are to be read at once."""

    def on_trade(self, market: InstrumentMarket, trade: Print) -> None:
        """A trade was put on the tape."""
        ...

    def on_book(self, market: InstrumentMarket) -> None:
        """The visible part of a book may have changed."""
        ...

    def on_instrument(self, market: InstrumentMarket) -> None:
        """A security changed: its trading status, its limits."""
        ...

    def on_order(self, order: LiveOrder) -> None:
        """An exchange order is in a new state."""
        ...

    def on_stop(self, stop: LiveStop) -> None:
        """A conditional order is in a new state."""
        ...

    def on_fill(self, account: Account, trade: OwnTrade) -> None:
        """An account has a new own trade."""
        ...

    def on_account(self, account: Account) -> None:
        """Money, holdings or margin of an account changed."""
        ...

    def on_settled(self) -> None:
        """Everything that a command or a moment set off is done."""
        ...


class Feed:
    """Where the engine reports. It has one listener at most.

    Attributes:
        listener: Who is told; None while nobody looks.
    """

    __slots__ = ("listener",)

    def __init__(self) -> None:
        """Start with nobody listening."""
        self.listener: Listener | None = None
