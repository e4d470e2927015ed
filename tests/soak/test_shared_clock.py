"""The clock that drives client and exchange together: what waits by it, waits as long as it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from alor_async.errors import RequestTimeout
from alor_async.sandbox import Sandbox
from tests.support.shared_clock import SharedClock
from tests.support.world import NOON

LIFE = 120.0
"""Of a token; seconds."""


@pytest.fixture
async def both() -> AsyncIterator[SharedClock]:
    async with Sandbox(seed=42, time="stepped", start=NOON, token_life=LIFE) as sandbox:
        yield SharedClock(sandbox)
        sandbox.check()


async def test_both_times_are_one(both: SharedClock) -> None:
    began, uptime = both.sandbox.clock.now.timestamp(), both.monotonic()
    assert both.now() == began
    await both.advance(0.1)
    await both.advance(minutes=1.5)
    await both.advance(hours=0.5)
    assert both.sandbox.clock.now.timestamp() - began == pytest.approx(1890.1)
    assert both.now() - began == pytest.approx(1890.1)
    assert both.monotonic() - uptime == pytest.approx(1890.1)


async def test_timers_ring_in_their_order_at_their_moment_and_not_when_called_off(both: SharedClock) -> None:
    rung: list[tuple[str, float]] = []
    began = both.monotonic()

    def note(name: str) -> None:
        rung.append((name, round(both.monotonic() - began, 6)))

    both.call_later(2.5, lambda: note("third"))
    both.call_later(0.000_000_1, lambda: note("first"))
    both.call_later(0.3, lambda: both.call_later(0.2, lambda: note("second")) and None)
    both.call_later(1.0, lambda: note("never")).cancel()
    both.call_later(3.1, lambda: note("later"))
    await both.advance(3.0)
    assert [name for name, _ in rung] == ["first", "second", "third"]
    assert [when for _, when in rung] == pytest.approx([0.0, 0.5, 2.5], abs=2e-6)


async def test_tasks_that_sleep_and_call_go_on_in_between(both: SharedClock) -> None:
    times: list[tuple[float, float]] = []

    async def poll() -> None:
        for _ in range(60):
            await both.sleep(10.0)
            told = await alor.get_server_time()
            times.append((told.timestamp(), both.now()))

    async with both.client() as alor:
        polling = asyncio.create_task(poll())
        await both.advance(minutes=10)
        assert len(times) == 60
        assert polling.done()
    assert {told - known for told, known in times} == {0.0}


async def test_a_pause_before_a_retry_takes_its_time(both: SharedClock) -> None:
    sandbox = both.sandbox
    async with both.client() as alor:
        sandbox.faults.http.status(429, headers={"Retry-After": "12"}, operation="get_server_time", times=1)
        began = both.monotonic()
        await both.finish(alor.get_server_time())
        assert 12.0 <= both.monotonic() - began < 13.0
        assert sandbox.requests.count("get_server_time") == 2


async def test_a_silent_server_is_given_up_when_the_time_is_over(both: SharedClock) -> None:
    async with both.client() as alor:
        both.sandbox.faults.req.drop(operation="get_server_time", how="hang", times=None)
        began, real = both.monotonic(), time.monotonic()
        with pytest.raises(RequestTimeout):
            await both.finish(alor.get_server_time(timeout=20))
        assert 20.0 <= both.monotonic() - began < 22.0
        assert time.monotonic() - real < 10.0


async def test_what_a_fault_delays_by_the_machines_time_is_waited_for(both: SharedClock) -> None:
    async with both.client() as alor:
        both.sandbox.faults.net.latency(0.03, jitter=0.02, route="*", times=None)
        began = both.monotonic()
        call = asyncio.create_task(alor.get_server_time())
        await both.advance(0.0)
        assert call.done()
        assert both.monotonic() == began


async def test_what_cannot_be_done_in_time_is_called_off(both: SharedClock) -> None:
    asleep = both.sleep(100.0)
    with pytest.raises(TimeoutError, match="5 s"):
        await both.finish(asleep, within=5.0)
    assert both.pending == []


async def test_tokens_are_renewed_once_a_life(both: SharedClock) -> None:
    lives = 4.0
    async with both.client() as alor:
        while both.monotonic() - 1_000.0 < lives * LIFE:
            await alor.get_server_time()
            await alor.market_data.get_quote("MOEX:SBER")
            await both.advance(5.0)
    # Each is renewed when about a fifth of its life is left.
    assert lives <= both.sandbox.tokens.refreshes <= lives / 0.7 + 1


def test_a_sandbox_has_its_time_to_itself_otherwise() -> None:
    with Sandbox(seed=1, time="stepped") as sandbox:
        clock = SharedClock(sandbox)
        assert clock.now() == sandbox.clock.now.timestamp()
