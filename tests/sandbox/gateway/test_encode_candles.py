from __future__ import annotations

import pytest

from alor_async.sandbox.core.clock import SteppedClock
from alor_async.sandbox.core.exchange import Exchange
from alor_async.sandbox.gateway import encode
from alor_async.sandbox.gateway.encode_candles import bar_page
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.values import Format

NOON = 1_773_826_217


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return Exchange(clock=SteppedClock(NOON * 1_000_000), seed=42)


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("symbol", ["SBER", "LKOH", "TMOS", "SU26238RMFS4", "Si-6.26", "CNYRUB_TOM"])
@pytest.mark.parametrize(("frame", "days"), [("60", 12), ("D", 400), ("60", 0)])
def test_bars_are_written_as_candles_are(
    exchange: Exchange, format: Format, symbol: str, frame: str, days: int
) -> None:
    start = NOON - days * 86_400
    page = exchange.get_bars("MOEX", symbol, frame, start=start, end=NOON)
    candles = exchange.get_candles("MOEX", symbol, frame, start=start, end=NOON)
    assert len(candles.candles) > 4_096 or frame == "D" or not days
    assert bar_page(page, format) == write_json(encode.candle_page(candles, format))
