"""The one-line spellings of faults: `sandbox.faults.http.status(503, route="GET /md/v2/time", times=2)`.

Each call arms one fault and gives its handle: clear it, ask how often it has fired, or use it as a `with` block. Every
method takes the fields of `Selector` as keywords (`route`, `operation`, `method`, `server`, `portfolio`, `symbol`, `nth`,
`times`, `probability`); a fault fires once unless `times` says otherwise, and `times=None` is until it is cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Self, TypedDict, Unpack

from alor_async.errors import ConfigError
from alor_async.sandbox import faults
from alor_async.sandbox.faults import AFTER, BEFORE, Armed, Direction, Effect, Fault, FaultPlan, Selector, Stage

if TYPE_CHECKING:
    from types import TracebackType

    from alor_async.sandbox.gateway.dedupe import Dedupe, DedupeMode
    from alor_async.sandbox.gateway.host import Host
    from alor_async.sandbox.gateway.oauth import Tokens


class Which(TypedDict, total=False):
    """The fields of `Selector`, as keywords."""

    route: str
    operation: str
    method: str
    server: str
    portfolio: str
    symbol: str
    nth: int
    times: int | None
    probability: float


class _Group:
    """Faults of one family."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan

    def _arm(self, name: str, effect: Effect, which: Which, stage: Stage = BEFORE) -> Armed:
        return self._plan.arm(Fault(name=name, selector=Selector(**which), effect=effect, stage=stage))


class HttpFaults(_Group):
    """Faults in what an answer says."""

    def status(
        self,
        status: int,
        *,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        stage: Stage = BEFORE,
        **which: Unpack[Which],
    ) -> Armed:
        """Answer with this status. After execution, the exchange has acted and the client is told otherwise."""
        if not 100 <= status <= 999:
            raise ConfigError("status", f"must be an HTTP status, got {status!r}")
        answer = faults.Answer(status=status, body=_bytes(body), headers=dict(headers or {}))
        return self._arm("http.status", answer, which, stage)

    def redirect(self, location: str, *, status: int = 307, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Send the client elsewhere."""
        return self._arm("http.redirect", faults.Answer(status=status, headers={"Location": location}), which, stage)

    def header(self, name: str, value: str, *, count: int = 1, **which: Unpack[Which]) -> Armed:
        """Add a header to the honest answer, `count` times."""
        return self._arm("http.header", faults.ExtraHeaders(headers=((name, value),) * count), which, AFTER)

    def body(
        self,
        body: bytes | str | Callable[[bytes], bytes],
        *,
        content_type: str | None = None,
        **which: Unpack[Which],
    ) -> Armed:
        """Put another body under the honest status. A function is given the honest body."""
        new = body if callable(body) else _bytes(body)
        return self._arm("http.body", faults.ChangedBody(body=new, content_type=content_type), which, AFTER)

    def drip(self, *, pause: float = 0.2, size: int = 1, **which: Unpack[Which]) -> Armed:
        """Send the body `size` bytes at a time with `pause` seconds between."""
        _positive("size", size)
        return self._arm("http.drip", faults.Drip(size=size, pause=pause), which, AFTER)

    def truncate(self, after_bytes: int, *, declared: bool = True, **which: Unpack[Which]) -> Armed:
        """Cut the body short and close; without `declared` no Content-Length gives the cut away."""
        return self._arm("http.truncate", faults.Truncate(after_bytes=after_bytes, declared=declared), which, AFTER)

    def delay(self, seconds: float, *, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Wait before acting, or before answering."""
        return self._arm("http.delay", faults.Delay(seconds=seconds), which, stage)


class AckFaults(_Group):
    """The exchange acts, and its answer is lost or late."""

    def drop(self, *, how: Literal["reset", "close", "hang"] = "reset", **which: Unpack[Which]) -> Armed:
        """Lose the answer: break the connection, close it politely, or say nothing for ever."""
        return self._arm("ack.drop", faults.Drop(how=how), which, AFTER)

    def delay(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Answer late."""
        return self._arm("ack.delay", faults.Delay(seconds=seconds), which, AFTER)


class ReqFaults(_Group):
    """The request is lost before the exchange acts."""

    def drop(self, *, how: Literal["reset", "close", "hang"] = "reset", **which: Unpack[Which]) -> Armed:
        """Lose the request."""
        return self._arm("req.drop", faults.Drop(how=how), which, BEFORE)

    def delay(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Let the exchange act late, whether or not the client is still there."""
        return self._arm("req.delay", faults.Delay(seconds=seconds), which, BEFORE)


class AuthFaults(_Group):
    """Faults of tokens and of the token service."""

    def __init__(self, plan: FaultPlan, tokens: Tokens) -> None:
        super().__init__(plan)
        self._tokens = tokens

    def expire_now(self) -> None:
        """Let every access token given out so far be refused with 401, whatever expiry it carries."""
        self._plan.note("auth.expire_now")
        self._tokens.expire_all()

    def revoke_refresh(self) -> None:
        """Refuse the refresh token (403) from now on, and the access tokens made from it (401)."""
        self._plan.note("auth.revoke_refresh")
        self._tokens.revoke_refresh()

    def reject(self, count: int | None = 1, **which: Unpack[Which]) -> Armed:
        """Answer the next calls that carry a token with 401, though the token is good; `times` is `count`."""
        which["times"] = count
        which.setdefault("server", "api")
        return self._arm("auth.reject", faults.RejectToken(), which)

    def slow(self, seconds: float, *, times: int | None = 1) -> Armed:
        """Let `/refresh` take so long."""
        return self._arm("auth.slow", faults.Delay(seconds=seconds), {"operation": "auth.refresh", "times": times})

    def status(
        self, status: int, *, body: bytes | str = b"", headers: Mapping[str, str] | None = None, times: int | None = 1
    ) -> Armed:
        """Let `/refresh` answer with this status."""
        answer = faults.Answer(status=status, body=_bytes(body), headers=dict(headers or {}))
        return self._arm("auth.status", answer, {"operation": "auth.refresh", "times": times})

    def answer(self, body: bytes | str, *, times: int | None = 1) -> Armed:
        """Let `/refresh` answer 200 with this body instead of a token."""
        changed = faults.ChangedBody(body=_bytes(body))
        return self._arm("auth.answer", changed, {"operation": "auth.refresh", "times": times}, AFTER)


class Refusing:
    """The exchange does not listen. Ends with `clear()` or with the `with` block."""

    def __init__(self, host: Host, servers: tuple[str, ...], *, reset_open: bool) -> None:
        self._host = host
        self._servers = servers
        host.refuse(servers, reset_open=reset_open)

    def clear(self) -> None:
        """Listen again."""
        self._host.accept(self._servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()


class NetFaults(_Group):
    """Faults of the bytes on the wire, for the request (`in`) or its answer (`out`)."""

    def __init__(self, plan: FaultPlan, host: Host) -> None:
        super().__init__(plan)
        self._host = host

    def refuse(self, server: Literal["api", "oauth"] | None = None, *, reset_open: bool = True) -> Refusing:
        """Refuse connections until cleared; those that are open break, unless `reset_open` is False."""
        self._plan.note("net.refuse")
        return Refusing(self._host, ("api", "oauth") if server is None else (server,), reset_open=reset_open)

    def reset(self, after_bytes: int = 0, *, direction: Direction = "out", **which: Unpack[Which]) -> Armed:
        """Break the connection (RST) after so many bytes of the request, or of the answer."""
        return self._arm("net.reset", faults.Reset(after_bytes=after_bytes, direction=direction), which)

    def blackhole(self, *, direction: Direction = "out", **which: Unpack[Which]) -> Armed:
        """Pass nothing and say nothing: `in` stops reading, `out` loses the answer."""
        return self._arm("net.blackhole", faults.Blackhole(direction=direction), which)

    def latency(
        self, seconds: float, *, jitter: float = 0.0, direction: Direction = "out", **which: Unpack[Which]
    ) -> Armed:
        """Let every chunk wait."""
        return self._arm("net.latency", faults.Latency(seconds=seconds, jitter=jitter, direction=direction), which)

    def bandwidth(self, bytes_per_second: float, *, direction: Direction = "out", **which: Unpack[Which]) -> Armed:
        """Pass so many bytes a second."""
        _positive("bytes_per_second", bytes_per_second)
        return self._arm(
            "net.bandwidth", faults.Bandwidth(bytes_per_second=bytes_per_second, direction=direction), which
        )

    def slicer(
        self, size: int = 1, *, pause: float = 0.0, direction: Direction = "out", **which: Unpack[Which]
    ) -> Armed:
        """Cut chunks into pieces."""
        _positive("size", size)
        return self._arm("net.slicer", faults.Slicer(size=size, pause=pause, direction=direction), which)

    def half_close(self, *, after_bytes: int | None = None, **which: Unpack[Which]) -> Armed:
        """Send FIN after the answer (or inside it) and go on reading."""
        return self._arm("net.half_close", faults.HalfClose(after_bytes=after_bytes), which)

    def slow_close(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Announce that the connection closes, and take so long over it."""
        return self._arm("net.slow_close", faults.SlowClose(seconds=seconds), which)

    def raw(
        self,
        payload: bytes | Callable[[], bytes],
        *,
        close: bool = True,
        stage: Stage = BEFORE,
        **which: Unpack[Which],
    ) -> Armed:
        """Answer with exactly these bytes."""
        return self._arm("net.raw", faults.RawAnswer(payload=payload, close=close), which, stage)


class DedupeFaults:
    """What a repeated X-REQID gets."""

    def __init__(self, dedupe: Dedupe) -> None:
        self._dedupe = dedupe

    def mode(self, mode: DedupeMode, *, ttl: float | None = None) -> None:
        """Choose the answer to a repeated id, and for how many seconds ids are remembered."""
        self._dedupe.configure(mode, ttl)


class Faults:
    """Everything that can go wrong, by family. Safe from any thread."""

    def __init__(self, plan: FaultPlan, tokens: Tokens, host: Host, dedupe: Dedupe) -> None:
        self._plan = plan
        self.http = HttpFaults(plan)
        self.ack = AckFaults(plan)
        self.req = ReqFaults(plan)
        self.auth = AuthFaults(plan, tokens)
        self.net = NetFaults(plan, host)
        self.dedupe = DedupeFaults(dedupe)

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault that was made as a value."""
        return self._plan.arm(fault)

    @property
    def armed(self) -> tuple[Armed, ...]:
        """What is armed now, in the order in which it fires."""
        return self._plan.armed

    def clear(self) -> None:
        """Disarm every fault."""
        self._plan.clear()


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _positive(argument: str, value: float) -> None:
    if value <= 0:
        raise ConfigError(argument, f"must be greater than 0, got {value!r}")
