"""`make bench`: run everything and print the table. `--update-readme` writes it into README.md as well."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys
from pathlib import Path

from benchmarks import (
    commands,
    decoding,
    engine,
    fanout,
    footprint,
    gateway,
    history,
    market,
    orders,
    rest,
    stampede,
    streams,
)
from benchmarks.harness import Result
from benchmarks.server import running

README = Path(__file__).parent.parent / "README.md"
MARKED = re.compile(r"(<!-- bench:start -->\n).*?(<!-- bench:end -->)", re.DOTALL)


def main() -> None:
    """Run the parts that are asked for, all by default."""
    parts = {"decoding", "orders", "rest", "stampede", "footprint", "streams"}
    parts |= {"commands", "engine", "fanout", "gateway", "history", "market"}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"any of {', '.join(sorted(parts))}")
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    if not parts.issuperset(arguments.parts):
        parser.error(f"parts are {', '.join(sorted(parts))}")
    wanted = set(arguments.parts) or parts
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        print("note: malloc is not tuned; `make bench` does that, see docs/performance.md", file=sys.stderr)
    results: list[Result] = []
    with running() as server:
        if "decoding" in wanted:
            results += asyncio.run(decoding.measure())
        if "rest" in wanted:
            results += asyncio.run(rest.measure(server))
        if "orders" in wanted:
            results += asyncio.run(orders.measure(server))
        if "commands" in wanted:
            results += asyncio.run(commands.measure())
        if "stampede" in wanted:
            results += asyncio.run(stampede.measure(server))
        if "footprint" in wanted:
            results += footprint.measure(server)
        if "streams" in wanted:
            results += streams.measure()
        if "engine" in wanted:
            results += asyncio.run(engine.measure())
        if "fanout" in wanted:
            results += asyncio.run(fanout.measure())
        if "gateway" in wanted:
            results += asyncio.run(gateway.measure())
        if "history" in wanted:
            results += history.measure()
        if "market" in wanted:
            results += market.measure()
    table = render(results)
    print(table)
    if arguments.update_readme:
        text = README.read_text()
        README.write_text(MARKED.sub(lambda found: found.group(1) + table + "\n" + found.group(2), text))


def render(results: list[Result]) -> str:
    """Write the table in Markdown, with the machine above it."""
    lines = [
        f"{_machine()}. Ratios within one run: median [middle half].",
        "",
        "| goal | what | wanted | measured | verdict | |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {r.goal} | {r.what} | {r.wanted} | {r.measured} | {r.verdict} | {r.note} |" for r in results]
    return "\n".join(lines)


def _machine() -> str:
    import aiohttp
    import msgspec

    versions = f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, msgspec {msgspec.__version__}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; {versions}"


if __name__ == "__main__":
    main()
