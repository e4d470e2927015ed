"""What an intent says over a command socket, and what the replies mean: pure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alor_async._contract import commands
from alor_async._contract.answers import CommandReply
from alor_async._contract.bodies import CancellationBody, OrderOwner
from alor_async._contract.wire.answers import COMMAND_REPLY
from alor_async._http.attempt import Answer
from alor_async._http.decode import WireError
from alor_async._http.message import SUCCESS_BELOW, CommandSpec
from alor_async._http.verdict import refusal
from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.outcome import Accepted, judge, order_number, unknown
from alor_async.errors import AlorError, RequestError, Unauthorized
from alor_async.models.enums import Exchange, OrderType, StopOrderType
from alor_async.values import Format

if TYPE_CHECKING:
    from alor_async._policy.clock import Timer

__all__ = ["Command", "is_spoken", "message_of", "outcome_of", "read_reply"]

_SPECS: Final[dict[str, CommandSpec[Any, CommandReply]]] = {spec.name: spec for spec in commands.ALL}
# A cancel says what kind of order it is meant for. Where the caller named a number alone, it goes as the usual kind.
_CANCELS: Final[dict[str, CommandSpec[Any, CommandReply]]] = {
    "orders.cancel": commands.ORDERS_CANCEL_LIMIT,
    "stop_orders.cancel": commands.STOP_ORDERS_CANCEL_STOP_LIMIT,
}
_CANCELS_BY_KIND: Final[dict[str, CommandSpec[Any, CommandReply]]] = {
    f"orders.cancel {OrderType.MARKET}": commands.ORDERS_CANCEL_MARKET,
    f"stop_orders.cancel {StopOrderType.STOP}": commands.STOP_ORDERS_CANCEL_STOP,
}
_LEAST_STATUS: Final = 100
_decode: Final = COMMAND_REPLY[Format.SIMPLE].decode


class _Addressed(msgspec.Struct):
    guid: str | None = msgspec.field(name="requestGuid", default=None)


_addressed: Final = msgspec.json.Decoder(_Addressed)


class Command:
    """One command on its way.

    Attributes:
        intent: What it is for.
        guid: Its name on the connection: the intent's key, where it has one.
        message: Its bytes.
        is_urgent: Whether it goes before others.
        outcome: What became of it; None while nobody knows.
        answered: Done when the outcome is there; cancelled together with the caller.
    """

    __slots__ = ("_timer", "answered", "guid", "intent", "is_urgent", "message", "outcome")

    def __init__(self, intent: Intent[object], guid: str, message: bytes, *, is_urgent: bool) -> None:
        self.intent = intent
        self.guid = guid
        self.message = message
        self.is_urgent = is_urgent
        self.outcome: OrderAck | AlorError | None = None
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timer: Timer | None = None

    def settle(self, outcome: OrderAck | AlorError) -> None:
        """Note what became of it, and wake its caller."""
        self.stop_waiting()
        self.outcome = outcome
        if not self.answered.done():
            self.answered.set_result(None)

    def wait(self, timer: Timer) -> None:
        """It must wait for its turn, until a timer ends that."""
        self._timer = timer

    def stop_waiting(self) -> None:
        """Its turn has come, or never will."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def is_spoken(intent: Intent[object]) -> bool:
    """Whether command sockets have a word for it. What they have none for goes over REST."""
    name = intent.operation.name
    return name in _SPECS or name in _CANCELS


def message_of(intent: Intent[object], *, guid: str, check_duplicates: bool | None) -> bytes:
    """Write an intent that `is_spoken` as a command.

    Args:
        intent: What is wanted.
        guid: The name of the command on its connection.
        check_duplicates: Whether the broker looks for an order that repeats another; None leaves it to the broker.
    """
    name, values = intent.operation.name, intent.values
    order_id = values.get("order_id")
    number = order_id if isinstance(order_id, str) else None
    spec = _SPECS.get(name)
    if spec is not None:
        message: bytes = spec.message(intent.body, guid=guid, order_id=number, check_duplicates=check_duplicates)
        return message
    spec = _CANCELS_BY_KIND.get(f"{name} {intent.order_type}", _CANCELS[name])
    body = CancellationBody(
        exchange=Exchange(str(values["exchange"])), user=OrderOwner(portfolio=str(values["portfolio"]))
    )
    # Cancelling twice does no harm, and refusing the second would: it is what one does when the first reply is lost.
    message = spec.message(body, guid=guid, order_id=number, check_duplicates=False)
    return bytes(message)


def read_reply(data: bytes) -> CommandReply | str | None:
    """Read a message: a reply, or the guid of a reply that cannot be read, or None where not even that can be."""
    try:
        return _decode(data)
    except WireError:
        pass
    try:
        return _addressed.decode(data).guid
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def outcome_of(intent: Intent[object], reply: CommandReply | None, data: bytes) -> OrderAck | AlorError:
    """Decide what a reply means for the intent behind it.

    Args:
        intent: What was wanted.
        reply: The reply, None where it cannot be read.
        data: The message as it came.

    Returns:
        The acknowledgement, or the error to raise.
    """
    if reply is None:
        return unknown(intent, "the broker's reply cannot be read")
    if _LEAST_STATUS <= reply.status < SUCCESS_BELOW:
        return _acknowledge(intent, reply)
    error = refused(reply, data, intent.portfolios)
    error.operation = intent.operation.name
    error.request_id = None if intent.request_id is None else str(intent.request_id)
    if isinstance(error, Unauthorized):
        error.problem += "; nothing was done, and nothing is sent again by itself"
        error.retryable = True
    verdict = judge(intent, error)
    if isinstance(verdict, Accepted):
        return OrderAck(order_id=verdict.order_id, request_id=intent.request_id, replayed=True)
    if verdict is not error:
        verdict.__cause__ = error
    return verdict


def refused(reply: CommandReply, data: bytes, secrets: tuple[str, ...] = ()) -> RequestError:
    """Give the error that a reply stands for when it is no success, as if it had been an answer of REST."""
    return refusal(Answer(reply.status, {}, data), now=0.0, secrets=secrets)


def _acknowledge(intent: Intent[object], reply: CommandReply) -> OrderAck | AlorError:
    if intent.verb is Verb.CANCEL:
        return OrderAck(order_id=str(intent.values.get("order_id", "")))
    number = order_number(reply.order_id)
    if number is None:
        return unknown(intent, "the broker accepted the command without telling the order's number")
    return OrderAck(order_id=number, request_id=intent.request_id)
