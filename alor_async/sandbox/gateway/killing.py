"""The end of a client's process, at a moment that the exchange knows."""

from __future__ import annotations

import contextlib
import os
import signal

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # the other one is as final where there is no SIGKILL


def kill(pid: int) -> None:
    """Kill a process; one that is gone already is no matter."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, _KILL)
