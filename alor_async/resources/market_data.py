"""`alor.market_data`: quotes, order books, candles and trades of the market."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from alor_async._contract import operations
from alor_async._http.request import PathList
from alor_async._policy.arguments import (
    check_count,
    check_flag,
    check_format,
    check_not_empty,
    check_optional_count,
    check_range,
    check_time,
)
from alor_async._policy.paging import CandleWindows
from alor_async.errors import NotFound
from alor_async.resources._market_trades import MarketTradesResource
from alor_async.values import InstrumentId, InstrumentLike, Timeframe, TimeframeLike

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from alor_async.config import RetryPolicy
    from alor_async.models import Candle, CandlePage, FuturesQuote, OrderBook, Quote
    from alor_async.resources._base import TimeoutLike
    from alor_async.values import Format

__all__ = ["MarketDataResource"]

QUOTES_PER_REQUEST: Final = 100
CANDLES_PER_REQUEST: Final = 2_500


class MarketDataResource(MarketTradesResource):
    """Quotes, order books, candles and trades of the market."""

    __slots__ = ()

    async def get_quote(
        self,
        instrument: InstrumentLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> Quote:
        """Get the quote of one instrument: last price, best bid and ask, the day's range and volume.

        Args:
            instrument: Its key, or anything that carries one.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker knows no such instrument (its list came back empty).
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{symbols}/quotes
        """
        quotes = await self._get_quotes([_quote_key(instrument)], format, timeout, retries)
        if not quotes:
            operation = operations.MARKET_DATA_GET_QUOTES.name
            raise NotFound("the broker knows no such instrument", status=200, operation=operation)
        return quotes[0]

    async def get_quotes(
        self,
        instruments: Iterable[InstrumentLike],
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Quote]:
        """Get the quotes of any number of instruments.

        A long list is split into requests of 100, which run at the same time within the client's limits. If one of
        them fails, the others are cancelled and its error is raised.

        Args:
            instruments: Their keys, or anything that carries one; at least one.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for each request, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            One quote for each instrument that the broker knows, in the broker's order within each hundred.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: A request failed.

        Contract: GET /md/v2/Securities/{symbols}/quotes
        """
        keys = [_quote_key(instrument) for instrument in instruments]
        check_not_empty("instruments", keys)
        parts = [keys[start : start + QUOTES_PER_REQUEST] for start in range(0, len(keys), QUOTES_PER_REQUEST)]
        if len(parts) == 1:
            return await self._get_quotes(keys, format, timeout, retries)
        tasks: list[asyncio.Task[list[Quote]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, part in enumerate(parts):
                    call = self._get_quotes(part, format, timeout, retries)
                    tasks.append(group.create_task(call, name=f"alor-get-quotes-{number}"))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [quote for task in tasks for quote in task.result()]

    async def _get_quotes(
        self, keys: list[str], format: Format | None, timeout: TimeoutLike | None, retries: RetryPolicy | None
    ) -> list[Quote]:
        request = operations.MARKET_DATA_GET_QUOTES.request(format=check_format(format), symbols=PathList(keys))
        return await self._session.send(request, timeout, retries)

    async def get_order_book(
        self,
        instrument: InstrumentLike,
        *,
        depth: int | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderBook:
        """Get the order book: bids and asks with their volumes in lots, best first.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            depth: Levels a side, 1 to 50; the broker's default is 20.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/orderbooks/{exchange}/{symbol}
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.MARKET_DATA_GET_ORDER_BOOK.request(
                format=check_format(format),
                exchange=key.exchange,
                symbol=key.symbol,
                board=key.board,
                depth=check_optional_count("depth", depth, least=1, most=50),
            ),
            timeout,
            retries,
        )

    async def get_futures_quote(
        self,
        instrument: InstrumentLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> FuturesQuote:
        """Get the quote of the futures contract that is nearest to its expiry.

        Args:
            instrument: The base code without the expiry, such as `"MOEX:SI"` or `"MOEX:SBRF"`.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker knows no such contract.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}/actualFuturesQuote
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.MARKET_DATA_GET_FUTURES_QUOTE.request(
                format=check_format(format), exchange=key.exchange, symbol=key.symbol
            ),
            timeout,
            retries,
        )

    async def get_candles(
        self,
        instrument: InstrumentLike,
        timeframe: TimeframeLike,
        *,
        start: datetime,
        end: datetime,
        count_back: int | None = None,
        untraded: bool | None = None,
        split_adjust: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> CandlePage:
        """Get candles of a range in one request. For a long range prefer `iter_candles`.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            timeframe: The candles' length: a Timeframe, seconds, a timedelta, or `"D"`, `"W"`, `"M"`, `"Y"`.
            start: From this open time on; aware, cut to the second.
            end: Until this open time; aware, cut to the second, not before `start`.
            count_back: When the range holds fewer candles, the broker moves `start` back until there are this many.
            untraded: True: only this very ticker, expired instruments too. False: short names fit as well.
            split_adjust: Whether prices are adjusted for splits; the broker's default is True.
            format: Wire format; the result is the same.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The candles, oldest first, and the times of the neighbours outside of the range.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/history
        """
        first, last = check_time("start", start), check_time("end", end)
        check_range(first, last)
        return await self._get_candles(
            InstrumentId.of(instrument),
            Timeframe.of(timeframe),
            first,
            last,
            count_back=check_optional_count("count_back", count_back, least=1),
            untraded=check_flag("untraded", untraded),
            split_adjust=check_flag("split_adjust", split_adjust),
            format=check_format(format),
            timeout=timeout,
            retries=retries,
        )

    async def _get_candles(
        self,
        key: InstrumentId,
        timeframe: Timeframe,
        start: int,
        end: int,
        *,
        count_back: int | None,
        untraded: bool | None,
        split_adjust: bool | None,
        format: Format | None,
        timeout: TimeoutLike | None,
        retries: RetryPolicy | None,
    ) -> CandlePage:
        return await self._session.send(
            operations.MARKET_DATA_GET_CANDLES.request(
                format=format,
                symbol=key.symbol,
                exchange=key.exchange,
                board=key.board,
                timeframe=timeframe.wire,
                start=start,
                end=end,
                count_back=count_back,
                untraded=untraded,
                split_adjust=split_adjust,
            ),
            timeout,
            retries,
        )

    async def iter_candles(
        self,
        instrument: InstrumentLike,
        timeframe: TimeframeLike,
        *,
        start: datetime,
        end: datetime,
        page_size: int = CANDLES_PER_REQUEST,
        untraded: bool | None = None,
        split_adjust: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> AsyncIterator[Candle]:
        """Walk over the candles of any range, oldest first, each once, with flat memory.

        A request is made when the candles of the one before it are used up. Ranges without candles are skipped.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            timeframe: The candles' length: a Timeframe, seconds, a timedelta, or `"D"`, `"W"`, `"M"`, `"Y"`.
            start: From this open time on; aware, cut to the second.
            end: Up to but not including this open time; aware, cut to the second, not before `start`.
            page_size: How many candles' time a request spans, above zero.
            untraded: True: only this very ticker, expired instruments too. False: short names fit as well.
            split_adjust: Whether prices are adjusted for splits; the broker's default is True.
            format: Wire format; the result is the same.
            timeout: Seconds for each request, or all time-outs; None for the client's.
            retries: How to retry each request; None for the client's.

        Yields:
            Candles in the order of their open times.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: A request failed.

        Contract: GET /md/v2/history
        """
        key, frame = InstrumentId.of(instrument), Timeframe.of(timeframe)
        windows = CandleWindows(
            check_time("start", start),
            check_time("end", end),
            frame.nominal_seconds * check_count("page_size", page_size, least=1),
        )
        while (window := windows.current) is not None:
            page = await self._get_candles(
                key,
                frame,
                *window,
                count_back=None,
                untraded=check_flag("untraded", untraded),
                split_adjust=check_flag("split_adjust", split_adjust),
                format=check_format(format),
                timeout=timeout,
                retries=retries,
            )
            for candle in windows.accept(page):
                yield candle


def _quote_key(instrument: InstrumentLike) -> str:
    key = InstrumentId.of(instrument)
    return f"{key.exchange}:{key.symbol}"
