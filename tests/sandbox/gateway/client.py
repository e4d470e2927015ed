"""A plain aiohttp client that says what it is told to: nothing of the library's own client is used here."""

from __future__ import annotations

import io
import json
import uuid
from decimal import Decimal
from typing import Any

import aiohttp

from alor_async.sandbox import Sandbox

ORDERS = "/commandapi/warptrans/TRADE/v2/client/orders"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)


class Caller:
    """A client that says what it is told to, and no more."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.token: str | None = sandbox.tokens.issue()

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        server: str = "api",
        query: dict[str, str] | None = None,
        json: Any = None,
        data: bytes | io.BytesIO | None = None,
        headers: dict[str, str] | None = None,
        request_id: str | None = None,
        format: str | None = None,
    ) -> Answer:
        environment = self.sandbox.environment
        sent = dict(headers or {})
        if self.token is not None and server == "api":
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if request_id is not None:
            sent["X-REQID"] = request_id
        asked = dict(query or {})
        if format is not None:
            asked["format"] = format
        url = (environment.api if server == "api" else environment.oauth) + path
        async with self.session.request(
            method, url, params=asked, json=json, data=data, headers=sent, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def place_limit(
        self,
        portfolio: str,
        price: Decimal | str | int,
        *,
        side: str = "buy",
        lots: Any = 1,
        request_id: str | None = None,
        **extra: Any,
    ) -> Answer:
        body = {
            "side": side,
            "quantity": lots,
            "price": str(price),
            "instrument": {"symbol": "SBER", "exchange": "MOEX", "instrumentGroup": "TQBR"},
            "user": {"portfolio": portfolio},
            **extra,
        }
        return await self("POST", f"{ORDERS}/actions/limit", json=body, request_id=request_id or str(uuid.uuid4()))

    async def place_market(self, portfolio: str, *, side: str = "buy", lots: int = 1, symbol: str = "SBER") -> Answer:
        body = {
            "side": side,
            "quantity": lots,
            "instrument": {"symbol": symbol, "exchange": "MOEX"},
            "user": {"portfolio": portfolio},
        }
        return await self("POST", f"{ORDERS}/actions/market", json=body, request_id=str(uuid.uuid4()))

    async def place_stop(
        self, portfolio: str, trigger: Decimal | str, *, price: str | None = None, **extra: Any
    ) -> Answer:
        body = {
            "side": "sell",
            "condition": "LessOrEqual",
            "triggerPrice": str(trigger),
            "stopEndUnixTime": 0,
            "quantity": 1,
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "user": {"portfolio": portfolio},
            **({} if price is None else {"price": price}),
            **extra,
        }
        kind = "stop" if price is None else "stopLimit"
        return await self("POST", f"{ORDERS}/actions/{kind}", json=body, request_id=str(uuid.uuid4()))


def stocks_of(sandbox: Sandbox) -> str:
    """The portfolio that trades stocks."""
    return next(name for name in sandbox.portfolios if name.startswith("D"))
