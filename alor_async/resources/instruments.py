"""`alor.instruments`: what can be traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alor_async._contract import operations
from alor_async._policy.arguments import check_count, check_flag, check_format, check_optional_count, check_text
from alor_async.resources._base import Resource, TimeoutLike
from alor_async.values import InstrumentId, InstrumentLike, check_segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alor_async.config import RetryPolicy
    from alor_async.models import CurrencyPair, Instrument, RiskRatePage
    from alor_async.values import Format

__all__ = ["InstrumentsResource"]

PAGE_SIZE: Final = 1_000


class InstrumentsResource(Resource):
    """Instruments, their boards, currency pairs and risk rates."""

    __slots__ = ()

    async def search(
        self,
        query: str | None = None,
        *,
        exchange: str | None = None,
        board: str | None = None,
        sector: str | None = None,
        cfi_code: str | None = None,
        include_non_base_boards: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Instrument]:
        """Search instruments by ticker or a part of it, most traded first.

        Args:
            query: A ticker or its beginning; None for all.
            exchange: `MOEX` or `SPBX`; None for both.
            board: Only this trading mode, such as `TQBR`.
            sector: Only this market: `FORTS` (derivatives), `FOND` (stocks and bonds) or `CURR` (currencies).
            cfi_code: Only instruments whose ISO 10962 code is this.
            include_non_base_boards: Also instruments on boards that are not their primary one.
            limit: How many at most, above zero; the broker's default is 25.
            offset: How many to skip.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The instruments; empty when nothing fits.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities
        """
        return await self._session.send(
            operations.INSTRUMENTS_SEARCH.request(
                format=check_format(format),
                query=check_text("query", query),
                exchange=None if exchange is None else check_segment("exchange", exchange),
                board=None if board is None else check_segment("board", board),
                sector=check_text("sector", sector),
                cfi_code=check_text("cfi_code", cfi_code),
                include_non_base_boards=check_flag("include_non_base_boards", include_non_base_boards),
                limit=check_optional_count("limit", limit, least=1),
                offset=check_optional_count("offset", offset),
            ),
            timeout,
            retries,
        )

    async def list_for(
        self,
        exchange: str,
        *,
        market: str | None = None,
        include_old: bool | None = None,
        include_non_base_boards: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Instrument]:
        """List the instruments of an exchange, most traded first.

        Without `limit` this is everything in one answer, 25 to 30 MB: prefer `iter_for`.

        Args:
            exchange: `MOEX` or `SPBX`.
            market: Only this market: `FORTS`, `FOND`, `CURR` or `SPBX`.
            include_old: Also delisted and expired instruments.
            include_non_base_boards: Also instruments on boards that are not their primary one.
            limit: How many at most, above zero; None for all.
            offset: How many to skip.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The instruments; empty when nothing fits.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}
        """
        return await self._session.send(
            operations.INSTRUMENTS_LIST_FOR.request(
                format=check_format(format),
                exchange=check_segment("exchange", exchange),
                market=check_text("market", market),
                include_old=check_flag("include_old", include_old),
                include_non_base_boards=check_flag("include_non_base_boards", include_non_base_boards),
                limit=check_optional_count("limit", limit, least=1),
                offset=check_optional_count("offset", offset),
            ),
            timeout,
            retries,
        )

    async def iter_for(
        self,
        exchange: str,
        *,
        market: str | None = None,
        include_old: bool | None = None,
        include_non_base_boards: bool | None = None,
        page_size: int = PAGE_SIZE,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> AsyncIterator[Instrument]:
        """Walk over the instruments of an exchange, page by page, with flat memory.

        A page is asked for when the one before it is used up. The list is ordered by the turnover of the day before,
        so it stands still during a day; an instrument that moves between two pages is given once.

        Args:
            exchange: `MOEX` or `SPBX`.
            market: Only this market: `FORTS`, `FOND`, `CURR` or `SPBX`.
            include_old: Also delisted and expired instruments.
            include_non_base_boards: Also instruments on boards that are not their primary one.
            page_size: Instruments a request, above zero.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for each request, or all time-outs; None for the client's.
            retries: How to retry each request; None for the client's.

        Yields:
            Instruments, most traded first.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: A request failed.

        Contract: GET /md/v2/Securities/{exchange}
        """
        page_size = check_count("page_size", page_size, least=1)
        offset = 0
        before: frozenset[InstrumentId] = frozenset()
        while True:
            page = await self.list_for(
                exchange,
                market=market,
                include_old=include_old,
                include_non_base_boards=include_non_base_boards,
                limit=page_size,
                offset=offset,
                format=format,
                timeout=timeout,
                retries=retries,
            )
            for instrument in page:
                if instrument.instrument_id not in before:
                    yield instrument
            if len(page) < page_size:
                return
            before = frozenset(instrument.instrument_id for instrument in page)
            offset += len(page)

    async def get(
        self,
        instrument: InstrumentLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> Instrument:
        """Get one instrument with its static data: lot, price step, limits, status.

        Args:
            instrument: Its key, or anything that carries one; without a board, the primary board.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.INSTRUMENTS_GET.request(
                format=check_format(format), exchange=key.exchange, symbol=key.symbol, board=key.board
            ),
            timeout,
            retries,
        )

    async def list_boards(
        self, instrument: InstrumentLike, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> list[str]:
        """List the boards (trading modes) of an instrument, such as `TQBR`.

        Args:
            instrument: Its key, or anything that carries one.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker knows no such instrument.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/{exchange}/{symbol}/availableBoards
        """
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.INSTRUMENTS_LIST_BOARDS.request(exchange=key.exchange, symbol=key.symbol), timeout, retries
        )

    async def list_currency_pairs(
        self, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> list[CurrencyPair]:
        """List the currency pairs, with the instrument that trades each.

        Args:
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/Securities/currencyPairs
        """
        return await self._session.send(operations.INSTRUMENTS_LIST_CURRENCY_PAIRS.request(), timeout, retries)

    async def list_risk_rates(
        self,
        risk_category_id: int,
        *,
        exchange: str | None = None,
        symbol: str | None = None,
        search: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> RiskRatePage:
        """List the risk rates of a client category: how much of a position's value is needed as margin.

        Args:
            risk_category_id: The category; a portfolio's own is in `account.get_risk(...).risk_category_id`.
            exchange: `MOEX` or `SPBX`; None for both.
            symbol: Only this instrument.
            search: Only tickers or ISINs that begin with this.
            limit: How many at most, above zero.
            offset: How many to skip.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            A page: the rates, and how many there are in all.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /md/v2/risk/rates
        """
        return await self._session.send(
            operations.INSTRUMENTS_LIST_RISK_RATES.request(
                risk_category_id=check_count("risk_category_id", risk_category_id),
                exchange=None if exchange is None else check_segment("exchange", exchange),
                symbol=check_text("symbol", symbol),
                search=check_text("search", search),
                limit=check_optional_count("limit", limit, least=1),
                offset=check_optional_count("offset", offset),
            ),
            timeout,
            retries,
        )
