"""The constants say about each operation what the contract says."""

from typing import Any

import pytest

from alor_async._contract import operations
from alor_async._contract.operations import ALL
from alor_async._http.request import Access, Kind, Lane, Operation, Place
from tests.contract.model_kit import OPERATIONS, document

MIB = 1024 * 1024


def nodes() -> dict[str, tuple[str, str, Any]]:
    """Give the contract's operations by name, second names included."""
    found: dict[str, tuple[str, str, Any]] = {}
    for path, item in document()["paths"].items():
        for method, node in item.items():
            if not node.get("x-not-generated"):
                for name in (node["operationId"], *node.get("x-also", [])):
                    found[name] = (method.upper(), path, node)
    return found


NODES = nodes()


def parameters(node: Any) -> list[Any]:
    shared = document()["components"]["parameters"]
    return [shared[item["$ref"].rpartition("/")[2]] if "$ref" in item else item for item in node.get("parameters", [])]


def test_every_live_operation_has_a_constant() -> None:
    assert {operation.name for operation in ALL} == set(NODES)
    assert len(ALL) == len(NODES)
    live = {(method, path) for method, path, _ in NODES.values()}
    assert len(live) == 45 + 2, "the operations that the broker documents, and the two steps of OAuth"


def test_deprecated_operations_are_described_and_not_offered() -> None:
    found = [
        node
        for item in document()["paths"].values()
        for node in item.values()
        if isinstance(node, dict) and node.get("deprecated")
    ]
    assert len(found) == 13
    assert all(node["x-not-generated"] for node in found)


def test_constants_are_named_after_facade_and_method() -> None:
    for operation in ALL:
        assert getattr(operations, operation.name.replace(".", "_").upper()) is operation


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_an_operation_is_what_the_contract_says(operation: Operation[Any]) -> None:
    method, path, node = NODES[operation.name]
    assert (operation.method, operation.path) == (method, path)
    assert operation.kind is Kind(node["x-kind"])
    assert operation.lane is Lane[node["x-lane"].upper()]
    assert operation.max_body == node.get("x-max-body", 16 * MIB)
    assert operation.on_token_host == ("servers" in node)
    access = {0: Access.NONE, 1: Access.REQUIRED, 2: Access.OPTIONAL}[len(node.get("security", [{"bearer": []}]))]
    assert operation.access is access


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_parameters_are_those_of_the_contract(operation: Operation[Any]) -> None:
    _, path, node = NODES[operation.name]
    exposed = [item for item in parameters(node) if "x-not-exposed" not in item]
    given = {
        (item["x-name"], item["name"], item["in"]) for item in exposed if item["name"] not in {"format", "X-REQID"}
    }
    assert {(item.name, item.wire, item.place.value) for item in operation.parameters} == given
    assert operation.has_format == any(item["name"] == "format" for item in exposed)
    assert operation.has_request_id == any(item["name"] == "X-REQID" for item in exposed)
    in_path = [item.wire for item in operation.parameters if item.place is Place.PATH]
    assert in_path == sorted(in_path, key=lambda wire: path.index(f"{{{wire}}}"))


def test_second_names_are_the_same_operation() -> None:
    first, second = OPERATIONS["orders.cancel"], OPERATIONS["stop_orders.cancel"]
    assert first is not second
    assert (first.method, first.path) == (second.method, second.path)
    assert [item.name for item in first.parameters] == [item.name for item in second.parameters]


def test_lanes_let_cancels_pass() -> None:
    assert {operation.name for operation in ALL if operation.lane is Lane.CANCEL} == {
        "orders.cancel",
        "orders.cancel_all",
        "stop_orders.cancel",
        "stop_orders.cancel_all",
    }


def test_only_reads_may_be_asked_without_a_token() -> None:
    open_to_all = [
        operation for operation in ALL if operation.access is not Access.REQUIRED and not operation.on_token_host
    ]
    assert open_to_all
    assert all(operation.kind is Kind.READ for operation in open_to_all)
