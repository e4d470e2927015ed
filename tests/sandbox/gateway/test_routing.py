from __future__ import annotations

import json
from importlib.resources import files

import pytest

from alor_async.sandbox.gateway.rest import ROUTES
from alor_async.sandbox.gateway.routing import Router

ROUTER = Router(ROUTES)
ORDERS = "/commandapi/warptrans/TRADE/v2/client/orders"


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/md/v2/Securities/currencyPairs", "instruments.list_currency_pairs"),
        ("GET", "/md/v2/Securities/MOEX", "instruments.list_for"),
        ("GET", "/md/v2/Securities/MOEX:SBER,MOEX:GAZP/quotes", "market_data.get_quotes"),
        ("GET", "/md/v2/Securities/MOEX/SBER", "instruments.get"),
        ("GET", "/md/v2/securities/moex/sber/ALLTRADES/history", "market_data.list_market_trades_history"),
        ("GET", "/md/v2/clients/MOEX/D1/positions", "account.list_positions"),
        ("GET", "/md/v2/Clients/P1/positions", "account.list_positions_by_login"),
        ("GET", "/md/v2/Clients/MOEX/D1/trades", "account.list_trades"),
        ("GET", "/md/v2/Clients/MOEX/D1/SBER/trades", "account.list_trades_of"),
        ("DELETE", f"{ORDERS}/all", "orders.cancel_all"),
        ("DELETE", f"{ORDERS}/55018741210", "orders.cancel"),
        ("POST", f"{ORDERS}/estimate/all", "orders.estimate_all"),
        ("POST", "/commandapi/warptrans/FX1/v2/client/orders/estimate", "orders.estimate"),
        ("PUT", f"{ORDERS}/actions/stopLimit/1", "stop_orders.replace_stop_limit"),
    ],
)
def test_a_path_leads_to_its_operation_whatever_its_case(method: str, path: str, operation: str) -> None:
    for spelled in (path, path.lower(), path.upper()):
        route = ROUTER.match("api", method, spelled).route
        assert route is not None
        assert route.operation == operation


def test_parameters_are_decoded_once() -> None:
    match = ROUTER.match("api", "GET", "/md/v2/Securities/MOEX/A%2520B%2FC")
    assert dict(match.parameters) == {"exchange": "MOEX", "symbol": "A%20B/C"}


def test_servers_do_not_answer_for_each_other() -> None:
    assert ROUTER.match("oauth", "POST", "/refresh").route is not None
    assert ROUTER.match("api", "POST", "/refresh").route is None
    assert ROUTER.match("oauth", "GET", "/md/v2/time").route is None


def test_a_known_path_with_another_method_says_which_are_allowed() -> None:
    match = ROUTER.match("api", "PATCH", f"{ORDERS}/all")
    assert match.route is None
    assert match.allowed == ("DELETE",)


def test_every_live_operation_of_the_contract_is_served_under_its_name() -> None:
    live = {name for name in operations_of_the_contract() if not name.startswith("deprecated.")}
    assert live == ROUTER.operations
    assert len({(route.server, route.method, route.template) for route in ROUTES}) == len(live) == len(ROUTES)


def operations_of_the_contract() -> set[str]:
    document = json.loads((files("alor_async._contract") / "alor.openapi.json").read_text())
    return {operation["operationId"] for path in document["paths"].values() for operation in path.values()}


@pytest.mark.parametrize("pattern", ["orders.place_limit", "orders.*", "get_server_time"])
def test_operations_are_known_by_name_or_pattern(pattern: str) -> None:
    assert ROUTER.knows_operation(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "/md/v2/time",
        "GET /md/v2/time",
        "get /MD/v2/Time",
        "/md/v2/Securities/{symbols}/quotes",
        "/md/v2/Securities/*",
        "/refresh",
    ],
)
def test_routes_are_known_by_template_path_or_pattern(pattern: str) -> None:
    assert ROUTER.knows_route(pattern)


def test_what_could_never_match_is_not_known() -> None:
    assert not ROUTER.knows_operation("orders.place_limt")
    assert not ROUTER.knows_route("POST /md/v2/time")
    assert not ROUTER.knows_route("/md/v2/tim")
