"""How the subscriptions differ in what is done with what comes: beside the contract's word, the library's own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from alor_async._contract import subscriptions as specs
from alor_async._http.message import StreamSpec
from alor_async._streams.filters import Filter, MarketTrades, Orders, OwnTrades, Positions, StopOrders

__all__ = ["Traits", "traits_of"]


class Traits(Struct, frozen=True, kw_only=True):
    """What is done with a stream.

    Attributes:
        priority: Who is subscribed first after a reconnection: the lower, the sooner.
        make_filter: Makes what tells news from what is known; None where everything is news.
        is_own: Whether it is about a portfolio, so that REST can tell what was missed.
        is_ledger: Whether each item is an event of its own, of which none may be missed or come twice.
        is_same: Whether a state tells what another one told, time of day and marks aside.
        exchange_time: Gives the exchange's time of an item in unix seconds, None where it carries none.
    """

    priority: int
    make_filter: Callable[[], Filter[Any]] | None = None
    is_own: bool = False
    is_ledger: bool = False
    is_same: Callable[[Any, Any], bool] = operator.eq
    exchange_time: Callable[[Any], float | None] = lambda _: None


def _same_levels(one: Any, other: Any) -> bool:
    return bool((one.bids, one.asks) == (other.bids, other.asks))


def _milliseconds(item: Any) -> float | None:
    return float(item.timestamp_ms) / 1000


def _book_seconds(quote: Any) -> float | None:
    stamps = (quote.last_price_timestamp, (quote.book_timestamp_ms or 0) / 1000)
    return max((float(stamp) for stamp in stamps if stamp), default=None)


def _updated(order: Any) -> float | None:
    when = order.updated_at or order.created_at
    return None if when is None else float(when.timestamp())


def _traded(trade: Any) -> float | None:
    return None if trade.traded_at is None else float(trade.traded_at.timestamp())


_TRAITS: Final[Mapping[StreamSpec[Any, Any], Traits]] = {
    specs.STREAMS_ORDERS: Traits(priority=0, make_filter=Orders, is_own=True, is_ledger=True, exchange_time=_updated),
    specs.STREAMS_TRADES: Traits(priority=1, make_filter=OwnTrades, is_own=True, is_ledger=True, exchange_time=_traded),
    specs.STREAMS_POSITIONS: Traits(priority=2, make_filter=Positions, is_own=True),
    specs.STREAMS_STOP_ORDERS: Traits(
        priority=3, make_filter=StopOrders, is_own=True, is_ledger=True, exchange_time=_updated
    ),
    specs.STREAMS_SUMMARIES: Traits(priority=4),
    specs.STREAMS_RISKS: Traits(priority=4),
    specs.STREAMS_FUTURES_RISKS: Traits(priority=4),
    specs.STREAMS_ORDER_BOOK: Traits(priority=5, is_same=_same_levels, exchange_time=_milliseconds),
    specs.STREAMS_QUOTES: Traits(priority=5, exchange_time=_book_seconds),
    specs.STREAMS_MARKET_TRADES: Traits(priority=5, make_filter=MarketTrades, exchange_time=_milliseconds),
    specs.STREAMS_CANDLES: Traits(priority=6),
    specs.STREAMS_INSTRUMENTS: Traits(priority=6),
}


def traits_of(spec: StreamSpec[Any, Any]) -> Traits:
    """What is done with a stream."""
    return _TRAITS[spec]
