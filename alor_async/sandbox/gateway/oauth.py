"""Tokens: who may do what, for how long, and how a refresh token becomes an access token.

Access tokens look like the broker's (ES256, the same claims) and are known by look-up: the signature is 64 bytes of the
seed and is never checked. Token times are wall time, whatever the exchange's clock says.
"""

from __future__ import annotations

import base64
import json
import math
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alor_async.sandbox.gateway.call import Call, Refused, Reply, json_reply, read_json, unreadable
from alor_async.sandbox.gateway.codes import Codes
from alor_async.sandbox.gateway.shown_time import ShownTime

if TYPE_CHECKING:
    from alor_async.sandbox.core.entities import PortfolioInfo

TOKEN_PREFIX = "sandbox-"
"""Every refresh token of a sandbox begins so: the broker's environments can refuse it on sight."""

SCOPES = ("OrdersRead", "OrdersCreate", "Trades", "Personal", "Stats")
_AUDIENCE = "Client WARP WarpATConnector subscriptionsApi CommandApi InstrumentApi TradingViewPlatform"
_MOST_TOKENS = 50_000
_A_MONTH = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token allows."""

    login: str
    portfolios: tuple[str, ...]
    scopes: frozenset[str]
    expires_at: float

    def portfolio(self, name: str) -> str | None:
        """A portfolio by its name in any case, if the token holds it."""
        wanted = name.upper()
        return next((portfolio for portfolio in self.portfolios if portfolio.upper() == wanted), None)


@dataclass(frozen=True, slots=True)
class _Renewal:
    """What a refresh token allows; without an end of its own it lives for a year, which is for ever here."""

    scopes: tuple[str, ...]
    expires_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Pair:
    """What the code flow ends in."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Tokens:
    """The token service of one sandbox. Safe from any thread."""

    def __init__(
        self,
        *,
        seed: int,
        login: str,
        portfolios: Sequence[PortfolioInfo],
        life: float,
        now: Callable[[], float],
        shown: ShownTime | None = None,
    ) -> None:
        self._random = random.Random(f"{seed}:tokens")
        self._login = login
        self._portfolios = tuple(portfolios)
        self._now = now
        self._shown = ShownTime(now) if shown is None else shown
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}
        self._renewals: dict[str, _Renewal] = {}
        self._refresh_token = self._new_refresh_token(_Renewal(SCOPES))
        self.codes = Codes(seed=seed, now=now)
        """The OAuth flow: the registered application, and whether the user consents."""
        self.life = life
        """How long an access token lives; seconds."""
        self.refreshes = 0
        """How many access tokens `/refresh` has given out."""

    @property
    def refresh_token(self) -> str:
        """The refresh token that is accepted."""
        return self._refresh_token

    def issue(
        self,
        *,
        life: float | None = None,
        portfolios: Iterable[str] | None = None,
        scopes: Iterable[str] = SCOPES,
    ) -> str:
        """Make an access token without a call to `/refresh`.

        Args:
            life: How long it lives, seconds; negative makes one that has expired already.
            portfolios: What it is narrowed to; those that are not the login's are left out.
            scopes: What it allows.
        """
        wanted = None if portfolios is None else {name.upper() for name in portfolios}
        allowed = [info for info in self._portfolios if wanted is None or info.portfolio.upper() in wanted]
        scopes = tuple(scopes)
        with self._lock:
            issued_at = self._now()
            expires_at = issued_at + (self.life if life is None else life)
            shown = self._shown.of_machine(issued_at)
            token = self._jwt(allowed, scopes, shown, shown + expires_at - issued_at)
            names = tuple(info.portfolio for info in allowed)
            self._forget_expired(issued_at)
            self._grants[token] = Grant(self._login, names, frozenset(scope.lower() for scope in scopes), expires_at)
        return token

    def grant(self, token: str) -> Grant | None:
        """What a token allows; None for one that is unknown, expired or revoked."""
        found = self._grants.get(token)
        return found if found is not None and found.expires_at > self._now() else None

    def refresh(self, refresh_token: str, allowed: Iterable[str] | None) -> str | None:
        """Turn a refresh token into an access token; None when it is not accepted."""
        renewal = self._renewals.get(refresh_token)
        if renewal is None or renewal.expires_at <= self._now():
            return None
        token = self.issue(portfolios=allowed, scopes=renewal.scopes)
        with self._lock:
            self.refreshes += 1
        return token

    def expire_all(self) -> None:
        """Let every access token given out so far be expired, whatever it says of itself."""
        with self._lock:
            self._grants.clear()

    def expire(self, token: str) -> None:
        """Let one access token be expired."""
        with self._lock:
            self._grants.pop(token, None)

    def revoke_refresh(self) -> None:
        """Stop accepting any refresh token given out so far; access tokens made from them end too."""
        with self._lock:
            self._renewals.clear()
        self.expire_all()

    def renew_refresh(self) -> str:
        """Make and accept a new refresh token, as a user does in the developer's cabinet; the old one is refused."""
        with self._lock:
            self._renewals.pop(self._refresh_token, None)
            self._refresh_token = self._new_refresh_token(_Renewal(SCOPES))
            return self._refresh_token

    def authorize(self, scopes: tuple[str, ...]) -> Pair:
        """Make the tokens of an application that a user let in; its refresh token lives for a month."""
        access_token = self.issue(scopes=scopes)
        with self._lock:
            return Pair(access_token, self._new_refresh_token(_Renewal(scopes, self._now() + _A_MONTH)))

    def _new_refresh_token(self, renewal: _Renewal) -> str:
        token = f"{TOKEN_PREFIX}{self._random.randbytes(16).hex()}"
        self._renewals[token] = renewal
        return token

    def _forget_expired(self, now: float) -> None:
        if len(self._grants) >= _MOST_TOKENS:
            self._grants = {token: grant for token, grant in self._grants.items() if grant.expires_at > now}

    def _jwt(self, allowed: Sequence[PortfolioInfo], scopes: Sequence[str], issued: float, expires: float) -> str:
        payload = {
            "sub": self._login,
            "ent": "client",
            "ein": "04242",
            "clientid": "0042420",
            "azp": self.codes.application.client_id,
            "agreements": " ".join(dict.fromkeys(info.agreement for info in allowed)),
            "portfolios": " ".join(info.portfolio for info in allowed),
            "scope": " ".join(scopes),
            "exp": math.floor(expires),
            "iat": math.floor(issued),
            "iss": "Alor.Identity",
            "aud": _AUDIENCE,
        }
        header = {"alg": "ES256", "typ": "JWT", "cty": "JWT"}
        parts = (_compact(header), _compact(payload), self._random.randbytes(64))
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refresh(call: Call) -> Reply:
    """`POST /refresh`: the refresh token stands in the body or, failing that, in the query."""
    refresh_token, allowed = _from_body(call) if call.body.strip() else _from_query(call)
    access_token = call.tokens.refresh(refresh_token, allowed)
    if access_token is None:
        raise Refused(Reply(403))
    return json_reply({"AccessToken": access_token})


def _from_body(call: Call) -> tuple[str, list[str] | None]:
    fields = call.fields()
    if not fields.has("token"):
        return _from_query(call)
    allowed = fields.array("allowedPortfolios") if fields.has("allowedPortfolios") else None
    return fields.text("token"), _names(allowed)


def _from_query(call: Call) -> tuple[str, list[str] | None]:
    text = call.query.text("allowedPortfolios")
    return call.query.text("token") or "", None if text is None else _names(read_json(text.encode()))


def _names(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType]
        raise unreadable()
    return value  # pyright: ignore[reportUnknownVariableType]
