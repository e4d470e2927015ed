"""F033-F041: numbers, order numbers, times and words that are not as the contract has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alor_async.errors import DecodeError
from alor_async.models import Order, OrderStatus
from alor_async.values import NEVER, Format
from tests.contract.call_kit import Call
from tests.contract.model_kit import Example, document, encode, expected, modelled, walk, wire_key
from tests.faults import content_support
from tests.faults.content_support import (
    PLACING,
    READ_OF,
    READABLE_OBJECTS,
    Desk,
    call_of,
    first_places,
    named,
    numbers_in,
    with_raw,
)

desk, exchange = content_support.desk, content_support.exchange

Place = tuple[Any, dict[str, Any], str, str]
EACH_PLACING = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in PLACING])
ORDERS = next(item for item in READABLE_OBJECTS if str(item) == "account.list_orders.heavy")
CANDLES = next(item for item in READABLE_OBJECTS if str(item) == "market_data.get_candles.heavy")


def places(example: Example, wire: Any, *, format_: str | None = None, kind: str | None = None) -> Iterator[Place]:
    """Give the schema, the object, the attribute and the key of every kind of value of one format in an answer."""
    for schema, place in first_places(example, wire):
        for attribute, item in modelled(schema).items():
            key = wire_key(item, example.format)
            types = item.get("type", ())
            of_kind = kind is None or kind == types or kind in types
            if key in place and of_kind and (format_ is None or item.get("format") == format_):
                yield item, place, attribute, key


async def refused(desk: Desk, example: Example, body: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        await desk.reread(call_of(example), body, example.format)
    return caught.value.path


async def honest(desk: Desk, example: Example, body: bytes) -> Any:
    return await desk.reread(call_of(example), body, example.format)


def number_answer(text: bytes | str) -> bytes:
    return b'{"message":"success","orderNumber":' + (text.encode() if isinstance(text, str) else text) + b"}"


# F033: huge whole numbers.


async def test_f033_ids_of_any_length_keep_every_digit_or_are_refused(desk: Desk) -> None:
    wire = ORDERS.wire
    with desk.answering(call_of(ORDERS)):
        for number in (2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**64 + 1, 10**22 + 7):
            for text in (str(number), f'"{number}"'):
                orders = await honest(desk, ORDERS, with_raw(wire, wire[0], "id", text))
                assert orders[0].order_id == str(number)
        assert (await honest(desk, ORDERS, with_raw(wire, wire[0], "id", f'"{"9" * 5_000}"')))[
            0
        ].order_id == "9" * 5_000
        assert await refused(desk, ORDERS, with_raw(wire, wire[0], "id", "9" * 5_000)) == "$[0].id"


async def test_f033_other_whole_numbers_are_exact_or_refused(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, kind="integer"):
                for number in (2**63, 10**400, 10**5_000):
                    try:
                        result = await honest(desk, example, with_raw(wire, place, key, _digits(number)))
                    except DecodeError:
                        assert number > 2**63
                    else:
                        assert number in _values(result, attribute)


def _digits(number: int) -> str:
    return "1" + "0" * 5_000 if number == 10**5_000 else str(number)


def _values(value: Any, attribute: str) -> Iterator[Any]:
    """Give all values of an attribute in a result."""
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            found = getattr(value, name)
            if name == attribute:
                yield found
            yield from _values(found, attribute)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _values(item, attribute)


# F034: order numbers.


@EACH_PLACING
async def test_f034_a_number_and_its_text_are_the_same_order_number(desk: Desk, call: Call) -> None:
    for number in ("1", "55018700014", "1914637720558140563", "9223372036854775807"):
        for text in (number, f'"{number}"'):
            await desk.fresh()
            mark = len(desk.sandbox.journal)
            ack = await desk.read(call, number_answer(text))
            assert ack.order_id == number
            assert desk.acts_since(mark) == 1


NO_NUMBERS = (
    "4.1e10",
    "1e3",
    "1.5",
    "1914637720558140563.0",
    "-1",
    "0",
    "true",
    "null",
    "[]",
    "[1]",
    "{}",
    '""',
    '"0"',
    '"-1"',
    '"4.1e10"',
    '"12.0"',
    '" 12"',
    '"12a"',
    '"0x10"',
    '"١٢"',
    '"１２"',
    '"null"',
    f'"{"1" * 20}"',
    "1" * 20,
    "1" * 5_000,
    "NaN",
)


@EACH_PLACING
async def test_f034_what_is_no_order_number_leaves_the_order_unknown(desk: Desk, call: Call) -> None:
    for text in NO_NUMBERS:
        with named(text):
            await desk.unknown(call, number_answer(text))


async def test_f034_ids_in_answers_to_reads_are_text_and_never_rounded(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, format_="wire-id"):
                for text, number in (("19", "19"), ('"19"', "19"), ("1914637720558140563", "1914637720558140563")):
                    assert number in _values(await honest(desk, example, with_raw(wire, place, key, text)), attribute)
                for text in ("4.1e10", "1.5", "1914637720558140563.0", "9007199254740993.0", "true", "[1]", "{}"):
                    await refused(desk, example, with_raw(wire, place, key, text))


# F035 and F036: no numbers, and numbers beyond all measure.

NOT_FINITE = ("NaN", "-NaN", "Infinity", "-Infinity", '"NaN"', '"sNaN"', '"nan"', '"Infinity"', '"-inf"', '"\\u004eaN"')
BEYOND = ("1e999999999", "-1E+999999999", '"1e999999999"', "1e-999999999", "0e999999999")


@pytest.mark.parametrize("format_", [*Format, None])
async def test_f035_no_number_is_refused_at_every_decimal(desk: Desk, format_: Format | None) -> None:
    await refuse_at_every_decimal(desk, format_, NOT_FINITE)


@pytest.mark.parametrize("format_", [*Format, None])
async def test_f036_a_number_beyond_all_measure_is_refused_at_every_decimal(desk: Desk, format_: Format | None) -> None:
    await refuse_at_every_decimal(desk, format_, BEYOND)


async def refuse_at_every_decimal(desk: Desk, format_: Format | None, texts: tuple[str, ...]) -> None:
    tried = 0
    for example in (item for item in READABLE_OBJECTS if item.format is format_):
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, _, key in places(example, wire, format_="decimal"):
                for text in texts:
                    path = await refused(desk, example, with_raw(wire, place, key, text))
                    assert path == "$" or path.endswith(f".{key}"), path
                    tried += 1
    assert tried >= len(texts)


@EACH_PLACING
async def test_f036_an_absurd_number_beside_the_order_number_does_no_harm(desk: Desk, call: Call) -> None:
    await desk.fresh()
    ack = await desk.read(call, b'{"orderNumber":"7","elapsed":1e999999999}')
    assert ack.order_id == "7"


# F037: exact decimals.


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_f037_decimals_are_kept_digit_for_digit(desk: Desk, data: st.DataObject) -> None:
    digits = st.text("0123456789", min_size=1, max_size=17)
    texts = st.builds(
        lambda sign, whole, part, power: f"{sign}{whole.lstrip('0') or '0'}{part and '.' + part}{power}",
        st.just(""),
        digits,
        st.one_of(st.just(""), digits),
        st.sampled_from(["", "e-5", "E+7", "e3"]),
    )
    prices = [*data.draw(st.lists(texts, min_size=20, max_size=60)), "0.30000000000000004", "305.420", "0.1", "1e-7"]
    row = '{"time":%d,"close":%s,"open":1,"high":1,"low":1,"volume":1}'
    rows = ",".join(row % (60 * index, price) for index, price in enumerate(prices))
    page = await desk.read(
        READ_OF["market_data.get_candles"], f'{{"history":[{rows}],"next":null,"prev":null}}'.encode()
    )
    assert [candle.close.as_tuple() for candle in page.candles] == [Decimal(price).as_tuple() for price in prices]


async def test_f037_every_decimal_of_every_answer_is_the_text_of_the_wire(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, format_="decimal"):
                for text in ("0.30000000000000004", "-98765432109876.5", "305.420"):
                    result = await honest(desk, example, with_raw(wire, place, key, text))
                    assert Decimal(text).as_tuple() in [number.as_tuple() for number in numbers_in(result)]
                    assert Decimal(text) in _values(result, attribute)


# F038: whole numbers with a fraction.


async def test_f038_a_whole_number_may_be_spelled_with_a_zero_fraction(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, kind="integer"):
                assert 10 in _values(await honest(desk, example, with_raw(wire, place, key, "10.0")), attribute)
                for text in ("1.5", "9007199254740993.0", "true"):
                    await refused(desk, example, with_raw(wire, place, key, text))


# F039 and F040: times.


async def test_f039_the_servers_never_is_never_and_the_rest_is_read(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        call = call_of(example)
        with named(example), desk.answering(call):
            before = await honest(desk, example, encode(wire))
            for item, place, attribute, key in places(example, wire, format_="date-time"):
                for text in ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59Z"):
                    result = await honest(desk, example, with_raw(wire, place, key, f'"{text}"'))
                    found = list(_values(result, attribute))
                    assert NEVER in found or (text.endswith("59Z") and NEVER.replace(microsecond=0) in found), item
                    assert type(result) is type(before)


GOOD_TIMES = {
    "2026-03-01T10:00:00Z": datetime(2026, 3, 1, 10, tzinfo=UTC),
    "2026-03-01T10:00:00": datetime(2026, 3, 1, 10, tzinfo=UTC),
    "2026-03-01T10:00:00.123Z": datetime(2026, 3, 1, 10, 0, 0, 123_000, tzinfo=UTC),
    "2026-03-01T10:00:00.1234560": datetime(2026, 3, 1, 10, 0, 0, 123_456, tzinfo=UTC),
    "2026-03-01T10:00:00.1234561Z": datetime(2026, 3, 1, 10, 0, 0, 123_456, tzinfo=UTC),
    "2026-03-01T13:00:00+03:00": datetime(2026, 3, 1, 10, tzinfo=UTC),
    "0001-01-01T00:00:00": datetime(1, 1, 1, tzinfo=UTC),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=UTC),
}
BAD_TIMES = ("", "yesterday", "2026-02-30T10:00:00Z", "10:00", "2026-03-01T10:00:00 Moscow", "NaN")


async def test_f040_times_are_aware_whatever_was_written(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, format_="date-time"):
                for text, time in GOOD_TIMES.items():
                    found = list(
                        _values(await honest(desk, example, with_raw(wire, place, key, f'"{text}"')), attribute)
                    )
                    assert time in found, (text, found)
                    assert all(value is None or value.tzinfo is not None for value in found)


async def test_f040_the_seventh_digit_is_less_than_a_microsecond(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for _, place, attribute, key in places(example, wire, format_="date-time"):
                result = await honest(desk, example, with_raw(wire, place, key, '"2026-03-01T10:00:00.1234569Z"'))
                exact = datetime(2026, 3, 1, 10, 0, 0, 123_456, tzinfo=UTC)
                assert {exact, exact + timedelta(microseconds=1)} & set(_values(result, attribute))


async def test_f040_a_null_time_is_none_where_that_is_allowed_and_no_time_is_refused(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for schema, place in first_places(example, wire):
                for attribute, item in modelled(schema).items():
                    key = wire_key(item, example.format)
                    if item.get("format") != "date-time" or key not in place:
                        continue
                    for text in BAD_TIMES:
                        await refused(desk, example, with_raw(wire, place, key, f'"{text}"'))
                    if attribute in schema.get("required", ()):
                        await refused(desk, example, with_raw(wire, place, key, "null"))
                    else:
                        result = await honest(desk, example, with_raw(wire, place, key, "null"))
                        assert None in _values(result, attribute)


# F041: words that nobody has documented.


async def test_f041_an_unlisted_word_is_kept_as_it_is(desk: Desk) -> None:
    kinds = {name for name, schema in document()["components"]["schemas"].items() if schema.get("x-open")}
    tried = set()
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for item, place, attribute, key in places(example, wire):
                name = _enumeration(item)
                if name not in kinds or place[key] is None:
                    continue
                novel: Any = 7_777 if isinstance(place[key], int) else "suspended by a comet"
                result = await honest(desk, example, with_raw(wire, place, key, json.dumps(novel)))
                (value,) = {value for value in _values(result, attribute) if value == novel}
                assert not value.is_listed
                assert type(value).__name__ == name
                tried.add(name)
    assert len(tried) > 5, tried


def _enumeration(item: Any) -> str | None:
    reference = item if "$ref" in item else next(iter(item.get("anyOf", ({},))))
    return reference["$ref"].rpartition("/")[2] if "$ref" in reference else None


async def test_f041_an_order_in_an_unlisted_status_counts_as_live(desk: Desk) -> None:
    wire = ORDERS.wire
    for index, order in enumerate(wire):
        order["status"] = ("suspended", "working", "filled", "canceled", "rejected", "REJECTED")[index % 6]
    orders: list[Order] = await desk.read(call_of(ORDERS), encode(wire))
    dead = {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}
    for order, sent in zip(orders, wire, strict=True):
        assert (order.status in dead) == (sent["status"].lower() in {"filled", "canceled", "rejected"})
    assert orders[0].status == "suspended"
    assert orders[0].status not in dead


def test_the_examples_have_what_these_tests_change() -> None:
    found = {
        (attribute, example.format)
        for example in READABLE_OBJECTS
        for _, place in walk(example.schema, example.wire, example.format)
        for attribute in place
    }
    assert len(found) > 300
    assert expected({"type": "number"}, 1) == 1
    assert any(str(example).startswith("market_data.get_candles") for example in READABLE_OBJECTS)
