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
from alor_async.values import Format

if TYPE_CHECKING:
    from collections.abc import Collection
    from enum import StrEnum

    Choice = TypeVar("Choice", bound=StrEnum)

MAX_COMMENT: Final = 100
MAX_LOTS: Final = 2**31 - 1
MAX_ID: Final = 2**63 - 1
MAX_REQUEST_ID: Final = 128
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
_ORDER_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_TEXT_LIMIT: Final = 256


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
    price = Decimal(value) if isinstance(value, int) and abs(value) < 10**16 else value
    if not isinstance(price, Decimal) or not price.is_finite() or (price and not -12 <= price.adjusted() <= 15):
        raise InvalidArgument(argument, "must be finite and of a sane size")
    if len(price.as_tuple().digits) > 28:
        raise InvalidArgument(argument, "must have at most 28 digits")
    return price


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


def check_choice(argument: str, value: object, choices: type[Choice]) -> Choice:
    """Return a member of an enumeration; its text is taken too, in any case."""
    if isinstance(value, choices):
        member = value
    elif isinstance(value, str):
        try:
            member = choices(value)
        except ValueError:
            raise InvalidArgument(argument, _choices(choices)) from None
    else:
        raise InvalidArgument(argument, f"{_choices(choices)}, got {_shown(value)}")
    if member.name == "UNLISTED":
        raise InvalidArgument(argument, _choices(choices))
    return member


def _choices(choices: type[StrEnum]) -> str:
    return "expected one of " + ", ".join(f'"{member.value}"' for member in choices)


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
    """Return the end of a conditional order as unix seconds; None is 0, which means that it has none."""
    return 0 if value is None else check_time("expires", value)


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
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    if isinstance(value, date):
        return value.isoformat()
    raise InvalidArgument(argument, f"expected a date or an aware datetime, got {_shown(value)}")


def check_order_id(value: object, argument: str = "order_id") -> str:
    """Return an order's number as text of digits."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID else value
    if not isinstance(text, str) or _ORDER_ID.fullmatch(text) is None:
        raise InvalidArgument(argument, "expected an order's number: 1 to 19 digits")
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
    if isinstance(value, str) and len(value) == 36:
        try:
            return UUID(value)
        except ValueError:
            pass
    raise InvalidArgument("group_id", "expected a UUID")


def check_not_empty(argument: str, values: Collection[object]) -> None:
    """Refuse an empty collection."""
    if not values:
        raise InvalidArgument(argument, "must not be empty")


def _shown(value: object) -> str:
    # The value itself may be long or secret: its type says enough.
    return "None" if value is None else type(value).__name__
