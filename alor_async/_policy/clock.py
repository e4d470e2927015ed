"""Time, behind one door: every wait and every timer of the client goes through a `Clock`, so that tests can drive it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

from alor_async.errors import Stage

__all__ = ["Clock", "Deadline", "Deadlines", "Progress", "Timer"]


_SHORTEST_REST: Final = 0.01
"""Deadlines are kept to this many seconds; looking more often than that gains nothing."""


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
        silent_until: Until when the other side may be silent, in the clock's monotonic seconds.
        patience: How long the other side may be silent while an answer is expected; seconds.
    """

    __slots__ = ("patience", "silent_until", "stage")

    def __init__(self, patience: float = inf) -> None:
        self.stage: Stage = "queue"
        self.silent_until = inf
        self.patience = patience

    def expect(self, now: float) -> None:
        """Begin to wait for the next piece of an answer."""
        self.silent_until = now + self.patience


class Deadline(Progress):
    """One call's time limits, and how far the call has come.

    Attributes:
        seconds: For the whole call.
        entered: When the call began, in the clock's monotonic seconds.
        when: The end of the whole call, likewise.
        is_over: Whether the time for the whole call ran out.
        is_silent: Whether the other side was silent for too long.
        is_closed: Whether the call was ended because its owner closes.
    """

    __slots__ = (
        "_cancellations",
        "_group",
        "_interruptions",
        "_task",
        "entered",
        "is_closed",
        "is_over",
        "is_silent",
        "seconds",
        "when",
    )

    _cancellations: int
    _group: _Group
    _task: asyncio.Task[object]
    entered: float
    when: float

    def __init__(self, seconds: float, patience: float = inf) -> None:
        # Written out, not inherited: this is made for every call.
        self.stage: Stage = "queue"
        self.silent_until = inf
        self.patience = patience
        self.seconds = seconds
        self.is_over = False
        self.is_silent = False
        self.is_closed = False
        self._interruptions = 0

    def begin(self, entered: float, task: asyncio.Task[object], group: _Group) -> None:
        """Begin the watch over a task."""
        self.entered = entered
        self.when = entered + self.seconds
        self._task = task
        self._cancellations = task.cancelling()
        self._group = group

    def leave(self) -> None:
        """End the watch. Must be called once, however the call ends."""
        self._group.open.pop(self, None)

    def took_over(self) -> bool:
        """Tell whether a CancelledError that was just caught is the end of the call's time, or its owner's closing.

        When the task was also cancelled from outside, that cancellation wins and the answer is no.
        """
        return (self.is_over or self.is_closed) and self._take_back()

    def fell_silent(self) -> bool:
        """Tell whether a CancelledError that was just caught is the end of the patience, after which the call goes on."""
        return self.is_silent and not (self.is_over or self.is_closed) and self._take_back()

    def interrupt(self) -> None:
        """Cancel the call's task."""
        self._interruptions += 1
        self._task.cancel()

    def _take_back(self) -> bool:
        """Undo our cancellations; false when there was one from outside too."""
        self.is_silent = False
        left = self._task.cancelling()
        for _ in range(self._interruptions):
            left = self._task.uncancel()
        self._interruptions = 0
        # Comparing with the count at the start, not with zero: the call may run inside the clean-up of a cancelled task.
        return left <= self._cancellations


class _Group:
    """The calls that share their time limits: no call in it is due before it has reached the shorter one's age."""

    __slots__ = ("least_age", "open", "timer")

    def __init__(self, least_age: float) -> None:
        self.least_age = least_age
        self.open: dict[Deadline, None] = {}
        self.timer: Timer | None = None


class Deadlines:
    """Time limits for many calls at the price of one timer.

    A time limit of asyncio's own costs a timer a call, and aiohttp's for silent servers two more; together a tenth of the
    whole call. Calls of one client nearly always have the same limits and end long before them: so one timer looks, now
    and then, at those that have been under way for long.
    """

    __slots__ = ("_clock", "_groups")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._groups: dict[tuple[float, float], _Group] = {}

    def watch(self, deadline: Deadline) -> None:
        """Start to watch the current task, which is cancelled when the whole time, or the patience, is over.

        The patience counts while `silent_until` says that an answer is expected.
        """
        key = (deadline.seconds, deadline.patience)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(min(key))
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call needs a running task")
        deadline.begin(self._clock.monotonic(), task, group)
        group.open[deadline] = None
        if group.timer is None:
            self._look_again(key, group, group.least_age)

    def interrupt_all(self) -> None:
        """End every call that is under way, because the owner closes, and stop all timers."""
        for group in self._groups.values():
            if group.timer is not None:
                group.timer.cancel()
                group.timer = None
            for deadline in list(group.open):
                deadline.is_closed = True
                deadline.leave()
                deadline.interrupt()
        self._groups.clear()

    def _look_again(self, key: tuple[float, float], group: _Group, seconds: float) -> None:
        group.timer = self._clock.call_later(seconds, lambda: self._look(key, group))

    def _look(self, key: tuple[float, float], group: _Group) -> None:
        group.timer = None
        now = self._clock.monotonic()
        next_look = inf
        for deadline in list(group.open):
            if deadline.entered + group.least_age > now:
                next_look = min(next_look, deadline.entered + group.least_age)
                break  # it and all that follow are too young to be due
            if deadline.when <= now:
                deadline.is_over = True
                deadline.leave()
                deadline.interrupt()
                continue
            if deadline.silent_until <= now:
                deadline.is_silent = True
                deadline.silent_until = inf
                deadline.interrupt()
            # From now on the other side may be expected to speak within its patience, whatever is expected at present.
            next_look = min(next_look, deadline.when, deadline.silent_until, now + deadline.patience)
        if next_look < inf:
            self._look_again(key, group, max(next_look - now, _SHORTEST_REST))
        elif self._groups.get(key) is group:
            del self._groups[key]
