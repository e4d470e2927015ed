"""Faults of the client's own process."""

from __future__ import annotations

import os
from typing import Unpack

from alor_async.errors import ConfigError
from alor_async.sandbox import effects
from alor_async.sandbox.faults import BEFORE, EITHER, Armed, Stage
from alor_async.sandbox.inject.group import Group, Which, check_count


class ProcFaults(Group):
    """The process under test ends without a warning, at a moment that the exchange knows."""

    def kill9(self, pid: int, *, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Kill a process when its request (or message on a socket) arrives, or once it was acted on, unanswered.

        Raises:
            ConfigError: It is not the number of another process.
        """
        check_count("pid", pid, 2)
        if pid == os.getpid():
            raise ConfigError("pid", "is this process, which the exchange lives in: run the bot in one of its own")
        return self._arm("proc.kill9", effects.Kill(pid=pid), which, stage, EITHER)
