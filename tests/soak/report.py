"""The figures of a soak run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alor_async.sandbox import Sandbox
    from tests.soak.bot import Bot
    from tests.soak.view import View

_MEGABYTE = 2**20


class Report:
    """What happened in a run.

    Attributes:
        hours: Of exchange and client time.
        real_seconds: How long it took.
        acts: How often something bad was begun, by scenario.
        memory: What the process held, the exchange included, minute by minute; bytes.
    """

    def __init__(self, hours: float) -> None:
        self.hours = hours
        self.real_seconds = 0.0
        self.acts: Counter[str] = Counter()
        self.memory: list[int] = []
        self.figures: dict[str, object] = {}

    def measure(self, memory: int) -> None:
        """Note how much memory the process has."""
        self.memory.append(memory)

    def note(self, sandbox: Sandbox, view: View, bot: Bot) -> None:
        """Take the figures at the end of the day."""
        ears = view.ears
        first = next(iter(ears.values()))
        self.figures = {
            "gaps": f"{len(first.gaps)} in each of {len(ears)} subscriptions",
            "sockets": sandbox.sockets.count("ws"),
            "reconnects": len(first.reconnects),
            "fills": len(view.fills),
            "orders": len(view.orders),
            "stop orders": len(view.stop_orders),
            "market trades": sum(len(ids) for ids in view.trades.values()),
            "candles closed": sum(len(closed) for closed in view.closed.values()),
            "messages": sum(ear.subscription.received for ear in ears.values()),
            "duplicates": sum(ear.subscription.duplicates for ear in ears.values()),
            "most waiting": max(dawdler.most_pending for dawdler in view.dawdlers),
            "dropped": sum(dawdler.subscription.dropped for dawdler in view.dawdlers),
            "conflated": sum(dawdler.subscription.conflated for dawdler in view.dawdlers),
            "intents": dict(Counter(bot.fates.values())),
            "errors met": dict(bot.errors),
            "requests": len(sandbox.requests),
            "tokens": sandbox.tokens.refreshes,
        }

    def __str__(self) -> str:
        lines = [f"{self.hours:g} hours in {self.real_seconds:.0f} s; bad times: {dict(self.acts)}"]
        lines += [f"  {name:<15} {value}" for name, value in self.figures.items()]
        if self.memory:
            early, last = self.memory[len(self.memory) // 4], self.memory[-1]
            lines.append(
                f"  {'memory':<15} {early / _MEGABYTE:.0f} MB after a quarter, {last / _MEGABYTE:.0f} MB at the end, "
                "the exchange and its journal included"
            )
        return "\n".join(lines)
