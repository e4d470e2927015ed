"""`alor.stop_orders`: commands on conditional orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from alor_async._contract import bodies, operations
from alor_async._orders.intent import OrderAck, Verb
from alor_async._policy.arguments import (
    check_choice,
    check_comment,
    check_expiry,
    check_lots,
    check_optional_choice,
    check_optional_count,
    check_switch,
)
from alor_async.models import StopOrder
from alor_async.models.enums import Condition, Side, TimeInForce
from alor_async.resources._commands import (
    Commands,
    body_instrument,
    body_owner,
    expiry_of,
    price_on_step,
    replaced,
)
from alor_async.values import InstrumentId, InstrumentLike, Portfolio, PortfolioLike

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from alor_async.config import RetryPolicy
    from alor_async.resources._base import TimeoutLike

__all__ = ["StopOrdersResource"]


class StopOrdersResource(Commands):
    """Place, replace and cancel conditional orders: the broker keeps them and sets them off."""

    __slots__ = ()

    async def place_stop(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        condition: Condition,
        trigger_price: Decimal,
        expires: datetime | None = None,
        allow_margin: bool = False,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Place a conditional order that becomes a market order.

        Returning means that the broker keeps the order, not that it is at the exchange: it blocks nothing until it is set off.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; without a board, the primary board.
            side: Buy or sell.
            lots: How many lots, greater than zero.
            condition: On which side of the trigger price the market has to be, such as `Condition.LESS_OR_EQUAL`.
            trigger_price: Exact; the price that sets the order off, in the instrument's price units.
            expires: Until when it waits; aware, cut to the second, in the future. None: until it is done.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            protecting_seconds: How long the condition must hold before the order is set off; 1 to 300.
            comment: Your text, at most 100 characters; it comes back on the order.
            activate: False makes it dormant, for a group with `ExecutionPolicy.TRIGGER_BRACKET_ORDERS`.
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

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/actions/stop
        """
        account, key = Portfolio.of(portfolio), InstrumentId.of(instrument)
        return await self._send(
            operations.STOP_ORDERS_PLACE_STOP,
            Verb.PLACE,
            key,
            bodies.StopOrderBody(
                side=check_choice("side", side, Side),
                instrument=body_instrument(key),
                user=body_owner(account),
                lots=check_lots(lots),
                condition=check_choice("condition", condition, Condition),
                trigger_price=price_on_step(trigger_price, instrument, "trigger_price"),
                expires_timestamp=check_expiry(expires),
                allow_margin=check_switch("allow_margin", allow_margin),
                protecting_seconds=check_optional_count("protecting_seconds", protecting_seconds, least=1, most=300),
                comment=check_comment(comment),
                activate=check_switch("activate", activate),
            ),
            request_id,
            timeout,
            retries,
        )

    async def place_stop_limit(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        condition: Condition,
        trigger_price: Decimal,
        expires: datetime | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        iceberg_lots: int | None = None,
        iceberg_variance_percent: int | None = None,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Place a conditional order that becomes a limit order.

        Returning means that the broker keeps the order, not that it is at the exchange: it blocks nothing until it is set off.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; without a board, the primary board.
            side: Buy or sell.
            lots: How many lots, greater than zero.
            price: Exact, in the instrument's currency (percent of face value for bonds, points for futures), a multiple
                of its price step.
            condition: On which side of the trigger price the market has to be, such as `Condition.LESS_OR_EQUAL`.
            trigger_price: Exact; the price that sets the order off, in the instrument's price units.
            expires: Until when it waits; aware, cut to the second, in the future. None: until it is done.
            time_in_force: How long it works; None for the broker's default, the end of the day.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            iceberg_lots: Show only this many lots at a time; None shows all.
            iceberg_variance_percent: Vary the shown part by up to this much, 0 to 100; derivatives only.
            protecting_seconds: How long the condition must hold before the order is set off; 1 to 300.
            comment: Your text, at most 100 characters; it comes back on the order.
            activate: False makes it dormant, for a group with `ExecutionPolicy.TRIGGER_BRACKET_ORDERS`.
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

        Contract: POST /commandapi/warptrans/TRADE/v2/client/orders/actions/stopLimit
        """
        account, key = Portfolio.of(portfolio), InstrumentId.of(instrument)
        return await self._send(
            operations.STOP_ORDERS_PLACE_STOP_LIMIT,
            Verb.PLACE,
            key,
            bodies.StopLimitOrderBody(
                side=check_choice("side", side, Side),
                instrument=body_instrument(key),
                user=body_owner(account),
                lots=check_lots(lots),
                price=price_on_step(price, instrument),
                condition=check_choice("condition", condition, Condition),
                trigger_price=price_on_step(trigger_price, instrument, "trigger_price"),
                expires_timestamp=check_expiry(expires),
                time_in_force=check_optional_choice("time_in_force", time_in_force, TimeInForce),
                allow_margin=check_switch("allow_margin", allow_margin),
                iceberg_lots=check_optional_count("iceberg_lots", iceberg_lots, least=1),
                iceberg_variance_percent=check_optional_count(
                    "iceberg_variance_percent", iceberg_variance_percent, most=100
                ),
                protecting_seconds=check_optional_count("protecting_seconds", protecting_seconds, least=1, most=300),
                comment=check_comment(comment),
                activate=check_switch("activate", activate),
            ),
            request_id,
            timeout,
            retries,
        )

    @overload
    async def replace_stop(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        condition: Condition,
        trigger_price: Decimal,
        expires: datetime | None = None,
        allow_margin: bool = False,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    @overload
    async def replace_stop(
        self,
        portfolio: StopOrder,
        *,
        lots: int | None = None,
        condition: Condition | None = None,
        trigger_price: Decimal | None = None,
        expires: datetime | None = None,
        allow_margin: bool = False,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    async def replace_stop(
        self,
        portfolio: PortfolioLike | StopOrder,
        order_id: str | None = None,
        instrument: InstrumentLike | None = None,
        side: Side | None = None,
        *,
        lots: int | None = None,
        condition: Condition | None = None,
        trigger_price: Decimal | None = None,
        expires: datetime | None = None,
        allow_margin: bool = False,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Replace a waiting stop order.

        The broker cancels the order and places a new one with a new number.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id; or the StopOrder itself, which then says everything that is not given:
                its instrument, side, comment, condition, trigger price,
                expiry, protecting seconds and lots. Whether it is dormant cannot be read from it: give `activate` again.
            order_id: The order's number; not beside a StopOrder.
            instrument: The order's instrument; not beside a StopOrder.
            side: The order's side; not beside a StopOrder. Derivatives orders keep theirs, whatever is sent.
            lots: How many lots, greater than zero.
            condition: On which side of the trigger price the market has to be, such as `Condition.LESS_OR_EQUAL`.
            trigger_price: Exact; the price that sets the order off, in the instrument's price units.
            expires: Until when it waits; aware, cut to the second, in the future. None: until it is done.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            protecting_seconds: How long the condition must hold before the order is set off; 1 to 300.
            comment: Your text, at most 100 characters; it comes back on the order.
            activate: False makes it dormant, for a group with `ExecutionPolicy.TRIGGER_BRACKET_ORDERS`.
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

        Contract: PUT /commandapi/warptrans/TRADE/v2/client/orders/actions/stop/{stopOrderId}
        """
        target = replaced(portfolio, order_id, instrument, side, kind=StopOrder)
        if isinstance(portfolio, StopOrder):
            lots = portfolio.lots if lots is None else lots
            condition = portfolio.condition if condition is None else condition
            trigger_price = portfolio.trigger_price if trigger_price is None else trigger_price
            comment = portfolio.comment if comment is None else comment
            protecting_seconds = portfolio.protecting_seconds if protecting_seconds is None else protecting_seconds
            expires = expiry_of(portfolio) if expires is None else expires
        return await self._send(
            operations.STOP_ORDERS_REPLACE_STOP,
            Verb.REPLACE,
            target.key,
            bodies.StopOrderBody(
                side=target.side,
                instrument=body_instrument(target.key),
                user=body_owner(target.account),
                lots=check_lots(lots),
                condition=check_choice("condition", condition, Condition),
                trigger_price=price_on_step(trigger_price, instrument, "trigger_price"),
                expires_timestamp=check_expiry(expires),
                allow_margin=check_switch("allow_margin", allow_margin),
                protecting_seconds=check_optional_count("protecting_seconds", protecting_seconds, least=1, most=300),
                comment=check_comment(comment),
                activate=check_switch("activate", activate),
            ),
            request_id,
            timeout,
            retries,
            order_id=target.order_id,
        )

    @overload
    async def replace_stop_limit(
        self,
        portfolio: PortfolioLike,
        order_id: str,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        condition: Condition,
        trigger_price: Decimal,
        expires: datetime | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        iceberg_lots: int | None = None,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    @overload
    async def replace_stop_limit(
        self,
        portfolio: StopOrder,
        *,
        lots: int | None = None,
        price: Decimal | None = None,
        condition: Condition | None = None,
        trigger_price: Decimal | None = None,
        expires: datetime | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        iceberg_lots: int | None = None,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck: ...

    async def replace_stop_limit(
        self,
        portfolio: PortfolioLike | StopOrder,
        order_id: str | None = None,
        instrument: InstrumentLike | None = None,
        side: Side | None = None,
        *,
        lots: int | None = None,
        price: Decimal | None = None,
        condition: Condition | None = None,
        trigger_price: Decimal | None = None,
        expires: datetime | None = None,
        time_in_force: TimeInForce | None = None,
        allow_margin: bool = False,
        iceberg_lots: int | None = None,
        protecting_seconds: int | None = None,
        comment: str | None = None,
        activate: bool = True,
        request_id: UUID | str | None = None,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Replace a waiting stop-limit order.

        The broker cancels the order and places a new one with a new number.
        The command is sent at most once unless `retries` says otherwise. Cancelling the task leaves the outcome unknown.

        Args:
            portfolio: The portfolio or its id; or the StopOrder itself, which then says everything that is not given:
                its instrument, side, comment, price, condition, trigger
                price, expiry, time in force, protecting seconds, the shown part of an iceberg, and lots. Whether it is
                dormant cannot be read from it: give `activate` again.
            order_id: The order's number; not beside a StopOrder.
            instrument: The order's instrument; not beside a StopOrder.
            side: The order's side; not beside a StopOrder. Derivatives orders keep theirs, whatever is sent.
            lots: How many lots, greater than zero.
            price: Exact, in the instrument's currency (percent of face value for bonds, points for futures), a multiple
                of its price step.
            condition: On which side of the trigger price the market has to be, such as `Condition.LESS_OR_EQUAL`.
            trigger_price: Exact; the price that sets the order off, in the instrument's price units.
            expires: Until when it waits; aware, cut to the second, in the future. None: until it is done.
            time_in_force: How long it works; None for the broker's default, the end of the day.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            iceberg_lots: Show only this many lots at a time; None shows all.
            protecting_seconds: How long the condition must hold before the order is set off; 1 to 300.
            comment: Your text, at most 100 characters; it comes back on the order.
            activate: False makes it dormant, for a group with `ExecutionPolicy.TRIGGER_BRACKET_ORDERS`.
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

        Contract: PUT /commandapi/warptrans/TRADE/v2/client/orders/actions/stopLimit/{stopOrderId}
        """
        target = replaced(portfolio, order_id, instrument, side, kind=StopOrder)
        if isinstance(portfolio, StopOrder):
            lots = portfolio.lots if lots is None else lots
            condition = portfolio.condition if condition is None else condition
            trigger_price = portfolio.trigger_price if trigger_price is None else trigger_price
            comment = portfolio.comment if comment is None else comment
            protecting_seconds = portfolio.protecting_seconds if protecting_seconds is None else protecting_seconds
            expires = expiry_of(portfolio) if expires is None else expires
            price = portfolio.price if price is None else price
            time_in_force = portfolio.time_in_force if time_in_force is None else time_in_force
            if iceberg_lots is None and portfolio.iceberg is not None:
                iceberg_lots = portfolio.iceberg.fixed_lots
        return await self._send(
            operations.STOP_ORDERS_REPLACE_STOP_LIMIT,
            Verb.REPLACE,
            target.key,
            bodies.StopLimitOrderReplacementBody(
                side=target.side,
                instrument=body_instrument(target.key),
                user=body_owner(target.account),
                lots=check_lots(lots),
                price=price_on_step(price, instrument),
                condition=check_choice("condition", condition, Condition),
                trigger_price=price_on_step(trigger_price, instrument, "trigger_price"),
                expires_timestamp=check_expiry(expires),
                time_in_force=check_optional_choice("time_in_force", time_in_force, TimeInForce),
                allow_margin=check_switch("allow_margin", allow_margin),
                iceberg_lots=check_optional_count("iceberg_lots", iceberg_lots, least=1),
                protecting_seconds=check_optional_count("protecting_seconds", protecting_seconds, least=1, most=300),
                comment=check_comment(comment),
                activate=check_switch("activate", activate),
            ),
            request_id,
            timeout,
            retries,
            order_id=target.order_id,
        )

    async def cancel(
        self,
        portfolio: PortfolioLike | StopOrder,
        order_id: str | None = None,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> OrderAck:
        """Cancel one conditional order.

        Sent at most once. After a lost answer it may be sent again by hand: cancelling twice does no harm.

        Args:
            portfolio: The portfolio or its id; or the StopOrder itself.
            order_id: The order's number, 1 to 19 digits; not beside a StopOrder.
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
            operations.STOP_ORDERS_CANCEL, portfolio, order_id, stop=True, timeout=timeout, retries=retries
        )

    async def cancel_all(
        self,
        portfolio: PortfolioLike,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> bool:
        """Cancel all conditional orders (working exchange orders stay) of a portfolio.

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
            operations.STOP_ORDERS_CANCEL_ALL, portfolio, stop=True, timeout=timeout, retries=retries
        )
