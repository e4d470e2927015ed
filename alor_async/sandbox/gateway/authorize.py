"""The OAuth 2.0 code flow (RFC 6749, section 4.1) for third-party applications: `GET /authorize` and `POST /token`.

Where the broker shows a login page, the sandbox has a user who answers at once: yes, or no when `consents` is False. One
application is registered. A code is good for one use within a minute; it gives a refresh token that lives for a month.
"""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlencode, urlsplit

from alor_async.sandbox.gateway.call import Call, Query, Refused, Reply, json_reply, text_reply
from alor_async.sandbox.gateway.oauth import SCOPES

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_SPELLINGS = {scope.lower(): scope for scope in SCOPES}


def authorize(call: Call) -> Reply:
    """`GET /authorize`: back to the application at once, with a code or with what is wrong.

    Without a known application and an address that a browser can go to, nobody is sent anywhere (RFC 6749, 4.1.2.1).
    """
    query, codes = call.query, call.tokens.codes
    client_id, redirect_uri = codes.application.client_id, query.text("redirect_uri")
    if query.text("client_id") != client_id:
        raise Refused(text_reply("The application is not known: client_id is missing or wrong", 400))
    if redirect_uri is None or not _is_address(redirect_uri):
        raise Refused(text_reply("redirect_uri is missing, or is not an absolute address without a fragment", 400))
    if query.text("response_type") != "code":
        return _back(redirect_uri, query, error="unsupported_response_type")
    scopes = read_scopes(query.text("scope"))
    if scopes is None:
        return _back(redirect_uri, query, error="invalid_scope")
    if not codes.consents:
        return _back(redirect_uri, query, error="access_denied")
    return _back(redirect_uri, query, code=codes.give(client_id, redirect_uri, scopes))


def read_scopes(text: str | None) -> tuple[str, ...] | None:
    """The scopes of a request, in any case, each once; None when there is none or one that does not exist."""
    wanted = [_SPELLINGS.get(word.lower()) for word in (text or "").split()]
    known = tuple(dict.fromkeys(word for word in wanted if word is not None))
    return known if known and None not in wanted else None


def _is_address(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    has_place = bool(parts.netloc) if parts.scheme in {"http", "https"} else bool(parts.path or parts.netloc)
    return bool(parts.scheme) and has_place and "#" not in uri and uri.isprintable() and " " not in uri


def _back(redirect_uri: str, query: Query, **answer: str) -> Reply:
    state = query.text("state")
    fields = answer if state is None else {**answer, "state": state}
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return Reply(302, headers={"Location": f"{redirect_uri}{joint}{urlencode(fields)}", **_NO_STORE})


def exchange(call: Call) -> Reply:
    """`POST /token`: a code for tokens. A single-page application may leave its secret out."""
    try:
        form = Query(call.body.decode())
    except UnicodeDecodeError:
        _refuse("invalid_request", "the form is not UTF-8")
    codes = call.tokens.codes
    secret = form.text("client_secret")
    if form.text("client_id") != codes.application.client_id:
        _refuse("invalid_client", "client_id is missing or wrong", 401)
    if secret is not None and secret != codes.application.client_secret:
        _refuse("invalid_client", "client_secret is wrong", 401)
    if form.text("grant_type") != "authorization_code":
        _refuse("unsupported_grant_type", "grant_type must be authorization_code")
    code, redirect_uri = form.text("code"), form.text("redirect_uri")
    if code is None or redirect_uri is None:
        _refuse("invalid_request", "code and redirect_uri are required")
    scopes = codes.take(code, codes.application.client_id, redirect_uri)
    if scopes is None:
        _refuse("invalid_grant", "the code is unknown, used, too old, or was made for another address")
    pair = call.tokens.authorize(scopes)
    reply = json_reply(
        {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "token_type": "Bearer",
            "expires_in": int(call.tokens.life),
            "scope": " ".join(scopes),
        }
    )
    return Reply(reply.status, reply.body, reply.content_type, _NO_STORE)


def _refuse(error: str, description: str, status: int = 400) -> NoReturn:
    raise Refused(json_reply({"error": error, "error_description": description}, status))
