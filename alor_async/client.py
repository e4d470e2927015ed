"""`AsyncAlor`: one client, its wiring and its lifetime. What it does stands in `resources`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from alor_async import _telemetry
from alor_async._contract import operations
from alor_async._http.session import Session
from alor_async._http.transport import Transport
from alor_async._orders.desk import Desk, OrderDesk, Recovered
from alor_async._orders.ledger import MemoryLedger, OrderLedger
from alor_async._orders.own_orders import OwnOrders
from alor_async._orders.rest_wire import RestWire
from alor_async._orders.socket_wire import SocketWire
from alor_async._policy.arguments import check_count, check_flag
from alor_async._policy.clock import Clock
from alor_async._streams.hub import Hub
from alor_async._tokens import AccessToken, Claims, TokenProvider
from alor_async.auth.refresh import RefreshToken
from alor_async.config import PRODUCTION, TEST, Environment, Limits, RetryPolicy, StreamSettings, Timeouts
from alor_async.errors import ClosedError, ConfigError, DecodeError
from alor_async.resources._watching import BlotterMaker
from alor_async.resources.account import AccountResource
from alor_async.resources.command_socket import CommandSocket
from alor_async.resources.instruments import InstrumentsResource
from alor_async.resources.market_data import MarketDataResource
from alor_async.resources.order_groups import OrderGroupsResource
from alor_async.resources.orders import OrdersResource
from alor_async.resources.stop_orders import StopOrdersResource
from alor_async.resources.streams import StreamsResource
from alor_async.values import Portfolio

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from alor_async.resources._base import TimeoutLike

__all__ = ["AsyncAlor"]

_NAMED_ENVIRONMENTS: Final = {environment.name: environment for environment in (PRODUCTION, TEST)}


class AsyncAlor:
    """A client of the ALOR broker: one for a whole program, shared by all its tasks.

    Use it as `async with AsyncAlor(...) as alor:`, or call `open()` and `close()`. Making one does no I/O, needs no
    running loop, and reads no environment variable. It belongs to the loop in which it is opened.

    Args:
        auth: A refresh token, or a provider of access tokens. None for anonymous calls, which see data that is 15
            minutes old: ask for that with `allow_delayed=True`.
        environment: Where to talk to: `PRODUCTION` (real money), `TEST`, a sandbox's, or one of your own.
        session: An aiohttp session to borrow connections from. Its connector is used and it is left open; its headers,
            cookies, proxies, middlewares and trace configs are not used, so that the promises here hold.
        timeouts: How long calls wait.
        retries: How often calls are tried.
        limits: How much is done at once.
        streams: How subscriptions behave.
        ledger: Where commands are written down before they leave; None for memory. `SqliteLedger(path)` survives a crash.
        order_tags: Whether to mark orders in their comments, so that they are recognised after a lost answer. It takes 21
            of the 100 characters of a comment.
        allow_delayed: Allows anonymous calls.
        ssl_context: How servers are checked, where the system's trust is not wanted. It must verify.
        proxy: Address of an HTTP proxy. No proxy is read from the environment.
        user_agent: Put before the library's own name.
        tracer_provider: Where spans go; None for OpenTelemetry's global provider, if one is configured.
        meter_provider: Where metrics go; None for OpenTelemetry's global provider, if one is configured.

    Attributes:
        instruments: What can be traded.
        market_data: Quotes, order books, candles and trades of the market.
        account: Portfolios, positions, money, risk, orders and own trades.
        orders: Commands on exchange orders, and estimates.
        stop_orders: Commands on conditional orders.
        order_groups: Orders that the broker watches together.
        streams: What the broker tells by itself.
        environment: Where it talks to.

    Raises:
        ConfigError: A setting is wrong.
    """

    def __init__(
        self,
        auth: TokenProvider | str | None = None,
        *,
        environment: Environment,
        session: aiohttp.ClientSession | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        limits: Limits | None = None,
        streams: StreamSettings | None = None,
        ledger: OrderLedger | None = None,
        order_tags: bool = False,
        allow_delayed: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        user_agent: str | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        _check_kinds(
            environment=(environment, Environment),
            timeouts=(timeouts, Timeouts),
            retries=(retries, RetryPolicy),
            limits=(limits, Limits),
            streams=(streams, StreamSettings),
            ledger=(ledger, OrderLedger),
            session=(session, aiohttp.ClientSession),
        )
        self.environment = environment
        self._auth = _provider(auth, allow_delayed=allow_delayed)
        self._clock = self._new_clock()
        self._providers = (tracer_provider, meter_provider)
        self._transport = Transport(
            clock=self._clock, borrowed=session, ssl_context=ssl_context, proxy=proxy, user_agent=user_agent
        )
        self._session = Session(
            self._transport,
            environment=environment,
            auth=self._auth,
            clock=self._clock,
            timeouts=timeouts,
            retries=retries,
            limits=limits,
        )
        self._own_orders = OwnOrders(MemoryLedger() if ledger is None else ledger)
        self._desk = OrderDesk(self._own_orders, self._session, self._clock, tags=order_tags, retries=retries)
        wire = Desk(self._desk, RestWire(self._session))
        self.instruments = InstrumentsResource(self._session)
        self.market_data = MarketDataResource(self._session)
        self.orders = OrdersResource(wire, self._session)
        self.stop_orders = StopOrdersResource(wire, self._session)
        self.order_groups = OrderGroupsResource(self._session, self.orders, self.stop_orders)
        self._socket_settings = StreamSettings() if streams is None else streams
        self._command_sockets: set[CommandSocket] = set()
        self._socket_numbers = itertools.count(1)
        self._hub = Hub(
            self._transport,
            self._session,
            environment=environment,
            settings=self._socket_settings,
            clock=self._clock,
        )
        self.streams = StreamsResource(self._hub)
        self.account = AccountResource(
            self._session, BlotterMaker(self._session, self.streams, self._own_orders, self._clock)
        )

    def _new_clock(self) -> Clock:
        """Where time comes from: a subclass may drive it, for instance together with a sandbox's."""
        return Clock()

    @classmethod
    def from_env(cls, *, allow_delayed: bool = False, session: aiohttp.ClientSession | None = None) -> Self:
        """Make a client from environment variables.

        `ALOR_REFRESH_TOKEN` holds the refresh token; without it the client is anonymous. `ALOR_ENVIRONMENT` is
        `production` or `test` and must be set.

        Raises:
            ConfigError: A variable is missing or wrong.
        """
        name = os.environ.get("ALOR_ENVIRONMENT", "")
        environment = _NAMED_ENVIRONMENTS.get(name.lower())
        if environment is None:
            raise ConfigError("ALOR_ENVIRONMENT", 'must be "production" or "test"')
        token = os.environ.get("ALOR_REFRESH_TOKEN") or None
        return cls(token, environment=environment, allow_delayed=allow_delayed, session=session)

    def __repr__(self) -> str:
        return f"<AsyncAlor {self.environment}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a client is not pickled: make one where it is used")

    # Lifetime.

    async def open(self) -> None:
        """Get ready for calls. Nothing is connected and no token is fetched before the first one. Idempotent.

        Raises:
            ClosedError: The client was closed.
            ConfigError: The token provider serves another environment already.
            LedgerUnavailable: The ledger cannot be used.
        """
        if self._transport.is_open:
            return
        telemetry = _telemetry.detect(*self._providers)
        await self._desk.open()
        try:
            await self._transport.open(telemetry)
        except BaseException:
            await self._desk.close()
            raise
        self._session.attach(telemetry)
        self._hub.open(telemetry)
        if isinstance(self._auth, RefreshToken):
            try:
                self._auth.bind(self._transport, environment=self.environment, clock=self._clock, telemetry=telemetry)
            except ConfigError:
                # Its tokens must never travel to this environment: the client ends here.
                await self._session.close()
                await self._transport.close()
                await self._desk.close()
                raise

    async def close(self) -> None:
        """End it: calls under way end with an error, connections are closed. Takes at most two seconds. Idempotent.

        A borrowed session stays open. A provider that was given stays usable by others.
        """
        async with contextlib.AsyncExitStack() as last:  # each step is taken, also when another fails or is cancelled
            last.push_async_callback(self._desk.close)
            last.push_async_callback(self._transport.close)
            if isinstance(self._auth, RefreshToken):
                last.push_async_callback(self._auth.unbind, self._transport)
            last.push_async_callback(self._session.close)
            closes = (self._hub.close, *(one.close for one in self._command_sockets))
            for close in closes:
                last.push_async_callback(close)
            await asyncio.gather(*(close() for close in closes))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What belongs to no facade.

    @property
    def ledger(self) -> OrderLedger:
        """Where this client writes its commands down."""
        return self._own_orders.ledger

    async def recover_orders(self, timeout: float = 5.0) -> Recovered:
        """Find out what became of the commands that the ledger knows no outcome of, by reading alone.

        Those that an earlier run left are looked up by themselves before the first order of a run; call it to see the result,
        to do it at leisure, or for what this run left: where a caller was cancelled, no error is there to resolve.

        Args:
            timeout: How long to go on reading about each; seconds.

        Raises:
            ClosedError: The client is not open.
            AuthError, RequestError: Reading failed.
        """
        return await self._desk.recover(timeout)

    def command_socket(self, window: int = 100, *, check_duplicates: bool | None = None) -> CommandSocket:
        """Make a command socket: one authorized connection for orders, without a request for each.

        It connects when it is entered: `async with alor.command_socket() as fast:`. One is enough for a program; more
        keep commands apart where the broker ends a connection over one that it refuses. Closing the client closes it.

        Args:
            window: How many commands may wait for the broker's replies at once, at least 2: one place is kept for cancels.
                More wait for their turn, cancels before others.
            check_duplicates: Whether the broker refuses an order that repeats another one in all its terms; None leaves it
                to the broker, which does. It is faster without.

        Raises:
            InvalidArgument: An argument is wrong.
        """
        wire = SocketWire(
            self._transport,
            self._session,
            url=self.environment.cws,
            settings=self._socket_settings,
            clock=self._clock,
            ledger=self._desk.ledger,
            window=check_count("window", window, least=2),
            check_duplicates=check_flag("check_duplicates", check_duplicates),
            name=f"alor-command-socket-{next(self._socket_numbers)}",
        )
        return CommandSocket(wire, self._desk, self._session, self._command_sockets)

    async def get_server_time(
        self, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> datetime:
        """Get the broker's time, to the second; aware UTC. An anonymous client sees it 15 minutes late.

        Args:
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/time
        """
        seconds = await self._session.send(operations.GET_SERVER_TIME.request(), timeout, retries)
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            operation = operations.GET_SERVER_TIME.name
            raise DecodeError("the answer is no time: out of range", operation=operation) from None

    async def get_claims(self) -> Claims:
        """Read what the access token says about its owner: login, portfolios, scopes, expiry.

        Asks the token service when no valid token is at hand. The token's signature is not checked: the broker does.

        Raises:
            AuthError: The client is anonymous, or no usable token could be had.
            ClosedError: The client is not open.
        """
        if not self._transport.is_open:
            raise ClosedError("this client is not open: use `async with` or open()")
        self._session.check_loop()
        return AccessToken(await self._session.get_token()).claims

    async def list_portfolios(self) -> tuple[Portfolio, ...]:
        """List the portfolios that the access token may use. The broker has no call for it: the token says it.

        Raises:
            AuthError: The client is anonymous, or no usable token could be had.
            ClosedError: The client is not open.
        """
        return tuple(Portfolio(portfolio) for portfolio in (await self.get_claims()).portfolios)


def _provider(auth: object, *, allow_delayed: bool) -> TokenProvider | None:
    if auth is None:
        if not allow_delayed:
            raise ConfigError(
                "auth", "is missing: without a token data is 15 minutes old; say allow_delayed=True to accept that"
            )
        return None
    if isinstance(auth, str):
        return RefreshToken(auth)
    if isinstance(auth, TokenProvider):
        return auth
    raise ConfigError("auth", f"must be a refresh token or a TokenProvider, got {type(auth).__name__}")


def _check_kinds(**settings: tuple[object, type]) -> None:
    for name, (value, kind) in settings.items():
        if not isinstance(value, kind) and (value is not None or name == "environment"):
            hint = ", such as SqliteLedger(path)" if kind is OrderLedger else ""
            raise ConfigError(name, f"must be {kind.__name__}{hint}, got {type(value).__name__}")
