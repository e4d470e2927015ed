"""What every facade of reads holds: the session, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from alor_async.config import Timeouts

if TYPE_CHECKING:
    from alor_async._http.session import Session

__all__ = ["Resource", "TimeoutLike"]

TimeoutLike: TypeAlias = float | Timeouts
"""What a `timeout` argument takes: seconds for the whole call, or all four time-outs."""


class Resource:
    """A group of methods over one session."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
