"""What the broker tells of the market by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alor_async._contract import subscriptions as specs
from alor_async._policy.arguments import check_count, check_flag, check_optional_count, check_time
from alor_async.resources._subscribing import Subscribing
from alor_async.values import InstrumentLike, Timeframe, TimeframeLike

if TYPE_CHECKING:
    from datetime import datetime

    from alor_async._streams.subscription import Subscription
    from alor_async.models import Candle, Instrument, MarketTrade, OrderBook, Quote
    from alor_async.resources._subscribing import OnSlowLike
    from alor_async.values import Format

__all__ = ["MarketStreams"]

_SLOWEST_MS: Final = 86_400_000


class MarketStreams(Subscribing):
    """Subscriptions to instruments."""

    __slots__ = ()

    def order_book(
        self,
        *instruments: InstrumentLike,
        depth: int | None = None,
        frequency_ms: int | None = None,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[OrderBook]:
        """Follow order books: each item is a whole book, best prices first.

        Args:
            instruments: At least one; without a board, the primary board.
            depth: Levels a side, 1 to 50; None for the broker's default, 20.
            frequency_ms: The least interval between two books of an instrument; milliseconds. None for the broker's
                default, 175. Below 10 (Slim), 25 (Simple) or 500 (Heavy) it makes no difference. Of what happens within
                an interval the newest is sent.
            format: See the class.
            on_slow: See the class; a book replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws OrderBookGetAndSubscribe
        """
        depth = check_optional_count("depth", depth, least=1, most=50)
        values = {"depth": depth, "frequency_ms": _frequency(frequency_ms)}
        return self._of_market(specs.STREAMS_ORDER_BOOK, instruments, values, format, on_slow, inbox)

    def candles(
        self,
        *instruments: InstrumentLike,
        timeframe: TimeframeLike,
        start: datetime,
        skip_snapshot: bool = False,
        split_adjust: bool | None = None,
        frequency_ms: int | None = None,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Candle]:
        """Follow candles: those since `start`, then the present one as it changes.

        An item comes for each change. `events()` tells in addition when a candle is complete: `Update.is_closed`, exactly
        once for each, as soon as a later one has begun. After an interruption it goes on with the last candle: those that
        were missed follow, marked `Update.is_recovered`; what was known is not repeated.

        Args:
            instruments: At least one.
            timeframe: Length of a candle: `Timeframe`, seconds, timedelta, or `D`, `W`, `M`, `Y`.
            start: From when on; aware.
            skip_snapshot: Whether to leave out what was there before. The exchange's time is read by REST first, to know after
                an interruption which candles are news.
            split_adjust: Whether prices before a split are converted; None for the broker's default, True.
            frequency_ms: As in `order_book`.
            format: See the class.
            on_slow: See the class; a candle replaces an earlier state of itself. Complete ones wait, each for itself, and past
                `inbox` of them even `"conflate"` ends in `SlowConsumer`. Then those that were dropped are asked for again
                and follow, marked `Update.is_recovered`.
            inbox: See the class. Those since `start` do not count, however many they are.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws BarsGetAndSubscribe
        """
        values = {
            "timeframe": Timeframe.of(timeframe).wire,
            "from_timestamp": check_count("start", check_time("start", start), least=0),
            "skip_snapshot": check_flag("skip_snapshot", skip_snapshot),
            "split_adjust": None if split_adjust is None else check_flag("split_adjust", split_adjust),
            "frequency_ms": _frequency(frequency_ms),
        }
        return self._of_market(specs.STREAMS_CANDLES, instruments, values, format, on_slow, inbox)

    def quotes(
        self,
        *instruments: InstrumentLike,
        frequency_ms: int | None = None,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Quote]:
        """Follow quotes: last price, best bid and ask, the day's range and volume.

        Args:
            instruments: At least one.
            frequency_ms: As in `order_book`.
            format: See the class.
            on_slow: See the class; a quote replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws QuotesSubscribe
        """
        values = {"frequency_ms": _frequency(frequency_ms)}
        return self._of_market(specs.STREAMS_QUOTES, instruments, values, format, on_slow, inbox)

    def instruments(
        self,
        *instruments: InstrumentLike,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Instrument]:
        """Follow what changes about instruments: phase of trading, price limits, margins.

        The broker sends what changed; each item here is the whole instrument.

        Args:
            instruments: At least one.
            format: See the class.
            on_slow: See the class; a state replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws InstrumentsGetAndSubscribeV2
        """
        return self._of_market(specs.STREAMS_INSTRUMENTS, instruments, {}, format, on_slow, inbox)

    def market_trades(
        self,
        *instruments: InstrumentLike,
        depth: int | None = None,
        include_virtual: bool | None = None,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[MarketTrade]:
        """Follow all trades in instruments, whoever made them, each once and in order.

        Those of an interruption are lost to the stream, apart from what `depth` brings again. `events()` announces it
        by a `Gap` of each instrument; begin `market_data.iter_market_trades` at the last trade that came before it.

        Args:
            instruments: At least one.
            depth: How many trades of before come first, 0 to 5000 of each instrument; None for the broker's default.
                They do not count against `inbox`.
            include_virtual: Whether to include trades that the broker marks as virtual; None for its default.
            format: See the class.
            on_slow: See the class.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws AllTradesGetAndSubscribe
        """
        values = {
            "depth": check_optional_count("depth", depth, least=0, most=5000),
            "include_virtual": None if include_virtual is None else check_flag("include_virtual", include_virtual),
        }
        return self._of_market(specs.STREAMS_MARKET_TRADES, instruments, values, format, on_slow, inbox)


def _frequency(value: int | None) -> int | None:
    return check_optional_count("frequency_ms", value, least=0, most=_SLOWEST_MS)
