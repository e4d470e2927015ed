"""What the families of faults share: the keywords of selectors, and the way to the plan."""

from __future__ import annotations

import math
from typing import Any, TypedDict

from alor_async.errors import ConfigError
from alor_async.sandbox.effects import Effect
from alor_async.sandbox.faults import BEFORE, Armed, Fault, FaultPlan, Scope, Stage
from alor_async.sandbox.selectors import Instant, Selector, SocketKind


class Which(TypedDict, total=False):
    """The fields of `Selector`, as keywords."""

    route: str
    operation: str
    method: str
    server: str
    socket: SocketKind
    opcode: str
    guid: str
    portfolio: str
    symbol: str
    nth: int
    times: int | None
    probability: float
    after: Instant
    until: Instant


class Group:
    """Faults of one family."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan

    def _arm(
        self, name: str, effect: Effect, which: Which, stage: Stage = BEFORE, scopes: tuple[Scope, ...] = ()
    ) -> Armed:
        selector = make_selector(which)
        return self._plan.arm(Fault(name=name, selector=selector, effect=effect, stage=stage, scopes=scopes))


def make_selector(which: Which) -> Selector:
    """A selector of keywords.

    Raises:
        ConfigError: There is no such keyword, or its value is wrong.
    """
    for name in which:
        if name not in Which.__annotations__:
            raise ConfigError(name, "is not a selector")
    return Selector(**which)


def as_bytes(body: bytes | str) -> bytes:
    """A body as bytes."""
    return body.encode() if isinstance(body, str) else body


def check_positive(argument: str, value: Any) -> None:
    """Refuse what is not a number greater than zero."""
    if not _is_number(value) or value <= 0:
        raise ConfigError(argument, f"must be a number greater than 0, got {value!r:.40}")


def check_seconds(argument: str, value: Any, *, negative: bool = False) -> None:
    """Refuse what is no duration."""
    if not _is_number(value) or (value < 0 and not negative):
        raise ConfigError(argument, f"must be seconds, got {value!r:.40}")


def check_count(argument: str, value: Any, least: int = 0) -> None:
    """Refuse what is not a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(argument, f"must be a whole number, at least {least}, got {value!r:.40}")


def check_choice(argument: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is not one of these words."""
    if value not in choices:
        raise ConfigError(argument, f"must be one of {', '.join(choices)}, got {value!r:.40}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
