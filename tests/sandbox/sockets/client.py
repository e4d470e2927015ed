"""A plain socket client for tests: it says what it is told to, and sorts what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp

from alor_async.sandbox import Sandbox
from tests.support.waiting import until

OK = {"httpCode": 200, "message": "Handled successfully"}


class Talker:
    """One open socket. What comes is kept in `heard`; data is sorted by guid, replies by the guid that they answer."""

    def __init__(self, sandbox: Sandbox, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.sandbox = sandbox
        self.websocket = websocket
        self.token = sandbox.tokens.issue()
        self.heard: list[str] = []
        self.data: defaultdict[str, list[Any]] = defaultdict(list)
        self.replies: defaultdict[str, list[Any]] = defaultdict(list)
        self.close_code: int | None = None
        self.is_over = False
        self._guids = 0
        self._listener = asyncio.create_task(self._listen(), name="test listener")

    async def _listen(self) -> None:
        async for frame in self.websocket:
            self.heard.append(frame.data)
            message = json.loads(frame.data, parse_float=Decimal)
            if "data" in message:
                self.data[message["guid"]].append(message["data"])
            else:
                self.replies[message["requestGuid"]].append(message)
        self.close_code = self.websocket.close_code
        self.is_over = True

    async def say(self, message: Any) -> None:
        """Send anything."""
        await self.websocket.send_str(message if isinstance(message, str) else json.dumps(message))

    def new_guid(self) -> str:
        self._guids += 1
        return f"guid-{self._guids}"

    async def ask(self, opcode: str, **fields: Any) -> Any:
        """Send a request and wait for its reply. `guid`, `token` and `exchange` are filled in."""
        request = {"opcode": opcode, "guid": self.new_guid(), "token": self.token, "exchange": "MOEX", **fields}
        guid = str(request["guid"])
        before = len(self.replies[guid])
        await self.say(request)
        await until(lambda: len(self.replies[guid]) > before or self.is_over)
        return self.replies[guid][-1]

    async def subscribe(self, opcode: str, **fields: Any) -> str:
        """Subscribe; the guid of the subscription."""
        reply = await self.ask(opcode, **fields)
        assert reply == {"requestGuid": reply["requestGuid"], **OK}, reply
        return reply["requestGuid"]

    async def quiet(self) -> None:
        """Wait until everything that was sent before has come: a ping is answered after it."""
        await self.ask("ping")

    async def new(self, guid: str, count: int = 1) -> list[Any]:
        """Wait for so many data messages and take all that have come."""
        await until(lambda: len(self.data[guid]) >= count or self.is_over)
        taken, self.data[guid] = self.data[guid], []
        return taken

    def take(self, guid: str) -> list[Any]:
        """Take the data that has come so far."""
        taken, self.data[guid] = self.data[guid], []
        return taken

    async def close(self) -> None:
        await self.websocket.close()
        self._listener.cancel()
        await asyncio.wait({self._listener})


@contextlib.asynccontextmanager
async def talking(sandbox: Sandbox, path: str = "/ws", **options: Any) -> AsyncIterator[Talker]:
    """A socket to `/ws`, closed at the end."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.environment.api + path, **options) as websocket,
    ):
        talker = Talker(sandbox, websocket)
        try:
            yield talker
        finally:
            await talker.close()


def portfolio_of(sandbox: Sandbox, first_letter: str) -> str:
    """A portfolio by its first letter: `D` trades stocks, `7` derivatives."""
    return next(name for name in sandbox.portfolios if name.startswith(first_letter))
