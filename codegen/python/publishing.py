"""The loops that turn decoded objects into what users see, in place.

An object of a private variant becomes one of the public class, an id that came as a number becomes text, and the same
happens to the objects inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codegen.ir import Many, Scalar, Schema
from codegen.python.text import plural, words
from codegen.spelling import Spellings, WireClass, WireField

__all__ = ["Publisher", "Publishers"]


@dataclass(frozen=True)
class Publisher:
    """One function: `for item in items`, then the lines."""

    name: str
    items: str
    item: str
    lines: tuple[str, ...]


class Publishers:
    """The functions for all classes; classes that need the same share one."""

    def __init__(self, spellings: Spellings) -> None:
        self._spellings = spellings

    def of(self, schemas: list[Schema]) -> list[Publisher]:
        """Write the functions for the classes of some schemas, each once."""
        found: dict[str, Publisher] = {}
        for schema in schemas:
            for wire in self._busy(schema):
                name, item = self.name(wire), self._item(schema)
                found[name] = Publisher(name, plural(item), item, self._lines(wire))
        return list(found.values())

    def name(self, wire: WireClass) -> str:
        """Name the function for a class: after its schema, or after the class where those of a schema differ."""
        lines = {other.name: self._lines(other) for other in self._busy(wire.schema)}
        if len(set(lines.values())) == 1:
            return f"_publish_{self._item(wire.schema)}"
        first = next(name for name in lines if lines[name] == lines[wire.name])
        return "_publish_" + "_".join(words(first))

    def of_one(self, wire: WireClass) -> str:
        """Write what publishes an answer that is one object. Where it only has to change its class, no loop is needed."""
        if self._lines(wire) == self._swap(wire):
            return f"become({wire.schema.name})"
        return f"single({self.name(wire)})"

    def _busy(self, schema: Schema) -> list[WireClass]:
        return [wire for wire in self._spellings.classes(schema) if wire.needs_publishing]

    def _item(self, schema: Schema) -> str:
        return "_".join(words(schema.name)).removesuffix("s")

    def _lines(self, wire: WireClass) -> tuple[str, ...]:
        item = self._item(wire.schema)
        return (*self._swap(wire), *(line for field in wire.fields for line in self._field(item, field)))

    def _swap(self, wire: WireClass) -> tuple[str, ...]:
        return () if wire.is_public else (f'force_setattr({self._item(wire.schema)}, "__class__", {wire.schema.name})',)

    def _field(self, item: str, wire: WireField) -> Iterator[str]:
        name = wire.field.name
        value = f"{item}.{name}"
        if wire.field.type is Scalar.WIRE_ID:
            yield f"if {value}.__class__ is int:"  # half the time of isinstance(), which counts in long lists
            yield f'    force_setattr({item}, "{name}", str({value}))'
        for _, class_name in wire.children:
            child = self._spellings.named(class_name)
            if not child.needs_publishing:
                continue
            call = f"{self.name(child)}({value if isinstance(wire.field.type, Many) else f'({value},)'})"
            if wire.field.required:
                yield call
            else:
                yield f"if {value} is not None:"
                yield f"    {call}"
