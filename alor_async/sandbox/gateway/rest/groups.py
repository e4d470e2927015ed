"""Order groups: orders bound together under a policy."""

from __future__ import annotations

from alor_async.sandbox.core.commands import CreateGroup, DeleteGroup, GroupMember, GroupRefused, UpdateGroup
from alor_async.sandbox.core.enums import ExecutionPolicy, OrderType
from alor_async.sandbox.gateway import encode_account as encode
from alor_async.sandbox.gateway.call import EXCHANGES, Call, Fields, Refused, Reply, json_reply, text_reply, unreadable
from alor_async.sandbox.gateway.routing import Route


def list_all(call: Call) -> Reply:
    """The groups of the login."""
    return json_reply(encode.GROUP.many(call.exchange.list_groups(_login(call))))


def get(call: Call) -> Reply:
    """One group."""
    found = call.exchange.get_group(_login(call), call.uuid("orderGroupId"))
    return _no_such_group(call) if found is None else json_reply(encode.GROUP.one(found))


def create(call: Call) -> Reply:
    """Bind orders together."""
    fields = call.fields()
    policy = fields.choice("executionPolicy", ExecutionPolicy)
    result = call.exchange.create_group(CreateGroup(_login(call), _members(call, fields), policy))
    if isinstance(result, GroupRefused):
        return _refusal(result.detail)
    return json_reply({"message": "success", "groupId": result.group_id})


def update(call: Call) -> Reply:
    """Change the members or the policy of a group."""
    fields = call.fields()
    policy = fields.choice("executionPolicy", ExecutionPolicy)
    members = _members(call, fields) if fields.has("orders") else None
    result = call.exchange.update_group(UpdateGroup(_login(call), call.uuid("orderGroupId"), members, policy))
    if result is None:
        return _no_such_group(call)
    return _refusal(result.detail) if isinstance(result, GroupRefused) else text_reply("success")


def delete(call: Call) -> Reply:
    """Forget a group; its orders live on."""
    is_gone = call.exchange.delete_group(DeleteGroup(_login(call), call.uuid("orderGroupId")))
    return text_reply("success") if is_gone else _no_such_group(call)


def _members(call: Call, fields: Fields) -> tuple[GroupMember, ...]:
    return tuple(_member(call, Fields(item)) for item in fields.array("orders"))


def _member(call: Call, fields: Fields) -> GroupMember:
    order_id = fields.text("orderId")
    try:
        portfolio = call.own(fields.text("portfolio"))
    except Refused:
        raise Refused(_refusal(f"Forbidden attempt to modify an order ({order_id}) not owned by the user")) from None
    exchange = fields.text("exchange").upper()
    if exchange not in EXCHANGES:
        raise unreadable()
    return GroupMember(portfolio, exchange, order_id, fields.choice("type", OrderType))


def _login(call: Call) -> str:
    return "" if call.grant is None else call.grant.login


def _no_such_group(call: Call) -> Reply:
    return _refusal(f"Order group {call.path['orderGroupId']} not found")


def _refusal(detail: str) -> Reply:
    return json_reply({"title": "BadRequest", "status": 400, "detail": detail}, 400)


_GROUPS = "/commandapi/api/orderGroups"
_CREATE = "OrdersCreate"
ROUTES = (
    Route("order_groups.list_all", "GET", _GROUPS, list_all, scope="OrdersRead"),
    Route("order_groups.get", "GET", f"{_GROUPS}/{{orderGroupId}}", get, scope="OrdersRead"),
    Route("order_groups.create", "POST", _GROUPS, create, scope=_CREATE),
    Route("order_groups.update", "PUT", f"{_GROUPS}/{{orderGroupId}}", update, scope=_CREATE),
    Route("order_groups.delete", "DELETE", f"{_GROUPS}/{{orderGroupId}}", delete, scope=_CREATE),
)
