"""The network under a subscription: silence, resets, messages too long, a held loop, tokens that end, a part before the whole."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from alor_async import AsyncAlor, StreamLost
from alor_async._streams.events import Disconnected, Gap, Reconnected, Update
from alor_async.config import Environment
from alor_async.errors import ConfigError
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import Listener, client_of, listening, settings
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


async def trade(sandbox: Sandbox, symbol: str = "SBER") -> None:
    """Let the price move, and a second pass."""
    market = sandbox.market[symbol]
    market.move_to(market.quote.last_price + market.spec.price_step)
    await sandbox.clock.advance(seconds=1)


async def goes_on(sandbox: Sandbox, listener: Listener) -> None:
    """Wait until news arrive again."""
    count = len(listener.items)
    async with asyncio.timeout(10):
        while len(listener.items) == count:
            await trade(sandbox)
            await asyncio.sleep(0.02)


class TestSilence:
    @pytest.mark.parametrize("direction", ["in", "out", "both"])
    async def test_f119_a_dead_path_is_announced_and_left(self, sandbox: Sandbox, direction: str) -> None:
        async with (
            client_of(sandbox, ping_every=0.1, silence=0.6) as alor,
            alor.streams.order_book("MOEX:SBER") as books,
            listening(books) as listener,
        ):
            await until(lambda: listener.items)
            began = time.time()
            with sandbox.faults.net.blackhole(direction, socket="ws"):
                await until(lambda: listener.of(Disconnected), within=10)
            assert listener.of(Disconnected)[0].reason == "silent"
            await until(lambda: listener.of(Reconnected), within=10)
            await goes_on(sandbox, listener)
            (gap,) = listener.of(Gap)
            assert gap.reason == "silent"
            assert gap.since.timestamp() < began + 0.6
            assert gap.until.timestamp() > began
            assert listener.kinds().count("Disconnected") == listener.kinds().count("Reconnected") == 1

    async def test_f137_a_handler_that_holds_the_loop_is_no_silence(self, sandbox: Sandbox) -> None:
        async with (
            client_of(sandbox, ping_every=0.1, silence=0.6) as alor,
            alor.streams.order_book("MOEX:SBER") as books,
            listening(books) as listener,
        ):
            await until(lambda: listener.items)
            for _ in range(3):
                time.sleep(0.9)  # noqa: ASYNC251 - that is what the handler does
                await goes_on(sandbox, listener)
            assert not listener.of(Disconnected)


class TestBreaks:
    @pytest.mark.parametrize("after_bytes", [1, 60, 200, 777])
    async def test_f122_a_reset_inside_a_message_delivers_no_part_of_it(
        self, sandbox: Sandbox, after_bytes: int
    ) -> None:
        async with (
            client_of(sandbox) as alor,
            alor.streams.market_trades("MOEX:SBER", depth=0) as tape,
            listening(tape) as listener,
        ):
            with sandbox.faults.net.reset(after_bytes, socket="ws"):
                async with asyncio.timeout(10):
                    while not listener.of(Disconnected):
                        await trade(sandbox)
                        await asyncio.sleep(0.01)
            await until(lambda: listener.of(Reconnected), within=10)
            await goes_on(sandbox, listener)
            told = [item.trade_id for item in listener.items]
            assert len(told) == len(set(told))
            assert not listener.is_over, "a part of a message would have ended the iteration"
            assert len(listener.of(Gap)) == len(listener.of(Reconnected))

    async def test_f125_a_message_past_the_limit_ends_its_connection_and_others_go_on(self, sandbox: Sandbox) -> None:
        async with (
            client_of(sandbox, max_message=4096) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as listener,
        ):
            await until(lambda: listener.items)
            with sandbox.faults.ws.corrupt(b"x" * 5000, opcode="QuotesSubscribe"):
                await trade(sandbox)
                await until(lambda: listener.of(Disconnected), within=10)
            assert listener.of(Disconnected)[0].reason == "too_long"
            await until(lambda: listener.of(Reconnected), within=10)
            await goes_on(sandbox, listener)
            assert [gap.reason for gap in listener.of(Gap)] == ["too_long"]


class TestTokens:
    async def test_f078_a_stream_outlives_its_token_and_the_next_request_brings_a_new_one(
        self, sandbox: Sandbox
    ) -> None:
        async with (
            client_of(sandbox) as alor,
            alor.streams.order_book("MOEX:SBER") as books,
            listening(books) as listener,
        ):
            await until(lambda: listener.items)
            refreshes = sandbox.tokens.refreshes
            sandbox.faults.auth.expire_now()
            await goes_on(sandbox, listener)
            async with alor.streams.orders(STOCKS) as orders:
                assert orders.is_live
            assert sandbox.tokens.refreshes == refreshes + 1
            assert not listener.of(Disconnected)
            tokens = {json.loads(one.text).get("token") for one in sandbox.messages if "Subscribe" in one.opcode}
            assert None not in tokens

    async def test_f086_a_socket_without_tls_cannot_be_configured_and_406_says_what_is_wrong(
        self, sandbox: Sandbox
    ) -> None:
        with pytest.raises(ConfigError, match="must be wss"):
            Environment(
                name="plain",
                api="https://api.alor.ru",
                oauth="https://oauth.alor.ru",
                ws="ws://api.alor.ru/ws",
                cws="wss://api.alor.ru/cws",
            )
        alor = AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, streams=settings())
        with sandbox.faults.ws.refuse(406, times=None):
            async with alor:
                with pytest.raises(StreamLost, match=r"406.*wss"):
                    await alor.streams.quotes("MOEX:SBER").__aenter__()


class TestParts:
    async def test_f053_a_part_that_comes_before_the_whole_is_held_back(self, sandbox: Sandbox) -> None:
        def first_part(message: bytes) -> bytes:
            told = json.loads(message)
            told["data"] = {key: told["data"][key] for key in list(told["data"])[-2:]}
            return json.dumps(told, separators=(",", ":")).encode()

        async with client_of(sandbox) as alor:
            with sandbox.faults.ws.corrupt(first_part, opcode="InstrumentsGetAndSubscribeV2") as changed:
                subscription = alor.streams.instruments("MOEX:SBER")
                async with subscription, listening(subscription) as listener:
                    await until(lambda: changed.fired)
                    await until(lambda: subscription.received >= 1)
                    assert subscription.latest is None
                    assert not listener.of(Update)
                    sandbox.faults.ws.abort()
                    await until(lambda: listener.items, within=10)
                    assert listener.items[0].symbol == "SBER"
                    assert not listener.is_over
