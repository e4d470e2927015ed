"""Formats that spell an object alike share a class, and no field takes the value of another key."""

import pytest

from codegen.contract import read_contract
from codegen.errors import CodegenError
from codegen.ir import FORMATS, Contract, Format
from codegen.spelling import Spellings
from tests.unit.codegen import sample

ORDER = "components/schemas/Order/properties"


def spelled(**changes: object) -> tuple[Contract, Spellings]:
    """Read the sample with some properties of `Order` replaced."""
    document = sample.document()
    for name, value in changes.items():
        sample.at(document, f"{ORDER}/{name}").update(value)  # type: ignore[call-overload]
    contract = read_contract(document, sample.sockets())
    return contract, Spellings(contract)


def keys(spellings: Spellings, name: str, format_: Format) -> dict[str, str]:
    return {field.field.name: field.key for field in spellings.of(name, format_).fields}


def test_formats_with_one_spelling_share_the_public_class() -> None:
    contract, spellings = spelled()
    order = contract.schemas["Order"]
    assert [wire.name for wire in spellings.classes(order)] == ["Order", "_OrderSlim"]
    assert spellings.of("Order", Format.SIMPLE) is spellings.of("Order", Format.HEAVY) is spellings.public(order)


def test_the_usual_format_decides_whose_keys_the_public_class_carries() -> None:
    _, spellings = spelled()
    assert spellings.of("Book", Format.SLIM).name == "Book"
    assert spellings.of("Book", Format.HEAVY).name == spellings.of("Book", Format.SIMPLE).name == "_BookHeavy"


def test_children_are_of_the_same_format() -> None:
    _, spellings = spelled()
    bids = spellings.of("Book", Format.HEAVY).fields[0]
    assert bids.children == (("Level", "_LevelHeavy"),)
    iceberg = spellings.of("Order", Format.SLIM).fields[-1]
    assert iceberg.children == (("Iceberg", "_IcebergSlim"),)


def test_variants_have_the_fields_of_their_public_class_in_its_order() -> None:
    contract, spellings = spelled()
    for schema in contract.schemas.values():
        for wire in spellings.classes(schema):
            assert [field.field.name for field in wire.fields] == [field.name for field in schema.fields]


def test_a_field_that_a_format_lacks_waits_under_a_key_that_no_server_sends() -> None:
    _, spellings = spelled()
    slim = keys(spellings, "Order", Format.SLIM)
    # Heavy calls the strike "p", which is the price in Slim.
    assert slim["price"] == "p"
    assert slim["strike"] == "-strike"
    assert slim["board"] == "-board"


def test_a_shared_class_never_takes_a_key_that_means_something_else() -> None:
    # In Simple, "p" is the number of old contracts; the public class would read it as the strike.
    contract, spellings = spelled(quantity={"x-wire": {"simple": "p"}})
    simple = spellings.of("Order", Format.SIMPLE)
    assert simple.name == "_OrderSimple"
    assert keys(spellings, "Order", Format.SIMPLE)["strike"] == "-strike"
    assert len(spellings.classes(contract.schemas["Order"])) == 3


def test_a_field_of_another_format_alone_lets_that_format_share_the_class() -> None:
    contract, spellings = spelled(board={"x-wire": {"simple": "board"}})
    assert keys(spellings, "Order", Format.HEAVY)["board"] == "board"
    assert spellings.of("Order", Format.SIMPLE) is spellings.public(contract.schemas["Order"])


def test_a_field_of_another_format_alone_does_not_take_a_key_of_the_usual_one() -> None:
    _, spellings = spelled(board={"x-wire": {"slim": "price"}})
    assert keys(spellings, "Order", Format.HEAVY)["board"] == "-board"


def test_a_time_without_a_zone_in_one_format_makes_a_class_of_its_own() -> None:
    document = sample.document()
    sample.at(document, f"{ORDER}/ends_at")["x-zoneless"] = ["simple"]
    spellings = Spellings(read_contract(document, sample.sockets()))
    assert spellings.of("Order", Format.SIMPLE).name == "_OrderSimple"
    assert not next(
        field for field in spellings.of("Order", Format.HEAVY).fields if field.field.name == "ends_at"
    ).zoneless


def test_what_must_be_published_is_known() -> None:
    _, spellings = spelled()
    needed = {
        wire.name: wire.needs_publishing
        for name in ("Order", "Iceberg", "Book")
        for wire in spellings.classes(spellings.of(name, Format.HEAVY).schema)
    }
    assert needed == {
        "Order": True,  # its id may come as a number
        "_OrderSlim": True,
        "Iceberg": False,
        "_IcebergSlim": True,
        "Book": False,
        "_BookHeavy": True,
    }


def test_an_object_inside_itself_is_refused() -> None:
    document = sample.document()
    sample.at(document, "components/schemas/Iceberg/properties")["order"] = {
        "$ref": "#/components/schemas/Order",
        "description": "Its order.",
        "x-wire": "order",
    }
    with pytest.raises(CodegenError, match="contains itself: Order > Iceberg > Order"):
        Spellings(read_contract(document, sample.sockets()))


def test_an_object_without_a_module_cannot_be_part_of_a_model() -> None:
    document = sample.document()
    sample.at(document, f"{ORDER}/iceberg")["anyOf"] = [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]
    sample.at(document, "paths/~old/get/responses/200")["content"] = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Iceberg"}}
    }
    del sample.at(document, "components/schemas")["Money"]
    with pytest.raises(CodegenError, match="iceberg: Problem has no `x-module`"):
        Spellings(read_contract(document, sample.sockets()))


def test_alternates_are_collected_with_the_keys_that_they_stand_for() -> None:
    contract, spellings = spelled()
    order = contract.schemas["Order"]
    assert {format_: spellings.alternates(order, format_) for format_ in FORMATS} == {
        Format.SIMPLE: (),
        Format.SLIM: (("px", "p"),),
        Format.HEAVY: (),
    }


def test_an_alternate_that_is_a_key_of_a_child_is_refused() -> None:
    contract, spellings = spelled(price={"x-alternates": {"slim": ["v"]}})
    with pytest.raises(CodegenError, match="the alternate `v` is a key of its own in slim"):
        spellings.alternates(contract.schemas["Order"], Format.SLIM)
