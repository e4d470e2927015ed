"""Messages in the wrong order, twice, late, odd, contradictory: what is told stays in order and true to what was sent."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import pytest

from alor_async._streams.events import Gap, Reconnected, SnapshotEnd, Update
from alor_async.models import Candle, OrderStatus, Side
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import Listener, client_of, listening, settings
from tests.faults.trading_desk import SBER, WITHIN, Trader, check_desk, check_orders, desk_of, fills_of, trading_day
from tests.support.streamserver import Line, StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS

ORDERS: Final = "streams.orders"
TRADES: Final = "streams.trades"
POSITIONS: Final = "streams.positions"
BOOK: Final = "streams.order_book"
CANDLES: Final = "streams.candles"
FILLED: Final = OrderStatus.FILLED
WORKING: Final = OrderStatus.WORKING


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


class Feed:
    """The one subscription of a scripted server, and who listens to it."""

    def __init__(self, server: StreamServer, stream: str, subject: str, listener: Listener) -> None:
        self.server = server
        self.listener = listener
        self._stream = stream
        self._subject = subject
        self._sent = 0

    @property
    def line(self) -> Line:
        return self.server.line

    @property
    def updates(self) -> list[Update[Any]]:
        return self.listener.of(Update)

    async def send(self, *frames: dict[str, Any]) -> None:
        """Send frames that differ so from a recorded one, and wait until the consumer is done with them."""
        guid = self.line.guid_of(self._subject)
        subscription = self.listener.subscription
        for changes in frames:
            self.line.send(self._stream, guid, **changes)
        self._sent += len(frames)
        await until(lambda: subscription.received == self._sent and not subscription.pending)


def states(listener: Listener) -> list[tuple[OrderStatus, int]]:
    return [(order.status, order.filled_lots) for order in listener.items]


def minute(second: float) -> str:
    return f"2026-09-14T08:14:{second:09.6f}Z"


class TestOrderOfMessages:
    async def test_f139_a_live_state_before_the_snapshot_of_it(self, server: StreamServer) -> None:
        live = {"id": "1", "st": "filled", "fqb": 50, "ut": minute(5), "h": False}
        before = {"id": "1", "st": "working", "fqb": 12, "ut": minute(4), "h": True}
        other = {"id": "2", "st": "working", "fqb": 0, "ut": minute(1), "h": True}
        async with (
            server.client(settings()) as alor,
            alor.streams.orders(STOCKS) as orders,
            listening(orders) as listener,
        ):
            feed = Feed(server, ORDERS, STOCKS, listener)
            await feed.send(live, before, other, live | {"h": True})
            told = [(update.item.order_id, update.item.filled_lots, update.is_snapshot) for update in feed.updates]
            assert told == [("1", 50, False), ("2", 0, True)]
            assert (orders.stale, orders.duplicates) == (1, 1)

    @pytest.mark.parametrize("is_late", [False, True])
    async def test_f139_a_live_position_before_the_snapshot_of_it(self, server: StreamServer, is_late: bool) -> None:
        """Also for who looks late, when both of them wait: the older one does not take the place of the newer."""
        live, before = {"sym": "GAZP", "q": 20, "h": False}, {"sym": "GAZP", "q": 10, "h": True}
        async with server.client(settings()) as alor, alor.streams.positions(STOCKS) as positions:
            guid = server.line.guid_of(STOCKS)
            server.line.send(POSITIONS, guid, **live)
            if not is_late:
                assert (await anext(positions)).units == 20
            server.line.send(POSITIONS, guid, **before)
            server.line.send(POSITIONS, guid, **before | {"sym": "LKOH"})
            await until(lambda: positions.received == 3)
            shown = [await anext(positions) for _ in range(1 + is_late)]
            assert [(position.symbol, position.units) for position in shown][-2:] == (
                [("GAZP", 20), ("LKOH", 10)] if is_late else [("LKOH", 10)]
            )
            assert positions.stale == 1

    async def test_f139_trading_while_subscribing(self) -> None:
        """Whoever subscribes in the middle of it all misses nothing and gets nothing twice."""
        async with trading_day() as (sandbox, alor):
            trader = Trader(sandbox, alor, 1)
            try:
                for _ in range(5):
                    async with desk_of(alor) as desk:
                        await trader.more(2)
                        await until(lambda: desk.counts().keys() >= set(fills_of(sandbox)[:-5]), within=WITHIN)
            finally:
                await trader.stop()
            async with desk_of(alor) as desk:
                await check_desk(sandbox, alor, desk)

    @pytest.mark.parametrize("seed", range(5))
    async def test_f140_orders_and_trades_overtake_each_other(self, seed: int) -> None:
        async with trading_day(seed) as (sandbox, alor):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=50)
            async with desk_of(alor) as desk:
                with sandbox.faults.ws.reorder(random.Random(seed).randint(2, 9)):
                    trader = Trader(sandbox, alor, seed)
                    try:
                        await trader.more(10)
                    finally:
                        await trader.stop()
                await until(lambda: desk.counts().keys() >= set(fills_of(sandbox)), within=WITHIN)
                orders = desk.order_states()
                for order in await alor.account.list_orders(STOCKS):
                    known = orders[order.order_id]
                    assert (known.status, known.filled_lots) == (order.status, order.filled_lots)
                check_orders(desk.orders.items)
                assert desk.counts() == dict.fromkeys(fills_of(sandbox), 1)
                assert not any(desk.count(Gap))

    async def test_f140_filled_before_working_and_cancelled_after_filled(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.orders(STOCKS) as orders,
            listening(orders) as listener,
        ):
            await Feed(server, ORDERS, STOCKS, listener).send(
                {"st": "filled", "qb": 50, "fqb": 50, "ut": minute(5), "h": False},
                {"st": "working", "qb": 50, "fqb": 0, "ut": minute(3), "h": False},
                {"st": "working", "qb": 50, "fqb": 30, "ut": minute(4), "h": False},
                {"st": "canceled", "qb": 50, "fqb": 30, "ut": minute(5), "h": False},
            )
            assert states(listener) == [(FILLED, 50)]
            assert orders.stale == 3

    async def test_f141_everything_comes_three_times(self) -> None:
        async with trading_day() as (sandbox, alor):
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=50)
            with sandbox.faults.ws.dup(3, times=None):
                async with (
                    desk_of(alor) as desk,
                    alor.streams.market_trades(SBER, depth=20) as tape,
                    listening(tape) as hearing,
                ):
                    trader = Trader(sandbox, alor, 2)
                    try:
                        await trader.more(10)
                    finally:
                        await trader.stop()
                    await check_desk(sandbox, alor, desk)
                    await until(lambda: len(tape_of(hearing)) >= 20)
                    assert set(tape_of(hearing).values()) == {1}
                    for listener in (desk.orders, desk.trades, desk.positions, hearing):
                        items = listener.items
                        assert listener.subscription.duplicates >= len(items)
                        assert all(one != other for one, other in pairwise(items))

    async def test_f142_an_older_state_after_a_newer_one(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.orders(STOCKS) as orders,
            listening(orders) as listener,
        ):
            await Feed(server, ORDERS, STOCKS, listener).send(
                {"fqb": 12, "px": 127.84, "ut": minute(2), "h": False},
                {"fqb": 12, "px": 127.85, "ut": minute(4), "h": False},
                {"fqb": 12, "px": 127.84, "ut": minute(2), "h": False},
                {"fqb": 12, "px": 127.83, "ut": minute(3), "h": False},
                {"fqb": 12, "px": 127.86, "ut": minute(4), "h": False},
            )
            prices = [order.price for order in listener.items]
            assert prices == [Decimal("127.84"), Decimal("127.85"), Decimal("127.86")]
            assert (orders.stale, orders.duplicates) == (2, 0)


def tape_of(listener: Listener) -> Counter[int]:
    return Counter(trade.trade_id for trade in listener.items)


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
                    await until(lambda burst=burst: listener.items and listener.items[-1].asks[0].lots == burst)
                assert listener.items[-1].bids[0].lots == 20
                assert books.received <= 11, "one a second at most, where there were a hundred"
                times = [book.timestamp_ms for book in listener.items]
                assert times == sorted(times)


class TestSnapshots:
    async def test_f156_a_server_that_sends_history_though_none_was_wanted(self, server: StreamServer) -> None:
        async with (
            server.client(settings(snapshot_pause=30)) as alor,
            alor.streams.orders(STOCKS, skip_snapshot=True) as orders,
            listening(orders) as listener,
        ):
            assert server.subscriptions[-1].fields["skipHistory"] is True
            feed = Feed(server, ORDERS, STOCKS, listener)
            await feed.send({"id": "1", "h": True}, {"id": "2", "h": True}, {"id": "3", "h": False})
            assert [update.is_snapshot for update in feed.updates] == [True, True, False]
            assert listener.kinds() == ["Update", "Update", "SnapshotEnd", "Update"]
            assert listener.of(SnapshotEnd) == [SnapshotEnd(is_assumed=False)]

    async def test_f156_a_server_that_sends_a_deeper_book_than_was_wanted(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.order_book(SBER, depth=1) as books,
            listening(books) as listener,
        ):
            await Feed(server, BOOK, "SBER", listener).send({"h": True})
            await until(lambda: listener.kinds() == ["Update", "SnapshotEnd"])
            assert len(listener.items[0].bids) == 3

    @pytest.mark.parametrize("mark", [None, True])
    async def test_f157_without_marks_or_with_wrong_ones_the_end_is_assumed(
        self, server: StreamServer, mark: bool | None
    ) -> None:
        async with (
            server.client(settings(snapshot_pause=0.2)) as alor,
            alor.streams.orders(STOCKS) as orders,
            listening(orders) as listener,
        ):
            feed = Feed(server, ORDERS, STOCKS, listener)
            await feed.send({"id": "1", "h": mark}, {"id": "2", "h": mark})
            await until(lambda: listener.of(SnapshotEnd))
            assert listener.kinds() == ["Update", "Update", "SnapshotEnd"]
            (end,) = listener.of(SnapshotEnd)
            assert end.is_assumed
            assert [update.is_snapshot for update in feed.updates] == [True, True]
            await feed.send({"id": "2", "st": "filled", "fqb": 50, "h": mark})
            assert states(listener)[-1] == (FILLED, 50)
            assert feed.updates[-1].is_snapshot is (mark is True)
            assert len(listener.of(SnapshotEnd)) == 1

    async def test_f157_history_that_is_marked_as_news_is_told_all_the_same(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.trades(STOCKS) as trades,
            listening(trades) as listener,
        ):
            feed = Feed(server, TRADES, STOCKS, listener)
            await feed.send(*({"id": str(number), "h": False} for number in range(3)))
            assert listener.kinds() == ["SnapshotEnd", "Update", "Update", "Update"]
            server.line.abort()
            await until(lambda: listener.of(Reconnected) or len(server.subscriptions) == 2)
            await feed.send(*({"id": str(number), "h": False} for number in range(5)))
            assert [trade.trade_id for trade in listener.items] == ["0", "1", "2", "3", "4"]


async def test_f158_positions_and_trades_that_disagree_are_both_shown(server: StreamServer) -> None:
    """Nobody corrects the one by the other: the difference is there for whoever compares."""
    async with (
        server.client(settings()) as alor,
        alor.streams.positions(STOCKS) as positions,
        alor.streams.trades(STOCKS) as trades,
        listening(positions) as held,
        listening(trades) as done,
    ):
        line = server.line
        holdings, fills = (line.guid_of(STOCKS, word) for word in ("Positions", "Trades"))
        line.send(POSITIONS, holdings, sym="GAZP", q=0, h=True)
        line.send(TRADES, fills, id="1", sym="GAZP", q=120, s="buy", h=False)
        line.send(POSITIONS, holdings, sym="GAZP", q=50, h=False)
        line.send(TRADES, fills, id="2", sym="GAZP", q=20, s="sell", h=False)
        await until(lambda: held.items and held.items[-1].units == 50 and len(done.items) == 2)
        assert [trade.units for trade in done.items] == [120, 20]
        assert positions.latest is not None
        assert (positions.latest.units, positions.stale, trades.stale) == (50, 0, 0)
        assert not any(update.is_recovered for update in (*held.of(Update), *done.of(Update)))
