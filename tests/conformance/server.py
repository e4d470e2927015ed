"""The sandbox under test: the program that users start, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from alor_async.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox is, and who may use it."""

    api: str
    oauth: str
    refresh_token: str
    login: str
    portfolios: tuple[str, ...]


@contextlib.contextmanager
def alor_sandbox(seed: int) -> Iterator[Place]:
    """Run `alor sandbox` until the end of the block."""
    command = [sys.executable, "-m", "alor_async.cli", "sandbox", "--json", "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Place(told["api"], told["oauth"], told["refresh_token"], told["login"], tuple(told["portfolios"]))
            if process.poll() is not None:
                raise RuntimeError(f"`alor sandbox` ended by itself, with {process.returncode}")
        finally:
            process.terminate()
            process.wait(10)


def place_of(sandbox: Sandbox) -> Place:
    """An embedded sandbox, in the same words."""
    where = sandbox.environment
    return Place(where.api, where.oauth, sandbox.refresh_token, sandbox.login, sandbox.portfolios)
