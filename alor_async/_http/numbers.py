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
from typing import Final

import msgspec

__all__ = ["find_odd_number", "is_surely_sane"]

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


def is_odd(number: Decimal) -> bool:
    """Tell whether a number is not finite, or of a size that only an error or an attack has."""
    return not (number.is_finite() and -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT)


def find_odd_number(value: object, path: str = "$") -> str | None:
    """Look at every `Decimal` of a decoded value; return the path of the first odd one, in the wire's spelling."""
    if isinstance(value, Decimal):
        return path if is_odd(value) else None
    if isinstance(value, msgspec.Struct):
        return _find_in_struct(value, path)
    if isinstance(value, list | tuple):
        return _find_in_items(value, path)
    return None


def _find_in_items(items: Iterable[object], path: str) -> str | None:
    for index, item in enumerate(items):
        found = find_odd_number(item)
        if found is not None:
            return f"{path}[{index}]{found[1:]}"
    return None


def _find_in_struct(value: msgspec.Struct, path: str) -> str | None:
    plan = _plans.get(type(value))
    if plan is None:
        plan = _plans[type(value)] = _Plan(type(value))
    for number in plan.numbers(value):
        if number is not None and is_odd(number):
            return plan.first_odd(value, path)
    for child, key in plan.children:
        found = find_odd_number(getattr(value, child), f"{path}.{key}")
        if found is not None:
            return found
    return None


class _Plan:
    """Where the numbers of a class are, and where its children."""

    __slots__ = ("_names", "children", "numbers")

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        fields = msgspec.structs.fields(kind)
        decimals = [field for field in fields if _mentions(field.type, Decimal)]
        self._names = [(field.name, field.encode_name) for field in decimals]
        self.numbers: Callable[[object], tuple[Decimal | None, ...]] = _getter([field.name for field in decimals])
        self.children = [(field.name, field.encode_name) for field in fields if _may_hold_numbers(field.type)]

    def first_odd(self, value: object, path: str) -> str:
        return next(
            f"{path}.{key}" for name, key in self._names if (n := getattr(value, name)) is not None and is_odd(n)
        )


_plans: Final[dict[type[msgspec.Struct], _Plan]] = {}


def _getter(names: list[str]) -> Callable[[object], tuple[Decimal | None, ...]]:
    match names:
        case []:
            return lambda _value: ()
        case [name]:
            single = attrgetter(name)
            return lambda value: (single(value),)
        case _:
            return attrgetter(*names)


def _mentions(kind: object, wanted: type) -> bool:
    """Tell whether a field's type is `wanted`, or has it as an alternative."""
    if kind is wanted:
        return True
    # Only unions and annotations: a tuple of decimals is a child, not a number.
    origin = getattr(kind, "__origin__", None)
    return not isinstance(origin, type) and any(_mentions(part, wanted) for part in getattr(kind, "__args__", ()))


def _may_hold_numbers(kind: object) -> bool:
    """Tell whether a field's type is, or contains, a Struct or a sequence."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return True
    origin = getattr(kind, "__origin__", None)
    if origin in {list, tuple}:
        return True
    return any(_may_hold_numbers(part) for part in getattr(kind, "__args__", ()))
