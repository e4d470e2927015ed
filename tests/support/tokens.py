"""Access tokens that look like the broker's. Their signature is nothing, as nobody checks it here."""

from __future__ import annotations

import base64
import itertools
import json
import time

_numbers = itertools.count(1)


def make_token(life: float = 1800.0, *, now: float | None = None, **claims: object) -> str:
    """Make a token that differs from every other one."""
    issued = time.time() if now is None else now
    payload: dict[str, object] = {
        "sub": "P000001",
        "exp": int(issued + life),
        "iat": int(issued),
        "portfolios": "D39004 G12345",
        "jti": next(_numbers),
    }
    payload.update(claims)
    return make_jwt({name: value for name, value in payload.items() if value is not None})


def make_jwt(payload: object) -> str:
    """Make a token with exactly this payload."""
    parts = [json.dumps({"alg": "ES256", "typ": "JWT", "cty": "JWT"}), json.dumps(payload), "signature-of-nothing"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
