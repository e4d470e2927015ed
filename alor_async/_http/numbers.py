"""Numbers that must never come out of an answer: NaN, Infinity, and exponents that no price or amount has.

msgspec reads a `Decimal` from any text that `decimal` takes, `"sNaN"` and `1e999999999` included; the first breaks sorting
far away, the second takes half a minute to turn into an `int`. Looking at every value costs a tenth of the decoding of
a page of candles and more, so the text is asked first: a page that has neither the letters of "nan" and "inf" nor a long
exponent is proved clean by a few searches for one byte. Only when the text leaves a doubt is every value looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Final, TypeAlias, TypeGuard, cast

import msgspec

__all__ = ["find_odd_number", "is_struct", "is_surely_sane"]

_LARGEST_EXPONENT: Final = 400
"""Beyond what a double can hold, so that nothing a server computes in doubles is refused."""

_EXPONENT: Final = re.compile(rb"e[-+_]*[0-9_]{3}")
_UPPER_EXPONENT: Final = re.compile(rb"E[-+_]*[0-9_]{3}")
_FEW: Final = 16


def is_surely_sane(body: bytes) -> bool:
    """Tell whether the text of an answer proves that no number in it is odd. False means: look at the values.

    Escapes and letters outside ASCII can spell a number in disguise (`"NaN"` by code points), so they prove nothing.
    """
    may_spell_nan_or_inf = (b"n" in body or b"N" in body) and (
        b"a" in body or b"A" in body or b"f" in body or b"F" in body
    )
    if may_spell_nan_or_inf or b"\\" in body or not body.isascii():
        return False
    if b"E" in body and _UPPER_EXPONENT.search(body) is not None:
        return False
    return not _has_long_exponent(body)


def _has_long_exponent(body: bytes) -> bool:
    # The letter is rare in the short spellings: hopping from one to the next beats a regular expression, which reads
    # every byte. In the long spellings every key has one, and the expression wins.
    position = body.find(b"e")
    for _ in range(_FEW):
        if position < 0:
            return False
        if _EXPONENT.match(body, position):
            return True
        position = body.find(b"e", position + 1)
    return position >= 0 and _EXPONENT.search(body, position) is not None


def find_odd_number(value: object) -> str | None:
    """Look at every `Decimal` of a decoded value; return the path of the first odd one, in the wire's spelling."""
    return _find(value, "$") if _holds_odd(value) else None


def _is_odd(number: Decimal) -> bool:
    """Tell whether a number is not finite, or of a size that only an error or an attack has."""
    return not (number.is_finite() and -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT)


def _holds_odd(value: object) -> bool:
    """Look at every number, fast: nearly always there is nothing to find, so no path is kept."""
    kind = type(value)
    if kind is list or kind is tuple:
        return any(map(_holds_odd, cast(Iterable[object], value)))
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _Plan(kind)
    for number in plan.numbers(value):
        if number is not None and not (
            number.is_finite() and -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT
        ):
            return True
    return plan.children is not None and any(map(_holds_odd, plan.children(value)))


def _find(value: object, path: str) -> str | None:
    """Look again at a value that holds an odd number, for its path."""
    parts: Iterable[tuple[str, object]] = ()
    if isinstance(value, Decimal):
        return path if _is_odd(value) else None
    if isinstance(value, list | tuple):
        items = cast("Iterable[object]", value)
        parts = ((f"{path}[{index}]", item) for index, item in enumerate(items))
    elif isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        parts = ((f"{path}.{field.encode_name}", cast("object", getattr(value, field.name))) for field in fields)
    return next((found for place, part in parts if (found := _find(part, place)) is not None), None)


_Getter: TypeAlias = Callable[[object], Iterable[object]]


class _Plan:
    """How to get at the numbers of an object, and at its children."""

    __slots__ = ("children", "numbers")

    def __init__(self, kind: type) -> None:
        self.numbers: Callable[[object], Iterable[Decimal | None]] = _nothing
        self.children: _Getter | None = None
        if kind is Decimal:
            self.numbers = lambda value: (cast(Decimal, value),)
        elif issubclass(kind, msgspec.Struct):
            fields = msgspec.structs.fields(kind)
            numbers = [field.name for field in fields if _is_number(field.type)]
            children = [field.name for field in fields if _may_hold_numbers(field.type)]
            if numbers:
                self.numbers = cast(Callable[[object], Iterable[Decimal | None]], _getter(numbers))
            if children:
                self.children = _getter(children)


_plans: Final[dict[type, _Plan]] = {}


def _nothing(_value: object) -> tuple[()]:
    return ()


def _getter(names: list[str]) -> _Getter:
    if len(names) > 1:
        return attrgetter(*names)
    single = attrgetter(names[0])
    return lambda value: (single(value),)


def _is_number(kind: object) -> bool:
    """Tell whether a field's type is `Decimal`, or has it as an alternative."""
    # Only unions: a tuple of decimals is a child, not a number.
    return kind is Decimal or (
        getattr(kind, "__origin__", None) is None and any(map(_is_number, getattr(kind, "__args__", ())))
    )


def _may_hold_numbers(kind: object) -> bool:
    """Tell whether a field's type is, or contains, a Struct or a sequence."""
    origin: object = getattr(kind, "__origin__", None)
    if origin is list or origin is tuple or is_struct(kind):
        return True
    return any(map(_may_hold_numbers, getattr(kind, "__args__", ())))


def is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    """Tell whether a type is a class of msgspec."""
    return isinstance(kind, type) and issubclass(cast("type[object]", kind), msgspec.Struct)
