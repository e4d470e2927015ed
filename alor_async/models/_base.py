"""What all models share. Written by hand; its neighbours are generated."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Self, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from alor_async.values import NEVER

__all__ = [
    "Model",
    "OpenIntEnum",
    "OpenStrEnum",
    "UtcTime",
    "WireId",
    "ZonelessTime",
    "decode",
    "decode_hook",
    "parse_time",
]

T = TypeVar("T")

UtcTime: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A time that the wire spells with a zone; aware."""

if TYPE_CHECKING:
    WireId: TypeAlias = str
    ZonelessTime: TypeAlias = datetime
else:
    WireId = int | str
    """An order's number: text, which the wire sometimes spells as a JSON number. Public models hold text only."""

    class _AnyDatetime(type):
        def __instancecheck__(cls, value):
            return isinstance(value, datetime)

    class ZonelessTime(metaclass=_AnyDatetime):
        """A time that the wire spells without a zone, or as the "never" that no datetime can hold; aware UTC here."""


class Model(Struct, frozen=True, kw_only=True):
    """The root of all models: immutable, hashable, comparable, picklable.

    Two models are equal when their classes and all their attributes are, whatever wire format they came in.
    """

    def to_dict(self) -> dict[str, object]:
        """Give plain values that any JSON encoder takes, by attribute name.

        Decimals become text, so that nothing is rounded; times become ISO 8601 text; tuples become lists.
        """
        return cast("dict[str, object]", msgspec.to_builtins(_by_attribute(self)))

    def to_json(self) -> bytes:
        """Give JSON by attribute name, in which Decimals are exact JSON numbers."""
        return _encoder.encode(_by_attribute(self))


_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def _by_attribute(value: object) -> object:
    if isinstance(value, Model):
        return {name: _by_attribute(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_by_attribute(item) for item in cast("tuple[object, ...]", value)]
    return value


class OpenStrEnum(enum.StrEnum):
    """An enumeration of texts whose set the broker may extend: an unlisted text is kept, not refused.

    Case does not matter when decoding. An unlisted member is named `UNLISTED`, equals its text, and is not in
    `list(cls)`; two of them with the same text are equal but not identical, so compare with `==`.
    """

    @property
    def is_listed(self) -> bool:
        """Whether this version of the library knows the value."""
        return self._name_ != "UNLISTED"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or len(value) > 64:
            return None
        folded = value.lower()
        for listed in cls:
            if listed.value.lower() == folded:
                return listed
        member = str.__new__(cls, value)
        member._name_ = "UNLISTED"
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (self._value_,)


class OpenIntEnum(enum.IntEnum):
    """An enumeration of numbers whose set the broker may extend; see `OpenStrEnum`."""

    @property
    def is_listed(self) -> bool:
        """Whether this version of the library knows the value."""
        return self._name_ != "UNLISTED"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        member = int.__new__(cls, value)
        member._name_ = "UNLISTED"
        member._value_ = value
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return type(self), (self._value_,)


_SENTINEL: Final = "9999-12-31T23:59:59"
_CACHE_SIZE: Final = 4096
_times: Final[dict[str, datetime]] = {}


def parse_time(text: str) -> datetime:
    """Read an ISO time of any precision as aware UTC; the server's "never" becomes `NEVER`.

    Digits past the microsecond are cut off. A time without a zone is UTC.

    Raises:
        ValueError: Not an ISO time, or outside of the years 1 to 9999 in UTC.
    """
    if text.startswith(_SENTINEL):
        return NEVER
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range in UTC") from None


def decode_hook(kind: type, value: object) -> object:
    """Convert what msgspec does not know by itself: the `dec_hook` of every decoder of these models."""
    if kind is not ZonelessTime:
        raise NotImplementedError(f"no conversion to {kind}")
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    time = _times.get(value)
    if time is None:
        try:
            time = parse_time(value)
        except ValueError:
            raise ValueError("Invalid RFC3339 encoded datetime") from None
        if len(_times) >= _CACHE_SIZE:
            _times.clear()
        _times[value] = time
    return time


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read JSON in the broker's usual spelling of a model, for instance from a file of recorded answers.

    A plain `msgspec.json.decode` does not know the times that the broker spells without a zone; this does.

    Args:
        data: JSON.
        kind: A model, or `list[...]` / `tuple[..., ...]` of one.

    Raises:
        msgspec.ValidationError: The JSON does not fit.
    """
    return msgspec.json.decode(data, type=kind, dec_hook=decode_hook)
