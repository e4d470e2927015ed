"""Which operation a request means. Paths are matched without case, a literal segment wins over a parameter."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import unquote

from alor_async.sandbox.gateway.call import Call, Reply

Handler: TypeAlias = Callable[[Call], Reply]


class Access(Enum):
    """Whether a call needs a token."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its name, where it is, who may call it, and what answers."""

    operation: str
    method: str
    template: str
    handler: Handler
    access: Access = Access.REQUIRED
    scope: str | None = None
    server: str = "api"
    has_request_id: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """What a request line means: a route and its parameters; without one, the methods that the path would take."""

    route: Route | None
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(dict[str, str]()))
    allowed: tuple[str, ...] = ()


class _Pattern:
    """A template taken apart. The trade-server segment is not looked at: the broker takes any word there."""

    def __init__(self, route: Route) -> None:
        self.route = route
        segments = route.template.strip("/").split("/")
        self.length = len(segments)
        self.names = tuple((index, part[1:-1]) for index, part in enumerate(segments) if part.startswith("{"))
        self.literals = tuple(
            (index, part.lower()) for index, part in enumerate(segments) if not part.startswith("{") and part != "TRADE"
        )

    def fits(self, lowered: list[str]) -> bool:
        return all(lowered[index] == part for index, part in self.literals)


class Router:
    """The routing table of both servers."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self.operations = frozenset(route.operation for route in self.routes)
        self._patterns: dict[tuple[str, int], list[_Pattern]] = {}
        for route in self.routes:
            pattern = _Pattern(route)
            self._patterns.setdefault((route.server, pattern.length), []).append(pattern)
        for patterns in self._patterns.values():
            patterns.sort(key=lambda pattern: -len(pattern.literals))
        self.match = lru_cache(maxsize=4096)(self._match)

    def _match(self, server: str, method: str, path: str) -> Match:
        segments = path.strip("/").split("/")
        lowered = [unquote(segment).lower() for segment in segments]
        fitting = [pattern for pattern in self._patterns.get((server, len(segments)), ()) if pattern.fits(lowered)]
        fitting = [pattern for pattern in fitting if len(pattern.literals) == len(fitting[0].literals)]
        for pattern in fitting:
            if pattern.route.method == method:
                values = {name: unquote(segments[index]) for index, name in pattern.names}
                return Match(pattern.route, MappingProxyType(values))
        return Match(None, allowed=tuple(dict.fromkeys(pattern.route.method for pattern in fitting)))

    def knows_operation(self, pattern: str) -> bool:
        """Whether an operation has this name or fits this pattern."""
        return any(fnmatch.fnmatchcase(name, pattern.lower()) for name in self.operations)

    def knows_route(self, pattern: str) -> bool:
        """Whether a template fits `"GET /path"` or `"/path"`, or the path leads to a route."""
        method, _, path = pattern.rpartition(" ")
        methods = {method.strip().upper()} if method else {route.method for route in self.routes}
        lowered = path.lower()
        for route in self.routes:
            if route.method in methods and (
                route.template.lower() == lowered
                or self._match(route.server, route.method, path).route is route
                or ("*" in path and could_fit(lowered, route.template.lower()))
            ):
                return True
        return False


_ONE, _REST = "one character of a parameter", "the others of it"


def could_fit(pattern: str, template: str) -> bool:
    """Whether there is a path of this template, or the template itself, that fits a pattern with `*` in it."""
    parts: list[str] = []
    for segment in template.split("/")[1:]:
        parts += ("/", *((_ONE, _REST) if segment.startswith("{") else segment))

    @cache
    def meet(at: int, part: int) -> bool:
        is_over, is_whole = at == len(pattern), part == len(parts)
        if not is_over and pattern[at] == "*":
            return meet(at + 1, part) or (not is_whole and meet(at, part + 1))
        if not is_whole and parts[part] == _REST:
            return meet(at, part + 1) or (not is_over and pattern[at] != "/" and meet(at + 1, part))
        if is_over or is_whole:
            return is_over and is_whole
        fits = pattern[at] != "/" if parts[part] == _ONE else pattern[at] in {parts[part], "?"}
        return fits and meet(at + 1, part + 1)

    return fnmatch.fnmatchcase(template, pattern) or meet(0, 0)
