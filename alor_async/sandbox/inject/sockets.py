"""Faults of sockets: of the messages on them, and of the connections themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, Unpack

from alor_async.errors import ConfigError
from alor_async.sandbox import effects
from alor_async.sandbox.effects import Effect
from alor_async.sandbox.faults import AFTER, BEFORE, Armed, FaultPlan, Stage
from alor_async.sandbox.inject.group import Group, Which, as_bytes, check_count, check_seconds
from alor_async.sandbox.inject.http import check_status
from alor_async.sandbox.selectors import OF_MESSAGES, SocketKind

_LARGEST_CODE = 65_535
_LONGEST_REASON = 123
_OF_ONE_MESSAGE = (*OF_MESSAGES, "portfolio", "symbol")


class SocketFaults(Group):
    """What can go wrong on sockets of one kind.

    `close`, `abort` and `raw` strike every open socket of the kind at once. Aimed at messages (`opcode`, `guid`, `portfolio`,
    `symbol`) they wait for one: of the client with `stage="before_execution"`, which is then not acted on, or for what
    comes of it with `stage="after_execution"`. `stall` is on sockets until it is cleared.
    """

    kind: SocketKind

    def __init__(self, plan: FaultPlan, kind: SocketKind) -> None:
        super().__init__(plan)
        self.kind = kind

    # -- whole sockets

    def close(self, code: int = 1000, reason: str = "", *, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Close with any code, even one that must not be sent, and a reason."""
        check_count("code", code)
        if code > _LARGEST_CODE:
            raise ConfigError("code", f"must not be greater than {_LARGEST_CODE}, got {code}")
        if len(reason.encode()) > _LONGEST_REASON:
            raise ConfigError("reason", f"must not be longer than {_LONGEST_REASON} bytes")
        return self._strike("close", effects.Close(code=code, reason=reason), which, stage)

    def abort(self, *, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Break the connection (RST) without a closing frame."""
        return self._strike("abort", effects.Abort(), which, stage)

    def raw(self, payload: bytes, *, stage: Stage = AFTER, **which: Unpack[Which]) -> Armed:
        """Put exactly these bytes between two frames: fragments, reserved bits, anything."""
        return self._strike("raw", effects.RawFrame(payload=payload), which, stage)

    def stall(self, **which: Unpack[Which]) -> Armed:
        """Stop reading and writing, as a server does that hangs; what waits passes when it is cleared."""
        return self._arm(f"{self.kind}.stall", effects.Blackhole(direction="both"), self._lasting(which))

    def refuse(
        self,
        status: int = 503,
        *,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
        **which: Unpack[Which],
    ) -> Armed:
        """Answer the next handshakes with this status."""
        check_status(status)
        answer = effects.Answer(status=status, body=as_bytes(body), headers=dict(headers or {}))
        which["operation"] = f"{self.kind}.open"
        return self._arm(f"{self.kind}.refuse", answer, which)

    # -- replies

    def drop_ack(self, **which: Unpack[Which]) -> Armed:
        """Act, and do not reply; the connection stays as it is."""
        return self._message("drop_ack", effects.Withhold(part="reply"), which, AFTER)

    def delay_ack(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Act, and reply late; other messages overtake the reply."""
        check_seconds("seconds", seconds)
        return self._message("delay_ack", effects.Delay(seconds=seconds), which, AFTER)

    def delay(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Act late on a message."""
        check_seconds("seconds", seconds)
        return self._message("delay", effects.Delay(seconds=seconds), which, BEFORE)

    def drop(self, *, how: Literal["reset", "close", "hang"] = "hang", **which: Unpack[Which]) -> Armed:
        """Do not act on a message: lose it in silence, or with the connection."""
        return self._message("drop", effects.Drop(how=how), which, BEFORE)

    def reject(
        self,
        status: int = 400,
        message: str = "Rejected",
        *,
        closes: bool = False,
        stage: Stage = BEFORE,
        **which: Unpack[Which],
    ) -> Armed:
        """Reply with this status and text, and do not act; after execution, the exchange has acted all the same."""
        check_count("status", status)
        return self._message("reject", effects.Say(code=status, text=message, closes=closes), which, stage)

    def wrong_guid(self, other: str = "nobody-asked", **which: Unpack[Which]) -> Armed:
        """Send a message or a reply under another guid."""

        def renamed(payload: bytes) -> bytes:
            content: dict[str, Any] = json.loads(payload)
            for key in ("requestGuid", "guid"):
                if key in content:
                    content[key] = other
            return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()

        return self._message("wrong_guid", effects.Alter(change=renamed, part="any"), which, AFTER)

    def ping_unsupported(self, *, closes: bool = False) -> Armed:
        """Know no `ping` opcode, until cleared: 400, and the connection ends if asked."""
        effect = effects.Say(code=400, text="The value of 'opcode' is missing or unknown", closes=closes)
        return self._message("ping_unsupported", effect, {"opcode": "ping", "times": None}, BEFORE)

    # -- inside

    def _message(self, name: str, effect: Effect, which: Which, stage: Stage) -> Armed:
        which["socket"] = self.kind
        return self._arm(f"{self.kind}.{name}", effect, which, stage, ("message",))

    def _lasting(self, which: Which) -> Which:
        which.setdefault("times", None)
        which["socket"] = self.kind
        return which

    def _strike(self, name: str, effect: Effect, which: Which, stage: Stage) -> Armed:
        if any(key in which for key in _OF_ONE_MESSAGE):
            return self._message(name, effect, which, stage)
        lasts = any(key in which for key in ("times", "after", "until"))
        armed = self._arm(f"{self.kind}.{name}", effect, self._lasting(which), stage)
        if not lasts:
            armed.clear()
        return armed


class WsFaults(SocketFaults):
    """Faults of `/ws`: of subscriptions and their data."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__(plan, "ws")

    def mute(self, **which: Unpack[Which]) -> Armed:
        """Send no data until cleared, of a guid, an opcode, or all; pings and requests are answered."""
        return self._data("mute", effects.Withhold(), self._lasting(which))

    def dup(self, copies: int = 2, **which: Unpack[Which]) -> Armed:
        """Send data so many times."""
        check_count("copies", copies, 1)
        return self._data("dup", effects.Repeat(copies=copies), which)

    def flood(self, n: int, **which: Unpack[Which]) -> Armed:
        """Send data `n` times at once: with more than 5 000 unread messages the connection is cut, as the broker does."""
        check_count("n", n, 1)
        return self._data("flood", effects.Repeat(copies=n), which)

    def reorder(self, window: int = 2, **which: Unpack[Which]) -> Armed:
        """Keep back so many messages at a time and send them in another order, until cleared."""
        check_count("window", window, 2)
        return self._data("reorder", effects.Shuffle(window=window), self._lasting(which))

    def corrupt(self, change: bytes | Callable[[bytes], bytes] | None = None, **which: Unpack[Which]) -> Armed:
        """Send data changed by a function, or these bytes instead, or damaged at random."""
        return self._data("corrupt", effects.Alter(change=change), which)

    def reject_subscribe(
        self, status: int = 400, message: str = "Rejected", *, closes: bool = False, **which: Unpack[Which]
    ) -> Armed:
        """Refuse subscriptions with this reply."""
        which.setdefault("opcode", "*[!n]Subscribe*")  # opcodes are told in any case: `unsubscribe` is not meant
        effect = effects.Say(code=status, text=message, closes=closes)
        return self._message("reject_subscribe", effect, which, BEFORE)

    def _data(self, name: str, effect: Effect, which: Which) -> Armed:
        return self._message(name, effect, which, AFTER)


class CwsFaults(SocketFaults):
    """Faults of `/cws`: of commands and their replies."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__(plan, "cws")

    def mute(self, **which: Unpack[Which]) -> Armed:
        """Act, and never reply, until cleared."""
        return self._message("mute", effects.Withhold(part="reply"), self._lasting(which), AFTER)

    def dup_reply(self, copies: int = 2, **which: Unpack[Which]) -> Armed:
        """Send a reply so many times."""
        check_count("copies", copies, 1)
        return self._message("dup_reply", effects.Repeat(copies=copies, part="reply"), which, AFTER)

    def reorder(self, window: int = 2, **which: Unpack[Which]) -> Armed:
        """Keep back so many replies at a time and send them in another order, until cleared."""
        check_count("window", window, 2)
        return self._message("reorder", effects.Shuffle(window=window, part="reply"), self._lasting(which), AFTER)

    def corrupt(self, change: bytes | Callable[[bytes], bytes] | None = None, **which: Unpack[Which]) -> Armed:
        """Send a reply changed by a function, or these bytes instead, or damaged at random."""
        return self._message("corrupt", effects.Alter(change=change, part="reply"), which, AFTER)
