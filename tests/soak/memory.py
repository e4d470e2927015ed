"""How much memory the client holds: what was allocated in its own code, the exchange in the same process left out."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import alor_async

_ROOT: Final = alor_async.__file__.rpartition("/")[0]
_OURS: Final = (
    tracemalloc.Filter(True, f"{_ROOT}/*"),
    tracemalloc.Filter(False, f"{_ROOT}/sandbox/*"),
    tracemalloc.Filter(False, f"{_ROOT}/values.py"),
)
"""`values` is what both sides use."""

_NOT_MACHINERY: Final = tuple(
    f"alor_async.{room}" for room in ("sandbox", "models", "_orders.ledger", "_streams.events")
)
"""The exchange; and what is kept of the day itself: its orders, commands and notices."""

_WAITING: Final = frozenset({"Pause", "Renewal"})


@contextmanager
def watching_memory() -> Iterator[None]:
    """Keep account of allocations, which costs time."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def machinery() -> int:
    """How many objects of the client's own classes there are, beside what they hold and what waits."""
    gc.collect()
    modules = (str(type(one).__module__) for one in gc.get_objects() if type(one).__name__ not in _WAITING)
    return sum(name.startswith("alor_async.") and not name.startswith(_NOT_MACHINERY) for name in modules)


def client_memory() -> int:
    """The bytes that the client's code has allocated since the watch began, and that are still there."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(_OURS)
    return sum(statistic.size for statistic in snapshot.statistics("filename"))
