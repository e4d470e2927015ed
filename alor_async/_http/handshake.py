"""How a WebSocket is opened: once, and where it was asked for. aiohttp would follow a redirected handshake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sized
from typing import Any, Final, Literal

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.http_websocket import WebSocketWriter

from alor_async._http.attempt import Answer, SendOnce
from alor_async.errors import AlorError, TransportError

__all__ = ["Handshake", "HandshakeRefused", "Socket"]

_SWITCHED: Final = 101
_LONGEST_REFUSAL: Final = 64 * 1024
_SHORT: Final = 16 * 1024
"""From an empty buffer, so many bytes never make a transport ask for a pause."""


class Socket(aiohttp.ClientWebSocketResponse[Literal[False]]):
    """An open WebSocket. Text comes as bytes; goodbyes, pings and pongs are left to its owner.

    Attributes:
        arrived: Holds something while messages have come and were not taken: then `take` gives the next without waiting.
            Otherwise `receive` waits for it. Taking costs two thirds of receiving.
        take: Gives the next message; for use while `arrived` holds something.
    """

    def __init__(self, reader: Any, writer: WebSocketWriter, *arguments: Any, **options: Any) -> None:
        super().__init__(reader, writer, *arguments, **options)
        self._wire = writer.transport
        self.take: Callable[[], Awaitable[aiohttp.WSMessage]] = reader.read
        # Not a public name of aiohttp's: where it should be gone, `receive` does it all.
        self.arrived: Sized = getattr(reader, "_buffer", ())

    def send_now(self, message: bytes) -> bool:
        """Send a short text message if the network takes it without waiting; False when it must wait, or is too late.

        It saves a turn of the event loop, which is a good part of what sending an order costs.
        """
        if len(message) > _SHORT or self._wire.get_write_buffer_size():
            return False
        sending = self.send_frame(message, aiohttp.WSMsgType.TEXT)
        try:
            sending.send(None)
        except StopIteration:
            return True
        except (aiohttp.ClientError, OSError):
            return False  # whoever reads learns of it too, and why
        raise RuntimeError("aiohttp waits although its buffer was empty")

    def abort(self) -> None:
        """Cut the connection, without a goodbye and without waiting: aiohttp's own ways to close may wait for ever.

        Whoever is receiving still gets what has come, and then the end. Idempotent.
        """
        self._wire.abort()
        self._response.close()


class HandshakeRefused(AlorError):
    """The server answered, and opened no socket. It goes no further than this room.

    Attributes:
        answer: What it said.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"the handshake was refused with status {answer.status}")
        self.answer = answer


class Handshake(SendOnce):
    """A middleware for one handshake: ends it at the first answer, whatever that is."""

    __slots__ = ()

    async def __call__(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        response = await super().__call__(request, handler)
        if response.status == _SWITCHED:
            return response
        try:
            if 300 <= response.status < 400:
                raise TransportError("the server redirects, which is not followed", stage="status")
            body = await _beginning(response.content)
        finally:
            response.close()
        raise HandshakeRefused(Answer(response.status, response.headers, body))


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Read what explains the refusal. What breaks off, or goes on for ever, has said enough."""
    body = bytearray()
    try:
        while len(body) < _LONGEST_REFUSAL and (piece := await content.readany()):
            body += piece
    except (aiohttp.ClientError, OSError):
        pass
    return bytes(body[:_LONGEST_REFUSAL])
