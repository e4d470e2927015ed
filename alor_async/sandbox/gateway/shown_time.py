"""The time that the server tells of itself, which a fault may have set wrong."""

from __future__ import annotations

import threading
import time as machine
from collections.abc import Callable
from email.utils import formatdate


class ShownTime:
    """What the server's clock on the wall shows: right, ahead, behind, or standing still. Safe from any thread."""

    def __init__(self, now: Callable[[], float] = machine.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._frozen_at: float | None = None
        self._exchange_frozen_at: int | None = None
        self._freezes = 0

    @property
    def is_right(self) -> bool:
        """Whether it shows the true time."""
        return not self._ahead and self._frozen_at is None

    def shift(self, seconds: float) -> None:
        """Set it ahead, or back."""
        with self._lock:
            self._ahead += seconds

    def freeze(self) -> None:
        """Let it stand still."""
        with self._lock:
            self._freezes += 1
            if self._frozen_at is None:
                self._frozen_at = self._now()

    def thaw(self) -> None:
        """Let it run again, and show the true time at once, as far as it is not set wrong."""
        with self._lock:
            self._freezes -= 1
            if not self._freezes:
                self._frozen_at = self._exchange_frozen_at = None

    def of_machine(self, seconds: float) -> float:
        """What it shows at a moment of the machine's time; seconds since 1970."""
        with self._lock:
            return (seconds if self._frozen_at is None else self._frozen_at) + self._ahead

    def of_exchange(self, seconds: int) -> int:
        """What it shows at a moment of exchange time; the first that is asked for stays while it stands still."""
        with self._lock:
            if self._frozen_at is not None:
                if self._exchange_frozen_at is None:
                    self._exchange_frozen_at = seconds
                seconds = self._exchange_frozen_at
            return seconds + int(self._ahead)

    def date_header(self) -> str | None:
        """The `Date` header to send; None while the true one is right."""
        return None if self.is_right else formatdate(self.of_machine(self._now()), usegmt=True)
