"""Access tokens from a refresh token: one request for all who wait, and none that a caller could break off."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import random as _random
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp
import msgspec
from aiohttp import hdrs
from multidict import CIMultiDict

from alor_async._http.transport import Answer, SecretBytes, Transport
from alor_async._policy.backoff import full_jitter, parse_retry_after, parse_server_time
from alor_async._policy.clock import Clock, Progress
from alor_async._telemetry import AUTH_LOGGER, Telemetry
from alor_async._tokens import AccessToken, check_refresh_token
from alor_async.auth.lease import Lease
from alor_async.config import Environment
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConfigError,
    TokenRefused,
    TokenUnavailable,
    TransportError,
)
from alor_async.values import Portfolio, PortfolioLike

__all__ = ["RefreshToken"]

_PATH: Final = "/refresh"
_ATTEMPTS: Final = 3
_ATTEMPT_TIME: Final = 15.0
_BASE_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0
_SHORTEST_INTERVAL: Final = 0.2
_LONGEST_ORDERED_PAUSE: Final = 60.0
_MAX_BODY: Final = 64 * 1024
_CLOSE_TIME: Final = 1.0
_REFUSALS: Final = frozenset({400, 401, 403})


class _Binding:
    """What a client lends to its provider while it is open."""

    __slots__ = ("clock", "environment", "random", "telemetry", "transport")

    def __init__(
        self,
        transport: Transport,
        environment: Environment,
        clock: Clock,
        telemetry: Telemetry | None,
        random: Callable[[], float],
    ) -> None:
        self.transport = transport
        self.environment = environment
        self.clock = clock
        self.telemetry = telemetry
        self.random = random


class _Answer(msgspec.Struct):
    token: str = msgspec.field(name="AccessToken")


_decoder: Final = msgspec.json.Decoder(_Answer)


class _Unhelpful(Exception):
    """The token service did not give a token this time; another attempt may."""

    def __init__(self, error: AuthError, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause


class RefreshToken:
    """Obtains access tokens, and renews them ahead of their end while the old one still serves.

    However many calls need a token at the same moment, one request is made, and a call that is cancelled or runs out of
    time does not end it for the others. A refusal is remembered: the token service is not asked again.

    May be shared by several clients of one environment. It does nothing until a client opens.

    Args:
        token: The refresh token.
        initial: An access token obtained earlier, to begin with if it is still valid.
        allowed_portfolios: Portfolios that the access tokens shall be good for; None for all of the owner's.

    Raises:
        ConfigError: The refresh token is not one line of visible ASCII, or `initial` is not a JWT.
        InvalidArgument: A portfolio is not acceptable.
    """

    def __init__(
        self, token: str, *, initial: str | None = None, allowed_portfolios: Iterable[PortfolioLike] | None = None
    ) -> None:
        self._body = _body(check_refresh_token("token", token), allowed_portfolios)
        self._initial = None if initial is None else _initial_token(initial)
        self._environment: Environment | None = None
        self._bindings: list[_Binding] = []
        self._lease: Lease | None = None
        self._lock = asyncio.Lock()
        self._flight: asyncio.Task[Lease] | None = None
        self._carrier: _Binding | None = None
        self._waiters: set[asyncio.Future[str]] = set()
        self._refusal: TokenRefused | None = None
        self._failures = 0
        self._not_before = 0.0

    def __repr__(self) -> str:
        where = "not bound" if self._environment is None else self._environment.name
        return f"<RefreshToken: {where}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a refresh token is not pickled or copied")

    def bind(
        self,
        transport: Transport,
        *,
        environment: Environment,
        clock: Clock,
        telemetry: Telemetry | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Lend it what it needs to reach the token service. Called by a client that opens.

        Raises:
            ConfigError: It is, or was, bound to another environment: a refresh token is good for one.
        """
        if self._environment is not None and self._environment != environment:
            raise ConfigError(
                "auth", f"this RefreshToken belongs to {self._environment.name}, not to {environment.name}"
            )
        self._environment = environment
        self._bindings.append(_Binding(transport, environment, clock, telemetry, random))
        if self._initial is not None:
            life = self._initial.expires - clock.now()
            if life > 0:
                self._lease = Lease(self._initial, life, clock, asked_at=clock.monotonic())
            self._initial = None

    async def unbind(self, transport: Transport) -> None:
        """Take back what `bind` lent. A request that is under way over this transport ends, and so do those who wait for it.

        Where another client is bound, they are served through that one.
        """
        self._bindings = [binding for binding in self._bindings if binding.transport is not transport]
        flight = self._flight
        if flight is not None and self._carrier is not None and self._carrier.transport is transport:
            flight.cancel()
            await asyncio.wait({flight}, timeout=_CLOSE_TIME)

    def current(self) -> str | None:
        """Give the access token if it may be used now; begin its renewal in the background when that is due."""
        lease = self._lease
        if lease is None:
            return None
        left = lease.left()
        if left <= 0.0:
            return None
        if lease.is_due(left):
            self._renew_early()
        return lease.token.reveal()

    async def get_token(self) -> str:
        """Give an access token that may be used now, waiting for a new one if need be.

        Raises:
            TokenRefused: The refresh token is not accepted.
            TokenUnavailable: The token service did not give a usable token.
            ClosedError: No client is open, or it closed meanwhile.
        """
        token = self.current()
        if token is not None:
            return token
        async with self._lock:
            self._check_can_fly()
            self._take_off()
            waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
        try:
            return await waiter
        finally:
            self._waiters.discard(waiter)

    def invalidate(self, token: str) -> None:
        """Forget an access token that the broker refused; does nothing if there is a newer one already."""
        lease = self._lease
        if lease is not None and lease.token.reveal() == token:
            self._lease = None

    # One request for all: a task that belongs to this object, on which callers wait without holding it.

    def _check_can_fly(self) -> None:
        if self._refusal is not None:
            raise _again(self._refusal)
        if not self._bindings:
            raise ClosedError("no client is open with this refresh token: use `async with` or open()")

    def _renew_early(self) -> None:
        if self._flight is not None or self._refusal is not None or not self._bindings:
            return
        if self._bindings[-1].clock.monotonic() >= self._not_before:
            self._take_off()

    def _take_off(self) -> None:
        if self._flight is not None:
            return
        self._carrier = self._bindings[-1]
        # A context of its own: the span of whoever came first is not the parent of everybody's refresh.
        self._flight = asyncio.get_running_loop().create_task(
            self._fly(self._carrier), name="alor-token-refresh", context=contextvars.Context()
        )
        # Settled by a callback: a task that is cancelled before its first step never runs its own `finally`.
        self._flight.add_done_callback(self._land)

    def _land(self, flight: asyncio.Task[Lease]) -> None:
        waiters, self._waiters, self._flight, self._carrier = self._waiters, set(), None, None
        if flight.cancelled():
            if self._bindings and any(not waiter.done() for waiter in waiters):
                self._waiters = waiters
                self._take_off()
                return
            error: BaseException | None = ClosedError("the client was closed")
        else:
            error = flight.exception()
        if error is None:
            self._lease = flight.result()
        text = "" if error is not None or self._lease is None else self._lease.token.reveal()
        for waiter in waiters:
            if not waiter.done():
                if error is None:
                    waiter.set_result(text)
                else:
                    waiter.set_exception(_again(error))

    async def _fly(self, binding: _Binding) -> Lease:
        scope: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if binding.telemetry is not None:
            scope = binding.telemetry.call("auth.refresh", _PATH)
        with scope:
            return await self._ask_until_answered(binding)

    async def _ask_until_answered(self, binding: _Binding) -> Lease:
        early = self._not_before - binding.clock.monotonic()
        if early > 0.0:
            await binding.clock.sleep(early)
        # Once it is known to be in trouble, one attempt at a time: those who wait learn the reason sooner.
        attempts_left = _ATTEMPTS if self._failures == 0 else 1
        while True:
            try:
                return await self._ask(binding)
            except _Unhelpful as failure:
                error, ordered = failure.error, failure.pause
            self._failures += 1
            # Never less than half the bound: behind this one request stand all callers of the program.
            pause = full_jitter(
                self._failures, base=_BASE_PAUSE, cap=_LONGEST_PAUSE, random=lambda: 0.5 + 0.5 * binding.random()
            )
            if ordered is not None:
                pause = min(ordered, _LONGEST_ORDERED_PAUSE)
            attempts_left -= 1
            if not attempts_left or not error.retryable:
                self._not_before = binding.clock.monotonic() + pause
                AUTH_LOGGER.warning("no new access token: %s", error)
                raise error
            AUTH_LOGGER.debug("no new access token: %s; next attempt in %.3f s", error, pause)
            await binding.clock.sleep(pause)

    async def _ask(self, binding: _Binding) -> Lease:
        asked_at = binding.clock.monotonic()
        try:
            answer = await self._exchange(binding)
        except TransportError as error:
            _count(binding, "unavailable")
            problem = TokenUnavailable(f"the token service did not answer: {error.problem}")
            problem.__cause__ = error
            raise _Unhelpful(problem) from None
        if answer.status in _REFUSALS and not _is_page(answer):
            _count(binding, "refused")
            self._refusal = TokenRefused(
                f"the refresh token is not accepted by {binding.environment.name} (status {answer.status}): "
                "it is wrong, revoked, expired, or of another environment",
                status=answer.status,
            )
            AUTH_LOGGER.warning("the refresh token was refused with status %d", answer.status)
            raise _again(self._refusal)
        if answer.status != 200:
            _count(binding, "unavailable")
            pause = parse_retry_after(answer.headers.get("Retry-After"), now=binding.clock.now())
            raise _Unhelpful(
                TokenUnavailable(f"the token service answered {answer.status}", status=answer.status), pause
            )
        lease = self._read(binding, answer, asked_at)
        _count(binding, "success")
        # A token that the broker refuses as soon as it is new must not turn every call into a request for another.
        self._failures, self._not_before = 0, binding.clock.monotonic() + _SHORTEST_INTERVAL
        AUTH_LOGGER.debug("a new access token, good for %.0f s", lease.life)
        return lease

    async def _exchange(self, binding: _Binding) -> Answer:
        return await binding.transport.send(
            "POST",
            binding.environment.oauth.rstrip("/") + _PATH,
            headers=CIMultiDict({hdrs.CONTENT_TYPE: "application/json"}),
            body=self._body,
            timeout=aiohttp.ClientTimeout(total=_ATTEMPT_TIME, connect=5.0, sock_connect=5.0),
            max_body=_MAX_BODY,
            progress=Progress(),
        )

    def _read(self, binding: _Binding, answer: Answer, asked_at: float) -> Lease:
        """Read the token. Whatever is wrong with it, it is not kept, and the text of the answer is not quoted."""
        try:
            token = AccessToken(_decoder.decode(answer.body).token)
        except AuthError as refusal:
            problem = str(refusal)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            problem = "the answer holds no access token"
        else:
            served_at = parse_server_time(answer.headers.get(hdrs.DATE))
            life = token.expires - (binding.clock.now() if served_at is None else served_at)
            if life > 0.0:
                latency = binding.clock.monotonic() - asked_at
                return Lease(token, life, binding.clock, asked_at=asked_at, latency=latency)
            problem = "the access token was renewed, but the new one has already expired"
        _count(binding, "unavailable")
        error = TokenUnavailable(f"the token service gave nothing usable: {problem}", status=answer.status)
        error.retryable = False
        raise _Unhelpful(error)


def _body(token: str, allowed_portfolios: Iterable[PortfolioLike] | None) -> SecretBytes:
    """Write the request's body: the one place where the refresh token travels, and the one form in which it is kept."""
    body: dict[str, object] = {"token": token}
    if allowed_portfolios is not None:
        body["allowedPortfolios"] = [Portfolio.of(portfolio).id for portfolio in allowed_portfolios]
    return SecretBytes(msgspec.json.encode(body))


def _initial_token(text: str) -> AccessToken:
    try:
        return AccessToken(text)
    except AuthError as error:
        raise ConfigError("initial", str(error)) from None


def _is_page(answer: Answer) -> bool:
    """Whether a page for people came back: from a proxy or a firewall on the way, not from the token service."""
    return "html" in answer.headers.get("Content-Type", "").lower() or answer.body.lstrip()[:1] == b"<"


def _count(binding: _Binding, outcome: str) -> None:
    if binding.telemetry is not None:
        binding.telemetry.count_refresh(outcome)


def _again(error: BaseException) -> BaseException:
    """Give every waiter an exception of its own: one that is shared collects the tracebacks of all."""
    if not isinstance(error, AlorError):
        wrapped = TokenUnavailable(f"renewing the access token failed with {type(error).__name__}")
        wrapped.__cause__ = error
        return wrapped
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
