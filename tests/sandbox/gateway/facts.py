"""The contract's facts about every entity: keys, kinds, nulls, and what only some instruments carry.

`wire_facts.json` was written from the broker's documents, not from the sandbox's tables. A kind is `string`, `integer`,
`number`, `boolean`, `array`, `object`, `uuid`, `time` (UTC, seven fraction digits, `Z`), `zoneless`, an entity, or `list of`
an entity; `?` allows null; `derivatives: number` is a key that other instruments do not have at all.
"""

from __future__ import annotations

import json
import re
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

FACTS: dict[str, dict[str, dict[str, str]]] = json.loads((Path(__file__).parent / "wire_facts.json").read_text())
_ZONELESS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}")
_PLAIN = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "uuid": lambda value: str(uuid.UUID(value)) == value,
    "time": lambda value: value.endswith("Z") and _ZONELESS.fullmatch(value[:-1]) is not None,
    "zoneless": lambda value: _ZONELESS.fullmatch(value) is not None,
}


def problems(value: Any, entity: str, format: str, kinds: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with a wire object, in words. `kinds` says what the instrument is: `derivatives`, `bonds`, `FX`."""
    facts = FACTS[entity].get(format) or FACTS[entity]["any"]
    if not isinstance(value, dict):
        return [f"{entity} is {value!r:.80}"]
    due = {key for key, kind in facts.items() if ": " not in kind or kind.split(": ")[0] in kinds}
    found = [f"{entity}.{key} is missing" for key in due - value.keys()]
    found += [f"{entity}.{key} should not be there" for key in value.keys() - due]
    for key in due & value.keys():
        found += _problems_of(value[key], facts[key].rpartition(": ")[2], f"{entity}.{key}", format, kinds)
    return found


def _problems_of(value: Any, kind: str, path: str, format: str, kinds: frozenset[str]) -> list[str]:
    if kind.endswith("?"):
        if value is None:
            return []
        kind = kind[:-1]
    if kind.startswith("list of "):
        if not isinstance(value, list):
            return [f"{path} is {value!r:.80}"]
        return [problem for item in value for problem in problems(item, kind.removeprefix("list of "), format, kinds)]
    if kind in FACTS:
        return problems(value, kind, format, kinds)
    is_right = value is not None and _PLAIN[kind](value)
    return [] if is_right else [f"{path} is {value!r:.80}, not {kind}"]
