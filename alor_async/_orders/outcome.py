"""What may be said of a command when its request failed: pure, and the only place that decides it.

A command ends in a value, in `OrderRejected`, in `OrderOutcomeUnknown`, or in an error that proves that nothing was
acted on. Whatever is not a proof is unknown: a lost answer is not a no, and a text alone proves nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from alor_async._orders.intent import Verb
from alor_async.errors import (
    AlorError,
    ConnectError,
    Forbidden,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    QueueTimeout,
    RateLimited,
    RequestError,
    StatusError,
    Unauthorized,
)

if TYPE_CHECKING:
    from alor_async._orders.intent import Intent

__all__ = ["Accepted", "judge", "order_number", "unknown"]

_NOTHING_HAPPENED: Final = (QueueTimeout, ConnectError, RateLimited, Unauthorized, Forbidden)
_TIMED_OUT: Final = "CommandResponseTimeout"
_NOT_FOUND: Final = frozenset({"OrderToCancelNotFound", "OrderToModifyNotFound", "ExchangeOrderNotFound"})
# Statuses with which a server says that it did not even look at the request.
_REFUSED: Final = frozenset({400, 404, 405, 406, 411, 413, 414, 415, 422, 431})
_BRACKETED: Final = re.compile(r"\s*\(\d+\)\s*$")
_ASK: Final = "read the orders before anything else, and repeat only under the same request id"


class Accepted(Struct, frozen=True):
    """The earlier answer to a repeated command was a yes.

    Attributes:
        order_id: The number that the first answer gave.
    """

    order_id: str


class _OldResponse(Struct):
    status: int | None = msgspec.field(name="statusCode", default=None)
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Refusal(Struct):
    """Every documented and observed shape of a 400, laid over each other."""

    code: object = None
    message: object = None
    detail: object = None
    title: object = None
    old_response: _OldResponse | None = msgspec.field(name="oldResponse", default=None)


class _FirstAnswer(Struct):
    order_number: int | str | None = msgspec.field(name="orderNumber", default=None)


_refusals: Final = msgspec.json.Decoder(_Refusal)
_first_answers: Final = msgspec.json.Decoder(_FirstAnswer)
_texts: Final = msgspec.json.Decoder(str)


def judge(intent: Intent[object], error: RequestError) -> AlorError | Accepted:
    """Decide what a failed request means for the intent behind it.

    Returns:
        The error to raise: the given one when it proves that nothing was acted on. `Accepted` when the broker
        repeated an earlier yes.
    """
    if isinstance(error, _NOTHING_HAPPENED):
        return error
    if isinstance(error, StatusError) and error.status in _REFUSED:
        return _judge_body(intent, error.status, error.raw_body, replayed=False)
    return unknown(intent, error.problem)


def _judge_body(intent: Intent[object], status: int, body: bytes, *, replayed: bool) -> AlorError | Accepted:
    refusal = _read_refusal(body)
    if refusal is None:
        if body.lstrip()[:1] == b"{":
            # It began as one of the broker's answers, perhaps as the copy of a yes, and cannot be read.
            return unknown(intent, f"the broker answered {status} with a body that cannot be read")
        return _rejected(intent, status, None, _plain_text(body), replayed=replayed)
    if refusal.old_response is not None and not replayed:
        return _open_old_response(intent, refusal.old_response)
    code = _BRACKETED.sub("", refusal.code) if isinstance(refusal.code, str) else None
    reason = _first_text(refusal.message, refusal.detail, refusal.title)
    if code == _TIMED_OUT:
        return unknown(intent, "the broker stopped waiting for the exchange")
    if code is None and reason is not None and "already handled" in reason.lower():
        return unknown(intent, "the broker handled this request id before and does not say how")
    return _rejected(intent, status, code, reason, replayed=replayed)


def _open_old_response(intent: Intent[object], old: _OldResponse) -> AlorError | Accepted:
    """Read the copy of the first answer that the broker gives for a repeated request id."""
    body = bytes(old.body)
    if body[:1] == b'"':
        try:
            body = _texts.decode(body).encode()
        except msgspec.DecodeError:
            body = b""
    if old.status == 200:
        number = _number_in(body)
        if number is not None:
            return Accepted(number)
        return unknown(intent, "the first command with this request id was accepted, its order number is not told")
    if old.status is not None and old.status in _REFUSED:
        return _judge_body(intent, old.status, body, replayed=True)
    return unknown(intent, "the broker handled this request id before and does not say how")


def _number_in(body: bytes) -> str | None:
    try:
        return order_number(_first_answers.decode(body).order_number)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def order_number(value: int | str | None) -> str | None:
    """Return an order's number as text, or None for anything that cannot be one."""
    text = "" if value is None or isinstance(value, bool) else str(value)
    return text if text.isascii() and text.isdigit() and text.strip("0") else None


def _read_refusal(body: bytes) -> _Refusal | None:
    try:
        return _refusals.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _plain_text(body: bytes) -> str | None:
    text = " ".join(body.decode("utf-8", "replace").split())[:300]
    return text if text and not text.startswith("<") else None


def _first_text(*candidates: object) -> str | None:
    for text in candidates:
        if isinstance(text, str) and text:
            return " ".join(text.split())[:300]
    return None


def _rejected(
    intent: Intent[object], status: int, code: str | None, reason: str | None, *, replayed: bool
) -> OrderRejected:
    not_working = intent.verb in {Verb.REPLACE, Verb.CANCEL} and (
        code in _NOT_FOUND or (status == 404 and code is None)
    )
    kind = OrderNotWorking if not_working else OrderRejected
    words = [f"{intent.operation.name}: the broker said no"]
    if not_working:
        words = [f"{intent.operation.name}: the order is not working, nothing was changed"]
    if code is not None:
        words.append(f" ({code})")
    if reason is not None:
        words.append(f": {reason}")
    if replayed:
        words.append(" [the answer to an earlier command with this request id]")
    return kind(
        "".join(words),
        code=code,
        reason=reason,
        replayed=replayed,
        request_id=intent.request_id,
        instrument_id=intent.instrument_id,
    )


def unknown(intent: Intent[object], problem: str) -> OrderOutcomeUnknown:
    """Say that nobody knows whether the command was carried out, and why."""
    request = f" [request {intent.request_id}]" if intent.request_id is not None else ""
    return OrderOutcomeUnknown(
        f"{intent.operation.name}: {problem}; the command may have been carried out: {_ASK}{request}",
        request_id=intent.request_id,
        instrument_id=intent.instrument_id,
    )
