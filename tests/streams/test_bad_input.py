"""Wrong arguments: refused where they are written down, before anything is connected or sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from alor_async import InvalidArgument, Portfolio
from alor_async.values import Format
from tests.streams.kit import BEGIN, BY_NAME, STREAMS, Floor, Stream
from tests.support.world import STOCKS

MARKET = [stream for stream in STREAMS if ":" in stream.of]
PORTFOLIO = [stream for stream in STREAMS if ":" not in stream.of]
PACED = [BY_NAME[name] for name in ("order_book", "candles", "quotes")]
CAN_SKIP = [BY_NAME["candles"], *PORTFOLIO]


def refused(floor: Floor, stream: Stream, argument: str, *of: Any, **options: Any) -> None:
    """Make sure that this is refused by name, and that nobody hears of it."""
    opened, asked, tasks = floor.exchange.sockets.count(), len(floor.exchange.requests), asyncio.all_tasks()
    given = {**stream.options, **options}
    with pytest.raises(InvalidArgument) as caught:
        getattr(floor.alor.streams, stream.name)(*of, **given)
    assert caught.value.argument == argument
    assert (floor.exchange.sockets.count(), len(floor.exchange.requests)) == (opened, asked)
    assert asyncio.all_tasks() == tasks
    assert len(floor.exchange.messages) == 0


@pytest.mark.parametrize("stream", MARKET, ids=str)
async def test_no_instruments(floor: Floor, stream: Stream) -> None:
    refused(floor, stream, "instruments")


@pytest.mark.parametrize("wrong", [5, None, b"MOEX:SBER", ["MOEX:SBER"], object(), "SBER", "MOEX:SBER:TQBR:X"])
@pytest.mark.parametrize("stream", MARKET, ids=str)
async def test_no_instrument(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "instrument", wrong)
    refused(floor, stream, "instrument", "MOEX:GAZP", wrong)


@pytest.mark.parametrize(("wrong", "argument"), [("MOEX:", "symbol"), (":SBER", "exchange"), ("MOEX:A/B", "symbol")])
async def test_half_an_instrument(floor: Floor, wrong: str, argument: str) -> None:
    refused(floor, BY_NAME["quotes"], argument, wrong)


@pytest.mark.parametrize("wrong", ["", 5, None, "D3/9", "a" * 65, "D 1", ".."])
@pytest.mark.parametrize("stream", PORTFOLIO, ids=str)
async def test_no_portfolio(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "portfolio", wrong)


@pytest.mark.parametrize("wrong", [-1, "often", True, 0.5, 2**63])
@pytest.mark.parametrize("stream", PACED, ids=str)
async def test_no_frequency(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "frequency_ms", stream.of, frequency_ms=wrong)


@pytest.mark.parametrize("wrong", [0, 51, -1, "10", True, 1.5])
async def test_no_depth_of_a_book(floor: Floor, wrong: Any) -> None:
    refused(floor, BY_NAME["order_book"], "depth", "MOEX:SBER", depth=wrong)


@pytest.mark.parametrize("wrong", [-1, 5001, "10", True, 1.5])
async def test_no_depth_of_the_tape(floor: Floor, wrong: Any) -> None:
    refused(floor, BY_NAME["market_trades"], "depth", "MOEX:SBER", depth=wrong)


@pytest.mark.parametrize("wrong", [0, -60, "5x", "", "0", 1.5, None, True, timedelta(milliseconds=1500), timedelta(0)])
async def test_no_timeframe(floor: Floor, wrong: Any) -> None:
    refused(floor, BY_NAME["candles"], "timeframe", "MOEX:SBER", timeframe=wrong)


@pytest.mark.parametrize("wrong", [datetime(2026, 1, 5), date(2026, 1, 5), 1767571200, "2026-01-05", None])  # noqa: DTZ001
async def test_no_start(floor: Floor, wrong: Any) -> None:
    refused(floor, BY_NAME["candles"], "start", "MOEX:SBER", start=wrong)


async def test_a_start_before_there_was_time(floor: Floor) -> None:
    refused(floor, BY_NAME["candles"], "start", "MOEX:SBER", start=datetime(1969, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize("wrong", ["yes", 1, []])
@pytest.mark.parametrize("stream", CAN_SKIP, ids=str)
async def test_no_answer_to_whether_to_skip(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "skip_snapshot", stream.of, skip_snapshot=wrong)


async def test_no_answer_to_other_questions(floor: Floor) -> None:
    refused(floor, BY_NAME["candles"], "split_adjust", "MOEX:SBER", split_adjust="yes")
    refused(floor, BY_NAME["market_trades"], "include_virtual", "MOEX:SBER", include_virtual=1)


@pytest.mark.parametrize("wrong", ["working", 5, ["unheard-of"], [None], [1]])
@pytest.mark.parametrize("name", ["orders", "stop_orders"])
async def test_no_statuses(floor: Floor, name: str, wrong: Any) -> None:
    refused(floor, BY_NAME[name], "statuses", STOCKS, statuses=wrong)


@pytest.mark.parametrize("wrong", ["XML", "", 7, True, b"Slim"])
@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_no_format(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "format", stream.of, format=wrong)


@pytest.mark.parametrize("wrong", ["explode", "", 5, True])
@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_no_policy(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "on_slow", stream.of, on_slow=wrong)


@pytest.mark.parametrize("stream", [stream for stream in STREAMS if stream.spec.record.value == "event"], ids=str)
async def test_events_are_not_conflated(floor: Floor, stream: Stream) -> None:
    refused(floor, stream, "on_slow", stream.of, on_slow="conflate")


@pytest.mark.parametrize("wrong", [0, -1, "many", True, 1.5])
@pytest.mark.parametrize("stream", STREAMS, ids=str)
async def test_no_limit(floor: Floor, stream: Stream, wrong: Any) -> None:
    refused(floor, stream, "inbox", stream.of, inbox=wrong)


async def test_options_are_named(floor: Floor) -> None:
    with pytest.raises(TypeError):
        floor.alor.streams.orders(STOCKS, ["working"])
    with pytest.raises(TypeError):
        floor.alor.streams.candles("MOEX:SBER", start=BEGIN)
    with pytest.raises(TypeError):
        floor.alor.streams.quotes("MOEX:SBER", depth=5)


@pytest.mark.parametrize("format", [*Format, "slim", "SIMPLE", None])
async def test_what_is_right_is_taken(floor: Floor, format: Any) -> None:
    for stream in STREAMS:
        for policy in ("drop_oldest", "raise"):
            stream.open(floor.alor, format=format, on_slow=policy, inbox=1)
    floor.alor.streams.order_book("MOEX:SBER", depth=50, frequency_ms=500, format=format)
    floor.alor.streams.summaries(Portfolio(STOCKS, "SPBX"), format=format)
    assert len(floor.exchange.messages) == 0


@pytest.mark.parametrize(
    ("wrong", "hints"),
    [
        (
            lambda streams: streams.candles("MOEX:SBER", timeframe="1h", start=BEGIN),
            ("Timeframe.", "seconds", "timedelta"),
        ),
        (
            lambda streams: streams.candles("MOEX:SBER", timeframe=1.5, start=BEGIN),
            ("Timeframe.", "seconds", "timedelta"),
        ),
        (lambda streams: streams.quotes(["MOEX:SBER", "MOEX:GAZP"]), ("a list", "use *")),
        (lambda streams: streams.quotes(("MOEX:SBER",)), ("a tuple", "use *")),
        (lambda streams: streams.orders(STOCKS, on_slow="conflate"), ('"drop_oldest"', '"raise"')),
    ],
)
async def test_the_error_says_what_would_be_right(floor: Floor, wrong: Any, hints: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        wrong(floor.alor.streams)
    assert all(hint in str(caught.value) for hint in hints)
