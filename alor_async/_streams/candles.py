"""A candle that changes is told from one that is complete, and from one that is corrected afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from alor_async._streams.events import Update
from alor_async._streams.filters import Recent

if TYPE_CHECKING:
    from alor_async.models import Candle
    from alor_async.values import InstrumentId

__all__ = ["CandleTracker"]

_CLOSED: Final = 1_000
_NEVER: Final = -1
"""No candle has this volume: one that is remembered with it differs from whatever comes."""


class CandleTracker:
    """Follows the candles of one instrument, over any number of interruptions.

    A candle is complete when a later one begins. It then comes once more as closed, exactly once; what differs from it
    afterwards is a revision. The last thousand or so are remembered for that.

    Args:
        instrument_id: Put into every update.

    Attributes:
        duplicates: How many candles came as they had been told before.
        stale: How many were too old to know whether they had been told before.
        latest: The last candle; None before the first one.
        missed_from: When the first candle opens that could not be delivered, Unix seconds; None where none is missing.
        is_untold: Whether the last candle could not be delivered as it is.
        began_with: When the candle opened at the earliest that formed as the subscription began, Unix seconds, where none of
            before is wanted; None where that is not known, or does not matter.
    """

    __slots__ = (
        "_closed",
        "_forgotten",
        "_instrument_id",
        "began_with",
        "duplicates",
        "is_untold",
        "latest",
        "missed_from",
        "stale",
    )

    def __init__(self, instrument_id: InstrumentId | None = None) -> None:
        self.duplicates = 0
        self.stale = 0
        self._instrument_id = instrument_id
        self.latest: Candle | None = None
        self.missed_from: int | None = None
        self.is_untold = False
        self.began_with: int | None = None
        self._closed: Recent[int, Candle] = Recent(_CLOSED)
        self._forgotten = -1

    @property
    def resume_from(self) -> int | None:
        """From which open time on the candles are to be asked for again, Unix seconds; None for all that were asked for."""
        if self.missed_from is not None:
            return self.missed_from
        return self.began_with if self.latest is None else self.latest.timestamp

    def admit(self, candle: Candle) -> tuple[Update[Candle], ...]:
        """Take a frame, and return what it tells: nothing, the candle, or that the one before is complete and then it."""
        latest = self.latest
        if latest is None or candle.timestamp > latest.timestamp:
            self.latest = candle
            self.is_untold = False
            update = self._update(candle)
            if latest is None:
                return (update,)
            self._close(latest)
            return self._update(latest, is_closed=True), update
        if candle.timestamp < latest.timestamp:
            return self._late(candle)
        if candle == latest and not self.is_untold:
            self.duplicates += 1
            return ()
        self.latest = candle
        self.is_untold = False
        return (self._update(candle),)

    def take_back(self, update: Update[Candle]) -> None:
        """What was just told could not be delivered: when it comes again, it is news."""
        opened = update.item.timestamp
        self.missed_from = opened if self.missed_from is None else min(self.missed_from, opened)
        if update.is_revision:
            self._closed[opened] = replace(update.item, volume=_NEVER)
        elif update.is_closed:
            self._closed.pop(opened, None)
        else:
            self.is_untold = True

    def renew(self) -> None:
        """Nothing is forgotten: the candles from `resume_from` on come again."""

    def _late(self, candle: Candle) -> tuple[Update[Candle], ...]:
        """Take a frame of a candle that is complete."""
        known = self._closed.get(candle.timestamp)
        if known == candle:
            self.duplicates += 1
            return ()
        if known is None and candle.timestamp <= self._forgotten:
            self.stale += 1
            return ()
        self._close(candle)
        return (self._update(candle, is_closed=True, is_revision=known is not None),)

    def _close(self, candle: Candle) -> None:
        forgotten = self._closed.put(candle.timestamp, candle)
        if forgotten:
            self._forgotten = max(self._forgotten, *forgotten)

    def _update(self, candle: Candle, *, is_closed: bool = False, is_revision: bool = False) -> Update[Candle]:
        return Update(item=candle, instrument_id=self._instrument_id, is_closed=is_closed, is_revision=is_revision)
