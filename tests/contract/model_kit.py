"""The contract and its fixtures, read without the generator's help, so that a mistake of the generator shows."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from alor_async._contract.operations import ALL
from alor_async._http.request import Operation
from alor_async.models import OpenStrEnum
from alor_async.values import NEVER, Format
from codegen.contract import load_document

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = Path(__file__).resolve().parents[2]

_encoder = msgspec.json.Encoder(decimal_format="number")

OPERATIONS: dict[str, Operation[Any]] = {operation.name: operation for operation in ALL}


@functools.cache
def document() -> Any:
    return load_document(ROOT)


def schema_of(reference: Any) -> tuple[str, Any] | None:
    """Give the name and the body of the object that a schema refers to, through lists and nulls."""
    if "items" in reference:
        return schema_of(reference["items"])
    if "anyOf" in reference:
        return schema_of(reference["anyOf"][0])
    if "$ref" not in reference:
        return None
    name = reference["$ref"].rpartition("/")[2]
    schema = document()["components"]["schemas"][name]
    return (name, schema) if "properties" in schema else None


@dataclass(frozen=True)
class Example:
    """One recorded answer: its operation, its format (None where there is no choice), and its file."""

    operation: Operation[Any]
    format: Format | None
    path: Path

    def __str__(self) -> str:
        return self.path.stem

    @property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @property
    def wire(self) -> Any:
        """The JSON, with numbers exactly as they are spelled."""
        return json.loads(self.body, parse_float=Decimal)

    @property
    def schema(self) -> Any:
        """The schema of the answer, as the contract has it."""
        node = document()["paths"][self.operation.path][self.operation.method.lower()]
        return node["responses"]["200"]["content"]["application/json"]["schema"]

    def decode(self, wire: Any = None) -> Any:
        """Decode the answer, or another body in its place."""
        body = self.body if wire is None else encode(wire)
        return self.operation.answer[self.format].decode(body)


def encode(wire: Any) -> bytes:
    """Write JSON with exact numbers."""
    return _encoder.encode(wire)


def examples() -> list[Example]:
    """Give every recorded JSON answer of a live operation: `<operation>.json` or `<operation>.<format>.json`."""
    formats = {format_.value.lower(): format_ for format_ in Format}
    found: list[Example] = []
    for path in sorted(FIXTURES.glob("*.json")):
        name, _, last = path.stem.rpartition(".")
        if path.stem in OPERATIONS:
            found.append(Example(OPERATIONS[path.stem], None, path))
        elif last in formats:
            found.append(Example(OPERATIONS[name], formats[last], path))
    return found


EXAMPLES = examples()
OBJECTS = [example for example in EXAMPLES if schema_of(example.schema) is not None]
"""Examples whose answers are made of objects."""


def wire_key(schema: Any, format_: Format | None) -> str | None:
    """Give the key of a property in a format."""
    wire = schema["x-wire"]
    return wire if isinstance(wire, str) else wire.get((format_ or Format.HEAVY).value.lower())


def modelled(schema: Any) -> dict[str, Any]:
    """Give the properties that have an attribute."""
    return {name: item for name, item in schema["properties"].items() if "x-unmodelled" not in item}


def walk(schema: Any, wire: Any, format_: Format | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield every object of an answer with its schema."""
    found = schema_of(schema)
    if found is None or wire is None:
        return
    if isinstance(wire, list):
        for item in wire:
            yield from walk(schema, item, format_)
        return
    _, body = found
    yield body, wire
    for item in modelled(body).values():
        key = wire_key(item, format_)
        if key is not None and key in wire:
            yield from walk(item, wire[key], format_)


def expected(schema: Any, wire: Any) -> Any:
    """Turn a plain value of the wire into what the attribute must hold."""
    if wire is None:
        return None
    if "$ref" in schema or "anyOf" in schema:
        return wire  # an enumeration equals its text or number
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    format_ = schema.get("format")
    if kind == "array":
        return tuple(expected(schema["items"], item) for item in wire)
    if kind == "number":
        return Decimal(wire)
    if format_ == "date-time":
        return _time(wire)
    if format_ == "uuid":
        return UUID(wire)
    return str(wire) if format_ == "wire-id" else wire


def compare(schema: Any, wire: Any, value: Any, format_: Format | None) -> int:
    """Compare an answer with its JSON, attribute by attribute; return how many were compared."""
    if isinstance(wire, list):
        assert len(wire) == len(value)
        return sum(compare(schema, item, model, format_) for item, model in zip(wire, value, strict=True))
    found = schema_of(schema)
    assert found is not None
    name, body = found
    assert type(value).__name__ == name
    for attribute, item in modelled(body).items():
        key = wire_key(item, format_)
        said = None if key is None else wire.get(key)
        got = getattr(value, attribute)
        if said is not None and schema_of(item) is not None:
            compare(item, said, got, format_)
        elif isinstance(got, datetime):
            assert abs(got - expected(item, said)) <= timedelta(microseconds=1), attribute  # the seventh digit
        elif isinstance(got, OpenStrEnum):
            assert got.lower() == said.lower(), attribute
        else:
            assert got == expected(item, said), attribute
    return len(modelled(body))


def objects(value: Any) -> list[msgspec.Struct]:
    if isinstance(value, list | tuple):
        return [found for item in value for found in objects(item)]
    if isinstance(value, msgspec.Struct):
        return [value, *(found for name in value.__struct_fields__ for found in objects(getattr(value, name)))]
    return []


def shared(value: Any) -> Any:
    """Blank the attributes that some format does not carry."""
    if isinstance(value, list | tuple):
        return type(value)(shared(item) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    properties = modelled(document()["components"]["schemas"][type(value).__name__])
    everywhere = {name for name, item in properties.items() if all(wire_key(item, format_) for format_ in Format)}
    changes = {name: shared(getattr(value, name)) if name in everywhere else None for name in value.__struct_fields__}
    return msgspec.structs.replace(value, **changes)


def _time(text: str) -> datetime:
    if text.startswith("9999-12-31"):
        return NEVER
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
