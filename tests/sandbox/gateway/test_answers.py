"""Answers beside the ordinary: what is not found, not valid, too much, and who is to blame."""

from __future__ import annotations

import asyncio
import io
import time
from decimal import Decimal

import aiohttp
import pytest

from alor_async.sandbox import Sandbox, SandboxBroken
from tests.sandbox.gateway.client import ORDERS, Caller
from tests.sandbox.gateway.facts import problems
from tests.sandbox.gateway.test_wire import Line

PROBLEM = "application/problem+json; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/md/v2",
        "/md/v2/Securities/MOEX/NOPE",
        "/md/v2/Securities/MOEX/SBER?instrumentGroup=NOPE",
        "/md/v2/Securities/MOEX/NOPE/availableBoards",
        "/md/v2/Securities/MOEX/NOPE/alltrades",
        "/md/v2/Securities/MOEX/SBER/actualFuturesQuote",
        "/md/v2/orderbooks/MOEX/NOPE",
        "/md/v2/history?symbol=NOPE&exchange=MOEX&tf=60&from=1&to=2",
        "/md/v2/Clients/MOEX/D39004/orders/1",
        "/md/v2/Clients/MOEX/D39004/stoporders/1",
        "/md/v2/Clients/MOEX/D39004/positions/NOPE",
        "/md/v2/Clients/MOEX/D39004/fortsrisk",
        "/md/v2/Clients/MOEX/D39004/nothing/else",
    ],
)
async def test_not_found(call: Caller, path: str) -> None:
    answer = await call("GET", path)
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("format", "/md/v2/Securities/MOEX/SBER?format=Medium"),
        ("exchange", "/md/v2/Securities/NYSE/SBER"),
        ("depth", "/md/v2/orderbooks/MOEX/SBER?depth=51"),
        ("depth", "/md/v2/orderbooks/MOEX/SBER?depth=0"),
        ("depth", "/md/v2/orderbooks/MOEX/SBER?depth=deep"),
        ("limit", "/md/v2/Securities/MOEX/SBER/alltrades/history?from=1&to=2"),
        ("limit", "/md/v2/Securities/MOEX/SBER/alltrades/history?from=1&to=2&limit=50001"),
        ("priceFrom", "/md/v2/Securities/MOEX/SBER/alltrades?priceFrom=dear"),
        ("priceFrom", "/md/v2/Securities/MOEX/SBER/alltrades?priceFrom=1e999"),
        ("side", "/md/v2/Securities/MOEX/SBER/alltrades?side=hold"),
        ("descending", "/md/v2/Securities/MOEX/SBER/alltrades?descending=maybe"),
        ("tf", "/md/v2/history?symbol=SBER&exchange=MOEX&from=1&to=2"),
        ("from", "/md/v2/history?symbol=SBER&exchange=MOEX&tf=60&from=&to=2"),
        ("riskCategoryId", "/md/v2/risk/rates"),
        ("sector", "/md/v2/Securities?sector=SPACE"),
        ("orderId", "/md/v2/Clients/MOEX/D39004/orders/abc"),
        ("limit", "/md/v2/Stats/MOEX/D39004/history/trades?limit=1001"),
        ("dateFrom", "/md/v2/Stats/MOEX/D39004/history/trades?dateFrom=yesterday"),
    ],
)
async def test_a_parameter_that_is_not_valid_is_named(call: Caller, name: str, path: str) -> None:
    answer = await call("GET", path)
    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert answer.json["errors"].keys() == {name}
    assert not [problem for problem in problems(answer.json, "ValidationProblem", "any") if "traceId" not in problem]


@pytest.mark.parametrize(
    "query", ["portfolio=D39004&exchange=MOEX", "exchange=MOEX&stop=true", "portfolio=D39004&stop=true"]
)
async def test_a_cancel_needs_all_of_its_query(call: Caller, query: str) -> None:
    assert (await call("DELETE", f"{ORDERS}/1?{query}")).status == 400


async def test_what_the_exchange_refuses_to_read_comes_as_text(call: Caller) -> None:
    now = int(time.time())
    path = f"/md/v2/Securities/MOEX/SBER/alltrades/history?from={now - 9}&to={now}&limit=5"
    answer = await call("GET", path)
    assert (answer.status, answer.content_type) == (400, "text/plain; charset=utf-8")
    assert "today" in answer.text


async def test_a_known_path_under_another_method(call: Caller) -> None:
    answer = await call("PATCH", "/md/v2/time")
    assert (answer.status, answer.headers["Allow"], answer.body) == (405, "GET", b"")


async def test_paging_of_a_search(call: Caller) -> None:
    every = (await call("GET", "/md/v2/Securities", query={"limit": "1000"})).json
    pages = [
        (await call("GET", "/md/v2/Securities", query={"limit": "5", "offset": str(start)})).json for start in (0, 5)
    ]
    assert pages[0] + pages[1] == every[:10]
    assert len((await call("GET", "/md/v2/Securities")).json) <= 25
    assert (await call("GET", "/md/v2/Securities", query={"limit": "0"})).json == []


async def test_the_market_of_another_exchange_is_empty(call: Caller) -> None:
    for exchange in ("MOEX", "SPBX"):
        assert (await call("GET", f"/md/v2/Securities/{exchange}", query={"market": "spbx"})).json == []


async def test_depth_is_twenty_unless_told(call: Caller) -> None:
    book = (await call("GET", "/md/v2/orderbooks/MOEX/SBER")).json
    assert len(book["bids"]) == 20


async def test_candles_count_back_and_neighbours(call: Caller) -> None:
    now = int(time.time()) // 86_400 * 86_400
    query = {"symbol": "SBER", "exchange": "MOEX", "tf": "D", "from": str(now), "to": "32536799999", "countBack": "5"}
    page = (await call("GET", "/md/v2/history", query=query)).json
    assert len(page["history"]) == 5
    assert page["next"] is None
    assert page["prev"] < page["history"][0]["time"]


async def test_market_trades_are_filtered_in_lots_and_price(sandbox: Sandbox, call: Caller) -> None:
    last = sandbox.market["SBER"].quote.last_price
    for step, lots in ((Decimal(0), 3), (Decimal("0.05"), 7)):
        sandbox.market["SBER"].trade(price=last + step, lots=lots)
    query = {"qtyFrom": "7", "qtyTo": "7", "priceFrom": str(last + Decimal("0.05")), "descending": "true", "take": "1"}
    (trade,) = (await call("GET", "/md/v2/Securities/MOEX/SBER/alltrades", query=query)).json
    assert (trade["qty"], trade["price"], trade["orderno"], trade["existing"]) == (7, last + Decimal("0.05"), 0, False)


class TestPace:
    async def test_more_than_the_pace_is_429(self) -> None:
        with Sandbox(requests_per_second=5) as sandbox:
            async with aiohttp.ClientSession() as session:
                call = Caller(sandbox, session)
                seen = [(await call("GET", "/md/v2/time")).status for _ in range(9)]
                assert seen[:5] == [200] * 5
                assert 429 in seen
                call.token = None
                assert (await call("GET", "/md/v2/time")).status == 200


class TestHostileClients:
    async def test_a_body_that_is_too_large(self, call: Caller) -> None:
        answer = await call(
            "POST", f"{ORDERS}/actions/limit", data=io.BytesIO(b"x" * 2 * 1024 * 1024), request_id="huge"
        )
        assert (answer.status, answer.body) == (413, b"")
        assert (await call("GET", "/md/v2/time")).status == 200

    @pytest.mark.parametrize(
        "bytes_sent",
        [
            "GET\r\n\r\n",
            "NOPE NOPE NOPE\r\n\r\n",
            "GET /md/v2/time HTTP/1.1\r\nHost: a\r\nBroken header\r\n\r\n",
            "GET /" + "a" * 20_000 + " HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /md/v2/time HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
            "GET /md/v2/time HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 20_000 + "\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ],
        ids=["short", "noise", "header", "long path", "length", "many headers", "TLS"],
    )
    async def test_what_is_not_http_gets_a_400_or_an_end_and_hurts_nobody(
        self, sandbox: Sandbox, call: Caller, bytes_sent: str
    ) -> None:
        async with Line(sandbox) as line:
            await line.say(bytes_sent)
            if not line.writer.is_closing():
                line.writer.write_eof()
            heard, _ = await line.hear()
            assert heard == b"" or heard.split()[1] == b"400"
            assert b"Traceback" not in heard
        assert (await call("GET", "/md/v2/time")).status == 200

    async def test_odd_paths_reach_no_operation_by_accident(self, sandbox: Sandbox) -> None:
        for path in ("/md/v2/Securities/MOEX/../time", "/md/v2/%2e%2e/time", "//md//v2//time", "/md/v2/time/"):
            async with Line(sandbox) as line:
                await line.ask(path, "Connection: close")
                heard, _ = await line.hear()
                assert heard.startswith(
                    (b"HTTP/1.1 404", b"HTTP/1.1 401", b"HTTP/1.1 200 OK" if path.endswith("/") else b"!")
                )

    async def test_a_target_with_a_host_in_it(self, sandbox: Sandbox) -> None:
        async with Line(sandbox) as line:
            await line.ask(f"{sandbox.environment.api}/md/v2/time", "Connection: close")
            heard, _ = await line.hear()
        assert heard.startswith(b"HTTP/1.1 200")

    async def test_two_requests_in_one_piece(self, sandbox: Sandbox) -> None:
        async with Line(sandbox) as line:
            one = "GET /md/v2/time HTTP/1.1\r\nHost: a\r\n\r\n"
            await line.say(one + one)
            assert b"200 OK" in await line.hear_answer()
            assert b"200 OK" in await line.hear_answer()

    async def test_a_client_that_asks_for_leave_to_send_its_body(self, sandbox: Sandbox, call: Caller) -> None:
        async with Line(sandbox) as line:
            await line.say("POST /md/v2/time HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await line.say("{}")
            assert (await line.hear_answer()).startswith(b"HTTP/1.1 405")

    async def test_many_at_once(self, sandbox: Sandbox, call: Caller) -> None:
        answers = await asyncio.gather(*(call("GET", "/md/v2/Securities/MOEX:SBER/quotes") for _ in range(200)))
        assert {answer.status for answer in answers} == {200}
        assert sandbox.requests.count("market_data.get_quotes") == 200


class _Broken:
    """An exchange that fails at everything."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"{name} is broken")


async def test_a_failure_inside_is_a_bare_500_and_check_tells(sandbox: Sandbox, call: Caller) -> None:
    exchange = sandbox._gateway._exchange
    sandbox._gateway._exchange = _Broken()  # type: ignore[assignment]
    answer = await call("GET", "/md/v2/time")
    assert (answer.status, answer.body) == (500, b"")
    sandbox._gateway._exchange = exchange
    with pytest.raises(SandboxBroken, match="server_time is broken"):
        sandbox.check()
    sandbox._gateway.failures.clear()
