"""Spans, metrics and masks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from alor_async._telemetry import Telemetry, detect, redact, shorten
from alor_async.auth import RefreshToken
from alor_async.errors import ConnectError, ConnectionLost, NotFound, StreamLost, SubscriptionRejected, TokenRefused
from tests.support.rawserver import RESET, RawServer, reply
from tests.support.refusing import closed_port
from tests.support.rig import OK_BODY, REFRESH_TOKEN, Rig, environment_of, place, read
from tests.support.tokens import make_token

OK = reply(OK_BODY)


class Recorder:
    """Keeps all that is reported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])
        self.telemetry = detect(self.tracers, self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def spans_of(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is kind]

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def everything(self) -> str:
        return " ".join(span.to_json() for span in self.spans) + str(self.reader.get_metrics_data())


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.tracers.shutdown()
    recorder.meters.shutdown()


async def test_a_call_is_one_span_around_one_span_of_http(recorder: Recorder) -> None:
    token = make_token()
    auth = RefreshToken(REFRESH_TOKEN, initial=token)
    async with RawServer(OK) as server, Rig(server, auth=auth, telemetry=recorder.telemetry) as rig:
        await rig.send(read(day="2026-01-01"))
        (outer,) = recorder.spans_of(SpanKind.INTERNAL)
        (inner,) = recorder.spans_of(SpanKind.CLIENT)
        assert outer.name == "market_data.get_price"
        assert dict(outer.attributes or {}) == {"alor.operation": "market_data.get_price"}
        assert inner.parent is not None
        assert inner.parent.span_id == outer.context.span_id
        assert inner.name == "GET /md/v2/Clients/{portfolio}/price"
        attributes = dict(inner.attributes or {})
        assert attributes["url.full"] == f"{server.address}/md/v2/Clients/{{portfolio}}/price"
        assert attributes["url.template"] == "/md/v2/Clients/{portfolio}/price"
        assert attributes["http.response.status_code"] == 200
        assert "http.url" not in attributes, "the convention of 2021"
        (duration,) = recorder.points("http.client.request.duration")
        assert duration.count == 1
        assert duration.sum < 5
        assert recorder.points("http.client.duration") == []
        everything = recorder.everything()
        assert token not in everything
        assert "D39004" not in everything
        assert "2026-01-01" not in everything


async def test_attempts_and_failures_are_told_by_type_alone(recorder: Recorder) -> None:
    auth = RefreshToken(REFRESH_TOKEN, initial=make_token())
    async with (
        RawServer(RESET, reply({"message": "no D39004"}, 404)) as server,
        Rig(server, auth=auth, telemetry=recorder.telemetry) as rig,
    ):
        with pytest.raises(NotFound):
            await rig.send(read())
        first, second = recorder.spans_of(SpanKind.CLIENT)
        (outer,) = recorder.spans_of(SpanKind.INTERNAL)
        assert first.status.status_code is StatusCode.ERROR
        assert (first.attributes or {})["error.type"] == "ConnectionLost"
        assert (second.attributes or {})["http.response.status_code"] == 404
        assert (outer.attributes or {})["error.type"] == "NotFound"
        assert outer.events == ()
        (retries,) = recorder.points("alor.client.retries")
        assert retries.value == 1
        assert dict(retries.attributes) == {"alor.operation": "market_data.get_price", "error.type": "ConnectionLost"}
        server.script = [RESET]
        with pytest.raises(ConnectionLost):
            await rig.send(place())
        assert "D39004" not in recorder.everything()


async def test_a_failure_to_connect_quotes_no_address(recorder: Recorder) -> None:
    async with RawServer(OK) as server:
        here = environment_of(server)
        there = type(here)(
            name="nowhere", api=f"http://127.0.0.1:{closed_port()}", oauth=here.oauth, ws=here.ws, cws=here.cws
        )
        auth = RefreshToken(REFRESH_TOKEN, initial=make_token())
        async with Rig(server, auth=auth, environment=there, telemetry=recorder.telemetry) as rig:
            with pytest.raises(ConnectError):
                await rig.send(read())
    assert "ConnectError" in recorder.everything()
    assert "D39004" not in recorder.everything()


async def test_a_refresh_is_a_root_span_and_is_counted(recorder: Recorder) -> None:
    token = make_token()
    answers = [reply(status=503), reply({"AccessToken": token}), reply(status=403)]
    async with (
        RawServer(OK).on("/refresh", *answers) as server,
        Rig(server, auth=RefreshToken(REFRESH_TOKEN), telemetry=recorder.telemetry) as rig,
    ):
        await rig.send(read())
        (refresh,) = [span for span in recorder.spans if span.name == "auth.refresh"]
        assert refresh.parent is None
        rig.auth.invalidate(token)
        with pytest.raises(TokenRefused):
            await rig.auth.get_token()
        counts = {point.attributes["alor.outcome"]: point.value for point in recorder.points("alor.client.refreshes")}
        assert counts == {"unavailable": 1, "success": 1, "refused": 1}
        everything = recorder.everything()
        assert REFRESH_TOKEN not in everything
        assert token not in everything


async def test_nothing_is_propagated_to_the_broker(recorder: Recorder) -> None:
    assert "traceparent" in propagate.get_global_textmap().fields
    auth = RefreshToken(REFRESH_TOKEN, initial=make_token())
    async with RawServer(OK) as server, Rig(server, auth=auth, telemetry=recorder.telemetry) as rig:
        with recorder.tracers.get_tracer("test").start_as_current_span("caller"):
            await rig.send(read())
        assert not {"traceparent", "tracestate", "baggage"} & server.requests[0].headers.keys()
        call = next(span for span in recorder.spans if span.name == "market_data.get_price")
        assert call.parent is not None, "here at home the call belongs to its caller"


async def test_under_the_global_instrumentor_there_is_one_span_without_a_portfolio(recorder: Recorder) -> None:
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=recorder.tracers, meter_provider=recorder.meters)
    try:
        auth = RefreshToken(REFRESH_TOKEN, initial=make_token())
        async with RawServer(OK) as server, Rig(server, auth=auth, telemetry=recorder.telemetry) as rig:
            await rig.send(read())
            assert len(recorder.spans_of(SpanKind.CLIENT)) == 1
            assert "D39004" not in recorder.everything()
            async with aiohttp.ClientSession() as other, other.get(server.address) as response:
                await response.read()
            assert len(recorder.spans_of(SpanKind.CLIENT)) == 2, "other sessions keep their own"
    finally:
        instrumentor.uninstrument()


async def test_a_cancelled_call_ends_its_spans(recorder: Recorder) -> None:
    gate = asyncio.Event()

    async def hold(exchange: Any) -> None:
        await gate.wait()

    auth = RefreshToken(REFRESH_TOKEN, initial=make_token())
    async with RawServer(hold) as server, Rig(server, auth=auth, telemetry=recorder.telemetry) as rig:
        call = asyncio.create_task(rig.send(read()))
        await server.wait_for(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        gate.set()
    assert [(span.attributes or {})["error.type"] for span in recorder.spans] == ["CancelledError"] * 2


def telemetry_of(recorder: Recorder) -> Telemetry:
    assert recorder.telemetry is not None
    return recorder.telemetry


def test_subscribing_is_one_span_that_tells_its_outcome(recorder: Recorder) -> None:
    telemetry = telemetry_of(recorder)
    with telemetry.stream_span("streams.order_book", instruments=3):
        assert recorder.spans == [], "it lasts until the acknowledgement"
    with pytest.raises(SubscriptionRejected), telemetry.stream_span("streams.orders", instruments=0):
        raise SubscriptionRejected("no D39004", status=404)
    with pytest.raises(asyncio.CancelledError), telemetry.stream_span("streams.quotes", instruments=1):
        raise asyncio.CancelledError
    accepted, refused, cancelled = recorder.spans
    assert accepted.name == "streams.order_book"
    assert dict(accepted.attributes or {}) == {
        "alor.operation": "streams.order_book",
        "alor.instruments": 3,
        "alor.outcome": "success",
    }
    assert accepted.status.status_code is StatusCode.UNSET
    assert dict(refused.attributes or {}) == {
        "alor.operation": "streams.orders",
        "alor.instruments": 0,
        "alor.outcome": "refused",
        "error.type": "SubscriptionRejected",
    }
    assert refused.status.status_code is StatusCode.ERROR
    assert (cancelled.attributes or {})["alor.outcome"] == "failed"
    assert (cancelled.attributes or {})["error.type"] == "CancelledError"
    assert "D39004" not in recorder.everything()


async def test_the_handshake_of_a_socket_belongs_to_the_subscribing_and_quotes_no_address(recorder: Recorder) -> None:
    telemetry = telemetry_of(recorder)
    async with (
        RawServer(reply(status=503)) as server,
        aiohttp.ClientSession(trace_configs=[telemetry.trace_config]) as session,
    ):
        with telemetry.stream_span("streams.quotes", instruments=1), pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{server.address}/secret-path?token=secret")
    (handshake,) = recorder.spans_of(SpanKind.CLIENT)
    (subscribing,) = recorder.spans_of(SpanKind.INTERNAL)
    assert handshake.name == "GET /ws"
    assert handshake.parent is not None
    assert handshake.parent.span_id == subscribing.context.span_id
    assert "secret" not in recorder.everything()


def test_reconnecting_is_a_root_span_with_its_reason_and_its_attempts(recorder: Recorder) -> None:
    telemetry = telemetry_of(recorder)
    with (
        recorder.tracers.get_tracer("test").start_as_current_span("whoever subscribed first"),
        telemetry.reconnect_span("silent") as reconnection,
    ):
        reconnection.attempts += 1
        reconnection.attempts += 1
        reconnection.is_back = True

    def give_up() -> None:
        with telemetry.reconnect_span("lost") as reconnection:
            reconnection.attempts = 7
            raise StreamLost("gave up", attempts=7)

    with pytest.raises(StreamLost):
        give_up()
    succeeded, failed = (span for span in recorder.spans if span.name == "streams.reconnect")
    assert succeeded.parent is None
    assert dict(succeeded.attributes or {}) == {
        "alor.operation": "streams.reconnect",
        "alor.reason": "silent",
        "alor.attempts": 2,
        "alor.outcome": "success",
    }
    assert dict(failed.attributes or {}) == {
        "alor.operation": "streams.reconnect",
        "alor.reason": "lost",
        "alor.attempts": 7,
        "alor.outcome": "failed",
        "error.type": "StreamLost",
    }


def test_streams_are_counted_by_name_alone(recorder: Recorder) -> None:
    telemetry = telemetry_of(recorder)
    telemetry.sample_stream("streams.quotes", messages=10, dropped=1, gaps=0, pending=5, lag=0.02)
    telemetry.sample_stream("streams.quotes", messages=5, dropped=2, gaps=1, pending=3, lag=-4.0)
    telemetry.sample_stream("streams.orders", messages=0, dropped=0, gaps=0, pending=0, lag=None)
    telemetry.count_reconnect("lost")
    telemetry.count_reconnect("lost")

    def values(name: str) -> dict[object, Any]:
        for point in recorder.points(name):
            assert point.attributes.keys() == {"alor.operation"}
        return {point.attributes["alor.operation"]: point.value for point in recorder.points(name)}

    assert values("alor.stream.messages") == {"streams.quotes": 15, "streams.orders": 0}
    assert values("alor.stream.dropped") == {"streams.quotes": 3, "streams.orders": 0}
    assert values("alor.stream.gaps") == {"streams.quotes": 1, "streams.orders": 0}
    assert values("alor.stream.inbox") == {"streams.quotes": 3, "streams.orders": 0}
    (lag,) = recorder.points("alor.stream.lag")
    assert dict(lag.attributes) == {"alor.operation": "streams.quotes"}
    assert (lag.count, lag.sum, lag.min) == (2, 0.02, 0.0), "an item from the future is a new one"
    (reconnects,) = recorder.points("alor.stream.reconnects")
    assert (reconnects.value, dict(reconnects.attributes)) == (2, {"alor.reason": "lost"})


def test_one_provider_is_enough() -> None:
    assert isinstance(detect(tracer_provider=NoOpTracerProvider()), Telemetry)
    assert isinstance(detect(meter_provider=MeterProvider()), Telemetry)


def run(code: str, **environment: str) -> str:
    """Run a program of its own: what is global in OpenTelemetry can be set once a process."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_a_provider_opentelemetry_is_not_imported() -> None:
    out = run("""
        import sys
        import alor_async
        from alor_async._telemetry import detect
        print(detect(), any(name.startswith("opentelemetry") for name in sys.modules))
    """)
    assert out == "None False"


def test_imported_by_somebody_but_not_configured_is_off() -> None:
    out = run("""
        import opentelemetry.trace
        from alor_async._telemetry import detect
        print(detect())
    """)
    assert out == "None"


@pytest.mark.parametrize(
    "setup",
    [
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        trace.set_tracer_provider(TracerProvider())
        """,
        """
        import opentelemetry.trace
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        metrics.set_meter_provider(MeterProvider())
        """,
    ],
    ids=["traces", "metrics"],
)
def test_a_global_provider_turns_it_on(setup: str) -> None:
    program = textwrap.dedent(setup) + textwrap.dedent("""
        from alor_async._telemetry import detect
        print(type(detect()).__name__)
    """)
    assert run(program) == "Telemetry"


def test_a_provider_named_in_the_environment_is_found() -> None:
    program = "from alor_async._telemetry import detect; print(type(detect()).__name__)"
    assert run(program, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider") == "Telemetry"


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        (f"a {make_token()} b", [], "a *** b"),
        ("code XYZW and XYZWV", ["XYZW", "XYZWV"], "code *** and ***"),
        ("id 123", ["123"], "id 123"),
        ("nothing", [], "nothing"),
        ("see api.alor.ru and v1.2.3", [], "see api.alor.ru and v1.2.3"),
    ],
)
def test_masking(text: str, secrets: list[str], shown: str) -> None:
    assert redact(text, secrets) == shown


def test_shortening() -> None:
    assert shorten("a\n\tb  c", 10) == "a b c"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"
    assert shorten("\x1b[2J", 10) == "\ufffd[2J"
