"""Spans, metrics, logger names, and keeping secrets out of all of them.

OpenTelemetry is imported only when the program uses it: its hooks halve aiohttp's throughput even with nothing behind
them. A call is one span named after the operation, around one HTTP client span an attempt. The template stands where a
path would show portfolios, queries are dropped, and nothing is propagated: trace headers and baggage are the caller's own
affair, and the broker has no use for them.
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

if TYPE_CHECKING:
    import aiohttp
    import yarl
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["AUTH_LOGGER", "HTTP_LOGGER", "Telemetry", "detect", "redact", "shorten"]

HTTP_LOGGER: Final = logging.getLogger("alor_async.http")
AUTH_LOGGER: Final = logging.getLogger("alor_async.auth")

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


_template: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("alor_async_path_template", default="/")


class Telemetry:
    """Spans and metrics of one client.

    Args:
        tracer_provider: Where spans go; None for the global one.
        meter_provider: Where metrics go; None for the global one.

    Attributes:
        trace_config: aiohttp's hooks that make the HTTP spans and the standard HTTP client metrics.
    """

    __slots__ = ("_error_status", "_refreshes", "_retries", "_tracer", "trace_config")

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        from opentelemetry import metrics, trace

        self._tracer = trace.get_tracer("alor_async", tracer_provider=tracer_provider)
        meter = metrics.get_meter("alor_async", meter_provider=meter_provider)
        self._retries = meter.create_counter(
            "alor.client.retries", unit="{attempt}", description="Attempts after the first of a call."
        )
        self._refreshes = meter.create_counter(
            "alor.client.refreshes", unit="{request}", description="Requests for a new access token, by outcome."
        )
        self._error_status = trace.StatusCode.ERROR
        self.trace_config: aiohttp.TraceConfig = _trace_config(tracer_provider, meter_provider)

    @contextlib.contextmanager
    def call(self, name: str, template: str) -> Generator[None]:
        """Put a span around a call, and the template in place of the path of the requests inside.

        Args:
            name: The operation's name.
            template: The operation's path with its parameters in braces.
        """
        token = _template.set(template)
        try:
            with self._tracer.start_as_current_span(
                name, attributes={"alor.operation": name}, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    yield
                except BaseException as error:
                    # The type alone: texts and tracebacks are for the caller.
                    span.set_attribute("error.type", type(error).__qualname__)
                    span.set_status(self._error_status, type(error).__qualname__)
                    raise
        finally:
            _template.reset(token)

    def count_retry(self, name: str, error: BaseException) -> None:
        """Count an attempt that follows a failed one."""
        self._retries.add(1, {"alor.operation": name, "error.type": type(error).__qualname__})

    def count_refresh(self, outcome: str) -> None:
        """Count a request for an access token: `success`, `refused` or `unavailable`."""
        self._refreshes.add(1, {"alor.outcome": outcome})

    def adopt(self, session: aiohttp.ClientSession) -> None:
        """Keep a session of ours to one HTTP span an attempt when aiohttp is instrumented globally.

        The global hooks would write portfolios and queries into spans, so it is they that are taken off, from this
        session only.
        """
        if any(hasattr(config, "_is_instrumented_by_opentelemetry") for config in session.trace_configs):
            from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

            AioHttpClientInstrumentor.uninstrument_session(session)


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
