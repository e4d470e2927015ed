"""How long to wait before trying again."""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["full_jitter", "parse_retry_after", "parse_server_time"]

_MAX_HEADER: Final = 64
_MAX_DOUBLINGS: Final = 32


def full_jitter(attempt: int, *, base: float, cap: float, random: Callable[[], float]) -> float:
    """Give the pause after the attempt with this number (from 1): random between zero and a bound that doubles.

    Args:
        attempt: How many attempts have failed.
        base: The bound after the first; seconds.
        cap: No bound is greater; seconds.
        random: Gives numbers in [0, 1).
    """
    bound = min(cap, base * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
    return bound * random()


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """Read a `Retry-After` header: seconds, or a date. None when there is none, or it makes no sense.

    Args:
        text: The header's value.
        now: The wall clock's time, to which a date is compared.
    """
    if text is None or len(text) > _MAX_HEADER:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    when = parse_server_time(text)
    return None if when is None else max(0.0, when - now)


def parse_server_time(text: str | None) -> float | None:
    """Read an HTTP date, such as the `Date` header's, as unix seconds. None when it makes no sense."""
    if text is None or len(text) > _MAX_HEADER:
        return None
    try:
        when = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if math.isfinite(when) else None
