"""What a subscription tells: its items, and what happened to the stream that carries them."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from alor_async.values import InstrumentId

__all__ = ["Disconnected", "Event", "Gap", "GapReason", "Notice", "Reconnected", "SnapshotEnd", "Stale", "Update"]

T_co = TypeVar("T_co", covariant=True)

GapReason: TypeAlias = Literal["closed", "lost", "silent", "overflow", "too_long", "broken", "slow_consumer"]
"""Why there may be something that was not delivered.

The server closed the socket, the connection broke, it went silent, the server dropped us because too much waited for us,
a message was too long, what came was not WebSocket, the consumer was too slow.
"""


class Update(Struct, Generic[T_co], frozen=True, kw_only=True):
    """One item, and what is known about it besides.

    Attributes:
        item: The model.
        instrument_id: Which of the subscription's instruments it is about, as it was asked for; None for streams of a
            portfolio, whose items say it themselves.
        is_snapshot: Whether it was there before the subscription began; of state, also before it began again.
        is_recovered: Whether it happened while the stream was interrupted, and was found afterwards. It is news then.
        is_closed: Candles: whether a later candle has begun, so that this one is complete. Each closes once.
        is_revision: Candles: whether it changes one that had closed.
        anomalies: Order books: what is odd about it, such as `crossed`. It is delivered as it came.
    """

    item: T_co
    instrument_id: InstrumentId | None = None
    is_snapshot: bool = False
    is_recovered: bool = False
    is_closed: bool = False
    is_revision: bool = False
    anomalies: tuple[str, ...] = ()


class SnapshotEnd(Struct, frozen=True, kw_only=True):
    """What was there before has been delivered; what follows is new. Comes again after each `Reconnected`.

    Attributes:
        instrument_id: Of which instrument; None for streams of a portfolio.
        is_assumed: Whether it is inferred from a pause, because the broker gives no sign of its own.
    """

    instrument_id: InstrumentId | None = None
    is_assumed: bool = False


class Disconnected(Struct, frozen=True, kw_only=True):
    """The stream is interrupted from now on. A `Gap` follows as soon as it goes on.

    Attributes:
        since: The last moment at which it was seen alive, by this machine's clock; aware UTC.
        reason: Why.
    """

    since: datetime
    reason: GapReason


class Gap(Struct, frozen=True, kw_only=True):
    """What happened in this time may not have been delivered.

    It comes before the first that is new since. With several instruments there is one for each that was interrupted.

    Own orders, stop orders and trades are looked up and follow, and so do the candles that were missed, marked
    `is_recovered`. Positions all come again as they are now, as a snapshot; one that REST shows sooner is marked
    `is_recovered`. Other state, such as order books, is as new as ever with the next update. Of the trades of a market come
    those that `depth` brings again; the others are lost to the stream. What a consumer missed who has chosen that the oldest be
    dropped is not looked up.

    Attributes:
        since: When it began, by this machine's clock; aware UTC. Not later than the first thing missed, unless that had been
            on its way for more than a second.
        until: When the stream went on, likewise.
        reason: Why.
        lost: How many messages were dropped where that is known, else None.
        instrument_id: Of which instrument, as it was asked for; None for streams of a portfolio.
    """

    since: datetime
    until: datetime
    reason: GapReason
    lost: int | None = None
    instrument_id: InstrumentId | None = None


class Reconnected(Struct, frozen=True, kw_only=True):
    """The stream goes on over a new connection: once, after the first `Gap`. A snapshot follows where the stream has one.

    Attributes:
        at: When, by this machine's clock; aware UTC.
        attempts: How many connections were tried.
    """

    at: datetime
    attempts: int


class Stale(Struct, frozen=True, kw_only=True):
    """The connection lived and this subscription had gone dead: it was renewed, and what it had missed follows.

    Attributes:
        instrument_id: Of which instrument; None for streams of a portfolio.
        since: When its last message came, by this machine's clock; aware UTC.
    """

    since: datetime
    instrument_id: InstrumentId | None = None


Notice: TypeAlias = SnapshotEnd | Disconnected | Gap | Reconnected | Stale
"""What is said about a stream, apart from its items."""

Event: TypeAlias = Update[T_co] | SnapshotEnd | Disconnected | Gap | Reconnected | Stale
"""Everything that `Subscription.events()` yields."""
