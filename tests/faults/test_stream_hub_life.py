"""A socket that lives, and what goes wrong on it: dead subscriptions, an unknown ping, ids, strangers' messages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from alor_async._streams.events import Disconnected, Reconnected, Stale
from alor_async.errors import SubscriptionRejected
from alor_async.models import TradingStatus
from alor_async.sandbox import Sandbox
from alor_async.values import InstrumentId
from tests.faults.hub_support import CoarseClock, client_of, listening, live, settings
from tests.support.streamserver import Heard, Line, StreamServer
from tests.support.waiting import until
from tests.support.world import new_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


async def trade(sandbox: Sandbox, *symbols: str) -> None:
    """Let the price of some instruments move, and a second pass."""
    for symbol in symbols:
        market = sandbox.market[symbol]
        market.move_to(market.quote.last_price + market.spec.price_step)
    await sandbox.clock.advance(seconds=1)


def guid_of(sandbox: Sandbox, symbol: str) -> str:
    """The guid of the running subscription to an instrument."""
    heard = [one for one in sandbox.messages if "Subscribe" in one.opcode and f'"{symbol}"' in one.text]
    return heard[-1].guid


class TestStaleness:
    async def test_f120_a_dead_subscription_is_noticed_against_the_others_and_renewed_alone(
        self, sandbox: Sandbox
    ) -> None:
        async with (
            client_of(sandbox, stale_after=0.5) as alor,
            alor.streams.order_book("MOEX:SBER") as dead,
            alor.streams.order_book("MOEX:GAZP") as alive,
            listening(dead) as silent,
            listening(alive) as speaking,
        ):
            await until(lambda: silent.items and speaking.items)
            muted = sandbox.faults.ws.mute(guid=guid_of(sandbox, "SBER"))
            requests = sandbox.messages.count("OrderBookGetAndSubscribe")
            async with asyncio.timeout(10):
                while not silent.of(Stale):
                    await trade(sandbox, "GAZP", "SBER")
                    await asyncio.sleep(0.02)
            assert muted.fired > 0
            assert silent.of(Stale)[0].instrument_id == InstrumentId("SBER", "MOEX")
            assert sandbox.messages.count("OrderBookGetAndSubscribe") == requests + 1, "only that one is renewed"
            assert '"SBER"' in sandbox.messages.of("OrderBookGetAndSubscribe")[-1].text
            assert sandbox.sockets.count("ws") == 1, "on the socket that lives"
            # What came after it is as new as ever, and the renewed one goes on.
            newest = sandbox.market["SBER"].book
            await until(lambda: silent.items[-1].bids[0].price == newest.bids[0].price)
            count = len(silent.items)
            await trade(sandbox, "SBER")
            await until(lambda: len(silent.items) > count)
            assert not speaking.of(Stale)
            assert not (*silent.of(Disconnected), *speaking.of(Disconnected))

    async def test_f120_a_market_that_sleeps_is_not_taken_for_a_dead_subscription(self) -> None:
        """Nobody speaks: there is nothing to judge one subscription by."""
        clock = CoarseClock()
        async with (
            StreamServer(clock=clock) as server,
            server.client() as alor,
            alor.streams.quotes("MOEX:SBER", "MOEX:GAZP") as quotes,
            listening(quotes) as heard,
        ):
            for symbol in ("SBER", "GAZP"):
                server.line.send("streams.quotes", server.line.guid_of(symbol), c=250)
            await live(clock, 600, step=2.5)
            assert len(server.lines) == 1
            assert len(server.subscriptions) == 2
            assert heard.kinds().count("Update") == 2
            assert not heard.of(Stale)


class TestPing:
    @pytest.mark.parametrize(("code", "pings"), [(400, 1), (404, 1), (None, 60)])
    async def test_f121_a_server_that_does_not_know_it_is_asked_no_more(self, code: int | None, pings: int) -> None:
        """The protocol's own pings go on and prove that the server lives, also where it says nothing to ours."""
        clock = CoarseClock()
        async with StreamServer(clock=clock) as server:

            def know_no_ping(line: Line, one: Heard) -> None:
                if one.opcode != "ping":
                    line.reply(one.guid)
                elif code is not None:
                    line.reply(one.guid, code, "The value of 'opcode' is missing or unknown")

            server.answer = know_no_ping
            async with (
                server.client() as alor,
                alor.streams.quotes("MOEX:SBER") as quotes,
                listening(quotes) as heard,
            ):
                await live(clock, 300, step=2.5)
                assert len(server.of("ping")) == pytest.approx(pings, abs=1)
                assert len(server.lines) == 1
                assert not heard.of(Disconnected)
                server.line.send("streams.quotes", server.line.guid_of("SBER"), c=251)
                await until(lambda: heard.items)

    async def test_f121_a_server_that_closes_at_it_is_not_asked_again_on_the_next_connection(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.faults.ws.ping_unsupported(closes=True)
        async with client_of(sandbox) as alor, alor.streams.quotes("MOEX:SBER") as quotes, listening(quotes) as heard:
            await until(lambda: heard.of(Reconnected), within=10)
            sockets = sandbox.sockets.count("ws")
            pings = sandbox.messages.count("ping")
            await asyncio.sleep(0.5)  # five times the interval of pings: nothing is to happen in it
            assert sandbox.sockets.count("ws") == sockets <= 4
            assert sandbox.messages.count("ping") == pings
            count = len(heard.items)
            await trade(sandbox, "SBER")
            await until(lambda: len(heard.items) > count)

    @pytest.mark.parametrize("code", [1000, 1003, 1008])
    async def test_f121_a_server_that_closes_without_a_word_is_understood(
        self, server: StreamServer, code: int
    ) -> None:
        async def close_at_it(line: Line, one: Heard) -> None:
            if one.opcode == "ping":
                await line.close(code)
            else:
                line.reply(one.guid)

        server.answer = close_at_it
        async with (
            server.client(settings(ping_every=0.05)) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            await until(lambda: heard.of(Reconnected), within=10)
            lines, pings = len(server.lines), len(server.of("ping"))
            await asyncio.sleep(0.5)  # ten times the interval of pings: nothing is to happen in it
            assert (len(server.lines), len(server.of("ping"))) == (lines, pings) == (2, 1)
            assert not heard.is_over

    async def test_f121_a_server_that_knows_it_no_more_is_understood_too(self, server: StreamServer) -> None:
        """One restart in the middle of a ping proves nothing; a second connection that ends at it does."""

        async def close_at_it(line: Line, one: Heard) -> None:
            if one.opcode == "ping":
                await line.close(1003)
            else:
                line.reply(one.guid)

        async with (
            server.client(settings(ping_every=0.05)) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            await until(lambda: len(server.of("ping")) > 2)
            server.answer = close_at_it
            await until(lambda: len(heard.of(Reconnected)) == 2, within=10)
            pings = len(server.of("ping"))
            await asyncio.sleep(0.5)  # ten times the interval of pings: nothing is to happen in it
            assert (len(server.lines), len(server.of("ping"))) == (3, pings)
            assert quotes.is_live
            assert not heard.is_over

    async def test_f121_where_it_is_known_it_goes_on(self) -> None:
        clock = CoarseClock()
        async with (
            StreamServer(clock=clock) as server,
            server.client() as alor,
            alor.streams.quotes("MOEX:SBER"),
        ):
            await live(clock, 100, step=0.5)
            pings = server.of("ping")
            assert 18 <= len(pings) <= 22
            assert len({one.guid for one in pings}) == len(pings) or len({one.guid for one in pings}) == 1
            assert len(server.lines) == 1


class TestGuids:
    async def test_f143_a_guid_is_used_once(self, sandbox: Sandbox) -> None:
        """Through opening, leaving, staleness, lost acknowledgements and reconnections, on every socket."""
        dice = random.Random(143)
        async with client_of(sandbox, ack_timeout=0.2, stale_after=0.2) as alor:
            open_streams = []
            sandbox.faults.ws.drop_ack(opcode="*Subscribe*", probability=0.1, times=None)
            for step in range(60):
                chance = dice.random()
                if chance < 0.6 or len(open_streams) < 3:
                    kind = dice.choice([alor.streams.quotes, alor.streams.order_book, alor.streams.market_trades])
                    stream = kind("MOEX:SBER", "MOEX:GAZP")
                    try:
                        await stream.__aenter__()
                    except SubscriptionRejected:
                        continue  # both acknowledgements were lost
                    open_streams.append(stream)
                elif chance < 0.9:
                    await open_streams.pop(dice.randrange(len(open_streams))).close()
                else:
                    sockets = sandbox.sockets.count("ws")
                    sandbox.faults.ws.abort()
                    await until(lambda: sandbox.sockets.count("ws") > sockets and len(sandbox.sockets))  # noqa: B023
                if step % 10 == 0:
                    await trade(sandbox, "GAZP")
            asked = [one for one in sandbox.messages if "subscribe" in one.opcode.lower()]
            asked = [one for one in asked if one.opcode != "unsubscribe"]
            guids = [(one.connection, one.guid) for one in asked]
            assert len(asked) > 60
            assert len(set(guids)) == len(guids), "never twice on a connection"
            assert len({guid for _, guid in guids}) == len(guids), "nor on another one"
            pings = {(one.connection, one.guid) for one in sandbox.messages.of("ping")}
            assert not pings & set(guids)

    async def test_f143_nor_among_thousands(self, server: StreamServer) -> None:
        names = [f"MOEX:I{number}" for number in range(1_000)]
        async with server.client(settings(requests_per_second=1e6)) as alor:
            for _ in range(3):
                async with alor.streams.quotes(*names), alor.streams.order_book(*names):
                    pass
        guids = [one.guid for one in server.subscriptions]
        assert len(set(guids)) == len(guids) == 6_000

    async def test_f144_a_message_for_nobody_is_dropped(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            alor.streams.quotes("MOEX:LKOH"),
        ):
            async with alor.streams.quotes("MOEX:GAZP"):
                left = server.line.guid_of("GAZP")
            line, guid = server.line, server.line.guid_of("SBER")
            for stranger in ("nobody", left, "", guid + "x", guid[:-1], 'a"b', "x" * 10_000, "😀"):
                line.send("streams.quotes", stranger, c=1)
            line.reply("nobody", 400, "not yours")
            for odd in (b"{}", b"[]", b"null", b'{"guid":7}', b'{"data":{}}', b'{"data":1,"guid":null}', b"\xff", b"{"):
                line.post(odd)
            line.send("streams.quotes", guid, c=251)
            assert (await anext(quotes)).last_price == 251
            assert (quotes.received, quotes.delivered, quotes.dropped) == (1, 1, 0)
            assert len(server.lines) == 1

    async def test_f144_nor_does_what_a_former_connection_was_told(self, server: StreamServer) -> None:
        async with server.client(settings()) as alor, alor.streams.quotes("MOEX:SBER") as quotes:
            former = server.line.guid_of("SBER")
            server.line.abort()
            await until(lambda: len(server.lines) == 2 and server.line.subscriptions)
            server.line.send("streams.quotes", former, c=1)
            server.line.send("streams.quotes", server.line.guid_of("SBER"), c=251)
            assert (await anext(quotes)).last_price == 251


class TestExpiry:
    async def test_f160_an_instrument_that_is_gone_ends_its_stream_when_it_goes_stale(
        self, server: StreamServer
    ) -> None:
        """It goes quiet, is asked for again because others speak, and the broker knows it no more."""
        is_gone = False

        def forget(line: Line, one: Heard) -> None:
            if is_gone and one.subject == "SiZ6":
                line.reply(one.guid, 404, "There is no such instrument")
            else:
                line.reply(one.guid)

        server.answer = forget
        async with (
            server.client(settings(stale_after=0.3)) as alor,
            alor.streams.quotes("MOEX:SiZ6") as expiring,
            alor.streams.quotes("MOEX:SBER") as other,
            listening(expiring) as ends,
            listening(other) as lives,
        ):
            server.line.send("streams.quotes", server.line.guid_of("SiZ6"), c=92_000)
            await until(lambda: ends.items)
            is_gone = True
            async with asyncio.timeout(10):
                price = 250
                while not ends.is_over:
                    price += 1
                    server.line.send("streams.quotes", server.line.guid_of("SBER"), c=price)
                    await asyncio.sleep(0.02)
            assert isinstance(ends.error, SubscriptionRejected)
            assert (ends.error.status, ends.error.reason) == (404, "There is no such instrument")
            assert len(ends.items) == 1
            assert not lives.is_over
            assert len(server.lines) == 1

    async def test_f160_a_contract_that_the_broker_still_knows_says_that_it_is_closed(self, sandbox: Sandbox) -> None:
        """It goes quiet and is looked after; as nothing was missed, nothing is said."""
        contract = next(one.spec for one in sandbox.instruments if one.spec.symbol.startswith("SBRF"))
        assert contract.expires_at is not None
        async with (
            client_of(sandbox, stale_after=0.3) as alor,
            alor.streams.instruments(f"MOEX:{contract.symbol}") as status,
            alor.streams.quotes(f"MOEX:{contract.symbol}") as quotes,
            alor.streams.quotes("MOEX:SBER") as others,
            listening(quotes) as heard,
            listening(others) as lives,
        ):
            await until(lambda: heard.items and lives.items)
            await sandbox.clock.set(contract.expires_at + timedelta(hours=1))
            await until(lambda: status.latest is not None and status.latest.trading_status is TradingStatus.CLOSED)
            await until(lambda: len(heard.items) == 2)
            said, asked = len(heard.events), sandbox.messages.count("QuotesSubscribe")
            async with asyncio.timeout(10):
                while sandbox.messages.count("QuotesSubscribe") == asked:
                    await trade(sandbox, "SBER")
                    await asyncio.sleep(0.02)
            await trade(sandbox, "SBER")
            await until(lambda: lives.items[-1].last_price == sandbox.market["SBER"].quote.last_price)
            assert heard.events[said:] == []
            assert not heard.is_over
            assert sandbox.sockets.count("ws") == 1
