"""Every recorded answer becomes its public model, and nobody can tell in which format it came."""

import pickle
from collections import defaultdict
from typing import Any

import msgspec
import pytest

from alor_async import models
from alor_async.models import Model
from alor_async.values import Format
from tests.contract.model_kit import (
    EXAMPLES,
    FIXTURES,
    OBJECTS,
    OPERATIONS,
    Example,
    compare,
    objects,
    schema_of,
    shared,
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


@pytest.mark.parametrize("example", OBJECTS, ids=str)
def test_only_public_classes_come_out(example: Example) -> None:
    public = {getattr(models, name) for name in models.__all__}
    private = {"answers"}
    for value in objects(example.decode()):
        module = type(value).__module__.rpartition(".")[2]
        assert type(value) in public or module in private


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
