"""Where what the broker tells does not fit together: noticed at once, believed after a while.

Orders, trades and positions of one event come in messages of their own, so for a moment they never fit. Only what still does
not when nothing about it has changed for a while is a divergence.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from alor_async._orders.views import Divergence

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Doubts"]

What = Literal["fills", "position"]


class _Doubt:
    """Something that does not fit at present.

    Attributes:
        since: Since when nothing about it has changed.
        told: What was told of it; None before that.
    """

    __slots__ = ("computed", "shown", "since", "told")

    def __init__(self, shown: Decimal | None, computed: Decimal, since: float) -> None:
        self.shown = shown
        self.computed = computed
        self.since = since
        self.told: Divergence | None = None

    def tell(self, what: What, subject: str) -> Divergence:
        """Say it as it is now."""
        return Divergence(what=what, subject=subject, shown=self.shown, computed=self.computed)


class Doubts:
    """Everything that does not fit.

    Args:
        patience: How long something must not fit before it is a divergence; seconds.
    """

    __slots__ = ("_bases", "_candidates", "_doubts", "_patience")

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._doubts: dict[tuple[What, str], _Doubt] = {}
        self._bases: dict[str, Decimal] = {}
        """What was held of each instrument before the trades that are known."""
        self._candidates: dict[str, tuple[Decimal, float]] = {}
        """What may have been, and since when it looks so."""

    @property
    def standing(self) -> tuple[Divergence, ...]:
        """The divergences that there are, the oldest first."""
        return tuple(doubt.tell(*key) for key, doubt in self._doubts.items() if doubt.told is not None)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that time would decide."""
        return not self._candidates and all(_is_told(doubt) for doubt in self._doubts.values())

    def compare(
        self, what: What, subject: str, shown: Decimal | None, computed: Decimal, now: float
    ) -> list[Divergence]:
        """Take note of what is told of one thing from two sides; gives the end of a divergence, where this is one."""
        key = (what, subject)
        doubt = self._doubts.get(key)
        if shown == computed:
            self._doubts.pop(key, None)
            if doubt is None or doubt.told is None:
                return []
            return [Divergence(what=what, subject=subject, shown=shown, computed=computed, is_over=True)]
        if doubt is None:
            self._doubts[key] = _Doubt(shown, computed, now)
        elif (shown, computed) != (doubt.shown, doubt.computed):
            doubt.shown, doubt.computed, doubt.since = shown, computed, now
        return []

    def compare_position(self, subject: str, shown: Decimal, traded: Decimal, now: float) -> list[Divergence]:
        """Take note of what is held, and what was bought and sold; what was held before is found out by itself."""
        base = self._bases.get(subject)
        if base is not None:
            return self.compare("position", subject, shown, base + traded, now)
        candidate = self._candidates.get(subject)
        if candidate is None or candidate[0] != shown - traded:
            self._candidates[subject] = (shown - traded, now)
        return []

    def knows(self, subject: str) -> bool:
        """Whether it was told already what is held of it."""
        return subject in self._bases or subject in self._candidates

    def set_base(self, subject: str, held: Decimal) -> None:
        """Say what was held before the trades that are known."""
        self._bases[subject] = held
        self._candidates.pop(subject, None)

    def forget(self, what: What, subjects: Iterable[str]) -> None:
        """Forget what is not shown any more: nothing will ever end a doubt about it."""
        for subject in subjects:
            self._doubts.pop((what, subject), None)

    def restart(self, now: float) -> None:
        """Begin to wait anew: until now, not everything was heard."""
        for doubt in self._doubts.values():
            doubt.since = now
        self._candidates = {subject: (held, now) for subject, (held, _) in self._candidates.items()}

    def overdue(self, what: What, now: float) -> list[str]:
        """Give of what something is about to be told."""
        return [
            subject
            for (kind, subject), doubt in self._doubts.items()
            if kind == what and now - doubt.since >= self._patience and not _is_told(doubt)
        ]

    def review(self, now: float) -> list[Divergence]:
        """Give the divergences that are new, or not what they were when they were told."""
        for subject, (held, since) in tuple(self._candidates.items()):
            if now - since >= self._patience:
                self._bases[subject] = held
                del self._candidates[subject]
        news: list[Divergence] = []
        for (what, subject), doubt in self._doubts.items():
            if now - doubt.since >= self._patience and not _is_told(doubt):
                doubt.told = doubt.tell(what, subject)
                news.append(doubt.told)
        return news


def _is_told(doubt: _Doubt) -> bool:
    """Whether it was told as it is. That both sides moved on together is no news."""
    told = doubt.told
    if told is None or told.shown is None or doubt.shown is None:
        return told is not None and told.shown is doubt.shown and told.computed == doubt.computed
    return told.shown - told.computed == doubt.shown - doubt.computed
