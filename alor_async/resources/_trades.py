"""`alor.account`, second part: own trades of today and of earlier days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from alor_async._contract import operations
from alor_async._policy.arguments import (
    MAX_ID,
    check_choice,
    check_count,
    check_flag,
    check_format,
    check_optional_count,
    check_since,
    check_text,
)
from alor_async._policy.paging import TradeWalk
from alor_async.errors import InvalidArgument
from alor_async.models.enums import Side
from alor_async.resources._base import Resource, TimeoutLike
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike, check_segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alor_async.config import RetryPolicy
    from alor_async.models import Trade
    from alor_async.values import Format

__all__ = ["TradesResource"]

TRADES_PER_REQUEST: Final = 1_000


class TradesResource(Resource):
    """Own trades of today and of earlier days; `alor.account` is built on it."""

    __slots__ = ()

    async def list_trades(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike | None = None,
        *,
        with_repo: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Trade]:
        """List the portfolio's own trades of the current session.

        Earlier sessions are in `list_trades_history`, which in turn never holds this one.

        Args:
            portfolio: The portfolio or its id.
            instrument: Only this instrument (and board, when the key has one); None for all.
            with_repo: Also repo trades; not together with `instrument`.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/trades and .../{symbol}/trades
        """
        account = Portfolio.of(portfolio)
        if instrument is None:
            request = operations.ACCOUNT_LIST_TRADES.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                with_repo=check_flag("with_repo", with_repo),
            )
            return await self._session.send(request, timeout, retries)
        if with_repo is not None:
            raise InvalidArgument("with_repo", "cannot be combined with instrument")
        key = InstrumentId.of(instrument)
        return await self._session.send(
            operations.ACCOUNT_LIST_TRADES_OF.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                symbol=key.symbol,
                board=key.board,
            ),
            timeout,
            retries,
        )

    async def list_trades_history(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike | None = None,
        *,
        symbol: str | None = None,
        board: str | None = None,
        date_from: date | datetime | None = None,
        from_trade_id: int | None = None,
        side: Side | None = None,
        limit: int | None = None,
        order_by_date: bool | None = None,
        descending: bool | None = None,
        with_repo: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Trade]:
        """List the portfolio's own trades of earlier sessions.

        The current session is in `list_trades`. To get all of a long history use `iter_trades_history`.

        Args:
            portfolio: The portfolio or its id.
            instrument: Only this instrument (and board, when the key has one); None for all.
            symbol: A filter by ticker, for bonds by ISIN too; not together with `instrument`.
            board: Only this board; not together with `instrument`, whose key can carry one.
            date_from: From this date (its 00:00:00 UTC) or aware datetime on.
            from_trade_id: From this trade on.
            side: Only buys or only sells.
            limit: How many at most, 1 to 1 000.
            order_by_date: Order by date instead of by trade id: needed for united portfolios, whose markets number
                their trades independently.
            descending: Newest (or highest id) first.
            with_repo: Also repo trades.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Stats/{exchange}/{portfolio}/history/trades and .../history/trades/{symbol}
        """
        account = Portfolio.of(portfolio)
        operation = operations.ACCOUNT_LIST_TRADES_HISTORY
        place: dict[str, object] = {
            "symbol": check_text("symbol", symbol),
            "board": None if board is None else check_segment("board", board),
        }
        if instrument is not None:
            if symbol is not None or board is not None:
                raise InvalidArgument("symbol" if board is None else "board", "cannot be combined with instrument")
            key = InstrumentId.of(instrument)
            operation = operations.ACCOUNT_LIST_TRADES_HISTORY_OF
            place = {"symbol": key.symbol, "board": key.board}
        place |= {
            "exchange": account.read_exchange,
            "portfolio": account.id,
            "date_from": check_since("date_from", date_from),
            "from_trade_id": check_optional_count("from_trade_id", from_trade_id, most=MAX_ID),
            "side": None if side is None else check_choice("side", side, Side),
            "limit": check_optional_count("limit", limit, least=1, most=TRADES_PER_REQUEST),
            "order_by_date": check_flag("order_by_date", order_by_date),
            "descending": check_flag("descending", descending),
            "with_repo": check_flag("with_repo", with_repo),
        }
        request = operation.request_with(place, format=check_format(format))
        return await self._session.send(request, timeout, retries)

    async def iter_trades_history(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike | None = None,
        *,
        date_from: date | datetime,
        symbol: str | None = None,
        board: str | None = None,
        side: Side | None = None,
        with_repo: bool | None = None,
        page_size: int = TRADES_PER_REQUEST,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> AsyncIterator[Trade]:
        """Walk over the portfolio's own trades of earlier sessions, oldest first, each once, with flat memory.

        A request is made when the trades of the one before it are used up. The walk goes by date, so it is right for
        united portfolios too.

        Args:
            portfolio: The portfolio or its id.
            instrument: Only this instrument (and board, when the key has one); None for all.
            date_from: From this date (its 00:00:00 UTC) or aware datetime on, cut to the second.
            symbol: A filter by ticker, for bonds by ISIN too; not together with `instrument`.
            board: Only this board; not together with `instrument`, whose key can carry one.
            side: Only buys or only sells.
            with_repo: Also repo trades.
            page_size: Trades a request, 2 to 1 000.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for each request, or all time-outs; None for the client's.
            retries: How to retry each request; None for the client's.

        Yields:
            Trades in the order of their dates.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent. Also when one second holds more trades than
                `page_size`, so that the walk cannot go on without losing some: raise `page_size`.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: A request failed.

        Contract: GET /md/v2/Stats/{exchange}/{portfolio}/history/trades and .../history/trades/{symbol}
        """
        page_size = check_count("page_size", page_size, least=2, most=TRADES_PER_REQUEST)
        walk = TradeWalk(_first_moment(date_from), page_size)
        while not walk.done:
            page = await self.list_trades_history(
                portfolio,
                instrument,
                symbol=symbol,
                board=board,
                date_from=walk.since,
                side=side,
                limit=page_size,
                order_by_date=True,
                descending=False,
                with_repo=with_repo,
                format=format,
                timeout=timeout,
                retries=retries,
            )
            for trade in walk.accept(page):
                yield trade


def _first_moment(since: date | datetime) -> datetime:
    check_since("date_from", since)
    if isinstance(since, datetime):
        return since.astimezone(UTC).replace(microsecond=0)
    return datetime(since.year, since.month, since.day, tzinfo=UTC)
