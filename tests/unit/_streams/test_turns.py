"""A consumer for whom much waits lets others run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from alor_async import Format, InstrumentId, Quote, Subscription, merge
from alor_async._contract.subscriptions import STREAMS_QUOTES
from alor_async._streams.channel import Channel
from alor_async._streams.delivery import Delivery
from alor_async._streams.inbox import Queue
from alor_async._streams.subscription import delivery_of

QUOTE = b'{"data":{"sym":"SBER","ex":"MOEX","c":306.79},"guid":"s1"}'
COUNT = 500


def crammed() -> Subscription[Quote]:
    """A subscription for whose consumer much waits."""
    inbox = Queue(COUNT, time.time, drops_oldest=False)
    values = {"symbol": "SBER", "exchange": "MOEX"}
    channel: Channel[Quote] = Channel(
        STREAMS_QUOTES, values, format=Format.SLIM, inbox=inbox, instrument_id=InstrumentId.of("MOEX:SBER")
    )
    delivery = Delivery(cast("Any", None), [channel], inbox)
    delivery.state = "open"
    for _ in range(COUNT):
        channel.put(QUOTE)
    return Subscription(delivery)


@pytest.mark.parametrize(
    "iterate", [Subscription.__aiter__, Subscription.events, merge], ids=["items", "events", "merged"]
)
async def test_others_run_while_much_is_caught_up_with(iterate: Callable[[Any], AsyncIterator[Any]]) -> None:
    turns = 0

    async def look() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(look())
    await asyncio.sleep(0)
    before, left = turns, COUNT
    async for _ in iterate(crammed()):
        time.sleep(0.0005)  # what a consumer does with an item, never waiting  # noqa: ASYNC251
        left -= 1
        if not left:
            break
    other.cancel()
    # A quarter of a second in all: somebody who looks every 64 items, and finds that more than 10 ms have gone, lets others
    # run at least every 64 items.
    assert turns - before >= COUNT // 64 - 1


async def test_whoever_is_quick_pauses_for_nobody() -> None:
    quotes, turns = crammed(), 0

    async def look() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(look())
    await asyncio.sleep(0)
    before = turns
    for _ in range(64):
        delivery_of(quotes).turn.begin()
        await anext(quotes)
    other.cancel()
    assert turns == before


async def test_being_cancelled_in_a_pause_loses_nothing() -> None:
    quotes = crammed()
    delivery_of(quotes).turn._began -= 1.0
    pause = asyncio.ensure_future(cast("Any", anext(quotes)))
    await asyncio.sleep(0)
    pause.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pause
    assert (quotes.pending, quotes.delivered) == (COUNT, 0)
