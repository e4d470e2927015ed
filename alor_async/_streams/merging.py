"""`merge`: several subscriptions read as one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from alor_async._policy.arguments import check_not_empty
from alor_async._streams.subscription import Subscription, delivery_of
from alor_async._streams.turns import NOW_AND_THEN, Turn
from alor_async.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = ["merge"]

T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
def merge(
    first: Subscription[A], second: Subscription[B], /
) -> AsyncIterator[tuple[Subscription[A], A] | tuple[Subscription[B], B]]: ...
@overload
def merge(
    first: Subscription[A], second: Subscription[B], third: Subscription[C], /
) -> AsyncIterator[tuple[Subscription[A], A] | tuple[Subscription[B], B] | tuple[Subscription[C], C]]: ...
@overload
def merge(*subscriptions: Subscription[T_co]) -> AsyncIterator[tuple[Subscription[T_co], T_co]]: ...
def merge(*subscriptions: Subscription[Any]) -> AsyncIterator[tuple[Subscription[Any], Any]]:
    """Read several subscriptions as one: yields which of them, and its item. Each gets its turn.

    It ends when all of them have. What one of them raises is raised; reading on goes on with all. Type checkers tell
    items of up to three different models apart by the item's class, not by which subscription it came from.

    Args:
        subscriptions: At least one; each is open, and read by nobody else meanwhile.

    Raises:
        InvalidArgument: There are none, or something else is among them.
    """
    check_not_empty("subscriptions", subscriptions)
    for subscription in subscriptions:
        if not isinstance(subscription, Subscription):
            raise InvalidArgument("subscriptions", f"expected Subscriptions, got {type(subscription).__name__}")
    return _Merged(subscriptions)


class _Merged(Generic[T_co]):
    """The iterator behind `merge`."""

    __slots__ = ("_taken", "_turn", "_turns")

    def __init__(self, subscriptions: Sequence[Subscription[T_co]]) -> None:
        self._turns = deque((subscription, delivery_of(subscription)) for subscription in subscriptions)
        self._turn = Turn()
        self._taken = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Subscription[T_co], T_co]:
        turns = self._turns
        if not self._taken & NOW_AND_THEN:
            await self._turn.end_if_long()
        while True:
            for _ in range(len(turns)):
                subscription, delivery = turns[0]
                turns.rotate(-1)
                item = delivery.take_item()
                if item is not None:
                    self._taken += 1
                    return subscription, item
            if not await self._wait():
                raise StopAsyncIteration

    async def _wait(self) -> bool:
        """Wait until one of them has something; False when none will."""
        for turn in tuple(self._turns):
            inbox = turn[1].inbox
            if inbox.is_ended and not inbox.pending:
                self._turns.remove(turn)
                inbox.raise_end()
        deliveries = [delivery for _, delivery in self._turns]
        if any(delivery.inbox.pending for delivery in deliveries) or not deliveries:
            return bool(deliveries)
        waiter = asyncio.get_running_loop().create_future()
        try:
            for delivery in deliveries:
                delivery.check_free()
                delivery.inbox.waiter = waiter
            await waiter
        finally:
            for delivery in deliveries:
                if delivery.inbox.waiter is waiter:
                    delivery.inbox.waiter = None
        self._turn.begin()
        return True
