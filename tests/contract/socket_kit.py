"""What the contract says about the sockets, and recorded frames, read without the generator's help."""

import functools
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jsonschema
from msgspec import Raw

from alor_async._contract import commands, subscriptions
from alor_async._http.message import SignalSpec, StreamSpec, merge_data
from alor_async.values import Format
from codegen.contract import load_sockets
from codegen.export_sockets import closed_sockets
from codegen.ir import Format as Spelling
from tests.contract.model_kit import FIXTURES, ROOT, document, encode

STREAMS: dict[str, StreamSpec[Any, Any]] = {stream.name: stream for stream in subscriptions.ALL}
SIGNALS: list[tuple[str, SignalSpec[Any]]] = [
    (channel, spec)
    for channel, module in (("ws", subscriptions), ("cws", commands))
    for spec in vars(module).values()
    if isinstance(spec, SignalSpec)
]


@functools.cache
def sockets() -> Any:
    """Give the document as it is written."""
    return load_sockets(ROOT)


@functools.cache
def closed(format_: Format) -> Any:
    """Give what other tools read, in one format, closed."""
    return closed_sockets(document(), sockets(), Spelling(format_.value.lower()))


def message_of(operation: str, format_: Format) -> Any:
    """Give the one message of an operation."""
    exported = closed(format_)
    (reference,) = exported["operations"][operation]["messages"]
    return look_up(exported, reference["$ref"])


def look_up(root: Any, reference: str) -> Any:
    """Follow a reference within a document."""
    for step in reference.removeprefix("#/").split("/"):
        root = root[step]
    return root


def problems(operation: str, format_: Format, wire: bytes) -> list[str]:
    """Say what is wrong with a frame, as the closed document of a format has it."""
    validator = jsonschema.Draft202012Validator(message_of(operation, format_)["payload"])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(wire))]


@dataclass(frozen=True)
class Frame:
    """One recorded data frame; a stream of changes has what came before it."""

    stream: StreamSpec[Any, Any]
    format: Format
    number: int
    raw: bytes
    before: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"{self.stream.name}.{self.format.value.lower()}.{self.number}"

    @property
    def wire(self) -> Any:
        """The data that is known once this frame has come, with numbers exactly as they are spelled."""
        frames = (*self.before, self.raw) if self.stream.is_partial else (self.raw,)
        known: dict[str, Any] = {}
        for frame in frames:
            known |= json.loads(frame, parse_float=Decimal)["data"]
        return known

    def decode(self) -> Any:
        """Read the frame as a client does."""
        if not self.stream.is_partial:
            return self.stream.decode(self.raw, self.format)
        known: dict[str, Raw] = {}
        for frame in (*self.before, self.raw):
            merged = merge_data(known, frame)
        return self.stream.data[self.format].decode(merged)


def recorded() -> list[Frame]:
    """Give every recorded frame: a line of `<stream>.<format>.ndjson`."""
    found: list[Frame] = []
    for name, stream in STREAMS.items():
        for format_ in Format:
            lines = (FIXTURES / f"{name}.{format_.value.lower()}.ndjson").read_bytes().splitlines()
            found += [Frame(stream, format_, number, line, tuple(lines[:number])) for number, line in enumerate(lines)]
    return found


FRAMES = recorded()


def entity(stream: StreamSpec[Any, Any]) -> Any:
    """Give the reference to the entity that a stream's frames hold, as REST's document has it."""
    data = sockets()["channels"]["ws"]["messages"][f"{stream.name.partition('.')[2]}.data"]["payload"]
    return {"$ref": data["properties"]["data"]["$ref"].removeprefix("./alor.openapi.yaml")}


def data_text(frame: bytes) -> bytes:
    """Cut the data out of a frame."""
    return encode(json.loads(frame, parse_float=Decimal)["data"])
