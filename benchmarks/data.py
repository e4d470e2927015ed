"""Bodies of realistic size and content, made from a seed: what servers answer and decoders read."""

from __future__ import annotations

import json
import random
from decimal import Decimal

_random = random.Random(7)
NOON = 1_773_646_800


def _price() -> Decimal:
    return Decimal(_random.randrange(29_000, 31_000)) / 100


def _dump(value: object) -> bytes:
    """Write JSON with Decimals as numbers."""

    class _Number(float):
        def __init__(self, text: str) -> None:
            self.text = text

        def __repr__(self) -> str:
            return self.text

    def convert(item: object) -> object:
        if isinstance(item, Decimal):
            return _Number(str(item))
        if isinstance(item, dict):
            return {key: convert(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [convert(inner) for inner in item]
        return item

    return json.dumps(convert(value), ensure_ascii=False, separators=(",", ":")).encode()


def candles(count: int) -> bytes:
    """A page of candles in Heavy."""
    rows = []
    for number in range(count):
        low, high = sorted((_price(), _price()))
        rows.append(
            {
                "time": NOON + 60 * number,
                "close": low,
                "open": high,
                "high": high,
                "low": low,
                "volume": _random.randrange(100_000),
            }
        )
    return _dump({"history": rows, "next": None, "prev": NOON - 60})


def book(levels: int) -> bytes:
    """An order book in Slim."""
    bids = [{"p": Decimal(30_500 - n) / 100, "v": _random.randrange(1, 5_000)} for n in range(levels)]
    asks = [{"p": Decimal(30_501 + n) / 100, "v": _random.randrange(1, 5_000)} for n in range(levels)]
    return _dump({"b": bids, "a": asks, "t": NOON * 1000 + 395, "h": True})


def quote() -> bytes:
    """A quote in Slim."""
    last = _price()
    return _dump(
        {
            "sym": "SBER",
            "ex": "MOEX",
            "desc": "Сбербанк России ПАО ао",
            "c": last,
            "tst": NOON,
            "h": last + 2,
            "l": last - 1,
            "acci": 0,
            "v": _random.randrange(5_000_000),
            "oi": None,
            "ask": last + Decimal("0.02"),
            "bid": last,
            "av": _random.randrange(1, 5_000),
            "bv": _random.randrange(1, 5_000),
            "tso": NOON * 1000 + 395,
            "o": last - Decimal("0.48"),
            "y": None,
            "lot": 10,
            "lotv": 10 * last,
            "fv": 3,
            "t": "CS",
            "tbv": _random.randrange(500_000),
            "tav": _random.randrange(500_000),
        }
    )


def market_trades(count: int) -> bytes:
    """Market trades in Slim."""
    return _dump(
        [
            {
                "id": 11_532_000_000 + n,
                "sym": "SBER",
                "bd": "TQBR",
                "q": _random.randrange(1, 500),
                "px": _price(),
                "t": NOON * 1000 + n,
                "s": "buy" if n % 2 else "sell",
                "oi": 0,
                "h": True,
            }
            for n in range(count)
        ]
    )


def orders(count: int) -> bytes:
    """Orders in Slim."""
    return _dump(
        [
            {
                "id": str(55_018_734_921 + n),
                "sym": "SBER",
                "bd": "TQBR",
                "tic": "MOEX:SBER",
                "p": "D39004",
                "ex": "MOEX",
                "cmt": None,
                "t": "limit",
                "s": "buy",
                "st": "working",
                "tt": "2026-03-16T07:12:48.4375182Z",
                "ut": "2026-03-16T07:13:02.1180947Z",
                "et": "2026-03-16T23:59:59.9990000",
                "q": 50,
                "qb": 5,
                "fq": 20,
                "fqb": 2,
                "px": _price(),
                "h": True,
                "tf": "oneday",
                "i": None,
                "v": Decimal("15007.5"),
            }
            for n in range(count)
        ]
    )


def instruments(count: int) -> bytes:
    """Instruments in Heavy: a third of them with a real expiry, the others with the server's "never"."""
    never = "9999-12-31T23:59:59.9999999"
    rows = [
        {
            "symbol": f"SYM{n}",
            "shortName": f"Инструмент {n}",
            "description": f"Описание инструмента номер {n}",
            "exchange": "MOEX",
            "market": "FOND",
            "type": "CS",
            "lotSize": 10,
            "faceValue": 3,
            "cfiCode": "ESXXXX",
            "cancellation": f"2027-{n % 12 + 1:02}-{n % 28 + 1:02}T00:00:00.0000000" if n % 3 == 0 else never,
            "minStep": Decimal("0.01"),
            "roundTo": 2,
            "rating": 195_613_886 - n,
            "marginBuy": Decimal("12.34"),
            "marginSell": Decimal("12.56"),
            "marginRate": Decimal("0.18"),
            "priceStep": Decimal("0.01"),
            "priceMax": _price(),
            "priceMin": _price(),
            "theorPrice": 0,
            "theorPriceLimit": 0,
            "volatility": 0,
            "currency": "RUB",
            "ISIN": f"RU{n:010}",
            "yield": None,
            "board": "TQBR",
            "primaryBoard": "TQBR",
            "tradingStatus": 17,
            "tradingStatusInfo": "нормальный период торгов",
            "complexProductCategory": "",
            "priceMultiplier": 1,
            "priceShownUnits": 1,
            "noSharesIssued": 21_586_948_000,
        }
        for n in range(count)
    ]
    return _dump(rows)
