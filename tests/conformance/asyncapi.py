"""The documents of the sockets fit the published JSON Schema of AsyncAPI 3.0, which npm fetches for the occasion.

    python -m tests.conformance.asyncapi

Exit code 0 means: the document as it is written, the one that is shipped and the three closed ones are valid; and, as a proof
of the proof, a document with any of a few mistakes is not.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from codegen.contract import load_document, load_sockets
from codegen.export_sockets import closed_sockets, open_sockets
from codegen.ir import FORMATS
from tests.support.node import missing_node

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "@asyncapi/specs@6.11.1"
SCHEMA = "package/schemas/3.0.0.json"

MISTAKES: dict[tuple[str, ...], Any] = {
    ("asyncapi",): "2.6.0",
    ("servers", "test", "protocol"): None,
    ("channels", "ws", "adress"): "/ws",
    ("channels", "ws", "messages", "quotes.data", "payload", "type"): "texts",
    ("operations", "streams.quotes", "action"): "shout",
    ("operations", "streams.quotes", "messages"): {},
    ("operations", "streams.quotes", "reply", "channel"): "/ws",
}
"""What is put where, to be noticed."""


def main() -> int:
    """Check everything; the exit code is 0 only if all is well."""
    problem = missing_node()
    if problem is not None:
        print(f"asyncapi: {problem}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        schema = _fetched(Path(folder))
    if schema is None:
        print(f"asyncapi: npm could not fetch {PACKAGE}; is the npm registry reachable?", file=sys.stderr)
        return 1
    validator = jsonschema.Draft7Validator(schema)
    failed = [*_invalid(validator), *_unnoticed(validator)]
    for failure in failed:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failed else 0


def _fetched(folder: Path) -> Any:
    """Let npm fetch the package, and read the one file that is wanted out of it."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False, timeout=300).returncode:
        return None
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        file = package.extractfile(SCHEMA)
        assert file is not None
        with file:
            return json.load(file)


def _invalid(validator: jsonschema.Draft7Validator) -> Iterator[str]:
    """Tell what is wrong with our documents."""
    rest, sockets = load_document(ROOT), load_sockets(ROOT)
    documents = {"openapi/alor.asyncapi.yaml": sockets, "alor.asyncapi.json": open_sockets(rest, sockets)}
    for format_ in FORMATS:
        documents[f"alor.{format_}.closed.asyncapi.json"] = closed_sockets(rest, sockets, format_)
    for name, document in documents.items():
        errors = [f"{name}: {error.json_path}: {error.message:.200}" for error in validator.iter_errors(document)]
        print(f"{name:34} {'is valid AsyncAPI 3.0.0' if not errors else f'{len(errors)} errors'}")
        yield from errors


def _unnoticed(validator: jsonschema.Draft7Validator) -> Iterator[str]:
    """Tell which mistakes pass."""
    for place, value in MISTAKES.items():
        document: Any = copy.deepcopy(load_sockets(ROOT))
        holder = document
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = value
        is_noticed = not validator.is_valid(document)
        print(f"{'.'.join(place):50} = {value!r:8} {'noticed' if is_noticed else 'NOT NOTICED'}")
        if not is_noticed:
            yield f"{'.'.join(place)} = {value!r} goes unnoticed"


if __name__ == "__main__":
    sys.exit(main())
