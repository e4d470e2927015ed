"""Every kind of wrong argument, at every method that takes it: refused by name, before anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from alor_async import AsyncAlor, OrderAck
from alor_async.errors import InvalidArgument
from alor_async.sandbox import Sandbox
from tests.contract.call_kit import Call
from tests.contract.call_orders import COMMANDS, ORDER_READS
from tests.contract.call_reads import READS
from tests.support.world import World, client_of, make_world, new_sandbox

CALLS = (*READS, *ORDER_READS, *COMMANDS)
NAIVE = datetime(2026, 3, 1, 10)  # noqa: DTZ001 - that is what is wrong with it
TRAVERSALS = (
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "%2e%2e",
    "a?b",
    "a#b",
    "a\r\nb",
    "a\x00b",
    "．．",
    "a／b",
    "x" * 200,
)

_WORDS = (5, b"x", ["x"], *TRAVERSALS)
_INSTRUMENTS = (None, 5, "SBER", "MOEX:", ":SBER", "MOEX:SBER:TQBR:X", *(f"MOEX:{text}" for text in TRAVERSALS))
_COUNTS = (-1, 1.5, "1", True, Decimal(1), 2**63)
_SIZES = (0, *_COUNTS, None)
_FLAGS = (1, 0, "true", "no")
_PRICES = (
    1.5,
    "1",
    True,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("-Infinity"),
    Decimal("1e999999999"),
    Decimal("1e-20"),
)
_TIMES = (NAIVE, 5, "2026-03-01T10:00:00Z")
_CHOICES = ("hold", 1, True)
_NUMBERS = (None, "", "abc", "-1", "0", 0, -5, 1.5, True, "1" * 20, "12 ", "１２")

WRONG: dict[str, tuple[Any, ...]] = {
    "portfolio": (None, *_WORDS),
    "login": (None, *_WORDS),
    "exchange": _WORDS,
    "instrument": _INSTRUMENTS,
    "instruments": ([], ["SBER"], ["MOEX:SBER", None], ["MOEX:A,MOEX:B"]),
    "board": _WORDS,
    "symbol": (5, "", "a\nb", "x" * 300),
    "query": (5, "", "a\nb", "x" * 300),
    "sector": (5, "", "a\nb"),
    "cfi_code": (5, "", "a\nb"),
    "market": (5, "", "a\nb"),
    "search": (5, "", "a\nb"),
    "order_id": _NUMBERS,
    "group_id": (None, 5, "", "x", "c41e0f5a7d3b4f9e9b620d8a1f27e635x"),
    "side": _CHOICES,
    "condition": (None, *_CHOICES),
    "policy": (None, *_CHOICES),
    "time_in_force": _CHOICES,
    "lots": (0, *_COUNTS),
    "iceberg_lots": (0, *_COUNTS),
    "iceberg_variance_percent": _COUNTS,
    "protecting_seconds": (0, 301, *_COUNTS),
    "price": _PRICES,
    "trigger_price": (None, *_PRICES),
    "min_price": _PRICES,
    "max_price": _PRICES,
    "budget": _PRICES,
    "expires": _TIMES,
    "start": _TIMES,
    "end": _TIMES,
    "date_from": (NAIVE, 5, "2014-01-06"),
    "allow_margin": _FLAGS,
    "activate": _FLAGS,
    "include_old": _FLAGS,
    "include_non_base_boards": _FLAGS,
    "include_limit_orders": _FLAGS,
    "include_virtual_trades": _FLAGS,
    "without_currency": _FLAGS,
    "untraded": _FLAGS,
    "split_adjust": _FLAGS,
    "descending": _FLAGS,
    "order_by_date": _FLAGS,
    "with_repo": _FLAGS,
    "comment": (5, "x" * 101, "a\nb", "a\x1b[31m"),
    "request_id": (5, "", "a b", "é", "x" * 129, "a\r\nX-Evil: 1"),
    "limit": (0, *_COUNTS),
    "offset": _COUNTS,
    "count_back": (0, *_COUNTS),
    "depth": (0, 51, *_COUNTS),
    "page_size": _SIZES,
    "risk_category_id": (None, *_COUNTS),
    "from_trade_id": _COUNTS,
    "to_trade_id": _COUNTS,
    "min_lots": _COUNTS,
    "max_lots": _COUNTS,
    "timeframe": (None, 0, -60, 1.5, True, "", "x", "60s", "0"),
    "orders": ([], [5], ["1"]),
    "requests": ([],),
    "format": ("fat", 5),
    "timeout": (0, -1, "5", float("nan"), True),
    "retries": (5, "never"),
}
PARTS = {
    "instrument": {"instrument", "symbol", "exchange", "board"},
    "instruments": {"instrument", "symbol", "exchange", "board", "instruments"},
    "timeout": {"timeout", "total"},
}
"""What a complaint may name: an instrument's text has parts."""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def desk(exchange: Sandbox) -> AsyncIterator[tuple[AsyncAlor, World]]:
    async with client_of(exchange) as alor:
        yield alor, await make_world(exchange, alor)


async def refusal(call: Call, alor: AsyncAlor, world: World, name: str, value: object) -> InvalidArgument:
    try:
        await call.make(alor, world, **{name: value})
    except InvalidArgument as error:
        return error
    pytest.fail(f"{name}={value!r} was taken")


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in CALLS])
async def test_a_wrong_argument_is_refused_by_name_and_nothing_is_sent(
    call: Call, desk: tuple[AsyncAlor, World], exchange: Sandbox
) -> None:
    alor, world = desk
    exchange.requests.clear()
    names = {*call.arguments, "timeout", "retries"} | ({"format"} if call.has_format else set())
    for name in sorted(names):
        for value in WRONG[name]:
            if value is None and call.operation.endswith("_of"):
                continue  # None is for all instruments there
            error = await refusal(call, alor, world, name, value)
            assert error.argument in PARTS.get(name, {name}), f"{name}={value!r}: {error}"
            assert len(str(error)) < 300
    assert len(exchange.requests) == 0


def test_each_argument_of_the_table_is_one_of_a_method() -> None:
    assert set(WRONG) == {name for call in CALLS for name in call.arguments} | {"timeout", "retries", "format"}


async def test_arguments_are_taken_in_every_form_that_is_promised(
    desk: tuple[AsyncAlor, World], exchange: Sandbox
) -> None:
    alor, world = desk
    ack = await alor.orders.place_limit("D39004", "MOEX:SBER", "BUY", lots=1, price=int(world.low))  # type: ignore[arg-type]
    assert isinstance(ack, OrderAck)
    assert await alor.account.get_order("D39004", int(ack.order_id)) == await alor.account.get_order(  # type: ignore[arg-type]
        "D39004", ack.order_id
    )
    await alor.market_data.get_order_book("MOEX:SBER", format="slim")  # type: ignore[arg-type]
    assert exchange.requests[-1].query == {"format": "Slim"}
