"""Topics of markets: books, quotes, candles, trades, the state of a security."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from alor_async.sandbox.core.candles import Frame
from alor_async.sandbox.core.clock import SECOND
from alor_async.sandbox.core.entities import BookSnapshot, Candle, MarketTrade, Quote
from alor_async.sandbox.core.history import Bar, Print, merge
from alor_async.sandbox.gateway import encode
from alor_async.sandbox.gateway.encode import Wire
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.sandbox.gateway.sockets.encode import INSTRUMENT_STATE, changed_keys
from alor_async.sandbox.gateway.sockets.topics import MarketTopic, Postman, Throttle

if TYPE_CHECKING:
    from alor_async.sandbox.core.market import InstrumentMarket
    from alor_async.values import Format

T = TypeVar("T")
_LAST_SECOND = 2**40


class _StateTopic(MarketTopic[T]):
    """A state of a market, whole, whenever it changed."""

    def __init__(
        self, postman: Postman, key: Hashable, format: Format, market: InstrumentMarket, interval_us: int
    ) -> None:
        super().__init__(postman, key, format, market)
        self._throttle = Throttle(postman, interval_us)
        self._shown: T | None = self.read()

    @abstractmethod
    def read(self) -> T:
        """The state as it stands."""

    def on_book(self) -> None:
        """Look at it."""
        self._postman.touch(self)

    def on_instrument(self) -> None:
        """Look at it: a new session has another price to compare with."""
        self._postman.touch(self)

    def settle(self) -> None:
        """Post it if it is another one."""
        if self._throttle.admits(self):
            state = self.read()
            if state != self._shown:
                self._shown = state
                self._throttle.spend()
                self.post(state)

    def joined(self) -> None:
        """What comes next is news to one of them, even if it is what was shown last."""
        if self.read() != self._shown:
            self._shown = None


class BookTopic(_StateTopic[BookSnapshot]):
    """The best levels of a book."""

    def __init__(
        self, postman: Postman, format: Format, market: InstrumentMarket, depth: int, interval_us: int
    ) -> None:
        self._depth = depth
        super().__init__(postman, ("book", market, format, depth, interval_us), format, market, interval_us)

    def read(self) -> BookSnapshot:
        """The book as it stands."""
        return self.market.snapshot(self._depth, self._postman.exchange.now_us)

    def write(self, entity: BookSnapshot, *, existing: bool) -> bytes:
        """A whole book."""
        return write_json(encode.book(entity, self.format, existing=existing))


class QuoteTopic(_StateTopic[Quote]):
    """A quote: it changes with every trade too."""

    def __init__(self, postman: Postman, format: Format, market: InstrumentMarket, interval_us: int) -> None:
        super().__init__(postman, ("quote", market, format, interval_us), format, market, interval_us)

    def read(self) -> Quote:
        """The quote as it stands."""
        return self.market.quote(self._postman.exchange.now_us)

    def on_trade(self, trade: Print) -> None:  # noqa: ARG002  (any will do)
        """Look at it."""
        self._postman.touch(self)

    def write(self, entity: Quote, *, existing: bool) -> bytes:
        """A whole quote; it has no mark."""
        return write_json(encode.QUOTE.one(entity, self.format, existing=existing))


class CandleTopic(MarketTopic[Candle]):
    """The candle that is forming, again and again, and its last state before the first of the next one."""

    def __init__(
        self, postman: Postman, format: Format, market: InstrumentMarket, frame: Frame, interval_us: int
    ) -> None:
        super().__init__(postman, ("candle", market, format, frame, interval_us), format, market)
        self._frame = frame
        self._throttle = Throttle(postman, interval_us)
        now = postman.exchange.now_us // SECOND
        bars = self.bars_since(frame.open_of(now))
        self._forming = bars[-1] if bars else None
        self._is_shown = True

    def bars_since(self, start: int) -> list[Bar]:
        """The candles that opened at `start` (unix seconds) or later, the forming one included."""
        now_us = self._postman.exchange.now_us
        return self.market.candles(now_us).between(self._frame, max(start, -_LAST_SECOND), now_us // SECOND)

    def entities(self, bars: Iterable[Bar]) -> Iterator[Candle]:
        """Candles of bars, one by one."""
        return map(self._entity, bars)

    def on_trade(self, trade: Print) -> None:
        """Form the candle; one that is complete is posted, if its last state was not."""
        time = self._frame.open_of(trade.time_us // SECOND)
        bar = Bar(time, trade.ticks, trade.ticks, trade.ticks, trade.ticks, trade.lots)
        forming = self._forming
        if forming is not None and forming.time == time:
            self._forming = merge(forming, bar)
        else:
            if forming is not None and not self._is_shown:
                self.post(self._entity(forming))
            self._forming = bar
        self._is_shown = False
        self._postman.touch(self)

    def settle(self) -> None:
        """Post the forming candle if it has changed."""
        if self._forming is not None and not self._is_shown and self._throttle.admits(self):
            self._is_shown = True
            self._throttle.spend()
            self.post(self._entity(self._forming))

    def write(self, entity: Candle, *, existing: bool) -> bytes:
        """A candle; it has no mark."""
        return write_json(encode.CANDLE.one(entity, self.format, existing=existing))

    def _entity(self, bar: Bar) -> Candle:
        price = self.market.terms.price
        return Candle(bar.time, price(bar.open), price(bar.high), price(bar.low), price(bar.close), bar.lots)


class TapeTopic(MarketTopic[MarketTrade]):
    """Every trade of a market."""

    def __init__(self, postman: Postman, format: Format, market: InstrumentMarket) -> None:
        super().__init__(postman, ("tape", market, format), format, market)

    def last_trades(self, count: int) -> list[MarketTrade]:
        """The last trades of the session, oldest first."""
        if not count:
            return []
        prints = self.market.session_prints(self._postman.exchange.now_us)
        return [self.market.entity(trade) for trade in prints[-count:]]

    def on_trade(self, trade: Print) -> None:
        """Post it."""
        self.post(self.market.entity(trade))

    def write(self, entity: MarketTrade, *, existing: bool) -> bytes:
        """A trade."""
        return write_json(encode.MARKET_TRADE.one(entity, self.format, existing=existing))


class InstrumentTopic(MarketTopic[Wire]):
    """The state of a security: whole at first, then what changed of it."""

    def __init__(self, postman: Postman, format: Format, market: InstrumentMarket) -> None:
        super().__init__(postman, ("instrument", market, format), format, market)
        self._shown = self.read()

    def read(self) -> Wire:
        """The whole state."""
        return INSTRUMENT_STATE.one(self.market.instrument(self._postman.exchange.now_us), self.format)

    def on_instrument(self) -> None:
        """Look at it."""
        self._postman.touch(self)

    def settle(self) -> None:
        """Post what is new."""
        state = self.read()
        changed = changed_keys(self._shown, state)
        if changed is not None:
            self._shown = state
            self.post(changed)

    def write(self, entity: Wire, *, existing: bool) -> bytes:  # noqa: ARG002  (it has no mark)
        """A state, or a part of one."""
        return write_json(entity)
