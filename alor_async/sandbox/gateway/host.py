"""The gateway's own thread and event loop: a user who blocks his loop does not freeze the exchange.

Two servers listen, as at the broker: one for the API, one for tokens. Both are bound to this machine alone, always.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial

from aiohttp import web

from alor_async.errors import ClosedError
from alor_async.sandbox.gateway.listener import Listener
from alor_async.sandbox.gateway.wire import Switchboard, Wire

SERVERS = ("api", "oauth")
_STOP_WITHIN = 2.0

_SILENT = logging.Logger("alor_async.sandbox.http", logging.CRITICAL + 1)  # noqa: LOG001  (nobody is to find and configure it)
"""A client that does not speak HTTP is its own trouble: it gets a 400, and the user's log gets no traceback."""

Handle = Callable[[str, web.BaseRequest], Awaitable[web.StreamResponse]]
Work = Callable[[], Coroutine[None, None, None]]


class Host:
    """Runs the gateway in a thread of its own. `start` and `stop` may be called from any other thread, each once.

    Args:
        handle: Answers a request.
        switchboard: Knows every connection.
        heartbeat: Runs beside the servers from the first request to the last.
        port: Where the API listens.
        oauth_port: Where the token service listens.
        keepalive: After how much silence an idle connection is closed; seconds.
    """

    def __init__(
        self,
        handle: Handle,
        switchboard: Switchboard,
        heartbeat: Work,
        *,
        port: int,
        oauth_port: int,
        keepalive: float,
    ) -> None:
        self._handle = handle
        self._switchboard = switchboard
        self._heartbeat = heartbeat
        self._keepalive = keepalive
        self._listeners = {"api": Listener(port), "oauth": Listener(oauth_port)}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._submitting = threading.Lock()
        self._submitted: set[Future[None]] = set()

    def start(self) -> None:
        """Bind both ports and serve.

        Raises:
            OSError: A port is taken.
        """
        try:
            for listener in self._listeners.values():
                listener.open()
        except OSError:
            self._close_sockets()
            raise
        self._thread = threading.Thread(target=self._run, name="alor sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self.stop()

    def stop(self) -> None:
        """Break every connection, end every task, close the loop; within two seconds."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        loop = self._loop
        if loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(self._stopping.set)
        thread.join(_STOP_WITHIN)
        if thread.is_alive():
            raise RuntimeError("the sandbox did not stop within two seconds")
        if self._failure is not None:
            raise self._failure

    def port(self, server: str) -> int:
        """The port of a server."""
        return self._listeners[server].port

    def refuse(self, servers: tuple[str, ...], *, reset_open: bool) -> None:
        """Stop listening: whoever connects is refused. Open connections break too, if asked."""
        self.do(partial(self._refuse, servers, reset_open))

    def accept(self, servers: tuple[str, ...]) -> None:
        """Listen again on the same port: whoever connects after this is not refused."""
        self.do(partial(self._accept, servers))

    def count_connections(self) -> int:
        """How many connections are open."""
        return len(self._switchboard)

    @property
    def is_here(self) -> bool:
        """Whether this is the gateway's own thread."""
        return threading.current_thread() is self._thread

    def do(self, act: Callable[[], None]) -> None:
        """Have the loop do something short, and wait until it is done.

        Raises:
            ClosedError: The gateway does not run.
        """
        if self.is_here:
            act()
            return

        async def work() -> None:
            act()

        self._on_loop(work)

    def submit(self, work: Work) -> Future[None]:
        """Have the loop do something. The future is cancelled when the gateway stops first.

        Raises:
            ClosedError: The gateway does not run.
        """
        with self._submitting:
            if self._loop is None:
                raise ClosedError("the sandbox is not running")
            future = asyncio.run_coroutine_threadsafe(work(), self._loop)
            self._submitted.add(future)
        future.add_done_callback(self._submitted.discard)
        return future

    # -- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        loop = asyncio.SelectorEventLoop()  # asyncio's own, whatever policy the user has set
        try:
            loop.run_until_complete(self._serve())
        except BaseException as failure:  # noqa: BLE001  (told to the thread that waits in `start`)
            self._failure = failure
        finally:
            self._end_submissions()
            self._close_sockets()
            loop.run_until_complete(_end_tasks())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        servers = {name: self._web_server(name) for name in SERVERS}
        for name, listener in self._listeners.items():
            listener.serve(partial(self._make_wire, name, servers[name]))
        heart = asyncio.create_task(self._heartbeat(), name="alor sandbox heartbeat")
        heart.add_done_callback(self._note_end)
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await self._close(servers)

    def _web_server(self, name: str) -> web.Server:
        return web.Server(
            partial(self._handle, name),
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._keepalive,
            lingering_time=1.0,
        )

    def _make_wire(self, name: str, server: web.Server) -> asyncio.Protocol:
        return Wire(name, server(), self._switchboard)

    def _accept(self, servers: tuple[str, ...]) -> None:
        for name in servers:
            self._listeners[name].open()

    def _refuse(self, servers: tuple[str, ...], reset_open: bool) -> None:
        for name in servers:
            self._listeners[name].close()
            if reset_open:
                self._switchboard.reset_all(name)

    async def _close(self, servers: dict[str, web.Server]) -> None:
        self._refuse(SERVERS, reset_open=False)
        for listener in self._listeners.values():
            await listener.settle()
        self._switchboard.reset_all()
        await _end_tasks()
        for server in servers.values():
            await server.shutdown(0.05)

    def _note_end(self, heart: asyncio.Task[None]) -> None:
        """A heart that stops by itself stops the gateway: `stop` raises what it died of."""
        if not heart.cancelled() and self._stopping is not None:
            self._failure = heart.exception()
            self._stopping.set()

    def _on_loop(self, work: Work) -> None:
        done = self.submit(work)
        if not self.is_here:
            done.result(_STOP_WITHIN)

    def _end_submissions(self) -> None:
        with self._submitting:
            self._loop = None
            waiting = tuple(self._submitted)
        for future in waiting:
            future.cancel()

    def _close_sockets(self) -> None:
        for listener in self._listeners.values():
            listener.close()


async def _end_tasks() -> None:
    """Cancel every other task of this loop, and wait for its end."""
    me = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not me]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
