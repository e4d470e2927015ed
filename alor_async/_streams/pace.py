"""How fast requests follow each other on a socket."""

from __future__ import annotations

from alor_async._policy.clock import Clock

__all__ = ["Pace"]


class Pace:
    """Turns at a steady rate, after a burst of a second's worth.

    Args:
        rate: Turns a second.
        clock: Where time comes from.
    """

    __slots__ = ("_at", "_clock", "_left", "_rate")

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._left = max(1.0, rate)
        self._at = clock.monotonic()

    async def turn(self) -> None:
        """Wait for one's turn."""
        self._refill()
        if self._left < 1.0:
            await self._clock.sleep((1.0 - self._left) / self._rate)
            self._refill()
        self._left -= 1.0

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._left = min(max(1.0, self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
