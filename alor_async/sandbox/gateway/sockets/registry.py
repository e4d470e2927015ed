"""Every open socket: how it is accepted, how many there may be, and what tests see of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiohttp import hdrs, web

from alor_async.sandbox.gateway.call import Reply, text_reply
from alor_async.sandbox.gateway.delivery import to_response
from alor_async.sandbox.gateway.routing import Access, Route
from alor_async.sandbox.gateway.sockets.connection import LARGEST_MESSAGE, Connection, Dialogue, Hooks, SubscriptionView
from alor_async.sandbox.gateway.sockets.messages import Kind, MessageLog

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.call import Call
    from alor_async.sandbox.gateway.wire import Wire

MOST_SOCKETS = 10
"""So many sockets, of both kinds together, may one login have open at once."""
_SYSTEM_BUFFER = 256 * 1024
_POLICY_VIOLATION = 1008
_CLOSING_HANDSHAKE = 1.0


@dataclass(frozen=True, slots=True)
class SocketView:
    """An open socket as it was a moment ago.

    Attributes:
        number: Counts the sockets of a sandbox from 1.
        kind: `ws` or `cws`.
        subscriptions: What is subscribed to on it; always empty for `cws`.
        received: How many messages of the client came.
        sent: How many messages left for the client.
        unread: How many messages wait to leave.
    """

    number: int
    kind: Kind
    subscriptions: tuple[SubscriptionView, ...]
    received: int
    sent: int
    unread: int


class Sockets:
    """The sockets of one sandbox. `len`, iteration, `of` and `count` are for tests, and safe from any thread.

    The limit counts the sockets of the whole sandbox: it has one login, and a socket names no login when it opens.
    """

    def __init__(
        self,
        dialogues: Mapping[Kind, Callable[[Connection], Dialogue]],
        *,
        limit: int | None,
        too_many: Literal["refused", "oldest_closed"],
        log: MessageLog,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._dialogues = dialogues
        self._limit = limit
        self._too_many = too_many
        self._log = log
        self._failed = failed
        self._lock = threading.Lock()
        self._open: dict[Connection, None] = {}
        self._opened: Counter[Kind] = Counter()
        self.hooks = Hooks()
        """Where faults take hold of messages, of all sockets alike."""
        self.refused = 0
        """How many were turned away because too many were open."""

    # -- for tests ---------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many are open."""
        return len(self.connections())

    def __iter__(self) -> Iterator[SocketView]:
        """The open ones, the oldest first."""
        return iter(self.of())

    def of(self, kind: Kind | None = None) -> tuple[SocketView, ...]:
        """The open ones of one kind, or all, the oldest first."""
        return tuple(_view(one) for one in self.connections(kind))

    def count(self, kind: Kind | None = None) -> int:
        """How many have been opened so far, the closed ones included."""
        with self._lock:
            return self._opened.total() if kind is None else self._opened[kind]

    # -- for the gateway and the faults: in its loop only ------------------------------------------------------------

    def connections(self, kind: Kind | None = None) -> tuple[Connection, ...]:
        """The open ones that are not being closed, the oldest first. Their methods belong to the gateway's loop."""
        with self._lock:
            return tuple(one for one in self._open if not one.is_closing and kind in {None, one.kind})

    def routes(self) -> tuple[Route, ...]:
        """A route for every kind: what a request that does not ask for a socket gets, and a name for faults to aim at."""
        return tuple(
            Route(f"{kind}.open", "GET", f"/{kind}", _upgrade_required, Access.NONE) for kind in self._dialogues
        )

    def opens(self, route: Route | None, request: web.BaseRequest) -> Kind | None:
        """Which kind of socket a request asks for; None when it asks for something else."""
        if route is None or request.headers.get(hdrs.UPGRADE, "").strip().lower() != "websocket":
            return None
        return next((kind for kind in self._dialogues if route.operation == f"{kind}.open"), None)

    async def accept(self, kind: Kind, request: web.BaseRequest, wire: Wire) -> web.StreamResponse:
        """Open a socket and run it to its end; an answer of another kind when there are too many, or it cannot be."""
        websocket = web.WebSocketResponse(timeout=_CLOSING_HANDSHAKE, autoclose=False, max_msg_size=LARGEST_MESSAGE + 1)
        if not websocket.can_prepare(request).ok:
            return to_response(text_reply("The handshake of the WebSocket is not valid.", 400))
        if not self._has_room():
            self.refused += 1
            return to_response(text_reply(f"More than {self._limit} connections at once are not allowed.", 429))
        connection = self._make(kind, websocket, wire)
        _limit_what_the_system_takes(request)
        try:
            await websocket.prepare(request)
            wire.become_websocket()
            if self.hooks.opened is not None:
                self.hooks.opened(connection)
            await connection.run()
        except ConnectionError:
            pass  # it went away during the handshake
        finally:
            with self._lock:
                del self._open[connection]
            if self.hooks.closed is not None:
                self.hooks.closed(connection)
        return websocket

    def _has_room(self) -> bool:
        taken = self.connections()
        if self._limit is None or len(taken) < self._limit:
            return True
        if self._too_many == "oldest_closed":
            taken[0].close(_POLICY_VIOLATION, "Too many connections")
            return True
        return False

    def _make(self, kind: Kind, websocket: web.WebSocketResponse, wire: Wire) -> Connection:
        with self._lock:
            self._opened[kind] += 1
            connection = Connection(
                number=self._opened.total(),
                kind=kind,
                wire=wire,
                websocket=websocket,
                hooks=self.hooks,
                log=self._log,
                failed=self._failed,
            )
            connection.dialogue = self._dialogues[kind](connection)
            self._open[connection] = None
        return connection


def _limit_what_the_system_takes(request: web.BaseRequest) -> None:
    """Keep the system's own buffer small: what lies there counts as read, and hides how fast a client reads."""
    if request.transport is not None:
        raw: socket.socket = request.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it is gone already
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER)


def _view(connection: Connection) -> SocketView:
    return SocketView(
        number=connection.number,
        kind=connection.kind,
        subscriptions=connection.dialogue.list_subscriptions(),
        received=connection.received,
        sent=connection.sent,
        unread=connection.unread,
    )


def _upgrade_required(_call: Call) -> Reply:
    """What a plain GET gets where only a socket is to be had."""
    answer = text_reply("This address takes WebSocket connections only.", 426)
    return Reply(answer.status, answer.body, answer.content_type, {"Upgrade": "websocket", "Connection": "Upgrade"})
