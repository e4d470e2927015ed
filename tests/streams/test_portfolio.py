"""Streams of a portfolio against the exchange's own books: every state, every fill, what is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from alor_async import Condition, OrderStatus, Side, SnapshotEnd, Update
from alor_async.values import Format
from tests.streams.kit import BY_NAME, STREAMS, Floor, Stream, plain, take, through
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, UNITED

IN_EVERY_FORMAT = pytest.mark.parametrize("format", Format)
OF_A_PORTFOLIO = [stream for stream in STREAMS if ":" not in stream.of]
LEDGERS = [BY_NAME[name] for name in ("trades", "orders", "stop_orders")]


async def live(subscription: Any) -> AsyncIterator[Any]:
    """Give the events after the snapshot."""
    events = subscription.events()
    await through(events, SnapshotEnd)
    return events


def bid(floor: Floor) -> Decimal:
    return floor.exchange.market["SBER"].book.bids[0].price


class TestOrders:
    @IN_EVERY_FORMAT
    async def test_every_state_in_order(self, floor: Floor, format: Format) -> None:
        async with floor.alor.streams.orders(STOCKS, format=format) as orders:
            events = await live(orders)
            price = bid(floor) - 1
            placed = await floor.alor.orders.place_limit(STOCKS, "MOEX:SBER", Side.BUY, lots=10, price=price)
            market = floor.exchange.market["SBER"]
            market.trade(price=price, lots=4)
            market.trade(price=price - 1, lots=1)
            told = [update.item for update in await take(events, 3)]
        assert [(one.order_id, one.status, one.filled_lots) for one in told] == [
            (placed.order_id, OrderStatus.WORKING, 0),
            (placed.order_id, OrderStatus.WORKING, 4),
            (placed.order_id, OrderStatus.FILLED, 10),
        ]
        truth = next(one for one in floor.exchange.orders(STOCKS) if one.order_id == placed.order_id)
        last = told[-1]
        assert (last.price, last.lots, last.units, last.board) == (truth.price, truth.lots, truth.units, truth.board)
        assert (last.status, last.filled_units) == (truth.status, truth.filled_units)

    async def test_a_replaced_order_ends_and_another_begins(self, floor: Floor) -> None:
        number = await floor.rest(lots=2)
        async with floor.alor.streams.orders(STOCKS, skip_snapshot=True) as orders:
            events = await live(orders)
            order = await floor.alor.account.get_order(STOCKS, number)
            ack = await floor.alor.orders.replace_limit(order, lots=1)
            told = [update.item for update in await take(events, 2)]
        assert [(one.order_id, one.status) for one in told] == [
            (number, OrderStatus.CANCELLED),
            (ack.order_id, OrderStatus.WORKING),
        ]

    @pytest.mark.parametrize(
        ("statuses", "expected"),
        [
            ([OrderStatus.WORKING], {"working"}),
            (["filled", "canceled"], {"filled", "canceled"}),
            ([OrderStatus.REJECTED], set()),
        ],
    )
    async def test_statuses_choose_of_the_snapshot_only(self, floor: Floor, statuses: Any, expected: set[str]) -> None:
        await floor.alor.orders.cancel(STOCKS, await floor.rest())
        async with floor.alor.streams.orders(STOCKS, statuses=statuses) as orders:
            events = orders.events()
            *updates, _ = await through(events, SnapshotEnd)
            assert {str(update.item.status) for update in updates} == expected
            number = await floor.rest()
            await floor.alor.orders.cancel(STOCKS, number)
            told = [update.item.status for update in await take(events, 2)]
            assert told == [OrderStatus.WORKING, OrderStatus.CANCELLED]

    async def test_another_portfolio_is_none_of_its_business(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.orders(FUTURES, skip_snapshot=True) as others,
            floor.alor.streams.orders(STOCKS, skip_snapshot=True) as orders,
        ):
            events = await live(orders)
            await floor.rest()
            await take(events)
            assert others.received == 0

    async def test_orders_of_a_united_portfolio(self, floor: Floor) -> None:
        async with floor.alor.streams.orders(UNITED) as orders:
            events = await live(orders)
            number = await floor.rest(UNITED)
            (update,) = await take(events)
        assert (update.item.order_id, update.item.portfolio) == (number, UNITED)


class TestStopOrders:
    @IN_EVERY_FORMAT
    async def test_from_waiting_to_the_last_fill_of_its_order(self, fresh: Floor, format: Format) -> None:
        async with fresh.alor.streams.stop_orders(STOCKS, skip_snapshot=True, format=format) as stops:
            events = await live(stops)
            trigger = bid(fresh) - 5
            placed = await fresh.alor.stop_orders.place_stop_limit(
                STOCKS,
                "MOEX:SBER",
                Side.SELL,
                lots=9,
                price=trigger + 1,
                condition=Condition.LESS_OR_EQUAL,
                trigger_price=trigger,
            )
            market = fresh.exchange.market["SBER"]
            for price, lots in ((trigger, 1), (trigger + 1, 4), (trigger + 2, 1)):
                market.trade(price=price, lots=lots)
            told = [one.item for one in await take(events, 4)]
        assert [(one.status, one.filled_lots) for one in told] == [
            (OrderStatus.WORKING, 0),
            (OrderStatus.FILLED, 0),
            (OrderStatus.FILLED, 4),
            (OrderStatus.FILLED, 9),
        ]
        truth = next(one for one in fresh.exchange.stop_orders(STOCKS) if one.order_id == placed.order_id)
        assert {one.order_id for one in told} == {truth.order_id}
        assert [one.exchange_order_id for one in told] == [None, *[truth.exchange_order_id] * 3]
        assert (told[-1].trigger_price, told[-1].lots) == (truth.stop_price, truth.lots)


class TestTradesAndMoney:
    @IN_EVERY_FORMAT
    async def test_each_fill_is_a_trade_and_comes_once(self, floor: Floor, format: Format) -> None:
        async with floor.alor.streams.trades(STOCKS, format=format) as trades:
            events = trades.events()
            known = [event.item for event in (await through(events, SnapshotEnd))[:-1]]
            await floor.buy(lots=1500)
            truth = floor.exchange.trades(STOCKS)
            new = [update.item for update in await take(events, len(truth) - len(known))]
            await floor.alor.orders.place_market(STOCKS, "MOEX:SBER", Side.SELL, lots=1500)
            assert trades.duplicates == 0
        assert len(new) > 1
        assert sum(one.lots or 0 for one in new) == 1500
        assert [(one.trade_id, one.order_id, one.price, one.units) for one in [*known, *new]] == [
            (one.trade_id, one.order_id, one.price, one.units) for one in truth
        ]

    @IN_EVERY_FORMAT
    async def test_only_what_changed_of_the_positions(self, floor: Floor, format: Format) -> None:
        async with floor.alor.streams.positions(STOCKS, format=format) as positions:
            events = positions.events()
            *snapshot, _ = await through(events, SnapshotEnd)
            truth = {one.symbol: one.units for one in floor.exchange.positions(STOCKS)}
            assert {one.item.symbol: one.item.units for one in snapshot} == truth
            await floor.buy(lots=2)
            changed = {update.item.symbol: update.item for update in await take(events, 2)}
        assert set(changed) == {"SBER", "RUB"}
        assert changed["SBER"].units == truth["SBER"] + 20
        now = {one.symbol: one.units for one in floor.exchange.positions(STOCKS)}
        assert {symbol: one.units for symbol, one in changed.items()} == {name: now[name] for name in changed}

    async def test_a_position_that_is_closed_is_shown_empty(self, fresh: Floor) -> None:
        async with fresh.alor.streams.positions(STOCKS) as positions:
            events = await live(positions)
            lots = next(int(one.units) for one in fresh.exchange.positions(STOCKS) if one.symbol == "SBER") // 10
            await fresh.alor.orders.place_market(STOCKS, "MOEX:SBER", Side.SELL, lots=lots)
            changed = {update.item.symbol: update.item.units for update in await take(events, 2)}
        assert changed["SBER"] == 0

    async def test_positions_are_conflated_by_instrument(self, floor: Floor) -> None:
        async with floor.alor.streams.positions(STOCKS) as positions:
            events = await live(positions)
            before = positions.received
            for _ in range(5):
                await floor.buy()
            await until(lambda: positions.received == before + 10)
            assert positions.pending == 2
            told = {update.item.symbol: update.item.units for update in await take(events, 2)}
        truth = {one.symbol: one.units for one in floor.exchange.positions(STOCKS)}
        assert told == {name: truth[name] for name in ("SBER", "RUB")}


class TestSnapshots:
    @IN_EVERY_FORMAT
    @pytest.mark.parametrize("stream", LEDGERS, ids=str)
    async def test_of_an_empty_portfolio_is_its_end_alone(self, fresh: Floor, stream: Stream, format: Format) -> None:
        async with stream.open(fresh.alor, format=format) as subscription:
            events = subscription.events()
            assert [type(event) for event in await take(events)] == [SnapshotEnd]
            await stream.stir(fresh)
            (update,) = await take(events)
            assert not update.is_snapshot
            assert plain(update.item) in await stream.listed(fresh, format)

    @pytest.mark.parametrize("stream", OF_A_PORTFOLIO, ids=str)
    async def test_may_be_skipped(self, floor: Floor, stream: Stream) -> None:
        async with stream.open(floor.alor, skip_snapshot=True) as subscription:
            events = subscription.events()
            assert [type(event) for event in await take(events)] == [SnapshotEnd]
            await stream.stir(floor)
            (update,) = await take(events)
            assert isinstance(update, Update)
            assert not update.is_snapshot

    @pytest.mark.parametrize("stream", STREAMS, ids=str)
    async def test_ends_once_and_before_the_first_news(self, floor: Floor, stream: Stream) -> None:
        async with stream.open(floor.alor) as subscription:
            events = subscription.events()
            *snapshot, _ = await through(events, SnapshotEnd)
            await stream.stir(floor)
            first = await take(events)
            while subscription.pending:
                first += await take(events)
        assert all(isinstance(event, Update) and event.is_snapshot for event in snapshot)
        assert all(isinstance(event, Update) and not event.is_snapshot for event in first)

    @pytest.mark.parametrize("name", ["positions", "orders", "trades"])
    async def test_comes_whole_before_the_news_to_one_who_looks_late(self, fresh: Floor, name: str) -> None:
        stream = BY_NAME[name]
        await fresh.buy()
        before = await stream.listed(fresh, Format.SLIM)
        async with stream.open(fresh.alor) as subscription:
            number = await fresh.buy()
            await until(lambda: subscription.received > len(before))
            told = await take(subscription.events(), subscription.pending + 1)  # the end of the snapshot is no message
        where = [type(event) for event in told].index(SnapshotEnd)
        snapshot, news = told[:where], told[where + 1 :]
        assert [plain(update.item) for update in snapshot] == before
        assert all(update.is_snapshot for update in snapshot)
        assert news
        assert not any(update.is_snapshot for update in news)
        assert not told[where].is_assumed, "what is new says so itself"
        if name != "positions":
            assert {update.item.order_id for update in news} == {number}

    async def test_an_end_that_is_told_by_a_pause_alone_says_so(self, floor: Floor) -> None:
        async with floor.alor.streams.orders(STOCKS) as orders, floor.alor.streams.summaries(STOCKS) as summaries:
            *_, assumed = await through(orders.events(), SnapshotEnd)
            *_, known = await through(summaries.events(), SnapshotEnd)
        assert (assumed.is_assumed, known.is_assumed) == (True, False)
