"""What is said on one connection to the command socket: who we are, and then commands; and what is replied."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from alor_async._contract.answers import CommandReply
from alor_async._contract.commands import COMMAND_SOCKET_AUTHORIZE, COMMAND_SOCKET_PING
from alor_async._http.message import SUCCESS_BELOW
from alor_async._orders.intent import Verb
from alor_async._orders.socket_words import outcome_of, read_reply, refused
from alor_async._telemetry import ORDER_LOGGER
from alor_async._tokens import AccessToken
from alor_async._ws.connection import Connection
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConnectionLost,
    DecodeError,
    InvalidArgument,
    RequestTimeout,
    Unauthorized,
)
from alor_async.values import new_request_id

if TYPE_CHECKING:
    from alor_async._http.handshake import Socket
    from alor_async._orders.intent import OrderAck
    from alor_async._orders.socket_line import CommandLine
    from alor_async._orders.socket_words import Command

__all__ = ["CommandDialogue"]

T = TypeVar("T")

_RENEW_AT: Final = 0.8
"""The part of a token's life after which another is used."""
_USUAL_LIFE: Final = 1800.0
_LOOKS_PER_LIFE: Final = 40
_LONGEST_LOOK: Final = 1.0
_SHORTEST_LOOK: Final = 0.02
_PING_PATIENCE: Final = 3.0
"""A broker that knows its own ping answers within so many seconds."""
_MOST_REMEMBERED: Final = 100_000


class CommandDialogue:
    """One connection, from its opening to its end.

    Nothing leaves before `authorize` was answered with a yes, and nothing while it is asked again with another token: what
    was sent before goes on, what comes meanwhile waits. So it is after a refusal too, until it is known that the broker
    does not end connections over them: what would be sent in between would be in doubt for nothing.

    Args:
        line: Whose commands are sent.
        socket: Freshly dialled.
        token: To begin with.
        name: For logs and tasks.

    Attributes:
        connection: The connection.
        token: The token that it was last authorized with.
        problem: Why it could not be authorized; None where it was.
        ended_by_refusal: Whether the last reply was a refusal: brokers may end a connection after one.
    """

    def __init__(self, line: CommandLine, socket: Socket, token: str, name: str) -> None:
        self._line = line
        self._clock = line.clock
        self._session = line.session
        self._name = name
        self._is_fenced = True
        self._is_doubted = False
        self._was_refused = False
        self._alarm = asyncio.Event()
        self._pending: dict[str, Command] = {}
        self._abandoned: OrderedDict[str, Command] = OrderedDict()
        self._spent: OrderedDict[str, None] = OrderedDict()
        """Guids that may come again, and must not on this connection."""
        self._questions: dict[str, asyncio.Future[CommandReply | AlorError | None]] = {}
        self._ping_guid: str | None = None
        self.token = token
        self.problem: AlorError | None = None
        self.ended_by_refusal = False
        self.connection = Connection(
            socket,
            clock=line.clock,
            ping_every=line.settings.ping_every,
            silence=line.settings.silence,
            on_message=self._on_message,
            probe=self._probe,
            name=name,
        )

    @property
    def is_ready(self) -> bool:
        """Whether commands may leave."""
        return not self._is_fenced

    @property
    def in_flight(self) -> int:
        """How many commands wait for their replies."""
        return len(self._pending)

    # Commands.

    def post(self, command: Command) -> bool:
        """Send a command; False when it must wait for another moment, or another connection."""
        if self._is_fenced:
            return False
        guid = command.guid
        if guid in self._spent or guid in self._pending:
            command.settle(
                InvalidArgument("request_id", "was used on this connection, which takes each once: use a new one")
            )
            return True
        self._pending[guid] = command
        command.intent.may_have_left = True
        try:
            self.connection.send(command.message)
        except ClosedError:
            # It has just ended, as its line is about to see.
            del self._pending[guid]
            command.intent.may_have_left = False
            return False
        return True

    def abandon(self, command: Command) -> None:
        """Nobody waits for a command any more. It makes room in the window; a reply that still comes is written down."""
        if self._pending.pop(command.guid, None) is None:
            return
        _remember(self._spent, command.guid, None)
        if command.intent.request_id is not None:
            _remember(self._abandoned, command.guid, command)

    def end(self) -> list[Command]:
        """The connection is gone: give what was sent and not replied to."""
        self._is_fenced = True
        for question in self._questions.values():
            if not question.done():
                question.set_result(ConnectionLost("the connection ended before the broker answered", stage="read"))
        if self._ping_guid is not None and self._line.knows_ping is None:
            self._line.knows_ping = False  # it was the last word before the end
        pending = list(self._pending.values())
        self._pending.clear()
        self._abandoned.clear()
        return pending

    # Who we are.

    async def stay_authorized(self) -> None:
        """Say who we are, and again in time with every new token, for as long as the connection lasts."""
        try:
            while True:
                await self._authorize()
                if self._line.knows_ping is None:
                    await self._try_ping()
                self._is_doubted = False
                self._lift()
                self.token = await self._next_token()
        except ClosedError:
            return  # it has just ended, as its line is about to see
        except AlorError as error:
            self.problem = error
            await self.connection.close()

    async def _authorize(self) -> None:
        self._is_fenced = True
        guid = str(new_request_id())
        answer = await self._ask(COMMAND_SOCKET_AUTHORIZE.message(guid=guid, token=self.token), guid)
        if answer is None:
            limit = self._line.settings.ack_timeout
            raise RequestTimeout(f"the broker did not answer `authorize` within {limit:g} s", stage="read")
        if isinstance(answer, Unauthorized):
            self._session.invalidate_token(self.token)
        if isinstance(answer, AlorError):
            raise answer

    async def _try_ping(self) -> None:
        """Find out whether the broker knows its own ping here, before there is a command that the answer could cost."""
        guid = self._ping_guid = str(new_request_id())
        answer = await self._ask(COMMAND_SOCKET_PING.message(guid=guid), guid, within=_PING_PATIENCE)
        self._ping_guid = None
        self._line.knows_ping = isinstance(answer, CommandReply)
        if isinstance(answer, AlorError):
            ORDER_LOGGER.info("%s: the broker does not know `ping`: the protocol's own is used alone", self._name)
            # It may end the connection over it, and must not do so under a command.
            await self.connection.close()
            raise ClosedError("the broker does not know `ping`")

    async def _ask(self, message: bytes, guid: str, within: float = inf) -> CommandReply | AlorError | None:
        """Send a request of our own and wait for what comes of it; None when nothing does."""
        question: asyncio.Future[CommandReply | AlorError | None] = asyncio.get_running_loop().create_future()

        def give_up() -> None:
            if not question.done():
                question.set_result(None)

        timer = self._clock.call_later(min(within, self._line.settings.ack_timeout), give_up)
        self._questions[guid] = question
        try:
            self.connection.send(message)
            return await question
        finally:
            timer.cancel()
            self._questions.pop(guid, None)

    async def _next_token(self) -> str:
        """Wait until there is another token to use, which is when most of this one's life is over, or it was refused."""
        life = self._life()
        due = self._clock.monotonic() + _RENEW_AT * life
        look = min(_LONGEST_LOOK, max(_SHORTEST_LOOK, life / _LOOKS_PER_LIFE))
        while True:
            await self._rest(look)
            if self._was_refused and not self._is_doubted:
                await self._outlive_refusal()
            try:
                token = self._session.ready_token()
                if token is None and self._is_token_needed(due):
                    token = await self._session.get_token()
            except ClosedError:
                raise
            except AlorError as error:
                ORDER_LOGGER.debug("%s: no token: %s", self._name, error)
                if self._is_fenced:
                    self._line.note_problem(error)
            else:
                if token is not None and (token != self.token or self._is_doubted):
                    return token

    async def _outlive_refusal(self) -> None:
        """Find out whether the broker ends the connection over a refusal, before anything else is sent."""
        self._was_refused = False
        guid = str(new_request_id())
        if self._line.knows_ping:
            message = COMMAND_SOCKET_PING.message(guid=guid)
        else:
            message = COMMAND_SOCKET_AUTHORIZE.message(guid=guid, token=self.token)
        answer = await self._ask(message, guid, within=_PING_PATIENCE)
        if isinstance(answer, AlorError):
            raise answer
        if answer is not None:
            self._line.refusals_end = False
        if not (self._was_refused or self._is_doubted):
            self._lift()

    def _lift(self) -> None:
        self._is_fenced = False
        self._line.note_ready()

    def _is_token_needed(self, due: float) -> bool:
        if not self._session.keeps_tokens:
            return self._is_doubted or self._clock.monotonic() >= due
        # There was one, it is over, and so is what it allowed: the next is shown, even if it is the same again.
        self._is_fenced = self._is_doubted = True
        return True

    def _life(self) -> float:
        """How long the token may be good for, as far as it says; seconds. A wrong clock here does not matter."""
        try:
            token = AccessToken(self.token)
        except AuthError:
            return _USUAL_LIFE
        whole = float(token.expires - token.issued) if token.issued else _USUAL_LIFE
        left = token.expires - self._clock.now()
        return left if 0.0 < left < whole else whole

    async def _rest(self, seconds: float) -> None:
        timer = self._clock.call_later(seconds, self._alarm.set)
        try:
            await self._alarm.wait()
        finally:
            timer.cancel()
            self._alarm.clear()

    def _doubt(self) -> None:
        """A command was refused for its token: nothing more leaves before another one was accepted."""
        self._is_fenced = self._is_doubted = True
        self._session.invalidate_token(self.token)
        self._alarm.set()

    # What comes.

    def _on_message(self, data: bytes) -> None:
        reply = read_reply(data)
        guid = reply.request_guid if isinstance(reply, CommandReply) else reply
        if not isinstance(reply, CommandReply):
            ORDER_LOGGER.warning("%s: a message of %d bytes could not be read", self._name, len(data))
            reply = None
        if guid is None:
            return
        command = self._pending.pop(guid, None)
        if command is None:
            command = self._abandoned.pop(guid, None)
            if command is None:
                self._on_answer(guid, reply, data)
                return
            self._line.note_late(command.intent, self._hear(command, reply, data))
            return
        command.settle(self._hear(command, reply, data))
        self._line.pump()

    def _hear(self, command: Command, reply: CommandReply | None, data: bytes) -> OrderAck | AlorError:
        """Take the reply to a command: what became of it."""
        self.connection.note_answer()
        is_refusal = reply is None or reply.status >= SUCCESS_BELOW
        self.ended_by_refusal = is_refusal
        if is_refusal and command.intent.verb is not Verb.CANCEL:
            _remember(self._spent, command.guid, None)
        outcome = outcome_of(command.intent, reply, data)
        if isinstance(outcome, Unauthorized):
            self._doubt()
        elif is_refusal and self._line.refusals_end:
            self._is_fenced = self._was_refused = True
            self._alarm.set()
        return outcome

    def _on_answer(self, guid: str, reply: CommandReply | None, data: bytes) -> None:
        """Take the answer to a request of our own."""
        is_refusal = reply is None or reply.status >= SUCCESS_BELOW
        question = self._questions.get(guid)
        if question is not None or guid == self._ping_guid:
            self.connection.note_answer()
            self.ended_by_refusal = is_refusal
        else:
            ORDER_LOGGER.debug("%s: a reply for nobody", self._name)
            return
        if question is None:
            self._ping_guid = None
            if is_refusal:
                self._line.knows_ping = False
        elif not question.done():
            question.set_result(reply if not is_refusal else _refusal_of(reply, data))

    def _probe(self) -> bytes | None:
        """Give the broker's own ping, while it knows it."""
        if self._is_fenced or not self._line.knows_ping:
            return None
        self._ping_guid = str(new_request_id())
        return COMMAND_SOCKET_PING.message(guid=self._ping_guid)


def _refusal_of(reply: CommandReply | None, data: bytes) -> AlorError:
    if reply is None:
        return DecodeError("the broker's reply cannot be read")
    return refused(reply, data)


def _remember(among: OrderedDict[str, T], guid: str, what: T) -> None:
    """Keep something by its guid, as one of the last hundred thousand."""
    among[guid] = what
    if len(among) > _MOST_REMEMBERED:
        among.popitem(last=False)
