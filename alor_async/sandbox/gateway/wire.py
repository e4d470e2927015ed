"""The wire between the socket and the HTTP server, and the byte-level faults that live on it.

Every accepted connection is a `Wire`: it stands between asyncio's socket transport and aiohttp's server protocol, passes
bytes both ways, and can bend either way on command. To aiohttp it is an ordinary `asyncio.Transport`, so the server stays
the library as it is; and because both halves live in one process, a fault can be aimed at one request ("reset the answer
to this route after 40 bytes"), which a proxy in another socket could only guess. An unbent wire adds one call per chunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from alor_async.sandbox import faults as _faults
from alor_async.sandbox.faults import FaultPlan, Moment, WireEffect, is_inward
from alor_async.sandbox.gateway.lane import Lane

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.routing import Router

Buffer: TypeAlias = bytes | bytearray | memoryview

_LONGEST_REQUEST_LINE = 8192
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of zero: closing the socket sends RST instead of FIN."""


class Wire(asyncio.Protocol):
    """One accepted connection: a protocol to the socket, and (through `Pipe`) a transport to the server."""

    def __init__(self, server_name: str, server: asyncio.Protocol, switchboard: Switchboard) -> None:
        self.server_name = server_name
        self._server = server
        self._switchboard = switchboard
        self._between_requests = True
        self._head = b""
        self._slow_close = 0.0
        self._socket: asyncio.Transport
        self.inward = Lane("in", self._to_server)
        self.outward = Lane("out", self._to_socket)

    # -- the socket's side -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the socket to the server."""
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport
        self._switchboard.opened(self)
        self._server.connection_made(Pipe(self, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server, and let go."""
        self.inward.drop()
        self.outward.drop()
        self._switchboard.closed(self)
        self._server.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the server; a new request is looked at first if a fault waits for one."""
        if self._between_requests:
            self.inward.bend = None
            if self._switchboard.watches_requests and (self._head or data[:1].isalpha()):
                data = self._look_at(data)
                if not data:
                    return
            self._between_requests = False
        self.inward.feed(data)

    def eof_received(self) -> bool | None:
        """Pass the end of the client's half on."""
        return self._server.eof_received()

    def pause_writing(self) -> None:
        """Pass backpressure on."""
        self._server.pause_writing()

    def resume_writing(self) -> None:
        """Pass the end of backpressure on."""
        self._server.resume_writing()

    def _look_at(self, data: bytes) -> bytes:
        """Hold bytes until the request line is whole, then let the armed faults judge it."""
        self._head += data
        line, found, _ = self._head.partition(b"\r\n")
        if not found and len(self._head) < _LONGEST_REQUEST_LINE:
            return b""
        data, self._head = self._head, b""
        for effect in self._switchboard.effects_on(self.server_name, line):
            self.bend(effect)
        return data

    # -- the server's side -------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Take bytes of an answer."""
        self._between_requests = True
        self.outward.feed(data)

    def close(self) -> None:
        """Close once everything written has left."""
        self.outward.when_empty(self._close_socket)

    def is_closing(self) -> bool:
        """Whether the socket is closed or closing."""
        return self._socket.is_closing()

    # -- faults ------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Break the connection with RST: nothing that waits is sent, and the peer reads 'connection reset'."""
        raw: socket.socket = self._socket.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.abort()

    def hush(self) -> None:
        """Let nothing more of the server's out; the connection stays open."""
        self.outward.bending().swallow = True

    def half_close(self) -> None:
        """Send FIN once everything written has left, and go on reading."""
        self.outward.when_empty(self._end_writing)

    def hang_up(self) -> None:
        """Close politely (FIN) at once, without an answer."""
        self.hush()
        self._close_socket()

    def say(self, data: bytes, *, then_close: bool) -> None:
        """Send exactly these bytes in place of an answer."""
        self._to_socket(data)
        self.hush()
        if then_close:
            self._close_socket()

    def invite_body(self) -> None:
        """Tell a client that waits for leave to send its body that it may."""
        self.outward.feed(b"HTTP/1.1 100 Continue\r\n\r\n")

    def begin_answer(self) -> None:
        """Straighten what was bent for the answer before."""
        self.outward.bend = None
        self._slow_close = 0.0

    def bend(self, effect: WireEffect) -> None:
        """Apply one effect to the bytes of this request or of its answer."""
        bend = (self.inward if effect.direction == "in" else self.outward).bending()
        match effect:
            case _faults.Reset(after_bytes=after):
                bend.left, bend.on_end = after, self.reset
            case _faults.Blackhole(direction="in"):
                bend.swallow = True
                self._socket.pause_reading()
            case _faults.Blackhole():
                bend.swallow = True
            case _faults.Latency(seconds=seconds, jitter=jitter):
                bend.latency = partial(self._switchboard.latency, seconds, jitter)
            case _faults.Bandwidth(bytes_per_second=rate):
                bend.bandwidth = rate
                bend.piece = bend.piece or max(1, int(rate / 10))
            case _faults.Slicer(size=size, pause=pause):
                bend.piece, bend.piece_pause = size, pause
            case _faults.HalfClose(after_bytes=after):
                bend.left, bend.on_end = after, self._end_writing
            case _faults.SlowClose(seconds=seconds):
                self._slow_close = seconds

    def _to_server(self, data: bytes) -> None:
        self._server.data_received(data)

    def _to_socket(self, data: bytes) -> None:
        if not self._socket.is_closing():
            self._socket.write(data)

    def _end_writing(self) -> None:
        if not self._socket.is_closing():
            self._socket.write_eof()

    def _close_socket(self) -> None:
        if self._slow_close:
            asyncio.get_running_loop().call_later(self._slow_close, self._socket.close)
        else:
            self._socket.close()


class Pipe(asyncio.Transport):
    """What the HTTP server takes for its socket: the part of a transport that it uses, with the wire behind it."""

    def __init__(self, wire: Wire, socket_transport: asyncio.Transport) -> None:
        super().__init__()
        self.wire = wire
        self._socket = socket_transport

    def write(self, data: Buffer) -> None:
        """Send bytes."""
        self.wire.write(bytes(data))

    def close(self) -> None:
        """Close after everything has left."""
        self.wire.close()

    def is_closing(self) -> bool:
        """Whether the connection is ending."""
        return self.wire.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Ask the socket's transport."""
        return self._socket.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no bytes from the socket for now."""
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._socket.resume_reading()


class Switchboard:
    """Every open wire, and the faults that are waiting for the next request on any of them."""

    def __init__(self, plan: FaultPlan, router: Router) -> None:
        self._plan = plan
        self._router = router
        self._wires: set[Wire] = set()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._wires)

    @property
    def watches_requests(self) -> bool:
        """Whether a fault waits for the bytes of a request."""
        return self._plan.watches_requests

    def opened(self, wire: Wire) -> None:
        """A connection was accepted."""
        self._wires.add(wire)

    def closed(self, wire: Wire) -> None:
        """A connection is gone."""
        self._wires.discard(wire)

    def reset_all(self, server_name: str | None = None) -> None:
        """Break every connection, or those of one server."""
        for wire in tuple(self._wires):
            if server_name in {None, wire.server_name}:
                wire.reset()

    def latency(self, seconds: float, jitter: float) -> float:
        """How long this chunk waits."""
        return seconds + self._plan.jitter(jitter)

    def effects_on(self, server_name: str, request_line: bytes) -> list[WireEffect]:
        """What is to happen to the bytes of the request that begins with this line."""
        method, _, target = request_line.decode("latin-1").partition(" ")
        path = target.partition(" ")[0].partition("?")[0]
        route = self._router.match(server_name, method, path).route
        moment = Moment(
            server=server_name,
            method=method,
            path=path,
            template=None if route is None else route.template,
            operation=None if route is None else route.operation,
        )
        return [effect for effect in self._plan.take(moment, is_inward) if isinstance(effect, _faults.WIRE_EFFECTS)]
