from __future__ import annotations

from collections.abc import Iterator

import pytest

from alor_async.sandbox.core.exchange import Exchange
from tests.sandbox.core.support import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def exchange(clock: HandClock) -> Iterator[Exchange]:
    """An exchange at noon on a Wednesday; whatever a test does to it, it must be healthy afterwards."""
    exchange = Exchange(clock=clock, seed=42)
    yield exchange
    assert exchange.check() == []
