"""The three smallest lies that an answer can tell about its keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Mutation = Callable[[bytes], bytes]


def dropped(body: bytes) -> bytes:
    """The first key of the first object is gone."""
    return _first_object_changed(body, lambda fields: dict(list(fields.items())[1:]))


def renamed(body: bytes) -> bytes:
    """The first key of the first object has another name."""
    return _first_object_changed(
        body, lambda fields: {f"{key}_" if place == 0 else key: value for place, (key, value) in _placed(fields)}
    )


def quoted(body: bytes) -> bytes:
    """The first number, wherever it stands, became text."""
    if not body:
        return body
    changed, _ = _with_first_number_quoted(json.loads(body))
    return json.dumps(changed).encode()


MUTATIONS: Mapping[str, Mutation] = {"dropped": dropped, "renamed": renamed, "quoted": quoted}


def _placed(fields: dict[str, Any]) -> list[tuple[int, tuple[str, Any]]]:
    return list(enumerate(fields.items()))


def _with_first_number_quoted(value: Any) -> tuple[Any, bool]:
    """The value with its first number as text, and whether there was one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value), True
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        changed, is_done = _with_first_number_quoted(item)
        if is_done:
            copy = value.copy()
            copy[key] = changed
            return copy, True
    return value, False


def _first_object_changed(body: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    if not body:
        return body
    value = json.loads(body)
    if isinstance(value, dict):
        value = change(value)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        value[0] = change(value[0])
    return json.dumps(value).encode()
