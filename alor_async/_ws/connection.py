"""One open socket: a loop that reads, one task that writes, a timer that judges, and an end that always comes.

The loop waits for nothing but the socket: what comes is handed on at once, and what must be answered is left to the writer.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType

from alor_async._http.handshake import Socket
from alor_async._policy.clock import Clock, Timer
from alor_async._telemetry import redact, shorten
from alor_async._ws.close_codes import NO_CODE, Remedy, remedy
from alor_async._ws.liveness import Deafness, Liveness
from alor_async.errors import ClosedError

__all__ = ["Cause", "Connection", "Ending"]

Cause: TypeAlias = Literal["closed", "lost", "silent", "deaf", "too_long", "broken", "local"]

_GOODBYE: Final = 1.0
"""How long a closing may take; seconds. Then the connection is cut."""

_MAX_REASON: Final = 200
_NUMBER: Final = struct.Struct("!Q")
_NORMAL: Final = int(WSCloseCode.OK)
_CLOSING_FRAME: Final = struct.pack("!H", _NORMAL)

Frame: TypeAlias = tuple[bytes, WSMsgType]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection ended.

    Attributes:
        cause: The server closed it; it was lost; nothing came any more; nothing was answered any more; a message was too
            long; what came was not what the protocol allows; or we closed it.
        code: The code of the closing frame, the server's or ours, 1005 for one without; None when there was none.
        reason: More about it: one printable line without tokens, perhaps empty.
    """

    cause: Cause
    code: int | None = None
    reason: str = ""

    @property
    def remedy(self) -> Remedy:
        """What to do about it."""
        return remedy(self.code) if self.cause == "closed" else Remedy.RECONNECT


class Connection:
    """Reads, writes and watches one socket, and owns it: whoever makes it must `run` or `close` it.

    Args:
        socket: Freshly dialled.
        clock: Where time comes from.
        ping_every: Pause between two pings; seconds.
        silence: How long nothing may be heard, or answered; seconds.
        on_message: Gets every message, in order, straight from the reading loop: it must be quick.
        probe: Gives what to send besides each ping of the protocol, or None.
        name: For logs and names of tasks.

    Attributes:
        heard: How many messages of any kind have come.
        last_heard: When life was last seen, or a little before, as the watch looks now and then; unix seconds.
    """

    __slots__ = ("_answered", "_clock", "_ending", "_gone", "_illness", "_is_closing", "_is_local", "_liveness",
                 "_looked_at", "_messages", "_name", "_on_message", "_pings_sent", "_pong", "_pongs_heard", "_probe",
                 "_seen", "_socket", "_timer", "_urgent", "_wake", "_writer", "heard", "last_heard")  # fmt: skip

    def __init__(
        self,
        socket: Socket,
        *,
        clock: Clock,
        ping_every: float,
        silence: float,
        on_message: Callable[[bytes], None],
        probe: Callable[[], bytes | None],
        name: str,
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._liveness = Liveness(ping_every, silence)
        self._on_message = on_message
        self._probe = probe
        self._name = name
        self.heard: int = 0
        self.last_heard = self._looked_at = clock.now()
        self._seen: int = 0
        self._answered = 0
        self._pings_sent = 0
        self._pongs_heard = 0
        self._pong: bytes | None = None
        self._urgent: deque[Frame] = deque()
        self._messages: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._ending: Ending | None = None
        self._illness: Deafness | None = None
        self._is_local = False
        self._is_closing = False
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        state = "open" if self._ending is None else self._ending.cause
        return f"<Connection {self._name}: {state}, {self.heard} heard>"

    # For whoever speaks over it.

    def send(self, message: bytes) -> None:
        """Send a message: at once, or by the writer in its turn. Never waits; that it arrives is told by an answer alone.

        Raises:
            ClosedError: The connection has ended.
        """
        if self._ending is not None or self._is_closing:
            raise ClosedError(f"{self._name}: the connection has ended")
        if not (self._messages or self._urgent or self._pong) and self._writer and self._socket.send_now(message):
            return
        self._messages.append(message)
        self._wake.set()

    def note_answer(self) -> None:
        """Note that a reply came: the server hears us."""
        self._answered += 1

    async def run(self) -> Ending:
        """Read until the socket ends, and close it. Cancelling cuts the connection.

        Returns:
            How it ended. Nothing but CancelledError is raised.
        """
        writer = self._writer = asyncio.create_task(self._write(), name=f"{self._name}-writer")
        self._timer = self._clock.call_later(self._liveness.step, self._look)
        try:
            ending = self._ending = await self._read()
            await self._shut()
            return ending
        finally:
            if self._ending is None:
                self._ending = Ending(cause="local", reason="cancelled")
            self._stop()
            self._socket.abort()
            await asyncio.wait({writer})

    async def close(self) -> None:
        """Say goodbye, wait at most a second for the other side's, and cut. Idempotent; cancelling it cuts at once.

        What was handed to `send` before leaves first.
        """
        if self._ending is None:
            self._is_local = True
        await self._shut()

    # What comes.

    async def _read(self) -> Ending:
        receive, take, arrived = self._socket.receive, self._socket.take, self._socket.arrived
        on_message = self._on_message
        text, binary = WSMsgType.TEXT, WSMsgType.BINARY
        try:
            while True:
                kind, data, extra = await (take() if arrived else receive())
                if kind is text or kind is binary:
                    self.heard += 1
                    on_message(data)
                elif (ending := self._hear(kind, data, extra)) is not None:
                    return ending
        except Exception as error:  # noqa: BLE001
            # Nothing that a server sends leads here: the fault is ours. It must be seen, and must not end our runner.
            context = {"message": f"{self._name}: a message could not be handled", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return Ending(cause="broken", reason=f"a message could not be handled: {type(error).__name__}")

    def _hear(self, kind: WSMsgType, data: object, extra: str | None) -> Ending | None:
        """Take what is no message; the ending when it is one."""
        if kind is WSMsgType.PING and isinstance(data, bytes):
            self.heard += 1
            self._pong = data  # the newest is the one to answer, should they come faster than answers can leave
            self._wake.set()
            return None
        if kind is WSMsgType.PONG and isinstance(data, bytes):
            self.heard += 1
            self._take_pong(data)
            return None
        if self._is_local:
            return Ending(cause="local", code=_NORMAL)
        if kind is WSMsgType.CLOSE:
            code = data if isinstance(data, int) and data else NO_CODE
            return Ending(cause="closed", code=code, reason=_printable(extra or ""))
        if kind is WSMsgType.ERROR:
            return _broken(data)
        if self._illness is not None:
            what = "came" if self._illness == "silent" else "was answered"
            return Ending(cause=self._illness, reason=f"nothing {what} for too long")
        return Ending(cause="lost")

    def _take_pong(self, data: bytes) -> None:
        """Count the answer to a ping of ours, once. Pongs may also come unasked, and then prove nothing."""
        if len(data) != _NUMBER.size:
            return
        (number,) = _NUMBER.unpack(data)
        if self._pongs_heard < number <= self._pings_sent:
            self._pongs_heard = number
            self._answered += 1

    # What goes.

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_waiting()
        except (aiohttp.ClientError, OSError):
            return  # the reader learns of it too, and why

    async def _write_waiting(self) -> None:
        while True:
            if self._pong is not None:
                frame, self._pong = (self._pong, WSMsgType.PONG), None
            elif self._urgent:
                frame = self._urgent.popleft()
            elif self._messages:
                frame = self._messages.popleft(), WSMsgType.TEXT
            else:
                return
            await self._socket.send_frame(*frame)

    def _ping(self) -> None:
        self._pings_sent += 1
        self._urgent.append((_NUMBER.pack(self._pings_sent), WSMsgType.PING))
        self._wake.set()
        message = self._probe()
        if message is not None:
            self._urgent.append((message, WSMsgType.TEXT))

    # Watching, and the end.

    def _look(self) -> None:
        self._timer = self._clock.call_later(self._liveness.step, self._look)
        if self.heard != self._seen:
            self._seen = self.heard
            self.last_heard = self._looked_at  # nobody knows when since then: what was missed must not be older
        self._looked_at = self._clock.now()
        judgement = self._liveness.tick(self._clock.monotonic(), self.heard, self._answered)
        if judgement.is_dead:
            self._illness = judgement.why
            self._stop()
            self._socket.abort()
        elif judgement.should_ping:
            self._ping()

    def _stop(self) -> None:
        """Stop watching and writing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is not None:
            self._writer.cancel()

    async def _shut(self) -> None:
        """End the socket as its state demands; whoever comes second waits for whoever does it."""
        if self._is_closing:
            await self._gone.wait()
            return
        self._is_closing = True
        self._stop()
        cut = self._clock.call_later(_GOODBYE, self._socket.abort)
        try:
            if self._ending is None:
                await self._write_waiting()
                await self._socket.close()
            elif self._ending.cause == "closed":
                await self._socket.send_frame(_CLOSING_FRAME, WSMsgType.CLOSE)
        except (aiohttp.ClientError, OSError):
            pass  # nobody is left to say goodbye to
        finally:
            cut.cancel()
            self._socket.abort()
            self._gone.set()


def _broken(error: object) -> Ending:
    """Tell how a connection ended that aiohttp gave up on."""
    if not isinstance(error, aiohttp.WebSocketError):
        return Ending(cause="broken", reason=type(error).__name__)
    code = int(error.code)
    cause: Cause = "too_long" if code == WSCloseCode.MESSAGE_TOO_BIG else "broken"
    return Ending(cause=cause, code=code, reason=_printable(str(error)))


def _printable(text: str) -> str:
    return shorten(redact(text), _MAX_REASON)
