"""The market as an exact test moves it: `sandbox.market["SBER"].trade(price="250.10", lots=3)`."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from alor_async.errors import InvalidArgument
from alor_async.sandbox.core.clock import to_datetime
from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.errors import InvalidQuery
from alor_async.sandbox.core.tape import write_tape

if TYPE_CHECKING:
    from datetime import datetime

    from alor_async.sandbox.core.entities import BookSnapshot, Candle, InstrumentSpec, MarketTrade, Quote
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.core.market import InstrumentMarket

Price: TypeAlias = "Decimal | str | int"
Levels: TypeAlias = Iterable[tuple[Price, int]]
MarketName: TypeAlias = Literal["stocks", "derivatives", "currencies"]
SideName: TypeAlias = Literal["buy", "sell"]

_SLOWEST, _FASTEST = 0.01, 1_000_000.0


class MarketHandle:
    """One instrument's market."""

    def __init__(self, exchange: Exchange, lock: threading.RLock, exchange_name: str, symbol: str) -> None:
        self._exchange = exchange
        self._lock = lock
        self._name = exchange_name
        self._symbol = symbol

    @property
    def spec(self) -> InstrumentSpec:
        """The instrument's static facts."""
        with self._lock:
            return self._exchange.get_instrument(self._name, self._symbol).spec

    @property
    def quote(self) -> Quote:
        """Its quotes now."""
        with self._lock:
            return self._exchange.get_quote(self._name, self._symbol)

    @property
    def book(self) -> BookSnapshot:
        """Its order book now, fifty levels deep."""
        with self._lock:
            return self._exchange.get_book(self._name, self._symbol, depth=50)

    def candles(self, timeframe: str = "60", count: int = 100) -> tuple[Candle, ...]:
        """Its last candles, oldest first: `timeframe` is seconds as text, `D`, `W`, `M` or `Y`.

        Raises:
            InvalidArgument: The time frame cannot be read, or `count` is not 1 or more.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InvalidArgument("count", f"must be a whole number greater than 0, got {count!r:.40}")
        with self._lock:
            now = self._exchange.server_time()
            try:
                page = self._exchange.get_candles(
                    self._name, self._symbol, timeframe, start=now, end=now, count_back=count
                )
            except InvalidQuery as error:
                raise InvalidArgument("timeframe", str(error)) from None
        return page.candles[-count:]

    def halt(self) -> None:
        """Stop its trading: orders are refused, the crowd and conditional orders wait."""
        with self._lock:
            self._exchange.halt(self._name, self._symbol)

    def resume(self) -> None:
        """Let it trade again, as the hours of its market have it."""
        with self._lock:
            self._exchange.unhalt(self._name, self._symbol)

    # -- moving it

    def trade(self, *, price: Price, lots: int, side: SideName | None = None) -> MarketTrade:
        """Let the crowd trade with itself: the book moves out of the way, better orders of clients fill, stops fire.

        Afterwards the crowd surrounds the price with new orders.

        Args:
            price: A multiple of the price step within the day's limits; Decimal, text or a whole number.
            lots: How many lots.
            side: Who took the other's order, `"buy"` or `"sell"`; by default a purchase unless the price falls.

        Raises:
            InvalidArgument: An argument is wrong; the error names it.
        """
        with self._lock:
            return self._exchange.crowd.trade(self._market, _price("price", price), lots, _side(side))

    def set_book(self, *, bids: Levels = (), asks: Levels = ()) -> None:
        """Let the crowd's orders be exactly these, as `(price, lots)`; clients' orders stay where they are.

        In a still market a side that is left empty, or is emptied, stays empty until the next call or `trade`.

        Raises:
            InvalidArgument: A level is wrong, the sides cross, or a level would trade with a client's order.
        """
        with self._lock:
            self._exchange.crowd.set_book(self._market, _levels("bids", bids), _levels("asks", asks))

    def add(self, side: SideName, *, price: Price, lots: int) -> int:
        """Let the crowd place a limit order; what it crosses it takes.

        Returns:
            How many of its lots traded at once.

        Raises:
            InvalidArgument: An argument is wrong; the error names it.
        """
        with self._lock:
            return self._exchange.crowd.add(self._market, _one_side(side), _price("price", price), lots)

    def take(self, side: SideName, *, lots: int) -> int:
        """Let the crowd place a market order: `take("buy", lots=5)` buys what is offered, from clients too.

        Returns:
            How many lots it got.

        Raises:
            InvalidArgument: An argument is wrong; the error names it.
        """
        with self._lock:
            return self._exchange.crowd.take(self._market, _one_side(side), lots)

    def clear(self) -> None:
        """Take all the crowd's orders out of the book."""
        with self._lock:
            self._exchange.crowd.clear(self._market)

    def move_to(self, price: Price) -> MarketTrade:
        """Move the market to a price by a trade of one lot there."""
        return self.trade(price=price, lots=1)

    def gap(self, percent: Price) -> MarketTrade:
        """Move the market by so many percent of the last price, to the nearest step towards it.

        Raises:
            InvalidArgument: `percent` is no number, or the price would be outside the day's limits.
        """
        share = _price("percent", percent)
        with self._lock:
            terms, last = self._market.terms, self._market.last().ticks
            if not -100 < share < 1_000:
                raise InvalidArgument("percent", f"must lie between -100 and 1000, got {share}")
            target = last + int(last * share / 100)
            try:
                return self.trade(price=terms.price(target), lots=1)
            except InvalidArgument as error:
                raise InvalidArgument("percent", str(error).partition(": ")[2]) from None

    @property
    def _market(self) -> InstrumentMarket:
        return self._exchange.find_market(self._name, self._symbol)


class Markets:
    """The markets of the sandbox by instrument: `"SBER"`, `"MOEX:SBER"`."""

    def __init__(self, exchange: Exchange, lock: threading.RLock) -> None:
        self._exchange = exchange
        self._lock = lock

    def __getitem__(self, instrument: str) -> MarketHandle:
        """The market of an instrument; MOEX when no exchange is named.

        Raises:
            InvalidArgument: There is no such instrument.
        """
        return MarketHandle(self._exchange, self._lock, *self._names(instrument))

    def _names(self, instrument: Any) -> tuple[str, str]:
        """The exchange and the symbol of an instrument that exists."""
        if not isinstance(instrument, str):
            raise InvalidArgument("instrument", f"must be text such as 'SBER' or 'MOEX:SBER', got {instrument!r:.40}")
        exchange, colon, symbol = instrument.partition(":")
        if not colon:
            exchange, symbol = "MOEX", instrument
        try:
            with self._lock:
                self._exchange.find_market(exchange, symbol)
        except LookupError as error:
            raise InvalidArgument("instrument", f"{instrument!r} is not one of the sandbox's") from error
        return exchange, symbol

    def pause(self, market: MarketName | None = None) -> None:
        """Stop the trading of a market, or of all, as for a clearing.

        Raises:
            InvalidArgument: There is no such market.
        """
        with self._lock:
            self._exchange.pause_trading(_market(market))

    def resume(self, market: MarketName | None = None) -> None:
        """Let a market, or all, trade again as its hours have it.

        Raises:
            InvalidArgument: There is no such market.
        """
        with self._lock:
            self._exchange.resume_trading(_market(market))

    def replay(self, tape: str | PathLike[str] | Iterable[str], *, speed: float = 1) -> datetime:
        """Play a tape from now on, in exchange time; let the instruments on it stand still otherwise.

        Args:
            tape: A file of JSON lines, or the lines themselves; `alor_async.sandbox.core.tape` describes them.
            speed: How many seconds of the tape pass in one second of exchange time, from 0.01 to a million.

        Returns:
            When the last event happens: `await sandbox.clock.set(sandbox.market.replay("day.ndjson"))`.

        Raises:
            InvalidArgument: `speed` is out of its range, or a line is wrong: the error tells its number, and nothing is
                played.
            OSError: The file cannot be read.
        """
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not _SLOWEST <= speed <= _FASTEST:
            raise InvalidArgument("speed", f"must be a number from {_SLOWEST} to {_FASTEST:g}, got {speed!r:.40}")
        lines = Path(tape).read_text("utf-8").splitlines() if isinstance(tape, str | PathLike) else tape
        with self._lock:
            ends_us = self._exchange.crowd.replay(lines, self._exchange.find_market, Decimal(str(speed)))
        return to_datetime(ends_us)

    def save(self, path: str | PathLike[str], *instruments: str) -> None:
        """Write the trades since the sandbox was made as a tape: of some instruments, or of all that were looked at.

        They are those of the primary boards, for a tape knows no others.

        Of very many trades of one instrument the last are kept (`alor_async.sandbox.core.prints.MOST_KEPT`).

        Raises:
            InvalidArgument: There is no such instrument, or the path is not one.
            OSError: The file cannot be written.
        """
        if not isinstance(path, str | PathLike):
            raise InvalidArgument("path", f"must be a path, got {path!r:.40}")
        with self._lock:
            chosen = [self._exchange.find_market(*self._names(name)) for name in instruments]
            lines = list(write_tape(chosen or self._exchange.open_markets))
        Path(path).write_text("".join(lines), "utf-8")


def _market(name: Any) -> Market | None:
    markets = {"stocks": Market.STOCKS, "derivatives": Market.DERIVATIVES, "currencies": Market.CURRENCIES}
    if name is not None and (not isinstance(name, str) or name not in markets):
        raise InvalidArgument("market", f"must be one of {', '.join(markets)}, or None for all, got {name!r:.40}")
    return None if name is None else markets[name]


def _price(argument: str, price: Any) -> Decimal:
    """A number as a user may give it; floats are refused, for they are not what they look like."""
    if isinstance(price, bool) or not isinstance(price, Decimal | str | int):
        raise InvalidArgument(argument, f"must be a Decimal, text or a whole number, got {price!r:.40}")
    try:
        read = Decimal(price)
    except InvalidOperation:
        raise InvalidArgument(argument, f"{price!r:.40} is not a number") from None
    if not read.is_finite():
        raise InvalidArgument(argument, f"{price!r:.40} is not a number")
    return read


def _levels(argument: str, levels: Any) -> list[tuple[Decimal, int]]:
    try:
        return [(_price(argument, price), lots) for price, lots in levels]
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(argument, "must be pairs of price and lots") from None


def _one_side(side: Any) -> Side:
    if side not in ("buy", "sell"):
        raise InvalidArgument("side", f"must be 'buy' or 'sell', got {side!r:.40}")
    return Side(side)


def _side(side: Any) -> Side | None:
    return None if side is None else _one_side(side)
