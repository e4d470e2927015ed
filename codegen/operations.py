"""Reading `paths` of the contract."""

from __future__ import annotations

import keyword
import re
from typing import Final

from codegen.errors import CodegenError
from codegen.ir import Answer, Body, Operation, Parameter
from codegen.node import Json, Node
from codegen.schemas import CONSTRAINTS, Schemas

__all__ = ["read_operations"]

_METHODS: Final = ("get", "post", "put", "delete")
_NAME: Final = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?")
_FORMAT_PARAMETER: Final = "format"
_REQUEST_ID_HEADER: Final = "X-REQID"
_ACCESS: Final[dict[str, list[object]]] = {"required": [{"bearer": []}], "optional": [{}, {"bearer": []}], "none": []}


def read_operations(document: Json, schemas: Schemas) -> tuple[Operation, ...]:
    """Read every live operation, in the order of the document; those that are not offered are exported only."""
    root = Node(document, "contract")
    shared = root.node("components").node("parameters")
    reader = _Reader(schemas, shared)
    operations: list[Operation] = []
    for path, item in root.node("paths").children():
        own_server = item.maybe("servers", list) is not None
        for method in _METHODS:
            if method not in item:
                continue
            node = item.node(method)
            if not node.flag("x-not-generated"):
                operations.append(reader.operation(method, path, node, oauth=own_server))
        item.done()
    _check_names(operations)
    return tuple(operations)


class _Reader:
    def __init__(self, schemas: Schemas, shared: Node) -> None:
        self._schemas = schemas
        self._shared = shared

    def operation(self, method: str, path: str, node: Node, *, oauth: bool) -> Operation:
        name = node.take("operationId", str)
        also = node.texts("x-also")
        for word in (name, *also):
            if _NAME.fullmatch(word) is None:
                raise CodegenError(node.at("operationId"), f"expected facade.method, got {word!r}")
        parameters, has_format, has_request_id = self._parameters(path, node)
        operation = Operation(
            name=name,
            also=also,
            summary=node.text("summary"),
            method=method.upper(),
            path=path,
            kind=_one_of(node, "x-kind", "read", "command"),
            lane=_one_of(node, "x-lane", "data", "place", "cancel"),
            access=_access(node),
            oauth=node.maybe("servers", list) is not None or oauth,
            parameters=parameters,
            has_format=has_format,
            has_request_id=has_request_id,
            body=self._body(node),
            answer=self._answer(node),
            max_body=node.maybe("x-max-body", int),
        )
        node.ignore("description", "tags", "x-standing", "x-not-exposed")
        node.done()
        return operation

    def _parameters(self, path: str, node: Node) -> tuple[tuple[Parameter, ...], bool, bool]:
        """Read the parameters that callers can give: those of the path in its order, then those of the query."""
        given: dict[str, list[Parameter]] = {"path": [], "query": []}
        special: set[str] = set()
        for index, raw in enumerate(node.items("parameters")):
            place = f"{node.place}.parameters[{index}]"
            item = self._resolve(Node(raw, place))
            wire, where = item.take("name", str), item.take("in", str)
            self._check_schema(item.node("schema"))
            name = item.maybe("x-name", str)
            reason = item.maybe("x-not-exposed", str)
            item.text("description")
            item.ignore("required", "style", "explode", "example", "examples", "deprecated", "allowReserved")
            item.done()
            if reason is not None:
                continue
            if wire in {_FORMAT_PARAMETER, _REQUEST_ID_HEADER}:
                special.add(wire)
            else:
                given[where].append(_parameter(name or wire, wire, where, place))
        order = re.findall(r"\{(\w+)\}", path)
        if sorted(order) != sorted(parameter.wire for parameter in given["path"]):
            raise node.fail(f"the parameters of {path} are not those that are described")
        given["path"].sort(key=lambda parameter: order.index(parameter.wire))
        return (*given["path"], *given["query"]), _FORMAT_PARAMETER in special, _REQUEST_ID_HEADER in special

    def _check_schema(self, schema: Node) -> None:
        self._schemas.type_of(schema)
        schema.ignore("enum", *CONSTRAINTS)
        schema.done()

    def _resolve(self, item: Node) -> Node:
        if "$ref" not in item:
            return item
        name = item.take("$ref", str).removeprefix("#/components/parameters/")
        item.done()
        return Node(self._shared.raw.get(name), self._shared.at(name))

    def _body(self, node: Node) -> Body | None:
        if "requestBody" not in node:
            return None
        body = node.node("requestBody")
        body.ignore("description", "required")
        media, content = _only_media(body.place, body.node("content"))
        type_, _ = self._schemas.type_of(content.node("schema"))
        body.done()
        return Body(type_, form=media == "application/x-www-form-urlencoded")

    def _answer(self, node: Node) -> Answer:
        responses = node.node("responses")
        success = responses.maybe("200", object)
        if success is None:
            return Answer(None)
        answer = Node(success, responses.at("200"))
        answer.text("description")
        answer.ignore("headers")
        content = answer.node("content")
        if "text/plain" in content:  # the bare word of success, which comes as JSON as well
            return Answer(None)
        _, content = _only_media(answer.place, content)
        answer.done()
        return Answer(self._schemas.type_of(content.node("schema"))[0])


def _parameter(name: str, wire: str, where: str, place: str) -> Parameter:
    if keyword.iskeyword(name) or re.fullmatch(r"[a-z][a-z0-9_]*", name) is None:
        raise CodegenError(place, f"`x-name` must be a Python keyword argument, got {name!r}")
    return Parameter(name, wire, where)


def _only_media(place: str, content: Node) -> tuple[str, Node]:
    kinds = list(content.children())
    if len(kinds) != 1:
        raise CodegenError(place, "expected exactly one media type")
    return kinds[0]


def _one_of(node: Node, key: str, *words: str) -> str:
    word = node.take(key, str)
    if word not in words:
        raise CodegenError(node.at(key), f"expected one of {', '.join(words)}, got {word!r}")
    return word


def _access(node: Node) -> str:
    if "security" not in node:  # as the document says for all operations
        return "required"
    security = list(node.items("security"))
    for access, known in _ACCESS.items():
        if security == known:
            return access
    raise CodegenError(node.at("security"), f"expected bearer, optional bearer or nothing, got {security!r:.80}")


def _check_names(operations: list[Operation]) -> None:
    seen: set[str] = set()
    for operation in operations:
        for name in (operation.name, *operation.also):
            if name in seen:
                raise CodegenError("paths", f"two operations are named {name}")
            seen.add(name)
