"""Faults of the exchange itself: its clock, its memory of request ids, and what becomes of accepted orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack, get_args

from alor_async.errors import ConfigError
from alor_async.sandbox import effects
from alor_async.sandbox.faults import BEFORE, Armed, FaultPlan, Standing
from alor_async.sandbox.gateway.dedupe import DedupeMode
from alor_async.sandbox.inject.group import Group, Which, check_choice, check_positive, check_seconds

if TYPE_CHECKING:
    from alor_async.sandbox.clock import Clock
    from alor_async.sandbox.gateway.dedupe import Dedupe
    from alor_async.sandbox.gateway.shown_time import ShownTime


class ClockFaults:
    """What is wrong with the server's clock, as the server tells it.

    The clock is told in three places: the `Date` header, `/md/v2/time`, and the `iat` and `exp` of access tokens. The
    exchange itself, and how long a token really lives, are not touched.
    """

    def __init__(self, plan: FaultPlan, shown: ShownTime, clock: Clock) -> None:
        self._plan = plan
        self._shown = shown
        self._clock = clock

    def skew(self, seconds: float) -> Standing:
        """Tell a time that is so many seconds ahead (or, below zero, behind), until cleared."""
        check_seconds("seconds", seconds, negative=True)
        self._shown.shift(seconds)
        return self._plan.stand("clock.skew", lambda: self._shown.shift(-seconds))

    def step(self, seconds: float) -> Standing:
        """Let the time that is told jump now, forward or back, as a clock does that is set; clearing it sets it back."""
        check_seconds("seconds", seconds, negative=True)
        self._shown.shift(seconds)
        return self._plan.stand("clock.step", lambda: self._shown.shift(-seconds))

    def freeze(self) -> Standing:
        """Tell one and the same time until cleared."""
        self._shown.freeze()
        return self._plan.stand("clock.freeze", self._shown.thaw)

    async def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let exchange time pass at once: what is due happens, day orders expire. Only in stepped time.

        Raises:
            ConfigError: Time is not stepped.
        """
        self._plan.note("clock.advance")
        await self._clock.advance(days=days, hours=hours, minutes=minutes, seconds=seconds)


class DedupeFaults:
    """What a repeated X-REQID gets."""

    def __init__(self, plan: FaultPlan, dedupe: Dedupe) -> None:
        self._plan = plan
        self._dedupe = dedupe

    def mode(self, mode: DedupeMode, *, ttl: float | None = None) -> Standing:
        """Choose the answer to a repeated id, and for how many seconds ids are remembered, until cleared."""
        check_choice("mode", mode, get_args(DedupeMode))
        if ttl is not None:
            check_positive("ttl", ttl)
        before = self._dedupe.mode, self._dedupe.life
        self._dedupe.configure(mode, ttl)
        return self._plan.stand("dedupe.mode", lambda: self._dedupe.configure(*before))

    def forget(self) -> None:
        """Forget every id now, as a server does that was restarted without a store."""
        self._plan.note("dedupe.forget")
        self._dedupe.forget()


class ExchangeFaults(Group):
    """What the exchange does to orders, and how late reads are. For REST and `/cws` alike, where both can be meant."""

    def replace_fails(self, leaving: Literal["gone", "untouched"] = "gone", **which: Unpack[Which]) -> Armed:
        """Refuse a replacement, and leave the old order as it is, or gone."""
        check_choice("leaving", leaving, ("gone", "untouched"))
        effect = effects.FailReplacement(leaving=leaving)
        return self._arm("exchange.replace_fails", effect, which)

    def async_reject(self, reason: str = "Rejected by the exchange", **which: Unpack[Which]) -> Armed:
        """Accept an order, then reject it; the reason stands in its comment."""
        if not reason:
            raise ConfigError("reason", "must not be empty")
        return self._arm("exchange.async_reject", effects.RejectLater(reason=reason), which)

    def read_lag(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Let reads of orders and own trades over REST miss what is younger than this, until cleared."""
        check_positive("seconds", seconds)
        which.setdefault("times", None)
        return self._arm("exchange.read_lag", effects.ReadLag(seconds=seconds), which, BEFORE, ("request",))
