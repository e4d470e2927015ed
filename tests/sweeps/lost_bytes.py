"""The connection breaks after every byte of the request, and of the answer, of each command."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from tests.support.order_oracles import outcome_of
from tests.sweeps.desk import OPERATIONS, new_breaker

Direction = Literal["in", "out"]

_ENDLESS = 1 << 20
_BEYOND = 2
"""So many cuts after the last byte are tried as well: nothing is lost then."""


async def sweep(every: int = 1) -> str:
    """Break commands at every byte, or at every few.

    Returns:
        How they ended, in one line.
    """
    endings: Counter[str] = Counter()
    cuts = 0
    async with new_breaker() as breaker:
        for name, operation in OPERATIONS.items():
            directions: tuple[Direction, ...] = ("in", "out")
            for direction in directions:
                spared = 0
                for cut in range(0, _ENDLESS, every):
                    attempt = await breaker.attempt(name)
                    with breaker.sandbox.faults.net.reset(cut, direction=direction, operation=operation):
                        outcome = await outcome_of(attempt.send(breaker.alor))
                    judged = await breaker.judge(attempt, outcome)
                    endings[f"{outcome.ending} -> {judged.ending}" if judged is not outcome else outcome.ending] += 1
                    if judged.ending == "unknown" and name != "cancel":
                        await breaker.repeat(attempt)
                    cuts += 1
                    spared += outcome.ending == "ack"
                    if spared > _BEYOND:
                        break
        assert any(ending.startswith("unknown") for ending in endings)
        return f"{cuts} cuts: " + ", ".join(f"{ending} {count}" for ending, count in sorted(endings.items()))
