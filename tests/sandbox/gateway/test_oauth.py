"""The code flow of RFC 6749 as a third-party application walks it, over real sockets."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from alor_async.sandbox import Sandbox
from tests.sandbox.gateway.client import Answer, Caller

CALLBACK = "http://localhost:8765/callback?tenant=7"


async def authorize(call: Caller, **changes: str | None) -> Answer:
    query = {
        "response_type": "code",
        "client_id": call.sandbox.tokens.codes.application.client_id,
        "redirect_uri": CALLBACK,
        "scope": "OrdersRead Trades",
        "state": "a b&c",
        **changes,
    }
    return await call(
        "GET", "/authorize", server="oauth", query={name: value for name, value in query.items() if value is not None}
    )


def fields_of(answer: Answer) -> dict[str, str]:
    assert answer.status == 302
    assert answer.headers["Location"].startswith("http://localhost:8765/callback?tenant=7&")
    assert answer.headers["Cache-Control"] == "no-store"
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


async def code_of(call: Caller, **changes: str | None) -> str:
    return fields_of(await authorize(call, **changes))["code"]


async def exchange(call: Caller, code: str, /, **changes: str | None) -> Answer:
    application = call.sandbox.tokens.codes.application
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        **changes,
    }
    return await call(
        "POST",
        "/token",
        server="oauth",
        data=urlencode({name: value for name, value in form.items() if value is not None}).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_a_code_becomes_tokens_that_work(call: Caller, portfolio: str) -> None:
    fields = fields_of(await authorize(call))
    assert fields["state"] == "a b&c"
    answer = await exchange(call, fields["code"])
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 1800
    assert tokens["scope"] == "OrdersRead Trades"
    for access_token in (tokens["access_token"], await refreshed(call, tokens["refresh_token"])):
        assert claims_of(access_token)["scope"] == "OrdersRead Trades"
        assert claims_of(access_token)["azp"] == call.sandbox.tokens.codes.application.client_id
        call.token = access_token
        assert (await call("GET", f"/md/v2/Clients/MOEX/{portfolio}/orders")).status == 200
        assert (await call.place_limit(portfolio, 290)).status == 403


async def refreshed(call: Caller, refresh_token: str) -> str:
    answer = await call("POST", "/refresh", server="oauth", json={"token": refresh_token})
    return answer.json["AccessToken"]


async def test_a_code_is_good_once(call: Caller) -> None:
    code = await code_of(call)
    assert (await exchange(call, code)).status == 200
    again = await exchange(call, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"client_id": "guess"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"code": None}, 400, "invalid_request"),
        ({"code": "guess"}, 400, "invalid_grant"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"redirect_uri": "http://localhost:1/"}, 400, "invalid_grant"),
    ],
)
async def test_a_wrong_exchange_is_refused(call: Caller, changes: dict[str, str], status: int, error: str) -> None:
    answer = await exchange(call, await code_of(call), **changes)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"]


async def test_a_form_that_is_no_text_is_refused(call: Caller) -> None:
    answer = await call("POST", "/token", server="oauth", data=b"code=\xff")
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_single_page_application_has_no_secret(call: Caller) -> None:
    assert (await exchange(call, await code_of(call), client_secret=None)).status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "Trades Everything"}, "invalid_scope"),
    ],
)
async def test_what_is_wrong_goes_back_to_the_application(call: Caller, changes: dict[str, str], error: str) -> None:
    fields = fields_of(await authorize(call, **changes))
    assert (fields["error"], fields["state"]) == (error, "a b&c")
    assert "code" not in fields


async def test_a_user_may_say_no(call: Caller) -> None:
    call.sandbox.tokens.codes.consents = False
    assert fields_of(await authorize(call))["error"] == "access_denied"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "guess"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "/relative"},
        {"redirect_uri": "http:///nowhere"},
        {"redirect_uri": "http://localhost/#fragment"},
        {"redirect_uri": "http://localhost/\r\nSet-Cookie: a=b"},
        {"redirect_uri": "http://[::1"},
    ],
)
async def test_nobody_is_sent_to_an_address_that_cannot_be_trusted(call: Caller, changes: dict[str, str]) -> None:
    answer = await authorize(call, **changes)
    assert answer.status == 400
    assert "Location" not in answer.headers
    assert answer.body


async def test_scopes_are_read_in_any_case_and_the_state_may_be_missing(call: Caller) -> None:
    fields = fields_of(await authorize(call, scope="trades  ORDERSREAD trades", state=None))
    assert "state" not in fields
    assert (await exchange(call, fields["code"])).json["scope"] == "Trades OrdersRead"


async def test_revoking_ends_the_tokens_of_applications_too(call: Caller, sandbox: Sandbox) -> None:
    tokens = (await exchange(call, await code_of(call))).json
    sandbox.tokens.revoke_refresh()
    answer = await call("POST", "/refresh", server="oauth", json={"token": tokens["refresh_token"]})
    assert answer.status == 403
    assert sandbox.tokens.grant(tokens["access_token"]) is None


def test_no_secret_is_in_a_repr(sandbox: Sandbox) -> None:
    application = sandbox.tokens.codes.application
    assert application.client_secret not in repr(application)
    pair = sandbox.tokens.authorize(("Trades",))
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)
