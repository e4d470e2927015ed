"""How answers are decoded in each format: `alor_async/_contract/wire`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codegen.errors import CodegenError
from codegen.ir import FORMATS, Answer, Contract, Format, Many, Scalar, Schema, SchemaRef, Type, schema_names
from codegen.python.models import annotation, declaration
from codegen.python.publishing import Publisher, Publishers
from codegen.python.rendering import Module, render
from codegen.python.text import constant, docstring, listed
from codegen.schemas import MODEL_MODULES
from codegen.spelling import Spellings, WireClass

__all__ = ["answer_constant", "wire_modules"]

_PACKAGE = "alor_async/_contract/wire"

_TITLES = {
    "answers": "How answers are read that facades open themselves.",
    "plain": "How the plainest answers are read.",
}
_LEGEND = "A key that starts with a hyphen occurs in no answer: it stands for a field that the format lacks."


@dataclass(frozen=True)
class _VariantView:
    name: str
    base: str
    doc: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _AnswerView:
    """The shapes of one answer; `shared` is the shape that several formats have, under a name of its own."""

    name: str
    type: str
    value: str
    shared: str | None = None


def wire_modules(contract: Contract, spellings: Spellings) -> list[Module]:
    """Write the private classes, the functions that publish their objects, and the shape of every answer."""
    modules = [
        Module(
            path=f"{_PACKAGE}/__init__.py",
            doc="How answers are read: private spellings of the models, and the shape of every answer.",
            code="",
            exports=(),
        ),
        Module(
            path=f"{_PACKAGE}/publishing.py",
            doc="Turning a loop over decoded objects into what a shape calls.",
            code=render("publishing.py.j2"),
            exports=("become", "each", "single"),
        ),
    ]
    answers = {answer_constant(place, answer): answer for place, answer in contract.answers()}
    for area in (*MODEL_MODULES, "answers", "plain"):
        schemas = [schema for schema in spellings.order if schema.module == area]
        own = {name: answer for name, answer in answers.items() if _area(answer, contract) == area}
        module = _module(area, schemas, own, spellings)
        if module.exports:
            modules.append(module)
    return modules


def answer_constant(place: str, answer: Answer) -> str:
    """Name the shapes of an answer, or of the data of a stream."""
    match answer.type:
        case None:
            return "SUCCESS"
        case Many(SchemaRef(name)):
            return f"{constant(name)}_LIST"
        case SchemaRef(name):
            return constant(name)
        case Many(Scalar() as item):
            return f"{item.name}_LIST"
        case Scalar() as item:
            return item.name
        case _:
            raise CodegenError(place, "an answer must be an object, a plain value, or a list of those")


def _area(answer: Answer, contract: Contract) -> str:
    names = list(schema_names(answer.type)) if answer.type else []
    return contract.schemas[names[0]].module or "" if names else "plain"


def _module(area: str, schemas: list[Schema], answers: dict[str, Answer], spellings: Spellings) -> Module:
    variants = [_variant(wire) for schema in schemas for wire in spellings.classes(schema) if not wire.is_public]
    views = [_answer(name, answer, spellings) for name, answer in answers.items()]
    title = _TITLES.get(area, f"How the answers of `{area}` are read in each format.")
    return Module(
        path=f"{_PACKAGE}/{area}.py",
        doc=f"{title} {_LEGEND}" if variants else title,
        code=render(
            "wire.py.j2", variants=variants, publishers=_used(Publishers(spellings).of(schemas), views), answers=views
        ),
        exports=tuple(answers),
    )


def _used(publishers: list[Publisher], answers: list[_AnswerView]) -> list[Publisher]:
    """Leave out the functions that nothing calls: one object that only changes its class needs none."""
    lines = [line for publisher in publishers for line in publisher.lines]
    names = set(re.findall(r"\w+", " ".join([*lines, *(f"{answer.value} {answer.shared}" for answer in answers)])))
    return [publisher for publisher in publishers if publisher.name in names]


def _variant(wire: WireClass) -> _VariantView:
    spelled = listed([format_.capitalize() for format_ in wire.formats])
    return _VariantView(
        name=wire.name,
        base=wire.schema.name,
        doc=docstring(f"{wire.schema.name} as {spelled} spell{'s' if len(wire.formats) == 1 else ''} it."),
        lines=tuple(declaration(field, in_variant=True) for field in wire.fields),
    )


def _answer(name: str, answer: Answer, spellings: Spellings) -> _AnswerView:
    if answer.type is None:
        return _AnswerView(name, "None", "Shapes[None].same(text_success)")
    type_ = _answer_type(answer.type, {})
    shapes = {format_: _shape(answer.type, format_, spellings) for format_ in FORMATS}
    count = Counter(shapes.values())
    shape, times = count.most_common(1)[0]
    if times == len(FORMATS):
        return _AnswerView(name, type_, f"Shapes[{type_}].same({shape})")
    shared = shape if times > 1 else None
    named = {format_: f"_{name}" if other == shared else other for format_, other in shapes.items()}
    value = ", ".join(f"{format_}={other}" for format_, other in named.items())
    return _AnswerView(name, type_, f"Shapes({value})", shared)


def _shape(type_: Type, format_: Format, spellings: Spellings) -> str:
    """Write the shape of an answer in one format."""
    classes = {name: spellings.of(name, format_) for name in schema_names(type_)}
    arguments = [_answer_type(type_, {name: wire.name for name, wire in classes.items()})]
    for wire in classes.values():
        if wire.needs_publishing:
            publishers = Publishers(spellings)
            how = f"each({publishers.name(wire)})" if isinstance(type_, Many) else publishers.of_one(wire)
            arguments.append(f"publish={how}")
        keys = sorted(set(_time_keys(wire, format_, spellings)))
        if keys:
            arguments.append(f"zoneless={_tuple(keys)}")
        alternates = spellings.alternates(wire.schema, format_)
        if alternates:
            pairs = [_tuple(pair) for pair in alternates]
            arguments.append(f"alternates=({pairs[0]},)" if len(pairs) == 1 else f"alternates=({', '.join(pairs)})")
    return f"Shape({', '.join(arguments)})"


def _answer_type(type_: Type, children: dict[str, str]) -> str:
    """Write the type of an answer: a list where the broker sends one."""
    if isinstance(type_, Many):
        return f"list[{annotation(type_.item, children=children)}]"
    return annotation(type_, children=children)


def _time_keys(wire: WireClass, format_: Format, spellings: Spellings) -> Iterator[str]:
    """Yield the keys of times that come with a zone, unless the server forgets it."""
    for field in wire.fields:
        key = field.field.wire[format_]
        if field.field.type is Scalar.TIME and not field.zoneless and key is not None:
            yield key
        for _, child in field.children:
            yield from _time_keys(spellings.named(child), format_, spellings)


def _tuple(items: Iterable[str]) -> str:
    quoted = [f'"{item}"' for item in items]
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({', '.join(quoted)})"
