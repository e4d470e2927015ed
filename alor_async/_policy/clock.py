"""Time, behind one door: every wait and every timer of the client goes through a `Clock`, so that tests can drive it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from alor_async.errors import Stage

__all__ = ["Clock", "Deadline", "Deadlines", "Progress", "Timer"]


class Timer(Protocol):
    """A scheduled call that can be called off."""

    def cancel(self) -> None:
        """Call it off; calling off what already ran does nothing."""
        ...


class Clock:
    """The clocks of the system. A subclass may drive its own time."""

    def now(self) -> float:
        """Give the wall clock's time, unix seconds. It may jump; use it for times that others set."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds from an arbitrary start. It never jumps back, and stands still while the machine sleeps."""
        return time.monotonic()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in the running loop after `seconds`."""
        return asyncio.get_running_loop().call_later(seconds, callback)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Progress:
    """How far a request has come: kept up to date by those who do the work, read when the wait for it is cut short.

    Attributes:
        stage: What is being done.
    """

    __slots__ = ("stage",)

    def __init__(self) -> None:
        self.stage: Stage = "queue"


class Deadline(Progress):
    """One call's time limit, and how far the call has come.

    Attributes:
        when: The end, in the clock's monotonic seconds.
        is_over: Whether the time ran out.
        is_closed: Whether the call was ended because its owner closes.
    """

    __slots__ = ("_cancellations", "_group", "_task", "is_closed", "is_over", "when")

    def __init__(self, when: float, task: asyncio.Task[object], group: _Group) -> None:
        super().__init__()
        self.when = when
        self.is_over = False
        self.is_closed = False
        self._task = task
        self._cancellations = task.cancelling()
        self._group = group

    def leave(self) -> None:
        """End the watch. Must be called once, however the call ends."""
        self._group.open.pop(self, None)

    def took_over(self) -> bool:
        """Tell whether a CancelledError that was just caught is this deadline's doing.

        When the task was also cancelled from outside, that cancellation wins and the answer is no.
        """
        if not (self.is_over or self.is_closed):
            return False
        # Comparing with the count at the start, not with zero: the call may run inside the clean-up of a cancelled task.
        return self._task.uncancel() <= self._cancellations

    def interrupt(self) -> None:
        """Cancel the call's task, once."""
        self._group.open.pop(self, None)
        self._task.cancel()


class _Group:
    """The calls that share one duration: first in, first over, so one timer serves them all."""

    __slots__ = ("open", "timer")

    def __init__(self) -> None:
        self.open: dict[Deadline, None] = {}
        self.timer: Timer | None = None


class Deadlines:
    """Time limits for many calls at the price of one timer.

    A time limit of asyncio's own costs a timer a call, which is a tenth of the whole call. Calls of one client nearly
    always have the same limit, so they expire in the order in which they began.
    """

    __slots__ = ("_clock", "_groups")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._groups: dict[float, _Group] = {}

    def enter(self, seconds: float) -> Deadline:
        """Start to watch the current task, which is cancelled when the time is over."""
        group = self._groups.get(seconds)
        if group is None:
            group = self._groups[seconds] = _Group()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call needs a running task")
        deadline = Deadline(self._clock.monotonic() + seconds, task, group)
        group.open[deadline] = None
        if group.timer is None:
            group.timer = self._clock.call_later(seconds, lambda: self._fire(seconds, group))
        return deadline

    def interrupt_all(self) -> None:
        """End every call that is under way, because the owner closes, and stop all timers."""
        for group in self._groups.values():
            if group.timer is not None:
                group.timer.cancel()
                group.timer = None
            for deadline in list(group.open):
                deadline.is_closed = True
                deadline.interrupt()
        self._groups.clear()

    def _fire(self, seconds: float, group: _Group) -> None:
        now = self._clock.monotonic()
        for deadline in list(group.open):
            if deadline.when > now:
                group.timer = self._clock.call_later(deadline.when - now, lambda: self._fire(seconds, group))
                return
            deadline.is_over = True
            deadline.interrupt()
        group.timer = None
        if self._groups.get(seconds) is group:
            del self._groups[seconds]
