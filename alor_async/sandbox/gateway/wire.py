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
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from alor_async.sandbox import effects
from alor_async.sandbox.effects import WireEffect
from alor_async.sandbox.faults import FaultPlan, is_inward
from alor_async.sandbox.gateway.lane import Bend, Lane
from alor_async.sandbox.selectors import Moment

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
        self._is_joined = False
        self._is_websocket = False
        self._is_deaf = False
        self._is_forgotten = False
        self._has_ended_writing = False
        self._server_pauses = False
        self._under: tuple[WireEffect, ...] = ()
        self._full: set[str] = set()
        self.inward = Lane("in", self._to_server)
        self.outward = Lane("out", self._to_socket, partial(self._press, "lane"))

    # -- the socket's side -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the socket to the server."""
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport
        if self._switchboard.turns_away(self.server_name):
            self.reset()
            return
        self._is_joined = True
        self._switchboard.opened(self)
        self._server.connection_made(Pipe(self, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server, and let go."""
        if not self._is_joined:
            return
        self.inward.drop()
        self.outward.drop()
        self._switchboard.closed(self)
        self._server.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the server; a new request is looked at first if a fault waits for one."""
        if self._between_requests and not self._is_websocket:
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
        self._press("socket", True)

    def resume_writing(self) -> None:
        """Pass the end of backpressure on."""
        self._press("socket", False)

    def _press(self, where: str, is_full: bool) -> None:
        """Let the server pause while the socket, the lane to it, or both are full."""
        was_free = not self._full
        (self._full.add if is_full else self._full.discard)(where)
        if was_free and self._full:
            self._server.pause_writing()
        elif not was_free and not self._full:
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

    def pause_reading(self) -> None:
        """Take no bytes from the socket for now."""
        self._server_pauses = True
        self._listen()

    def resume_reading(self) -> None:
        """Take bytes again, unless a fault has made the wire deaf."""
        self._server_pauses = False
        self._listen()

    def _listen(self) -> None:
        if self._server_pauses or self._is_deaf:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

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
        for lane in self._lanes(effect):
            if isinstance(effect, effects.Blackhole):
                lane.bending().swallow = True
            else:
                self._shape(lane.bending(), effect)
        if isinstance(effect, effects.Blackhole) and effect.direction != "out":
            self._socket.pause_reading()

    def become_websocket(self) -> None:
        """Bytes that come are no requests any more; what was bent for the handshake is straight after it."""
        self._is_websocket = True
        self.inward.bend_anew(None)
        if not self._under:
            self.outward.when_empty(partial(self.outward.bend_anew, None))

    def put_under(self, lasting: Sequence[WireEffect]) -> None:
        """Bend both ways as these effects have it, and straighten what none of them is for."""
        if self._is_forgotten or self._under == tuple(lasting):
            return
        self._under = tuple(lasting)
        for lane in (self.inward, self.outward):
            mine = [effect for effect in lasting if lane in self._lanes(effect)]
            bend = Bend() if mine else None
            if bend is not None:
                for effect in mine:
                    self._shape(bend, effect)
                if lane.bend is not None and lane.bend.left is not None and bend.left is not None:
                    bend.left = lane.bend.left
            lane.bend_anew(bend)
        self._is_deaf = self.inward.bend is not None and self.inward.bend.is_dark
        self._listen()

    def _lanes(self, effect: WireEffect) -> tuple[Lane, ...]:
        if effect.direction == "both":
            return self.inward, self.outward
        return (self.inward,) if effect.direction == "in" else (self.outward,)

    def forget(self) -> None:
        """Go silent both ways for good, without telling anybody."""
        self.put_under((effects.Blackhole(direction="both"),))
        self._is_forgotten = True

    def inject(self, data: bytes) -> None:
        """Send these bytes between what the server writes."""
        self.outward.feed(data)

    def _shape(self, bend: Bend, effect: WireEffect) -> None:
        match effect:
            case effects.Reset(after_bytes=after):
                bend.left, bend.on_end = after, self.reset
            case effects.Blackhole():
                bend.is_dark = True
            case effects.Latency(seconds=seconds, jitter=jitter):
                bend.latency = partial(self._switchboard.latency, seconds, jitter)
            case effects.Bandwidth(bytes_per_second=rate):
                bend.bandwidth = rate
                bend.piece = bend.piece or max(1, int(rate / 10))
            case effects.Slicer(size=size, pause=pause):
                bend.piece, bend.piece_pause = size, pause
            case effects.HalfClose(after_bytes=after):
                bend.left, bend.on_end = after, self._end_writing
            case effects.SlowClose(seconds=seconds):
                self._slow_close = seconds

    def _to_server(self, data: bytes) -> None:
        self._server.data_received(data)

    def _to_socket(self, data: bytes) -> None:
        if not self._has_ended_writing and not self._socket.is_closing():
            self._socket.write(data)

    def _end_writing(self) -> None:
        if not self._socket.is_closing():
            self._has_ended_writing = True
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
        self.wire.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self.wire.resume_reading()


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
        for wire in self.of(server_name):
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
        taken = self._plan.take("request", moment, is_inward)
        return [effect for effect in taken if isinstance(effect, effects.WIRE_EFFECTS)]

    def turns_away(self, server_name: str) -> bool:
        """Whether a fault wants this new connection reset before a byte passes."""
        if "connection" not in self._plan.scopes:
            return False
        return bool(self._plan.take("connection", Moment(server=server_name), lambda _fault: True))

    def of(self, server_name: str | None = None) -> tuple[Wire, ...]:
        """The open connections of one server, or all."""
        return tuple(wire for wire in self._wires if server_name in {None, wire.server_name})
