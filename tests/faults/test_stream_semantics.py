"""Messages in the wrong order, twice, late, odd, contradictory: what is told stays in order and true to what was sent."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Final

import pytest

from alor_async._streams.events import Gap, Reconnected, SnapshotEnd, Update
from alor_async.models import Order, OrderStatus, Side
from tests.faults.feed import Feed
from tests.faults.hub_support import Listener, listening, settings
from tests.faults.trading_desk import SBER, WITHIN, Trader, check_desk, check_orders, desk_of, fills_of, trading_day
from tests.support.streamserver import StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS

ORDERS: Final = "streams.orders"
TRADES: Final = "streams.trades"
POSITIONS: Final = "streams.positions"
BOOK: Final = "streams.order_book"
FILLED: Final = OrderStatus.FILLED


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


def states(listener: Listener) -> list[tuple[OrderStatus, int]]:
    return [(order.status, order.filled_lots) for order in listener.items]


def stand_of(orders: Iterable[Order]) -> dict[str, tuple[OrderStatus, int]]:
    return {order.order_id: (order.status, order.filled_lots) for order in orders}


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
                listed = stand_of(await alor.account.list_orders(STOCKS))
                once = dict.fromkeys(fills_of(sandbox), 1)
                # Of two states of one moment, of which no more was executed, nobody can say which was first.
                await until(
                    lambda: desk.counts() == once and stand_of(desk.order_states().values()) == listed, within=WITHIN
                )
                check_orders(desk.orders.items)
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
                        subscription = listener.subscription
                        assert subscription.duplicates + subscription.conflated > 0
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
