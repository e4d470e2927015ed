"""The world of the state machine: one exchange, a client that may be restarted, and what is known of every intent.

All promises are checked against the exchange's journal: O1 at most one order for an intent, O2 and O3 no ending that is
untrue, O4 what the client reads is what stands, O5 fills are told once and add up, O6 no token in a log or an error.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import uuid4

from alor_async import OrderAck, RetryPolicy, Side, SqliteLedger, own_comment
from alor_async._orders.ledger import KEPT_FOR, EntryState
from alor_async.errors import ClosedError, InvalidArgument, OrderNotWorking, OrderOutcomeUnknown, OrdersUnresolved
from alor_async.sandbox import PortfolioSpec, Sandbox
from tests.orders.model_parts import AheadClock, Client, Issued, Secrets
from tests.support.order_oracles import STATES, Ending, Outcome, outcome_of
from tests.support.stillness import until_still
from tests.support.world import NOON, STOCKS

Trouble = Literal[
    "none",
    "answer lost",
    "request lost",
    "late",
    "500 before",
    "500 after",
    "cut request",
    "cut answer",
    "no number",
    "gone",
]
SBER = "MOEX:SBER"
COMMANDS = "*orders.*"
STEP = Decimal("0.01")
_DAY = 86_400.0
_numbers = itertools.count(1)


@dataclass
class Intent:
    """One order that somebody wanted.

    Attributes:
        label: The comment of the order.
        key: The request id.
        old: The order that it replaces; None where it places a new one.
        send: Sends it, and again under the same key.
        best: What is known of it by now.
        unknown: The last error that says that nobody knows.
        is_ours: Whether the client of now knows of it.
        sent_ahead: How far time was moved when it was first sent.
    """

    label: str
    key: str
    old: str | None
    send: Callable[[], Awaitable[OrderAck]]
    best: Ending | None = None
    unknown: OrderOutcomeUnknown | None = None
    is_ours: bool = True
    sent_ahead: float = 0.0


def new_exchange() -> Sandbox:
    """An exchange for very many examples: its portfolio never runs out of money."""
    rich = PortfolioSpec(portfolio=STOCKS, cash=Decimal(10) ** 12)
    return Sandbox(seed=7, time="stepped", start=NOON, portfolios=[rich])


class World:
    """Everything that the rules act on.

    Args:
        sandbox: The exchange, shared by all examples.
        path: Where the ledger is; None keeps it in memory.
        dedupe: What the broker makes of repeated ids.
        same_id: Whether the client repeats commands by itself.
    """

    def __init__(self, sandbox: Sandbox, path: Path | None, *, dedupe: str, same_id: bool) -> None:
        self.sandbox = sandbox
        self._path = path
        self._clock = AheadClock()
        self._tokens = Issued(sandbox)
        self._retries = RetryPolicy(
            attempts=2 if same_id else 1, base=0.001, commands="same_id" if same_id else "never"
        )
        self._since = len(sandbox.journal)
        self.intents: list[Intent] = []
        self.numbers: list[str] = []
        self.trouble: Trouble = "none"
        self.cut_after = 0
        self.are_reads_down = False
        self._restarts = 0
        sandbox.faults.dedupe.mode(dedupe)  # type: ignore[arg-type]
        sandbox.market["SBER"].clear()
        sandbox.requests.clear()
        self._secrets = Secrets(self._tokens)
        self._logger = logging.getLogger("alor_async")
        self._level = self._logger.level
        self._logger.addHandler(self._secrets)
        self._logger.setLevel(logging.DEBUG)

    # Life.

    async def open(self) -> None:
        """Start a client, on the ledger of the one before."""
        self._restarts += 1
        ledger = None if self._path is None else SqliteLedger(self._path)
        self.alor = Client(self._clock, self.sandbox, self._tokens, retries=self._retries, ledger=ledger)
        await self.alor.open()

    async def close(self) -> None:
        """End the example: all is well again, everything that was under way is over, and the promises hold."""
        try:
            await self.heal()
            for order in self.sandbox.orders(STOCKS):
                if order.status == "working":
                    await self.alor.orders.cancel(STOCKS, order.order_id)
            self.check()
            self.sandbox.check()
        finally:
            await self.alor.close()
            self._logger.removeHandler(self._secrets)
            self._logger.setLevel(self._level)
            self.sandbox.faults.clear()

    async def restart(self) -> None:
        """Start anew: what was left is found out by reading, or refused to be forgotten."""
        await self.alor.close()
        for intent in self.intents:
            if intent.unknown is not None:
                closed = await outcome_of(intent.unknown.resolve(timeout=0))
                assert isinstance(closed.error, ClosedError) or closed.ending == intent.best != "unknown"
            intent.unknown = None
            intent.is_ours = intent.is_ours and self._path is not None
        await self.heal()
        await self.open()
        if self._path is not None:
            await self._recover()

    async def _recover(self) -> None:
        made, shown = self.made(), {order.order_id for order in self.sandbox.orders(STOCKS)}
        recovered = await self.alor.recover_orders(timeout=0)
        left = {entry.key for entry in recovered.unresolved}
        for entry in recovered.resolved:
            intent = self._by_key(entry.key)
            intent.best = "ack" if entry.state is EntryState.ACCEPTED else "rejected"
        for intent in self.intents:
            numbers = made[intent.label]
            if intent.best == "unknown" and intent.is_ours:
                assert intent.key in left
                assert not shown & set(numbers), f"{intent.label} stands, and recovering did not see it"
        if left:
            before = len(self.sandbox.requests)
            refused = await outcome_of(self._place("refused", str(uuid4()), 1))
            assert isinstance(refused.error, OrdersUnresolved)
            assert all(one.method == "GET" for one in list(self.sandbox.requests)[before:])
        for key in left:
            self.alor.ledger.acknowledge(key)
            self._by_key(key).is_ours = False

    # Commands.

    async def place(self, lots: int) -> Intent:
        label, key = self._new_label(), str(uuid4())
        return await self._carry_out(Intent(label, key, None, lambda: self._place(label, key, lots)))

    async def replace(self, order_id: str, lots: int) -> Intent:
        label, key = self._new_label(), str(uuid4())

        def send() -> Awaitable[OrderAck]:
            return self.alor.orders.replace_limit(
                STOCKS, order_id, SBER, Side.BUY, lots=lots, price=price, comment=label, request_id=key
            )

        price = self._price()
        return await self._carry_out(Intent(label, key, order_id, send))

    async def repeat(self, intent: Intent) -> None:
        """Send it again under its key, as a careful caller does."""
        await self._carry_out(intent)

    async def cancel(self, order_id: str) -> None:
        with self._troubled():
            outcome = await outcome_of(self.alor.orders.cancel(STOCKS, order_id, **self._limits()))
        self._check_cancel(order_id, outcome)
        if outcome.ending == "unknown" and not self.are_reads_down:
            self._check_cancel(order_id, await outcome_of(outcome.unknown.resolve(timeout=0)))

    async def resolve(self, intent: Intent) -> None:
        """Find out, by reading alone."""
        assert intent.unknown is not None
        sent = sum(one.method != "GET" for one in self.sandbox.requests)
        shown = {order.order_id for order in self.sandbox.orders(STOCKS)}
        stood = not self.are_reads_down and bool(shown & set(self.made()[intent.label]))
        outcome = await outcome_of(intent.unknown.resolve(timeout=0))
        assert sum(one.method != "GET" for one in self.sandbox.requests) == sent, "resolving sends no command"
        made = self.made()[intent.label]
        if intent.best == "unknown" and stood:
            assert outcome.ending == "ack", f"{intent.label} stands, and resolving did not see it"
        if intent.best == "unknown" and not made and (intent.old is None or self._status(intent.old) != "filled"):
            assert outcome.ending == "unknown", f"{intent.label} is not there, which proves nothing"
        self._learn(intent, outcome)

    # The world outside.

    def fill(self, lots: int) -> None:
        """Let the crowd sell to whoever bids."""
        self.sandbox.market["SBER"].take("sell", lots=lots)

    async def heal(self) -> None:
        """Let all be well, and what was late arrive; then what the client reads is what stands."""
        self.sandbox.faults.clear()
        self.trouble, self.are_reads_down = "none", False
        await until_still(self.sandbox)
        with contextlib.suppress(ClosedError):
            await self._check_reads()

    def cut_reads(self) -> None:
        """Let nothing of the account be read."""
        self.are_reads_down = True
        self.sandbox.faults.http.status(503, operation="account.*", times=None)

    def expire_tokens(self) -> None:
        self.sandbox.faults.auth.expire_now()

    async def advance(self, seconds: float) -> None:
        """Let time pass. What is late arrives before: a repeat that travels for longer than ids are remembered is a new order."""
        await until_still(self.sandbox)
        self._clock.ahead += seconds
        self.sandbox.clock.advance_blocking(seconds=seconds)

    @contextlib.contextmanager
    def mishap(self, trouble: Trouble | None, after: int) -> Iterator[None]:
        """Let something happen to the commands of this block; None leaves it to what happens anyway."""
        before = self.trouble, self.cut_after
        if trouble is not None:
            self.trouble, self.cut_after = trouble, after
        try:
            yield
        finally:
            self.trouble, self.cut_after = before

    # What must hold.

    def made(self) -> dict[str, list[str]]:
        """The orders of this example, by their labels, as the journal has them."""
        made: dict[str, list[str]] = defaultdict(list)
        for _, kind, details in self.sandbox.journal.records(self._since):
            if kind == "order_accepted":
                order = details["order"]() if callable(details["order"]) else details["order"]
                made[own_comment(order.comment) or ""].append(order.order_id)  # type: ignore[attr-defined]
        return made

    def check(self) -> None:
        """O1, O2, O3, O6 and the ledger."""
        made = self.made()
        for intent in self.intents:
            numbers = made[intent.label]
            assert len(numbers) <= 1, f"O1: {intent.label} became {numbers}"
            if intent.best in {"rejected", "nothing"}:
                assert not numbers, f"O2: {intent.label} stands as {numbers}, and was called {intent.best}"
            assert intent.best != "ack" or len(numbers) == 1, f"O3: {intent.label} was called done"
            self._check_ledger(intent, numbers)
            if numbers and intent.old is not None:
                assert self._status(intent.old) != "working", "a replacement and its original both work"
        assert not made["refused"]
        assert not self._secrets.leaks, "O6: a token was shown"

    def _check_ledger(self, intent: Intent, numbers: list[str]) -> None:
        if not intent.is_ours or intent.best is None:
            return
        entry = self.alor.ledger.find(intent.key)
        if entry is None and self._clock.ahead - intent.sent_ahead >= KEPT_FOR.total_seconds():
            return  # it is long over, and nobody needs to remember it
        state = None if entry is None else entry.state
        assert state in STATES[intent.best], f"the ledger says {state} of {intent.label}, told was {intent.best}"
        if entry is not None and state is EntryState.ACCEPTED:
            assert numbers == [entry.order_id]

    async def _check_reads(self) -> None:
        """O4 and O5."""
        orders = await self.alor.account.list_orders(STOCKS)
        trades = await self.alor.account.list_trades(STOCKS)
        stand = self.sandbox.orders(STOCKS)
        assert {(one.order_id, str(one.status), one.filled_lots) for one in orders} == {
            (one.order_id, one.status.value, one.filled_lots) for one in stand
        }, "O4"
        assert len({trade.trade_id for trade in trades}) == len(trades), "O5"
        for order in orders:
            assert order.filled_lots == sum(trade.lots or 0 for trade in trades if trade.order_id == order.order_id), (
                "O5"
            )

    # Inside.

    async def _carry_out(self, intent: Intent) -> Intent:
        if intent not in self.intents:
            intent.sent_ahead = self._clock.ahead
            self.intents.append(intent)
        before = self._received(intent.key)
        with self._troubled():
            outcome = await outcome_of(intent.send())
        assert self._received(intent.key) - before <= self._retries.attempts + 1, (
            "O9: attempts, and one for a new token"
        )
        self._learn(intent, outcome)
        return intent

    def _learn(self, intent: Intent, outcome: Outcome) -> None:
        error = outcome.error
        if error is not None:
            self._secrets.look(f"{error} {error!r} {error.__dict__} {error.__cause__!r}")
        if outcome.ack is not None:
            assert [outcome.ack.order_id] == self.made()[intent.label], f"O3: {intent.label} is not {outcome.ack}"
            self.numbers.append(outcome.ack.order_id)
        if isinstance(error, OrderNotWorking) and error.order_status is not None and intent.old is not None:
            assert self._status(intent.old) in {error.order_status, None}
        if isinstance(error, OrderOutcomeUnknown):
            intent.unknown = error
        if isinstance(error, InvalidArgument | OrdersUnresolved) and intent.best is not None:
            return
        if intent.best == "ack" or (intent.best == "unknown" and outcome.ending == "nothing"):
            return
        intent.best = outcome.ending

    def _check_cancel(self, order_id: str, outcome: Outcome) -> None:
        status = self._status(order_id)
        if outcome.ack is not None:
            assert status in {"canceled", None}
        elif outcome.ending == "rejected":
            assert isinstance(outcome.error, OrderNotWorking), repr(outcome.error)
            assert status != "working"
            assert outcome.error.order_status in {status, None}

    @contextlib.contextmanager
    def _troubled(self) -> Iterator[None]:
        faults = self.sandbox.faults
        arm: dict[Trouble, Callable[[], contextlib.AbstractContextManager[object]]] = {
            "none": contextlib.nullcontext,
            "answer lost": lambda: faults.ack.drop(operation="orders.*", times=None),
            "request lost": lambda: faults.req.drop(operation="orders.*", times=None),
            "late": lambda: faults.req.delay(0.05, operation="orders.*"),
            "500 before": lambda: faults.http.status(502, operation="orders.*", times=None),
            "500 after": lambda: faults.http.status(502, operation="orders.*", stage="after_execution"),
            "cut request": lambda: faults.net.reset(self.cut_after, direction="in", operation="orders.*"),
            "cut answer": lambda: faults.net.reset(self.cut_after, direction="out", operation="orders.*"),
            "no number": lambda: faults.http.body(_without_number, operation="orders.*"),
            "gone": lambda: faults.exchange.replace_fails("gone"),
        }
        with arm[self.trouble]():
            yield

    def _limits(self) -> dict[str, float]:
        return {"timeout": 0.03} if self.trouble == "late" else {}

    async def _place(self, label: str, key: str, lots: int) -> OrderAck:
        return await self.alor.orders.place_limit(
            STOCKS, SBER, Side.BUY, lots=lots, price=self._price(), comment=label, request_id=key, **self._limits()
        )

    def _price(self) -> Decimal:
        """The last price: with nobody else in the book a purchase rests there, and the market stays where it is."""
        return self.sandbox.market["SBER"].quote.last_price

    def _status(self, order_id: str) -> str | None:
        return next((one.status.value for one in self.sandbox.orders(STOCKS) if one.order_id == order_id), None)

    def _received(self, key: str) -> int:
        return sum(one.header("X-REQID") == key for one in self.sandbox.requests)

    def _by_key(self, key: str) -> Intent:
        return next(intent for intent in self.intents if intent.key == key)

    def _new_label(self) -> str:
        return f"intent {next(_numbers)}"


def _without_number(body: bytes) -> bytes:
    """Take the number out of a success; whatever else there is stays."""
    return b'{"message":"success"}' if b"orderNumber" in body and b"oldResponse" not in body else body
