"""What may be said of a command when its request failed: pure, and the only place that decides it.

A command ends in a value, in `OrderRejected`, in `OrderOutcomeUnknown`, or in an error that proves that nothing was
acted on. Whatever is not a proof is unknown: a lost answer is not a no, and a text alone proves nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from alor_async._orders.intent import Verb
from alor_async._policy.arguments import check_order_id
from alor_async._telemetry import redact
from alor_async.errors import (
    AlorError,
    ConnectError,
    Forbidden,
    InvalidArgument,
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
_TIMED_OUT: Final = frozenset({"CommandResponseTimeout", "900"})
_NOT_FOUND: Final = frozenset({"OrderToCancelNotFound", "OrderToModifyNotFound", "ExchangeOrderNotFound"})
# The same as command sockets tell them: in words, and without a code.
_NOT_FOUND_IN_WORDS: Final = frozenset(code.lower() for code in _NOT_FOUND)
# Statuses with which a server says that it did not even look at the request.
_REFUSED: Final = frozenset({400, 404, 405, 406, 411, 413, 414, 415, 422, 431})
_BRACKETED: Final = re.compile(r"(?<!\s)\s*+\(\d++\)\s*$")
_TIMED_OUT_IN_WORDS: Final = re.compile(r"timed?[ -]?out", re.IGNORECASE)
_REPEATED: Final = re.compile(r"already (?:been )?handled", re.IGNORECASE)
_STOPPED_WAITING: Final = "the broker stopped waiting for the exchange"
_HANDLED_BEFORE: Final = "the broker handled this request id before and does not say how"
_LONGEST_REASON: Final = 300
_LONGEST_CODE: Final = 64
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


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
    errors: object = None
    order_number: object = msgspec.field(name="orderNumber", default=None)
    old_response: _OldResponse | UnsetType | None = msgspec.field(name="oldResponse", default=UNSET)


class _FirstAnswer(Struct):
    order_number: int | str | None = msgspec.field(name="orderNumber", default=None)


_refusals: Final = msgspec.json.Decoder(_Refusal)
_first_answers: Final = msgspec.json.Decoder(_FirstAnswer)
_texts: Final = msgspec.json.Decoder(str)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def judge(intent: Intent[object], error: RequestError) -> AlorError | Accepted:
    """Decide what a failed request means for the intent behind it.

    Returns:
        The error to raise: the given one when it proves that nothing was acted on. `Accepted` when the broker
        repeated an earlier yes.
    """
    if isinstance(error, StatusError) and error.status in _REFUSED:
        verdict = _judge_body(intent, error.status, error.raw_body, replayed=False)
        if not error.ambiguous or isinstance(verdict, Accepted):
            return verdict
        if isinstance(verdict, OrderRejected) and verdict.replayed:
            return verdict
        # Refused now, but an earlier attempt may have been carried out: only the broker's copy of its answer tells.
    elif isinstance(error, _NOTHING_HAPPENED) and not error.ambiguous:
        return error
    return unknown(intent, error.problem)


def _judge_body(intent: Intent[object], status: int, body: bytes, *, replayed: bool) -> AlorError | Accepted:
    body = body.removeprefix(_BYTE_ORDER_MARK).strip()
    refusal = _read_refusal(body)
    if refusal is None:
        return _judge_text(intent, status, body, replayed=replayed)
    if refusal.old_response is not UNSET:
        # A copy within a copy is nothing that the broker is known to send.
        return unknown(intent, _HANDLED_BEFORE) if replayed else _open_old_response(intent, refusal.old_response)
    code = _code_of(refusal)
    reason = _first_text(refusal.message, refusal.detail, _validation_text(refusal.errors), refusal.title)
    if code in _TIMED_OUT or _says_timed_out(reason if code is None else code):
        return unknown(intent, _STOPPED_WAITING)
    if reason is not None and _REPEATED.search(reason):
        return unknown(intent, _HANDLED_BEFORE)
    if code is None and refusal.order_number is not None:
        return unknown(intent, f"the broker answered {status} and told an order's number")
    return _rejected(intent, status, code, reason, replayed=replayed)


def _judge_text(intent: Intent[object], status: int, body: bytes, *, replayed: bool) -> AlorError:
    """Judge a body that is not one of the broker's objects."""
    is_page = body.startswith(b"<")
    if b"{" in body and not is_page:
        # It may have been one of the broker's answers, perhaps the copy of a yes, and cannot be read.
        return unknown(intent, f"the broker answered {status} with a body that cannot be read")
    reason = None if is_page else _plain_text(body)
    if _says_timed_out(reason):
        # So the copy of an earlier answer may look: its text alone.
        return unknown(intent, _STOPPED_WAITING)
    if reason is not None and _REPEATED.search(reason):
        return unknown(intent, _HANDLED_BEFORE)
    return _rejected(intent, status, None, reason, replayed=replayed, by_broker=not is_page)


def _open_old_response(intent: Intent[object], old: _OldResponse | None) -> AlorError | Accepted:
    """Read the copy of the first answer that the broker gives for a repeated request id."""
    if old is None or old.status is None:
        return unknown(intent, _HANDLED_BEFORE)
    body = _without_quotes(bytes(old.body).strip())
    if old.status == 200:
        number = _number_in(body)
        if number is not None:
            return Accepted(number)
        return unknown(intent, "the first command with this request id was accepted, its order number is not told")
    if old.status in _REFUSED:
        return _judge_body(intent, old.status, body, replayed=True)
    return unknown(intent, _HANDLED_BEFORE)


def _without_quotes(body: bytes) -> bytes:
    """Take the text out of a JSON text: an answer that was not JSON is copied as one, and so may be one that was."""
    if not body.startswith(b'"'):
        return body
    try:
        return _texts.decode(body).encode("utf-8", "replace")
    except _UNREADABLE:
        return body


def _number_in(body: bytes) -> str | None:
    try:
        return order_number(_first_answers.decode(body).order_number)
    except _UNREADABLE:
        return None


def order_number(value: int | str | None) -> str | None:
    """Return an order's number as text, or None for anything that cannot be one."""
    if value is None:
        return None
    try:
        return check_order_id(value)
    except InvalidArgument:
        return None


def _read_refusal(body: bytes) -> _Refusal | None:
    try:
        return _refusals.decode(body)
    except _UNREADABLE:
        return None


def _code_of(refusal: _Refusal) -> str | None:
    code = refusal.code
    if isinstance(code, bool) or not isinstance(code, str | int):
        return None
    return _BRACKETED.sub("", str(code)).strip() or None


def _first_text(*candidates: object) -> str | None:
    for candidate in candidates:
        if isinstance(candidate, str) and (text := _on_one_line(candidate)):
            return text
    return None


def _validation_text(errors: object) -> str | None:
    """Put `{"price": ["The value is not valid."]}` into words."""
    if not isinstance(errors, dict):
        return None
    fields = cast("dict[str, object]", errors)
    return "; ".join(f"{name}: {texts[0]}" for name, texts in fields.items() if isinstance(texts, list) and texts)


def _plain_text(body: bytes) -> str | None:
    if body == b"null":
        return None
    return _on_one_line(_without_quotes(body).decode("utf-8", "replace")) or None


def _says_timed_out(text: str | None) -> bool:
    return text is not None and _TIMED_OUT_IN_WORDS.search(text) is not None


def _says_not_found(reason: str | None) -> bool:
    """Whether a text is one of the broker's codes in words: `Order to cancel not found`."""
    return reason is not None and "".join(filter(str.isalpha, reason)).lower() in _NOT_FOUND_IN_WORDS


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _rejected(
    intent: Intent[object], status: int, code: str | None, reason: str | None, *, replayed: bool, by_broker: bool = True
) -> OrderRejected:
    # A page that says 404 comes from something on the way, which knows nothing of orders; one for all names none.
    is_404 = status == 404 and "order_id" in intent.values
    is_missing = code in _NOT_FOUND or (code is None and by_broker and (is_404 or _says_not_found(reason)))
    not_working = is_missing and intent.verb in {Verb.REPLACE, Verb.CANCEL}
    # Masked before they are cut: half of a portfolio's id is not recognised any more.
    reason = None if reason is None else redact(reason, intent.portfolios)[:_LONGEST_REASON]
    code = None if code is None else redact(_on_one_line(code), intent.portfolios)[:_LONGEST_CODE]
    words = [intent.operation.name, ": "]
    words.append("the order is not working, nothing was changed" if not_working else "the broker said no")
    if code is not None:
        words.append(f" ({code})")
    if reason is not None:
        words.append(f": {reason}")
    if replayed:
        words.append(" [the answer to an earlier command with this request id]")
    words.append(_request_of(intent))
    kind = OrderNotWorking if not_working else OrderRejected
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
    what_to_read = "groups" if intent.verb is Verb.GROUP else "orders"
    advice = f"read the {what_to_read} before anything else"
    if intent.request_id is not None:
        advice += ", and do not repeat it under another request id"
    return OrderOutcomeUnknown(
        f"{intent.operation.name}: {problem}; the command may have been carried out: {advice}{_request_of(intent)}",
        request_id=intent.request_id,
        instrument_id=intent.instrument_id,
    )


def _request_of(intent: Intent[object]) -> str:
    return "" if intent.request_id is None else f" [request {intent.request_id}]"
