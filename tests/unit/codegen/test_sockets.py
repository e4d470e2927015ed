"""What is said over sockets: read without a gap, and written as constants that say the same."""

from collections.abc import Callable
from typing import Any

import pytest

from codegen.contract import read_contract
from codegen.errors import CodegenError
from codegen.ir import Answer, Format, Many, Record, Scalar, SchemaRef
from codegen.node import Json
from codegen.python.sockets import command_module, subscription_module
from tests.unit.codegen import sample

BOOK = "channels/ws/messages/book.request/payload/properties"


def test_a_stream_is_read_whole() -> None:
    book, _ = sample.contract().sockets.streams
    assert (book.name, book.opcode, book.summary) == ("streams.book", "BookSubscribe", "Follow a book.")
    assert (book.data, book.reply) == (Answer(SchemaRef("Book")), Answer(SchemaRef("Reply")))
    assert (book.record, book.key, book.is_partial, book.has_snapshot_flag) == (
        Record.STATE,
        ("timestamp",),
        False,
        False,
    )
    assert book.floors_ms == ((Format.SIMPLE, 25), (Format.SLIM, 10), (Format.HEAVY, 500))


def test_parameters_are_those_that_a_caller_gives() -> None:
    book, order = sample.contract().sockets.streams
    assert [(one.name, one.wire, one.type, one.required, one.least, one.most) for one in book.parameters] == [
        ("symbol", "code", Scalar.TEXT, True, None, None),
        ("depth", "depth", Scalar.INTEGER, False, 1, 50),
        ("sides", "sides", Many(Scalar.TEXT), False, None, None),
        ("side", "side", Scalar.TEXT, False, None, None),
        ("skip_snapshot", "skipHistory", Scalar.BOOLEAN, False, None, None),
        ("frequency_ms", "frequency", Scalar.INTEGER, False, None, None),
    ]
    assert order.parameters == ()


def test_a_stream_of_changes_is_told_from_one_of_wholes() -> None:
    _, order = sample.contract().sockets.streams
    assert order.is_partial
    assert order.record is Record.EVENT
    assert order.key == ()
    assert order.floors_ms == ()


def test_the_flag_of_snapshots_is_found_in_the_data() -> None:
    document = sample.document()
    sample.at(document, "components/schemas/Book/properties")["is_snapshot"] = {
        "type": "boolean",
        "description": "Before.",
        "x-wire": "existing",
    }
    flags = [stream.has_snapshot_flag for stream in read_contract(document, sample.sockets()).sockets.streams]
    assert flags == [True, False]
    sockets = sample.sockets()
    sample.at(sockets, "channels/ws/messages/book.data/payload/properties/data")["x-lacks"] = ["is_snapshot"]
    assert not read_contract(document, sockets).sockets.streams[0].has_snapshot_flag


def test_signals_stand_with_their_channel() -> None:
    signals = sample.contract().sockets.signals
    (unsubscribe,), (ping,) = signals["ws"], signals["cws"]
    assert (unsubscribe.opcode, unsubscribe.constants, unsubscribe.has_token) == ("unsubscribe", (), True)
    assert (ping.opcode, ping.constants, ping.has_token) == ("ping", (("confirm", True),), False)


def test_a_command_takes_the_body_of_rest() -> None:
    (place,) = sample.contract().sockets.commands
    assert (place.name, place.opcode, place.body, place.has_order_id) == (
        "orders.place",
        "create:order",
        "OrderBody",
        True,
    )


def test_what_is_deprecated_has_no_constant() -> None:
    sockets = sample.contract().sockets
    assert [stream.opcode for stream in sockets.streams] == ["BookSubscribe", "OrderSubscribe"]


def test_constants_say_what_was_read() -> None:
    code = subscription_module(sample.contract()).code
    assert 'STREAMS_BOOK: Final = StreamSpec(\n    "streams.book",\n    "BookSubscribe",\n    data=BOOK,' in code
    assert 'StreamParameter("depth", "depth", ValueKind.INTEGER, least=1, most=50)' in code
    assert 'StreamParameter("skip_snapshot", "skipHistory", ValueKind.FLAG)' in code
    assert 'StreamParameter("sides", "sides", ValueKind.TEXTS)' in code
    assert "floors_ms={Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500}" in code
    assert code.count("is_partial=True") == 1
    commands = command_module(sample.contract())
    assert "body=OrderBody,\n    reply=REPLY,\n    has_order_id=True," in commands.code
    assert "constants={'confirm': True},\n    has_token=False," in commands.code
    assert commands.exports == ("ALL", "ORDERS_PLACE", "COMMAND_SOCKET_PING")


def spoiled(path: str, **changes: Any) -> Callable[[Json], None]:
    def spoil(sockets: Json) -> None:
        place = sample.at(sockets, path)
        for key, value in changes.items():
            if value is None:
                del place[key.replace("__", "-")]
            else:
                place[key.replace("__", "-")] = value

    return spoil


def reference(target: str) -> list[Json]:
    return [{"$ref": f"#/{target}"}]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (spoiled("", asyncapi="2.6.0"), "expected 3.0.0"),
        (spoiled("operations/streams.book", action="receive"), "only `streams.book.data` receives"),
        (spoiled("operations/streams.book.data", action="send"), "data are received"),
        (spoiled("operations/streams.book.data", x__record="flow"), "expected one of state, event"),
        (spoiled("operations/streams.book.data", x__key=["colour"]), "Book has no colour"),
        (spoiled("operations/streams.book", messages=[]), "expected one message"),
        (spoiled("operations/streams.book", messages=reference("channels/cws/messages/reply")), "of the channel `ws`"),
        (spoiled("operations/streams.book", messages=reference("channels/ws/messages/none")), "leads nowhere"),
        (spoiled("operations/streams.book/reply", messages=[]), "there is no reply"),
        (spoiled("operations/streams.book/reply", channel={"$ref": "#/channels/cws"}), "replies come where"),
        (spoiled("operations/streams.book", surprise=True), "unknown or unused: surprise"),
        (spoiled("operations", streams=sample.at(sample.sockets(), "operations/streams.book")), "facade.method"),
        (spoiled("operations/deprecated.old", x__instead=None), "`x-instead` is missing"),
        (spoiled("channels/ws/messages/book.data/payload/properties/data", x__lacks=["mood"]), "Book has no mood"),
        (spoiled("channels/ws/messages/book.request/correlationId", location="$message.payload#/id"), "leads nowhere"),
        (spoiled(f"{BOOK}/opcode", const="OrderSubscribe"), "two requests of one channel"),
        (spoiled(f"{BOOK}/depth", type="number", format="decimal"), "a parameter is text"),
        (spoiled(f"{BOOK}/depth", x__wire=None), "`x-wire` is missing"),
        (spoiled(f"{BOOK}/frequency_ms", x__floors={"simple": 25, "slim": 10}), "`heavy` is missing"),
        (spoiled(f"{BOOK}/symbol", **{"$ref": "#/components/schemas/None"}), "leads nowhere"),
        (spoiled(f"{BOOK}/side", **{"$ref": "elsewhere.yaml#/x"}), "expected a reference within"),
        (spoiled("channels/ws/messages/unsubscribe.request/payload/properties", depth={"type": "integer", "x-wire": "d"}),
         "only a subscription has parameters"),
        (spoiled("channels/cws/messages/place.request/payload", allOf=reference("components/schemas/Head")), "and a body"),
        (spoiled("operations", **{"streams.none.data": {}}), "nothing subscribes to it"),
        (spoiled("channels/cws/messages/place.request/payload", allOf=[{"$ref": "#/components/schemas/Head"}, {"$ref": "#/components/schemas/Side"}]),
         "no schema named Side"),
        (spoiled("components", schemas=None), "components.schemas: is missing"),
        (spoiled("components/schemas", Guid=[]), "expected a mapping"),
        (spoiled("components/schemas/Head/properties", mood={"type": "string", "x-wire": "mood"}), "no command has mood"),
        (spoiled("components/schemas", Order={"type": "object"}), "both documents define it"),
        (spoiled("components/schemas", Unsaid={"type": "string"}), "no operation leads here"),
        (spoiled("channels/ws/messages", unsaid={"payload": {}}), "no operation leads here"),
        (spoiled("x-vocabulary", x__mood="W"), "nothing uses `x-mood`"),
        (spoiled("x-vocabulary", x__floors=None), "`x-floors` is not in x-vocabulary"),
        (spoiled("x-vocabulary", x__wire="W"), "explained in the other document"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(spoil: Callable[[Json], None], problem: str) -> None:
    sockets = sample.sockets()
    spoil(sockets)
    with pytest.raises(CodegenError, match=problem):
        read_contract(sample.document(), sockets)
