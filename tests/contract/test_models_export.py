"""The exported documents: standard, and in agreement with the recorded answers."""

import functools
import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from alor_async.values import Format
from codegen.__main__ import main
from codegen.export import closed_document, open_document
from codegen.ir import FORMATS
from codegen.ir import Format as Spelling
from tests.contract.model_kit import EXAMPLES, Example, document


@functools.cache
def closed(format_: Format | None) -> Any:
    return closed_document(document(), Spelling((format_ or Format.HEAVY).value.lower()))


def judge(item: Example, exported: Any) -> list[str]:
    """Give the places of an answer that do not fit a document."""
    node = exported["paths"][item.operation.path][item.operation.method.lower()]
    schema = node["responses"]["200"]["content"]["application/json"]["schema"]
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(json.loads(item.body))]


def is_odd_on_purpose(path: str) -> bool:
    """Tell whether a sample shows how the servers differ: they spell conditions in two ways."""
    return path.endswith((".condition", ".cnd"))


@pytest.mark.heavy
@pytest.mark.parametrize("format_", [None, *FORMATS])
def test_documents_are_valid(format_: Spelling | None) -> None:
    exported = open_document(document()) if format_ is None else closed_document(document(), format_)
    assert not list(OpenAPIV31SpecValidator(exported).iter_errors())
    text = json.dumps(exported)
    assert '"$ref"' not in text
    assert '"x-' not in text


def test_what_is_committed_is_what_the_contract_says() -> None:
    assert main(["check"]) == 0


@functools.cache
def shipped() -> Any:
    return json.loads(files("alor_async._contract").joinpath("alor.openapi.json").read_text(encoding="utf-8"))


def test_the_shipped_document_is_the_open_one() -> None:
    assert shipped() == open_document(document())


@pytest.mark.parametrize("item", EXAMPLES, ids=str)
def test_recorded_answers_fit_the_open_document(item: Example) -> None:
    assert judge(item, shipped()) == []


@pytest.mark.parametrize("item", EXAMPLES, ids=str)
def test_recorded_answers_fit_the_closed_documents(item: Example) -> None:
    assert [path for path in judge(item, closed(item.format)) if not is_odd_on_purpose(path)] == []


SPELLED_APART = [item for item in EXAMPLES if item.format is Format.SLIM]


@pytest.mark.parametrize("item", SPELLED_APART, ids=str)
def test_a_closed_document_refuses_another_format(item: Example) -> None:
    assert judge(item, closed(Format.HEAVY))
    assert judge(item, closed(Format.SIMPLE))
