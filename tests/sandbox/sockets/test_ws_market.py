"""What subscriptions to markets show: snapshots, changes, their pace, their shape in every format."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from alor_async.sandbox import Assumptions, Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker, talking
from tests.sandbox.sockets.facts import EXISTING, FORMATS, MARKET_OPCODES, problems

BOOK, CANDLES, QUOTES, TAPE, INSTRUMENT = MARKET_OPCODES
KINDS = {"SBER": frozenset[str](), "SU26238RMFS4": frozenset({"bonds"}), "SiM6": frozenset({"derivatives"})}


def unix(sandbox: Sandbox) -> int:
    return int(sandbox.clock.now.timestamp())


def future_of(sandbox: Sandbox) -> str:
    return next(one.spec.symbol for one in sandbox.instruments if one.spec.is_derivative)


class TestShapes:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("kind", ["stock", "bond", "future"])
    @pytest.mark.parametrize("opcode", MARKET_OPCODES)
    async def test_snapshot_and_live(self, ws: Talker, opcode: str, kind: str, format: str) -> None:
        sandbox = ws.sandbox
        symbol = {"stock": "SBER", "bond": "SU26238RMFS4", "future": future_of(sandbox)}[kind]
        kinds = frozenset({{"stock": "stocks", "bond": "bonds", "future": "derivatives"}[kind]})
        fields: dict[str, Any] = {"depth": 5} if opcode in {BOOK, TAPE} else {}
        if opcode == CANDLES:
            fields = {"tf": 60, "from": unix(sandbox) - 3600}
        guid = await ws.subscribe(opcode, code=symbol, format=format.lower(), **fields)
        snapshot = ws.take(guid)
        assert snapshot
        market = sandbox.market[symbol]
        market.trade(price=market.quote.last_price + market.spec.price_step, lots=2)
        live = [] if opcode == INSTRUMENT else await ws.new(guid)
        wrong = [problem for data in snapshot + live for problem in problems(data, opcode, format, kinds)]
        assert not wrong
        if opcode in {BOOK, TAPE}:
            assert {data[EXISTING[format]] for data in snapshot} == {True}
            assert {data[EXISTING[format]] for data in live} == {False}


class TestBooks:
    async def test_it_is_the_book_of_rest(self, ws: Talker, rest: Caller) -> None:
        for format in FORMATS:
            guid = await ws.subscribe(BOOK, code="SBER", depth=7, format=format)
            (book,) = ws.take(guid)
            answer = await rest("GET", "/md/v2/orderbooks/MOEX/SBER", query={"depth": "7"}, format=format)
            assert book == answer.json

    async def test_twenty_levels_unless_asked(self, ws: Talker) -> None:
        guid = await ws.subscribe(BOOK, code="SBER")
        (book,) = ws.take(guid)
        assert (len(book["bids"]), len(book["asks"])) == (20, 20)

    async def test_a_change_comes_whole(self, ws: Talker, rest: Caller) -> None:
        guid = await ws.subscribe(BOOK, code="SBER", depth=3, format="Slim")
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price="301.55", lots=4)
        (book,) = await ws.new(guid)
        assert (len(book["b"]), len(book["a"]), book["h"]) == (3, 3, False)
        answer = await rest("GET", "/md/v2/orderbooks/MOEX/SBER", query={"depth": "3"}, format="Slim")
        assert {**book, "h": True} == answer.json

    async def test_an_order_of_a_client_is_a_change(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(BOOK, code="SBER", depth=1, format="Heavy")
        (before,) = ws.take(guid)
        price = before["bids"][0]["price"] + Decimal("0.01")
        assert (await rest.place_limit(stocks, price, lots=7)).status == 200
        (book,) = await ws.new(guid)
        assert book["bids"] == [{"price": price, "volume": 7}]

    @pytest.mark.parametrize("opcode", [BOOK, QUOTES])
    async def test_what_leaves_it_as_it_was_is_no_change(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str
    ) -> None:
        guid = await ws.subscribe(opcode, code="SBER")
        ws.take(guid)
        answer = await rest.place_limit(stocks, 250, timeInForce="immediateorcancel")
        assert answer.status == 200
        await ws.sandbox.clock.advance(seconds=1)
        await ws.quiet()
        assert not ws.take(guid)

    async def test_the_book_of_another_instrument_is_none_of_its_business(self, ws: Talker) -> None:
        guid = await ws.subscribe(BOOK, code="SBER")
        ws.take(guid)
        ws.sandbox.market["GAZP"].trade(price=120, lots=4)
        await ws.quiet()
        assert not ws.take(guid)

    async def test_boards_are_apart(self, ws: Talker) -> None:
        boards = next(one.spec.all_boards for one in ws.sandbox.instruments if len(one.spec.all_boards) > 1)
        symbol = next(one.spec.symbol for one in ws.sandbox.instruments if one.spec.all_boards == boards)
        guid = await ws.subscribe(BOOK, code=symbol, instrumentGroup=boards[1])
        (book,) = ws.take(guid)
        assert (book["bids"], book["asks"]) == ([], [])


PACES = [
    ("Simple", None, 0.175),
    ("Slim", None, 0.175),
    ("Heavy", None, 0.5),
    ("Simple", 0, 0.025),
    ("Slim", -5, 0.01),
    ("Heavy", 10, 0.5),
    ("Slim", 10, 0.01),
    ("Simple", 1000, 1.0),
]


class TestPace:
    @pytest.mark.parametrize("opcode", [BOOK, QUOTES, CANDLES])
    @pytest.mark.parametrize(("format", "frequency", "interval"), PACES)
    async def test_one_message_in_an_interval_and_the_newest_wins(
        self, ws: Talker, opcode: str, format: str, frequency: int | None, interval: float
    ) -> None:
        sandbox = ws.sandbox
        fields = {"tf": "D", "from": unix(sandbox), "skipHistory": True} if opcode == CANDLES else {}
        if frequency is not None:
            fields["frequency"] = frequency
        guid = await ws.subscribe(opcode, code="SBER", format=format, **fields)
        ws.take(guid)
        for tick in range(3):
            sandbox.market["SBER"].trade(price=Decimal(300) + Decimal(tick) / 100, lots=1)
        await ws.quiet()
        assert len(ws.take(guid)) == 1  # the first change goes at once
        await sandbox.clock.advance(seconds=interval - 0.001)
        await ws.quiet()
        assert not ws.take(guid)
        await sandbox.clock.advance(seconds=0.001)
        (last,) = await ws.new(guid)
        assert any(value == Decimal("300.02") for value in _prices(last))
        await sandbox.clock.advance(seconds=10)
        await ws.quiet()
        assert not ws.take(guid)

    async def test_moments_on_the_way_are_not_lost_when_time_jumps(self, ws: Talker) -> None:
        """A jump of time shows every state that its own interval would have shown."""
        fast = await ws.subscribe(BOOK, code="SBER", format="Slim", frequency=10)
        slow = await ws.subscribe(BOOK, code="SBER", format="Slim", frequency=1000)
        market = ws.sandbox.market["SBER"]
        for tick in range(30):
            market.trade(price=Decimal(300) + Decimal(tick) / 100, lots=1)
            await ws.sandbox.clock.advance(seconds=0.1)
        await ws.sandbox.clock.advance(seconds=1)
        await ws.quiet()
        assert (len(ws.take(fast)), len(ws.take(slow))) == (31, 5)

    @pytest.mark.parametrize("opcode", [BOOK, QUOTES])
    async def test_one_who_joins_between_two_is_told_what_came_back(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str
    ) -> None:
        """The first has seen what the second has not: the state before the one that only the second was shown."""
        await ws.subscribe(opcode, code="SBER")
        bid = ws.sandbox.market["SBER"].book.bids[0].price
        await rest.place_limit(stocks, bid, lots=1)
        passing = (await rest.place_limit(stocks, bid, lots=7)).json["orderNumber"]
        guid = await ws.subscribe(opcode, code="SBER")
        query = {"portfolio": stocks, "exchange": "MOEX", "stop": "false"}
        await rest("DELETE", f"/commandapi/warptrans/TRADE/v2/client/orders/{passing}", query=query)
        await ws.sandbox.clock.advance(seconds=1)
        last = (await ws.new(guid, 2))[-1]
        lots = last["bid_vol"] if opcode == QUOTES else last["bids"][0]["volume"]
        assert lots == ws.sandbox.market["SBER"].book.bids[0].lots

    async def test_an_interval_below_the_least_may_be_refused(self) -> None:
        with Sandbox(assumptions=Assumptions(low_frequency="refused")) as sandbox:
            async with talking(sandbox) as ws:
                assert (await ws.ask(BOOK, code="SBER", frequency=24))["httpCode"] == 400
                assert (await ws.ask(BOOK, code="SBER", frequency=499, format="Heavy"))["httpCode"] == 400
                await ws.subscribe(BOOK, code="SBER", frequency=25)
                await ws.subscribe(BOOK, code="SBER", format="Heavy")

    async def test_trades_have_no_pace(self, ws: Talker) -> None:
        guid = await ws.subscribe(TAPE, code="SBER", frequency=100_000)
        for lots in range(1, 51):
            ws.sandbox.market["SBER"].trade(price=300, lots=lots)
        trades = await ws.new(guid, 50)
        assert sum(trade["qty"] for trade in trades) == sum(range(1, 51))
        assert [trade["id"] for trade in trades] == sorted(trade["id"] for trade in trades)


def _prices(data: Any) -> list[Any]:
    levels = [level for key in ("bids", "asks", "b", "a") for level in data.get(key) or []]
    return [value for level in levels for value in level.values()] + list(data.values())


class TestQuotes:
    @pytest.mark.parametrize("format", FORMATS)
    async def test_they_are_the_quotes_of_rest(self, ws: Talker, rest: Caller, format: str) -> None:
        guid = await ws.subscribe(QUOTES, code="SBER", format=format)
        ws.sandbox.market["SBER"].trade(price="301.55", lots=4)
        await ws.sandbox.clock.advance(seconds=1)
        quote = (await ws.new(guid, 2))[-1]
        (answer,) = (await rest("GET", "/md/v2/Securities/MOEX:SBER/quotes", format=format)).json
        assert quote == answer

    async def test_a_new_session_has_another_price_to_compare_with(self, ws: Talker, rest: Caller) -> None:
        guid = await ws.subscribe(QUOTES, code="SBER")
        ws.sandbox.market["SBER"].trade(price=301, lots=4)
        await ws.new(guid, 2)
        await ws.sandbox.clock.advance(days=1)
        (quote,) = await ws.new(guid)
        assert quote == (await rest("GET", "/md/v2/Securities/MOEX:SBER/quotes")).json[0]
        assert (quote["prev_close_price"], quote["change"]) == (301, 0)


class TestCandles:
    async def test_history_from_a_moment_is_that_of_rest(self, ws: Talker, rest: Caller) -> None:
        now = unix(ws.sandbox)
        start = now - 40 * 60
        guid = await ws.subscribe(CANDLES, code="SBER", tf="60", **{"from": start})
        query = {"symbol": "SBER", "exchange": "MOEX", "tf": "60", "from": str(start), "to": str(now)}
        history = (await rest("GET", "/md/v2/history", query=query)).json["history"]
        assert len(history) >= 30
        assert ws.take(guid) == history

    async def test_a_long_history_comes_whole_and_the_live_candle_after_it(self, ws: Talker) -> None:
        """Ten thousand candles are more than may wait unread: they are written as they leave."""
        start = unix(ws.sandbox) - 30 * 86_400
        guid = await ws.subscribe(CANDLES, code="SBER", tf=60, format="Slim", **{"from": start})
        ws.sandbox.market["SBER"].trade(price="300.30", lots=1)
        await ws.quiet()
        candles = ws.take(guid)
        assert len(candles) > 10_000
        assert candles[-1]["c"] == Decimal("300.30")
        times = [candle["t"] for candle in candles]
        assert times == sorted(times)

    async def test_it_may_be_skipped(self, ws: Talker) -> None:
        guid = await ws.subscribe(CANDLES, code="SBER", tf=60, skipHistory=True, **{"from": 0})
        await ws.quiet()
        assert not ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=300, lots=2)
        (candle,) = await ws.new(guid)
        assert (candle["volume"], candle["close"]) == (2, 300)

    async def test_from_the_future_there_is_none(self, ws: Talker) -> None:
        guid = await ws.subscribe(CANDLES, code="SBER", tf=60, **{"from": 2**62})
        assert not ws.take(guid)

    async def test_the_last_state_of_a_candle_comes_before_the_next_one(self, ws: Talker, rest: Caller) -> None:
        start = unix(ws.sandbox)
        guid = await ws.subscribe(CANDLES, code="SBER", tf=60, frequency=100_000, **{"from": start})
        market = ws.sandbox.market["SBER"]
        for lots, price in ((1, "300.10"), (2, "300.50"), (3, "300.05")):
            market.trade(price=price, lots=lots)
        await ws.sandbox.clock.advance(seconds=60 - start % 60)
        market.trade(price="301", lots=5)
        await ws.sandbox.clock.advance(seconds=40)
        await ws.quiet()
        candles = ws.take(guid)
        assert [(candle["time"], candle["volume"]) for candle in candles] == [
            (start // 60 * 60, 1),
            (start // 60 * 60, 6),
            (start // 60 * 60 + 60, 5),
        ]
        first = candles[1]
        assert (first["open"], first["high"], first["low"], first["close"]) == tuple(
            Decimal(price) for price in ("300.10", "300.50", "300.05", "300.05")
        )
        query = {"symbol": "SBER", "exchange": "MOEX", "tf": "60", "from": str(start), "to": str(start + 120)}
        assert (await rest("GET", "/md/v2/history", query=query)).json["history"] == candles[1:]

    async def test_a_candle_that_others_began_goes_on(self, ws: Talker) -> None:
        await ws.sandbox.clock.advance(seconds=3600 - unix(ws.sandbox) % 3600)
        ws.sandbox.market["SBER"].trade(price=300, lots=2)
        now = unix(ws.sandbox)
        guid = await ws.subscribe(CANDLES, code="SBER", tf=3600, **{"from": now})
        assert [candle["volume"] for candle in ws.take(guid)] == [2]
        ws.sandbox.market["SBER"].trade(price=299, lots=3)
        (candle,) = await ws.new(guid)
        assert (candle["open"], candle["close"], candle["volume"]) == (300, 299, 5)


class TestTape:
    async def test_nothing_of_the_past_unless_asked(self, ws: Talker) -> None:
        guid = await ws.subscribe(TAPE, code="SBER")
        assert not ws.take(guid)

    async def test_the_last_trades_are_those_of_rest(self, ws: Talker, rest: Caller) -> None:
        for lots in (1, 2):
            ws.sandbox.market["SBER"].trade(price=300, lots=lots)
        guid = await ws.subscribe(TAPE, code="SBER", depth=40)
        trades = ws.take(guid)
        query = {"descending": "true", "take": "40"}
        answer = (await rest("GET", "/md/v2/Securities/MOEX/SBER/alltrades", query=query)).json
        assert trades == [{**trade, "existing": True} for trade in reversed(answer)]
        assert len(trades) == 40

    async def test_live_trades_are_those_of_rest(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(TAPE, code="SBER", format="Heavy")
        await rest.place_market(stocks, lots=3_000)
        (first, *_) = trades = await ws.new(guid)
        query = {"fromId": str(first["id"])}
        answer = (await rest("GET", "/md/v2/Securities/MOEX/SBER/alltrades", query=query, format="Heavy")).json
        await ws.quiet()
        assert trades + ws.take(guid) == answer
        assert len(answer) > 1


class TestInstruments:
    async def test_the_whole_state_comes_first(self, ws: Talker, rest: Caller) -> None:
        guid = await ws.subscribe(INSTRUMENT, code="SBER")
        (state,) = ws.take(guid)
        answer = (await rest("GET", "/md/v2/Securities/MOEX/SBER")).json
        assert state == {key: answer[key] for key in state}
        assert state["priceMin"] < state["priceMax"]

    @pytest.mark.parametrize(("format", "symbol", "low"), [("Simple", "symbol", "priceMin"), ("Slim", "sym", "pxmn")])
    async def test_then_only_what_changed(self, ws: Talker, format: str, symbol: str, low: str) -> None:
        guid = await ws.subscribe(INSTRUMENT, code="SBER", format=format)
        (state,) = ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=320, lots=1)
        await ws.sandbox.clock.advance(days=1)
        (change,) = await ws.new(guid)
        assert set(change) < set(state)
        assert change[symbol] == "SBER"
        assert change[low] != state[low]
