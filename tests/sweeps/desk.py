"""The commands that the sweeps break: each on an order of its own, under a key of its own, and what must hold afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

from alor_async import AsyncAlor, OrderAck, Side
from alor_async._orders.ledger import EntryState
from alor_async.sandbox import Sandbox
from tests.support.order_oracles import Outcome, check_oracles, orders_made, outcome_of
from tests.support.world import STOCKS, low_and_high, new_sandbox

SBER = "MOEX:SBER"
OPERATIONS = {"place": "orders.place_limit", "replace": "orders.replace_limit", "cancel": "orders.cancel"}
_ORDERS_OF_A_DAY = 60


@dataclass(frozen=True)
class Attempt:
    """One command, and what is to be asked about it.

    Attributes:
        name: `place`, `replace` or `cancel`.
        label: The comment of the order that it makes.
        key: Its request id; a cancel has none.
        old: The order that it names.
        since: How many entries of the journal are older.
        send: Sends it; sending it again is a repeat under the same key.
    """

    name: str
    label: str
    key: str
    old: str | None
    since: int
    send: Callable[[AsyncAlor], Awaitable[OrderAck]]


class Breaker:
    """Makes attempts at a sandbox and judges them by its journal.

    Attributes:
        sandbox: The exchange.
        alor: The client whose commands are broken.
    """

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, sound: AsyncAlor, price: Decimal) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self._sound = sound
        self._price = price
        self._made = 0

    async def attempt(self, name: str) -> Attempt:
        """Get ready for a command: the order that it names is placed by a client whose network is sound."""
        self._made += 1
        if not self._made % _ORDERS_OF_A_DAY:
            await self._next_day()
        label, key = f"{name} {self._made}", str(uuid4())
        old = None if name == "place" else (await self._place(self._sound, f"old {self._made}", str(uuid4()))).order_id
        sends: dict[str, Callable[[AsyncAlor], Awaitable[OrderAck]]] = {
            "place": lambda alor: self._place(alor, label, key),
            "replace": lambda alor: alor.orders.replace_limit(
                STOCKS, old or "", SBER, Side.BUY, lots=1, price=self._price - 1, comment=label, request_id=key
            ),
            "cancel": lambda alor: alor.orders.cancel(STOCKS, old or ""),
        }
        return Attempt(name, label, key, old, len(self.sandbox.journal), sends[name])

    def status(self, order_id: str) -> str:
        (order,) = (one for one in self.sandbox.orders(STOCKS) if one.order_id == order_id)
        return order.status.value

    async def judge(self, attempt: Attempt, outcome: Outcome, *, alor: AsyncAlor | None = None) -> Outcome:
        """Assert that the ending is true, resolve what is unknown, and assert that this is true as well.

        Returns:
            The outcome after resolving.
        """
        alor = alor or self.alor
        outcome = await self._judge_once(attempt, outcome, alor)
        if outcome.ending != "unknown":
            return outcome
        stood = self._was_done(attempt)
        outcome = await self._judge_once(attempt, await outcome_of(outcome.unknown.resolve(timeout=0)), alor)
        assert outcome.ending == ("ack" if stood else "unknown"), f"{attempt.label}: {outcome}"
        return outcome

    async def repeat(self, attempt: Attempt, *, alor: AsyncAlor | None = None) -> None:
        """Send it again under its key, now that all is well: there is one order, however it ended before."""
        alor = alor or self.alor
        await self._judge_once(attempt, await outcome_of(attempt.send(alor)), alor)
        assert self._was_done(attempt), attempt.label

    def check_cancelled(self, attempt: Attempt, *, alor: AsyncAlor) -> None:
        """Assert that the ledger tells the truth of a command whose caller was cancelled."""
        made = orders_made(self.sandbox, attempt.label, since=attempt.since)
        assert len(made) <= 1, f"O1: {attempt.label} became {made}"
        self._check_original(attempt, made)
        entry = alor.ledger.find(attempt.key)
        if made:
            assert entry is not None
            assert entry.state in {EntryState.UNKNOWN, EntryState.ACCEPTED}, entry
        if entry is not None and entry.state is EntryState.ACCEPTED:
            assert made == [entry.order_id]

    def _was_done(self, attempt: Attempt) -> bool:
        if attempt.name == "cancel":
            return self.status(attempt.old or "") == "canceled"
        return bool(orders_made(self.sandbox, attempt.label, since=attempt.since))

    async def _judge_once(self, attempt: Attempt, outcome: Outcome, alor: AsyncAlor) -> Outcome:
        if attempt.name == "cancel":
            status = self.status(attempt.old or "")
            assert outcome.ending != "ack" or status == "canceled"
            assert outcome.ending not in {"rejected", "nothing"} or status == "working"
            return outcome
        made = check_oracles(self.sandbox, alor, attempt.label, outcome, attempt.key, since=attempt.since)
        self._check_original(attempt, made)
        return outcome

    def _check_original(self, attempt: Attempt, made: list[str]) -> None:
        if attempt.name == "replace":
            assert self.status(attempt.old or "") == ("canceled" if made else "working")

    async def _place(self, alor: AsyncAlor, label: str, key: str) -> OrderAck:
        return await alor.orders.place_limit(
            STOCKS, SBER, Side.BUY, lots=1, price=self._price, comment=label, request_id=key
        )

    async def _next_day(self) -> None:
        """Orders of the day expire, and lists are short again."""
        await self.sandbox.clock.advance(days=4)
        self._price = low_and_high(self.sandbox)[0]


@contextlib.asynccontextmanager
async def new_breaker() -> AsyncIterator[Breaker]:
    """Open a sandbox, a client that marks its orders, and another one whose connections nobody breaks."""
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, order_tags=True) as alor,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as sound,
    ):
        await alor.get_claims()
        yield Breaker(sandbox, alor, sound, low_and_high(sandbox)[0])
        sandbox.check()
