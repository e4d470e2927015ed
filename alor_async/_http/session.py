"""One call from a request to a value: token, place, attempt, verdict, and perhaps another attempt.

A read may be tried again. A command is not sent again once a byte of it may have left, unless the caller asked for it and
the broker can tell the two apart by the request id. What an earlier attempt may have done is never forgotten: a command
that was perhaps carried out does not end in an error that says that nothing happened.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, TypeVar

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict

from alor_async._http.request import Access, Kind, Operation, Request
from alor_async._http.transport import SecretText, Transport
from alor_async._http.verdict import judge
from alor_async._policy.clock import Clock, Deadline, Deadlines
from alor_async._policy.limits import Limiter
from alor_async._policy.retry import may_have_acted, pause_before_retry
from alor_async._telemetry import HTTP_LOGGER, Telemetry
from alor_async._tokens import TokenProvider
from alor_async.config import Environment, Limits, RetryPolicy, Timeouts
from alor_async.errors import (
    AlorError,
    AuthError,
    ClosedError,
    ConnectError,
    ConnectionLost,
    InvalidArgument,
    QueueTimeout,
    RateLimited,
    RequestError,
    RequestTimeout,
    StatusError,
    TokenUnavailable,
)

__all__ = ["Session", "wire_timeout"]

T = TypeVar("T")

_REQUEST_ID: Final = "X-REQID"
_JSON: Final = "application/json"
_RESENDABLE: Final = frozenset({"POST", "PUT"})
_MAX_TOKEN: Final = 16_384
_SENT: Final = frozenset({"send", "read", "status", "decode"})


class _Credentials:
    """A token, and the headers that carry it, made once for all requests that use it."""

    __slots__ = ("headers", "token")

    def __init__(self, token: object) -> None:
        if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN or not token.isascii():
            raise AuthError("the token provider gave something that is not a token")
        if not token.isprintable() or " " in token:
            raise AuthError("the token provider gave a token with characters that no token has")
        self.token = SecretText(token)
        self.headers: CIMultiDict[str] = CIMultiDict({hdrs.AUTHORIZATION: SecretText(f"Bearer {token}")})


class _Call(Deadline):
    """One call: its time limits, and what is remembered over its attempts."""

    __slots__ = ("attempts", "may_have_acted", "replays", "request", "retries", "timeouts")

    def __init__(self, request: Request[object], timeouts: Timeouts, retries: RetryPolicy) -> None:
        super().__init__(timeouts.total, timeouts.read)
        self.request = request
        self.timeouts = timeouts
        self.retries = retries
        self.attempts = 0
        self.replays = 0
        self.may_have_acted: RequestError | None = None


class Fate(Protocol):
    """Whoever wants to know what may have become of a request, also when the call is cancelled."""

    may_have_left: bool


class Session:
    """Sends requests on behalf of one owner of tokens.

    Args:
        transport: What carries the requests; opened and closed by its owner.
        environment: Where they go.
        auth: Where access tokens come from; None for anonymous calls.
        clock: Where time comes from.
        timeouts: What a call waits for when it names nothing else.
        retries: How often a call is tried when it names nothing else.
        limits: How much is done at once.
        random: Gives numbers in [0, 1), for the pauses.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        environment: Environment,
        auth: TokenProvider | None,
        clock: Clock,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        limits: Limits | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        limits = Limits() if limits is None else limits
        self._transport = transport
        self._api = environment.api.rstrip("/")
        self._oauth = environment.oauth.rstrip("/")
        self._auth = auth
        self._current: Callable[[], str | None] | None = getattr(auth, "current", None)
        self._clock = clock
        self._timeouts = Timeouts() if timeouts is None else timeouts
        self._retries = RetryPolicy() if retries is None else retries
        self._wire_timeout = wire_timeout(self._timeouts)
        per_second = environment.per_second if limits.per_second is None else limits.per_second
        self._limiter = Limiter(limits.in_flight, per_second, clock)
        self._deadlines = Deadlines(clock)
        self._telemetry: Telemetry | None = None
        self._random = random
        self._credentials: _Credentials | None = None
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def telemetry(self) -> Telemetry | None:
        """What puts spans around calls; None for no spans."""
        return self._telemetry

    def time_limits(self, timeout: float | Timeouts | None) -> Timeouts:
        """Give the time-outs of a call.

        Args:
            timeout: Seconds for the whole call, or time-outs in full; None for the session's.

        Raises:
            InvalidArgument: It is neither.
        """
        return self._timeouts if timeout is None else _timeouts(timeout, self._timeouts)

    def attach(self, telemetry: Telemetry | None) -> None:
        """Belong to the running loop from now on, and put a span around every call; None for no spans."""
        self._telemetry = telemetry
        self._loop = asyncio.get_running_loop()

    def check_loop(self) -> None:
        """Refuse to be used from another loop than the one that it belongs to.

        Raises:
            ClosedError: It is.
        """
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            raise ClosedError("this client was opened in another event loop: open one of its own in each loop")

    async def send(
        self,
        request: Request[T],
        timeout: float | Timeouts | None = None,
        retries: RetryPolicy | None = None,
        *,
        fate: Fate | None = None,
    ) -> T:
        """Carry out one call.

        Cancelling is safe for reads. A command that is cancelled after sending began may have been carried out.

        Args:
            request: What to do.
            timeout: Seconds for the whole call, or time-outs in full; None for the session's.
            retries: How often to try; None for the session's policy.
            fate: Told at the end, however it comes, whether a byte may have left.

        Returns:
            The decoded answer.

        Raises:
            InvalidArgument, ClosedError, AuthError: Nothing was sent.
            RequestError: What became of the call; the class tells whether the broker may have acted.
        """
        if self._is_closed:
            raise ClosedError("this client was closed")
        self.check_loop()
        call = _Call(
            request,
            self.time_limits(timeout),
            self._retries if retries is None else _policy(retries),
        )
        self._deadlines.watch(call)
        try:
            if self._telemetry is None:
                return await self._perform(call, request)
            with self._telemetry.call(request.operation.name, request.operation.path):
                return await self._perform(call, request)
        except asyncio.CancelledError:
            if not call.took_over():
                raise
        finally:
            call.leave()
            if fate is not None:
                fate.may_have_left = _was_sent(call)
        raise self._cut_short(call)

    async def close(self) -> None:
        """End all calls that are under way with `ClosedError`, or `ConnectionLost` where a command was sent. Idempotent.

        The transport stays open: it belongs to its maker.
        """
        self._is_closed = True
        self._deadlines.interrupt_all()
        self._limiter.close()
        self._credentials = None

    async def _perform(self, call: _Call, request: Request[T]) -> T:
        while True:
            call.attempts += 1
            try:
                return await self._attempt(call, request)
            except RequestError as error:
                failure = error
            except AlorError as error:
                # No token, or closed: nothing was sent by this attempt, but perhaps by an earlier one.
                if call.may_have_acted is None:
                    raise
                failure = self._describe(call, call.may_have_acted)
                failure.__cause__ = error
                raise failure from error
            pause = self._pause_after(call, failure)
            if pause is None:
                raise self._describe(call, _final(call, failure))
            HTTP_LOGGER.debug(
                "%s: attempt %d ended in %s; next in %.3f s",
                request.operation.name,
                call.attempts,
                type(failure).__name__,
                pause,
            )
            if self._telemetry is not None:
                self._telemetry.count_retry(request.operation.name, failure)
            await self._clock.sleep(pause)

    async def _attempt(self, call: _Call, request: Request[T]) -> T:
        operation = request.operation
        while True:
            credentials = self._ready_credentials(operation)
            if credentials is None and operation.access is not Access.NONE:
                credentials = await self._wait_for_token(call)
            limiter = self._limiter
            if not limiter.try_enter(operation.lane):
                call.stage = "queue"
                await limiter.enter(operation.lane, call.timeouts.queue)
                # The wait may have outlived the token.
                credentials = self._ready_credentials(operation) or credentials
            if call.may_have_acted is not None and not self._may_resend(call, self._clock.monotonic()):
                # The waits have outlived the broker's memory of the request id: what was acted on would be done again.
                limiter.leave()
                raise call.may_have_acted
            try:
                answer = await self._transport.send(
                    operation.method,
                    (self._oauth if operation.on_token_host else self._api) + request.target,
                    headers=_headers(request, credentials),
                    body=request.body,
                    timeout=self._wire_timeout if call.timeouts is self._timeouts else wire_timeout(call.timeouts),
                    max_body=operation.max_body,
                    progress=call,
                )
            except asyncio.CancelledError:
                if not call.fell_silent():
                    raise
                raise RequestTimeout(
                    f"nothing came from the server for {call.patience:g} s", stage=call.stage
                ) from None
            finally:
                # However it ended: a pause, a queue or a token is not the server's silence.
                call.silent_until = inf
                limiter.leave()
            call.stage = "decode"
            if answer.status != 401 or credentials is None or not await self._may_replay(call, credentials):
                token = None if credentials is None else credentials.token
                return judge(request, answer, token=token, now=self._clock.now)
            call.attempts += 1

    # Tokens.

    def _ready_credentials(self, operation: Operation[T]) -> _Credentials | None:
        """Give what is valid now, without waiting."""
        if self._current is None or operation.access is Access.NONE:
            return None
        try:
            token = self._current()
        except AlorError:
            raise
        except Exception as error:
            raise _provider_failed(error) from error
        return None if token is None else self._with_token(token)

    def _with_token(self, token: str) -> _Credentials:
        credentials = self._credentials
        if credentials is None or credentials.token != token:
            credentials = self._credentials = _Credentials(token)
        return credentials

    @property
    def keeps_tokens(self) -> bool:
        """Whether the provider tells without waiting which token is valid now, and renews it by itself."""
        return self._current is not None

    def ready_token(self) -> str | None:
        """Give an access token that is valid now, without waiting; None when there is none at hand.

        Raises:
            AuthError: The provider failed.
        """
        if self._current is None:
            return None
        try:
            token = self._current()
        except AlorError:
            raise
        except Exception as error:
            raise _provider_failed(error) from error
        return None if token is None else self._with_token(token).token

    def invalidate_token(self, token: str) -> None:
        """Forget an access token that the broker refused, unless there is another one already."""
        invalidate: Callable[[str], None] | None = getattr(self._auth, "invalidate", None)
        if invalidate is not None:
            invalidate(str(token))

    async def get_token(self) -> str:
        """Give a valid access token, within the session's total time.

        Raises:
            ClosedError: The session was closed.
            AuthError: The session is anonymous, or no usable token could be had.
        """
        if self._is_closed:
            raise ClosedError("this client was closed")
        if self._auth is None:
            raise AuthError("this client is anonymous: it has no token")
        limit = asyncio.timeout(self._timeouts.total)
        try:
            async with limit:
                return self._with_token(await self._auth.get_token()).token
        except AlorError:
            raise
        except Exception as error:
            if limit.expired():
                raise TokenUnavailable(f"no access token within {self._timeouts.total:g} s") from None
            raise _provider_failed(error) from error

    async def _wait_for_token(self, call: _Call) -> _Credentials | None:
        if self._auth is None:
            operation = call.request.operation
            if operation.access is Access.REQUIRED:
                raise AuthError(f"{operation.name} needs a token, and this client is anonymous")
            return None
        call.stage = "token"
        try:
            token = await self._auth.get_token()
        except AlorError:
            raise
        except Exception as error:
            raise _provider_failed(error) from error
        return self._with_token(token)

    async def _may_replay(self, call: _Call, refused: _Credentials) -> bool:
        """Get another token in place of one that was refused, once a call. False when there is no other."""
        if call.replays:
            return False
        self.invalidate_token(refused.token)
        fresh = await self._wait_for_token(call)
        call.replays = 1
        return fresh is not None and fresh.token != refused.token

    # Attempts.

    def _pause_after(self, call: _Call, error: RequestError) -> float | None:
        """Decide whether to try again, and remember what this attempt may have done."""
        request = call.request
        if request.operation.kind is Kind.COMMAND and may_have_acted(error):
            call.may_have_acted = error
        if isinstance(error, RateLimited) and error.retry_after is not None:
            self._limiter.pause(request.operation.lane, min(error.retry_after, call.retries.retry_after_cap))
        now = self._clock.monotonic()
        pause = pause_before_retry(
            error,
            attempt=call.attempts - call.replays,
            policy=call.retries,
            may_resend=self._may_resend(call, now),
            random=self._random,
        )
        if pause is None or now + pause >= call.when:
            return None
        if call.may_have_acted is not None and not self._may_resend(call, now + pause):
            return None
        return pause

    def _may_resend(self, call: _Call, now: float) -> bool:
        request = call.request
        if request.operation.kind is Kind.READ:
            return True
        return (
            call.retries.commands == "same_id"
            and request.request_id is not None
            and request.operation.method in _RESENDABLE
            and now - call.entered < call.retries.request_id_life
        )

    # Ends.

    def _cut_short(self, call: _Call) -> AlorError:
        """Tell what it means that a call was ended by its deadline, or by `close`."""
        is_command = call.request.operation.kind is Kind.COMMAND
        was_sent = _was_sent(call)
        if call.is_closed:
            if not (is_command and was_sent):
                return ClosedError("this client was closed while the call was under way")
            return self._describe(call, ConnectionLost("the client was closed before the answer came"))
        limit = f"{call.timeouts.total:g} s"
        if was_sent:
            return self._describe(call, RequestTimeout(f"no answer within {limit}", stage=call.stage))
        if call.stage == "token":
            return TokenUnavailable(f"{call.request.operation.name}: no access token within {limit}")
        if call.stage == "connect":
            return self._describe(call, ConnectError(f"not connected within {limit}", stage="connect"))
        return self._describe(call, QueueTimeout(f"no free place within {limit}", stage="queue"))

    def _describe(self, call: _Call, error: RequestError) -> RequestError:
        error.operation = call.request.operation.name
        error.request_id = call.request.request_id
        error.attempts = call.attempts
        error.elapsed = self._clock.monotonic() - call.entered
        return error


def _was_sent(call: _Call) -> bool:
    return call.stage in _SENT or call.may_have_acted is not None


def _provider_failed(error: Exception) -> TokenUnavailable:
    return TokenUnavailable(f"the token provider failed with {type(error).__name__}")


def _final(call: _Call, last: RequestError) -> RequestError:
    """Choose the error that a call ends in: an attempt that proves nothing must not hide one that may have acted."""
    earlier = call.may_have_acted
    if earlier is None or earlier is last:
        return last
    if isinstance(last, StatusError) and not isinstance(last, RateLimited):
        last.ambiguous = True
        return last
    return earlier


def _headers(request: Request[T], credentials: _Credentials | None) -> CIMultiDict[str] | None:
    if request.body is None and request.request_id is None:
        return None if credentials is None else credentials.headers
    headers: CIMultiDict[str] = CIMultiDict() if credentials is None else credentials.headers.copy()
    if request.body is not None:
        headers[hdrs.CONTENT_TYPE] = _JSON
    if request.request_id is not None:
        headers[_REQUEST_ID] = request.request_id
    return headers


def wire_timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    """Give aiohttp its part of the time-outs. The rest is watched by the call's deadline, at a fraction of the cost."""
    return aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_connect=timeouts.connect, sock_read=None)


def _timeouts(given: float | Timeouts, usual: Timeouts) -> Timeouts:
    if isinstance(given, Timeouts):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
        raise InvalidArgument("timeout", "must be seconds, greater than zero, or Timeouts")
    return Timeouts(connect=usual.connect, read=usual.read, total=float(given), queue=usual.queue)


def _policy(given: RetryPolicy) -> RetryPolicy:
    if not isinstance(given, RetryPolicy):
        raise InvalidArgument("retries", f"must be a RetryPolicy, got {type(given).__name__}")
    return given
