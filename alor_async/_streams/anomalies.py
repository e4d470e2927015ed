"""What is odd about an order book. It is said and never mended: only the market knows what would have been right."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alor_async.models import BookLevel, OrderBook

__all__ = ["find_anomalies"]


def find_anomalies(book: OrderBook) -> tuple[str, ...]:
    """Name what is odd about a book by itself; nothing in nearly every case.

    - `empty`: nobody wants to trade; between sessions that is so.
    - `one_sided`: only bids, or only offers.
    - `crossed`: the best bid is above the best offer; in an auction that is so.
    - `locked`: they are equal.
    - `unsorted`: the levels of a side do not come best first, or a price comes twice.
    - `not_positive`: a level holds nothing, or less. Prices may be negative: those of some futures are.
    """
    bids, asks = book.bids, book.asks
    found: list[str] = []
    if bids and asks:
        best_bid, best_ask = bids[0].price, asks[0].price
        if best_bid > best_ask:
            found.append("crossed")
        elif best_bid == best_ask:
            found.append("locked")
    else:
        found.append("one_sided" if bids or asks else "empty")
    if not (_is_falling(bids) and _is_rising(asks)):
        found.append("unsorted")
    if any(level.lots <= 0 for level in bids) or any(level.lots <= 0 for level in asks):
        found.append("not_positive")
    return tuple(found)


def _is_falling(levels: tuple[BookLevel, ...]) -> bool:
    return all(one.price > following.price for one, following in pairwise(levels))


def _is_rising(levels: tuple[BookLevel, ...]) -> bool:
    return all(one.price < following.price for one, following in pairwise(levels))
