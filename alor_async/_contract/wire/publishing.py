"""Turning a loop over decoded objects into what a shape calls.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import force_setattr

__all__ = ["become", "each", "single"]

Loop = Callable[[Iterable[Any]], None]
"""Publishes objects in place."""


def become(kind: type) -> Callable[[Any], Any]:
    """Publish an answer that is one object, and needs its public class alone."""

    def publish(value: Any) -> Any:
        force_setattr(value, "__class__", kind)
        return value

    return publish


def single(loop: Loop) -> Callable[[Any], Any]:
    """Publish an answer that is one object."""

    def publish(value: Any) -> Any:
        loop((value,))
        return value

    return publish


def each(loop: Loop) -> Callable[[Any], Any]:
    """Publish an answer that is a list of objects."""

    def publish(values: Any) -> Any:
        loop(values)
        return values

    return publish
