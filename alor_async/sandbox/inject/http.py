"""Faults of requests: what an answer says, whether it comes, and what becomes of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

from alor_async.errors import ConfigError
from alor_async.sandbox import effects
from alor_async.sandbox.faults import AFTER, BEFORE, EITHER, Armed, FaultPlan, Stage
from alor_async.sandbox.inject.group import (
    Group,
    Which,
    as_bytes,
    check_choice,
    check_count,
    check_positive,
    check_seconds,
)

if TYPE_CHECKING:
    from alor_async.sandbox.gateway.oauth import Tokens

_ENDS = ("reset", "close", "hang")


def check_status(status: Any) -> None:
    """Refuse what is no HTTP status."""
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999:
        raise ConfigError("status", f"must be an HTTP status, got {status!r:.40}")


class HttpFaults(Group):
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
        check_status(status)
        answer = effects.Answer(status=status, body=as_bytes(body), headers=dict(headers or {}))
        return self._arm("http.status", answer, which, stage)

    def redirect(self, location: str, *, status: int = 307, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Send the client elsewhere."""
        check_status(status)
        return self._arm("http.redirect", effects.Answer(status=status, headers={"Location": location}), which, stage)

    def header(self, name: str, value: str, *, count: int = 1, **which: Unpack[Which]) -> Armed:
        """Add a header to the honest answer, `count` times."""
        check_count("count", count, 1)
        return self._arm("http.header", effects.ExtraHeaders(headers=((name, value),) * count), which, AFTER)

    def body(
        self,
        body: bytes | str | Callable[[bytes], bytes],
        *,
        content_type: str | None = None,
        **which: Unpack[Which],
    ) -> Armed:
        """Put another body under the honest status. A function is given the honest body."""
        new = body if callable(body) else as_bytes(body)
        return self._arm("http.body", effects.ChangedBody(body=new, content_type=content_type), which, AFTER)

    def drip(self, *, pause: float = 0.2, size: int = 1, **which: Unpack[Which]) -> Armed:
        """Send the body `size` bytes at a time with `pause` seconds between."""
        check_positive("size", size)
        return self._arm("http.drip", effects.Drip(size=size, pause=pause), which, AFTER)

    def truncate(self, after_bytes: int, *, declared: bool = True, **which: Unpack[Which]) -> Armed:
        """Cut the body short and close; without `declared` no Content-Length gives the cut away."""
        check_count("after_bytes", after_bytes)
        return self._arm("http.truncate", effects.Truncate(after_bytes=after_bytes, declared=declared), which, AFTER)

    def delay(self, seconds: float, *, stage: Stage = BEFORE, **which: Unpack[Which]) -> Armed:
        """Wait before acting, or before answering."""
        check_seconds("seconds", seconds)
        return self._arm("http.delay", effects.Delay(seconds=seconds), which, stage)


class AckFaults(Group):
    """The exchange acts, and its answer (of REST, or the reply on a socket) is lost or late."""

    def drop(self, *, how: Literal["reset", "close", "hang"] = "reset", **which: Unpack[Which]) -> Armed:
        """Lose the answer: break the connection, close it politely, or say nothing for ever."""
        check_choice("how", how, _ENDS)
        return self._arm("ack.drop", effects.Drop(how=how), which, AFTER, EITHER)

    def delay(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Answer late."""
        check_seconds("seconds", seconds)
        return self._arm("ack.delay", effects.Delay(seconds=seconds), which, AFTER, EITHER)


class ReqFaults(Group):
    """The request, or the message on a socket, is lost before the exchange acts."""

    def drop(self, *, how: Literal["reset", "close", "hang"] = "reset", **which: Unpack[Which]) -> Armed:
        """Lose the request."""
        check_choice("how", how, _ENDS)
        return self._arm("req.drop", effects.Drop(how=how), which, BEFORE, EITHER)

    def delay(self, seconds: float, **which: Unpack[Which]) -> Armed:
        """Let the exchange act late, whether or not the client is still there."""
        check_seconds("seconds", seconds)
        return self._arm("req.delay", effects.Delay(seconds=seconds), which, BEFORE, EITHER)


class AuthFaults(Group):
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
        """Answer the next calls and messages that carry a token with 401, though it is good; `times` is `count`."""
        which["times"] = count
        return self._arm("auth.reject", effects.RejectToken(), which, scopes=EITHER)

    def slow(self, seconds: float, *, times: int | None = 1) -> Armed:
        """Let `/refresh` take so long."""
        check_seconds("seconds", seconds)
        return self._arm("auth.slow", effects.Delay(seconds=seconds), {"operation": "auth.refresh", "times": times})

    def status(
        self, status: int, *, body: bytes | str = b"", headers: Mapping[str, str] | None = None, times: int | None = 1
    ) -> Armed:
        """Let `/refresh` answer with this status."""
        check_status(status)
        answer = effects.Answer(status=status, body=as_bytes(body), headers=dict(headers or {}))
        return self._arm("auth.status", answer, {"operation": "auth.refresh", "times": times})

    def answer(self, body: bytes | str, *, times: int | None = 1) -> Armed:
        """Let `/refresh` answer 200 with this body instead of a token."""
        changed = effects.ChangedBody(body=as_bytes(body))
        return self._arm("auth.answer", changed, {"operation": "auth.refresh", "times": times}, AFTER)
