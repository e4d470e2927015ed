"""Tokens: how they are made, what they say, what they open, and how they end."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import ORDERS, Answer, Caller


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def refresh(call: Caller, **sent: Any) -> Answer:
    return await call("POST", "/refresh", server="oauth", **sent)


class TestRefresh:
    async def test_by_body(self, sandbox: Sandbox, call: Caller) -> None:
        answer = await refresh(call, json={"token": sandbox.refresh_token})
        assert answer.status == 200
        assert answer.json.keys() == {"AccessToken"}
        assert sandbox.tokens.refreshes == 1

    async def test_by_query(self, sandbox: Sandbox, call: Caller) -> None:
        query = {"token": sandbox.refresh_token, "allowedPortfolios": f'["{sandbox.portfolios[0]}"]'}
        token = (await refresh(call, query=query)).json["AccessToken"]
        assert claims(token)["portfolios"] == sandbox.portfolios[0]

    async def test_the_body_wins_its_keys_may_be_in_any_case_and_an_empty_query_is_none(
        self, sandbox: Sandbox, call: Caller
    ) -> None:
        wrong = await refresh(call, json={"token": "sandbox-wrong"}, query={"token": sandbox.refresh_token})
        assert wrong.status == 403
        right = await refresh(call, json={"Token": sandbox.refresh_token}, query={"token": ""})
        assert right.status == 200

    async def test_a_body_without_a_token_leaves_it_to_the_query(self, sandbox: Sandbox, call: Caller) -> None:
        assert (await refresh(call, json={}, query={"token": sandbox.refresh_token})).status == 200

    async def test_narrowed_to_some_portfolios(self, sandbox: Sandbox, call: Caller) -> None:
        stocks, futures, *_ = sandbox.portfolios
        body = {"token": sandbox.refresh_token, "allowedPortfolios": [futures, "D00000"]}
        call.token = (await refresh(call, json=body)).json["AccessToken"]
        assert claims(call.token)["portfolios"] == futures
        assert (await call("GET", f"/md/v2/Clients/MOEX/{futures}/summary")).status == 200
        assert (await call("GET", f"/md/v2/Clients/MOEX/{stocks}/summary")).status == 403

    @pytest.mark.parametrize("body", [{"token": "sandbox-wrong"}, {}, {"token": ""}])
    async def test_refused(self, call: Caller, body: dict[str, str]) -> None:
        answer = await refresh(call, json=body)
        assert answer.status in {400, 403}
        assert answer.body == b"" or answer.status == 400

    @pytest.mark.parametrize(
        "body", [b"{", b"[1]", b'{"token":"x","allowedPortfolios":7}', b'{"token":"x","allowedPortfolios":[7]}']
    )
    async def test_unreadable(self, call: Caller, body: bytes) -> None:
        assert (await refresh(call, data=body)).status == 400

    async def test_a_query_list_must_be_json(self, sandbox: Sandbox, call: Caller) -> None:
        query = {"token": sandbox.refresh_token, "allowedPortfolios": "D39004"}
        assert (await refresh(call, query=query)).status == 400

    async def test_the_api_server_gives_no_tokens(self, sandbox: Sandbox, call: Caller) -> None:
        assert (await call("POST", "/refresh", json={"token": sandbox.refresh_token})).status == 404


def test_a_token_says_what_the_broker_s_tokens_say(sandbox: Sandbox) -> None:
    token = sandbox.tokens.issue()
    header, _, signature = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "ES256", "typ": "JWT", "cty": "JWT"}
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64
    said = claims(token)
    assert said.keys() == {
        "sub", "ent", "ein", "clientid", "azp", "agreements", "portfolios", "scope", "exp", "iat", "iss", "aud"
    }  # fmt: skip
    assert said["sub"] == sandbox.login
    assert tuple(said["portfolios"].split()) == sandbox.portfolios
    assert said["scope"].split() == ["OrdersRead", "OrdersCreate", "Trades", "Personal", "Stats"]
    assert 1795 <= said["exp"] - time.time() <= 1800
    assert isinstance(said["aud"], str)
    assert sandbox.refresh_token.startswith("sandbox-")


def test_tokens_differ_and_seeds_repeat() -> None:
    one, same, other = Sandbox(seed=1), Sandbox(seed=1), Sandbox(seed=2)
    assert one.refresh_token == same.refresh_token != other.refresh_token
    assert one.tokens.issue() != one.tokens.issue()


class TestGates:
    async def test_without_a_token(self, call: Caller, portfolio: str) -> None:
        call.token = None
        answer = await call("GET", f"/md/v2/Clients/MOEX/{portfolio}/summary")
        assert (answer.status, answer.body) == (401, b"")

    @pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer", "Basic dTpw", ""])
    async def test_with_a_token_that_is_none(self, call: Caller, header: str) -> None:
        answer = await call("GET", "/md/v2/Securities/MOEX/SBER", headers={"Authorization": header})
        assert answer.status == 401

    async def test_with_an_expired_token(self, sandbox: Sandbox, call: Caller) -> None:
        call.token = sandbox.tokens.issue(life=-1)
        assert (await call("GET", "/md/v2/Securities/MOEX/SBER")).status == 401
        assert (await call("GET", "/md/v2/time")).status == 401

    async def test_expiring_one_or_all(self, sandbox: Sandbox, call: Caller) -> None:
        other = sandbox.tokens.issue()
        assert call.token is not None
        sandbox.tokens.expire(call.token)
        assert (await call("GET", "/md/v2/time")).status == 401
        call.token = other
        assert (await call("GET", "/md/v2/time")).status == 200
        sandbox.faults.auth.expire_now()
        assert (await call("GET", "/md/v2/time")).status == 401

    async def test_a_foreign_portfolio(self, call: Caller) -> None:
        answer = await call("GET", "/md/v2/Clients/MOEX/D99999/orders")
        assert (answer.status, answer.body) == (403, b"")
        assert (await call.place_limit("D99999", 1)).status == 403
        query = {"portfolio": "D99999", "exchange": "MOEX", "stop": "false"}
        assert (await call("DELETE", f"{ORDERS}/1", query=query)).status == 403
        assert (await call("GET", "/md/v2/Clients/P000000/positions")).status == 403

    async def test_a_missing_scope(self, sandbox: Sandbox, call: Caller, portfolio: str) -> None:
        call.token = sandbox.tokens.issue(scopes=["OrdersRead"])
        assert (await call("GET", f"/md/v2/Clients/MOEX/{portfolio}/orders")).status == 200
        assert (await call.place_limit(portfolio, 1)).status == 403

    async def test_revoking_the_refresh_token_ends_its_access_tokens(self, sandbox: Sandbox, call: Caller) -> None:
        old = sandbox.refresh_token
        sandbox.faults.auth.revoke_refresh()
        assert (await refresh(call, json={"token": old})).status == 403
        assert (await call("GET", "/md/v2/time")).status == 401
        new = sandbox.tokens.renew_refresh()
        assert (await refresh(call, json={"token": old})).status == 403
        assert (await refresh(call, json={"token": new})).status == 200


class TestAnonymous:
    async def test_the_clock_is_a_quarter_of_an_hour_behind(self, call: Caller) -> None:
        call.token = None
        assert 895 <= time.time() - int((await call("GET", "/md/v2/time")).text) <= 905

    async def test_candles_end_a_quarter_of_an_hour_ago(self, sandbox: Sandbox, call: Caller) -> None:
        now = int(time.time())
        query = {"symbol": "SBER", "exchange": "MOEX", "tf": "60", "from": str(now - 7200), "to": str(now)}
        seen = {}
        for who in (call.token, None):
            call.token = who
            seen[who is None] = [
                candle["time"] for candle in (await call("GET", "/md/v2/history", query=query)).json["history"]
            ]
        assert all(time <= now - 840 for time in seen[True])
        assert set(seen[True]) <= set(seen[False])

    async def test_quotes_do_not_know_the_trades_of_the_last_quarter(self, sandbox: Sandbox, call: Caller) -> None:
        moved = sandbox.market["SBER"].quote.last_price + 3
        sandbox.market["SBER"].trade(price=moved, lots=1)
        fresh = (await call("GET", "/md/v2/Securities/MOEX:SBER/quotes")).json[0]
        call.token = None
        old = (await call("GET", "/md/v2/Securities/MOEX:SBER/quotes")).json[0]
        assert fresh["last_price"] == moved
        assert old["last_price"] != moved
        assert old["last_price_timestamp"] <= time.time() - 895

    @pytest.mark.parametrize(
        "path",
        [
            "/md/v2/Securities",
            "/md/v2/Securities/MOEX/SBER/availableBoards",
            "/md/v2/Securities/currencyPairs",
            "/md/v2/risk/rates?riskCategoryId=1",
        ],
    )
    async def test_what_needs_no_token(self, call: Caller, path: str) -> None:
        call.token = None
        assert (await call("GET", path)).status == 200
