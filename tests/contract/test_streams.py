"""Every recorded data frame becomes the model that REST gives, and every subscription can be asked for."""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Raw

from alor_async import models
from alor_async._contract.subscriptions import (
    STREAMS_CANDLES,
    STREAMS_INSTRUMENTS,
    STREAMS_ORDER_BOOK,
    STREAMS_ORDERS,
    STREAMS_UNSUBSCRIBE,
)
from alor_async._http.decode import WireError
from alor_async._http.message import Record, merge_data
from alor_async.errors import InvalidArgument
from alor_async.models import Exchange, OrderStatus, TradingStatus
from alor_async.values import Format
from tests.contract.model_kit import compare, encode, objects, shared
from tests.contract.socket_kit import FRAMES, STREAMS, Frame, data_text, entity, problems

NAMES = (
    "order_book", "candles", "quotes", "instruments", "market_trades", "positions", "summaries", "risks", "futures_risks",
    "trades", "orders", "stop_orders",
)  # fmt: skip
VALUES: dict[str, Any] = {
    "symbol": "SBER",
    "portfolio": "D39004",
    "exchange": Exchange.MOEX,
    "board": "TQBR",
    "depth": 10,
    "frequency_ms": 175,
    "timeframe": "60",
    "from_timestamp": 1773646800,
    "skip_snapshot": True,
    "split_adjust": False,
    "include_virtual": True,
    "statuses": [OrderStatus.WORKING, OrderStatus.FILLED],
}


def test_the_twelve_streams_are_there() -> None:
    assert tuple(STREAMS) == tuple(f"streams.{name}" for name in NAMES)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_each_attribute_is_what_the_wire_said(frame: Frame) -> None:
    wire = frame.wire
    if frame.stream is STREAMS_INSTRUMENTS and frame.format is Format.SIMPLE:
        wire = {key.replace("marginBuy", "marginbuy").replace("marginSell", "marginsell"): wire[key] for key in wire}
    assert compare(entity(frame.stream), wire, frame.decode(), frame.format) > 0


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_only_public_classes_come_out(frame: Frame) -> None:
    public = {getattr(models, name) for name in models.__all__}
    assert {type(value) for value in objects(frame.decode())} <= public


@pytest.mark.parametrize("frame", [frame for frame in FRAMES if not frame.stream.is_partial], ids=str)
def test_a_frame_and_its_data_read_alike(frame: Frame) -> None:
    assert frame.stream.data[frame.format].decode(data_text(frame.raw)) == frame.decode()


@pytest.mark.parametrize("name", STREAMS)
def test_the_three_formats_are_one_value(name: str) -> None:
    found: dict[int, list[Any]] = defaultdict(list)
    for frame in FRAMES:
        if frame.stream.name == name:
            found[frame.number].append(shared(frame.decode()))
    assert found
    for simple, slim, heavy in found.values():
        assert simple == slim == heavy


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_recorded_frames_fit_the_closed_document(frame: Frame) -> None:
    assert problems(f"{frame.stream.name}.data", frame.format, frame.raw) == []


@pytest.mark.parametrize("frame", [frame for frame in FRAMES if frame.number == 0], ids=str)
def test_the_closed_document_misses_a_key_and_notices_another(frame: Frame) -> None:
    wire = json.loads(frame.raw)
    first = next(iter(wire["data"]))
    value = wire["data"].pop(first)
    assert problems(f"{frame.stream.name}.data", frame.format, encode(wire))
    wire["data"] |= {first: value, "surprise": 1}
    assert problems(f"{frame.stream.name}.data", frame.format, encode(wire))


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_snapshots_are_told_from_news_where_the_contract_says_so(frame: Frame) -> None:
    value = frame.decode()
    if frame.stream.has_snapshot_flag:
        assert value.is_snapshot in {True, False}
    else:
        assert getattr(value, "is_snapshot", None) is None


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_states_have_what_tells_them_apart(frame: Frame) -> None:
    value = frame.decode()
    assert all(getattr(value, attribute) is not None for attribute in frame.stream.key)
    assert frame.stream.record is Record.STATE or not frame.stream.key


def test_what_is_state_and_what_is_an_event() -> None:
    events = {name for name, stream in STREAMS.items() if stream.record is Record.EVENT}
    assert events == {"streams.market_trades", "streams.trades", "streams.orders", "streams.stop_orders"}
    keys = {name: stream.key for name, stream in STREAMS.items() if stream.key}
    assert keys == {"streams.candles": ("timestamp",), "streams.positions": ("symbol", "exchange")}


def test_floors_of_the_pace() -> None:
    paced = {name for name, stream in STREAMS.items() if stream.floors_ms}
    assert paced == {"streams.order_book", "streams.candles", "streams.quotes"}
    assert STREAMS_ORDER_BOOK.floors_ms == {Format.SIMPLE: 25, Format.SLIM: 10, Format.HEAVY: 500}


def test_changes_of_an_instrument_add_up() -> None:
    slim = [frame for frame in FRAMES if frame.stream is STREAMS_INSTRUMENTS and frame.format is Format.SLIM]
    first, second, third = (frame.decode() for frame in slim)
    assert (first.trading_status, first.price_min, first.synthetic_margin) == (
        TradingStatus.OPENING,
        Decimal(0),
        Decimal("1840.25"),
    )
    assert (second.trading_status, second.price_min) == (TradingStatus.CLOSED, Decimal(0))
    assert (third.trading_status, third.price_min, third.margin_buy) == (
        TradingStatus.CLOSED,
        Decimal("0.05"),
        Decimal("15230.50"),
    )
    assert third.margin_sell == first.margin_sell


def ask(name: str, format_: Format = Format.SLIM, **changes: Any) -> bytes:
    stream = STREAMS[name]
    values = {one.name: VALUES[one.name] for one in stream.parameters} | changes
    return stream.message(values, guid="s_1", token="a.b.c", format=format_)


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("name", STREAMS)
def test_everything_that_can_be_asked_fits_the_contract(name: str, format_: Format) -> None:
    assert problems(name, format_, ask(name, format_)) == []


@pytest.mark.parametrize("name", STREAMS)
def test_the_least_that_can_be_asked_fits_the_contract(name: str) -> None:
    optional = {one.name: None for one in STREAMS[name].parameters if not one.required}
    wire = ask(name, **optional)
    assert problems(name, Format.SLIM, wire) == []
    assert not {one.wire for one in STREAMS[name].parameters if one.name in optional} & json.loads(wire).keys()


def test_a_request_is_compact_and_in_order() -> None:
    assert ask("streams.candles", Format.HEAVY, board=None) == (
        b'{"opcode":"BarsGetAndSubscribe","code":"SBER","exchange":"MOEX","tf":"60","from":1773646800,"skipHistory":true,'
        b'"splitAdjust":false,"frequency":175,"format":"Heavy","guid":"s_1","token":"a.b.c"}'
    )
    assert ask("streams.orders").startswith(
        b'{"opcode":"OrdersGetAndSubscribeV2","portfolio":"D39004","exchange":"MOEX",'
        b'"orderStatuses":["working","filled"],"skipHistory":true,'
    )


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("streams.order_book", "symbol", None),
        ("streams.order_book", "symbol", ""),
        ("streams.order_book", "symbol", "\ud800"),
        ("streams.order_book", "depth", 0),
        ("streams.order_book", "depth", 51),
        ("streams.order_book", "depth", "10"),
        ("streams.order_book", "depth", True),
        ("streams.order_book", "frequency_ms", -1),
        ("streams.market_trades", "depth", 5001),
        ("streams.candles", "from_timestamp", None),
        ("streams.candles", "from_timestamp", 2**63),
        ("streams.candles", "timeframe", 60),
        ("streams.orders", "skip_snapshot", 1),
        ("streams.orders", "statuses", "working"),
        ("streams.orders", "statuses", ["working", None]),
    ],
)
def test_a_wrong_parameter_is_named(name: str, argument: str, value: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ask(name, **{argument: value})
    assert caught.value.argument == argument


def test_a_parameter_that_is_not_there_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match=r"streams\.orders has no parameter 'depth'"):
        ask("streams.orders", depth=5)


@pytest.mark.parametrize(("guid", "token"), [("", "t"), (7, "t"), ("g", ""), ("g", None)])
def test_guid_and_token_are_texts(guid: Any, token: Any) -> None:
    with pytest.raises(InvalidArgument):
        STREAMS_ORDERS.message({"portfolio": "D1", "exchange": "MOEX"}, guid=guid, token=token, format=Format.SLIM)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[]",
        b'{"guid":"s_1"}',
        b'{"data":{"t":1},"guid":"s_1"}',
        b'{"data":{"t":1,"o":1,"h":1,"l":1,"c":1e999,"v":1},"guid":"s_1"}',
        b'{"requestGuid":"s_1","httpCode":200,"message":"Handled successfully"}',
    ],
)
def test_what_is_no_candle_is_an_error(frame: bytes) -> None:
    with pytest.raises(WireError):
        STREAMS_CANDLES.decode(frame, Format.SLIM)


def test_a_frame_is_forgiven_what_an_answer_is() -> None:
    wire = b'\xef\xbb\xbf {"guid": "s_1", "data": {"t": 1, "o": 1, "h": 1, "l": 1, "c": 1.5, "v": 10.0}, "new": []}'
    candle = STREAMS_CANDLES.decode(wire, Format.SLIM)
    assert (candle.close, candle.volume) == (Decimal("1.5"), 10)


@pytest.mark.parametrize("frame", [b"", b"{", b'{"guid":"s_1"}', b'{"data":[1]}', b"\xff"])
def test_what_is_no_frame_does_not_change_what_is_known(frame: bytes) -> None:
    known = {"sym": Raw(b'"SBER"')}
    with pytest.raises(WireError):
        merge_data(known, frame)
    assert list(known) == ["sym"]


def test_no_token_is_in_what_a_spec_shows() -> None:
    assert repr(STREAMS_ORDERS) == "<StreamSpec streams.orders: OrdersGetAndSubscribeV2>"
    assert repr(STREAMS_UNSUBSCRIBE) == "<SignalSpec streams.unsubscribe: unsubscribe>"
    assert repr(STREAMS_ORDERS.parameters[0]) == "StreamParameter('portfolio', 'portfolio', ValueKind.TEXT)"
