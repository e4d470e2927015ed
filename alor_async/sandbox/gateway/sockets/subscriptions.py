"""The dialogue of `/ws`: a client subscribes, unsubscribes and pings, and is told what happens.

Every request gets one reply, `{"requestGuid":...,"httpCode":...,"message":...}`: 200, 400 for what is wrong in it, 401 for
a token that is missing, unknown or expired, 403 for a portfolio or a scope that the token does not hold, 404 for an
instrument or a portfolio that does not exist. The connection stays open, unless the assumptions say otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from alor_async.sandbox.core.exchange import InvalidQuery, UnknownInstrument, UnknownPortfolio
from alor_async.sandbox.gateway.sockets.connection import About, Connection, SubscriptionView
from alor_async.sandbox.gateway.sockets.encode import data_head, data_tail, reply
from alor_async.sandbox.gateway.sockets.operations import EXACTLY, IN_ANY_CASE, Opening, Operation
from alor_async.sandbox.gateway.sockets.requests import Kind, Refusal, Request

if TYPE_CHECKING:
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.gateway.oauth import Grant, Tokens
    from alor_async.sandbox.gateway.sockets.hub import Hub
    from alor_async.sandbox.gateway.sockets.messages import Message
    from alor_async.sandbox.gateway.sockets.topics import Topic

MOST_SUBSCRIPTIONS = 5_000
"""So many subscriptions may run on one connection; the next one is refused with 400."""
HANDLED = "Handled successfully"
BAD_TOKEN = "Invalid JWT token!"
_POLICY_VIOLATION = 1008
_WRITTEN_AT_ONCE = 50


@dataclass(slots=True, eq=False)
class Subscription:
    """One running subscription.

    Attributes:
        about: What its messages are about.
        view: How tests see it.
        tail: The part of its messages that is its own.
        since: What was posted up to this number is in its snapshot already.
        has_ended: Asked before each message whether the token has expired; None where that does not matter.
    """

    connection: Connection
    topic: Topic[Any]
    about: About
    view: SubscriptionView
    tail: bytes
    since: int = 0
    is_running: bool = True
    has_ended: Callable[[], bool] | None = None

    def deliver(self, head: bytes) -> None:
        """Send a data message whose head is given."""
        if self.has_ended is None or not self.has_ended():
            self.connection.send(head + self.tail, self.about)

    def write_all(self, entities: Iterator[Any]) -> Iterator[bytes]:
        """A snapshot's messages, one by one, until the subscription ends."""
        for entity in entities:
            if not self.is_running:
                return
            yield data_head(self.topic.write(entity, existing=True)) + self.tail


class Subscriptions:
    """What one connection is subscribed to."""

    def __init__(
        self, exchange: Exchange, exchange_lock: threading.RLock, tokens: Tokens, hub: Hub, connection: Connection
    ) -> None:
        self._exchange = exchange
        self._exchange_lock = exchange_lock
        self._tokens = tokens
        self._hub = hub
        self._connection = connection
        self._running: dict[str, Subscription] = {}
        assumptions = exchange.assumptions
        self._reads_any_case = assumptions.opcode_case == "any"
        self._answers_ping = assumptions.ping_opcode == "answered"
        self._replies_first = assumptions.reply_order == "before_snapshot"
        self._minds_unknown_guids = assumptions.unknown_subscription == "not_found"
        self._ends_with_token = assumptions.expired_token_on_ws == "ends"
        self._refuses_low = assumptions.low_frequency == "refused"
        self._fatal = {
            Kind.BAD_TOKEN: assumptions.bad_token_on_ws == "closed",
            Kind.NOT_UNDERSTOOD: assumptions.invalid_ws_message == "closed",
        }

    # -- a dialogue --------------------------------------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Act on a request and reply to it."""
        try:
            self._act(message)
        except Refusal as refusal:
            self._reply(message, refusal.code, refusal.text)
            if self._fatal.get(refusal.kind, False):
                self._connection.close(_POLICY_VIOLATION, refusal.text)
        except (UnknownInstrument, UnknownPortfolio):
            self._reply(message, 404, "There is no such instrument or portfolio")
        except InvalidQuery as problem:
            self._reply(message, 400, str(problem))
        except Exception:
            self._reply(message, 500, "Internal error")
            raise

    def ended(self) -> None:
        """End every subscription."""
        with self._exchange_lock:
            for guid in tuple(self._running):
                self._end(guid)

    def list_subscriptions(self) -> tuple[SubscriptionView, ...]:
        """The running subscriptions, the oldest first."""
        return tuple(subscription.view for subscription in tuple(self._running.values()))

    # -- requests ----------------------------------------------------------------------------------------------------

    def _act(self, message: Message) -> None:
        fields = message.fields
        if fields is None:
            raise Refusal(400, "The message is not a JSON object", Kind.NOT_UNDERSTOOD)
        if not message.guid:
            raise Refusal(400, "The value of 'guid' is missing or not valid", Kind.NOT_UNDERSTOOD)
        grant = self._authorize(message)
        opcode = message.opcode.lower() if self._reads_any_case else message.opcode
        operation = (IN_ANY_CASE if self._reads_any_case else EXACTLY).get(opcode)
        if operation is not None:
            request = Request(fields, message.guid, grant, self._exchange, refuses_low=self._refuses_low)
            with self._exchange_lock:
                self._subscribe(operation, request, message)
        elif opcode == "unsubscribe":
            if self._minds_unknown_guids and message.guid not in self._running:
                raise Refusal(404, "There is no such subscription")
            with self._exchange_lock:
                self._end(message.guid)
            self._reply(message, 200, HANDLED)
        elif opcode == "ping" and self._answers_ping:
            self._reply(message, 200, HANDLED)
        else:
            raise Refusal(400, "The value of 'opcode' is missing or unknown", Kind.NOT_UNDERSTOOD)

    def _authorize(self, message: Message) -> Grant:
        """Check the token; every message has to bring one."""
        grant = self._tokens.grant(message.token)
        if grant is None:
            raise Refusal(401, BAD_TOKEN, Kind.BAD_TOKEN)
        return grant

    def _subscribe(self, operation: Operation, request: Request, message: Message) -> None:
        if operation.scope is not None:
            request.require(operation.scope)
        self._exchange.advance()
        opening = operation.open(request, self._hub)
        if len(self._running) >= MOST_SUBSCRIPTIONS and request.guid not in self._running:
            raise Refusal(400, f"More than {MOST_SUBSCRIPTIONS} subscriptions on one connection are not allowed")
        self._end(request.guid)
        subscription = self._make(operation, request, opening)
        if self._ends_with_token:
            subscription.has_ended = partial(self._has_expired, message)
        self._running[request.guid] = subscription
        self._hub.subscribe(subscription.topic, subscription)
        if self._replies_first:
            self._reply(message, 200, HANDLED)
        self._send_snapshot(subscription, opening)
        if not self._replies_first:
            self._reply(message, 200, HANDLED)

    def _has_expired(self, message: Message) -> bool:
        """End the subscription of a request whose token has expired, and say so in its name."""
        if self._tokens.grant(message.token) is not None:
            return False
        with self._exchange_lock:
            self._end(message.guid)
        self._reply(message, 401, BAD_TOKEN)
        return True

    def _make(self, operation: Operation, request: Request, opening: Opening) -> Subscription:
        of = opening.portfolio or opening.symbol or ""
        return Subscription(
            connection=self._connection,
            topic=self._hub.same(opening.topic),
            about=About(operation.opcode, request.guid, False, opening.portfolio, opening.symbol),
            view=SubscriptionView(operation.opcode, of, request.format.value, request.guid),
            tail=data_tail(request.guid),
        )

    def _send_snapshot(self, subscription: Subscription, opening: Opening) -> None:
        """Send a short snapshot at once; a long one is written while it leaves, and waits as one message."""
        payloads = subscription.write_all(iter(opening.snapshot))
        for _ in range(_WRITTEN_AT_ONCE):
            payload = next(payloads, None)
            if payload is None:
                return
            self._connection.send(payload, subscription.about)
        self._connection.send_each(payloads, subscription.about)

    def _end(self, guid: str) -> None:
        subscription = self._running.pop(guid, None)
        if subscription is not None:
            subscription.is_running = False
            self._hub.unsubscribe(subscription.topic, subscription)

    def _reply(self, message: Message, code: int, text: str) -> None:
        opcode = IN_ANY_CASE[message.opcode.lower()].opcode if message.opcode.lower() in IN_ANY_CASE else message.opcode
        self._connection.send(reply(message.guid, code, text), About(opcode, message.guid))
