"""`make interop`: another author's client, the npm package `alor-api`, works against `alor sandbox` unchanged.

Node.js and npm come from Debian's packages when they are missing and this user may install them. The package is fetched from
the npm registry that npm is set up for; nothing of it is kept in the repository.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.program import alor_sandbox

HERE = Path(__file__).parent
OLDEST_NODE = 18
"""The first with `fetch`."""


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
    if not _has_node():
        _install_node()
    if not _has_node():
        return "Node.js and npm are missing and could not be installed. On Debian: sudo apt-get install nodejs npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        return f"Node.js {OLDEST_NODE} or newer is needed, and this is {version}"
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    if subprocess.run(install, cwd=HERE, check=False).returncode:
        return "npm could not install the package `alor-api`; is the npm registry reachable?"
    return None


def _has_node() -> bool:
    return shutil.which("node") is not None and shutil.which("npm") is not None


def _install_node() -> None:
    """Ask Debian's package manager, when it is there and this user may."""
    if shutil.which("apt-get") is None:
        return
    ahead = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if ahead and shutil.which("sudo") is None:
        return
    subprocess.run([*ahead, "apt-get", "update", "--quiet"], check=False)
    subprocess.run([*ahead, "apt-get", "install", "--yes", "--no-install-recommends", "nodejs", "npm"], check=False)


if __name__ == "__main__":
    sys.exit(main())
