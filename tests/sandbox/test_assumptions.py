"""Every open question of the core and of REST is read either way, and each reading does what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import aiohttp
import pytest

from alor_async.errors import ConfigError
from alor_async.sandbox import Assumptions, Sandbox
from tests.sandbox.gateway.client import ORDERS, Answer, Caller

STOCKS = "D39004"
SWITCHES = {field.name: get_args(get_type_hints(Assumptions)[field.name]) for field in fields(Assumptions)}
ORDERS_OF = f"/md/v2/Clients/MOEX/{STOCKS}/orders"
STOPS_OF = f"/md/v2/Clients/MOEX/{STOCKS}/stoporders"

Check = Callable[[Caller], Awaitable[None]]
CHECKS: list[tuple[str, str, Check]] = []


def reading(name: str, value: str) -> Callable[[Check], Check]:
    """Keep what is to be seen under one reading of a switch."""

    def keep(check: Check) -> Check:
        CHECKS.append((name, value, check))
        return check

    return keep


@asynccontextmanager
async def world(**readings: str) -> AsyncIterator[Caller]:
    chosen: Any = readings
    with Sandbox(seed=42, time="stepped", assumptions=Assumptions(**chosen)) as sandbox:
        async with aiohttp.ClientSession() as session:
            yield Caller(sandbox, session)
        sandbox.check()


def last_price(call: Caller) -> Decimal:
    return call.sandbox.market["SBER"].quote.last_price


async def working(call: Caller) -> str:
    """A limit order far from the market; its number."""
    answer = await call.place_limit(STOCKS, last_price(call) - 20)
    assert answer.status == 200, answer.text
    return str(answer.json["orderNumber"])


async def replace_badly(call: Caller, number: str) -> Answer:
    body = {
        "side": "buy",
        "quantity": 1,
        "price": "0.001",
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": STOCKS},
    }
    return await call("PUT", f"{ORDERS}/actions/limit/{number}", json=body, request_id=str(uuid4()))


async def status_of(call: Caller, number: str, of: str = ORDERS_OF) -> str:
    return str((await call("GET", f"{of}/{number}")).json["status"])


# -- the core


@reading("replace_refused", "untouched")
async def _(call: Caller) -> None:
    number = await working(call)
    answer = await replace_badly(call, number)
    assert answer.status == 400
    assert await status_of(call, number) == "working"


@reading("replace_refused", "gone")
async def _(call: Caller) -> None:
    number = await working(call)
    answer = await replace_badly(call, number)
    assert answer.status == 400
    assert answer.json["message"].endswith("the original order is cancelled")
    assert await status_of(call, number) == "canceled"
    stop = await call.place_stop(STOCKS, last_price(call) - 5)
    refused = await call(
        "PUT",
        f"{ORDERS}/actions/stop/{stop.json['orderNumber']}",
        json={
            "side": "sell",
            "condition": "less",
            "triggerPrice": "0.001",
            "stopEndUnixTime": 0,
            "quantity": 1,
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "user": {"portfolio": STOCKS},
        },
        request_id=str(uuid4()),
    )
    assert refused.status == 400
    assert await status_of(call, stop.json["orderNumber"], STOPS_OF) == "canceled"


async def place_passive(call: Caller) -> Answer:
    ask = call.sandbox.market["SBER"].quote.ask
    assert ask is not None
    return await call.place_limit(STOCKS, ask, timeInForce="bookorcancel")


@reading("passive_crossing", "canceled")
async def _(call: Caller) -> None:
    answer = await place_passive(call)
    assert await status_of(call, answer.json["orderNumber"]) == "canceled"


@reading("passive_crossing", "rejected")
async def _(call: Caller) -> None:
    answer = await place_passive(call)
    order = (await call("GET", f"{ORDERS_OF}/{answer.json['orderNumber']}")).json
    assert (order["status"], "passive" in order["comment"]) == ("rejected", True)


@reading("market_on_empty_book", "refused")
async def _(call: Caller) -> None:
    call.sandbox.market["SBER"].clear()
    answer = await call.place_market(STOCKS)
    assert (answer.status, "NoOrderPriceFound" in answer.text) == (400, True)


@reading("market_on_empty_book", "canceled")
async def _(call: Caller) -> None:
    call.sandbox.market["SBER"].clear()
    answer = await call.place_market(STOCKS)
    assert await status_of(call, answer.json["orderNumber"]) == "canceled"


async def meet_oneself(call: Caller) -> tuple[str, str]:
    price = last_price(call)
    call.sandbox.market["SBER"].clear()
    first = await call.place_limit(STOCKS, price, side="sell")
    second = await call.place_limit(STOCKS, price)
    numbers = [str(answer.json["orderNumber"]) for answer in (first, second)]
    return await status_of(call, numbers[0]), await status_of(call, numbers[1])


@reading("self_trade", "trades")
async def _(call: Caller) -> None:
    assert await meet_oneself(call) == ("filled", "filled")


@reading("self_trade", "canceled")
async def _(call: Caller) -> None:
    assert await meet_oneself(call) == ("working", "canceled")


@reading("stop_already_met", "next_trade")
async def _(call: Caller) -> None:
    answer = await call.place_stop(STOCKS, last_price(call) + 1)
    assert await status_of(call, answer.json["orderNumber"], STOPS_OF) == "working"
    call.sandbox.market["SBER"].trade(price=last_price(call), lots=1)
    assert await status_of(call, answer.json["orderNumber"], STOPS_OF) == "filled"


@reading("stop_already_met", "at_once")
async def _(call: Caller) -> None:
    answer = await call.place_stop(STOCKS, last_price(call) + 1)
    assert await status_of(call, answer.json["orderNumber"], STOPS_OF) == "filled"
    waiting = await call.place_stop(STOCKS, last_price(call) - 5)
    assert await status_of(call, waiting.json["orderNumber"], STOPS_OF) == "working"


async def fill_a_part_of_a_pair(call: Caller) -> tuple[list[str], str]:
    """Link two orders, and let one of them be filled in part: their states, and that of the group."""
    price = last_price(call)
    first = str((await call.place_limit(STOCKS, price - 10, lots=5)).json["orderNumber"])
    second = await working(call)
    members = [
        {"Portfolio": STOCKS, "Exchange": "MOEX", "OrderId": number, "Type": "Limit"} for number in (first, second)
    ]
    made = await call(
        "POST", "/commandapi/api/orderGroups", json={"Orders": members, "ExecutionPolicy": "OnExecuteOrCancel"}
    )
    assert made.status == 200, made.text
    market = call.sandbox.market["SBER"]
    market.clear()
    market.take("sell", lots=2)
    states = [await status_of(call, first), await status_of(call, second)]
    group = await call("GET", f"/commandapi/api/orderGroups/{made.json['groupId']}")
    return states, str(group.json["status"])


@reading("group_execution", "whole")
async def _(call: Caller) -> None:
    assert await fill_a_part_of_a_pair(call) == (["working", "working"], "Active")


@reading("group_execution", "first_fill")
async def _(call: Caller) -> None:
    assert await fill_a_part_of_a_pair(call) == (["working", "canceled"], "Filled")


# -- REST


async def minutes_of(call: Caller) -> list[int]:
    end = int(call.sandbox.clock.now.timestamp()) // 60 * 60 - 3_600
    query = {"exchange": "MOEX", "symbol": "SBER", "tf": "60", "from": str(end - 120), "to": str(end)}
    page = (await call("GET", "/md/v2/history", query=query)).json
    return [candle["time"] - end for candle in page["history"]]


@reading("candle_range_end", "included")
async def _(call: Caller) -> None:
    assert await minutes_of(call) == [-120, -60, 0]


@reading("candle_range_end", "excluded")
async def _(call: Caller) -> None:
    assert await minutes_of(call) == [-120, -60]


@reading("invalid_token_on_open_route", "refused")
async def _(call: Caller) -> None:
    call.token = "nonsense"
    assert (await call("GET", "/md/v2/time")).status == 401


@reading("invalid_token_on_open_route", "anonymous")
async def _(call: Caller) -> None:
    now = (await call("GET", "/md/v2/time")).json
    call.token = "nonsense"
    assert (await call("GET", "/md/v2/time")).json == now - 900
    assert (await call("GET", ORDERS_OF)).status == 401


QUOTES = "/md/v2/Securities/MOEX:SBER,MOEX:NOPE/quotes"


@reading("unknown_quote", "left_out")
async def _(call: Caller) -> None:
    assert [quote["symbol"] for quote in (await call("GET", QUOTES)).json] == ["SBER"]


@reading("unknown_quote", "not_found")
async def _(call: Caller) -> None:
    assert (await call("GET", QUOTES)).status == 404


@reading("unknown_book", "not_found")
async def _(call: Caller) -> None:
    assert (await call("GET", "/md/v2/orderbooks/MOEX/NOPE")).status == 404


@reading("unknown_book", "empty_list")
async def _(call: Caller) -> None:
    answer = await call("GET", "/md/v2/orderbooks/MOEX/NOPE")
    assert (answer.status, answer.json) == (200, [])


@reading("no_orders", "empty_list")
async def _(call: Caller) -> None:
    assert [(await call("GET", path)).json for path in (ORDERS_OF, STOPS_OF)] == [[], []]


@reading("no_orders", "not_found")
async def _(call: Caller) -> None:
    assert [(await call("GET", path)).status for path in (ORDERS_OF, STOPS_OF)] == [404, 404]
    await working(call)
    await call.place_stop(STOCKS, last_price(call) - 5)
    assert [len((await call("GET", path)).json) for path in (ORDERS_OF, STOPS_OF)] == [1, 1]


async def cancel_everything(call: Caller) -> Answer:
    await working(call)
    return await call("DELETE", f"{ORDERS}/all", query={"portfolio": STOCKS, "exchange": "MOEX"})


@reading("cancel_all_text", "quoted")
async def _(call: Caller) -> None:
    assert (await cancel_everything(call)).body == b'"success"'


@reading("cancel_all_text", "bare")
async def _(call: Caller) -> None:
    assert (await cancel_everything(call)).body == b"success"


async def come_back_after_403(call: Caller) -> int:
    price, whole = last_price(call) - 20, call.token
    call.token = call.sandbox.tokens.issue(scopes=["OrdersRead"])
    turned_away = await call.place_limit(STOCKS, price, request_id="one")
    assert turned_away.status == 403
    call.token = call.sandbox.tokens.issue(portfolios=["7500GHC"])
    turned_away = await call.place_limit(STOCKS, price, request_id="two")
    assert turned_away.status == 403
    call.token = whole
    assert (await call.place_limit(STOCKS, price, request_id="one")).status == 200
    return (await call.place_limit(STOCKS, price, request_id="two")).status


@reading("turned_away_id", "forgotten")
async def _(call: Caller) -> None:
    assert await come_back_after_403(call) == 200


@reading("turned_away_id", "remembered")
async def _(call: Caller) -> None:
    assert await come_back_after_403(call) == 400


async def a_stop(call: Caller) -> dict[str, Any]:
    await call.place_stop(STOCKS, last_price(call) - 5)
    return (await call("GET", STOPS_OF)).json[0]


@reading("condition_spelling", "lower")
async def _(call: Caller) -> None:
    assert (await a_stop(call))["condition"] == "lessorequal"


@reading("condition_spelling", "pascal")
async def _(call: Caller) -> None:
    assert (await a_stop(call))["condition"] == "LessOrEqual"


@reading("stop_id_type", "text")
async def _(call: Caller) -> None:
    assert isinstance((await a_stop(call))["id"], str)


@reading("stop_id_type", "number")
async def _(call: Caller) -> None:
    stop = await a_stop(call)
    assert isinstance(stop["id"], int)
    assert (await call("GET", f"{STOPS_OF}/{stop['id']}")).json["id"] == stop["id"]


# -- all of them


@pytest.mark.parametrize(
    ("name", "value", "check"), [pytest.param(*case, id=f"{case[0]}={case[1]}") for case in CHECKS]
)
async def test_a_reading_does_what_it_says(name: str, value: str, check: Check) -> None:
    async with world(**{name: value}) as call:
        await check(call)


def test_every_reading_of_every_switch_is_tested() -> None:
    """Here, or where the sockets and the matching are tested: the default by everything, the other reading by name."""
    sources = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    here = {(name, value) for name, value, _ in CHECKS}
    for name, readings in SWITCHES.items():
        for value in readings:
            spelled = rf"\b{name}[\"']?\s*[=:,]\s*\(?[\"']{value}[\"']"
            is_default = getattr(Assumptions(), name) == value
            assert (name, value) in here or is_default or re.search(spelled, sources), f"{name}={value} is not tested"


def test_every_switch_is_documented_with_its_readings() -> None:
    text = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text("utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` \|.*$", text, re.MULTILINE)}
    assert rows.keys() == SWITCHES.keys()
    for name, readings in SWITCHES.items():
        default = getattr(Assumptions(), name)
        cells = [cell.strip() for cell in rows[name].split("|")]
        assert cells[3].startswith(f"`{default}`"), name
        assert all(f"`{value}`" in cells[4] for value in readings if value != default), name


@pytest.mark.parametrize("name", SWITCHES)
def test_a_reading_that_there_is_not_is_refused(name: str) -> None:
    wrong: Any = {name: "perhaps"}
    with pytest.raises(ConfigError, match=name):
        Assumptions(**wrong)
