"""The wire by itself, between a transport and a server that only listen: what real sockets do too rarely to be caught."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from alor_async.sandbox.effects import Reset, Slicer
from alor_async.sandbox.faults import Fault, FaultPlan
from alor_async.sandbox.gateway.lane import Lane
from alor_async.sandbox.gateway.rest import ROUTES
from alor_async.sandbox.gateway.routing import Router
from alor_async.sandbox.gateway.wire import Switchboard, Wire
from alor_async.sandbox.selectors import Selector


class Socket(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_aborted = False
        self.is_closed = False
        self.has_ended_writing = False

    def write(self, data: Any) -> None:
        if self.has_ended_writing:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.written += data

    def write_eof(self) -> None:
        self.has_ended_writing = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self

    def setsockopt(self, *_: Any) -> None:
        raise OSError("already gone")

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed or self.is_aborted


class Server(asyncio.Protocol):
    """A server protocol that remembers."""

    def __init__(self) -> None:
        self.heard = b""
        self.said: list[str] = []
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def pause_writing(self) -> None:
        self.said.append("pause")

    def resume_writing(self) -> None:
        self.said.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.said.append("lost")


def joined() -> tuple[Wire, Socket, Server, FaultPlan]:
    router = Router(ROUTES)
    plan = FaultPlan(random.Random(1), router, lambda *_: None)
    switchboard = Switchboard(plan, router)
    server, socket = Server(), Socket()
    wire = Wire("api", server, switchboard)
    wire.connection_made(socket)
    assert len(switchboard) == 1
    return wire, socket, server, plan


async def test_a_request_line_in_pieces_waits_until_it_is_whole() -> None:
    wire, socket, server, plan = joined()
    plan.arm(Fault(name="cut", selector=Selector(route="/md/v2/time"), effect=Reset(after_bytes=30, direction="in")))
    wire.data_received(b"GET /md/v2")
    wire.data_received(b"/time HTTP/1.1")
    assert server.heard == b""
    wire.data_received(b"\r\nHost: here\r\n")
    await asyncio.sleep(0)
    assert len(server.heard) == 30
    assert socket.is_aborted


async def test_a_request_line_without_an_end_is_let_through() -> None:
    wire, _, server, plan = joined()
    plan.arm(Fault(name="cut", selector=Selector(route="/md/v2/time"), effect=Reset(direction="in")))
    wire.data_received(b"G" * 9000)
    assert len(server.heard) == 9000


async def test_what_is_no_request_is_not_looked_at() -> None:
    wire, _, server, plan = joined()
    plan.arm(Fault(name="cut", selector=Selector(), effect=Reset(direction="in")))
    wire.data_received(b"\x81\x05hello")
    assert server.heard == b"\x81\x05hello"


async def test_backpressure_reaches_the_server() -> None:
    wire, _, server, _ = joined()
    wire.pause_writing()
    wire.resume_writing()
    assert server.said == ["pause", "resume"]


async def test_losing_the_connection_stops_the_pump_and_what_waits_is_forgotten() -> None:
    wire, socket, server, _ = joined()
    wire.bend(Slicer(size=1, pause=60))
    wire.write(b"answer")
    wire.close()
    await asyncio.sleep(0)
    assert socket.written == b"a"
    wire.connection_lost(None)
    await asyncio.sleep(0)
    assert server.said == ["lost"]
    assert (socket.written, socket.is_closed) == (b"a", False)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("sandbox wire")]


async def test_after_the_end_nothing_is_written() -> None:
    wire, socket, _, _ = joined()
    wire.reset()
    wire.write(b"late")
    wire.half_close()
    wire.say(b"later", then_close=False)
    assert socket.written == b""


async def test_after_half_of_it_is_closed_nothing_is_written() -> None:
    wire, socket, _, _ = joined()
    wire.write(b"in time")
    wire.half_close()
    wire.write(b"late")
    assert socket.written == b"in time"


async def test_a_lane_keeps_order_when_it_is_straightened_while_it_pumps() -> None:
    heard: list[bytes] = []
    lane = Lane("test", heard.append)
    lane.bending().piece = 2
    lane.feed(b"abcd")
    lane.bend = None
    lane.feed(b"efgh")
    emptied = asyncio.Event()
    lane.when_empty(emptied.set)
    await asyncio.wait_for(emptied.wait(), 1)
    assert b"".join(heard) == b"abcdefgh"
    lane.feed(b"ij")
    assert heard[-1] == b"ij"
