"""Codes of the OAuth flow: what a user's consent becomes until the application exchanges it for tokens."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

CODE_LIFE = 60.0


@dataclass(frozen=True, slots=True)
class Application:
    """A third-party application as the token service knows it."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Code:
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    expires_at: float


class Codes:
    """The codes that were given out and not yet used. Each is good once, for a minute. Safe from any thread."""

    def __init__(self, *, seed: int, now: Callable[[], float]) -> None:
        self._random = random.Random(f"{seed}:codes")
        self._now = now
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self.application = Application(self._random.randbytes(10).hex(), self._random.randbytes(24).hex())
        """The one registered application."""
        self.consents = True
        """Whether the user agrees when an application asks for access."""

    def give(self, client_id: str, redirect_uri: str, scopes: tuple[str, ...]) -> str:
        """Make a code for an application that the user has agreed to."""
        with self._lock:
            now = self._now()
            self._codes = {code: known for code, known in self._codes.items() if known.expires_at > now}
            code = self._random.randbytes(16).hex()
            self._codes[code] = _Code(client_id, redirect_uri, scopes, now + CODE_LIFE)
        return code

    def take(self, code: str, client_id: str, redirect_uri: str) -> tuple[str, ...] | None:
        """Use a code up: its scopes, or None when it is unknown, used, too old, or was made for somebody else."""
        with self._lock:
            known = self._codes.pop(code, None)
        if known is None or known.expires_at <= self._now():
            return None
        return known.scopes if (known.client_id, known.redirect_uri) == (client_id, redirect_uri) else None
