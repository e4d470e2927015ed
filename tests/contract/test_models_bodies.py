"""What requests carry is what the contract shows: the same keys, exact numbers, nothing that was not said."""

import inspect
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from alor_async._contract import bodies
from alor_async._contract.bodies import InstrumentKey, LimitOrderBody, OrderOwner, encode
from alor_async.models import Exchange, Side, TimeInForce
from codegen.contract import load_sockets
from tests.contract.model_kit import FIXTURES, OPERATIONS, ROOT, document

REQUESTS = sorted(path for path in FIXTURES.glob("*.request.json"))


def body_class(path: Any) -> type[Any]:
    """Find the class of a recorded request through the contract."""
    name = path.name.removesuffix(".request.json")
    operation = OPERATIONS.get(name) or OPERATIONS[name.rpartition(".")[0]]
    node = document()["paths"][operation.path][operation.method.lower()]
    schema = node["requestBody"]["content"]["application/json"]["schema"]
    kind = getattr(bodies, schema.get("items", schema)["$ref"].rpartition("/")[2])
    return list[kind] if "items" in schema else kind  # type: ignore[valid-type]


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name.removesuffix(".request.json"))
def test_recorded_requests_can_be_said(path: Any) -> None:
    body = msgspec.json.decode(path.read_bytes(), type=body_class(path), strict=True)
    written = json.loads(encode(body), parse_float=Decimal)
    recorded = json.loads(path.read_bytes(), parse_float=Decimal)
    assert written == without_nulls(recorded)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def limit_order(**changes: Any) -> LimitOrderBody:
    given: dict[str, Any] = {
        "side": Side.BUY,
        "lots": 10,
        "price": Decimal("250.10"),
        "instrument": InstrumentKey(symbol="SBER", exchange=Exchange.MOEX),
        "user": OrderOwner(portfolio="D39004"),
    }
    return LimitOrderBody(**(given | changes))


def test_what_is_not_said_is_not_sent() -> None:
    assert encode(limit_order()) == (
        b'{"side":"buy","quantity":10,"price":250.10,"instrument":{"symbol":"SBER","exchange":"MOEX"},'
        b'"user":{"portfolio":"D39004"}}'
    )


def test_what_is_said_is_sent_even_when_it_is_false_or_zero() -> None:
    body = json.loads(encode(limit_order(allow_margin=False, iceberg_lots=0, time_in_force=TimeInForce.ONE_DAY)))
    assert (body["allowMargin"], body["icebergFixed"], body["timeInForce"]) == (False, 0, "oneday")


@pytest.mark.parametrize("text", ["0.1", "100000.12345", "250.10", "-37.63", "92650", "0.000001"])
def test_prices_are_written_digit_by_digit(text: str) -> None:
    assert f'"price":{text},'.encode() in encode(limit_order(price=Decimal(text)))


@pytest.mark.parametrize("text", ["1E+2", "1E-9"])
def test_an_exponent_stays_the_same_number(text: str) -> None:
    body = json.loads(encode(limit_order(price=Decimal(text))), parse_float=Decimal)
    assert body["price"] == Decimal(text)


def test_unlisted_words_are_sent_as_they_are() -> None:
    body = json.loads(encode(limit_order(time_in_force=TimeInForce("untilDoomsday"))))
    assert body["timeInForce"] == "untilDoomsday"


def test_bodies_cannot_be_changed_once_made() -> None:
    with pytest.raises(AttributeError):
        limit_order().lots = 100  # type: ignore[misc]


def test_every_body_of_the_contract_has_a_class() -> None:
    schemas = document()["components"]["schemas"] | load_sockets(ROOT)["components"]["schemas"]
    named = {name for name, schema in schemas.items() if schema.get("x-module") == "bodies"}
    classes = {name for name, kind in inspect.getmembers(bodies, inspect.isclass) if kind.__module__ == bodies.__name__}
    assert classes == named
