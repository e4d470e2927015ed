"""No secret shows: not in logs, errors, tracebacks with their variables, spans, reprs or addresses (O6)."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from alor_async import AsyncAlor, RetryPolicy, Side
from alor_async.errors import AlorError
from alor_async.sandbox import Sandbox
from tests.support.world import STOCKS, new_sandbox

ONCE = RetryPolicy(attempts=1)
Break = Callable[[Sandbox], object]
FAILURES: dict[str, Break] = {
    "unauthorized": lambda sandbox: sandbox.faults.auth.reject(None, times=None),
    "forbidden": lambda sandbox: sandbox.faults.http.status(403, times=None, server="api"),
    "server error": lambda sandbox: sandbox.faults.http.status(500, times=None, server="api"),
    "page": lambda sandbox: sandbox.faults.http.body(b"<html>", content_type="text/html", times=None, server="api"),
    "redirect": lambda sandbox: sandbox.faults.http.redirect("http://127.0.0.1:9/x", times=None, server="api"),
    "lost": lambda sandbox: sandbox.faults.ack.drop(times=None, server="api"),
    "reset": lambda sandbox: sandbox.faults.net.reset(40, direction="in", times=None, server="api"),
    "late": lambda sandbox: sandbox.faults.http.delay(20, times=None, server="api"),
    "no token": lambda sandbox: (sandbox.faults.auth.expire_now(), sandbox.faults.auth.status(500, times=None)),
    "refused": lambda sandbox: (sandbox.faults.auth.expire_now(), sandbox.faults.auth.revoke_refresh()),
}


class Witness:
    """Everything that was said while something failed, and the words that must not be in it."""

    def __init__(self, sandbox: Sandbox, alor: AsyncAlor, spans: InMemorySpanExporter) -> None:
        self.sandbox = sandbox
        self.alor = alor
        self._spans = spans
        self._secrets: list[str] = [sandbox.refresh_token]

    async def learn_access_token(self) -> None:
        assert self.alor._auth is not None
        self._secrets.append(await self.alor._auth.get_token())

    def assert_silent(self, text: str, *, portfolio: bool = True) -> None:
        for secret in self._secrets:
            assert secret not in text
            assert secret.rpartition(".")[2] not in text
        if portfolio:
            assert STOCKS not in text

    def assert_error_is_silent(self, error: AlorError) -> None:
        seen: BaseException | None = error
        while seen is not None:
            self.assert_silent(str(seen))
            self.assert_silent(f"{seen!r} {seen.args} {getattr(seen, '__notes__', ())}")
            self.assert_silent(repr(pickle.loads(pickle.dumps(seen)).__dict__) if seen is error else "")
            seen = seen.__cause__ or seen.__context__
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        # The caller's own variables show, and the portfolio is one of them; tokens never are.
        self.assert_silent("".join(whole.format()), portfolio=False)

    def assert_spans_are_silent(self) -> None:
        finished = self._spans.get_finished_spans()
        assert finished
        for span in finished:
            self.assert_silent(span.to_json())

    def assert_addresses_are_silent(self) -> None:
        for request in self.sandbox.requests:
            self.assert_silent(f"{request.path} {request.query}", portfolio=False)


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    async with (
        new_sandbox() as sandbox,
        AsyncAlor(sandbox.refresh_token, environment=sandbox.environment, tracer_provider=provider) as alor,
    ):
        seen = Witness(sandbox, alor, spans)
        await seen.learn_access_token()
        yield seen
        sandbox.faults.clear()
    provider.shutdown()


CALLS: dict[str, Callable[[AsyncAlor], Awaitable[object]]] = {
    "read": lambda alor: alor.account.get_summary(STOCKS, retries=ONCE, timeout=0.5),
    "order": lambda alor: alor.orders.place_limit(
        STOCKS, "MOEX:SBER", Side.BUY, lots=1, price=Decimal("280.00"), retries=ONCE, timeout=0.5
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_f191_a_failure_shows_no_secret(
    witness: Witness, failure: str, call: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    FAILURES[failure](witness.sandbox)
    with pytest.raises(AlorError) as caught:
        await CALLS[call](witness.alor)
    witness.assert_error_is_silent(caught.value)
    own = [record for record in caplog.records if record.name.startswith("alor_async") and "sandbox" not in record.name]
    witness.assert_silent("\n".join(f"{record.getMessage()} {record.__dict__}" for record in own))
    witness.assert_silent(caplog.text, portfolio=False)
    printed = capsys.readouterr()
    witness.assert_silent(printed.out + printed.err)
    witness.assert_spans_are_silent()
    witness.assert_addresses_are_silent()


async def test_f191_f204_success_and_objects_show_no_secret(witness: Witness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    alor = witness.alor
    await asyncio.gather(*(call(alor) for call in CALLS.values()))
    witness.assert_silent(caplog.text, portfolio=False)
    witness.assert_silent(f"{alor!r} {alor._auth!r} {alor.__dict__!r} {vars(alor._session)!r} {vars(alor._auth)!r}")
    witness.assert_spans_are_silent()
    witness.assert_addresses_are_silent()
    for thing in (alor, alor._auth):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
