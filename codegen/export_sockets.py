"""Standard AsyncAPI 3.0 documents for other tools, as `export` makes OpenAPI's: payloads dereferenced and with the broker's keys."""

from __future__ import annotations

import copy
import re

from codegen.errors import CodegenError
from codegen.export import Spelled, without_extensions
from codegen.ir import FORMATS, Format
from codegen.node import Json, is_list, is_mapping
from codegen.references import join_schemas, localized, resolve

__all__ = ["closed_sockets", "open_sockets"]

_OPEN = """\
The two WebSockets of the ALOR broker as alor-async understands them, from the client's side. It is not the broker's document.

Data come in one of three spellings, as the `format` of the subscription says, in the order Simple, Slim, Heavy here. Numbers
are bare JSON numbers, to be read exactly. Keys may be missing, others may come, and the listed values of an enumeration are
examples.
"""
_CLOSED = """\
The same messages in one format, for conformance tests: what comes back has all the keys that are always sent, no others, and
the listed values only.
"""
_POINTER = re.compile(r"(\$message\.payload#/)(\w+)")


def open_sockets(rest: Json, sockets: Json) -> Json:
    """Describe all formats in one document."""
    return _Export(rest, sockets, FORMATS, closed=False).document()


def closed_sockets(rest: Json, sockets: Json, format_: Format) -> Json:
    """Describe one format, leaving nothing out and letting nothing in."""
    return _Export(rest, sockets, (format_,), closed=True).document()


class _Export:
    def __init__(self, rest: Json, sockets: Json, formats: tuple[Format, ...], *, closed: bool) -> None:
        self._sockets = localized(sockets)
        self._joined = join_schemas(rest, self._sockets)
        self._formats = formats
        self._closed = closed

    def document(self) -> Json:
        result = {key: value for key, value in self._sockets.items() if key != "components"}
        spelled = f"{self._formats[0].capitalize()}, closed" if self._closed else "all formats"
        info = _object(result["info"])
        description = _CLOSED if self._closed else _OPEN
        result["info"] = {**info, "title": f"{info['title']} ({spelled})", "description": description}
        result["channels"] = {name: self._channel(_object(item)) for name, item in _object(result["channels"]).items()}
        return _object(copy.deepcopy(without_extensions(result)))

    def _channel(self, channel: Json) -> Json:
        messages = {name: self._message(name, _object(item)) for name, item in _object(channel["messages"]).items()}
        return {**channel, "messages": messages}

    def _message(self, name: str, message: Json) -> Json:
        payload = self._flat(_object(message["payload"]))
        properties = _object(payload["properties"])
        comes_back = not name.endswith(".request")
        found = _POINTER.fullmatch(str(_object(message["correlationId"])["location"]))
        if found is None:
            raise CodegenError(name, "the correlation leads nowhere")
        wire = _object(properties[found.group(2)])["x-wire"]
        return {
            **message,
            "name": name,
            "correlationId": {"location": f"{found.group(1)}{wire}"},
            "payload": self._payload(payload, properties, closed=self._closed and comes_back),
        }

    def _payload(self, payload: Json, properties: Json, *, closed: bool) -> Json:
        result = self._spelled(self._formats[0], closed=closed).schema(payload)
        keys = _object(result["properties"])
        if "data" in properties:
            keys["data"] = self._data(_object(properties["data"]), closed=closed)
        if self._closed and "format" in properties:
            keys["format"] = {**_object(keys["format"]), "enum": [self._formats[0].capitalize()]}
            result["required"] = [*_list(result["required"]), "format"]
        return result

    def _data(self, reference: Json, *, closed: bool) -> Json:
        """Describe what a frame holds: the entity of REST, as far as the socket sends it."""
        narrowed = self._narrowed(reference)
        spelled = [self._spelled(format_, closed=closed).schema(narrowed) for format_ in self._formats]
        if all(one == spelled[0] for one in spelled):
            return spelled[0]
        titled = zip(self._formats, spelled, strict=True)
        return {"anyOf": [{"title": format_.capitalize(), **one} for format_, one in titled]}

    def _narrowed(self, reference: Json) -> Json:
        schema = resolve(self._joined, reference)
        known = _object(schema["properties"])
        carried, lacked = _list(schema.get("x-carries", list(known))), _list(schema.get("x-lacks", []))
        always = _list(schema.get("x-partial", schema.get("required", [])))
        respelled = _object(schema.get("x-respelled", {}))
        properties: Json = {}
        for name, item in known.items():
            if name in carried and name not in lacked:
                changes: Json = {}
                if name in respelled:
                    changes["x-wire"] = {**_object(_object(item)["x-wire"]), **_object(respelled[name])}
                if "x-partial" in schema and name not in always:
                    changes["x-sometimes"] = True
                properties[name] = {**_object(item), **changes}
        return {**schema, "properties": properties, "required": [name for name in always if name in properties]}

    def _flat(self, payload: Json) -> Json:
        """Make one object of what `allOf` names and what stands beside it, which goes over it."""
        parts = [resolve(self._joined, _object(part)) for part in _list(payload.get("allOf", []))]
        own = {key: value for key, value in payload.items() if key != "allOf"}
        properties: Json = {}
        required: list[object] = []
        for part in (*parts, own):
            required += _list(part.get("required", []))
            for name, item in _object(part.get("properties", {})).items():
                properties[name] = {**_object(properties.get(name, {})), **_object(item)}
        return {
            "type": "object",
            "required": [name for name in properties if name in required],
            "properties": properties,
        }

    def _spelled(self, format_: Format, *, closed: bool) -> Spelled:
        return Spelled(self._joined, format_, strict=self._closed, closed=closed)


def _object(value: object) -> Json:
    if not is_mapping(value):
        raise CodegenError("export", f"expected a mapping, got {value!r:.80}")
    return value


def _list(value: object) -> list[object]:
    if not is_list(value):
        raise CodegenError("export", f"expected a list, got {value!r:.80}")
    return value
