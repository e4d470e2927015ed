"""Standard OpenAPI 3.1 documents for other tools: dereferenced, with the broker's keys, without our extensions.

The open document holds all three formats and promises little, as a client must expect it: keys may be missing, others
may come, enumerations may grow. A closed document holds one format and promises everything that the contract knows, as
a conformance test wants it: no other keys, and every key that is always sent.
"""

from __future__ import annotations

import copy
import json

from codegen.errors import CodegenError
from codegen.ir import FORMATS, Format
from codegen.node import Json, is_list, is_mapping
from codegen.references import resolve

__all__ = ["Spelled", "closed_document", "document_text", "open_document", "without_extensions"]

_METHODS = ("get", "post", "put", "delete")
_OPEN = """\
The REST calls of the ALOR broker as alor-async understands them, with the corrections that the real servers need. It is
not the broker's document.

A call with a `format` parameter answers in one of three spellings, in the order Simple, Slim, Heavy here; nothing in a body
tells which one it is. Numbers are bare JSON numbers, to be read exactly. Keys may be missing, others may come, and the
listed values of an enumeration are examples: the broker adds to them without notice.
"""
_CLOSED = """\
The same calls in one format, for conformance tests: an answer has all the keys that are always sent, no others, and the
listed values only.
"""

_WIRE_ID = "wire-id"
"""A format of our vocabulary: text that now and then comes as a bare number."""


def open_document(contract: Json) -> Json:
    """Describe all formats in one document."""
    return _Export(contract, FORMATS, closed=False).document()


def closed_document(contract: Json, format_: Format) -> Json:
    """Describe one format, leaving nothing out and letting nothing in."""
    return _Export(contract, (format_,), closed=True).document()


def document_text(document: Json) -> str:
    """Write a document as a file's text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


class _Export:
    def __init__(self, contract: Json, formats: tuple[Format, ...], *, closed: bool) -> None:
        self._contract = contract
        self._formats = formats
        self._closed = closed

    def document(self) -> Json:
        result = {key: value for key, value in self._contract.items() if not key.startswith("x-")}
        result["info"] = self._info(_object(result["info"]))
        result["paths"] = {path: self._path(_object(item)) for path, item in _object(result["paths"]).items()}
        components = _object(result["components"])
        result["components"] = {"securitySchemes": components["securitySchemes"]}
        return _object(copy.deepcopy(without_extensions(result)))

    def _info(self, info: Json) -> Json:
        spelled = f"{self._formats[0].capitalize()}, closed" if self._closed else "all formats"
        return {**info, "title": f"{info['title']} ({spelled})", "description": _CLOSED if self._closed else _OPEN}

    def _path(self, item: Json) -> Json:
        return {key: self._operation(_object(value)) if key in _METHODS else value for key, value in item.items()}

    def _operation(self, operation: Json) -> Json:
        result = dict(operation)
        parameters = [self._resolved(_object(item)) for item in _list(operation.get("parameters", []))]
        has_format = any(parameter["name"] == "format" for parameter in parameters)
        if parameters:
            result["parameters"] = [self._parameter(parameter) for parameter in parameters]
        if "requestBody" in operation:
            body = self._resolved(_object(operation["requestBody"]))
            result["requestBody"] = self._content(body, self._formats[:1], closed=False)
        result["responses"] = {
            status: self._content(
                self._resolved(_object(response)),
                self._formats if has_format and status == "200" else self._formats[:1],
                closed=self._closed and status == "200",
            )
            for status, response in _object(operation["responses"]).items()
        }
        return result

    def _parameter(self, parameter: Json) -> Json:
        result = dict(parameter)
        schema = Spelled(self._contract, self._formats[0], strict=True, closed=False).schema(parameter["schema"])
        if parameter["name"] == "format" and self._closed:
            schema = {"type": "string", "enum": [self._formats[0].capitalize()]}
            result["required"] = True
        result["schema"] = schema
        return result

    def _content(self, holder: Json, formats: tuple[Format, ...], *, closed: bool) -> Json:
        if "content" not in holder:
            return holder
        content = {
            media: {**_object(value), "schema": self._formatted(_object(value)["schema"], formats, closed=closed)}
            for media, value in _object(holder["content"]).items()
        }
        return {**holder, "content": content}

    def _formatted(self, schema: object, formats: tuple[Format, ...], *, closed: bool) -> Json:
        spelled = [
            Spelled(self._contract, format_, strict=self._closed, closed=closed).schema(schema) for format_ in formats
        ]
        if all(one == spelled[0] for one in spelled):
            return spelled[0]
        return {
            "anyOf": [{"title": format_.capitalize(), **one} for format_, one in zip(formats, spelled, strict=True)]
        }

    def _resolved(self, item: Json) -> Json:
        return resolve(self._contract, item)


class Spelled:
    """Schemas in the words of one format.

    Args:
        strict: Whether enumerations are the listed values only.
        closed: Whether objects have exactly the keys that the contract knows.
    """

    def __init__(self, contract: Json, format_: Format, *, strict: bool, closed: bool) -> None:
        self._contract = contract
        self._format = format_
        self._strict = strict
        self._closed = closed

    def schema(self, value: object) -> Json:
        """Spell a schema, its references followed."""
        schema = resolve(self._contract, _object(value))
        result = {key: item for key, item in schema.items() if not key.startswith("x-")}
        if result.get("format") == _WIRE_ID:
            result["type"] = [*_words(result["type"]), "integer"]
            del result["format"]
        if _is_zoneless(schema, self._format):
            del result["format"]
        if schema.get("x-open") and not self._strict:
            result["examples"] = result.pop("enum")
        if "anyOf" in schema:
            result["anyOf"] = [self.schema(item) for item in _list(schema["anyOf"])]
        if "items" in schema:
            result["items"] = self.schema(schema["items"])
        if "properties" in schema:
            result.update(self._object(schema))
        return result

    def _object(self, schema: Json) -> Json:
        """Spell the properties, and name those that must be there."""
        properties = {name: _object(item) for name, item in _object(schema["properties"]).items()}
        keys = {name: _key(name, item, self._format) for name, item in properties.items()}
        present = [name for name in properties if keys[name] is not None]
        result: Json = {"properties": {str(keys[name]): self.schema(properties[name]) for name in present}}
        closed = self._closed and any("x-wire" in item for item in properties.values())
        if closed:
            required = [name for name in present if _is_always_sent(properties[name], self._format)]
            result["additionalProperties"] = False
        else:
            required = [str(name) for name in _list(schema.get("required", [])) if keys[str(name)] is not None]
        if required:
            result["required"] = [str(keys[name]) for name in required]
        return result


def _key(name: str, schema: Json, format_: Format) -> str | None:
    wire = schema.get("x-wire", name)
    if is_mapping(wire):
        key = wire.get(format_.value)
        return None if key is None else str(key)
    return str(wire)


def _is_always_sent(schema: Json, format_: Format) -> bool:
    """Whether a conformance test may ask for the key."""
    sometimes = schema.get("x-sometimes", False)
    if is_list(sometimes):
        sometimes = format_.value in sometimes
    return not sometimes and "x-present-only-for" not in schema


def _is_zoneless(schema: Json, format_: Format) -> bool:
    value = schema.get("x-zoneless", False)
    return format_.value in value if is_list(value) else bool(value)


def without_extensions(value: object) -> object:
    """Copy a document without the keys of our vocabulary."""
    if is_mapping(value):
        return {key: without_extensions(item) for key, item in value.items() if not key.startswith("x-")}
    if is_list(value):
        return [without_extensions(item) for item in value]
    return value


def _words(type_: object) -> list[object]:
    return type_ if is_list(type_) else [type_]


def _object(value: object) -> Json:
    if not is_mapping(value):
        raise CodegenError("export", f"expected a mapping, got {value!r:.80}")
    return value


def _list(value: object) -> list[object]:
    if not is_list(value):
        raise CodegenError("export", f"expected a list, got {value!r:.80}")
    return value
