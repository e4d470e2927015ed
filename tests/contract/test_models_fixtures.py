"""Every recorded answer becomes its public model, and nobody can tell in which format it came."""

import pickle
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from alor_async import models
from alor_async.models import Model, OpenStrEnum
from alor_async.values import Format
from tests.contract.model_kit import (
    EXAMPLES,
    FIXTURES,
    OBJECTS,
    OPERATIONS,
    Example,
    document,
    expected,
    modelled,
    schema_of,
    wire_key,
)

SPELLED = [operation for operation in OPERATIONS.values() if operation.has_format]


def in_all_formats() -> dict[str, dict[Format, Example]]:
    found: dict[str, dict[Format, Example]] = defaultdict(dict)
    for example in EXAMPLES:
        if example.format is not None:
            found[example.operation.name][example.format] = example
    return found


def test_every_operation_with_formats_has_an_example_in_each() -> None:
    found = in_all_formats()
    assert {operation.name for operation in SPELLED} == set(found)
    assert all(set(spellings) == set(Format) for spellings in found.values())


def test_every_other_operation_has_an_example() -> None:
    recorded = {path.name.removesuffix(".json").removesuffix(".txt") for path in FIXTURES.iterdir()}
    plain = {name for name, operation in OPERATIONS.items() if not operation.has_format}
    second_names = {"stop_orders.cancel", "stop_orders.cancel_all"}  # the operations of `orders` once more
    pages_for_people = {"oauth.authorize"}  # answers a browser with a redirect
    assert plain - recorded == second_names | pages_for_people


@pytest.mark.parametrize("example", OBJECTS, ids=str)
def test_each_attribute_is_what_the_wire_said(example: Example) -> None:
    compared = compare(example.schema, example.wire, example.decode(), example.format)
    assert compared > 0


def compare(schema: Any, wire: Any, value: Any, format_: Format | None) -> int:
    """Compare an answer with its JSON, attribute by attribute; return how many were compared."""
    if isinstance(wire, list):
        assert len(wire) == len(value)
        return sum(compare(schema, item, model, format_) for item, model in zip(wire, value, strict=True))
    found = schema_of(schema)
    assert found is not None
    name, body = found
    assert type(value).__name__ == name
    for attribute, item in modelled(body).items():
        key = wire_key(item, format_)
        said = None if key is None else wire.get(key)
        got = getattr(value, attribute)
        if said is not None and schema_of(item) is not None:
            compare(item, said, got, format_)
        elif isinstance(got, datetime):
            assert abs(got - expected(item, said)) <= timedelta(microseconds=1), attribute  # the seventh digit
        elif isinstance(got, OpenStrEnum):
            assert got.lower() == said.lower(), attribute
        else:
            assert got == expected(item, said), attribute
    return len(modelled(body))


@pytest.mark.parametrize("example", OBJECTS, ids=str)
def test_only_public_classes_come_out(example: Example) -> None:
    public = {getattr(models, name) for name in models.__all__}
    private = {"answers"}
    for value in objects(example.decode()):
        module = type(value).__module__.rpartition(".")[2]
        assert type(value) in public or module in private


def objects(value: Any) -> list[msgspec.Struct]:
    if isinstance(value, list | tuple):
        return [found for item in value for found in objects(item)]
    if isinstance(value, msgspec.Struct):
        return [value, *(found for name in value.__struct_fields__ for found in objects(getattr(value, name)))]
    return []


@pytest.mark.parametrize("name", sorted(in_all_formats()))
def test_the_three_formats_of_an_example_are_one_value(name: str) -> None:
    simple, slim, heavy = (shared(in_all_formats()[name][format_].decode()) for format_ in Format)
    assert simple == slim == heavy
    assert repr(simple) == repr(slim) == repr(heavy)
    assert pickle.loads(pickle.dumps(slim)) == pickle.loads(pickle.dumps(heavy)) == simple
    for one, other in zip(objects(slim), objects(heavy), strict=True):
        assert hash(one) == hash(other)
        if isinstance(one, Model) and isinstance(other, Model):
            assert one.to_dict() == other.to_dict()
            assert one.to_json() == other.to_json()
        assert msgspec.json.encode(one) == msgspec.json.encode(other)


def shared(value: Any) -> Any:
    """Blank the attributes that some format does not carry."""
    if isinstance(value, list | tuple):
        return type(value)(shared(item) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    properties = modelled(document()["components"]["schemas"][type(value).__name__])
    everywhere = {name for name, item in properties.items() if all(wire_key(item, format_) for format_ in Format)}
    changes = {name: shared(getattr(value, name)) if name in everywhere else None for name in value.__struct_fields__}
    return msgspec.structs.replace(value, **changes)


@pytest.mark.parametrize("example", OBJECTS, ids=str)
def test_values_survive_pickling(example: Example) -> None:
    value = example.decode()
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert repr(again) == repr(value)


def test_answers_without_objects_are_plain_values() -> None:
    plain = {str(example): example.decode() for example in EXAMPLES if schema_of(example.schema) is None}
    assert set(plain) == {"get_server_time", "instruments.list_boards"}
    assert isinstance(plain["get_server_time"], int)
    assert all(isinstance(board, str) for board in plain["instruments.list_boards"])


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.txt")), ids=lambda path: path.stem)
def test_answers_of_one_word_mean_success(path: Any) -> None:
    operation = OPERATIONS.get(path.stem)
    if operation is None:
        assert path.stem == "oauth.token.request"
    else:
        assert operation.answer[None].decode(path.read_bytes()) is None


@pytest.mark.parametrize("name", ["orders.cancel.object", "orders.cancel.quoted", "orders.cancel_all.quoted"])
def test_success_comes_in_other_dresses(name: str) -> None:
    operation = OPERATIONS[name.rpartition(".")[0]]
    assert operation.answer[None].decode((FIXTURES / f"{name}.json").read_bytes()) is None
