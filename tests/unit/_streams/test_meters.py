"""From counters to metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from alor_async._streams.meters import StreamMeters
from alor_async._telemetry import Telemetry

QUOTES, ORDERS = "streams.quotes", "streams.orders"


class Counters:
    def __init__(self, name: str) -> None:
        self.name = name
        self.received = 0
        self.dropped = 0
        self.gaps = 0
        self.pending = 0
        self.lag: float | None = None


class Bench:
    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])
        self.meters = StreamMeters(Telemetry(None, self.provider))
        self._now = 0.0

    def sample(self, *subscriptions: Counters) -> None:
        self._now += 1.0
        self.meters.sample(subscriptions, self._now)

    def points(self, name: str) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            point.attributes["alor.operation"]: point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        }

    def value(self, metric: str, name: str) -> int:
        value: int = self.points(metric)[name].value
        return value


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.provider.shutdown()


def test_each_sample_adds_what_came_since_the_last(bench: Bench) -> None:
    first, second, other = Counters(QUOTES), Counters(QUOTES), Counters(ORDERS)
    first.received, first.dropped, first.gaps, first.pending = 10, 4, 1, 3
    second.received, second.pending = 5, 2
    bench.sample(first, second, other)
    assert bench.value("alor.stream.messages", QUOTES) == 15
    assert bench.value("alor.stream.dropped", QUOTES) == 4
    assert bench.value("alor.stream.gaps", QUOTES) == 1
    assert bench.value("alor.stream.inbox", QUOTES) == 5
    assert bench.value("alor.stream.messages", ORDERS) == 0
    first.received, first.pending, second.pending = 12, 0, 1
    bench.sample(first, second, other)
    assert bench.value("alor.stream.messages", QUOTES) == 17
    assert bench.value("alor.stream.dropped", QUOTES) == 4
    assert bench.value("alor.stream.inbox", QUOTES) == 1


def test_what_a_closed_subscription_counted_last_is_not_lost_and_its_inbox_is_empty(bench: Bench) -> None:
    closing = Counters(QUOTES)
    closing.received, closing.pending = 7, 7
    bench.sample(closing)
    closing.received = 9
    bench.meters.forget(closing)
    bench.sample()
    assert bench.value("alor.stream.messages", QUOTES) == 9
    assert bench.value("alor.stream.inbox", QUOTES) == 0
    bench.sample()
    assert bench.value("alor.stream.messages", QUOTES) == 9


def test_one_that_was_never_sampled_may_be_forgotten(bench: Bench) -> None:
    short = Counters(QUOTES)
    short.received = 3
    bench.meters.forget(short)
    bench.sample()
    assert bench.value("alor.stream.messages", QUOTES) == 3


def test_lag_is_that_of_the_latest_and_only_of_those_who_heard_something(bench: Bench) -> None:
    near, far, silent = Counters(QUOTES), Counters(QUOTES), Counters(QUOTES)
    near.received, near.lag = 1, 0.2
    far.received, far.lag = 1, 0.5
    silent.lag = 900.0
    bench.sample(near, far, silent)
    bench.sample(near, far, silent)
    lag = bench.points("alor.stream.lag")[QUOTES]
    assert (lag.count, lag.sum) == (1, 0.5)


def test_looks_that_come_often_report_once_a_second(bench: Bench) -> None:
    counters = Counters(QUOTES)
    bench.meters.sample([counters], 100.0)
    counters.received = 5
    bench.meters.sample([counters], 100.5)
    assert bench.value("alor.stream.messages", QUOTES) == 0
    bench.meters.sample([counters], 101.0)
    assert bench.value("alor.stream.messages", QUOTES) == 5


def test_the_last_report_needs_no_look(bench: Bench) -> None:
    closing = Counters(QUOTES)
    bench.sample(closing)
    closing.received = 5
    bench.meters.forget(closing)
    bench.meters.flush()
    assert bench.value("alor.stream.messages", QUOTES) == 5
