"""How a long range becomes many requests: pure bookkeeping, no I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from alor_async._policy.arguments import check_range
from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alor_async.models import Candle, CandlePage, Trade

__all__ = ["MOSCOW", "CandleWindows", "MoscowDays", "TradeWalk"]

MOSCOW: Final = timezone(timedelta(hours=3), "MSK")
"""The exchange's time zone; Moscow has had no daylight saving since 2014."""


class CandleWindows:
    """Walks over a range of candles, a window at a time, forward only, and drops what it has given already.

    Whether the broker counts the last second of a window in is not documented, so windows touch and the seam is
    cleaned here. A window always moves on, whatever the answer says: the walk cannot go in circles.
    """

    __slots__ = ("_end", "_last", "_span", "current")

    def __init__(self, start: int, end: int, span: int) -> None:
        check_range(start, end)
        self._end = end
        self._span = span
        self._last = start - 1
        self.current = self._window_from(start)

    def _window_from(self, start: int) -> tuple[int, int] | None:
        return (start, min(start + self._span, self._end)) if start < self._end else None

    def accept(self, page: CandlePage) -> list[Candle]:
        """Take the answer for the current window, move on, and return the candles that are new."""
        assert self.current is not None
        start, end = self.current
        fresh: list[Candle] = []
        for candle in sorted(page.candles, key=_open_time):
            if self._last < candle.timestamp < self._end:
                fresh.append(candle)
                self._last = candle.timestamp
        following = page.next_timestamp
        if following is None:
            # Nothing after this window, or a broker that does not say: only an empty window proves the end.
            following = end if page.candles else self._end
        elif following <= start:
            # Nonsense, which must not make the walk creep.
            following = end
        self.current = self._window_from(max(following, self._last + 1))
        return fresh


def _open_time(candle: Candle) -> int:
    return candle.timestamp


class MoscowDays:
    """Cuts a range of time into Moscow days, those before today and today."""

    __slots__ = ("_end", "_midnight", "_start")

    def __init__(self, start: datetime, end: datetime, *, now: datetime) -> None:
        self._start = start
        self._end = end
        self._midnight = _midnight(now)

    def earlier(self) -> Iterator[tuple[datetime, datetime, datetime]]:
        """Give the parts of the range before today's midnight, a day or less each, oldest first.

        With each part comes the last moment that a request for earlier days may name.
        """
        start = self._start
        last = min(self._end, self._midnight)
        while start < last:
            end = min(_midnight(start) + timedelta(days=1), last)
            yield start, end, self._midnight - timedelta(seconds=1)
            start = end

    def today(self) -> tuple[datetime, datetime] | None:
        """Give the part of the range that lies in today or later, or None."""
        start = max(self._start, self._midnight)
        return (start, self._end) if start < self._end else None


def _midnight(time: datetime) -> datetime:
    return time.astimezone(MOSCOW).replace(hour=0, minute=0, second=0, microsecond=0)


class TradeWalk:
    """Walks over own trades by their dates: each request begins at the second of the last trade of the one before.

    Trades are told apart by their ids, within that second only, so memory stays flat.
    """

    __slots__ = ("_page_size", "_seen", "done", "since")

    def __init__(self, since: datetime, page_size: int) -> None:
        self.since = since
        self.done = False
        self._page_size = page_size
        self._seen: set[tuple[str, str]] = set()

    def accept(self, page: list[Trade]) -> list[Trade]:
        """Take an answer, move on, and return the trades that are new.

        Raises:
            InvalidArgument: A whole page lies in the second that the page before ended with.
        """
        fresh = [trade for trade in page if _trade_key(trade) not in self._seen]
        if len(page) < self._page_size:
            self.done = True
            return fresh
        last = max((_second_of(trade) for trade in page), default=self.since)
        if last <= self.since and not fresh:
            raise InvalidArgument(
                "page_size", f"more than {self._page_size} trades in the second {last:%Y-%m-%dT%H:%M:%SZ}"
            )
        if last > self.since:
            self._seen.clear()
            self.since = last
        self._seen.update(
            _trade_key(trade) for trade in page if trade.traded_at is None or _second_of(trade) >= self.since
        )
        return fresh


def _second_of(trade: Trade) -> datetime:
    # Without a date a trade counts as older than all: the walk then stops with an error rather than in circles.
    time = trade.traded_at
    return datetime.min.replace(tzinfo=UTC) if time is None else time.astimezone(UTC).replace(microsecond=0)


def _trade_key(trade: Trade) -> tuple[str, str]:
    # Markets number their trades independently: the symbol tells them apart.
    return trade.trade_id, trade.symbol
