"""A WebSocket server that speaks bytes: frames that no library would send, and silence where one would answer.

async def script(peer: Peer) -> None:
    await peer.send(text(b"hello") + b"\\xff")
    await peer.frame()  # what the client says, unmasked

async with RawServer(accepting(script)) as server, dialled(server) as line:
    ...
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple

from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async._ws.connection import Connection, Ending
from alor_async._ws.dialing import dial
from tests.support.rawserver import Exchange, RawServer, StepFunction

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40
RSV2: Final = 0x20
RSV3: Final = 0x10

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode: int, payload: bytes = b"", *, head: int = FIN, mask: bytes | None = None) -> bytes:
    """Write a frame. `head` is what stands above the opcode: FIN and the reserved bits."""
    masked = 0 if mask is None else 0x80
    if len(payload) < 126:
        length = struct.pack("!B", masked | len(payload))
    elif len(payload) < 1 << 16:
        length = struct.pack("!BH", masked | 126, len(payload))
    else:
        length = struct.pack("!BQ", masked | 127, len(payload))
    if mask is not None:
        payload = mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([head | opcode]) + length + payload


def text(payload: bytes, **options: Any) -> bytes:
    return frame(TEXT, payload, **options)


def closing(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Frame(NamedTuple):
    """What a client sent."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int | None:
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


class Peer:
    """The server's end of one socket."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.seen: list[Frame] = []

    async def send(self, data: bytes) -> None:
        await self.exchange.send(data)

    async def frame(self) -> Frame:
        """Read the client's next frame; they are whole and masked."""
        reader = self.exchange.reader
        first, second = await reader.readexactly(2)
        assert first & (RSV1 | RSV2 | RSV3) == 0, "a client sets no reserved bit"
        assert first & FIN, "our client does not fragment"
        assert second & 0x80, "a client masks"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await reader.readexactly(8))
        mask = await reader.readexactly(4)
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(length)))
        seen = Frame(first & 0x0F, payload)
        self.seen.append(seen)
        return seen

    async def expect(self, opcode: int) -> Frame:
        """Read up to the next frame of this kind."""
        while True:
            seen = await self.frame()
            if seen.opcode == opcode:
                return seen

    async def behave(self) -> None:
        """Answer pings and the goodbye, until the client leaves."""
        while True:
            seen = await self.frame()
            if seen.opcode == PING:
                await self.send(frame(PONG, seen.payload))
            elif seen.opcode == CLOSE:
                await self.send(frame(CLOSE, seen.payload))
                return

    async def listen(self) -> None:
        """Read on without a word, until the client leaves."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await self.frame()

    def reset(self) -> None:
        self.exchange.reset()


Script = Callable[[Peer], Awaitable[None]]


def accept_key(exchange: Exchange) -> str:
    key = exchange.seen.headers["sec-websocket-key"].encode()
    return base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode()


def switching(exchange: Exchange, **changed: str | None) -> bytes:
    """Write the answer to a handshake; a header can be changed, or left out with None."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_key(exchange)}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}  # type: ignore[misc]
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines]).encode() + b"\r\n\r\n"


def accepting(script: Script, **changed: str | None) -> StepFunction:
    """A step for a raw server: shake hands, then play a script and hang up."""

    async def step(exchange: Exchange) -> None:
        await exchange.send(switching(exchange, **changed))
        await script(Peer(exchange))
        exchange.close()

    return step


class Line:
    """A connection to a raw server, running."""

    def __init__(self, connection: Connection, heard: list[bytes]) -> None:
        self.connection = connection
        self.heard = heard
        self.running: asyncio.Task[Ending] = asyncio.create_task(connection.run(), name="test-runner")

    async def ending(self, within: float = 5.0) -> Ending:
        async with asyncio.timeout(within):
            return await asyncio.shield(self.running)


def address_of(server: RawServer) -> str:
    return server.address.replace("http", "ws", 1) + "/ws"


@contextlib.asynccontextmanager
async def opened(clock: Clock | None = None, **options: Any) -> AsyncIterator[Transport]:
    """An open transport."""
    transport = Transport(clock=Clock() if clock is None else clock, **options)
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()


@contextlib.asynccontextmanager
async def dialled(
    server: RawServer | str,
    *,
    clock: Clock | None = None,
    ping_every: float = 5.0,
    silence: float = 15.0,
    max_message: int = 1 << 20,
    on_message: Callable[[bytes], None] | None = None,
    probe: Callable[[], bytes | None] = lambda: None,
) -> AsyncIterator[Line]:
    """A running connection to a server, or to an address; closed at the end."""
    clock = Clock() if clock is None else clock
    heard: list[bytes] = []
    async with opened(clock) as transport:
        url = server if isinstance(server, str) else address_of(server)
        connection = Connection(
            await dial(transport, url, timeout=5.0, max_message=max_message),
            clock=clock,
            ping_every=ping_every,
            silence=silence,
            on_message=heard.append if on_message is None else on_message,
            probe=probe,
            name="alor-test-socket",
        )
        line = Line(connection, heard)
        await asyncio.sleep(0)  # it runs now, and its timers are set
        try:
            yield line
        finally:
            line.running.cancel()
            await asyncio.wait({line.running})
