"""What a client asks for: every parameter of the contract reaches the wire, spelled as the broker spells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from alor_async import AsyncAlor, InstrumentId, OrderStatus, Portfolio, Timeframe
from alor_async.config import StreamSettings
from alor_async.values import Format
from tests.contract.socket_kit import problems
from tests.streams.kit import BEGIN, BY_NAME, QUICK, SPECS, STREAMS, Floor, Stream
from tests.support.waiting import until
from tests.support.world import FUTURES, STOCKS, UNITED

BOARD = InstrumentId("SBER", "MOEX", "TQBR")
INSTRUMENT = {"code": "SBER", "exchange": "MOEX", "instrumentGroup": "TQBR"}
PORTFOLIO = {"portfolio": STOCKS, "exchange": "MOEX", "skipHistory": True}
CANDLES: dict[str, Any] = {"timeframe": Timeframe.DAY, "start": datetime(2026, 1, 5, tzinfo=UTC)}
STATUSES = [OrderStatus.WORKING, OrderStatus.FILLED]
EVERYTHING: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "order_book": (BOARD, {"depth": 7, "frequency_ms": 600}, {**INSTRUMENT, "depth": 7, "frequency": 600}),
    "candles": (
        BOARD,
        {**CANDLES, "skip_snapshot": True, "split_adjust": True, "frequency_ms": 700},
        {
            **INSTRUMENT,
            "tf": "D",
            "from": 1767571200,
            "skipHistory": True,
            "splitAdjust": True,
            "frequency": 700,
        },
    ),
    "quotes": (BOARD, {"frequency_ms": 500}, {**INSTRUMENT, "frequency": 500}),
    "instruments": (BOARD, {}, INSTRUMENT),
    "market_trades": (
        BOARD,
        {"depth": 5000, "include_virtual": True},
        {**INSTRUMENT, "depth": 5000, "includeVirtualTrades": True},
    ),
    "positions": (STOCKS, {"skip_snapshot": True}, PORTFOLIO),
    "summaries": (STOCKS, {"skip_snapshot": True}, PORTFOLIO),
    "risks": (STOCKS, {"skip_snapshot": True}, PORTFOLIO),
    "futures_risks": (FUTURES, {"skip_snapshot": True}, {**PORTFOLIO, "portfolio": FUTURES}),
    "trades": (STOCKS, {"skip_snapshot": True}, PORTFOLIO),
    "orders": (
        STOCKS,
        {"skip_snapshot": True, "statuses": STATUSES},
        {**PORTFOLIO, "orderStatuses": ["working", "filled"]},
    ),
    "stop_orders": (
        STOCKS,
        {"skip_snapshot": True, "statuses": STATUSES},
        {**PORTFOLIO, "orderStatuses": ["working", "filled"]},
    ),
}
"""The argument, the options, and what is to be on the wire besides opcode, format, guid and token."""


def test_that_is_everything_there_is_to_ask_for() -> None:
    for name, (_, _, wire) in EVERYTHING.items():
        assert wire.keys() == {parameter.wire for parameter in SPECS[name].parameters}
    assert EVERYTHING.keys() == SPECS.keys()


def requests(floor: Floor, stream: Stream) -> list[dict[str, Any]]:
    """Give what was asked for, apart from the names of the requests; the token is hidden by the sandbox."""
    found: list[dict[str, Any]] = []
    for heard in floor.exchange.messages.of(stream.spec.opcode):
        wire: Any = heard.json
        assert wire.pop("token") == "***"
        assert wire.pop("guid")
        found.append(wire)
    return found


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_every_parameter_reaches_the_wire(floor: Floor, stream: Stream, format: Format) -> None:
    of, options, wire = EVERYTHING[stream.name]
    async with getattr(floor.alor.streams, stream.name)(of, **options, format=format):
        assert requests(floor, stream) == [{"opcode": stream.spec.opcode, **wire, "format": format.value}]
        (heard,) = floor.exchange.messages.of(stream.spec.opcode)
        assert problems(stream.spec.name, format, heard.text.encode()) == []


@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_what_is_not_asked_for_is_left_to_the_server(floor: Floor, stream: Stream) -> None:
    options = {name: value for name, value in stream.options.items() if name != "depth"}
    async with getattr(floor.alor.streams, stream.name)(stream.of, **options):
        (asked,) = requests(floor, stream)
    required = {parameter.wire for parameter in stream.spec.parameters if parameter.required}
    assert {key for key, value in asked.items() if value is not False} == required | {"opcode", "format"}
    assert asked["format"] == "Slim"


@pytest.mark.parametrize(
    ("timeframe", "tf"),
    [(60, "60"), ("300", "300"), (timedelta(hours=1), "3600"), (Timeframe.WEEK, "W"), ("M", "M"), (15, "15")],
)
async def test_timeframes(floor: Floor, timeframe: Any, tf: str) -> None:
    async with floor.alor.streams.candles("MOEX:SBER", timeframe=timeframe, start=BEGIN, skip_snapshot=True):
        assert requests(floor, BY_NAME["candles"])[0]["tf"] == tf


async def test_a_start_may_be_in_any_zone(floor: Floor) -> None:
    start = datetime(2026, 1, 5, 10, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=3)))
    async with floor.alor.streams.candles("MOEX:SBER", timeframe=60, start=start, skip_snapshot=True):
        assert requests(floor, BY_NAME["candles"])[0]["from"] == 1767598200


@pytest.mark.parametrize(
    ("portfolio", "named"),
    [(UNITED, "UNITED"), (Portfolio(UNITED), "UNITED"), (Portfolio(STOCKS, "SPBX"), "SPBX"), (STOCKS, "MOEX")],
)
async def test_the_exchange_of_a_portfolio_is_inferred_or_given(floor: Floor, portfolio: Any, named: str) -> None:
    async with floor.alor.streams.summaries(portfolio):
        (asked,) = requests(floor, BY_NAME["summaries"])
    assert (asked["portfolio"], asked["exchange"]) == (str(portfolio), named)


@pytest.mark.parametrize("statuses", [["Working"], (OrderStatus.WORKING,), {OrderStatus.WORKING}])
async def test_statuses_may_be_texts_and_any_collection(floor: Floor, statuses: Any) -> None:
    async with floor.alor.streams.orders(STOCKS, statuses=statuses):
        assert requests(floor, BY_NAME["orders"])[0]["orderStatuses"] == ["working"]


async def test_whatever_names_an_instrument(floor: Floor) -> None:
    named = [
        await floor.alor.market_data.get_quote("MOEX:SBER"),
        InstrumentId("GAZP", "MOEX"),
        "MOEX:LKOH:TQBR",
    ]
    async with floor.alor.streams.quotes(*named) as quotes:
        assert [(one["code"], one.get("instrumentGroup")) for one in requests(floor, BY_NAME["quotes"])] == [
            ("SBER", None),
            ("GAZP", None),
            ("LKOH", "TQBR"),
        ]
        assert {one.instrument_id.symbol for one in await _three(quotes)} == {"SBER", "GAZP", "LKOH"}


async def _three(quotes: Any) -> list[Any]:
    return [await anext(quotes) for _ in range(3)]


async def test_the_format_of_all_subscriptions_is_a_setting(floor: Floor) -> None:
    settings = StreamSettings(format=Format.HEAVY, snapshot_pause=QUICK.snapshot_pause)
    environment = floor.exchange.environment
    async with (
        AsyncAlor(floor.exchange.refresh_token, environment=environment, streams=settings) as alor,
        alor.streams.quotes("MOEX:SBER"),
        alor.streams.quotes("MOEX:SBER", format="simple"),
    ):
        assert [one["format"] for one in requests(floor, BY_NAME["quotes"])] == ["Heavy", "Simple"]


async def test_each_request_has_a_guid_of_its_own_and_all_go_over_one_socket(floor: Floor) -> None:
    async with (
        floor.alor.streams.quotes("MOEX:SBER", "MOEX:GAZP"),
        floor.alor.streams.quotes("MOEX:SBER"),
        floor.alor.streams.orders(STOCKS),
    ):
        heard = [one for one in floor.exchange.messages if one.opcode != "ping"]
        assert len({one.guid for one in heard}) == len(heard) == 4
        assert len({one.connection for one in heard}) == len(floor.exchange.sockets) == 1


@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_leaving_ends_the_subscription_at_the_server(floor: Floor, stream: Stream) -> None:
    async with floor.alor.streams.quotes("MOEX:GAZP"):
        async with stream.open(floor.alor):
            (asked,) = floor.exchange.messages.of(stream.spec.opcode)[-1:]
        await until(lambda: len(floor.exchange.messages.of("unsubscribe")) == 1)
        (said,) = floor.exchange.messages.of("unsubscribe")
        assert said.guid == asked.guid
        await until(lambda: [len(socket.subscriptions) for socket in floor.exchange.sockets] == [1])
