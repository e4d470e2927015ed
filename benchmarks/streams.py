"""P10 and P11: what a message costs from the socket to `async for`; then what many cost others, and what stays behind.

Ratios are of CPU time of this process: the blaster, which is the other end, is shown to send several times as fast as any
side reads. Every side gets as many messages as it asked for, and counts them.
"""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal
from typing import Literal

import aiohttp
import msgspec
import websockets

from alor_async import Format
from alor_async._http.decode import Frame
from alor_async.models._base import decode_hook
from benchmarks import crowds, endurance
from benchmarks.blaster import Blaster, blasting, request
from benchmarks.harness import Ratio, Result, Side, Work, compare, judge
from benchmarks.sockets import BOOK, QUOTE, Kind, check, client, ours


def measure() -> list[Result]:
    """Run all of it against one blaster."""
    results: list[Result] = []
    with blasting() as blaster:
        for kind in (BOOK, QUOTE):
            results += asyncio.run(_delivery(blaster, kind))
        results += asyncio.run(crowds.measure(blaster))
        results += [endurance.measure_memory(blaster)]
        results += asyncio.run(endurance.measure_lag(blaster))
    return results


def _bare(blaster: Blaster, name: str, socket: aiohttp.ClientWebSocketResponse[Literal[False]], kind: Kind) -> Work:
    private = kind.spec.data[Format.SLIM].kind
    decode = msgspec.json.Decoder(Frame[private], dec_hook=decode_hook).decode  # type: ignore[valid-type]

    async def run(units: int) -> None:
        blaster.blast(name, units)
        for _ in range(units):
            message = await socket.receive()
            decode(message.data).data  # noqa: B018

    return run


def _websockets(blaster: Blaster, name: str, socket: websockets.ClientConnection) -> Work:
    async def run(units: int) -> None:
        blaster.blast(name, units)
        for _ in range(units):
            json.loads(await socket.recv(), parse_float=Decimal)

    return run


async def _delivery(blaster: Blaster, kind: Kind) -> list[Result]:
    opcode = kind.spec.opcode
    rate = blaster.unhindered(opcode)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(blaster.address, decode_text=False) as raw,
        websockets.connect(blaster.address, compression=None) as other,
        client(blaster.port) as alor,
        kind.subscribe(alor, "OURS") as stream,
    ):
        await raw.send_str(request(opcode, "BARE", "b1").decode())
        await raw.receive()
        await other.send(request(opcode, "OTHER", "o1").decode())
        await other.recv()
        bare = Side("bare", _bare(blaster, "BARE", raw, kind))
        work = ours(blaster, "OURS", stream)
        against_bare = await compare([bare, Side("ours", work)], clock=time.process_time)
        fastest = sorted(bare.rates)[len(bare.rates) // 2]
        against_other = await compare(
            [Side("ours", work), Side("websockets", _websockets(blaster, "OTHER", other))],
            rounds=15,
            clock=time.process_time,
        )
        check(stream)
    note = f"bare {fastest:,.0f} a second, blaster {rate:,.0f}"
    ratio = against_other["websockets"]
    return [
        judge(
            "P10",
            f"{_described(kind)} into `async for` / bare aiohttp + one typed decode",
            against_bare["ours"],
            against_bare["A/A"],
            at_least=kind.at_least,
            note=note,
        ),
        judge(
            "P11",
            f"{_described(kind)} into `async for` / websockets + json.loads(parse_float=Decimal)",
            Ratio(1 / ratio.median, 1 / ratio.high, 1 / ratio.low),
            against_other["A/A"],
            at_least=2.0,
        ),
    ]


def _described(kind: Kind) -> str:
    return "20x20 book, Slim" if kind is BOOK else "quote, Slim"
