"""How long a token may be used, whatever the clocks do (F069, F070)."""

from __future__ import annotations

import pytest

from alor_async._tokens import AccessToken
from alor_async.auth.lease import Lease
from tests.support.manual_clock import ManualClock
from tests.support.tokens import make_token


def lease_of(clock: ManualClock, life: float = 1800.0, *, latency: float = 0.0) -> Lease:
    return Lease(AccessToken(make_token()), life, clock, asked_at=clock.monotonic() - latency, latency=latency)


async def test_the_end_comes_a_little_early() -> None:
    clock = ManualClock()
    lease = lease_of(clock)
    assert lease.left() == pytest.approx(1790)
    await clock.advance(1789)
    assert lease.left() > 0
    await clock.advance(2)
    assert lease.left() < 0


async def test_renewal_is_due_in_the_last_fifth() -> None:
    clock = ManualClock()
    lease = lease_of(clock)
    await clock.advance(1400)
    assert not lease.is_due(lease.left())
    await clock.advance(50)
    assert lease.is_due(lease.left())


async def test_f070_a_slow_service_and_a_short_life_widen_the_window() -> None:
    clock = ManualClock()
    lease = lease_of(clock, 30.0, latency=20.0)
    assert 0 < lease.left() < 10, "what the answer's way took is spent"
    assert lease.is_due(lease.left())
    quick = lease_of(clock, 30.0, latency=0.1)
    assert not quick.is_due(quick.left())


async def test_f069_a_machine_that_slept_does_not_trust_the_token_afterwards() -> None:
    clock = ManualClock()
    lease = lease_of(clock)
    clock.sleep_machine(8 * 3600)
    assert lease.left() < 0


async def test_f069_a_wall_clock_that_is_set_back_does_not_prolong_the_life() -> None:
    clock = ManualClock()
    lease = lease_of(clock)
    clock.wall -= 3600
    assert lease.left() == pytest.approx(1790)
    await clock.advance(1800)
    assert lease.left() < 0


def test_no_token_is_trusted_for_longer_than_a_day() -> None:
    clock = ManualClock()
    assert lease_of(clock, 10 * 365 * 86_400).left() <= 86_400
