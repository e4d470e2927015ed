"""Bad days with a name: several faults at once, and again and again, for as long as a block lasts.

    async with sandbox.scenarios.flaky_wifi():
        ...  # the bot under test

Each is made of the primitives of `sandbox.faults`. When what goes wrong comes and goes, it does so in exchange time, at
moments drawn from the sandbox's seed. At the end of the block, or after `seconds` of exchange time, all of it is undone.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self, TypeAlias

from alor_async.errors import ClosedError, ConfigError
from alor_async.sandbox.core.clock import SECOND
from alor_async.sandbox.inject.group import check_count, check_positive

if TYPE_CHECKING:
    from types import TracebackType

    from alor_async.sandbox.core.exchange import Exchange
    from alor_async.sandbox.faults import Handle
    from alor_async.sandbox.gateway.host import Host
    from alor_async.sandbox.inject import Faults
    from alor_async.sandbox.market import Markets

NAMES = (
    "flaky_wifi",
    "nat_drop",
    "broker_restart",
    "clearing",
    "overload_429",
    "token_storm",
    "slow_consumer",
    "evil_server",
)
Act: TypeAlias = Callable[[], Iterable["Handle"]]
"""Does something bad, and gives what is to be cleared afterwards."""

_HTML = b"<!doctype html><title>Just a moment</title><h1>Checking your browser</h1>"
_TWO_LENGTHS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}"
_RESERVED_BITS = b"\xf1\x02no"


class ExchangeTimer:
    """Does things in exchange time, in the gateway's own thread."""

    def __init__(
        self, exchange: Exchange, exchange_lock: threading.RLock, host: Host, now_us: Callable[[], int]
    ) -> None:
        self._exchange = exchange
        self._exchange_lock = exchange_lock
        self._host = host
        self._now_us = now_us

    @property
    def now_us(self) -> int:
        """Exchange time; microseconds."""
        return self._now_us()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something when so much exchange time has passed."""
        self.at(self.now_us + int(seconds * SECOND), act)

    def at(self, time_us: int, act: Callable[[], None]) -> None:
        """Do something at a moment of exchange time."""

        async def work() -> None:
            act()

        def hand_over() -> None:
            with contextlib.suppress(ClosedError):  # it has stopped, and nothing is due any more
                self._host.submit(work)

        with self._exchange_lock:
            self._exchange.at(time_us, hand_over)


class Scenario:
    """One of the bad days. `async with` (or `with`) begins and ends it; each is good for once.

    Attributes:
        name: Its name.
        acts: How often something bad was begun, the beginning included.
    """

    def __init__(
        self,
        name: str,
        timer: ExchangeTimer,
        chance: random.Random,
        begin: Act,
        *,
        again: Act | None = None,
        every: tuple[float, float] = (5.0, 15.0),
        seconds: float | None = None,
    ) -> None:
        if seconds is not None:
            check_positive("seconds", seconds)
        self.name = name
        self.acts = 0
        self._timer = timer
        self._chance = chance
        self._begin = begin
        self._again = again
        self._every = every
        self._seconds = seconds
        self._handles: list[Handle] = []
        self._lock = threading.RLock()
        self._is_on: bool | None = None

    @property
    def is_on(self) -> bool:
        """Whether it has begun and not ended."""
        return bool(self._is_on)

    def begin(self) -> None:
        """Let it begin.

        Raises:
            ConfigError: It has begun before.
        """
        if self._is_on is not None:
            raise ConfigError("scenario", f"{self.name} was played before; make another one")
        self._is_on = True
        self._act(self._begin)
        self._act_again(self._timer.now_us)
        if self._seconds is not None:
            self._timer.after(self._seconds, self.end)

    def end(self) -> None:
        """Undo everything; ending twice is fine."""
        with self._lock:
            self._is_on = False
            handles, self._handles = self._handles, []
        for handle in reversed(handles):
            with contextlib.suppress(ClosedError):  # with the sandbox everything has ended
                handle.clear()

    def _act(self, act: Act) -> None:
        with self._lock:
            if self._is_on:
                self.acts += 1
                self._handles += act()

    def _act_again(self, since_us: int) -> None:
        again, due_us = self._again, since_us + int(self._chance.uniform(*self._every) * SECOND)
        if again is None or not self._is_on:
            return

        def act() -> None:
            self._act(again)
            self._act_again(due_us)

        self._timer.at(due_us, act)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        return f"<Scenario {self.name} {'on' if self.is_on else 'off'} acts={self.acts}>"


class Scenarios:
    """The bad days that a bot should live through, by name. Each ends with its block, or after `seconds` of exchange time."""

    def __init__(self, seed: int, faults: Faults, market: Markets, timer: ExchangeTimer) -> None:
        self._seed = seed
        self._faults = faults
        self._market = market
        self._timer = timer

    def flaky_wifi(self, *, loss: float = 0.05, jitter: float = 0.05, seconds: float | None = None) -> Scenario:
        """Bytes come late and unevenly, some answers break off, and now and then every socket is cut."""
        faults = self._faults

        def begin() -> Iterable[Handle]:
            yield faults.net.latency(0.002, jitter=jitter, route="*", times=None)
            yield faults.net.reset(20, route="*", probability=loss, times=None)
            for kind in ("ws", "cws"):
                yield faults.net.latency(0.002, jitter=jitter, socket=kind)

        def again() -> Iterable[Handle]:
            return faults.ws.abort(), faults.cws.abort()

        return self._make("flaky_wifi", begin, again=again, seconds=seconds)

    def nat_drop(self, *, seconds: float | None = None) -> Scenario:
        """Every open connection goes silent both ways without an end, at once and again later; new ones are fine."""

        def forget() -> Iterable[Handle]:
            yield self._faults.net.nat_drop()

        return self._make("nat_drop", forget, again=forget, every=(30.0, 60.0), seconds=seconds)

    def broker_restart(self, *, down: float = 5.0, seconds: float | None = None) -> Scenario:
        """Sockets close with 1012, nobody listens for `down` seconds, and then the first answers are 503."""
        check_positive("down", down)
        faults = self._faults

        def begin() -> Iterable[Handle]:
            yield faults.ws.close(1012, "Service restart")
            yield faults.cws.close(1012, "Service restart")
            refusing = faults.net.refuse(reset_open=False)
            dropping = faults.req.drop(route="*", times=None)
            faults.dedupe.forget()
            starting = faults.http.status(503, times=3)

            def listen() -> None:
                refusing.clear()
                dropping.clear()

            self._timer.after(down, listen)
            yield from (starting, dropping, refusing)

        return self._make("broker_restart", begin, seconds=seconds)

    def clearing(self, *, seconds: float | None = None) -> Scenario:
        """Trading stops on every market: orders are refused, nothing moves, and reads go on."""

        def begin() -> Iterable[Handle]:
            self._market.pause()
            yield self._faults.stand("market.pause", self._market.resume)

        return self._make("clearing", begin, seconds=seconds)

    def overload_429(
        self, *, share: float = 0.7, retry_after: int | None = None, seconds: float | None = None
    ) -> Scenario:
        """Most requests and handshakes get 429, the token service's now and then; what is let in is slow."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

        def begin() -> Iterable[Handle]:
            http = self._faults.http
            yield http.delay(0.02, server="api", times=None)
            yield http.status(429, headers=headers, server="api", probability=share, times=None)
            yield http.status(429, headers=headers, server="oauth", probability=share / 2, times=None)

        return self._make("overload_429", begin, seconds=seconds)

    def token_storm(self, *, slow: float = 0.05, seconds: float | None = None) -> Scenario:
        """Every access token dies at once, again and again, while the token service is slow and fails now and then."""
        faults = self._faults

        def begin() -> Iterable[Handle]:
            yield faults.auth.slow(slow, times=None)
            yield faults.http.status(503, operation="auth.refresh", probability=0.3, times=None)
            faults.auth.expire_now()

        def again() -> Iterable[Handle]:
            faults.auth.expire_now()
            return ()

        return self._make("token_storm", begin, again=again, seconds=seconds)

    def slow_consumer(self, *, copies: int = 50, seconds: float | None = None) -> Scenario:
        """Every message of `/ws` comes `copies` times: who cannot keep up is cut off at 5 000 unread messages."""
        check_count("copies", copies, 2)

        def begin() -> Iterable[Handle]:
            yield self._faults.ws.flood(copies, times=None)

        return self._make("slow_consumer", begin, seconds=seconds)

    def evil_server(self, *, share: float = 0.1, seconds: float | None = None) -> Scenario:
        """Answers and messages lie: other bodies, redirects, cut and malformed bytes, doubles, strangers' guids, bad frames."""
        faults = self._faults

        def begin() -> Iterable[Handle]:
            http = faults.http
            yield faults.net.raw(_TWO_LENGTHS, probability=share / 2, times=None)
            yield http.redirect("http://127.0.0.1:9/elsewhere", probability=share / 2, times=None)
            yield http.status(429, headers={"Retry-After": "999999999"}, probability=share / 2, times=None)
            yield http.body(_HTML, content_type="text/html", probability=share, times=None)
            yield http.truncate(5, probability=share / 2, times=None)
            yield faults.ws.wrong_guid(probability=share / 2, times=None)
            yield faults.ws.corrupt(probability=share, times=None)
            yield faults.ws.dup(probability=share, times=None)
            yield faults.ws.reorder(2, probability=share)
            yield faults.cws.wrong_guid(probability=share / 2, times=None)
            yield faults.cws.corrupt(probability=share, times=None)
            yield faults.cws.dup_reply(probability=share, times=None)

        def again() -> Iterable[Handle]:
            return faults.ws.raw(_RESERVED_BITS), faults.cws.raw(_RESERVED_BITS)

        return self._make("evil_server", begin, again=again, seconds=seconds)

    def _make(
        self,
        name: str,
        begin: Act,
        *,
        again: Act | None = None,
        every: tuple[float, float] = (5.0, 15.0),
        seconds: float | None = None,
    ) -> Scenario:
        chance = random.Random(f"{self._seed}:scenario:{name}")
        return Scenario(name, self._timer, chance, begin, again=again, every=every, seconds=seconds)
