"""The long trials at their full length: `make soak`. Prints what happened; ends with an error when a promise is broken."""

from __future__ import annotations

import asyncio
import logging
import sys

from tests.soak.day import Plan, live
from tests.soak.endurance import churn, endure_an_outage

_HOURS = 10.0
_OUTAGE_HOURS = 8.0
_SUBSCRIPTIONS = 20_000


async def main(hours: float) -> None:
    """Live through a day, an outage and a crowd of subscriptions."""
    logging.getLogger("alor_async").setLevel(logging.ERROR)  # each gap is a warning, and there are very many
    print(await live(Plan(hours=hours)), flush=True)
    outage = await endure_an_outage(_OUTAGE_HOURS)
    print(
        f"away for {_OUTAGE_HOURS:g} hours: {outage.attempts} attempts, the first to succeed {outage.heard_after:.0f} s "
        f"after the return, all live {outage.ready_after:.1f} s later, {outage.growth / 1024:+.0f} KB",
        flush=True,
    )
    crowd = await churn(_SUBSCRIPTIONS)
    print(f"{crowd.subscriptions} subscriptions came and went: {crowd.sockets} socket, {crowd.growth / 1024:+.0f} KB")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else _HOURS))
