"""Exchange time: wall, fast, stepped; and what happens by itself while it passes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest

from alor_async.errors import ClosedError, ConfigError, InvalidArgument
from alor_async.sandbox import Fast, Sandbox, SandboxBroken, fast
from alor_async.sandbox.clock import OPENING
from alor_async.sandbox.core.clock import SECOND, FastClock, SteppedClock, WallClock, to_us
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.gateway.driver import Driver
from tests.sandbox.gateway.client import Caller, stocks_of
from tests.sandbox.golden import HASHES, MARKETS, SEEDS, live
from tests.sandbox.sockets.client import talking
from tests.support.waiting import until

pytestmark = pytest.mark.heavy

HOUR = timedelta(hours=1)
OPENING_US = to_us(OPENING)
_MANY = 200


def at(sandbox: Sandbox, moment: datetime, action: Callable[[], None]) -> None:
    with sandbox._lock:
        sandbox._exchange.at(to_us(moment), action)


def queued(sandbox: Sandbox) -> int:
    """How many messages have been given to the only socket, sent or not."""
    (view,) = sandbox.sockets
    return view.sent + view.unread


class TestClocks:
    def test_wall_time_tells_how_far_away_a_moment_is(self) -> None:
        clock = WallClock(lambda: 10_000_000_000)
        assert clock.now_us() == 10 * SECOND
        assert clock.seconds_until(12 * SECOND + 500_000) == 2.5
        assert clock.seconds_until(0) == 0

    def test_fast_time_runs_faster_from_where_it_was_told_to_begin(self) -> None:
        readings = iter([5_000_000_000, 5_000_000_000, 6_500_000_000, 6_500_000_000])
        clock = FastClock(lambda: next(readings), start_us=100 * SECOND, speed=60)
        assert clock.now_us() == 100 * SECOND
        assert clock.now_us() == 190 * SECOND
        assert clock.seconds_until(250 * SECOND) == 1

    def test_stepped_time_moves_when_it_is_moved_and_only_forward(self) -> None:
        clock = SteppedClock(100)
        assert (clock.now_us(), clock.seconds_until(100), clock.seconds_until(101)) == (100, 0, None)
        clock.move_to(200)
        assert clock.now_us() == 200
        with pytest.raises(ValueError, match="forward"):
            clock.move_to(199)


class TestChoosing:
    def test_the_three_kinds(self) -> None:
        wall, stepped, quick = Sandbox(), Sandbox(time="stepped"), Sandbox(time=fast(60))
        assert [sandbox.clock.mode for sandbox in (wall, stepped, quick)] == ["wall", "stepped", "fast"]
        assert abs(wall.clock.now - datetime.now(UTC)) < timedelta(seconds=30)
        assert stepped.clock.now == OPENING
        assert OPENING <= quick.clock.now < OPENING + HOUR

    def test_it_opens_at_noon_in_moscow_of_a_working_day_whatever_day_it_is(self) -> None:
        assert OPENING.astimezone().utcoffset() is not None
        assert (OPENING + 3 * HOUR).hour == 12
        assert OPENING.weekday() < 5

    @pytest.mark.parametrize("kind", ["stepped", fast(2)])
    def test_another_beginning(self, kind: Any) -> None:
        start = datetime(2025, 2, 3, 12, 30, tzinfo=UTC)
        sandbox = Sandbox(time=kind, start=start)
        assert start <= sandbox.clock.now < start + HOUR
        assert sandbox.market["SBER"].quote.last_price > 0

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"time": "slow"}, "time: must be 'wall', 'stepped' or fast"),
            ({"time": 60}, "time: must be"),
            ({"start": OPENING}, "start: wall time begins now"),
            ({"time": "stepped", "start": datetime(2026, 1, 1)}, "start: must be a datetime with a time zone"),  # noqa: DTZ001
            ({"time": "stepped", "start": "2026-01-01"}, "start: must be a datetime"),
            ({"time": "stepped", "start": datetime(1970, 1, 1, tzinfo=UTC)}, "start: must lie in the years"),
        ],
    )
    def test_what_there_is_not(self, arguments: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            Sandbox(**arguments)

    @pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), 86_401, True, "60"])
    def test_impossible_speeds(self, speed: Any) -> None:
        with pytest.raises(ConfigError, match="speed"):
            fast(speed)

    def test_speeds(self) -> None:
        assert fast(60) == Fast(60.0)
        assert fast(0.5).speed == 0.5


class TestByItself:
    """Nobody asks the exchange anything here."""

    async def test_what_is_due_happens_in_wall_time(self) -> None:
        happened = threading.Event()
        async with Sandbox() as sandbox:
            at(sandbox, sandbox.clock.now + timedelta(seconds=0.05), happened.set)
            await until(happened.is_set)

    async def test_what_becomes_due_at_once_is_not_kept_waiting(self) -> None:
        happened = threading.Event()
        async with Sandbox(time="stepped") as sandbox:
            at(sandbox, OPENING + HOUR, lambda: None)
            await sandbox.clock.advance()
            at(sandbox, OPENING, happened.set)
            await until(happened.is_set)

    async def test_sessions_open_in_fast_time(self) -> None:
        async with Sandbox(time=fast(86_400)) as sandbox:
            await until(lambda: len(sandbox.journal.of("session_opened")) >= 2)
            sandbox.check()

    async def test_nobody_looks_while_nothing_is_due(self) -> None:
        class Counting(SteppedClock):
            looks = 0

            def now_us(self) -> int:
                self.looks += 1
                return super().now_us()

        exchange_clock = Counting(OPENING_US)
        exchange, lock = Exchange(clock=exchange_clock), threading.RLock()
        heart = asyncio.create_task(Driver(exchange, lock, exchange_clock, partial(asyncio.sleep, 0), []).run())
        for _ in range(50):
            await asyncio.sleep(0)
        looks = exchange_clock.looks
        await asyncio.sleep(0.1)
        assert exchange_clock.looks == looks
        heart.cancel()
        with pytest.raises(asyncio.CancelledError):
            await heart

    async def test_what_fails_is_told_and_the_exchange_lives_on(self) -> None:
        happened = threading.Event()

        def fail() -> None:
            raise ValueError("broken by the test")

        sandbox = Sandbox(time="stepped")
        async with sandbox:
            at(sandbox, OPENING + HOUR, fail)
            at(sandbox, OPENING + 2 * HOUR, happened.set)
            await sandbox.clock.advance(hours=2)
            assert happened.is_set()
            with pytest.raises(SandboxBroken, match="ValueError in the gateway: broken by the test"):
                sandbox.check()


class TestStepping:
    async def test_everything_happens_in_order_at_its_own_moment(self) -> None:
        seen: list[tuple[str, int]] = []
        async with Sandbox(time="stepped") as sandbox:

            def note(name: str) -> Callable[[], None]:
                return lambda: seen.append((name, sandbox._exchange.now_us - OPENING_US))

            def again() -> None:
                note("first")()
                at(sandbox, OPENING + timedelta(seconds=20), note("between"))

            at(sandbox, OPENING + timedelta(seconds=30), note("last"))
            at(sandbox, OPENING + timedelta(seconds=10), again)
            at(sandbox, OPENING + timedelta(seconds=31), note("never"))
            await sandbox.clock.advance(seconds=30)
            assert seen == [("first", 10 * SECOND), ("between", 20 * SECOND), ("last", 30 * SECOND)]
            assert sandbox.clock.now == OPENING + timedelta(seconds=30)

    async def test_units_add_up(self) -> None:
        async with Sandbox(time="stepped") as sandbox:
            await sandbox.clock.advance(days=1, hours=2, minutes=3, seconds=4.5)
            assert sandbox.clock.now == OPENING + timedelta(days=1, hours=2, minutes=3, seconds=4.5)
            await sandbox.clock.advance()
            await sandbox.clock.set(OPENING + timedelta(days=2))
            assert sandbox.clock.now == OPENING + timedelta(days=2)

    async def test_a_client_sees_the_time_and_what_came_of_it(self) -> None:
        async with Sandbox(time="stepped") as sandbox, aiohttp.ClientSession() as session:
            call = Caller(sandbox, session)
            portfolio = stocks_of(sandbox)
            bid = sandbox.market["SBER"].quote.bid
            assert bid is not None
            ends = int((OPENING + HOUR).timestamp())
            placed = await call.place_stop(portfolio, bid - 5, stopEndUnixTime=ends)
            assert placed.status == 200
            await sandbox.clock.advance(minutes=59)
            assert [stop.status.value for stop in sandbox.stop_orders(portfolio)] == ["working"]
            await sandbox.clock.advance(minutes=1)
            assert [stop.status.value for stop in sandbox.stop_orders(portfolio)] == ["canceled"]
            told = await call("GET", "/md/v2/time")
            assert int(told.text) == ends

    async def test_everything_is_with_the_sockets_when_time_has_moved(self) -> None:
        async with Sandbox(time="stepped", market="calm") as sandbox, talking(sandbox) as talker:
            market = sandbox._exchange.find_market("MOEX", "SBER")
            for _ in range(_MANY):
                await talker.subscribe("AllTradesGetAndSubscribe", code="SBER", depth=0)
            earlier, before = len(market.session_prints(OPENING_US)), queued(sandbox)
            await sandbox.clock.advance(minutes=1)
            after = queued(sandbox)
            trades = len(market.session_prints(to_us(sandbox.clock.now))) - earlier
            assert trades > 10
            assert _MANY * trades - 1 <= after - before <= _MANY * trades  # one may be on its way

    async def test_others_have_their_turn_while_much_is_lived_through(self) -> None:
        async with Sandbox(time="stepped") as sandbox, aiohttp.ClientSession() as session:
            call = Caller(sandbox, session)
            for number in range(40_000):
                at(sandbox, OPENING + timedelta(milliseconds=number), lambda: None)
            moving = asyncio.create_task(sandbox.clock.advance(minutes=1))
            answered = asked = 0
            while not moving.done():
                assert (await call("GET", "/md/v2/time")).status == 200
                answered += not moving.done()
                await asyncio.to_thread(sandbox.orders)
                asked += not moving.done()
            await moving
            assert answered >= 5
            assert asked >= 5

    def test_without_a_loop(self) -> None:
        happened = threading.Event()
        with Sandbox(time="stepped") as sandbox:
            at(sandbox, OPENING + HOUR, happened.set)
            sandbox.clock.advance_blocking(minutes=59)
            assert not happened.is_set()
            sandbox.clock.set_blocking(OPENING + HOUR)
            assert happened.is_set()

    async def test_before_the_start_and_after_the_end(self) -> None:
        seen: list[int] = []
        sandbox = Sandbox(time="stepped")
        for hour in range(1, 5):
            at(sandbox, OPENING + hour * HOUR, lambda hour=hour: seen.append(hour))  # type: ignore[misc]
        await sandbox.clock.advance(hours=1)
        sandbox.clock.advance_blocking(hours=1)
        async with sandbox:
            assert seen == [1, 2]
        await sandbox.clock.advance(hours=1)
        sandbox.clock.advance_blocking(hours=1)
        assert seen == [1, 2, 3, 4]

    async def test_giving_up_waiting_does_not_stop_time(self) -> None:
        held, go = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            assert go.wait(5)

        async with Sandbox(time="stepped") as sandbox:
            at(sandbox, OPENING + HOUR, hold)
            done = threading.Event()
            for number in range(200):
                at(sandbox, OPENING + HOUR + timedelta(seconds=number), lambda: None)
            at(sandbox, OPENING + 2 * HOUR, done.set)
            moving = asyncio.create_task(sandbox.clock.advance(hours=2))
            await until(held.is_set)
            moving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await moving
            go.set()
            await until(done.is_set)

    async def test_stopping_while_time_moves(self) -> None:
        sandbox = Sandbox(time="stepped")
        held = threading.Event()

        def forever() -> None:
            held.set()
            at(sandbox, sandbox.clock.now, forever)

        async with sandbox:
            at(sandbox, OPENING + HOUR, forever)
            moving = asyncio.create_task(sandbox.clock.advance(hours=1))
            blocked = asyncio.create_task(asyncio.to_thread(sandbox.clock.advance_blocking, hours=1))
            await until(lambda: held.is_set() and len(sandbox._host._submitted) == 2, within=20)
            await asyncio.to_thread(sandbox.stop)
            for waiting in (moving, blocked):
                with pytest.raises(ClosedError, match="stopped while its time was moving"):
                    await waiting

    @pytest.mark.parametrize("kind", ["wall", fast(60)])
    async def test_only_stepped_time_is_moved(self, kind: Any) -> None:
        clock = Sandbox(time=kind).clock
        with pytest.raises(ConfigError, match=r"runs by itself; make Sandbox\(time='stepped'\)"):
            await clock.advance(minutes=5)
        with pytest.raises(ConfigError, match="runs by itself"):
            clock.set_blocking(OPENING)

    @pytest.mark.parametrize(
        ("durations", "problem"),
        [
            ({"minutes": -1}, "minutes: must be a number, zero or greater"),
            ({"seconds": float("nan")}, "seconds: must be"),
            ({"hours": "1"}, "hours: must be"),
            ({"days": True}, "days: must be"),
            ({"days": 1e9}, "advance: leads beyond"),
            ({"days": 40_000}, "time: must not lie beyond the year"),
        ],
    )
    async def test_impossible_durations(self, durations: dict[str, Any], problem: str) -> None:
        with pytest.raises(InvalidArgument, match=problem):
            await Sandbox(time="stepped").clock.advance(**durations)

    @pytest.mark.parametrize(
        ("moment", "problem"),
        [
            (OPENING - HOUR, "only moves forward: it is 2026-04-15 09:00:00"),
            (datetime(2026, 5, 1), "time zone"),  # noqa: DTZ001
            ("tomorrow", "time zone"),
        ],
    )
    async def test_impossible_moments(self, moment: Any, problem: str) -> None:
        with pytest.raises(InvalidArgument, match=problem):
            await Sandbox(time="stepped").clock.set(moment)


class TestTheSameEveryTime:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("market", MARKETS)
    async def test_the_same_seed_and_commands_leave_the_same_journal(self, market: str, seed: int) -> None:
        golden = json.loads(HASHES.read_text(encoding="utf-8"))
        assert await live(seed, market) == golden[f"{market} {seed}"], "see tests/sandbox/golden.py"

    def test_no_two_of_them_are_the_same(self) -> None:
        golden = json.loads(HASHES.read_text(encoding="utf-8"))
        assert len(set(golden.values())) == len(golden) == len(SEEDS) * len(MARKETS)
