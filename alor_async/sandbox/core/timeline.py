"""What the exchange must do later: a queue of moments, and the time while they are lived through."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from alor_async.sandbox.core.clock import ExchangeClock


class Timeline:
    """Exchange time as the engine lives it.

    Everything that is due by the clock happens at its own moment, in order, before the present begins; so what comes of
    it does not depend on when anybody looked.

    Attributes:
        most_at_once: How many actions one `advance` lives through at most; the present waits until the rest is done.
            None for all.
        settle: Called after every action, so that what it set off is done with at its own moment.
        hastened: Called when something becomes due before everything else that waits.
    """

    __slots__ = ("_clock", "_due", "_number", "hastened", "most_at_once", "now_us", "opened_us", "settle")

    def __init__(self, clock: ExchangeClock) -> None:
        """Begin now."""
        self._clock = clock
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self.opened_us = self.now_us = clock.now_us()
        self.most_at_once: int | None = None
        self.settle: Callable[[], None] = _nothing
        self.hastened: Callable[[], None] = _nothing

    @property
    def next_due_us(self) -> int | None:
        """When the next thing is due, `None` when nothing is."""
        return self._due[0][0] if self._due else None

    def at(self, time_us: int, action: Callable[[], None]) -> None:
        """Do something at a moment; what is already past happens at the next `advance`."""
        self._number += 1
        heapq.heappush(self._due, (time_us, self._number, action))
        if self._due[0][1] == self._number:
            self.hastened()

    def advance(self) -> bool:
        """Live through what is due, up to the clock or to `most_at_once`; whether there was anything."""
        target = self._clock.now_us()
        lived = 0
        while self._due and self._due[0][0] <= target:
            if lived == self.most_at_once:
                return True
            lived += 1
            time_us, _, action = heapq.heappop(self._due)
            self.now_us = max(self.now_us, time_us)
            action()
            self.settle()
        self.now_us = max(self.now_us, target)
        return lived > 0


def _nothing() -> None:
    """Do nothing."""
