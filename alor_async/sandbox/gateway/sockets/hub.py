"""From the exchange to the subscribers: hears every change, has it written once, and hands it to whoever wants it.

What the exchange tells is heard under its lock, in whatever thread the change was made. What is worth sending is put into
an outbox with a number; the gateway's loop empties it. A subscriber who came after a number was given has it in his
snapshot already, and does not get it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from alor_async.sandbox.gateway.sockets.connection import MOST_UNREAD
from alor_async.sandbox.gateway.sockets.encode import data_head
from alor_async.sandbox.gateway.sockets.topics import MarketTopic, PortfolioTopic, Subscriber, Topic

if TYPE_CHECKING:
    from alor_async.sandbox.core.accounts import Account
    from alor_async.sandbox.core.entities import OwnTrade
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.core.history import Print
    from alor_async.sandbox.core.market import InstrumentMarket
    from alor_async.sandbox.core.orders import LiveOrder, LiveStop
    from alor_async.sandbox.gateway.sockets.connection import Connection

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_AT_ONCE = 500
"""So many messages are handed out before others in the loop have their turn."""
_BEHIND = MOST_UNREAD // 2
_PATIENCE = 0.5
_LOOK_EVERY = 0.005


class Hub:
    """Every topic that anybody is subscribed to. It listens to the exchange only while there is one.

    When time runs faster than a client can read, the hub waits for the client as long as he reads at all. For one who has
    read nothing for half a second it does not wait any more, and then he is cut off as any slow client is.
    """

    def __init__(
        self, exchange: Exchange, exchange_lock: threading.RLock, failed: Callable[[BaseException], None]
    ) -> None:
        self.exchange = exchange
        """Where everything comes from."""
        self._exchange_lock = exchange_lock
        self._failed = failed
        self._topics: dict[Any, Topic[Any]] = {}
        self._of_market: dict[InstrumentMarket, list[MarketTopic[Any]]] = {}
        self._of_account: dict[Account, list[PortfolioTopic[Any]]] = {}
        self._touched: dict[Topic[Any], None] = {}
        self._outbox: deque[tuple[int, Topic[Any], Any]] = deque()
        self._posted = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False
        self._waiting: asyncio.Task[None] | None = None

    # -- subscriptions: in the gateway's loop, under the exchange's lock ---------------------------------------------

    def same(self, topic: Topic[T]) -> Topic[T]:
        """The topic that others share already, or else this one."""
        return self._topics.get(topic.key, topic)

    def subscribe(self, topic: Topic[Any], subscriber: Subscriber) -> None:
        """Let a subscriber have what is posted from now on."""
        if topic.key not in self._topics:
            self._topics[topic.key] = topic
            if isinstance(topic, MarketTopic):
                _add(self._of_market, topic.market, topic)
            elif isinstance(topic, PortfolioTopic):
                _add(self._of_account, topic.account, topic)
            self.exchange.listen(self)
        else:
            topic.joined()
        subscriber.since = self._posted
        topic.subscribers[subscriber] = None
        self._loop = asyncio.get_running_loop()

    def unsubscribe(self, topic: Topic[Any], subscriber: Subscriber) -> None:
        """Send a subscriber nothing more, not even what waits already."""
        del topic.subscribers[subscriber]
        if topic.subscribers:
            return
        del self._topics[topic.key]
        if isinstance(topic, MarketTopic):
            _remove(self._of_market, topic.market, topic)
        elif isinstance(topic, PortfolioTopic):
            _remove(self._of_account, topic.account, topic)
        if not self._topics:
            self.exchange.listen(None)
            self._touched.clear()

    # -- topics: under the exchange's lock, in any thread ------------------------------------------------------------

    def post(self, topic: Topic[T], entity: T) -> None:
        """Take something to be written and sent to the subscribers of a topic."""
        self._posted += 1
        self._outbox.append((self._posted, topic, entity))

    def touch(self, topic: Topic[Any]) -> None:
        """Note that a topic is to be settled once everything has happened."""
        self._touched[topic] = None

    # -- the exchange tells: under its lock, in any thread -----------------------------------------------------------

    def on_trade(self, market: InstrumentMarket, trade: Print) -> None:
        """A trade was put on the tape; what is held may be worth something else."""
        for topic in self._of_market.get(market, ()):
            topic.on_trade(trade)
        for topics in self._of_account.values():
            for held in topics:
                held.on_price()

    def on_book(self, market: InstrumentMarket) -> None:
        """The visible part of a book may have changed."""
        for topic in self._of_market.get(market, ()):
            topic.on_book()

    def on_instrument(self, market: InstrumentMarket) -> None:
        """A security changed."""
        for topic in self._of_market.get(market, ()):
            topic.on_instrument()

    def on_order(self, order: LiveOrder) -> None:
        """An exchange order is in a new state."""
        for topic in self._of_account.get(order.ticket.account, ()):
            topic.on_order(order)

    def on_stop(self, stop: LiveStop) -> None:
        """A conditional order is in a new state."""
        for topic in self._of_account.get(stop.ticket.account, ()):
            topic.on_stop(stop)

    def on_fill(self, account: Account, trade: OwnTrade) -> None:
        """An account has a new own trade."""
        for topic in self._of_account.get(account, ()):
            topic.on_fill(trade)

    def on_account(self, account: Account) -> None:
        """Money, holdings or margin of an account changed."""
        for topic in self._of_account.get(account, ()):
            topic.on_account()

    def on_settled(self) -> None:
        """Everything is done: look at what has changed, and let the loop send it."""
        if self._touched:
            touched, self._touched = self._touched, {}
            for topic in touched:
                topic.settle()
        if self._outbox and not self._is_called and self._loop is not None:
            self._is_called = True
            with contextlib.suppress(RuntimeError):  # the loop has ended, and everybody in it
                self._loop.call_soon_threadsafe(self._send)

    # -- sending: in the gateway's loop ------------------------------------------------------------------------------

    async def drained(self) -> None:
        """Wait until everything posted so far is with the connections."""
        while self._outbox or self._waiting is not None:
            if self._waiting is None:
                await asyncio.sleep(0)
            else:
                await asyncio.wait([self._waiting])

    def _send(self) -> None:
        self._is_called = False
        if self._waiting is not None:
            return
        behind: set[Connection] = set()
        left = _AT_ONCE
        while self._outbox and left > 0 and not behind:
            number, topic, entity = self._outbox.popleft()
            left -= max(1, len(topic.subscribers))
            try:
                self._hand_out(number, topic, entity, behind)
            except Exception as failure:  # noqa: BLE001  (one topic's failure is not the others'; `Sandbox.check` tells)
                self._failed(failure)
        if behind:
            self._waiting = asyncio.create_task(self._wait_for(behind), name="sandbox waits for readers")
        elif self._outbox:
            asyncio.get_running_loop().call_soon(self._send)

    def _hand_out(self, number: int, topic: Topic[T], entity: T, behind: set[Connection]) -> None:
        """Give one thing to every subscriber; those who are far behind with reading are added to `behind`."""
        if not topic.subscribers:
            return
        head = data_head(topic.write(entity, existing=False))
        for subscriber in tuple(topic.subscribers):
            if subscriber.since < number:
                subscriber.deliver(head)
                connection = subscriber.connection
                if connection.unread > _BEHIND and connection.given_up_at != connection.sent:
                    behind.add(connection)

    async def _wait_for(self, behind: set[Connection]) -> None:
        """Wait until the slow have caught up, or read nothing any more."""
        loop = asyncio.get_running_loop()
        seen = {connection: (connection.sent, loop.time()) for connection in behind}
        try:
            while seen:
                await asyncio.sleep(_LOOK_EVERY)
                for connection, (sent, since) in tuple(seen.items()):
                    if connection.is_closing or connection.unread <= _BEHIND:
                        del seen[connection]
                    elif connection.sent != sent:
                        seen[connection] = connection.sent, loop.time()
                    elif loop.time() - since > _PATIENCE:
                        connection.given_up_at = connection.sent
                        del seen[connection]
        finally:
            self._waiting = None
        self._send()


def _add(lists: dict[K, list[V]], key: K, value: V) -> None:
    lists.setdefault(key, []).append(value)


def _remove(lists: dict[K, list[V]], key: K, value: V) -> None:
    lists[key].remove(value)
    if not lists[key]:
        del lists[key]
