"""The one-line spellings of faults: `sandbox.faults.http.status(503, route="GET /md/v2/time", times=2)`.

Each call arms one fault and gives its handle: clear it, ask how often it has fired, or use it as a `with` block. Methods
take the fields of `Selector` as keywords (`route`, `operation`, `socket`, `opcode`, `guid`, `portfolio`, `nth`, `times`,
`probability`, `after`, ...); a fault fires once unless `times` says otherwise or the method says that it lasts, and
`times=None` is until it is cleared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alor_async.sandbox.faults import Armed, Fault, FaultPlan, Standing
from alor_async.sandbox.inject.group import Which
from alor_async.sandbox.inject.http import AckFaults, AuthFaults, HttpFaults, ReqFaults
from alor_async.sandbox.inject.net import NetFaults
from alor_async.sandbox.inject.process import ProcFaults
from alor_async.sandbox.inject.sockets import CwsFaults, SocketFaults, WsFaults
from alor_async.sandbox.inject.world import ClockFaults, DedupeFaults, ExchangeFaults

if TYPE_CHECKING:
    from alor_async.sandbox.clock import Clock
    from alor_async.sandbox.gateway.dedupe import Dedupe
    from alor_async.sandbox.gateway.host import Host
    from alor_async.sandbox.gateway.oauth import Tokens
    from alor_async.sandbox.gateway.shown_time import ShownTime
    from alor_async.sandbox.gateway.wire import Switchboard

__all__ = [
    "AckFaults",
    "AuthFaults",
    "ClockFaults",
    "CwsFaults",
    "DedupeFaults",
    "ExchangeFaults",
    "Faults",
    "HttpFaults",
    "NetFaults",
    "ProcFaults",
    "ReqFaults",
    "SocketFaults",
    "Which",
    "WsFaults",
]


class Faults:
    """Everything that can go wrong, by family. Safe from any thread but the gateway's own."""

    def __init__(
        self,
        plan: FaultPlan,
        tokens: Tokens,
        host: Host,
        switchboard: Switchboard,
        dedupe: Dedupe,
        shown: ShownTime,
        clock: Clock,
    ) -> None:
        self._plan = plan
        self.http = HttpFaults(plan)
        self.ack = AckFaults(plan)
        self.req = ReqFaults(plan)
        self.auth = AuthFaults(plan, tokens)
        self.net = NetFaults(plan, host, switchboard)
        self.ws = WsFaults(plan)
        self.cws = CwsFaults(plan)
        self.dedupe = DedupeFaults(plan, dedupe)
        self.clock = ClockFaults(plan, shown, clock)
        self.exchange = ExchangeFaults(plan)
        self.proc = ProcFaults(plan)

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault that was made as a value."""
        return self._plan.arm(fault)

    def stand(self, name: str, undo: Callable[[], None]) -> Standing:
        """Put on record what was made wrong by other means, so that `clear` undoes it too."""
        return self._plan.stand(name, undo)

    @property
    def armed(self) -> tuple[Armed, ...]:
        """What is armed now, in the order in which it fires."""
        return self._plan.armed

    def clear(self) -> None:
        """Disarm every fault, and undo what stands: refused connections, a wrong clock, another answer to repeated ids."""
        self._plan.clear()
