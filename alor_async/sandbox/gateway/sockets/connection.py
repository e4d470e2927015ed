"""One open socket: what comes in is heard message by message, what goes out waits in a queue and never makes anybody wait.

Everything here happens in the gateway's loop. A client that does not read is cut off once 5 000 messages wait for it, as
the broker does; what the operating system has taken already does not count.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiohttp import WSMessage, WSMsgType, web

from alor_async.sandbox.gateway.sockets.messages import Kind, Message, MessageLog, read_message

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.wire import Wire

MOST_UNREAD = 5_000
"""So many messages may wait for a client that does not read; one more, and the connection is cut."""
LARGEST_MESSAGE = 256 * 1024
"""A longer message from a client ends the connection with 1009, as the protocol of WebSockets has it; bytes."""
_CLOSE_WITHIN = 2.0
_BREATH = 64
"""After so many messages in a row others get their turn."""


@dataclass(frozen=True, slots=True)
class About:
    """What a message to a client is about, for whoever decides whether and how it goes out.

    Attributes:
        opcode: Of the request that it answers or comes from, as documented; empty when that was not understood.
        guid: Of that request.
        is_reply: Whether it is the reply to a request, or data of a subscription.
        portfolio: Whose data it is; None for replies and for market data.
        symbol: What the data is of; None for replies and for data of portfolios.
    """

    opcode: str
    guid: str
    is_reply: bool = True
    portfolio: str | None = None
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A running subscription: its opcode as documented, what it is of (`MOEX:SBER` or a portfolio), format, guid."""

    opcode: str
    of: str
    format: str
    guid: str


class Dialogue(Protocol):
    """What one end of a connection does with what it hears. `hear` and `ended` run in the gateway's loop."""

    def hear(self, message: Message) -> None:
        """Act on a message; every message ends here, whether it can be understood or not."""
        ...

    def ended(self) -> None:
        """The connection is gone: let go of everything. Nothing is heard after this."""
        ...

    def list_subscriptions(self) -> tuple[SubscriptionView, ...]:
        """The running subscriptions, the oldest first; none where there is no such thing. Safe from any thread."""
        ...


@dataclass(slots=True)
class Hooks:
    """Where faults take hold of messages. Each is a plain function, None while no fault waits for it.

    Attributes:
        before_hear: Called with each message of a client; returns the message to act on, or None for none. To act on it
            later, call `connection.hear`.
        before_send: Called with each message to a client and what it is about; returns what to send in its place, in
            order. To send something later, call `connection.deliver`.
        opened: Called when the handshake of a socket is over.
        closed: Called when a socket is gone.
    """

    before_hear: Callable[[Connection, Message], Message | None] | None = None
    before_send: Callable[[Connection, bytes, About], Iterable[bytes]] | None = None
    opened: Callable[[Connection], None] | None = None
    closed: Callable[[Connection], None] | None = None


@dataclass(frozen=True, slots=True)
class _Goodbye:
    code: int
    reason: str


@dataclass(slots=True)
class _Series:
    """Messages that are made while they are sent: however many they are, they wait as one."""

    payloads: Iterator[bytes]
    about: About


_Outgoing = bytes | _Series | _Goodbye


@dataclass(slots=True, eq=False)
class Connection:
    """One accepted WebSocket. Made by `Sockets.accept`, which also runs it.

    Attributes:
        number: Counts the sockets of a sandbox from 1.
        kind: `ws` or `cws`.
        wire: What the bytes go through.
        received: How many messages came.
        sent: How many messages left.
        is_closing: Whether its end has been ordered; nothing more is heard or sent.
        given_up_at: How many messages had left when nobody waited for this client any longer (see `Hub`).
    """

    number: int
    kind: Kind
    wire: Wire
    websocket: web.WebSocketResponse
    hooks: Hooks
    log: MessageLog
    failed: Callable[[BaseException], None]
    received: int = 0
    sent: int = 0
    is_closing: bool = False
    given_up_at: int = -1
    dialogue: Dialogue = field(init=False)
    _queue: deque[_Outgoing] = field(default_factory=deque[_Outgoing])
    _something_waits: asyncio.Event = field(default_factory=asyncio.Event)
    _is_held: bool = False
    _is_parting: bool = False

    # -- outward -----------------------------------------------------------------------------------------------------

    def send(self, payload: bytes | str, about: About) -> None:
        """Queue a message. Never waits; what is sent to a connection that ends is lost."""
        if isinstance(payload, str):
            payload = payload.encode()
        if self.hooks.before_send is None:
            self.deliver(payload)
            return
        for changed in self.hooks.before_send(self, payload, about):
            self.deliver(changed)

    def send_each(self, payloads: Iterable[bytes], about: About) -> None:
        """Queue messages that are made one by one as they leave. They count as one of those that wait."""
        self._append(_Series(iter(payloads), about))

    def deliver(self, payload: bytes) -> None:
        """Queue a message past the hook."""
        self._append(payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close once everything queued has left; whoever does not read it is cut off after two seconds."""
        if not self.is_closing:
            self._append(_Goodbye(code, reason))
            self.is_closing = True
            asyncio.get_running_loop().call_later(_CLOSE_WITHIN, self.wire.reset)

    def abort(self) -> None:
        """Break the connection at once: the peer reads 'connection reset', nothing that waits is sent."""
        self.is_closing = True
        self._queue.clear()
        self.wire.reset()

    def hold(self) -> None:
        """Let nothing out until `release`: what is sent waits, and is lost with the connection when it is too much."""
        self._is_held = True

    def release(self) -> None:
        """Let everything out that was held."""
        self._is_held = False
        self._something_waits.set()

    @property
    def unread(self) -> int:
        """How many messages wait to leave."""
        return len(self._queue)

    def _append(self, item: _Outgoing) -> None:
        if self.is_closing:
            return
        if len(self._queue) >= MOST_UNREAD:
            self.abort()
            return
        self._queue.append(item)
        self._something_waits.set()

    async def _send_to_the_end(self) -> None:
        try:
            await self._send_queued()
        except ConnectionError:
            pass  # the peer is gone, as the other half will notice
        except Exception as failure:  # noqa: BLE001  (a hook, or what makes a series, may fail)
            self.failed(failure)
            self.abort()

    async def _send_queued(self) -> None:
        while True:
            await self._something_waits.wait()
            self._something_waits.clear()
            while self._queue and not self._is_held:
                item = self._queue.popleft()
                if isinstance(item, bytes):
                    await self._write(item)
                elif isinstance(item, _Series):
                    await self._send_series(item)
                else:
                    self._is_parting = True
                    closing = item.code.to_bytes(2, "big") + item.reason.encode()
                    await self.websocket.send_frame(closing, WSMsgType.CLOSE)  # its answer ends `_listen`
                    return

    async def _send_series(self, series: _Series) -> None:
        for payload in series.payloads:
            hook = self.hooks.before_send
            for changed in (payload,) if hook is None else hook(self, payload, series.about):
                await self._write(changed)

    async def _write(self, payload: bytes) -> None:
        await self.websocket.send_frame(payload, WSMsgType.TEXT)
        self.sent += 1
        if not self.sent % _BREATH:
            await asyncio.sleep(0)

    # -- inward ------------------------------------------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Let the dialogue act on a message, past the hook."""
        try:
            if not self.is_closing:
                self.dialogue.hear(message)
        except Exception as failure:  # noqa: BLE001  (a server goes on; `Sandbox.check` reports it)
            self.failed(failure)

    def _hear_hooked(self, message: Message) -> None:
        hook = self.hooks.before_hear
        if hook is None:
            self.hear(message)
            return
        try:
            heard = hook(self, message)
        except Exception as failure:  # noqa: BLE001  (the hook's own; the message is lost)
            self.failed(failure)
            return
        if heard is not None:
            self.hear(heard)

    async def run(self) -> None:
        """Hear and send until the connection ends."""
        sender = asyncio.create_task(self._send_to_the_end(), name=f"sandbox {self.kind} {self.number} sender")
        try:
            await self._listen()
        finally:
            self.is_closing = True
            sender.cancel()
            self.dialogue.ended()
            await asyncio.wait({sender})

    async def _end(self, last: WSMessage) -> None:
        """Answer a closing frame, unless it is the answer to ours."""
        if self._is_parting:
            self.wire.close()
        elif last.type is WSMsgType.CLOSE:
            await self.websocket.close(code=last.data or 1000)

    async def _listen(self) -> None:
        while True:
            frame = await self.websocket.receive()
            if frame.type is WSMsgType.TEXT:
                message = read_message(frame.data)
            elif frame.type is WSMsgType.BINARY:
                message = read_message(None)
            else:
                await self._end(frame)
                return
            self.received += 1
            self.log.add(self.kind, self.number, message)
            self._hear_hooked(message)
            await asyncio.sleep(0)  # a burst of requests leaves others their turn
