"""Modules before they are files, and the templates that they are made with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from codegen.python.text import docstring

__all__ = ["Module", "render", "source"]

_HEADER = "Generated from openapi/ by `make generate`: change the contract, not this file."


@dataclass(frozen=True)
class Module:
    """One module of generated Python.

    Attributes:
        path: Where it stands in the project.
        doc: What it holds, in a sentence.
        code: Everything after the imports.
        exports: The names in its `__all__`.
    """

    path: str
    doc: str
    code: str
    exports: tuple[str, ...]

    @property
    def dotted(self) -> str:
        """Its name for an import."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_front_door(self) -> bool:
        """Whether it passes on what other modules define."""
        return self.path.endswith("/__init__.py")


def render(template: str, **values: object) -> str:
    """Fill in a template of this package."""
    return _environment().get_template(template).render(**values)


def source(module: Module, import_lines: str) -> str:
    """Put a module's text together, not yet formatted."""
    names = ", ".join(f'"{name}"' for name in sorted(module.exports))
    head = docstring(f"{module.doc}\n\n{_HEADER}", indent=0)
    return f"{head}\n\n{import_lines}\n\n__all__ = [{names}]\n\n{module.code}\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("codegen.python"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
