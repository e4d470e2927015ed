"""Commands over the wire: what they answer, what they refuse, and that an id acts once."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import ORDERS, Caller
from tests.sandbox.gateway.facts import problems

UNREADABLE = "Provided json can't be properly deserialised, perhaps you made an error or forgot some field"


@pytest.fixture
def low(sandbox: Sandbox) -> Decimal:
    """A price at which a purchase rests."""
    bid = sandbox.market["SBER"].quote.bid
    assert bid is not None
    return bid - 5


async def test_an_order_is_placed_listed_replaced_and_cancelled(
    sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal
) -> None:
    placed = await call.place_limit(portfolio, low, lots=3, comment="first")
    assert placed.status == 200
    assert placed.json.keys() == {"message", "orderNumber"}
    first = placed.json["orderNumber"]
    assert isinstance(first, str)

    body = {
        "side": "buy",
        "quantity": 2,
        "price": float(low),
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": portfolio},
    }
    replaced = await call("PUT", f"{ORDERS}/actions/limit/{first}", json=body, request_id="replace-1")
    second = replaced.json["orderNumber"]
    assert second != first
    listed = (await call("GET", f"/md/v2/clients/MOEX/{portfolio}/orders", format="heavy")).json
    assert {order["id"]: order["status"] for order in listed} == {first: "canceled", second: "working"}

    query = {"portfolio": portfolio, "exchange": "MOEX", "stop": "false"}
    cancelled = await call("DELETE", f"{ORDERS}/{second}", query=query)
    assert (cancelled.status, cancelled.body, cancelled.content_type) == (200, b"success", "text/plain; charset=utf-8")
    assert [order.status for order in sandbox.orders(portfolio)] == ["canceled", "canceled"]


async def test_a_market_order_trades(sandbox: Sandbox, call: Caller, portfolio: str) -> None:
    answer = await call.place_market(portfolio, lots=2)
    number = answer.json["orderNumber"]
    assert {trade.order_id for trade in sandbox.trades(portfolio)} == {number}
    assert sum(trade.lots for trade in sandbox.trades(portfolio)) == 2


async def test_replace_market(sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal) -> None:
    first = (await call.place_limit(portfolio, low)).json["orderNumber"]
    body = {
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": portfolio},
    }
    answer = await call("PUT", f"{ORDERS}/actions/market/{first}", json=body, request_id="market")
    assert answer.status == 200
    assert {order.status for order in sandbox.orders(portfolio)} == {"canceled", "filled"}


async def test_conditional_orders_are_replaced_and_cancelled_in_their_own_number_space(
    sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal
) -> None:
    numbers = [
        (await call.place_stop(portfolio, low - 20)).json["orderNumber"],
        (await call.place_stop(portfolio, low - 20, price=str(low - 21))).json["orderNumber"],
    ]
    body = {
        "side": "sell",
        "condition": "less",
        "triggerPrice": float(low - 22),
        "stopEndUnixTime": 0,
        "price": float(low - 23),
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": portfolio},
    }
    for kind, number in zip(("stop", "stopLimit"), numbers, strict=True):
        answer = await call("PUT", f"{ORDERS}/actions/{kind}/{number}", json=body, request_id=str(uuid.uuid4()))
        assert answer.status == 200
    working = [order for order in sandbox.stop_orders(portfolio) if order.status == "working"]
    assert {order.condition for order in working} == {"less"}
    query = {"portfolio": portfolio, "exchange": "MOEX"}
    wrong_space = await call("DELETE", f"{ORDERS}/{working[0].order_id}", query=query | {"stop": "false"})
    assert wrong_space.status == 400
    right_space = await call(
        "DELETE", f"{ORDERS}/{working[0].order_id}", query=query | {"stop": "true", "jsonResponse": "true"}
    )
    assert right_space.json == {"message": "success"}


@pytest.mark.parametrize(("stop", "left"), [(None, set()), ("true", {"exchange"}), ("false", {"conditional"})])
async def test_cancel_all_takes_both_kinds_or_the_one_named(
    sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal, stop: str | None, left: set[str]
) -> None:
    await call.place_limit(portfolio, low)
    await call.place_stop(portfolio, low - 20)
    query = {"portfolio": portfolio, "exchange": "MOEX", **({} if stop is None else {"stop": stop})}
    answer = await call("DELETE", f"{ORDERS}/all", query=query)
    assert (answer.status, answer.body) == (200, b'"success"')
    working = {"exchange"} if any(order.status == "working" for order in sandbox.orders(portfolio)) else set()
    working |= {"conditional"} if any(order.status == "working" for order in sandbox.stop_orders(portfolio)) else set()
    assert working == left


async def test_what_is_not_there_cannot_be_cancelled(call: Caller, portfolio: str) -> None:
    query = {"portfolio": portfolio, "exchange": "MOEX", "stop": "false"}
    one = await call("DELETE", f"{ORDERS}/1", query=query)
    assert one.status == 400
    assert one.json["code"] == "OrderToCancelNotFound (404)"
    every = await call("DELETE", f"{ORDERS}/all", query=query)
    assert every.status == 400
    assert every.json["code"] == "OrderToCancelNotFound"
    assert not problems(one.json, "CancelError", "any")


async def test_a_refusal_has_a_code_and_a_message(call: Caller, portfolio: str, low: Decimal) -> None:
    answer = await call.place_limit(portfolio, low, lots=1_000_000)
    assert answer.status == 400
    assert answer.json.keys() == {"code", "message"}
    assert answer.json["code"].endswith(")")


class TestLeniency:
    async def test_keys_and_words_in_any_case_numbers_as_text_unknown_keys_ignored(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal
    ) -> None:
        body = {
            "Side": "BUY",
            "QUANTITY": "2",
            "Price": str(low),
            "TimeInForce": "OneDay",
            "Instrument": {"Symbol": "SBER", "Exchange": "moex"},
            "User": {"Portfolio": portfolio.lower(), "account": "L01"},
            "board": "TQBR",
            "prev": None,
            "type": "limit",
        }
        answer = await call("POST", f"{ORDERS.lower()}/actions/LIMIT", json=body, headers={"x-alor-reqid": "an id"})
        assert answer.status == 200, answer.text
        assert [(order.lots, order.board) for order in sandbox.orders(portfolio)] == [(2, "TQBR")]

    async def test_order_numbers_of_groups_may_be_numbers(self, call: Caller, portfolio: str, low: Decimal) -> None:
        number = (await call.place_limit(portfolio, low)).json["orderNumber"]
        member = {"Portfolio": portfolio, "Exchange": "MOEX", "OrderId": int(number), "Type": "limit"}
        answer = await call(
            "POST", "/commandapi/api/ordergroups", json={"Orders": [member], "ExecutionPolicy": "ignorecancel"}
        )
        assert answer.status == 200, answer.text
        assert not problems(answer.json, "OrderGroupCreated", "any")


class TestGroups:
    async def test_life_of_a_group(self, call: Caller, portfolio: str, low: Decimal) -> None:
        numbers = [(await call.place_limit(portfolio, low - step)).json["orderNumber"] for step in (0, 1)]
        members = [
            {"portfolio": portfolio, "exchange": "MOEX", "orderId": number, "type": "Limit"} for number in numbers
        ]
        body = {"orders": members, "executionPolicy": "OnExecuteOrCancel"}
        group = (await call("POST", "/commandapi/api/orderGroups", json=body)).json["groupId"]
        path = f"/commandapi/api/orderGroups/{group}"
        changed = await call("PUT", path, json={"orders": members[:1], "executionPolicy": "IgnoreCancel"})
        assert (changed.status, changed.body, changed.content_type) == (200, b"success", "text/plain; charset=utf-8")
        shown = (await call("GET", path)).json
        assert (shown["executionPolicy"], shown["orders"]) == ("IgnoreCancel", [{"orderId": numbers[0]}])
        assert (await call("PUT", path, json={"executionPolicy": "OnExecuteOrCancel"})).status == 200
        gone = await call("DELETE", path)
        assert (gone.status, gone.body) == (200, b"success")
        for method in ("GET", "DELETE"):
            assert (await call(method, path)).status == 400

    async def test_orders_of_others_cannot_be_grouped(self, call: Caller, portfolio: str) -> None:
        for owner, number in ((portfolio, "424242"), ("D99999", "1")):
            member = {"portfolio": owner, "exchange": "MOEX", "orderId": number, "type": "Limit"}
            body = {"orders": [member], "executionPolicy": "IgnoreCancel"}
            answer = await call("POST", "/commandapi/api/orderGroups", json=body)
            assert answer.status == 400
            assert not problems(answer.json, "OrderGroupError", "any")

    async def test_unknown_and_unreadable_group_ids(self, call: Caller) -> None:
        body = {"executionPolicy": "IgnoreCancel"}
        unknown = await call("PUT", f"/commandapi/api/orderGroups/{uuid.uuid4()}", json=body)
        assert (unknown.status, unknown.json["title"]) == (400, "BadRequest")
        unreadable = await call("GET", "/commandapi/api/orderGroups/not-a-uuid")
        assert (unreadable.status, unreadable.content_type) == (400, "application/problem+json; charset=utf-8")


class TestRequestIds:
    async def test_a_repeated_id_gets_the_first_answer_in_an_envelope(
        self, sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal
    ) -> None:
        first = await call.place_limit(portfolio, low, request_id="one")
        again = await call.place_limit(portfolio, low + 1, request_id="one")
        assert again.status == 400
        assert again.json["oldResponse"] == {"statusCode": 200, "body": first.json}
        assert "already handled" in again.json["message"]
        assert len(sandbox.orders(portfolio)) == 1

    async def test_an_envelope_holds_a_failure_too_and_text_as_text(
        self, call: Caller, portfolio: str, low: Decimal
    ) -> None:
        path = f"{ORDERS}/actions/limit"
        assert (await call("POST", path, data="{", request_id="two")).status == 400
        again = await call.place_limit(portfolio, low, request_id="two")
        assert again.json["oldResponse"] == {"statusCode": 400, "body": UNREADABLE}

    async def test_replay_200(self, sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal) -> None:
        sandbox.faults.dedupe.mode("replay_200")
        first = await call.place_limit(portfolio, low, request_id="three")
        again = await call.place_limit(portfolio, low, request_id="three")
        assert (again.status, again.body) == (200, first.body)
        assert len(sandbox.orders(portfolio)) == 1

    async def test_bare_400(self, sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal) -> None:
        sandbox.faults.dedupe.mode("bare_400")
        await call.place_limit(portfolio, low, request_id="four")
        again = await call.place_limit(portfolio, low, request_id="four")
        assert (again.status, again.json.keys()) == (400, {"message"})

    async def test_off(self, sandbox: Sandbox, call: Caller, portfolio: str, low: Decimal) -> None:
        sandbox.faults.dedupe.mode("off")
        await call.place_limit(portfolio, low, request_id="five")
        assert (await call.place_limit(portfolio, low, request_id="five")).status == 200
        assert len(sandbox.orders(portfolio)) == 2

    def test_a_life_must_be_positive(self, sandbox: Sandbox) -> None:
        with pytest.raises(ConfigError, match="ttl"):
            sandbox.faults.dedupe.mode("off", ttl=0)

    async def test_an_id_is_needed(self, call: Caller, portfolio: str, low: Decimal) -> None:
        answer = await call("POST", f"{ORDERS}/actions/limit", json={})
        assert answer.status == 400
        assert answer.json["errors"].keys() == {"X-REQID"}

    async def test_an_id_that_met_a_closed_gate_was_not_handled(
        self, call: Caller, portfolio: str, low: Decimal
    ) -> None:
        assert (await call.place_limit("D99999", low, request_id="six")).status == 403
        assert (await call.place_limit(portfolio, low, request_id="six")).status == 200


class TestUnreadableBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'{"side":"buy"}',
            b'{"price":NaN}',
            b"[" * 100_000,
            b'{"quantity":' + b"9" * 6000 + b"}",
        ],
        ids=["empty", "cut", "array", "null", "not utf-8", "fields missing", "NaN", "deep", "huge number"],
    )
    async def test_not_what_the_call_takes(self, call: Caller, body: bytes) -> None:
        answer = await call("POST", f"{ORDERS}/actions/limit", data=body, request_id=str(uuid.uuid4()))
        assert (answer.status, answer.text) == (400, UNREADABLE)
        assert answer.content_type == "text/plain; charset=utf-8"

    @pytest.mark.parametrize(
        "change",
        [
            {"side": "hold"},
            {"side": 5},
            {"quantity": 1.5},
            {"quantity": True},
            {"quantity": 2**31},
            {"quantity": "many"},
            {"price": "1e999"},
            {"price": "dear"},
            {"price": True},
            {"price": [1]},
            {"allowMargin": "maybe"},
            {"instrument": "SBER"},
            {"comment": 1.5},
            {"timeInForce": "soon"},
        ],
        ids=repr,
    )
    async def test_a_field_of_the_wrong_kind(
        self, call: Caller, portfolio: str, low: Decimal, change: dict[str, object]
    ) -> None:
        body = {
            "side": "buy",
            "quantity": 1,
            "price": str(low),
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "user": {"portfolio": portfolio},
        }
        answer = await call("POST", f"{ORDERS}/actions/limit", json=body | change, request_id=str(uuid.uuid4()))
        assert (answer.status, answer.text) == (400, UNREADABLE)

    async def test_estimates_take_an_array(self, call: Caller) -> None:
        assert (await call("POST", f"{ORDERS}/estimate/all", json={})).text == UNREADABLE
        assert (await call("POST", f"{ORDERS}/estimate/all", json=[1])).text == UNREADABLE
