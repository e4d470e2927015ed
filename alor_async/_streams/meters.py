"""From the counters of subscriptions to metrics: once in a while, and by the stream's name alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from alor_async._telemetry import Telemetry

__all__ = ["Counted", "StreamMeters"]

_PAUSE: Final = 1.0
"""Between two reports; seconds. Counters lose nothing by it."""


class Counted(Protocol):
    """What a subscription tells about itself; counters only ever grow."""

    @property
    def name(self) -> str:
        """The stream's name."""
        ...

    @property
    def received(self) -> int:
        """How many messages came."""
        ...

    @property
    def dropped(self) -> int:
        """How many messages were dropped."""
        ...

    @property
    def gaps(self) -> int:
        """How many gaps there were."""
        ...

    @property
    def pending(self) -> int:
        """How many messages wait."""
        ...

    @property
    def lag(self) -> float | None:
        """Seconds from the exchange's time of the newest item; None where items carry none."""
        ...


class _Sum:
    """What the subscriptions of one name counted since the last sample."""

    __slots__ = ("dropped", "gaps", "lag", "messages", "pending")

    def __init__(self) -> None:
        self.messages = 0
        self.dropped = 0
        self.gaps = 0
        self.pending = 0
        self.lag: float | None = None


_NOTHING: Final = (0, 0, 0)


class StreamMeters:
    """Reports what subscriptions counted since they were last looked at.

    Args:
        telemetry: Where to.
    """

    __slots__ = ("_due", "_reported", "_sums", "_telemetry")

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._due = 0.0
        self._reported: dict[Counted, tuple[int, int, int]] = {}
        self._sums: dict[str, _Sum] = {}

    def sample(self, subscriptions: Iterable[Counted], now: float) -> None:
        """Look at all of them and report, unless that was done a moment ago.

        Args:
            subscriptions: Those that are open.
            now: Monotonic seconds.
        """
        if now < self._due:
            return
        self._due = now + _PAUSE
        for subscription in subscriptions:
            self._add(subscription).pending += subscription.pending
        self.flush()

    def forget(self, subscription: Counted) -> None:
        """Look at one for the last time, because it closes: what it counted goes into the next report."""
        self._add(subscription)
        del self._reported[subscription]

    def flush(self) -> None:
        """Report what was looked at. A name that was reported once is reported for good: its inbox falls to zero."""
        for name, total in self._sums.items():
            self._telemetry.sample_stream(
                name,
                messages=total.messages,
                dropped=total.dropped,
                gaps=total.gaps,
                pending=total.pending,
                lag=total.lag,
            )
        self._sums = {name: _Sum() for name in self._sums}

    def _add(self, subscription: Counted) -> _Sum:
        total = self._sums.setdefault(subscription.name, _Sum())
        messages, dropped, gaps = self._reported.get(subscription, _NOTHING)
        now = self._reported[subscription] = (subscription.received, subscription.dropped, subscription.gaps)
        total.messages += now[0] - messages
        total.dropped += now[1] - dropped
        total.gaps += now[2] - gaps
        lag = subscription.lag
        if lag is not None and now[0] > messages:  # without news its age says nothing
            total.lag = lag if total.lag is None else max(total.lag, lag)
        return total
