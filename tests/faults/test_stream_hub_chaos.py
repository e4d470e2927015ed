"""A bad hour by dice: whatever happened, in the end the broker runs what the client has, no more and no less (O4, O7, O8)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from typing import Any

import pytest

from alor_async import AsyncAlor
from alor_async._streams.subscription import delivery_of
from alor_async.errors import SlowConsumer, StreamDecodeError, StreamLost, SubscriptionRejected
from alor_async.sandbox import Sandbox
from tests.faults.hub_support import client_of
from tests.support.leftovers import our_tasks
from tests.support.waiting import until
from tests.support.world import STOCKS, new_sandbox

STEPS = 60
SYMBOLS = ("SBER", "GAZP", "LKOH")


class Hour:
    """A client with streams that come and go while the sandbox misbehaves."""

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, seed: int) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self.dice = random.Random(seed)
        self.streams: list[Any] = []
        self.seen: dict[Any, list[Any]] = {}
        self.opening = 0
        self._consumers: set[asyncio.Task[None]] = set()

    async def act(self) -> None:
        deeds = [self.open] * 5 + [self.leave] * 3 + [self.trade] * 4 + [self.break_off] * 2 + [self.misbehave] * 3
        await self.dice.choice(deeds)()

    async def open(self) -> None:
        streams, symbols = self.alor.streams, [f"MOEX:{one}" for one in self.dice.sample(SYMBOLS, 2)]
        stream = self.dice.choice(
            [
                lambda: streams.quotes(*symbols),
                lambda: streams.order_book(*symbols),
                lambda: streams.market_trades(*symbols, inbox=50),
                lambda: streams.orders(STOCKS),
                lambda: streams.trades(STOCKS),
                lambda: streams.positions(STOCKS),
            ]
        )()
        opening = asyncio.create_task(self._open(stream))
        self._consumers.add(opening)
        if self.dice.random() < 0.2:
            await asyncio.sleep(self.dice.random() / 50)
            opening.cancel()
        elif self.dice.random() < 0.7:
            await asyncio.wait({opening}, timeout=0.1)

    async def _open(self, stream: Any) -> None:
        self.opening += 1
        try:
            await stream.__aenter__()
        except (SubscriptionRejected, StreamLost):
            return
        finally:
            self.opening -= 1
        self.streams.append(stream)
        self.seen[stream] = []
        try:
            await self._follow(stream)
        finally:
            if stream in self.streams:
                self.streams.remove(stream)
            await stream.close()

    async def _follow(self, stream: Any) -> None:
        while stream in self.streams:
            with contextlib.suppress(SlowConsumer, StreamDecodeError):
                async for event in stream.events():
                    self.seen[stream].append(event)
                return

    async def leave(self) -> None:
        if self.streams:
            stream = self.dice.choice(self.streams)
            self.streams.remove(stream)
            await stream.close()

    async def trade(self) -> None:
        market = self.sandbox.market[self.dice.choice(SYMBOLS)]
        market.move_to(market.quote.last_price + self.dice.choice([-1, 1]) * market.spec.price_step)
        await self.sandbox.clock.advance(seconds=1)

    async def break_off(self) -> None:
        ws = self.sandbox.faults.ws
        self.dice.choice([ws.abort, ws.close, lambda: ws.close(1012), lambda: ws.raw(b"\xff\xff\xff")])()
        await asyncio.sleep(0.01)

    async def misbehave(self) -> None:
        ws = self.sandbox.faults.ws
        self.dice.choice(
            [
                lambda: ws.drop_ack(opcode="*AndSubscribe*"),
                lambda: ws.delay_ack(0.3, opcode="*AndSubscribe*"),
                lambda: ws.drop(opcode="*AndSubscribe*"),
                ws.wrong_guid,
                lambda: ws.dup(3, times=5),
                lambda: ws.reject_subscribe(401, "Invalid JWT token!"),
                lambda: ws.reject_subscribe(503, "later"),
                lambda: ws.refuse(503),
                lambda: ws.refuse(401),
                lambda: ws.corrupt(b"{}"),
                lambda: self.sandbox.faults.auth.slow(0.05),
            ]
        )()

    async def settle(self) -> None:
        """Let the sandbox behave, and everything that was begun come to its end."""
        self.sandbox.faults.clear()
        await until(lambda: not self.opening, within=5)
        await until(lambda: all(stream.is_live for stream in self.streams), within=10)
        await until(lambda: self.ours() == self.theirs(), within=5)

    def ours(self) -> Counter[str]:
        return Counter(channel.spec.opcode for stream in self.streams for channel in delivery_of(stream).channels)

    def theirs(self) -> Counter[str]:
        return Counter(one.opcode for socket in self.sandbox.sockets for one in socket.subscriptions)

    async def end(self) -> None:
        for stream in tuple(self.streams):
            self.streams.remove(stream)
            await stream.close()
        await asyncio.wait(self._consumers, timeout=5)


@pytest.mark.parametrize("seed", range(6))
async def test_f152_after_a_bad_hour_the_broker_runs_what_the_client_has(seed: int) -> None:
    async with new_sandbox() as sandbox, client_of(sandbox, ack_timeout=0.4, stale_after=0.5) as alor:
        hour = Hour(sandbox, alor, seed)
        for _ in range(STEPS):
            await hour.act()
        await hour.settle()
        assert len(sandbox.sockets) <= 2
        before = {stream: len(hour.seen[stream]) for stream in hour.streams}
        for _ in range(3):
            for symbol in SYMBOLS:
                market = sandbox.market[symbol]
                market.move_to(market.quote.last_price + market.spec.price_step)
            await sandbox.clock.advance(seconds=1)
        market_streams = [stream for stream in before if stream.instruments]
        # On a busy machine a reply may come too late even now, which ends a subscription: nobody follows that one any more.
        await until(
            lambda: all(
                len(hour.seen[stream]) > before[stream] or stream not in hour.streams for stream in market_streams
            ),
            within=15,
        )
        await hour.end()
        await until(lambda: not hour.theirs())
        await until(lambda: not [name for name in our_tasks() if "recovery" in name])
    assert our_tasks() == []
    sandbox.check()
