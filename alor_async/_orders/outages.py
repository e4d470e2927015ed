"""Several subscriptions seen as one: it is interrupted as soon as one of them is, and goes on when all of them do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alor_async._streams.events import Disconnected, Gap, Notice, Reconnected, SnapshotEnd

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Outages"]


class Outages:
    """Makes one story of what each subscription says about its stream.

    Args:
        names: The subscriptions; none of them has told what was there before.
    """

    __slots__ = ("_awaited", "_gap", "_lost", "_reconnected")

    def __init__(self, names: Iterable[str]) -> None:
        self._awaited = set(names)
        self._lost: set[str] = set()
        self._gap: Gap | None = None
        self._reconnected: Reconnected | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of them are connected, and have told what was there before."""
        return not self._awaited and not self._lost

    def hear(self, name: str, notice: Notice) -> tuple[Disconnected | Gap | Reconnected, ...]:
        """Take what one of them says, and give what is to be said of all."""
        match notice:
            case Disconnected():
                is_first = not self._lost
                self._lost.add(name)
                return (notice,) if is_first else ()
            case Gap() if name in self._lost:
                self._gap = notice if self._gap is None else _joined(self._gap, notice)
            case Gap():
                return (notice,)
            case Reconnected() if name in self._lost:
                return self._return(name, notice)
            case SnapshotEnd():
                self._awaited.discard(name)
            case _:
                pass
        return ()

    def _return(self, name: str, notice: Reconnected) -> tuple[Disconnected | Gap | Reconnected, ...]:
        self._lost.discard(name)
        self._awaited.add(name)
        known = self._reconnected
        if known is not None:
            notice = Reconnected(at=max(known.at, notice.at), attempts=max(known.attempts, notice.attempts))
        self._reconnected = notice
        if self._lost:
            return ()
        gap, self._gap, self._reconnected = self._gap, None, None
        return (notice,) if gap is None else (gap, notice)


def _joined(one: Gap, other: Gap) -> Gap:
    lost = None if one.lost is None or other.lost is None else one.lost + other.lost
    return Gap(since=min(one.since, other.since), until=max(one.until, other.until), reason=one.reason, lost=lost)
