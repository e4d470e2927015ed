"""What an access token says, and that its text is shown nowhere."""

from __future__ import annotations

import base64
import copy
import pickle
import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async._tokens import AccessToken, StaticToken, TokenProvider, check_refresh_token
from alor_async.errors import AlorError, AuthError, ConfigError
from tests.support.tokens import make_jwt, make_token

EXPIRY = 1_900_000_000
FULL = {
    "sub": "P000001",
    "ent": "client",
    "ein": "01234",
    "clientid": "0123456",
    "azp": "0123456789abcdef0123",
    "agreements": "A1 A2",
    "portfolios": "D39004 G12345 7500GHC",
    "scope": "OrdersRead Trades",
    "exp": EXPIRY,
    "iat": EXPIRY - 1800,
    "iss": "Alor.Identity",
    "aud": "Client CommandApi",
}


def test_the_claims_are_read():
    token = AccessToken(make_jwt(FULL))
    claims = token.claims
    assert (token.expires, token.issued) == (EXPIRY, EXPIRY - 1800)
    assert claims.login == "P000001"
    assert claims.portfolios == ("D39004", "G12345", "7500GHC")
    assert claims.agreements == ("A1", "A2")
    assert claims.scopes == ("OrdersRead", "Trades")
    assert claims.audience == ("Client", "CommandApi")
    assert (claims.client_id, claims.application_id) == ("0123456", "0123456789abcdef0123")
    assert (claims.entity, claims.entity_id, claims.issuer) == ("client", "01234", "Alor.Identity")
    assert claims.expires_at == datetime.fromtimestamp(EXPIRY, UTC)
    assert claims.issued_at == datetime.fromtimestamp(EXPIRY - 1800, UTC)


def test_a_token_that_says_only_when_it_ends_is_enough():
    token = AccessToken(make_jwt({"exp": EXPIRY, "new": {"claim": []}}))
    assert token.expires == EXPIRY
    assert token.issued == 0
    assert token.claims.issued_at is None
    assert token.claims.portfolios == ()
    assert token.claims.login == ""


@pytest.mark.parametrize("odd", [None, 5, -1.5, True, [], ["a", 5, None], {"a": 1}, "", "two words", 10**30])
def test_an_odd_claim_does_not_cost_the_token(odd):
    token = AccessToken(make_jwt(dict.fromkeys(FULL, odd) | {"exp": EXPIRY}))
    assert token.expires == EXPIRY
    assert all(isinstance(word, str) for word in (*token.claims.audience, *token.claims.portfolios, token.claims.login))


def test_claims_that_other_issuers_spell_as_numbers_or_arrays_are_read():
    claims = AccessToken(make_jwt(FULL | {"aud": ["Client", "CommandApi"], "clientid": 123456})).claims
    assert claims.audience == ("Client", "CommandApi")
    assert claims.client_id == "123456"


def test_times_with_a_fraction_are_cut_to_the_second():
    token = AccessToken(make_jwt({"exp": EXPIRY + 0.75, "iat": EXPIRY - 10.5}))
    assert (token.expires, token.issued) == (EXPIRY, EXPIRY - 11)


@pytest.mark.parametrize("issued", [0, -5, EXPIRY, EXPIRY + 1, 10**18])
def test_an_issue_time_that_cannot_be_is_not_believed(issued):
    assert AccessToken(make_jwt({"exp": EXPIRY, "iat": issued})).issued == 0


def raw_payload(payload: bytes) -> str:
    return f"a.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.c"


WRONG = {
    "not text": None,
    "bytes": b"a.b.c",
    "empty": "",
    "one part": "abc",
    "four parts": "a.b.c.d",
    "space": make_jwt(FULL) + " ",
    "line end": make_jwt(FULL) + "\n",
    "not base64": "a.b.c",
    "not JSON": raw_payload(b"exp"),
    "not UTF-8": raw_payload(b"{\xff}"),
    "not an object": make_jwt([EXPIRY]),
    "no expiry": make_jwt({"sub": "P000001"}),
    "expiry null": make_jwt({"exp": None}),
    "expiry as text": make_jwt({"exp": str(EXPIRY)}),
    "expiry true": make_jwt({"exp": True}),
    "expiry zero": make_jwt({"exp": 0}),
    "expiry negative": make_jwt({"exp": -EXPIRY}),
    "expiry in milliseconds": make_jwt({"exp": EXPIRY * 1000}),
    "expiry past all numbers": raw_payload(b'{"exp": 1e999}'),
    "expiry NaN": make_jwt({"exp": float("nan")}),
    "deep": raw_payload(b'{"exp": 1900000000, "x": ' + b"[" * 3000),
    "20 kB": make_jwt(FULL | {"sub": "x" * 20_000}),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_anything_else_is_refused_and_not_quoted(text):
    with pytest.raises(AuthError) as caught:
        AccessToken(text)
    hides(caught.value, text)
    with pytest.raises(ConfigError, match=r"^token: the access token") as caught_config:
        StaticToken(text)
    hides(caught_config.value, text)


def hides(error: AlorError, secret: object) -> None:
    """Look for a secret wherever a logger could show it: texts, and the variables of our frames."""
    if not isinstance(secret, str) or len(secret) < 3:
        return
    assert error.__cause__ is None
    assert secret not in str(error)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if "alor_async" in frame.f_code.co_filename]
    assert frames
    for frame in frames:
        for name, value in frame.f_locals.items():
            assert value != secret, f"{frame.f_code.co_name} keeps it in {name}"


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.binary().map(raw_payload)))
def test_any_text_is_a_token_or_an_auth_error(text):
    try:
        token = AccessToken(text)
    except AuthError:
        return
    assert token.reveal() == text


def test_the_text_shows_on_demand_only():
    text = make_token()
    for holder in (AccessToken(text), StaticToken(text)):
        for shown in (repr(holder), str(holder), f"{holder}"):
            assert text not in shown
            assert text.split(".")[2] not in shown
            assert "expires_at=" in shown
        for escape in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                escape(holder)
    assert AccessToken(text).reveal() == text


async def test_a_static_token_gives_itself_whether_or_not_it_is_valid():
    text = make_token(life=-60)
    provider = StaticToken(text)
    assert isinstance(provider, TokenProvider)
    assert await provider.get_token() == provider.current() == text


@pytest.mark.parametrize("token", ["a", "0b6e5f0e-1111-4b8e-9a3e-000000000000", "~!" * 100])
def test_a_refresh_token_is_any_visible_text(token):
    assert check_refresh_token("auth", token) == token


@pytest.mark.parametrize(
    "token", [None, "", 5, b"abc", "tok en", "token\n", "\ttoken", "токен", "tok\x00en", "x" * 20_000], ids=repr
)
def test_f196_a_refresh_token_that_could_not_travel_is_refused_and_not_quoted(token):
    with pytest.raises(ConfigError, match=r"^auth: must be ") as caught:
        check_refresh_token("auth", token)
    hides(caught.value, token)
