"""The operations of `alor.order_groups`.

Generated from openapi/ by `make generate`: change the contract, not this file.
"""

from typing import Final

from alor_async._contract.wire.answers import ORDER_GROUP_CREATED
from alor_async._contract.wire.order_groups import ORDER_GROUP, ORDER_GROUP_LIST
from alor_async._contract.wire.plain import SUCCESS
from alor_async._http.request import Kind, Lane, Operation, Parameter, Place

__all__ = [
    "ORDER_GROUPS_CREATE",
    "ORDER_GROUPS_DELETE",
    "ORDER_GROUPS_GET",
    "ORDER_GROUPS_LIST_ALL",
    "ORDER_GROUPS_UPDATE",
]


# List order groups.
ORDER_GROUPS_LIST_ALL: Final = Operation(
    "order_groups.list_all",
    "GET",
    "/commandapi/api/orderGroups",
    answer=ORDER_GROUP_LIST,
)

# Make an order group.
ORDER_GROUPS_CREATE: Final = Operation(
    "order_groups.create",
    "POST",
    "/commandapi/api/orderGroups",
    answer=ORDER_GROUP_CREATED,
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
)

# Read one order group.
ORDER_GROUPS_GET: Final = Operation(
    "order_groups.get",
    "GET",
    "/commandapi/api/orderGroups/{orderGroupId}",
    answer=ORDER_GROUP,
    parameters=(Parameter("group_id", "orderGroupId", Place.PATH),),
)

# Change an order group.
ORDER_GROUPS_UPDATE: Final = Operation(
    "order_groups.update",
    "PUT",
    "/commandapi/api/orderGroups/{orderGroupId}",
    answer=SUCCESS,
    parameters=(Parameter("group_id", "orderGroupId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
)

# Delete an order group.
ORDER_GROUPS_DELETE: Final = Operation(
    "order_groups.delete",
    "DELETE",
    "/commandapi/api/orderGroups/{orderGroupId}",
    answer=SUCCESS,
    parameters=(Parameter("group_id", "orderGroupId", Place.PATH),),
    kind=Kind.COMMAND,
    lane=Lane.PLACE,
)
