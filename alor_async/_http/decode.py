"""Bytes to values, or the reason why not.

Decoding is strict first. The broker's servers are known to break their own contract in small ways (a byte order mark, a
time without its zone, `10.0` for a whole number, another spelling of a key): only when strict reading fails is the body
mended and read again, first strictly and then with other spellings of numbers forgiven, so a correct answer pays nothing
for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from alor_async._http.numbers import SHORT, find_odd_number, is_doubtful, is_struct, shows_odd_numbers
from alor_async.models._base import decode_hook
from alor_async.values import Format

__all__ = ["Frame", "Shape", "Shapes", "WireError", "text_success"]

T = TypeVar("T")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PATH: Final = re.compile(r" - at `(?:key in )?([^`]+)`$")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")
_LAST_MOMENT: Final = re.compile(rb'("9999-12-31T23:59:59\.9{6})9+Z"')
_INEXACT: Final = re.compile(rb"[:\[,]\s*-?(?:[0-9]{16,}\.[0-9]|[0-9][0-9.]*[eE]\+?[0-9])")
"""Numbers that are whole as a double and may not be the number that was meant."""


class WireError(Exception):
    """An answer that cannot be read.

    Attributes:
        reason: What is wrong, without quoting values.
        path: Where, in the wire's spelling, such as `$.orders[3].price`.
    """

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(f"{reason} at {path}")
        self.reason = reason
        self.path = path


class Shape(Generic[T]):
    """How one answer is read in one wire format.

    Args:
        kind: The type that msgspec decodes into; classes of one wire format.
        publish: Turns what was decoded into what users see, and returns it.
        alternates: Pairs of another key that was seen on the wire and the key that it stands for.
        zoneless: Keys of times that come with a zone by contract, and sometimes without one.
    """

    __slots__ = ("_optional", "_strict", "_tolerant", "_zoneless", "alternates", "kind", "publish")

    def __init__(
        self,
        kind: object,
        publish: Callable[[T], T] | None = None,
        alternates: tuple[tuple[str, str], ...] = (),
        zoneless: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.publish = publish
        self.alternates = alternates
        self._zoneless = zoneless
        # Decoders are made when first needed: there are hundreds, and making one costs more than importing this module.
        self._strict: Callable[[bytes], T] | None = None
        self._tolerant: Callable[[bytes], T] | None = None
        self._optional: tuple[bytes, ...] = ()

    def decode(self, body: bytes) -> T:
        """Read an answer.

        Raises:
            WireError: The body is not what the contract says, or a number in it is odd.
        """
        strict = self._strict or self._prepare()
        try:
            if self._optional and any(key in body for key in self._optional):
                value = self._forgive(body)
            else:
                value = strict(body)
                if is_doubtful(body) if len(body) <= SHORT else shows_odd_numbers(body):
                    _refuse_odd_numbers(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            value = self._second_try(body, error)
        return value if self.publish is None else self.publish(value)

    def framed(self) -> Shape[T]:
        """Describe the same value inside a data frame of a socket, `{"data": ..., "guid": "..."}`."""
        return _FrameShape(self.kind, self.publish, self.alternates, self._zoneless)

    def _prepare(self) -> Callable[[bytes], T]:
        self._strict = self._decoder(strict=True)
        # A required key under its other name fails the strict reading, an optional one would be overlooked: that one
        # must be looked for.
        required = set(_required_keys(self.kind))
        self._optional = tuple(f'"{other}"'.encode() for other, key in self.alternates if key not in required)
        return self._strict

    def _decoder(self, *, strict: bool) -> Callable[[bytes], T]:
        return cast("Callable[[bytes], T]", msgspec.json.Decoder(self.kind, dec_hook=decode_hook, strict=strict).decode)

    def _second_try(self, body: bytes, error: Exception) -> T:
        if isinstance(error, RecursionError):
            raise WireError("the answer is nested too deeply") from None
        try:
            return self._forgive(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as second:
            raise _explain(second, body) from None

    def _forgive(self, body: bytes) -> T:
        text = self._mend(body)
        strict = self._strict or self._prepare()
        try:
            value = strict(text)
        except msgspec.ValidationError:
            if self._tolerant is None:
                self._tolerant = self._decoder(strict=False)
            value = self._tolerant(text)
            # msgspec takes `9007199254740993.0` for a whole number, by way of a double that cannot hold it.
            if _INEXACT.search(text) is not None:
                raise WireError("a whole number is spelled so that digits may be lost") from None
        _refuse_odd_numbers(value)
        return value

    def _mend(self, body: bytes) -> bytes:
        """Undo what can be undone in the text."""
        text = body.removeprefix(_BYTE_ORDER_MARK)
        for other, key in self.alternates:
            # The quotes keep the pattern out of free text: inside a JSON text they are escaped.
            text = re.sub(rb'"%b"(?=\s*:)' % re.escape(other.encode()), b'"%b"' % key.encode(), text)
        if self._zoneless:
            text = _zoneless_times(self._zoneless).sub(rb'\1Z"', text)
        # Rounding the seventh digit up would carry this one past the end of the calendar.
        return _LAST_MOMENT.sub(rb'\1Z"', text)


def _zoneless_times(keys: tuple[str, ...]) -> re.Pattern[bytes]:
    names = b"|".join(re.escape(key.encode()) for key in keys)
    return re.compile(rb'("(?:%b)"\s*:\s*"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*"' % names)


def _refuse_odd_numbers(value: object) -> None:
    path = find_odd_number(value)
    if path is not None:
        raise WireError("not a finite number of a sane size", path)


def _explain(error: Exception, body: bytes) -> WireError:
    if isinstance(error, RecursionError):
        return WireError("the answer is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return WireError("the answer is not UTF-8")
    start = body[:64].lstrip()
    if not start:
        return WireError("the answer is empty")
    if not isinstance(error, msgspec.ValidationError):
        if start.startswith(b"<"):
            return WireError("the answer is a web page, not JSON")
        return WireError(str(error))
    return _explain_misfit(str(error))


def _explain_misfit(text: str) -> WireError:
    found = _PATH.search(text)
    path = found.group(1) if found else "$"
    reason = text[: found.start()] if found else text
    missing = _MISSING.search(reason)
    if missing is not None:
        path = f"{path}.{missing.group(1)}"
    if reason.startswith(("Invalid enum value", "Invalid value")):
        reason = reason.split(" ")[0] + " value"  # the text quotes the value
    return WireError(reason, path)


def _required_keys(kind: object) -> list[str]:
    """List the wire names of all fields without a default, in a type and in what it contains."""
    if is_struct(kind):
        keys: list[str] = []
        for field in msgspec.structs.fields(kind):
            if field.required:
                keys.append(field.encode_name)
            keys += _required_keys(field.type)
        return keys
    return [key for part in getattr(kind, "__args__", ()) for key in _required_keys(part)]


class Frame(msgspec.Struct, Generic[T], gc=False):
    """What a socket puts around data, without the guid: whoever decodes a frame knows whose it is."""

    data: T


class _FrameShape(Shape[T]):
    """Reads what stands in a data frame; publishing and the look at numbers see the data alone."""

    __slots__ = ()

    def _decoder(self, *, strict: bool) -> Callable[[bytes], T]:
        kind = cast("Any", Frame)[self.kind]
        decode = msgspec.json.Decoder(kind, dec_hook=decode_hook, strict=strict).decode
        return lambda frame: decode(frame).data


class _TextSuccess(Shape[None]):
    """The answer of calls that only say that they succeeded, in each way in which they say it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None)

    def decode(self, body: bytes) -> None:
        """Accept `success` or `Succeeded`: bare, quoted, or as the `message` of an object. Anything else is no success.

        Raises:
            WireError: Something else came.
        """
        text = body.removeprefix(_BYTE_ORDER_MARK).strip()
        if text.startswith(b"{"):
            try:
                word = _message_decoder.decode(text).message
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _explain(error, body) from None
        else:
            is_quoted = len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')
            word = (text[1:-1] if is_quoted else text).decode("ascii", "replace")
        if word.lower() not in {"success", "succeeded"}:
            raise WireError("the answer is empty" if not text else "the answer does not say that the call succeeded")


class _Message(msgspec.Struct):
    message: str


_message_decoder: Final = msgspec.json.Decoder(_Message)

text_success: Final[Shape[None]] = _TextSuccess()
"""How the answer of a call is read that has nothing to say but that it succeeded."""


class Shapes(Generic[T]):
    """How one answer is read, per wire format."""

    __slots__ = ("_by_format", "_usual")

    def __init__(self, *, simple: Shape[T], slim: Shape[T], heavy: Shape[T]) -> None:
        self._by_format = {Format.SIMPLE: simple, Format.SLIM: slim, Format.HEAVY: heavy}
        self._usual = heavy

    @classmethod
    def same(cls, shape: Shape[T]) -> Shapes[T]:
        """Describe an answer that looks the same in every format."""
        return cls(simple=shape, slim=shape, heavy=shape)

    def __getitem__(self, format: Format | None) -> Shape[T]:
        """Give the shape of a format; None is for calls without a choice."""
        return self._usual if format is None else self._by_format[format]
