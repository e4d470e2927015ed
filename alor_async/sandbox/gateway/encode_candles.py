"""Very many candles at once, written from the engine's own numbers.

A year of minutes is 138 000 candles: an object for each of them, with four decimals and a dictionary around it, takes
longer than everything else together. The bytes are those that the table of candles would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import Any

from alor_async.sandbox.core import entities as core
from alor_async.sandbox.core.queries import BarPage
from alor_async.sandbox.core.terms import Terms
from alor_async.sandbox.gateway.encode import CANDLE, FORMATS, candle_page
from alor_async.sandbox.gateway.jsonwriter import write_json
from alor_async.values import Format

_AT_ONCE = 4_096


class _PriceTexts(dict[int, str]):
    """Prices as they are written, by ticks; each is made once."""

    def __init__(self, terms: Terms) -> None:
        super().__init__()
        self._terms = terms

    def __missing__(self, ticks: int) -> str:
        text = self[ticks] = write_json(self._terms.price(ticks)).decode()
        return text


def _template(format: Format) -> tuple[str, itemgetter[Any]]:
    """The text of a candle with gaps, and which numbers of a bar go into them, by writing a candle of known numbers."""
    numbered = core.Candle(0, Decimal(1), Decimal(2), Decimal(3), Decimal(4), 5)  # in the order of a bar's fields
    written = CANDLE.one(numbered, format)
    return "{" + ",".join(f'"{key}":%s' for key in written) + "}", itemgetter(
        *(int(str(place)) for place in written.values())
    )


_TEMPLATES = {format: _template(format) for format in FORMATS}


def bar_page(page: BarPage, format: Format) -> Iterator[bytes]:
    """A page of candles as JSON, some thousands of them at a time."""
    template, chosen = _TEMPLATES[format]
    price = _PriceTexts(page.terms)
    empty = write_json(candle_page(core.CandlePage((), page.prev, page.next), format))
    opening = empty.index(b"[") + 1
    begun = empty[:opening]
    bars = iter(page.bars)
    while some := list(islice(bars, _AT_ONCE)):
        texts = [
            template % chosen((time, price[opened], price[high], price[low], price[closed], lots))
            for time, opened, high, low, closed, lots in some
        ]
        if len(some) < _AT_ONCE:
            yield begun + ",".join(texts).encode() + empty[opening:]
            return
        yield begun + ",".join(texts).encode()
        begun = b","
    yield begun.removeprefix(b",") + empty[opening:]
