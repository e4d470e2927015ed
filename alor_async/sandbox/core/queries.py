"""Reads of candles and trades that need more than a look: ranges, filters, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from alor_async.sandbox.core.candles import Frame, last_kept_day
from alor_async.sandbox.core.clock import DAY, MOSCOW_OFFSET, SECOND, moscow_midnight
from alor_async.sandbox.core.entities import Candle, CandlePage, MarketTrade, MarketTradePage, OwnTrade
from alor_async.sandbox.core.enums import Side
from alor_async.sandbox.core.errors import InvalidQuery
from alor_async.sandbox.core.history import Bar, Print
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.terms import Terms

MAX_TRADES_A_PAGE = 50_000
LAST_SECOND = 2**40

_Bound: TypeAlias = int | Decimal | None


class BarPage(NamedTuple):
    """Candles of a range as the engine counts them, and the open times of the neighbours outside it.

    The candles can be read once: very many are not held in memory. What trades while they are read is not among them.
    """

    terms: Terms
    bars: Iterable[Bar]
    prev: int | None
    next: int | None


MOST_BACK = 100_000
"""So many candles before the range does `countBack` fetch at most."""


def bar_page(
    market: InstrumentMarket, timeframe: str, start: int, end: int, count_back: int | None, until_us: int
) -> BarPage:
    """The candles that open in `[start, end]`, and the neighbours outside.

    Raises:
        InvalidQuery: The time frame or the range makes no sense.
    """
    try:
        frame = Frame.parse(timeframe)
    except ValueError as error:
        raise InvalidQuery(str(error)) from None
    if start > end:
        raise InvalidQuery("From must not be later than To")
    start, end = max(start, -LAST_SECOND), min(end, LAST_SECOND)
    candles = market.candles(until_us)
    bars: Iterable[Bar] = candles.walk(frame, start, end)
    if count_back is not None:
        count_back = min(count_back, MOST_BACK)
        found = list(islice(bars, count_back))
        if len(found) < count_back:
            bars = found = candles.before(frame, end + 1, count_back)
        else:
            bars = chain(found, bars)
        if found:
            start = min(start, found[0].time)
    before, after = candles.before(frame, start), candles.after(frame, end)
    return BarPage(market.terms, bars, before[-1].time if before else None, after.time if after is not None else None)


def candle_page(page: BarPage) -> CandlePage:
    """A page of candles as the outside sees them."""
    price = page.terms.price
    candles = (
        Candle(time, price(opened), price(high), price(low), price(closed), lots)
        for time, opened, high, low, closed, lots in page.bars
    )
    return CandlePage(tuple(candles), page.prev, page.next)


def trade_history(
    market: InstrumentMarket, start: int | None, end: int | None, limit: int, offset: int, now_us: int
) -> MarketTradePage:
    """Market trades of earlier days, both bounds included, and how many there are in the range.

    Raises:
        InvalidQuery: A bound is not before today, or `limit` is out of its range.
    """
    midnight = moscow_midnight(now_us)
    bounds = [bound for bound in (start, end) if bound is not None]
    if any(bound * SECOND >= midnight for bound in bounds):
        raise InvalidQuery("From and To must be less than today")
    if not 1 <= limit <= MAX_TRADES_A_PAGE or offset < 0:
        raise InvalidQuery(f"Limit must be in 1..{MAX_TRADES_A_PAGE} and offset not negative")
    kept_us = (last_kept_day(now_us) + 1) * DAY - MOSCOW_OFFSET
    start_us = kept_us if start is None else max(kept_us, start * SECOND)
    end_us = midnight if end is None else (end + 1) * SECOND
    chosen: list[MarketTrade] = []
    total = 0
    for day in range(start_us // DAY, (end_us - 1) // DAY + 1):
        count = market.whole_day_count(day) if start_us <= day * DAY and (day + 1) * DAY <= end_us else None
        if count is None or (total + count > offset and total < offset + limit):
            found = market.prints_between(day, start_us, end_us)
            low, high = max(0, offset - total), max(0, offset + limit - total)
            chosen += map(market.entity, found[low:high])
            count = len(found)
        total += count
    return MarketTradePage(tuple(chosen), total)


def session_trades(
    market: InstrumentMarket,
    now_us: int,
    *,
    start: int | None,
    end: int | None,
    from_id: int | None,
    to_id: int | None,
    lots_from: int | None,
    lots_to: int | None,
    price_from: Decimal | None,
    price_to: Decimal | None,
    side: Side | None,
    descending: bool,
    offset: int,
    limit: int | None,
) -> tuple[MarketTrade, ...]:
    """The market trades of the current session that pass the filters; every bound is included."""
    price = market.terms.price
    sign = None if side is None else side.sign
    bounds: list[tuple[_Bound, _Bound, Callable[[Print], int | Decimal]]] = [
        (start, end, lambda trade: trade.time_us // SECOND),
        (from_id, to_id, lambda trade: trade.trade_id),
        (lots_from, lots_to, lambda trade: trade.lots),
        (price_from, price_to, lambda trade: price(trade.ticks)),
        (sign, sign, lambda trade: trade.sign),
    ]
    tests = [_within(low, high, read) for low, high, read in bounds if low is not None or high is not None]
    session = market.walk_session(now_us, newest_first=descending)
    found = (trade for trade in session if all(test(trade) for test in tests)) if tests else session
    return tuple(map(market.entity, islice(found, offset, None if limit is None else offset + limit)))


def _within(low: _Bound, high: _Bound, read: Callable[[Print], int | Decimal]) -> Callable[[Print], bool]:
    """Whether a number of a trade lies between two bounds, one of which may be absent."""
    return lambda trade: (low is None or read(trade) >= low) and (high is None or read(trade) <= high)


def own_trades(
    trades: Iterable[OwnTrade],
    *,
    symbol: str | None = None,
    board: str | None = None,
    side: Side | None = None,
    isin_of: Callable[[str], str | None] | None = None,
) -> list[OwnTrade]:
    """Own trades of one instrument (by symbol, exchange ticker or ISIN), board and side."""
    wanted = None if symbol is None else symbol.upper()

    def matches(trade: OwnTrade) -> bool:
        names = {trade.symbol.upper(), trade.short_name.upper()}
        if isin_of is not None:
            names.add(isin_of(trade.symbol) or "")
        return wanted is None or wanted in names

    return [
        trade
        for trade in trades
        if matches(trade) and (board is None or trade.board == board.upper()) and (side is None or trade.side is side)
    ]


def order_history(
    trades: list[OwnTrade],
    *,
    from_time: datetime | None,
    from_id: int | None,
    descending: bool,
    order_by_trade_date: bool,
    limit: int | None,
) -> tuple[OwnTrade, ...]:
    """Order and cut a history of own trades: from a moment, from a trade number on, at most so many."""
    chosen = [trade for trade in trades if from_time is None or trade.traded_at >= from_time]
    if order_by_trade_date:
        chosen.sort(key=lambda trade: (trade.traded_at, int(trade.trade_id)), reverse=descending)
    else:
        chosen.sort(key=lambda trade: int(trade.trade_id), reverse=descending)
    if from_id is not None:
        chosen = [trade for trade in chosen if (int(trade.trade_id) - from_id) * (-1 if descending else 1) >= 0]
    return tuple(chosen[:limit])
