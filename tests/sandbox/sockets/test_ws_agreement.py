"""Snapshot + updates == REST at any cut, whatever happened before, for those who came early and for those who came late."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import ORDERS as ORDER_PATH
from tests.sandbox.gateway.client import Caller
from tests.sandbox.sockets.client import Talker
from tests.sandbox.sockets.facts import EXISTING

pytestmark = pytest.mark.heavy

STEPS = 60
KEYED = {
    "OrdersGetAndSubscribeV2": ("orders", "id"),
    "StopOrdersGetAndSubscribeV2": ("stoporders", "id"),
    "PositionsGetAndSubscribeV2": ("positions", {"Simple": "symbol", "Slim": "sym", "Heavy": "symbol"}),
    "TradesGetAndSubscribeV2": ("trades", "id"),
}
WHOLE = {"SummariesGetAndSubscribeV2": "summary", "RisksGetAndSubscribe": "risk"}
MARKED = {*KEYED, "OrderBookGetAndSubscribe", "AllTradesGetAndSubscribe"}
NOT_COMPARED = frozenset({"calculationTime", "shortName", "currency"})
"""When figures were worked out; and two keys of own trades that sockets do not have. Positions keep theirs."""


class Watcher:
    """Everything that can be watched, in one format, put together from a stream and asked of REST."""

    def __init__(self, ws: Talker, rest: Caller, portfolio: str, format: str) -> None:
        self._ws = ws
        self._rest = rest
        self._portfolio = portfolio
        self._format = format
        self._since = int(ws.sandbox.clock.now.timestamp()) // 60 * 60
        self._guids: dict[str, str] = {}
        self._state: dict[str, Any] = {}

    async def begin(self) -> None:
        fields: dict[str, dict[str, Any]] = {
            **{opcode: {"portfolio": self._portfolio} for opcode in (*KEYED, *WHOLE)},
            "OrderBookGetAndSubscribe": {"code": "SBER", "depth": 10},
            "QuotesSubscribe": {"code": "SBER"},
            "BarsGetAndSubscribe": {"code": "SBER", "tf": 60, "from": self._since},
            "AllTradesGetAndSubscribe": {"code": "SBER", "depth": 5000},
        }
        for opcode, more in fields.items():
            self._guids[opcode] = await self._ws.subscribe(opcode, format=self._format, **more)
            self._state[opcode] = {}

    async def check(self) -> None:
        """Compare, once what is held back by its pace has gone out."""
        await self._ws.quiet()
        for opcode, guid in self._guids.items():
            for data in self._ws.take(guid):
                self._learn(opcode, data)
        for opcode in self._guids:
            assert self._state[opcode] == await self._ask(opcode), opcode

    def _learn(self, opcode: str, data: dict[str, Any]) -> None:
        if opcode in MARKED:
            del data[EXISTING[self._format]]
        data.pop("snapshot", None)
        if opcode in WHOLE:
            self._state[opcode] = _without(data)
        elif opcode in {"OrderBookGetAndSubscribe", "QuotesSubscribe"}:
            self._state[opcode] = data
        elif opcode == "BarsGetAndSubscribe":
            self._state[opcode][data["t" if self._format == "Slim" else "time"]] = data
        else:
            self._state[opcode][data[self._key(opcode)]] = _without(data) if "Trades" in opcode else data

    def _key(self, opcode: str) -> str:
        key = KEYED.get(opcode, ("", "id"))[1]
        return key if isinstance(key, str) else key[self._format]

    async def _ask(self, opcode: str) -> Any:
        """The same of REST."""
        flag = EXISTING[self._format]
        if opcode in WHOLE:
            return _without(await self._get(f"/md/v2/Clients/MOEX/{self._portfolio}/{WHOLE[opcode]}"))
        if opcode == "OrderBookGetAndSubscribe":
            book = await self._get("/md/v2/orderbooks/MOEX/SBER", depth="10")
            return {key: value for key, value in book.items() if key not in {flag, "snapshot"}}
        if opcode == "QuotesSubscribe":
            return (await self._get("/md/v2/Securities/MOEX:SBER/quotes"))[0]
        if opcode == "BarsGetAndSubscribe":
            end = str(int(self._ws.sandbox.clock.now.timestamp()))
            page = await self._get(
                "/md/v2/history", symbol="SBER", exchange="MOEX", tf="60", **{"from": str(self._since), "to": end}
            )
            time = "t" if self._format == "Slim" else "time"
            return {candle[time]: candle for candle in page.get("history") or page.get("h") or []}
        path = f"/md/v2/Clients/MOEX/{self._portfolio}/{KEYED[opcode][0]}" if opcode in KEYED else ""
        listed = await self._get(path or "/md/v2/Securities/MOEX/SBER/alltrades", **({} if path else self._first()))
        rows = [{key: value for key, value in row.items() if key != flag} for row in listed]
        return {row[self._key(opcode)]: _without(row) if "Trades" in opcode else row for row in rows}

    def _first(self) -> dict[str, str]:
        seen = self._state["AllTradesGetAndSubscribe"]
        return {"fromId": str(min(seen))} if seen else {"take": "0"}

    async def _get(self, path: str, **query: str) -> Any:
        return (await self._rest("GET", path, query=query, format=self._format)).json


def _without(data: dict[str, Any]) -> dict[str, Any]:
    time_of_risk = {"t"} if "mgi" in data else set[str]()
    return {key: value for key, value in data.items() if key not in NOT_COMPARED | time_of_risk}


class Chaos:
    """Does one thing after another to a portfolio and its market."""

    def __init__(self, rest: Caller, portfolio: str, dice: random.Random) -> None:
        self._rest = rest
        self._portfolio = portfolio
        self._dice = dice
        self._numbers: list[tuple[str, bool]] = []
        self._deeds: list[Callable[[], Awaitable[None]]] = [
            self._place_limit,
            self._place_limit,
            self._place_market,
            self._place_stop,
            self._cancel,
            self._replace,
            self._trade,
            self._trade,
            self._wait,
        ]

    async def act(self) -> None:
        await self._dice.choice(self._deeds)()

    def _near(self, ticks: int = 60) -> Decimal:
        last = self._rest.sandbox.market["SBER"].quote.last_price
        return last + Decimal(self._dice.randint(-ticks, ticks)) / 100

    def _keep(self, answer: Any, *, is_stop: bool = False) -> None:
        if answer.status == 200:
            self._numbers.append((answer.json["orderNumber"], is_stop))

    async def _place_limit(self) -> None:
        extra: dict[str, Any] = {}
        if self._dice.random() < 0.4:
            extra["timeInForce"] = self._dice.choice(
                ["oneday", "immediateorcancel", "fillorkill", "bookorcancel", "goodtillcancelled"]
            )
        lots = self._dice.randint(1, 40)
        if not extra and self._dice.random() < 0.4:
            extra, lots = {"icebergFixed": 30}, 300
        side = self._dice.choice(["buy", "sell"])
        self._keep(await self._rest.place_limit(self._portfolio, self._near(), side=side, lots=lots, **extra))

    async def _place_market(self) -> None:
        side = self._dice.choice(["buy", "sell"])
        self._keep(await self._rest.place_market(self._portfolio, side=side, lots=self._dice.randint(1, 60)))

    async def _place_stop(self) -> None:
        trigger = self._near()
        extra = {"side": self._dice.choice(["buy", "sell"]), "quantity": self._dice.randint(1, 20)}
        extra["condition"] = self._dice.choice(["LessOrEqual", "MoreOrEqual"])
        price = self._dice.choice([None, str(trigger + self._dice.randint(-1, 1))])
        self._keep(await self._rest.place_stop(self._portfolio, trigger, price=price, **extra), is_stop=True)

    async def _cancel(self) -> None:
        if self._numbers:
            number, is_stop = self._numbers.pop(self._dice.randrange(len(self._numbers)))
            query = {"portfolio": self._portfolio, "exchange": "MOEX", "stop": str(is_stop).lower()}
            await self._rest("DELETE", f"{ORDER_PATH}/{number}", query=query)

    async def _replace(self) -> None:
        working = [number for number, is_stop in self._numbers if not is_stop]
        if working:
            body = {
                "side": self._dice.choice(["buy", "sell"]),
                "quantity": self._dice.randint(1, 30),
                "price": str(self._near()),
                "instrument": {"symbol": "SBER", "exchange": "MOEX"},
                "user": {"portfolio": self._portfolio},
            }
            path = f"{ORDER_PATH}/actions/limit/{self._dice.choice(working)}"
            self._keep(await self._rest("PUT", path, json=body, request_id=str(self._dice.random())))

    async def _trade(self) -> None:
        self._rest.sandbox.market["SBER"].trade(price=self._near(40), lots=self._dice.randint(1, 200))

    async def _wait(self) -> None:
        await self._rest.sandbox.clock.advance(seconds=self._dice.choice([0.003, 0.05, 0.2, 0.7, 3, 20]))


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_streamed_is_what_rest_says(
    sandbox: Sandbox, ws: Talker, rest: Caller, stocks: str, seed: int
) -> None:
    dice = random.Random(seed)
    formats = dice.sample(["Simple", "Slim", "Heavy"], 3)
    watchers = [Watcher(ws, rest, stocks, formats.pop())]
    await watchers[0].begin()
    chaos = Chaos(rest, stocks, dice)
    for step in range(1, STEPS + 1):
        await chaos.act()
        if formats and step % 20 == 0:
            watchers.append(Watcher(ws, rest, stocks, formats.pop()))
            await watchers[-1].begin()
        if dice.random() < 0.15 or step == STEPS:
            await sandbox.clock.advance(seconds=1)
            for watcher in watchers:
                await watcher.check()
    assert len(sandbox.trades(stocks)) > 5
