"""`make interop`: another author's client, the npm package `alor-api`, works against `alor sandbox` unchanged.

Node.js and npm come from Debian's packages when they are missing and this user may install them. The package is fetched from
the npm registry that npm is set up for; nothing of it is kept in the repository.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from tests.support.node import missing_node
from tests.support.program import alor_sandbox

HERE = Path(__file__).parent


def main() -> int:
    """Prepare, and walk; the exit code is 0 only if every step went as it should."""
    problem = _prepare()
    if problem is not None:
        print(f"interop: {problem}", file=sys.stderr)
        return 1
    with alor_sandbox(seed=7) as place:
        command = ["node", "walk.js", json.dumps(dataclasses.asdict(place))]
        return subprocess.run(command, cwd=HERE, check=False, timeout=120).returncode


def _prepare() -> str | None:
    """Have node, npm and the package; otherwise say what is missing."""
    problem = missing_node()
    if problem is not None:
        return problem
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    if subprocess.run(install, cwd=HERE, check=False).returncode:
        return "npm could not install the package `alor-api`; is the npm registry reachable?"
    return None


if __name__ == "__main__":
    sys.exit(main())
