"""JSON as the broker writes it: compact, prices as exact bare numbers, times with seven fraction digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EXPONENT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?E[+-]?\d+')

NEVER_TEXT = "9999-12-31T23:59:59.9999999"
"""How the broker says that something does not expire."""


def write_json(value: object) -> bytes:
    """Compact JSON. A `Decimal` becomes a number with all its digits and no exponent."""
    body = _ENCODER.encode(value)
    if b"E+" in body or b"E-" in body:
        body = _EXPONENT.sub(_plain, body)
    return body


def _plain(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text if text.startswith(b'"') else format(Decimal(text.decode()), "f").encode()


def utc_text(time: datetime | None) -> str | None:
    """`2026-03-16T07:12:48.4375180Z`: seven fraction digits and the mark of UTC."""
    return None if time is None else f"{zoneless_text(time)}Z"


def zoneless_text(time: datetime) -> str:
    """The same time without the mark."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "0"


def expiry_text(time: datetime | None) -> str:
    """When an instrument ends, zone-less; the server's word for never when it does not."""
    return NEVER_TEXT if time is None else zoneless_text(time)
