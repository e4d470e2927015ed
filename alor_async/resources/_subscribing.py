"""How a subscription is made of what a caller asked for: nothing is sent before it is entered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from alor_async._http.message import Record, StreamSpec
from alor_async._policy.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_format,
    check_not_empty,
    check_optional_choice,
)
from alor_async._streams.board import Board
from alor_async._streams.channel import Channel
from alor_async._streams.delivery import Delivery
from alor_async._streams.inbox import Inbox, OnSlow, Queue
from alor_async._streams.subscription import Subscription
from alor_async.errors import InvalidArgument
from alor_async.models import OrderStatus
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from alor_async._streams.hub import Hub
    from alor_async.values import Format

    OnSlowLike: TypeAlias = OnSlow | Literal["conflate", "drop_oldest", "raise"]

__all__ = ["Subscribing"]

T = TypeVar("T")


class Subscribing:
    """What all streams have in common.

    Args:
        hub: What subscribes.
    """

    __slots__ = ("_hub",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def _of_market(
        self,
        spec: StreamSpec[T, Any],
        instruments: tuple[InstrumentLike, ...],
        values: Mapping[str, object],
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        check_not_empty("instruments", instruments)
        keys = list(dict.fromkeys(_one(instrument) for instrument in instruments))

        def channels(inbox: Inbox, format: Format) -> Iterable[Channel[T]]:
            for key in keys:
                named = {"symbol": key.symbol, "exchange": key.exchange, "board": key.board, **values}
                yield Channel(spec, named, format=format, inbox=inbox, instrument_id=key)

        return self._subscription(spec, channels, format, on_slow, inbox)

    def _of_portfolio(
        self,
        spec: StreamSpec[T, Any],
        portfolio: PortfolioLike,
        skip_snapshot: bool,
        statuses: Iterable[OrderStatus | str] | None,
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        owner = Portfolio.of(portfolio)
        values: dict[str, object] = {
            "portfolio": owner.id,
            "exchange": owner.read_exchange,
            "skip_snapshot": check_flag("skip_snapshot", skip_snapshot) or None,
        }
        if statuses is not None:
            values["statuses"] = _statuses(statuses)

        def channels(inbox: Inbox, format: Format) -> Iterable[Channel[T]]:
            yield Channel(spec, values, format=format, inbox=inbox, portfolio=owner)

        return self._subscription(spec, channels, format, on_slow, inbox)

    def _subscription(
        self,
        spec: StreamSpec[T, Any],
        channels: Callable[[Inbox, Format], Iterable[Channel[T]]],
        format: Format | None,
        on_slow: OnSlowLike | None,
        inbox: int | None,
    ) -> Subscription[T]:
        settings, now = self._hub.settings, self._hub.clock.now
        policy = check_optional_choice("on_slow", on_slow, OnSlow)
        if policy is None:
            policy = OnSlow.CONFLATE if spec.record is Record.STATE else OnSlow.RAISE
        elif policy is OnSlow.CONFLATE and spec.record is Record.EVENT:
            raise InvalidArgument(
                "on_slow", 'events are not conflated, for each counts: expected "drop_oldest" or "raise"'
            )
        limit = settings.inbox if inbox is None else check_count("inbox", inbox, least=1)
        waiting: Inbox = (
            Board(limit, now)
            if policy is OnSlow.CONFLATE
            else Queue(limit, now, drops_oldest=policy is OnSlow.DROP_OLDEST)
        )
        chosen = check_format(format) or settings.format
        return Subscription(Delivery(self._hub, tuple(channels(waiting, chosen)), waiting))


def _one(instrument: object) -> InstrumentId:
    if isinstance(instrument, list | tuple | set | frozenset | dict):
        kind = type(cast("object", instrument)).__name__
        raise InvalidArgument("instrument", f"expected each as an argument of its own, got a {kind}: use *")
    return InstrumentId.of(cast("InstrumentLike", instrument))


def _statuses(statuses: object) -> list[str]:
    if isinstance(statuses, str) or not isinstance(statuses, Iterable):
        raise InvalidArgument("statuses", f"expected several statuses, got {type(statuses).__name__}")
    given = cast("Iterable[object]", statuses)
    chosen = [check_choice("statuses", status, OrderStatus).value for status in given]
    check_not_empty("statuses", chosen)
    return chosen
