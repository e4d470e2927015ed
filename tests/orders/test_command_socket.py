"""Every command over the command socket, as over REST: the same facades, the same outcomes, one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from alor_async import InvalidArgument, OrderAck, OrderNotWorking, OrderRejected, QueueTimeout, Side, Timeouts
from alor_async.models import Condition, OrderStatus
from tests.orders.command_kit import SBER, Floor, gathered, trading
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    async with trading() as floor:
        yield floor


class TestEveryCommand:
    async def test_orders(self, floor: Floor) -> None:
        low, _ = low_and_high(floor.sandbox)
        orders = floor.fast.orders
        market = await orders.place_market(STOCKS, SBER, Side.BUY, lots=1, comment="m")
        limit = await orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low, comment="l")
        moved = await orders.replace_limit(STOCKS, limit.order_id, SBER, Side.BUY, lots=3, price=low, comment="l2")
        filled = await orders.replace_market(STOCKS, moved.order_id, SBER, Side.BUY, lots=1, comment="m2")
        resting = await orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low, comment="r")
        cancelled = await orders.cancel(STOCKS, resting.order_id)
        assert cancelled == OrderAck(order_id=resting.order_id)
        states = {order.order_id: order.status for order in floor.sandbox.orders(STOCKS)}
        assert states == {
            market.order_id: "filled",
            limit.order_id: "canceled",
            moved.order_id: "canceled",
            filled.order_id: "filled",
            resting.order_id: "canceled",
        }
        wanted = ["create:market", "create:limit", "update:limit", "update:market", "create:limit", "delete:limit"]
        assert floor.opcodes == ["authorize", *wanted]
        floor.intents.note(m=market, l=limit, l2=moved, m2=filled, r=resting)

    async def test_stop_orders(self, floor: Floor) -> None:
        low, _ = low_and_high(floor.sandbox)
        stops = floor.fast.stop_orders
        terms: dict[str, Any] = {"lots": 1, "condition": Condition.LESS_OR_EQUAL, "trigger_price": low}
        first = await stops.place_stop(STOCKS, SBER, Side.SELL, **terms)
        second = await stops.place_stop_limit(STOCKS, SBER, Side.SELL, price=low, **terms)
        third = await stops.replace_stop(STOCKS, first.order_id, SBER, Side.SELL, **terms)
        fourth = await stops.replace_stop_limit(STOCKS, second.order_id, SBER, Side.SELL, price=low, **terms)
        by_number = {stop.order_id: stop for stop in await floor.alor.account.list_stop_orders(STOCKS)}
        await stops.cancel(by_number[third.order_id])
        await stops.cancel(by_number[fourth.order_id])
        standing = [stop for stop in await floor.alor.account.list_stop_orders(STOCKS) if stop.status == "working"]
        assert not standing
        assert floor.opcodes == [
            "authorize",
            "create:stop",
            "create:stopLimit",
            "update:stop",
            "update:stopLimit",
            "delete:stop",
            "delete:stopLimit",
        ]

    async def test_a_cancel_says_the_kind_of_the_order_where_the_order_says_it(self, floor: Floor) -> None:
        ack = await floor.place_surely()
        (order,) = [one for one in await floor.alor.account.list_orders(STOCKS) if one.order_id == ack.order_id]
        await floor.fast.orders.cancel(order)
        assert floor.opcodes[-1] == "delete:limit"
        await asyncio.gather(
            floor.fast.orders.cancel(_as_market(order)), floor.fast.orders.cancel(order), return_exceptions=True
        )
        assert sorted(floor.opcodes[-2:]) == ["delete:limit", "delete:market"]

    async def test_what_sockets_have_no_word_for_goes_over_rest(self, floor: Floor) -> None:
        await floor.place_surely()
        assert await floor.fast.orders.cancel_all(STOCKS) is True
        assert {order.status for order in floor.sandbox.orders(STOCKS)} == {"canceled"}
        assert await floor.fast.stop_orders.cancel_all(STOCKS) is False
        estimate = await floor.fast.orders.estimate(STOCKS, SBER, lots=1)
        assert estimate == await floor.alor.orders.estimate(STOCKS, SBER, lots=1)
        assert floor.opcodes == ["authorize", "create:limit"]
        assert floor.sandbox.requests.count("orders.cancel_all") == 2, "one address serves both"

    async def test_the_key_is_the_guid(self, floor: Floor) -> None:
        ack = await floor.place_surely(request_id="a-key-of-mine")
        assert ack.request_id == "a-key-of-mine"
        assert [heard.guid for heard in floor.sandbox.messages if heard.opcode == "create:limit"] == ["a-key-of-mine"]
        entry = floor.alor.ledger.find("a-key-of-mine")
        assert entry is not None
        assert (entry.wire, entry.state, entry.order_id) == ("cws", "accepted", ack.order_id)


class TestRefusals:
    async def test_a_no_is_the_same_no_as_over_rest(self, floor: Floor) -> None:
        low, _ = low_and_high(floor.sandbox)
        told: list[OrderRejected] = []
        for orders in (floor.alor.orders, floor.fast.orders):
            with pytest.raises(OrderRejected) as caught:
                await orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low / 10)
            told.append(caught.value)
        assert type(told[0]) is type(told[1])
        assert told[0].reason == told[1].reason
        assert told[1].request_id is not None

    @pytest.mark.parametrize("number", ["1", "99999999999"])
    async def test_what_is_not_working_is_said_so(self, floor: Floor, number: str) -> None:
        low, _ = low_and_high(floor.sandbox)
        with pytest.raises(OrderNotWorking):
            await floor.fast.orders.cancel(STOCKS, number)
        with pytest.raises(OrderNotWorking):
            await floor.fast.orders.replace_limit(STOCKS, number, SBER, Side.BUY, lots=1, price=low)

    async def test_cancelling_twice_does_no_harm(self, floor: Floor) -> None:
        ack = await floor.place_surely()
        await floor.fast.orders.cancel(STOCKS, ack.order_id)
        with pytest.raises(OrderNotWorking):
            await floor.fast.orders.cancel(STOCKS, ack.order_id)

    async def test_a_key_is_taken_once(self, floor: Floor) -> None:
        await floor.place_surely("first", request_id="key")
        assert isinstance(await floor.place("second", request_id="key"), InvalidArgument)
        assert floor.opcodes == ["authorize", "create:limit"]

    async def test_f162_a_key_that_was_refused_is_not_said_again_on_this_connection(self, floor: Floor) -> None:
        """It would be allowed to come again, were it not for the connection: the broker would end that."""
        low, _ = low_and_high(floor.sandbox)
        for kind in (OrderRejected, InvalidArgument):
            with pytest.raises(kind):
                await floor.fast.orders.place_limit(
                    STOCKS, SBER, Side.BUY, lots=1, price=low / 10, request_id="refused"
                )
        assert floor.opcodes == ["authorize", "create:limit"]
        await floor.place_surely()

    @pytest.mark.parametrize("arguments", [{"lots": 0}, {"price": None}, {"timeout": -1}, {"retries": 3}])
    async def test_bad_arguments_send_nothing(self, floor: Floor, arguments: dict[str, Any]) -> None:
        low, _ = low_and_high(floor.sandbox)
        terms: dict[str, Any] = {"lots": 1, "price": low} | arguments
        with pytest.raises(InvalidArgument):
            await floor.fast.orders.place_limit(STOCKS, SBER, Side.BUY, **terms)
        assert floor.opcodes == ["authorize"]

    @pytest.mark.parametrize("arguments", [{"window": 1}, {"window": 2.5}, {"check_duplicates": 1}])
    async def test_bad_settings(self, floor: Floor, arguments: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgument):
            floor.alor.command_socket(**arguments)


class TestTheWindow:
    async def test_many_are_under_way_at_once_on_one_connection(self, floor: Floor) -> None:
        with floor.sandbox.faults.cws.mute():
            tasks = floor.intents.begin_many(floor.fast.orders, 50)
            await until(lambda: len(floor.sandbox.orders(STOCKS)) == 50)
            assert floor.fast.in_flight == 50
            for task in tasks:
                task.cancel()
            await gathered(tasks)
        assert len({heard.connection for heard in floor.sandbox.messages}) == 1

    @pytest.mark.heavy
    async def test_f172_a_thousand_commands_go_a_window_at_a_time_and_cancels_first(self) -> None:
        async with trading(window=20) as floor:
            standing = await floor.place_surely("standing")
            with floor.sandbox.faults.cws.stall():
                tasks = floor.intents.begin_many(floor.fast.orders, 1000)
                await until(lambda: floor.fast.in_flight == 19)
                assert floor.fast.waiting == 981
                cancels = [asyncio.create_task(floor.fast.orders.cancel(STOCKS, standing.order_id)) for _ in range(3)]
                await until(lambda: floor.fast.waiting == 983)
                assert floor.fast.in_flight == 20, "one place is kept for cancels, and they wait for that one"
            most = 0
            ends = asyncio.gather(*tasks)
            while not ends.done():
                most = max(most, floor.fast.in_flight)
                await asyncio.sleep(0)
            assert 0 < most <= 20
            assert all(isinstance(told, OrderAck) for told in await ends)
            done = await gathered(cancels)
            assert [type(told) for told in done] == [OrderAck, OrderNotWorking, OrderNotWorking]
            # Nineteen were under way before the first cancel was wanted; the other cancels overtook all that waited.
            said = floor.opcodes[2:]
            assert [index for index, opcode in enumerate(said) if opcode == "delete:limit"] == [19, 20, 21]
            assert len(said) == 1003

    async def test_a_full_window_ends_in_queue_timeout_and_nothing_was_sent(self) -> None:
        async with trading(window=2) as floor:
            with floor.sandbox.faults.cws.stall():
                stuck = floor.intents.begin(floor.fast.orders, "stuck")
                await until(lambda: floor.fast.in_flight == 1)
                for limits in (Timeouts(queue=0.05), 0.05):
                    assert isinstance(await floor.place(timeout=limits), QueueTimeout)
                assert floor.fast.waiting == 0
            assert isinstance(await stuck, OrderAck)
            assert len(floor.sandbox.orders(STOCKS)) == 1


def _as_market(order: Any) -> Any:
    return msgspec.structs.replace(order, order_type="market", status=OrderStatus.WORKING)
