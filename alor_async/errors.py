"""Every error of this library.

    AlorError                                   .retryable
    ├── ConfigError (ValueError)                wrong when an object is made
    ├── InvalidArgument (ValueError)            wrong in a call; nothing was sent
    ├── ClosedError (RuntimeError)              used before `open` or after `close`
    ├── AuthError
    │   ├── TokenRefused                        the refresh token or code is not accepted: permanent
    │   └── TokenUnavailable                    the token service did not answer: temporary
    ├── RequestError                            .operation .request_id .attempts .elapsed .stage
    │   ├── TransportError                      no usable answer came back
    │   │   ├── QueueTimeout (TimeoutError)     waited too long for a place; nothing was sent
    │   │   ├── ConnectError                    not connected; nothing was sent
    │   │   ├── RequestTimeout (TimeoutError)   no answer in time after sending began
    │   │   └── ConnectionLost                  broke after sending began
    │   ├── StatusError                         .status .code .message .body
    │   │   ├── BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404
    │   │   ├── RateLimited 429                 .retry_after
    │   │   └── ServerError 5xx
    │   └── DecodeError                         a 2xx that could not be read; .path .body
    ├── LedgerUnavailable                       the ledger cannot be written; nothing was sent
    ├── OrderError                              .request_id .instrument_id
    │   ├── OrderRejected                       a definite no; .code .reason .replayed
    │   │   └── OrderNotWorking                 replace or cancel of an order that is not working
    │   ├── OrderOutcomeUnknown                 it may have been placed; `await error.resolve()` reads the truth
    │   ├── OrderWaitTimeout (TimeoutError)     the order had not ended for sure in time; .order_id .view
    │   ├── BracketIncomplete                   .step .placed: what stands of it
    │   └── OrdersUnresolved                    .keys of commands of an earlier run; nothing was sent
    └── StreamError                             .subscription
        ├── SubscriptionRejected                .status .reason
        ├── SlowConsumer                        .pending .dropped
        ├── StreamDecodeError                   ends the iteration, not the subscription; .path .frame
        └── StreamLost                          .attempts .last_error

`str(error)` is one line for a person: what failed and what to do. It holds no token and no portfolio. Errors pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from alor_async.values import InstrumentId, OrderAck

__all__ = [
    "AlorError",
    "AuthError",
    "BadRequest",
    "BracketIncomplete",
    "ClosedError",
    "ConfigError",
    "ConnectError",
    "ConnectionLost",
    "DecodeError",
    "Forbidden",
    "InvalidArgument",
    "LedgerUnavailable",
    "NotFound",
    "OrderError",
    "OrderNotWorking",
    "OrderOutcomeUnknown",
    "OrderRejected",
    "OrderWaitTimeout",
    "OrdersUnresolved",
    "QueueTimeout",
    "RateLimited",
    "RequestError",
    "RequestTimeout",
    "ServerError",
    "SlowConsumer",
    "StatusError",
    "StreamDecodeError",
    "StreamError",
    "StreamLost",
    "SubscriptionRejected",
    "TokenRefused",
    "TokenUnavailable",
    "TransportError",
    "Unauthorized",
]

Stage: TypeAlias = Literal["queue", "token", "connect", "send", "read", "status", "decode"]
"""How far a request came: waiting for a place, for a token, connecting, sending, reading, judging, decoding."""
BracketStep: TypeAlias = Literal["stop_loss", "take_profit", "entry", "group"]
"""What a bracket is made of, in the order in which it is made."""


class AlorError(Exception):
    """The root: `except AlorError` catches all that this library raises, cancellation aside.

    Attributes:
        retryable: Whether the same call may succeed later without a change, and repeating it can do no harm.
    """

    retryable: bool = False

    def __str__(self) -> str:
        return one_line(super().__str__())

    def __reduce__(self) -> tuple[object, ...]:
        # Errors have keyword-only parameters; the state carries them, the message travels in args.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def one_line(text: str) -> str:
    """Put text on one line and escape what a terminal or a log would act on: parts of it may come from a server."""
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _rebuild(kind: type[AlorError], args: tuple[object, ...], state: dict[str, object]) -> AlorError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(AlorError, ValueError):
    """A setting is wrong. Raised when the object is made, before any I/O.

    Attributes:
        argument: The name of the setting.
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument


class InvalidArgument(AlorError, ValueError):
    """An argument of a call is wrong. Nothing was sent.

    Attributes:
        argument: The argument's name.
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument


class ClosedError(AlorError, RuntimeError):
    """The client is not open: used before `open()` or after `close()`. The message says which."""


class AuthError(AlorError):
    """No usable access token could be had. Nothing was sent to the API.

    Attributes:
        status: The token service's HTTP status, or None when it gave none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TokenRefused(AuthError):
    """The refresh token is not accepted (wrong, revoked, expired, or of the other environment).

    Permanent: the refusal is remembered and no more requests are made until another token is given.
    """


class TokenUnavailable(AuthError):
    """The token service did not answer usably. Temporary: a later call tries again, after a pause."""

    retryable = True


class RequestError(AlorError):
    """A request failed.

    Attributes:
        operation: The operation's name, such as `market_data.get_quotes`.
        request_id: The idempotency key that was sent, or None where there is none.
        attempts: How many times the request was tried.
        elapsed: Seconds from the call to this error.
        stage: How far the last attempt came.
        ambiguous: Whether an earlier attempt of the same call may have been carried out: then this error says nothing
            about that one.
    """

    hint: ClassVar[str] = ""
    ambiguous: bool = False

    def __init__(
        self,
        problem: str,
        *,
        operation: str = "",
        request_id: str | None = None,
        attempts: int = 1,
        elapsed: float = 0.0,
        stage: Stage = "send",
    ) -> None:
        self.problem = problem
        self.operation = operation
        self.request_id = request_id
        self.attempts = attempts
        self.elapsed = elapsed
        self.stage: Stage = stage
        super().__init__(problem)

    def __str__(self) -> str:
        parts = [f"{self.operation}: " if self.operation else "", self.problem]
        if self.attempts > 1:
            parts.append(f" (after {self.attempts} attempts)")
        if self.request_id is not None:
            parts.append(f" [request {self.request_id}]")
        if self.hint:
            parts.append(f"; {self.hint}")
        return one_line("".join(parts))


class TransportError(RequestError):
    """No usable answer came back: a redirect, a broken or over-long body, or one of the cases below."""


class QueueTimeout(TransportError, TimeoutError):
    """Waited too long for a free place or for the pace. Nothing was sent."""

    retryable = True
    hint = "nothing was sent; raise Limits.in_flight or Timeouts.queue, or call less often"


class ConnectError(TransportError):
    """Refused, unresolved, not trusted, or not connected in time. Nothing was sent."""

    retryable = True
    hint = "nothing was sent"


class RequestTimeout(TransportError, TimeoutError):
    """No answer in time after sending began: the server may have acted."""

    retryable = True


class ConnectionLost(TransportError):
    """The connection broke after sending began: the server may have acted."""

    retryable = True


class StatusError(RequestError):
    """The broker answered with an error status.

    Attributes:
        status: The HTTP status.
        code: The broker's code without the number in brackets, such as `OrderToCancelNotFound`, or None.
        message: The broker's text, or None.
        body: The body as text: redacted, at most 2 KB.
        raw_body: The body for code that reads on: at most 64 KB, the token masked; it may name portfolios.
    """

    def __init__(
        self,
        problem: str,
        *,
        status: int,
        code: str | None = None,
        message: str | None = None,
        body: str = "",
        raw_body: bytes = b"",
        operation: str = "",
        request_id: str | None = None,
        attempts: int = 1,
        elapsed: float = 0.0,
        stage: Stage = "status",
    ) -> None:
        super().__init__(
            problem, operation=operation, request_id=request_id, attempts=attempts, elapsed=elapsed, stage=stage
        )
        self.status = status
        self.code = code
        self.message = message
        self.body = body
        self.raw_body = raw_body


class BadRequest(StatusError):
    """400: the broker does not accept the request as it is."""


class Unauthorized(StatusError):
    """401, also after one replay with a fresh token."""

    hint = "the token is not accepted here: check that it belongs to this environment"


class Forbidden(StatusError):
    """403: the token is valid, but lacks this portfolio or a scope."""

    hint = "the token lacks this portfolio or a scope"


class NotFound(StatusError):
    """404: no such order, position or instrument."""


class RateLimited(StatusError):
    """429: too many requests at once.

    Attributes:
        retry_after: Seconds that the broker asked to wait, or None.
    """

    retryable = True
    retry_after: float | None = None
    hint = "wait, and lower Limits.per_second or Limits.in_flight"


class ServerError(StatusError):
    """5xx: the broker failed."""

    retryable = True


class DecodeError(RequestError):
    """A 2xx answer could not be read.

    Attributes:
        path: Where, as a JSON path such as `$[3].price`, in the wire's spelling.
        body: The beginning of the body as text: redacted, at most 2 KB.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str = "$",
        body: str = "",
        operation: str = "",
        request_id: str | None = None,
        attempts: int = 1,
        elapsed: float = 0.0,
        stage: Stage = "decode",
    ) -> None:
        super().__init__(
            problem, operation=operation, request_id=request_id, attempts=attempts, elapsed=elapsed, stage=stage
        )
        self.path = path
        self.body = body


class OrderError(AlorError):
    """A command about an order did not simply succeed.

    Attributes:
        request_id: The idempotency key of the command, or None where the command has none.
        instrument_id: The instrument, or None when the command names none.
    """

    def __init__(
        self, message: str, *, request_id: UUID | str | None = None, instrument_id: InstrumentId | None = None
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.instrument_id = instrument_id


class OrderRejected(OrderError):
    """A definite no: nothing is working because of this command.

    Attributes:
        code: The broker's code without the number in brackets, or None.
        reason: The broker's text, or None.
        replayed: True when this is the answer to an earlier command with the same request id.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        replayed: bool = False,
        request_id: UUID | str | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, instrument_id=instrument_id)
        self.code = code
        self.reason = reason
        self.replayed = replayed


class OrderNotWorking(OrderRejected):
    """Replace or cancel of an order that is not working: filled, cancelled or unknown. Nothing works because of this command.

    Where a replacement was refused and its original is gone all the same, this says so.

    Attributes:
        order_status: The order's status when a read told it, else None.
        filled_lots: How many lots were filled when a read told it, else None.
    """

    order_status: str | None = None
    filled_lots: int | None = None


class OrderOutcomeUnknown(OrderError):
    """The command may have been carried out. Do not repeat it with another request id: `resolve` reads what became of it.

    Attributes:
        order_status: The status of the order that was to be replaced or cancelled, when `resolve` read it, else None:
            `canceled` after a replace says that the original is gone, whatever became of its replacement.
        filled_lots: How many of its lots were filled, likewise.
    """

    order_status: str | None = None
    filled_lots: int | None = None
    _resolver: Callable[[float], Awaitable[OrderAck]] | None = None

    async def resolve(self, timeout: float = 10.0) -> OrderAck:
        """Find out by reading orders, conditional orders and trades. It never sends a command, and never guesses.

        An order is recognised by the tag in its comment (`AsyncAlor(order_tags=True)`), or by its number where the command
        named one (replace, cancel). That nothing is found proves nothing, and neither do equal terms. May be called again,
        also on the error that it raises. Without a tag and a number nothing is read, for nothing could be proved.

        After cancelling all orders nothing can be proved either, and the command may still come: one read says in the
        error which orders work, so that those that are meant can be cancelled one by one.

        Args:
            timeout: How long to go on reading; seconds, zero to look once. Failures that pass by themselves are waited out.

        Returns:
            The acknowledgement that was lost.

        Raises:
            OrderRejected: A definite no. `OrderNotWorking` tells the state of the order that was to be replaced or cancelled.
            OrderOutcomeUnknown: Nobody knows as yet.
            InvalidArgument: The time is not zero or more.
            ClosedError: The client was closed, this error comes from another process, or it is about a group: list those.
            AuthError, RequestError: Reading failed, and waiting would not help.
        """
        if self._resolver is None:
            raise ClosedError("this error has no client to read with: list the orders, or the groups, yourself")
        return await self._resolver(timeout)

    def resolve_by(self, resolver: Callable[[float], Awaitable[OrderAck]]) -> None:
        """Say how it is found out; called by whoever sent the command."""
        self._resolver = resolver

    def __reduce__(self) -> tuple[object, ...]:
        # What reads belongs to a client, and does not travel.
        state = {name: value for name, value in self.__dict__.items() if name != "_resolver"}
        return _rebuild, (type(self), self.args, state)


class OrderWaitTimeout(OrderError, TimeoutError):
    """An order had not ended for sure within the time that was given: it works, or what is told of it does not fit together.

    Attributes:
        order_id: Its number.
        view: What is known of it, an `OrderView` or `StopOrderView`; None where that is nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        order_id: str = "",
        view: object | None = None,
        request_id: UUID | str | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, instrument_id=instrument_id)
        self.order_id = order_id
        self.view = view


class OrdersUnresolved(OrderError):
    """Commands of an earlier run have no known outcome, reading did not find one, and nobody has acknowledged them.

    Nothing was sent. Look at each (`alor.ledger.find(key)`), then say `alor.ledger.acknowledge(key)`.

    Attributes:
        keys: Their keys in the ledger.
    """

    def __init__(self, message: str, *, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


class BracketIncomplete(OrderError):
    """A bracket failed on the way. The cause is chained; what stands is told, and stays as it is.

    Where a step before the group is sure not to stand, the dormant orders made before it were cancelled.

    Attributes:
        step: What failed: `stop_loss`, `take_profit`, `entry` or `group`. When it is `group`, the entry works, or is filled,
            without its ends: they are dormant.
        placed: What stands, by the names of the steps.
    """

    def __init__(
        self,
        message: str,
        *,
        step: BracketStep,
        placed: Mapping[str, OrderAck] | None = None,
        request_id: UUID | str | None = None,
        instrument_id: InstrumentId | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, instrument_id=instrument_id)
        self.step: BracketStep = step
        self.placed = dict(placed or {})


class LedgerUnavailable(AlorError):
    """The ledger cannot be written: the disk is full, the file is another program's, or damaged. Nothing was sent."""


class StreamError(AlorError):
    """A subscription failed.

    Attributes:
        subscription: The subscription's name.
    """

    def __init__(self, message: str, *, subscription: str = "") -> None:
        super().__init__(message)
        self.subscription = subscription


class SubscriptionRejected(StreamError):
    """The broker refused the subscription, or never answered to it.

    Attributes:
        status: The status in the broker's reply, or None when it never replied.
        reason: The broker's text, or None.
    """

    def __init__(
        self, message: str, *, subscription: str = "", status: int | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message, subscription=subscription)
        self.status = status
        self.reason = reason


class SlowConsumer(StreamError):
    """The consumer fell behind its inbox's limit. It ends the iteration; iterating again goes on after the loss.

    Attributes:
        pending: Messages that wait.
        dropped: Messages that were dropped.
    """

    def __init__(self, message: str, *, subscription: str = "", pending: int = 0, dropped: int = 0) -> None:
        super().__init__(message, subscription=subscription)
        self.pending = pending
        self.dropped = dropped


class StreamDecodeError(StreamError):
    """A message could not be read. It ends the iteration, not the subscription: iterating again goes on.

    Attributes:
        path: Where, as a JSON path in the wire's spelling.
        frame: The beginning of the message as text: redacted, at most 2 KB.
    """

    def __init__(self, message: str, *, subscription: str = "", path: str = "$", frame: str = "") -> None:
        super().__init__(message, subscription=subscription)
        self.path = path
        self.frame = frame


class StreamLost(StreamError):
    """Connecting, or reconnecting, gave up.

    Attributes:
        attempts: How many times it was tried.
        last_error: The last failure.
    """

    def __init__(
        self, message: str, *, subscription: str = "", attempts: int = 0, last_error: BaseException | None = None
    ) -> None:
        super().__init__(message, subscription=subscription)
        self.attempts = attempts
        self.last_error = last_error
