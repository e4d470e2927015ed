"""The FastAPI example, whole: its lifespan, its routes, and the sandbox behind real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from alor_async import AsyncAlor
from alor_async.sandbox import Sandbox
from examples.fastapi_app import create_app
from tests.support.waiting import until


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(lambda: AsyncAlor(sandbox.refresh_token, environment=sandbox.environment))
    async with app.router.lifespan_context(app) as state:

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            # What a server does with the state that a lifespan yields; httpx leaves it out.
            await app({**scope, "state": dict(state or {})}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(serve), base_url="http://service") as client:
            yield client


def order(lots: int = 1, price: str | None = None) -> dict[str, object]:
    return {"instrument": "MOEX:SBER", "side": "buy", "lots": lots, "price": price}


async def test_a_quote_is_served_with_exact_prices(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    answer = await http.get("/quotes/MOEX:SBER")
    assert answer.status_code == 200
    assert answer.json()["last_price"] == str(sandbox.market["SBER"].quote.last_price)


async def test_an_unknown_ticker_is_404_and_a_wrong_one_400(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    assert (await http.get("/quotes/MOEX:NOSUCH")).status_code == 404
    asked = sandbox.requests.count("market_data.get_quotes")
    assert (await http.get("/quotes/SBER")).json() == {
        "error": "InvalidArgument",
        "detail": 'instrument: expected "EXCHANGE:SYMBOL" or "EXCHANGE:SYMBOL:BOARD", got \'SBER\'',
    }
    assert sandbox.requests.count("market_data.get_quotes") == asked


async def test_positions_are_those_of_the_exchange(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    shown = {position["symbol"] for position in (await http.get("/portfolios/D39004/positions")).json()}
    assert shown == {position.symbol for position in sandbox.positions("D39004")}


async def test_a_repeated_order_is_placed_once(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    price = str(sandbox.market["SBER"].book.bids[5].price)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await http.post("/portfolios/D39004/orders", json=order(price=price), headers=headers)
    second = await http.post("/portfolios/D39004/orders", json=order(price=price), headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.json()["order_id"] == second.json()["order_id"]
    assert [first.json()["replayed"], second.json()["replayed"]] == [False, True]
    assert len(sandbox.orders("D39004")) == 1


async def test_a_key_that_served_already_tells_what_it_did(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    price = str(sandbox.market["SBER"].book.bids[-1].price)
    first = await http.post("/portfolios/D39004/orders", json=order(price=price), headers=headers)
    other = await http.post("/portfolios/D39004/orders", json=order(2, price), headers=headers)
    assert other.status_code == 409
    known = other.json()["detail"]
    assert (known["state"], known["order_id"]) == ("accepted", first.json()["order_id"])
    assert len(sandbox.orders("D39004")) == 1


async def test_a_price_that_is_none_is_refused_by_us(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    answer = await http.post("/portfolios/D39004/orders", json=order(price="1e5 or so"), headers=headers)
    assert answer.status_code == 422
    assert sandbox.requests.count("orders.place_limit") == 0


async def test_a_lost_answer_is_not_called_a_no(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    price = str(sandbox.market["SBER"].book.bids[5].price)
    sandbox.faults.ack.drop(operation="orders.place_limit")
    answer = await http.post(
        "/portfolios/D39004/orders", json=order(price=price), headers={"Idempotency-Key": str(uuid4())}
    )
    assert answer.status_code == 504
    assert answer.json()["error"] == "OrderOutcomeUnknown"
    assert len(sandbox.orders("D39004")) == 1, "it was placed all the same"


async def test_a_refused_order_is_409(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    price = str(sandbox.market["SBER"].book.bids[5].price)
    answer = await http.post(
        "/portfolios/D39004/orders",
        json=order(lots=100_000_000, price=price),
        headers={"Idempotency-Key": str(uuid4())},
    )
    assert (answer.status_code, answer.json()["error"]) == (409, "OrderRejected")


async def test_a_failing_broker_is_503_or_502(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    with sandbox.faults.http.status(503, operation="market_data.get_quotes", times=None):
        assert (await http.get("/quotes/MOEX:SBER")).status_code == 503
    with sandbox.faults.http.body("<html>", operation="market_data.get_quotes", times=None):
        assert (await http.get("/quotes/MOEX:SBER")).status_code == 502
    assert (await http.get("/quotes/MOEX:SBER")).status_code == 200


async def until_answered(http: httpx.AsyncClient, path: str, wanted: Callable[[httpx.Response], bool]) -> None:
    """Ask until the answer is the wanted one: a caller of the service has no event to wait for."""
    async with asyncio.timeout(5):
        while not wanted(await http.get(path)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def is_ok(answer: httpx.Response) -> bool:
    return answer.status_code == 200


async def test_a_live_quote_is_that_of_the_exchange(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    await until_answered(http, "/live/MOEX:SBER", is_ok)
    sandbox.market["SBER"].gap(-1)
    price = str(sandbox.market["SBER"].quote.last_price)
    await until_answered(http, "/live/MOEX:SBER", lambda answer: answer.json()["last_price"] == price)
    assert sandbox.requests.count("market_data.get_quotes") == 0, "nothing is polled"
    assert (await http.get("/live/MOEX:LKOH")).status_code == 404


async def test_an_old_quote_is_never_served_as_a_live_one(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
    await until_answered(http, "/live/MOEX:SBER", is_ok)
    with sandbox.faults.ws.refuse(503, times=None):
        sandbox.faults.ws.abort()
        await until_answered(http, "/live/MOEX:SBER", lambda answer: answer.status_code == 503)
    await until_answered(http, "/live/MOEX:SBER", is_ok)


async def test_each_fill_is_told_once_across_a_broken_connection(
    http: httpx.AsyncClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "examples.fastapi_app")

    def told() -> list[str]:
        return [message for name, _, message in caplog.record_tuples if name == "examples.fastapi_app"]

    async def buy(lots: int) -> None:
        price = str(sandbox.market["SBER"].book.asks[0].price)
        headers = {"Idempotency-Key": str(uuid4())}
        assert (await http.post("/portfolios/D39004/orders", json=order(lots, price), headers=headers)).is_success

    with sandbox.faults.ws.refuse(503, times=None):
        sandbox.faults.ws.abort()
        await buy(1)
    await until(lambda: len(told()) == 1)
    await buy(2)
    await until(lambda: len(told()) == len(sandbox.trades("D39004")))
    assert [message.split(" at ")[0] for message in told()] == ["buy SBER 1 lots", "buy SBER 2 lots"]
