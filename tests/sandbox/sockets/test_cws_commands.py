"""`/cws`: orders given over a socket are the orders that REST shows, and every refusal is the documented one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from alor_async.sandbox import Assumptions, Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker
from tests.sandbox.sockets.trader import Trader, trading
from tests.support.waiting import until

SPOILED = {"httpCode": 401, "message": "Invalid JWT token!"}
HANDLED_BEFORE = {"httpCode": 400, "message": "Request with such Guid has already been handled"}


def assume(**readings: Any) -> Iterator[Sandbox]:
    with Sandbox(seed=42, time="stepped", assumptions=Assumptions(**readings)) as running:
        yield running
        running.check()


@pytest.fixture
def assuming(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    yield from assume(**request.param)


class TestAuthorization:
    async def test_it_comes_first(self, sandbox: Sandbox) -> None:
        async with trading(sandbox, authorized=False) as trader:
            assert await trader.authorize(originator="terminal") == {
                "httpCode": 200,
                "message": "The connection has been initialized.",
            }
            assert await trader.command("ping", confirm=True) == {"httpCode": 200, "message": "Handled successfully"}

    @pytest.mark.parametrize("opcode", ["create:limit", "delete:limit", "ping", "no-such-opcode"])
    async def test_without_it_nothing_is_done_and_the_connection_ends(self, sandbox: Sandbox, opcode: str) -> None:
        async with trading(sandbox, authorized=False) as trader:
            assert await trader.command(opcode, **trader.order(token=trader.talker.token)) == SPOILED
            assert await trader.ended() == 1008
        assert sandbox.orders() == ()

    @pytest.mark.parametrize("token", ["", "nonsense", None, 7])
    async def test_a_bad_token_ends_the_connection(self, sandbox: Sandbox, token: Any) -> None:
        async with trading(sandbox, authorized=False) as trader:
            assert await trader.authorize(token=token) == SPOILED
            assert await trader.ended() == 1008

    async def test_it_ends_with_the_token_unless_renewed(self, sandbox: Sandbox) -> None:
        async with trading(sandbox) as renewed, trading(sandbox) as forgotten:
            sandbox.faults.auth.expire_now()
            assert (await renewed.authorize(token=sandbox.tokens.issue()))["httpCode"] == 200
            await renewed.create()
            assert await forgotten.command("create:limit", **forgotten.order()) == SPOILED
            assert await forgotten.ended() == 1008
        assert len(sandbox.orders()) == 1

    async def test_a_failed_renewal_ends_the_connection(self, cws: Trader) -> None:
        assert await cws.authorize(token="old") == SPOILED
        assert await cws.ended() == 1008

    async def test_a_token_without_the_scope_or_the_portfolio(self, sandbox: Sandbox, cws: Trader) -> None:
        for token in (sandbox.tokens.issue(scopes=["OrdersRead"]), sandbox.tokens.issue(portfolios=[])):
            assert (await cws.authorize(token=token))["httpCode"] == 200
            assert (await cws.command("create:limit", **cws.order()))["httpCode"] == 403
        assert (await cws.authorize())["httpCode"] == 200
        other = cws.order(user={"portfolio": "D00000"})
        assert (await cws.command("create:limit", **other))["httpCode"] == 403
        assert (await cws.command("delete:limit", orderId="1", exchange="MOEX", user=other["user"]))["httpCode"] == 403
        await cws.create()
        assert len(sandbox.orders()) == 1


class TestGuids:
    @pytest.mark.parametrize("opcode", ["authorize", "create:limit", "ping"])
    async def test_a_used_one_ends_the_connection(self, sandbox: Sandbox, cws: Trader, opcode: str) -> None:
        await cws.create(guid="one")
        assert await cws.command(opcode, **cws.order(guid="one", token=cws.talker.token)) == HANDLED_BEFORE
        assert await cws.ended() == 1008
        assert len(sandbox.orders()) == 1

    async def test_that_of_authorize_counts_too(self, cws: Trader) -> None:
        assert await cws.authorize(guid="guid-1") == HANDLED_BEFORE
        assert await cws.ended() == 1008

    async def test_other_connections_may_use_it_again(self, sandbox: Sandbox, cws: Trader) -> None:
        await cws.create(guid="shared")
        async with trading(sandbox) as other:
            await other.create(guid="shared")
        assert len(sandbox.orders()) == 2

    async def test_a_number_is_as_good(self, cws: Trader) -> None:
        await cws.create(guid=17)


class TestCommands:
    @pytest.mark.parametrize("kind", ["market", "limit"])
    async def test_an_order_is_created_replaced_and_cancelled(self, sandbox: Sandbox, cws: Trader, kind: str) -> None:
        first = await cws.create(price=str(cws.low), comment="by socket", timeInForce="OneDay")
        (order,) = sandbox.orders()
        assert (order.order_id, order.status, order.price, order.comment) == (first, "working", cws.low, "by socket")
        reply = await cws.command(f"update:{kind}", orderId=first, **cws.order(quantity=2))
        number = reply["orderNumber"]
        assert reply["message"] == f"An order has been updated. New order Id is '{number}'."
        new = {order.order_id: order for order in sandbox.orders()}[number]
        assert number != first
        assert (new.lots, new.status) == (2, "filled" if kind == "market" else "working")
        reply = await cws.command(f"delete:{kind}", orderId=number, exchange="MOEX", user={"portfolio": cws.portfolio})
        if kind == "market":
            assert (reply["httpCode"], "orderNumber" in reply) == (400, False)
        else:
            assert reply == {
                "httpCode": 200,
                "message": f"An order '{number}' has been deleted.",
                "orderNumber": number,
            }
            assert {order.status for order in sandbox.orders()} == {"canceled"}

    async def test_a_market_order_trades(self, sandbox: Sandbox, cws: Trader) -> None:
        number = await cws.create("create:market")
        assert [(trade.order_id, trade.lots) for trade in sandbox.trades()] == [(number, 1)]

    @pytest.mark.parametrize("kind", ["stop", "stopLimit"])
    async def test_a_conditional_order_is_created_replaced_and_cancelled(
        self, sandbox: Sandbox, cws: Trader, kind: str
    ) -> None:
        first = await cws.create(f"create:{kind}", stopEndUnixTime=0, protectingSeconds=5, activate=True)
        (stop,) = sandbox.stop_orders()
        assert (stop.order_id, stop.stop_price, stop.protecting_seconds) == (first, cws.low, 5)
        assert stop.price == (cws.low if kind == "stopLimit" else 0)
        reply = await cws.command(f"update:{kind}", orderId=int(first), **cws.stop(quantity=3))
        number = reply["orderNumber"]
        assert reply["message"] == f"An order has been updated. New order Id is '{number}'."
        working = [stop for stop in sandbox.stop_orders() if stop.status == "working"]
        assert [(stop.order_id, stop.lots) for stop in working] == [(number, 3)]
        reply = await cws.command(
            f"delete:{kind}", orderId=number, exchange="moex", user={"portfolio": cws.portfolio.lower()}
        )
        assert reply["message"] == f"An order '{number}' has been deleted."
        assert {stop.status for stop in sandbox.stop_orders()} == {"canceled"}

    async def test_rest_shows_and_cancels_the_same_orders(self, cws: Trader, rest: Caller) -> None:
        number = await cws.create()
        listed = await rest("GET", f"/md/v2/Clients/MOEX/{cws.portfolio}/orders")
        assert [order["id"] for order in listed.json] == [number]
        placed = (await rest.place_limit(cws.portfolio, cws.low)).json["orderNumber"]
        reply = await cws.command("delete:limit", orderId=placed, exchange="MOEX", user={"portfolio": cws.portfolio})
        assert reply["httpCode"] == 200

    async def test_ws_tells_of_the_same_orders(self, cws: Trader, ws: Talker) -> None:
        guid = await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=cws.portfolio)
        number = await cws.create()
        assert {order["id"] for order in await ws.new(guid)} == {number}

    async def test_read_as_leniently_as_the_broker_does(self, sandbox: Sandbox, cws: Trader) -> None:
        no_board = {"symbol": "SBER", "exchange": "moex"}
        await cws.create(
            "CREATE:limit",
            Side="BUY",
            quantity="2",
            instrument=no_board,
            board="TQBR",
            timeInForce="BookOrCancel",
            unheardOf={"a": 1},
            type="limit",
        )
        await cws.create("create:stoplimit", condition="less", instrument=no_board)
        (order,), (stop,) = sandbox.orders(), sandbox.stop_orders()
        assert (order.lots, order.board, order.side, order.time_in_force) == (2, "TQBR", "buy", "bookorcancel")
        assert stop.order_type == "stoplimit"

    async def test_many_at_once_are_answered_in_the_order_of_execution(self, sandbox: Sandbox, cws: Trader) -> None:
        for number in range(200):
            await cws.talker.say({"opcode": "create:limit", "guid": f"burst-{number}", **cws.order()})
        await until(lambda: len(cws.talker.replies["burst-199"]) == 1)
        heard = [text for text in cws.talker.heard if "burst-" in text]
        assert [text.split('"')[3] for text in heard] == [f"burst-{number}" for number in range(200)]
        placed = [cws.talker.replies[f"burst-{number}"][0]["orderNumber"] for number in range(200)]
        assert placed == [order.order_id for order in sandbox.orders()]

    async def test_a_refused_order_leaves_the_connection_open(self, sandbox: Sandbox, cws: Trader) -> None:
        for spoiled in (
            {"price": float(cws.low) + 0.001},
            {"quantity": 0},
            {"quantity": 10_000_000},
            {"instrument": {"symbol": "NOBODY", "exchange": "MOEX"}},
        ):
            reply = await cws.command("create:limit", **cws.order(**spoiled))
            assert (reply["httpCode"], list(reply)) == (400, ["httpCode", "message"])
            assert reply["message"]
        gone = await cws.command("update:limit", orderId="123", **cws.order())
        assert gone == {"httpCode": 400, "message": "Order to modify not found"}
        assert sandbox.orders() == ()
        await cws.create()

    async def test_prices_are_exact(self, sandbox: Sandbox, cws: Trader) -> None:
        exact = cws.low + Decimal("0.01")
        await cws.create(price=str(exact))
        assert sandbox.orders()[0].price == exact

    async def test_the_log_of_messages_hides_tokens(self, sandbox: Sandbox, cws: Trader) -> None:
        await cws.create()
        assert sandbox.messages.count("create:*") == 1
        assert all(cws.talker.token not in message.text for message in sandbox.messages)


class TestMisuse:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "not json",
            "[]",
            "null",
            '{"opcode":"create:limit"}',
            '{"opcode":"create:limit","guid":""}',
            '{"opcode":"create:limit","guid":"x"}',
            '{"opcode":"create:limit","guid":"x","quantity":1.5,"side":"buy","user":{"portfolio":"P"},"instrument":{}}',
            '{"opcode":"create:nothing","guid":"x"}',
            '{"opcode":{},"guid":"x"}',
            '{"guid":"x"}',
            "[" * 5000,
        ],
    )
    @pytest.mark.parametrize("assuming", [{}, {"invalid_cws_command": "open"}], indirect=True, ids=["closed", "open"])
    async def test_a_command_that_is_not_understood(self, assuming: Sandbox, text: str) -> None:
        async with trading(assuming) as trader:
            before = len(trader.talker.heard)
            await trader.talker.say(text.replace('"P"', f'"{trader.portfolio}"'))
            await until(lambda: len(trader.talker.heard) > before)
            assert '"httpCode":400' in trader.talker.heard[-1]
            if assuming._exchange.assumptions.invalid_cws_command == "closed":
                assert await trader.ended() == 1008
            else:
                await trader.create()

    async def test_a_number_that_is_none(self, cws: Trader) -> None:
        reply = await cws.command("delete:limit", orderId="12a", exchange="MOEX", user={"portfolio": cws.portfolio})
        assert reply["httpCode"] == 400

    async def test_a_binary_frame(self, cws: Trader) -> None:
        await cws.talker.websocket.send_bytes(b"\x00\x01")
        assert await cws.ended() == 1008


class TestAssumptions:
    @pytest.mark.parametrize("assuming", [{"rejected_cws_order": "closed"}], indirect=True)
    async def test_a_refused_order_may_end_the_connection(self, assuming: Sandbox) -> None:
        async with trading(assuming) as trader:
            assert (await trader.command("create:limit", **trader.order(quantity=0)))["httpCode"] == 400
            assert await trader.ended() == 1008

    @pytest.mark.parametrize("assuming", [{"opcode_case": "exact"}], indirect=True)
    async def test_opcodes_may_have_one_spelling(self, assuming: Sandbox) -> None:
        async with trading(assuming) as trader:
            await trader.create("create:stopLimit")
            assert (await trader.command("create:stoplimit", **trader.stop()))["httpCode"] == 400

    @pytest.mark.parametrize("assuming", [{"cws_order_number": "number"}], indirect=True)
    async def test_order_numbers_may_be_numbers(self, assuming: Sandbox) -> None:
        async with trading(assuming) as trader:
            reply = await trader.command("create:limit", **trader.order())
            assert reply["orderNumber"] == int(assuming.orders()[0].order_id)

    async def test_order_numbers_are_text(self, sandbox: Sandbox, cws: Trader) -> None:
        reply = await cws.command("create:limit", **cws.order())
        assert reply["orderNumber"] == sandbox.orders()[0].order_id

    @pytest.mark.parametrize("assuming", [{"ping_opcode": "unknown"}], indirect=True)
    async def test_ping_may_be_unknown(self, assuming: Sandbox) -> None:
        async with trading(assuming) as trader:
            assert (await trader.command("ping"))["httpCode"] == 400


class TestRepeats:
    async def test_the_same_terms_within_a_second_are_refused(self, sandbox: Sandbox, cws: Trader) -> None:
        terms = cws.order(checkDuplicates=True)
        assert (await cws.command("create:limit", **terms))["httpCode"] == 200
        async with trading(sandbox) as elsewhere:
            reply = await elsewhere.command("create:limit", **terms)
        assert (reply["httpCode"], "repeats" in reply["message"]) == (400, True)
        del terms["checkDuplicates"]
        assert (await cws.command("create:limit", **terms))["httpCode"] == 400
        assert (await cws.command("create:limit", **{**terms, "quantity": 2}))["httpCode"] == 200
        assert (await cws.command("create:limit", **{**terms, "comment": "another"}))["httpCode"] == 200
        await sandbox.clock.advance(seconds=0.9)
        assert (await cws.command("create:limit", **terms))["httpCode"] == 400
        await sandbox.clock.advance(seconds=0.1)
        assert (await cws.command("create:limit", **terms))["httpCode"] == 200
        assert len(sandbox.orders()) == 4

    async def test_without_the_check_they_are_not(self, sandbox: Sandbox, cws: Trader) -> None:
        for _ in range(3):
            await cws.create(checkDuplicates=False)
        assert len(sandbox.orders()) == 3
        assert (await cws.command("create:limit", **cws.order(checkDuplicates=True)))["httpCode"] == 400

    async def test_a_refused_order_has_no_double(self, sandbox: Sandbox, cws: Trader) -> None:
        terms = cws.order(checkDuplicates=True, quantity=10_000_000)
        texts = {(await cws.command("create:limit", **terms))["message"] for _ in range(2)}
        assert len(texts) == 1
        assert "repeats" not in texts.pop()

    @pytest.mark.parametrize("assuming", [{"duplicate_commands": "nothing"}], indirect=True)
    async def test_nothing_may_be_a_repeat(self, assuming: Sandbox) -> None:
        async with trading(assuming) as trader:
            for _ in range(2):
                await trader.create(checkDuplicates=True)
