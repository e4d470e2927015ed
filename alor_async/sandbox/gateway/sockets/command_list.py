"""The twelve commands of `/cws`: how each is read, and what is said when it was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from alor_async.sandbox.core.commands import (
    CancelOrder,
    CommandResult,
    PlaceOrder,
    PlaceStop,
    ReplaceOrder,
    ReplaceStop,
)
from alor_async.sandbox.gateway.call import EXCHANGES, Fields, unreadable
from alor_async.sandbox.gateway.order_fields import Own, is_order_number, read_order, read_portfolio, read_stop

if TYPE_CHECKING:
    from alor_async.sandbox.core.exchange import Exchange

OrderCommand: TypeAlias = PlaceOrder | ReplaceOrder | PlaceStop | ReplaceStop | CancelOrder


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One of the commands: its documented opcode, how it is read, and the text of a yes."""

    opcode: str
    read: Callable[[Fields, Own], OrderCommand]
    done: str


def execute(exchange: Exchange, command: OrderCommand) -> CommandResult:
    """Let the exchange act on a command, as it does for the one of REST that says the same."""
    match command:
        case PlaceOrder():
            return exchange.place_order(command)
        case ReplaceOrder():
            return exchange.replace_order(command)
        case PlaceStop():
            return exchange.place_stop(command)
        case ReplaceStop():
            return exchange.replace_stop(command)
        case CancelOrder():
            return exchange.cancel_order(command)


def _replaced_order(fields: Fields, own: Own, *, is_limit: bool) -> ReplaceOrder:
    return ReplaceOrder(order_id=_order_number(fields), order=read_order(fields, own, is_limit=is_limit))


def _replaced_stop(fields: Fields, own: Own, *, is_limit: bool) -> ReplaceStop:
    return ReplaceStop(order_id=_order_number(fields), order=read_stop(fields, own, is_limit=is_limit))


def _cancelled(fields: Fields, own: Own, *, is_stop: bool) -> CancelOrder:
    if fields.text("exchange").upper() not in EXCHANGES:
        raise unreadable()
    return CancelOrder(portfolio=own(read_portfolio(fields)), order_id=_order_number(fields), is_stop=is_stop)


def _order_number(fields: Fields) -> str:
    text = fields.text("orderId")
    if not is_order_number(text):
        raise unreadable()
    return text


_CREATED = "An order '{}' has been created."
_UPDATED = "An order has been updated. New order Id is '{}'."
_DELETED = "An order '{}' has been deleted."

COMMANDS: tuple[CommandKind, ...] = (
    CommandKind("create:market", partial(read_order, is_limit=False), _CREATED),
    CommandKind("create:limit", partial(read_order, is_limit=True), _CREATED),
    CommandKind("create:stop", partial(read_stop, is_limit=False), _CREATED),
    CommandKind("create:stopLimit", partial(read_stop, is_limit=True), _CREATED),
    CommandKind("update:market", partial(_replaced_order, is_limit=False), _UPDATED),
    CommandKind("update:limit", partial(_replaced_order, is_limit=True), _UPDATED),
    CommandKind("update:stop", partial(_replaced_stop, is_limit=False), _UPDATED),
    CommandKind("update:stopLimit", partial(_replaced_stop, is_limit=True), _UPDATED),
    CommandKind("delete:market", partial(_cancelled, is_stop=False), _DELETED),
    CommandKind("delete:limit", partial(_cancelled, is_stop=False), _DELETED),
    CommandKind("delete:stop", partial(_cancelled, is_stop=True), _DELETED),
    CommandKind("delete:stopLimit", partial(_cancelled, is_stop=True), _DELETED),
)
EXACTLY: Mapping[str, CommandKind] = {kind.opcode: kind for kind in COMMANDS}
"""The commands by their documented opcodes."""
IN_ANY_CASE: Mapping[str, CommandKind] = {kind.opcode.lower(): kind for kind in COMMANDS}
"""The same by their opcodes in lower case."""
OPCODES = ("authorize", *EXACTLY, "ping")
"""Everything that `/cws` can be asked."""
