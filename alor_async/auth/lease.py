"""How long an access token may be used: counted so that a wrong clock, or a machine that slept, does not matter."""

from __future__ import annotations

from typing import Final

from alor_async._policy.clock import Clock
from alor_async._tokens import AccessToken

__all__ = ["Lease"]

_LONGEST_LIFE: Final = 86_400.0
"""No token is trusted for longer than a day without asking again; seconds."""

_RENEW_AT: Final = 0.2
"""The part of a life that is left when renewal begins in the background."""

_MARGIN: Final = 0.05
_LONGEST_MARGIN: Final = 10.0
_LATENCIES: Final = 3.0
"""Renewal begins at least this many times the last refresh's duration before the end."""


class Lease:
    """One access token and the time that is left of it.

    What is left when it arrives is known from the server's own clock. From then on it is counted twice: on the monotonic
    clock, which nobody sets, and on the wall clock, which goes on while the machine sleeps. The shorter count is right.

    Args:
        token: The token.
        life: How long it may be used from `asked_at` on; seconds.
        clock: The clocks.
        asked_at: When it was asked for, on the monotonic clock.
        latency: How long the answer took; seconds.
    """

    __slots__ = ("_clock", "_renew_until_end", "_until_monotonic", "_until_wall", "life", "token")

    def __init__(self, token: AccessToken, life: float, clock: Clock, *, asked_at: float, latency: float = 0.0) -> None:
        self.token = token
        self.life = min(life, _LONGEST_LIFE)
        self._clock = clock
        usable = self.life - min(_LONGEST_MARGIN, self.life * _MARGIN)
        spent = max(0.0, clock.monotonic() - asked_at)
        self._until_monotonic = asked_at + usable
        self._until_wall = clock.now() - spent + usable
        self._renew_until_end = min(0.8 * usable, max(_RENEW_AT * usable, _LATENCIES * latency))

    def left(self) -> float:
        """Tell how many seconds the token may still be used. Zero or less: it must be renewed first."""
        return min(self._until_monotonic - self._clock.monotonic(), self._until_wall - self._clock.now())

    def is_due(self, left: float) -> bool:
        """Tell whether renewal should begin while `left` seconds remain."""
        return left <= self._renew_until_end
