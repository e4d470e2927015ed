"""The small values that every call speaks in: instruments, portfolios, timeframes, formats.

All of them are immutable, hashable, and checked when they are made: a value that exists is safe to send.
"""

from __future__ import annotations

import enum
import functools
import re
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Protocol, TypeAlias

from msgspec import Struct

from alor_async.errors import InvalidArgument

__all__ = [
    "NEVER",
    "Format",
    "InstrumentId",
    "InstrumentLike",
    "OrderAck",
    "Portfolio",
    "PortfolioLike",
    "Timeframe",
    "TimeframeLike",
    "new_request_id",
]

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""The server's "does not expire" (`9999-12-31T23:59:59.9999999`) as an aware datetime. Compare with `==`."""


class Format(enum.StrEnum):
    """How the broker spells an answer on the wire. The models that come out are the same in all three."""

    SIMPLE = "Simple"
    """The oldest spelling; keeps deprecated duplicates."""
    SLIM = "Slim"
    """One- to three-letter keys: the least bytes."""
    HEAVY = "Heavy"
    """The superset: new fields appear here only."""


# What would change the path, end it, or read as something else than the one value that it is.
_FORBIDDEN: Final = re.compile(r"[/\\?#%:;,]")
_MAX_LENGTH: Final = 64


def check_segment(argument: str, value: object, *, allow_space: bool = False) -> str:
    """Return `value` if it can stand in a path as it is meant.

    A look-alike (a full-width slash, a one-dot leader) is judged by what it looks like: a proxy on the way may replace it.

    Raises:
        InvalidArgument: Not text, empty, too long, made of dots, or with a character that could change the path.
    """
    if not isinstance(value, str):
        raise InvalidArgument(argument, f"expected text, got {type(value).__name__}")
    if not value:
        raise InvalidArgument(argument, "must not be empty")
    if len(value) > _MAX_LENGTH:
        raise InvalidArgument(argument, f"must be at most {_MAX_LENGTH} characters, got {len(value)}")
    if not value.isprintable():
        raise InvalidArgument(argument, "must be printable")
    plain = value if value.isascii() else unicodedata.normalize("NFKC", value)
    if (found := _FORBIDDEN.search(plain)) is not None:
        raise InvalidArgument(argument, f"must not contain {found.group()!r}")
    if " " in plain and (not allow_space or plain.strip() != plain):
        raise InvalidArgument(argument, "must not contain a space here")
    if not plain.strip("."):
        raise InvalidArgument(argument, "must not be made of dots")
    return value


class HasInstrumentId(Protocol):
    """Anything that knows its instrument: most models do."""

    @property
    def instrument_id(self) -> InstrumentId:
        """The key of the instrument."""
        ...


class InstrumentId(Struct, frozen=True, gc=False):
    """The key of an instrument: what a call needs to name it.

    Written `"MOEX:SBER"` or, with a board, `"MOEX:SBER:TQBR"`. Without a board the broker takes the primary one.

    Attributes:
        symbol: The ticker, such as `SBER`, `SBRF-12.25` or `USD000UTSTOM`. 1 to 64 characters.
        exchange: `MOEX` or `SPBX`; the set is open.
        board: The trading mode, such as `TQBR`, or None for the primary one.

    Raises:
        InvalidArgument: A part is empty, too long, or could change the path of a request.
    """

    symbol: str
    exchange: str
    board: str | None = None

    def __post_init__(self) -> None:
        check_segment("symbol", self.symbol, allow_space=True)
        check_segment("exchange", self.exchange)
        if self.board is not None:
            check_segment("board", self.board)

    @classmethod
    def parse(cls, text: str) -> InstrumentId:
        """Read `"EXCHANGE:SYMBOL"` or `"EXCHANGE:SYMBOL:BOARD"`.

        Raises:
            InvalidArgument: The text has another shape, or a part is not acceptable.
        """
        if not isinstance(text, str):
            raise InvalidArgument("instrument", f"expected text, got {type(text).__name__}")
        return _parse_instrument(text)

    @classmethod
    def of(cls, instrument: InstrumentLike) -> InstrumentId:
        """Take the key from whatever names an instrument: a key, its text, or a model that carries one."""
        if isinstance(instrument, InstrumentId):
            return instrument
        if isinstance(instrument, str):
            return _parse_instrument(instrument)
        key = getattr(instrument, "instrument_id", None)
        if isinstance(key, InstrumentId):
            return key
        raise InvalidArgument(
            "instrument",
            f'expected an InstrumentId, text such as "MOEX:SBER", or a model; got {type(instrument).__name__}',
        )

    def __str__(self) -> str:
        text = f"{self.exchange}:{self.symbol}"
        return text if self.board is None else f"{text}:{self.board}"


InstrumentLike: TypeAlias = InstrumentId | str | HasInstrumentId
"""What an `instrument` argument takes."""


@functools.lru_cache(maxsize=4096)
def _parse_instrument(text: str) -> InstrumentId:
    parts = text.split(":")
    if len(parts) not in {2, 3}:
        raise InvalidArgument("instrument", f'expected "EXCHANGE:SYMBOL" or "EXCHANGE:SYMBOL:BOARD", got {text[:80]!r}')
    return InstrumentId(parts[1], parts[0], parts[2] if len(parts) == 3 else None)


class Portfolio(Struct, frozen=True, gc=False):
    """A client portfolio, with the exchange that its calls name.

    The exchange follows from the id: an `E...` portfolio (united money position) reads as `UNITED` and trades as
    `MOEX`; every other one is `MOEX`. Give `exchange` to say otherwise, for instance for St Petersburg.

    Attributes:
        id: The portfolio's id, such as `D39004` or `7500GHC`.
        exchange: The exchange for reads and commands alike, or None to infer it.

    Raises:
        InvalidArgument: The id or the exchange is empty, too long, or could change the path of a request.
    """

    id: str
    exchange: str | None = None

    def __post_init__(self) -> None:
        check_segment("portfolio", self.id)
        if self.exchange is not None:
            check_segment("exchange", self.exchange)

    @classmethod
    def of(cls, portfolio: PortfolioLike) -> Portfolio:
        """Take a portfolio as it is, or make one from its id."""
        if isinstance(portfolio, Portfolio):
            return portfolio
        if isinstance(portfolio, str):
            return _portfolio_from_text(portfolio)
        raise InvalidArgument("portfolio", f"expected a Portfolio or its id, got {type(portfolio).__name__}")

    @property
    def read_exchange(self) -> str:
        """The exchange to name when reading this portfolio."""
        if self.exchange is not None:
            return self.exchange
        return "UNITED" if self.id[:1] in {"E", "e"} else "MOEX"

    @property
    def trade_exchange(self) -> str:
        """The exchange to name in commands, where no instrument says it."""
        return "MOEX" if self.exchange is None or self.exchange.upper() == "UNITED" else self.exchange

    def __str__(self) -> str:
        return self.id


PortfolioLike: TypeAlias = Portfolio | str
"""What a `portfolio` argument takes."""


@functools.lru_cache(maxsize=256)
def _portfolio_from_text(text: str) -> Portfolio:
    return Portfolio(text)


def _no_timeframe(given: object) -> InvalidArgument:
    return InvalidArgument(
        "timeframe",
        "expected a Timeframe such as Timeframe.HOUR, whole seconds above zero, a timedelta of them, "
        f"or D, W, M, Y; got {given!r:.40}",
    )


class Timeframe(Struct, frozen=True, gc=False):
    """The length of a candle.

    Any whole number of seconds (`Timeframe.seconds(15)`), or a calendar period. The usual ones are constants:
    `Timeframe.MINUTE`, `.FIVE_MINUTES`, `.HOUR`, `.DAY`, `.WEEK`, `.MONTH`, `.YEAR`.

    Attributes:
        wire: The broker's spelling: seconds as text, or `D`, `W`, `M`, `Y` with an optional count before it.
    """

    wire: str

    SECOND: ClassVar[Timeframe]
    MINUTE: ClassVar[Timeframe]
    FIVE_MINUTES: ClassVar[Timeframe]
    FIFTEEN_MINUTES: ClassVar[Timeframe]
    HOUR: ClassVar[Timeframe]
    DAY: ClassVar[Timeframe]
    WEEK: ClassVar[Timeframe]
    MONTH: ClassVar[Timeframe]
    YEAR: ClassVar[Timeframe]

    def __post_init__(self) -> None:
        if not isinstance(self.wire, str) or _TIMEFRAME.fullmatch(self.wire) is None:
            raise _no_timeframe(self.wire)

    @classmethod
    def seconds(cls, count: int) -> Timeframe:
        """Make the timeframe of `count` seconds, greater than zero."""
        if isinstance(count, bool) or not isinstance(count, int) or count <= 0:
            raise _no_timeframe(count)
        return cls(str(count))

    @classmethod
    def of(cls, timeframe: TimeframeLike) -> Timeframe:
        """Take a Timeframe, seconds, a timedelta, or the broker's spelling."""
        if isinstance(timeframe, Timeframe):
            return timeframe
        if isinstance(timeframe, str):
            return cls(timeframe)
        if isinstance(timeframe, timedelta):
            if timeframe % timedelta(seconds=1):
                raise _no_timeframe(timeframe)
            return cls.seconds(timeframe // timedelta(seconds=1))
        return cls.seconds(timeframe)

    @property
    def nominal_seconds(self) -> int:
        """The length in seconds; a month counts as 30 days and a year as 365, as in the broker's documents."""
        unit = self.wire[-1]
        if unit.isdigit():
            return int(self.wire)
        return int(self.wire[:-1] or "1") * _UNITS[unit]

    def __str__(self) -> str:
        return self.wire


TimeframeLike: TypeAlias = Timeframe | str | int | timedelta
"""What a `timeframe` argument takes: an int is seconds."""

_TIMEFRAME: Final = re.compile(r"[1-9][0-9]{0,8}|(?:[1-9][0-9]{0,2})?[DWMY]")
_UNITS: Final = {"D": 86_400, "W": 604_800, "M": 2_592_000, "Y": 31_536_000}

Timeframe.SECOND = Timeframe("1")
Timeframe.MINUTE = Timeframe("60")
Timeframe.FIVE_MINUTES = Timeframe("300")
Timeframe.FIFTEEN_MINUTES = Timeframe("900")
Timeframe.HOUR = Timeframe("3600")
Timeframe.DAY = Timeframe("D")
Timeframe.WEEK = Timeframe("W")
Timeframe.MONTH = Timeframe("M")
Timeframe.YEAR = Timeframe("Y")


class OrderAck(Struct, frozen=True, kw_only=True, gc=False):
    """The broker accepted a command. It does not say that anything traded.

    Attributes:
        order_id: The order's number; after a replace, the new one.
        request_id: The idempotency key that was sent, or None for commands that have none (cancels).
        replayed: True when this is the answer to an earlier command with the same request id: nothing was done anew.
    """

    order_id: str
    request_id: uuid.UUID | str | None = None
    replayed: bool = False


def new_request_id() -> uuid.UUID:
    """Make a request id for one intent. Reuse it to repeat that same call safely, never for another one."""
    return uuid.uuid4()
