"""`alor.orders`: commands on exchange orders, and what an order would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from alor_async._contract import bodies, operations
from alor_async._orders.intent import OrderAck, Verb
from alor_async._policy.arguments import (
    check_choice,
    check_comment,
    check_lots,
    check_not_empty,
    check_optional_choice,
    check_optional_count,
    check_switch,
)
from alor_async.models import Order
from alor_async.models.enums import Side, TimeInForce
from alor_async.resources._commands import (
    Commands,
    body_instrument,
    body_owner,
    price_on_step,
    remaining_lots,
    replaced,
)
from alor_async.resources._estimates import EstimateRequest
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from uuid import UUID

    from alor_async.config import RetryPolicy
    from alor_async.models import OrderEstimate
    from alor_async.resources._base import TimeoutLike


__all__ = ["OrdersResource"]


class OrdersResource(Commands):
    """Place, replace and cancel exchange orders; estimate them before."""

    __slots__ = ()

    async def place_market(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Place a market order.

        Returning means that the broker accepted the command, not that it traded: follow the order for its fills.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; without a board, the primary board.
            side: Buy or sell.
            lots: How many lots, greater than zero.
            time_in_force: What becomes of a part that finds no counterpart; None for the broker's default.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            comment: Your text, at most 100 characters; it comes back on the order.
            request_id: Idempotency key (X-REQID): a UUID or visible ASCII. Pass your own to repeat the call safely;
                otherwise one is made, and is on the answer and on every error about the outcome.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The order's number and the request id, and whether this is the answer to an earlier call with that id.

        Raises:
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/actions/market
        """
        account, key = Portfolio.of(portfolio), InstrumentId.of(instrument)
        return await self._send(
            operations.ORDERS_PLACE_MARKET,
            Verb.PLACE,
            key,
            bodies.MarketOrderBody(
                side=check_choice("side", side, Side),
                instrument=body_instrument(key),
                user=body_owner(account),
                lots=check_lots(lots),
                time_in_force=check_optional_choice("time_in_force", time_in_force, TimeInForce),
                allow_margin=check_switch("allow_margin", allow_margin),
                comment=check_comment(comment),
            ),
            request_id,
            timeout,
            retries,
        )

    async def place_limit(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        iceberg_lots: int | None = None,
        iceberg_variance_percent: int | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Place a limit order.

        Returning means that the broker accepted the command, not that it traded: follow the order for its fills.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; without a board, the primary board.
            side: Buy or sell.
            lots: How many lots, greater than zero.
            price: Exact, in the instrument's currency (percent of face value for bonds, points for futures), a multiple
                of its price step.
            time_in_force: How long it works; None for the broker's default, the end of the day.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            comment: Your text, at most 100 characters; it comes back on the order.
            iceberg_lots: Show only this many lots at a time; None shows all.
            iceberg_variance_percent: Vary the shown part by up to this much, 0 to 100; derivatives only.
            request_id: Idempotency key (X-REQID): a UUID or visible ASCII. Pass your own to repeat the call safely;
                otherwise one is made, and is on the answer and on every error about the outcome.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The order's number and the request id, and whether this is the answer to an earlier call with that id.

        Raises:
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/actions/limit
        """
        account, key = Portfolio.of(portfolio), InstrumentId.of(instrument)
        return await self._send(
            operations.ORDERS_PLACE_LIMIT,
            Verb.PLACE,
            key,
            bodies.LimitOrderBody(
                side=check_choice("side", side, Side),
                instrument=body_instrument(key),
                user=body_owner(account),
                lots=check_lots(lots),
                price=price_on_step(price, instrument),
                time_in_force=check_optional_choice("time_in_force", time_in_force, TimeInForce),
                allow_margin=check_switch("allow_margin", allow_margin),
                comment=check_comment(comment),
                iceberg_lots=check_optional_count("iceberg_lots", iceberg_lots, least=1),
                iceberg_variance_percent=check_optional_count(
                    "iceberg_variance_percent", iceberg_variance_percent, most=100
                ),
            ),
            request_id,
            timeout,
            retries,
        )

    @overload
    async def replace_market(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    @overload
    async def replace_market(
        self,
        portfolio: Order,
        *,
        lots: int | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    async def replace_market(
        self,
        portfolio: PortfolioLike | Order,
        order_id: str | None = None,
        instrument: InstrumentLike | None = None,
        side: Side | None = None,
        *,
        lots: int | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Replace a working order by a market order.

        The broker cancels the order and places a new one with a new number and a new place in the queue.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id; or the Order itself, which then says everything that is not given:
                its instrument, side, comment, and the lots that are not filled yet.
            order_id: The order's number; not beside an Order.
            instrument: The order's instrument; not beside an Order.
            side: The order's side; not beside an Order. Derivatives orders keep theirs, whatever is sent.
            lots: How many lots, greater than zero.
            time_in_force: What becomes of a part that finds no counterpart; None for the broker's default.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            comment: Your text, at most 100 characters; it comes back on the order.
            request_id: Idempotency key (X-REQID): a UUID or visible ASCII. Pass your own to repeat the call safely;
                otherwise one is made, and is on the answer and on every error about the outcome.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The new order's number and the request id, and whether this is the answer to an earlier call.

        Raises:
            OrderNotWorking: The order is filled, cancelled or unknown. Nothing was changed.
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: PUT /commandapi/warptrans/TRADE/v2/client/orders/actions/market/{orderId}
        """
        target = replaced(portfolio, order_id, instrument, side, kind=Order)
        if isinstance(portfolio, Order):
            lots = remaining_lots(portfolio) if lots is None else lots
            comment = portfolio.comment if comment is None else comment
        return await self._send(
            operations.ORDERS_REPLACE_MARKET,
            Verb.REPLACE,
            target.key,
            bodies.MarketOrderBody(
                side=target.side,
                instrument=body_instrument(target.key),
                user=body_owner(target.account),
                lots=check_lots(lots),
                time_in_force=check_optional_choice("time_in_force", time_in_force, TimeInForce),
                allow_margin=check_switch("allow_margin", allow_margin),
                comment=check_comment(comment),
            ),
            request_id,
            timeout,
            retries,
            order_id=target.order_id,
        )

    @overload
    async def replace_limit(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        allow_margin: bool = False,
        comment: str | None = None,
        iceberg_lots: int | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    @overload
    async def replace_limit(
        self,
        portfolio: Order,
        *,
        lots: int | None = None,
        price: Decimal | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        iceberg_lots: int | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    async def replace_limit(
        self,
        portfolio: PortfolioLike | Order,
        order_id: str | None = None,
        instrument: InstrumentLike | None = None,
        side: Side | None = None,
        *,
        lots: int | None = None,
        price: Decimal | None = None,
        allow_margin: bool = False,
        comment: str | None = None,
        iceberg_lots: int | None = None,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Replace a working limit order: another price, another quantity.

        The broker cancels the order and places a new one with a new number and a new place in the queue.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id; or the Order itself, which then says everything that is not given:
                its instrument, side, comment, price, the shown part of an iceberg, and the lots that
                are not filled yet.
            order_id: The order's number; not beside an Order.
            instrument: The order's instrument; not beside an Order.
            side: The order's side; not beside an Order. Derivatives orders keep theirs, whatever is sent.
            lots: How many lots, greater than zero.
            price: Exact, in the instrument's currency (percent of face value for bonds, points for futures), a multiple
                of its price step.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            comment: Your text, at most 100 characters; it comes back on the order.
            iceberg_lots: Show only this many lots at a time; None shows all.
            request_id: Idempotency key (X-REQID): a UUID or visible ASCII. Pass your own to repeat the call safely;
                otherwise one is made, and is on the answer and on every error about the outcome.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The new order's number and the request id, and whether this is the answer to an earlier call.

        Raises:
            OrderNotWorking: The order is filled, cancelled or unknown. Nothing was changed.
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: PUT /commandapi/warptrans/TRADE/v2/client/orders/actions/limit/{orderId}
        """
        target = replaced(portfolio, order_id, instrument, side, kind=Order)
        if isinstance(portfolio, Order):
            lots = remaining_lots(portfolio) if lots is None else lots
            price = portfolio.price if price is None else price
            comment = portfolio.comment if comment is None else comment
            if iceberg_lots is None and portfolio.iceberg is not None:
                iceberg_lots = portfolio.iceberg.fixed_lots
        return await self._send(
            operations.ORDERS_REPLACE_LIMIT,
            Verb.REPLACE,
            target.key,
            bodies.LimitOrderReplacementBody(
                side=target.side,
                instrument=body_instrument(target.key),
                user=body_owner(target.account),
                lots=check_lots(lots),
                price=price_on_step(price, instrument),
                allow_margin=check_switch("allow_margin", allow_margin),
                comment=check_comment(comment),
                iceberg_lots=check_optional_count("iceberg_lots", iceberg_lots, least=1),
            ),
            request_id,
            timeout,
            retries,
            order_id=target.order_id,
        )

    async def cancel(
        self,
        portfolio: PortfolioLike | Order,
        order_id: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Cancel one exchange order.

        Sent at most once. After a lost answer it may be sent again by hand: cancelling twice does no harm.

        Args:
            portfolio: The portfolio or its id; or the Order itself.
            order_id: The order's number, 1 to 19 digits; not beside an Order.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The cancelled order's number. The part that was filled before stays filled.

        Raises:
            OrderNotWorking: The order is filled, cancelled or unknown. Nothing was changed.
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: DELETE /commandapi/warptrans/TRADE/v2/client/orders/{orderId}
        """
        return await self._cancel(
            operations.ORDERS_CANCEL, portfolio, order_id, stop=False, timeout=timeout, retries=retries
        )

    async def cancel_all(
        self,
        portfolio: PortfolioLike,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> bool:
        """Cancel all working exchange orders (conditional ones stay) of a portfolio.

        Sent at most once, whatever `retries` says: a second one could cancel orders that were placed in between.

        Args:
            portfolio: The portfolio or its id; its exchange decides where orders are cancelled.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            True when the broker cancelled, False when it says that there was nothing to cancel.

        Raises:
            OrderRejected: The broker said no. Nothing is working because of this command.
            OrderOutcomeUnknown: The answer was lost, or proves nothing: the command may have been carried out.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: DELETE /commandapi/warptrans/TRADE/v2/client/orders/all
        """
        return await self._cancel_all(
            operations.ORDERS_CANCEL_ALL, portfolio, stop=False, timeout=timeout, retries=retries
        )

    async def estimate(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        *,
        price: Decimal | None = None,
        lots: int | None = None,
        budget: Decimal | None = None,
        include_limit_orders: bool | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderEstimate:
        """Estimate an order: its value, its commission, and how many lots could be bought or sold at most.

        A read: nothing is placed or blocked.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; without a board, the primary board.
            price: The order's price; None for the market's.
            lots: How many lots; not together with `budget`.
            budget: How much money to spend on a purchase; not together with `lots`.
            include_limit_orders: Whether working limit orders count as done.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold this portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/estimate
        """
        wanted = EstimateRequest(
            portfolio=Portfolio.of(portfolio),
            instrument=InstrumentId.of(instrument),
            price=price,
            lots=lots,
            budget=budget,
            include_limit_orders=include_limit_orders,
        )
        request = operations.ORDERS_ESTIMATE.request(body=bodies.encode(wanted.to_body()))
        return await self._session.send(request, timeout, retries)

    async def estimate_all(
        self,
        requests: Iterable[EstimateRequest],
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> list[OrderEstimate]:
        """Estimate several orders in one request; see `estimate`.

        Args:
            requests: The orders, at least one.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            InvalidArgument: An argument is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            Forbidden: The token does not hold a portfolio, or lacks the scope.
            RequestError: The request failed.

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/estimate/all
        """
        wanted = [request.to_body() for request in requests]
        check_not_empty("requests", wanted)
        request = operations.ORDERS_ESTIMATE_ALL.request(body=bodies.encode(wanted))
        return await self._session.send(request, timeout, retries)
