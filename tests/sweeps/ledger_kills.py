"""The process is killed at every step of its ledger, and at many moments of a commit (F097)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.aftermath import check, live, plan_for
from tests.support.doomed import STEPS
from tests.support.world import new_sandbox

_COMMANDS = 4
_COMMITS = range(0, 2_000, 25)


async def sweep() -> str:
    """Kill at every step of every command, and every 25 microseconds of a commit."""
    kills = unresolved = 0
    with tempfile.TemporaryDirectory() as folder:
        async with new_sandbox() as sandbox:
            for step in STEPS:
                if step in {"never", "in_commit"}:
                    continue
                for nth in range(1, _COMMANDS + 1):
                    plan = plan_for(sandbox, Path(folder) / "steps.sqlite", f"{step}-{nth}", step=step, nth=nth)
                    unresolved += await check(sandbox, plan, await live(plan))
                    kills += 1
            for delay in _COMMITS:
                for nth in (1, 2):
                    run = f"commit-{delay}-{nth}"
                    ledger = Path(folder) / "commits.sqlite"
                    plan = plan_for(sandbox, ledger, run, step="in_commit", nth=nth, delay=delay)
                    unresolved += await check(sandbox, plan, await live(plan))
                    kills += 1
    return f"killed {kills} times, no order doubled or lost; {unresolved} commands could only be listed"
