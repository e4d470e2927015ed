from __future__ import annotations

import asyncio

import pytest

from alor_async.sandbox.core.clock import SteppedClock
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.gateway import encode
from alor_async.sandbox.gateway.encode_candles import bar_page
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.values import Format
from tests.sandbox.gateway.client import Caller

NOON = 1_773_826_217


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return Exchange(clock=SteppedClock(NOON * 1_000_000), seed=42)


@pytest.mark.heavy
@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("symbol", ["SBER", "LKOH", "TMOS", "SU26238RMFS4", "Si-6.26", "CNYRUB_TOM"])
@pytest.mark.parametrize(("frame", "days"), [("60", 12), ("D", 400), ("60", 0)])
def test_bars_are_written_as_candles_are(
    exchange: Exchange, format: Format, symbol: str, frame: str, days: int
) -> None:
    start = NOON - days * 86_400
    page = exchange.get_bars("MOEX", symbol, frame, start=start, end=NOON)
    candles = exchange.get_candles("MOEX", symbol, frame, start=start, end=NOON)
    assert len(candles.candles) > 4_096 or frame == "D" or not days
    assert b"".join(bar_page(page, format)) == write_json(encode.candle_page(candles, format))


@pytest.mark.parametrize("count", [4_095, 4_096, 4_097, 8_192])
def test_a_page_ends_well_wherever_it_is_cut(exchange: Exchange, count: int) -> None:
    page = exchange.get_bars("MOEX", "SBER", "60", start=NOON, end=NOON, count_back=count)
    candles = exchange.get_candles("MOEX", "SBER", "60", start=NOON, end=NOON, count_back=count)
    assert len(candles.candles) == count
    assert b"".join(bar_page(page, Format.SLIM)) == write_json(encode.candle_page(candles, Format.SLIM))


def history(now: int, days: int) -> dict[str, str]:
    return {"exchange": "MOEX", "symbol": "SBER", "tf": "60", "from": str(now - days * 86_400), "to": str(now)}


async def test_a_long_page_is_sent_while_it_is_made_and_others_are_served_meanwhile(call: Caller) -> None:
    now = (await call("GET", "/md/v2/time")).json
    long = asyncio.create_task(call("GET", "/md/v2/history", query=history(now, 700), format="Slim"))
    served = 0
    while not long.done():
        assert (await call("GET", "/md/v2/time")).status == 200
        call.sandbox.market["SBER"].trade(price=call.sandbox.market["SBER"].quote.last_price, lots=1)
        served += 1
    answer = await long
    assert served > 10
    assert answer.headers["Transfer-Encoding"] == "chunked"
    times = [candle["t"] for candle in answer.json["h"]]
    assert len(times) > 200_000
    assert times == sorted(set(times))
    short = await call("GET", "/md/v2/history", query=history(now, 3), format="Slim")
    assert "Content-Length" in short.headers
    known = [candle["t"] for candle in short.json["h"] if candle["t"] <= times[-1]]  # a minute may have begun since
    assert known[:500] == times[-len(known) :][:500]


async def test_a_fault_takes_hold_of_a_long_page_as_a_whole(call: Caller) -> None:
    now = (await call("GET", "/md/v2/time")).json
    query = history(now, 60)
    honest = (await call("GET", "/md/v2/history", query=query)).body
    with call.sandbox.faults.http.body(lambda body: body[::-1], operation="market_data.get_candles"):
        assert (await call("GET", "/md/v2/history", query=query)).body[::-1][:200_000] == honest[:200_000]


async def test_a_client_that_leaves_in_the_middle_does_no_harm(call: Caller) -> None:
    now = (await call("GET", "/md/v2/time")).json
    url = call.sandbox.environment.api + "/md/v2/history"
    headers = {"Authorization": f"Bearer {call.token}"}
    async with call.session.get(url, params=history(now, 700), headers=headers) as response:
        await response.content.readany()
        response.close()
    assert (await call("GET", "/md/v2/time")).status == 200
