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
    """Mark whole folders as heavy."""
    for item in items:
        if _is_in_a_heavy_place(item.path):
            item.add_marker(pytest.mark.heavy)


@functools.cache
def _is_in_a_heavy_place(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in HEAVY)


class Measurement:
    """Coverage, where it is measured at all, while it is worth what it costs: it makes whatever runs twice as slow."""

    def __init__(self) -> None:
        self._coverage: Coverage | None = None

    def pause(self) -> None:
        """Measure nothing until `resume`."""
        running = Coverage.current()
        if running is not None:
            self._coverage = running
            running.stop()

    def resume(self) -> None:
        """Go on, where there was a pause."""
        if self._coverage is not None:
            self._coverage.start()
            self._coverage = None


MEASUREMENT = Measurement()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Measure the import of our own modules, and not how the assertions of the tests are rewritten, which takes longer."""
    if Coverage.current() is not None:
        for package in (alor_async, codegen):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if module.name != "alor_async.cli.__main__":  # which is the program: to import it is to run it
                    importlib.import_module(module.name)
    MEASUREMENT.pause()
    result = yield
    MEASUREMENT.resume()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Measure nothing in the process that hands out the tests: none of them runs there."""
    MEASUREMENT.pause()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on a loop that checks its use; `PYTHONASYNCIODEBUG=1` shows where each future was made as well."""
    return {"loop": asyncio.SelectorEventLoop if os.environ.get("PYTHONASYNCIODEBUG") else CheckedLoop}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector leave alone what lives as long as the run: modules and thousands of tests, walked again and again."""
    gc.collect()
    gc.freeze()
