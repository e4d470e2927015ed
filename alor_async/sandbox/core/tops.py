"""The best prices of a book as they were, for those who see the market late."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from alor_async.sandbox.core.book import Best
from alor_async.sandbox.core.clock import MINUTE

DELAY_US = 15 * MINUTE


class Top(NamedTuple):
    """The best prices (ticks) and sizes (lots) of a book since a moment."""

    since_us: int
    bid: int | None
    ask: int | None
    bid_lots: int
    ask_lots: int
    total_bid: int
    total_ask: int


class Tops:
    """Every state of the best prices in the last quarter of an hour, and the one before."""

    __slots__ = ("_kept", "_stale")

    def __init__(self, best: Best) -> None:
        """Begin with a state that has always been."""
        self._kept = [Top(0, *best)]
        self._stale = 0

    def __len__(self) -> int:
        """How many states can still be asked for."""
        return len(self._kept) - self._stale

    @property
    def newest(self) -> Top:
        """The state now."""
        return self._kept[-1]

    def note(self, now_us: int, best: Best) -> None:
        """A book is in a state; of several at one moment the last counts."""
        kept = self._kept
        newest = kept[-1]
        if newest[1:] == best:
            return
        if newest.since_us == now_us:
            kept.pop()
        kept.append(Top(now_us, *best))
        while len(kept) > self._stale + 1 and kept[self._stale + 1].since_us <= now_us - DELAY_US:
            self._stale += 1
        if self._stale > 64 and self._stale * 2 > len(kept):
            del kept[: self._stale]
            self._stale = 0

    def at(self, moment_us: int) -> Top:
        """The state at a moment of the last quarter of an hour."""
        kept = self._kept
        if moment_us >= kept[-1].since_us:
            return kept[-1]
        return kept[max(0, bisect_right(kept, moment_us, key=_since) - 1)]


def _since(top: Top) -> int:
    return top.since_us
