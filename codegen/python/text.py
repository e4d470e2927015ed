"""Words and lines of the generated code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

__all__ = ["constant", "docstring", "imports", "listed", "note", "plural", "sentence", "words"]

_WIDTH = 116

_MODULES = {
    "enum": ("IntEnum", "StrEnum"),
    "datetime": ("UTC", "datetime"),
    "decimal": ("Decimal",),
    "uuid": ("UUID",),
    "collections.abc": ("Callable", "Iterable", "Sequence"),
    "typing": ("Any", "Final"),
    "msgspec": ("Struct", "field"),
    "msgspec.json": ("Encoder",),
    "msgspec.structs": ("force_setattr",),
    "alor_async._http.decode": ("Shape", "Shapes", "text_success"),
    "alor_async._http.message": (
        "CommandSpec",
        "Record",
        "SignalSpec",
        "StreamParameter",
        "StreamSpec",
        "ValueKind",
    ),
    "alor_async._http.request": ("Access", "Kind", "Lane", "Operation", "Parameter", "Place", "MIB"),
    "alor_async.models._base": ("Model", "OpenIntEnum", "OpenStrEnum", "UtcTime", "WireId", "ZonelessTime"),
    "alor_async.values": ("Format", "InstrumentId"),
    "alor_async._contract.wire.publishing": ("become", "each", "single"),
}
"""Where the names that generated code may use come from."""

_HOME = {name: module for module, names in _MODULES.items() for name in names}


def imports(code: str, homes: dict[str, str], own: Iterable[str] = ()) -> str:
    """Write the import lines that a piece of code needs; the formatter sorts them.

    Args:
        code: The code, without its imports.
        homes: Where the names of this contract stand.
        own: The names that the code defines itself.
    """
    known = {**_HOME, **homes}
    bare = re.sub(r'"""(?s:.*?)"""|"[^"\n]*"|#.*', "", code)
    used = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", bare)) - set(own)
    lines: dict[str, list[str]] = {}
    for name in sorted(used & known.keys()):
        lines.setdefault(known[name], []).append(name)
    return "\n".join(f"from {module} import {', '.join(names)}" for module, names in sorted(lines.items()))


def docstring(text: str, indent: int = 4) -> str:
    """Write a docstring: on one line if it fits, else wrapped, its first sentence on a line of its own.

    A paragraph whose lines start with `- ` is a list, and stays one.
    """
    margin = " " * indent
    paragraphs = [_escaped(paragraph) for paragraph in text.strip().split("\n\n")]
    first = " ".join(paragraphs[0].split())
    if len(paragraphs) == 1 and len(margin) + len(first) + 6 <= _WIDTH + 4:
        return f'{margin}"""{first}"""'
    opening, rest = _first_sentence(first)
    blocks = [opening, *([rest] if rest else []), *paragraphs[1:]]
    body = "\n\n".join(_wrapped(block, _WIDTH - indent) for block in blocks)
    return textwrap.indent(f'"""{body}\n"""', margin)


def _wrapped(block: str, width: int) -> str:
    if not block.startswith("- "):
        return textwrap.fill(" ".join(block.split()), width, break_on_hyphens=False)
    items = [textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False) for line in block.splitlines()]
    return "\n".join(items)


def note(text: str, indent: int = 4) -> str:
    """Write the docstring under an attribute: one line if it fits, else wrapped as it stands."""
    margin = " " * indent
    plain = _escaped(" ".join(text.split()))
    if len(margin) + len(plain) + 6 <= _WIDTH + 4:
        return f'{margin}"""{plain}"""'
    wrapped = textwrap.wrap(plain, _WIDTH - indent, break_on_hyphens=False)
    return textwrap.indent('"""' + "\n".join(wrapped) + '\n"""', margin)


def sentence(text: str) -> str:
    """Start with a capital and end with a full stop."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ")")) and not text.endswith("..") else text.rstrip(".;") + "."


def words(name: str) -> tuple[str, ...]:
    """Split a name of a class or of an attribute into lower-case words."""
    return tuple(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_").split("_"))


def constant(name: str) -> str:
    """Write a name as a constant's: `market_data.get_quotes` -> `MARKET_DATA_GET_QUOTES`."""
    return "_".join(word for part in name.split(".") for word in words(part)).upper()


def plural(word: str) -> str:
    """Give the plural of an English noun, well enough for names of variables."""
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch")) else "s")


def listed(items: Sequence[str]) -> str:
    """Write `a`, `a and b`, or `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _first_sentence(text: str) -> tuple[str, str]:
    first, stop, rest = text.partition(". ")
    return (first + ".", rest) if stop else (text, "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
