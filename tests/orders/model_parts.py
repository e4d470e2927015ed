"""What the world of the state machine is made of: time that can be moved, tokens, a client that takes both, and a listener."""

from __future__ import annotations

import logging

from alor_async import AsyncAlor
from alor_async._policy.clock import Clock
from alor_async.sandbox import Sandbox


class AheadClock(Clock):
    """The machine's clocks, ahead by what exchange time was moved."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Issued:
    """Access tokens straight from the sandbox, whatever the client's clock says of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._token = sandbox.tokens.issue(life=1e6)
        self.all = [self._token]

    async def get_token(self) -> str:
        return self._token

    def current(self) -> str:
        return self._token

    def invalidate(self, token: str) -> None:
        if token == self._token:
            self._token = self._sandbox.tokens.issue(life=1e6)
            self.all.append(self._token)


class Client(AsyncAlor):
    """A client whose time can be moved."""

    def __init__(self, clock: AheadClock, sandbox: Sandbox, tokens: Issued, **options: object) -> None:
        self._ahead = clock
        super().__init__(tokens, environment=sandbox.environment, order_tags=True, **options)  # type: ignore[arg-type]

    def _new_clock(self) -> Clock:
        return self._ahead


class Secrets(logging.Handler):
    """Listens to everything that is logged, and looks for tokens in it."""

    def __init__(self, tokens: Issued) -> None:
        super().__init__(logging.DEBUG)
        self._tokens = tokens
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.look(record.getMessage())

    def look(self, text: str) -> None:
        self.leaks += [text for token in self._tokens.all if token in text]
