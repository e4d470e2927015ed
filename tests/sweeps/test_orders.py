"""The sweeps over commands, at the size that a run of all tests can bear. `make sweep` goes all the way."""

from __future__ import annotations

import pytest

from tests.sweeps import cancelled_calls, lost_bytes

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120)]


async def test_f008_f011_f089_f108_a_command_cut_at_any_byte_is_never_doubled_and_never_lied_about() -> None:
    assert "ack" in await lost_bytes.sweep(every=24)


@pytest.mark.parametrize("name", ["place", "replace", "cancel"])
async def test_f099_a_command_whose_caller_is_cancelled_at_any_await_leaves_the_truth(name: str) -> None:
    assert name in await cancelled_calls.sweep((name,))
