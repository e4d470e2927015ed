"""The pytest plugin, used as users use it: in test runs of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

LOOP = "asyncio_default_fixture_loop_scope = function"
AUTO = f"asyncio_mode = auto\n{LOOP}"
STRICT = f"asyncio_mode = strict\n{LOOP}"
ANYIO = "addopts = -p no:asyncio"


class Project:
    """A directory with tests of a user."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.configure(AUTO)

    def configure(self, *lines: str) -> None:
        (self._path / "pytest.ini").write_text("\n".join(("[pytest]", *lines, "filterwarnings = error", "")))

    def write(self, test: str) -> None:
        (self._path / "test_bot.py").write_text(dedent(test))

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run the tests; the exit code and what was printed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=self._path,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_bot_is_tested(project: Project) -> None:
    project.write(
        """
        from alor_async import Side

        async def test_bot(alor_sandbox, alor_client):
            market = alor_sandbox.market["SBER"]
            price = market.quote.bid
            order = await alor_client.orders.place_limit("D39004", "MOEX:SBER", Side.BUY, lots=2, price=price)
            market.trade(price=price - 1, lots=1)
            (mine,) = alor_sandbox.orders("D39004")
            assert (mine.order_id, mine.filled_lots) == (order.order_id, 2)

        def test_without_a_loop(alor_sandbox):
            assert alor_sandbox.market["SBER"].quote.bid

        def test_without_a_sandbox():
            pass
        """
    )
    code, told = project.run()
    assert code == 0, told
    assert "3 passed" in told


PLAIN = """
    import pytest
    {mark}
    async def test_time(alor_client):
        assert await alor_client.get_server_time()
"""


@pytest.mark.parametrize(
    ("mode", "mark"),
    [
        (STRICT, "@pytest.mark.asyncio"),
        (STRICT, '@pytest.mark.asyncio(loop_scope="session")'),
        (f"{AUTO}\nasyncio_default_test_loop_scope = module", ""),
        (ANYIO, "@pytest.mark.anyio\n    @pytest.mark.parametrize('anyio_backend', ['asyncio'])"),
        (STRICT, "@pytest.mark.anyio\n    @pytest.mark.parametrize('anyio_backend', ['asyncio'])"),
    ],
)
def test_the_client_lives_in_the_loop_of_the_test(project: Project, mode: str, mark: str) -> None:
    project.configure(mode)
    project.write(PLAIN.format(mark=mark))
    code, told = project.run()
    assert code == 0, told
    assert "1 passed" in told


def test_without_an_async_plugin_it_says_what_is_needed(project: Project) -> None:
    project.configure("addopts = -p no:asyncio -p no:anyio")
    project.write("def test_it(alor_client):\n    pass\n")
    code, told = project.run()
    assert code == 1
    assert "alor_client needs pytest-asyncio, or anyio" in told


FAILING = """
    async def test_bot(alor_client, alor_sandbox):
        price = alor_sandbox.market["SBER"].quote.bid
        await alor_client.orders.place_limit("D39004", "MOEX:SBER", "buy", lots=3, price=price, comment="mine")
        raise ValueError("the bot is wrong")
"""


def test_a_failure_tells_the_seed_and_what_happened_last_and_no_secret(project: Project) -> None:
    project.write(FAILING)
    code, told = project.run("--alor-seed", "1234")
    assert code == 1
    assert "the bot is wrong" in told
    assert "Sandbox(seed=1234, time='stepped'), exchange time 2026-04-15 09:00:00" in told
    assert re.search(r'"comment":"mine".*"kind":"command"', told)
    assert "sandbox-" not in told
    assert "eyJ" not in told


SEEDS = """
    import pytest

    pytestmark = pytest.mark.alor(keepalive=5, seed=1)

    def seed_of(sandbox):
        return sandbox.journal.of("opened")[0].details["seed"]

    def test_around(alor_sandbox):
        assert seed_of(alor_sandbox) == 1
        assert alor_sandbox.clock.mode == "stepped"
        alor_sandbox.clock.advance_blocking(minutes=5)

    @pytest.mark.alor(seed=2, time="wall", market="calm")
    def test_nearest(alor_sandbox):
        assert seed_of(alor_sandbox) == 2
        assert alor_sandbox.clock.mode == "wall"
"""


def test_the_nearest_marker_is_honoured(project: Project) -> None:
    project.write(SEEDS)
    code, told = project.run("--alor-seed", "9", "--strict-markers")
    assert code == 0, told


def test_the_seed_of_a_run(project: Project) -> None:
    project.write("def test_it(alor_sandbox):\n    assert alor_sandbox.journal.of('opened')[0].details['seed'] == 7\n")
    assert project.run()[0] == 1
    assert project.run("--alor-seed", "7")[0] == 0
    project.configure(AUTO, "alor_seed = 7")
    assert project.run()[0] == 0
    project.configure(AUTO, "alor_seed = seven")
    code, told = project.run()
    assert code == 1
    assert "alor_seed must be a whole number, got 'seven'" in told


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("alor(7)", "takes named arguments only"),
        ("alor(sed=7)", "unexpected keyword argument 'sed'"),
        ("alor(time='slow')", "time: must be"),
    ],
)
def test_a_wrong_marker_is_named(project: Project, marker: str, told: str) -> None:
    project.write(f"import pytest\n@pytest.mark.{marker}\ndef test_it(alor_sandbox):\n    pass\n")
    code, output = project.run()
    assert code == 1
    assert told in output


def test_a_sandbox_that_broke_its_rules_fails_the_test(project: Project) -> None:
    project.write(
        """
        def test_it(alor_sandbox):
            alor_sandbox._gateway.failures.append(ValueError("broken inside"))
        """
    )
    code, told = project.run()
    assert code == 1
    assert "SandboxBroken" in told
    assert "broken inside" in told


def test_other_machines_are_refused_while_the_sandbox_is_there(project: Project) -> None:
    project.write(
        """
        import socket
        import aiohttp
        import pytest
        from alor_async.testing import NetworkRefused

        async def test_refused(alor_sandbox):
            async with aiohttp.ClientSession() as session:
                for url in ("http://192.0.2.1:8080/", "https://api.alor.ru/"):
                    with pytest.raises(NetworkRefused, match="192.0.2.1:8080|api.alor.ru:443"):
                        await session.get(url)

        async def test_swallowed_by_nothing(alor_client):
            async with aiohttp.ClientSession() as session:
                try:
                    await session.get("http://192.0.2.1:8080/")
                except OSError:
                    pass

        def test_undone():
            assert socket.getaddrinfo is __import__("_socket").getaddrinfo or "guarded" not in repr(socket.getaddrinfo)
            assert "guarded" not in repr(socket.socket.connect)
        """
    )
    code, told = project.run()
    assert code == 1
    assert "2 passed" in told
    assert "tests with the sandbox stay on this machine: refused to reach 192.0.2.1:8080" in told


def test_tests_that_do_not_use_it_do_not_pay_for_it(project: Project) -> None:
    project.write(
        """
        import sys

        def test_nothing_was_loaded():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert "_alor_pytestplugin" in loaded
            assert not loaded & {"alor_async", "aiohttp", "msgspec"}
        """
    )
    project.configure()
    code, told = project.run("-p", "_alor_pytestplugin", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert code == 0, told
