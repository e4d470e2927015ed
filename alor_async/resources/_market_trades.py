"""`alor.market_data`, second part: the anonymous trades of the market."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from alor_async._contract import operations
from alor_async._policy.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_format,
    check_optional_count,
    check_optional_price,
    check_optional_time,
    check_range,
    check_time,
)
from alor_async._policy.paging import MoscowDays
from alor_async.models.enums import Side
from alor_async.resources._base import Resource, TimeoutLike
from alor_async.values import InstrumentId, InstrumentLike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from decimal import Decimal

    from alor_async.config import RetryPolicy
    from alor_async.models import MarketTrade, MarketTradePage
    from alor_async.values import Format

__all__ = ["MarketTradesResource"]

TRADES_PER_REQUEST: Final = 50_000


class MarketTradesResource(Resource):
    """The anonymous trades of the market; `alor.market_data` is built on it."""

    __slots__ = ()

    async def list_market_trades(
        self,
        instrument: InstrumentLike,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        from_trade_id: int | None = None,
        to_trade_id: int | None = None,
        min_lots: int | None = None,
        max_lots: int | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        side: Side | None = None,
        limit: int | None = None,
        offset: int | None = None,
        descending: bool | None = None,
        include_virtual_trades: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[MarketTrade]:
        """List today's anonymous trades of an instrument.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            start: From this time on; aware, cut to the second.
            end: Until this time; aware, cut to the second.
            from_trade_id: From this trade on.
            to_trade_id: Until this trade.
            min_lots: Only trades of at least this many lots.
            max_lots: Only trades of at most this many lots.
            min_price: Only trades at this price or higher.
            max_price: Only trades at this price or lower.
            side: Only trades whose later order had this side.
            limit: How many at most, above zero.
            offset: How many to skip.
            descending: Newest first.
            include_virtual_trades: Also the indicative trades of the St Petersburg exchange.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}/alltrades
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.MARKET_DATA_LIST_MARKET_TRADES.request(
                format=check_format(format),
                exchange=key.exchange,
                symbol=key.symbol,
                board=key.board,
                start=check_optional_time("start", start),
                end=check_optional_time("end", end),
                from_trade_id=check_optional_count("from_trade_id", from_trade_id, most=2**63 - 1),
                to_trade_id=check_optional_count("to_trade_id", to_trade_id, most=2**63 - 1),
                min_lots=check_optional_count("min_lots", min_lots),
                max_lots=check_optional_count("max_lots", max_lots),
                min_price=check_optional_price(min_price, "min_price"),
                max_price=check_optional_price(max_price, "max_price"),
                side=None if side is None else check_choice("side", side, Side),
                limit=check_optional_count("limit", limit, least=1),
                offset=check_optional_count("offset", offset),
                descending=check_flag("descending", descending),
                include_virtual_trades=check_flag("include_virtual_trades", include_virtual_trades),
            ),
            timeout,
            retries,
        )

    async def list_market_trades_history(
        self,
        instrument: InstrumentLike,
        *,
        limit: int,
        start: datetime | None = None,
        end: datetime | None = None,
        offset: int | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> MarketTradePage:
        """List anonymous trades of earlier days; about the last 30 are kept.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            limit: How many at most, 1 to 50 000.
            start: From this time on; aware, cut to the second, before today's midnight in Moscow.
            end: Until this time; aware, cut to the second, before today's midnight in Moscow.
            offset: How many to skip.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            A page: the trades, and how many there are in all.

        Raises:
            BadRequest: The range reaches into today.
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}/alltrades/history
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.MARKET_DATA_LIST_MARKET_TRADES_HISTORY.request(
                format=check_format(format),
                exchange=key.exchange,
                symbol=key.symbol,
                board=key.board,
                start=check_optional_time("start", start),
                end=check_optional_time("end", end),
                limit=check_count("limit", limit, least=1, most=TRADES_PER_REQUEST),
                offset=check_optional_count("offset", offset),
            ),
            timeout,
            retries,
        )

    async def iter_market_trades(
        self,
        instrument: InstrumentLike,
        *,
        start: datetime,
        end: datetime,
        page_size: int = TRADES_PER_REQUEST,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> AsyncIterator[MarketTrade]:
        """Walk over the anonymous trades of a range, oldest first, each once: earlier days first, then today.

        A request is made when the trades of the one before it are used up. Days are Moscow days, by this machine's
        clock; trades that happen while today is walked over are given too, up to `end`.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            start: From this time on; aware, cut to the second; about the last 30 days are kept.
            end: Up to but not including this time; aware, cut to the second, not before `start`.
            page_size: Trades a request, 1 to 50 000.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for each request, or all time-outs; None for the client's.
            retries: How to retry each request; None for the client's.

        Yields:
            Trades in the order of their times.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: A request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}/alltrades/history and .../alltrades
        """
        key = InstrumentId.of(instrument)
        check_range(check_time("start", start), check_time("end", end))
        check_count("page_size", page_size, least=1, most=TRADES_PER_REQUEST)
        days = MoscowDays(start, end, now=datetime.now(UTC))
        for day in days.earlier():
            async for trade in self._iter_earlier_day(key, *day, page_size, format, timeout, retries):
                yield trade
        if (today := days.today()) is not None:
            async for trade in self._iter_today(key, *today, page_size, format, timeout, retries):
                yield trade

    async def _iter_earlier_day(
        self,
        key: InstrumentId,
        start: datetime,
        end: datetime,
        last_allowed: datetime,
        page_size: int,
        format: Format | None,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
    ) -> AsyncIterator[MarketTrade]:
        offset = 0
        first, last = check_time("start", start) * 1000, check_time("end", end) * 1000
        while True:
            page = await self.list_market_trades_history(
                key,
                limit=page_size,
                start=start,
                end=min(end, last_allowed),
                offset=offset,
                format=format,
                timeout=timeout,
                retries=retries,
            )
            for trade in page.trades:
                if first <= trade.timestamp_ms < last:
                    yield trade
            offset += len(page.trades)
            # A server may cap pages below what was asked for, so a short page is the last one only if it says so.
            if not page.trades or (len(page.trades) < page_size and offset >= (page.total or 0)):
                return

    async def _iter_today(
        self,
        key: InstrumentId,
        start: datetime,
        end: datetime,
        page_size: int,
        format: Format | None,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
    ) -> AsyncIterator[MarketTrade]:
        last = check_time("end", end) * 1000
        next_id: int | None = None
        longest = 0
        while True:
            page = await self.list_market_trades(
                key,
                start=start,
                end=end,
                from_trade_id=next_id,
                limit=page_size,
                descending=False,
                format=format,
                timeout=timeout,
                retries=retries,
            )
            for trade in page:
                if trade.timestamp_ms < last:
                    yield trade
            # A server may cap pages below what was asked for: the last page is empty or shorter than another.
            if not page or len(page) < longest:
                return
            longest = len(page)
            next_id = max(trade.trade_id for trade in page) + 1
