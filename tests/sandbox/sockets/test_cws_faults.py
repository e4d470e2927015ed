"""Faults of `/cws`: commands lost before and after they act, replies that lie, and orders that end otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker
from tests.sandbox.sockets.trader import Trader, trading
from tests.support.waiting import until


async def send(cws: Trader, guid: str, **fields: Any) -> None:
    """Send an order and wait for nothing."""
    await cws.talker.say({"opcode": "create:limit", "guid": guid, **cws.order(**fields)})


class TestLostCommandsAndReplies:
    @pytest.mark.parametrize("how", ["reset", "close"])
    async def test_the_order_is_there_though_the_connection_went(self, sandbox: Sandbox, cws: Trader, how: Any) -> None:
        sandbox.faults.ack.drop(how=how, socket="cws")
        await send(cws, "lost")
        await cws.ended()
        assert len(sandbox.orders()) == 1
        assert cws.talker.replies["lost"] == []
        async with trading(sandbox) as again:
            await again.create()

    @pytest.mark.parametrize("how", ["reset", "close"])
    async def test_the_command_is_lost_with_the_connection(self, sandbox: Sandbox, cws: Trader, how: Any) -> None:
        sandbox.faults.req.drop(how=how, opcode="create:*")
        await send(cws, "lost")
        await cws.ended()
        assert sandbox.orders() == ()

    async def test_silence_about_an_order_that_is_there_or_is_not(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.ack.drop(how="hang", opcode="create:limit")
        await send(cws, "done")
        sandbox.faults.cws.drop(guid="never")
        await send(cws, "never")
        await cws.create()
        assert len(sandbox.orders()) == 2
        assert cws.talker.replies["done"] == cws.talker.replies["never"] == []
        stages = [(entry.details["fault"], entry.details["stage"]) for entry in sandbox.journal.of("fault")]
        assert stages == [("ack.drop", "after_execution"), ("cws.drop", "before_execution")]

    async def test_a_late_reply(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.ack.delay(0.1, opcode="create:limit")
        await send(cws, "late")
        await until(lambda: len(sandbox.orders()) == 1)
        assert (await cws.command("ping"))["httpCode"] == 200
        assert cws.talker.replies["late"] == []
        await until(lambda: cws.talker.replies["late"])

    async def test_a_late_execution(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.cws.delay(0.1, opcode="create:limit")
        await send(cws, "late")
        assert (await cws.command("ping"))["httpCode"] == 200
        assert sandbox.orders() == ()
        await until(lambda: cws.talker.replies["late"])
        assert len(sandbox.orders()) == 1

    async def test_an_unaimed_one_takes_the_next_of_either(self, sandbox: Sandbox, cws: Trader, rest: Caller) -> None:
        sandbox.faults.req.delay(0.0, times=2)
        await cws.create()
        await rest("GET", "/md/v2/time")
        kinds = [entry.details.get("socket") for entry in sandbox.journal.of("fault")]
        assert kinds == ["cws", None]


class TestReplies:
    async def test_mute(self, sandbox: Sandbox, cws: Trader) -> None:
        with sandbox.faults.cws.mute(opcode="create:*") as armed:
            await send(cws, "a")
            await send(cws, "b")
            assert (await cws.command("ping"))["httpCode"] == 200
        assert (len(sandbox.orders()), armed.fired) == (2, 2)
        assert cws.talker.replies["a"] == cws.talker.replies["b"] == []
        await cws.create()

    async def test_twice_and_under_another_guid(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.cws.dup_reply(symbol="SBER")
        await send(cws, "twice")
        await until(lambda: len(cws.talker.replies["twice"]) == 2)
        sandbox.faults.cws.wrong_guid("stranger", opcode="create:limit")
        await send(cws, "mine")
        await until(lambda: cws.talker.replies["stranger"])
        assert cws.talker.replies["mine"] == []
        assert cws.talker.replies["stranger"][0]["orderNumber"] == sandbox.orders()[-1].order_id

    async def test_another_order(self, sandbox: Sandbox, cws: Trader) -> None:
        with sandbox.faults.cws.reorder(3):
            for guid in "abc":
                await send(cws, guid)
            await until(lambda: all(cws.talker.replies[guid] for guid in "abc"))
        heard = [text.split('"')[3] for text in cws.talker.heard if text.split('"')[3] in set("abc")]
        assert sorted(heard) == ["a", "b", "c"] != heard

    async def test_a_number_that_is_missing(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.cws.corrupt(lambda honest: honest.replace(b"orderNumber", b"number"), opcode="create:*")
        reply = await cws.command("create:limit", **cws.order())
        assert "orderNumber" not in reply

    @pytest.mark.parametrize(("stage", "placed"), [("before_execution", 0), ("after_execution", 1)])
    @pytest.mark.parametrize("closes", [False, True])
    async def test_a_rejection(self, sandbox: Sandbox, cws: Trader, stage: Any, placed: int, closes: bool) -> None:
        sandbox.faults.cws.reject(400, "Command Timeout", closes=closes, stage=stage, opcode="create:*")
        assert await cws.command("create:limit", **cws.order()) == {"httpCode": 400, "message": "Command Timeout"}
        assert len(sandbox.orders()) == placed
        if closes:
            assert await cws.ended() == 1008
        else:
            await cws.create()

    async def test_a_refused_authorization(self, sandbox: Sandbox) -> None:
        sandbox.faults.auth.reject(1)
        async with trading(sandbox, authorized=False) as trader:
            assert (await trader.authorize())["httpCode"] == 401
            await trader.ended()

    async def test_a_connection_that_goes_with_many_in_flight(self, sandbox: Sandbox, cws: Trader) -> None:
        sandbox.faults.cws.abort(guid="c-5", stage="after_execution")
        with contextlib.suppress(ConnectionError):  # it may be gone before the last is sent
            for number in range(20):
                await send(cws, f"c-{number}")
        await cws.ended()
        assert 6 <= len(sandbox.orders()) <= 20


class TestTheFateOfOrders:
    @pytest.mark.parametrize("leaving", ["gone", "untouched"])
    async def test_a_replacement_that_fails(self, sandbox: Sandbox, cws: Trader, leaving: Any) -> None:
        first = await cws.create()
        armed = sandbox.faults.exchange.replace_fails(leaving)
        await cws.create()
        reply = await cws.command("update:limit", orderId=first, **cws.order(quantity=2))
        assert reply["httpCode"] == 400
        (old, _) = sandbox.orders()
        assert (old.status, armed.fired) == ("canceled" if leaving == "gone" else "working", 1)
        if leaving == "untouched":
            assert (await cws.command("update:limit", orderId=first, **cws.order(quantity=2)))["httpCode"] == 200

    async def test_over_rest_too_and_never_for_another_one(self, sandbox: Sandbox, rest: Caller, cws: Trader) -> None:
        first = (await rest.place_limit(cws.portfolio, cws.low)).json["orderNumber"]
        sandbox.faults.exchange.replace_fails("gone", operation="orders.replace_limit")
        path = "/commandapi/warptrans/TRADE/v2/client/orders/actions/limit/"
        body = {**cws.order(), "price": str(cws.low)}
        assert (await rest("PUT", path + "123", json=body, request_id="a")).status == 400
        assert (await rest("PUT", path + first, json=body, request_id="b")).status == 200

    async def test_an_order_that_is_accepted_and_then_rejected(
        self, sandbox: Sandbox, cws: Trader, ws: Talker, rest: Caller
    ) -> None:
        guid = await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=cws.portfolio)
        sandbox.faults.exchange.async_reject("(853) not now", symbol="SBER")
        await rest("GET", f"/md/v2/Clients/MOEX/{cws.portfolio}/SBER/trades")
        number = await cws.create()
        (order,) = sandbox.orders()
        assert (order.order_id, order.status, order.comment) == (number, "rejected", "(853) not now")
        await until(lambda: ws.data[guid] and ws.data[guid][-1]["status"] == "rejected")
        await cws.create()
        assert sandbox.orders()[-1].status == "working"

    async def test_reads_that_lag(self, sandbox: Sandbox, cws: Trader, rest: Caller) -> None:
        await cws.create()
        await sandbox.clock.advance(seconds=5)
        young = await cws.create("create:market")
        orders = f"/md/v2/Clients/MOEX/{cws.portfolio}/orders"
        with sandbox.faults.exchange.read_lag(2, operation="account.*"):
            assert len((await rest("GET", orders)).json) == 1
            assert (await rest("GET", f"{orders}/{young}")).status == 404
            assert (await rest("GET", f"/md/v2/Clients/MOEX/{cws.portfolio}/trades")).json == []
            await sandbox.clock.advance(seconds=2)
            assert len((await rest("GET", orders)).json) == 2
        assert (await rest("GET", f"{orders}/{young}")).status == 200
        assert len((await rest("GET", f"/md/v2/Clients/MOEX/{cws.portfolio}/trades")).json) == 1


async def test_nothing_is_left_when_everything_is_cleared(sandbox: Sandbox, cws: Trader, ws: Talker) -> None:
    faults = sandbox.faults
    faults.cws.mute()
    faults.ws.reorder(10)
    faults.net.latency(30, socket="cws")
    faults.net.blackhole("both", socket="ws")
    faults.clock.skew(100)
    faults.dedupe.mode("off")
    faults.ack.delay(30, times=None)
    await asyncio.sleep(0)
    faults.clear()
    assert faults.armed == ()
    await cws.create()
    await ws.quiet()
    assert sandbox._gateway._dedupe.mode == "old_response_400"
    assert sandbox._gateway._shown.is_right
