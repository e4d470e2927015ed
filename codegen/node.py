"""Reading a document so that nothing in it is overlooked.

A `Node` is one mapping of the contract together with its place. Its reader takes the keys it understands and calls
`done()`: a key that nobody took is an error, and so is one of another type than expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard, TypeVar

from codegen.errors import CodegenError

__all__ = ["Json", "Node", "is_list", "is_mapping"]

Json = dict[str, object]

T = TypeVar("T")


def is_mapping(value: object) -> TypeGuard[Json]:
    """Tell whether a raw value is a mapping."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Tell whether a raw value is a list."""
    return isinstance(value, list)


class Node:
    """One mapping of a document, and where it stands."""

    def __init__(self, value: object, place: str) -> None:
        self.place = place
        self.raw: Json = _mapping(value, place)
        self._left = dict(self.raw)

    def __contains__(self, key: str) -> bool:
        return key in self.raw

    def at(self, key: str) -> str:
        """Name the place of a key of this mapping."""
        return f"{self.place}.{key}"

    def fail(self, problem: str) -> CodegenError:
        """Make the error that something is wrong here."""
        return CodegenError(self.place, problem)

    def take(self, key: str, kind: type[T]) -> T:
        """Take the value of a key that must be there."""
        if key not in self._left:
            raise self.fail(f"`{key}` is missing")
        value = self._left.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CodegenError(self.at(key), f"expected {kind.__name__}, got {value!r:.80}")
        return value

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """Take the value of a key that may be absent."""
        return self.take(key, kind) if key in self._left else None

    def flag(self, key: str) -> bool:
        """Take a boolean that is false when absent."""
        return self.maybe(key, bool) or False

    def text(self, key: str) -> str:
        """Take a text, with its line breaks folded into spaces."""
        return " ".join(self.take(key, str).split())

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of texts, empty when absent."""
        return tuple(_text(value, self.at(key)) for value in self.items(key))

    def items(self, key: str) -> tuple[object, ...]:
        """Take a list of anything, empty when absent."""
        values = self.maybe(key, object)
        if values is None:
            return ()
        if not is_list(values):
            raise CodegenError(self.at(key), f"expected a list, got {values!r:.80}")
        return tuple(values)

    def node(self, key: str) -> Node:
        """Take a mapping as a node of its own."""
        return Node(self.take(key, object), self.at(key))

    def children(self) -> Iterator[tuple[str, Node]]:
        """Take everything that is left: each key is a name, each value a mapping."""
        left, self._left = self._left, {}
        for key, value in left.items():
            yield key, Node(value, self.at(key))

    def ignore(self, *keys: str) -> None:
        """Take keys that are known and do not matter to the reader."""
        for key in keys:
            self._left.pop(key, None)

    def done(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            raise self.fail(f"unknown or unused: {', '.join(sorted(self._left))}")


def _mapping(value: object, place: str) -> Json:
    if not is_mapping(value):
        raise CodegenError(place, f"expected a mapping, got {value!r:.80}")
    return {_text(key, place): item for key, item in value.items()}


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise CodegenError(place, f"expected text, got {value!r:.80}")
    return value
