"""The pace that the broker allows a user: so many requests a second, and 429 beyond."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """A leaky bucket per user; one second's worth may come at once."""

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        self._per_second = per_second
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def admits(self, user: str) -> bool:
        """Count one request; whether it is within the pace."""
        now = self._now()
        level, since = self._buckets.get(user, (0.0, now))
        level = max(0.0, level - (now - since) * self._per_second)
        admitted = level + 1.0 <= self._per_second
        self._buckets[user] = (level + 1.0 if admitted else level, now)
        return admitted
