"""Exported documents: standard, dereferenced, open for clients and closed for conformance tests."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen.__main__ import main
from codegen.errors import CodegenError
from codegen.export import closed_document, open_document
from codegen.ir import FORMATS, Format
from codegen.node import Json
from tests.unit.codegen import sample

GET_ORDER = "paths/~orders~{portfolio}~{id}/get"
ANSWER = "responses/200/content/application~json/schema"


def answer(document: Json, path: str = GET_ORDER) -> Json:
    return sample.at(document, f"{path}/{ANSWER}")


def texts(value: object) -> list[str]:
    """Give every key of a document."""
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in texts(item))]
    if isinstance(value, list):
        return [key for item in value for key in texts(item)]
    return []


@pytest.mark.parametrize("format_", [None, *FORMATS])
def test_documents_are_valid_and_stand_alone(format_: Format | None) -> None:
    source = sample.document()
    document = open_document(source) if format_ is None else closed_document(source, format_)
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())
    keys = texts(document)
    assert "$ref" not in keys
    assert not [key for key in keys if key.startswith("x-")]
    assert source == sample.document(), "the source is not changed"


def test_the_open_document_has_the_three_spellings_in_order() -> None:
    simple, slim, heavy = answer(open_document(sample.document()))["anyOf"]  # type: ignore[misc]
    assert [simple["title"], slim["title"], heavy["title"]] == ["Simple", "Slim", "Heavy"]
    assert list(slim["properties"]) == ["id", "sym", "ex", "s", "ph", "p", "t", "e", "m", "i"]
    assert "qty" in simple["properties"], "what the client does not model is exported too"
    assert "qty" not in heavy["properties"]


def test_the_open_document_promises_the_core_alone() -> None:
    slim = answer(open_document(sample.document()))["anyOf"][1]  # type: ignore[index]
    assert slim["required"] == ["id", "sym", "ex"]
    assert "additionalProperties" not in slim
    assert slim["properties"]["s"]["examples"] == ["buy", "sell"], "the broker may add values"
    assert "enum" not in slim["properties"]["s"]


def test_a_closed_document_lets_nothing_in_and_leaves_nothing_out() -> None:
    heavy = answer(closed_document(sample.document(), Format.HEAVY))
    assert heavy["additionalProperties"] is False
    assert heavy["required"] == [
        "id",
        "symbol",
        "exchange",
        "board",
        "side",
        "phase",
        "price",
        "at",
        "end",
        "ms",
        "iceberg",
    ]
    assert "p" in heavy["properties"], "an option's strike may be there"  # type: ignore[operator]
    assert heavy["properties"]["side"]["enum"] == ["buy", "sell"]  # type: ignore[index]


def test_a_closed_document_judges_bodies() -> None:
    slim = Draft202012Validator(answer(closed_document(sample.document(), Format.SLIM)))
    body = {
        "id": "1", "sym": "SBER", "ex": "MOEX", "s": "buy", "ph": None, "p": 1.5, "t": "2026-01-01T00:00:00Z",
        "e": "9999-12-31T23:59:59.9999999", "m": 1, "i": {"v": 1},
    }  # fmt: skip
    assert slim.is_valid(body)
    assert not slim.is_valid({**body, "symbol": "SBER"})
    assert not slim.is_valid({key: value for key, value in body.items() if key != "p"})
    assert not slim.is_valid({**body, "s": "swap"})
    assert not slim.is_valid({**body, "i": {"v": 1, "visible": 1}})


def test_errors_stay_open_in_a_closed_document() -> None:
    document = closed_document(sample.document(), Format.HEAVY)
    problem = sample.at(document, f"{GET_ORDER}/responses/400/content/application~json/schema")
    assert "additionalProperties" not in problem
    assert "required" not in problem


def test_request_bodies_have_the_keys_of_the_wire() -> None:
    document = open_document(sample.document())
    body = sample.at(document, "paths/~orders/post/requestBody/content/application~json/schema")
    assert list(body["properties"]) == ["side", "price", "instrumentGroup"]  # type: ignore[call-overload]
    assert body["required"] == ["side", "price"]


def test_a_time_without_a_zone_is_no_date_time_to_other_tools() -> None:
    heavy = answer(closed_document(sample.document(), Format.HEAVY))["properties"]
    assert "format" not in heavy["end"]  # type: ignore[index]
    assert heavy["at"]["format"] == "date-time"  # type: ignore[index]


def test_an_id_that_comes_either_way_is_text_or_a_number() -> None:
    heavy = answer(closed_document(sample.document(), Format.HEAVY))["properties"]
    assert heavy["id"] == {"type": ["string", "integer"], "description": "Number."}  # type: ignore[index]


def test_a_key_that_is_seen_now_and_then_is_not_asked_for() -> None:
    document = sample.document()
    sample.at(document, "components/schemas/Order/properties/side")["x-sometimes"] = True
    heavy = answer(closed_document(document, Format.HEAVY))
    assert "side" in heavy["properties"]  # type: ignore[operator]
    assert "side" not in heavy["required"]  # type: ignore[operator]


def test_the_format_of_a_closed_document_is_fixed() -> None:
    document = closed_document(sample.document(), Format.SLIM)
    parameters = sample.at(document, GET_ORDER)["parameters"]
    chosen = next(item for item in parameters if item["name"] == "format")  # type: ignore[union-attr, index]
    assert chosen["schema"] == {"type": "string", "enum": ["Slim"]}
    assert chosen["required"] is True


def test_answers_without_a_choice_are_exported_once() -> None:
    assert answer(open_document(sample.document()), "paths/~time/get") == {"type": "integer", "format": "int64"}


def test_deprecated_operations_are_exported() -> None:
    document = open_document(sample.document())
    assert sample.at(document, "paths/~old/get")["deprecated"] is True
    assert list(answer(document, "paths/~old/get")["properties"]) == ["Cash"]  # type: ignore[call-overload]


def test_a_reference_that_leads_nowhere_is_an_error() -> None:
    document = sample.document()
    answer(document)["$ref"] = "#/components/schemas/Gone"
    with pytest.raises(CodegenError, match="Gone: leads nowhere"):
        open_document(document)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [("paths", {"~orders": 7}, "expected a mapping, got 7"), (GET_ORDER, {"parameters": {}}, "expected a list")],
)
def test_a_document_of_another_shape_is_an_error(path: str, value: Json, problem: str) -> None:
    document = sample.document()
    sample.at(document, path).update(value)
    with pytest.raises(CodegenError, match=problem):
        open_document(document)


def test_export_writes_open_and_closed_documents_of_both_kinds(tmp_path: Path) -> None:
    root = sample.project(tmp_path)
    target = tmp_path / "out"
    assert main(["--root", str(root), "export", str(target)]) == 0
    names = ["alor", "alor.simple.closed", "alor.slim.closed", "alor.heavy.closed"]
    expected = {f"{name}.{kind}.json" for name in names for kind in ("openapi", "asyncapi")}
    assert {path.name for path in target.iterdir()} == expected
    for path in target.iterdir():
        kind, version = ("openapi", "3.1.0") if "openapi" in path.name else ("asyncapi", "3.0.0")
        assert json.loads(path.read_text(encoding="utf-8"))[kind] == version
