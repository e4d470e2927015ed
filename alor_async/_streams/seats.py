"""Where the channels of a line stand: asked, accepted, interrupted, and what is still owed to their subscriptions."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from alor_async._streams.events import Disconnected, Gap, GapReason, Reconnected

if TYPE_CHECKING:
    from alor_async._streams.channel import Channel
    from alor_async._streams.delivery import Delivery

__all__ = ["LookUp", "Opening", "Outage", "Seat"]

_MOST_PATIENCE = 16


class Opening:
    """A subscription that is being opened: somebody waits until all of its channels are accepted.

    Attributes:
        done: Set when they are, or failed with the reason why not.
    """

    __slots__ = ("_left", "done")

    def __init__(self, count: int) -> None:
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self) -> None:
        """One more is accepted."""
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: BaseException) -> None:
        """It will not be."""
        if not self.done.done():
            self.done.set_exception(error)


class LookUp(NamedTuple):
    """What is being looked up for a channel.

    Attributes:
        since: From when on something may have been missed.
        twice: Whether it is read again after a while.
        task: Who does it.
    """

    since: datetime
    twice: bool
    task: asyncio.Task[None]


class Outage:
    """An interruption of one subscription, of all of its channels or of some.

    Attributes:
        waiting: The channels that are not back yet: when each was last seen alive, and what happened.
        is_announced: Whether the consumer knows that it is over for some.
    """

    __slots__ = ("is_announced", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[Channel[Any], tuple[datetime, GapReason]] = {}
        self.is_announced = False


class Seat:
    """One channel on a line.

    Attributes:
        token: The token with which it was asked for last.
        guid: The name under which it was asked for on this connection; None while it waits to be.
        former: The name under which it goes on until it is accepted under the other; None where it need not.
        asked_at: When, by the hub's `lived`.
        is_accepted: Whether the broker said yes.
        was_live: Whether it ever did, or sent something: there is something to lose.
        repeats: How often it was asked for again because nothing came back.
        replays: How often, because the token was refused.
        heard: How many of its messages were counted at the last look.
        heard_at: When the last look found news, by the hub's `lived`.
        patience: How many times the usual silence is borne before it is looked after.
        is_probed: Whether it was renewed for its silence, so that what comes next is an answer and no news.
        owed_since: From when on something may have been missed that is to be looked up; None for nothing.
    """

    __slots__ = (
        "asked_at",
        "channel",
        "former",
        "guid",
        "heard",
        "heard_at",
        "is_accepted",
        "is_probed",
        "opening",
        "owed_since",
        "patience",
        "repeats",
        "replays",
        "subscription",
        "token",
        "was_live",
    )

    def __init__(self, channel: Channel[Any], subscription: Delivery[Any], opening: Opening) -> None:
        self.channel = channel
        self.subscription = subscription
        self.opening: Opening | None = opening
        self.guid: str | None = None
        self.former: str | None = None
        self.token = ""
        self.asked_at = 0.0
        self.is_accepted = False
        self.was_live = False
        self.repeats = 0
        self.replays = 0
        self.heard = 0
        self.heard_at = 0.0
        self.patience = 1
        self.is_probed = False
        self.owed_since: datetime | None = None

    def note_traffic(self, now: float) -> bool:
        """Look whether something came by itself since the last look."""
        received = self.channel.received
        if received == self.heard:
            return False
        self.heard = received
        self.heard_at = now
        if self.is_probed:
            self.is_probed = False
            return False
        self.patience = 1
        return True

    def bear_longer(self) -> None:
        """It was silent for a good reason: look later the next time."""
        self.patience = min(2 * self.patience, _MOST_PATIENCE)

    def owe(self, since: datetime) -> None:
        """Something may have been missed from this moment on."""
        if self.channel.traits.is_own and (self.owed_since is None or since < self.owed_since):
            self.owed_since = since

    def interrupt(self, since: datetime, reason: GapReason) -> None:
        """The connection is gone."""
        self.guid = self.former = None
        self.is_accepted = self.is_probed = False
        self.repeats = self.replays = 0
        if self.channel.received:
            self.was_live = True
        if not self.was_live:
            return
        subscription = self.subscription
        outage = subscription.outage
        if outage is None or outage.is_announced:
            # For those that were not back from the last one it goes on with the same gap.
            outage = subscription.outage = outage or Outage()
            outage.is_announced = False
            subscription.tell(Disconnected(since=since, reason=reason))
        began, _ = outage.waiting.setdefault(self.channel, (since, reason))
        self.owe(began)
        self.channel.renew()

    def settle(self, now: datetime, attempts: int) -> None:
        """It is back: the first sign came."""
        self.was_live = True
        subscription = self.subscription
        outage = subscription.outage
        if outage is None or self.channel not in outage.waiting:
            return
        since, reason = outage.waiting.pop(self.channel)
        if not outage.waiting:
            subscription.outage = None
        gap = Gap(since=since, until=max(now, since), reason=reason, instrument_id=self.channel.instrument_id)
        subscription.tell_gap(gap, self.channel, is_first=not outage.is_announced)
        if not outage.is_announced:
            outage.is_announced = True
            subscription.tell(Reconnected(at=now, attempts=attempts))
