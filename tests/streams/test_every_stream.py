"""Every subscription, in every format: what was there before, what happens then, and one model whatever the spelling."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from alor_async import SnapshotEnd, Update
from alor_async.models import Model
from alor_async.values import Format
from tests.contract.model_kit import shared
from tests.streams.kit import STREAMS, WITHIN, Floor, Stream, newest, plain, through

EVERY = pytest.mark.parametrize("stream", STREAMS, ids=str)
IN_EVERY_FORMAT = pytest.mark.parametrize("format", Format)
SAME_IN_EVERY_FORMAT = {"order_book", "candles", "risks", "orders", "stop_orders"}
"""Whose models have no attribute that one format lacks."""


async def stirred(floor: Floor, stream: Stream, *formats: Format) -> list[list[Any]]:
    """Let something happen, and give what REST shows then that it did not show before, in each format."""
    before = [await stream.listed(floor, format) for format in formats]
    await stream.stir(floor)
    after = [await stream.listed(floor, format) for format in formats]
    news = [[item for item in now if item not in then] for then, now in zip(before, after, strict=True)]
    assert all(news)
    return news


async def until_told(events: Any, news: list[Any]) -> list[Update[Any]]:
    """Read updates until these have come."""
    told: list[Update[Any]] = []
    async with asyncio.timeout(WITHIN):
        while any(item not in [plain(update.item) for update in told] for item in news):
            told.append(await anext(events))
    return told


@EVERY
@IN_EVERY_FORMAT
async def test_what_was_there_before_and_what_happens_then_is_what_rest_shows(
    floor: Floor, stream: Stream, format: Format
) -> None:
    async with stream.open(floor.alor, format=format) as subscription:
        events = subscription.events()
        *snapshot, end = await through(events, SnapshotEnd)
        told = [plain(item) for item in newest([update.item for update in snapshot])]
        assert told == await stream.listed(floor, format)
        (news,) = await stirred(floor, stream, format)
        live = await until_told(events, news)
        assert subscription.latest == live[-1].item
    assert snapshot
    assert all(update.is_snapshot for update in snapshot)
    assert not any(update.is_snapshot for update in live)
    assert not any(update.is_recovered for update in [*snapshot, *live])
    assert {update.instrument_id for update in [*snapshot, end, *live]} == {stream.instrument_id}
    if stream.spec.has_snapshot_flag:
        assert {update.item.is_snapshot for update in snapshot} == {True}
        assert {update.item.is_snapshot for update in live} == {False}
    assert {request["format"] for request in floor.messages if request["opcode"] == stream.spec.opcode} == {format}


@EVERY
async def test_an_iteration_gives_the_models_alone(floor: Floor, stream: Stream) -> None:
    expected = await stream.listed(floor, Format.SLIM)
    async with stream.open(floor.alor) as subscription:
        items: list[Any] = []
        async with asyncio.timeout(WITHIN):
            async for item in subscription:
                items.append(item)
                if len(newest(items)) == len(expected):
                    break
    assert [plain(item) for item in newest(items)] == expected
    assert all(isinstance(item, Model) for item in items)


@EVERY
async def test_the_three_formats_give_one_model(floor: Floor, stream: Stream) -> None:
    async with AsyncExitStack() as stack:
        subscriptions = [await stack.enter_async_context(stream.open(floor.alor, format=format)) for format in Format]
        feeds = [subscription.events() for subscription in subscriptions]
        snapshots = [newest([update.item for update in (await through(feed, SnapshotEnd))[:-1]]) for feed in feeds]
        news = await stirred(floor, stream, *Format)
        told = [await until_told(feed, expected) for feed, expected in zip(feeds, news, strict=True)]
    last = [updates[-1].item for updates in told]
    together = [*zip(*snapshots, strict=True), tuple(last)]
    assert len(together) > 1
    for triple in together:
        same = list(triple) if stream.name in SAME_IN_EVERY_FORMAT else [shared(item) for item in triple]
        assert same[0] == same[1] == same[2]
        assert len({hash(item) for item in same}) == 1
        assert len({repr(item) for item in same}) == 1
        assert len({item.to_json() for item in same}) == 1
        assert {type(item) for item in triple} == {type(triple[0])}
