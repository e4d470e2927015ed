"""The market as an exact test moves it: `sandbox.market["SBER"].trade(price="250.10", lots=3)`."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING

from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from alor_async.sandbox.core.entities import BookSnapshot, InstrumentSpec, MarketTrade, Quote
    from alor_async.sandbox.core.exchange import Exchange


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

    def trade(self, *, price: Decimal | str | int, lots: int) -> MarketTrade:
        """Let the crowd trade with itself: the book moves out of the way, better orders of clients fill, stops fire."""
        with self._lock:
            return self._exchange.crowd_trade(self._name, self._symbol, price=Decimal(price), lots=lots)


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
        exchange, colon, symbol = instrument.partition(":")
        if not colon:
            exchange, symbol = "MOEX", instrument
        try:
            with self._lock:
                self._exchange.get_instrument(exchange, symbol)
        except LookupError as error:
            raise InvalidArgument("instrument", f"{instrument!r} is not one of the sandbox's") from error
        return MarketHandle(self._exchange, self._lock, exchange, symbol)
