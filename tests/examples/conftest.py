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
        async with asyncio.timeout(2):  # the service has closed its client; the other side of a socket hears it later
            while sandbox.connections:
                await asyncio.sleep(0.005)
        sandbox.check()
