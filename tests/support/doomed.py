"""A program that trades, writes its orders down, and is killed: `python -m tests.support.doomed PLAN`.

It says on its standard output what each command ended in, as soon as it is known.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from alor_async import AlorError, AsyncAlor, Environment, OrderAck, Side, SqliteLedger

Step: TypeAlias = Literal["never", "before_record", "in_commit", "after_record", "before_settle", "after_settle"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)

PORTFOLIO: Final = "D39004"
SBER: Final = "MOEX:SBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the program does, and when it dies.

    Attributes:
        environment: The sandbox's addresses.
        token: A refresh token.
        ledger: The path of the ledger.
        run: What its keys begin with.
        price: A price at which orders rest.
        step: At which step it kills itself.
        nth: At the how-manieth such step, from 1.
        delay: For `in_commit`: how long after the record began; microseconds.
    """

    environment: dict[str, str]
    token: str
    ledger: str
    run: str
    price: str
    step: Step = "never"
    nth: int = 1
    delay: float = 0.0

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its commands: an order, two at once, a replacement of the first."""
        return tuple(f"{self.run}-{name}" for name in ("first", "left", "right", "moved"))

    def to_json(self) -> str:
        """The plan as an argument."""
        return json.dumps(asdict(self))


class DoomedLedger:
    """A ledger that kills its process at a step."""

    def __init__(self, plan: Plan) -> None:
        self._ledger = SqliteLedger(plan.ledger)
        self._plan = plan
        self._seen = 0
        for name in ("open", "find", "list_open", "acknowledge", "close"):
            setattr(self, name, getattr(self._ledger, name))

    open: Any
    find: Any
    list_open: Any
    acknowledge: Any
    close: Any

    async def record(self, entry: Any) -> None:
        self._reach("before_record", _die)
        self._reach("in_commit", lambda: _die_in(self._plan.delay))
        await self._ledger.record(entry)
        self._reach("after_record", _die)

    def settle(self, key: str, state: Any, *, order_id: str | None = None, reason: str | None = None) -> None:
        self._reach("before_settle", _die)
        self._ledger.settle(key, state, order_id=order_id, reason=reason)
        self._reach("after_settle", _die)

    def _reach(self, step: Step, act: Callable[[], None]) -> None:
        if step == self._plan.step:
            self._seen += 1
            if self._seen == self._plan.nth:
                act()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(10)  # the signal is there within microseconds; nothing more may happen before


def _die_in(microseconds: float) -> None:
    """Die a little later, in whatever the other threads do then."""
    end = time.perf_counter() + microseconds / 1e6

    def wait() -> None:
        while time.perf_counter() < end:
            time.sleep(0)
        _die()

    threading.Thread(target=wait, daemon=True).start()


async def trade(plan: Plan) -> None:
    """Place an order, two more at once, and replace the first."""
    price = Decimal(plan.price)
    environment = Environment(**plan.environment)
    alor = AsyncAlor(plan.token, environment=environment, ledger=DoomedLedger(plan), order_tags=True)
    try:
        await alor.open()
    except AlorError as error:
        _say("open", type(error).__name__)
        return
    async with alor:

        async def place(key: str) -> OrderAck | None:
            return await _tell(
                key,
                alor.orders.place_limit(
                    PORTFOLIO, SBER, Side.BUY, lots=1, price=price, comment=plan.run, request_id=key
                ),
            )

        first, left, right, moved = plan.keys
        ack = await place(first)
        await asyncio.gather(place(left), place(right))
        if ack is not None:
            await _tell(
                moved,
                alor.orders.replace_limit(
                    PORTFOLIO, ack.order_id, SBER, Side.BUY, lots=2, price=price, comment=plan.run, request_id=moved
                ),
            )


async def _tell(key: str, command: Any) -> OrderAck | None:
    try:
        ack: OrderAck = await command
    except AlorError as error:
        _say(key, type(error).__name__)
        return None
    _say(key, "accepted", ack.order_id, ack.replayed)
    return ack


def _say(*words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(trade(Plan(**json.loads(sys.argv[1]))))
