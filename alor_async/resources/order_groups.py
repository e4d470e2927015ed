"""`alor.order_groups`: orders that the broker watches together, such as an entry with its take profit and stop loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from msgspec import Struct

from alor_async._contract import bodies, operations
from alor_async._orders.intent import Intent, Verb
from alor_async._orders.outcome import Accepted, unknown
from alor_async._orders.rest_wire import carry_out
from alor_async._policy.arguments import check_choice, check_group_id, check_not_empty, check_order_id
from alor_async.errors import InvalidArgument
from alor_async.models import Order, StopOrder
from alor_async.models.enums import Exchange, ExecutionPolicy, GroupedOrderType
from alor_async.resources._base import Resource, TimeoutLike
from alor_async.values import Portfolio, PortfolioLike

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alor_async.config import RetryPolicy
    from alor_async.models import OrderGroup

__all__ = ["GroupedOrder", "GroupedOrderLike", "OrderGroupsResource"]


class GroupedOrder(Struct, frozen=True):
    """An order as a group names it.

    Attributes:
        portfolio: The portfolio or its id.
        order_id: The order's number, 1 to 19 digits.
        order_type: What kind of order the number belongs to: exchange orders and conditional ones count separately.

    Raises:
        InvalidArgument: An attribute is wrong.
    """

    portfolio: PortfolioLike
    order_id: str
    order_type: GroupedOrderType

    def __post_init__(self) -> None:
        self.to_body()

    @classmethod
    def of(cls, order: GroupedOrderLike) -> GroupedOrder:
        """Take it as it is, or read it from an order."""
        if isinstance(order, GroupedOrder):
            return order
        if isinstance(order, Order | StopOrder):
            portfolio = Portfolio(order.portfolio, exchange=str(order.exchange))
            return cls(portfolio, order.order_id, check_choice("orders", str(order.order_type), GroupedOrderType))
        raise InvalidArgument("orders", f"expected Order, StopOrder or GroupedOrder, got {type(order).__name__}")

    def to_body(self) -> bodies.OrderGroupItem:
        """Write it as a body names it."""
        account = Portfolio.of(self.portfolio)
        return bodies.OrderGroupItem(
            portfolio=account.id,
            exchange=Exchange(account.trade_exchange),
            order_id=check_order_id(self.order_id),
            order_type=check_choice("order_type", self.order_type, GroupedOrderType),
        )


GroupedOrderLike: TypeAlias = GroupedOrder | Order | StopOrder
"""What names an order in a group."""


class OrderGroupsResource(Resource):
    """Order groups: they link orders that exist already, and live at the broker only."""

    __slots__ = ()

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
