"""The journal on disk: what happened and in which sandbox, as JSON lines. No token is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alor_async._version import __version__
from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from os import PathLike

    from alor_async.sandbox.core.journal import Journal

FORMAT = "alor-sandbox-journal/1"


def save_journal(path: str | PathLike[str], journal: Journal, settings: Mapping[str, object]) -> None:
    """Write a journal: first a line about the sandbox, then one line for each entry.

    Raises:
        InvalidArgument: The path is not one.
        OSError: The file cannot be written.
    """
    try:
        target = Path(path)
    except TypeError as error:
        raise InvalidArgument("path", f"must be a path, got {path!r:.40}") from error
    entries = journal.since(0)
    about = {"format": FORMAT, "version": __version__, "entries": len(entries), "settings": settings}
    with target.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(about, ensure_ascii=False, default=_describe) + "\n")
        file.writelines(entry.to_json() + "\n" for entry in entries)


def _describe(value: Any) -> object:
    """A setting as JSON has it; what JSON has no form for is told in words."""
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)
