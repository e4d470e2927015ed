"""The dialogue of `/cws`: a client says who it is, and then gives orders.

The first command is `authorize`; those that follow bring no token, and last as long as the one that `authorize` brought.
Every command has a guid of its own on its connection. A command gets one reply, `{"requestGuid":...,"httpCode":...,
"message":...}` with an `orderNumber` when it was done; replies come in the order in which the commands were executed.

The broker takes `/cws` and `/ws` over TLS only, and answers 406 to `ws://`. The sandbox has no certificate to show, is not
reachable from another machine, and takes `ws://`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from alor_async.sandbox.core.commands import Rejected
from alor_async.sandbox.gateway.call import Fields, Refused
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.sandbox.gateway.sockets.command_list import EXACTLY, IN_ANY_CASE, CommandKind, execute
from alor_async.sandbox.gateway.sockets.connection import About, Connection, SubscriptionView
from alor_async.sandbox.gateway.sockets.subscriptions import BAD_TOKEN, HANDLED

if TYPE_CHECKING:
    from alor_async.sandbox.core.assumptions import Assumptions
    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.gateway.oauth import Grant, Tokens
    from alor_async.sandbox.gateway.sockets.messages import Message

INITIALIZED = "The connection has been initialized."
GUID_IS_USED = "Request with such Guid has already been handled"
REPEATED = "The order repeats another one; set checkDuplicates to false if it is meant"
_NO_SCOPE = "The token lacks the scope OrdersCreate"
_NO_ACCESS = "The token does not give access to this portfolio"
_POLICY_VIOLATION = 1008
_A_SECOND = 1_000_000


class Repeats:
    """The orders of the last second of exchange time, from all connections: what `checkDuplicates` compares with.

    A command repeats another when every term is the same, the portfolio and the comment included, and the other one was
    accepted less than a second ago. What was sent with `checkDuplicates` off is compared with as well.
    """

    def __init__(self) -> None:
        self._accepted: dict[Hashable, int] = {}

    def has(self, command: Hashable, now_us: int) -> bool:
        """Whether the same was accepted less than a second ago."""
        since = self._accepted.get(command)
        return since is not None and now_us - since < _A_SECOND

    def add(self, command: Hashable, now_us: int) -> None:
        """Remember an accepted command; what is older than a second is forgotten."""
        self._accepted.pop(command, None)
        self._accepted[command] = now_us
        while now_us - next(iter(self._accepted.values())) >= _A_SECOND:
            del self._accepted[next(iter(self._accepted))]


class _Problem(Enum):
    """Why a command was refused; some reasons end the connection."""

    ORDER = "the order is not accepted"
    RIGHTS = "the token does not allow it"
    NOT_UNDERSTOOD = "it is not understood"
    NOT_AUTHORIZED = "nobody is authorized"
    REPEATED_GUID = "the guid was used before"


class _Refusal(Exception):
    """Ends a command with this reply."""

    def __init__(self, code: int, text: str, problem: _Problem) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.problem = problem


class Commands:
    """What one connection to `/cws` says and is told."""

    def __init__(
        self,
        exchange: Exchange,
        exchange_lock: threading.RLock,
        tokens: Tokens,
        repeats: Repeats,
        connection: Connection,
    ) -> None:
        self._exchange = exchange
        self._exchange_lock = exchange_lock
        self._tokens = tokens
        self._repeats = repeats
        self._connection = connection
        self._token = ""
        self._used_guids: set[bytes] = set()
        assumptions = exchange.assumptions
        self._reads_any_case = assumptions.opcode_case == "any"
        self._answers_ping = assumptions.ping_opcode == "answered"
        self._looks_for_repeats = assumptions.duplicate_commands == "same_terms"
        self._writes_numbers = assumptions.cws_order_number == "number"
        self._fatal = _fatal_problems(assumptions)

    # -- a dialogue --------------------------------------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Act on a command and reply to it."""
        about = self._about(message)
        try:
            self._act(message, about)
        except _Refusal as refusal:
            self._refuse(about, refusal.code, refusal.text, refusal.problem)
        except Refused as refused:
            self._refuse(about, refused.reply.status, refused.reply.body.decode(), _Problem.NOT_UNDERSTOOD)
        except Exception:
            self._reply(about, 500, "Internal error")
            raise

    def ended(self) -> None:
        """Let go of the token."""
        self._token = ""

    def list_subscriptions(self) -> tuple[SubscriptionView, ...]:
        """Nothing: there are no subscriptions here."""
        return ()

    # -- commands ----------------------------------------------------------------------------------------------------

    def _act(self, message: Message, about: About) -> None:
        fields = message.fields
        if fields is None:
            raise _Refusal(400, "The message is not a JSON object", _Problem.NOT_UNDERSTOOD)
        if not message.guid:
            raise _Refusal(400, "The value of 'guid' is missing or not valid", _Problem.NOT_UNDERSTOOD)
        self._use_up(message.guid)
        opcode = message.opcode.lower() if self._reads_any_case else message.opcode
        if opcode == "authorize":
            self._authorize(message.token)
            self._reply(about, 200, INITIALIZED)
            return
        grant = self._grant()
        kind = (IN_ANY_CASE if self._reads_any_case else EXACTLY).get(opcode)
        if kind is not None:
            self._execute(kind, fields, grant, about)
        elif opcode == "ping" and self._answers_ping:
            self._reply(about, 200, HANDLED)
        else:
            raise _Refusal(400, "The value of 'opcode' is missing or unknown", _Problem.NOT_UNDERSTOOD)

    def _use_up(self, guid: str) -> None:
        """Take a guid that no command of this connection had; of each only a short digest is kept."""
        digest = hashlib.blake2b(guid.encode(), digest_size=16).digest()
        if digest in self._used_guids:
            raise _Refusal(400, GUID_IS_USED, _Problem.REPEATED_GUID)
        self._used_guids.add(digest)

    def _authorize(self, token: str) -> None:
        if self._tokens.grant(token) is None:
            raise _Refusal(401, BAD_TOKEN, _Problem.NOT_AUTHORIZED)
        self._token = token

    def _grant(self) -> Grant:
        """What the token allows that this connection was opened with, if it has not expired since."""
        grant = self._tokens.grant(self._token)
        if grant is None:
            raise _Refusal(401, BAD_TOKEN, _Problem.NOT_AUTHORIZED)
        return grant

    def _execute(self, kind: CommandKind, fields: Fields, grant: Grant, about: About) -> None:
        if "orderscreate" not in grant.scopes:
            raise _Refusal(403, _NO_SCOPE, _Problem.RIGHTS)
        command = kind.read(fields, partial(_own, grant))
        looks_for_repeats = fields.flag("checkDuplicates", otherwise=True) and self._looks_for_repeats
        with self._exchange_lock:
            self._exchange.advance()
            if looks_for_repeats and self._repeats.has(command, self._exchange.now_us):
                raise _Refusal(400, REPEATED, _Problem.ORDER)
            result = execute(self._exchange, command)
            if isinstance(result, Rejected):
                raise _Refusal(400, result.message, _Problem.ORDER)
            self._repeats.add(command, self._exchange.now_us)
        self._reply(about, 200, kind.done.format(result.order_id), result.order_id)

    # -- replies -----------------------------------------------------------------------------------------------------

    def _about(self, message: Message) -> About:
        """What the reply to a message will be about: its opcode as documented, and whose order it is."""
        kind = IN_ANY_CASE.get(message.opcode.lower())
        return About(message.opcode if kind is None else kind.opcode, message.guid)

    def _refuse(self, about: About, code: int, text: str, problem: _Problem) -> None:
        self._reply(about, code, text)
        if problem in self._fatal:
            self._connection.close(_POLICY_VIOLATION, text)

    def _reply(self, about: About, code: int, text: str, order_id: str | None = None) -> None:
        reply: dict[str, object] = {"requestGuid": about.guid, "httpCode": code, "message": text}
        if order_id is not None:
            reply["orderNumber"] = int(order_id) if self._writes_numbers else order_id
        self._connection.send(write_json(reply), about)


def _own(grant: Grant, portfolio: str) -> str:
    found = grant.portfolio(portfolio)
    if found is None:
        raise _Refusal(403, _NO_ACCESS, _Problem.RIGHTS)
    return found


def _fatal_problems(assumptions: Assumptions) -> frozenset[_Problem]:
    """What ends a connection to `/cws`."""
    fatal = {_Problem.NOT_AUTHORIZED, _Problem.REPEATED_GUID}
    if assumptions.invalid_cws_command == "closed":
        fatal.add(_Problem.NOT_UNDERSTOOD)
    if assumptions.rejected_cws_order == "closed":
        fatal.add(_Problem.ORDER)
    return frozenset(fatal)
