"""From the files under `openapi/` to the intermediate model."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from codegen.errors import CodegenError
from codegen.ir import Contract
from codegen.node import Json, Node, is_list, is_mapping
from codegen.operations import read_operations
from codegen.overlay import apply_overlay
from codegen.references import join_schemas, localized
from codegen.schemas import Schemas
from codegen.sockets import read_sockets

__all__ = ["load_document", "load_sockets", "load_yaml", "read_contract"]

_CONTRACT = "openapi/alor.openapi.yaml"
_OVERLAY = "openapi/overlay.yaml"
_SOCKETS = "openapi/alor.asyncapi.yaml"
_SECTIONS = ("schemas", "parameters", "responses", "requestBodies")


def load_document(root: Path) -> Json:
    """Read the contract of REST with its overlay applied."""
    return apply_overlay(load_yaml(root / _CONTRACT), load_yaml(root / _OVERLAY))


def load_sockets(root: Path) -> Json:
    """Read the contract of the sockets."""
    return load_yaml(root / _SOCKETS)


def read_contract(document: Json, sockets: Json) -> Contract:
    """Understand the documents of REST and of the sockets, or say where they cannot be understood."""
    near = localized(sockets)
    joined = join_schemas(document, near)
    schemas = Schemas(joined)
    contract = Contract(
        schemas.objects, schemas.enums, read_operations(document, schemas), read_sockets(near, schemas, joined)
    )
    _check_vocabulary(document, "contract")
    _check_vocabulary(sockets, "sockets", shared=frozenset(Node(document["x-vocabulary"], "contract.x-vocabulary").raw))
    _refuse_unused(document)
    _refuse_unsaid(near)
    return contract


def load_yaml(path: Path) -> Json:
    """Read a YAML file whose root is a mapping; a key that stands twice is an error."""
    with path.open(encoding="utf-8") as file:
        return Node(yaml.load(file, Loader=_StrictLoader), path.name).raw  # noqa: S506 - a SafeLoader


if TYPE_CHECKING or not yaml.__with_libyaml__:  # noqa: SIM108 - mypy takes no base class from a conditional expression
    _SafeLoader = yaml.SafeLoader
else:  # written in C, many times as fast
    _SafeLoader = yaml.CSafeLoader


class _StrictLoader(_SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value)
            if key in seen:
                raise CodegenError(str(key_node.start_mark).strip(), f"`{key_node.value}` stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# A date in an example is text there; nothing here wants a `datetime`.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _check_vocabulary(document: Json, root: str, shared: frozenset[str] = frozenset()) -> None:
    """Refuse an extension that the document does not explain, and an explanation of what does not occur."""
    explained = set(Node(document.get("x-vocabulary"), f"{root}.x-vocabulary").raw)
    used = dict(_extensions({key: value for key, value in document.items() if key != "x-vocabulary"}, root))
    for word, place in used.items():
        if word not in explained | shared:
            raise CodegenError(place, f"`{word}` is not in x-vocabulary")
    unused = sorted(explained - used.keys())
    if unused:
        raise CodegenError(f"{root}.x-vocabulary", f"nothing uses `{unused[0]}`")
    twice = sorted(explained & shared)
    if twice:
        raise CodegenError(f"{root}.x-vocabulary", f"`{twice[0]}` is explained in the other document")


def _extensions(value: object, place: str) -> Iterator[tuple[str, str]]:
    if is_mapping(value):
        for key, item in value.items():
            if key.startswith("x-"):
                yield key, place
            else:
                yield from _extensions(item, f"{place}.{key}")
    elif is_list(value):
        for index, item in enumerate(value):
            yield from _extensions(item, f"{place}[{index}]")


def _refuse_unused(document: Json) -> None:
    """Refuse a component that no operation leads to: it would look like a promise and be none."""
    components = Node(document, "contract").node("components").raw
    defined: Json = {
        f"#/components/{section}/{name}": Node(item, f"components.{section}.{name}").raw
        for section in _SECTIONS
        for name, item in Node(components.get(section, {}), f"components.{section}").raw.items()
    }
    _refuse_unreached(defined, document["paths"])


def _refuse_unsaid(sockets: Json) -> None:
    """Refuse a message that no operation has, and a schema that no message leads to."""
    channels = Node(sockets, "sockets").node("channels").raw
    defined = {
        f"#/channels/{channel}/messages/{name}": message
        for channel, item in channels.items()
        for name, message in Node(item, f"channels.{channel}").node("messages").raw.items()
    }
    schemas = Node(sockets, "sockets").node("components").node("schemas").raw
    defined |= {f"#/components/schemas/{name}": schema for name, schema in schemas.items()}
    _refuse_unreached(defined, sockets["operations"])


def _refuse_unreached(defined: Json, start: object) -> None:
    """Refuse a definition that no references lead to."""
    reached: set[str] = set()
    waiting = list(_references(start))
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting.extend(_references(defined.get(reference)))
    unused = sorted(defined.keys() - reached)
    if unused:
        raise CodegenError(unused[0].removeprefix("#/").replace("/", "."), "no operation leads here")


def _references(value: object) -> Iterator[str]:
    if is_mapping(value):
        for key, item in value.items():
            if key == "$ref":
                yield str(item)
            else:
                yield from _references(item)
    elif is_list(value):
        for item in value:
            yield from _references(item)
