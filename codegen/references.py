"""Following `$ref`, and joining two documents so that references between them are within one."""

from __future__ import annotations

import copy

from codegen.errors import CodegenError
from codegen.node import Json, is_list, is_mapping

__all__ = ["join_schemas", "localized", "reference_name", "resolve"]

_REST = "./alor.openapi.yaml"
"""How the document of the sockets names the one beside it."""

_SCHEMAS = "#/components/schemas/"


def resolve(document: Json, item: Json) -> Json:
    """Follow a reference; what stands beside it goes over what it names."""
    if "$ref" not in item:
        return item
    reference = str(item["$ref"])
    target: object = document
    for step in reference.removeprefix("#/").split("/"):
        target = target.get(step) if is_mapping(target) else None
        if target is None:
            raise CodegenError(reference, "leads nowhere")
    if not is_mapping(target):
        raise CodegenError(reference, f"expected a mapping, got {target!r:.80}")
    beside = {key: value for key, value in item.items() if key != "$ref"}
    return {**resolve(document, target), **beside}


def reference_name(item: Json) -> str:
    """Give the last step of a reference."""
    return str(item["$ref"]).rpartition("/")[2]


def localized(sockets: Json) -> Json:
    """Copy the document of the sockets, with references to REST's schemas as if they stood in the same document."""
    copied = copy.deepcopy(sockets)
    _localize(copied)
    return copied


def join_schemas(rest: Json, sockets: Json) -> Json:
    """Copy the document of REST, with the schemas of the sockets beside its own.

    Args:
        rest: The document of REST.
        sockets: The document of the sockets, localized.

    Raises:
        CodegenError: Both define a schema of one name.
    """
    own, others = _schemas(rest), _schemas(sockets)
    twice = sorted(own.keys() & others.keys())
    if twice:
        raise CodegenError(f"components.schemas.{twice[0]}", "both documents define it")
    components = rest["components"]
    assert is_mapping(components)
    return {**rest, "components": {**components, "schemas": {**own, **others}}}


def _schemas(document: Json) -> Json:
    components = document.get("components")
    schemas = components.get("schemas") if is_mapping(components) else None
    if not is_mapping(schemas):
        raise CodegenError("components.schemas", "is missing")
    return schemas


def _localize(value: object) -> None:
    if is_mapping(value):
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#/"):
            if not reference.startswith(_REST + _SCHEMAS):
                raise CodegenError(reference, f"expected a reference within the document or into {_REST}{_SCHEMAS}")
            value["$ref"] = reference.removeprefix(_REST)
        for item in value.values():
            _localize(item)
    elif is_list(value):
        for item in value:
            _localize(item)
