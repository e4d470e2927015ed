"""How a fault reaches into the exchange itself: the next command ends otherwise than it should."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from alor_async.sandbox.effects import Effect, FailReplacement, ReadLag, RejectLater
from alor_async.sandbox.selectors import is_like

if TYPE_CHECKING:
    from alor_async.sandbox.core.exchange import Exchange

_FOR: dict[type[Effect], tuple[str, ...]] = {
    FailReplacement: ("orders.replace_*", "stop_orders.replace_*", "update:*"),
    RejectLater: (
        "orders.place_*",
        "orders.replace_*",
        "create:market",
        "create:limit",
        "update:market",
        "update:limit",
    ),
    ReadLag: ("account.list_*orders", "account.get_*order", "account.list_trades", "account.list_trades_of"),
}


def is_for(effect: Effect, name: str | None) -> bool:
    """Whether an effect can be felt by an operation or an opcode: a read cannot be a replacement that fails."""
    names = _FOR.get(type(effect))
    return names is None or any(is_like(pattern, name) for pattern in names)


@contextlib.contextmanager
def foiled(exchange: Exchange, effects: Iterable[Effect]) -> Generator[None]:
    """Let the commands of this block end as the effects have it. The exchange's lock is held meanwhile."""
    for effect in effects:
        if isinstance(effect, FailReplacement):
            exchange.fail_next_replacement(effect.leaving)
        elif isinstance(effect, RejectLater):
            exchange.reject_next_order(effect.reason)
    try:
        yield
    finally:
        exchange.fail_next_replacement(None)
        exchange.reject_next_order(None)


def lag_of(effects: Iterable[Effect]) -> float:
    """How old orders must be to be seen; seconds."""
    return max((effect.seconds for effect in effects if isinstance(effect, ReadLag)), default=0.0)
