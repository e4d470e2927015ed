"""Candles that come late, twice or backwards, and odd books: each candle closes once, no book is mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from alor_async._streams.events import Disconnected, Reconnected, SnapshotEnd, Update
from alor_async.models import Candle, OrderBook
from alor_async.sandbox import Sandbox
from tests.faults.feed import Feed
from tests.faults.hub_support import Listener, client_of, listening, settings
from tests.faults.trading_desk import SBER
from tests.support.streamserver import StreamServer
from tests.support.waiting import until
from tests.support.world import new_sandbox

BOOK: Final = "streams.order_book"
CANDLES: Final = "streams.candles"


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


class TestCandles:
    BEGIN: Final = 1_789_374_300
    START: Final = datetime.fromisoformat("2026-09-14T08:00:00Z")

    def frame(self, minutes: int, close: int) -> dict[str, Any]:
        return {"t": self.BEGIN + 60 * minutes, "o": 200, "h": 300, "l": 100, "c": close}

    def told(self, feed: Feed) -> list[tuple[int, int, str]]:
        """What was told of which minute: changes, closings and revisions."""
        told: list[tuple[int, int, str]] = []
        for update in feed.updates:
            candle: Candle = update.item
            kind = "revised" if update.is_revision else "closed" if update.is_closed else "changed"
            told.append(((candle.timestamp - self.BEGIN) // 60, int(candle.close), kind))
        return told

    async def test_f153_late_repeated_skipped_and_backwards(self, server: StreamServer) -> None:
        frame = self.frame
        async with (
            server.client(settings()) as alor,
            alor.streams.candles(SBER, timeframe=60, start=self.START, on_slow="raise") as candles,
            listening(candles) as listener,
        ):
            feed = Feed(server, CANDLES, "SBER", listener)
            await feed.send(frame(0, 250), frame(0, 250), frame(0, 251))
            await feed.send(frame(1, 252), frame(3, 254))  # the second minute is skipped
            await feed.send(frame(0, 249), frame(0, 249))  # corrected, and said twice
            await feed.send(frame(2, 253), frame(1, 252))  # what was skipped, and what is known
            assert self.told(feed) == [
                (0, 250, "changed"),
                (0, 251, "changed"),
                (0, 251, "closed"),
                (1, 252, "changed"),
                (1, 252, "closed"),
                (3, 254, "changed"),
                (0, 249, "revised"),
                (2, 253, "closed"),
            ]
            assert candles.duplicates == 3

    async def test_f153_history_overlaps_with_what_is_known(self, server: StreamServer) -> None:
        frame = self.frame
        async with (
            server.client(settings()) as alor,
            alor.streams.candles(SBER, timeframe=60, start=self.START, on_slow="raise") as candles,
            listening(candles) as listener,
        ):
            feed = Feed(server, CANDLES, "SBER", listener)
            await feed.send(frame(0, 250), frame(1, 251), frame(2, 252))
            server.line.abort()
            await until(lambda: listener.of(Reconnected) or len(server.subscriptions) == 2)
            asked = server.subscriptions[-1].fields
            assert asked["from"] == self.BEGIN + 120
            known = len(feed.updates)
            # The whole history comes, whatever was asked for.
            await feed.send(frame(0, 250), frame(1, 251), frame(2, 253), frame(3, 254), frame(3, 255))
            assert self.told(feed)[known:] == [
                (2, 253, "changed"),
                (2, 253, "closed"),
                (3, 254, "changed"),
                (3, 255, "changed"),
            ]

    async def test_f153_each_closes_once_through_cuts_of_a_real_exchange(self) -> None:
        async with Sandbox(seed=3, time="stepped", market="calm") as sandbox, client_of(sandbox) as alor:
            start = sandbox.clock.now - timedelta(minutes=5)
            async with (
                alor.streams.candles(SBER, timeframe=60, start=start) as candles,
                listening(candles) as listener,
            ):
                for _ in range(4):
                    await sandbox.clock.advance(seconds=100)
                    sandbox.faults.ws.abort()
                    await sandbox.clock.advance(seconds=50)
                await until(lambda: candles.is_live)
                await sandbox.clock.advance(seconds=61)
                newest = sandbox.market["SBER"].candles("60", 1)[-1]
                await until(lambda: listener.items and listener.items[-1].timestamp == newest.timestamp)
                closings = [update.item for update in listener.of(Update) if update.is_closed]
                begun = {update.item.timestamp for update in listener.of(Update)}
                assert Counter(candle.timestamp for candle in closings) == dict.fromkeys(begun - {newest.timestamp}, 1)
                page = await alor.market_data.get_candles(SBER, 60, start=start, end=sandbox.clock.now)
                assert closings == [candle for candle in page.candles if candle.timestamp < newest.timestamp]

    async def test_f153_who_was_cut_off_before_the_first_one_gets_what_he_missed_and_none_of_before(self) -> None:
        """Nothing of before was wanted; what opens or changes after that is news, also if nobody was listening."""
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            market = sandbox.market["SBER"]

            async def trade_and_wait(seconds: int) -> None:
                market.trade(price=market.quote.last_price, lots=2)
                await sandbox.clock.advance(seconds=seconds)

            await trade_and_wait(60)
            market.trade(price=market.quote.last_price, lots=1)
            begun = sandbox.clock.now
            async with (
                alor.streams.candles(
                    SBER, timeframe=60, start=begun - timedelta(hours=1), skip_snapshot=True
                ) as candles,
                listening(candles) as listener,
            ):
                await until(lambda: listener.of(SnapshotEnd))
                with sandbox.faults.ws.refuse(503, times=None):
                    sandbox.faults.ws.abort()
                    await until(lambda: listener.of(Disconnected))
                    for _ in range(3):
                        await trade_and_wait(60)
                await until(lambda: len(listener.of(SnapshotEnd)) == 2)
                updates = listener.of(Update)
                truth = market.candles("60", 3)
                assert [update.item.timestamp for update in updates if update.is_closed] == [
                    candle.timestamp for candle in truth[:-1]
                ]
                assert updates[-1].item.volume == truth[-1].volume
                assert all(update.is_recovered for update in updates)


def sizes(listener: Listener) -> tuple[int, int] | None:
    """The lots that are wanted and offered best, in the newest book."""
    if not listener.items:
        return None
    book: OrderBook = listener.items[-1]
    return book.bids[0].lots, book.asks[0].lots


class TestBooks:
    @pytest.mark.parametrize(
        ("bids", "asks", "anomalies"),
        [
            ([(100, 1)], [(101, 1)], ()),
            ([(102, 1)], [(101, 1)], ("crossed",)),
            ([(101, 1)], [(101, 1)], ("locked",)),
            ([], [], ("empty",)),
            ([(100, 1)], [], ("one_sided",)),
            ([(99, 1), (100, 1)], [(101, 1)], ("unsorted",)),
            ([(100, 0)], [(101, -5)], ("not_positive",)),
            ([(99.999_999, 1)], [(100.000_001, 1)], ()),  # off its step, which a book does not tell
        ],
    )
    async def test_f154_an_odd_book_comes_as_it_is_and_is_marked(
        self, server: StreamServer, bids: list[Any], asks: list[Any], anomalies: tuple[str, ...]
    ) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.order_book(SBER, depth=1) as books,
            listening(books) as listener,
        ):
            feed = Feed(server, BOOK, "SBER", listener)
            await feed.send(
                {
                    "b": [{"p": price, "v": lots} for price, lots in bids],
                    "a": [{"p": price, "v": lots} for price, lots in asks],
                }
            )
            (update,) = feed.updates
            book = update.item
            assert [(level.price, level.lots) for level in book.bids] == [(Decimal(str(p)), v) for p, v in bids]
            assert [(level.price, level.lots) for level in book.asks] == [(Decimal(str(p)), v) for p, v in asks]
            assert update.anomalies == anomalies

    async def test_f155_of_a_burst_the_newest_comes_and_times_do_not_go_back(self) -> None:
        async with Sandbox(seed=5, time="stepped") as sandbox, client_of(sandbox) as alor:
            market = sandbox.market["SBER"]
            step = market.spec.price_step
            async with (
                alor.streams.order_book(SBER, frequency_ms=1_000, on_slow="raise") as books,
                listening(books) as listener,
            ):
                for burst in range(1, 6):
                    for size in range(1, 21):
                        market.set_book(
                            bids=[(market.spec.reference_price - step, size)],
                            asks=[(market.spec.reference_price + step, burst)],
                        )
                    await sandbox.clock.advance(seconds=2)
                    await until(lambda burst=burst: sizes(listener) == (20, burst))
                assert books.received <= 11, "one a second at most, where there were a hundred"
                times = [book.timestamp_ms for book in listener.items]
                assert times == sorted(times)
