from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alor_async.errors import InvalidArgument
from alor_async.sandbox import Sandbox
from alor_async.sandbox.core.enums import OrderStatus, Side
from alor_async.sandbox.market import MarketHandle
from tests.sandbox.core.support import limit, place


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(seed=42, time="stepped")


@pytest.fixture
def sber(sandbox: Sandbox) -> MarketHandle:
    return sandbox.market["SBER"]


def tape(*events: dict[str, object]) -> list[str]:
    return [json.dumps({"symbol": "SBER", **event}) for event in events]


def trade(time: object, price: object, lots: object, **more: object) -> dict[str, object]:
    return {"time": time, "kind": "trade", "price": price, "lots": lots, **more}


def sides(handle: MarketHandle) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
    book = handle.book
    return [(level.price, level.lots) for level in book.bids], [(level.price, level.lots) for level in book.asks]


def test_a_tape_happens_at_its_own_times(sandbox: Sandbox, sber: MarketHandle) -> None:
    began = sandbox.clock.now
    lines = tape(
        {"time": 0, "kind": "book", "bids": [["290.10", 5], [290, 7]], "asks": [[290.2, 3]]},
        trade(10, 290.2, 2, side="buy"),
        trade(20.5, "290.1", 1, side="sell", note="says nothing"),
        {"time": 30, "kind": "book", "bids": [[289, 1]]},
    )
    ends = sandbox.market.replay([*lines, "", "  "])
    assert ends == began + timedelta(seconds=30)
    assert sides(sber) == ([(Decimal("290.10"), 5), (Decimal(290), 7)], [(Decimal("290.20"), 3)])
    sandbox.clock.advance_blocking(seconds=9)
    assert sber.quote.ask_volume == 3
    sandbox.clock.advance_blocking(seconds=1)
    assert (sber.quote.last_price, sber.quote.ask_volume) == (Decimal("290.20"), 1)
    sandbox.clock.advance_blocking(seconds=11)
    assert (sber.quote.last_price, sber.quote.bid_volume) == (Decimal("290.10"), 4)
    sandbox.clock.set_blocking(ends)
    assert sides(sber) == ([(Decimal(289), 1)], [])
    times = [trade.traded_at for trade in sandbox._exchange.list_market_trades("MOEX", "SBER")[-2:]]
    assert times == [began + timedelta(seconds=10), began + timedelta(seconds=20.5)]
    sandbox.check()


def test_a_tape_may_run_faster_and_name_its_times(sandbox: Sandbox, sber: MarketHandle) -> None:
    began = sandbox.clock.now
    lines = tape(
        trade("2024-02-29T10:00:00+03:00", "290.00", 1),
        trade("2024-02-29T07:01:00.5Z", "291.00", 2, symbol="MOEX:SBER"),
    )
    assert sandbox.market.replay(lines, speed=2) == began + timedelta(seconds=30.25)
    assert sber.quote.last_price == 290
    sandbox.clock.advance_blocking(seconds=30.25)
    assert sber.quote.last_price == 291
    assert sandbox.market.replay([]) == sandbox.clock.now


def test_clients_are_part_of_what_is_played(sandbox: Sandbox, sber: MarketHandle) -> None:
    exchange = sandbox._exchange
    sber.set_book(bids=[(290, 5)], asks=[(292, 5)])
    passed = place(exchange, limit(Side.BUY, 3, "290.50", board=None))
    met = place(exchange, limit(Side.SELL, 4, "291.50", board=None))
    sandbox.market.replay(
        tape(
            trade(1, "290.20", 6, side="sell"),
            trade(2, "291.50", 1, side="buy"),
            {"time": 3, "kind": "book", "bids": [["291.60", 2]], "asks": [["291.90", 1]]},
        )
    )
    sandbox.clock.advance_blocking(seconds=1)
    order = exchange.get_order("D39004", passed)
    assert order is not None
    assert (order.status, order.filled_lots) == (OrderStatus.FILLED, 3)
    assert [trade.lots for trade in exchange.list_market_trades("MOEX", "SBER")[-2:]] == [3, 6]
    assert sber.quote.bid == 290
    sandbox.clock.advance_blocking(seconds=2)
    order = exchange.get_order("D39004", met)
    assert order is not None
    assert order.filled_lots == 1 + 2
    assert sides(sber) == ([], [(Decimal("291.50"), 1), (Decimal("291.90"), 1)])
    sandbox.check()


def test_a_book_without_a_trade_keeps_only_what_the_price_does_not_pass(sandbox: Sandbox, sber: MarketHandle) -> None:
    sber.set_book(bids=[(290, 5), (289, 5)], asks=[(291, 5), (293, 5)])
    sandbox.market.replay(tape(trade(0, 292, 7, side="buy"), trade(0, "289.50", 2, side="sell")))
    assert sides(sber) == ([(Decimal(289), 5)], [(Decimal(293), 5)])
    assert sber.quote.last_price == Decimal("289.50")


def test_a_market_is_saved_and_played_again(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    first = Sandbox(seed=42, time="stepped", market={"SBER": "calm", "GAZP": "illiquid"})
    first.clock.advance_blocking(minutes=3)
    first.market.save(path, "SBER", "GAZP")
    second = Sandbox(seed=42, time="stepped")
    ends = second.market.replay(path)
    second.clock.set_blocking(ends)
    for symbol in ("SBER", "GAZP"):
        found = [
            [(trade.price, trade.lots, trade.side) for trade in sandbox._exchange.list_market_trades("MOEX", symbol)]
            for sandbox in (first, second)
        ]
        assert found[0] == found[1]
        assert len(found[0]) > 10
    second.check()
    everything = tmp_path / "all.ndjson"
    first.market.save(everything)
    assert everything.read_text() == path.read_text()
    with pytest.raises(InvalidArgument, match="instrument"):
        first.market.save(path, "NOSUCH")


def test_the_same_tape_makes_the_same_journal() -> None:
    def digest(steps: int) -> str:
        sandbox = Sandbox(seed=1, time="stepped")
        sandbox.market.replay(tape(*(trade(time, 290 + time % 3, 1 + time) for time in range(60))))
        for _ in range(steps):
            sandbox.clock.advance_blocking(seconds=60 / steps)
        return sandbox.journal.digest()

    assert digest(1) == digest(30)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ("[1]", "not a JSON object"),
        ('"a"', "not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        (trade(None, 290, 1), "time must be"),
        (trade(-1, 290, 1), "time must be"),
        (trade(True, 290, 1), "time must be"),
        (trade(10**12, 290, 1), "time must be"),
        (trade("noon", 290, 1), "is not a time"),
        (trade("2024-02-29T10:00:00", 290, 1), "has no zone"),
        (trade(4, 290, 1), "time runs backwards"),
        (trade(6, 290.001, 1), "price step 0.01"),
        (trade(6, "a", 1), "price step"),
        (trade(6, -290, 1), "price step"),
        (trade(6, [0, [2, 9, 0], 0], 1), "price step"),
        (trade(6, None, 1), "price step"),
        (trade(6, 290, 0), "quantity"),
        (trade(6, 290, 1.5), "quantity"),
        (trade(6, 290, None), "quantity"),
        (trade(6, 290, 1, side="up"), "side must be"),
        (trade(6, 290, 1, symbol="NOSUCH"), "no instrument 'NOSUCH'"),
        (trade(6, 290, 1, symbol="SPBX:SBER"), "no instrument"),
        (trade(6, 290, 1, symbol=5), "symbol is missing"),
        (trade(6, 290, 1) | {"kind": "quote"}, "kind must be"),
        ({"time": 6, "kind": "book", "bids": 5}, "bids must be pairs"),
        ({"time": 6, "kind": "book", "asks": [[290, 1, 2]]}, "asks must be pairs"),
        ({"time": 6, "kind": "book", "bids": [[290, 0]]}, "quantity"),
        ({"time": 6, "kind": "book", "bids": [[290, 1]], "asks": [[290, 1]]}, "crossed"),
    ],
)
def test_a_wrong_line_is_told_by_its_number(
    sandbox: Sandbox, sber: MarketHandle, line: str | dict[str, object], problem: str
) -> None:
    before = sber.quote, len(sandbox.journal)
    lines = [*tape(trade(0, 290, 1), trade(5, 290, 1)), "", line if isinstance(line, str) else tape(line)[0]]
    with pytest.raises(InvalidArgument, match="tape: line 4: ") as caught:
        sandbox.market.replay(lines)
    assert problem in str(caught.value)
    assert caught.value.argument == "tape"
    assert (sber.quote, len(sandbox.journal)) == before


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), True, "2"])
def test_a_wrong_speed(sandbox: Sandbox, speed: float) -> None:
    with pytest.raises(InvalidArgument, match="speed"):
        sandbox.market.replay([], speed=speed)


def test_a_file_that_is_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        sandbox.market.replay(tmp_path / "nowhere.ndjson")
