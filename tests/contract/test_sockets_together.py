"""The contract and the sandbox, written apart, agree: each request is understood, each frame and reply is what it should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import jsonschema
import pytest
from msgspec import Raw

from alor_async._contract.bodies import (
    CancellationBody,
    InstrumentKey,
    LimitOrderBody,
    LimitOrderReplacementBody,
    OrderOwner,
    StopLimitOrderBody,
    StopLimitOrderReplacementBody,
    StopOrderBody,
)
from alor_async._contract.commands import ALL as ALL_COMMANDS
from alor_async._contract.commands import COMMAND_SOCKET_AUTHORIZE, COMMAND_SOCKET_PING
from alor_async._contract.subscriptions import STREAMS_PING, STREAMS_UNSUBSCRIBE
from alor_async._http.message import SUCCESS_BELOW, merge_data
from alor_async.models import Condition, Exchange, Side
from alor_async.sandbox import Sandbox
from alor_async.values import Format
from tests.contract.socket_kit import STREAMS, closed, problems

COMMANDS: dict[str, Any] = {command.name: command for command in ALL_COMMANDS}
INSTRUMENT = InstrumentKey(symbol="SBER", exchange=Exchange.MOEX)
ANSWER_WITHIN = 10


class Line:
    """One socket to the sandbox: what is sent is the bytes of a spec, what comes is sorted by guid."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._guids = 0
        self.frames: dict[str, list[bytes]] = {}

    def new_guid(self) -> str:
        self._guids += 1
        return f"g_{self._guids}"

    async def reply(self, message: bytes) -> bytes:
        """Send a request and give its reply; data that come before are kept."""
        guid = json.loads(message)["guid"]
        await self._websocket.send_str(message.decode())
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                frame = (await self._websocket.receive_str()).encode()
                keys = json.loads(frame)
                if "data" in keys:
                    self.frames.setdefault(keys["guid"], []).append(frame)
                else:
                    assert keys["requestGuid"] == guid
                    return frame


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=42, time="stepped") as running:
        yield running
        running.check()


@pytest.fixture
async def ws(sandbox: Sandbox) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.environment.ws) as websocket:
        yield Line(websocket)


@pytest.fixture
async def cws(sandbox: Sandbox, token: str) -> AsyncIterator[Line]:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.environment.cws) as websocket:
        line = Line(websocket)
        wire = await line.reply(COMMAND_SOCKET_AUTHORIZE.message(guid=line.new_guid(), token=token))
        assert problems_of_reply("cws", "accepted", wire) == []
        reply = COMMAND_SOCKET_AUTHORIZE.reply[None].decode(wire)
        assert reply.message == "The connection has been initialized."
        yield line


@pytest.fixture
def desk(sandbox: Sandbox, cws: Line) -> Desk:
    return Desk(cws, portfolio_of(sandbox, "D"), sandbox.market["SBER"].book.bids[0].price)


@pytest.fixture
def token(sandbox: Sandbox) -> str:
    return sandbox.tokens.issue()


def portfolio_of(sandbox: Sandbox, first: str) -> str:
    return next(name for name in sandbox.portfolios if name.startswith(first))


async def subscribe_to_all(line: Line, sandbox: Sandbox, token: str, format_: Format) -> dict[str, str]:
    """Start every stream there is; the guids by the names of the streams."""
    stocks, derivatives = portfolio_of(sandbox, "D"), portfolio_of(sandbox, "7")
    started = int(sandbox.clock.now.timestamp()) // 60 * 60 - 600
    guids: dict[str, str] = {}
    for name, stream in STREAMS.items():
        values = {
            "symbol": "SBER",
            "exchange": "MOEX",
            "portfolio": derivatives if name == "streams.futures_risks" else stocks,
            "timeframe": "60",
            "from_timestamp": started,
            "depth": 10,
            "frequency_ms": 0,
        }
        known = {parameter.name for parameter in stream.parameters}
        guids[name] = line.new_guid()
        message = stream.message(
            {key: value for key, value in values.items() if key in known},
            guid=guids[name],
            token=token,
            format=format_,
        )
        accepted = stream.reply[None].decode(await line.reply(message))
        assert (accepted.request_guid, accepted.status) == (guids[name], 200), (name, accepted)
    return guids


async def ping(line: Line, token: str) -> None:
    """Wait for everything that was sent before."""
    wire = await line.reply(STREAMS_PING.message(guid=line.new_guid(), token=token))
    assert STREAMS_PING.reply[None].decode(wire).status == 200
    assert problems_of_reply("ws", "accepted", wire) == []


def problems_of_reply(channel: str, name: str, wire: bytes) -> list[str]:
    """Say what is wrong with a reply."""
    payload = closed(Format.SLIM)["channels"][channel]["messages"][name]["payload"]
    return [error.message for error in jsonschema.Draft202012Validator(payload).iter_errors(json.loads(wire))]


class Desk:
    """A socket to /cws that gives orders by the specs."""

    def __init__(self, line: Line, portfolio: str, bid: Decimal) -> None:
        self._line = line
        self._owner = OrderOwner(portfolio=portfolio)
        self.bid = bid

    def body(self, kind: type[Any]) -> Any:
        """Make a body of a class: an order that rests or a stop that waits, far from the market."""
        if kind is CancellationBody:
            return CancellationBody(exchange=Exchange.MOEX, user=self._owner)
        values: dict[str, Any] = {"side": Side.BUY, "lots": 2, "instrument": INSTRUMENT, "user": self._owner}
        if kind in {LimitOrderBody, LimitOrderReplacementBody, StopLimitOrderBody, StopLimitOrderReplacementBody}:
            values["price"] = self.bid - 5
        if kind in {StopOrderBody, StopLimitOrderBody, StopLimitOrderReplacementBody}:
            values |= {"side": Side.SELL, "condition": Condition.LESS_OR_EQUAL, "trigger_price": self.bid - 10}
        return kind(**values)

    async def run(self, name: str, order_id: str | None = None) -> str:
        """Give a command that is taken; the number of the order that now stands."""
        command, guid = COMMANDS[name], self._line.new_guid()
        message = command.message(self.body(command.body), guid=guid, order_id=order_id, check_duplicates=False)
        assert problems(name, Format.SLIM, message) == []
        wire = await self._line.reply(message)
        assert problems_of_reply("cws", "taken", wire) == [], wire
        reply = command.reply[None].decode(wire)
        assert reply.status < SUCCESS_BELOW
        assert reply.order_id is not None
        return str(reply.order_id)


@pytest.mark.parametrize("format_", Format)
async def test_every_stream_speaks_as_the_contract_says(
    sandbox: Sandbox, desk: Desk, ws: Line, token: str, format_: Format
) -> None:
    await desk.run("orders.place_limit")
    await desk.run("orders.place_market")
    await desk.run("stop_orders.place_stop")
    guids = await subscribe_to_all(ws, sandbox, token, format_)
    await desk.run("orders.place_market")
    await desk.run("orders.cancel_limit", await desk.run("orders.place_limit"))
    await desk.run("stop_orders.place_stop_limit")
    await sandbox.clock.advance(seconds=2)
    await ping(ws, token)
    for name, guid in guids.items():
        frames = ws.frames.get(guid, [])
        assert frames, name
        known: dict[str, Raw] = {}
        for frame in frames:
            assert problems(f"{name}.data", format_, frame) == [], name
            stream = STREAMS[name]
            if stream.is_partial:
                value = stream.data[format_].decode(merge_data(known, frame))
            else:
                value = stream.decode(frame, format_)
            assert type(value).__module__.startswith("alor_async.models.")
            if stream.has_snapshot_flag:
                assert isinstance(value.is_snapshot, bool)


async def test_every_command_is_taken(sandbox: Sandbox, desk: Desk, cws: Line) -> None:
    for facade, kind in (("orders", "limit"), ("stop_orders", "stop"), ("stop_orders", "stop_limit")):
        placed = await desk.run(f"{facade}.place_{kind}")
        replaced = await desk.run(f"{facade}.replace_{kind}", placed)
        assert replaced != placed
        assert await desk.run(f"{facade}.cancel_{kind}", replaced) == replaced
    assert await desk.run("orders.place_market")
    replaced = await desk.run("orders.replace_market", await desk.run("orders.place_limit"))
    assert {order.order_id for order in sandbox.orders()} >= {replaced}
    resting = await desk.run("orders.place_limit")
    assert await desk.run("orders.cancel_market", resting) == resting
    reply = await cws.reply(COMMAND_SOCKET_PING.message(guid=cws.new_guid()))
    assert COMMAND_SOCKET_PING.reply[None].decode(reply).status == 200


async def test_a_refusal_is_read_as_one(desk: Desk, cws: Line) -> None:
    command = COMMANDS["orders.cancel_limit"]
    wire = await cws.reply(command.message(desk.body(CancellationBody), guid=cws.new_guid(), order_id="999999999"))
    assert problems_of_reply("cws", "refused", wire) == []
    reply = command.reply[None].decode(wire)
    assert (reply.status, reply.order_id) == (400, None)


async def test_a_wrong_token_is_refused_and_a_stream_ends_when_told_so(sandbox: Sandbox, ws: Line, token: str) -> None:
    wire = await ws.reply(STREAMS_UNSUBSCRIBE.message(guid=ws.new_guid(), token="not.a.token"))
    assert problems_of_reply("ws", "refused", wire) == []
    assert STREAMS_UNSUBSCRIBE.reply[None].decode(wire).status == 401
    stream = STREAMS["streams.quotes"]
    message = stream.message({"symbol": "SBER", "exchange": "MOEX"}, guid="q", token=token, format=Format.SLIM)
    assert stream.reply[None].decode(await ws.reply(message)).status == 200
    wire = await ws.reply(STREAMS_UNSUBSCRIBE.message(guid="q", token=token))
    assert STREAMS_UNSUBSCRIBE.reply[None].decode(wire).status == 200
    await ping(ws, token)
    before = len(ws.frames["q"])
    await sandbox.clock.advance(seconds=5)
    await ping(ws, token)
    assert len(ws.frames["q"]) == before
