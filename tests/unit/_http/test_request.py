"""A request says exactly what was asked: nothing in a value can change where it goes."""

from __future__ import annotations

import re
from decimal import Decimal
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import pytest
import yarl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alor_async._contract import operations
from alor_async._http.request import Access, Kind, Lane, Operation, Parameter, PathList, Place, Request
from alor_async.errors import InvalidArgument
from alor_async.models import Exchange
from alor_async.values import Format
from tests.unit.test_values import HARMFUL, HARMLESS

HOST = "https://api.example"
OPERATIONS = list(operations.ALL)
PATH_PARAMETERS = [
    (operation, parameter)
    for operation in OPERATIONS
    for parameter in operation.parameters
    if parameter.place is Place.PATH
]
IN_PATH = pytest.mark.parametrize(
    ("operation", "parameter"), PATH_PARAMETERS, ids=[f"{o.name}-{p.name}" for o, p in PATH_PARAMETERS]
)


def usual_value(parameter: Parameter) -> object:
    match parameter.name:
        case "order_id":
            return "61270448139"
        case "symbols":
            return PathList(["MOEX:SBER", "MOEX:Si 3.26"])
        case _:
            return "X1"


def usual_values(operation: Operation[object]) -> dict[str, object]:
    return {p.name: usual_value(p) for p in operation.parameters if p.place is Place.PATH}


def path_as_seen_by(target: str) -> dict[str, str]:
    """Read a target with every address library that stands between a caller and the wire; paths stay encoded."""
    return {
        "yarl, taken as it is": yarl.URL(HOST + target, encoded=True).raw_path,
        "yarl, encoding again": yarl.URL(HOST + target, encoded=False).raw_path,
        "urllib": urlsplit(HOST + target).path,
    }


def values_in(operation: Operation[object], path: str) -> dict[str, str] | None:
    """Match an encoded path against the operation's template, segment by segment."""
    template, segments = operation.path.split("/"), path.split("/")
    if len(template) != len(segments):
        return None
    found: dict[str, str] = {}
    for expected, segment in zip(template, segments, strict=True):
        if re.fullmatch(r"\{\w+\}", expected):
            found[expected[1:-1]] = unquote(segment, errors="strict")
        elif expected != segment:
            return None
    return found


def check_value_arrives(operation: Operation[object], parameter: Parameter, value: str) -> None:
    values = usual_values(operation) | {parameter.name: value}
    try:
        request = operation.request_with(values)
    except InvalidArgument:
        return
    assert request.target.isascii()
    for library, path in path_as_seen_by(request.target).items():
        found = values_in(operation, path)
        assert found is not None, f"{library} reads another route: {path}"
        assert found[parameter.wire] == value, library
        others = [other for other in OPERATIONS if other.method == operation.method and other.path == path]
        assert not others, f"{path} is {others[0].name}"


@pytest.mark.heavy
@IN_PATH
@settings(max_examples=60, deadline=None)
@given(value=st.text(max_size=70))
@example(value="..")
@example(value="a/../b")
@example(value="%2e%2e")
@example(value="all")
@example(value="Si 3.26+x")
@example(value="СБЕР")
def test_f195_a_path_value_is_refused_or_arrives_as_it_is(operation, parameter, value):
    check_value_arrives(operation, parameter, value)


@pytest.mark.heavy
@IN_PATH
@settings(max_examples=40, deadline=None)
@given(value=st.text(alphabet="./%2eEfF5cC\\ ?#:;,@&=+\0\r\n\uff0e\uff0f\u2025\u2100a", min_size=1, max_size=12))
def test_f195_spellings_of_dots_and_slashes_are_refused_or_arrive_as_they_are(operation, parameter, value):
    check_value_arrives(operation, parameter, value)


@IN_PATH
def test_f195_harmful_path_values_are_refused(operation, parameter):
    for value in HARMFUL.values():
        with pytest.raises(InvalidArgument) as caught:
            operation.request_with(usual_values(operation) | {parameter.name: value})
        assert caught.value.argument == parameter.name


@pytest.mark.parametrize("item", [text for text in HARMFUL.values() if ":" not in text], ids=repr)
def test_f195_harmful_parts_of_a_list_are_refused(item):
    for items in ([f"MOEX:{item}"], [f"{item}:SBER"], ["MOEX:SBER", f"MOEX:SBER:{item}"]):
        with pytest.raises(InvalidArgument, match=r"^symbols: "):
            operations.MARKET_DATA_GET_QUOTES.request(symbols=PathList(items))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["MOEX", "SPBX"]), st.sampled_from(HARMLESS)), min_size=1, max_size=5))
def test_a_list_arrives_as_it_is(pairs):
    items = [f"{exchange}:{symbol}" for exchange, symbol in pairs]
    operation = operations.MARKET_DATA_GET_QUOTES
    for path in path_as_seen_by(operation.request(symbols=PathList(items)).target).values():
        found = values_in(operation, path)
        assert found is not None
        assert found["symbols"].split(",") == items


def test_an_empty_list_is_refused():
    with pytest.raises(InvalidArgument, match="symbols: must not be empty"):
        operations.MARKET_DATA_GET_QUOTES.request(symbols=PathList())


def test_numbers_and_uuids_in_a_path_have_one_spelling():
    group = UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6")
    assert operations.ORDER_GROUPS_GET.request(group_id=group).target.endswith(f"/{group}")
    template = operation("/x/{a}/y", Parameter("a", "a", Place.PATH))
    assert template.request(a=5).target == "/x/5/y"


def test_an_order_number_cannot_name_the_route_that_cancels_everything():
    for word in ("all", "ALL", "0", "-1", "1e5", "1.0", "٣", "1" * 20):
        with pytest.raises(InvalidArgument, match="order_id"):
            operations.ORDERS_CANCEL.request(order_id=word, portfolio="D39004", exchange="MOEX", stop=False)


@IN_PATH
def test_a_path_value_must_be_there_and_of_a_type_that_has_one_spelling(operation, parameter):
    values = usual_values(operation)
    for wrong in (None, True, 1.5, b"x", ["x"], Decimal(1), bytearray()):
        with pytest.raises(InvalidArgument, match=f"^{parameter.name}: "):
            operation.request_with(values | {parameter.name: wrong})
    del values[parameter.name]
    with pytest.raises(InvalidArgument, match=f"^{parameter.name}: is required"):
        operation.request_with(values)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_can_be_asked_for_and_keeps_its_template(operation):
    request = operation.request_with(usual_values(operation))
    path, _, query = request.target.partition("?")
    assert values_in(operation, path) is not None
    assert query == ("format=Heavy" if operation.has_format else "")
    assert request.format is (Format.HEAVY if operation.has_format else None)
    assert repr(request) == f"<Request {operation.name}: {operation.method} {operation.path}>"
    assert "X1" not in repr(request)


@pytest.mark.heavy
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_query_values_arrive_as_they_are(operation, data):
    parameters = [parameter for parameter in operation.parameters if parameter.place is Place.QUERY]
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    values = {parameter.name: data.draw(st.none() | texts, parameter.name) for parameter in parameters}
    target = operation.request_with(usual_values(operation) | values).target
    sent = [(p.wire, values[p.name]) for p in parameters if values[p.name] is not None]
    expected = ([("format", "Heavy")] if operation.has_format else []) + sent
    assert target.isascii()
    for query in (
        yarl.URL(HOST + target, encoded=True).raw_query_string,
        yarl.URL(HOST + target, encoded=False).raw_query_string,
        urlsplit(HOST + target).query,
    ):
        assert parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)) == expected
    assert urlsplit(HOST + target).fragment == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (Decimal("250.10"), "250.10"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.5"), "-0.5"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Exchange.MOEX, "MOEX"),
        (Exchange("LSE"), "LSE"),
        (Format.SLIM, "Slim"),
        ("a b&c=d?e#f%", "a%20b%26c%3Dd%3Fe%23f%25"),
        ("2026-01-02T03:04:05.0000000Z", "2026-01-02T03:04:05.0000000Z"),
        ("\r\nX-REQID: 1", "%0D%0AX-REQID:%201"),
        ("", ""),
    ],
    ids=repr,
)
def test_query_values_are_spelled_as_the_broker_reads_them(value, text):
    request = operations.INSTRUMENTS_LIST_RISK_RATES.request(symbol=value)
    assert request.target.endswith(f"={text}")


@pytest.mark.parametrize(
    "value",
    [1.5, b"x", ["x"], ("x",), bytearray(), Decimal("NaN"), Decimal("1E+999999"), Decimal("-Infinity"), "\ud800"],
    ids=repr,
)
def test_a_query_value_without_one_spelling_is_refused(value):
    with pytest.raises(InvalidArgument, match=r"^symbol: "):
        operations.INSTRUMENTS_LIST_RISK_RATES.request(symbol=value)


def test_a_flag_and_its_number_are_never_confused():
    first = operations.ORDERS_CANCEL_ALL.request(exchange="MOEX", portfolio="D39004", stop=True).target
    second = operations.ORDERS_CANCEL_ALL.request(exchange="MOEX", portfolio="D39004", stop=1).target
    assert first.endswith("stop=true")
    assert second.endswith("stop=1")


@pytest.mark.parametrize("format", [None, *Format])
def test_the_format_is_part_of_the_request_where_there_is_a_choice(format):
    request = operations.GET_SERVER_TIME.request(format=format)
    assert request.format is None
    assert "format" not in request.target
    request = operations.ACCOUNT_LIST_ORDERS.request(format=format, exchange="MOEX", portfolio="D39004")
    assert request.format is (format or Format.HEAVY)
    assert request.target == f"/md/v2/Clients/MOEX/D39004/orders?format={request.format}"


def test_an_unknown_parameter_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match=r"market_data\.get_quotes has no parameter 'symbol'"):
        operations.MARKET_DATA_GET_QUOTES.request(symbol="SBER")


def ask(**changes: object) -> Request[object]:
    given = {"format": Format.SLIM, "body": b"{}", "request_id": "1", "exchange": "MOEX", "portfolio": "D39004"}
    return operations.ACCOUNT_LIST_ORDERS.request(**(given | changes))


def test_requests_are_values():
    assert ask() == ask()
    assert hash(ask()) == hash(ask())
    others = [ask(format=Format.HEAVY), ask(body=b"[]"), ask(request_id="2"), ask(portfolio="D39005")]
    others.append(operations.ACCOUNT_LIST_STOP_ORDERS.request(exchange="MOEX", portfolio="D39004"))
    assert all(other != ask() for other in others)
    assert ask() != "a request"
    assert len({ask(), ask(), *others}) == 6


def operation(path: str, *parameters: Parameter) -> Operation[object]:
    return Operation("test.get", "GET", path, answer=operations.GET_SERVER_TIME.answer, parameters=parameters)


def test_a_template_and_its_parameters_must_fit():
    with pytest.raises(ValueError, match=r"has no \{b\}"):
        operation("/x/{a}", Parameter("b", "b", Place.PATH))
    with pytest.raises(ValueError, match="without a description"):
        operation("/x/{a}/{b}", Parameter("a", "a", Place.PATH))
    with pytest.raises(ValueError, match=r"has no \{a\}"):
        operation("/x/{a}/{b}", Parameter("b", "b", Place.PATH), Parameter("a", "a", Place.PATH))


def test_operations_and_parameters_describe_themselves():
    one = operation("/x/{a}", Parameter("a", "a", Place.PATH))
    assert repr(one) == "<Operation test.get: GET /x/{a}>"
    assert repr(one.parameters[0]) == "Parameter('a', 'a', Place.PATH)"
    assert (one.kind, one.lane, one.access) == (Kind.READ, Lane.DATA, Access.REQUIRED)
    assert (one.max_body, one.has_format, one.has_request_id, one.on_token_host) == (16 * 2**20, False, False, False)
    assert Lane.CANCEL < Lane.PLACE < Lane.DATA


def test_every_command_that_places_carries_a_request_id_and_goes_before_data():
    for operation in OPERATIONS:
        places = operation.kind is Kind.COMMAND and operation.method in {"POST", "PUT"} and "actions" in operation.path
        assert operation.has_request_id is places, operation.name
        if operation.method == "DELETE" and "/client/orders" in operation.path:
            assert operation.lane is Lane.CANCEL, operation.name
        assert (operation.kind is Kind.READ) <= (operation.lane is Lane.DATA), operation.name
