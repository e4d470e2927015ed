"""A trading floor for tests of outcomes: an exchange, a client that marks its orders, and the commands that go wrong."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from alor_async import AsyncAlor, OrderAck, Side, new_request_id
from alor_async.sandbox import Sandbox
from tests.support.order_oracles import Outcome, check_oracles
from tests.support.world import STOCKS, low_and_high, new_sandbox

SBER = "MOEX:SBER"


@dataclass
class Floor:
    """A sandbox, a client that marks its orders, a price at which a purchase rests, and the request ids by label."""

    sandbox: Sandbox
    alor: AsyncAlor
    low: Decimal
    ids: dict[str, UUID] = field(default_factory=dict)

    async def place(self, label: str, *, lots: int = 5, alor: AsyncAlor | None = None, **options: Any) -> OrderAck:
        """Place a purchase that rests, under a request id that the label keeps."""
        return await (alor or self.alor).orders.place_limit(
            STOCKS, SBER, Side.BUY, lots=lots, price=self.low, comment=label, request_id=self._id_of(label), **options
        )

    async def replace(self, order_id: str, label: str, *, lots: int = 5, **options: Any) -> OrderAck:
        return await self.alor.orders.replace_limit(
            STOCKS,
            order_id,
            SBER,
            Side.BUY,
            lots=lots,
            price=self.low - 1,
            comment=label,
            request_id=self._id_of(label),
            **options,
        )

    async def cancel(self, order_id: str) -> OrderAck:
        return await self.alor.orders.cancel(STOCKS, order_id)

    def fill(self, lots: int) -> None:
        """Let the crowd sell to the best bid, which is ours where nobody else bids."""
        assert self.sandbox.market["SBER"].take("sell", lots=lots) == lots

    def status(self, order_id: str) -> str:
        (order,) = (one for one in self.sandbox.orders(STOCKS) if one.order_id == order_id)
        return order.status.value

    def check(self, label: str, outcome: Outcome, *, alor: AsyncAlor | None = None) -> list[str]:
        """Ask the oracles."""
        return check_oracles(self.sandbox, alor or self.alor, label, outcome, self.ids[label])

    def sent(self) -> int:
        """How many commands have left."""
        return sum(one.method in {"POST", "PUT", "DELETE"} and one.server == "api" for one in self.sandbox.requests)

    def _id_of(self, label: str) -> UUID:
        return self.ids.setdefault(label, new_request_id())


@contextlib.asynccontextmanager
async def new_floor() -> AsyncIterator[Floor]:
    """Open one; at the end the sandbox must not have broken its own rules."""
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, order_tags=True) as alor,
    ):
        await alor.get_claims()
        yield Floor(sandbox, alor, low_and_high(sandbox)[0])
        sandbox.check()
