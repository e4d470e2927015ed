"""Groups of linked orders.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from uuid import UUID

from msgspec import field

from alor_async.models._base import Model, UtcTime, WireId
from alor_async.models.enums import ExecutionPolicy, OrderGroupStatus

__all__ = ["OrderGroup", "OrderGroupMember"]


class OrderGroupMember(Model, frozen=True, kw_only=True, gc=False):
    """An order in a group.

    Never None: order_id.

    Contract: schema `OrderGroupMember`; the class itself carries the keys of Heavy.
    """

    order_id: WireId = field(name="orderId")
    """Number of the order, or of the conditional order."""


class OrderGroup(Model, frozen=True, kw_only=True, gc=False):
    """Orders that the broker watches together.

    The group does not own them: they outlive it.

    Never None: group_id, orders, status.

    Contract: schema `OrderGroup`; the class itself carries the keys of Heavy.
    """

    group_id: UUID = field(name="id")
    """Number of the group."""
    login: str | None = None
    """Trading login."""
    orders: tuple[OrderGroupMember, ...]
    """The orders of the group."""
    execution_policy: ExecutionPolicy | None = field(default=None, name="executionPolicy")
    """What happens to the others."""
    status: OrderGroupStatus
    """Where the group stands."""
    created_at: UtcTime | None = field(default=None, name="createdAt")
    """When it was made."""
    closed_at: UtcTime | None = field(default=None, name="closedAt")
    """When it ended. Null while it is active."""
