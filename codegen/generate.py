"""Everything that is generated, as texts by path."""

from __future__ import annotations

from pathlib import Path

from codegen.contract import read_contract
from codegen.errors import CodegenError
from codegen.export import document_text, open_document
from codegen.export_sockets import open_sockets
from codegen.node import Json
from codegen.output import formatted
from codegen.python.models import model_modules
from codegen.python.operations import operation_modules
from codegen.python.rendering import Module, source
from codegen.python.sockets import command_module, subscription_module
from codegen.python.structs import answer_module, body_module
from codegen.python.text import imports
from codegen.python.wire import wire_modules
from codegen.spelling import Spellings

__all__ = ["EXPORTED", "EXPORTED_SOCKETS", "generate", "owned_files"]

EXPORTED = "alor_async/_contract/alor.openapi.json"
EXPORTED_SOCKETS = "alor_async/_contract/alor.asyncapi.json"
"""The documents for other tools, shipped in the wheel."""

_HAND_WRITTEN = frozenset({"alor_async/models/_base.py"})
_MAX_LINES = 600


def generate(document: Json, sockets: Json, root: Path) -> dict[str, str]:
    """Make every generated file of a contract.

    Args:
        document: What is said about REST.
        sockets: What is said about the sockets.
        root: The project.

    Raises:
        CodegenError: The contract cannot be understood, or a file would be too long to read.
    """
    contract = read_contract(document, sockets)
    spellings = Spellings(contract)
    modules = [
        *model_modules(contract, spellings),
        _package(),
        body_module(spellings),
        answer_module(spellings),
        *wire_modules(contract, spellings),
        *operation_modules(contract),
        subscription_module(contract),
        command_module(contract),
    ]
    homes = {name: module.dotted for module in modules if not module.is_front_door for name in module.exports}
    files = formatted({module.path: _text(module, homes) for module in modules}, root)
    for path, text in files.items():
        _check_length(path, text)
    exported = {EXPORTED: open_document(document), EXPORTED_SOCKETS: open_sockets(document, sockets)}
    return files | {path: document_text(content) for path, content in exported.items()}


def owned_files(root: Path) -> list[Path]:
    """Name the files in the places that belong to the generator."""
    places = (root / "alor_async/models", root / "alor_async/_contract")
    found = [path for place in places for path in sorted(place.rglob("*")) if path.suffix in {".py", ".json"}]
    return [path for path in found if path.relative_to(root).as_posix() not in _HAND_WRITTEN]


def _text(module: Module, homes: dict[str, str]) -> str:
    return source(module, imports(module.code, {} if module.is_front_door else homes, own=module.exports))


def _check_length(path: str, text: str) -> None:
    lines = text.count("\n")
    if lines > _MAX_LINES:
        raise CodegenError(path, f"{lines} lines: split it by area, {_MAX_LINES} are the most that people read")


def _package() -> Module:
    return Module(
        path="alor_async/_contract/__init__.py",
        doc="The broker's contract as code: operations, streams, commands, their bodies, and how each format is read.",
        code="",
        exports=(),
    )
