"""What subscriptions to portfolios show: every state of every order, trades, positions, money, risk."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker
from tests.sandbox.sockets.facts import FORMATS, PORTFOLIO_OPCODES, problems

POSITIONS, SUMMARY, RISK, FUTURES_RISK, TRADES, ORDERS, STOPS, OLD_STOPS = PORTFOLIO_OPCODES
FLAGS = {
    POSITIONS: ("existing", "h", "existing"),
    TRADES: ("existing", "h", "existing"),
    ORDERS: ("existing", "h", "existing"),
    STOPS: ("existing", "h", "existing"),
    OLD_STOPS: ("existing", "e", "existing"),
}
REST = {
    POSITIONS: "positions",
    SUMMARY: "summary",
    RISK: "risk",
    FUTURES_RISK: "fortsrisk",
    TRADES: "trades",
    ORDERS: "orders",
    STOPS: "stoporders",
}


def best_bid(sandbox: Sandbox) -> Decimal:
    return sandbox.market["SBER"].book.bids[0].price


async def busy(rest: Caller, portfolio: str) -> None:
    """Leave a working, a filled and a cancelled order, and a conditional one."""
    bid = best_bid(rest.sandbox)
    await rest.place_market(portfolio, lots=2)
    await rest.place_limit(portfolio, bid - 1, lots=3, comment="resting")
    gone = (await rest.place_limit(portfolio, bid - 2, lots=1)).json["orderNumber"]
    query = {"portfolio": portfolio, "exchange": "MOEX", "stop": "false"}
    assert (await rest("DELETE", f"/commandapi/warptrans/TRADE/v2/client/orders/{gone}", query=query)).status == 200
    assert (await rest.place_stop(portfolio, bid - 10)).status == 200


async def asked(rest: Caller, opcode: str, portfolio: str, format: str = "Simple") -> Any:
    """What REST says of the same thing."""
    return (await rest("GET", f"/md/v2/Clients/MOEX/{portfolio}/{REST[opcode]}", format=format)).json


class TestShapes:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("opcode", [one for one in PORTFOLIO_OPCODES if one != FUTURES_RISK])
    async def test_snapshot_and_live(self, ws: Talker, rest: Caller, stocks: str, opcode: str, format: str) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(opcode, portfolio=stocks.lower(), format=format)
        snapshot = ws.take(guid)
        await busy(rest, stocks)
        live = await ws.new(guid)
        assert snapshot
        assert not [problem for data in snapshot + live for problem in problems(data, opcode, format)]
        if opcode in FLAGS:
            flag = FLAGS[opcode][FORMATS.index(format)]
            assert ({data[flag] for data in snapshot}, {data[flag] for data in live}) == ({True}, {False})

    @pytest.mark.parametrize("format", FORMATS)
    async def test_of_futures_risk(self, ws: Talker, rest: Caller, derivatives: str, format: str) -> None:
        guid = await ws.subscribe(FUTURES_RISK, portfolio=derivatives, format=format)
        symbol = next(one.spec.symbol for one in ws.sandbox.instruments if one.spec.is_derivative)
        assert (await rest.place_market(derivatives, symbol=symbol)).status == 200
        first, *others = await ws.new(guid, 2)
        assert others[-1] != first
        assert not [problem for data in (first, *others) for problem in problems(data, FUTURES_RISK, format)]
        assert others[-1] == await asked(rest, FUTURES_RISK, derivatives, format)


class TestSnapshots:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("opcode", [POSITIONS, ORDERS, STOPS])
    async def test_they_are_what_rest_lists(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str, format: str
    ) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(opcode, portfolio=stocks, format=format)
        assert ws.take(guid) == await asked(rest, opcode, stocks, format)

    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("opcode", [SUMMARY, RISK])
    async def test_figures_are_those_of_rest(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str, format: str
    ) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(opcode, portfolio=stocks, format=format)
        assert ws.take(guid) == [await asked(rest, opcode, stocks, format)]

    @pytest.mark.parametrize("format", FORMATS)
    async def test_own_trades_lack_two_keys_of_rest(self, ws: Talker, rest: Caller, stocks: str, format: str) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(TRADES, portfolio=stocks, format=format)
        listed = await asked(rest, TRADES, stocks, format)
        for trade in listed:
            assert (trade.pop("shortName", None) is None, trade.pop("currency", None) is None) == (
                format != "Heavy",
            ) * 2
        assert ws.take(guid) == listed
        assert listed

    @pytest.mark.parametrize("opcode", [one for one in PORTFOLIO_OPCODES if one not in {FUTURES_RISK, OLD_STOPS}])
    async def test_they_may_be_skipped(self, ws: Talker, rest: Caller, stocks: str, opcode: str) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(opcode, portfolio=stocks, skipHistory=True)
        await ws.quiet()
        assert not ws.take(guid)
        await busy(rest, stocks)
        assert await ws.new(guid)

    @pytest.mark.parametrize(
        ("statuses", "expected"),
        [
            (["working"], {"working"}),
            (["Filled", "CANCELED"], {"filled", "canceled"}),
            (["rejected"], set()),
            ([], {"working", "filled", "canceled"}),
        ],
    )
    async def test_statuses_filter_them_only(
        self, ws: Talker, rest: Caller, stocks: str, statuses: list[str], expected: set[str]
    ) -> None:
        await busy(rest, stocks)
        guid = await ws.subscribe(ORDERS, portfolio=stocks, orderStatuses=statuses)
        assert {order["status"] for order in ws.take(guid)} == expected
        await busy(rest, stocks)
        await ws.quiet()
        assert {order["status"] for order in ws.take(guid)} == {"working", "filled", "canceled"}


class TestOrders:
    async def test_every_state_in_order(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(ORDERS, portfolio=stocks)
        price = best_bid(ws.sandbox) - 1
        await rest.place_limit(stocks, price, lots=10)
        market = ws.sandbox.market["SBER"]
        market.trade(price=price, lots=4)
        market.trade(price=price - 1, lots=1)
        await ws.quiet()
        states = [(order["status"], order["filledQtyBatch"]) for order in ws.take(guid)]
        assert states == [("working", 0), ("working", 4), ("filled", 10)]

    async def test_an_iceberg_shows_what_rest_shows(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(ORDERS, portfolio=stocks)
        price = best_bid(ws.sandbox) - 1
        await rest.place_limit(stocks, price, lots=300, icebergFixed=100)
        await ws.quiet()
        (listed,) = await asked(rest, ORDERS, stocks)
        assert listed["iceberg"]["visibleQuantityBatch"] == 100
        assert ws.take(guid)[-1] == {**listed, "existing": False}
        ws.sandbox.market["SBER"].trade(price=price, lots=130)
        await ws.quiet()
        (listed,) = await asked(rest, ORDERS, stocks)
        assert ws.take(guid)[-1] == {**listed, "existing": False}

    async def test_a_replaced_order_ends_and_another_begins(self, ws: Talker, rest: Caller, stocks: str) -> None:
        bid = best_bid(ws.sandbox)
        number = (await rest.place_limit(stocks, bid - 1)).json["orderNumber"]
        guid = await ws.subscribe(ORDERS, portfolio=stocks)
        ws.take(guid)
        body = {
            "side": "buy",
            "quantity": 2,
            "price": str(bid - 2),
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "user": {"portfolio": stocks},
        }
        path = f"/commandapi/warptrans/TRADE/v2/client/orders/actions/limit/{number}"
        new = (await rest("PUT", path, json=body, request_id="replace")).json["orderNumber"]
        await ws.quiet()
        assert [(order["id"], order["status"]) for order in ws.take(guid)] == [(number, "canceled"), (new, "working")]

    async def test_another_portfolio_is_none_of_its_business(
        self, ws: Talker, rest: Caller, stocks: str, derivatives: str
    ) -> None:
        guids = [await ws.subscribe(opcode, portfolio=derivatives) for opcode in (ORDERS, TRADES)]
        await busy(rest, stocks)
        await ws.quiet()
        assert [ws.take(guid) for guid in guids] == [[], []]


class TestStops:
    async def test_from_waiting_to_the_last_fill_of_its_order(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(STOPS, portfolio=stocks)
        bid = best_bid(ws.sandbox)
        trigger = bid - 5
        await rest.place_stop(stocks, trigger, price=str(trigger + 1), quantity=9)
        market = ws.sandbox.market["SBER"]
        market.trade(price=trigger, lots=1)
        await ws.quiet()
        waiting, fired = ws.take(guid)
        assert (waiting["status"], waiting["exchangeOrderId"]) == ("working", None)
        assert (fired["status"], fired["filledQtyBatch"]) == ("filled", 0)
        assert fired["exchangeOrderId"] is not None
        market.trade(price=trigger + 1, lots=4)
        (partly,) = await ws.new(guid)
        assert partly["filledQtyBatch"] == 4
        market.trade(price=trigger + 2, lots=1)
        (whole,) = await ws.new(guid)
        assert whole["filledQtyBatch"] == 9
        (listed,) = await asked(rest, STOPS, stocks)
        assert {**whole, "existing": True} == listed

    async def test_a_subscriber_who_comes_later_sees_the_fills_too(self, ws: Talker, rest: Caller, stocks: str) -> None:
        trigger = best_bid(ws.sandbox) - 5
        await rest.place_stop(stocks, trigger, price=str(trigger + 1), quantity=9)
        ws.sandbox.market["SBER"].trade(price=trigger, lots=1)
        guid = await ws.subscribe(STOPS, portfolio=stocks)
        ws.take(guid)
        ws.sandbox.market["SBER"].trade(price=trigger + 2, lots=4)
        assert (await ws.new(guid))[-1]["filledQtyBatch"] == 9

    async def test_the_old_shape_of_the_same(self, ws: Talker, rest: Caller, stocks: str) -> None:
        new, old = [await ws.subscribe(opcode, portfolio=stocks) for opcode in (STOPS, OLD_STOPS)]
        await rest.place_stop(stocks, best_bid(ws.sandbox) - 5)
        (stop,), (old_stop,) = await ws.new(new), await ws.new(old)
        assert old_stop == {key: stop[key] for key in old_stop}


class TestTradesAndMoney:
    async def test_each_fill_is_a_trade(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(TRADES, portfolio=stocks)
        await rest.place_market(stocks, lots=1500)
        await ws.quiet()
        trades = ws.take(guid)
        assert sum(trade["qty"] for trade in trades) == 1500
        assert len(trades) > 1
        listed = await asked(rest, TRADES, stocks)
        assert [{**trade, "existing": True} for trade in trades] == listed

    async def test_only_what_changed_of_the_positions(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(POSITIONS, portfolio=stocks)
        held = {position["symbol"]: position for position in ws.take(guid)}
        await rest.place_market(stocks, lots=1)
        changed = {position["symbol"]: position for position in await ws.new(guid, 2)}
        assert set(changed) == {"SBER", "RUB"}
        assert changed["SBER"]["qtyUnits"] == held["SBER"]["qtyUnits"] + 10
        assert changed["RUB"]["volume"] < held["RUB"]["volume"]

    async def test_a_position_that_is_closed_is_shown_empty(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(POSITIONS, portfolio=stocks)
        units = next(one["qtyUnits"] for one in ws.take(guid) if one["symbol"] == "SBER")
        await rest.place_market(stocks, side="sell", lots=int(units) // 10)
        assert next(one["qtyUnits"] for one in await ws.new(guid, 2) if one["symbol"] == "SBER") == 0

    @pytest.mark.parametrize("opcode", [POSITIONS, SUMMARY, RISK])
    async def test_prices_alone_are_told_once_a_second(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str
    ) -> None:
        guid = await ws.subscribe(opcode, portfolio=stocks, skipHistory=True)
        market = ws.sandbox.market["SBER"]
        for tick in range(4):
            market.trade(price=300 + tick, lots=1)
        await ws.quiet()
        assert len(ws.take(guid)) == 1
        await ws.sandbox.clock.advance(seconds=0.999)
        await ws.quiet()
        assert not ws.take(guid)
        await ws.sandbox.clock.advance(seconds=0.001)
        (last,) = await ws.new(guid)
        listed = await asked(rest, opcode, stocks)
        if opcode == POSITIONS:
            listed = {**next(one for one in listed if one["symbol"] == "SBER"), "existing": False}
        assert last == listed

    @pytest.mark.parametrize("opcode", [POSITIONS, SUMMARY, RISK])
    async def test_one_who_joins_between_two_prices_is_told_the_one_that_came_back(
        self, ws: Talker, rest: Caller, stocks: str, opcode: str
    ) -> None:
        await ws.subscribe(opcode, portfolio=stocks)
        market = ws.sandbox.market["SBER"]
        market.trade(price=300, lots=1)
        market.trade(price=301, lots=1)
        guid = await ws.subscribe(opcode, portfolio=stocks)
        market.trade(price=300, lots=1)
        shown = len(ws.take(guid))
        await ws.sandbox.clock.advance(seconds=1)
        last = (await ws.new(guid))[-1]
        assert shown
        listed = await asked(rest, opcode, stocks)
        if opcode == POSITIONS:
            listed = {**next(one for one in listed if one["symbol"] == "SBER"), "existing": False}
        assert last == listed

    @pytest.mark.parametrize("opcode", [POSITIONS, SUMMARY, RISK])
    async def test_what_is_not_held_does_not_matter(self, ws: Talker, stocks: str, opcode: str) -> None:
        guid = await ws.subscribe(opcode, portfolio=stocks, skipHistory=True)
        symbol = next(one.spec.symbol for one in ws.sandbox.instruments if one.spec.is_derivative)
        market = ws.sandbox.market[symbol]
        await ws.sandbox.clock.advance(seconds=2)
        market.trade(price=market.quote.last_price + 10 * market.spec.price_step, lots=1)
        await ws.sandbox.clock.advance(seconds=3)
        await ws.quiet()
        assert not ws.take(guid)

    async def test_a_new_session_settles_them(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(POSITIONS, portfolio=stocks)
        await rest.place_market(stocks, lots=5)
        await ws.sandbox.clock.advance(days=1)
        await ws.quiet()
        shown = {position["symbol"]: {**position, "existing": True} for position in ws.take(guid)}
        assert shown == {position["symbol"]: position for position in await asked(rest, POSITIONS, stocks)}
        assert shown["SBER"]["qtyT0"] == shown["SBER"]["qtyUnits"]

    async def test_an_order_blocks_money_at_once(self, ws: Talker, rest: Caller, stocks: str) -> None:
        guid = await ws.subscribe(SUMMARY, portfolio=stocks)
        ws.sandbox.market["SBER"].trade(price=300, lots=1)
        _, before = await ws.new(guid, 2)  # for a second prices alone are not told again, but orders are
        await rest.place_limit(stocks, best_bid(ws.sandbox) - 1, lots=10)
        after = (await ws.new(guid))[-1]
        assert after["buyingPower"] < before["buyingPower"]
        assert after == await asked(rest, SUMMARY, stocks)
