from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from alor_async.sandbox.core.clock import WallClock, moscow_midnight, to_datetime, to_us
from alor_async.sandbox.core.commands import CancelOrder, ReplaceOrder
from alor_async.sandbox.core.enums import Condition, Side
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.core.journal import Journal
from tests.sandbox.core.support import (
    STOCKS,
    UNITED,
    WEDNESDAY_NOON,
    HandClock,
    forget_the_past,
    limit,
    market,
    place,
    place_stop,
    stop,
)

BUY, SELL = Side.BUY, Side.SELL


def live(seed: int, look: Callable[[Exchange], object] = lambda exchange: None) -> Exchange:
    """A short life: the same commands at the same times, with looks in between."""
    forget_the_past()
    clock = HandClock()
    exchange = Exchange(clock=clock, seed=seed)
    look(exchange)
    last = exchange.get_quote("MOEX", "SBER").last_price
    first = place(exchange, limit(BUY, 3, last - 1, board=None))
    clock.forward(seconds=1.5)
    look(exchange)
    place_stop(exchange, stop(SELL, 2, Condition.LESS, last - 2, protecting_seconds=5))
    exchange.crowd_trade("MOEX", "SBER", price=last - 3, lots=20)
    clock.forward(minutes=1)
    exchange.replace_order(ReplaceOrder(order_id=first, order=limit(BUY, 3, last - 2, board=None)))
    place(exchange, market(BUY, 40, portfolio=UNITED, board=None))
    look(exchange)
    clock.forward(days=1)
    exchange.cancel_order(CancelOrder(portfolio=STOCKS, order_id=first))
    exchange.advance()
    return exchange


def look_at_everything(exchange: Exchange) -> None:
    for instrument in exchange.list_instruments("MOEX", include_non_base_boards=True):
        exchange.get_book("MOEX", instrument.spec.symbol, board=instrument.board)
        exchange.get_quote("MOEX", instrument.spec.symbol)
    for info in exchange.portfolios:
        exchange.get_summary(info.portfolio)
        exchange.list_orders(info.portfolio)


def test_the_same_seed_and_commands_give_the_same_journal() -> None:
    exchange = live(42)
    assert exchange.check() == []
    assert live(42).journal.digest() == exchange.journal.digest()
    assert live(43).journal.digest() != exchange.journal.digest()


def test_looking_changes_nothing() -> None:
    assert live(42, look_at_everything).journal.digest() == live(42).journal.digest()


def test_the_journal_tells_what_happened() -> None:
    journal = live(42).journal
    kinds = [entry.kind for entry in journal]
    assert kinds[0] == "opened"
    assert {"command", "answer", "order_accepted", "trade", "fill", "stop_accepted", "stop_filled"} <= set(kinds)
    assert [entry.number for entry in journal] == list(range(1, len(journal) + 1))
    assert journal.since(len(journal) - 1)[0].kind == kinds[-1]
    times = [entry.time_us for entry in journal]
    assert times == sorted(times)
    lines = journal.to_lines().splitlines()
    assert len(lines) == len(journal)
    command = json.loads(lines[1])
    assert command["details"]["command"]["side"] == "buy"
    assert isinstance(command["details"]["command"]["price"], str)
    fired = next(entry for entry in journal.of("stop_filled"))
    assert fired.time_us == to_us(WEDNESDAY_NOON) + 6_500_000


def test_the_journal_takes_plain_things_only() -> None:
    journal = Journal()
    journal.record(1, "x", nothing=None, flag=True, price=Decimal("1.50"), at=WEDNESDAY_NOON, rows=[{"a": 1}])
    (entry,) = journal
    assert entry.details == {
        "nothing": None,
        "flag": True,
        "price": "1.50",
        "at": "2026-03-18T09:30:17+00:00",
        "rows": [{"a": 1}],
    }
    with pytest.raises(TypeError, match="float"):
        journal.record(1, "x", price=1.5)
    assert len(journal) == 1


@dataclass
class Changing:
    lots: int


@dataclass(frozen=True)
class Holder:
    inside: Changing


def test_later_changes_do_not_reach_the_journal() -> None:
    journal = Journal()
    changing, rows = Changing(1), ["a"]
    journal.record(1, "x", bare=changing, held=Holder(changing), rows=rows, pair=(rows, changing))
    before = journal.digest()
    changing.lots = 2
    rows.append("b")
    (entry,) = journal
    assert entry.details == {
        "bare": {"lots": 1},
        "held": {"inside": {"lots": 1}},
        "rows": ["a"],
        "pair": [["a"], {"lots": 1}],
    }
    entry.details["bare"] = None
    assert journal.digest() == before


def test_the_life_of_an_order_does_not_change_what_was_written_of_it(exchange: Exchange) -> None:
    number = place(exchange, limit(BUY, 3, "290", iceberg=2))
    before = [entry.to_json() for entry in exchange.journal]
    place(exchange, market(SELL, 3, portfolio=UNITED))
    assert [entry.to_json() for entry in exchange.journal][: len(before)] == before
    accepted = next(entry for entry in exchange.journal.of("order_accepted"))
    assert isinstance(accepted.details["order"], dict)
    assert accepted.details["order"]["order_id"] == number
    assert accepted.details["order"]["status"] == "working"


def test_what_is_folded_is_in_the_digest_alone() -> None:
    journals = [Journal() for _ in range(3)]
    for journal, lots in zip(journals, (1, 1, 2), strict=True):
        journal.fold("SBER", lots)
    first, second, other = (journal.digest() for journal in journals)
    assert first == second != other
    assert journals[0].to_lines() == ""


def test_the_wall_clock_never_runs_backwards() -> None:
    readings = iter([5_000_000_000, 4_000_000_000, 6_000_000_000])
    clock = WallClock(lambda: next(readings))
    assert [clock.now_us() for _ in range(3)] == [5_000_000, 5_000_000, 6_000_000]


def test_times() -> None:
    us = to_us(WEDNESDAY_NOON)
    assert to_datetime(us) == WEDNESDAY_NOON
    assert to_datetime(moscow_midnight(us)).isoformat() == "2026-03-17T21:00:00+00:00"
