"""Numbers that must never come out of an answer: NaN, Infinity, and exponents that no price or amount has.

msgspec reads a `Decimal` from any text that `decimal` takes, `"sNaN"` and `1e999999999` included; the first breaks sorting
far away, the second takes half a minute to turn into an `int`. Looking at every value costs up to half of the decoding of
a list of instruments, so the text is asked first, and only a doubt is settled by the values.

A short answer, which is every answer about orders, positions, money, quotes and books of usual size, is proved clean:
without the letters of "nan" and "inf" and without a long exponent there is nothing to find. For a long list that proof is
too dear (docs/adr/0006-odd-numbers.md): there the spellings are looked for that servers produce, .NET's `"NaN"` and
`"Infinity"`, and exponents with a plus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final, TypeAlias, TypeGuard, cast

import msgspec

__all__ = ["SHORT", "find_odd_number", "is_doubtful", "is_struct", "shows_odd_numbers"]

_SMALLEST_EXPONENT: Final = -400
_LARGEST_EXPONENT: Final = 400
"""Both beyond what a double can hold, so that nothing a server computes in doubles is refused."""

# Digits outside of ASCII are digits for `decimal` too: any byte of theirs counts as one.
_EXPONENT: Final = re.compile(rb"e[-+_]*[0-9_\x80-\xff]{3}")
_SIGNED_EXPONENT: Final = re.compile(rb"[0-9][eE]\+[0-9]{3}")
_SHORTEST_END: Final = len("e999")
SHORT: Final = 16 * 1024
"""Up to this many bytes, an answer's values are looked at unless `is_doubtful` says no; beyond, if `shows_odd_numbers`."""


# Searching for one byte by its number is many times faster than searching for a text of one letter.
_LOWER_A, _LOWER_F, _LOWER_N, _UPPER_A, _UPPER_E, _UPPER_F, _UPPER_I, _UPPER_N = b"afnAEFIN"
_BACKSLASH, _PLUS = b"\\+"


def is_doubtful(body: bytes) -> bool:
    """Tell whether the text leaves room for an odd number. Escapes can spell one in disguise, so they do."""
    if (_LOWER_N in body or _UPPER_N in body) and (
        _LOWER_A in body or _LOWER_F in body or _UPPER_A in body or _UPPER_F in body
    ):
        return True
    if _BACKSLASH in body:
        return True
    # Most bodies name an exchange, whose E is a capital. To fold the case of all costs less than to look twice.
    text = body.lower() if _UPPER_E in body else body
    first = text.find(b"e")
    # Many short bodies have one only in the `true` or `false` at their very end, where no exponent has room.
    return 0 <= first <= len(text) - _SHORTEST_END and _EXPONENT.search(text, first) is not None


def shows_odd_numbers(body: bytes) -> bool:
    """Tell whether a server's spelling of an odd number, or something that looks like one, stands in the text."""
    return (
        (_UPPER_N in body and b"NaN" in body)
        or (_UPPER_I in body and b"Infinity" in body)
        or (_PLUS in body and _SIGNED_EXPONENT.search(body) is not None)
    )


def find_odd_number(value: object) -> str | None:
    """Look at every `Decimal` of a decoded value; return the path of the first odd one, in the wire's spelling."""
    return _find(value, "$") if _holds_odd(value) else None


def _is_odd(number: Decimal) -> bool:
    """Tell whether a number is not finite, or of a size that only an error or an attack has."""
    return not (number.is_finite() and _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT)


def _holds_odd(value: object) -> bool:
    """Look at every number, fast: nearly always there is nothing to find, so no path is kept."""
    kind = type(value)
    if kind is list or kind is tuple:
        for item in cast("Sequence[object]", value):  # noqa: SIM110 - a third faster than any()
            if _holds_odd(item):
                return True
        return False
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _Plan(kind)
    # Written out, not called: this runs for every number of every short answer.
    for number in plan.numbers(value):
        if number is not None and not (
            number.is_finite() and _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT
        ):
            return True
    if plan.children is not None:
        for child in plan.children(value):
            if child is not None and _holds_odd(child):
                return True
    return False


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
    """Tell whether a field's type is, or contains, a Struct with numbers or a sequence."""
    if is_struct(kind):
        return any(_is_number(field.type) or _may_hold_numbers(field.type) for field in msgspec.structs.fields(kind))
    if getattr(kind, "__origin__", None) in {list, tuple}:
        return True
    return any(map(_may_hold_numbers, getattr(kind, "__args__", ())))


def is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    """Tell whether a type is a class of structs."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
