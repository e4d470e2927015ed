"""Reading the document of the sockets: AsyncAPI 3.0, with the vocabulary of `alor.asyncapi.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from codegen.errors import CodegenError
from codegen.ir import (
    FORMATS,
    Answer,
    EnumRef,
    Format,
    Many,
    Record,
    Scalar,
    SchemaRef,
    Signal,
    SocketCommand,
    SocketParameter,
    SocketRequest,
    Sockets,
    Stream,
    Type,
)
from codegen.node import Json, Node
from codegen.references import reference_name, resolve
from codegen.schemas import Schemas

__all__ = ["read_sockets"]

_NAME: Final = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
_DATA: Final = ".data"
_STREAMS: Final = "ws"
_EVERY_REQUEST_HAS: Final = ("opcode", "guid")
_THE_CONNECTION_KNOWS: Final = ("token", "format")
_OF_COMMANDS: Final = {"order_id", "check_duplicates"}
_SNAPSHOT_FLAG: Final = "is_snapshot"
_CORRELATION: Final = re.compile(r"\$message\.payload#/(\w+)")


def read_sockets(document: Json, schemas: Schemas, joined: Json) -> Sockets:
    """Read every request that is offered, in the order of the document.

    Args:
        document: The document of the sockets, localized.
        schemas: The schemas of both documents.
        joined: The document that has them.
    """
    return _Reader(document, schemas, joined).read()


class _Reader:
    def __init__(self, document: Json, schemas: Schemas, joined: Json) -> None:
        self._document = document
        self._schemas = schemas
        self._joined = joined
        self._operations = dict(Node(document, "sockets").node("operations").children())

    def read(self) -> Sockets:
        _check_version(self._document)
        streams: list[Stream] = []
        signals: dict[str, list[Signal]] = {}
        commands: list[SocketCommand] = []
        for name, node in self._operations.items():
            if name.endswith(_DATA):
                self._check_data(name, node)
                continue
            request, channel = self._request(name, node), self._channel(node)
            if node.flag("x-not-generated"):
                node.take("x-instead", str)
            elif isinstance(request, Stream):
                streams.append(request)
            elif isinstance(request, Signal):
                signals.setdefault(channel, []).append(request)
            else:
                commands.append(request)
            node.ignore("x-standing")
            node.done()
        found = {channel: tuple(items) for channel, items in signals.items()}
        _check_opcodes([*streams, *found.get(_STREAMS, ())])
        _check_opcodes([*commands, *(item for name, items in found.items() if name != _STREAMS for item in items)])
        return Sockets(tuple(streams), found, tuple(commands))

    def _request(self, name: str, node: Node) -> Stream | Signal | SocketCommand:
        """Read one operation that sends, by what its payload looks like."""
        if _NAME.fullmatch(name) is None:
            raise node.fail("the name of an operation is facade.method")
        if node.take("action", str) != "send":
            raise CodegenError(node.at("action"), f"only `{name}{_DATA}` receives")
        summary, reply = node.text("summary"), self._reply(node)
        payload = self._payload(self._message(node))
        if "allOf" in payload:
            return self._command(name, summary, reply, payload)
        properties = payload.node("properties")
        opcode = self._opcode(properties)
        parameters = self._parameters(properties, frozenset(payload.texts("required")))
        payload.ignore("type")
        payload.done()
        data = self._operations.get(name + _DATA)
        if data is None:
            return _signal(SocketRequest(name, summary, opcode, reply), properties.raw, parameters)
        return self._stream(SocketRequest(name, summary, opcode, reply), properties.raw, parameters, data)

    def _stream(
        self, request: SocketRequest, properties: Json, parameters: list[SocketParameter], data: Node
    ) -> Stream:
        payload = self._payload(self._message(Node(data.raw, data.place)))
        held = payload.node("properties").node("data")
        name = reference_name(held.raw)
        fields = self._fields(name)
        lacked, always = held.texts("x-lacks"), held.texts("x-partial")
        carried = held.texts("x-carries") or fields
        respelled = Node(held.maybe("x-respelled", object) or {}, held.at("x-respelled")).raw
        facts = Node(data.raw, data.place)
        key = facts.texts("x-key")
        for stranger in sorted({*key, *lacked, *always, *carried, *respelled} - set(fields)):
            raise CodegenError(held.place, f"{name} has no {stranger}")
        known = set(carried) - set(lacked)
        return Stream(
            name=request.name,
            summary=request.summary,
            opcode=request.opcode,
            reply=request.reply,
            parameters=tuple(parameters),
            data=Answer(SchemaRef(name)),
            record=_record(facts),
            key=key,
            has_snapshot_flag=_SNAPSHOT_FLAG in known,
            is_partial="x-partial" in held,
            floors_ms=self._floors(properties),
        )

    def _command(self, name: str, summary: str, reply: Answer, payload: Node) -> SocketCommand:
        opcode = payload.node("properties").node("opcode").take("const", str)
        parts = payload.items("allOf")
        if len(parts) != 2:
            raise CodegenError(payload.at("allOf"), "expected what a command has of its own, and a body")
        head, body = (Node(part, payload.at(f"allOf[{index}]")) for index, part in enumerate(parts))
        properties = Node(resolve(self._joined, head.raw), head.place).node("properties")
        own = {key for key, item in properties.children() if "x-not-exposed" not in item}
        own -= set(_EVERY_REQUEST_HAS)
        if not own <= _OF_COMMANDS:
            raise CodegenError(properties.place, f"no command has {', '.join(sorted(own - _OF_COMMANDS))}")
        body_name = reference_name(body.raw)
        if body_name not in self._schemas.objects:
            raise body.fail(f"no schema named {body_name}")
        payload.done()
        return SocketCommand(name, summary, opcode, reply, body_name, "order_id" in own)

    def _parameters(self, properties: Node, required: frozenset[str]) -> list[SocketParameter]:
        found: list[SocketParameter] = []
        for name, node in properties.children():
            schema = Node(resolve(self._joined, node.raw), node.place)
            if name in (*_EVERY_REQUEST_HAS, *_THE_CONNECTION_KNOWS) or "const" in schema or "x-not-exposed" in schema:
                continue
            found.append(
                SocketParameter(
                    name=name,
                    wire=schema.take("x-wire", str),
                    type=self._type(node.raw, schema),
                    required=name in required,
                    least=schema.maybe("minimum", int),
                    most=schema.maybe("maximum", int),
                )
            )
        return found

    def _type(self, raw: Json, schema: Node) -> Type:
        """Read the type of a parameter: a plain value, or a list of texts. An enumeration is text here."""
        if "enum" in schema and "$ref" in raw:
            return Scalar.TEXT
        match self._schemas.type_of(schema):
            case (Scalar.TEXT | Scalar.INTEGER | Scalar.BOOLEAN) as type_, False:
                return type_
            case Many(EnumRef()) | Many(Scalar.TEXT), False:
                return Many(Scalar.TEXT)
            case _:
                raise schema.fail("a parameter is text, a whole number, true or false, or a list of texts")

    def _floors(self, properties: Json) -> tuple[tuple[Format, int], ...]:
        for name in properties:
            schema = Node(resolve(self._joined, Node(properties[name], name).raw), name)
            if "x-floors" in schema:
                floors = schema.node("x-floors")
                found = tuple((format_, floors.take(format_, int)) for format_ in FORMATS)
                floors.done()
                return found
        return ()

    def _opcode(self, properties: Node) -> str:
        opcode = properties.node("opcode")
        opcode.ignore("type", "x-wire")
        word = opcode.take("const", str)
        opcode.done()
        return word

    def _fields(self, name: str) -> tuple[str, ...]:
        return tuple(field.name for field in self._schemas.objects[name].fields)

    def _reply(self, node: Node) -> Answer:
        """Read what a request is answered with: the shape that every one of its replies fits."""
        reply = node.node("reply")
        if self._channel(reply) != self._channel(Node(node.raw, node.place)):
            raise CodegenError(reply.at("channel"), "replies come where requests go")
        names = {
            reference_name(Node(schema, reply.place).raw)
            for message in self._messages(reply)
            for schema in self._payload(message).items("allOf")
        }
        reply.done()
        widest = max(names, key=lambda name: len(self._fields(name)), default=None)
        if widest is None:
            raise reply.fail("there is no reply")
        return Answer(SchemaRef(widest))

    def _check_data(self, name: str, node: Node) -> None:
        """Check an operation that receives; the stream that it belongs to has read it."""
        if name.removesuffix(_DATA) not in self._operations:
            raise node.fail("nothing subscribes to it")
        if node.take("action", str) != "receive":
            raise CodegenError(node.at("action"), "data are received")
        self._payload(self._message(node))
        node.ignore("channel", "x-record", "x-key", "x-not-generated")
        node.done()

    def _channel(self, node: Node) -> str:
        return reference_name(Node(node.raw["channel"], node.at("channel")).raw)

    def _message(self, node: Node) -> Node:
        messages = list(self._messages(node))
        if len(messages) != 1:
            raise CodegenError(node.at("messages"), "expected one message")
        return messages[0]

    def _messages(self, node: Node) -> Iterator[Node]:
        channel = self._channel(node)
        node.ignore("channel")
        for index, item in enumerate(node.items("messages")):
            place = f"{node.at('messages')}[{index}]"
            raw = Node(item, place).raw
            if not str(raw.get("$ref")).startswith(f"#/channels/{channel}/messages/"):
                raise CodegenError(place, f"expected a message of the channel `{channel}`")
            yield Node(resolve(self._document, raw), place)

    def _payload(self, message: Node) -> Node:
        """Take the payload of a message whose guid is where its correlation says."""
        payload = message.node("payload")
        location = message.node("correlationId").take("location", str)
        found = _CORRELATION.fullmatch(location)
        if found is None or found.group(1) not in self._keys(payload.raw):
            raise CodegenError(message.at("correlationId"), f"{location} leads nowhere")
        message.ignore("summary", "description", "x-errors")
        message.done()
        return payload

    def _keys(self, payload: Json) -> set[str]:
        parts = [payload, *(item for item in Node(payload, "payload").items("allOf"))]
        resolved = [resolve(self._joined, Node(part, "payload").raw) for part in parts]
        return {key for part in resolved for key in Node(part.get("properties", {}), "payload.properties").raw}


def _signal(request: SocketRequest, properties: Json, parameters: list[SocketParameter]) -> Signal:
    if parameters:
        raise CodegenError(request.name, f"{parameters[0].name}: only a subscription has parameters")
    constants: list[tuple[str, bool | str]] = []
    for name, item in properties.items():
        value = Node(item, name).raw.get("const")
        if name != "opcode" and isinstance(value, bool | str):
            constants.append((Node(item, name).take("x-wire", str), value))
    return Signal(
        request.name, request.summary, request.opcode, request.reply, tuple(constants), has_token="token" in properties
    )


def _record(facts: Node) -> Record:
    word = facts.take("x-record", str)
    if word not in set(Record):
        raise CodegenError(facts.at("x-record"), f"expected one of {', '.join(Record)}, got {word!r}")
    return Record(word)


def _check_version(document: Json) -> None:
    if document.get("asyncapi") != "3.0.0":
        raise CodegenError("sockets.asyncapi", f"expected 3.0.0, got {document.get('asyncapi')!r}")


def _check_opcodes(requests: list[SocketRequest]) -> None:
    seen: set[str] = set()
    for request in requests:
        if request.opcode in seen:
            raise CodegenError(request.name, f"two requests of one channel have the opcode {request.opcode}")
        seen.add(request.opcode)
