"""The sandbox under test: the program that users start, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alor_async.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox is, and who may use it."""

    api: str
    oauth: str
    ws: str
    cws: str
    refresh_token: str
    login: str
    portfolios: Sequence[str]


@contextlib.contextmanager
def alor_sandbox(seed: int) -> Iterator[Place]:
    """Run `alor sandbox` until the end of the block."""
    command = [sys.executable, "-m", "alor_async.cli", "sandbox", "--json", "--market", "still", "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"`alor sandbox` did not start: it ended with {process.wait(10)}")
            told = json.loads(line)
            yield Place(**{name: told[name] for name in Place.__dataclass_fields__})
            if process.poll() is not None:
                raise RuntimeError(f"`alor sandbox` ended by itself, with {process.returncode}")
        finally:
            process.terminate()
            process.wait(10)


def place_of(sandbox: Sandbox) -> Place:
    """An embedded sandbox, in the same words."""
    where = sandbox.environment
    return Place(where.api, where.oauth, where.ws, where.cws, sandbox.refresh_token, sandbox.login, sandbox.portfolios)
