"""Starting, stopping, what is seen from outside, and from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from alor_async.config import Environment
from alor_async.errors import ClosedError, ConfigError, InvalidArgument
from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.support.waiting import until


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class TestLife:
    async def test_as_an_async_block(self) -> None:
        async with Sandbox(seed=1) as sandbox, aiohttp.ClientSession() as session:
            assert isinstance(sandbox.environment, Environment)
            assert (await Caller(sandbox, session)("GET", "/md/v2/time")).status == 200
            port = int(sandbox.environment.api.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    def test_by_hand_and_twice(self) -> None:
        sandbox = Sandbox()
        sandbox.stop()
        assert sandbox.start() is sandbox
        with pytest.raises(ClosedError):
            sandbox.start()
        sandbox.stop()
        sandbox.stop()
        with pytest.raises(ClosedError):
            sandbox.start()

    def test_addresses_are_known_once_it_runs(self) -> None:
        with pytest.raises(ClosedError, match="not started"):
            _ = Sandbox().environment

    async def test_stopping_is_quick_whatever_is_under_way_and_leaves_nothing(self) -> None:
        gc.collect()
        before = count_descriptors()
        async with aiohttp.ClientSession() as session:
            with Sandbox() as sandbox:
                call = Caller(sandbox, session)
                sandbox.faults.http.delay(60, operation="get_server_time")
                sandbox.faults.http.drip(pause=60, operation="instruments.list_currency_pairs")
                sandbox.faults.net.slicer(1, pause=60, operation="instruments.search")
                sandbox.faults.ack.drop(how="hang", operation="instruments.get")
                sandbox.faults.net.slow_close(60, operation="instruments.list_risk_rates")
                paths = (
                    "time",
                    "Securities/currencyPairs",
                    "Securities",
                    "Securities/MOEX/SBER",
                    "risk/rates?riskCategoryId=1",
                )
                waiting = [asyncio.create_task(call("GET", f"/md/v2/{path}")) for path in paths]
                await until(lambda: len(sandbox.requests) == len(paths))
                begun = time.monotonic()
            assert time.monotonic() - begun < 1.0
            await asyncio.wait(waiting)
            assert [task.exception() is not None for task in waiting[:4]] == [True] * 4
        gc.collect()
        await until(lambda: count_descriptors() <= before)

    @pytest.mark.parametrize("pause", [0.0, 0.001, 0.003])
    def test_what_arrives_while_it_stops_is_closed(self, pause: float) -> None:
        """What is left open warns when it is collected, and a warning fails the test."""

        def arrive() -> None:
            with contextlib.suppress(OSError):
                while len(arrived) < 200:
                    arrived.append(socket.create_connection(("127.0.0.1", port), timeout=1))

        for _ in range(10):
            arrived: list[socket.socket] = []
            with Sandbox(time="stepped") as sandbox:
                port = int(sandbox.environment.api.rpartition(":")[2])
                crowd = threading.Thread(target=arrive)
                crowd.start()
                time.sleep(pause)
            crowd.join()
            for client in arrived:
                client.close()
            del sandbox
            gc.collect()

    async def test_a_blocked_client_loop_does_not_freeze_the_exchange(self) -> None:
        with Sandbox() as sandbox:
            done = threading.Event()

            def other() -> None:
                async def ask() -> None:
                    async with aiohttp.ClientSession() as session:
                        assert (await Caller(sandbox, session)("GET", "/md/v2/time")).status == 200

                asyncio.run(ask())
                done.set()

            thread = threading.Thread(target=other)
            thread.start()
            assert done.wait(5)
            thread.join()

    def test_a_taken_port_is_told_and_nothing_stays_open(self) -> None:
        with Sandbox() as first:
            port = int(first.environment.oauth.rpartition(":")[2])
            before = count_descriptors()
            with pytest.raises(OSError, match="in use"):
                Sandbox(oauth_port=port).start()
            assert count_descriptors() == before

    def test_a_port_of_choice(self) -> None:
        with Sandbox() as first:
            port = int(first.environment.api.rpartition(":")[2])
        with Sandbox(port=port) as again:
            assert again.environment.api == f"http://127.0.0.1:{port}"

    async def test_two_sandboxes_do_not_know_each_other(self) -> None:
        with Sandbox(seed=1) as one, Sandbox(seed=2) as two:
            async with aiohttp.ClientSession() as session:
                stranger = Caller(two, session)
                stranger.token = one.tokens.issue()
                assert (await stranger("GET", "/md/v2/time")).status == 401
                body = {"token": one.refresh_token}
                assert (await stranger("POST", "/refresh", server="oauth", json=body)).status == 403

    async def test_a_client_that_leaves_in_the_middle_is_no_failure(self, sandbox: Sandbox) -> None:
        sandbox.faults.http.drip(pause=0.01, size=1)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{sandbox.environment.api}/md/v2/Securities") as response:
                await response.content.readexactly(1)
                response.close()
            await until(lambda: sandbox.connections == 0)
        sandbox.check()

    async def test_idle_connections_are_closed(self) -> None:
        with Sandbox(keepalive=0.05) as sandbox:
            async with aiohttp.ClientSession() as session:
                assert (await Caller(sandbox, session)("GET", "/md/v2/time")).status == 200
                await until(lambda: sandbox.connections == 0)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", "42"),
        ("seed", True),
        ("port", -1),
        ("port", 70_000),
        ("oauth_port", 1.5),
        ("token_life", 0),
        ("token_life", float("inf")),
        ("requests_per_second", 0),
        ("dedupe", "sometimes"),
        ("dedupe_life", -1),
        ("keepalive", "long"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Sandbox(**{argument: value})  # type: ignore[arg-type]
    assert caught.value.argument == argument


class TestWitness:
    async def test_what_was_received(self, sandbox: Sandbox, call: Caller) -> None:
        await call("GET", "/md/v2/securities/MOEX%3ASBER/quotes", query={"format": "Slim", "x": ""})
        await call("POST", "/nothing", json={"a": 1}, headers={"X-REQID": "7"})
        quotes, nothing = sandbox.requests
        assert (quotes.method, quotes.server, quotes.status) == ("GET", "api", 200)
        assert quotes.route == "/md/v2/Securities/{symbols}/quotes"
        assert quotes.operation == "market_data.get_quotes"
        assert quotes.query == {"format": "Slim", "x": ""}
        assert quotes.path.startswith("/md/v2/securities/MOEX")
        assert (nothing.route, nothing.operation, nothing.status, nothing.json) == (None, None, 404, {"a": 1})
        assert (nothing.header("x-reqid"), nothing.header("x-none"), nothing.body) == ("7", None, b'{"a": 1}')
        assert sandbox.requests.count() == len(sandbox.requests) == 2
        assert sandbox.requests.count("market_data.*") == 1
        assert sandbox.requests.count(route="GET /md/v2/Securities/{symbols}/quotes") == 1
        assert sandbox.requests.count(route="/md/v2/time") == 0
        assert sandbox.requests.of("market_data.*") == (quotes,)
        assert "GET" in repr(quotes)
        sandbox.requests.clear()
        assert len(sandbox.requests) == 0

    async def test_no_secret_is_kept_readable(self, sandbox: Sandbox, call: Caller) -> None:
        secret = sandbox.refresh_token
        await call("GET", "/md/v2/time")
        await call("POST", "/refresh", server="oauth", json={"token": secret, "allowedPortfolios": ["D1"]})
        await call("POST", "/refresh", server="oauth", query={"Token": secret})
        for received in sandbox.requests:
            shown = f"{received!r} {received.path} {received.query} {received.headers} {received.body!r}"
            assert secret not in shown
            assert call.token is not None
            assert call.token not in shown
        first, second, third = sandbox.requests
        assert first.headers["Authorization"] == "Bearer ***"
        assert second.json == {"token": "***", "allowedPortfolios": ["D1"]}
        assert third.query == {"Token": "***"}
        assert third.body == b""

    async def test_from_many_threads_at_once(self, sandbox: Sandbox, call: Caller, portfolio: str) -> None:
        bid = sandbox.market["SBER"].quote.bid
        assert bid is not None

        def look(number: int) -> int:
            sandbox.faults.http.header("X-Number", str(number), times=None).clear()
            sandbox.tokens.issue(life=5)
            sandbox.market["GAZP"].trade(price=sandbox.market["GAZP"].quote.last_price, lots=1)
            sandbox.positions()
            sandbox.check()
            return len(sandbox.orders(portfolio)) + len(sandbox.trades()) + len(list(sandbox.requests))

        with ThreadPoolExecutor(8) as pool:
            looking = [pool.submit(look, number) for number in range(40)]
            placed = await asyncio.gather(*(call.place_limit(portfolio, bid - 5) for _ in range(40)))
            assert {answer.status for answer in placed} == {200}
            assert all(future.result() >= 0 for future in looking)
        assert len(sandbox.orders(portfolio)) == 40

    def test_the_market_by_name(self, sandbox: Sandbox) -> None:
        market = sandbox.market["moex:sber"]
        assert market.spec.symbol == "SBER"
        assert len(market.book.bids) > 20
        price = market.quote.last_price + 1
        trade = market.trade(price=str(price), lots=4)
        assert (trade.price, trade.lots) == (price, 4)
        assert market.quote.last_price == price
        with pytest.raises(InvalidArgument, match="NOPE"):
            sandbox.market["NOPE"]

    def test_who_it_is(self, sandbox: Sandbox) -> None:
        assert sandbox.login
        assert len(sandbox.portfolios) == 4
        assert sandbox.stop_orders() == ()
        assert {item.spec.symbol for item in sandbox.instruments} >= {"SBER", "GAZP", "LKOH", "YDEX"}


class TestRequestIdLife:
    async def test_an_id_is_forgotten_with_exchange_time(self) -> None:
        with Sandbox(time="stepped", dedupe_life=60) as sandbox:
            bid = sandbox.market["SBER"].quote.bid
            assert bid is not None
            async with aiohttp.ClientSession() as session:
                call = Caller(sandbox, session)
                portfolio = sandbox.portfolios[0]
                assert (await call.place_limit(portfolio, bid - 5, request_id="x")).status == 200
                await sandbox.clock.advance(seconds=59)
                assert (await call.place_limit(portfolio, bid - 5, request_id="x")).status == 400
                await sandbox.clock.advance(seconds=1)
                assert (await call.place_limit(portfolio, bid - 5, request_id="x")).status == 200
