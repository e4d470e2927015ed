"""Turning a loop over decoded objects into what a shape calls.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["each", "single"]

Loop = Callable[[Iterable[Any]], None]
"""Publishes objects in place."""


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
