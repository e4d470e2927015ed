"""The way to the broker's command socket: commands wait in lanes, one connection carries them, and it is got back when lost.

A command is handed to a connection at most once. What was handed over ends with that connection; what still waits goes on
waiting for the next one, for as long as its caller has patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from alor_async._orders.outcome import unknown
from alor_async._orders.socket_dialogue import CommandDialogue
from alor_async._policy.backoff import full_jitter
from alor_async._telemetry import ORDER_LOGGER
from alor_async._ws.close_codes import Remedy
from alor_async._ws.connection import Ending
from alor_async._ws.dialing import dial
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConnectError,
    ConnectionLost,
    Forbidden,
    QueueTimeout,
    RateLimited,
    StatusError,
    Unauthorized,
)

if TYPE_CHECKING:
    from alor_async._http.session import Session
    from alor_async._http.transport import Transport
    from alor_async._orders.intent import Intent, OrderAck
    from alor_async._orders.socket_words import Command
    from alor_async._policy.clock import Clock
    from alor_async.config import StreamSettings

__all__ = ["CommandLine"]

_CLOSE_TIME: Final = 1.5
_LAST_WORDS: Final = 0.3
"""How long closing waits for replies; seconds."""
_LONGEST_ORDERED_PAUSE: Final = 60.0
_PATH: Final = "/cws"
_CAUSES: Final = {
    "closed": "the broker closed the connection",
    "lost": "the connection broke",
    "silent": "the broker went silent",
    "deaf": "the broker does not hear us any more",
    "too_long": "the broker sent a message that is too long",
    "broken": "the broker sent what the protocol does not allow",
    "local": "the command socket was closed",
}


class CommandLine:
    """The lanes, the window, and the supervisor of the connection under them.

    Args:
        transport: What opens the connection.
        session: Whose tokens are used.
        url: Where it goes.
        settings: Pings, pauses and limits, as for streams.
        clock: Where time comes from.
        random: Gives numbers in [0, 1), for the pauses.
        window: How many commands may wait for their replies at once; one place is kept for cancels.
        note_late: Told of replies for which nobody waits any more.
        name: For logs and tasks.

    Attributes:
        knows_ping: Whether the broker knows its own ping here; None while nobody knows.
        refusals_end: Whether the broker must be expected to end a connection over a refusal.
        last_error: Why there is no connection, or no token for it; None where there is both.
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        url: str,
        settings: StreamSettings,
        clock: Clock,
        random: Callable[[], float],
        window: int,
        note_late: Callable[[Intent[object], OrderAck | AlorError], None],
        name: str,
    ) -> None:
        self.session = session
        self.settings = settings
        self.clock = clock
        self.note_late = note_late
        self.knows_ping: bool | None = None
        self.refusals_end = True
        self.last_error: AlorError | None = None
        self._transport = transport
        self._url = url
        self._random = random
        self._window = window
        self._name = name
        self._urgent: OrderedDict[Command, None] = OrderedDict()
        self._ordinary: OrderedDict[Command, None] = OrderedDict()
        self._openers: set[asyncio.Future[AlorError | None]] = set()
        self._dialogue: CommandDialogue | None = None
        self._task: asyncio.Task[None] | None = None
        self._refusal: AlorError | None = None
        self._failures = 0
        self._rejected_tokens = 0
        self._ordered_pause = 0.0
        self._quiet = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many commands wait for their replies."""
        return 0 if self._dialogue is None else self._dialogue.in_flight

    @property
    def waiting(self) -> int:
        """How many commands wait for their turn; surely nothing of them was sent."""
        return len(self._urgent) + len(self._ordinary)

    @property
    def is_ready(self) -> bool:
        """Whether a command would leave at once, were there a place."""
        return self._dialogue is not None and self._dialogue.is_ready

    # Lifetime.

    async def open(self, patience: float) -> None:
        """Connect, and wait until commands are taken.

        Raises:
            AuthError, RequestError: It did not work.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[AlorError | None] = loop.create_future()
        self._openers.add(opened)
        timer = self.clock.call_later(patience, lambda: self._answer_openers(self.why_not_sent(patience)))
        self._task = loop.create_task(self._run(), name=self._name, context=contextvars.Context())
        self._task.add_done_callback(self._note_failed_task)
        try:
            error = await opened
        finally:
            timer.cancel()
            self._openers.discard(opened)
        if error is not None:
            raise error

    async def close(self) -> None:
        """End it within two seconds: what waits was not sent; what was sent and is not answered meanwhile is unknown."""
        closed = ClosedError("this command socket was closed; the command was not sent")
        self._refuse(closed)
        if self._task is None:
            return
        dialogue, task = self._dialogue, self._task
        try:
            if dialogue is not None:
                await self._hear_last_words(dialogue)
                await dialogue.connection.close()
        finally:
            task.cancel()
            self._task = None
        await asyncio.wait({task}, timeout=_CLOSE_TIME)

    async def _hear_last_words(self, dialogue: CommandDialogue) -> None:
        """Wait a moment for replies that are on their way: each is one doubt less."""
        if not dialogue.in_flight:
            return
        self._quiet.clear()
        timer = self.clock.call_later(_LAST_WORDS, self._quiet.set)
        try:
            await self._quiet.wait()
        finally:
            timer.cancel()

    # For whoever has commands.

    def submit(self, command: Command, patience: float) -> None:
        """Send a command as soon as its turn comes.

        Args:
            command: The command.
            patience: How long it may wait for its turn; seconds.

        Raises:
            AlorError: There is no sense in waiting; nothing was sent.
        """
        if self._refusal is not None:
            raise _not_sent(self._refusal)
        lane = self._urgent if command.is_urgent else self._ordinary
        lane[command] = None
        self.pump()
        if command in lane:
            command.wait(self.clock.call_later(patience, lambda: self._expire(command, patience)))

    def abandon(self, command: Command) -> None:
        """Nobody waits for a command any more: it is not sent, if it was not; its reply is only written down."""
        lane = self._urgent if command.is_urgent else self._ordinary
        if command in lane:
            del lane[command]
            command.stop_waiting()
        elif self._dialogue is not None:
            self._dialogue.abandon(command)
            self.pump()

    def why_not_sent(self, seconds: float) -> AlorError:
        """Tell why a command was not sent within its time."""
        if self.is_ready:
            return QueueTimeout(f"no free place on the command socket within {seconds:g} s", stage="queue")
        cause = self.last_error
        if isinstance(cause, AuthError):
            return copy.copy(cause)
        about = "" if cause is None else f": {getattr(cause, 'problem', cause)}"
        error = ConnectError(f"no authorized command socket within {seconds:g} s{about}", stage="connect")
        error.__cause__ = cause
        return error

    # For the dialogue.

    def pump(self) -> None:
        """Send what may be sent: cancels before anything else."""
        dialogue = self._dialogue
        if not self.in_flight:
            self._quiet.set()
        if dialogue is None:
            return
        while True:
            if self._urgent and dialogue.in_flight < self._window:
                lane = self._urgent
            elif self._ordinary and dialogue.in_flight < self._window - 1:
                lane = self._ordinary
            else:
                return
            command = next(iter(lane))
            if not dialogue.post(command):
                return
            del lane[command]
            command.stop_waiting()

    def note_ready(self) -> None:
        """The connection is authorized: commands may leave."""
        self.last_error = self._refusal = None
        self._rejected_tokens = 0
        self._answer_openers(None)
        self.pump()

    def note_problem(self, error: AlorError) -> None:
        """There is no token, or the broker takes none: where that will not change by itself, nobody waits any longer."""
        self.last_error = error
        if isinstance(error, AuthError | StatusError) and not error.retryable:
            self._refuse(error)

    # The supervisor.

    async def _run(self) -> None:
        while True:
            await self._pause()
            try:
                with self._span():
                    token = await self.session.get_token()
                    socket = await dial(
                        self._transport,
                        self._url,
                        timeout=self.session.time_limits(None).connect,
                        max_message=self.settings.max_message,
                    )
            except AlorError as error:
                ORDER_LOGGER.debug("%s: no connection: %s", self._name, error)
                self._failures += 1
                if isinstance(error, RateLimited):
                    self._ordered_pause = min(error.retry_after or 0.0, _LONGEST_ORDERED_PAUSE)
                self.note_problem(error)
                if isinstance(error, ClosedError):
                    self._refuse(error)
                    return
                continue
            dialogue = self._dialogue = CommandDialogue(self, socket, self.session.ready_token() or token, self._name)
            await self._serve(dialogue)

    async def _serve(self, dialogue: CommandDialogue) -> None:
        """Use a connection to its end."""
        began = self.clock.monotonic()
        authorizer = asyncio.get_running_loop().create_task(dialogue.stay_authorized(), name=f"{self._name}-authorizer")
        authorizer.add_done_callback(self._note_failed_task)
        ending = Ending(cause="local")
        try:
            ending = await dialogue.connection.run()
        finally:
            self._dialogue = None
            authorizer.cancel()
            self._end(dialogue, ending)
            await dialogue.connection.close()
        self._learn(dialogue, ending, self.clock.monotonic() - began)

    def _end(self, dialogue: CommandDialogue, ending: Ending) -> None:
        """What was sent over a connection that is gone is in doubt, and stays with it."""
        said = f" ({ending.code}{': ' if ending.reason else ''}{ending.reason})" if ending.cause == "closed" else ""
        problem = f"{_CAUSES[ending.cause]}{said} before the reply came"
        lost = ConnectionLost(problem, stage="read")
        for command in dialogue.end():
            error = unknown(command.intent, problem)
            error.__cause__ = lost
            command.settle(error)
        ORDER_LOGGER.info("%s: %s", self._name, problem.removesuffix(" before the reply came"))

    def _learn(self, dialogue: CommandDialogue, ending: Ending, lasted: float) -> None:
        """Get ready for the next connection."""
        if lasted >= self.settings.stable_after:
            self._failures = 0
        problem = dialogue.problem
        if ending.remedy is Remedy.REAUTHORIZE and not dialogue.ended_by_refusal:
            self.session.invalidate_token(dialogue.token)
        if isinstance(problem, StatusError) and problem.status == 401:
            # One token may die on the way. That two in a row are refused will not change by itself.
            self._rejected_tokens += 1
            problem.retryable = self._rejected_tokens < 2
        if problem is not None:
            self.note_problem(problem)
        elif not dialogue.ended_by_refusal:
            self.last_error = ConnectionLost(_CAUSES[ending.cause], stage="read")
        else:
            # Brokers may end a connection after a refusal. That says nothing about the next one.
            self.refusals_end = True
            return
        self._failures += 1

    async def _pause(self) -> None:
        if not self._failures:
            return
        pause = full_jitter(
            self._failures,
            base=self.settings.reconnect_base,
            cap=self.settings.reconnect_cap,
            random=self._random,
        )
        ordered, self._ordered_pause = self._ordered_pause, 0.0
        await self.clock.sleep(max(pause, ordered))

    # Ends.

    def _expire(self, command: Command, patience: float) -> None:
        lane = self._urgent if command.is_urgent else self._ordinary
        if command in lane:
            del lane[command]
            command.settle(self.why_not_sent(patience))

    def _refuse(self, error: AlorError) -> None:
        """Nothing will be sent until there is an authorized connection: tell those who wait, and those who come."""
        self._refusal = error
        for lane in (self._urgent, self._ordinary):
            while lane:
                command, _ = lane.popitem(last=False)
                command.settle(_not_sent(error))
        self._answer_openers(error)

    def _answer_openers(self, error: AlorError | None) -> None:
        for opened in self._openers:
            if not opened.done():
                opened.set_result(None if error is None else copy.copy(error))

    def _note_failed_task(self, task: asyncio.Task[None]) -> None:
        """A task of ours must not end in an error: where one does, it is said, and nobody waits for it in vain."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        ORDER_LOGGER.error("%s failed: %s", task.get_name(), type(error).__name__)
        closed = ClosedError(f"{type(error).__name__} in {task.get_name()}; the command was not sent")
        closed.__cause__ = error
        self._refuse(closed)
        if self._task is not None:
            self._task.cancel()

    def _span(self) -> contextlib.AbstractContextManager[object]:
        telemetry = self.session.telemetry
        return contextlib.nullcontext() if telemetry is None else telemetry.call("command_socket.connect", _PATH)


def _not_sent(error: AlorError) -> AlorError:
    """Tell a command why it was not sent. A status that is about the connection must not look like an answer to it."""
    if not isinstance(error, StatusError) or isinstance(error, Unauthorized | Forbidden | RateLimited):
        return copy.copy(error)
    refusal = ConnectError(f"no authorized command socket: {error.problem}", stage="connect")
    refusal.retryable = False
    refusal.__cause__ = error
    return refusal
