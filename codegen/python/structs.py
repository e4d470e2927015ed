"""Private structs: what requests carry and what only facades see of answers, in `alor_async/_contract`."""

from __future__ import annotations

from codegen.python.models import declaration
from codegen.python.rendering import Module, render
from codegen.python.text import docstring, note, sentence
from codegen.spelling import Spellings

__all__ = ["answer_module", "body_module"]


def body_module(spellings: Spellings) -> Module:
    """Write the structs that are only ever encoded."""
    structs = _structs(spellings, "bodies")
    return Module(
        path="alor_async/_contract/bodies.py",
        doc="What requests carry: structs that are encoded and never decoded.",
        code=render("structs.py.j2", structs=structs, settings="omit_defaults=True, ") + render("encode.py.j2"),
        exports=(*(str(struct["name"]) for struct in structs), "encode"),
    )


def answer_module(spellings: Spellings) -> Module:
    """Write the structs of answers that stay inside the library."""
    structs = _structs(spellings, "answers")
    return Module(
        path="alor_async/_contract/answers.py",
        doc="Answers that facades open and do not pass on.",
        code=render("structs.py.j2", structs=structs, settings=""),
        exports=tuple(str(struct["name"]) for struct in structs),
    )


def _structs(spellings: Spellings, module: str) -> list[dict[str, object]]:
    return [
        {
            "name": schema.name,
            "doc": docstring(sentence(schema.doc)),
            "fields": [
                {"line": declaration(item), "note": note(sentence(item.field.doc))}
                for item in spellings.public(schema).fields
            ],
        }
        for schema in spellings.order
        if schema.module == module
    ]
