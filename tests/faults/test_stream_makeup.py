"""What was asked for is never too much, what a slow consumer missed of candles is made up, and each hole is told once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from alor_async import AsyncAlor, InstrumentId, OnSlow
from alor_async._streams.events import Disconnected, Gap, Reconnected, SnapshotEnd, Update
from alor_async.errors import SlowConsumer
from alor_async.models import Side
from alor_async.values import Format
from tests.faults.hub_support import client_of, listening, settings
from tests.streams.kit import take, through, until_error
from tests.support.streamserver import Heard, Line, StreamServer
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

BEGIN: Final = 1_789_374_300
START: Final = datetime.fromtimestamp(BEGIN, UTC)
SBER, GAZP, LKOH = (InstrumentId.of(f"MOEX:{symbol}") for symbol in ("SBER", "GAZP", "LKOH"))
CANDLES: Final = "streams.candles"
TAPE: Final = "streams.market_trades"


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with StreamServer() as running:
        yield running


def candle(minute: int, close: int = 200) -> dict[str, Any]:
    return {"t": BEGIN + 60 * minute, "o": 200, "h": 300, "l": 100, "c": close}


def minute_of(item: Any) -> int:
    return (int(item.timestamp) - BEGIN) // 60


class TestSnapshots:
    """They were asked for: there is room for them beside what `inbox` counts."""

    @pytest.mark.parametrize("on_slow", OnSlow)
    async def test_f148_candles_of_long_ago_are_not_too_many(self, server: StreamServer, on_slow: OnSlow) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.candles(SBER, timeframe=60, start=START, inbox=2, on_slow=on_slow) as candles,
        ):
            for minute in range(100):
                server.line.send(CANDLES, server.line.guid_of("SBER"), **candle(minute))
            await until(lambda: candles.received == 100)
            *updates, _ = await through(candles.events(), SnapshotEnd)
            assert [minute_of(one.item) for one in updates if one.is_closed] == list(range(99))
            assert (candles.dropped, candles.gaps) == (0, 0)

    @pytest.mark.parametrize("on_slow", [OnSlow.RAISE, OnSlow.DROP_OLDEST])
    async def test_f148_deep_tapes_of_three_are_not_too_much_and_what_is_new_is_still_bounded(
        self, server: StreamServer, on_slow: OnSlow
    ) -> None:
        limit, deep, new = 10, 50, 25
        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades(SBER, GAZP, LKOH, depth=deep, inbox=limit, on_slow=on_slow) as tape,
        ):
            for symbol in ("SBER", "GAZP", "LKOH"):
                guid = server.line.guid_of(symbol)
                for number in range(deep):
                    server.line.send(TAPE, guid, id=number, h=True)
            for number in range(deep, deep + new):
                server.line.send(TAPE, server.line.guid_of("GAZP"), id=number, h=False)
            await until(lambda: tape.received == 3 * deep + new)
            assert tape.dropped == new - limit
            told: list[Any] = []
            if on_slow is OnSlow.RAISE:
                told, slow = await until_error(tape.events(), SlowConsumer)
                assert slow.dropped == new - limit
            while tape.pending:
                told += await take(tape.events())
            past = [one.item.trade_id for one in told if isinstance(one, Update) and one.is_snapshot]
            assert past == list(range(deep)) * 3
            fresh = [one.item.trade_id - deep for one in told if isinstance(one, Update) and not one.is_snapshot]
            assert fresh == (list(range(limit)) if on_slow is OnSlow.RAISE else list(range(new - limit, new)))
            gaps = [one for one in told if isinstance(one, Gap)]
            gaps += [one for one in await take(tape.events(), 1) if isinstance(one, Gap)] if not gaps else []
            assert [(gap.instrument_id, gap.lost, gap.reason) for gap in gaps] == [(GAZP, new - limit, "slow_consumer")]
            assert tape.gaps == 1

    @pytest.mark.parametrize("format", Format)
    async def test_f148_in_every_format_the_day_so_far_is_not_too_much(self, format: Format) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            for _ in range(6):
                await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            for stream in (
                alor.streams.orders(STOCKS, inbox=1, format=format),
                alor.streams.trades(STOCKS, inbox=1, format=format),
                alor.streams.positions(STOCKS, inbox=1, format=format),
                alor.streams.market_trades(SBER, depth=6, inbox=1, format=format),
            ):
                async with stream:
                    await until(lambda: stream.received >= 2)  # noqa: B023
                    await through(stream.events(), SnapshotEnd)
                    assert stream.dropped == 0

    async def test_once_history_is_taken_the_limit_is_what_it_was(self, server: StreamServer) -> None:
        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades(SBER, depth=50, inbox=5) as tape,
        ):
            guid = server.line.guid_of("SBER")
            for number in range(50):
                server.line.send(TAPE, guid, id=number, h=True)
            await take(tape, 50)
            for number in range(50, 70):
                server.line.send(TAPE, guid, id=number, h=False)
            await until(lambda: tape.received == 70)
            assert (tape.pending, tape.dropped) == (5, 15)


class Chronicle:
    """A broker that has all candles since the beginning, and tells them from where it is asked to."""

    def __init__(self, server: StreamServer) -> None:
        self.minutes = 1
        self.server = server
        server.answer = self.answer

    def answer(self, line: Line, one: Heard) -> None:
        line.reply(one.guid)
        if one.is_subscription:
            for minute in range(self.minutes):
                if BEGIN + 60 * minute >= one.fields["from"]:
                    line.send(CANDLES, one.guid, **candle(minute))

    def go_on(self, minutes: int) -> None:
        """Let so many more begin, each while it is listened to."""
        for minute in range(self.minutes, self.minutes + minutes):
            self.server.line.send(CANDLES, self.server.line.guid_of("SBER"), **candle(minute, 199))
            self.server.line.send(CANDLES, self.server.line.guid_of("SBER"), **candle(minute))
        self.minutes += minutes


class TestCandles:
    @pytest.mark.parametrize("on_slow", [OnSlow.CONFLATE, OnSlow.RAISE])
    async def test_f148_those_that_were_dropped_are_told_after_all_and_close_once(
        self, server: StreamServer, on_slow: OnSlow
    ) -> None:
        chronicle = Chronicle(server)
        async with (
            server.client(settings()) as alor,
            alor.streams.candles(SBER, timeframe=60, start=START, inbox=4, on_slow=on_slow) as candles,
        ):
            told: list[Any] = await through(candles.events(), SnapshotEnd)
            for times in range(1, 3):
                before = candles.received
                chronicle.go_on(20)
                await until(lambda: candles.received >= before + 40)  # noqa: B023
                waited, slow = await until_error(candles.events(), SlowConsumer)
                told += waited
                first = max(minute_of(one.item) for one in waited if isinstance(one, Update))
                if on_slow is OnSlow.CONFLATE:
                    assert slow.dropped == chronicle.minutes - 1 - first
                made_up = await through(candles.events(), SnapshotEnd)
                told += made_up
                asked = server.subscriptions[times].fields["from"]
                assert first <= (asked - BEGIN) // 60 <= first + 1
                assert isinstance(made_up[0], Gap)
                updates = [one for one in made_up if isinstance(one, Update)]
                assert all(one.is_recovered and not one.is_snapshot for one in updates)
                assert minute_of(updates[-1].item) == chronicle.minutes - 1
            chronicle.go_on(1)
            told += await take(candles.events(), 2)
        updates = [one for one in told if isinstance(one, Update)]
        closed = Counter(minute_of(one.item) for one in updates if one.is_closed)
        assert closed == dict.fromkeys(range(chronicle.minutes - 1), 1)
        assert not any(one.is_revision for one in updates)
        assert [minute_of(one.item) for one in updates] == sorted(minute_of(one.item) for one in updates)

    async def test_f148_of_plain_iteration_too(self, server: StreamServer) -> None:
        chronicle = Chronicle(server)
        async with (
            server.client(settings()) as alor,
            alor.streams.candles(SBER, timeframe=60, start=START, inbox=4) as candles,
        ):
            chronicle.go_on(50)
            await until(lambda: candles.received >= 101)
            items, _ = await until_error(candles, SlowConsumer)
            while minute_of((items := items + await take(candles))[-1]) < 50:
                pass
            final = {minute_of(item): int(item.close) for item in items}
            assert final == dict.fromkeys(range(51), 200)
            assert candles.latest == items[-1]

    async def test_f153_the_end_of_what_is_resumed_comes_after_it_however_long_it_takes(
        self, server: StreamServer
    ) -> None:
        async with (
            server.client(settings(snapshot_pause=0.05)) as alor,
            alor.streams.candles(SBER, timeframe=60, start=START) as candles,
            listening(candles) as heard,
        ):
            server.line.send(CANDLES, server.line.guid_of("SBER"), **candle(0))
            await until(lambda: heard.of(SnapshotEnd))
            server.line.abort()
            await until(lambda: heard.of(Reconnected))
            dialogue = alor.streams._hub._lines[0]._dialogue
            assert dialogue is not None
            accepted = dialogue.accepted_at
            await until(lambda: dialogue._looked_at > accepted + 0.2)  # four times the pause
            for minute in range(3):
                server.line.send(CANDLES, server.line.guid_of("SBER"), **candle(minute))
            await until(lambda: len(heard.of(SnapshotEnd)) == 2)
            assert heard.kinds()[-1] == "SnapshotEnd"
            assert list(dict.fromkeys(minute_of(item) for item in heard.items)) == [0, 1, 2]


class TestGaps:
    async def test_each_instrument_has_its_own_before_what_is_new_of_it(self, server: StreamServer) -> None:
        def answer(line: Line, one: Heard) -> None:
            if line.number == 1 or one.subject == "SBER":
                line.reply(one.guid)

        server.answer = answer
        async with (
            server.client(settings()) as alor,
            alor.streams.market_trades(SBER, GAZP) as tape,
            listening(tape) as heard,
        ):
            server.line.abort()
            await until(lambda: len(server.lines) == 2 and len(server.line.subscriptions) == 2)
            server.line.send(TAPE, server.line.guid_of("SBER"), id=1, h=False)
            await until(lambda: heard.items)
            server.line.reply(server.line.guid_of("GAZP"))
            server.line.send(TAPE, server.line.guid_of("GAZP"), id=2, h=False)
            await until(lambda: len(heard.items) == 2)
            assert heard.kinds()[:5] == ["Disconnected", "Gap", "Reconnected", "SnapshotEnd", "Update"]
            assert heard.kinds()[5:] == ["Gap", "SnapshotEnd", "Update"]
            first, second = heard.of(Gap)
            assert (first.instrument_id, second.instrument_id) == (SBER, GAZP)
            assert first.since == second.since == heard.of(Disconnected)[0].since
            assert first.until <= second.until
            assert tape.gaps == 1

    async def test_one_that_was_not_back_has_one_gap_over_two_interruptions(self, server: StreamServer) -> None:
        def answer(line: Line, one: Heard) -> None:
            if line.number != 2 or one.subject == "SBER":
                line.reply(one.guid)

        server.answer = answer
        async with (
            server.client(settings()) as alor,
            alor.streams.quotes(SBER, GAZP) as quotes,
            listening(quotes) as heard,
        ):
            server.line.abort()
            await until(lambda: heard.of(Reconnected))
            server.line.abort()
            await until(lambda: quotes.is_live and len(heard.of(Gap)) == 3)
            cuts, gaps = heard.of(Disconnected), heard.of(Gap)
            assert len(cuts) == len(heard.of(Reconnected)) == quotes.gaps == 2
            assert sorted((str(gap.instrument_id), gap.since) for gap in gaps) == [
                ("MOEX:GAZP", cuts[0].since),
                ("MOEX:SBER", cuts[0].since),
                ("MOEX:SBER", cuts[1].since),
            ]

    async def test_an_interruption_is_one_line_of_the_log(
        self, server: StreamServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "alor_async.streams"):
            async with (
                server.client(settings()) as alor,
                alor.streams.quotes(SBER, GAZP, LKOH) as quotes,
                listening(quotes) as heard,
            ):
                server.line.abort()
                await until(lambda: len(heard.of(Gap)) == 3)
        lines = [record.getMessage() for record in caplog.records]
        assert [sum(word in line for line in lines) for word in (": a gap", ": disconnected", ": reconnected")] == [
            1
        ] * 3


class TestRecovered:
    @pytest.mark.parametrize("rest_is_first", [False, True])
    @pytest.mark.parametrize("name", ["orders", "trades"])
    async def test_f138_what_is_found_is_news_whoever_finds_it(self, name: str, rest_is_first: bool) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            stream = getattr(alor.streams, name)(STOCKS)
            async with stream, listening(stream) as heard:
                await until(lambda: heard.of(SnapshotEnd))
                known = len(heard.items)
                assert all(one.is_snapshot and not one.is_recovered for one in heard.of(Update))
                await self._miss(sandbox, alor, name, rest_is_first)
                await until(lambda: len(heard.items) > known and len(heard.of(SnapshotEnd)) == 2)
                found = heard.of(Update)[known:]
                assert {(one.is_recovered, one.is_snapshot) for one in found} == {(True, False)}

    async def _miss(self, sandbox: Any, alor: AsyncAlor, name: str, rest_is_first: bool) -> None:
        """Let an order be filled while nobody listens, and one of the two ways to learn of it be slow."""
        operation = f"account.list_{name}"
        with sandbox.faults.ws.refuse(503, times=None):
            sandbox.faults.ws.abort()
            await until(lambda: not sandbox.sockets)
            await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
        if not rest_is_first:
            sandbox.faults.http.delay(0.5, operation=operation)
