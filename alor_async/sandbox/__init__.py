"""An embedded exchange and broker that speaks ALOR's wire protocol over loopback sockets: no account, no network.

    async with Sandbox(seed=42) as sandbox, AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor:
        quote = await alor.market_data.get_quote("MOEX:SBER")
        assert sandbox.requests.count("market_data.get_quotes") == 1

It shares no model and no transport with the client, so a mistake of one is not hidden by the same mistake of the other.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time as machine
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from alor_async.config import SANDBOX_NAME, Environment
from alor_async.errors import ClosedError, ConfigError, InvalidArgument
from alor_async.sandbox.clock import Clock, Fast, Time, fast, make_source
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import to_datetime
from alor_async.sandbox.core.entities import InstrumentSpec
from alor_async.sandbox.core.exchange import Exchange, UnknownPortfolio
from alor_async.sandbox.core.portfolios import PortfolioSpec
from alor_async.sandbox.core.presets import MarketChoice, MarketPreset
from alor_async.sandbox.core.schedule import Schedule, ScheduleChoice
from alor_async.sandbox.faults import Fault, FaultPlan, Stage
from alor_async.sandbox.gateway.app import Gateway
from alor_async.sandbox.gateway.dedupe import Dedupe, DedupeMode
from alor_async.sandbox.gateway.driver import MOST_AT_ONCE, Driver
from alor_async.sandbox.gateway.host import Host
from alor_async.sandbox.gateway.limits import Pace
from alor_async.sandbox.gateway.listener import LOOPBACK
from alor_async.sandbox.gateway.oauth import Tokens
from alor_async.sandbox.gateway.received import Received, RequestLog
from alor_async.sandbox.gateway.rest import ROUTES
from alor_async.sandbox.gateway.routing import Router
from alor_async.sandbox.gateway.shown_time import ShownTime
from alor_async.sandbox.gateway.sockets.commands import Commands, Repeats
from alor_async.sandbox.gateway.sockets.connection import SubscriptionView
from alor_async.sandbox.gateway.sockets.hub import Hub
from alor_async.sandbox.gateway.sockets.interference import OPCODES, Interference
from alor_async.sandbox.gateway.sockets.messages import Heard, MessageLog
from alor_async.sandbox.gateway.sockets.registry import MOST_SOCKETS, Sockets, SocketView
from alor_async.sandbox.gateway.sockets.subscriptions import Subscriptions
from alor_async.sandbox.gateway.wire import Switchboard
from alor_async.sandbox.inject import Faults
from alor_async.sandbox.market import Markets
from alor_async.sandbox.scenarios import ExchangeTimer, Scenarios
from alor_async.sandbox.selectors import Moment, Selector
from alor_async.sandbox.witness import save_journal

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike
    from types import TracebackType

    from alor_async.sandbox.core.entities import Instrument, Order, OwnTrade, Position, StopOrder
    from alor_async.sandbox.core.journal import Journal

__all__ = [
    "Assumptions",
    "Clock",
    "Fast",
    "Fault",
    "Faults",
    "Heard",
    "InstrumentSpec",
    "MarketPreset",
    "PortfolioSpec",
    "Received",
    "Sandbox",
    "SandboxBroken",
    "Schedule",
    "Selector",
    "SocketView",
    "SubscriptionView",
    "Time",
    "fast",
]

T = TypeVar("T")
_HALF_AN_HOUR = 1800.0
_A_DAY = 86_400.0
_A_LOT = 1e10


class SandboxBroken(AssertionError):
    """The sandbox broke one of its own rules: cash or quantity not conserved, an error inside, and the like."""


class Sandbox:
    """An exchange in a thread of its own, reachable over HTTP on this machine.

    `async with`, or `start()` and `stop()`. Everything here may be called from any thread, before, while and after it
    runs, except that faults of the network need it to be running.

    Args:
        seed: Everything random comes from it: books, history, tokens, the chance of faults.
        instruments: Added to the default ones.
        market: How markets move by themselves: `"still"` (nothing moves until a command or `sandbox.market` moves it),
            `"calm"`, `"trend"`, `"mean_revert"`, `"gap"`, `"illiquid"`, `"flash_crash"`, a `MarketPreset` of your own, or one
            for each instrument: `{"SBER": "trend", "*": "calm"}`.
        time: Exchange time: `"wall"` is the machine's, `"stepped"` stands still until `sandbox.clock` moves it, `fast(60)`
            runs sixty times as fast. Token times are always the machine's.
        start: When stepped or fast time begins, with a time zone; a fixed working day at noon in Moscow by default.
        port: Where the API listens; 0 picks a free port.
        oauth_port: Where the token service listens; 0 picks a free port.
        token_life: How long an access token lives; seconds.
        requests_per_second: The pace allowed to one user, 429 beyond; None allows any.
        socket_limit: How many sockets (`/ws` and `/cws` together) may be open at once; None allows any.
        dedupe: What a repeated X-REQID gets: `old_response_400`, `replay_200`, `bare_400` or `off`.
        dedupe_life: For how long a request id is remembered; seconds of exchange time.
        keepalive: After how much silence an idle connection is closed; seconds.
        assumptions: How it behaves where the broker's documents are silent; the defaults when there are none.
        schedule: When trading is open: `"always"`, `"moex"` (its hours in round numbers, in exchange time), or a `Schedule`.
        portfolios: Your own accounts; by default one for stocks, one for derivatives, one for currencies and a united one.

    Raises:
        ConfigError: An argument is wrong.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        instruments: Sequence[InstrumentSpec] = (),
        market: MarketChoice = "still",
        time: Time = "wall",
        start: datetime | None = None,
        port: int = 0,
        oauth_port: int = 0,
        token_life: float = _HALF_AN_HOUR,
        requests_per_second: float | None = None,
        socket_limit: int | None = MOST_SOCKETS,
        dedupe: DedupeMode = "old_response_400",
        dedupe_life: float = _A_DAY,
        keepalive: float = 75.0,
        assumptions: Assumptions | None = None,
        schedule: ScheduleChoice = "always",
        portfolios: Sequence[PortfolioSpec] | None = None,
    ) -> None:
        self._settings = {name: value for name, value in locals().items() if name != "self"}
        _check_whole("seed", seed)
        _check_port("port", port)
        _check_port("oauth_port", oauth_port)
        _check_positive("token_life", token_life)
        _check_positive("dedupe_life", dedupe_life)
        _check_positive("keepalive", keepalive)
        if requests_per_second is not None:
            _check_positive("requests_per_second", requests_per_second)
        if socket_limit is not None:
            _check_whole("socket_limit", socket_limit)
            _check_positive("socket_limit", socket_limit)
        if assumptions is not None and not isinstance(assumptions, Assumptions):
            raise ConfigError("assumptions", f"must be Assumptions(...), got {assumptions!r:.40}")
        self._lock = threading.RLock()
        self._clock = make_source(time, start)
        self._exchange = Exchange(
            clock=self._clock,
            seed=seed,
            instruments=_read_specs(instruments),
            assumptions=assumptions,
            market=market,
            schedule=schedule,
            portfolios=portfolios,
            most_at_once=MOST_AT_ONCE,
        )
        self._running = False
        shown = ShownTime()
        self.tokens = Tokens(
            seed=seed,
            login=self.login,
            portfolios=self._exchange.portfolios,
            life=token_life,
            now=machine.time,
            shown=shown,
        )
        """The token service: issue a token, expire them all, count the refreshes."""
        self.requests = RequestLog()
        """What was received: method, path, query, headers, body, route, operation, status."""
        self.market = Markets(self._exchange, self._lock)
        """The markets by instrument, for exact tests."""
        self.messages = MessageLog()
        """What was received on sockets: opcode, guid, text, on which socket."""
        failures: list[BaseException] = []
        hub = Hub(self._exchange, self._lock, failures.append)
        self.sockets = Sockets(
            {
                "ws": partial(Subscriptions, self._exchange, self._lock, self.tokens, hub),
                "cws": partial(Commands, self._exchange, self._lock, self.tokens, Repeats()),
            },
            limit=socket_limit,
            too_many=self._exchange.assumptions.too_many_sockets,
            log=self.messages,
            failed=failures.append,
        )
        """The open sockets: kind, subscriptions, how many messages were received and sent."""
        router = Router((*ROUTES, *self.sockets.routes()))
        plan = FaultPlan(
            random.Random(f"{seed}:faults"), router, self._record_fault, opcodes=OPCODES, now_us=self._clock.now_us
        )
        remembered = Dedupe(dedupe, dedupe_life, self._exchange_seconds)
        pace = None if requests_per_second is None else Pace(requests_per_second, machine.monotonic)
        self._gateway = Gateway(
            exchange=self._exchange,
            exchange_lock=self._lock,
            tokens=self.tokens,
            router=router,
            plan=plan,
            dedupe=remembered,
            log=self.requests,
            pace=pace,
            sockets=self.sockets,
            shown=shown,
            failures=failures,
        )
        switchboard = Switchboard(plan, router)
        driver = Driver(self._exchange, self._lock, self._clock, hub.drained, failures)
        self._host = Host(
            self._gateway.handle, switchboard, driver.run, port=port, oauth_port=oauth_port, keepalive=keepalive
        )
        self.clock = Clock(self._clock, self._lock, driver, self._host.submit)
        """Exchange time; in stepped time also the way to move it."""
        Interference(plan, self.sockets, self._host, self._exchange, self._lock)
        self.faults = Faults(plan, self.tokens, self._host, switchboard, remembered, shown, self.clock)
        """What can go wrong, by family: `http`, `ack`, `req`, `auth`, `net`, `ws`, `cws`, `dedupe`, `clock`, `exchange`."""
        timer = ExchangeTimer(self._exchange, self._lock, self._host, self._clock.now_us)
        self.scenarios = Scenarios(seed, self.faults, self.market, timer)
        """Bad days with a name: `async with sandbox.scenarios.flaky_wifi(): ...`."""

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve. A sandbox starts once.

        Raises:
            ClosedError: It was started before.
            OSError: A port is taken.
        """
        if self._running:
            raise ClosedError("the sandbox was started before; make another one")
        self._host.start()
        self._running = True
        return self

    def stop(self) -> None:
        """Break every connection and end the thread, within two seconds. Stopping twice is fine."""
        self._host.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- for the client ----------------------------------------------------------------------------------------------

    @property
    def environment(self) -> Environment:
        """Where the sandbox is, for `AsyncAlor(environment=...)`; known once it has started."""
        api, oauth = self._host.port("api"), self._host.port("oauth")
        if not api or not oauth:
            raise ClosedError("the sandbox is not started: its ports are not known yet")
        return Environment(
            name=SANDBOX_NAME,
            api=f"http://{LOOPBACK}:{api}",
            oauth=f"http://{LOOPBACK}:{oauth}",
            ws=f"ws://{LOOPBACK}:{api}/ws",
            cws=f"ws://{LOOPBACK}:{api}/cws",
        )

    @property
    def refresh_token(self) -> str:
        """The refresh token that it accepts; it begins with `sandbox-` and no broker knows it."""
        return self.tokens.refresh_token

    @property
    def login(self) -> str:
        """The trading login."""
        return self._exchange.login

    @property
    def portfolios(self) -> tuple[str, ...]:
        """The portfolios of the login."""
        return tuple(info.portfolio for info in self._exchange.portfolios)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every instrument, the most traded first."""
        with self._lock:
            return self._exchange.search_instruments()

    # -- the witness -------------------------------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """Every command, execution, event and fault so far."""
        return self._exchange.journal

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._host.count_connections()

    def orders(self, portfolio: str | None = None) -> tuple[Order, ...]:
        """The exchange orders of this session, of one portfolio or of all."""
        return self._of_each(portfolio, self._exchange.list_orders)

    def stop_orders(self, portfolio: str | None = None) -> tuple[StopOrder, ...]:
        """The conditional orders, of one portfolio or of all."""
        return self._of_each(portfolio, self._exchange.list_stop_orders)

    def trades(self, portfolio: str | None = None) -> tuple[OwnTrade, ...]:
        """Own trades of this session, of one portfolio or of all."""
        return self._of_each(portfolio, self._exchange.list_trades)

    def positions(self, portfolio: str | None = None) -> tuple[Position, ...]:
        """Holdings and money, of one portfolio or of all."""
        return self._of_each(portfolio, self._exchange.list_positions)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the journal as JSON lines; the first one tells seed, settings and version. No token is in it.

        Raises:
            InvalidArgument: The path is not one.
            OSError: The file cannot be written.
        """
        opened = next(iter(self.journal))
        save_journal(path, self.journal, self._settings | {"start": to_datetime(opened.time_us).isoformat()})

    def check(self) -> None:
        """Check the invariants of the exchange, and that nothing failed inside the gateway.

        Raises:
            SandboxBroken: Something is wrong with the sandbox; the text says what.
        """
        with self._lock:
            problems = self._exchange.check()
        problems += [f"{type(failure).__name__} in the gateway: {failure}" for failure in self._gateway.failures]
        if problems:
            raise SandboxBroken("; ".join(problems)) from next(iter(self._gateway.failures), None)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _of_each(self, portfolio: str | None, read: Callable[[str], Sequence[T]]) -> tuple[T, ...]:
        wanted = self.portfolios if portfolio is None else (portfolio,)
        try:
            with self._lock:
                return tuple(item for name in wanted for item in read(name))
        except UnknownPortfolio:
            raise InvalidArgument("portfolio", f"{portfolio!r:.40} is not one of the sandbox's") from None

    def _exchange_seconds(self) -> float:
        return self._clock.now_us() / 1_000_000

    def _record_fault(self, name: str, stage: Stage | None, moment: Moment | None) -> None:
        whom = {} if moment is None else moment.describe()
        with self._lock:
            self._exchange.journal.record(self._clock.now_us(), "fault", fault=name, stage=stage, **whom)


def _read_specs(instruments: Any) -> tuple[InstrumentSpec, ...]:
    if not isinstance(instruments, Sequence) or not all(isinstance(spec, InstrumentSpec) for spec in instruments):  # pyright: ignore[reportUnknownVariableType]
        raise ConfigError("instruments", "must be a sequence of InstrumentSpec")
    return tuple(instruments)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _check_whole(argument: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(argument, f"must be a whole number, got {value!r:.40}")


def _check_port(argument: str, value: Any) -> None:
    _check_whole(argument, value)
    if not 0 <= value <= 65_535:
        raise ConfigError(argument, f"must lie between 0 and 65535, got {value}")


def _check_positive(argument: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _A_LOT:
        raise ConfigError(argument, f"must be a number greater than 0 and at most {_A_LOT:.0e}, got {value!r:.40}")
