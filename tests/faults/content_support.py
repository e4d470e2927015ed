"""A desk at the sandbox whose answers can be rewritten, and the questions that are asked after each of them.

Everything goes over a real socket: the exchange acts on the request, its answer is changed on the way back, and the
public client reads it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from alor_async import AsyncAlor, RetryPolicy
from alor_async.errors import AlorError, OrderOutcomeUnknown
from alor_async.sandbox import Sandbox
from alor_async.values import Format
from tests.contract.call_kit import Call
from tests.contract.call_orders import COMMANDS, ORDER_READS
from tests.contract.call_reads import READS
from tests.contract.model_kit import EXAMPLES, OBJECTS, Example, encode, walk
from tests.support.world import FUTURES, STOCKS, World, client_of, make_world, new_sandbox

ONCE: Final = RetryPolicy(attempts=1)
"""So that a read that fails shows its first failure."""

PAGE: Final = b"<!DOCTYPE html>\r\n<html><head><title>Welcome</title></head><body>success</body></html>"

ALL_READS: Final = (*READS, *ORDER_READS)
READ_OF: Final = {call.operation: call for call in ALL_READS if not call.method.partition(".")[2].startswith("iter_")}
"""One plain call of each operation that reads."""


class Desk:
    """A client, the sandbox that it talks to, and what can be done to the answers in between."""

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, world: World) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self.world = world
        self.request_id = ""
        """The one that was sent last. Each call has its own: a key serves for one command, and is remembered."""
        self._numbers = itertools.count()
        self._body = b""

    @contextmanager
    def answering(self, call: Call, content_type: str | None = None) -> Iterator[None]:
        """Let every answer to an operation be the body that was given last.

        The exchange acts on commands all the same; the trouble of answering reads is spared.
        """
        faults = self.sandbox.faults
        operation = call.operation.replace("stop_orders.cancel", "orders.cancel")
        if call in ALL_READS and content_type is None:
            armed = faults.net.raw(self._raw, close=False, operation=operation, times=None)
        else:
            armed = faults.http.body(lambda _: self._body, content_type=content_type, operation=operation, times=None)
        with armed:
            yield

    def _raw(self) -> bytes:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(self._body)}\r\n\r\n"
        return head.encode() + self._body

    async def read(
        self, call: Call, body: bytes, *, format: Format | None = None, content_type: str | None = None
    ) -> Any:
        """Make a call whose answer has another body."""
        with self.answering(call, content_type):
            return await self.reread(call, body, format)

    async def reread(self, call: Call, body: bytes, format: Format | None = None) -> Any:
        """Make a call inside `answering`."""
        self._body = body
        return await self.make(call, format)

    async def make(self, call: Call, format: Format | None = None) -> Any:
        """Make a call, under a request id of its own where it has one."""
        options: dict[str, Any] = {"retries": ONCE}
        if "request_id" in call.arguments:
            self.request_id = options["request_id"] = f"content-{next(self._numbers)}"
        return await call.make(self.alor, self.world, format, **options)

    async def failure(
        self,
        kind: type[AlorError],
        call: Call,
        body: bytes,
        *,
        format: Format | None = None,
        content_type: str | None = None,
    ) -> Any:
        """Make a call that ends in this very class of error, and check what every error promises."""
        with pytest.raises(AlorError) as caught:
            await self.read(call, body, format=format, content_type=content_type)
        assert type(caught.value) is kind, repr(caught.value)
        assert_fit_for_a_log(caught.value, self.sandbox)
        return caught.value

    async def unknown(self, call: Call, body: bytes, *, content_type: str | None = None) -> OrderOutcomeUnknown:
        """Give a command: the exchange acts on it once, and its outcome is called unknown."""
        await self.fresh()
        mark, sent = len(self.sandbox.journal), len(self.sandbox.requests)
        error: OrderOutcomeUnknown = await self.failure(OrderOutcomeUnknown, call, body, content_type=content_type)
        assert self.acts_since(mark) == 1, "the exchange did not act exactly once"
        assert len(self.sandbox.requests) == sent + 1, "the command was not sent exactly once"
        assert error.request_id == (self.request_id if "request_id" in call.arguments else None)
        return error

    async def fresh(self) -> None:
        """Clear what is left of earlier commands and make a new world, in which the same commands mean new orders."""
        for portfolio in (STOCKS, FUTURES):
            await self.alor.orders.cancel_all(portfolio)
            await self.alor.stop_orders.cancel_all(portfolio)
        self.world = await make_world(self.sandbox, self.alor)

    def acts_since(self, mark: int) -> int:
        """Count what the exchange did on command, and did not refuse, since an entry of its journal."""
        answers = [str(entry.details["name"]) for entry in self.sandbox.journal.since(mark) if entry.kind == "answer"]
        return sum("Refused" not in name and "Rejected" not in name for name in answers)


@pytest.fixture(scope="module")
def exchange() -> Iterator[tuple[Sandbox, World]]:
    """A sandbox for a module: its commands carry the same request ids again and again, which it does not mind."""
    with new_sandbox(dedupe="off") as running:
        with ThreadPoolExecutor(1) as thread:
            world = thread.submit(asyncio.run, _world_of(running)).result()
        yield running, world
        running.check()


async def _world_of(sandbox: Sandbox) -> World:
    async with client_of(sandbox) as alor:
        return await make_world(sandbox, alor)


@pytest.fixture
async def desk(exchange: tuple[Sandbox, World]) -> AsyncIterator[Desk]:
    """A client of its own for each test; afterwards the client works, and nothing is left of it."""
    before = asyncio.all_tasks() - {asyncio.current_task()}
    sandbox, world = exchange
    sandbox.faults.clear()
    sandbox.requests.clear()
    async with client_of(sandbox) as alor:
        yield Desk(sandbox, alor, world)
        sandbox.faults.clear()
        assert (await alor.market_data.get_order_book("MOEX:SBER", depth=1)).bids
    assert asyncio.all_tasks() - {asyncio.current_task()} == before


def assert_fit_for_a_log(error: AlorError, sandbox: Sandbox) -> None:
    """Check that an error is one line that holds no secret."""
    for text in (str(error), repr(error), str(error.__dict__)):
        assert sandbox.refresh_token not in text
        assert "Bearer ey" not in text
    assert "\n" not in str(error)
    assert len(str(error)) < 1_000


def call_of(example: Example) -> Call:
    return READ_OF[example.operation.name]


READABLE: Final = [example for example in EXAMPLES if example.operation.name in READ_OF]
"""Recorded answers of operations that read."""
READABLE_OBJECTS: Final = [example for example in OBJECTS if example.operation.name in READ_OF]


@contextmanager
def named(example: object) -> Iterator[None]:
    """Let a failure inside a loop over examples say which one it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"with {example}")
        raise


def with_raw(wire: Any, place: dict[str, Any], key: str, text: str | bytes) -> bytes:
    """Write an answer in which one value is spelled in a way that no encoder would."""
    mark = "@here@"
    honest = place[key]
    place[key] = mark
    body = encode(wire).replace(f'"{mark}"'.encode(), text.encode() if isinstance(text, str) else text)
    place[key] = honest
    return body


def first_places(example: Example, wire: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Give the first object of each schema in an answer, with its schema."""
    found: dict[int, tuple[Any, dict[str, Any]]] = {}
    for schema, place in walk(example.schema, wire, example.format):
        found.setdefault(id(schema), (schema, place))
    return list(found.values())


def numbers_in(value: Any) -> Iterator[Decimal]:
    """Give every decimal of a result."""
    if isinstance(value, Decimal):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from numbers_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers_in(item)


PLACING: Final = tuple(call for call in COMMANDS if "place" in call.method or "replace" in call.method)
"""Commands whose answer is an order's number."""
SAYING_SUCCESS: Final = tuple(call for call in COMMANDS if call not in PLACING and call.method != "order_groups.create")
"""Commands whose answer is one word."""
