"""What the sandbox received: the witness for tests of a client. No secret is kept readable."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

_MOST_KEPT = 20_000
_HIDDEN = "***"


class Received:
    """One request. `status` is what it was answered with, None while it is under way and when it got no answer."""

    __slots__ = ("_body", "_headers", "_query", "method", "number", "operation", "path", "route", "server", "status")

    def __init__(
        self,
        *,
        number: int,
        server: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        route: str | None,
        operation: str | None,
    ) -> None:
        self.number = number
        """Counts from 1."""
        self.server = server
        """`api` or `oauth`."""
        self.method = method
        self.path = path
        """The path as it came, still percent-encoded, without the query."""
        self.route = route
        """The template that it matched, None for a route that does not exist."""
        self.operation = operation
        """The operation's name, such as `market_data.get_quotes`."""
        self.status: int | None = None
        self._query = query
        self._headers = headers
        self._body = b""

    @property
    def query(self) -> dict[str, str]:
        """The query, names as they came; a token is hidden."""
        pairs = parse_qsl(self._query, keep_blank_values=True)
        return {name: _HIDDEN if name.lower() == "token" and value else value for name, value in pairs}

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names as they came; of Authorization only the scheme is left."""
        return {name: _shown(name, value) for name, value in self._headers.items()}

    def header(self, name: str) -> str | None:
        """One header, by its name in any case."""
        wanted = name.lower()
        return next((_shown(key, value) for key, value in self._headers.items() if key.lower() == wanted), None)

    @property
    def body(self) -> bytes:
        """The body as it came; hidden when it could hold a token."""
        return _HIDDEN.encode() if self.server == "oauth" and self._body else self._body

    @property
    def json(self) -> object:
        """The body as JSON; token fields are hidden."""
        return json.loads(self._body, object_hook=_without_tokens if self.server == "oauth" else None)

    def keep_body(self, body: bytes) -> None:
        """Add the body once it is read."""
        self._body = body

    def __repr__(self) -> str:
        return f"<Received #{self.number} {self.method} {self.path} -> {self.status}>"


def _shown(name: str, value: str) -> str:
    return f"{value.partition(' ')[0]} {_HIDDEN}" if name.lower() == "authorization" else value


def _without_tokens(fields: dict[str, object]) -> dict[str, object]:
    return {key: _HIDDEN if key.lower() == "token" else value for key, value in fields.items()}


class RequestLog:
    """The last requests, oldest first, and counts of all of them. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Received] = deque(maxlen=_MOST_KEPT)
        self._total = 0
        self._by_route: Counter[tuple[str, str | None, str | None]] = Counter()

    def add(
        self,
        server: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        route: str | None,
        operation: str | None,
    ) -> Received:
        """Write down a request that has begun."""
        with self._lock:
            self._total += 1
            received = Received(
                number=self._total,
                server=server,
                method=method,
                path=path,
                query=query,
                headers=headers,
                route=route,
                operation=operation,
            )
            self._kept.append(received)
            self._by_route[method, route, operation] += 1
        return received

    def __len__(self) -> int:
        """How many requests came since the start or the last `clear`."""
        return self._total

    def __iter__(self) -> Iterator[Received]:
        """The requests that are kept, oldest first; a copy."""
        with self._lock:
            return iter(tuple(self._kept))

    def __getitem__(self, index: int) -> Received:
        """One of the kept requests; -1 is the last."""
        with self._lock:
            return self._kept[index]

    def of(self, operation: str) -> tuple[Received, ...]:
        """The kept requests of one operation, or of a pattern such as `orders.*`."""
        return tuple(one for one in self if one.operation is not None and fnmatch.fnmatchcase(one.operation, operation))

    def count(self, operation: str | None = None, *, route: str | None = None) -> int:
        """How many requests came of an operation (or a pattern), or of a route such as `GET /md/v2/time`."""
        with self._lock:
            counts = tuple(self._by_route.items())
        method, _, template = (route or "").rpartition(" ")
        return sum(
            count
            for (came_by, came_to, came_for), count in counts
            if (operation is None or fnmatch.fnmatchcase(came_for or "", operation))
            and (route is None or (template == came_to and method in {"", came_by}))
        )

    def clear(self) -> None:
        """Forget what was received so far."""
        with self._lock:
            self._kept.clear()
            self._by_route.clear()
            self._total = 0
