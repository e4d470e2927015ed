"""Every live operation of the contract is behind a public method, and every parameter of it behind a keyword.

What the sandbox received is the witness, and the contract is the measure: a parameter that is added to it and reaches no
keyword fails here, as does a method or a keyword that no call below makes use of.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from alor_async import AsyncAlor, Portfolio, RefreshToken, RetryPolicy, models
from alor_async.sandbox import Received, Sandbox
from alor_async.values import Format
from tests.contract.call_kit import Call, Listed, filled, public_method, public_methods
from tests.contract.call_orders import COMMANDS, ORDER_READS
from tests.contract.call_reads import READS
from tests.contract.model_kit import document
from tests.support.world import STOCKS, UNITED, World, client_of, make_world, new_sandbox

CALLS = (*READS, *ORDER_READS, *COMMANDS)
IN_EACH_FORMAT = [
    pytest.param(call, format_, id=f"{call}-{format_.value}" if format_ else str(call))
    for call in CALLS
    for format_ in (Format if call.has_format else (None,))
]
OF_THE_TOKEN = {"get_claims", "list_portfolios"}
OF_ITS_LIFE = {"open", "close"}
OF_OTHER_CALLS = {"recover_orders", "command_socket", "order_groups.place_bracket", "account.watch"}
"""They have no operation of their own: what they send is what other methods send, or goes over a socket."""

ALWAYS = {"timeout", "retries", "format"}
DOCUMENTED_HEADERS = {"X-REQID"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with new_sandbox() as running:
        yield running
        running.check()


async def received_from(call: Call, sandbox: Sandbox, format_: Format | None) -> tuple[Any, Received, World]:
    async with client_of(sandbox) as alor:
        world = await make_world(sandbox, alor)
        sandbox.requests.clear()
        result = await call.make(alor, world, format_, timeout=20.0, retries=RetryPolicy(attempts=1))
        await alor.orders.cancel_all(STOCKS)
        await alor.stop_orders.cancel_all(STOCKS)
    return result, sandbox.requests[0], world


@pytest.mark.heavy
@pytest.mark.parametrize(("call", "format_"), IN_EACH_FORMAT)
async def test_each_call_arrives_as_the_contract_has_it_and_gives_its_public_class(
    call: Call, format_: Format | None, sandbox: Sandbox
) -> None:
    result, received, world = await received_from(call, sandbox, format_)

    assert received.status == 200
    assert received.operation == operation_of(call)["x-route"]
    assert received.path == quote(call.path.format_map(Attributes(world)), safe="/:,")
    spelled = {} if format_ is None else {"format": format_.value}
    assert received.query == filled(call.query, world) | spelled
    body = json.loads(received.body, parse_float=Decimal) if received.body else None
    assert body == filled(call.body, world)
    assert received.header("X-REQID") == call.arguments.get("request_id")
    assert received.header("Authorization") == "Bearer ***"
    assert_public(result, call.gives)


def test_every_live_operation_is_behind_a_public_method() -> None:
    called = {call.operation for call in CALLS} | {"auth.refresh"}
    assert called == {name for name, node in live_operations().items() if "x-not-exposed" not in node}


def test_what_is_not_exposed_says_why() -> None:
    for name, node in live_operations().items():
        for thing in (node, *parameters_of(node)):
            if "x-not-exposed" in thing:
                assert len(thing["x-not-exposed"]) >= 20, f"{name}: {thing['x-not-exposed']}"


@pytest.mark.parametrize("operation", sorted({call.operation for call in CALLS}))
def test_every_parameter_of_an_operation_is_behind_a_keyword(operation: str) -> None:
    calls = [call for call in CALLS if call.operation == operation]
    sent = {("query", key) for call in calls for key in call.query}
    sent |= {("query", "format") for call in calls if call.has_format}
    sent |= {("header", "X-REQID") for call in calls if "request_id" in call.arguments}
    documented = {
        (item["in"], item["name"]) for item in parameters_of(live_operations()[operation]) if item["in"] != "path"
    }
    hidden = {
        (item["in"], item["name"]) for item in parameters_of(live_operations()[operation]) if "x-not-exposed" in item
    }
    assert sent == documented - hidden


@pytest.mark.parametrize("operation", sorted({call.operation for call in CALLS if call.body is not None}))
def test_every_key_of_a_body_is_behind_a_keyword(operation: str) -> None:
    sent = {path for call in CALLS if call.operation == operation for path in keys_of(call.body)}
    node = resolved(live_operations()[operation]["requestBody"])
    assert sent == set(documented_keys(node["content"]["application/json"]["schema"]))


def test_every_operation_with_a_body_in_the_contract_has_one_in_a_call() -> None:
    with_body = {name for name, node in live_operations().items() if "requestBody" in node}
    called = {call.operation for call in CALLS if call.body is not None} | {"auth.refresh"}
    assert {name for name in with_body if "x-not-exposed" not in live_operations()[name]} == called


def test_every_public_method_is_called() -> None:
    assert {call.method for call in CALLS} == set(public_methods()) - OF_THE_TOKEN - OF_ITS_LIFE - OF_OTHER_CALLS


@pytest.mark.parametrize("method", sorted({call.method for call in CALLS}))
def test_every_keyword_of_a_method_is_used(method: str) -> None:
    parameters = set(inspect.signature(public_method(AsyncAlor, method)).parameters) - {"self"}
    used = {keyword for call in CALLS if call.method == method for keyword in call.arguments}
    assert parameters - ALWAYS == used
    assert {"timeout", "retries"} <= parameters


async def test_the_token_and_its_portfolios_travel_in_the_body_of_refresh(sandbox: Sandbox) -> None:
    sandbox.requests.clear()
    token = RefreshToken(sandbox.refresh_token, allowed_portfolios=[STOCKS, UNITED])
    async with AsyncAlor(token, environment=sandbox.environment) as alor:
        claims = await alor.get_claims()
        assert claims.login == sandbox.login
        assert await alor.list_portfolios() == (Portfolio(STOCKS), Portfolio(UNITED))
    (received,) = sandbox.requests
    assert (received.method, received.path, received.query) == ("POST", "/refresh", {})
    assert received.json == {"token": "***", "allowedPortfolios": [STOCKS, UNITED]}
    assert received.header("Authorization") is None
    schema = live_operations()["auth.refresh"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(documented_keys(schema)) == {("token",), ("allowedPortfolios",)}


# The contract, read as plain YAML.


def live_operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in document()["paths"].values():
        for node in item.values():
            if isinstance(node, dict) and not node.get("x-not-generated"):
                for name in (node["operationId"], *node.get("x-also", ())):
                    found[name] = {**node, "x-route": node["operationId"]}
    return found


def operation_of(call: Call) -> Any:
    return live_operations()[call.operation]


def parameters_of(node: Any) -> list[Any]:
    return [resolved(item) for item in node.get("parameters", ())]


def resolved(item: Any) -> Any:
    while "$ref" in item:
        target = document()
        for step in item["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        item = target
    return item


def documented_keys(schema: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the path of every value that a body can have."""
    schema = resolved(schema)
    if "items" in schema:
        yield from documented_keys(schema["items"], before)
    elif "properties" in schema:
        for name, item in schema["properties"].items():
            if "x-not-exposed" not in item:
                yield from documented_keys(item, (*before, item.get("x-wire", name)))
    else:
        yield before


def keys_of(body: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(body, dict):
        for key, item in body.items():
            yield from keys_of(item, (*before, key))
    elif isinstance(body, list):
        for item in body:
            yield from keys_of(item, before)
    else:
        yield before


class Attributes(dict[str, Any]):
    """Lets a template name attributes of an object."""

    def __init__(self, owner: object) -> None:
        super().__init__()
        self._owner = owner

    def __missing__(self, key: str) -> Any:
        return getattr(self._owner, key)


# Results.


def assert_public(result: Any, gives: Any) -> None:
    """Check that a result is what it says, down to the last part: no private spelling of a class shows."""
    if isinstance(gives, Listed):
        assert isinstance(result, list)
        assert result, "an empty list proves nothing"
        kinds = {type(item) for item in result}
        assert kinds == {gives.kind}
    else:
        assert type(result) is gives
    for struct in structs_in(result):
        name = type(struct).__name__
        if type(struct).__module__.startswith("alor_async.models"):
            assert getattr(models, name) is type(struct)
        else:
            assert type(struct) is gives


def structs_in(value: Any) -> Iterator[msgspec.Struct]:
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from structs_in(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from structs_in(item)
