"""`alor sandbox`, run as users run it: a program of its own, ended by a signal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import Any

import aiohttp
import pytest

from alor_async import AsyncAlor, Environment, __version__

PROGRAM = (sys.executable, "-m", "alor_async.cli")
QUIET = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERMINAL_WIDTH": "120"}


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    program = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=QUIET
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.communicate()


async def run(*arguments: str) -> tuple[int | None, str, str]:
    """Run the program to its end: exit code, output, errors."""
    async with running(*arguments) as program:
        out, err = await program.communicate()
        return program.returncode, out.decode(), err.decode()


async def line_of(program: asyncio.subprocess.Process) -> dict[str, Any]:
    assert program.stdout is not None
    line = await program.stdout.readline()
    assert line, await program.stderr.read() if program.stderr else ""
    return json.loads(line)  # type: ignore[no-any-return]


async def test_its_market_moves_by_itself() -> None:
    async with running("sandbox", "--json", "--speed", "600") as program, aiohttp.ClientSession() as session:
        told = await line_of(program)
        seen: set[str] = set()
        async with asyncio.timeout(10):
            while len(seen) < 3:
                async with session.get(f"{told['api']}/md/v2/Securities/MOEX:SBER/quotes") as answer:
                    seen.add(await answer.text())


async def test_programs_get_one_line_that_tells_how_to_reach_it() -> None:
    async with running("sandbox", "--json", "--seed", "7") as program:
        told = await line_of(program)
        assert set(told) >= {"api", "oauth", "ws", "cws", "refresh_token", "portfolios", "seed"}
        assert (told["seed"], told["market"]) == (7, "calm")
        where = Environment(name="sandbox", **{name: told[name] for name in ("api", "oauth", "ws", "cws")})
        async with AsyncAlor(told["refresh_token"], environment=where) as alor:
            assert [str(portfolio) for portfolio in await alor.list_portfolios()] == told["portfolios"]
            assert await alor.get_server_time()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly(ending: signal.Signals) -> None:
    async with running("sandbox", "--json") as program:
        told = await line_of(program)
        program.send_signal(ending)
        out, err = await program.communicate()
        assert (program.returncode, out, err) == (0, b"", b"")
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{told['api']}/md/v2/time")


async def test_people_get_addresses_a_token_and_a_snippet_that_runs() -> None:
    async with running("sandbox") as program:
        assert program.stdout is not None
        page = (await program.stdout.readuntil(b"Ctrl-C stops it.\n")).decode()
        for told in ("http://127.0.0.1:", "/cws", "sandbox-", "D39004", "seed"):
            assert told in page
        snippet = re.search(r"^import asyncio\n.*^asyncio\.run\(main\(\)\)$", page, re.DOTALL | re.MULTILINE)
        assert snippet is not None, page
        pasted = await asyncio.create_subprocess_exec(
            sys.executable, "-c", snippet[0], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await pasted.communicate()
        assert (pasted.returncode, err) == (0, b"")
        assert b"SBER" in out


async def test_it_listens_where_it_is_told_and_says_when_it_cannot() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, out, err = await run("sandbox", "--port", str(taken.getsockname()[1]), "--json")
        port = taken.getsockname()[1]
    assert (code, out) == (1, "")
    assert "cannot listen" in err
    assert "Traceback" not in err
    async with running("sandbox", "--port", str(port), "--json") as program:
        assert (await line_of(program))["api"] == f"http://127.0.0.1:{port}"


async def test_time_runs_as_fast_as_it_is_told() -> None:
    async def exchange_time(session: aiohttp.ClientSession, told: dict[str, Any], token: str) -> int:
        async with session.get(f"{told['api']}/md/v2/time", headers={"Authorization": f"Bearer {token}"}) as answer:
            return int(await answer.text())

    for speed, least in (("0", 0), ("86400", 3_600)):
        async with (
            running("sandbox", "--json", "--market", "still", "--speed", speed) as program,
            aiohttp.ClientSession() as session,
        ):
            told = await line_of(program)
            async with session.post(f"{told['oauth']}/refresh", params={"token": told["refresh_token"]}) as answer:
                token = (await answer.json())["AccessToken"]
            before = await exchange_time(session, told, token)
            async with asyncio.timeout(10):
                while await exchange_time(session, told, token) - before < least:
                    pass
            if not least:
                assert await exchange_time(session, told, token) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sandbox", "--port", "70000"), "--port"),
        (("sandbox", "--port", "http"), "--port"),
        (("sandbox", "--speed", "-1"), "--speed"),
        (("sandbox", "--speed", "nan"), "speed"),
        (("sandbox", "--speed", "1e9"), "speed"),
        (("sandbox", "--seed", "x"), "--seed"),
        (("sandbox", "--market", "wild"), "market"),
        (("sandbox", "--host", "0.0.0.0"), "--host"),
        (("sendbox",), "sendbox"),
    ],
)
async def test_wrong_arguments_are_named_with_exit_code_2(arguments: tuple[str, ...], told: str) -> None:
    code, out, err = await run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


async def test_help_and_version() -> None:
    code, out, _ = await run("sandbox", "--help")
    assert code == 0
    for option in ("--port", "--oauth-port", "--seed", "--market", "--speed", "--json"):
        assert option in out
    assert await run("--version") == (0, f"alor-async {__version__}\n", "")


async def test_without_its_extra_it_says_what_to_install() -> None:
    blocked = "import sys; sys.modules['typer'] = None; from alor_async.cli import main; main()"
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", blocked, stderr=asyncio.subprocess.PIPE)
    _, err = await program.communicate()
    assert program.returncode == 1
    assert err.decode() == "alor: typer is not installed. Install the extra: pip install 'alor-async[cli]'\n"


def test_the_program_is_installed_under_its_name() -> None:
    (script,) = entry_points(group="console_scripts", name="alor")
    assert script.value == "alor_async.cli:main"
