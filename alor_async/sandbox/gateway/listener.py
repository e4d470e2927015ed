"""One listening port of the gateway, which closes and opens again when connections are to be refused.

An `asyncio.Server` forgets what it has accepted but not yet wired when it is closed: such a connection is never closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

__all__ = ["LOOPBACK", "Listener"]

LOOPBACK = "127.0.0.1"
_BACKLOG = 1024
_PAUSE = 0.1
"""How long nothing is accepted when there are no files left; seconds."""


class Listener:
    """Accepts connections on a port of this machine.

    Args:
        port: Which one; 0 for any that is free.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._make_wire: Callable[[], asyncio.Protocol] | None = None
        self._arriving: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Listen, if it does not. Who connects from now on is not refused, but may have to wait for `serve`. Any thread.

        Raises:
            OSError: The port is taken.
        """
        if self._socket is None:
            self._socket = _bind(self.port)
            self.port = self._socket.getsockname()[1]
            self._watch()

    def serve(self, make_wire: Callable[[], asyncio.Protocol]) -> None:
        """Accept connections in the running loop from now on, whenever it is open."""
        self._loop, self._make_wire = asyncio.get_running_loop(), make_wire
        self._watch()

    def close(self) -> None:
        """Refuse connections. Those that were accepted stay. Idempotent."""
        listening, self._socket = self._socket, None
        if listening is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(listening)
            listening.close()

    async def settle(self) -> None:
        """Wait until everything that was accepted is a connection, which takes a few turns of the loop."""
        if self._arriving:
            await asyncio.wait(self._arriving)

    def _watch(self) -> None:
        if self._loop is not None and self._socket is not None:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        while self._loop is not None and self._socket is not None and self._make_wire is not None:
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no files are left
                self._loop.remove_reader(self._socket)
                self._loop.call_later(_PAUSE, self._watch)
                return
            accepted.setblocking(False)
            arriving = self._loop.create_task(self._loop.connect_accepted_socket(self._make_wire, accepted))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)


def _bind(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
