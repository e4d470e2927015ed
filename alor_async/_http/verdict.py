"""What an answer means: a value, or the error that its status stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar, cast

import msgspec

from alor_async._http.attempt import Answer
from alor_async._http.decode import WireError
from alor_async._http.request import Request
from alor_async._policy.backoff import parse_retry_after
from alor_async._telemetry import redact, shorten
from alor_async.errors import (
    BadRequest,
    DecodeError,
    Forbidden,
    NotFound,
    RateLimited,
    RequestError,
    ServerError,
    StatusError,
    TransportError,
    Unauthorized,
)

__all__ = ["MAX_EXCERPT", "excerpt", "judge", "refusal"]

T = TypeVar("T")

MAX_EXCERPT: Final = 2048
_MAX_RAW: Final = 64 * 1024
_MAX_MESSAGE: Final = 300
_MAX_CODE: Final = 64
_BRACKETED_NUMBER: Final = re.compile(r"(?<!\s)\s*+\(\d++\)$")
_PORTFOLIO: Final = re.compile(rb'"(?:portfolio|login)"\s*:\s*"([^"\\]+)"', re.IGNORECASE)
_OWNER_PARAMETERS: Final = frozenset({"{portfolio}", "{login}"})

_BY_STATUS: Final[dict[int, type[StatusError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}


class _ErrorBody(msgspec.Struct):
    """Every error object that the broker's services are known to send, in one."""

    code: object = None
    message: object = None
    title: object = None
    detail: object = None
    errors: object = None


_error_decoder: Final = msgspec.json.Decoder(_ErrorBody | str | None)


def judge(request: Request[T], answer: Answer, *, token: str | None, now: Callable[[], float]) -> T:
    """Decode a success; raise what anything else means.

    Args:
        request: What was asked.
        answer: What came back.
        token: The access token that was sent, to be masked in what the server echoes.
        now: Gives the wall clock's time.

    Raises:
        DecodeError: A success that cannot be read.
        StatusError: The broker says no.
        TransportError: A status that means nothing here.
    """
    if 200 <= answer.status < 300:
        try:
            return request.operation.answer[request.format].decode(answer.body)
        except WireError as error:
            problem, path = error.reason, error.path
        secrets = _secrets(request, token)
        where = "" if path == "$" else f" at {path}"
        raise DecodeError(
            f"the answer cannot be read: {redact(shorten(problem, _MAX_MESSAGE), secrets)}{where}",
            path=path,
            body=excerpt(answer.body, secrets),
        )
    raise refusal(answer, now=now(), secrets=_secrets(request, token), token=token)


def refusal(answer: Answer, *, now: float, secrets: Sequence[str] = (), token: str | None = None) -> RequestError:
    """Give the error that an answer stands for when it is no success.

    Args:
        answer: What came back.
        now: The wall clock's time.
        secrets: Texts to mask.
        token: The access token that was sent, or None.
    """
    status = answer.status
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else StatusError)
    if status < 400 or status > 599:
        return TransportError(f"the server answered with status {status}, which means nothing here", stage="status")
    code, message = _read_error(answer.body, secrets)
    said = f" ({code})" if code is not None else ""
    error = kind(
        f"the broker answered {status}{said}" + (f": {message}" if message else ""),
        status=status,
        code=code,
        message=message,
        body=excerpt(answer.body, secrets),
        raw_body=_without_token(answer.body[:_MAX_RAW], token),
    )
    if isinstance(error, RateLimited):
        error.retry_after = parse_retry_after(answer.headers.get("Retry-After"), now=now)
    return error


def _read_error(body: bytes, secrets: Sequence[str]) -> tuple[str | None, str | None]:
    """Give the code and the message of an error body, whatever it is."""
    if not body or body[:1] == b"<":
        return None, None
    try:
        found = _error_decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, _line(_as_text(body[: 4 * _MAX_MESSAGE]), secrets)
    if isinstance(found, str):
        return None, _line(found, secrets)
    if found is None:
        return None, None
    code = None
    if isinstance(found.code, str | int):
        code = shorten(redact(_BRACKETED_NUMBER.sub("", str(found.code).strip()), secrets), _MAX_CODE) or None
    for text in (found.message, found.detail, _validation_text(found.errors), found.title):
        if isinstance(text, str) and text.strip():
            return code, _line(text, secrets)
    return code, None


def _validation_text(errors: object) -> str | None:
    if not isinstance(errors, dict):
        return None
    fields = cast("dict[object, object]", errors)
    return "; ".join(f"{field}: {texts[0]}" for field, texts in fields.items() if isinstance(texts, list) and texts)


def _line(text: str, secrets: Sequence[str]) -> str | None:
    return shorten(redact(text, secrets), _MAX_MESSAGE) or None


def excerpt(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Give the beginning of a body as text that may be shown: at most 2 KB, without secrets.

    Args:
        body: The body.
        secrets: Texts to mask.
    """
    # Masked before it is cut, or half a token would stay; a little more than is shown is enough for that.
    text = redact(_as_text(body[: 8 * MAX_EXCERPT]), secrets)
    return text.encode("utf-8", "replace")[:MAX_EXCERPT].decode("utf-8", "ignore")


def _without_token(body: bytes, token: str | None) -> bytes:
    """Mask tokens and nothing else: code reads on here, and a portfolio's digits may stand inside an order's number."""
    text = body.decode("utf-8", "surrogateescape")
    return redact(text, () if token is None else (token,)).encode("utf-8", "surrogateescape")


def _as_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that the cut went through is no reason to guess; anything else is probably the Russian code page.
        if error.start >= len(body) - 3:
            return body.decode("utf-8", "ignore")
        return body.decode("cp1251", "replace")


def _secrets(request: Request[T], token: str | None) -> list[str]:
    """List what must not be shown of a request: the token, and the portfolio or login that it speaks of."""
    secrets = [] if token is None else [token]
    template = request.operation.path.split("/")
    path, _, query = request.target.partition("?")
    for name, value in zip(template, path.split("/"), strict=False):
        if name in _OWNER_PARAMETERS:
            secrets.append(value)
    secrets += [value for name, _, value in (part.partition("=") for part in query.split("&")) if name == "portfolio"]
    secrets += [found.decode("utf-8", "replace") for found in _PORTFOLIO.findall(request.body or b"")]
    return secrets
