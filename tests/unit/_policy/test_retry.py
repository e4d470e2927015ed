"""Which failures may be followed by another attempt."""

from __future__ import annotations

import pytest

from alor_async._policy.retry import may_have_acted, pause_before_retry
from alor_async.config import RetryPolicy
from alor_async.errors import (
    BadRequest,
    ConnectError,
    ConnectionLost,
    DecodeError,
    Forbidden,
    NotFound,
    QueueTimeout,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServerError,
    TransportError,
    Unauthorized,
)

POLICY = RetryPolicy(attempts=3, base=1.0, cap=8.0, retry_after_cap=60.0)


def pause(error: RequestError, *, attempt: int = 1, may_resend: bool = True) -> float | None:
    return pause_before_retry(error, attempt=attempt, policy=POLICY, may_resend=may_resend, random=lambda: 0.5)


def limited(retry_after: float | None) -> RateLimited:
    error = RateLimited("slow down", status=429)
    error.retry_after = retry_after
    return error


def untrusted() -> ConnectError:
    error = ConnectError("not trusted")
    error.retryable = False
    return error


@pytest.mark.parametrize(
    ("error", "when_safe", "when_not", "acted"),
    [
        (QueueTimeout("full"), False, False, False),
        (ConnectError("refused"), True, True, False),
        (untrusted(), False, False, False),
        (RequestTimeout("late"), True, False, True),
        (ConnectionLost("cut"), True, False, True),
        (TransportError("redirect"), False, False, True),
        (DecodeError("unreadable"), True, False, True),
        (ServerError("down", status=503), True, False, True),
        (limited(None), True, False, False),
        (BadRequest("no", status=400), False, False, False),
        (Unauthorized("no", status=401), False, False, False),
        (Forbidden("no", status=403), False, False, False),
        (NotFound("no", status=404), False, False, False),
        (RequestError("unheard of"), False, False, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_the_table(error: RequestError, when_safe: bool, when_not: bool, acted: bool) -> None:
    assert (pause(error, may_resend=True) is not None) is when_safe
    assert (pause(error, may_resend=False) is not None) is when_not
    assert may_have_acted(error) is acted


def test_attempts_are_counted_and_pauses_grow() -> None:
    assert pause(ServerError("down", status=500), attempt=1) == 0.5
    assert pause(ServerError("down", status=500), attempt=2) == 1.0
    assert pause(ServerError("down", status=500), attempt=3) is None


@pytest.mark.parametrize(
    ("retry_after", "expected"), [(5.0, 5.0), (60.0, 60.0), (60.1, None), (1e9, None), (None, 0.5)]
)
def test_an_order_to_wait_is_obeyed_up_to_the_cap(retry_after: float | None, expected: float | None) -> None:
    assert pause(limited(retry_after)) == expected
