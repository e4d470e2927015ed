"""How a table of calls is written, and how a call of it is made.

`From("order_id")` stands for a value of the `World` in which a call is made.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any, Final

from alor_async import AsyncAlor
from alor_async.values import Format
from tests.support.world import World


@dataclass(frozen=True)
class From:
    """A value of the world; `text` writes it as an address does."""

    name: str

    def of(self, world: World) -> Any:
        return getattr(world, self.name)


@dataclass(frozen=True)
class Late:
    """An object that is made when its parts are known."""

    kind: Any
    parts: dict[str, Any]

    def make(self, world: World) -> Any:
        return self.kind(**filled(self.parts, world))


@dataclass(frozen=True)
class Listed:
    """A list that holds at least one of these."""

    kind: type


@dataclass(frozen=True)
class Call:
    """One call, and what it must look like on the wire.

    Attributes:
        method: `facade.method`, or a method of the client itself.
        operation: The contract's name of what is called.
        path: The path that must arrive, with values of the world in braces.
        arguments: Every argument by its name.
        query: The whole query that must arrive, without `format`.
        body: The whole body that must arrive, None for none.
        gives: The public class of the result.
    """

    method: str
    operation: str
    path: str
    gives: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method}-{self.operation}" if self.operation.endswith("_of") else self.method

    @property
    def has_format(self) -> bool:
        return "format" in inspect.signature(public_method(AsyncAlor, self.method)).parameters

    async def make(self, alor: AsyncAlor, world: World, format: Format | None = None, **options: Any) -> Any:
        """Make the call; an iterator is walked to its end."""
        arguments = filled(self.arguments, world) | options
        if format is not None:
            arguments["format"] = format
        made: Awaitable[Any] | AsyncIterator[Any] = bound_method(alor, self.method)(**arguments)
        if isinstance(made, AsyncIterator):
            return [item async for item in made]
        return await made


def filled(value: Any, world: World) -> Any:
    """Put values of the world in their places."""
    if isinstance(value, From):
        return value.of(world)
    if isinstance(value, Late):
        return value.make(world)
    if isinstance(value, dict):
        return {key: filled(item, world) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, world) for item in value]
    return value


FACADES: Final = ("instruments", "market_data", "account", "orders", "stop_orders", "order_groups")


def bound_method(alor: AsyncAlor, name: str) -> Any:
    facade, _, method = name.rpartition(".")
    return getattr(getattr(alor, facade) if facade else alor, method)


def public_method(client: type[AsyncAlor], name: str) -> Any:
    """Give a method without an instance, so that signatures can be asked while tests are collected."""
    facade, _, method = name.rpartition(".")
    return getattr(_facade_class(facade) if facade else client, method)


def _facade_class(facade: str) -> type:
    module = __import__(f"alor_async.resources.{facade}", fromlist=["x"])
    return getattr(module, "".join(part.capitalize() for part in facade.split("_")) + "Resource")


def public_methods() -> dict[str, Any]:
    """Give every public coroutine and async iterator of the client and its facades."""
    found: dict[str, Any] = {}
    for facade in ("", *FACADES):
        owner = _facade_class(facade) if facade else AsyncAlor
        for name in dir(owner):
            method = getattr(owner, name)
            if not name.startswith("_") and (inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)):
                found[f"{facade}.{name}".lstrip(".")] = method
    return found
