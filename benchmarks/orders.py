"""What it costs to write a command down before it leaves: an order beside a bare POST, in memory and on disk."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Literal

import aiohttp
import msgspec

from alor_async import AsyncAlor, Limits, OrderLedger, Side, SqliteLedger, StaticToken
from alor_async._contract import bodies
from alor_async._contract.answers import OrderAccepted
from alor_async.models import Exchange
from benchmarks import harness
from benchmarks.harness import Result, compare, in_flight, judge
from benchmarks.rest import environment
from benchmarks.server import Server, token

PATH = "/commandapi/warptrans/TRADE/v2/client/orders/actions/limit"
CALLS = 400
AT_LEAST = 0.8
"""A cost of 1.25 of the bare call."""

BESIDES = 100e-6


async def measure(server: Server) -> list[Result]:
    """Run all comparisons of orders over REST."""
    results: list[Result] = []
    access = token()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as raw, _client(server, access) as alor:
        bare = _bare(server, raw, access)
        for width in (1, 32):
            ratios = await compare(
                [
                    harness.Side("bare", in_flight(bare, width), width),
                    harness.Side("ours", in_flight(_ours(alor), width), width),
                ]
            )
            what = f"orders.place_limit, MemoryLedger, {width} in flight / bare aiohttp POST of the same body"
            results.append(judge("orders", what, ratios["ours"], ratios["A/A"], at_least=AT_LEAST))
        results.append(_latencies("bare aiohttp POST", await _times(bare)))
        results.append(_latencies("orders.place_limit, MemoryLedger", in_memory := await _times(_ours(alor))))
    results += await _on_disk(server, access, in_memory)
    return results


async def _on_disk(server: Server, access: str, in_memory: list[float]) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        async with _client(server, access, SqliteLedger(Path(folder) / "orders.sqlite")) as alor:
            on_disk = await _times(_ours(alor))
        fsync = statistics.median(_syncs(Path(folder) / "probe"))
    added = statistics.median(on_disk) - statistics.median(in_memory)
    besides = added - fsync
    verdict: Literal["met", "missed"] = "met" if besides <= BESIDES else "missed"
    return [
        _latencies("orders.place_limit, SqliteLedger", on_disk),
        Result(
            "orders",
            "what SqliteLedger adds to an order besides one fsync of this disk, median",
            f"<= {BESIDES * 1e6:.0f} us",
            f"{besides * 1e6:.0f} us",
            verdict,
            f"adds {added * 1e6:.0f} us in all, an fsync takes {fsync * 1e6:.0f} us",
        ),
    ]


def _client(server: Server, access: str, ledger: OrderLedger | None = None) -> AsyncAlor:
    return AsyncAlor(StaticToken(access), environment=environment(server), limits=Limits(in_flight=512), ledger=ledger)


def _bare(server: Server, raw: aiohttp.ClientSession, access: str) -> Callable[[], Awaitable[object]]:
    decoder = msgspec.json.Decoder(OrderAccepted)
    url = server.base + PATH
    body = bodies.encode(
        bodies.LimitOrderBody(
            side=Side.BUY,
            instrument=bodies.InstrumentKey(symbol="SBER", exchange=Exchange.MOEX),
            user=bodies.OrderOwner(portfolio="D39004"),
            lots=1,
            price=Decimal("250.10"),
            allow_margin=False,
        )
    )

    async def post() -> object:
        headers = {
            "Authorization": f"Bearer {access}",
            "Content-Type": "application/json",
            "X-REQID": str(uuid.uuid4()),
        }
        async with raw.post(url, data=body, headers=headers) as response:
            return decoder.decode(await response.read())

    return post


def _ours(alor: AsyncAlor) -> Callable[[], Awaitable[object]]:
    price = Decimal("250.10")

    async def place() -> object:
        return await alor.orders.place_limit("D39004", "MOEX:SBER", Side.BUY, lots=1, price=price)

    return place


async def _times(call: Callable[[], Awaitable[object]]) -> list[float]:
    """Time calls one after another; seconds."""
    times: list[float] = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return times


def _syncs(path: Path) -> list[float]:
    """Time what a ledger cannot do without: a page at the end of a file, on disk."""
    times: list[float] = []
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(CALLS):
            os.write(file, b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file)
            times.append(time.perf_counter() - began)
    finally:
        os.close(file)
    return times


def _latencies(what: str, times: list[float]) -> Result:
    percent = statistics.quantiles(times, n=100)
    measured = f"p50 {percent[49] * 1e6:.0f} us, p99 {percent[98] * 1e6:.0f} us"
    return Result("orders", f"{what}, one after another", "shown", measured, "met")
