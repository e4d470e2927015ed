"""What holds for all tests."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coverage import Coverage

import alor_async
import codegen
from tests.support.loops import CheckedLoop

HERE = Path(__file__).parent
SOCKETS = HERE / "sandbox" / "sockets"
HEAVY = (
    *(HERE / folder for folder in ("cli", "conformance", "faults", "plugin")),
    *(
        SOCKETS / f"test_{name}.py"
        for name in ("socket_faults", "ws_limits", "ws_market", "ws_portfolio", "ws_witness")
    ),
    HERE / "sandbox" / "test_scenarios.py",
)
"""Tests of very many requests, or in processes of their own, which coverage would not see."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole folders as heavy, and let what is heavy come last."""
    for item in items:
        if _is_in_a_heavy_place(item.path):
            item.add_marker(pytest.mark.heavy)
    items.sort(key=_is_heavy)


@functools.cache
def _is_in_a_heavy_place(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in HEAVY)


def _is_heavy(item: pytest.Item) -> bool:
    return item.get_closest_marker("heavy") is not None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Measure the import of our own modules, and not how the assertions of the tests are rewritten, which takes longer."""
    measuring = Coverage.current()
    if measuring is not None:
        for package in (alor_async, codegen):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if not module.name.endswith("__main__"):
                    importlib.import_module(module.name)
        measuring.stop()
    result = yield
    if measuring is not None:
        measuring.start()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Measure no coverage in the process that only hands out tests: it would cost half a millisecond for each."""
    _stop_measuring()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Measure coverage until the first heavy test, after which none is left that is not."""
    if _is_heavy(item):
        _stop_measuring()


def _stop_measuring() -> None:
    measuring = Coverage.current()
    if measuring is not None:
        measuring.stop()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on a loop that checks its use; `PYTHONASYNCIODEBUG=1` shows where each future was made as well."""
    return {"loop": asyncio.SelectorEventLoop if os.environ.get("PYTHONASYNCIODEBUG") else CheckedLoop}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector leave alone what lives as long as the run: modules and thousands of tests, walked again and again."""
    gc.collect()
    gc.freeze()
