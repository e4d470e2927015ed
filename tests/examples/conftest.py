"""A sandbox for the services of the examples, which must have let go of it in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from alor_async.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=42) as sandbox:
        yield sandbox
        async with asyncio.timeout(2):
            # The service has closed its client; the sandbox's thread hears of it a moment later, and has no event of ours.
            while sandbox.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        sandbox.check()
