"""One subscription of the broker's: what is asked for under one guid, and what is made of its messages.

Its first half belongs to the reader of the socket, which puts messages into the inbox and hardly looks at them. Its second
half belongs to the consumer, who decodes them, tells news from what is known, and finds the end of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

import msgspec

from alor_async._contract import subscriptions as specs
from alor_async._http.decode import WireError
from alor_async._http.message import Record, StreamSpec, merge_data
from alor_async._streams.anomalies import find_anomalies
from alor_async._streams.asking import Asking
from alor_async._streams.candles import CandleTracker
from alor_async._streams.events import Event, SnapshotEnd, Stale, Update
from alor_async._streams.filters import Filter, Verdict
from alor_async._streams.inbox import Inbox, Marker
from alor_async._streams.payloads import Broken, Pause, Recovered, Renewal, is_marked, unreadable
from alor_async._streams.traits import Traits, traits_of
from alor_async.errors import StreamDecodeError
from alor_async.models import Candle, OrderBook
from alor_async.values import Format, InstrumentId, Portfolio

__all__ = ["Channel"]

T = TypeVar("T")


class Channel(Generic[T]):
    """One guid's worth of a subscription.

    Args:
        spec: Which subscription.
        values: Its parameters, by our names.
        format: The wire format.
        inbox: Where its messages wait.
        instrument_id: The instrument that was asked for; None for streams of a portfolio.
        portfolio: The portfolio, likewise.

    Attributes:
        asking: What is asked for.
        put: Takes a message from the reader.
        received: How many messages came.

    Raises:
        InvalidArgument: A parameter is wrong.
    """

    __slots__ = (
        "_filter",
        "_inbox",
        "_is_marked_history",
        "_is_one_state",
        "_is_renewed",
        "_known",
        "_probe",
        "_renewals",
        "_renewed_at",
        "_snapshot_over",
        "_tracker",
        "asking",
        "decode",
        "in_snapshot",
        "instrument_id",
        "is_steady",
        "last",
        "newest",
        "portfolio",
        "put",
        "received",
        "spec",
        "traits",
    )

    put: Callable[[bytes], None]

    def __init__(
        self,
        spec: StreamSpec[T, Any],
        values: Mapping[str, object],
        *,
        format: Format,
        inbox: Inbox,
        instrument_id: InstrumentId | None = None,
        portfolio: Portfolio | None = None,
    ) -> None:
        self.asking = Asking(spec, values, format)
        self.spec = spec
        self.instrument_id = instrument_id
        self.portfolio = portfolio
        self.traits: Traits = traits_of(spec)
        self.received = 0
        self.in_snapshot = True
        """Whether what comes may still be what was there before, as far as the reader can tell."""
        self._inbox = inbox
        self._renewals = 0
        self._renewed_at = 0
        self.newest: object = None
        """What came last, as it came or decoded."""
        self._tracker = CandleTracker(instrument_id) if spec is specs.STREAMS_CANDLES else None
        self._known: dict[str, msgspec.Raw] = {}
        self._filter: Filter[T] | None = None if self.traits.make_filter is None else self.traits.make_filter()
        self._is_one_state = not spec.key and self._filter is None and self._tracker is None
        self._is_marked_history = spec.has_snapshot_flag and not self._is_one_state
        """Whether marks tell what was there before. One state is its own snapshot once, and servers may mark it always."""
        self._snapshot_over = False
        self._is_renewed = False
        """Whether what is now taken came after the subscription was asked for again."""
        self.last: object = None
        """What was delivered last, as it came: books that nobody holds should not stay in memory as objects."""
        self.is_steady = False
        """Whether each message that now comes to the consumer is one item and news, so that `decode` is all there is to do."""
        self._probe: Stale | None = None
        if spec.is_partial:
            # What is merged is the data alone, without its frame.
            self.decode: Callable[[bytes], T] = spec.data[format].decode
            self.put = self._put_partial
        else:
            self.decode = spec.frame_decoder(format)
            self.put = self._put_candle if self._tracker else self._put_keyed if spec.key else inbox.entrance(self)

    def __repr__(self) -> str:
        return f"<Channel {self.spec.name} {self.instrument_id or ''}>"

    # The reader's half.

    def request(self, guid: str, token: str) -> bytes:
        """Write the request to subscribe, or to go on where the stream broke off."""
        if not self._renewals:
            return self.asking.request(guid, token)
        resume_from = None if self._tracker is None else self._tracker.resume_from
        return self.asking.request_again(guid, token, is_own=self.traits.is_own, resume_from=resume_from)

    def renew(self, stale: Stale | None = None) -> None:
        """Begin anew: the next message opens a snapshot."""
        self._renewals += 1
        self._renewed_at = self.received
        self._known = {}
        self.in_snapshot = True
        self._inbox.notify(Renewal(stale), self)

    def note_pause(self) -> None:
        """Say that the snapshot is over: nothing came for a while, or something that can only be new."""
        self.in_snapshot = False
        if self._tracker is not None and not self._inbox.is_overflowing:
            self._tracker.missed_from = None
        self._inbox.notify(Pause(), self)

    def put_recovered(self, items: Iterable[object], since: datetime) -> None:
        """Add what was looked up after a gap: all of it, for there is nothing that would make up for it in turn."""
        if self._inbox.is_overflowing:
            # It is looked up again once the consumer has heard that he missed something.
            self._inbox.note_missed(self, since)
            return
        for item in items:
            if self.spec.key:
                # Beside what the stream told, not in its place: which of them is newer is for the filter to say.
                self._inbox.put_keyed(self, (*self._key(item), Recovered), Recovered(item))
            else:
                self._inbox.notify(Recovered(item), self)

    def put_broken(self, frame: bytes, error: WireError | None = None) -> None:
        """Add a message that can only be this channel's, and cannot be read."""
        self._inbox.put_keyed(self, object(), Broken(self.explain(frame, error or WireError("not a message"))))

    def remember(self, items: Iterable[object]) -> None:
        """Take as known what the consumer does not want of what is there already."""
        if self._filter is not None:
            for item in items:
                if not self.asking.wants(item):
                    self._filter.admit(cast("T", item))

    def begin_at(self, moment: int) -> None:
        """Note when it begins, by the exchange's clock, in Unix seconds: the candle that forms then is the first wanted."""
        if self._tracker is not None:
            self._tracker.began_with = self.asking.forming_at(moment)

    @property
    def misses_candles(self) -> bool:
        """Whether there are candles for which there was no room."""
        return self._tracker is not None and self._tracker.missed_from is not None

    @property
    def is_owed_candles(self) -> bool:
        """Whether the last candle, at least, is about to come again: a pause before that is not the end of the snapshot."""
        return bool(self._tracker and self.newest and self._renewals) and self.received == self._renewed_at

    def tells_history(self, payload: object) -> bool:
        """Whether something that waits was there before, or was looked up: it was asked for, and comes all at once."""
        if isinstance(payload, bytes):
            return self._is_marked_history and is_marked(payload)
        is_marked_so = getattr(payload, "is_snapshot", None) is True and not self._is_one_state
        return is_marked_so or isinstance(payload, Recovered)

    def _put_partial(self, frame: bytes) -> None:
        self.received += 1
        before, self._known = self._known, dict(self._known)
        try:
            whole = merge_data(self._known, frame)
            is_whole = self._is_whole(whole)
        except WireError as error:
            self.put_broken(frame, error)
            field = error.path.removeprefix("$.").partition(".")[0].partition("[")[0]
            self._known.pop(field, None)
            self._known |= {key: value for key, value in before.items() if key == field}  # as it was, to go on with
            return
        if is_whole:
            self.newest = whole
            self._inbox.put(self, whole)

    def _is_whole(self, merged: bytes) -> bool:
        """Whether all is known that an item needs: a part that comes before the whole is held back until then."""
        try:
            self.decode(merged)
        except WireError as error:
            if "missing required field" in error.reason:
                return False
            raise
        return True

    def _put_keyed(self, frame: bytes) -> None:
        self.received += 1
        try:
            item = self.decode(frame)
        except WireError as error:
            self.put_broken(frame, error)
            return
        self.newest = item
        # What was there before does not replace what is new: which of them comes first is not promised.
        self._inbox.put_keyed(self, (*self._key(item), getattr(item, "is_snapshot", None)), item)

    def _put_candle(self, frame: bytes) -> None:
        self.received += 1
        try:
            candle = cast("Candle", self.decode(frame))
        except WireError as error:
            self.put_broken(frame, error)
            return
        tracker = cast("CandleTracker", self._tracker)
        is_change = (
            tracker.latest is not None and candle.timestamp == tracker.latest.timestamp and not tracker.is_untold
        )
        updates = tracker.admit(candle)
        if self.in_snapshot and is_change and updates and self.received > self._renewed_at + 1:
            self.note_pause()  # what changes under our eyes is no history
        self.newest = tracker.latest
        for update in updates:
            key = (update.item.timestamp, update.is_revision)
            told = msgspec.structs.replace(update, is_snapshot=True) if self.in_snapshot else update
            if not self._inbox.put_keyed(self, key, told):
                tracker.take_back(update)

    def _key(self, item: object) -> tuple[object, ...]:
        return tuple(getattr(item, name) for name in self.spec.key)

    # The consumer's half.

    def item_of(self, payload: object) -> T | None:
        """Give the item that a payload brings, None when it brings no news.

        Raises:
            StreamDecodeError: It cannot be read.
        """
        if type(payload) is bytes and self._probe is None:
            try:
                item = self.decode(payload)
            except WireError as error:
                raise self.explain(payload, error) from None
            admit = self._filter
            if admit is None:
                self.last = payload
                self._snapshot_over = self.is_steady = True  # its one state has come
                return item
            return item if admit.admit(item) is Verdict.NEW else None
        last = self.last
        for event in self.events_of(payload):
            # That a candle is complete is no news of its own where only candles are wanted.
            if isinstance(event, Update) and not (event.is_closed and event.item == last):
                return event.item
        return None

    def events_of(self, payload: object) -> tuple[Event[T], ...]:
        """Give what a payload tells.

        Raises:
            StreamDecodeError: It cannot be read.
        """
        if isinstance(payload, Marker):
            return self._heed(payload)
        if isinstance(payload, Update):
            return self._candle_events(cast("Update[T]", payload))
        if isinstance(payload, Broken):
            raise payload.error
        is_recovered = isinstance(payload, Recovered)
        if isinstance(payload, bytes):
            try:
                item = self.decode(payload)
            except WireError as error:
                raise self.explain(payload, error) from None
        else:
            item = cast("T", payload.item if isinstance(payload, Recovered) else payload)
        if self._filter is not None:
            judge = self._filter.admit_recovered if is_recovered else self._filter.admit
            if judge(item) is not Verdict.NEW:
                return ()
        events = self._item_events(item, is_recovered=is_recovered)
        self.last = payload if isinstance(payload, bytes) else item
        return events

    @property
    def duplicates(self) -> int:
        """How many items came more than once."""
        return sum(judge.duplicates for judge in (self._filter, self._tracker) if judge is not None)

    @property
    def stale(self) -> int:
        """How many items came after newer ones."""
        return sum(judge.stale for judge in (self._filter, self._tracker) if judge is not None)

    @property
    def latest(self) -> T | None:
        """The newest that came, whether or not it was delivered; None before the first."""
        newest = self.newest
        if isinstance(newest, bytes):
            try:
                self.newest = newest = self.decode(newest)
            except WireError:
                return None
        return cast("T | None", newest)

    def _heed(self, marker: Marker) -> tuple[Event[T], ...]:
        self.is_steady = False
        if isinstance(marker, Renewal):
            self._is_renewed = True
            self._probe = marker.stale
            is_anew = marker.stale is None
            self._snapshot_over = self._snapshot_over and not is_anew
            if self._filter is not None:
                (self._filter.renew if is_anew else self._filter.recheck)()
            return ()
        self._probe = None
        return () if self._snapshot_over else (self._end_snapshot(is_assumed=True),)

    @property
    def _is_history(self) -> bool:
        """Whether what carries no mark was there before. Where no snapshot was asked for, nothing was."""
        is_resumed = self._tracker is not None and self._is_renewed
        return not self._snapshot_over and (is_resumed or not self.asking.skips_snapshot)

    def _end_snapshot(self, *, is_assumed: bool = False) -> SnapshotEnd:
        self._snapshot_over = True
        return SnapshotEnd(instrument_id=self.instrument_id, is_assumed=is_assumed)

    def _item_events(self, item: T, *, is_recovered: bool) -> tuple[Event[T], ...]:
        flag = getattr(item, "is_snapshot", None) if self._is_marked_history and not is_recovered else None
        was_there = not is_recovered and (self._is_history if flag is None else flag)
        before: tuple[Event[T], ...] = ()
        if self._probe is not None and not is_recovered:
            stale, self._probe = self._probe, None
            if self._is_known(item):
                return ()
            before = (stale,) if was_there or flag is None else ()
        # Whichever finds it first: the snapshot after an interruption, or REST.
        is_found = is_recovered or (was_there and self._is_renewed and self.spec.record is Record.EVENT)
        update = Update(
            item=item,
            instrument_id=self.instrument_id,
            is_snapshot=was_there and not is_found,
            is_recovered=is_found,
            anomalies=find_anomalies(item) if isinstance(item, OrderBook) else (),
        )
        if self._snapshot_over or is_recovered:
            return (*before, update)
        if flag is False:
            return (*before, self._end_snapshot(), update)
        if not self._is_marked_history and not self.spec.key:
            # One state alone: its first message is the whole snapshot.
            return (*before, update, self._end_snapshot())
        return (*before, update)

    def _candle_events(self, update: Update[T]) -> tuple[Event[T], ...]:
        was_there = self._is_history
        self.last = update.item
        told = msgspec.structs.replace(
            update, is_snapshot=was_there and not self._is_renewed, is_recovered=was_there and self._is_renewed
        )
        if self._probe is not None:
            stale, self._probe = self._probe, None
            return stale, told
        return (told,)

    def _is_known(self, item: T) -> bool:
        """Whether a state is the one that was delivered last, time of day and marks aside."""
        last = self.decode(self.last) if isinstance(self.last, bytes) else self.last
        return self._is_one_state and last is not None and self.traits.is_same(item, last)

    def explain(self, frame: bytes, error: WireError) -> StreamDecodeError:
        """Say why a message cannot be read."""
        return unreadable(self.spec.name, frame, error, () if self.portfolio is None else (self.portfolio.id,))
