"""A broker's `/ws` that does as a test tells it: what an honest exchange never does, it does.

    async with StreamServer() as server, server.client() as alor, alor.streams.quotes("MOEX:SBER") as quotes:
        server.line.send("streams.quotes", server.line.guid_of("SBER"), c=250)
        assert (await anext(quotes)).last_price == 250

By default it hands out tokens, opens every socket, acknowledges every request, tells its time and answers other reads with nothing. `answer`
decides what is said to a request on a socket, `handshake` whether a socket opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from aiohttp import web

from alor_async import AsyncAlor, Environment
from alor_async._policy.clock import Clock
from alor_async.config import StreamSettings
from tests.support.tokens import make_token

REFRESH_TOKEN: Final = "refresh-token-of-the-scripted-server"
MOST_UNREAD: Final = 5_000
"""With more messages waiting for a client than this, the connection is cut, as the broker does."""

_RECORDED: Final = Path(__file__).parents[1] / "contract" / "fixtures"
_SYSTEM_BUFFER: Final = 64 * 1024
_BREATH: Final = 50


@dataclass(frozen=True, slots=True)
class Heard:
    """One request on a socket.

    Attributes:
        at: When it came, by the server's clock.
        line: The number of the socket, from 1.
        fields: The request as it came, its token included.
    """

    at: float
    line: int
    fields: dict[str, Any]

    @property
    def opcode(self) -> str:
        return str(self.fields["opcode"])

    @property
    def guid(self) -> str:
        return str(self.fields["guid"])

    @property
    def subject(self) -> str:
        """The instrument or the portfolio that it is about."""
        return str(self.fields.get("code") or self.fields.get("portfolio") or "")

    @property
    def is_subscription(self) -> bool:
        return self.opcode.lower().find("subscribe") > 0 and self.opcode != "unsubscribe"


class Line:
    """One open socket, from the server's side."""

    def __init__(self, server: StreamServer, websocket: web.WebSocketResponse, request: web.BaseRequest, number: int):
        self.server = server
        self.number = number
        self.heard: list[Heard] = []
        self.was_cut = False
        """Whether too much waited for the client."""
        self._websocket = websocket
        self._request = request
        self._queue: deque[bytes] = deque()
        self._something_waits = asyncio.Event()
        self._sender: asyncio.Task[None]
        self.is_held = False
        """While this holds nothing leaves."""

    # What a test says.

    def post(self, *messages: bytes) -> None:
        """Queue messages; they leave in their order. Too many that wait cut the connection."""
        for message in messages:
            if len(self._queue) >= MOST_UNREAD:
                self.was_cut = True
                self.abort()
                return
            self._queue.append(message)
        self._something_waits.set()

    def reply(self, guid: str, status: int = 200, text: str = "Handled successfully") -> None:
        self.post(_compact({"requestGuid": guid, "httpCode": status, "message": text}))

    def send(self, stream: str, guid: str, **changes: object) -> None:
        """Queue one data frame."""
        self.post(frame(stream, guid, **changes))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye once everything queued has left, as servers do, without waiting for the answer."""
        while self._queue and not self._sender.done():  # noqa: ASYNC110 - the queue is drained by another task, which has no event for it
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionError):
            await self._websocket.send_frame(code.to_bytes(2, "big") + reason.encode(), web.WSMsgType.CLOSE)

    def abort(self) -> None:
        """Break the connection."""
        self._queue.clear()
        if self._request.transport is not None:
            self._request.transport.abort()

    @property
    def unread(self) -> int:
        """How many messages wait to leave."""
        return len(self._queue)

    # What it hears.

    @property
    def subscriptions(self) -> list[Heard]:
        """The requests to subscribe that came, in their order."""
        return [one for one in self.heard if one.is_subscription]

    def guid_of(self, subject: str, opcode: str = "") -> str:
        """The guid of the last subscription to an instrument or a portfolio."""
        return next(one.guid for one in reversed(self.subscriptions) if one.subject == subject and opcode in one.opcode)

    async def run(self) -> None:
        sender = self._sender = asyncio.create_task(self._send(), name=f"scripted sender {self.number}")
        try:
            async for message in self._websocket:
                one = Heard(self.server.clock.monotonic(), self.number, json.loads(message.data))
                self.heard.append(one)
                self.server.heard.append(one)
                said = self.server.answer(self, one)
                if said is not None:
                    await said
        finally:
            sender.cancel()
            await asyncio.wait({sender})

    async def _send(self) -> None:
        sent = 0
        with contextlib.suppress(ConnectionError):
            while True:
                await self._something_waits.wait()
                self._something_waits.clear()
                while self._queue and not self.is_held:
                    await self._websocket.send_frame(self._queue.popleft(), web.WSMsgType.TEXT)
                    sent += 1
                    if not sent % _BREATH:
                        await asyncio.sleep(0)


Answer: TypeAlias = Callable[[Line, Heard], Awaitable[None] | None]
Handshake: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]


def acknowledge(line: Line, one: Heard) -> None:
    """Say yes to everything."""
    line.reply(one.guid)


async def welcome(request: web.BaseRequest) -> None:
    """Open every socket."""


class StreamServer:
    """Everything that a client of streams talks to: the token service, reads, and `/ws`.

    Attributes:
        lines: The sockets so far, in the order in which they opened; the last one is the newest.
        heard: The requests on all of them.
        handshakes: When each handshake began, by the clock.
        reads: The paths of the reads that came.
        refreshes: How many access tokens were handed out.
        helpers: Tasks that end with it.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.clock = Clock() if clock is None else clock
        self.answer: Answer = acknowledge
        self.handshake: Handshake = welcome
        self.lines: list[Line] = []
        self.open_lines: list[Line] = []
        self.most_open = 0
        self.heard: list[Heard] = []
        self.handshakes: list[float] = []
        self.reads: list[str] = []
        self.refreshes = 0
        self.helpers: list[asyncio.Task[Any]] = []
        self._web = web.Server(self._handle, access_log=None)  # type: ignore[arg-type]
        self._listener: asyncio.Server | None = None
        self._port = 0

    # Its life.

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.vanish()
        await self._web.shutdown(0.05)
        for helper in self.helpers:
            helper.cancel()
        await asyncio.gather(*self.helpers, return_exceptions=True)

    async def listen(self) -> None:
        """Listen, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._web, "127.0.0.1", self._port, backlog=1024)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Break every connection and listen no more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._web.connections):
            if connection.transport is not None:
                connection.transport.abort()

    # Its clients.

    @property
    def environment(self) -> Environment:
        at = f"127.0.0.1:{self._port}"
        return Environment(
            name="scripted", api=f"http://{at}", oauth=f"http://{at}", ws=f"ws://{at}/ws", cws=f"ws://{at}/cws"
        )

    def client(self, streams: StreamSettings | None = None, **options: Any) -> AsyncAlor:
        """Make a client of this server that lives by its clock."""
        return DrivenAlor(
            self.clock, REFRESH_TOKEN, environment=self.environment, streams=streams or StreamSettings(), **options
        )

    # What came.

    @property
    def line(self) -> Line:
        """The newest socket."""
        return self.lines[-1]

    @property
    def subscriptions(self) -> list[Heard]:
        return [one for one in self.heard if one.is_subscription]

    def of(self, opcode: str) -> list[Heard]:
        """The requests of one opcode."""
        return [one for one in self.heard if one.opcode == opcode]

    # Inside.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/refresh":
            self.refreshes += 1
            return web.json_response({"AccessToken": make_token(now=self.clock.now())})
        if request.path != "/ws":
            self.reads.append(request.path)
            return web.json_response(int(self.clock.now()) if request.path == "/md/v2/time" else [])
        self.handshakes.append(self.clock.monotonic())
        refusal = await self.handshake(request)
        return await self._open(request) if refusal is None else refusal

    async def _open(self, request: web.BaseRequest) -> web.StreamResponse:
        websocket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20, timeout=0.2)
        line = Line(self, websocket, request, len(self.lines) + 1)
        if request.transport is not None:
            raw: socket.socket = request.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER)
        await websocket.prepare(request)
        self.lines.append(line)
        self.open_lines.append(line)
        self.most_open = max(self.most_open, len(self.open_lines))
        try:
            await line.run()
        except ConnectionError:
            pass
        finally:
            self.open_lines.remove(line)
        return websocket


class DrivenAlor(AsyncAlor):
    """A client that lives by a clock of the test's."""

    def __init__(self, clock: Clock, *args: Any, **options: Any) -> None:
        self._given_clock = clock
        super().__init__(*args, **options)

    def _new_clock(self) -> Clock:
        return self._given_clock


@cache
def _recorded(stream: str) -> dict[str, Any]:
    """Give the data of a recorded frame, in Slim."""
    line = (_RECORDED / f"{stream}.slim.ndjson").read_text("utf-8").partition("\n")[0]
    data: dict[str, Any] = json.loads(line)["data"]
    return data


def frame(stream: str, guid: str, **changes: object) -> bytes:
    """Write a data frame in Slim: a recorded one, some of its wire's keys changed."""
    data = _recorded(stream) | changes
    return _compact({"data": data, "guid": guid})


def _compact(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
