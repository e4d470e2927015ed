"""What a subscription shows to whoever uses it, and how it is asked about one instrument of several."""

from __future__ import annotations

from typing import Any

import pytest

from alor_async import InstrumentId, InvalidArgument, Side, Subscription
from tests.streams.kit import Floor, take
from tests.support.waiting import until
from tests.support.world import STOCKS

SHOWN = {
    "close",
    "conflated",
    "delivered",
    "drain",
    "dropped",
    "duplicates",
    "events",
    "gaps",
    "instruments",
    "is_live",
    "lag",
    "latest",
    "latest_of",
    "name",
    "pending",
    "received",
    "stale",
}


async def test_completions_are_what_users_use(floor: Floor) -> None:
    async with floor.alor.streams.quotes("MOEX:SBER", "MOEX:GAZP") as quotes:
        assert {name for name in dir(quotes) if not name.startswith("_")} == SHOWN
        assert all(getattr(Subscription, name).__doc__ for name in SHOWN)
        assert quotes.name == "streams.quotes"
        assert quotes.instruments == (InstrumentId("SBER", "MOEX"), InstrumentId("GAZP", "MOEX"))


class TestLatest:
    async def test_a_fill_leads_to_the_book_that_is_followed(self, floor: Floor) -> None:
        async with (
            floor.alor.streams.order_book("MOEX:GAZP", "MOEX:SBER", depth=1) as books,
            floor.alor.streams.trades(STOCKS, skip_snapshot=True) as fills,
        ):
            await until(lambda: books.received >= 2)
            await floor.alor.orders.place_market(STOCKS, "MOEX:SBER", Side.BUY, lots=1)
            (fill,) = await take(fills)
            assert fill.instrument_id.board == "TQBR"
            assert books.latest_of(fill) == books.latest_of("MOEX:SBER") != books.latest_of("MOEX:GAZP")
            assert books.latest == books.latest_of("MOEX:GAZP")

    async def test_the_one_with_the_board_goes_first(self, floor: Floor) -> None:
        async with floor.alor.streams.order_book("MOEX:SBER", "MOEX:SBER:TQBR", depth=1) as books:
            await until(lambda: books.received >= 2)
            plain, boarded = (channel.latest for channel in books._delivery.channels)
            assert books.latest_of("MOEX:SBER") is plain
            assert books.latest_of("MOEX:SBER:TQBR") is boarded

    async def test_before_the_first_there_is_none(self, floor: Floor) -> None:
        quotes = floor.alor.streams.quotes("MOEX:SBER")
        assert (quotes.latest, quotes.latest_of("MOEX:SBER")) == (None, None)

    @pytest.mark.parametrize("wrong", ["MOEX:LKOH", "MOEX:LKOH:TQBR", InstrumentId("SBER", "SPBX")])
    async def test_one_that_was_not_asked_for_is_refused_with_those_that_were(self, floor: Floor, wrong: Any) -> None:
        quotes = floor.alor.streams.quotes("MOEX:SBER", "MOEX:GAZP")
        with pytest.raises(InvalidArgument, match="MOEX:SBER, MOEX:GAZP"):
            quotes.latest_of(wrong)

    async def test_of_very_many_the_first_are_named(self, floor: Floor) -> None:
        quotes = floor.alor.streams.quotes(*(f"MOEX:I{number}" for number in range(500)))
        with pytest.raises(InvalidArgument, match=r"MOEX:I9, \.\.\.$"):
            quotes.latest_of("MOEX:SBER")

    async def test_a_portfolio_has_none(self, floor: Floor) -> None:
        with pytest.raises(InvalidArgument, match="use `latest`"):
            floor.alor.streams.orders(STOCKS).latest_of("MOEX:SBER")
