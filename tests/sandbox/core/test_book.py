from __future__ import annotations

from itertools import repeat

from alor_async.sandbox.core.book import Book, BookOrder
from alor_async.sandbox.core.enums import Side


def resting(book: Book, number: int, side: Side, ticks: int, lots: int, peak: int = 0) -> BookOrder:
    order = BookOrder(number, side, ticks, lots, repeat(peak) if peak else None)
    book.add(order)
    return order


def taken(book: Book, side: Side, limit: int | None, lots: int) -> list[tuple[int, int]]:
    return [(take.maker.number, take.lots) for take in book.take(side, limit, lots)]


def test_an_empty_book_has_nothing() -> None:
    book = Book()
    assert book.best(Side.BUY) is None
    assert book.levels(Side.SELL) == []
    assert not book.crosses(Side.BUY, 10**9)
    assert book.available(Side.BUY, None, 5) == 0
    assert book.take(Side.SELL, None, 5) == []


def test_the_better_price_goes_first_then_the_earlier_order() -> None:
    book = Book()
    resting(book, 1, Side.SELL, 101, 5)
    resting(book, 2, Side.SELL, 100, 3)
    resting(book, 3, Side.SELL, 100, 4)
    resting(book, 4, Side.SELL, 102, 9)
    assert taken(book, Side.BUY, None, 13) == [(2, 3), (3, 4), (1, 5), (4, 1)]
    assert book.levels(Side.SELL) == [(102, 8)]


def test_bids_are_taken_from_the_highest() -> None:
    book = Book()
    for number, ticks in enumerate((98, 100, 99), start=1):
        resting(book, number, Side.BUY, ticks, 1)
    assert book.best(Side.BUY) == 100
    assert book.levels(Side.BUY, 2) == [(100, 1), (99, 1)]
    assert taken(book, Side.SELL, 99, 10) == [(2, 1), (3, 1)]
    assert book.best(Side.BUY) == 98


def test_the_limit_is_the_worst_price() -> None:
    book = Book()
    resting(book, 1, Side.SELL, 100, 1)
    resting(book, 2, Side.SELL, 101, 1)
    assert not book.crosses(Side.BUY, 99)
    assert book.crosses(Side.BUY, 100)
    assert book.available(Side.BUY, 100, 9) == 1
    assert taken(book, Side.BUY, 100, 9) == [(1, 1)]


def test_a_cancelled_order_loses_its_place_and_its_level() -> None:
    book = Book()
    first = resting(book, 1, Side.BUY, 100, 2)
    resting(book, 2, Side.BUY, 100, 3)
    book.remove(first)
    assert book.levels(Side.BUY) == [(100, 3)]
    assert book.visible_lots(Side.BUY) == 3
    assert taken(book, Side.SELL, None, 3) == [(2, 3)]
    assert book.levels(Side.BUY) == []


def test_an_iceberg_shows_a_part_and_queues_again_behind_the_others() -> None:
    book = Book()
    iceberg = resting(book, 1, Side.SELL, 100, 10, peak=4)
    resting(book, 2, Side.SELL, 100, 3)
    assert book.levels(Side.SELL) == [(100, 7)]
    assert book.available(Side.BUY, None, 99) == 13
    assert taken(book, Side.BUY, None, 5) == [(1, 4), (2, 1)]
    assert (iceberg.remaining, iceberg.visible) == (6, 4)
    assert taken(book, Side.BUY, None, 99) == [(2, 2), (1, 4), (1, 2)]
    assert book.visible_lots(Side.SELL) == 0


def test_counting_stops_at_what_is_wanted() -> None:
    book = Book()
    for number in range(1, 6):
        resting(book, number, Side.SELL, 100 + number, 10)
    assert book.available(Side.BUY, None, 15) == 15
    assert [order.number for order in book.orders(Side.SELL)] == [1, 2, 3, 4, 5]
