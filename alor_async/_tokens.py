"""Access tokens: what they say, and where they come from.

A token is read without checking its signature: the client does not decide by it, the broker does.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from alor_async.errors import AuthError, ConfigError

__all__ = ["AccessToken", "Claims", "StaticToken", "TokenProvider"]

_MAX_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
_REFRESH_TOKEN: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
_LATEST: Final = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())


class _Payload(Struct):
    exp: int
    iat: int = 0
    sub: str = ""
    clientid: str = ""
    azp: str = ""
    portfolios: str = ""
    agreements: str = ""
    scope: str = ""
    aud: str | list[str] = ""
    iss: str = ""
    ent: str = ""
    ein: str = ""


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
        self._text = text
        self.expires = payload.exp
        self.issued = payload.iat if 0 < payload.iat < payload.exp else 0
        audience = payload.aud.split() if isinstance(payload.aud, str) else payload.aud
        self.claims = Claims(
            login=payload.sub,
            portfolios=tuple(payload.portfolios.split()),
            agreements=tuple(payload.agreements.split()),
            scopes=tuple(payload.scope.split()),
            audience=tuple(audience),
            client_id=payload.clientid,
            application_id=payload.azp,
            entity=payload.ent,
            entity_id=payload.ein,
            issuer=payload.iss,
            issued_at=datetime.fromtimestamp(self.issued, UTC) if self.issued else None,
            expires_at=datetime.fromtimestamp(payload.exp, UTC),
        )

    def reveal(self) -> str:
        """Give the token's text, to be put on the wire and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return f"AccessToken(expires_at={self.claims.expires_at:%Y-%m-%dT%H:%M:%SZ})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an access token is not pickled")


def _read_payload(text: object) -> _Payload:
    if not isinstance(text, str) or len(text) > _MAX_TOKEN or _TOKEN.fullmatch(text) is None:
        raise AuthError("the access token is not a JWT")
    part = text.split(".")[1]
    problem = "the access token's claims cannot be read"
    try:
        payload = _payload_decoder.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        # `from None`: the cause's text would quote the claims.
        raise AuthError(problem) from None
    if not 0 < payload.exp < _LATEST:
        raise AuthError("the access token's expiry is absurd")
    return payload


_payload_decoder: Final = msgspec.json.Decoder(_Payload)


def check_refresh_token(argument: str, token: object) -> str:
    """Return `token` if it can be a refresh token; the error never quotes it."""
    if not isinstance(token, str) or not token:
        raise ConfigError(argument, "must be a refresh token (text, not empty)")
    if len(token) > _MAX_TOKEN or _REFRESH_TOKEN.fullmatch(token) is None:
        raise ConfigError(argument, "must be one line of visible ASCII: check for spaces and line ends")
    return token


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
            raise ConfigError("token", str(error)) from None

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
