"""The eight bad days: each does what it says over real sockets, and the exchange is well when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox
from alor_async.sandbox.scenarios import NAMES, Scenario
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker, talking
from tests.sandbox.sockets.trader import trading
from tests.support.waiting import until

TIME = "/md/v2/time"
SOON = 0.2


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, time="stepped") as running:
        yield running
        running.check()


@pytest.fixture
async def rest(sandbox: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(sandbox, session)


def play(sandbox: Sandbox, name: str, **arguments: Any) -> Scenario:
    scenario: Scenario = getattr(sandbox.scenarios, name)(**arguments)
    return scenario


async def attempt(rest: Caller, method: str = "GET", path: str = TIME, **arguments: Any) -> int | str:
    """The status of an answer, or what went wrong instead of one."""
    try:
        async with asyncio.timeout(SOON):
            return (await rest(method, path, **arguments)).status
    except TimeoutError:
        return "silence"
    except aiohttp.ClientError as error:
        return type(error).__name__


async def outcomes(rest: Caller, count: int = 40, **arguments: Any) -> Counter[int | str]:
    return Counter([await attempt(rest, **arguments) for _ in range(count)])


async def assert_well(sandbox: Sandbox) -> None:
    """A new client can read, subscribe and trade, by either way."""
    assert sandbox.faults.armed == ()
    async with aiohttp.ClientSession() as session, talking(sandbox) as ws, trading(sandbox) as trader:
        rest = Caller(sandbox, session)
        assert (await rest("GET", TIME)).status == 200
        guid = await ws.subscribe("OrdersGetAndSubscribeV2", portfolio=trader.portfolio, skipHistory=True)
        answer = await rest.place_limit(trader.portfolio, trader.low)
        assert answer.status == 200, answer.text
        number = await trader.create()
        assert {order["id"] for order in await ws.new(guid, 2)} == {answer.json["orderNumber"], number}
    sandbox.check()


@pytest.mark.parametrize("name", NAMES)
async def test_each_begins_goes_on_ends_and_heals(sandbox: Sandbox, rest: Caller, name: str) -> None:
    async with talking(sandbox) as ws, play(sandbox, name) as scenario:
        assert scenario.is_on
        assert name in repr(scenario)
        for _ in range(3):
            await attempt(rest)
            with contextlib.suppress(ConnectionError):
                await ws.say({"opcode": "ping", "guid": "p", "token": ws.token})
            await sandbox.clock.advance(minutes=1)
        again = 1 if name in {"broker_restart", "clearing", "overload_429", "slow_consumer"} else 4
        await until(lambda: scenario.acts >= again)
    assert not scenario.is_on
    ended_after = scenario.acts
    await sandbox.clock.advance(minutes=5)
    assert scenario.acts == ended_after
    await assert_well(sandbox)


@pytest.mark.parametrize("name", NAMES)
async def test_each_ends_by_itself_when_its_time_is_over(sandbox: Sandbox, name: str) -> None:
    scenario = play(sandbox, name, seconds=20)
    scenario.begin()
    await sandbox.clock.advance(seconds=19)
    assert scenario.is_on
    await sandbox.clock.advance(seconds=1)
    await until(lambda: not scenario.is_on)
    await until(lambda: sandbox.faults.armed == ())
    await assert_well(sandbox)
    scenario.end()


async def test_one_is_played_once_and_a_stopped_sandbox_lets_it_end() -> None:
    with Sandbox(time="stepped") as sandbox:
        scenario = sandbox.scenarios.nat_drop()
        scenario.begin()
        with pytest.raises(ConfigError, match="nat_drop"):
            scenario.begin()
        broken = sandbox.scenarios.broker_restart()
        broken.begin()
    scenario.end()
    broken.end()


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("broker_restart", "down", 0),
        ("slow_consumer", "copies", 1),
        ("nat_drop", "seconds", -1),
        ("flaky_wifi", "probability", 2),
    ],
)
def test_a_wrong_argument_is_named(name: str, argument: str, value: Any) -> None:
    with Sandbox(time="stepped") as sandbox, pytest.raises(ConfigError) as caught:
        play(sandbox, name, **{"loss" if argument == "probability" else argument: value}).begin()
    assert caught.value.argument == argument


async def test_flaky_wifi_loses_some_and_cuts_sockets(sandbox: Sandbox, rest: Caller) -> None:
    async with talking(sandbox) as ws, sandbox.scenarios.flaky_wifi(loss=0.3, jitter=0.01) as scenario:
        seen = await outcomes(rest, method="POST", path="/md/v2/time")
        assert seen[405] > 10
        assert seen.total() - seen[405] > 3
        await ws.quiet()
        await sandbox.clock.advance(seconds=15)
        await until(lambda: ws.is_over)
        assert scenario.acts >= 2
    await assert_well(sandbox)


async def test_nat_drop_silences_what_is_open(sandbox: Sandbox, rest: Caller) -> None:
    await rest("GET", TIME)
    async with talking(sandbox) as ws, sandbox.scenarios.nat_drop():
        assert await attempt(rest) == "silence"
        await ws.say({"opcode": "ping", "guid": "p", "token": ws.token})
        await asyncio.sleep(SOON)
        assert not ws.replies["p"]
        assert not ws.is_over
        async with talking(sandbox) as second:
            await second.quiet()
            await sandbox.clock.advance(seconds=60)
            await second.say({"opcode": "ping", "guid": "p", "token": second.token})
            await asyncio.sleep(SOON)
            assert not second.replies["p"]
    await until(lambda: ws.is_over)


async def test_broker_restart_closes_refuses_and_comes_back(sandbox: Sandbox, rest: Caller) -> None:
    await rest("GET", TIME)
    async with talking(sandbox) as ws, sandbox.scenarios.broker_restart(down=5):
        await until(lambda: ws.is_over)
        assert ws.close_code == 1012
        down = await outcomes(rest, 3)
        assert set(down) <= {"ClientConnectorError", "ServerDisconnectedError", "ClientOSError"}
        assert down["ClientConnectorError"] >= 2
        await sandbox.clock.advance(seconds=5)
        await until(lambda: len(sandbox.faults.armed) == 1)
        assert [await attempt(rest) for _ in range(4)] == [503, 503, 503, 200]
    await assert_well(sandbox)


async def test_clearing_refuses_orders_and_lets_reads_go_on(sandbox: Sandbox, rest: Caller) -> None:
    async with trading(sandbox) as trader, sandbox.scenarios.clearing():
        assert await attempt(rest) == 200
        answer = await rest.place_limit(trader.portfolio, trader.low)
        assert (answer.status, answer.json["code"]) == (400, "ExchangeTradingIsStopped (306)")
        assert (await trader.command("create:limit", **trader.order()))["httpCode"] == 400
        assert sandbox.orders() == ()
    await assert_well(sandbox)


async def test_overload_429_turns_most_away(sandbox: Sandbox, rest: Caller) -> None:
    async with sandbox.scenarios.overload_429(share=0.6, retry_after=2):
        seen = await outcomes(rest)
        assert seen.keys() == {200, 429}
        assert 10 < seen[429] < 38
        handshakes = await outcomes(rest, path="/ws")
        assert handshakes.keys() == {426, 429}
        refresh = await outcomes(rest, method="POST", path="/refresh", server="oauth")
        assert refresh.keys() == {403, 429}
    await assert_well(sandbox)


async def test_token_storm_kills_tokens_again_and_again(sandbox: Sandbox, rest: Caller) -> None:
    async def refresh() -> int | str:
        answer = await rest("POST", "/refresh", server="oauth", json={"token": sandbox.refresh_token})
        if answer.status == 200:
            rest.token = answer.json["AccessToken"]
        return answer.status

    async with trading(sandbox) as trader, sandbox.scenarios.token_storm(slow=0.01):
        assert await attempt(rest) == 401
        assert (await trader.command("create:limit", **trader.order()))["httpCode"] == 401
        statuses = {await refresh() for _ in range(20)}
        assert statuses == {200, 503}
        assert await attempt(rest) == 200
        await sandbox.clock.advance(seconds=15)
        await until(lambda: len(sandbox.journal.of("fault")) and sandbox.tokens.grant(rest.token or "") is None)
        assert await attempt(rest) == 401
    await assert_well(sandbox)


def with_a_small_buffer(address: Any) -> socket.socket:
    """A socket of whose data the system takes little before it is read."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    return made


async def test_slow_consumer_cuts_who_does_not_keep_up(sandbox: Sandbox) -> None:
    async def watch(ws: Talker) -> str:
        return await ws.subscribe("AllTradesGetAndSubscribe", code="SBER")

    def trade() -> None:
        quote = sandbox.market["SBER"].quote
        assert quote.ask is not None
        sandbox.market["SBER"].trade(price=quote.ask, lots=1)

    async with talking(sandbox) as quick, sandbox.scenarios.slow_consumer(copies=60):
        guid = await watch(quick)
        trade()
        assert len(await quick.new(guid, 60)) == 60
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=with_a_small_buffer)) as session,
            session.ws_connect(sandbox.environment.ws) as idle,
        ):
            await idle.send_json(
                {
                    "opcode": "AllTradesGetAndSubscribe",
                    "guid": "never-read",
                    "code": "SBER",
                    "exchange": "MOEX",
                    "token": quick.token,
                }
            )
            await until(lambda: len(sandbox.sockets) == 2 and all(one.subscriptions for one in sandbox.sockets))
            for _ in range(200):
                trade()
                await quick.new(guid, 60)
            await until(lambda: len(sandbox.sockets) == 1)
        assert not quick.is_over
    await assert_well(sandbox)


async def test_evil_server_lies_in_every_way(sandbox: Sandbox, rest: Caller) -> None:
    async with talking(sandbox) as ws, sandbox.scenarios.evil_server(share=0.2):
        bodies: Counter[str] = Counter()
        for _ in range(80):
            try:
                answer = await rest("GET", TIME)
            except aiohttp.ClientError as error:
                bodies[type(error).__name__] += 1
            else:
                bodies["honest" if answer.body.isdigit() and len(answer.body) == 10 else f"{answer.status}"] += 1
        assert bodies["honest"] > 20
        assert len(bodies) >= 4, bodies
        assert {"200", "307", "429"} <= set(bodies)
        await sandbox.clock.advance(seconds=15)
        await until(lambda: any(entry.details["fault"] == "ws.raw" for entry in sandbox.journal.of("fault")))
        await ws.websocket.close()
    await assert_well(sandbox)


async def test_the_same_seed_plays_the_same_day() -> None:
    async def story(seed: int) -> list[Any]:
        with Sandbox(seed=seed, time="stepped") as sandbox:
            async with aiohttp.ClientSession() as session, sandbox.scenarios.overload_429(share=0.5):
                return [await attempt(Caller(sandbox, session)) for _ in range(20)]

    assert await story(3) == await story(3) != await story(4)
