"""Every command of /cws says what the contract shows, with the bodies of REST, and its reply can be read."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from alor_async._contract import commands
from alor_async._contract.bodies import CancellationBody, InstrumentKey, LimitOrderBody, OrderOwner
from alor_async._contract.commands import (
    COMMAND_SOCKET_AUTHORIZE,
    COMMAND_SOCKET_PING,
    ORDERS_CANCEL_LIMIT,
    ORDERS_PLACE_LIMIT,
    ORDERS_REPLACE_LIMIT,
)
from alor_async._contract.subscriptions import STREAMS_PING, STREAMS_UNSUBSCRIBE
from alor_async._http.decode import WireError
from alor_async._http.message import SUCCESS_BELOW, CommandSpec, SignalSpec
from alor_async.errors import InvalidArgument
from alor_async.models import Exchange, Side
from alor_async.values import Format
from tests.contract.model_kit import FIXTURES
from tests.contract.socket_kit import SIGNALS, problems

COMMANDS: dict[str, CommandSpec[Any, Any]] = {command.name: command for command in commands.ALL}
OPCODES = {
    f"{verb}:{kind}" for verb in ("create", "update", "delete") for kind in ("market", "limit", "stop", "stopLimit")
}
LIMIT_ORDER = LimitOrderBody(
    side=Side.BUY,
    lots=10,
    price=Decimal("250.10"),
    instrument=InstrumentKey(symbol="SBER", exchange=Exchange.MOEX),
    user=OrderOwner(portfolio="D39004"),
)
CANCELLATION = CancellationBody(exchange=Exchange.MOEX, user=OrderOwner(portfolio="D39004"))


def body_of(command: CommandSpec[Any, Any]) -> Any:
    """Give a body with every key it can have: a recorded one of REST, where REST has it."""
    if command.body is CancellationBody:
        return CANCELLATION
    plain, full = (FIXTURES / f"{command.name}{part}.request.json" for part in ("", ".iceberg"))
    return msgspec.json.decode((full if full.exists() else plain).read_bytes(), type=command.body)


def write(command: CommandSpec[Any, Any], **settings: Any) -> bytes:
    order_id = "2011435508" if command.has_order_id else None
    return command.message(body_of(command), guid="c_1", order_id=order_id, **settings)


def test_the_twelve_commands_are_there() -> None:
    assert {command.opcode for command in COMMANDS.values()} == OPCODES
    assert len(COMMANDS) == len(OPCODES)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_fits_the_contract(name: str) -> None:
    command = COMMANDS[name]
    assert problems(name, Format.HEAVY, write(command)) == []
    assert problems(name, Format.HEAVY, write(command, check_duplicates=False)) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_all_that_its_body_says(name: str) -> None:
    command = COMMANDS[name]
    wire = json.loads(write(command, check_duplicates=True), parse_float=Decimal)
    assert list(wire)[:2] == ["opcode", "guid"]
    assert (wire.pop("opcode"), wire.pop("guid"), wire.pop("checkDuplicates")) == (command.opcode, "c_1", True)
    assert wire.pop("orderId", None) == ("2011435508" if command.has_order_id else None)
    assert wire == json.loads(
        msgspec.json.Encoder(decimal_format="number").encode(body_of(command)), parse_float=Decimal
    )


def test_commands_are_compact_and_exact() -> None:
    assert ORDERS_PLACE_LIMIT.message(LIMIT_ORDER, guid='a"b') == (
        b'{"opcode":"create:limit","guid":"a\\"b","side":"buy","quantity":10,"price":250.10,'
        b'"instrument":{"symbol":"SBER","exchange":"MOEX"},"user":{"portfolio":"D39004"}}'
    )
    assert ORDERS_CANCEL_LIMIT.message(CANCELLATION, guid="c_2", order_id=1892947719423488, check_duplicates=False) == (
        b'{"opcode":"delete:limit","guid":"c_2","orderId":"1892947719423488","checkDuplicates":false,'
        b'"exchange":"MOEX","user":{"portfolio":"D39004"}}'
    )


def test_a_body_of_another_command_is_refused() -> None:
    with pytest.raises(TypeError, match=r"orders\.replace_limit takes LimitOrderReplacementBody, got LimitOrderBody"):
        ORDERS_REPLACE_LIMIT.message(LIMIT_ORDER, guid="c", order_id="1")  # type: ignore[arg-type]


@pytest.mark.parametrize("order_id", [None, "", "0", "-1", "12x", "1" * 20, 0, True])
def test_a_cancel_needs_an_order(order_id: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ORDERS_CANCEL_LIMIT.message(CANCELLATION, guid="c", order_id=order_id)
    assert caught.value.argument == "order_id"


def test_a_new_order_has_no_number_yet() -> None:
    with pytest.raises(InvalidArgument, match=r"orders\.place_limit has none"):
        ORDERS_PLACE_LIMIT.message(LIMIT_ORDER, guid="c", order_id="1")


@pytest.mark.parametrize("guid", ["", None, 5])
def test_a_command_needs_a_name(guid: Any) -> None:
    with pytest.raises(InvalidArgument):
        ORDERS_PLACE_LIMIT.message(LIMIT_ORDER, guid=guid)


@pytest.mark.parametrize(("channel", "signal"), SIGNALS, ids=lambda item: getattr(item, "name", item))
def test_each_signal_fits_the_contract(channel: str, signal: SignalSpec[Any]) -> None:
    wire = signal.message(guid="g_1", token="a.b.c" if signal.has_token else None)
    assert problems(signal.name, Format.SLIM, wire) == []


def test_signals_end_with_the_token() -> None:
    assert STREAMS_UNSUBSCRIBE.message(guid="s_1", token="t") == b'{"opcode":"unsubscribe","guid":"s_1","token":"t"}'
    assert STREAMS_PING.message(guid="p", token="t") == b'{"opcode":"ping","guid":"p","confirm":true,"token":"t"}'
    assert COMMAND_SOCKET_AUTHORIZE.message(guid="c", token="t") == b'{"opcode":"authorize","guid":"c","token":"t"}'
    assert COMMAND_SOCKET_PING.message(guid="p") == b'{"opcode":"ping","guid":"p","confirm":true}'


def test_a_token_stands_where_the_contract_has_one() -> None:
    with pytest.raises(InvalidArgument, match="token: is required"):
        COMMAND_SOCKET_AUTHORIZE.message(guid="c")
    with pytest.raises(InvalidArgument, match="carries none") as caught:
        COMMAND_SOCKET_PING.message(guid="p", token="secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("wire", "status", "order_id"),
    [
        (b'{"requestGuid":"c_1","httpCode":200,"message":"done","orderNumber":"18995978560"}', 200, "18995978560"),
        (b'{"message":"done","orderNumber":1892947719423488,"httpCode":206,"requestGuid":"c_1"}', 206, "1892947719423488"),
        (b'{"requestGuid":"c_1","httpCode":400,"message":"Invalid or unsupported quantity"}', 400, None),
        (b'{"requestGuid":"c_1","httpCode":401}', 401, None),
    ],
)  # fmt: skip
def test_replies_to_commands(wire: bytes, status: int, order_id: str | None) -> None:
    reply = ORDERS_PLACE_LIMIT.reply[None].decode(wire)
    assert (reply.request_guid, reply.status, reply.order_id) == ("c_1", status, order_id)
    assert (reply.status < SUCCESS_BELOW) is (order_id is not None)


def test_replies_to_subscriptions() -> None:
    reply = STREAMS_PING.reply[None].decode(b'{"message":"Handled successfully","httpCode":200,"requestGuid":"s_1"}')
    assert (reply.request_guid, reply.status, reply.message) == ("s_1", 200, "Handled successfully")


@pytest.mark.parametrize("wire", [b"", b'{"httpCode":200}', b'{"requestGuid":"g"}', b'{"data":{},"guid":"g"}'])
def test_what_is_no_reply_is_an_error(wire: bytes) -> None:
    with pytest.raises(WireError):
        STREAMS_PING.reply[None].decode(wire)


def test_specs_show_what_they_are_and_no_secret() -> None:
    assert repr(ORDERS_PLACE_LIMIT) == "<CommandSpec orders.place_limit: create:limit>"
    assert repr(COMMAND_SOCKET_AUTHORIZE) == "<SignalSpec command_socket.authorize: authorize>"
