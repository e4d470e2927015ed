"""The pytest plugin of alor-async: `alor_sandbox`, a running exchange, and `alor_client`, an open client of it.

pytest loads every installed plugin, and most test runs are not about trading. So this module stands outside the package
and imports nothing of it until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest

if TYPE_CHECKING:
    from alor_async import AsyncAlor
    from alor_async.sandbox import Sandbox

_MARKER = (
    "alor(seed=..., market=..., time=..., ...): how the `alor_sandbox` of this test is made; any argument of Sandbox."
)
_DEFAULT_SEED = 0
_LoopScope: TypeAlias = Literal["function", "class", "module", "package", "session"]
_LOOP_SCOPES: tuple[_LoopScope, ...] = ("function", "class", "module", "package", "session")
_RUNNING = pytest.StashKey[tuple["Sandbox", dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("alor")
    group.addoption(
        "--alor-seed", type=int, metavar="N", help="The seed of every alor_sandbox whose marker names none."
    )
    parser.addini("alor_seed", "The seed of every alor_sandbox; --alor-seed is stronger.", default=str(_DEFAULT_SEED))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if config.pluginmanager.has_plugin("asyncio"):
        config.pluginmanager.register(_asyncio_fixtures(), "alor-asyncio")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001  (pytest hands arguments over by name)
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _RUNNING in item.stash:
        from alor_async.testing import tell_about

        report.sections.append(("alor sandbox", tell_about(*item.stash[_RUNNING])))
    return report


@pytest.fixture
def alor_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A running sandbox; other machines are out of reach while it is there, and it is checked in the end.

    Its time stands still until `alor_sandbox.clock` moves it, so that a test does the same on any day;
    `@pytest.mark.alor(time="wall")` lets it run.
    """
    from alor_async.testing import run_sandbox

    settings = _settings(request)
    with run_sandbox(**settings) as sandbox:
        request.node.stash[_RUNNING] = sandbox, settings
        yield sandbox


@pytest.fixture
def alor_client(request: pytest.FixtureRequest) -> AsyncAlor:
    """An open client of `alor_sandbox`, in the event loop of the test; closed in the end."""
    if "anyio_backend" in request.fixturenames:
        name = "_alor_client_anyio"
    elif request.config.pluginmanager.has_plugin("alor-asyncio"):
        name = f"_alor_client_{_loop_scope(request)}"
    else:
        raise pytest.UsageError("alor_client needs pytest-asyncio, or anyio and its marker: an async client has a loop")
    client: AsyncAlor = request.getfixturevalue(name)
    return client


async def _open_client(alor_sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
    from alor_async.testing import client_of

    async with client_of(alor_sandbox) as client:
        yield client


_alor_client_anyio = pytest.fixture(_open_client, name="_alor_client_anyio")


def _asyncio_fixtures() -> ModuleType:
    """The client once for every loop that pytest-asyncio may run a test in: a client belongs to one loop."""
    import pytest_asyncio

    fixtures = ModuleType("_alor_pytestplugin_asyncio")
    for scope in _LOOP_SCOPES:

        async def open_client(alor_sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
            async for client in _open_client(alor_sandbox):
                yield client

        name = f"_alor_client_{scope}"
        setattr(fixtures, name, pytest_asyncio.fixture(open_client, loop_scope=scope, name=name))
    return fixtures


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The arguments of the sandbox: the nearest marker is stronger than those around it, and than the run's seed."""
    settings: dict[str, Any] = {"seed": _seed(request.config), "time": "stepped"}
    for marker in reversed(list(request.node.iter_markers("alor"))):
        if marker.args:
            raise pytest.UsageError("pytest.mark.alor takes named arguments only, such as seed=42")
        settings |= marker.kwargs
    return settings


def _seed(config: pytest.Config) -> int:
    option: int | None = config.getoption("--alor-seed")
    if option is not None:
        return option
    written = str(config.getini("alor_seed"))
    try:
        return int(written)
    except ValueError:
        raise pytest.UsageError(f"alor_seed must be a whole number, got {written!r}") from None


def _loop_scope(request: pytest.FixtureRequest) -> str:
    """In which of pytest-asyncio's loops the test runs."""
    marker = request.node.get_closest_marker("asyncio")
    named = None if marker is None else marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    return str(named or request.config.getini("asyncio_default_test_loop_scope") or "function")
