"""What models make of answers that are not as expected: missing, null, unknown, unlisted, and of numbers."""

import copy
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alor_async import models
from alor_async._contract.operations import (
    ACCOUNT_GET_ORDER,
    INSTRUMENTS_GET,
    MARKET_DATA_GET_CANDLES,
    MARKET_DATA_GET_ORDER_BOOK,
)
from alor_async._http.decode import WireError
from alor_async.errors import InvalidArgument
from alor_async.models import Instrument, OpenIntEnum, OpenStrEnum, Order, OrderStatus, Side, TradingStatus
from alor_async.values import NEVER, Format, InstrumentId
from tests.contract.model_kit import EXAMPLES, OBJECTS, Example, document, encode, modelled, walk, wire_key


def example(name: str, format_: Format = Format.HEAVY) -> Example:
    return next(item for item in EXAMPLES if item.operation.name == name and item.format is format_)


def first_objects(item: Example) -> dict[int, tuple[Any, int]]:
    """Give the place of the first object of each schema in an answer."""
    found: dict[int, tuple[Any, int]] = {}
    for index, (schema, _) in enumerate(walk(item.schema, item.wire, item.format)):
        found.setdefault(id(schema), (schema, index))
    return found


def changed(item: Example, index: int, change: Any) -> Any:
    """Give the JSON of an answer with one of its objects changed."""
    wire = copy.deepcopy(item.wire)
    _, target = list(walk(item.schema, wire, item.format))[index]
    change(target)
    return wire


REQUIRED = [
    pytest.param(item, index, key, id=f"{item}-{attribute}")
    for item in OBJECTS
    for schema, index in first_objects(item).values()
    for attribute in schema.get("required", [])
    if (key := wire_key(schema["properties"][attribute], item.format))
]

OPTIONAL = [
    pytest.param(item, index, attribute, key, id=f"{item}-{attribute}")
    for item in OBJECTS
    for schema, index in first_objects(item).values()
    for attribute, property_ in modelled(schema).items()
    if attribute not in schema.get("required", []) and (key := wire_key(property_, item.format))
]


@pytest.mark.parametrize(("item", "index", "key"), REQUIRED)
def test_a_missing_required_key_is_an_error_with_its_path(item: Example, index: int, key: str) -> None:
    with pytest.raises(WireError) as caught:
        item.decode(changed(item, index, lambda target: target.pop(key)))
    assert caught.value.path.startswith("$")
    assert caught.value.path.endswith(f".{key}")


@pytest.mark.parametrize(("item", "index", "key"), REQUIRED)
def test_a_required_key_that_is_null_is_an_error_with_its_path(item: Example, index: int, key: str) -> None:
    with pytest.raises(WireError) as caught:
        item.decode(changed(item, index, lambda target: target.update({key: None})))
    assert caught.value.path.endswith(f".{key}")


@pytest.mark.heavy
@pytest.mark.parametrize(("item", "index", "attribute", "key"), OPTIONAL)
def test_an_optional_key_may_be_null_or_missing(item: Example, index: int, attribute: str, key: str) -> None:
    null = item.decode(changed(item, index, lambda target: target.update({key: None})))
    missing = item.decode(changed(item, index, lambda target: target.pop(key, None)))
    assert null == missing
    assert getattr(flat(null)[index], attribute) is None


def flat(value: Any) -> list[Any]:
    """Give the objects of an answer in the order of `walk`."""
    if isinstance(value, list | tuple):
        return [found for item in value for found in flat(item)]
    if isinstance(value, msgspec.Struct):
        return [value, *(found for name in value.__struct_fields__ for found in flat(getattr(value, name)))]
    return []


@pytest.mark.parametrize("item", OBJECTS, ids=str)
def test_unknown_keys_are_ignored(item: Example) -> None:
    wire = copy.deepcopy(item.wire)
    for _, target in list(walk(item.schema, wire, item.format)):
        target.update({"brandNewKey": {"deep": [1]}, "-board": "never read", "": 0})
    assert item.decode(wire) == item.decode()


IDS = [
    pytest.param(item, index, attribute, key, id=f"{item}-{attribute}")
    for item in OBJECTS
    for schema, index in first_objects(item).values()
    for attribute, property_ in modelled(schema).items()
    if property_.get("format") == "wire-id" and (key := wire_key(property_, item.format))
]


@pytest.mark.parametrize(("item", "index", "attribute", "key"), IDS)
def test_an_id_is_text_however_it_was_sent(item: Example, index: int, attribute: str, key: str) -> None:
    number = 1_914_637_720_558_140_563  # a double would lose its last digits
    for sent in (number, str(number)):
        value = item.decode(changed(item, index, lambda target: target.update({key: sent})))  # noqa: B023 - called at once
        assert getattr(flat(value)[index], attribute) == str(number)


# Enumerations.

OPEN = [
    kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, OpenStrEnum | OpenIntEnum)
]
OPEN = [kind for kind in OPEN if kind not in {OpenStrEnum, OpenIntEnum}]


def listed_values(property_: Any) -> list[Any]:
    """Give the values of the enumeration that a property refers to, none where it is something else."""
    reference = property_["anyOf"][0] if "anyOf" in property_ else property_
    name = reference.get("$ref", "").rpartition("/")[2]
    return list(document()["components"]["schemas"].get(name, {}).get("enum", []))


ENUM_FIELDS = [
    pytest.param(
        item, index, attribute, key, "brandNew" if isinstance(listed[0], str) else 987_654, id=f"{item}-{attribute}"
    )
    for item in OBJECTS
    for schema, index in first_objects(item).values()
    for attribute, property_ in modelled(schema).items()
    if (listed := listed_values(property_)) and (key := wire_key(property_, item.format))
]


@pytest.mark.parametrize(("item", "index", "attribute", "key", "unlisted"), ENUM_FIELDS)
def test_an_unlisted_value_is_kept(item: Example, index: int, attribute: str, key: str, unlisted: str | int) -> None:
    value = item.decode(changed(item, index, lambda target: target.update({key: unlisted})))
    got = getattr(flat(value)[index], attribute)
    assert got == unlisted
    assert not got.is_listed


@pytest.mark.parametrize(("item", "index", "attribute", "key", "unlisted"), ENUM_FIELDS)
def test_a_word_of_another_kind_is_an_error(
    item: Example, index: int, attribute: str, key: str, unlisted: str | int
) -> None:
    wrong = [unlisted]
    with pytest.raises(WireError) as caught:
        item.decode(changed(item, index, lambda target: target.update({key: wrong})))
    assert caught.value.path.endswith(f".{key}")


@pytest.mark.parametrize("kind", OPEN, ids=lambda kind: kind.__name__)
def test_every_enumeration_of_answers_is_open(kind: Any) -> None:
    raw = 987_654 if issubclass(kind, int) else "somethingNew"
    value = msgspec.json.decode(msgspec.json.encode(raw), type=kind)
    assert isinstance(value, kind)
    assert value == raw
    assert hash(value) == hash(raw)
    assert not value.is_listed
    assert value not in list(kind)
    assert msgspec.json.encode(value) == msgspec.json.encode(raw)
    assert pickle.loads(pickle.dumps(value)) == value
    assert all(member.is_listed for member in kind)


@pytest.mark.parametrize("kind", [kind for kind in OPEN if issubclass(kind, str)], ids=lambda kind: kind.__name__)
def test_listed_words_are_known_in_any_case(kind: Any) -> None:
    for member in kind:
        for spelling in (member.value, member.value.upper(), member.value.lower()):
            assert msgspec.json.decode(msgspec.json.encode(spelling), type=kind) is member


def test_an_order_of_an_unlisted_status_is_still_an_order() -> None:
    item = example("account.get_order")
    order = item.decode({**item.wire, "status": "paused"})
    assert isinstance(order, Order)
    assert order.status == "paused"
    assert order.status is not OrderStatus.WORKING


def test_a_status_of_an_instrument_is_a_number_with_a_name() -> None:
    item = example("instruments.get")
    assert item.decode({**item.wire, "tradingStatus": 17}).trading_status is TradingStatus.NORMAL
    assert item.decode({**item.wire, "tradingStatus": 5}).trading_status == 5


def test_spellings_of_words_differ_between_samples() -> None:
    item = example("account.get_order")
    assert item.decode({**item.wire, "side": "BUY"}).side is Side.BUY


# Numbers.

PRICES = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False)


def texts_of_numbers() -> st.SearchStrategy[str]:
    """Give numbers as a server may spell them: fixed point, with trailing zeros, or with a small exponent."""
    whole = st.integers(min_value=-(10**14), max_value=10**14)
    fraction = st.text("0123456789", max_size=9)
    fixed = st.tuples(whole, fraction).map(lambda pair: f"{pair[0]}.{pair[1]}" if pair[1] else str(pair[0]))
    scientific = st.tuples(st.integers(1, 9), fraction, st.integers(-9, 9)).map(
        lambda parts: f"{parts[0]}{'.' + parts[1] if parts[1] else ''}e{parts[2]:+d}"
    )
    return fixed | scientific


@given(texts=st.lists(texts_of_numbers(), min_size=4, max_size=4), format_=st.sampled_from(Format))
def test_decimals_survive_exactly_as_they_are_spelled(texts: list[str], format_: Format) -> None:
    keys, page = {
        Format.SLIM: (("o", "h", "l", "c", "t", "v"), "h"),
    }.get(format_, (("open", "high", "low", "close", "time", "volume"), "history"))
    prices = ",".join(f'"{key}":{text}' for key, text in zip(keys, texts, strict=False))
    body = f'{{"{page}":[{{{prices},"{keys[4]}":60,"{keys[5]}":1}}],"next":null,"prev":null}}'.encode()
    (candle,) = MARKET_DATA_GET_CANDLES.answer[format_].decode(body).candles
    for price, text in zip((candle.open, candle.high, candle.low, candle.close), texts, strict=True):
        assert price.as_tuple() == Decimal(text).as_tuple()


@given(price=PRICES, lots=st.integers(0, 2**63 - 1))
def test_a_level_is_what_was_sent(price: Decimal, lots: int) -> None:
    body = encode({"b": [{"p": price, "v": lots}], "a": [], "t": 1})
    (level,) = MARKET_DATA_GET_ORDER_BOOK.answer[Format.SLIM].decode(body).bids
    assert (level.price, level.lots) == (price, lots)


@pytest.mark.parametrize("odd", ['"NaN"', '"Infinity"', "NaN", "1e999999999", '"sNaN"', '"-Infinity"'])
def test_a_number_that_is_none_is_an_error(odd: str) -> None:
    item = example("account.get_order")
    body = encode({**item.wire, "price": "PRICE"}).replace(b'"PRICE"', odd.encode())
    with pytest.raises(WireError):
        ACCOUNT_GET_ORDER.answer[Format.HEAVY].decode(body)


def test_a_whole_number_with_a_point_is_whole_and_a_fraction_is_not() -> None:
    item = example("account.get_order")
    whole = encode({**item.wire, "filledQtyBatch": "LOTS"}).replace(b'"LOTS"', b"2.0")
    assert ACCOUNT_GET_ORDER.answer[Format.HEAVY].decode(whole).filled_lots == 2
    half = encode({**item.wire, "filledQtyBatch": "LOTS"}).replace(b'"LOTS"', b"2.5")
    with pytest.raises(WireError) as caught:
        ACCOUNT_GET_ORDER.answer[Format.HEAVY].decode(half)
    assert caught.value.path == "$.filledQtyBatch"


# Times, keys, and what models offer beyond their fields.


@pytest.mark.parametrize("format_", list(Format))
def test_an_instrument_that_never_expires(format_: Format) -> None:
    item = example("instruments.get", format_)
    key = "cncl" if format_ is Format.SLIM else "cancellation"
    never = item.decode({**item.wire, key: "9999-12-31T23:59:59.9999999"})
    assert never.expires_at == NEVER
    some_day = item.decode({**item.wire, key: "2026-12-17T18:45:00.0000000"})
    assert some_day.expires_at == datetime(2026, 12, 17, 18, 45, tzinfo=UTC)


def test_a_time_that_lost_its_zone_is_utc() -> None:
    item = example("account.get_order")
    order = item.decode({**item.wire, "transTime": "2026-03-16T07:12:48.4375180"})
    assert order.created_at == datetime(2026, 3, 16, 7, 12, 48, 437518, tzinfo=UTC)


def test_unix_stamps_have_an_aware_time_beside_them() -> None:
    page = MARKET_DATA_GET_CANDLES.answer[Format.HEAVY].decode(
        b'{"history":[{"time":1773646980,"open":1,"high":1,"low":1,"close":1,"volume":1}],"next":1773647040,"prev":null}'
    )
    assert page.candles[0].time == datetime(2026, 3, 16, 7, 43, tzinfo=UTC)
    assert page.next_time == datetime(2026, 3, 16, 7, 44, tzinfo=UTC)
    assert page.previous_time is None
    book = MARKET_DATA_GET_ORDER_BOOK.answer[Format.SLIM].decode(b'{"b":[],"a":[],"t":1773646980395}')
    assert book.time == datetime(2026, 3, 16, 7, 43, 0, 395_000, tzinfo=UTC)


@pytest.mark.parametrize("item", OBJECTS, ids=str)
def test_each_stamp_of_a_model_has_its_time(item: Example) -> None:
    for value in flat(item.decode()):
        for name in value.__struct_fields__:
            stem = name.removesuffix("_ms").removesuffix("timestamp")
            if not name.removesuffix("_ms").endswith("timestamp"):
                continue
            stamp, time = getattr(value, name), getattr(value, f"{stem}time")
            if stamp is None:
                assert time is None
            else:
                unit = timedelta(milliseconds=1) if name.endswith("_ms") else timedelta(seconds=1)
                assert time - datetime(1970, 1, 1, tzinfo=UTC) == stamp * unit


@pytest.mark.parametrize("item", OBJECTS, ids=str)
def test_models_with_symbol_and_exchange_give_their_key(item: Example) -> None:
    for value in flat(item.decode()):
        if {"symbol", "exchange"} <= set(value.__struct_fields__):
            board = getattr(value, "board", None)
            if value.symbol == "[N/A]":
                with pytest.raises(InvalidArgument, match="symbol"):
                    _ = value.instrument_id
                continue
            assert value.instrument_id == InstrumentId(value.symbol, value.exchange, board)


def test_models_name_their_instrument() -> None:
    item = example("account.get_order")
    order = item.decode({**item.wire, "symbol": "SBER", "exchange": "MOEX", "board": "TQBR"})
    assert order.instrument_id == InstrumentId("SBER", "MOEX", "TQBR")
    assert type(order.instrument_id.exchange) is str
    assert item.decode({**item.wire, "symbol": "SBER", "exchange": "MOEX", "board": ""}).instrument_id.board is None
    instrument = INSTRUMENTS_GET.answer[Format.HEAVY].decode(b'{"symbol":"X","exchange":"NYSE"}')
    assert isinstance(instrument, Instrument)
    assert instrument.instrument_id == InstrumentId("X", "NYSE")
