"""F042-F048: objects with more keys, fewer keys, other keys, and things that are no objects."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from alor_async.errors import DecodeError
from alor_async.values import Format
from tests.contract.call_kit import Call
from tests.contract.model_kit import Example, encode, modelled, walk, wire_key
from tests.faults import content_support
from tests.faults.content_support import (
    PLACING,
    READABLE_OBJECTS,
    Desk,
    call_of,
    first_places,
    named,
)

desk, exchange = content_support.desk, content_support.exchange

EACH_PLACING = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in PLACING])
BY_NAME = {str(example): example for example in READABLE_OBJECTS}


async def read(desk: Desk, example: Example, body: bytes) -> Any:
    return await desk.reread(call_of(example), body, example.format)


async def refused(desk: Desk, example: Example, body: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        await desk.reread(call_of(example), body, example.format)
    return caught.value.path


async def test_f042_keys_that_we_do_not_know_change_nothing(desk: Desk) -> None:
    more = {"newest": {"deep": [1, None, {"x": "y"}]}, "": 1, "ключ": "значение", "null": None, "x" * 300: [[]] * 50}
    for example in READABLE_OBJECTS:
        with named(example), desk.answering(call_of(example)):
            honest = await read(desk, example, example.body)
            wire = example.wire
            for _, place in list(walk(example.schema, wire, example.format)):
                place.update(more)
            assert await read(desk, example, encode(wire)) == honest


async def test_f043_f044_a_required_key_that_is_missing_or_null_is_refused_with_its_place(desk: Desk) -> None:
    tried = 0
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for schema, place in first_places(example, wire):
                keys = {wire_key(schema["properties"][name], example.format) for name in schema.get("required", ())}
                for key in sorted(key for key in keys if key):
                    honest = place.pop(key)
                    assert (await refused(desk, example, encode(wire))).endswith(f".{key}")
                    place[key] = None
                    assert (await refused(desk, example, encode(wire))).endswith(f".{key}")
                    place[key] = honest
                    tried += 1
    assert tried > 300


async def test_f043_f044_any_other_key_may_be_missing_or_null(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for schema, place in first_places(example, wire):
                for name, item in modelled(schema).items():
                    key = wire_key(item, example.format)
                    if key not in place or name in schema.get("required", ()):
                        continue
                    honest = place.pop(key)
                    without = await read(desk, example, encode(wire))
                    place[key] = None
                    assert await read(desk, example, encode(wire)) == without
                    place[key] = honest


async def test_f043_one_broken_order_refuses_the_list_and_is_named(desk: Desk) -> None:
    example = BY_NAME["account.list_orders.heavy"]
    orders = [copy.deepcopy(example.wire[0]) for _ in range(2_000)]
    del orders[1_234]["status"]
    with desk.answering(call_of(example)):
        assert await refused(desk, example, encode(orders)) == "$[1234].status"


async def test_f045_of_a_key_that_stands_twice_the_last_one_counts(desk: Desk) -> None:
    example = BY_NAME["market_data.get_order_book.heavy"]
    book = await desk.read(
        call_of(example),
        b'{"msTimestamp":1,"bids":[],"asks":[{"price":9,"price":1.5,"volume":1,"volume":2}],"bids":[],"existing":true}',
    )
    assert [(str(level.price), level.lots) for level in book.asks] == [("1.5", 2)]


@EACH_PLACING
async def test_f045_of_two_order_numbers_the_last_one_counts(desk: Desk, call: Call) -> None:
    await desk.fresh()
    assert (await desk.read(call, b'{"orderNumber":"1","orderNumber":"2"}')).order_id == "2"
    await desk.unknown(call, b'{"orderNumber":"1","orderNumber":null}')


async def test_f046_a_required_key_in_another_case_or_under_another_name_is_refused(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            for schema, place in first_places(example, wire):
                for name in schema.get("required", ()):
                    key = wire_key(schema["properties"][name], example.format)
                    if key is None:
                        continue
                    honest = place.pop(key)
                    for other in ({key.upper(), key.lower(), f"_{key}", f"{key}_"} - {key}) - place.keys():
                        place[other] = honest
                        assert (await refused(desk, example, encode(wire))).endswith(f".{key}")
                        del place[other]
                    place[key] = honest


async def test_f046_spellings_that_were_seen_on_the_wire_are_read(desk: Desk) -> None:
    tried = 0
    for example in READABLE_OBJECTS:
        with named(example), desk.answering(call_of(example)):
            honest = await read(desk, example, example.body)
            for schema, _ in first_places(example, example.wire):
                for item in schema["properties"].values():
                    for other in _alternates(item, example.format):
                        wire = example.wire
                        key = wire_key(item, example.format)
                        for body, place in walk(example.schema, wire, example.format):
                            if body is schema and key in place:
                                place[other] = place.pop(key)
                        assert await read(desk, example, encode(wire)) == honest
                        tried += 1
    assert tried


def _alternates(item: Any, format_: Format | None) -> list[str]:
    found = item.get("x-alternates", [])
    return found.get((format_ or Format.HEAVY).value.lower(), []) if isinstance(found, dict) else found


@EACH_PLACING
async def test_f046_an_accepted_order_under_another_key_is_unknown(desk: Desk, call: Call) -> None:
    for key in ("ordernumber", "OrderNumber", "order_number", "orderId", "number"):
        with named(key):
            await desk.unknown(call, b'{"message":"success","%b":"55018700014"}' % key.encode())


async def test_f047_an_answer_in_another_format_is_refused_or_read_without_a_wrong_value(desk: Desk) -> None:
    tried = refusals = 0
    for example in READABLE_OBJECTS:
        for asked in Format:
            if example.format in (None, asked):
                continue
            with named(f"{example}, asked for {asked}"), desk.answering(call_of(example)):
                honest = await read(desk, example, example.body)
                tried += 1
                try:
                    result = await desk.reread(call_of(example), example.body, asked)
                except DecodeError:
                    refusals += 1
                else:
                    is_summary = example.operation.name == "account.get_summary"  # no key of it is required
                    assert is_summary or Format.SLIM not in {example.format, asked}
                    assert_agree(result, honest)
    assert tried > 100
    assert refusals > tried // 2


def assert_agree(one: Any, other: Any) -> None:
    """Check that two results differ in nothing but in what one of them lacks."""
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_agree(left, right)
    elif isinstance(one, msgspec.Struct):
        assert type(one) is type(other)
        for name in one.__struct_fields__:
            assert_agree(getattr(one, name), getattr(other, name))
    else:
        assert one == other or None in (one, other)


async def test_f048_a_list_is_no_object_and_an_object_no_list(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        wire = example.wire
        with named(example), desk.answering(call_of(example)):
            swapped = wire[0] if isinstance(wire, list) else [wire]
            assert await refused(desk, example, encode(swapped)) == "$"
            for schema, place in first_places(example, wire):
                for item in modelled(schema).values():
                    key = wire_key(item, example.format)
                    if key not in place:
                        continue
                    honest = place[key]
                    place[key] = {"0": honest} if isinstance(honest, list) else [honest]
                    assert f".{key}" in await refused(desk, example, encode(wire))
                    place[key] = honest


@EACH_PLACING
async def test_f048_a_list_leaves_an_order_unknown(desk: Desk, call: Call) -> None:
    for body in (
        b'[{"orderNumber":"7"}]',
        b'[["7"]]',
        b'"7"',
        b"7",
        b'{"orderNumber":["7"]}',
        b'{"orderNumber":{"id":7}}',
    ):
        with named(body):
            await desk.unknown(call, body)
