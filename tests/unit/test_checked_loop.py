"""The loop of all tests notices what asyncio's debug mode notices."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.loops import CheckedLoop


async def test_it_is_the_loop_of_every_test() -> None:
    assert isinstance(asyncio.get_running_loop(), CheckedLoop)


@pytest.mark.parametrize("schedule", ["call_soon", "call_later", "call_at"])
async def test_a_call_from_another_thread_is_refused(schedule: str) -> None:
    loop = asyncio.get_running_loop()
    arguments = (print,) if schedule == "call_soon" else (0.0, print)
    with ThreadPoolExecutor(1) as thread, pytest.raises(RuntimeError, match="Non-thread-safe"):
        thread.submit(getattr(loop, schedule), *arguments).result()


async def test_what_cannot_be_called_is_refused() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(TypeError, match="coroutines cannot be used"):
        asyncio.get_running_loop().call_soon(forgotten)


async def test_a_callback_that_takes_long_is_named(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0.01
    loop.call_soon(time.sleep, 0.02)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert any("sleep(0.02)" in record.getMessage() for record in caplog.records)


async def test_a_coroutine_that_nobody_awaits_is_shown_with_its_origin() -> None:
    async def forgotten() -> None: ...

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forgotten()  # type: ignore[unused-coroutine]
        gc.collect()
    (warning,) = caught
    assert "never awaited" in str(warning.message)
    assert "Coroutine created at" in str(warning.message)
