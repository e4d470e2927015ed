"""A server that acknowledges a subscription before it sends what is there: the end of the snapshot is found all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alor_async import SnapshotEnd, Update
from alor_async.sandbox import Assumptions, Sandbox
from alor_async.values import Format
from tests.streams.kit import STREAMS, Floor, Stream, newest, plain, take, through
from tests.support.world import NOON


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    assumptions = Assumptions(reply_order="before_snapshot")
    with Sandbox(seed=42, time="stepped", start=NOON, assumptions=assumptions) as running:
        yield running
        running.check()


@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_the_end_of_the_snapshot_is_found(floor: Floor, stream: Stream) -> None:
    async with stream.open(floor.alor) as subscription:
        events = subscription.events()
        *snapshot, end = await through(events, SnapshotEnd)
        told = newest([update.item for update in snapshot])
        assert [plain(item) for item in told] == await stream.listed(floor, Format.SLIM)
        assert end.instrument_id == stream.instrument_id
        await stream.stir(floor)
        (update,) = await take(events)
        assert isinstance(update, Update)
        assert not update.is_snapshot
