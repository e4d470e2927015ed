"""Every operation in every spelling: status, content type, and objects exactly as the contract's facts describe them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import ORDERS, Answer, Caller, stocks_of
from tests.sandbox.gateway.facts import problems

JSON = "application/json; charset=utf-8"
FORMATS = ["Simple", "Slim", "Heavy"]
BOND = "SU26238RMFS4"
DERIVATIVES, BONDS, FX = frozenset({"derivatives"}), frozenset({"bonds"}), frozenset({"FX"})


@pytest.fixture(scope="module")
def busy() -> Iterator[Sandbox]:
    """A sandbox to read from; what a client did there is arranged by `desk`."""
    with Sandbox(seed=7) as running:
        yield running
        running.check()


@pytest.fixture
async def desk(busy: Sandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        caller = Caller(busy, session)
        if not busy.orders():
            await _trade(caller)
        yield caller


async def _trade(caller: Caller) -> None:
    """One order of every kind: resting, iceberg, filled, conditional, and a future bought."""
    sandbox = caller.sandbox
    stocks = stocks_of(sandbox)
    bid = sandbox.market["SBER"].quote.bid
    assert bid is not None
    answers = [
        await caller.place_limit(stocks, bid - 5, comment="resting"),
        await caller.place_limit(stocks, bid - 6, lots=10, icebergFixed=2),
        await caller.place_market(stocks, lots=2),
        await caller.place_stop(stocks, bid - 20, protectingSeconds=15),
        await caller.place_stop(stocks, bid - 30, price=str(bid - 31)),
        await caller.place_market(futures_portfolio(sandbox), symbol=future(sandbox)),
    ]
    assert [answer.status for answer in answers] == [200] * 6, [answer.text for answer in answers]
    group = {
        "orders": [
            {"portfolio": stocks, "exchange": "MOEX", "orderId": answers[0].json["orderNumber"], "type": "Limit"}
        ],
        "executionPolicy": "IgnoreCancel",
    }
    assert (await caller("POST", "/commandapi/api/orderGroups", json=group)).status == 200


def futures_portfolio(sandbox: Sandbox) -> str:
    return next(name for name in sandbox.portfolios if name[0].isdigit())


def future(sandbox: Sandbox) -> str:
    return next(item.spec.symbol for item in sandbox.instruments if item.spec.market == "FORTS")


def assert_fits(
    answer: Answer, entity: str, format: str, kinds: frozenset[str] = frozenset(), *, least: int = 1
) -> Any:
    """The body is one entity, or a list of at least so many."""
    assert answer.status == 200, answer.text
    assert answer.content_type == JSON
    body = answer.json
    items = body if isinstance(body, list) else [body]
    assert len(items) >= least
    assert not [problem for item in items for problem in problems(item, entity, format, kinds)]
    return body


@pytest.mark.parametrize("format", FORMATS)
class TestInstruments:
    async def test_search(self, desk: Caller, format: str) -> None:
        found = await desk("GET", "/md/v2/Securities", query={"query": "SBER", "sector": "fond"}, format=format)
        body = assert_fits(found, "Instrument", format)
        assert {item["sym" if format == "Slim" else "symbol"] for item in body} >= {"SBER", "SBERP"}

    async def test_list_for(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", "/md/v2/Securities/MOEX", query={"market": "FOND"}, format=format)
        assert_fits(answer, "Instrument", format, least=10)

    async def test_derivatives_and_currencies_carry_their_own_keys_and_no_others(
        self, desk: Caller, format: str
    ) -> None:
        for market, kinds in (("FORTS", DERIVATIVES), ("CURR", FX)):
            answer = await desk("GET", "/md/v2/Securities/MOEX", query={"market": market}, format=format)
            assert_fits(answer, "Instrument", format, kinds)

    async def test_get(self, desk: Caller, format: str) -> None:
        query = {"instrumentGroup": "TQBR"}
        body = assert_fits(
            await desk("GET", "/md/v2/Securities/MOEX/SBER", query=query, format=format), "Instrument", format
        )
        assert body["cncl" if format == "Slim" else "cancellation"] == "9999-12-31T23:59:59.9999999"


@pytest.mark.parametrize("format", FORMATS)
class TestMarketData:
    async def test_get_quotes(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", "/md/v2/Securities/MOEX:SBER,MOEX:NOPE,moex:gazp/quotes", format=format)
        body = assert_fits(answer, "Quote", format)
        assert [quote["sym" if format == "Slim" else "symbol"] for quote in body] == ["SBER", "GAZP"]

    async def test_get_quotes_of_a_future(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", f"/md/v2/Securities/MOEX:{future(desk.sandbox)}/quotes", format=format)
        assert_fits(answer, "Quote", format, DERIVATIVES)

    async def test_get_futures_quote(self, desk: Caller, format: str) -> None:
        path = f"/md/v2/Securities/MOEX/{future(desk.sandbox)}/actualFuturesQuote"
        assert_fits(await desk("GET", path, format=format), "FuturesQuote", format, DERIVATIVES)

    async def test_get_order_book(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", "/md/v2/orderbooks/MOEX/SBER", query={"depth": "3"}, format=format)
        body = assert_fits(answer, "OrderBook", format)
        bids, asks = (body[key] for key in (("b", "a") if format == "Slim" else ("bids", "asks")))
        price = "p" if format == "Slim" else "price"
        assert len(bids) == len(asks) == 3
        prices = [level[price] for level in (*reversed(bids), *asks)]
        assert prices == sorted(prices)
        for level in (*bids, *asks):
            assert not problems(level, "BookLevel", format)

    async def test_get_order_book_of_a_bond(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", f"/md/v2/orderbooks/MOEX/{BOND}", format=format)
        body = assert_fits(answer, "OrderBook", format, BONDS)
        assert all(("y" in level) is (format == "Slim") for level in body["b" if format == "Slim" else "bids"])

    async def test_get_candles(self, desk: Caller, format: str) -> None:
        now = int(time.time())
        query = {"symbol": "SBER", "exchange": "MOEX", "tf": "D", "from": str(now - 30 * 86_400), "to": str(now)}
        body = assert_fits(await desk("GET", "/md/v2/history", query=query, format=format), "CandlePage", format)
        candles = body["h" if format == "Slim" else "history"]
        assert len(candles) > 5
        assert not [problem for candle in candles for problem in problems(candle, "Candle", format)]

    async def test_list_market_trades(self, desk: Caller, format: str) -> None:
        desk.sandbox.market["GAZP"].trade(price=desk.sandbox.market["GAZP"].quote.last_price, lots=3)
        answer = await desk("GET", "/md/v2/Securities/MOEX/GAZP/alltrades", query={"take": "5"}, format=format)
        body = assert_fits(answer, "MarketTrade", format)
        assert 1 <= len(body) <= 5

    async def test_list_market_trades_history(self, desk: Caller, format: str) -> None:
        before = int(time.time()) - 2 * 86_400
        query = {"from": str(before - 7 * 86_400), "to": str(before), "limit": "4"}
        path = "/md/v2/Securities/MOEX/SBER/alltrades/history"
        body = assert_fits(await desk("GET", path, query=query, format=format), "MarketTradePage", format)
        assert len(body["list"]) == 4 <= body["total"]
        assert not [problem for trade in body["list"] for problem in problems(trade, "MarketTrade", format)]


@pytest.mark.parametrize("format", FORMATS)
class TestAccount:
    async def get(self, desk: Caller, path: str, format: str, portfolio: str | None = None, **query: str) -> Answer:
        portfolio = portfolio or stocks_of(desk.sandbox)
        return await desk("GET", f"/md/v2/Clients/MOEX/{portfolio}/{path}", query=query, format=format)

    async def test_get_summary(self, desk: Caller, format: str) -> None:
        body = assert_fits(await self.get(desk, "summary", format), "Summary", format)
        for row in body["bpv2" if format == "Slim" else "buyingPowerByCurrency"]:
            assert not problems(row, "CurrencyBuyingPower", format)

    async def test_list_positions(self, desk: Caller, format: str) -> None:
        with_money = assert_fits(await self.get(desk, "positions", format), "Position", format, least=2)
        without = assert_fits(await self.get(desk, "positions", format, withoutCurrency="true"), "Position", format)
        is_money = "cur" if format == "Slim" else "isCurrency"
        assert [row for row in with_money if not row[is_money]] == without

    async def test_get_position(self, desk: Caller, format: str) -> None:
        body = assert_fits(await self.get(desk, "positions/sber", format), "Position", format)
        assert body["q" if format == "Slim" else "qtyUnits"] > 0

    async def test_list_positions_by_login(self, desk: Caller, format: str) -> None:
        answer = await desk("GET", f"/md/v2/Clients/{desk.sandbox.login}/positions", format=format)
        assert_fits(answer, "Position", format, least=3)

    async def test_get_risk(self, desk: Caller, format: str) -> None:
        assert_fits(await self.get(desk, "risk", format), "PortfolioRisk", format)

    async def test_get_futures_risk(self, desk: Caller, format: str) -> None:
        portfolio = futures_portfolio(desk.sandbox)
        assert_fits(await self.get(desk, "fortsrisk", format, portfolio), "FuturesRisk", format)

    async def test_list_orders(self, desk: Caller, format: str) -> None:
        body = assert_fits(await self.get(desk, "orders", format), "Order", format, least=3)
        icebergs = [order["i" if format == "Slim" else "iceberg"] for order in body]
        assert [iceberg for iceberg in icebergs if iceberg is not None]
        assert {order["st" if format == "Slim" else "status"] for order in body} >= {"working", "filled"}

    async def test_get_order(self, desk: Caller, format: str) -> None:
        order = desk.sandbox.orders(stocks_of(desk.sandbox))[0]
        body = assert_fits(await self.get(desk, f"orders/{order.order_id}", format), "Order", format)
        assert body["id"] == order.order_id
        assert body["px" if format == "Slim" else "price"] == order.price

    async def test_list_stop_orders(self, desk: Caller, format: str) -> None:
        body = assert_fits(await self.get(desk, "stoporders", format), "StopOrder", format, least=2)
        assert {order["t" if format == "Slim" else "type"] for order in body} == {"stop", "stoplimit"}

    async def test_get_stop_order(self, desk: Caller, format: str) -> None:
        order = desk.sandbox.stop_orders(stocks_of(desk.sandbox))[0]
        body = assert_fits(await self.get(desk, f"stoporders/{order.order_id}", format), "StopOrder", format)
        assert body["id"] == order.order_id

    async def test_list_trades(self, desk: Caller, format: str) -> None:
        assert_fits(await self.get(desk, "trades", format), "Trade", format)

    async def test_list_trades_of(self, desk: Caller, format: str) -> None:
        assert_fits(await self.get(desk, "SBER/trades", format, instrumentGroup="TQBR"), "Trade", format)

    async def test_list_trades_of_the_derivatives_market_have_no_commission(self, desk: Caller, format: str) -> None:
        body = assert_fits(await self.get(desk, "trades", format, futures_portfolio(desk.sandbox)), "Trade", format)
        assert body[0]["cms" if format == "Slim" else "commission"] is None

    @pytest.mark.parametrize("symbol", ["", "/SBER"])
    async def test_list_trades_history(self, desk: Caller, format: str, symbol: str) -> None:
        path = f"/md/v2/Stats/MOEX/{stocks_of(desk.sandbox)}/history/trades{symbol}"
        query = {"dateFrom": "2020-01-01", "limit": "3", "descending": "true"}
        assert_fits(await desk("GET", path, query=query, format=format), "Trade", format, least=0)


class TestOneSpelling:
    async def test_get_server_time(self, desk: Caller) -> None:
        answer = await desk("GET", "/md/v2/time")
        assert answer.content_type == JSON
        assert abs(int(answer.text) - time.time()) < 5

    async def test_list_boards(self, desk: Caller) -> None:
        boards = (await desk("GET", "/md/v2/Securities/MOEX/SBER/availableBoards")).json
        assert boards[0] == "TQBR"
        assert all(isinstance(board, str) for board in boards)

    async def test_list_currency_pairs(self, desk: Caller) -> None:
        assert_fits(await desk("GET", "/md/v2/Securities/currencyPairs"), "CurrencyPair", "any")

    async def test_list_risk_rates(self, desk: Caller) -> None:
        answer = await desk("GET", "/md/v2/risk/rates", query={"riskCategoryId": "1", "limit": "2", "search": "SBER"})
        body = assert_fits(answer, "RiskRatePage", "any")
        assert len(body["list"]) == 2 == body["total"]

    async def test_estimate(self, desk: Caller) -> None:
        wanted = {"portfolio": stocks_of(desk.sandbox), "ticker": "SBER", "exchange": "MOEX", "lotQuantity": 1}
        assert_fits(await desk("POST", f"{ORDERS}/estimate", json=wanted), "OrderEstimate", "any")
        body = assert_fits(await desk("POST", f"{ORDERS}/estimate/all", json=[wanted, wanted]), "OrderEstimate", "any")
        assert len(body) == 2

    async def test_order_groups(self, desk: Caller) -> None:
        body = assert_fits(await desk("GET", "/commandapi/api/orderGroups"), "OrderGroup", "any")
        one = assert_fits(await desk("GET", f"/commandapi/api/orderGroups/{body[0]['id']}"), "OrderGroup", "any")
        assert one == body[0]


async def test_prices_are_written_exactly_as_the_exchange_holds_them(desk: Caller) -> None:
    quote = desk.sandbox.market["SBER"].quote
    body = (await desk("GET", "/md/v2/Securities/MOEX:SBER/quotes", format="Heavy")).body
    assert b'"prevClosePrice":' + format(quote.prev_close_price, "f").encode() + b"," in body
    assert b'"' + format(quote.prev_close_price, "f").encode() + b'"' not in body
    assert isinstance(quote.prev_close_price, Decimal)
