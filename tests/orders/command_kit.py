"""A command socket in front of an exchange, and whether what its callers were told is so."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from alor_async import AsyncAlor, OrderAck, OrderOutcomeUnknown, Side
from alor_async.config import StreamSettings
from alor_async.errors import AlorError
from alor_async.resources.command_socket import CommandSocket
from alor_async.sandbox import Assumptions, Sandbox
from tests.support.world import NOON, STOCKS, low_and_high

SBER: Final = "MOEX:SBER"

PROMPT: Final = StreamSettings(ping_every=0.1, silence=5.0, ack_timeout=5.0, reconnect_base=0.02, reconnect_cap=0.05)
"""Pauses so short that a test need not wait, limits so long that a busy machine does not reach them."""


def prompt(**changes: Any) -> StreamSettings:
    """Give the prompt settings, some of them changed."""
    return msgspec.structs.replace(PROMPT, **changes)


class Intents:
    """Orders that were wanted, known by their comments, and what their callers were told."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.told: defaultdict[str, list[OrderAck | BaseException]] = defaultdict(list)
        self._price, _ = low_and_high(sandbox)

    async def place(self, orders: Any, comment: str, **options: Any) -> OrderAck | BaseException:
        """Want an order, and note what is told of it."""
        try:
            told: OrderAck | BaseException = await orders.place_limit(
                STOCKS, SBER, Side.BUY, lots=1, price=self._price, comment=comment, **options
            )
        except AlorError as error:
            told = error
        except asyncio.CancelledError as error:
            self.told[comment].append(error)
            raise
        self.told[comment].append(told)
        return told

    def note(self, **told: OrderAck | BaseException) -> None:
        """Note what was told of orders that were wanted otherwise."""
        for comment, outcome in told.items():
            self.told[comment].append(outcome)

    async def place_many(self, orders: Any, count: int, prefix: str = "n", **options: Any) -> list[Any]:
        """Want many at once."""
        wanted = (self.place(orders, f"{prefix}{number}", **options) for number in range(count))
        return await asyncio.gather(*wanted)

    def begin(self, orders: Any, comment: str, **options: Any) -> asyncio.Task[OrderAck | BaseException]:
        """Want an order, in a task."""
        return asyncio.create_task(self.place(orders, comment, **options), name=f"test {comment}")

    def begin_many(self, orders: Any, count: int, **options: Any) -> list[asyncio.Task[OrderAck | BaseException]]:
        """Want many, each in a task, under the keys `key-0`, `key-1` and so on."""
        return [self.begin(orders, f"n{number}", request_id=f"key-{number}", **options) for number in range(count)]

    @property
    def accepted(self) -> dict[str, list[str]]:
        """Which orders the exchange accepted, by their comments, as its journal has it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for entry in self.sandbox.journal.of("order_accepted"):
            details: Any = entry.details
            found[details["order"]["comment"] or ""].append(details["order_id"])
        return dict(found)

    def judge(self) -> None:
        """O1: no intent has two orders. O2: what stands was not called a no. O3: what was called a yes stands."""
        accepted = self.accepted
        for comment, told in self.told.items():
            orders = accepted.pop(comment, [])
            called_yes = [one.order_id for one in told if isinstance(one, OrderAck)]
            doubts = [one for one in told if isinstance(one, OrderOutcomeUnknown | asyncio.CancelledError)]
            assert set(called_yes) <= set(orders), f"{comment}: {called_yes} were called accepted, there are {orders}"
            assert len(set(called_yes)) == len(called_yes), f"{comment}: one order for two intents"
            assert len(orders) <= len(called_yes) + len(doubts), f"{comment}: {told} was told, there are {orders}"
        assert not accepted, f"orders that nobody wanted: {accepted}"
        commands = Counter(heard.guid for heard in self.sandbox.messages if heard.kind == "cws")
        assert not commands or max(commands.values()) == 1, "a command was sent twice"


class Floor:
    """An exchange, a client, its command socket, and what was wanted of them."""

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, fast: CommandSocket) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self.fast = fast
        self.intents = Intents(sandbox)

    @property
    def opcodes(self) -> list[str]:
        """What was said over `/cws`, pings aside."""
        return [heard.opcode for heard in self.sandbox.messages if heard.kind == "cws" and heard.opcode != "ping"]

    async def place(self, comment: str = "", **options: Any) -> OrderAck | BaseException:
        return await self.intents.place(self.fast.orders, comment or f"order {len(self.intents.told)}", **options)

    async def place_surely(self, comment: str = "", **options: Any) -> OrderAck:
        told = await self.place(comment, **options)
        assert isinstance(told, OrderAck), told
        return told


@asynccontextmanager
async def trading(
    settings: StreamSettings = PROMPT,
    *,
    window: int = 100,
    check_duplicates: bool | None = None,
    assumptions: Assumptions | None = None,
    token_life: float = 1800.0,
    **client: Any,
) -> AsyncIterator[Floor]:
    """Open an exchange, a client and a command socket; in the end what was told is compared with what is."""
    async with Sandbox(seed=42, time="stepped", start=NOON, assumptions=assumptions, token_life=token_life) as sandbox:
        async with (
            AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, streams=settings, **client) as alor,
            alor.command_socket(window, check_duplicates=check_duplicates) as fast,
        ):
            floor = Floor(sandbox, alor, fast)
            yield floor
        floor.intents.judge()
        sandbox.check()


async def gathered(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    """Wait for tasks, and give what they ended in."""
    return await asyncio.gather(*tasks, return_exceptions=True)
