"""A market written down, to be played again: one JSON object a line, in the order of time.

A trade, and a book as the crowd made it:

    {"time": 0, "symbol": "SBER", "kind": "trade", "price": 305.12, "lots": 3, "side": "buy"}
    {"time": 0.25, "symbol": "MOEX:SBER", "kind": "book", "bids": [[305.1, 12]], "asks": [[305.13, 4], [305.2, 9]]}

- `time`: seconds since the tape begins, 0 or more; or a time with its zone, as ISO 8601 writes it, counted from the first
  line's. No line is earlier than the one before.
- `symbol`: an instrument of the sandbox; of MOEX when no exchange is named.
- `kind`: `trade` or `book`.
- `price`, `lots`: a multiple of the price step, as a number or as text, and whole lots. `side` is who took the other's
  order, `buy` or `sell`; without it, a trade at the last price or above is a purchase.
- `bids`, `asks`: pairs of price and lots; a side that is left out is empty.

Other keys say nothing, and empty lines are skipped. A book replaces the crowd's orders and leaves clients' orders alone,
except that those which cross it trade. A trade fills clients' orders at better prices first; the crowd's orders that it
would pass are gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from heapq import merge
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from alor_async.errors import InvalidArgument
from alor_async.sandbox.core.clock import SECOND, to_datetime, to_us
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.history import Print
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.timeline import Timeline

if TYPE_CHECKING:
    from alor_async.sandbox.core.crowd import Crowd

FindMarket: TypeAlias = "Callable[[str, str], InstrumentMarket]"
"""The market of an exchange and a symbol; raises LookupError when there is none."""

_LONGEST: Final = 10**9


@dataclass(frozen=True, slots=True)
class TapeTrade:
    """A trade at a price in ticks, so long after the tape begins."""

    after_us: int
    market: InstrumentMarket
    ticks: int
    lots: int
    side: Side | None

    def happen(self, crowd: Crowd) -> None:
        """Let the crowd do it."""
        side = self.side or (Side.BUY if self.ticks >= self.market.last().ticks else Side.SELL)
        crowd.print(self.market, side, self.ticks, self.lots)


@dataclass(frozen=True, slots=True)
class TapeBook:
    """The crowd's side of a book, so long after the tape begins."""

    after_us: int
    market: InstrumentMarket
    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]

    def happen(self, crowd: Crowd) -> None:
        """Let the crowd do it."""
        crowd.replace_book(self.market, self.bids, self.asks)


TapeEvent: TypeAlias = TapeTrade | TapeBook


class _Bad(Exception):
    """What is wrong with a line."""


def read_tape(lines: object, find_market: FindMarket) -> list[TapeEvent]:
    """Read a tape.

    Raises:
        InvalidArgument: A line is none; the error tells its number.
    """
    reader = _Reader(find_market)
    events: list[TapeEvent] = []
    if not isinstance(lines, Iterable) or isinstance(lines, bytes):
        raise InvalidArgument("tape", f"must be a path or lines of text, got {lines!r:.40}")
    for number, line in enumerate(cast("Any", lines), start=1):
        if not isinstance(line, str):
            raise InvalidArgument("tape", f"line {number}: is not text")
        if line.strip():
            try:
                events.append(reader.read(line))
            except _Bad as problem:
                raise InvalidArgument("tape", f"line {number}: {problem}") from None
    return events


class _Reader:
    """Reads line after line; times are counted from the first."""

    def __init__(self, find_market: FindMarket) -> None:
        self._find_market = find_market
        self._began: datetime | None = None
        self._reached_us = 0

    def read(self, line: str) -> TapeEvent:
        fields = _fields(line)
        time = fields.get("time")
        after_us = self._since_beginning(_moment(time)) if isinstance(time, str) else _seconds(time)
        if after_us < self._reached_us:
            raise _Bad("time runs backwards")
        if after_us > _LONGEST * SECOND:
            raise _Bad(f"time is more than {_LONGEST} seconds after the beginning")
        self._reached_us = after_us
        return _event(fields, after_us, self._find_market)

    def _since_beginning(self, moment: datetime) -> int:
        if self._began is None:
            self._began = moment
        return to_us(moment) - to_us(self._began)


def _fields(line: str) -> dict[str, Any]:
    try:
        read = json.loads(line, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        raise _Bad("is not JSON") from None
    if not isinstance(read, dict):
        raise _Bad("is not a JSON object")
    return cast("dict[str, Any]", read)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Bad(f"time {text!r:.40} is not a time") from None
    if moment.utcoffset() is None:
        raise _Bad(f"time {text!r:.40} has no zone")
    return moment


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= _LONGEST:
        raise _Bad("time must be seconds since the tape begins, or a time with its zone")
    return int(value * SECOND)


def _event(fields: dict[str, Any], after_us: int, find_market: FindMarket) -> TapeEvent:
    symbol = fields.get("symbol")
    if not isinstance(symbol, str):
        raise _Bad("symbol is missing")
    exchange, colon, name = symbol.partition(":")
    try:
        market = find_market(exchange, name) if colon else find_market("MOEX", symbol)
    except LookupError:
        raise _Bad(f"there is no instrument {symbol!r:.40}") from None
    match fields.get("kind"):
        case "trade":
            side = fields.get("side")
            if side not in (None, "buy", "sell"):
                raise _Bad("side must be buy or sell")
            ticks, lots = _ticks(fields.get("price"), market), _lots(fields.get("lots"))
            return TapeTrade(after_us, market, ticks, lots, None if side is None else Side(side))
        case "book":
            bids, asks = (_levels(fields.get(key, []), key, market) for key in ("bids", "asks"))
            if bids and asks and max(bids)[0] >= min(asks)[0]:
                raise _Bad("the book is crossed")
            return TapeBook(after_us, market, bids, asks)
        case other:
            raise _Bad(f"kind must be trade or book, not {other!r:.40}")


def _ticks(price: Any, market: InstrumentMarket) -> int:
    is_number = isinstance(price, int | Decimal | str) and not isinstance(price, bool)
    try:
        ticks = market.terms.ticks(Decimal(price)) if is_number else None
    except InvalidOperation:
        ticks = None
    if ticks is None or ticks <= 0:
        raise _Bad(f"price {price!s:.40} is not a multiple of the price step {market.terms.spec.price_step}")
    return ticks


def _lots(lots: Any) -> int:
    if isinstance(lots, bool) or not isinstance(lots, int) or not 1 <= lots <= _LONGEST:
        raise _Bad(f"{lots!s:.40} is not a quantity of lots")
    return lots


def _levels(levels: Any, key: str, market: InstrumentMarket) -> list[tuple[int, int]]:
    read: list[tuple[int, int]] = []
    try:
        for price, lots in levels:
            read.append((_ticks(price, market), _lots(lots)))
    except (TypeError, ValueError):
        raise _Bad(f"{key} must be pairs of price and lots") from None
    return read


class Replay:
    """A tape on the timeline, from now on: one event waits at a time.

    Args:
        events: In the order of time.
        crowd: Who does them.
        timeline: On which they lie.
        speed: How many seconds of the tape pass in one of exchange time.
    """

    def __init__(self, events: Sequence[TapeEvent], crowd: Crowd, timeline: Timeline, speed: Decimal) -> None:
        """Put the first event on the timeline."""
        self._events = iter(events)
        self._crowd = crowd
        self._timeline = timeline
        self._speed = speed
        self._began_us = timeline.now_us
        self.ends_us = self._moment(events[-1].after_us) if events else self._began_us
        """When the last event happens."""
        self._plan()

    def _moment(self, after_us: int) -> int:
        return self._began_us + int(after_us / self._speed)

    def _plan(self) -> None:
        event = next(self._events, None)
        if event is not None:
            self._timeline.at(self._moment(event.after_us), lambda: self._happen(event))

    def _happen(self, event: TapeEvent) -> None:
        event.happen(self._crowd)
        self._plan()


def write_tape(markets: Iterable[InstrumentMarket]) -> Iterator[str]:
    """The trades of some markets since they opened as the lines of a tape; of very many, the last.

    Other boards than the primary ones are left out: a line has no place for them.
    """
    tapes = [
        [(trade.time_us, trade.trade_id, trade, market) for trade in market.live]
        for market in markets
        if market.board == market.terms.spec.board
    ]
    for _, _, trade, market in merge(*tapes, key=lambda entry: entry[:2]):
        yield _line(trade, market)


def _line(trade: Print, market: InstrumentMarket) -> str:
    side = Side.BUY if trade.sign > 0 else Side.SELL
    fields = {
        "time": to_datetime(trade.time_us).isoformat(),
        "symbol": market.terms.spec.broker_symbol,
        "kind": "trade",
        "price": str(market.terms.price(trade.ticks)),
        "lots": trade.lots,
        "side": side.value,
    }
    return json.dumps(fields) + "\n"
