"""The generator's commands: `python -m codegen write | check | export [DIRECTORY]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen.contract import load_document, load_sockets, read_contract
from codegen.errors import CodegenError
from codegen.export import closed_document, document_text, open_document
from codegen.export_sockets import closed_sockets, open_sockets
from codegen.generate import generate, owned_files
from codegen.ir import FORMATS
from codegen.output import differences, write_files

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is 0 only if all is well."""
    parser = argparse.ArgumentParser(prog="codegen", description=__doc__)
    parser.add_argument("--root", type=Path, default=_ROOT, help="the project (default: the one this package is in)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write", help="write what the contract says")
    commands.add_parser("check", help="fail unless what is committed is what would be written")
    exporting = commands.add_parser("export", help="write OpenAPI and AsyncAPI documents for other tools")
    exporting.add_argument("directory", type=Path, nargs="?", default=Path("build/openapi"))
    options = parser.parse_args(arguments)
    root: Path = options.root
    try:
        if options.command == "write":
            return _write(root)
        return _check(root) if options.command == "check" else _export(root, options.directory)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1


def _write(root: Path) -> int:
    changed = write_files(root, generate(load_document(root), load_sockets(root), root), owned_files(root))
    print("\n".join(changed) if changed else "nothing changed")
    return 0


def _check(root: Path) -> int:
    hints = differences(root, generate(load_document(root), load_sockets(root), root), owned_files(root))
    if not hints:
        return 0
    print("\n\n".join(hints), file=sys.stderr)
    print("\ncodegen: generated files are not what openapi/ says. Run `make generate`.", file=sys.stderr)
    return 1


def _export(root: Path, directory: Path) -> int:
    document, sockets = load_document(root), load_sockets(root)
    read_contract(document, sockets)
    directory.mkdir(parents=True, exist_ok=True)
    made = {"alor.openapi.json": open_document(document), "alor.asyncapi.json": open_sockets(document, sockets)}
    for format_ in FORMATS:
        made[f"alor.{format_}.closed.openapi.json"] = closed_document(document, format_)
        made[f"alor.{format_}.closed.asyncapi.json"] = closed_sockets(document, sockets, format_)
    for name, content in made.items():
        (directory / name).write_text(document_text(content), encoding="utf-8")
        print(directory / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
