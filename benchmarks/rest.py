"""P1 to P5: what a typed call costs beside a bare one."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx
import msgspec
import requests

from alor_async import AsyncAlor, CandlePage, Environment, Format, Limits, OrderBook, StaticToken, Timeframe
from alor_async._http import session as session_module
from benchmarks.harness import Ratio, Result, Side, compare, in_flight, judge
from benchmarks.server import Server, all_cores, token

WIDTHS = (256, 32)


def environment(server: Server) -> Environment:
    """The server as an environment."""
    plain = server.base.replace("http", "ws", 1)
    return Environment(name="bench", api=server.base, oauth=server.base, ws=f"{plain}/ws", cws=f"{plain}/cws")


def _client(server: Server, access: str, **options: Any) -> AsyncAlor:
    return AsyncAlor(StaticToken(access), environment=environment(server), limits=Limits(in_flight=512), **options)


async def measure(server: Server) -> list[Result]:
    """Run all comparisons over REST."""
    results: list[Result] = []
    access = token()
    headers = {"Authorization": f"Bearer {access}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as raw, _client(server, access) as alor:
        results += await _small(server, raw, alor, headers)
        results += await _candles(server, raw, alor, headers)
        results += await _others(server, alor, headers)
    results += await _telemetry_off(server, access)
    results += await _telemetry_on(server, access, headers)
    return results


async def _timed(server: Server, sides: list[Side]) -> tuple[dict[str, Ratio], str]:
    """Compare, and tell how busy the server was meanwhile."""
    began, used = time.perf_counter(), server.ask("cpu")
    ratios = await compare(sides)
    busy = (server.ask("cpu") - used) / (time.perf_counter() - began)
    return ratios, f"server {busy:.0%} busy"


async def _small(server: Server, raw: aiohttp.ClientSession, alor: AsyncAlor, headers: dict[str, str]) -> list[Result]:
    decoder = msgspec.json.Decoder(OrderBook)
    url = f"{server.base}/md/v2/orderbooks/MOEX/SBER"

    async def bare() -> object:
        params = {"format": "Slim", "depth": "3"}
        async with raw.get(url, params=params, headers=headers) as response:
            return decoder.decode(await response.read())

    async def typed() -> object:
        return await alor.market_data.get_order_book("MOEX:SBER", depth=3, format=Format.SLIM)

    results = []
    for goal, width in zip(("P1", "P2"), WIDTHS, strict=True):
        ratios, note = await _timed(
            server, [Side("bare", in_flight(bare, width), width), Side("typed", in_flight(typed, width), width)]
        )
        what = f"typed call, 200 bytes, {width} in flight / bare aiohttp + msgspec"
        results.append(judge(goal, what, ratios["typed"], ratios["A/A"], at_least=1.0, note=note))
    return results


async def _candles(
    server: Server, raw: aiohttp.ClientSession, alor: AsyncAlor, headers: dict[str, str]
) -> list[Result]:
    decoder = msgspec.json.Decoder(CandlePage)
    url = f"{server.base}/md/v2/history"
    start, end = datetime(2026, 3, 16, tzinfo=UTC), datetime(2026, 3, 17, tzinfo=UTC)
    params = {
        "format": "Heavy",
        "symbol": "SBER",
        "exchange": "MOEX",
        "tf": "60",
        "from": str(int(start.timestamp())),
        "to": str(int(end.timestamp())),
    }

    async def bare() -> object:
        async with raw.get(url, params=params, headers=headers) as response:
            return decoder.decode(await response.read())

    async def typed() -> object:
        return await alor.market_data.get_candles("MOEX:SBER", Timeframe.MINUTE, start=start, end=end)

    results = []
    for width in reversed(WIDTHS):
        ratios, note = await _timed(
            server, [Side("bare", in_flight(bare, width), width), Side("typed", in_flight(typed, width), width)]
        )
        what = f"typed call, 100 kB of candles, {width} in flight / bare aiohttp + msgspec"
        results.append(judge("P3", what, ratios["typed"], ratios["A/A"], at_least=0.95, note=note))
    return results


async def _others(server: Server, alor: AsyncAlor, headers: dict[str, str]) -> list[Result]:
    url = f"{server.base}/md/v2/orderbooks/MOEX/SBER"
    params = {"format": "Slim", "depth": "3"}
    loop = asyncio.get_running_loop()
    with all_cores(), ThreadPoolExecutor(32) as pool:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), trust_env=False) as client:

            def get_blocking() -> object:
                return requests.get(url, params=params, headers=headers, timeout=10).json()

            async def with_requests() -> object:
                return await loop.run_in_executor(pool, get_blocking)

            async def with_httpx() -> object:
                return (await client.get(url, params=params, headers=headers)).json()

            async def typed() -> object:
                return await alor.market_data.get_order_book("MOEX:SBER", depth=3, format=Format.SLIM)

            sides = [
                Side(n, in_flight(c, 32), 32)
                for n, c in (("ours", typed), ("requests", with_requests), ("httpx", with_httpx))
            ]
            ratios = await compare(sides, rounds=15)
    results = []
    for name in ("requests", "httpx"):
        other = ratios[name]
        times = Ratio(1 / other.median, 1 / other.high, 1 / other.low)
        what = {"requests": "requests.get without a session, 32 threads", "httpx": "httpx.AsyncClient, 32 in flight"}[
            name
        ]
        results.append(judge("P4", f"typed call, 200 bytes / {what}", times, ratios["A/A"], at_least=12.0))
    return results


async def _telemetry_off(server: Server, access: str) -> list[Result]:
    async with _client(server, access) as alor, _client(server, access) as stripped:
        stripped._session.__class__ = _session_without_telemetry()

        async def with_flag() -> object:
            return await alor.market_data.get_order_book("MOEX:SBER", depth=3, format=Format.SLIM)

        async def without() -> object:
            return await stripped.market_data.get_order_book("MOEX:SBER", depth=3, format=Format.SLIM)

        ratios, _ = await _timed(
            server, [Side("without", in_flight(without, 32), 32), Side("flag", in_flight(with_flag, 32), 32)]
        )
    what = "telemetry not configured / no telemetry code at all"
    return [judge("P5", what, ratios["flag"], ratios["A/A"], at_least=0.98)]


class _Strip(ast.NodeTransformer):
    """Takes every statement about telemetry out of a function: `if ... is None` keeps its body, the opposite goes."""

    def __init__(self) -> None:
        self.found = 0

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        self.generic_visit(node)
        if "_telemetry" not in ast.dump(node.test):
            return node
        self.found += 1
        return node.body if isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Is) else None


def _session_without_telemetry() -> type:
    source = textwrap.dedent(inspect.getsource(session_module.Session))
    tree, strip = ast.parse(source), _Strip()
    tree = ast.fix_missing_locations(strip.visit(tree))
    if not strip.found:
        raise RuntimeError("the session has no telemetry to take out: this benchmark must be written anew")
    scope = dict(vars(session_module))
    exec(compile(tree, "session-without-telemetry", "exec"), scope)
    result = scope["Session"]
    assert isinstance(result, type)
    return result


async def _telemetry_on(server: Server, access: str, headers: dict[str, str]) -> list[Result]:
    from opentelemetry.instrumentation.aiohttp_client import create_trace_config
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    tracers, meters = TracerProvider(), MeterProvider(metric_readers=[InMemoryMetricReader()])
    config = create_trace_config(tracer_provider=tracers, meter_provider=meters)
    decoder = msgspec.json.Decoder(OrderBook)
    url = f"{server.base}/md/v2/orderbooks/MOEX/SBER"
    options = {"tracer_provider": tracers, "meter_provider": meters}
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[config]) as raw,
        _client(server, access, **options) as alor,
    ):

        async def bare() -> object:
            async with raw.get(url, params={"format": "Slim", "depth": "3"}, headers=headers) as response:
                return decoder.decode(await response.read())

        async def typed() -> object:
            return await alor.market_data.get_order_book("MOEX:SBER", depth=3, format=Format.SLIM)

        ratios, _ = await _timed(
            server, [Side("bare", in_flight(bare, 32), 32), Side("typed", in_flight(typed, 32), 32)]
        )
    meters.shutdown()
    tracers.shutdown()
    what = "typed call with the SDK / bare aiohttp under the official instrumentation and the same SDK"
    return [judge("P5", what, ratios["typed"], ratios["A/A"], at_least=0.80)]
