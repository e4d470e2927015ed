"""Spans, metrics, logger names, and keeping secrets out of all of them.

OpenTelemetry is imported only when the program uses it: its hooks halve aiohttp's throughput even with nothing behind
them. A call is one span named after the operation, around one HTTP client span an attempt. The template stands where a
path would show portfolios, queries are dropped, and nothing is propagated: trace headers and baggage are the caller's own
affair, and the broker has no use for them.

What a socket delivers is counted where it arrives, in plain integers, and reported from there once in a while: a message
costs nothing here. Metrics of streams say the stream's name and no more, so there are as many series as kinds of stream.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import re
import sys
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Final

from alor_async.errors import SubscriptionRejected

if TYPE_CHECKING:
    import aiohttp
    import yarl
    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = [
    "AUTH_LOGGER",
    "HTTP_LOGGER",
    "ORDER_LOGGER",
    "STREAM_LOGGER",
    "Reconnection",
    "Telemetry",
    "detect",
    "redact",
    "shorten",
]

HTTP_LOGGER: Final = logging.getLogger("alor_async.http")
AUTH_LOGGER: Final = logging.getLogger("alor_async.auth")
ORDER_LOGGER: Final = logging.getLogger("alor_async.orders")
STREAM_LOGGER: Final = logging.getLogger("alor_async.streams")

_MASK: Final = "***"
# Looked for at the beginning of a run of its letters only: from each of them, a long run would cost its square.
_JWT: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*")
_SHORTEST_SECRET: Final = 4


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask what must not be shown: whatever looks like a JWT, and the given texts.

    Args:
        text: For instance a server's answer, which may echo a token.
        secrets: Tokens and portfolios that are known to be at stake.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = re.sub(re.escape(secret), _MASK, text, flags=re.IGNORECASE)
    return _JWT.sub(_MASK, text)


def shorten(text: str, limit: int) -> str:
    """Make one printable line of at most `limit` characters of a server's text, so that it cannot forge log lines."""
    line = " ".join(text[: 4 * limit].split())
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


_UNUSED_TRACERS: Final = {"ProxyTracerProvider", "NoOpTracerProvider"}
_UNUSED_METERS: Final = {"_ProxyMeterProvider", "NoOpMeterProvider"}


def detect(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> Telemetry | None:
    """Give the telemetry of a client that opens now, or None when nobody listens.

    Args:
        tracer_provider: Where spans go; None for the global one.
        meter_provider: Where metrics go; None for the global one.
    """
    if tracer_provider is None and meter_provider is None and not _is_configured():
        return None
    return Telemetry(tracer_provider, meter_provider)


def _is_configured() -> bool:
    from_environment = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ or "OTEL_PYTHON_METER_PROVIDER" in os.environ
    if "opentelemetry.trace" not in sys.modules and not from_environment:
        return False
    from opentelemetry import metrics, trace

    # The meters' placeholder is private: both are told by their names.
    return (
        type(trace.get_tracer_provider()).__name__ not in _UNUSED_TRACERS
        or type(metrics.get_meter_provider()).__name__ not in _UNUSED_METERS
    )


_SOCKET_PATH: Final = "/ws"
_LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_template: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("alor_async_path_template", default="/")


class Telemetry:
    """Spans and metrics of one client.

    Args:
        tracer_provider: Where spans go; None for the global one.
        meter_provider: Where metrics go; None for the global one.

    Attributes:
        trace_config: aiohttp's hooks that make the HTTP spans and the standard HTTP client metrics.
    """

    __slots__ = ("_error_status", "_refreshes", "_retries", "_root", "_streams", "_tracer", "trace_config")

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        from opentelemetry import context, metrics, trace

        self._tracer = trace.get_tracer("alor_async", tracer_provider=tracer_provider)
        meter = metrics.get_meter("alor_async", meter_provider=meter_provider)
        self._retries = meter.create_counter(
            "alor.client.retries", unit="{attempt}", description="Attempts after the first of a call."
        )
        self._refreshes = meter.create_counter(
            "alor.client.refreshes", unit="{request}", description="Requests for a new access token, by outcome."
        )
        self._streams = _StreamInstruments(meter)
        self._error_status = trace.StatusCode.ERROR
        self._root = context.Context()
        self.trace_config: aiohttp.TraceConfig = _trace_config(tracer_provider, meter_provider)

    @contextlib.contextmanager
    def call(self, name: str, template: str, parent: Context | None = None) -> Generator[Span]:
        """Put a span around a call, and the template in place of the path of the requests inside.

        Args:
            name: The operation's name.
            template: The operation's path with its parameters in braces.
            parent: Whose span it is part of; None for what runs now.
        """
        token = _template.set(template)
        try:
            with self._tracer.start_as_current_span(
                name, parent, attributes={"alor.operation": name}, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    yield span
                except BaseException as error:
                    # The type alone: texts and tracebacks are for the caller.
                    span.set_attribute("error.type", type(error).__qualname__)
                    span.set_status(self._error_status, type(error).__qualname__)
                    raise
        finally:
            _template.reset(token)

    @contextlib.contextmanager
    def stream_span(self, name: str, *, instruments: int) -> Generator[None]:
        """Put a span around subscribing, from the request to its acknowledgement, the first connection included.

        Args:
            name: The stream's name, such as `streams.order_book`.
            instruments: How many instruments are subscribed at once; 0 for streams of a portfolio.
        """
        with self.call(name, _SOCKET_PATH) as span:
            span.set_attribute("alor.instruments", instruments)
            outcome = "failed"
            try:
                yield
                outcome = "success"
            except SubscriptionRejected:
                outcome = "refused"
                raise
            finally:
                span.set_attribute("alor.outcome", outcome)

    @contextlib.contextmanager
    def reconnect_span(self, reason: str) -> Generator[Reconnection]:
        """Put a span around getting a connection back; the caller notes each attempt in what this gives.

        It belongs to no other span: nobody waits for it, and whoever subscribed first may have ended long ago.

        Args:
            reason: One of `GapReason`.
        """
        reconnection = Reconnection()
        with self.call("streams.reconnect", _SOCKET_PATH, self._root) as span:
            span.set_attribute("alor.reason", reason)
            try:
                yield reconnection
            finally:
                span.set_attribute("alor.attempts", reconnection.attempts)
                span.set_attribute("alor.outcome", "success" if reconnection.is_back else "failed")

    def count_retry(self, name: str, error: BaseException) -> None:
        """Count an attempt that follows a failed one."""
        self._retries.add(1, {"alor.operation": name, "error.type": type(error).__qualname__})

    def count_refresh(self, outcome: str) -> None:
        """Count a request for an access token: `success`, `refused` or `unavailable`."""
        self._refreshes.add(1, {"alor.outcome": outcome})

    def count_reconnect(self, reason: str) -> None:
        """Count a connection that was got back, by why it was lost: one of `GapReason`."""
        self._streams.reconnects.add(1, {"alor.reason": reason})

    def sample_stream(
        self, name: str, *, messages: int, dropped: int, gaps: int, pending: int, lag: float | None
    ) -> None:
        """Report what the subscriptions of one kind of stream counted since they were last asked.

        Args:
            name: The stream's name, such as `streams.order_book`.
            messages: Messages that arrived since.
            dropped: Messages that were dropped since.
            gaps: Gaps that began since.
            pending: Messages that wait for their consumers now.
            lag: How long ago by the exchange's time the newest item happened that a consumer took since, in seconds: the
                worst of the subscriptions. None when nothing came that says its time.
        """
        self._streams.sample({"alor.operation": name}, messages, dropped, gaps, pending, lag)

    def adopt(self, session: aiohttp.ClientSession) -> None:
        """Keep a session of ours to one HTTP span an attempt when aiohttp is instrumented globally.

        The global hooks would write portfolios and queries into spans, so it is they that are taken off, from this
        session only.
        """
        if any(hasattr(config, "_is_instrumented_by_opentelemetry") for config in session.trace_configs):
            from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

            AioHttpClientInstrumentor.uninstrument_session(session)


class Reconnection:
    """How getting a connection back goes, for its span.

    Attributes:
        attempts: How many connections were tried so far.
        is_back: Whether there is one again.
    """

    __slots__ = ("attempts", "is_back")

    def __init__(self) -> None:
        self.attempts = 0
        self.is_back = False


class _StreamInstruments:
    """The metrics of all streams together."""

    __slots__ = ("_dropped", "_gaps", "_inbox", "_lag", "_messages", "reconnects")

    def __init__(self, meter: Meter) -> None:
        self._messages = meter.create_counter(
            "alor.stream.messages", unit="{message}", description="Data messages that arrived."
        )
        self._dropped = meter.create_counter(
            "alor.stream.dropped", unit="{message}", description="Messages that a slow consumer never saw."
        )
        self._gaps = meter.create_counter(
            "alor.stream.gaps", unit="{gap}", description="Times for which something may be missing."
        )
        self.reconnects = meter.create_counter(
            "alor.stream.reconnects", unit="{connection}", description="Connections that were got back, by reason."
        )
        self._lag = meter.create_histogram(
            "alor.stream.lag",
            unit="s",
            description="How old items are when they are taken, by the exchange's time; sampled.",
            explicit_bucket_boundaries_advisory=_LAG_BUCKETS,
        )
        self._inbox = meter.create_gauge(
            "alor.stream.inbox", unit="{message}", description="Messages that wait for their consumers."
        )

    def sample(
        self, labels: dict[str, str], messages: int, dropped: int, gaps: int, pending: int, lag: float | None
    ) -> None:
        self._messages.add(messages, labels)
        self._dropped.add(dropped, labels)
        self._gaps.add(gaps, labels)
        self._inbox.set(pending, labels)
        if lag is not None:
            self._lag.record(max(lag, 0.0), labels)  # two clocks: what seems to come from the future is new


def _trace_config(tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> aiohttp.TraceConfig:
    from opentelemetry.instrumentation import aiohttp_client

    options: dict[str, object] = {}
    with contextlib.suppress(ImportError):
        # Without it the hooks speak the convention of 2021, whatever the environment says. The module is private.
        from opentelemetry.instrumentation._semconv import _StabilityMode

        options["sem_conv_opt_in_mode"] = _StabilityMode.HTTP
    config = aiohttp_client.create_trace_config(
        url_filter=_without_secrets,
        request_hook=_name_span,
        tracer_provider=tracer_provider,
        meter_provider=meter_provider,
        **options,  # type: ignore[arg-type]
    )
    config.on_request_start.append(_do_not_propagate)
    return config


def _without_secrets(url: yarl.URL) -> str:
    return f"{url.origin()}{_template.get()}"


def _name_span(span: Span, params: aiohttp.TraceRequestStartParams) -> None:
    template = _template.get()
    span.update_name(f"{params.method} {template}")
    span.set_attribute("url.template", template)


async def _do_not_propagate(_session: object, _context: object, params: aiohttp.TraceRequestStartParams) -> None:
    from opentelemetry import propagate

    for field in propagate.get_global_textmap().fields:
        params.headers.popall(field, None)
