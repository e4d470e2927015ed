"""What is odd about a book is named, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alor_async._streams.anomalies import find_anomalies
from alor_async.models import BookLevel, OrderBook
from tests.unit._streams.making import book

BIDS = [("99", 5), ("98", 1)]
ASKS = [("100", 5), ("101", 1)]


@pytest.mark.parametrize(
    ("bids", "asks", "anomalies"),
    [
        (BIDS, ASKS, ()),
        ([], [], ("empty",)),
        (BIDS, [], ("one_sided",)),
        ([], ASKS, ("one_sided",)),
        ([("100", 1)], ASKS, ("locked",)),
        ([("100.01", 1)], ASKS, ("crossed",)),
        (BIDS[::-1], ASKS, ("unsorted",)),
        (BIDS, ASKS[::-1], ("unsorted",)),
        ([("99", 5), ("99", 1)], ASKS, ("unsorted",)),
        (BIDS, [("100", 0)], ("not_positive",)),
        ([("99", -1)], ASKS, ("not_positive",)),
        ([("-2", 1), ("-3", 1)], [("-1", 1)], ()),  # the price of a calendar spread, or of oil on a bad day
        ([("101", 1), ("102", 0)], [("101", 1), ("99", 1)], ("locked", "unsorted", "not_positive")),
    ],
)
def test_f154_what_a_book_shows_by_itself_is_named(
    bids: list[tuple[str, int]], asks: list[tuple[str, int]], anomalies: tuple[str, ...]
) -> None:
    assert find_anomalies(book(bids, asks)) == anomalies


@given(
    prices=some.lists(some.decimals(1, 1000, places=2), min_size=2, unique=True).map(sorted),
    split=some.integers(1, 1000),
    lots=some.integers(1, 10**9),
)
def test_an_ordinary_book_is_not_odd(prices: list[Decimal], split: int, lots: int) -> None:
    middle = 1 + split % (len(prices) - 1)
    levels = [BookLevel(price=price, lots=lots) for price in prices]
    ordinary = OrderBook(bids=tuple(levels[:middle][::-1]), asks=tuple(levels[middle:]), timestamp_ms=0)
    assert find_anomalies(ordinary) == ()
