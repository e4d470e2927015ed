"""What a request on `/ws` says, read as leniently as the broker reads it.

Keys in any case, numbers where text is meant and the other way round, formats in any case or none, unknown keys ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from alor_async.sandbox.core.candles import Frame
from alor_async.sandbox.core.enums import OrderStatus
from alor_async.sandbox.gateway.call import EXCHANGES, Fields, Refused
from alor_async.values import Format

if TYPE_CHECKING:
    from alor_async.sandbox.core.accounts import Account
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.core.market import InstrumentMarket
    from alor_async.sandbox.gateway.oauth import Grant

T = TypeVar("T")

DEFAULT_INTERVAL_MS = 175
SHORTEST_INTERVAL_MS: Mapping[Format, int] = {Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500}
"""The least time between two updates of a book, a quote or a candle."""
_INT64 = 2**63 - 1


class Kind(Enum):
    """Why a request was refused; some kinds may end the connection, as the assumptions have it."""

    BAD_REQUEST = "bad request"
    NOT_UNDERSTOOD = "not understood"
    BAD_TOKEN = "bad token"


class Refusal(Exception):
    """Ends a request with this reply."""

    def __init__(self, code: int, text: str, kind: Kind = Kind.BAD_REQUEST) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.kind = kind


class Request:
    """One request to subscribe, and who makes it."""

    def __init__(self, fields: Fields, guid: str, grant: Grant, exchange: Exchange, *, refuses_low: bool) -> None:
        self.guid = guid
        self._fields = fields
        self._grant = grant
        self._exchange = exchange
        self._refuses_low = refuses_low
        self.format = self._format()

    def market(self) -> InstrumentMarket:
        """The market of the instrument; `UnknownInstrument` when there is none."""
        board = self._read("instrumentGroup", self._fields.text_or_none)
        return self._exchange.find_market(self._exchange_code(), self._read("code", self._fields.text), board)

    def account(self) -> Account:
        """The account of the portfolio, which the token must name."""
        self._exchange_code()
        portfolio = self._grant.portfolio(self._read("portfolio", self._fields.text))
        if portfolio is None:
            raise Refusal(403, "The token does not give access to this portfolio")
        return self._exchange.find_account(portfolio)

    def interval_us(self) -> int:
        """How far apart updates are at least, the server's own least included; microseconds."""
        least = SHORTEST_INTERVAL_MS[self.format]
        wanted = self._read("frequency", self._fields.integer_or_none)
        if wanted is not None and wanted < least and self._refuses_low:
            raise Refusal(400, f"The least 'frequency' of this format is {least}")
        return max(least, DEFAULT_INTERVAL_MS if wanted is None else wanted) * 1_000

    def depth(self, otherwise: int, least: int, most: int) -> int:
        """How many levels or trades."""
        depth = self._read("depth", self._fields.integer_or_none)
        if depth is not None and not least <= depth <= most:
            raise Refusal(400, f"'depth' must be in {least}..{most}")
        return otherwise if depth is None else depth

    def frame(self) -> Frame:
        """The time frame of candles."""
        text = self._read("tf", self._fields.text)
        try:
            return Frame.parse(text)
        except ValueError:
            raise _not_valid("tf") from None

    def start(self) -> int:
        """The first candle wanted; unix seconds."""
        return self._read("from", lambda name: self._fields.integer(name, _INT64))

    def flag(self, name: str) -> bool:
        """True or false; false when it is not there."""
        return self._read(name, self._fields.flag)

    def statuses(self) -> frozenset[OrderStatus]:
        """Which orders the snapshot holds: all of them when nothing is said."""
        if not self._fields.has("orderStatuses"):
            return frozenset(OrderStatus)
        known = {status.value.lower(): status for status in OrderStatus}
        wanted = [str(item).lower() for item in self._read("orderStatuses", self._fields.array)]
        if not known.keys() >= set(wanted):
            raise _not_valid("orderStatuses")
        return frozenset(known[word] for word in wanted) or frozenset(OrderStatus)

    def require(self, scope: str) -> None:
        """Refuse a token that lacks a scope."""
        if scope.lower() not in self._grant.scopes:
            raise Refusal(403, f"The token lacks the scope {scope}")

    def _format(self) -> Format:
        text = self._read("format", self._fields.text_or_none)
        if text is None:
            return Format.SIMPLE
        found = next((format for format in Format if format.value.lower() == text.lower()), None)
        if found is None:
            raise _not_valid("format")
        return found

    def _exchange_code(self) -> str:
        code = self._read("exchange", self._fields.text)
        if code.upper() not in EXCHANGES:
            raise _not_valid("exchange")
        return code

    def _read(self, name: str, read: Callable[[str], T]) -> T:
        try:
            return read(name)
        except Refused:
            raise _not_valid(name) from None


def _not_valid(name: str) -> Refusal:
    return Refusal(400, f"The value of '{name}' is missing or not valid")
