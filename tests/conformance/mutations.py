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
    """The first number of the first object became text."""

    def change(fields: dict[str, Any]) -> dict[str, Any]:
        key = next((key for key, value in fields.items() if _is_number(value)), None)
        return fields if key is None else fields | {key: str(fields[key])}

    return _first_object_changed(body, change)


MUTATIONS: Mapping[str, Mutation] = {"dropped": dropped, "renamed": renamed, "quoted": quoted}


def _placed(fields: dict[str, Any]) -> list[tuple[int, tuple[str, Any]]]:
    return list(enumerate(fields.items()))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first_object_changed(body: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    if not body:
        return body
    value = json.loads(body)
    if isinstance(value, dict):
        value = change(value)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        value[0] = change(value[0])
    return json.dumps(value).encode()
