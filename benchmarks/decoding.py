"""P6 and P7: what reading an answer costs beside the bare decoder, beside json, beside pydantic."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pydantic

from alor_async import CandlePage, Format, Instrument, OrderBook
from alor_async._contract import operations
from alor_async._http.request import Operation
from alor_async.models._base import ZonelessTime, decode_hook
from benchmarks import data
from benchmarks.harness import Ratio, Result, Side, compare, judge, plain

CANDLES, BOOK, TRADES, ORDERS, INSTRUMENTS = (
    data.candles(1_150),
    data.book(20),
    data.market_trades(1_000),
    data.orders(500),
    data.instruments(5_000),
)


async def measure() -> list[Result]:
    """Run all comparisons of decoding."""
    results = [
        await _library("candles, usual format", operations.MARKET_DATA_GET_CANDLES, Format.HEAVY, CANDLES, 0.95),
        await _library(
            "order book 20x20, usual format", operations.MARKET_DATA_GET_ORDER_BOOK, Format.SLIM, BOOK, 0.95
        ),
        await _library(
            "1 000 market trades, Slim", operations.MARKET_DATA_LIST_MARKET_TRADES, Format.SLIM, TRADES, 0.88
        ),
        await _library("500 orders, Slim", operations.ACCOUNT_LIST_ORDERS, Format.SLIM, ORDERS, 0.88),
        await _library("5 000 instruments", operations.INSTRUMENTS_LIST_FOR, Format.HEAVY, INSTRUMENTS, 0.80),
        await _times(),
    ]
    results += await _others(
        "candles", operations.MARKET_DATA_GET_CANDLES, Format.HEAVY, CANDLES, _candle_page(), 1.5, 4.0
    )
    results += await _others(
        "5 000 instruments", operations.INSTRUMENTS_LIST_FOR, Format.HEAVY, INSTRUMENTS, _instruments(), 1.5, 2.5
    )
    results += await _others(
        "order book 20x20", operations.MARKET_DATA_GET_ORDER_BOOK, Format.SLIM, BOOK, _book(), 2.0, 2.5
    )
    return results


async def _library(what: str, operation: Operation[Any], spelling: Format, body: bytes, at_least: float) -> Result:
    shape = operation.answer[spelling]
    bare = msgspec.json.Decoder(shape.kind, dec_hook=decode_hook)
    ratios = await compare(
        [Side("bare", plain(lambda: bare.decode(body))), Side("library", plain(lambda: shape.decode(body)))]
    )
    return judge("P6", f"{what}: library / bare msgspec decoder", ratios["library"], ratios["A/A"], at_least=at_least)


async def _times() -> Result:
    """What it costs that expiries come out as aware datetimes: against the same class with text in their place."""
    textual = msgspec.defstruct(
        "Textual",
        [
            (
                f.name,
                str | None if f.type in {ZonelessTime, ZonelessTime | None} else f.type,
                msgspec.field(name=f.encode_name, default=None),
            )
            for f in msgspec.structs.fields(Instrument)
        ],
        frozen=True,
        kw_only=True,
        gc=False,
    )
    as_text = msgspec.json.Decoder(list[textual], dec_hook=decode_hook)  # type: ignore[valid-type]
    as_times = msgspec.json.Decoder(list[Instrument], dec_hook=decode_hook)
    ratios = await compare(
        [
            Side("text", plain(lambda: as_text.decode(INSTRUMENTS))),
            Side("times", plain(lambda: as_times.decode(INSTRUMENTS))),
        ]
    )
    what = "5 000 instruments: expiries as aware UTC / as text"
    return judge("times", what, ratios["times"], ratios["A/A"], at_least=0.85)


async def _others(
    what: str,
    operation: Operation[Any],
    spelling: Format,
    body: bytes,
    with_pydantic: Callable[[bytes], object],
    over_json: float,
    over_pydantic: float,
) -> list[Result]:
    shape = operation.answer[spelling]
    ratios = await compare(
        [
            Side("ours", plain(lambda: shape.decode(body))),
            Side("json", plain(lambda: json.loads(body, parse_float=Decimal))),
            Side("pydantic", plain(lambda: with_pydantic(body))),
        ]
    )
    lines = []
    for name, label, least in (
        ("json", "json.loads(parse_float=Decimal)", over_json),
        ("pydantic", "pydantic", over_pydantic),
    ):
        other = ratios[name]
        times = Ratio(1 / other.median, 1 / other.high, 1 / other.low)
        lines.append(judge("P7", f"{what}: library / {label}", times, ratios["A/A"], at_least=least))
    return lines


def _mirror(kind: type[msgspec.Struct], nested: dict[str, Any] | None = None) -> type[pydantic.BaseModel]:
    """Make the pydantic model with the same fields under the same wire names."""
    fields: dict[str, Any] = {}
    for f in msgspec.structs.fields(kind):
        annotation = (nested or {}).get(f.name, _plain_type(f.type))
        default = ... if f.required else None
        fields[f.name] = (annotation if f.required else annotation | None, pydantic.Field(default, alias=f.encode_name))
    model: type[pydantic.BaseModel] = pydantic.create_model(kind.__name__, **fields)
    return model


def _plain_type(annotation: Any) -> Any:
    """What pydantic reads instead: enumerations and times as what the wire has, which is cheaper for it."""
    for part in typing.get_args(annotation) or (annotation,):
        if part in {Decimal, bool}:
            return part
        if isinstance(part, type) and issubclass(part, int):
            return int
    return str


def _candle_page() -> Callable[[bytes], object]:
    from alor_async import Candle

    model = _mirror(CandlePage, {"candles": list[_mirror(Candle)]})  # type: ignore[misc]
    return model.model_validate_json


def _book() -> Callable[[bytes], object]:
    from alor_async import BookLevel

    level = _mirror(BookLevel)
    model = _mirror(OrderBook, {"bids": list[level], "asks": list[level]})  # type: ignore[valid-type]
    return model.model_validate_json


def _instruments() -> Callable[[bytes], object]:
    return pydantic.TypeAdapter(list[_mirror(Instrument)]).validate_json  # type: ignore[misc]
