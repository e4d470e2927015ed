"""A client that means harm: every operation, every parameter, every field, and the bytes below them.

Whatever it sends, it gets a documented status and an error body, never a 500 or a stack trace, and the next client is served.
"""

from __future__ import annotations

import copy
import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from alor_async.sandbox import Sandbox
from codegen.contract import load_document
from codegen.export import closed_document
from codegen.ir import FORMATS
from tests.conformance.documents import OAUTH_PATHS, operations
from tests.sandbox.gateway.client import Answer, Caller
from tests.sandbox.gateway.test_wire import Line

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
DOCUMENT = closed_document(load_document(ROOT), FORMATS[0])
OPERATIONS = [
    (path, method.upper(), operation)
    for path, method, operation in operations(DOCUMENT)
    if not operation.get("deprecated") and path not in OAUTH_PATHS
]
DOCUMENTED = {200, 400, 401, 403, 404, 405, 413}
ODD_VALUES = [
    "null", "NaN", "Infinity", "-1", "0", "1e400", "9" * 40, "0x10", "1_000", "１２", "1.5", "[]", "{}", "true", "'", '"',
    "SBER'; DROP TABLE orders--", "../../etc/passwd", "%00", "\x00", "\udcff".encode("utf-8", "surrogateescape").hex(), "я" * 300, "x" * 4_000,
]  # fmt: skip
ODD_BODIES = [
    b"", b" ", b"{", b"}", b"[]", b"{}", b"null", b"0", b'"text"', b"[null]", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000,
    b'{"a":' * 50_000, b'{"side":NaN}', b'{"quantity":1e999999}', b'{"quantity":' + b"9" * 5_000 + b"}",
    b'{"user":{"portfolio":"\\ud800"}}', b'{"side":"buy","side":"sell"}', b"side=buy&quantity=1", b"<order/>", b"\x00" * 100,
]  # fmt: skip
ODD_FIELDS = [None, [], {}, [[]], True, -1, 0, 1e300, 2**70, "", "x" * 5_000, "\x00", "NaN", {"a": {"b": []}}]


def named(operation: tuple[str, str, dict[str, Any]]) -> str:
    return str(operation[2]["operationId"])


every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=named)


def assert_refused_politely(answer: Answer, *, among: set[int] = DOCUMENTED) -> None:
    """A documented status, and a body that says something a client may see."""
    assert answer.status in among, (answer.status, answer.text)
    assert b"Traceback" not in answer.body
    assert b".py" not in answer.body
    if answer.status == 400:
        assert answer.body, "a 400 says what is wrong"
        if "json" in answer.content_type:
            assert isinstance(answer.json, dict)


class Valid:
    """Values that are taken, to spoil one at a time."""

    def __init__(self, sandbox: Sandbox, portfolio: str) -> None:
        self.by_name: dict[str, str] = {
            "exchange": "MOEX",
            "portfolio": portfolio,
            "login": sandbox.login,
            "symbol": "SBER",
            "symbols": "MOEX:SBER",
            "orderId": "1",
            "stopOrderId": "1",
            "orderGroupId": str(uuid.UUID(int=1)),
            "stop": "false",
            "riskCategoryId": "1",
            "tf": "D",
            "from": "1700000000",
            "to": "1700003600",
            "limit": "5",
            "depth": "5",
        }
        self.portfolio = portfolio

    def path(self, template: str, **changed: str) -> str:
        for name, value in (self.by_name | changed).items():
            template = template.replace(f"{{{name}}}", quote(value, safe=":,%" if name in changed else ":,"))
        return template

    def query(self, operation: dict[str, Any]) -> dict[str, str]:
        needed = [
            one["name"] for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")
        ]
        return {name: self.by_name.get(name, "Simple") for name in needed}

    def body(self, path: str) -> Any:
        order = {
            "side": "buy",
            "quantity": 1,
            "price": 100,
            "condition": "less",
            "triggerPrice": 100,
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "user": {"portfolio": self.portfolio},
        }
        estimate = {"portfolio": self.portfolio, "ticker": "SBER", "exchange": "MOEX", "lotQuantity": 1}
        member = {"portfolio": self.portfolio, "exchange": "MOEX", "orderId": "1", "type": "Limit"}
        if "orderGroups" in path:
            return {"orders": [member], "executionPolicy": "IgnoreCancel"}
        if path.endswith("estimate/all"):
            return [estimate]
        return estimate if path.endswith("estimate") else order


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    """One for the whole module: it outlives everything that is done to it here, and is healthy in the end."""
    with Sandbox(seed=42) as running:
        yield running
        running.check()


@pytest.fixture
def sandbox(exchange: Sandbox) -> Sandbox:
    exchange.requests.clear()
    return exchange


@pytest.fixture
def valid(sandbox: Sandbox, portfolio: str) -> Valid:
    return Valid(sandbox, portfolio)


async def send(call: Caller, valid: Valid, operation: tuple[str, str, dict[str, Any]], **changed: Any) -> Answer:
    path, method, described = operation
    arguments = {"query": valid.query(described)} | changed
    if "requestBody" in described and "data" not in arguments:
        arguments.setdefault("json", valid.body(path))
    return await call(
        method, arguments.pop("path", None) or valid.path(path), request_id=str(uuid.uuid4()), **arguments
    )


def spoiled(body: Any) -> Iterator[Any]:
    """The body with one field at a time replaced, or gone."""
    holder = body[0] if isinstance(body, list) else body
    places = [(key,) for key in holder] + [
        (key, inner) for key, value in holder.items() if isinstance(value, dict) for inner in value
    ]
    for place, odd in itertools.product(places, [*ODD_FIELDS, "gone"]):
        changed = copy.deepcopy(body)
        part = changed[0] if isinstance(changed, list) else changed
        for step in place[:-1]:
            part = part[step]
        if odd == "gone":
            del part[place[-1]]
        else:
            part[place[-1]] = odd
        yield changed


@every_operation
class TestEveryOperation:
    async def test_odd_values_of_every_parameter(self, call: Caller, valid: Valid, operation: Any) -> None:
        path, _, described = operation
        for parameter, value in itertools.product(described.get("parameters", ()), ODD_VALUES):
            name = parameter["name"]
            if parameter["in"] == "path":
                answer = await send(call, valid, operation, path=valid.path(path, **{name: quote(value, safe="")}))
            elif parameter["in"] == "query":
                answer = await send(call, valid, operation, query=valid.query(described) | {name: value})
            else:
                continue
            assert_refused_politely(answer)

    async def test_no_token_or_one_that_is_none(self, call: Caller, valid: Valid, operation: Any) -> None:
        is_open = {} in operation[2].get("security", [])
        call.token = None
        assert_refused_politely(await send(call, valid, operation), among={200, 400, 404} if is_open else {401})
        for header in ("Bearer", "Bearer ", "Bearer x", "Basic dTpw", "bearer " + "x" * 4_000, "Bearer a b", "é"):
            answer = await send(call, valid, operation, headers={"Authorization": header})
            assert_refused_politely(answer, among={401})

    async def test_methods_that_it_does_not_have(self, call: Caller, valid: Valid, operation: Any) -> None:
        path = operation[0]
        had = {method for other, method, _ in OPERATIONS if other == path}
        for method in sorted({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"} - had):
            answer = await call(method, valid.path(path))
            assert answer.status == 405, method
            assert set(answer.headers["Allow"].split(", ")) == had


WITH_BODY = [one for one in OPERATIONS if "requestBody" in one[2]]


@pytest.mark.parametrize("operation", WITH_BODY, ids=named)
class TestEveryBody:
    async def test_odd_bodies(self, call: Caller, valid: Valid, operation: Any) -> None:
        for body in ODD_BODIES:
            is_empty_list = body == b"[]" and operation[0].endswith("estimate/all")
            answer = await send(call, valid, operation, data=body)
            assert_refused_politely(answer, among={200} if is_empty_list else {400, 403})

    async def test_odd_fields(self, call: Caller, valid: Valid, operation: Any) -> None:
        for body in spoiled(valid.body(operation[0])):
            assert_refused_politely(await send(call, valid, operation, json=body))


def with_portfolio(operation: tuple[str, str, dict[str, Any]]) -> bool:
    path, _, described = operation
    return "{portfolio}" in path or any(one["name"] == "portfolio" for one in described.get("parameters", ()))


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if with_portfolio(one)], ids=named)
async def test_a_foreign_portfolio_is_forbidden(call: Caller, valid: Valid, operation: Any) -> None:
    valid.by_name["portfolio"] = "D00001"
    assert_refused_politely(await send(call, valid, operation), among={403})


@pytest.mark.parametrize("operation", WITH_BODY, ids=named)
async def test_a_foreign_portfolio_in_a_body_is_refused(call: Caller, valid: Valid, operation: Any) -> None:
    text = json.dumps(valid.body(operation[0])).replace(valid.portfolio, "D00001")
    answer = await send(call, valid, operation, json=json.loads(text))
    assert_refused_politely(answer, among={400} if "orderGroups" in operation[0] else {403})


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "/{symbol}" in one[0]], ids=named)
async def test_an_instrument_that_does_not_exist(call: Caller, valid: Valid, operation: Any) -> None:
    valid.by_name["symbol"] = "NOPE"
    answer = await send(call, valid, operation)
    is_filter = named(operation) in {"account.list_trades_of", "account.list_trades_history_of"}
    assert_refused_politely(answer, among={200} if is_filter else {404})
    assert not is_filter or answer.json == []


@pytest.mark.parametrize(
    "path",
    [
        "/md/v2/Securities/MOEX/SB%45R%00",
        "/md/v2/Securities/MOEX/%zz",
        "/md/v2/Securities/MOEX/%",
        "/md/v2/Securities/MOEX/%c0%ae%c0%ae%2ftime",
        "/md/v2/Securities/MOEX/..%2f..%2ftime",
        "/md/v2/Securities/MOEX%2fSBER",
        "/md/v2/Securities/%ff%fe/SBER",
        "/md/v2/Securities/MOEX/SBER%3fformat=Slim",
        "/md/v2/Securities/MOEX/SBER;x=1",
        "/md/v2/time%20",
        "/md/v2/time?" + "a=b&" * 900,
        "/md/v2/time?%ff=%fe&=&&&==&a",
        "/md/v2//time",
        "/" * 2_000,
    ],
)  # fmt: skip
async def test_tricks_with_paths(sandbox: Sandbox, call: Caller, path: str) -> None:
    async with Line(sandbox) as line:
        await line.ask(path, f"Authorization: Bearer {call.token}", "Connection: close")
        heard, _ = await line.hear()
    status = int(heard.split()[1])
    assert status in {200, 400, 404}
    assert status != 200 or path.startswith("/md/v2/time?")
    assert b"Traceback" not in heard


SMUGGLED = "DELETE /commandapi/warptrans/TRADE/v2/client/orders/all HTTP/1.1\r\nHost: a\r\n\r\n"
CANCELS = "/commandapi/warptrans/TRADE/v2/client/orders/all"


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 0",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Content-Length: -1",
        "Content-Length : 0\r\nContent-Length: 90",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding : chunked",
        "X: y\r\n folded: Content-Length: 3",
        "Bad Name: x",
        ": empty",
        "X: a\x00b",
        "X: a\rb",
    ],
)
async def test_what_could_smuggle_a_request_is_refused_whole(sandbox: Sandbox, call: Caller, headers: str) -> None:
    async with Line(sandbox) as line:
        await line.say(f"POST /md/v2/time HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n0\r\n\r\n{SMUGGLED}")
        if not line.writer.is_closing():
            line.writer.write_eof()
        heard, _ = await line.hear()
    assert heard == b"" or heard.split()[1] == b"400", heard
    assert heard.count(b"HTTP/1.1") <= 1
    assert b"Traceback" not in heard
    assert not [one for one in sandbox.requests if one.path == CANCELS]
    assert (await call("GET", "/md/v2/time")).status == 200


@pytest.mark.parametrize(
    "chunks", ["zz\r\nab\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFFF\r\na\r\n", "2\r\nabcd\r\n0\r\n\r\n", "-1\r\n"]
)
async def test_chunks_that_are_none(sandbox: Sandbox, call: Caller, chunks: str) -> None:
    async with Line(sandbox) as line:
        await line.say(f"POST {CANCELS}x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
        if not line.writer.is_closing():
            line.writer.write_eof()
        heard, _ = await line.hear()
    assert heard == b"" or heard.split()[1] in {b"400", b"404", b"405"}
    assert b"Traceback" not in heard
    assert (await call("GET", "/md/v2/time")).status == 200
