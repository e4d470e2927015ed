"""The handshake, the replies, and how leniently requests are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from alor_async.sandbox import Assumptions, Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import OK, Talker, portfolio_of, talking
from tests.support.waiting import until

BOOK = "OrderBookGetAndSubscribe"
LONG_ENOUGH = 3.0


class TestHandshake:
    @pytest.mark.parametrize("path", ["/ws", "/WS", "/Ws"])
    async def test_the_path_is_found_in_any_case(self, sandbox: Sandbox, path: str) -> None:
        async with talking(sandbox, path) as ws:
            assert (await ws.ask("ping"))["httpCode"] == 200

    async def test_a_plain_request_is_told_to_upgrade(self, rest: Caller) -> None:
        answer = await rest("GET", "/ws")
        assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
        assert "WebSocket" in answer.text

    async def test_another_method_is_not_allowed(self, rest: Caller) -> None:
        assert (await rest("POST", "/ws")).status == 405

    async def test_a_broken_handshake_is_refused(self, rest: Caller) -> None:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        answer = await rest("GET", "/ws", headers=headers)
        assert (answer.status, bool(answer.body)) == (400, True)
        assert (await rest("GET", "/md/v2/time")).status == 200

    async def test_messages_may_be_compressed(self, sandbox: Sandbox) -> None:
        async with talking(sandbox, compress=10) as ws:
            assert ws.websocket.compress
            guid = await ws.subscribe(BOOK, code="SBER", depth=50)
            assert len((await ws.new(guid))[0]["bids"]) == 50

    async def test_a_protocol_ping_is_answered(self, sandbox: Sandbox) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(sandbox.environment.ws, autoping=False) as raw,
        ):
            await raw.ping(b"alive?")
            frame = await raw.receive(timeout=5)
            assert (frame.type, bytes(frame.data)) == (aiohttp.WSMsgType.PONG, b"alive?")


class TestReplies:
    async def test_a_reply_is_compact_and_begins_with_the_guid(self, ws: Talker) -> None:
        await ws.ask("ping", guid="b0_2", confirm=True)
        assert ws.heard == ['{"requestGuid":"b0_2","httpCode":200,"message":"Handled successfully"}']

    async def test_it_comes_after_the_snapshot(self, ws: Talker) -> None:
        await ws.subscribe(BOOK, code="SBER")
        assert [message.partition(":")[0] for message in ws.heard] == ['{"data"', '{"requestGuid"']

    async def test_or_before_it(self) -> None:
        with Sandbox(assumptions=Assumptions(reply_order="before_snapshot")) as sandbox:
            async with talking(sandbox) as ws:
                guid = await ws.subscribe(BOOK, code="SBER")
                await ws.new(guid)
                assert [message.partition(":")[0] for message in ws.heard] == ['{"requestGuid"', '{"data"']

    async def test_an_empty_portfolio_gets_the_reply_alone(self, ws: Talker, stocks: str) -> None:
        await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=stocks)
        assert len(ws.heard) == 1


class TestLeniency:
    @pytest.mark.parametrize(
        "request_",
        [
            {"OPCODE": BOOK, "Guid": "1", "TOKEN": "", "Exchange": "moex", "Code": "sber"},
            {"opcode": BOOK, "guid": 1, "token": "", "exchange": "MOEX", "code": "SBER", "depth": "5"},
            {"opcode": BOOK.upper(), "guid": "1", "token": "", "exchange": "Moex", "code": "SBER", "format": "SIMPLE"},
            {"opcode": BOOK, "guid": "1", "token": "", "exchange": "MOEX", "code": "SBER", "prev": 3, "delayed": False},
            {"opcode": BOOK, "guid": "1", "token": "", "exchange": "MOEX", "code": "SBER", "format": None},
            {
                "opcode": BOOK,
                "guid": "1",
                "token": "",
                "exchange": "MOEX",
                "code": "SBER",
                "instrumentGroup": "tqbr",
                "frequency": 0,
            },
        ],
    )
    async def test_spellings_in_use_are_understood(self, ws: Talker, request_: dict[str, Any]) -> None:
        token = next(key for key in request_ if key.lower() == "token")
        await ws.say({**request_, token: ws.token})
        (book,) = await ws.new("1")
        assert book["existing"] is True
        await until(lambda: ws.replies["1"])

    @pytest.mark.parametrize("tf", [60, "60", "D", "d", 86400])
    async def test_a_time_frame_may_be_a_number(self, ws: Talker, tf: Any) -> None:
        start = int(ws.sandbox.clock.now.timestamp()) - 86_400
        guid = await ws.subscribe("BarsGetAndSubscribe", code="SBER", tf=tf, **{"from": str(start)})
        assert await ws.new(guid)

    async def test_opcodes_in_use(self, ws: Talker, derivatives: str) -> None:
        await ws.subscribe("AllTradesSubscribe", code="SBER")
        await ws.subscribe("SpectraRisksGetAndSubscribeV2", portfolio=derivatives)
        assert [one.opcode for one in next(iter(ws.sandbox.sockets)).subscriptions] == [
            "AllTradesGetAndSubscribe",
            "SpectraRisksGetAndSubscribe",
        ]

    async def test_a_strange_guid_comes_back_as_it_was(self, ws: Talker) -> None:
        guid = 'ключ "в кавычках" \\ \n 🙂'
        await ws.subscribe(BOOK, code="SBER", guid=guid)
        assert len(await ws.new(guid)) == 1

    async def test_half_a_surrogate_pair_is_replaced(self, ws: Talker) -> None:
        await ws.say(f'{{"opcode":"ping","guid":"x\\ud800","token":"{ws.token}"}}')
        await until(lambda: ws.replies["x?"])

    async def test_the_opcode_may_have_to_be_exact(self) -> None:
        with Sandbox(assumptions=Assumptions(opcode_case="exact")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask(BOOK.lower(), code="SBER"))["httpCode"] == 400
                assert (await ws.ask("Unsubscribe"))["httpCode"] == 400
                guid = await ws.subscribe(BOOK, code="SBER")
                assert (await ws.ask("unsubscribe", guid=guid))["httpCode"] == 200


WRONG_VALUES = [
    ({"code": None}, "code"),
    ({"code": {"a": 1}}, "code"),
    ({"exchange": "NYSE"}, "exchange"),
    ({"exchange": None}, "exchange"),
    ({"format": "XML"}, "format"),
    ({"format": 7}, "format"),
    ({"depth": 0}, "depth"),
    ({"depth": 51}, "depth"),
    ({"depth": "deep"}, "depth"),
    ({"depth": 1.5}, "depth"),
    ({"depth": True}, "depth"),
    ({"frequency": "often"}, "frequency"),
    ({"frequency": 2**31}, "frequency"),
    ({"instrumentGroup": ["TQBR"]}, "instrumentGroup"),
]


class TestRefusals:
    @pytest.mark.parametrize(("changes", "named"), WRONG_VALUES)
    async def test_a_wrong_value_is_named(self, ws: Talker, changes: dict[str, Any], named: str) -> None:
        reply = await ws.ask(BOOK, **{"code": "SBER", **changes})
        assert (reply["httpCode"], f"'{named}'" in reply["message"]) == (400, True)
        await ws.quiet()

    @pytest.mark.parametrize(
        ("opcode", "changes", "named"),
        [
            ("BarsGetAndSubscribe", {"from": 0}, "tf"),
            ("BarsGetAndSubscribe", {"tf": 60}, "from"),
            ("BarsGetAndSubscribe", {"tf": "0", "from": 0}, "tf"),
            ("BarsGetAndSubscribe", {"tf": 60, "from": "soon"}, "from"),
            ("BarsGetAndSubscribe", {"tf": 60, "from": 0, "skipHistory": "maybe"}, "skipHistory"),
            ("AllTradesGetAndSubscribe", {"depth": 5001}, "depth"),
            ("AllTradesGetAndSubscribe", {"depth": -1}, "depth"),
            ("OrdersGetAndSubscribeV2", {"portfolio": None}, "portfolio"),
            ("OrdersGetAndSubscribeV2", {"portfolio": "D39004", "orderStatuses": "working"}, "orderStatuses"),
            ("OrdersGetAndSubscribeV2", {"portfolio": "D39004", "orderStatuses": ["asleep"]}, "orderStatuses"),
            ("OrdersGetAndSubscribeV2", {"portfolio": "D39004", "orderStatuses": [{}]}, "orderStatuses"),
        ],
    )
    async def test_of_other_opcodes_too(self, ws: Talker, opcode: str, changes: dict[str, Any], named: str) -> None:
        reply = await ws.ask(opcode, code="SBER", **changes)
        assert (reply["httpCode"], f"'{named}'" in reply["message"]) == (400, True)

    @pytest.mark.parametrize("code", ["NOPE", "SBER\ud800", "x" * 10_000])
    async def test_an_unknown_instrument_is_not_found(self, ws: Talker, code: str) -> None:
        assert (await ws.ask(BOOK, code=code))["httpCode"] == 404

    async def test_a_board_that_does_not_trade_it_is_not_found(self, ws: Talker) -> None:
        assert (await ws.ask(BOOK, code="SBER", instrumentGroup="NOPE"))["httpCode"] == 404

    async def test_a_portfolio_outside_the_token_is_forbidden(self, ws: Talker, stocks: str) -> None:
        assert (await ws.ask("PositionsGetAndSubscribeV2", portfolio="D99999"))["httpCode"] == 403
        narrow = ws.sandbox.tokens.issue(portfolios=[portfolio_of(ws.sandbox, "7")])
        reply = await ws.ask("PositionsGetAndSubscribeV2", portfolio=stocks, token=narrow)
        assert reply["httpCode"] == 403

    @pytest.mark.parametrize(
        ("opcode", "scope"),
        [
            ("OrdersGetAndSubscribeV2", "OrdersRead"),
            ("StopOrdersGetAndSubscribeV2", "OrdersRead"),
            ("TradesGetAndSubscribeV2", "Trades"),
            ("SummariesGetAndSubscribeV2", "Personal"),
        ],
    )
    async def test_a_token_without_the_scope_is_forbidden(
        self, ws: Talker, stocks: str, opcode: str, scope: str
    ) -> None:
        others = {"OrdersRead", "Trades", "Personal"} - {scope}
        without, only = (ws.sandbox.tokens.issue(scopes=scopes) for scopes in (others, {scope}))
        assert (await ws.ask(opcode, portfolio=stocks, token=without))["httpCode"] == 403
        assert (await ws.ask(opcode, portfolio=stocks, token=only))["httpCode"] == 200

    async def test_futures_risk_of_a_portfolio_without_futures_is_not_found(self, ws: Talker, stocks: str) -> None:
        assert (await ws.ask("SpectraRisksGetAndSubscribe", portfolio=stocks))["httpCode"] == 404

    async def test_a_refused_request_leaves_the_old_subscription(self, ws: Talker) -> None:
        guid = await ws.subscribe(BOOK, code="SBER")
        assert (await ws.ask(BOOK, code="NOPE", guid=guid))["httpCode"] == 404
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        assert (await ws.new(guid))[0]["existing"] is False


NOT_UNDERSTOOD = [
    "",
    "hello",
    "[]",
    "3",
    "null",
    '"ping"',
    "{",
    '{"guid":"1"}',
    '{"opcode":"DanceAndSubscribe","guid":"1"}',
    '{"opcode":["ping"],"guid":"1"}',
    '{"opcode":"ping"}',
    '{"opcode":"ping","guid":""}',
    '{"opcode":"ping","guid":{"a":1}}',
    '{"opcode":"ping","guid":true}',
    '{"opcode":"ping","guid":"1","x":NaN}',
    "[" * 100_000,
    '{"a":' * 50_000,
    '{"opcode":"ping","guid":' + "9" * 5_000 + "}",
]


class TestMessagesThatMeanNothing:
    @pytest.mark.parametrize("text", NOT_UNDERSTOOD, ids=range(len(NOT_UNDERSTOOD)))
    async def test_they_get_400_and_the_connection_stays(self, ws: Talker, text: str) -> None:
        text = text.replace('"guid":"1"', f'"guid":"1","token":"{ws.token}"')
        await ws.say(text)
        await until(lambda: ws.heard)
        reply = json.loads(ws.heard[0])
        assert (reply["httpCode"], reply["requestGuid"] in {"", "1"}) == (400, True)
        assert (await ws.ask("ping")) == {"requestGuid": "guid-1", **OK}

    async def test_a_binary_frame_is_one_of_them(self, ws: Talker) -> None:
        await ws.websocket.send_bytes(b'{"opcode":"ping","guid":"1"}')
        await until(lambda: ws.replies[""])
        assert ws.replies[""][0]["httpCode"] == 400
        await ws.quiet()

    @pytest.mark.parametrize("text", ["hello", '{"opcode":"DanceAndSubscribe","guid":"1"}'])
    async def test_the_connection_may_have_to_close(self, text: str) -> None:
        with Sandbox(assumptions=Assumptions(invalid_ws_message="closed")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask(BOOK, code="NOPE"))["httpCode"] == 404  # understood, only refused
                await ws.say(text.replace('"guid":"1"', f'"guid":"1","token":"{ws.token}"'))
                await until(lambda: ws.is_over, within=LONG_ENOUGH)
                assert (json.loads(ws.heard[-1])["httpCode"], ws.close_code) == (400, 1008)
            sandbox.check()

    async def test_ping_may_be_unknown(self) -> None:
        with Sandbox(assumptions=Assumptions(ping_opcode="unknown")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask("ping"))["httpCode"] == 400
                await ws.subscribe(BOOK, code="SBER")


class TestTokens:
    BAD = pytest.mark.parametrize("token", ["", "nonsense", None, 7, {"a": 1}, "expired", "refresh"])

    @pytest.mark.heavy
    @BAD
    @pytest.mark.parametrize("opcode", [BOOK, "unsubscribe", "ping", "DanceAndSubscribe"])
    async def test_every_message_needs_a_good_one(self, ws: Talker, opcode: str, token: Any) -> None:
        if token == "expired":
            token = ws.sandbox.tokens.issue(life=-1)
        elif token == "refresh":
            token = ws.sandbox.refresh_token
        reply = await ws.ask(opcode, code="SBER", token=token)
        assert (reply["httpCode"], reply["message"]) == (401, "Invalid JWT token!")
        await ws.quiet()

    async def test_a_bad_one_may_close_the_connection(self) -> None:
        with Sandbox(assumptions=Assumptions(bad_token_on_ws="closed")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask(BOOK, code="SBER", token="nonsense"))["httpCode"] == 401
                await until(lambda: ws.is_over, within=LONG_ENOUGH)
                assert ws.close_code == 1008

    async def test_subscriptions_outlive_the_token(self, ws: Talker) -> None:
        guid = await ws.subscribe(BOOK, code="SBER")
        ws.sandbox.tokens.expire_all()
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        assert await ws.new(guid)
        assert (await ws.ask("unsubscribe", guid=guid))["httpCode"] == 401
        ws.token = ws.sandbox.tokens.issue()
        assert (await ws.ask("unsubscribe", guid=guid))["httpCode"] == 200

    async def test_or_end_with_it(self) -> None:
        with Sandbox(assumptions=Assumptions(expired_token_on_ws="ends"), time="stepped") as sandbox:
            async with talking(sandbox) as ws:
                guid = await ws.subscribe(BOOK, code="SBER")
                other = await ws.subscribe("QuotesSubscribe", code="GAZP", token=sandbox.tokens.issue())
                sandbox.market["SBER"].trade(price=300, lots=1)
                assert len(await ws.new(guid, 2)) == 2
                sandbox.tokens.expire(ws.token)
                await sandbox.clock.advance(seconds=1)
                sandbox.market["SBER"].trade(price=301, lots=1)
                await until(lambda: len(ws.replies[guid]) == 2)
                assert ws.replies[guid][-1]["httpCode"] == 401
                assert [one.guid for one in next(iter(sandbox.sockets)).subscriptions] == [other]
                assert not ws.take(guid)


def _calling(act: Callable[[], None]) -> Callable[[], Coroutine[None, None, None]]:
    """A coroutine for the gateway's loop."""

    async def run() -> None:
        act()

    return run


class TestGuids:
    async def test_the_same_guid_again_replaces(self, ws: Talker) -> None:
        guid = await ws.subscribe(BOOK, code="SBER", guid="one")
        await ws.subscribe("AllTradesGetAndSubscribe", code="GAZP", guid="one")
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        ws.sandbox.market["GAZP"].trade(price=120, lots=5)
        (trade,) = await ws.new(guid)
        assert (trade["symbol"], trade["qty"]) == ("GAZP", 5)
        (socket,) = ws.sandbox.sockets
        assert [one.of for one in socket.subscriptions] == ["MOEX:GAZP"]

    async def test_the_same_thing_under_two_guids_comes_twice(self, ws: Talker) -> None:
        guids = [await ws.subscribe("AllTradesGetAndSubscribe", code="SBER") for _ in range(2)]
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        first, second = [await ws.new(guid) for guid in guids]
        assert first == second
        assert first[0]["price"] == Decimal(300)

    @pytest.mark.parametrize("opcode", ["unsubscribe", "Unsubscribe", "UNSUBSCRIBE"])
    async def test_unsubscribing_stops_it(self, ws: Talker, opcode: str) -> None:
        guid = await ws.subscribe(BOOK, code="SBER")
        reply = await ws.ask(opcode, guid=guid)
        assert reply == {"requestGuid": guid, **OK}
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        await ws.sandbox.clock.advance(seconds=5)
        await ws.quiet()
        assert not ws.take(guid)
        assert not next(iter(ws.sandbox.sockets)).subscriptions

    async def test_unsubscribing_from_nothing_is_handled(self, ws: Talker) -> None:
        assert (await ws.ask("unsubscribe", guid="never"))["httpCode"] == 200

    async def test_or_not_found(self) -> None:
        with Sandbox(assumptions=Assumptions(unknown_subscription="not_found")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask("unsubscribe", guid="never"))["httpCode"] == 404
                guid = await ws.subscribe(BOOK, code="SBER")
                assert [(await ws.ask("unsubscribe", guid=guid))["httpCode"] for _ in range(2)] == [200, 404]

    async def test_unsubscribing_ends_a_snapshot_that_is_still_being_written(self, ws: Talker) -> None:
        (connection,) = ws.sandbox.sockets.connections()
        connection.hold()
        request = {"guid": "long", "token": ws.token, "exchange": "MOEX", "code": "SBER", "depth": 5000}
        await ws.say({"opcode": "AllTradesGetAndSubscribe", **request})
        await ws.say({"opcode": "unsubscribe", **request})
        await until(lambda: len(ws.sandbox.messages) == 2)
        await until(lambda: not next(iter(ws.sandbox.sockets)).subscriptions)
        ws.sandbox._host.submit(_calling(connection.release)).result(2)
        await until(lambda: len(ws.replies["long"]) == 2)
        assert len(ws.data["long"]) == 50

    async def test_nobody_listens_when_nobody_is_left(self, sandbox: Sandbox) -> None:
        async with talking(sandbox) as ws:
            await ws.subscribe(BOOK, code="SBER")
            assert sandbox._exchange._feed.listener is not None
        await until(lambda: sandbox._exchange._feed.listener is None)
        assert not sandbox.sockets
