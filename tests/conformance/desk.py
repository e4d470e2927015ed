"""A sandbox with something to see: resting and filled orders, conditional orders, positions, a group."""

from __future__ import annotations

import base64
import contextlib
import json
import uuid
from collections.abc import Iterable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.conformance.documents import Desk

BACK = "https://app.example/back"
"""Where the application of the OAuth flow is; nobody goes there."""

_ORDERS = "/commandapi/warptrans/TRADE/v2/client/orders"
_SYMBOLS = ("SBER", "GAZP", "SU26238RMFS4")


class Visitor:
    """The plainest client: urllib and a token."""

    def __init__(self, api: str, oauth: str, refresh_token: str) -> None:
        self._api = api
        self._oauth = oauth
        self.refresh_token = refresh_token
        self.access_token = ""
        answer = self._send(f"{oauth}/refresh", {"token": refresh_token}, "POST")
        self.access_token = str(answer["AccessToken"])

    @property
    def client_id(self) -> str:
        """The application that the access token was made for."""
        claims = self.access_token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["azp"])

    def code(self) -> str:
        """A code of the OAuth flow."""
        asked = {"response_type": "code", "client_id": self.client_id, "redirect_uri": BACK, "scope": "OrdersRead"}
        connection = HTTPConnection(urlsplit(self._oauth).netloc, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", f"/authorize?{urlencode(asked)}")
            location = connection.getresponse().headers["Location"]
        return parse_qs(urlsplit(location).query)["code"][0]

    def get(self, path: str) -> Any:
        """Read."""
        return self._send(self._api + path, None, "GET")

    def post(self, path: str, body: object) -> Any:
        """Command."""
        return self._send(self._api + path, body, "POST")

    def _send(self, url: str, body: object, method: str) -> Any:
        headers = {"Content-Type": "application/json", "X-REQID": str(uuid.uuid4())}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, headers, method=method), timeout=10) as response:
            return json.loads(response.read())


def set_up(visitor: Visitor, login: str, portfolios: Iterable[str]) -> Desk:
    """Trade a little, and tell what there is."""
    portfolios = tuple(portfolios)
    stocks = next(name for name in portfolios if name.startswith("D"))
    derivatives = next(name for name in portfolios if name[0].isdigit())
    futures = tuple(item["symbol"] for item in visitor.get("/md/v2/Securities/MOEX?market=FORTS"))
    bid = visitor.get("/md/v2/Securities/MOEX:SBER/quotes")[0]["bid"]
    prices = tuple(round(bid + off, 2) for off in (-3, -2, -1, 1, 2))
    visible = [
        _place(visitor, "limit", stocks, price=prices[0], **extra)
        for extra in ({}, {"icebergFixed": 2, "quantity": 10})
    ]
    stop = {"condition": "LessOrEqual", "triggerPrice": round(prices[0] - 10, 2), "side": "sell"}

    def limits(count: int = 4) -> tuple[str, ...]:
        return tuple(_place(visitor, "limit", stocks, price=prices[0]) for _ in range(count))

    def stops(count: int = 4) -> tuple[str, ...]:
        return tuple(_place(visitor, "stop", stocks, **stop, protectingSeconds=15) for _ in range(count))

    _place(visitor, "market", stocks, quantity=10)
    _place(visitor, "market", stocks, symbol="GAZP")
    _place(visitor, "market", derivatives, symbol=futures[0])
    _place(visitor, "stopLimit", stocks, **stop, price=round(prices[0] - 11, 2))
    return Desk(
        login=login,
        portfolios=(stocks, *(name for name in portfolios if name != stocks)),
        symbols=(*_SYMBOLS, futures[0]),
        futures=futures,
        orders={
            "read": (*visible, *limits(2)),
            "orders.cancel": limits(),
            "orders.replace_limit": limits(),
            "orders.replace_market": limits(),
            "account.get_stop_order": stops(2),
            "stop_orders.replace_stop": stops(),
            "stop_orders.replace_stop_limit": stops(),
        },
        groups={
            "read": (_group(visitor, stocks, visible),),
            "order_groups.update": (_group(visitor, stocks, visible),),
            "order_groups.delete": tuple(_group(visitor, stocks, visible) for _ in range(3)),
        },
        refresh_token=visitor.refresh_token,
        prices=prices,
        client_id=visitor.client_id,
        redirect_uri=BACK,
        codes=tuple(visitor.code() for _ in range(5)),
    )


def _place(visitor: Visitor, kind: str, portfolio: str, *, symbol: str = "SBER", **fields: object) -> str:
    body = {
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": symbol, "exchange": "MOEX"},
        "user": {"portfolio": portfolio},
        **fields,
    }
    return str(visitor.post(f"{_ORDERS}/actions/{kind}", body)["orderNumber"])


def _group(visitor: Visitor, portfolio: str, orders: Iterable[str]) -> str:
    members = [{"portfolio": portfolio, "exchange": "MOEX", "orderId": order, "type": "Limit"} for order in orders]
    made = visitor.post("/commandapi/api/orderGroups", {"orders": members, "executionPolicy": "IgnoreCancel"})
    return str(made["groupId"])
