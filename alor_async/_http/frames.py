"""Reading very many data frames: what was proved of one is known of all that differ from it in digits alone.

To prove a short message free of odd numbers costs half as much as to decode it. But the messages of a subscription resemble
each other: without its digits, a quote is the same text as the one before. That text, its outline, is looked at once. Where
it has room for no exponent, no NaN and no infinity, and no key that stands for another, no message of this outline has any:
digits make no letters, and taking them away parts none from its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from alor_async._http.decode import Frame, Shape
from alor_async._http.numbers import is_doubtful
from alor_async.models._base import decode_hook

__all__ = ["Frames", "is_plain"]

T = TypeVar("T")

_DIGITS: Final = b"0123456789."
_LONGEST: Final = 512
"""Up to so many bytes, comparing outlines costs less than looking at the text; and outlines are kept for each reader."""
_PROOFS: Final = 16
"""So many outlines are looked at: a quote has a few, by what it leaves empty. Where each differs, nothing is gained."""

# The letter of an exponent stands among digits, points and signs: without the digits, no letter is beside it.
_LONELY_E: Final = re.compile(rb"(?<![a-z])e(?![a-z])", re.IGNORECASE)
# `decimal` takes blanks, signs and underscores before the letters, and underscores among them. A closing quote may pass for
# an opening one here, which costs time and no more.
_NO_NUMBER: Final = re.compile(rb'"[^"a-z]*(?:s[^"a-z]*)?(?:n[^"a-z]*a[^"a-z]*n|i[^"a-z]*n[^"a-z]*f)', re.IGNORECASE)


def is_plain(outline: bytes) -> bool:
    """Tell whether no text of this outline can hold an odd number. Escapes can spell one in disguise, so they do."""
    return b"\\" not in outline and _LONELY_E.search(outline) is None and _NO_NUMBER.search(outline) is None


class Frames(Generic[T]):
    """How the data frames of one kind of stream are read, in one wire format.

    Args:
        data: How what is in them is read.
    """

    __slots__ = ("_alternates", "_publish", "_strict", "decode")

    def __init__(self, data: Shape[T]) -> None:
        kind = cast("Any", Frame)[data.kind]
        self._strict: Callable[[bytes], Any] = msgspec.json.Decoder(kind, dec_hook=decode_hook).decode
        self._publish = data.publish
        self._alternates = tuple(f'"{other}"'.encode().translate(None, _DIGITS) for other, _ in data.alternates)
        self.decode = data.framed().decode
        """Reads a frame, and proves each for itself."""

    def reader(self) -> Callable[[bytes], T]:
        """Give what reads the frames of one subscription. It raises what `decode` raises."""
        strict, careful, publish = self._strict, self.decode, self._publish
        has_one_spelling = not self._alternates
        outlines: set[bytes] = set()
        proofs_left = _PROOFS

        def read(frame: bytes) -> T:
            is_short = len(frame) <= _LONGEST
            if frame.translate(None, _DIGITS) in outlines if is_short else has_one_spelling and not is_doubtful(frame):
                try:
                    value: T = strict(frame).data
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    return careful(frame)  # it mends what can be mended, and knows what to say of the rest
                return value if publish is None else publish(value)
            return learn(frame) if is_short and proofs_left else careful(frame)

        def learn(frame: bytes) -> T:
            nonlocal proofs_left
            value = careful(frame)
            proofs_left -= 1
            outline = frame.translate(None, _DIGITS)
            if is_plain(outline) and not any(key in outline for key in self._alternates):
                outlines.add(outline)
            return value

        return read
