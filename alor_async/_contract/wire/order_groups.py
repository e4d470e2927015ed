"""How the answers of `order_groups` are read in each format.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import force_setattr

from alor_async._contract.wire.publishing import each, single
from alor_async._http.decode import Shape, Shapes
from alor_async.models.order_groups import OrderGroup

__all__ = ["ORDER_GROUP", "ORDER_GROUP_LIST"]


def _publish_order_group_member(order_group_members: Iterable[Any]) -> None:
    for order_group_member in order_group_members:
        if order_group_member.order_id.__class__ is int:
            force_setattr(order_group_member, "order_id", str(order_group_member.order_id))


def _publish_order_group(order_groups: Iterable[Any]) -> None:
    for order_group in order_groups:
        _publish_order_group_member(order_group.orders)


ORDER_GROUP_LIST: Final[Shapes[list[OrderGroup]]] = Shapes[list[OrderGroup]].same(
    Shape(list[OrderGroup], publish=each(_publish_order_group), zoneless=("closedAt", "createdAt"))
)


ORDER_GROUP: Final[Shapes[OrderGroup]] = Shapes[OrderGroup].same(
    Shape(OrderGroup, publish=single(_publish_order_group), zoneless=("closedAt", "createdAt"))
)
