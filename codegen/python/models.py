"""The public models: `alor_async/models`."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.ir import FORMATS, Contract, Enumeration, EnumRef, Field, Format, Many, Scalar, Schema, SchemaRef, Type
from codegen.python.rendering import Module, render
from codegen.python.text import docstring, listed, note, sentence
from codegen.schemas import MODEL_MODULES
from codegen.spelling import Spellings, WireClass, WireField

__all__ = ["annotation", "declaration", "model_modules"]

_TITLES = {
    "instruments": "Instruments, currency pairs and risk rates.",
    "market_data": "Quotes, order books, candles and market trades.",
    "account": "What a portfolio holds, owes and did: positions, orders, trades, risks.",
    "orders": "What the broker answers about orders before they are placed.",
    "order_groups": "Groups of linked orders.",
    "enums": "The sets of words and numbers that models use; the open ones keep an unlisted value.",
}

_SCALARS = {
    Scalar.TEXT: "str",
    Scalar.WIRE_ID: "WireId",
    Scalar.INTEGER: "int",
    Scalar.DECIMAL: "Decimal",
    Scalar.BOOLEAN: "bool",
    Scalar.TIME: "UtcTime",
    Scalar.UUID: "UUID",
}

_KEY_DOC = '''\
        """The key of the instrument, as every call takes it.

        Raises:
            InvalidArgument: The symbol cannot be asked for; the broker writes `[N/A]` when it does not know one.
        """'''

_BASES = {
    (True, True): "OpenStrEnum",
    (True, False): "OpenIntEnum",
    (False, True): "StrEnum",
    (False, False): "IntEnum",
}
"""The base of an enumeration: whether it is open, and whether its values are text."""


@dataclass(frozen=True)
class _FieldView:
    line: str
    note: str


@dataclass(frozen=True)
class _PropertyView:
    name: str
    type: str
    doc: str
    body: tuple[str, ...]


@dataclass(frozen=True)
class _ModelView:
    name: str
    doc: str
    fields: tuple[_FieldView, ...]
    properties: tuple[_PropertyView, ...]


def model_modules(contract: Contract, spellings: Spellings) -> list[Module]:
    """Write the modules of `alor_async/models`, its front door included."""
    modules = [_enums(contract)]
    for name in MODEL_MODULES:
        schemas = [schema for schema in spellings.order if schema.module == name]
        modules.append(
            Module(
                path=f"alor_async/models/{name}.py",
                doc=_TITLES[name],
                code=render("models.py.j2", models=[_model(spellings.public(schema)) for schema in schemas]),
                exports=tuple(schema.name for schema in schemas),
            )
        )
    return [*modules, _front_door(modules)]


def annotation(type_: Type, *, zoneless: bool = False, children: dict[str, str] | None = None) -> str:
    """Write a type, with the classes of its objects named by `children` where they differ."""
    match type_:
        case Scalar.TIME if zoneless:
            return "ZonelessTime"
        case Scalar():
            return _SCALARS[type_]
        case EnumRef(name):
            return name
        case SchemaRef(name):
            return (children or {}).get(name, name)
        case Many(item):
            return f"tuple[{annotation(item, zoneless=zoneless, children=children)}, ...]"


def declaration(wire: WireField, *, in_variant: bool = False) -> str:
    """Write the line that declares a field of a class that decodes.

    A variant names every key: what it does not name it would inherit from the public class.
    """
    field = wire.field
    kind = annotation(field.type, zoneless=wire.zoneless, children=dict(wire.children))
    renamed = in_variant or wire.key != field.name
    if field.required:
        default = f' = field(name="{wire.key}")' if renamed else ""
        return f"{field.name}: {kind}{default}"
    return f"{field.name}: {kind} | None = " + (f'field(default=None, name="{wire.key}")' if renamed else "None")


def _model(wire: WireClass) -> _ModelView:
    schema = wire.schema
    return _ModelView(
        name=schema.name,
        doc=docstring("\n\n".join([sentence(schema.doc), *_availability(schema), _source(schema)])),
        fields=tuple(_FieldView(declaration(item), note(_field_doc(item.field))) for item in wire.fields),
        properties=(*_instrument_id(schema), *_times(schema)),
    )


def _source(schema: Schema) -> str:
    return f"Contract: schema `{schema.name}`; the class itself carries the keys of {schema.usual.capitalize()}."


def _availability(schema: Schema) -> list[str]:
    """Say which fields are always there and which are not carried by every format or instrument."""
    required = [field.name for field in schema.fields if field.required]
    lines = [f"Never None: {', '.join(required)}."] if required else []
    partial: dict[tuple[Format, ...], list[str]] = {}
    particular: dict[str, list[str]] = {}
    for field in schema.fields:
        if field.wire.formats != FORMATS:
            partial.setdefault(field.wire.formats, []).append(field.name)
        if field.only_for:
            particular.setdefault(field.only_for, []).append(field.name)
    lines += [f"{_only(formats)}: {', '.join(names)}." for formats, names in partial.items()]
    lines += [f"Only for {who}: {', '.join(names)}." for who, names in particular.items()]
    return ["\n".join(f"- {line}" for line in lines)] if len(lines) > 1 else lines


def _only(formats: tuple[Format, ...]) -> str:
    return f"{listed([format_.capitalize() for format_ in formats])} only"


def _field_doc(field: Field) -> str:
    parts = [sentence(field.doc)]
    if field.wire.formats != FORMATS:
        parts.append(f"{_only(field.wire.formats)}.")
    if field.only_for:
        parts.append(f"Only for {field.only_for}.")
    return " ".join(parts)


def _instrument_id(schema: Schema) -> tuple[_PropertyView, ...]:
    fields = {field.name: field for field in schema.fields}
    if not all(name in fields and fields[name].required for name in ("symbol", "exchange")):
        return ()
    exchange = "self.exchange.value" if isinstance(fields["exchange"].type, EnumRef) else "self.exchange"
    board = ", self.board or None" if "board" in fields else ""
    return (
        _PropertyView(
            name="instrument_id",
            type="InstrumentId",
            doc=_KEY_DOC,
            body=(f"return InstrumentId(self.symbol, {exchange}{board})",),
        ),
    )


def _times(schema: Schema) -> tuple[_PropertyView, ...]:
    return tuple(
        _time(field)
        for field in schema.fields
        if field.type is Scalar.INTEGER and field.name.removesuffix("_ms").endswith("timestamp")
    )


def _time(field: Field) -> _PropertyView:
    in_milliseconds = field.name.endswith("_ms")
    stamp = f"self.{field.name} / 1000" if in_milliseconds else f"self.{field.name}"
    made = f"datetime.fromtimestamp({stamp}, UTC)"
    return _PropertyView(
        name=field.name.removesuffix("_ms").removesuffix("timestamp") + "time",
        type="datetime" if field.required else "datetime | None",
        doc=docstring(f"`{field.name}` as an aware UTC datetime.", indent=8),
        body=(f"return {made}",) if field.required else (f"return None if self.{field.name} is None else {made}",),
    )


def _enums(contract: Contract) -> Module:
    enums = list(contract.enums.values())
    return Module(
        path="alor_async/models/enums.py",
        doc=_TITLES["enums"],
        code=render("enums.py.j2", enums=[_enum(enum) for enum in enums]),
        exports=tuple(enum.name for enum in enums),
    )


def _enum(enum: Enumeration) -> dict[str, object]:
    of_text = isinstance(enum.members[0].value, str)
    return {
        "name": enum.name,
        "base": _BASES[enum.is_open, of_text],
        "doc": docstring(sentence(enum.doc)),
        "members": [
            {
                "name": member.name,
                "value": f'"{member.value}"' if of_text else str(member.value),
                "note": note(sentence(member.doc)),
            }
            for member in enum.members
        ],
    }


def _front_door(modules: list[Module]) -> Module:
    """Write `alor_async/models/__init__.py`."""
    shared = ("Model", "OpenIntEnum", "OpenStrEnum", "decode")
    lines = [f"from alor_async.models._base import {', '.join(shared)}"]
    lines += [f"from {module.dotted} import {', '.join(module.exports)}" for module in modules if module.exports]
    return Module(
        path="alor_async/models/__init__.py",
        doc="What the broker tells, as immutable values: one class an entity, whatever the wire format.",
        code="\n".join(lines),
        exports=(*shared, *(name for module in modules for name in module.exports)),
    )
