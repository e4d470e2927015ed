"""What went wrong once with streams, and does not go wrong again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from aiohttp import web

from alor_async import merge
from alor_async._streams.events import Reconnected, SnapshotEnd, Stale, Update
from alor_async.config import StreamSettings
from alor_async.errors import (
    ClosedError,
    StreamError,
    StreamLost,
    SubscriptionRejected,
    TokenRefused,
    TokenUnavailable,
)
from tests.faults.hub_support import CoarseClock, client_of, listening, live, live_until, settings
from tests.support.streamserver import Heard, Line, StreamServer, acknowledge, welcome
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

PATIENCE = 3.0
"""Far less than what a subscription waits for a broker that does not answer."""


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


def ignore(_line: Line, _one: Heard) -> None:
    """Acknowledge nothing."""


def ignore_subscriptions(line: Line, one: Heard) -> None:
    """Acknowledge everything else."""
    if not one.is_subscription:
        line.reply(one.guid)


async def refuse(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=503)


class TestEnteringAndLeaving:
    @pytest.mark.parametrize("how", ["close", "drain"])
    async def test_one_that_is_left_while_it_opens_does_not_keep_its_opener_waiting(
        self, server: StreamServer, how: str
    ) -> None:
        server.answer = ignore
        async with server.client(settings(ack_timeout=30)) as alor:
            quotes = alor.streams.quotes("MOEX:SBER")
            entering = asyncio.create_task(quotes.__aenter__())
            await until(lambda: server.subscriptions)
            await getattr(quotes, how)()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(ClosedError):
                    await entering
            await until(lambda: server.of("unsubscribe"))

    async def test_one_that_is_left_before_its_request_is_written_is_not_asked_for(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            sandbox.faults.http.delay(0.3, operation="account.list_trades")
            trades = alor.streams.trades(STOCKS, skip_snapshot=True)
            entering = asyncio.create_task(trades.__aenter__())
            await until(lambda: sandbox.requests.count("account.list_trades"))
            await trades.close()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(ClosedError):
                    await entering
            assert not sandbox.messages.count("TradesGetAndSubscribeV2")

    async def test_f117_who_subscribes_after_a_refused_refresh_token_learns_it_at_once(self) -> None:
        async with (
            new_sandbox() as sandbox,
            client_of(sandbox) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            sandbox.faults.auth.revoke_refresh()
            sandbox.faults.ws.abort()
            await until(lambda: heard.is_over)
            async with asyncio.timeout(PATIENCE):
                for _ in range(2):
                    with pytest.raises(TokenRefused):
                        await alor.streams.quotes("MOEX:GAZP").__aenter__()

    async def test_who_iterates_already_learns_that_it_could_not_be_opened(self, server: StreamServer) -> None:
        server.handshake = refuse
        async with server.client(settings(ack_timeout=0.1)) as alor:
            quotes = alor.streams.quotes("MOEX:SBER")
            entering = asyncio.create_task(quotes.__aenter__())
            await asyncio.sleep(0)
            iterating = asyncio.ensure_future(anext(quotes))
            async with asyncio.timeout(PATIENCE):
                for waiting in (entering, iterating):
                    with pytest.raises(StreamLost):
                        await waiting

    async def test_who_iterates_already_does_not_wait_for_one_whose_opening_was_cancelled(
        self, server: StreamServer
    ) -> None:
        server.answer = ignore
        async with server.client(settings(ack_timeout=30)) as alor:
            quotes = alor.streams.quotes("MOEX:SBER")
            entering = asyncio.create_task(quotes.__aenter__())
            await until(lambda: server.subscriptions)
            iterating = asyncio.ensure_future(anext(quotes))
            await asyncio.sleep(0)
            entering.cancel()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(asyncio.CancelledError):
                    await entering
                with pytest.raises(StopAsyncIteration):
                    await iterating

    async def test_who_gets_no_token_in_time_is_told_why(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox, ack_timeout=0.3) as alor:
            sandbox.faults.http.status(503, server="oauth", times=None)
            with pytest.raises(StreamLost) as lost:
                await alor.streams.quotes("MOEX:SBER").__aenter__()
            assert isinstance(lost.value.last_error, TokenUnavailable)

    async def test_why_it_failed_once_is_no_reason_later(self, server: StreamServer) -> None:
        async with (
            server.client(settings(ack_timeout=0.3)) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
        ):
            server.handshake = refuse
            server.line.abort()
            await until(lambda: len(server.handshakes) > 2)
            server.handshake = welcome
            await until(lambda: quotes.is_live)
            assert [line.last_error for line in alor.streams._hub._lines] == [None]

    async def test_one_that_has_lived_is_asked_for_until_the_broker_answers(self) -> None:
        """A broker that restarts may acknowledge nothing for a while: that ends nothing that ran before."""
        clock = CoarseClock()
        async with (
            StreamServer(clock=clock) as server,
            server.client() as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            server.answer = ignore_subscriptions
            server.line.abort()
            await live(clock, 120, step=0.5)
            assert not heard.is_over
            assert len(server.subscriptions) <= 14
            server.answer = acknowledge
            await live(clock, 30, step=0.5)
            assert heard.kinds() == ["Disconnected", "Gap", "Reconnected", "SnapshotEnd"]
            assert quotes.is_live

    async def test_f117_giving_up_does_not_wait_for_a_pause_that_ends_later(self) -> None:
        clock = CoarseClock()
        async with (
            StreamServer(clock=clock) as server,
            server.client(StreamSettings(give_up_after=10, reconnect_base=60)) as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            server.handshake = refuse
            alor.streams._hub.random = lambda: 0.99
            server.line.abort()
            await live(clock, 11, step=0.5)
            assert isinstance(heard.error, StreamLost)

    @pytest.mark.parametrize(("ordered", "is_tried"), [(None, True), ("60", False)])
    async def test_f117_who_opens_in_a_long_pause_does_not_wait_in_vain(
        self, ordered: str | None, is_tried: bool
    ) -> None:
        """Several of them cost one attempt, and none where the broker itself asked for the pause."""

        async def refuse_for(_request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=503) if ordered is None else web.Response(status=429, headers=wait)

        clock, wait = CoarseClock(), {"Retry-After": str(ordered)}
        async with (
            StreamServer(clock=clock) as server,
            server.client() as alor,
            alor.streams.quotes("MOEX:SBER") as quotes,
            listening(quotes) as heard,
        ):
            alor.streams._hub.random = lambda: 0.99
            server.handshake = refuse_for
            server.line.abort()
            await live_until(clock, lambda: len(server.handshakes) == 10, within=600, step=0.5)
            entering = [asyncio.create_task(alor.streams.quotes(f"MOEX:I{one}").__aenter__()) for one in range(5)]
            await live(clock, 25, step=0.5)
            assert len(server.handshakes) == 10 + is_tried
            entering += [asyncio.create_task(alor.streams.quotes("MOEX:GAZP").__aenter__())]
            server.handshake = welcome
            await live(clock, 25, step=0.5)
            assert quotes.is_live is is_tried
            assert (entering[-1].done() and entering[-1].exception() is None) is is_tried
            await live(clock, 40, step=0.5)
            assert quotes.is_live
            assert heard.of(Reconnected)[0].attempts <= 12
            for task in entering:
                task.cancel()
            await asyncio.gather(*entering, return_exceptions=True)

    async def test_nothing_is_connected_for_those_who_left_in_a_pause(self) -> None:
        clock = CoarseClock()
        async with StreamServer(clock=clock) as server, server.client() as alor:
            async with alor.streams.quotes("MOEX:SBER"):
                server.handshake = refuse
                server.line.abort()
                await live_until(clock, lambda: len(server.handshakes) == 4, within=60)
            await live(clock, 60, step=0.5)
            assert len(server.handshakes) == 4

    @pytest.mark.parametrize("who", ["subscription", "client"])
    async def test_who_is_behind_when_it_is_closed_learns_that_it_is_closed(
        self, server: StreamServer, who: str
    ) -> None:
        async with server.client(settings()) as alor, alor.streams.market_trades("MOEX:SBER", inbox=2) as tape:
            for number in range(4):
                server.line.send("streams.market_trades", server.line.guid_of("SBER"), id=number, h=False)
            await until(lambda: tape.dropped == 2)
            await {"subscription": tape, "client": alor}[who].close()
            with pytest.raises(StopAsyncIteration if who == "subscription" else ClosedError):
                await anext(tape)
            assert tape.gaps == 0


class TestLooking:
    """What is overdue and what is quiet is found by a look that is taken now and then."""

    @pytest.mark.parametrize("quiet", [0.0, 0.35])
    async def test_f137_what_waits_is_read_before_a_snapshot_counts_as_over(
        self, server: StreamServer, quiet: float
    ) -> None:
        """Whoever acts on candles that are news must not get those of yesterday as such, because he computed for a while."""
        async with (
            server.client(settings(snapshot_pause=0.6)) as alor,
            alor.streams.candles("MOEX:SBER", timeframe=60, start=datetime(2026, 9, 14, tzinfo=UTC)) as candles,
            listening(candles) as heard,
        ):
            await asyncio.sleep(quiet)
            for minute in range(5):
                server.line.send("streams.candles", server.line.guid_of("SBER"), t=1_789_374_300 + 60 * minute)
            await asyncio.sleep(0)  # now they are on their way
            time.sleep(1.0)  # noqa: ASYNC251 - and somebody computes
            await until(lambda: heard.of(SnapshotEnd))
            assert len(heard.items) == 5
            assert all(update.is_snapshot for update in heard.of(Update))

    async def test_a_time_beyond_all_numbers_does_not_end_the_looking(self, server: StreamServer) -> None:
        async with server.client(settings(ack_timeout=0.2)) as alor, alor.streams.quotes("MOEX:SBER") as quotes:
            server.line.send("streams.quotes", server.line.guid_of("SBER"), tst=10**400)
            await anext(quotes)
            server.answer = ignore
            with pytest.raises(SubscriptionRejected):
                await alor.streams.quotes("MOEX:GAZP").__aenter__()
            assert quotes.lag is None


class TestMerging:
    async def test_one_that_may_not_be_read_does_not_lock_the_others(self, server: StreamServer) -> None:
        async with server.client(settings()) as alor, alor.streams.quotes("MOEX:SBER") as quotes:
            with pytest.raises(ClosedError):
                await anext(merge(quotes, alor.streams.quotes("MOEX:GAZP")))
            with pytest.raises(StreamError):
                await anext(merge(quotes, quotes))
            waiting = asyncio.create_task(anext(quotes))
            await asyncio.sleep(0)
            server.line.send("streams.quotes", server.line.guid_of("SBER"), c=251)
            assert (await waiting).last_price == 251


class TestStaleness:
    async def test_f120_a_position_that_changed_while_its_stream_was_dead_is_told(self, server: StreamServer) -> None:
        held = 10

        def answer(line: Line, one: Heard) -> None:
            line.reply(one.guid)
            if one.opcode == "PositionsGetAndSubscribeV2":
                line.send("streams.positions", one.guid, sym="SBER", tic="MOEX:SBER", q=held, h=True)

        server.answer = answer
        async with (
            server.client(settings(stale_after=0.3)) as alor,
            alor.streams.positions(STOCKS) as positions,
            alor.streams.quotes("MOEX:SBER"),
            listening(positions) as heard,
        ):
            line, guid = server.line, server.line.guid_of(STOCKS)
            line.send("streams.positions", guid, sym="SBER", tic="MOEX:SBER", q=11, h=False)
            await until(lambda: len(heard.items) == 2)
            held, said = 12, len(heard.events)
            async with asyncio.timeout(5):
                while len(server.of("PositionsGetAndSubscribeV2")) < 2:
                    line.send("streams.quotes", line.guid_of("SBER"), c=250)
                    await asyncio.sleep(0.02)
            await until(lambda: len(heard.items) == 3)
            assert [type(event) for event in heard.events[said:]][-2:] == [Stale, Update]
            assert heard.items[-1].units == 12

    async def test_f120_a_merely_quiet_one_is_left_alone_longer_each_time(self) -> None:
        clock = CoarseClock()
        async with StreamServer(clock=clock) as server:

            def answer(line: Line, one: Heard) -> None:
                line.reply(one.guid)
                if one.subject == "GAZP":
                    line.send("streams.quotes", one.guid, c=100)

            server.answer = answer
            async with (
                server.client() as alor,
                alor.streams.quotes("MOEX:GAZP") as quiet,
                alor.streams.quotes("MOEX:SBER") as busy,
                listening(quiet) as heard,
                listening(busy),
            ):
                for price in range(450):
                    server.line.send("streams.quotes", server.line.guid_of("SBER"), c=250 + price)
                    await live(clock, 2, step=2)
                asked = [one.at for one in server.subscriptions if one.subject == "GAZP"]
                pauses = [later - earlier for earlier, later in pairwise(asked)]
                assert [round(pause / 60) for pause in pauses] == [1, 2, 4]
                assert not heard.of(Stale)

    async def test_f120_those_that_are_looked_after_do_not_count_as_others_that_speak(self) -> None:
        clock = CoarseClock()
        async with StreamServer(clock=clock) as server:

            def answer(line: Line, one: Heard) -> None:
                line.reply(one.guid)
                if one.is_subscription:
                    line.send("streams.quotes", one.guid, c=100)

            server.answer = answer
            names = [f"MOEX:I{number}" for number in range(8)]
            async with server.client() as alor, alor.streams.quotes(*names) as quotes, listening(quotes):
                for number in range(8):
                    await live(clock, 10, step=2.5)
                    server.line.send("streams.quotes", server.line.guid_of(f"I{number}"), c=100 + number)
                await live(clock, 300, step=2.5)
                asked = len(server.subscriptions)
                await live(clock, 900, step=2.5)
                assert len(server.subscriptions) == asked, "the market sleeps"
