"""Have mypy read the blocks of the documentation, as the editor of whoever pastes one does: `python -m tests.support.doc_types`."""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from pathlib import Path

from mypy import api

from tests.support.doc_blocks import BLOCKS, Block, name_of


def main() -> int:
    """Show what mypy finds; the exit code is 0 only if that is nothing. Functions may go without annotations, as tests do."""
    with tempfile.TemporaryDirectory() as folder:
        for block in BLOCKS:
            name = re.sub(r"\W+", "_", name_of(block)) + ".py"
            (Path(folder) / name).write_text(typed(block), encoding="utf-8")
        found, problems, status = api.run(["--strict", "--allow-untyped-defs", folder])
    sys.stdout.write(f"The documentation: {found}{problems}")
    return status


def typed(block: Block) -> str:
    """Give the block as a module: what is run with `alor` and `sandbox` at hand gets them as arguments."""
    if block.mode != "sandbox":
        return block.text
    types = "import alor_async as _client\nimport alor_async.sandbox as _exchange\n\n\n"
    head = "async def main(alor: _client.AsyncAlor, sandbox: _exchange.Sandbox) -> None:\n"
    return types + head + textwrap.indent(block.text, "    ")


if __name__ == "__main__":
    sys.exit(main())
