"""Time as far as the event loop was there to read: what came while it was held is no silence, and no delay of the server's."""

from __future__ import annotations

from typing import Final

__all__ = ["LivedTime"]

_LATE: Final = 2.0
"""A look that comes after so many planned pauses is late: something held the loop."""


class LivedTime:
    """Counts time in looks: each adds the planned pause between two of them at most, however late it comes.

    Args:
        step: The planned pause between two looks; seconds.

    Attributes:
        step: The same.
        now: How much time the looks have counted; seconds.
    """

    __slots__ = ("_looked_at", "_was_late", "now", "step")

    def __init__(self, step: float) -> None:
        self.step = step
        self.now = 0.0
        self._looked_at: float | None = None
        self._was_late = False

    @property
    def at_next_look(self) -> float:
        """What the next look will count: never earlier than what happens now."""
        return self.now + self.step

    def look(self, uptime: float) -> bool:
        """Count what has passed since the last look.

        Args:
            uptime: The monotonic clock's time; seconds.

        Returns:
            Whether to judge now. After a late look what waits is read first; but never is judging put off twice in a row.
        """
        passed = self.step if self._looked_at is None else max(uptime - self._looked_at, 0.0)
        self._looked_at = uptime
        self.now += min(passed, self.step)
        self._was_late = passed >= _LATE * self.step and not self._was_late
        return not self._was_late
