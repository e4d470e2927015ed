"""What a killed program leaves at the exchange and in its ledger, and whether the two agree."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alor_async import AsyncAlor, EntryState, OrdersUnresolved, Side, SqliteLedger, client_tag
from alor_async._orders.tags import tag_of
from alor_async.sandbox import Sandbox
from tests.support.doomed import PORTFOLIO, SBER, Plan, Step
from tests.support.waiting import until
from tests.support.world import low_and_high

ROOT = Path(__file__).parents[2]


def plan_for(sandbox: Sandbox, ledger: Path, run: str, *, step: Step = "never", nth: int = 1, delay: float = 0) -> Plan:
    """Plan a program's life in a sandbox."""
    where = sandbox.environment
    return Plan(
        environment={name: getattr(where, name) for name in ("name", "api", "oauth", "ws", "cws")},
        token=sandbox.refresh_token,
        ledger=str(ledger),
        run=run,
        price=str(low_and_high(sandbox)[0]),
        step=step,
        nth=nth,
        delay=delay,
    )


async def live(plan: Plan, *, doom: Callable[[int], object] | None = None) -> dict[str, list[Any]]:
    """Let the program live, until it is killed.

    Args:
        plan: What it does.
        doom: Sees to its end; given the number of its process before that does anything.

    Returns:
        What its callers were told, by key.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.doomed", plan.to_json(), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        if doom is not None:
            doom(process.pid)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == (0 if plan.step == "never" and doom is None else -signal.SIGKILL)
    lines = [json.loads(line) for line in output.decode().splitlines()]
    return {key: told for key, *told in lines}


def orders_of(sandbox: Sandbox, key: str) -> list[str]:
    """The orders at the exchange that came of a key, by its tag."""
    return [order.order_id for order in sandbox.orders(PORTFOLIO) if client_tag(order.comment) == tag_of(key)]


async def check(sandbox: Sandbox, plan: Plan, told: dict[str, list[Any]]) -> int:
    """Start again on the same ledger. What is found must be the truth, and nothing is placed before it is settled.

    Returns:
        How many commands nobody could find out about.
    """
    await until(lambda: sandbox.connections == 0)  # what the dead one sent has arrived
    ledger = SqliteLedger(plan.ledger)
    async with AsyncAlor(
        sandbox.refresh_token, environment=sandbox.environment, ledger=ledger, order_tags=True
    ) as alor:
        await alor.get_claims()
        recovered = await alor.recover_orders(timeout=1)
        unresolved = {entry.key for entry in recovered.unresolved}
        for key in plan.keys:
            orders, entry = orders_of(sandbox, key), ledger.find(key)
            assert len(orders) <= 1, f"O1: {key} was placed twice"
            if entry is None:
                assert not orders, f"{key} left before it was on disk"
                assert key not in told
            elif orders:
                assert (entry.state, entry.order_id) == (EntryState.ACCEPTED, orders[0]), f"O2: {key} is lost"
                assert key not in told or told[key][:2] == ["accepted", orders[0]]
            else:
                assert key in unresolved, f"{key} was called {entry.state} without proof"
                assert key not in told
        await check_release(sandbox, alor, plan, unresolved)
    sandbox.check()
    return len(unresolved)


async def check_release(sandbox: Sandbox, alor: AsyncAlor, plan: Plan, unresolved: set[str]) -> None:
    """Nothing is placed while something remains, and everything once its owner has seen to it."""

    async def place() -> str:
        price = low_and_high(sandbox)[0]
        key = f"{plan.run}-after"
        await alor.orders.place_limit(PORTFOLIO, SBER, Side.BUY, lots=1, price=price, request_id=key)
        return key

    sent = sandbox.requests.count("orders.place_limit")
    if unresolved:
        with pytest.raises(OrdersUnresolved) as refusal:
            await place()
        assert set(refusal.value.keys) == unresolved
        assert sandbox.requests.count("orders.place_limit") == sent
        for key in unresolved:
            alor.ledger.acknowledge(key)
    assert len(orders_of(sandbox, await place())) == 1
