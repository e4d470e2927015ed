"""Whether a failed attempt may be followed by another, and after what pause. Pure: the session acts on it."""

from __future__ import annotations

from collections.abc import Callable

from alor_async._policy.backoff import full_jitter
from alor_async.config import RetryPolicy
from alor_async.errors import (
    ConnectError,
    DecodeError,
    QueueTimeout,
    RateLimited,
    RequestError,
    StatusError,
    TransportError,
)

__all__ = ["may_have_acted", "pause_before_retry"]


def may_have_acted(error: RequestError) -> bool:
    """Tell whether the broker may have carried out a request that ended in this error."""
    if isinstance(error, QueueTimeout | ConnectError):
        return False
    if isinstance(error, StatusError):
        return error.status >= 500
    return True


def pause_before_retry(
    error: RequestError, *, attempt: int, policy: RetryPolicy, may_resend: bool, random: Callable[[], float]
) -> float | None:
    """Give the pause before the next attempt in seconds, or None when there must be none.

    Args:
        error: How the last attempt ended.
        attempt: Its number, from 1.
        policy: The caller's wishes.
        may_resend: Whether sending again is harmless even if the last attempt was carried out: true for reads, and for
            commands under a request id that the broker still remembers.
        random: Gives numbers in [0, 1).
    """
    if attempt >= policy.attempts or not _can_help(error, may_resend=may_resend):
        return None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= policy.retry_after_cap else None
    return full_jitter(attempt, base=policy.base, cap=policy.cap, random=random)


def _can_help(error: RequestError, *, may_resend: bool) -> bool:
    match error:
        case QueueTimeout():
            return False
        case ConnectError():
            return error.retryable
        case RateLimited() | DecodeError():
            return may_resend
        case StatusError() | TransportError():
            return may_resend and error.retryable
        case _:
            return False
