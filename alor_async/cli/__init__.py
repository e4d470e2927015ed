"""The `alor` program. It needs the extra `cli`: `pip install 'alor-async[cli]'`."""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = {"typer", "rich", "click"}


def main() -> None:
    """Run the program; say what to install when its extra is missing."""
    try:
        from alor_async.cli.program import program
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.exit(f"alor: {missing.name} is not installed. Install the extra: pip install 'alor-async[cli]'")
    program(prog_name="alor")
