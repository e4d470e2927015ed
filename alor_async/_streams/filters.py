"""What is new, what was told before, and what comes too late: one filter a subscription, asked in the order of arrival.

A broker repeats itself: a snapshot comes again after each interruption, what is looked up afterwards overlaps with it, and
messages may overtake each other. Every filter remembers what it let through, and only so much that weeks do not fill it.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from msgspec.structs import replace

from alor_async.models import MarketTrade, Order, OrderStatus, Position, StopOrder, Trade

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = [
    "Filter",
    "MarketTrades",
    "Orders",
    "OwnTrades",
    "Positions",
    "Recent",
    "StopOrders",
    "Verdict",
]

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
K = TypeVar("K")
V = TypeVar("V")
AnyOrder = TypeVar("AnyOrder", Order, StopOrder)

_OWN_TRADES: Final = 100_000
_MARKET_TRADES: Final = 6_000
"""The deepest snapshot holds 5 000: so many are remembered even when a tenth was just forgotten."""
_ORDERS: Final = 50_000
_FINAL: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})
_DAY: Final = 86_400
_MOSCOW_AHEAD: Final = 3 * 3_600
_UNKNOWN_SYMBOL: Final = "[N/A]"


class Verdict(enum.Enum):
    """What a filter makes of an item."""

    NEW = "new"
    """To be delivered."""
    DUPLICATE = "duplicate"
    """Told before."""
    STALE = "stale"
    """Something later was told before."""


class Filter(Protocol[T_contra]):
    """Tells what is new on one subscription.

    Attributes:
        duplicates: How many items had been told before.
        stale: How many came after something later.
    """

    duplicates: int
    stale: int

    def admit(self, item: T_contra) -> Verdict:
        """Judge an item that came on the stream, and remember it."""
        ...

    def admit_recovered(self, item: T_contra) -> Verdict:
        """Judge an item that was looked up by REST, so that its place among the messages is not known."""
        ...

    def renew(self) -> None:
        """Take note that the subscription begins anew: what comes next may be a snapshot."""
        ...

    def recheck(self) -> None:
        """Take note that a snapshot comes, though nothing is known to be missing: in it, what was told is no news."""
        ...


class Recent(dict[K, V]):
    """A dict that forgets: when it is full, the tenth of it that was put in first goes.

    Args:
        limit: How many keys it holds at most.
    """

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: K, value: V) -> tuple[K, ...]:
        """Remember a value as the newest, and return the keys that had to go for it."""
        forgotten: tuple[K, ...] = ()
        if self.pop(key, None) is None and len(self) >= self._limit:
            forgotten = tuple(islice(self, max(self._limit // 10, 1)))
            for old in forgotten:
                del self[old]
        self[key] = value
        return forgotten


class _Judge(ABC, Generic[T]):
    """What all filters share: they count."""

    __slots__ = ("duplicates", "stale")

    def __init__(self) -> None:
        self.duplicates = 0
        self.stale = 0

    @abstractmethod
    def admit(self, item: T) -> Verdict:
        """Judge an item that came on the stream, and remember it."""

    def admit_recovered(self, item: T) -> Verdict:
        """Let through what `admit` lets through: whatever carries a number or a time has its place by itself."""
        return self.admit(item)

    def renew(self) -> None:
        """What is remembered holds beyond the renewal."""

    def recheck(self) -> None:
        """What was told is told once anyway."""

    def _duplicate(self) -> Verdict:
        self.duplicates += 1
        return Verdict.DUPLICATE

    def _late(self) -> Verdict:
        self.stale += 1
        return Verdict.STALE


class OwnTrades(_Judge[Trade]):
    """Own trades, each once, over any number of interruptions.

    A trade is known by its number, exchange and side: one who trades with himself is on both sides. The markets of one
    exchange number their trades independently, so two symbols are two trades, unless the broker did not know one of them.
    """

    __slots__ = ("_symbols",)

    def __init__(self) -> None:
        super().__init__()
        self._symbols: Recent[str, str] = Recent(_OWN_TRADES)

    def admit(self, item: Trade) -> Verdict:
        """Let each trade through once."""
        key = f"{item.trade_id} {item.exchange} {item.side}"
        symbol = self._symbols.get(key)
        if symbol is not None and symbol != item.symbol and _UNKNOWN_SYMBOL not in (symbol, item.symbol):
            key = f"{key} {item.symbol}"
            symbol = self._symbols.get(key)
        if symbol is not None:
            return self._duplicate()
        self._symbols.put(key, item.symbol)
        return Verdict.NEW


class MarketTrades(_Judge[MarketTrade]):
    """Trades of an instrument, each once. Two that share a number but nothing else are two trades."""

    __slots__ = ("_trades",)

    def __init__(self) -> None:
        super().__init__()
        self._trades: Recent[int, MarketTrade] = Recent(_MARKET_TRADES)

    def admit(self, item: MarketTrade) -> Verdict:
        """Let each trade through once."""
        known = self._trades.get(item.trade_id)
        if known is not None and _same_trade(known, item):
            return self._duplicate()
        self._trades.put(item.trade_id, item)
        return Verdict.NEW


def _same_trade(one: MarketTrade, other: MarketTrade) -> bool:
    return (
        one.timestamp_ms == other.timestamp_ms
        and one.price == other.price
        and one.lots == other.lots
        and one.side == other.side
    )


class _Monotone(_Judge[AnyOrder]):
    """Orders that only move forward.

    At the exchange an order ends once, and what is executed is never taken back. So the end comes after what is alive, more
    executed after less, and only between equals the time of the update decides. Without a time nothing is proven, and what
    differs is let through: a change must not get lost. Whether an order is alive is a question with two answers: a status
    that this version does not know counts as alive.

    Orders that ended are forgotten when the second trading day after theirs begins; of all others, those that changed last
    are remembered.
    """

    __slots__ = ("_day", "_known")

    def __init__(self) -> None:
        super().__init__()
        self._known: Recent[str, tuple[AnyOrder, datetime | None]] = Recent(_ORDERS)
        """What was told last of each order, and the latest time that was told of it."""
        self._day = 0

    def admit(self, item: AnyOrder) -> Verdict:
        """Let it through if it is not what was told, nor what was before that."""
        key = f"{item.order_id} {item.exchange} {item.symbol}"
        latest = item.updated_at
        remembered = self._known.get(key)
        if remembered is not None:
            known, before = remembered
            if _same_order(known, item):
                return self._duplicate()
            if self._is_behind(item, known, before):
                if not _is_of_a_later_day(item, known):
                    return self._late()
            elif before is not None:
                latest = before if latest is None else max(before, latest)
        day = _trading_day(latest or item.created_at)
        if day > self._day:
            self._begin(day)
        self._known.put(key, (item, latest))
        return Verdict.NEW

    def _is_behind(self, item: AnyOrder, known: AnyOrder, latest: datetime | None) -> bool:
        """Whether an order was so before it became what is known, of which the latest time is known too."""
        has_ended = item.status in _FINAL
        if has_ended is not (known.status in _FINAL):
            return not has_ended or _filled_less(item, known)
        if item.filled_lots is not None and known.filled_lots is not None and item.filled_lots != known.filled_lots:
            return item.filled_lots < known.filled_lots
        return item.updated_at is not None and latest is not None and item.updated_at < latest

    def _begin(self, day: int) -> None:
        self._day = day
        past = [
            key
            for key, (order, latest) in self._known.items()
            if order.status in _FINAL and _trading_day(latest or order.created_at) < day - 1
        ]
        for key in past:
            del self._known[key]


def _same_order(known: AnyOrder, item: AnyOrder) -> bool:
    if item.is_snapshot is known.is_snapshot:
        return item == known
    return item.status == known.status and replace(item, is_snapshot=known.is_snapshot) == known


def _filled_less(item: Order | StopOrder, known: Order | StopOrder) -> bool:
    return item.filled_lots is not None and known.filled_lots is not None and item.filled_lots < known.filled_lots


def _is_of_a_later_day(item: Order | StopOrder, known: Order | StopOrder) -> bool:
    """Whether it is another order, which got the number of one that was placed on a day before."""
    return known.created_at is not None and _trading_day(item.created_at) > _trading_day(known.created_at)


def _trading_day(time: datetime | None) -> int:
    """Number the days of Moscow; an unknown one is before all."""
    return 0 if time is None else int(time.timestamp() + _MOSCOW_AHEAD) // _DAY


class Orders(_Monotone[Order]):
    """Exchange orders, which only move forward."""

    __slots__ = ()


class StopOrders(_Monotone[StopOrder]):
    """Conditional orders, which only move forward. One that fired goes on to show the fills of the order that it sent."""

    __slots__ = ()

    def _is_behind(self, item: StopOrder, known: StopOrder, latest: datetime | None) -> bool:
        if super()._is_behind(item, known, latest):
            return True
        has_unfired = item.exchange_order_id is None and known.exchange_order_id is not None
        return has_unfired and item.status == known.status and item.updated_at in (None, latest)


# Whether it was there before, and what not every format has and units say as well.
_NO_CONTENT: Final = {"is_snapshot", "lots", "lots_t0", "lots_t1", "lots_t2", "lots_future", "open_lots"}
_content: Final[Callable[[Position], tuple[Any, ...]]] = attrgetter(
    *(name for name in Position.__struct_fields__ if name not in _NO_CONTENT)
)


class Positions(_Judge[Position]):
    """Positions: each state once, and after a renewal all of them again.

    They carry no time. But what belongs to a snapshot was there before anything that the renewed subscription told as
    news, and what was looked up by REST may be older than anything on the subscription: neither takes a newer state back.
    """

    __slots__ = ("_told",)

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], _ToldPosition] = {}

    def admit(self, item: Position) -> Verdict:
        """Let it through if it is another state than the one told, and not an older one."""
        told, content = self._told.get((item.symbol, item.exchange)), _content(item)
        if told is not None and told.is_current:
            if told.content == content:
                told.is_live = told.is_live or not item.is_snapshot
                return self._duplicate()
            if told.is_live and item.is_snapshot:
                return self._late()
        return self._tell(item, content, told, is_live=not item.is_snapshot)

    def admit_recovered(self, item: Position) -> Verdict:
        """Let it through if the subscription has told nothing about it since the renewal, and another state before."""
        told, content = self._told.get((item.symbol, item.exchange)), _content(item)
        if told is not None:
            if told.content == content:
                return self._duplicate()
            if told.is_current:
                return self._late()
        return self._tell(item, content, told, is_live=False)

    def _tell(self, item: Position, content: tuple[Any, ...], told: _ToldPosition | None, *, is_live: bool) -> Verdict:
        if told is None:
            told = self._told[item.symbol, item.exchange] = _ToldPosition()
        told.content = content
        told.is_current = True
        told.is_live = is_live
        return Verdict.NEW

    def renew(self) -> None:
        """Expect all of them again."""
        for told in self._told.values():
            told.is_current = False
            told.is_live = False

    def recheck(self) -> None:
        """Expect those of them again that differ from what was told."""
        for told in self._told.values():
            told.is_live = False


class _ToldPosition:
    """The state of a position that was told last.

    Attributes:
        content: The state.
        is_current: Whether it was told since the subscription began anew.
        is_live: Whether it was told as news since then, and not as what was there before.
    """

    __slots__ = ("content", "is_current", "is_live")

    content: tuple[Any, ...]
    is_current: bool
    is_live: bool
