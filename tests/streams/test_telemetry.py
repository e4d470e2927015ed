"""What spans, metrics and logs say of streams: what happened, and no token, no portfolio, no guid."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from alor_async import AsyncAlor, Reconnected, SnapshotEnd
from alor_async.config import StreamSettings
from alor_async.errors import SubscriptionRejected
from alor_async.sandbox import Sandbox
from tests.streams.kit import STREAMS, Floor, take, through
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, UNITED

SETTINGS = StreamSettings(snapshot_pause=0.2, reconnect_base=0.01, reconnect_cap=0.05)


class Reports:
    """Everything that is reported to OpenTelemetry, in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])

    def spans(self, name: str) -> list[dict[str, Any]]:
        found = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return [dict(span.attributes or {}) for span in found]

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        data = self.reader.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return {
            tuple((point.attributes or {}).values()): point for metric in metrics for point in metric.data.data_points
        }

    def everything(self) -> str:
        spans = " ".join(span.to_json() for span in self.exporter.get_finished_spans())
        return f"{spans} {self.reader.get_metrics_data()}"


@pytest.fixture
def reports() -> Iterator[Reports]:
    reports = Reports()
    yield reports
    reports.tracers.shutdown()
    reports.meters.shutdown()


def client(exchange: Sandbox, reports: Reports, settings: StreamSettings = SETTINGS) -> AsyncAlor:
    return AsyncAlor(
        exchange.refresh_token,
        environment=exchange.environment,
        streams=settings,
        tracer_provider=reports.tracers,
        meter_provider=reports.meters,
    )


async def test_subscribing_is_a_span(floor: Floor, reports: Reports) -> None:
    async with client(floor.exchange, reports) as alor:
        async with alor.streams.quotes("MOEX:SBER", "MOEX:GAZP"), alor.streams.orders(STOCKS):
            pass
        with floor.exchange.faults.ws.reject_subscribe(400, "no"), pytest.raises(SubscriptionRejected):
            await alor.streams.trades(STOCKS).__aenter__()
    (quotes,), (orders,), (trades,) = (reports.spans(f"streams.{name}") for name in ("quotes", "orders", "trades"))
    assert (quotes["alor.instruments"], quotes["alor.outcome"]) == (2, "success")
    assert (orders["alor.instruments"], orders["alor.outcome"]) == (0, "success")
    assert (trades["alor.outcome"], trades["error.type"]) == ("refused", "SubscriptionRejected")


async def test_a_reconnection_is_a_span_and_is_counted(floor: Floor, reports: Reports) -> None:
    async with client(floor.exchange, reports) as alor, alor.streams.orders(STOCKS) as orders:
        events = orders.events()
        await through(events, SnapshotEnd)
        floor.exchange.faults.ws.abort()
        await through(events, Reconnected)
        await until(lambda: reports.spans("streams.reconnect"))
        (span,) = reports.spans("streams.reconnect")
        assert (span["alor.attempts"], span["alor.reason"], span["alor.outcome"]) == (1, "lost", "success")
        assert [point.value for point in reports.points("alor.stream.reconnects").values()] == [1]


async def test_a_connection_that_does_not_come_back_is_not_counted_and_nothing_waits_any_more(
    floor: Floor, reports: Reports
) -> None:
    settings = msgspec.structs.replace(SETTINGS, give_up_after=0.1)
    async with (
        client(floor.exchange, reports, settings) as alor,
        alor.streams.market_trades("MOEX:SBER", depth=5) as tape,
    ):
        await until(lambda: [point.value for point in reports.points("alor.stream.inbox").values()] == [tape.pending])
        assert tape.pending >= 5
        with floor.exchange.faults.ws.refuse(503, times=None):
            floor.exchange.faults.ws.abort()
            await until(lambda: [point.value for point in reports.points("alor.stream.inbox").values()] == [0])
        (span,) = reports.spans("streams.reconnect")
        assert span["alor.outcome"] == "failed"
        assert not reports.points("alor.stream.reconnects")


async def test_nobody_reconnects_where_nothing_is_subscribed(floor: Floor, reports: Reports) -> None:
    async with client(floor.exchange, reports) as alor:
        async with alor.streams.quotes("MOEX:SBER"):
            pass
        floor.exchange.faults.ws.abort()
        await until(lambda: not floor.exchange.sockets and not alor.streams._hub._lines)
    assert not reports.spans("streams.reconnect")
    assert not reports.points("alor.stream.reconnects")


async def test_what_streams_counted_is_reported_by_their_kind(floor: Floor, reports: Reports) -> None:
    async with client(floor.exchange, reports) as alor:
        async with alor.streams.market_trades("MOEX:SBER", inbox=3, on_slow="drop_oldest") as tape:
            market = floor.exchange.market["SBER"]
            for _ in range(8):
                market.trade(price=market.quote.last_price, lots=1)
            await until(lambda: tape.received == 8)
            await take(tape, 3)
        async with alor.streams.quotes("MOEX:SBER") as quotes:
            await take(quotes)
    messages = {key[0]: point.value for key, point in reports.points("alor.stream.messages").items()}
    assert messages == {"streams.market_trades": 8, "streams.quotes": 1}
    dropped = {key[0]: point.value for key, point in reports.points("alor.stream.dropped").items()}
    assert dropped["streams.market_trades"] == 5


async def test_the_lag_is_that_of_the_very_news_that_is_reported(floor: Floor, reports: Reports) -> None:
    """Also where one comes now and then; what was there before is not late."""
    async with client(floor.exchange, reports) as alor, alor.streams.market_trades("MOEX:SBER", depth=5) as tape:
        await until(lambda: [point.value for point in reports.points("alor.stream.messages").values()] == [5])
        assert tape.lag is None
        await floor.exchange.clock.advance(seconds=600)
        made = await floor.trade()
        await until(lambda: reports.points("alor.stream.lag"))
        (lag,) = reports.points("alor.stream.lag").values()
        assert lag.count == 1
        assert lag.sum == pytest.approx(time.time() - made.timestamp_ms / 1000, abs=60)


async def test_no_secret_is_in_any_of_it(floor: Floor, reports: Reports, caplog: pytest.LogCaptureFixture) -> None:
    """Every subscription, a refusal, a lost connection, a slow consumer, a message that cannot be read."""
    caplog.set_level(logging.DEBUG)
    faults = floor.exchange.faults.ws
    async with client(floor.exchange, reports) as alor:
        assert alor._auth is not None
        token = await alor._auth.get_token()
        for stream in STREAMS:
            async with stream.open(alor) as subscription:
                events = subscription.events()
                await through(events, SnapshotEnd)
                with faults.corrupt(b'{"data":7,"guid":"x"}', opcode=stream.spec.opcode):
                    await stream.stir(floor)
                faults.abort()
                await through(events, Reconnected)
            faults.reject_subscribe(400, f"{token} {STOCKS}", opcode=stream.spec.opcode)
            with pytest.raises(SubscriptionRejected):
                await stream.open(alor).__aenter__()
    said = reports.everything() + "".join(f"{one.getMessage()} {one.exc_text}" for one in caplog.records)
    assert "streams.orders" in said
    assert "streams.reconnect" in said
    guids = {heard.guid for heard in floor.exchange.messages if len(heard.guid) > 5}
    for secret in (token, token.rpartition(".")[2], floor.exchange.refresh_token, STOCKS, FUTURES, UNITED, *guids):
        assert secret not in said
