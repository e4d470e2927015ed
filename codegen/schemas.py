"""Reading `components.schemas` of the contract."""

from __future__ import annotations

import keyword
import re
from typing import Final

from codegen.errors import CodegenError
from codegen.ir import (
    ABSENT_PREFIX,
    FORMATS,
    Enumeration,
    EnumRef,
    Field,
    Format,
    Many,
    Member,
    Scalar,
    Schema,
    SchemaRef,
    Spelling,
    Type,
)
from codegen.node import Json, Node, is_list

__all__ = ["CONSTRAINTS", "MODEL_MODULES", "PRIVATE_MODULES", "Schemas"]

MODEL_MODULES: Final = ("instruments", "market_data", "account", "orders", "order_groups")
"""The files of `alor_async/models`, in the order in which they may import each other (left never imports right)."""

PRIVATE_MODULES: Final = ("bodies", "answers")
"""The files of `alor_async/_contract` that hold objects of their own: what is sent, and answers that facades open."""

CONSTRAINTS: Final = (
    "title", "examples", "default", "deprecated", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "pattern", "const",
    "x-samples-show", "x-sometimes",
)  # fmt: skip
"""Keys that say more about a value, for the exported documents; the code does not depend on them."""

_SCALARS: Final[dict[tuple[str, str | None], Scalar]] = {
    ("string", None): Scalar.TEXT,
    ("string", "wire-id"): Scalar.WIRE_ID,
    ("string", "uuid"): Scalar.UUID,
    ("string", "uri"): Scalar.TEXT,
    ("string", "date"): Scalar.TEXT,
    ("string", "date-time"): Scalar.TIME,
    ("integer", None): Scalar.INTEGER,
    ("integer", "int32"): Scalar.INTEGER,
    ("integer", "int64"): Scalar.INTEGER,
    ("number", "decimal"): Scalar.DECIMAL,
    ("boolean", None): Scalar.BOOLEAN,
}

_REFERENCE: Final = "#/components/schemas/"
_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CLASS: Final = re.compile(r"[A-Z][A-Za-z0-9]*")


class Schemas:
    """The objects and enumerations of one document."""

    def __init__(self, document: Json) -> None:
        root = Node(document, "contract").node("components").node("schemas")
        nodes = dict(root.children())
        self._enum_names = {name for name, node in nodes.items() if "enum" in node}
        self._names = set(nodes)
        enums = (_enum(name, node) for name, node in nodes.items() if name in self._enum_names)
        self.enums = {enum.name: enum for enum in enums if enum is not None}
        self.objects = {name: self._object(name, nodes[name]) for name in nodes if name not in self._enum_names}
        for schema in self.objects.values():
            _check_names(schema)

    def type_of(self, node: Node) -> tuple[Type, bool]:
        """Read a type and whether it can be null. Takes the keys that say so, and no others."""
        if "$ref" in node:
            return self._reference(node), False
        if "anyOf" in node:
            return self._nullable_reference(node), True
        words = node.take("type", object)
        names = words if is_list(words) else [words]
        nullable = "null" in names
        match [name for name in names if name != "null"]:
            case ["array"]:
                return Many(self._item_type(node.node("items"))), nullable
            case [str(name)]:
                return _scalar(name, node), nullable
            case _:
                raise CodegenError(node.at("type"), f"expected one type, perhaps with null, got {words!r}")

    def _item_type(self, node: Node) -> Type:
        type_, nullable = self.type_of(node)
        if nullable:
            raise node.fail("items of a list cannot be null")
        node.ignore("description", *CONSTRAINTS)
        node.done()
        return type_

    def _reference(self, node: Node) -> Type:
        reference = node.take("$ref", str)
        name = reference.removeprefix(_REFERENCE)
        if name not in self._names:
            raise CodegenError(node.at("$ref"), f"no schema named {reference}")
        return EnumRef(name) if name in self._enum_names else SchemaRef(name)

    def _nullable_reference(self, node: Node) -> Type:
        match node.items("anyOf"):
            case (reference, null) if null == {"type": "null"}:
                inner = Node(reference, node.at("anyOf[0]"))
                type_ = self._reference(inner)
                inner.done()
                return type_
            case other:
                raise CodegenError(node.at("anyOf"), f"expected a reference and null, got {other!r:.80}")

    def _object(self, name: str, node: Node) -> Schema:
        module = node.maybe("x-module", str)
        if module is None:  # read by hand, or part of a deprecated operation: exported only
            return Schema(name, node.place, "", None, Format.HEAVY, (), ())
        if module not in MODEL_MODULES + PRIVATE_MODULES:
            raise CodegenError(node.at("x-module"), f"unknown module {module!r}")
        _check_class_name(name, node)
        if node.take("type", str) != "object":
            raise CodegenError(node.at("type"), "expected object")
        usual = Format(node.maybe("x-usual", str) or Format.HEAVY)
        required = set(node.texts("required"))
        fields: list[Field] = []
        ignored: list[Spelling] = []
        for attribute, child in node.node("properties").children():
            if child.maybe("x-unmodelled", str) is not None:
                ignored.append(self._ignored(child))
                continue
            fields.append(self._field(attribute, child, required=attribute in required))
        unknown = required - {field.name for field in fields}
        if unknown:
            raise CodegenError(node.at("required"), f"not a field: {', '.join(sorted(unknown))}")
        doc = node.text("description")
        node.ignore("additionalProperties", *CONSTRAINTS)
        node.done()
        return Schema(name, node.place, doc, module, usual, tuple(fields), tuple(ignored))

    def _ignored(self, node: Node) -> Spelling:
        """Read a property that is exported and has no attribute."""
        self.type_of(node)
        node.text("description")
        spelling = _spelling(node)
        node.ignore(*CONSTRAINTS)
        node.done()
        return spelling

    def _field(self, name: str, node: Node, *, required: bool) -> Field:
        if _ATTRIBUTE.fullmatch(name) is None or keyword.iskeyword(name):
            raise node.fail("the name of a field must be a Python attribute")
        type_, nullable = self.type_of(node)
        field = Field(
            name=name,
            type=type_,
            nullable=nullable,
            required=required,
            wire=_spelling(node),
            alternates=_alternates(node),
            zoneless=_zoneless(node),
            only_for=node.maybe("x-present-only-for", str),
            doc=node.text("description"),
        )
        node.ignore(*CONSTRAINTS)
        node.done()
        if required and (nullable or field.only_for or field.wire.formats != FORMATS):
            raise node.fail("a required field is never null and always there, in every format")
        if any(field.wire[format_] is None for format_, _ in field.alternates):
            raise CodegenError(node.at("x-alternates"), "the field does not stand in that format")
        if field.zoneless and type_ is not Scalar.TIME:
            raise CodegenError(node.at("x-zoneless"), "only a time can be zone-less")
        return field


def _enum(name: str, node: Node) -> Enumeration | None:
    """Read an enumeration; None for one whose class is written by hand."""
    if node.maybe("x-hand-written", str) is not None:
        return None
    _check_class_name(name, node)
    if node.take("x-module", str) != "enums":
        raise CodegenError(node.at("x-module"), "an enumeration stands in `enums`")
    kind = {"string": str, "integer": int}.get(node.take("type", str))
    if kind is None:
        raise CodegenError(node.at("type"), "expected string or integer for an enumeration")
    is_open = node.flag("x-open")
    if is_open == node.flag("x-request-only"):
        raise node.fail("an enumeration is either open or for requests only")
    members = _members(node, kind)
    doc = node.text("description")
    node.ignore("format", *CONSTRAINTS)
    node.done()
    return Enumeration(name, doc, members, is_open)


def _members(node: Node, kind: type[str | int]) -> tuple[Member, ...]:
    names, docs = node.node("x-names"), node.node("x-descriptions")
    members: list[Member] = []
    for value in node.items("enum"):
        if not isinstance(value, kind) or isinstance(value, bool):
            raise CodegenError(node.at("enum"), f"expected {kind.__name__}, got {value!r}")
        members.append(Member(names.text(str(value)), value, docs.text(str(value))))
    names.done()
    docs.done()
    if len({member.name for member in members}) != len(members):
        raise CodegenError(node.at("x-names"), "two values have one name")
    return tuple(members)


def _scalar(name: str, node: Node) -> Scalar:
    format_ = node.maybe("format", str)
    scalar = _SCALARS.get((name, format_))
    if scalar is None:
        raise CodegenError(node.at("type"), f"unknown type {name!r} with format {format_!r}")
    return scalar


def _spelling(node: Node) -> Spelling:
    """Read `x-wire`: one text for all formats, or a mapping that leaves out the formats without the field."""
    raw = node.take("x-wire", object)
    if isinstance(raw, str):
        spelling = Spelling(raw, raw, raw)
    else:
        wire = Node(raw, node.at("x-wire"))
        spelling = Spelling(*(wire.maybe(format_, str) for format_ in FORMATS))
        wire.done()
    if not spelling.formats:
        raise CodegenError(node.at("x-wire"), "the field stands in no format")
    if any((spelling[format_] or "").startswith(ABSENT_PREFIX) for format_ in FORMATS):
        raise CodegenError(node.at("x-wire"), f"keys that start with `{ABSENT_PREFIX}` mark fields that a format lacks")
    return spelling


def _alternates(node: Node) -> tuple[tuple[Format, str], ...]:
    """Read `x-alternates`: keys by format, or a list where all formats agree."""
    if "x-alternates" not in node:
        return ()
    if isinstance(node.raw["x-alternates"], list):
        everywhere = node.texts("x-alternates")
        return tuple((format_, key) for format_ in FORMATS for key in everywhere)
    wire = node.node("x-alternates")
    found = tuple((format_, key) for format_ in FORMATS for key in wire.texts(format_))
    wire.done()
    return found


def _zoneless(node: Node) -> frozenset[Format]:
    """Read `x-zoneless`: true for every format, or the list of those in which the time has no zone."""
    if isinstance(node.raw.get("x-zoneless"), bool):
        return frozenset(FORMATS) if node.take("x-zoneless", bool) else frozenset()
    words = node.texts("x-zoneless")
    if not set(words) <= set(FORMATS):
        raise CodegenError(node.at("x-zoneless"), f"expected true or a list of formats, got {words!r}")
    return frozenset(map(Format, words))


def _check_class_name(name: str, node: Node) -> None:
    if _CLASS.fullmatch(name) is None or name[-1].isdigit():
        raise node.fail("the name of a schema must read as the name of a class, without a number at its end")


def _check_names(schema: Schema) -> None:
    """Refuse two fields that share a key in one format: one of them would take the other's value."""
    for format_ in FORMATS:
        seen: dict[str, str] = {}
        for field in schema.fields:
            keys = [field.wire[format_], *(key for other, key in field.alternates if other is format_)]
            for key in keys:
                if key is not None and seen.setdefault(key, field.name) != field.name:
                    raise CodegenError(schema.place, f"{seen[key]} and {field.name} share `{key}` in {format_}")
