"""A blotter as one uses it: how it opens, what it shows and tells, how one waits, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from alor_async import (
    AsyncAlor,
    Blotter,
    ClosedError,
    Filled,
    InvalidArgument,
    MemoryLedger,
    OrderChanged,
    OrderWaitTimeout,
    Side,
    SlowConsumer,
    SqliteLedger,
    StreamError,
    SubscriptionRejected,
)
from alor_async._orders.ledger import OrderLedger
from alor_async._policy.clock import Clock, Timer
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import PROMPT, client_of
from tests.orders.blotter_kit import SBER, WITHIN, Reader, check_blotter, watching
from tests.support.streamserver import DrivenAlor
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, UNITED, low_and_high, make_world, new_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with new_sandbox() as running:
        yield running
        running.check()


@pytest.fixture
async def alor(sandbox: Sandbox) -> AsyncIterator[AsyncAlor]:
    """A client that leaves no task behind."""
    before = asyncio.all_tasks() - {asyncio.current_task()}
    async with client_of(sandbox) as client:
        yield client
    assert asyncio.all_tasks() - {asyncio.current_task()} == before


def low(sandbox: Sandbox) -> Decimal:
    return low_and_high(sandbox)[0]


class CountingClock(Clock):
    """The machine's clock, which knows what it still has to call."""

    def __init__(self) -> None:
        self._open: list[tuple[str, Any]] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = asyncio.get_running_loop().call_later(seconds, callback)
        self._open.append((callback.__qualname__, timer))
        return timer

    def open_of(self, *names: str) -> list[str]:
        """The calls that are still to come of functions of these names."""
        now = asyncio.get_running_loop().time()
        return [
            called
            for called, timer in self._open
            if not timer.cancelled() and timer.when() > now and any(name in called for name in names)
        ]


async def leave_in_doubt(sandbox: Sandbox, alor: AsyncAlor, clock: CountingClock) -> weakref.ref[Blotter]:
    """Wait for an order, and leave while something does not fit."""
    mute = sandbox.faults.ws.mute(opcode="TradesGetAndSubscribeV2")
    async with alor.account.watch(STOCKS) as blotter:
        with mute:
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            waiting = asyncio.create_task(blotter.wait(ack.order_id, timeout=40))
            await until(lambda: blotter.order(ack.order_id))
            await alor.orders.cancel(STOCKS, ack.order_id)
            await waiting
            bought = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            await until(lambda: blotter.order(bought.order_id))
        assert clock.open_of("_review"), "it would have looked again at what does not fit"
    assert not clock.open_of("Blotter", "give_up")
    return weakref.ref(blotter)


def blotter_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("alor-blotter")]


class TestOpening:
    @pytest.mark.parametrize("portfolio", [STOCKS, FUTURES, UNITED])
    async def test_shows_what_was_there_before_and_tells_nothing_of_it(
        self, sandbox: Sandbox, alor: AsyncAlor, portfolio: str
    ) -> None:
        await make_world(sandbox, alor)
        async with alor.account.watch(portfolio) as blotter:
            assert blotter.is_live
            await check_blotter(sandbox, blotter, portfolio)
            assert blotter.summary == await alor.account.get_summary(portfolio)
            reader = Reader(blotter)
            if portfolio == STOCKS:
                ack = await alor.orders.place_market(portfolio, SBER, Side.BUY, lots=1)
                await blotter.wait(ack.order_id, timeout=WITHIN)
                await until(lambda: reader.of(Filled))
                assert {event.view.order_id for event in reader.of(OrderChanged)} == {ack.order_id}
                await until(lambda: reader.views(ack.order_id)[-1].is_final)
                assert len(reader.of(Filled)) == len(blotter.orders[ack.order_id].trades)
            await reader.stop()

    async def test_is_used_once_and_by_one_client(self, alor: AsyncAlor) -> None:
        blotter = alor.account.watch(STOCKS)
        with pytest.raises(ClosedError, match="async with"):
            blotter.events()
        with pytest.raises(ClosedError, match="async with"):
            await blotter.wait("1", timeout=1)
        async with blotter:
            pass
        with pytest.raises(ClosedError, match="used once"):
            await blotter.__aenter__()

    async def test_a_refused_subscription_ends_it(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        sandbox.faults.ws.reject_subscribe(400, "no such portfolio", opcode="PositionsGetAndSubscribeV2", times=None)
        with pytest.raises(SubscriptionRejected, match="no such portfolio"):
            async with alor.account.watch(STOCKS):
                pass
        sandbox.faults.clear()
        async with alor.account.watch(STOCKS) as again:
            assert again.is_live

    async def test_a_cancelled_opening_leaves_nothing(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        with sandbox.faults.ws.mute():
            opening = asyncio.create_task(alor.account.watch(STOCKS).__aenter__())
            await until(lambda: sandbox.sockets)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        assert not blotter_tasks()

    @pytest.mark.parametrize("options", [{"events": 0}, {"events": True}, {"events": 1.5}])
    async def test_wrong_arguments(self, alor: AsyncAlor, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgument, match="events"):
            alor.account.watch(STOCKS, **options)
        with pytest.raises(InvalidArgument, match="portfolio"):
            alor.account.watch("no portfolio at all")

    async def test_a_client_that_is_not_open(self, sandbox: Sandbox) -> None:
        with pytest.raises(ClosedError):
            async with client_of(sandbox).account.watch(STOCKS):
                pass

    @pytest.mark.parametrize("what", ["orders", "stop_orders", "trades", "positions", "cash", "summary", "divergences"])
    async def test_one_that_was_not_entered_does_not_say_that_nothing_is_held(self, alor: AsyncAlor, what: str) -> None:
        blotter = alor.account.watch(STOCKS)
        with pytest.raises(ClosedError, match="use `async with`"):
            getattr(blotter, what)
        with pytest.raises(ClosedError, match="use `async with`"):
            blotter.order("1")
        assert not blotter.is_live
        assert repr(blotter) == "<Blotter: new, 0 orders, 0 trades>"
        async with blotter:
            getattr(blotter, what)
        getattr(blotter, what)


class TestShowing:
    async def test_what_was_read_does_not_change(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            await until(lambda: blotter.order(ack.order_id))
            orders, trades, positions, cash = blotter.orders, blotter.trades, blotter.positions, blotter.cash
            assert blotter.orders is orders, "and costs nothing while nothing changes"
            before = (dict(orders), trades, dict(positions), dict(cash))
            bought = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            await blotter.wait(bought.order_id, timeout=WITHIN)
            await alor.orders.cancel(STOCKS, ack.order_id)
            await blotter.wait(ack.order_id, timeout=WITHIN)
            assert (dict(orders), trades, dict(positions), dict(cash)) == before
            assert bought.order_id in blotter.orders
            for mapping in (orders, positions, cash, blotter.stop_orders):
                with pytest.raises(TypeError):
                    mapping["x"] = None  # type: ignore[index]
            with pytest.raises(AttributeError):
                orders[ack.order_id].is_final = True  # type: ignore[misc]
            await check_blotter(sandbox, blotter)

    async def test_one_order_of_many(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            await until(lambda: blotter.order(ack.order_id))
            view = blotter.orders[ack.order_id]
            assert blotter.order(ack.order_id) == view
            assert str(view.instrument_id) == "MOEX:SBER:TQBR"
            assert (blotter.order("7"), blotter.stop_order("7")) == (None, None)
            assert STOCKS not in repr(blotter)

    async def test_both_wires_give_chains_and_own_orders(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter, alor.command_socket() as fast:
            old = await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low(sandbox))
            new = await fast.orders.replace_limit(STOCKS, old.order_id, SBER, Side.BUY, lots=1, price=low(sandbox))
            assert (await blotter.wait(old.order_id, timeout=WITHIN)).replaced_by == new.order_id
            await until(lambda: blotter.order(new.order_id))
            view = blotter.orders[new.order_id]
            assert (view.replaces, view.is_external) == (old.order_id, False)

    @pytest.mark.parametrize("kind", [MemoryLedger, SqliteLedger])
    async def test_a_ledger_remembers_which_orders_are_ours(self, sandbox: Sandbox, tmp_path: Any, kind: Any) -> None:
        def ledger() -> OrderLedger:
            return memory if kind is MemoryLedger else SqliteLedger(tmp_path / "orders.sqlite")

        memory = MemoryLedger()
        options: Any = {"environment": sandbox.environment, "streams": PROMPT}
        async with AsyncAlor(sandbox.refresh_token, ledger=ledger(), **options) as first:
            old = await first.orders.place_limit(STOCKS, SBER, Side.BUY, lots=2, price=low(sandbox))
            new = await first.orders.replace_limit(STOCKS, old.order_id, SBER, Side.BUY, lots=1, price=low(sandbox))
        async with (
            AsyncAlor(sandbox.refresh_token, ledger=ledger(), **options) as second,
            second.account.watch(STOCKS) as blotter,
        ):
            assert [view.is_external for view in blotter.orders.values()] == [False, False]
            assert blotter.orders[old.order_id].replaced_by == new.order_id
            assert blotter.orders[new.order_id].replaces == old.order_id

    async def test_the_ledger_that_was_given_is_the_one_that_is_shown(self, sandbox: Sandbox) -> None:
        ledger = MemoryLedger()
        async with AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, ledger=ledger) as client:
            assert client.ledger is ledger


class TestWaiting:
    async def test_many_wait_for_one_order(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            waits = [asyncio.create_task(blotter.wait(ack.order_id, timeout=WITHIN)) for _ in range(3)]
            gone = asyncio.create_task(blotter.wait(ack.order_id, timeout=WITHIN))
            await until(lambda: blotter.order(ack.order_id))
            gone.cancel()
            await asyncio.sleep(0)
            await alor.orders.cancel(STOCKS, ack.order_id)
            views = await asyncio.gather(*waits)
            assert views == [blotter.orders[ack.order_id]] * 3
            assert gone.cancelled()

    async def test_too_long(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=3, price=low(sandbox))
            await until(lambda: blotter.order(ack.order_id))
            with pytest.raises(OrderWaitTimeout, match="working, 0 of 3 lots") as caught:
                await blotter.wait(ack.order_id, timeout=0.01)
            assert (caught.value.order_id, caught.value.view) == (ack.order_id, blotter.orders[ack.order_id])
            assert not caught.value.retryable
            with pytest.raises(TimeoutError, match="nothing is known of it"):
                await blotter.wait("123456", timeout=0.01)
            with pytest.raises(OrderWaitTimeout, match="nothing is known of it"):
                await blotter.wait_stop_order(ack.order_id, timeout=0.01)

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, None, "1"])
    async def test_wrong_arguments(self, alor: AsyncAlor, timeout: Any) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            with pytest.raises(InvalidArgument, match="timeout"):
                await blotter.wait("1", timeout=timeout)
            with pytest.raises(InvalidArgument, match="order_id"):
                await blotter.wait("one", timeout=1)


class TestReading:
    async def test_one_who_is_slow_holds_nothing_up(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS, events=5) as blotter:
            acks = [await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1) for _ in range(5)]
            for ack in acks:
                await blotter.wait(ack.order_id, timeout=WITHIN)
            await check_blotter(sandbox, blotter)
            events = blotter.events()
            kept = [await anext(events) for _ in range(5)]
            with pytest.raises(SlowConsumer, match="the view is whole") as caught:
                await anext(events)
            assert caught.value.dropped > 5
            ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
            later = [await anext(events)]
            while not isinstance(later[-1], Filled):
                later.append(await anext(events))
            assert later[-1].order_id == ack.order_id
            assert not any(event in kept for event in later)

    async def test_one_reader_at_a_time_and_a_cancelled_one_loses_nothing(
        self, sandbox: Sandbox, alor: AsyncAlor
    ) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            events = blotter.events()
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            with pytest.raises(StreamError, match="being read already"):
                await anext(blotter.events())
            first.cancel()
            ack = await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            event = await asyncio.wait_for(anext(blotter.events()), WITHIN)
            assert isinstance(event, OrderChanged)
            assert event.view.order_id == ack.order_id


class TestEnding:
    async def test_everybody_is_told_of_the_end_by_an_error_of_his_own(self, sandbox: Sandbox) -> None:
        """One that is raised again and again grows by a traceback each time."""
        alor = client_of(sandbox)
        await alor.open()
        blotter = await alor.account.watch(STOCKS).__aenter__()
        waiting = [asyncio.create_task(blotter.wait("5", timeout=WITHIN)) for _ in range(2)]
        await asyncio.sleep(0)
        await alor.close()
        one, other = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(one, ClosedError)
        assert one is not other
        lengths: set[int] = set()
        for _ in range(3):
            for telling in (blotter.wait("5", timeout=1), anext(blotter.events())):
                with pytest.raises(ClosedError) as caught:
                    await telling
                lengths.add(len(caught.traceback))
        assert max(lengths) < 6
        await blotter.close()

    async def test_closing_the_client_ends_it_with_closed_error(self, sandbox: Sandbox) -> None:
        alor = client_of(sandbox)
        await alor.open()
        blotter = await alor.account.watch(STOCKS).__aenter__()
        reader = Reader(blotter)
        waiting = asyncio.create_task(blotter.wait("5", timeout=WITHIN))
        await asyncio.sleep(0)
        held = dict(blotter.positions)
        await alor.close()
        await until(lambda: reader.is_over)
        assert isinstance(reader.error, ClosedError)
        with pytest.raises(ClosedError):
            await waiting
        with pytest.raises(ClosedError):
            await blotter.wait("5", timeout=1)
        assert not blotter.is_live
        assert dict(blotter.positions) == held, "it stays as it was last"
        await until(lambda: not blotter_tasks())
        await blotter.close()

    async def test_leaving_it_ends_the_iteration_and_the_waits(self, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            reader = Reader(blotter)
            waiting = asyncio.create_task(blotter.wait("5", timeout=WITHIN))
            await asyncio.sleep(0)
        await until(lambda: reader.is_over)
        assert reader.error is None
        with pytest.raises(ClosedError, match="this blotter was closed"):
            await waiting
        await blotter.close()
        assert not blotter.is_live
        assert blotter.positions

    async def test_closing_it_from_its_own_reader(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            async for _ in blotter.events():
                await blotter.close()

    async def test_a_stream_that_is_refused_later_ends_it_for_everybody(
        self, sandbox: Sandbox, alor: AsyncAlor
    ) -> None:
        async with alor.account.watch(STOCKS) as blotter:
            reader = Reader(blotter)
            waiting = asyncio.create_task(blotter.wait("5", timeout=WITHIN))
            sandbox.faults.ws.reject_subscribe(403, "no more", opcode="PositionsGetAndSubscribeV2", times=None)
            sandbox.faults.ws.abort()
            await until(lambda: reader.is_over, within=WITHIN)
            assert isinstance(reader.error, SubscriptionRejected)
            with pytest.raises(SubscriptionRejected):
                await waiting
            with pytest.raises(SubscriptionRejected):
                await blotter.wait("5", timeout=1)
            await until(lambda: not blotter_tasks())
            assert blotter.positions

    async def test_nothing_holds_one_that_was_left(self, sandbox: Sandbox) -> None:
        """No timer, no task, and nobody who listens to commands for it."""
        clock = CountingClock()
        async with DrivenAlor(clock, sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT) as alor:
            gone = await leave_in_doubt(sandbox, alor, clock)
            await alor.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low(sandbox))
            gc.collect()
            assert gone() is None

    async def test_two_of_one_portfolio_do_not_disturb_each_other(self, sandbox: Sandbox, alor: AsyncAlor) -> None:
        async with watching(alor) as (one, _):
            async with watching(alor) as (other, _):
                ack = await alor.orders.place_market(STOCKS, SBER, Side.BUY, lots=1)
                await other.wait(ack.order_id, timeout=WITHIN)
            await one.wait(ack.order_id, timeout=WITHIN)
            await check_blotter(sandbox, one)
