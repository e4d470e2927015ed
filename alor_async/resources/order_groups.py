"""`alor.order_groups`: orders that the broker watches together, such as an entry with its take profit and stop loss."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from alor_async._contract import bodies, operations
from alor_async._orders.intent import Intent, Verb
from alor_async._orders.outcome import Accepted, unknown
from alor_async._orders.rest_wire import carry_out
from alor_async._policy.arguments import check_choice, check_group_id, check_not_empty
from alor_async.models.enums import ExecutionPolicy
from alor_async.resources._base import Resource, TimeoutLike
from alor_async.resources._brackets import Bracket, BracketPlan, Brackets
from alor_async.resources._grouped import GroupedOrder, GroupedOrderLike

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from alor_async._http.session import Session
    from alor_async.config import RetryPolicy
    from alor_async.models import OrderGroup, Side
    from alor_async.resources.orders import OrdersResource
    from alor_async.resources.stop_orders import StopOrdersResource
    from alor_async.values import InstrumentLike, PortfolioLike

__all__ = ["GroupedOrder", "GroupedOrderLike", "OrderGroupsResource"]


class OrderGroupsResource(Resource):
    """Order groups: they link orders that exist already, and live at the broker only."""

    __slots__ = ("_brackets",)

    def __init__(self, session: Session, orders: OrdersResource, stop_orders: StopOrdersResource) -> None:
        super().__init__(session)
        self._brackets = Brackets(self.create, orders, stop_orders)

    async def list_all(
        self, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> list[OrderGroup]:
        """List all groups of the token's login, finished ones included.

        Args:
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /commandapi/api/orderGroups
        """
        return await self._session.send(operations.ORDER_GROUPS_LIST_ALL.request(), timeout, retries)

    async def get(
        self, group_id: UUID | str, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> OrderGroup:
        """Get one group.

        Args:
            group_id: The group's id.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            BadRequest: No such group, or not yours.
            InvalidArgument: The id is wrong; nothing was sent.
            AuthError: No usable token; nothing was sent.
            RequestError: The request failed.

        Contract: GET /commandapi/api/orderGroups/{orderGroupId}
        """
        request = operations.ORDER_GROUPS_GET.request(group_id=check_group_id(group_id))
        return await self._session.send(request, timeout, retries)

    async def create(
        self,
        orders: Iterable[GroupedOrderLike],
        policy: ExecutionPolicy,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> UUID:
        """Link orders that exist already into a group.

        Sent at most once: it carries no request id, so nothing tells a repetition from a second group.

        Args:
            orders: The orders, at least one.
            policy: What happens to the others when one is executed or cancelled.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Returns:
            The group's id.

        Raises:
            OrderRejected: The broker said no: an order is unknown, finished, or not yours.
            OrderOutcomeUnknown: The answer was lost: `list_all` tells whether the group exists.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: POST /commandapi/api/orderGroups
        """
        body = bodies.OrderGroupBody(orders=_items(orders), execution_policy=_policy(policy))
        intent = Intent(operations.ORDER_GROUPS_CREATE, Verb.GROUP, body=body)
        answer = await carry_out(self._session, intent, timeout, retries)
        if isinstance(answer, Accepted):
            raise unknown(intent, "the broker accepted the group without telling its id")
        return answer.group_id

    async def place_bracket(
        self,
        portfolio: PortfolioLike,
        instrument: InstrumentLike,
        side: Side,
        *,
        lots: int,
        price: Decimal,
        take_profit: Decimal,
        stop_loss: Decimal,
        allow_margin: bool = False,
        comment: str | None = None,
        timeout: TimeoutLike | None = None,
    ) -> Bracket:
        """Place a limit order with a take profit and a stop loss that wake up when it is filled, the one ending the other.

        Four commands, one after another: both ends, dormant, then the entry, then the group that links them. Nothing can be
        executed before both ends stand. If the entry is filled before the group is made, the ends stay dormant: the broker
        knows no way to do all at once, and `BracketIncomplete` tells it.

        Args:
            portfolio: The portfolio or its id.
            instrument: Its key, or anything that carries one; given the whole Instrument, all prices are checked against
                its price step.
            side: Of the entry; the ends are on the other one.
            lots: How many lots, greater than zero; of all three.
            price: Of the entry; exact.
            take_profit: The price at which the profit is taken, by a market order: above the entry's when buying.
            stop_loss: The price at which the loss is stopped, by a market order: below the entry's when buying.
            allow_margin: Consent of a client of low risk to a position that may be uncovered.
            comment: Your text, at most 100 characters; on all three orders.
            timeout: Seconds for each command, or all time-outs; None for the client's.

        Returns:
            The acknowledgements of all three, and the group's id.

        Raises:
            BracketIncomplete: It failed on the way: `.step` says where, `.placed` what stands, the cause is chained.
            InvalidArgument: An argument is wrong; nothing was sent.

        Contract: POST .../orders/actions/stop, POST .../orders/actions/limit, POST /commandapi/api/orderGroups
        """
        plan = BracketPlan(
            portfolio,
            instrument,
            side,
            lots=lots,
            price=price,
            take_profit=take_profit,
            stop_loss=stop_loss,
            allow_margin=allow_margin,
            comment=comment,
        )
        return await self._brackets.place(plan, timeout)

    async def update(
        self,
        group_id: UUID | str,
        policy: ExecutionPolicy,
        orders: Iterable[GroupedOrderLike] | None = None,
        *,
        timeout: TimeoutLike | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:
        """Change a group's policy and, if given, its orders.

        Args:
            group_id: The group's id.
            policy: What happens to the others when one is executed or cancelled.
            orders: The orders that the group shall hold from now on, at least one; None leaves them.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            OrderRejected: The broker said no: no such group, or an order that is not yours.
            OrderOutcomeUnknown: The answer was lost: `get` tells what holds; updating again does no harm.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: PUT /commandapi/api/orderGroups/{orderGroupId}
        """
        body = bodies.OrderGroupReplacementBody(
            execution_policy=_policy(policy), orders=None if orders is None else _items(orders)
        )
        values: dict[str, object] = {"group_id": check_group_id(group_id)}
        intent = Intent(operations.ORDER_GROUPS_UPDATE, Verb.GROUP, values=values, body=body)
        await carry_out(self._session, intent, timeout, retries)

    async def delete(
        self, group_id: UUID | str, *, timeout: TimeoutLike | None = None, retries: RetryPolicy | None = None
    ) -> None:
        """Delete a group. Its orders live on.

        Args:
            group_id: The group's id.
            timeout: Seconds for the whole call, or all time-outs; None for the client's.
            retries: How to retry; None for the client's.

        Raises:
            OrderRejected: The broker said no: no such group, or not yours.
            OrderOutcomeUnknown: The answer was lost: `list_all` tells; deleting again does no harm.
            InvalidArgument, ClosedError, AuthError, QueueTimeout, ConnectError: Nothing was sent.
            RateLimited, Unauthorized, Forbidden: The broker refused before acting.

        Contract: DELETE /commandapi/api/orderGroups/{orderGroupId}
        """
        values: dict[str, object] = {"group_id": check_group_id(group_id)}
        intent = Intent(operations.ORDER_GROUPS_DELETE, Verb.GROUP, values=values)
        await carry_out(self._session, intent, timeout, retries)


def _items(orders: Iterable[GroupedOrderLike]) -> tuple[bodies.OrderGroupItem, ...]:
    items = tuple(GroupedOrder.of(order).to_body() for order in orders)
    check_not_empty("orders", items)
    return items


def _policy(policy: ExecutionPolicy) -> ExecutionPolicy:
    return check_choice("policy", policy, ExecutionPolicy)
