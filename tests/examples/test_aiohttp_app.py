"""The aiohttp example, whole: its cleanup context, its routes, and the sandbox, all over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TypeAlias, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from alor_async import AsyncAlor, Side
from alor_async.sandbox import Sandbox
from examples.aiohttp_app import ALOR, create_app

Http: TypeAlias = TestClient[web.Request, web.Application]


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[Http]:
    app = create_app(lambda: AsyncAlor(sandbox.refresh_token, environment=sandbox.environment))
    async with TestClient(TestServer(app)) as client:
        yield client


def exactly(text: str) -> dict[str, object]:
    return cast(dict[str, object], json.loads(text, parse_float=Decimal))


async def test_a_quote_is_served_with_exact_numbers(http: Http, sandbox: Sandbox) -> None:
    async with http.get("/quotes/MOEX:SBER") as answer:
        assert answer.status == 200
        quote = exactly(await answer.text())
    assert quote["last_price"] == sandbox.market["SBER"].quote.last_price


async def test_an_unknown_ticker_is_404_and_a_wrong_one_400(http: Http) -> None:
    async with http.get("/quotes/MOEX:NOSUCH") as answer:
        assert answer.status == 404
    async with http.get("/quotes/SBER") as answer:
        assert answer.status == 400
        assert "EXCHANGE:SYMBOL" in await answer.text()


async def test_candles_come_line_by_line_and_in_order(http: Http) -> None:
    async with http.get("/candles/MOEX:SBER?days=7") as answer:
        assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
        candles = [exactly(line.decode()) async for line in answer.content]
    times = [str(candle["timestamp"]) for candle in candles]
    assert times == sorted(set(times))
    assert len(times) > 100


async def test_a_wrong_number_of_days_is_400(http: Http) -> None:
    for days in ("0x7", "", "-1", "1000", "\u0667"):
        async with http.get("/candles/MOEX:SBER", params={"days": days}) as answer:
            assert answer.status == 400


async def test_orders_are_those_of_the_exchange(http: Http, sandbox: Sandbox) -> None:
    price = sandbox.market["SBER"].book.bids[5].price
    ack = await http.app[ALOR].orders.place_limit("D39004", "MOEX:SBER", Side.BUY, lots=1, price=price)
    async with http.get("/portfolios/D39004/orders") as answer:
        (order,) = await answer.json()
    assert order["order_id"] == ack.order_id
    assert [order.order_id for order in sandbox.orders("D39004")] == [ack.order_id]


async def test_a_failing_broker_is_503_or_502(http: Http, sandbox: Sandbox) -> None:
    with sandbox.faults.http.status(503, operation="market_data.get_quotes", times=None):
        async with http.get("/quotes/MOEX:SBER") as answer:
            assert answer.status == 503
    with sandbox.faults.http.body("<html>", operation="market_data.get_quotes", times=None):
        async with http.get("/quotes/MOEX:SBER") as answer:
            assert answer.status == 502
    async with http.get("/quotes/MOEX:SBER") as answer:
        assert answer.status == 200
