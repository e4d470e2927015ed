"""`alor sandbox`: run a sandbox until told to stop, and show how to reach it."""

from __future__ import annotations

import json
import queue
import signal
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from alor_async.sandbox import Sandbox, Time, fast

if TYPE_CHECKING:
    from alor_async.config import Environment

_LOOK_EVERY: Final = 1.0
"""Seconds: where a wait cannot be interrupted, a signal is noticed this late."""

_SNIPPET: Final = """\
import asyncio
from alor_async import AsyncAlor, Environment

SANDBOX = Environment(
    name="{name}",
    api="{api}",
    oauth="{oauth}",
    ws="{ws}",
    cws="{cws}",
)

async def main():
    async with AsyncAlor("{token}", environment=SANDBOX) as alor:
        print(await alor.market_data.get_quote("MOEX:SBER"))

asyncio.run(main())
"""


def ends() -> queue.SimpleQueue[int]:
    """What fills when SIGINT or SIGTERM comes, from now on; such a queue may be filled from within a signal handler."""
    came: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: came.put(number))
    return came


def serve(
    end: queue.SimpleQueue[int], *, port: int, oauth_port: int, seed: int, market: str, speed: float, as_json: bool
) -> None:
    """Run a sandbox until there is something in `end`.

    Raises:
        ConfigError: An argument is wrong.
        OSError: A port is taken.
    """
    with Sandbox(seed, market=market, time=_time(speed), port=port, oauth_port=oauth_port) as sandbox:
        if as_json:
            sys.stdout.write(_as_json(sandbox, seed, market) + "\n")
        else:
            _introduce(sandbox, seed, market, speed)
        sys.stdout.flush()
        _wait(end)


def _time(speed: float) -> Time:
    if speed == 1:
        return "wall"
    return fast(speed) if speed else "stepped"


def _wait(end: queue.SimpleQueue[int]) -> None:
    while True:
        try:
            end.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            continue
        return


def _as_json(sandbox: Sandbox, seed: int, market: str) -> str:
    where = sandbox.environment
    return json.dumps(
        {
            "api": where.api,
            "oauth": where.oauth,
            "ws": where.ws,
            "cws": where.cws,
            "refresh_token": sandbox.refresh_token,
            "login": sandbox.login,
            "portfolios": list(sandbox.portfolios),
            "seed": seed,
            "market": market,
        }
    )


def _introduce(sandbox: Sandbox, seed: int, market: str, speed: float) -> None:
    console = Console(highlight=False)
    where = sandbox.environment
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for title, value in (
        ("API", where.api),
        ("tokens", where.oauth),
        ("streams", where.ws),
        ("commands", where.cws),
        ("refresh token", sandbox.refresh_token),
        ("portfolios", "  ".join(sandbox.portfolios)),
        ("time", f"{sandbox.clock.now:%Y-%m-%d %H:%M:%S} UTC, {_pace(speed)}"),
        ("market", f"{market}, seed {seed}"),
    ):
        table.add_row(title, value)
    console.print(f"[bold]An exchange on this machine[/], {len(sandbox.instruments)} instruments:")
    console.print(table)
    console.print("\n[bold]Paste this to talk to it:[/]\n")
    console.print(_snippet(where, sandbox.refresh_token), markup=False, soft_wrap=True)
    console.print("Ctrl-C stops it.")


def _pace(speed: float) -> str:
    if speed == 1:
        return "as fast as the clock"
    return f"{speed:g} times as fast as the clock" if speed else "time stands still"


def _snippet(where: Environment, token: str) -> str:
    return _SNIPPET.format(name=where.name, api=where.api, oauth=where.oauth, ws=where.ws, cws=where.cws, token=token)
