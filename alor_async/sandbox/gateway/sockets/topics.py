"""What can be subscribed to: one topic for all who want the same thing in the same format, at the same pace.

A topic listens to the exchange under its lock. Events (a trade, an order's new state) are captured as they happen; states
(a book, a summary) are noted as changed and looked at once everything has settled. Both are written later, in the
gateway's loop, and only once however many subscribers there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from alor_async.values import Format

if TYPE_CHECKING:
    from alor_async.sandbox.core.accounts import Account
    from alor_async.sandbox.core.entities import OwnTrade
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.core.history import Print
    from alor_async.sandbox.core.market import InstrumentMarket
    from alor_async.sandbox.core.orders import LiveOrder, LiveStop
    from alor_async.sandbox.gateway.sockets.connection import Connection

T = TypeVar("T")


class Subscriber(Protocol):
    """One who wants a topic.

    Attributes:
        since: What was posted up to this number is in the subscriber's snapshot already.
        connection: Where it goes.
    """

    since: int
    connection: Connection

    def deliver(self, head: bytes) -> None:
        """Send a data message whose head is given."""
        ...


class Postman(Protocol):
    """Who takes what topics post."""

    @property
    def exchange(self) -> Exchange:
        """Where everything comes from."""
        ...

    def post(self, topic: Topic[T], entity: T) -> None:
        """Take something to be written and sent to the subscribers of a topic."""
        ...

    def touch(self, topic: Topic[T]) -> None:
        """Note that a topic is to be settled once everything has happened."""
        ...


class Topic(ABC, Generic[T]):
    """One thing to subscribe to.

    Attributes:
        key: Two topics with one key are the same.
        format: How it is written.
        subscribers: Who wants it; changed in the gateway's loop only.
    """

    def __init__(self, postman: Postman, key: Hashable, format: Format) -> None:
        self.key = key
        self.format = format
        self.subscribers: dict[Subscriber, None] = {}
        self._postman = postman

    @abstractmethod
    def write(self, entity: T, *, existing: bool) -> bytes:
        """An entity as it goes over the wire; `existing` marks what belongs to a snapshot."""

    def post(self, entity: T) -> None:
        """Let the subscribers have it."""
        self._postman.post(self, entity)

    def settle(self) -> None:
        """Look at what has changed, now that all has settled; called after `touch`."""

    def joined(self) -> None:
        """One more wants it, whose snapshot may be newer than what the others were told last."""


class MarketTopic(Topic[T]):
    """A topic of one market."""

    def __init__(self, postman: Postman, key: Hashable, format: Format, market: InstrumentMarket) -> None:
        super().__init__(postman, key, format)
        self.market = market

    def on_trade(self, trade: Print) -> None:
        """A trade was put on the tape."""

    def on_book(self) -> None:
        """The book may have changed."""

    def on_instrument(self) -> None:
        """The security changed."""


class PortfolioTopic(Topic[T]):
    """A topic of one account."""

    def __init__(self, postman: Postman, key: Hashable, format: Format, account: Account) -> None:
        super().__init__(postman, key, format)
        self.account = account

    def on_order(self, order: LiveOrder) -> None:
        """An order of the account is in a new state."""

    def on_stop(self, stop: LiveStop) -> None:
        """A conditional order of the account is in a new state."""

    def on_fill(self, trade: OwnTrade) -> None:
        """The account has a new own trade."""

    def on_account(self) -> None:
        """Money, holdings or margin changed."""

    def on_price(self) -> None:
        """Something was traded somewhere, so that what is held may be worth something else."""


class Throttle:
    """At most one message in an interval of exchange time; the newest state wins, and after a quiet time it goes at once."""

    def __init__(self, postman: Postman, interval_us: int) -> None:
        self._postman = postman
        self._interval_us = interval_us
        self._free_at_us = 0
        self._is_waiting = False

    def admits(self, topic: Topic[T]) -> bool:
        """Whether something may go now; if not, the topic is touched again as soon as it may."""
        if self._postman.exchange.now_us >= self._free_at_us:
            return True
        if not self._is_waiting:
            self._is_waiting = True

            def freed() -> None:
                self._is_waiting = False
                if topic.subscribers:
                    self._postman.touch(topic)

            self._postman.exchange.at(self._free_at_us, freed)
        return False

    def spend(self) -> None:
        """Something went."""
        self._free_at_us = self._postman.exchange.now_us + self._interval_us
