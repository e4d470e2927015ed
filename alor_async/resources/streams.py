"""`alor.streams`: what the broker tells by itself, as subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from alor_async._contract import subscriptions as specs
from alor_async._http.message import Record, StreamSpec
from alor_async._policy.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_format,
    check_not_empty,
    check_optional_choice,
    check_optional_count,
    check_time,
)
from alor_async._streams.board import Board
from alor_async._streams.channel import Channel
from alor_async._streams.delivery import Delivery
from alor_async._streams.inbox import Inbox, OnSlow, Queue
from alor_async._streams.subscription import Subscription
from alor_async.errors import InvalidArgument
from alor_async.models import OrderStatus
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike, Timeframe, TimeframeLike

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Literal, TypeAlias

    from alor_async._streams.hub import Hub
    from alor_async.models import (
        Candle,
        FuturesRisk,
        Instrument,
        MarketTrade,
        Order,
        OrderBook,
        PortfolioRisk,
        Position,
        Quote,
        StopOrder,
        Summary,
        Trade,
    )
    from alor_async.values import Format

    OnSlowLike: TypeAlias = OnSlow | Literal["conflate", "drop_oldest", "raise"]

__all__ = ["StreamsResource"]

T = TypeVar("T")

_SLOWEST_MS: Final = 86_400_000


class StreamsResource:
    """Subscriptions. Each method checks its arguments and sends nothing: that is for `async with`.

    All of them take:

    - `format`: the wire format, None for that of the client's `StreamSettings` (Slim). The models are the same.
    - `on_slow`: what becomes of messages when the consumer is too slow: `"conflate"` (the newest of each key stands for
      those before it; usual for state), `"drop_oldest"`, or `"raise"` (usual for events).
    - `inbox`: how many messages may wait, None for the client's setting.

    Those of the market take any number of instruments; which of them an item is about is told by `events()`. If the broker
    refuses one, it refuses the subscription.
    """

    __slots__ = ("_hub",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    # The market.

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
        once for each, as soon as a later one has begun. After an interruption it goes on with the last candle; what was
        known is not repeated.

        Args:
            instruments: At least one.
            timeframe: Length of a candle: `Timeframe`, seconds, timedelta, or `D`, `W`, `M`, `Y`.
            start: From when on; aware.
            skip_snapshot: Whether to leave out what was there before.
            split_adjust: Whether prices before a split are converted; None for the broker's default, True.
            frequency_ms: As in `order_book`.
            format: See the class.
            on_slow: See the class; a candle replaces an earlier state of itself. Complete ones wait, each for itself.
            inbox: See the class. Those since `start` come faster than they can be taken, so it should have room for all of
                them: past it even `"conflate"` ends in `SlowConsumer`, and what was dropped is for `get_candles`.

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
        by `Gap`; begin `market_data.iter_market_trades` at the last trade that came before `Disconnected`.

        Args:
            instruments: At least one.
            depth: How many trades of before come first, 0 to 5000 of each instrument; None for the broker's default.
                Together they should have room in `inbox`.
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

    # A portfolio.

    def positions(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Position]:
        """Follow the positions of a portfolio, money included: an item for each that changes.

        After an interruption all of them come again.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a position replaces an earlier state of itself.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws PositionsGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_POSITIONS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def summaries(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Summary]:
        """Follow the summary of a portfolio: value, buying power, commission.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a summary replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws SummariesGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_SUMMARIES, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def risks(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[PortfolioRisk]:
        """Follow the margin of a portfolio on the stock and currency markets.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a state replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws RisksGetAndSubscribe
        """
        return self._of_portfolio(specs.STREAMS_RISKS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def futures_risks(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[FuturesRisk]:
        """Follow the margin of a derivatives portfolio.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out what was there before.
            format: See the class.
            on_slow: See the class; a state replaces the one before.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws SpectraRisksGetAndSubscribe
        """
        return self._of_portfolio(specs.STREAMS_FUTURES_RISKS, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def trades(
        self,
        portfolio: PortfolioLike,
        *,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Trade]:
        """Follow the portfolio's own trades: each exactly once.

        Those of an interruption are looked up afterwards and follow, marked `Update.is_recovered`.

        Args:
            portfolio: A Portfolio or its id.
            skip_snapshot: Whether to leave out the trades of before. They are read by REST first, so that they are not
                taken for news later.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws TradesGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_TRADES, portfolio, skip_snapshot, None, format, on_slow, inbox)

    def orders(
        self,
        portfolio: PortfolioLike,
        *,
        statuses: Iterable[OrderStatus | str] | None = None,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[Order]:
        """Follow the orders of a portfolio: an item for each change, which never goes backwards.

        Changes of an interruption are looked up afterwards and follow, marked `Update.is_recovered`: the last state of
        each order, not the states between.

        Args:
            portfolio: A Portfolio or its id.
            statuses: Which orders the snapshot holds; None for all of the trading day. Later changes come whatever their
                status. The others are read by REST first, so that they are not taken for news later.
            skip_snapshot: Whether to leave out the orders of before. They are read by REST first, so that they are not
                taken for news later.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws OrdersGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_ORDERS, portfolio, skip_snapshot, statuses, format, on_slow, inbox)

    def stop_orders(
        self,
        portfolio: PortfolioLike,
        *,
        statuses: Iterable[OrderStatus | str] | None = None,
        skip_snapshot: bool = False,
        format: Format | None = None,
        on_slow: OnSlowLike | None = None,
        inbox: int | None = None,
    ) -> Subscription[StopOrder]:
        """Follow the conditional orders of a portfolio, as `orders` does those at the exchange.

        Args:
            portfolio: A Portfolio or its id.
            statuses: As in `orders`.
            skip_snapshot: As in `orders`.
            format: See the class.
            on_slow: See the class. After `SlowConsumer` what was dropped is looked up too.
            inbox: See the class.

        Raises:
            InvalidArgument: An argument is wrong.

        Contract: /ws StopOrdersGetAndSubscribeV2
        """
        return self._of_portfolio(specs.STREAMS_STOP_ORDERS, portfolio, skip_snapshot, statuses, format, on_slow, inbox)

    # What they have in common.

    def _of_market(
        self,
        spec: StreamSpec[T, Any],
        instruments: tuple[InstrumentLike, ...],
        values: Mapping[str, object],
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        check_not_empty("instruments", instruments)
        keys = list(dict.fromkeys(InstrumentId.of(instrument) for instrument in instruments))

        def channels(inbox: Inbox, format: Format) -> Iterable[Channel[T]]:
            for key in keys:
                named = {"symbol": key.symbol, "exchange": key.exchange, "board": key.board, **values}
                yield Channel(spec, named, format=format, inbox=inbox, instrument_id=key)

        return self._subscription(spec, channels, format, on_slow, inbox)

    def _of_portfolio(
        self,
        spec: StreamSpec[T, Any],
        portfolio: PortfolioLike,
        skip_snapshot: bool,
        statuses: Iterable[OrderStatus | str] | None,
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        owner = Portfolio.of(portfolio)
        values: dict[str, object] = {
            "portfolio": owner.id,
            "exchange": owner.read_exchange,
            "skip_snapshot": check_flag("skip_snapshot", skip_snapshot) or None,
        }
        if statuses is not None:
            values["statuses"] = _statuses(statuses)

        def channels(inbox: Inbox, format: Format) -> Iterable[Channel[T]]:
            yield Channel(spec, values, format=format, inbox=inbox, portfolio=owner)

        return self._subscription(spec, channels, format, on_slow, inbox)

    def _subscription(
        self,
        spec: StreamSpec[T, Any],
        channels: Callable[[Inbox, Format], Iterable[Channel[T]]],
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        settings, now = self._hub.settings, self._hub.clock.now
        policy = check_optional_choice("on_slow", on_slow, OnSlow)
        if policy is None:
            policy = OnSlow.CONFLATE if spec.record is Record.STATE else OnSlow.RAISE
        elif policy is OnSlow.CONFLATE and spec.record is Record.EVENT:
            raise InvalidArgument("on_slow", "events are not conflated: each counts")
        limit = settings.inbox if inbox is None else check_count("inbox", inbox, least=1)
        waiting: Inbox = (
            Board(limit, now)
            if policy is OnSlow.CONFLATE
            else Queue(limit, now, drops_oldest=policy is OnSlow.DROP_OLDEST)
        )
        chosen = check_format(format) or settings.format
        return Subscription(Delivery(self._hub, tuple(channels(waiting, chosen)), waiting))


def _frequency(value: int | None) -> int | None:
    return check_optional_count("frequency_ms", value, least=0, most=_SLOWEST_MS)


def _statuses(statuses: object) -> list[str]:
    if isinstance(statuses, str) or not isinstance(statuses, Iterable):
        raise InvalidArgument("statuses", f"expected several statuses, got {type(statuses).__name__}")
    given = cast("Iterable[object]", statuses)
    chosen = [check_choice("statuses", status, OrderStatus).value for status in given]
    check_not_empty("statuses", chosen)
    return chosen
