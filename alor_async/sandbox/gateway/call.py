"""One request as its handler sees it, and the answer that the handler gives.

Lenient where the broker is: keys and enumerations in any case, numbers as text, ids as numbers, unknown keys ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from alor_async.sandbox.core.clock import SECOND, to_us
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.sandbox.gateway.shown_time import ShownTime
from alor_async.values import Format

if TYPE_CHECKING:
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.gateway.oauth import Grant, Tokens

E = TypeVar("E", bound=StrEnum)

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
UNREADABLE = "Provided json can't be properly deserialised, perhaps you made an error or forgot some field"
EXCHANGES = frozenset({"MOEX", "SPBX", "UNITED"})
"""The exchanges that a call can name."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?")
_INT32 = 2**31 - 1
_INT64 = 2**63 - 1
_FORMATS = {format.value.lower(): format for format in Format}
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: status, body, Content-Type.

    Attributes:
        rest: What follows the body, made piece by piece while it is sent; None for nothing. It is made once.
    """

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: Iterator[bytes] | None = None

    def whole(self) -> Reply:
        """The same with everything in the body."""
        if self.rest is None:
            return self
        return replace(self, body=b"".join((self.body, *self.rest)), rest=None)


def written_reply(body: bytes) -> Reply:
    """A JSON answer that is written already."""
    return Reply(200, body, JSON)


def json_reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, write_json(value), JSON)


def text_reply(text: str, status: int = 200) -> Reply:
    """A bare text answer."""
    return Reply(status, text.encode(), TEXT)


class Refused(Exception):
    """Ends a call with this answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def unreadable() -> Refused:
    """The body is not what the call takes."""
    return Refused(text_reply(UNREADABLE, 400))


def invalid(name: str, problem: str) -> Refused:
    """A parameter has a value that it cannot have."""
    problems = {"title": "One or more validation errors occurred.", "status": 400, "errors": {name: [problem]}}
    return Refused(Reply(400, write_json(problems), PROBLEM))


class Query:
    """The query of a request: names in any case, the last of a repeated one counts, an empty value is none."""

    __slots__ = ("_values",)

    def __init__(self, text: str) -> None:
        self._values = {name.lower(): value for name, value in parse_qsl(text) if value} if text else {}

    def text(self, name: str) -> str | None:
        """A value as it was sent."""
        return self._values.get(name.lower())

    def required(self, name: str) -> str:
        """A value that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(name, f"The {name} field is required.")
        return value

    def integer(self, name: str, *, least: int = -_INT32 - 1, most: int = _INT32) -> int | None:
        """A whole number of 32 bits, within bounds."""
        return None if self.text(name) is None else self.required_integer(name, least=least, most=most)

    def required_integer(self, name: str, *, least: int = -_INT32 - 1, most: int = _INT32) -> int:
        """A whole number of 32 bits, within bounds, that must be there."""
        text = self.required(name)
        if _WHOLE.fullmatch(text) is None:
            raise _not_valid(name, text)
        value = int(text)
        if not least <= value <= most:
            raise _not_valid(name, text)
        return value

    def long(self, name: str) -> int | None:
        """A whole number of 64 bits."""
        return None if self.text(name) is None else self.required_long(name)

    def required_long(self, name: str) -> int:
        """A whole number of 64 bits that must be there."""
        return self.required_integer(name, least=-_INT64 - 1, most=_INT64)

    def decimal(self, name: str) -> Decimal | None:
        """A number."""
        text = self.text(name)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) is None:
            raise _not_valid(name, text)
        value = Decimal(text)
        if not _is_sane(value):
            raise _not_valid(name, text)
        return value

    def flag(self, name: str) -> bool | None:
        """True or false."""
        text = self.text(name)
        if text is None:
            return None
        flag = _FLAGS.get(text.lower())
        if flag is None:
            raise _not_valid(name, text)
        return flag

    def exchange(self, name: str) -> str | None:
        """An exchange."""
        text = self.text(name)
        if text is not None and text.upper() not in EXCHANGES:
            raise _not_valid(name, text)
        return text

    def choice(self, name: str, choices: type[E]) -> E | None:
        """One of a closed set."""
        text = self.text(name)
        if text is None:
            return None
        found = _choose(text, choices)
        if found is None:
            raise _not_valid(name, text)
        return found


def _not_valid(name: str, text: str) -> Refused:
    return invalid(name, f"The value '{text[:80]}' is not valid.")


def _choose(text: str, choices: type[E]) -> E | None:
    wanted = text.lower()
    return next((choice for choice in choices if choice.value.lower() == wanted), None)


def _is_sane(value: Decimal) -> bool:
    return value.is_finite() and (value == 0 or -28 <= value.adjusted() <= 28)


class Fields:
    """An object of a JSON body. What is missing or of another kind makes the body unreadable, as it does at the broker."""

    __slots__ = ("_values",)

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise unreadable()
        self._values: dict[str, object] = {str(key).lower(): item for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

    def has(self, name: str) -> bool:
        """Whether the key is there and not null."""
        return self._values.get(name.lower()) is not None

    def text(self, name: str) -> str:
        """Text; a number is as good."""
        value = self._values.get(name.lower())
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value:
            raise unreadable()
        return value

    def text_or_none(self, name: str) -> str | None:
        """Text, if it is there and not empty."""
        value = self._values.get(name.lower())
        return None if value is None or value == "" else self.text(name)

    def integer(self, name: str, most: int = _INT32) -> int:
        """A whole number; the text of one is as good."""
        value = self._values.get(name.lower())
        if isinstance(value, str | Decimal):
            try:
                number = Decimal(value)
                value = int(number) if _is_sane(number) and number == number.to_integral_value() else None
            except InvalidOperation:
                value = None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > most:
            raise unreadable()
        return value

    def integer_or_none(self, name: str) -> int | None:
        """A whole number, if it is there."""
        return self.integer(name) if self.has(name) else None

    def decimal(self, name: str) -> Decimal:
        """A number; the text of one is as good."""
        value = self._values.get(name.lower())
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise unreadable()
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise unreadable() from None
        if not _is_sane(number):
            raise unreadable()
        return number

    def decimal_or_none(self, name: str) -> Decimal | None:
        """A number, if it is there."""
        return self.decimal(name) if self.has(name) else None

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """True or false, or the default."""
        if not self.has(name):
            return otherwise
        value = self._values[name.lower()]
        flag = value if isinstance(value, bool) else _FLAGS.get(str(value).lower())
        if flag is None:
            raise unreadable()
        return flag

    def choice(self, name: str, choices: type[E]) -> E:
        """One of a closed set."""
        found = _choose(self.text(name), choices)
        if found is None:
            raise unreadable()
        return found

    def choice_or(self, name: str, otherwise: E) -> E:
        """One of a closed set, or the default."""
        return self.choice(name, type(otherwise)) if self.has(name) else otherwise

    def part(self, name: str) -> Fields:
        """An object inside this one."""
        return Fields(self._values.get(name.lower()))

    def array(self, name: str) -> list[object]:
        """An array inside this one."""
        value = self._values.get(name.lower())
        if not isinstance(value, list):
            raise unreadable()
        return value  # pyright: ignore[reportUnknownVariableType]


def _no_constants(name: str) -> object:
    raise ValueError(name)


def read_json(body: bytes) -> object:
    """Any JSON, numbers exact; whatever is not JSON is unreadable."""
    try:
        value: object = json.loads(body, parse_float=Decimal, parse_constant=_no_constants)
    except (ValueError, RecursionError):
        raise unreadable() from None
    return value


def read_array(body: bytes) -> list[object]:
    """A JSON array; anything else is unreadable."""
    value = read_json(body)
    if not isinstance(value, list):
        raise unreadable()
    return value  # pyright: ignore[reportUnknownVariableType]


@dataclass(slots=True)
class Call:
    """One request on its way through its handler."""

    exchange: Exchange
    tokens: Tokens
    path: Mapping[str, str]
    query: Query
    body: bytes
    grant: Grant | None = None
    shown: ShownTime = field(default_factory=ShownTime)
    lag: float = 0.0
    """Orders and trades younger than this are not seen; seconds."""

    def sees(self, since: datetime) -> bool:
        """Whether something that exists since then can be seen already."""
        return not self.lag or to_us(since) <= self.exchange.now_us - int(self.lag * SECOND)

    @property
    def delayed(self) -> bool:
        """Whether the caller is anonymous, and so sees the market of a quarter of an hour ago."""
        return self.grant is None

    @property
    def format(self) -> Format:
        """The spelling asked for."""
        text = self.query.text("format")
        if text is None:
            return Format.SIMPLE
        found = _FORMATS.get(text.lower())
        if found is None:
            raise _not_valid("format", text)
        return found

    @property
    def board(self) -> str | None:
        """The board asked for."""
        return self.query.text("instrumentGroup")

    def fields(self) -> Fields:
        """The body as an object."""
        return Fields(read_json(self.body))

    def uuid(self, name: str) -> UUID:
        """A path parameter that is a UUID."""
        try:
            return UUID(self.path[name])
        except ValueError:
            raise _not_valid(name, self.path[name]) from None

    def own(self, portfolio: str) -> str:
        """A portfolio that the token may use, spelled as the token spells it.

        Raises:
            Refused: 403, the token does not name it.
        """
        found = self.grant.portfolio(portfolio) if self.grant is not None else None
        if found is None:
            raise Refused(Reply(403))
        return found
