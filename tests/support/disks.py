"""Disks that fail, without a disk that fails."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NOBODY: Final = 65534


@contextlib.contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: for what is written, the disk is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@contextlib.contextmanager
def plain_user() -> Iterator[Path]:
    """Be somebody whom file modes bind, and give a folder of his: root may write what is read-only."""
    folder = Path(tempfile.mkdtemp(prefix="alor-ledger-"))
    owner = os.geteuid()
    try:
        if owner == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield folder
    finally:
        os.seteuid(owner)
        shutil.rmtree(folder)
