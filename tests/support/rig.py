"""The client's engine without its facades: a raw server, and transport, session and provider in front of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from alor_async._http.decode import Shape, Shapes, text_success
from alor_async._http.request import Access, Kind, Lane, Operation, Parameter, Place, Request
from alor_async._http.session import Session
from alor_async._http.transport import Transport
from alor_async._policy.clock import Clock
from alor_async._telemetry import Telemetry
from alor_async._tokens import TokenProvider
from alor_async.auth import RefreshToken
from alor_async.config import Environment, Limits, RetryPolicy, Timeouts
from tests.support.rawserver import RawServer

REFRESH_TOKEN: Final = "refresh-token-that-must-not-show"

FAST: Final = RetryPolicy(base=0.001, cap=0.002)
ONCE: Final = RetryPolicy(attempts=1)
SAME_ID: Final = RetryPolicy(base=0.001, cap=0.002, commands="same_id")


class Price(Struct, frozen=True, gc=False):
    price: Decimal
    lots: int = 0


PRICE: Final[Shapes[Price]] = Shapes.same(Shape(Price))

READ: Final = Operation(
    "market_data.get_price",
    "GET",
    "/md/v2/Clients/{portfolio}/price",
    answer=PRICE,
    parameters=(Parameter("portfolio", "portfolio", Place.PATH), Parameter("day", "day", Place.QUERY)),
    max_body=100_000,
)
OPEN_READ: Final = Operation("market_data.get_open", "GET", "/open", answer=PRICE, access=Access.OPTIONAL)
FREE_READ: Final = Operation("get_free", "GET", "/free", answer=PRICE, access=Access.NONE)
PLACE: Final = Operation(
    "orders.place",
    "POST",
    "/orders",
    answer=PRICE,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)
REPLACE: Final = Operation(
    "orders.replace",
    "PUT",
    "/orders",
    answer=PRICE,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
    has_request_id=True,
)
CANCEL: Final = Operation(
    "orders.cancel", "DELETE", "/orders", answer=Shapes.same(text_success), kind=Kind.COMMAND, lane=Lane.CANCEL
)

OK_BODY: Final = b'{"price": 250.10, "lots": 3}'
OK_PRICE: Final = Price(Decimal("250.10"), 3)


def read(portfolio: str = "D39004", day: str | None = None) -> Request[Price]:
    return READ.request(portfolio=portfolio, day=day)


def place(operation: Operation[Price] = PLACE, request_id: str = "id-1") -> Request[Price]:
    return operation.request(body=b'{"quantity":1,"user":{"portfolio":"D39004"}}', request_id=request_id)


def environment_of(server: RawServer, *, name: str = "rig", per_second: float | None = None) -> Environment:
    socket = server.address.replace("http", "ws", 1)
    return Environment(
        name=name,
        api=server.address,
        oauth=server.address,
        ws=f"{socket}/ws",
        cws=f"{socket}/cws",
        per_second=per_second,
    )


class Rig:
    """Everything between a request and the socket, wired as a client wires it."""

    def __init__(
        self,
        server: RawServer,
        *,
        auth: TokenProvider | None = None,
        clock: Clock | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = FAST,
        limits: Limits | None = None,
        transport: Transport | None = None,
        telemetry: Telemetry | None = None,
        environment: Environment | None = None,
    ) -> None:
        self.server = server
        self.clock = Clock() if clock is None else clock
        self.environment = environment_of(server) if environment is None else environment
        self.auth = auth
        self.telemetry = telemetry
        self.transport = Transport(clock=self.clock) if transport is None else transport
        self.session = Session(
            self.transport,
            environment=self.environment,
            auth=auth,
            clock=self.clock,
            timeouts=timeouts,
            retries=retries,
            limits=limits,
            random=random.Random(1).random,
        )
        self.send = self.session.send

    async def __aenter__(self) -> Self:
        await self.transport.open(self.telemetry)
        self.session.attach(self.telemetry)
        if isinstance(self.auth, RefreshToken):
            self.auth.bind(
                self.transport, environment=self.environment, clock=self.clock, telemetry=self.telemetry, random=_small
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self.session.close()
        if isinstance(self.auth, RefreshToken):
            await self.auth.unbind(self.transport)
        await self.transport.close()


def _small() -> float:
    return 0.01


class Tokens:
    """A provider that hands out tokens from a list, in order; the last one stays."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self.invalidated: list[str] = []
        self.asked = 0

    async def get_token(self) -> str:
        self.asked += 1
        return self.tokens[0]

    def current(self) -> str | None:
        return self.tokens[0]

    def invalidate(self, token: str) -> None:
        self.invalidated.append(token)
        if len(self.tokens) > 1 and self.tokens[0] == token:
            self.tokens.pop(0)
