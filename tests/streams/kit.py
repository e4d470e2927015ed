"""Every subscription as a test uses it: how it is opened, what stirs it, and what REST says of the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

import msgspec

from alor_async import AsyncAlor, InstrumentId
from alor_async._contract.subscriptions import ALL
from alor_async._http.message import StreamSpec
from alor_async.config import StreamSettings
from alor_async.models import Condition, Instrument, Side, Trade
from alor_async.sandbox import Sandbox
from alor_async.values import Format
from tests.support.waiting import until
from tests.support.world import FUTURES, NOON, STOCKS, low_and_high

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

WITHIN: Final = 5.0
SBER: Final = InstrumentId("SBER", "MOEX")
BEGIN: Final = NOON - timedelta(minutes=30)
QUICK: Final = StreamSettings(snapshot_pause=0.15)
SPECS: Final[dict[str, StreamSpec[Any, Any]]] = {spec.name.removeprefix("streams."): spec for spec in ALL}


class Floor:
    """A trading floor: an exchange, a client that watches it, and the things that can happen."""

    def __init__(self, exchange: Sandbox, alor: AsyncAlor) -> None:
        self.exchange = exchange
        self.alor = alor

    @property
    def messages(self) -> list[Any]:
        """What the client said on its sockets, as JSON; tokens are hidden."""
        return [heard.json for heard in self.exchange.messages]

    async def trade(self, symbol: str = "SBER", lots: int = 2) -> Any:
        """Let others trade, at another price than before, a second later: no update is held back by its pace."""
        await self.exchange.clock.advance(seconds=1)
        market = self.exchange.market[symbol]
        last, reference, step = market.quote.last_price, market.spec.reference_price, market.spec.price_step
        return market.trade(price=last - step if last > reference else last + step, lots=lots)

    async def buy(self, portfolio: str = STOCKS, symbol: str = "SBER", lots: int = 1) -> str:
        """Buy from the market, a second later."""
        await self.exchange.clock.advance(seconds=1)
        return (await self.alor.orders.place_market(portfolio, f"MOEX:{symbol}", Side.BUY, lots=lots)).order_id

    async def rest(self, portfolio: str = STOCKS, lots: int = 3) -> str:
        """Place an order that rests far from the market."""
        low, _ = low_and_high(self.exchange)
        return (await self.alor.orders.place_limit(portfolio, "MOEX:SBER", Side.BUY, lots=lots, price=low)).order_id

    async def buy_future(self) -> str:
        """Buy a futures contract."""
        return await self.buy(FUTURES, (await self.alor.market_data.get_futures_quote("MOEX:SBRF")).symbol)

    async def wait_for_a_fall(self) -> str:
        """Place a conditional order."""
        low, _ = low_and_high(self.exchange)
        ack = await self.alor.stop_orders.place_stop(
            STOCKS, "MOEX:SBER", Side.SELL, lots=1, condition=Condition.LESS_OR_EQUAL, trigger_price=low
        )
        return ack.order_id

    async def halt_or_resume(self, symbol: str = "LKOH") -> None:
        """Stop the trading of an instrument, or let it trade again; the status of another one, GAZP, is the usual one."""
        status = {one.spec.symbol: one.trading_status for one in self.exchange.instruments}
        market = self.exchange.market[symbol]
        if status[symbol] == status["GAZP"]:
            market.halt()
        else:
            market.resume()

    async def candles(self, format: Format) -> Sequence[Any]:
        """The candles of the half-hour before, and those since."""
        page = await self.alor.market_data.get_candles(
            "MOEX:SBER", 60, start=BEGIN, end=self.exchange.clock.now, format=format
        )
        return page.candles

    async def tape(self, format: Format) -> Sequence[Any]:
        """The last ten trades, oldest first."""
        trades = await self.alor.market_data.list_market_trades("MOEX:SBER", descending=True, limit=10, format=format)
        return trades[::-1]


Read = Callable[[Floor, Format], Awaitable[Any]]


@dataclass(frozen=True)
class Stream:
    """One method of the facade.

    Attributes:
        stir: Makes something happen that it shows.
        read: Asks REST for the same, one entity or several.
    """

    name: str
    of: str
    stir: Callable[[Floor], Awaitable[object]]
    read: Read
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> StreamSpec[Any, Any]:
        return SPECS[self.name]

    @property
    def instrument_id(self) -> InstrumentId | None:
        """What its events are about; nothing for a portfolio, whose items say it themselves."""
        return InstrumentId.parse(self.of) if ":" in self.of else None

    def open(self, alor: AsyncAlor, *of: str, **options: Any) -> Any:
        """Subscribe, or rather make what subscribes when it is entered."""
        return getattr(alor.streams, self.name)(*(of or (self.of,)), **{**self.options, **options})

    async def listed(self, floor: Floor, format: Format) -> list[Any]:
        """What REST shows now."""
        found = await self.read(floor, format)
        return [plain(item) for item in (found if isinstance(found, list | tuple) else (found,))]


STREAMS: Final = (
    Stream(
        "order_book",
        "MOEX:SBER",
        Floor.trade,
        lambda floor, format: floor.alor.market_data.get_order_book("MOEX:SBER", depth=7, format=format),
        {"depth": 7},
    ),
    Stream("candles", "MOEX:SBER", Floor.trade, Floor.candles, {"timeframe": 60, "start": BEGIN}),
    Stream(
        "quotes",
        "MOEX:SBER",
        Floor.trade,
        lambda floor, format: floor.alor.market_data.get_quote("MOEX:SBER", format=format),
    ),
    Stream(
        "instruments",
        "MOEX:LKOH",
        Floor.halt_or_resume,
        lambda floor, format: floor.alor.instruments.get("MOEX:LKOH", format=format),
    ),
    Stream("market_trades", "MOEX:SBER", Floor.trade, Floor.tape, {"depth": 10}),
    Stream(
        "positions",
        STOCKS,
        Floor.buy,
        lambda floor, format: floor.alor.account.list_positions(STOCKS, format=format),
    ),
    Stream("summaries", STOCKS, Floor.buy, lambda floor, format: floor.alor.account.get_summary(STOCKS, format=format)),
    Stream("risks", STOCKS, Floor.buy, lambda floor, format: floor.alor.account.get_risk(STOCKS, format=format)),
    Stream(
        "futures_risks",
        FUTURES,
        Floor.buy_future,
        lambda floor, format: floor.alor.account.get_futures_risk(FUTURES, format=format),
    ),
    Stream("trades", STOCKS, Floor.buy, lambda floor, format: floor.alor.account.list_trades(STOCKS, format=format)),
    Stream("orders", STOCKS, Floor.rest, lambda floor, format: floor.alor.account.list_orders(STOCKS, format=format)),
    Stream(
        "stop_orders",
        STOCKS,
        Floor.wait_for_a_fall,
        lambda floor, format: floor.alor.account.list_stop_orders(STOCKS, format=format),
    ),
)
BY_NAME: Final = {stream.name: stream for stream in STREAMS}


def plain(item: Any) -> Any:
    """An item without the mark of a snapshot, and without what only REST tells of it."""
    changes: dict[str, Any] = {"is_snapshot": None} if hasattr(item, "is_snapshot") else {}
    if isinstance(item, Trade):
        changes |= {"short_name": None, "currency": None}
    elif isinstance(item, Instrument):
        return tuple((name, getattr(item, name)) for name in INSTRUMENT_STATE)
    return msgspec.structs.replace(item, **changes)


def newest(items: Sequence[Any]) -> list[Any]:
    """The items, but of one candle only the last: it comes again as it closes."""
    return list({getattr(item, "timestamp", number): item for number, item in enumerate(items)}.values())


INSTRUMENT_STATE: Final = (
    "symbol",
    "exchange",
    "board",
    "price_min",
    "price_max",
    "trading_status",
    "trading_status_text",
)
"""What a subscription to an instrument tells, in every format."""


async def take(stream: AsyncIterator[T], count: int = 1, *, within: float = WITHIN) -> list[T]:
    """Read so many, or fail before long."""
    async with asyncio.timeout(within):
        return [await anext(stream) for _ in range(count)]


async def through(stream: AsyncIterator[Any], kind: type, *, within: float = WITHIN) -> list[Any]:
    """Read as far as the first of a kind, that one included, or fail before long."""
    read: list[Any] = []
    async with asyncio.timeout(within):
        while not read or not isinstance(read[-1], kind):
            read.append(await anext(stream))
    return read


async def rest_of(stream: AsyncIterator[T], *, within: float = WITHIN) -> list[T]:
    """Read to the end, or fail before long."""
    async with asyncio.timeout(within):
        return [item async for item in stream]


async def spoil(floor: Floor, stream: Stream, change: bytes | Callable[[bytes], bytes]) -> None:
    """Let something happen, and spoil the message that tells it."""
    armed = floor.exchange.faults.ws.corrupt(change, opcode=stream.spec.opcode)
    await stream.stir(floor)
    await until(lambda: armed.fired)


async def until_error(stream: AsyncIterator[T], kind: type[E], *, within: float = WITHIN) -> tuple[list[T], E]:
    """Read until it fails, and give what was read and the error."""
    read: list[T] = []
    try:
        async with asyncio.timeout(within):
            async for item in stream:
                read.append(item)  # noqa: PERF401 - what was read before the error is wanted
    except kind as error:
        return read, error
    raise AssertionError(f"it ended without {kind.__name__}, after {read}")
