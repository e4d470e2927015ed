"""The long trials, shortened to what a run of all tests can bear. `make soak` lives through them at their full length."""

from __future__ import annotations

import pytest

from tests.soak.day import Plan, live
from tests.soak.endurance import churn, endure_an_outage

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120)]


async def test_f138_a_bot_in_a_bad_network_misses_nothing_that_it_was_not_told_of() -> None:
    report = await live(Plan(hours=0.2, calm=100.0, bad=60.0))
    assert report.acts.keys() == {"flaky_wifi", "nat_drop", "broker_restart"}
    assert report.figures["fills"]


async def test_f127_after_hours_without_a_broker_everything_is_live_within_seconds() -> None:
    hours = 1.0
    outage = await endure_an_outage(hours)
    assert outage.attempts >= hours * 60  # the pauses are a minute at most
    assert outage.heard_after <= 60.0
    assert outage.ready_after <= 5.0


async def test_f159_subscriptions_that_come_and_go_leave_nothing() -> None:
    crowd = await churn(300)
    assert crowd.subscriptions == 300
    assert crowd.sockets == 1
