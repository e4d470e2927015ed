"""`alor.account`: portfolios, positions, money, risk, orders and own trades, as the broker shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alor_async._contract import operations
from alor_async._policy.arguments import check_flag, check_format, check_order_id
from alor_async.resources._base import TimeoutLike
from alor_async.resources._trades import TradesResource
from alor_async.resources._watching import WatchResource
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike, check_segment

if TYPE_CHECKING:
    from alor_async.config import RetryPolicy
    from alor_async.models import FuturesRisk, Order, PortfolioRisk, Position, StopOrder, Summary
    from alor_async.values import Format

__all__ = ["AccountResource"]


class AccountResource(WatchResource, TradesResource):
    """Portfolios, positions, money, risk, orders and own trades, as the broker shows them."""

    __slots__ = ()

    async def get_summary(
        self,
        portfolio: PortfolioLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> Summary:
        """Get the portfolio's summary: buying power, valuation, today's profit.

        Args:
            portfolio: The portfolio or its id.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/summary
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_SUMMARY.request(
                format=check_format(format), exchange=account.read_exchange, portfolio=account.id
            ),
            timeout,
            retries,
        )

    async def list_positions(
        self,
        portfolio: PortfolioLike,
        *,
        without_currency: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Position]:
        """List the positions of a portfolio, money included unless told otherwise.

        A position that was closed today stays in the list with zero units.

        Args:
            portfolio: The portfolio or its id.
            without_currency: True: leave the money rows out.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/positions
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_LIST_POSITIONS.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                without_currency=check_flag("without_currency", without_currency),
            ),
            timeout,
            retries,
        )

    async def get_position(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> Position:
        """Get one position of a portfolio.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; the exchange in it is not used, the portfolio's is.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The portfolio holds no such position.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/positions/{symbol}
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_POSITION.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                symbol=InstrumentId.of(instrument).symbol,
            ),
            timeout,
            retries,
        )

    async def list_positions_by_login(
        self,
        login: str,
        *,
        without_currency: bool | None = None,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Position]:
        """List the positions of all portfolios of a login.

        Args:
            login: The trading login; `(await alor.get_claims()).login` tells it.
            without_currency: True: leave the money rows out.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{login}/positions
        """
        return await self._session.send(
            operations.ACCOUNT_LIST_POSITIONS_BY_LOGIN.request(
                format=check_format(format),
                login=check_segment("login", login),
                without_currency=check_flag("without_currency", without_currency),
            ),
            timeout,
            retries,
        )

    async def get_risk(
        self,
        portfolio: PortfolioLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> PortfolioRisk:
        """Get the portfolio's risk: margins, coverage, the state of the margin call.

        Args:
            portfolio: The portfolio or its id.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/risk
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_RISK.request(
                format=check_format(format), exchange=account.read_exchange, portfolio=account.id
            ),
            timeout,
            retries,
        )

    async def get_futures_risk(
        self,
        portfolio: PortfolioLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> FuturesRisk:
        """Get the money of a derivatives portfolio: free, blocked, variation margin.

        Args:
            portfolio: The portfolio or its id, such as `7500GHC`.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/fortsrisk
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_FUTURES_RISK.request(
                format=check_format(format), exchange=account.read_exchange, portfolio=account.id
            ),
            timeout,
            retries,
        )

    async def list_orders(
        self,
        portfolio: PortfolioLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[Order]:
        """List today's exchange orders of a portfolio, in every status.

        Orders of earlier days are not kept here. Some servers answer 404 when there are none: that is `NotFound`.

        Args:
            portfolio: The portfolio or its id.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: The broker shows nothing for this portfolio.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/orders
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_LIST_ORDERS.request(
                format=check_format(format), exchange=account.read_exchange, portfolio=account.id
            ),
            timeout,
            retries,
        )

    async def get_order(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> Order:
        """Get one of today's exchange orders.

        Args:
            portfolio: The portfolio or its id.
            order_id: The order's number, 1 to 19 digits.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: No such order today.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/orders/{orderId}
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_ORDER.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                order_id=check_order_id(order_id),
            ),
            timeout,
            retries,
        )

    async def list_stop_orders(
        self,
        portfolio: PortfolioLike,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[StopOrder]:
        """List the conditional orders of a portfolio, until they are done.

        Args:
            portfolio: The portfolio or its id.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/stoporders
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_LIST_STOP_ORDERS.request(
                format=check_format(format), exchange=account.read_exchange, portfolio=account.id
            ),
            timeout,
            retries,
        )

    async def get_stop_order(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        *,
        format: Format | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> StopOrder:
        """Get one conditional order.

        Args:
            portfolio: The portfolio or its id.
            order_id: The conditional order's number, 1 to 19 digits; it is no exchange order's number.
            format: Wire format; the result is the same, fields that it lacks are None.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            NotFound: No such conditional order.
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: GET /md/v2/Clients/{exchange}/{portfolio}/stoporders/{orderId}
        """
        account = Portfolio.of(portfolio)
        return await self._session.send(
            operations.ACCOUNT_GET_STOP_ORDER.request(
                format=check_format(format),
                exchange=account.read_exchange,
                portfolio=account.id,
                order_id=check_order_id(order_id),
            ),
            timeout,
            retries,
        )
