"""Everything about instruments and markets that needs no portfolio."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import SECOND, to_datetime
from alor_async.sandbox.core.directory import Directory
from alor_async.sandbox.core.entities import (
    BookSnapshot,
    CandlePage,
    CurrencyPair,
    Instrument,
    MarketTrade,
    MarketTradePage,
    Quote,
    RiskRatePage,
)
from alor_async.sandbox.core.enums import Market, Side
from alor_async.sandbox.core.market import InstrumentMarket
from alor_async.sandbox.core.queries import BarPage, bar_page, candle_page, session_trades, trade_history
from alor_async.sandbox.core.timeline import Timeline
from alor_async.sandbox.core.tops import DELAY_US


class MarketReads:
    """The public half of the exchange: time, instruments, market data. It changes nothing but the time.

    Reads raise `UnknownInstrument` for names that do not exist; those with `delayed=True` show the exchange as it was
    fifteen minutes ago.
    """

    def __init__(self, directory: Directory, timeline: Timeline, assumptions: Assumptions) -> None:
        """Read from a directory as time goes by."""
        self._assumptions = assumptions
        self._directory = directory
        self._timeline = timeline

    # -- time

    def advance(self) -> None:
        """Bring everything up to the clock: expiries, protection times, a new session. Every call above does it."""
        self._timeline.advance()

    def now(self, *, delayed: bool = False) -> datetime:
        """Exchange time, aware UTC."""
        return to_datetime(self._moment(delayed))

    def server_time(self, *, delayed: bool = False) -> int:
        """Exchange time in unix seconds."""
        return self._moment(delayed) // SECOND

    def _moment(self, delayed: bool) -> int:
        """The moment that a read shows; microseconds."""
        self.advance()
        return self._timeline.now_us - (DELAY_US if delayed else 0)

    def _market(self, exchange: str, symbol: str, board: str | None = None) -> InstrumentMarket:
        return self._directory.market(self._directory.find(exchange, symbol), board)

    def _instruments(self, found: list[InstrumentMarket], limit: int | None, offset: int) -> tuple[Instrument, ...]:
        chosen = found[offset : None if limit is None else offset + limit]
        return tuple(market.instrument(self._timeline.now_us) for market in chosen)

    @property
    def open_markets(self) -> tuple[InstrumentMarket, ...]:
        """The markets that anybody has looked at."""
        return self._directory.open_markets

    # -- instruments

    def search_instruments(
        self,
        query: str = "",
        *,
        exchange: str | None = None,
        board: str | None = None,
        sector: Market | None = None,
        cfi_code: str | None = None,
        include_non_base_boards: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Instrument, ...]:
        """Find instruments whose symbol, name or ISIN contains `query`, the most traded first."""
        self.advance()
        found = self._directory.search(
            query,
            exchange=exchange,
            board=board,
            market=sector,
            cfi_code=cfi_code,
            all_boards=include_non_base_boards,
        )
        return self._instruments(found, limit, offset)

    def list_instruments(
        self,
        exchange: str,
        *,
        market: Market | None = None,
        include_non_base_boards: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Instrument, ...]:
        """List the instruments of an exchange, the most traded first."""
        self.advance()
        found = self._directory.search(exchange=exchange, market=market, all_boards=include_non_base_boards)
        return self._instruments(found, limit, offset)

    def get_instrument(self, exchange: str, symbol: str, board: str | None = None) -> Instrument:
        """One instrument on its primary board, or on `board`."""
        self.advance()
        return self._market(exchange, symbol, board).instrument(self._timeline.now_us)

    def list_boards(self, exchange: str, symbol: str) -> tuple[str, ...]:
        """The boards of an instrument, the primary one first."""
        return self._directory.find(exchange, symbol).spec.all_boards

    def list_currency_pairs(self) -> tuple[CurrencyPair, ...]:
        """The pairs of the FX market."""
        return self._directory.currency_pairs()

    def list_risk_rates(
        self,
        *,
        exchange: str | None = None,
        ticker: str | None = None,
        risk_category_id: int | None = None,
        search: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> RiskRatePage:
        """Margin rates per instrument and client category. `search` is a prefix of symbol or ISIN."""
        return self._directory.risk_rates(
            exchange=exchange,
            ticker=ticker,
            risk_category_id=risk_category_id,
            search=search,
            limit=limit,
            offset=offset,
        )

    # -- market data

    def get_quote(self, exchange: str, symbol: str, *, delayed: bool = False) -> Quote:
        """The quotes of an instrument."""
        moment, market = self._moment(delayed), self._market(exchange, symbol)
        return market.quote(moment) if delayed else market.present_quote(moment)

    def get_futures_quote(self, exchange: str, symbol: str) -> Quote:
        """The quotes of the nearest future: `symbol` is a contract or its group (`Si`, `SBRF`)."""
        self.advance()
        return self._directory.market(self._directory.nearest_future(exchange, symbol)).quote(self._timeline.now_us)

    def get_book(self, exchange: str, symbol: str, *, board: str | None = None, depth: int = 20) -> BookSnapshot:
        """The best `depth` levels of both sides."""
        self.advance()
        return self._market(exchange, symbol, board).snapshot(depth, self._timeline.now_us)

    def get_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: str,
        *,
        start: int,
        end: int,
        board: str | None = None,
        count_back: int | None = None,
        untraded: bool = False,
        delayed: bool = False,
    ) -> CandlePage:
        """The candles that open in `[start, end]` (unix seconds, both included).

        `timeframe` is seconds as text, or `D`, `W`, `M`, `Y`, with an optional factor (`2W`, `3M`). `count_back` moves
        `start` back until the page holds this many candles, and is ignored when it already does. `untraded` matches the
        symbol exactly; otherwise the short name of a future will do.

        Raises:
            InvalidQuery: The time frame cannot be read, or the range is upside down.
        """
        return candle_page(
            self.get_bars(
                exchange,
                symbol,
                timeframe,
                start=start,
                end=end,
                board=board,
                count_back=count_back,
                untraded=untraded,
                delayed=delayed,
            )
        )

    def get_bars(
        self,
        exchange: str,
        symbol: str,
        timeframe: str,
        *,
        start: int,
        end: int,
        board: str | None = None,
        count_back: int | None = None,
        untraded: bool = False,
        delayed: bool = False,
    ) -> BarPage:
        """What `get_candles` answers, in ticks: for those who write very many of them."""
        until_us = self._moment(delayed)
        market = self._directory.market(self._directory.find(exchange, symbol, exactly=untraded), board)
        last = end - 1 if self._assumptions.candle_range_end == "excluded" and end > start else end
        return bar_page(market, timeframe, start, last, count_back, until_us)

    def list_market_trades(
        self,
        exchange: str,
        symbol: str,
        *,
        board: str | None = None,
        start: int | None = None,
        end: int | None = None,
        from_id: int | None = None,
        to_id: int | None = None,
        lots_from: int | None = None,
        lots_to: int | None = None,
        price_from: Decimal | None = None,
        price_to: Decimal | None = None,
        side: Side | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[MarketTrade, ...]:
        """The market trades of the current session, oldest first unless `descending`. Bounds are included."""
        self.advance()
        return session_trades(
            self._market(exchange, symbol, board),
            self._timeline.now_us,
            start=start,
            end=end,
            from_id=from_id,
            to_id=to_id,
            lots_from=lots_from,
            lots_to=lots_to,
            price_from=price_from,
            price_to=price_to,
            side=side,
            descending=descending,
            offset=offset,
            limit=limit,
        )

    def list_market_trades_history(
        self,
        exchange: str,
        symbol: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int,
        offset: int = 0,
        board: str | None = None,
    ) -> MarketTradePage:
        """The market trades of earlier days; they are kept for thirty days.

        Raises:
            InvalidQuery: A bound is not before today's midnight in Moscow, or `limit` is not in 1..50000.
        """
        self.advance()
        market = self._market(exchange, symbol, board)
        return trade_history(market, start, end, limit, offset, self._timeline.now_us)
