"""Which requests, messages and sockets a fault is for."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from alor_async.errors import ConfigError

SocketKind: TypeAlias = Literal["ws", "cws"]
Instant: TypeAlias = "float | datetime"
"""Seconds of exchange time since the fault was armed, or a moment with its time zone."""

OF_REQUESTS = ("route", "operation", "method", "server")
"""The fields that only a request can fit."""
OF_MESSAGES = ("opcode", "guid")
"""The fields that only a message on a socket can fit."""
_SERVERS = ("api", "oauth")
_SOCKETS = ("ws", "cws")


def _nothing(_name: str) -> tuple[str, ...]:
    return ()


@dataclass(slots=True, kw_only=True)
class Moment:
    """What is known about a request, a message or a socket when faults are asked for.

    Attributes:
        server: `api` or `oauth`.
        method: Of a request; empty for anything else.
        path: As it was sent.
        template: Of the route that it matched.
        operation: Of that route.
        socket: Which kind of socket, None for a request.
        opcode: Of a message, as documented.
        guid: Of a message.
        find: Finds every `portfolio` or `symbol` that it names.
    """

    server: str
    method: str = ""
    path: str = ""
    template: str | None = None
    operation: str | None = None
    socket: SocketKind | None = None
    opcode: str | None = None
    guid: str | None = None
    find: Callable[[str], tuple[str, ...]] = _nothing

    def describe(self) -> dict[str, str | None]:
        """What the journal says of it."""
        if self.socket is None:
            return {"method": self.method, "path": self.path, "operation": self.operation}
        return {"socket": self.socket, "opcode": self.opcode, "guid": self.guid}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which requests, messages or sockets a fault is for.

    Everything given must hold; text is compared without case, `*` stands for any text.

    Args:
        route: `"GET /md/v2/time"` or `"/md/v2/time"`: a path as sent, or a template such as
            `"/md/v2/Securities/{symbols}/quotes"`.
        operation: `"orders.place_limit"`, `"orders.*"`; `"ws.open"` and `"cws.open"` are the handshakes of sockets.
        method: `"PUT"`.
        server: `"api"` or `"oauth"`.
        socket: `"ws"` or `"cws"`: messages of such sockets, or the sockets themselves.
        opcode: `"BarsGetAndSubscribe"`, `"create:*"`: messages of a socket, and the data that comes of them.
        guid: Messages of a socket with this guid, and the data that comes of them.
        portfolio: The portfolio of the path, the query, the body or the message.
        symbol: The symbol of the path, the query, the body or the message.
        nth: The first that counts, from 1.
        times: How often the fault fires; None is until it is cleared.
        probability: The chance of firing each time, drawn from the sandbox's seed.
        after: When it begins: seconds of exchange time from now, or a moment with its time zone.
        until: When it ends, in the same manner.

    Raises:
        ConfigError: A value is of the wrong type, or out of range.
    """

    route: str | None = None
    operation: str | None = None
    method: str | None = None
    server: str | None = None
    socket: SocketKind | None = None
    opcode: str | None = None
    guid: str | None = None
    portfolio: str | None = None
    symbol: str | None = None
    nth: int = 1
    times: int | None = 1
    probability: float = 1.0
    after: Instant | None = None
    until: Instant | None = None

    def __post_init__(self) -> None:
        for name in (*OF_REQUESTS, *OF_MESSAGES, "portfolio", "symbol"):
            _check_text(name, getattr(self, name))
        _check_choice("server", self.server, _SERVERS)
        _check_choice("socket", self.socket, _SOCKETS)
        _check_count("nth", self.nth, "counts from 1")
        if self.times is not None:
            _check_count("times", self.times, "must be at least 1, or None for until it is cleared")
        if not _is_number(self.probability) or not 0.0 <= self.probability <= 1.0:
            raise ConfigError("probability", f"must be a number between 0 and 1, got {self.probability!r:.40}")
        _check_instant("after", self.after)
        _check_instant("until", self.until)

    def names(self, fields: tuple[str, ...]) -> str | None:
        """The first of these fields that is given."""
        return next((name for name in fields if getattr(self, name) is not None), None)

    def matches(self, moment: Moment) -> bool:
        """Whether this is meant."""
        return (
            (self.server is None or self.server == moment.server)
            and (self.socket is None or self.socket == moment.socket)
            and (self.method is None or self.method.upper() == moment.method)
            and (self.guid is None or self.guid == moment.guid)
            and (self.opcode is None or is_like(self.opcode, moment.opcode))
            and (self.operation is None or is_like(self.operation, moment.operation))
            and (self.route is None or self._is_route(moment))
            and (self.portfolio is None or any(is_like(self.portfolio, found) for found in moment.find("portfolio")))
            and (self.symbol is None or any(is_like(self.symbol, found) for found in moment.find("symbol")))
        )

    def _is_route(self, moment: Moment) -> bool:
        method, _, path = (self.route or "").rpartition(" ")
        if method and method.strip().upper() != moment.method:
            return False
        return is_like(path, moment.path) or is_like(path, moment.template)


def is_like(pattern: str, text: str | None) -> bool:
    """Whether a text is meant by a pattern, in any case."""
    if text is None:
        return False
    pattern, text = pattern.lower(), text.lower()
    return pattern == text or ("*" in pattern and fnmatch.fnmatchcase(text, pattern))


def _check_text(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigError(name, f"must be text, got {value!r:.40}")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ConfigError(name, f"must be one of {', '.join(choices)}, got {value!r:.40}")


def _check_count(name: str, value: Any, rule: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(name, f"{rule}, got {value!r:.40}")


def _check_instant(name: str, value: Any) -> None:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ConfigError(name, f"needs a time zone, got {value!r:.60}")
    elif value is not None and (not _is_number(value) or value < 0):
        raise ConfigError(name, f"must be seconds from now or a datetime with a time zone, got {value!r:.40}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
