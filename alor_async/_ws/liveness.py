"""Whether the other side still hears us, and we it: decided from counts, a few times a ping.

Messages do not touch a clock: they are counted where they pass, and the counts are compared here.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["Deafness", "Judgement", "Liveness"]

Deafness: TypeAlias = Literal["silent", "deaf"]
"""Nothing comes from the server; or it speaks, but answers nothing, so that it probably does not hear us."""

_LOOKS_PER_PING: Final = 4


class Judgement(NamedTuple):
    """What one look found.

    Attributes:
        should_ping: Whether it is time for a ping.
        is_dead: Whether a limit of silence was reached.
        why: Which one; None while the connection lives.
    """

    should_ping: bool
    is_dead: bool
    why: Deafness | None


class Liveness:
    """Judges one connection by what was heard from it, and what it answered.

    Silence is counted in looks: each adds the planned pause between two of them, however late it comes. So what passes
    while the event loop is held, when nothing could be read, counts for next to nothing. And a change that a look sees is
    dated to the look before, so that the limit is kept although nobody knows when in between the last message came.

    Args:
        ping_every: Pause between two pings; seconds.
        silence: How long nothing may be heard, or answered; seconds, more than `ping_every`.

    Attributes:
        step: The pause between two looks; seconds.
    """

    __slots__ = ("_answered", "_heard", "_last_look", "_limit", "_ping_after", "_since_answered", "_since_heard",
                 "_since_ping", "step")  # fmt: skip

    def __init__(self, ping_every: float, silence: float) -> None:
        self.step: float = min(ping_every, silence - ping_every) / _LOOKS_PER_PING
        # Sums of steps are not exact: half a step decides which look a limit belongs to.
        self._limit = silence - self.step / 2
        self._ping_after = ping_every - self.step / 2
        self._last_look: float | None = None
        self._heard = 0
        self._answered = 0
        self._since_heard = 0.0
        self._since_answered = 0.0
        self._since_ping = 0.0

    def tick(self, now: float, heard: int, answered: int) -> Judgement:
        """Look.

        Args:
            now: The monotonic clock's time; seconds.
            heard: How many messages of any kind have come.
            answered: How many of them prove that the server hears us: pongs, and replies to requests.
        """
        passed = self.step if self._last_look is None else min(max(now - self._last_look, 0.0), self.step)
        self._last_look = now
        self._since_heard = passed if heard != self._heard else self._since_heard + passed
        self._since_answered = passed if answered != self._answered else self._since_answered + passed
        self._since_ping += passed
        self._heard, self._answered = heard, answered
        should_ping = self._since_ping >= self._ping_after
        if should_ping:
            self._since_ping = 0.0
        # An answer is heard as well: whoever is silent for too long has been leaving us unanswered for longer.
        if self._since_answered < self._limit:
            return Judgement(should_ping, False, None)
        return Judgement(False, True, "silent" if self._since_heard >= self._ping_after else "deaf")
