"""P13 and P15: what an import costs, and what a long answer weighs."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import subprocess
import sys

from benchmarks.harness import CALM, Ratio, Result
from benchmarks.server import Server

IMPORTS = {"bare": "import aiohttp, msgspec", "ours": "import alor_async"}
TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
LONG_LIST = 65_000


def measure(server: Server) -> list[Result]:
    """Run all of it, each in a fresh interpreter."""
    return [_imports(), _long_list(server), _walk(server)]


def _imports() -> Result:
    for code in IMPORTS.values():
        _python("-c", code)
    times: dict[str, list[float]] = {"bare": [], "ours": [], "twin": []}
    for _ in range(21):
        order = ["bare", "ours", "twin"]
        random.shuffle(order)
        for name in order:
            code = TIMED.format(IMPORTS["bare" if name == "twin" else name])
            times[name].append(float(_python("-c", code)))
    ratio = Ratio.of([own / other for own, other in zip(times["ours"], times["bare"], strict=True)])
    twin = Ratio.of([own / other for own, other in zip(times["twin"], times["bare"], strict=True)])
    calm = CALM[0] <= twin.median <= CALM[1]
    verdict = "met" if ratio.median <= 1.15 else "missed"
    what = "import alor_async / import aiohttp, msgspec"
    return Result("P13", what, "<= 1.15", str(ratio), verdict if calm else "void", f"A/A {twin.median:.3f}")  # type: ignore[arg-type]


def _long_list(server: Server) -> Result:
    ours, bare = (_peak(server, mode, LONG_LIST) for mode in ("list", "bare"))
    ratio = ours / bare
    return Result(
        "P15",
        "peak memory of a list of 64 MB / of a bare read and decode of it",
        "<= 1.15",
        f"{ratio:.3f}",
        "met" if ratio <= 1.15 else "missed",
        f"{ours} MB against {bare} MB",
    )


def _walk(server: Server) -> Result:
    short, long = (_peak(server, "walk", count) for count in (20_000, 200_000))
    ratio = long / short
    return Result(
        "P15",
        "peak memory of iter_for over 200 000 instruments / over 20 000",
        "flat: <= 1.05",
        f"{ratio:.3f}",
        "met" if ratio <= 1.05 else "missed",
        f"{long} MB against {short} MB",
    )


def _peak(server: Server, mode: str, count: int) -> int:
    return int(_python("-m", "benchmarks.footprint", mode, server.base, str(count)))


def _python(*arguments: str) -> str:
    # An installed package has its bytecode beside it; a checkout must be allowed to write it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ran = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, env=environment)
    return ran.stdout.strip()


async def _child(mode: str, base: str, count: int) -> None:
    """Do one thing in this interpreter; its peak is told by the system."""
    import aiohttp
    import msgspec

    from alor_async import AsyncAlor, Environment, Instrument, StaticToken
    from alor_async.models._base import decode_hook
    from benchmarks.server import token

    plain = base.replace("http", "ws", 1)
    environment = Environment(name="bench", api=base, oauth=base, ws=f"{plain}/ws", cws=f"{plain}/cws")
    async with AsyncAlor(StaticToken(token()), environment=environment) as alor:
        if mode == "bare":
            decoder = msgspec.json.Decoder(list[Instrument], dec_hook=decode_hook)
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{base}/md/v2/Securities/MOEX?limit={count}") as response,
            ):
                assert len(decoder.decode(await response.read())) == count
        elif mode == "list":
            assert len(await alor.instruments.list_for("MOEX", limit=count)) == count
        else:
            seen = 0
            async for _ in alor.instruments.iter_for("MOEX", page_size=1_000):
                seen += 1
                if seen == count:
                    break


if __name__ == "__main__":
    asyncio.run(_child(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
