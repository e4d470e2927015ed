"""Faults of the bytes on the wire: of one request or its answer, or of whole sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Unpack

from alor_async.errors import ClosedError
from alor_async.sandbox import effects
from alor_async.sandbox.effects import Direction, WireEffect
from alor_async.sandbox.faults import BEFORE, Armed, FaultPlan, Stage, Standing
from alor_async.sandbox.inject.group import Group, Which, check_choice, check_count, check_positive, check_seconds
from alor_async.sandbox.inject.http import check_status

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.host import Host
    from alor_async.sandbox.gateway.wire import Switchboard, Wire

_SERVERS: tuple[Literal["api", "oauth"], ...] = ("api", "oauth")
_WAYS = ("in", "out", "both")


class NetFaults(Group):
    """Faults of the bytes on the wire, for the request (`in`) or its answer (`out`).

    With `socket="ws"` or `"cws"` they take hold of whole sockets instead, at any moment. What lasts (`blackhole`, `latency`,
    `bandwidth`, `slicer`) is on every socket of the kind, open or yet to be opened, until it is cleared; what is over at
    once (`reset`, `half_close`) strikes those that are open. `times` limits how many sockets it takes, new ones included.
    """

    def __init__(self, plan: FaultPlan, host: Host, switchboard: Switchboard) -> None:
        super().__init__(plan)
        self._host = host
        self._switchboard = switchboard

    def refuse(
        self, server: Literal["api", "oauth"] | None = None, *, n: int | None = None, reset_open: bool = True
    ) -> Standing | Armed:
        """Refuse connections until cleared; those that are open break, unless `reset_open` is False.

        With `n`, the next `n` connections are reset as soon as they are made, before a byte passes: the system makes a
        connection before the exchange hears of it, so what is counted cannot be refused earlier. Open ones stay.
        """
        if server is not None:
            check_choice("server", server, _SERVERS)
        if n is not None:
            check_count("n", n, 1)
            which: Which = {"times": n} if server is None else {"times": n, "server": server}
            return self._arm("net.refuse", effects.TurnAway(), which)
        servers = _SERVERS if server is None else (server,)
        self._host.refuse(servers, reset_open=reset_open)
        return self._plan.stand("net.refuse", lambda: self._host.accept(servers))

    def reset(self, after_bytes: int = 0, *, direction: Direction = "out", **which: Unpack[Which]) -> Armed:
        """Break the connection (RST) after so many bytes of the request, or of the answer."""
        check_count("after_bytes", after_bytes)
        effect = effects.Reset(after_bytes=after_bytes, direction=_way(direction))
        return self._arm_cut("net.reset", effect, which)

    def blackhole(self, direction: Direction | Literal["both"] = "out", **which: Unpack[Which]) -> Armed:
        """Pass nothing and say nothing: `in` stops reading, `out` loses the answer. Of a socket nothing is lost, only late."""
        check_choice("direction", direction, _WAYS)
        return self._arm_lasting("net.blackhole", effects.Blackhole(direction=direction), which)

    def latency(
        self, seconds: float, *, jitter: float = 0.0, direction: Direction = "out", **which: Unpack[Which]
    ) -> Armed:
        """Let every chunk wait, each from the moment when it came."""
        check_seconds("seconds", seconds)
        check_seconds("jitter", jitter)
        effect = effects.Latency(seconds=seconds, jitter=jitter, direction=_way(direction))
        return self._arm_lasting("net.latency", effect, which)

    def bandwidth(self, bytes_per_second: float, *, direction: Direction = "out", **which: Unpack[Which]) -> Armed:
        """Pass so many bytes a second."""
        check_positive("bytes_per_second", bytes_per_second)
        effect = effects.Bandwidth(bytes_per_second=bytes_per_second, direction=_way(direction))
        return self._arm_lasting("net.bandwidth", effect, which)

    def slicer(
        self, size: int = 1, *, pause: float = 0.0, direction: Direction = "out", **which: Unpack[Which]
    ) -> Armed:
        """Cut chunks into pieces."""
        check_count("size", size, 1)
        check_seconds("pause", pause)
        effect = effects.Slicer(size=size, pause=pause, direction=_way(direction))
        return self._arm_lasting("net.slicer", effect, which)

    def half_close(self, *, after_bytes: int | None = None, **which: Unpack[Which]) -> Armed:
        """Send FIN after the answer (or inside it) and go on reading; of a socket, at once or after so many bytes."""
        if after_bytes is not None:
            check_count("after_bytes", after_bytes)
        effect = effects.HalfClose(after_bytes=after_bytes)
        return self._arm_cut("net.half_close", effect, which)

    def slow_close(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Announce that the connection closes, and take so long over it."""
        check_seconds("seconds", seconds)
        return self._arm("net.slow_close", effects.SlowClose(seconds=seconds), which)

    def raw(
        self,
        payload: bytes | Callable[[], bytes],
        *,
        close: bool = True,
        stage: Stage = BEFORE,
        **which: Unpack[Which],
    ) -> Armed:
        """Answer with exactly these bytes."""
        return self._arm("net.raw", effects.RawAnswer(payload=payload, close=close), which, stage)

    def nat_drop(self) -> Standing:
        """Let every connection that is open now go silent both ways, and tell nobody; new ones are fine.

        When it is cleared, the silent ones are reset, as a router does that has forgotten them.
        """
        forgotten: list[Wire] = []

        def forget() -> None:
            forgotten.extend(self._switchboard.of())
            for wire in forgotten:
                wire.forget()

        def reset() -> None:
            for wire in forgotten:
                wire.reset()

        self._host.do(forget)
        return self._plan.stand("net.nat_drop", lambda: _unless_stopped(self._host, reset))

    def ban(self, seconds: float, *, status: int = 429) -> Armed:
        """Block the user for so many seconds of exchange time: open sockets close, everything else gets this status."""
        check_positive("seconds", seconds)
        check_status(status)
        which: Which = {"server": "api", "times": None, "until": seconds}
        banned = self._arm("net.ban", effects.Answer(status=status), which)
        goodbye = effects.Close(code=1008, reason="Blocked")
        for kind in ("ws", "cws"):
            self._arm("net.ban", goodbye, {"socket": kind, "times": None}).clear()
        return banned

    # -- inside

    def _arm_lasting(self, name: str, effect: WireEffect, which: Which) -> Armed:
        if "socket" in which:
            which.setdefault("times", None)
        return self._arm(name, effect, which)

    def _arm_cut(self, name: str, effect: effects.Reset | effects.HalfClose, which: Which) -> Armed:
        """Of sockets, strike those that are open and be done with it, unless more is said."""
        if "socket" not in which or "times" in which or effect.after_bytes:
            return self._arm(name, effect, which)
        which["times"] = None
        armed = self._arm(name, effect, which)
        armed.clear()
        return armed


def _way(direction: Any) -> Direction:
    check_choice("direction", direction, ("in", "out"))
    return direction  # type: ignore[no-any-return]


def _unless_stopped(host: Host, act: Callable[[], None]) -> None:
    with contextlib.suppress(ClosedError):  # nothing is open any more
        host.do(act)
