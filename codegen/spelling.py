"""Which class decodes which format: the public one where its keys fit, else a private variant.

A variant has the same fields in the same order under other keys, so that an object of it can become one of the public
class. Formats that spell an object alike share a class. What a format lacks must not be filled by one of its other
keys, however short: such a field waits under a key that no server sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codegen.errors import CodegenError
from codegen.ir import ABSENT_PREFIX, FORMATS, Contract, Field, Format, Scalar, Schema, schema_names

__all__ = ["Spellings", "WireClass", "WireField"]

_NAMED_AFTER = (Format.HEAVY, Format.SIMPLE, Format.SLIM)
"""A variant that serves several formats is named after the first of these."""


@dataclass(frozen=True)
class WireField:
    """How one class decodes one field.

    Attributes:
        key: The key that the decoder looks for.
        zoneless: Whether the time may come without a zone.
        children: The classes of the objects in it, by the names of their schemas.
    """

    field: Field
    key: str
    zoneless: bool
    children: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class WireClass:
    """One class that decodes: the public one of a schema, or a private variant.

    Attributes:
        formats: The formats that it decodes.
        needs_publishing: Whether decoded objects must still be turned into what users see.
    """

    name: str
    schema: Schema
    fields: tuple[WireField, ...]
    formats: tuple[Format, ...]
    is_public: bool
    needs_publishing: bool


class Spellings:
    """The wire classes of all schemas, children before parents."""

    def __init__(self, contract: Contract) -> None:
        self._by_format: dict[tuple[str, Format], WireClass] = {}
        self._by_name: dict[str, WireClass] = {}
        self.order = tuple(_children_first(contract.schemas))
        for schema in self.order:
            self._add(schema)

    def public(self, schema: Schema) -> WireClass:
        """Give the class that users see."""
        return self._by_name[schema.name]

    def of(self, name: str, format_: Format) -> WireClass:
        """Give the class that decodes a schema in a format."""
        return self._by_format[name, format_]

    def classes(self, schema: Schema) -> tuple[WireClass, ...]:
        """Give all classes of a schema, the public one first."""
        return tuple(wire for wire in self._by_name.values() if wire.schema is schema)

    def named(self, name: str) -> WireClass:
        """Give a class by its own name."""
        return self._by_name[name]

    def alternates(self, schema: Schema, format_: Format) -> tuple[tuple[str, str], ...]:
        """Give other keys with the keys that they stand for, in an object and in those inside it.

        Raises:
            CodegenError: Another key means something of its own in such an answer; it cannot be taken for this one.
        """
        inside = tuple(self._inside(schema))
        own = {key for one in inside for key in _keys(one, format_, alternates=False)}
        pairs = {
            (other, str(field.wire[format_]))
            for one in inside
            for field in one.fields
            for where, other in field.alternates
            if where is format_
        }
        clash = sorted(other for other, _ in pairs if other in own)
        if clash:
            raise CodegenError(schema.place, f"the alternate `{clash[0]}` is a key of its own in {format_}")
        return tuple(sorted(pairs))

    def _inside(self, schema: Schema) -> Iterator[Schema]:
        yield schema
        for field in schema.fields:
            for name in schema_names(field.type):
                yield from self._inside(self._by_name[name].schema)

    def _add(self, schema: Schema) -> None:
        public = self._fields(schema, schema.usual, variant=False)
        groups: dict[tuple[WireField, ...], list[Format]] = {public: []}
        for format_ in FORMATS:
            if format_ is schema.usual or self._fits(public, schema, format_):
                groups[public].append(format_)
            else:
                groups.setdefault(self._fields(schema, format_, variant=True), []).append(format_)
        for fields, formats in groups.items():
            is_public = fields is public
            suffix = next(format_ for format_ in _NAMED_AFTER if format_ in formats).value.capitalize()
            wire = WireClass(
                name=schema.name if is_public else f"_{schema.name}{suffix}",
                schema=schema,
                fields=fields,
                formats=tuple(formats),
                is_public=is_public,
                needs_publishing=not is_public or any(map(self._needs_publishing, fields)),
            )
            self._by_name[wire.name] = wire
            for format_ in formats:
                self._by_format[schema.name, format_] = wire

    def _fields(self, schema: Schema, format_: Format, *, variant: bool) -> tuple[WireField, ...]:
        return tuple(
            WireField(
                field=field,
                key=field.wire[format_] or (_absent(field) if variant else self._idle_key(schema, field)),
                zoneless=format_ in field.zoneless,
                children=tuple((name, self.of(name, format_).name) for name in schema_names(field.type)),
            )
            for field in schema.fields
        )

    def _idle_key(self, schema: Schema, field: Field) -> str:
        """Give the key of a field that the usual format lacks: another format's, so that it may share the class."""
        taken = _keys(schema, schema.usual)
        spelled = (field.wire[format_] for format_ in _NAMED_AFTER)
        return next((key for key in spelled if key is not None and key not in taken), _absent(field))

    def _fits(self, public: tuple[WireField, ...], schema: Schema, format_: Format) -> bool:
        keys = _keys(schema, format_)
        for wire, own in zip(public, self._fields(schema, format_, variant=True), strict=True):
            if wire.children != own.children or wire.zoneless != own.zoneless:
                return False
            if wire.field.wire[format_] is None:
                if wire.key in keys:
                    return False
            elif wire.key != own.key:
                return False
        return True

    def _needs_publishing(self, wire: WireField) -> bool:
        return wire.field.type is Scalar.WIRE_ID or any(
            self._by_name[child].needs_publishing for _, child in wire.children
        )


def _absent(field: Field) -> str:
    return ABSENT_PREFIX + field.name


def _keys(schema: Schema, format_: Format, *, alternates: bool = True) -> set[str]:
    """Give every key that an object has in a format, modelled or not."""
    keys = {field.wire[format_] for field in schema.fields}
    keys |= {ignored[format_] for ignored in schema.ignored}
    if alternates:
        keys |= {key for field in schema.fields for other, key in field.alternates if other is format_}
    return {key for key in keys if key is not None}


def _children_first(schemas: dict[str, Schema]) -> Iterable[Schema]:
    done: dict[str, Schema] = {}

    def visit(schema: Schema, above: tuple[str, ...]) -> None:
        if schema.name in above:
            raise CodegenError(schema.place, f"contains itself: {' > '.join((*above, schema.name))}")
        if schema.name in done:
            return
        for field in schema.fields:
            for name in schema_names(field.type):
                if schemas[name].module is None:
                    raise CodegenError(schema.place, f"{field.name}: {name} has no `x-module`")
                visit(schemas[name], (*above, schema.name))
        done[schema.name] = schema

    for schema in schemas.values():
        if schema.module is not None:
            visit(schema, ())
    return done.values()
