"""What a bot was told, held against what happened at the exchange."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from alor_async._streams.events import Gap
from alor_async._streams.subscription import delivery_of
from alor_async.sandbox import Sandbox
from alor_async.sandbox.core.clock import to_datetime, to_us
from tests.soak.memory import machinery
from tests.soak.view import MOST_WAITING

if TYPE_CHECKING:
    from datetime import datetime

    from tests.soak.bot import Bot
    from tests.soak.view import Dawdler, Ear, View

_STEP: Final = timedelta(seconds=1.5)
"""The two clocks move in steps of a second: within one, the order of things is not to be told from their times."""

_SAID_OF_AN_OUTAGE: Final = 10
"""So much, of two instruments, is said about an outage; it waits beside the messages."""

_SOME: Final = 25
"""By so many may the client's objects differ between two quiet moments: the last error, an answer, a group of deadlines."""

_CUTS: Final = frozenset({"ws.abort", "ws.close", "net.nat_drop"})
"""The faults that end a connection, or let it go silent."""


class Verdict:
    """Collects what contradicts a promise, so that one run tells of all."""

    def __init__(self, sandbox: Sandbox, portfolio: str, view: View, bot: Bot) -> None:
        self._sandbox = sandbox
        self._portfolio = portfolio
        self.view = view
        self._bot = bot
        self.mistakes: list[str] = []
        self._tasks = _tasks_of_client()
        self._machinery = 0

    def raise_mistakes(self) -> None:
        """Raise them all as one."""
        self.mistakes += self.view.mistakes
        for name, ear in self.view.ears.items():
            self.mistakes += [f"{name}: {mistake}" for mistake in ear.mistakes]
        if self.mistakes:
            shown = "\n  ".join(mistake[:400] for mistake in self.mistakes[:40])
            raise AssertionError(f"{len(self.mistakes)} promises were broken:\n  {shown}")

    def compare(self) -> None:
        """Hold what is known against what is, at a moment at which both rest and the network is well."""
        self._judge_intents()
        self._judge_fills()
        self._judge_orders()
        self._judge_positions()
        self._judge_resources()

    def count(self) -> None:
        """O8: what the client is made of does not grow."""
        count = machinery()
        self._machinery = self._machinery or count
        self._expect(count <= self._machinery + _SOME, f"the client has {count} objects, and had {self._machinery}")

    def judge(self) -> None:
        """Look at everything, once nothing happens any more."""
        self.compare()
        for name, ear in self.view.ears.items():
            self._judge_gaps(name, ear)
            self._judge_queue(name, ear)
        self._judge_market()
        for dawdler in self.view.dawdlers:
            self._judge_dawdler(dawdler)

    def _expect(self, holds: object, mistake: str) -> None:
        if not holds:
            self.mistakes.append(mistake)

    def _judge_intents(self) -> None:
        """O1 and O2: no intent has two orders, and none that was refused has one."""
        placed = Counter(order.comment for order in self._sandbox.orders(self._portfolio) if order.comment)
        fates = self._bot.fates
        for comment, count in placed.items():
            if comment in fates:
                self._expect(count == 1, f"{comment} was placed {count} times")
                self._expect(fates[comment] in {"accepted", "unknown"}, f"{comment} works, and was {fates[comment]}")
        for comment, fate in fates.items():
            self._expect(fate != "accepted" or placed[comment], f"{comment} was accepted, and is not there")

    def _judge_fills(self) -> None:
        """O5: every fill exactly once, and together they are what the orders say."""
        view = self.view
        truth = {(trade.trade_id, trade.side.value): trade for trade in self._sandbox.trades(self._portfolio)}
        twice = {key: count for key, count in view.fill_counts.items() if count != 1}
        self._expect(not twice, f"fills that did not come once: {twice}")
        self._compare("fills", view.fills.keys(), truth.keys())
        for key in view.fills.keys() & truth.keys():
            told, real = view.fills[key], truth[key]
            same = (told.order_id, told.price, told.lots) == (real.order_id, real.price, real.lots)
            self._expect(same, f"fill {key} is told as {told}")
        filled: Counter[str] = Counter()
        for fill in view.fills.values():
            filled[fill.order_id] += int(fill.lots or 0)
        for order in view.orders.values():
            self._expect(
                order.filled_lots == filled[order.order_id],
                f"order {order.order_id} has {order.filled_lots} lots filled, its fills sum to {filled[order.order_id]}",
            )

    def _judge_orders(self) -> None:
        """O4: the last states that were told are those of the exchange."""
        for what, told, real in (
            ("orders", self.view.orders, self._sandbox.orders(self._portfolio)),
            ("stop orders", self.view.stop_orders, self._sandbox.stop_orders(self._portfolio)),
        ):
            truth = {order.order_id: order for order in real}
            self._compare(what, told.keys(), truth.keys())
            for number in told.keys() & truth.keys():
                self._expect(
                    _state(told[number]) == _state(truth[number]),
                    f"{what} {number}: told {_state(told[number])}, is {_state(truth[number])}",
                )

    def _judge_positions(self) -> None:
        """O4 for holdings and money."""
        told = {symbol: _holding(position) for symbol, position in self.view.positions.items()}
        real = {position.symbol: _holding(position) for position in self._sandbox.positions(self._portfolio)}
        self._compare("positions", told.keys(), real.keys())
        for symbol in told.keys() & real.keys():
            self._expect(told[symbol] == real[symbol], f"position {symbol}: told {told[symbol]}, is {real[symbol]}")

    def _judge_resources(self) -> None:
        """O7 and O9 in the middle of life: one socket, or one more for what was taken for an overflow, and its tasks."""
        sockets, tasks = len(self._sandbox.sockets), _tasks_of_client()
        overflows = {gap.since for ear in self.view.ears.values() for gap in ear.gaps if gap.reason == "overflow"}
        self._expect(1 <= sockets <= 1 + len(overflows), f"{sockets} sockets are open")
        self._expect(
            tasks == self._tasks * sockets, f"the client has {tasks} tasks, and had {self._tasks} for a socket"
        )

    def _judge_gaps(self, name: str, ear: Ear) -> None:
        """O11: a gap wherever the connection was cut, and none elsewhere."""
        cuts = [to_datetime(entry.time_us) for entry in self._sandbox.journal.of("fault") if _is_cut(entry.details)]
        gaps = ear.gaps
        for cut in cuts:
            told = {gap.instrument_id for gap in gaps if _covers(gap, cut)}
            asked = set(ear.subscription.instruments) or {None}
            self._expect(told == asked, f"{name}: of the cut at {cut} the gaps of {asked - told} do not tell")
        for gap in gaps:
            self._expect(any(_covers(gap, cut) for cut in cuts), f"{name}: nothing was cut in {gap}")
        for earlier, later in itertools.pairwise(gaps):
            # They may overlap: a gap begins when life was last seen for certain, be it before the last one's end.
            ordered = earlier.since <= later.since and earlier.until <= later.until
            self._expect(ordered or not ear.is_one, f"{name}: {earlier} and {later} are not in order")
        self._expect(ear.subscription.is_live, f"{name} is not live at the end")
        self._expect(ear.updates, f"{name} never told anything")

    def _judge_queue(self, name: str, ear: Ear) -> None:
        """O8: no queue grew past its limit, and nothing was dropped."""
        subscription = ear.subscription
        self._expect(
            ear.most_pending <= delivery_of(subscription).inbox.limit, f"{name}: {ear.most_pending} messages waited"
        )
        self._expect(subscription.dropped == 0, f"{name}: {subscription.dropped} messages were dropped")

    def _judge_dawdler(self, dawdler: Dawdler) -> None:
        """O8 for who is far too slow: little waits for him, and what he missed he was told of."""
        subscription = dawdler.subscription
        name = f"slow {subscription.name}"
        most = MOST_WAITING + _SAID_OF_AN_OUTAGE * self._sandbox.sockets.count("ws")
        self._expect(dawdler.most_pending <= most, f"{name}: {dawdler.most_pending} waited")
        self._expect(dawdler.items and not dawdler.task.done(), f"{name} never told anything, or not to the end")
        self._expect(subscription.conflated + subscription.dropped, f"{name}: nothing was skipped, so it was not slow")
        delivery = delivery_of(subscription)
        about_to_be_told = sum(event.lost or 0 for event in delivery._outbox if isinstance(event, Gap))
        unheard = subscription.dropped - dawdler.heard_of
        untold = delivery.inbox.lost + about_to_be_told
        self._expect(
            unheard == untold, f"{name}: of {unheard} that were lost he was not told, and {untold} are to be told"
        )

    def _judge_market(self) -> None:
        """O11 for what cannot be looked up: all trades outside of gaps came, and every candle closed once, as it is."""
        for name in self.view.instruments:
            gaps = [gap for gap in self.view.ears["streams.market_trades"].gaps if str(gap.instrument_id) == name]
            began = self.view.began
            missed = [
                trade.trade_id
                for trade in self._trades_of(name)
                if trade.traded_at >= began
                and trade.trade_id not in self.view.trades[name]
                and not any(_covers(gap, trade.traded_at) for gap in gaps)
            ]
            self._expect(not missed, f"{len(missed)} trades of {name} did not come, outside of any gap: {missed[:5]}")
            self._judge_candles(name)

    def _trades_of(self, name: str) -> Iterable[Any]:
        with self._sandbox._lock:
            market = self._sandbox.market[name]._market
            return [market.entity(trade) for trade in market.session_prints(to_us(self._sandbox.clock.now))]

    def _judge_candles(self, name: str) -> None:
        view = self.view
        real = {candle.timestamp: candle for candle in self._sandbox.market[name].candles("60", 24 * 60)}
        told = view.closed[name]
        first, last = view.began.timestamp(), max(real)
        due = {timestamp for timestamp in real if first <= timestamp < last}
        self._compare(f"candles of {name}", {timestamp for timestamp in told if timestamp >= first}, due)
        for timestamp in told.keys() & due:
            self._expect(
                _shape(told[timestamp]) == _shape(real[timestamp]),
                f"candle {timestamp} of {name} closed as {told[timestamp]}, is {real[timestamp]}",
            )

    def _compare(self, what: str, told: Iterable[Any], real: Iterable[Any]) -> None:
        told, real = set(told), set(real)
        self._expect(told >= real, f"{what}: not told of {sorted(real - told)[:10]}")
        self._expect(told <= real, f"{what}: told of {sorted(told - real)[:10]}, which are not there")


def _tasks_of_client() -> int:
    return sum(task.get_name().startswith("alor-") for task in asyncio.all_tasks())


def _is_cut(details: dict[str, Any]) -> bool:
    return details["fault"] in _CUTS


def _covers(gap: Gap, moment: datetime) -> bool:
    return gap.since - _STEP <= moment <= gap.until + _STEP


def _state(order: Any) -> tuple[object, ...]:
    return str(order.status.value), order.lots, order.filled_lots, order.price


def _holding(position: Any) -> tuple[object, ...]:
    return position.units, position.average_price, position.volume


def _shape(candle: Any) -> tuple[object, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume
