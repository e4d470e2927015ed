"""Checks of arguments: each returns the value in the form that the wire takes, or says what is wrong with it.

They run before anything is sent, so a mistake costs nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from alor_async.errors import InvalidArgument
from alor_async.values import NEVER, Format

if TYPE_CHECKING:
    from collections.abc import Collection
    from enum import StrEnum

    Choice = TypeVar("Choice", bound=StrEnum)

MAX_COMMENT: Final = 100
MAX_LOTS: Final = 2**31 - 1
MAX_ID: Final = 2**63 - 1
MAX_REQUEST_ID: Final = 128
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]+")
_ORDER_ID: Final = re.compile(r"0*[1-9][0-9]*")
_MAX_ID_LENGTH: Final = 19
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_TEXT_LIMIT: Final = 256
_SMALLEST_EXPONENT: Final = -12
_LARGEST_EXPONENT: Final = 15
_MOST_DIGITS: Final = 28


def check_count(argument: str, value: object, *, least: int = 0, most: int = MAX_LOTS) -> int:
    """Return a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(argument, f"expected a whole number, got {_shown(value)}")
    if value < least:
        raise InvalidArgument(argument, f"must be at least {least}")
    if value > most:
        raise InvalidArgument(argument, f"must be at most {most}")
    return value


def check_optional_count(argument: str, value: object, *, least: int = 0, most: int = MAX_LOTS) -> int | None:
    """Return a whole number within bounds, or None."""
    return None if value is None else check_count(argument, value, least=least, most=most)


def check_lots(value: object, argument: str = "lots") -> int:
    """Return a number of lots, greater than zero."""
    return check_count(argument, value, least=1)


def check_price(value: object, argument: str = "price") -> Decimal:
    """Return an exact, finite price. Zero and below are legal for some derivatives, so only absurd sizes are refused."""
    if isinstance(value, float):
        raise InvalidArgument(argument, 'a float is not exact: write Decimal("250.10")')
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise InvalidArgument(argument, f"expected a Decimal, got {_shown(value)}")
    if not _is_sane(value):
        raise InvalidArgument(argument, f"must be finite, of a sane size, and at most {_MOST_DIGITS} digits long")
    price = Decimal(value)
    # `1E+2` is legal JSON, but not every server reads it.
    return Decimal(f"{price:f}") if "E+" in str(price) else price


def _is_sane(value: Decimal | int) -> bool:
    if isinstance(value, int):
        return abs(value) < int(10 ** (_LARGEST_EXPONENT + 1))
    return (
        value.is_finite()
        and _SMALLEST_EXPONENT <= value.adjusted() <= _LARGEST_EXPONENT
        and len(value.as_tuple().digits) <= _MOST_DIGITS
    )


def check_optional_price(value: object, argument: str = "price") -> Decimal | None:
    """Return an exact, finite price, or None."""
    return None if value is None else check_price(value, argument)


def check_comment(value: object) -> str | None:
    """Return an order's comment: at most 100 characters, none of them a control character."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidArgument("comment", f"expected text, got {_shown(value)}")
    if len(value) > MAX_COMMENT:
        raise InvalidArgument("comment", f"must be at most {MAX_COMMENT} characters, got {len(value)}")
    if not value.isprintable():
        raise InvalidArgument("comment", "must not contain control characters")
    return value


def check_text(argument: str, value: object) -> str | None:
    """Return a search text or None: not empty, printable, at most 256 characters."""
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise InvalidArgument(argument, f"expected text, got {_shown(value)}")
    if len(value) > _TEXT_LIMIT or not value.isprintable():
        raise InvalidArgument(argument, f"must be printable and at most {_TEXT_LIMIT} characters")
    return value


def check_flag(argument: str, value: object) -> bool | None:
    """Return True, False or None."""
    if value is not None and not isinstance(value, bool):
        raise InvalidArgument(argument, f"expected True, False or None, got {_shown(value)}")
    return value


def check_switch(argument: str, value: object) -> bool:
    """Return True or False. None is neither: taken for False, it would put a conditional order to sleep."""
    if not isinstance(value, bool):
        raise InvalidArgument(argument, f"expected True or False, got {_shown(value)}")
    return value


def check_choice(argument: str, value: object, choices: type[Choice]) -> Choice:
    """Return a member of an enumeration; its text is taken too, in any case."""
    if isinstance(value, choices) and value.name in choices.__members__:
        return value
    if isinstance(value, str):
        folded = value.lower()
        for member in choices:
            if member.value.lower() == folded:
                return member
    expected = ", ".join(f'"{member.value}"' for member in choices)
    got = "" if isinstance(value, str) else f", got {_shown(value)}"
    raise InvalidArgument(argument, f"expected one of {expected}{got}")


def check_optional_choice(argument: str, value: object, choices: type[Choice]) -> Choice | None:
    """Return a member of an enumeration, or None."""
    return None if value is None else check_choice(argument, value, choices)


def check_format(value: object) -> Format | None:
    """Return a wire format or None; its text is taken too, in any case."""
    if value is None or isinstance(value, Format):
        return value
    if isinstance(value, str):
        for known in Format:
            if known.value.lower() == value.lower():
                return known
    raise InvalidArgument("format", 'expected "Simple", "Slim" or "Heavy"')


def check_time(argument: str, value: object) -> int:
    """Return an aware datetime as unix seconds, rounded down."""
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise InvalidArgument(argument, "must be an aware datetime: add tzinfo, for instance datetime.UTC")
        return (value - _EPOCH) // _SECOND
    raise InvalidArgument(argument, f"expected an aware datetime, got {_shown(value)}")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def check_optional_time(argument: str, value: object) -> int | None:
    """Return an aware datetime as unix seconds, or None."""
    return None if value is None else check_time(argument, value)


def check_expiry(value: object) -> int:
    """Return the end of a conditional order as unix seconds; None and `NEVER` are 0, which means that it has none."""
    if value is None or value == NEVER:
        return 0
    expires = check_time("expires", value)
    if expires <= 0:
        raise InvalidArgument("expires", "must be after 1970")
    return expires


def check_range(start: int, end: int) -> None:
    """Refuse a range that ends before it starts."""
    if end < start:
        raise InvalidArgument("end", "must not be before start")


def check_since(argument: str, value: object) -> str | None:
    """Return a date (which means its 00:00:00 UTC) or an aware datetime in the broker's spelling."""
    if value is None:
        return None
    if isinstance(value, datetime):
        check_time(argument, value)
        try:
            text = value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        except OverflowError:
            raise InvalidArgument(argument, "is out of range in UTC") from None
        return f"{text}0Z"
    if isinstance(value, date):
        return value.isoformat()
    raise InvalidArgument(argument, f"expected a date or an aware datetime, got {_shown(value)}")


def check_order_id(value: object, argument: str = "order_id") -> str:
    """Return an order's number as text of digits."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID else value
    if not isinstance(text, str) or len(text) > _MAX_ID_LENGTH or _ORDER_ID.fullmatch(text) is None:
        raise InvalidArgument(argument, f"expected an order's number: 1 to {_MAX_ID_LENGTH} digits, not zero")
    return text


def check_request_id(value: object) -> UUID | str:
    """Return an idempotency key: a UUID, or 1 to 128 visible ASCII characters."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= MAX_REQUEST_ID or _REQUEST_ID.fullmatch(value) is None:
        raise InvalidArgument("request_id", f"expected a UUID, or 1 to {MAX_REQUEST_ID} visible ASCII characters")
    return value


def check_group_id(value: object) -> UUID:
    """Return an order group's id; its text is taken too."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value) is not None:
        return UUID(value)
    raise InvalidArgument("group_id", "expected a UUID")


def check_not_empty(argument: str, values: Collection[object]) -> None:
    """Refuse an empty collection."""
    if not values:
        raise InvalidArgument(argument, "must not be empty")


def _shown(value: object) -> str:
    # The value itself may be long or secret: its type says enough.
    return "None" if value is None else type(value).__name__
