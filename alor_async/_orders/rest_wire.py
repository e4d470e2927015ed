"""Commands over REST: an intent goes out as one request and comes back as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from alor_async._contract.answers import OrderAccepted
from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.outcome import Accepted, judge, order_number, unknown
from alor_async.errors import RequestError

if TYPE_CHECKING:
    from alor_async._http.session import Session
    from alor_async.config import RetryPolicy, Timeouts

__all__ = ["OrderWire", "RestWire", "carry_out"]

T = TypeVar("T")


class OrderWire(Protocol):
    """What the order facades need of a wire."""

    @property
    def name(self) -> str:
        """`rest` or `cws`."""
        ...

    async def send(
        self, intent: Intent[object], timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Carry the intent out and tell its outcome: an acknowledgement, or an error that says what is known."""
        ...


class RestWire:
    """Sends intents through a `Session`."""

    __slots__ = ("_session",)

    name = "rest"

    def __init__(self, session: Session) -> None:
        self._session = session

    async def send(
        self, intent: Intent[object], timeout: float | Timeouts | None, retries: RetryPolicy | None
    ) -> OrderAck:
        """Send the intent; see `OrderWire.send`.

        Raises:
            OrderRejected: A definite no.
            OrderOutcomeUnknown: No proof either way.
            AlorError: Another error, which proves that nothing was acted on.
        """
        answer = await carry_out(self._session, intent, timeout, retries)
        if isinstance(answer, Accepted):
            return OrderAck(order_id=answer.order_id, request_id=intent.request_id, replayed=True)
        if intent.verb is Verb.CANCEL:
            return OrderAck(order_id=str(intent.values.get("order_id", "")))
        number = order_number(answer.order_id) if isinstance(answer, OrderAccepted) else None
        if number is None:
            raise unknown(intent, "the broker accepted the command without telling the order's number")
        return OrderAck(order_id=number, request_id=intent.request_id)


async def carry_out(
    session: Session, intent: Intent[T], timeout: float | Timeouts | None, retries: RetryPolicy | None
) -> T | Accepted:
    """Send a command as one request and return its answer, or `Accepted` when the broker repeats an earlier yes.

    Raises:
        OrderRejected: A definite no.
        OrderOutcomeUnknown: No proof either way.
        AlorError: Another error, which proves that nothing was acted on.
    """
    request = intent.operation.request_with(
        intent.values,
        body=None if intent.body is None else intent.payload,
        request_id=None if intent.request_id is None else str(intent.request_id),
    )
    try:
        return await session.send(request, timeout, retries, fate=intent)
    except RequestError as error:
        verdict = judge(intent, error)
        if isinstance(verdict, Accepted):
            return verdict
        if verdict is error:
            raise
        raise verdict from error
