"""Access tokens: what they say, and where they come from.

A token is read without checking its signature: the client does not decide by it, the broker does.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Final, Protocol, cast, runtime_checkable

import msgspec
from msgspec import Struct

from alor_async.errors import AuthError, ConfigError

__all__ = ["AccessToken", "Claims", "StaticToken", "TokenProvider"]

_MAX_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_REFRESH_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_LATEST: Final = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())


class _Payload(Struct):
    # Only the expiry decides anything: a claim of another type than usual must not cost the token.
    exp: float
    iat: object = None
    sub: object = None
    clientid: object = None
    azp: object = None
    portfolios: object = None
    agreements: object = None
    scope: object = None
    aud: object = None
    iss: object = None
    ent: object = None
    ein: object = None


class Claims(Struct, frozen=True, kw_only=True):
    """What an access token says about its owner. Read, not verified.

    Attributes:
        login: The trading login.
        portfolios: Ids of the portfolios that the token may use, in the token's order.
        agreements: Numbers of the agreements, in the token's order.
        scopes: Granted scopes, such as `OrdersRead`, `OrdersCreate`, `Trades`, `Personal`, `Stats`.
        audience: Services that accept the token.
        client_id: The broker's number of the client.
        application_id: The application that obtained the token.
        entity: The kind of the owner, such as `client`.
        entity_id: The owner's number.
        issuer: Who issued the token.
        issued_at: When, aware UTC; None when the token does not say.
        expires_at: Until when it is accepted, aware UTC.
    """

    login: str
    portfolios: tuple[str, ...]
    agreements: tuple[str, ...]
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    client_id: str
    application_id: str
    entity: str
    entity_id: str
    issuer: str
    issued_at: datetime | None
    expires_at: datetime


class AccessToken:
    """An access token (JWT) with its claims. Its text shows in no `repr`, and it does not pickle.

    Attributes:
        claims: What the token says.
        expires: Until when it is accepted; unix seconds.
        issued: When it was issued; unix seconds, or 0 when it does not say.

    Raises:
        AuthError: Not a JWT, without an expiry, or with an absurd one.
    """

    __slots__ = ("_text", "claims", "expires", "issued")

    def __init__(self, text: str) -> None:
        payload = _read_payload(text)
        if isinstance(payload, str):
            del text  # Some loggers show a traceback's variables.
            raise AuthError(payload)
        self._text = text
        self.expires = int(payload.exp)
        self.issued = _seconds(payload.iat, before=self.expires)
        self.claims = Claims(
            login=_word(payload.sub),
            portfolios=_words(payload.portfolios),
            agreements=_words(payload.agreements),
            scopes=_words(payload.scope),
            audience=_words(payload.aud),
            client_id=_word(payload.clientid),
            application_id=_word(payload.azp),
            entity=_word(payload.ent),
            entity_id=_word(payload.ein),
            issuer=_word(payload.iss),
            issued_at=datetime.fromtimestamp(self.issued, UTC) if self.issued else None,
            expires_at=datetime.fromtimestamp(self.expires, UTC),
        )

    def reveal(self) -> str:
        """Give the token's text, to be put on the wire and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return f"AccessToken(expires_at={self.claims.expires_at:%Y-%m-%dT%H:%M:%SZ})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an access token is not pickled")


def _read_payload(text: object) -> _Payload | str:
    """Read the claims, or say what is wrong without quoting any of them."""
    if not isinstance(text, str) or len(text) > _MAX_TOKEN or _TOKEN.fullmatch(text) is None:
        return "the access token is not a JWT"
    part = text.split(".")[1]
    try:
        payload = _payload_decoder.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "the access token's claims cannot be read"
    return payload if 0 < payload.exp < _LATEST else "the access token's expiry is absurd"


_payload_decoder: Final = msgspec.json.Decoder(_Payload)


def _word(claim: object) -> str:
    return str(claim) if isinstance(claim, str | int) else ""


def _words(claim: object) -> tuple[str, ...]:
    """Take a claim that lists words: the broker writes one text with spaces, other issuers write an array."""
    if isinstance(claim, str):
        return tuple(claim.split())
    items = cast("list[object]", claim) if isinstance(claim, list) else []
    return tuple(word for word in items if isinstance(word, str))


def _seconds(claim: object, *, before: int) -> int:
    return int(claim) if isinstance(claim, int | float) and 0 < claim < before else 0


def check_refresh_token(argument: str, token: object) -> str:
    """Return `token` if it can be a refresh token; the error never quotes it."""
    if not isinstance(token, str) or not token:
        problem = "must be a refresh token (text, not empty)"
    elif len(token) > _MAX_TOKEN or _REFRESH_TOKEN.fullmatch(token) is None:
        problem = "must be one line of visible ASCII: check for spaces and line ends"
    else:
        return token
    del token  # Some loggers show a traceback's variables.
    raise ConfigError(argument, problem)


@runtime_checkable
class TokenProvider(Protocol):
    """Where access tokens come from. One method is enough; two more make it better when they are there.

    Optional methods:
        current() -> str | None: A token that is surely valid now, without waiting. It is asked before every request.
        invalidate(token: str) -> None: The broker refused this token. Act only if it is still the current one.
    """

    async def get_token(self) -> str:
        """Return a valid access token, or raise an `AuthError`."""
        ...


class StaticToken:
    """An access token that somebody else obtained and renews. It is used until the broker refuses it.

    Args:
        token: The JWT's text.

    Raises:
        ConfigError: Not a JWT.
    """

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        try:
            self._token = AccessToken(token)
        except AuthError as error:
            problem = str(error)
        else:
            return
        del token  # Some loggers show a traceback's variables.
        raise ConfigError("token", problem)

    async def get_token(self) -> str:
        """Return the token, whether or not it is still valid."""
        return self._token.reveal()

    def current(self) -> str:
        """Return the token."""
        return self._token.reveal()

    def __repr__(self) -> str:
        return f"StaticToken({self._token!r})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a token provider is not pickled")
