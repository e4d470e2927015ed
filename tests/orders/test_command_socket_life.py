"""From opening to closing: who may use it, what it holds, what it tells, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from alor_async import AsyncAlor, OrderAck, OrderOutcomeUnknown, OrderRejected, Side
from alor_async.config import Timeouts
from alor_async.errors import ClosedError, ConnectError, Forbidden, NotFound
from alor_async.sandbox import Assumptions, Sandbox
from tests.orders.command_kit import PROMPT, SBER, gathered, prompt, trading
from tests.support.leftovers import open_sockets, our_tasks
from tests.support.waiting import until
from tests.support.world import STOCKS, low_and_high, new_sandbox


def client_of(sandbox: Sandbox, **settings: Any) -> AsyncAlor:
    return AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, streams=PROMPT, **settings)


class TestOpening:
    async def test_it_is_used_between_open_and_close_alone(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            low, _ = low_and_high(sandbox)
            fast = alor.command_socket()
            with pytest.raises(ClosedError, match="not open"):
                await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            assert repr(fast) == "<CommandSocket: not connected, 0 in flight, 0 waiting>"
            await fast.open()
            assert repr(fast) == "<CommandSocket: ready, 0 in flight, 0 waiting>"
            with pytest.raises(ClosedError, match="opened before"):
                await fast.open()
            await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            await fast.close()
            await fast.close()
            with pytest.raises(ClosedError, match="was closed"):
                await fast.orders.place_limit(STOCKS, SBER, Side.BUY, lots=1, price=low)
            with pytest.raises(ClosedError, match="opened before"):
                await fast.open()
            assert len(sandbox.orders(STOCKS)) == 1

    async def test_a_client_that_is_not_open(self) -> None:
        async with new_sandbox() as sandbox:
            alor = client_of(sandbox)
            with pytest.raises(ClosedError):
                await alor.command_socket().open()
            await alor.open()
            await alor.close()
            with pytest.raises(ClosedError):
                await alor.command_socket().open()
            assert our_tasks() == []

    @pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (404, NotFound)])
    async def test_a_handshake_that_will_always_be_refused_is_said_at_once(
        self, status: int, kind: type[Exception]
    ) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            sandbox.faults.cws.refuse(status, times=None)
            with pytest.raises(kind):
                await alor.command_socket().open()

    async def test_a_handshake_that_may_work_later_is_tried_again(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            sandbox.faults.cws.refuse(503, times=3)
            async with alor.command_socket() as fast:
                assert fast.is_ready
            assert sandbox.requests.count("cws.open") == 4

    async def test_nobody_there(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox, timeouts=Timeouts(queue=0.2)) as alor:
            await alor.get_claims()
            with sandbox.faults.net.refuse(), pytest.raises(ConnectError):
                await alor.command_socket().open()
            assert our_tasks() == []

    async def test_f173_cancelled_while_it_opens(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            with sandbox.faults.cws.mute():
                opening = asyncio.create_task(alor.command_socket().open())
                await until(lambda: any(heard.opcode == "authorize" for heard in sandbox.messages))
                opening.cancel()
                await gathered([opening])
            assert our_tasks() == []
            await until(lambda: not sandbox.sockets)

    async def test_several_are_apart(self) -> None:
        async with trading() as floor, floor.alor.command_socket() as other:
            with floor.sandbox.faults.cws.mute(opcode="create:*") as muted:
                task = floor.intents.begin(floor.fast.orders, "muted")
                await until(lambda: muted.fired)
                muted.clear()
                assert isinstance(await floor.intents.place(other.orders, "heard"), OrderAck)
                task.cancel()
                await gathered([task])
            assert len(floor.sandbox.sockets) == 2

    async def test_two_may_close_it_at_once_while_commands_are_in_flight(self) -> None:
        """Its block ends while its client is closed by somebody else."""
        async with trading() as floor:
            with floor.sandbox.faults.cws.mute(opcode="create:*"):
                tasks = floor.intents.begin_many(floor.fast.orders, 3)
                await until(lambda: floor.fast.in_flight == 3)
                async with asyncio.timeout(2.0):
                    await asyncio.gather(floor.fast.close(), floor.fast.close(), floor.alor.close())
                assert [type(one) for one in await gathered(tasks)] == [OrderOutcomeUnknown] * 3

    async def test_it_closes_with_its_client_and_leaves_nothing(self) -> None:
        async with new_sandbox() as sandbox:
            before = open_sockets()
            async with client_of(sandbox) as alor:
                await alor.command_socket().open()
                await alor.command_socket(window=2).open()
                assert len([name for name in our_tasks() if name.startswith("alor-command-socket-")]) >= 2
            assert our_tasks() == []
            await until(lambda: not sandbox.sockets)
            await until(lambda: open_sockets() <= before)


class TestPings:
    async def test_the_brokers_own_ping_is_said_without_a_token(self) -> None:
        async with trading(prompt(ping_every=0.05)) as floor:
            await until(lambda: len([m for m in floor.sandbox.messages if m.opcode == "ping"]) > 3)
            said: Any = [heard.json for heard in floor.sandbox.messages if heard.opcode == "ping"]
            assert all(message["confirm"] is True and "token" not in message for message in said)
            assert len({message["guid"] for message in said}) == len(said)

    @pytest.mark.parametrize("closes", ["open", "closed"])
    async def test_a_broker_that_does_not_know_ping_is_asked_once_and_before_any_command(self, closes: Any) -> None:
        assumptions = Assumptions(ping_opcode="unknown", invalid_cws_command=closes)
        async with trading(prompt(ping_every=0.05, silence=0.4), assumptions=assumptions) as floor:
            told = await floor.intents.place_many(floor.fast.orders, 20)
            assert all(isinstance(one, OrderAck) for one in told)
            await asyncio.sleep(0.6)  # longer than the silence that would be taken for death
            await floor.place_surely()
            assert [heard.opcode for heard in floor.sandbox.messages].count("ping") == 1
            assert floor.opcodes.count("authorize") == 2

    async def test_a_broker_that_says_nothing_to_a_ping(self) -> None:
        async with new_sandbox() as sandbox, client_of(sandbox) as alor:
            with sandbox.faults.cws.mute(opcode="ping"):
                fast = alor.command_socket()
                opening = asyncio.create_task(fast.open())
                await until(opening.done, within=6)
                await opening
                assert fast.is_ready


class TestWhatIsTold:
    async def test_a_span_for_each_command_and_no_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        caplog.set_level(logging.DEBUG, "alor_async")
        async with trading(tracer_provider=provider) as floor:
            token = await floor.alor._session.get_token()
            ack = await floor.place_surely()
            await floor.fast.orders.cancel(STOCKS, ack.order_id)
            floor.sandbox.faults.cws.reject(400, f"your token {token} on {STOCKS} is no good", opcode="create:*")
            refused = await floor.place()
            assert isinstance(refused, OrderRejected)
            floor.sandbox.faults.cws.abort(opcode="create:*")
            lost = await floor.place()
            assert isinstance(lost, OrderOutcomeUnknown)
            await floor.place_surely()
        spans = [(span.name, dict(span.attributes or {})) for span in exporter.get_finished_spans()]
        commands = [attributes for name, attributes in spans if name.startswith("orders.")]
        assert [(one["alor.operation"], one.get("error.type")) for one in commands] == [
            ("orders.place_limit", None),
            ("orders.cancel", None),
            ("orders.place_limit", "OrderRejected"),
            ("orders.place_limit", "OrderOutcomeUnknown"),
            ("orders.place_limit", None),
        ]
        assert [name for name, _ in spans].count("command_socket.connect") == 2
        everything = f"{spans} {caplog.text} {refused} {refused!r} {refused.__cause__!r} {lost} {lost.__cause__}"
        assert token not in everything
        assert STOCKS not in everything

    async def test_the_portfolio_is_masked_in_what_the_broker_says(self) -> None:
        async with trading() as floor:
            floor.sandbox.faults.cws.reject(400, f"{STOCKS} is poor", opcode="create:*")
            refused = await floor.place()
            assert isinstance(refused, OrderRejected)
            assert refused.reason == "*** is poor"
