"""Node.js and npm, for proofs by programs of others. On Debian they are installed when they are missing and this user may."""

from __future__ import annotations

import os
import shutil
import subprocess

OLDEST = 18
"""The first with `fetch`."""


def missing_node() -> str | None:
    """Have node and npm, or say what is wrong."""
    if not _is_there():
        _install()
    if not _is_there():
        return "Node.js and npm are missing and could not be installed. On Debian: sudo apt-get install nodejs npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        return f"Node.js {OLDEST} or newer is needed, and this is {version}"
    return None


def _is_there() -> bool:
    return shutil.which("node") is not None and shutil.which("npm") is not None


def _install() -> None:
    """Ask Debian's package manager, when it is there and this user may."""
    if shutil.which("apt-get") is None:
        return
    ahead = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if ahead and shutil.which("sudo") is None:
        return
    subprocess.run([*ahead, "apt-get", "update", "--quiet"], check=False)
    subprocess.run([*ahead, "apt-get", "install", "--yes", "--no-install-recommends", "nodejs", "npm"], check=False)
