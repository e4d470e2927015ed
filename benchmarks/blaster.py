"""A `/ws` that sends as fast as a socket takes it, in a process of its own: rendered frames over a bare asyncio protocol.

It speaks as much of the broker's protocol as a client needs to subscribe: handshake, a reply of 200 to each request, pong
to ping. Data comes only when it is ordered, and as much as is ordered: `Blaster.blast("SBER", 1_000)` sends a thousand
frames, in turns, to all subscriptions whose instrument's name begins so. Thus sides can take turns, and count.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from benchmarks import data
from benchmarks.server import all_cores

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"(?i)\r\nsec-websocket-key: *([A-Za-z0-9+/=]+)")
_VARIANTS = 16
_CHUNK = 64 * 1024
_ORDERS = b"ORDERS\r\n\r\n"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


def server_frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """Write a frame as servers do, without a mask."""
    length = len(payload)
    head = bytes([0x80 | opcode, length]) if length < 126 else bytes([0x80 | opcode, 126]) + length.to_bytes(2, "big")
    return head + payload


def client_frame(payload: bytes) -> bytes:
    """Write a client's text frame; the mask is zero, so the text stands in it as it is."""
    frame = server_frame(payload)
    head = frame[: len(frame) - len(payload)]
    return bytes([head[0], head[1] | 0x80]) + head[2:] + bytes(4) + payload


def rendered(kind: str, guid: str, variant: int) -> bytes:
    """Write one message: the data of `_bodies`, and whose it is."""
    return b'{"data":%b,"guid":"%b"}' % (_bodies(kind)[variant % _VARIANTS], guid.encode())


_made: dict[str, list[bytes]] = {}


def _bodies(kind: str) -> list[bytes]:
    if kind not in _made:
        is_book = kind.startswith("OrderBook")
        _made[kind] = [data.book(20) if is_book else data.quote() for _ in range(_VARIANTS)]
    return _made[kind]


class _Chunk:
    """Some frames in one piece, and where each ends."""

    def __init__(self, frames: list[bytes]) -> None:
        self.bytes = b"".join(frames)
        self.ends = list(itertools.accumulate(map(len, frames)))


class _Subscriptions:
    """Who wants what, by the name of the instrument."""

    def __init__(self) -> None:
        self._by_name: dict[str, tuple[_Peer, str, str]] = {}
        self._chunks: dict[str, list[_Chunk]] = {}

    def add(self, peer: _Peer, request: dict[str, str]) -> None:
        self._by_name[request["code"]] = (peer, request["opcode"], request["guid"])
        self._chunks.clear()

    def forget(self, peer: _Peer) -> None:
        self._by_name = {name: entry for name, entry in self._by_name.items() if entry[0] is not peer}
        self._chunks.clear()

    def find(self, prefix: str) -> tuple[_Peer, list[_Chunk]]:
        """Give the connection and the frames of all subscriptions whose instrument's name begins with something."""
        wanted = [entry for name, entry in self._by_name.items() if name.startswith(prefix)]
        if prefix not in self._chunks:
            frames = [
                server_frame(rendered(kind, guid, number))
                for number, (_, kind, guid) in enumerate(wanted * (1 if len(wanted) >= _VARIANTS else _VARIANTS))
            ]
            frames *= max(1, _CHUNK // sum(map(len, frames)))
            step = max(1, _CHUNK * len(frames) // sum(map(len, frames)))
            self._chunks[prefix] = [_Chunk(frames[at : at + step]) for at in range(0, len(frames), step)]
        (peer,) = {entry[0] for entry in wanted}
        return peer, self._chunks[prefix]


class _Peer(asyncio.Protocol):
    """One connection: a socket of a client, or the one over which orders come."""

    def __init__(self, subscriptions: _Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._rest = b""
        self._read: Callable[[bytes], bytes] = self._read_head
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._pouring: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(4 * _CHUNK)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._subscriptions.forget(self)
        for task in self._pouring:
            task.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, received: bytes) -> None:
        self._rest = self._read(self._rest + received)

    def _read_head(self, text: bytes) -> bytes:
        head, found, rest = text.partition(b"\r\n\r\n")
        if not found:
            return text
        if head + found == _ORDERS:
            self._read = self._read_orders
            return self._read_orders(rest)
        key = _KEY.search(head)
        assert key is not None, head
        accept = base64.b64encode(hashlib.sha1(key.group(1) + _MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        self._read = self._read_frames
        return self._read_frames(rest)

    def _read_orders(self, text: bytes) -> bytes:
        *lines, rest = text.split(b"\n")
        for line in lines:
            prefix, count = line.decode().split()
            if prefix == "cpu":
                self.transport.write(b"%f\n" % time.process_time())
                continue
            peer, chunks = self._subscriptions.find(prefix)
            task = asyncio.get_running_loop().create_task(peer.pour(chunks, int(count)))
            peer._pouring.add(task)
            task.add_done_callback(peer._pouring.discard)
        return rest

    def _read_frames(self, text: bytes) -> bytes:
        while len(text) >= 6:
            length, start = text[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(text[2:4], "big"), 4
            end = start + 4 + length
            if len(text) < end:
                break
            mask = text[start : start + 4] * (length // 4 + 1)
            payload = bytes(a ^ b for a, b in zip(text[start + 4 : end], mask, strict=False))
            self._answer(text[0] & 0x0F, payload)
            text = text[end:]
        return text

    def _answer(self, opcode: int, payload: bytes) -> None:
        if self.transport.is_closing():
            return
        if opcode == _PING:
            self.transport.write(server_frame(payload, _PONG))
        elif opcode == _CLOSE:
            self.transport.write(server_frame(payload, _CLOSE))
            self.transport.close()
        elif opcode == _TEXT:
            request = json.loads(payload)
            if "code" in request:
                self._subscriptions.add(self, request)
            reply = {"requestGuid": request["guid"], "httpCode": 200, "message": "Handled successfully"}
            self.transport.write(server_frame(json.dumps(reply, separators=(",", ":")).encode()))

    async def pour(self, chunks: list[_Chunk], count: int) -> None:
        for chunk in itertools.cycle(chunks):
            await self._may_write.wait()
            if self.transport.is_closing():
                return
            if count <= len(chunk.ends):
                self.transport.write(chunk.bytes[: chunk.ends[count - 1]])
                return
            self.transport.write(chunk.bytes)
            count -= len(chunk.ends)


async def _serve(pipe: Connection) -> None:
    subscriptions = _Subscriptions()
    server = await asyncio.get_running_loop().create_server(lambda: _Peer(subscriptions), "127.0.0.1", 0, backlog=128)
    pipe.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def _main(pipe: Connection, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    asyncio.run(_serve(pipe))


class Blaster:
    """A handle on a blaster, from any process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"ws://127.0.0.1:{port}/ws"
        self._orders = socket.create_connection(("127.0.0.1", port))
        self._orders.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._orders.sendall(_ORDERS)

    def blast(self, prefix: str, count: int) -> None:
        """Order a number of frames, for all subscriptions of instruments with this prefix together, in turns."""
        self._orders.sendall(f"{prefix} {count}\n".encode())

    def cpu(self) -> float:
        """Tell how many seconds of CPU it used so far."""
        self._orders.sendall(b"cpu 0\n")
        return float(self._orders.recv(64))

    def close(self) -> None:
        """End this handle; the blaster goes on."""
        self._orders.close()

    def unhindered(self, kind: str, messages: int = 300_000) -> float:
        """Measure how many messages a second it sends to somebody who looks at nothing."""
        with socket.create_connection(("127.0.0.1", self.port)) as raw:
            raw.sendall(b"GET /ws HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            raw.sendall(client_frame(request(kind, "UNHINDERED", "r0")))
            text = b""
            while b"successfully" not in text:
                text += raw.recv(4096)
            seen, rest, began = 0, b"", time.perf_counter()
            self.blast("UNHINDERED", messages)
            while seen < messages:
                text = rest + raw.recv(4 * _CHUNK)
                seen += text.count(b'"guid":')
                rest = text[-6:]
            return messages / (time.perf_counter() - began)


def request(kind: str, name: str, guid: str) -> bytes:
    """Write a request to subscribe, for clients that are not ours."""
    wanted = {"opcode": kind, "code": name, "exchange": "MOEX", "depth": 20, "format": "Slim", "frequency": 10}
    return json.dumps({**wanted, "guid": guid, "token": "bench"}).encode()


@contextlib.contextmanager
def blasting() -> Iterator[Blaster]:
    """Start a blaster in another process, on the cores that the measured side leaves free, and stop it."""
    mine = os.sched_getaffinity(0)
    with all_cores():
        others = os.sched_getaffinity(0) - mine
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, others or mine), daemon=True)
    process.start()
    blaster = Blaster(ours.recv())
    try:
        yield blaster
    finally:
        blaster.close()
        process.terminate()
        process.join(5)
