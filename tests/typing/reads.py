"""What reads give, as a type checker sees it. Checked, never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import assert_type

from alor_async import (
    AsyncAlor,
    BookLevel,
    Candle,
    CandlePage,
    Claims,
    Format,
    FuturesQuote,
    FuturesRisk,
    Instrument,
    InstrumentId,
    MarketTrade,
    MarketTradePage,
    Order,
    OrderBook,
    Portfolio,
    PortfolioRisk,
    Position,
    Quote,
    RetryPolicy,
    RiskRatePage,
    Side,
    StopOrder,
    Summary,
    Timeframe,
    Timeouts,
    Trade,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


async def market_data(alor: AsyncAlor) -> None:
    assert_type(await alor.get_server_time(), datetime)
    quote = await alor.market_data.get_quote("MOEX:SBER")
    assert_type(quote, Quote)
    assert_type(quote.last_price, Decimal | None)
    assert_type(quote.instrument_id, InstrumentId)
    assert_type(await alor.market_data.get_quotes(["MOEX:SBER", quote, quote.instrument_id]), list[Quote])
    book = await alor.market_data.get_order_book(quote, depth=10)
    assert_type(book, OrderBook)
    assert_type(book.bids, tuple[BookLevel, ...])
    assert_type(book.bids[0].price, Decimal)
    assert_type(book.bids[0].lots, int)
    assert_type(await alor.market_data.get_futures_quote("MOEX:SBRF"), FuturesQuote)
    page = await alor.market_data.get_candles("MOEX:SBER", Timeframe.DAY, start=START, end=START + timedelta(days=5))
    assert_type(page, CandlePage)
    assert_type(page.candles, tuple[Candle, ...])
    assert_type(page.candles[0].time, datetime)
    async for candle in alor.market_data.iter_candles("MOEX:SBER", 60, start=START, end=START):
        assert_type(candle, Candle)
        assert_type(candle.close, Decimal)
        assert_type(candle.volume, int)
    assert_type(await alor.market_data.list_market_trades("MOEX:SBER", limit=10), list[MarketTrade])
    assert_type(await alor.market_data.list_market_trades_history("MOEX:SBER", limit=10), MarketTradePage)
    async for trade in alor.market_data.iter_market_trades("MOEX:SBER", start=START, end=START):
        assert_type(trade, MarketTrade)
        assert_type(trade.trade_id, int)


async def instruments(alor: AsyncAlor) -> None:
    found = await alor.instruments.search("SBER")
    assert_type(found, list[Instrument])
    assert_type(await alor.instruments.get(found[0]), Instrument)
    assert_type(await alor.instruments.list_boards("MOEX:SBER"), list[str])
    assert_type(await alor.instruments.list_risk_rates(risk_category_id=1), RiskRatePage)
    async for instrument in alor.instruments.iter_for("MOEX"):
        assert_type(instrument, Instrument)


async def account(alor: AsyncAlor) -> None:
    assert_type(await alor.get_claims(), Claims)
    portfolios = await alor.list_portfolios()
    assert_type(portfolios, tuple[Portfolio, ...])
    mine = portfolios[0]
    assert_type(await alor.account.get_summary(mine), Summary)
    positions = await alor.account.list_positions("D39004", format=Format.SLIM)
    assert_type(positions, list[Position])
    assert_type(positions[0].units, Decimal)
    assert_type(await alor.account.get_position(mine, "MOEX:SBER"), Position)
    assert_type(await alor.account.get_risk(mine, timeout=2), PortfolioRisk)
    assert_type(await alor.account.get_futures_risk(mine, timeout=Timeouts(total=2)), FuturesRisk)
    orders = await alor.account.list_orders(mine, retries=RetryPolicy(attempts=1))
    assert_type(orders, list[Order])
    assert_type(orders[0].order_id, str)
    assert_type(orders[0].expires_at, datetime | None)
    assert_type(orders[0].side, Side)
    assert_type(await alor.account.get_order(mine, "61270448139"), Order)
    assert_type(await alor.account.list_stop_orders(mine), list[StopOrder])
    assert_type(await alor.account.get_stop_order(mine, "7"), StopOrder)
    assert_type(await alor.account.list_trades(mine), list[Trade])
    async for trade in alor.account.iter_trades_history(mine, date_from=START):
        assert_type(trade, Trade)


def plain_values(quote: Quote) -> None:
    assert_type(quote.to_dict(), dict[str, object])
    assert_type(quote.to_json(), bytes)
