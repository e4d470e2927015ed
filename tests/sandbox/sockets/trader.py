"""A client of `/cws` for tests: gives orders over a socket and checks the form of every reply."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from alor_async.sandbox import Sandbox
from tests.sandbox.sockets.client import Talker, portfolio_of, talking
from tests.support.waiting import until

SBER = {"symbol": "SBER", "exchange": "MOEX", "instrumentGroup": "TQBR"}


class Trader:
    """A socket to `/cws`: sends commands, waits for their replies."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self.portfolio = portfolio_of(talker.sandbox, "D")
        bid = talker.sandbox.market["SBER"].quote.bid
        assert bid is not None
        self.low = bid - 5

    async def command(self, opcode: str, **fields: Any) -> Any:
        """Send a command as it stands and wait for its reply; `guid` is filled in."""
        request = {"opcode": opcode, "guid": self.talker.new_guid(), **fields}
        guid = str(request["guid"])
        before = len(self.talker.replies[guid])
        await self.talker.say(request)
        await until(lambda: len(self.talker.replies[guid]) > before)
        reply = self.talker.replies[guid][-1]
        assert next(iter(reply)) == "requestGuid"
        assert reply.pop("requestGuid") == guid
        return reply

    async def authorize(self, **fields: Any) -> Any:
        return await self.command("authorize", **{"token": self.talker.token, **fields})

    def order(self, **fields: Any) -> dict[str, Any]:
        return {
            "side": "buy",
            "quantity": 1,
            "price": float(self.low),
            "instrument": SBER,
            "user": {"portfolio": self.portfolio},
            "checkDuplicates": False,
            **fields,
        }

    def stop(self, **fields: Any) -> dict[str, Any]:
        return self.order(**{"side": "sell", "condition": "LessOrEqual", "triggerPrice": float(self.low), **fields})

    async def create(self, opcode: str = "create:limit", **fields: Any) -> str:
        """Place an order that is accepted; its number."""
        body = self.stop(**fields) if "stop" in opcode.lower() else self.order(**fields)
        reply = await self.command(opcode, **body)
        number = reply["orderNumber"]
        assert reply == {"httpCode": 200, "message": f"An order '{number}' has been created.", "orderNumber": number}
        return str(number)

    async def ended(self) -> int | None:
        """Wait for the server to close; with which code it did."""
        await until(lambda: self.talker.is_over)
        return self.talker.close_code


@contextlib.asynccontextmanager
async def trading(sandbox: Sandbox, *, authorized: bool = True) -> AsyncIterator[Trader]:
    async with talking(sandbox, "/cws") as talker:
        trader = Trader(talker)
        if authorized:
            assert (await trader.authorize())["httpCode"] == 200
        yield trader
