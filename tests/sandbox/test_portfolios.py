"""Portfolios, instruments and hours of one's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ConfigError, InvalidArgument
from alor_async.sandbox import PortfolioSpec, Sandbox
from tests.sandbox.gateway.client import Caller

RICH = PortfolioSpec(portfolio="RICH", market="united", cash=Decimal("5000000.50"), holdings={"SBER": 10, "LKOH": -1})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"portfolio": ""}, "portfolio"),
        ({"portfolio": "a b"}, "portfolio"),
        ({"portfolio": 7}, "portfolio"),
        ({"portfolio": "A", "market": "bonds"}, "market"),
        ({"portfolio": "A", "cash": 1.5}, "cash"),
        ({"portfolio": "A", "cash": Decimal("0.001")}, "cash"),
        ({"portfolio": "A", "cash": Decimal("NaN")}, "cash"),
        ({"portfolio": "A", "client_type": "Lucky"}, "client_type"),
        ({"portfolio": "A", "holdings": {"SBER": 0}}, "holdings"),
        ({"portfolio": "A", "holdings": {"SBER": "1"}}, "holdings"),
        ({"portfolio": "A", "holdings": ["SBER"]}, "holdings"),
        ({"portfolio": "A", "holdings": {"SBER": 10**30}}, "holdings"),
        ({"portfolio": "A", "cash": Decimal("1e30")}, "cash"),
        ({"portfolio": "A", "is_foreign": 1}, "is_foreign"),
    ],
)
def test_a_wrong_portfolio_is_refused(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        PortfolioSpec(**arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"portfolios": ()}, "portfolios"),
        ({"portfolios": ["D1"]}, "portfolios"),
        ({"portfolios": 5}, "portfolios"),
        ({"portfolios": [PortfolioSpec(portfolio="A", is_foreign=True)]}, "portfolios"),
        ({"portfolios": [PortfolioSpec(portfolio="A"), PortfolioSpec(portfolio="a")]}, "portfolios"),
        ({"portfolios": [PortfolioSpec(portfolio="A", holdings={"NOPE": 1})]}, "NOPE"),
        ({"portfolios": [PortfolioSpec(portfolio="A", holdings={"USD000UTSTOM": 1})]}, "holdings"),
        ({"instruments": ["SBER"]}, "instruments"),
        ({"instruments": 7}, "instruments"),
        ({"schedule": "nyse"}, "schedule"),
        ({"token_life": 10**400}, "token_life"),
        ({"dedupe_life": float("inf")}, "dedupe_life"),
        ({"keepalive": float("nan")}, "keepalive"),
        ({"market": "bull"}, "market"),
        ({"assumptions": {"ping_opcode": "answered"}}, "assumptions"),
    ],
)
def test_a_wrong_argument_is_refused_by_its_name(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Sandbox(**arguments)


async def test_a_portfolio_of_ones_own_begins_as_it_is_told() -> None:
    with Sandbox(seed=1, portfolios=[RICH, PortfolioSpec(portfolio="POOR", cash=0)]) as sandbox:
        assert sandbox.portfolios == ("RICH", "POOR")
        rows = {row.symbol: row for row in sandbox.positions("RICH")}
        lots = {symbol: row.units / row.lot_size for symbol, row in rows.items() if not row.is_currency}
        assert lots == {"SBER": 10, "LKOH": -1}
        assert rows["RUB"].units == Decimal("5000000.50")
        async with aiohttp.ClientSession() as session:
            call = Caller(sandbox, session)
            assert (await call.place_limit("RICH", sandbox.market["SBER"].quote.bid or 0)).status == 200
            assert (await call.place_limit("POOR", sandbox.market["SBER"].quote.bid or 0)).status == 400
        sandbox.check()


def test_futures_can_be_held_by_the_name_of_their_group() -> None:
    with Sandbox(seed=1, portfolios=[PortfolioSpec(portfolio="FUT", market="derivatives", holdings={"Si": -2})]) as box:
        held = next(row for row in box.positions("FUT") if not row.is_currency)
        assert (held.symbol.partition("-")[0], held.units) == ("Si", -2)
        box.check()


async def test_a_foreign_portfolio_exists_and_no_token_holds_it() -> None:
    foreign = PortfolioSpec(portfolio="THEIRS", is_foreign=True)
    with Sandbox(seed=1, portfolios=[RICH, foreign]) as sandbox:
        assert sandbox.portfolios == ("RICH",)
        assert sandbox.positions("THEIRS")
        async with aiohttp.ClientSession() as session:
            call = Caller(sandbox, session)
            assert (await call("GET", "/md/v2/Clients/MOEX/THEIRS/summary")).status == 403
            assert (await call.place_limit("THEIRS", 290)).status == 403


def test_halts_and_pauses_are_ordered_by_plain_calls() -> None:
    with Sandbox(seed=1) as sandbox:
        sandbox.market["SBER"].halt()
        statuses = {item.spec.symbol: item.trading_status for item in sandbox.instruments}
        assert (statuses["SBER"], statuses["GAZP"]) == (2, 17)
        sandbox.market["SBER"].resume()
        sandbox.market.pause("stocks")
        assert {item.trading_status for item in sandbox.instruments} == {2, 17}
        sandbox.market.resume()
        assert {item.trading_status for item in sandbox.instruments} == {17}
        wrong: Any = "bonds"
        with pytest.raises(InvalidArgument, match="market"):
            sandbox.market.pause(wrong)
