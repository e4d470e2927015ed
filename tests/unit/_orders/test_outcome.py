"""What a failed command means: a lost answer is never a no, and a phrase alone proves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alor_async._contract import bodies, operations
from alor_async._http.request import Operation
from alor_async._orders.intent import Intent, OrderAck, Verb
from alor_async._orders.outcome import Accepted, judge, order_number, unknown
from alor_async.errors import (
    AlorError,
    BadRequest,
    ConnectError,
    ConnectionLost,
    DecodeError,
    Forbidden,
    NotFound,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    QueueTimeout,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServerError,
    StatusError,
    TransportError,
    Unauthorized,
)
from alor_async.models import Exchange, ExecutionPolicy, GroupedOrderType, Side
from alor_async.values import InstrumentId

FIXTURES = Path(__file__).parents[2] / "contract" / "fixtures"
REQUEST_ID = UUID(int=7)
SBER = InstrumentId("SBER", "MOEX")
NUMBER = "61270448139"
HANDLED = "Request with such X-ALOR-REQID was already handled. We return the response to that request."


def intent(verb: Verb = Verb.PLACE) -> Intent[object]:
    owner = bodies.OrderOwner(portfolio="D39004")
    key = bodies.InstrumentKey(symbol="SBER", exchange=Exchange.MOEX)
    body = bodies.MarketOrderBody(side=Side.BUY, lots=1, instrument=key, user=owner)
    match verb:
        case Verb.PLACE:
            return Intent(operations.ORDERS_PLACE_MARKET, verb, body=body, request_id=REQUEST_ID, instrument_id=SBER)
        case Verb.REPLACE:
            values: dict[str, object] = {"order_id": NUMBER}
            operation: Operation[object] = operations.ORDERS_REPLACE_MARKET
            return Intent(operation, verb, values=values, body=body, request_id=REQUEST_ID, instrument_id=SBER)
        case Verb.CANCEL:
            return Intent(operations.ORDERS_CANCEL, verb, values={"order_id": NUMBER, "portfolio": "D39004"})
        case Verb.GROUP:
            return Intent(operations.ORDER_GROUPS_DELETE, verb, values={"group_id": UUID(int=3)})


def answered(status: int, body: object = b"", *, ambiguous: bool = False) -> StatusError:
    kinds = {400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    kind = kinds.get(status, ServerError if status >= 500 else StatusError)
    error = kind(f"the broker answered {status}", status=status, raw_body=raw, operation="orders.place_market")
    error.ambiguous = ambiguous
    return error


def copy_of(status: object, body: object, **more: object) -> dict[str, object]:
    return {"message": HANDLED, "oldResponse": {"statusCode": status, "body": body}, **more}


SUCCESS = {"message": "success", "orderNumber": NUMBER}

# --- What a copy of the first answer means (F092).

COPIES_OF_A_YES = {
    "an object": copy_of(200, SUCCESS),
    "a number as a JSON number": copy_of(200, {"orderNumber": int(NUMBER)}),
    "19 digits": copy_of(200, {"orderNumber": "1914637720558140563"}),
    "JSON in a text": copy_of(200, json.dumps(SUCCESS)),
    "JSON with spaces in a text": copy_of(200, f"  {json.dumps(SUCCESS)}\n"),
    "without a message": {"oldResponse": {"statusCode": 200, "body": SUCCESS}},
    "with a code beside it": copy_of(200, SUCCESS, code="DuplicateRequest"),
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(copy_of(200, SUCCESS)).encode(),
    "spread over lines": json.dumps(copy_of(200, SUCCESS), indent=2).encode(),
}

COPIES_OF_A_NO = {
    "an object": copy_of(400, {"code": "NotEnoughCash (401)", "message": "no money"}),
    "an object in a text": copy_of(400, json.dumps({"code": "NotEnoughCash", "message": "no money"})),
    "a text": copy_of(400, "Provided json can't be properly deserialised"),
    "nothing": copy_of(400, None),
    "a code and a number": copy_of(400, {"code": "ExchangeIncorrectQuantity", "message": "bad", "orderNumber": NUMBER}),
    "another refusal": copy_of(422, {"message": "bad"}),
}

COPIES_THAT_PROVE_NOTHING = {
    "500": copy_of(500, SUCCESS),
    "504 with a text": copy_of(504, "Gateway Timeout"),
    "201": copy_of(201, SUCCESS),
    "302": copy_of(302, SUCCESS),
    "401": copy_of(401, None),
    "429": copy_of(429, None),
    "409": copy_of(409, None),
    "0": copy_of(0, SUCCESS),
    "-200": copy_of(-200, SUCCESS),
    "200 without a number": copy_of(200, {"message": "success"}),
    "200 with null": copy_of(200, None),
    "200 with a null number": copy_of(200, {"orderNumber": None}),
    "200 with an empty number": copy_of(200, {"orderNumber": ""}),
    "200 with number zero": copy_of(200, {"orderNumber": 0}),
    "200 with a negative number": copy_of(200, {"orderNumber": -5}),
    "200 with a fraction": copy_of(200, {"orderNumber": 5.5}),
    "200 with a word for a number": copy_of(200, {"orderNumber": "N/A"}),
    "200 with true for a number": copy_of(200, {"orderNumber": True}),
    "200 with 30 digits": copy_of(200, {"orderNumber": "1" * 30}),
    "200 with a number of 5000 digits": copy_of(200, {"orderNumber": "1" * 5000}),
    "200 with a phrase": copy_of(200, f"An order '{NUMBER}' has been created."),
    "200 with a bare number": copy_of(200, int(NUMBER)),
    "200 with a list": copy_of(200, [SUCCESS]),
    "200 with a cut text": copy_of(200, json.dumps(SUCCESS)[:-3]),
    "200 with a text that no JSON text can hold": json.dumps(copy_of(200, "\ud800")).encode(),
    "the status as a text": copy_of("200", SUCCESS),
    "the status as a fraction": copy_of(200.5, SUCCESS),
    "the status null": copy_of(None, SUCCESS),
    "no status": {"message": HANDLED, "oldResponse": {"body": SUCCESS}},
    "no body": {"message": HANDLED, "oldResponse": {"statusCode": 200}},
    "the copy null": {"message": "something else", "oldResponse": None},
    "the copy empty": {"message": "something else", "oldResponse": {}},
    "the copy a text": {"message": "something else", "oldResponse": json.dumps({"statusCode": 400})},
    "the copy a list": {"message": "something else", "oldResponse": [200, SUCCESS]},
    "a copy within a copy": copy_of(400, copy_of(200, SUCCESS)),
    "400 that timed out": copy_of(400, {"code": "CommandResponseTimeout (900)", "message": "Command Timeout"}),
    "400 that timed out, as a text": copy_of(400, "Command Timeout"),
    "400 that timed out, as a code alone": copy_of(400, "CommandResponseTimeout"),
    "400 that says it was handled": copy_of(400, {"message": HANDLED}),
    "400 that says success": copy_of(400, SUCCESS),
    "400 with a cut object": copy_of(400, '{"code": "NotEnough'),
}


@pytest.mark.parametrize("body", COPIES_OF_A_YES.values(), ids=COPIES_OF_A_YES)
@pytest.mark.parametrize("verb", [Verb.PLACE, Verb.REPLACE])
@pytest.mark.parametrize("ambiguous", [False, True])
def test_f092_the_copy_of_a_yes_is_a_yes(verb, body, ambiguous):
    verdict = judge(intent(verb), answered(400, body, ambiguous=ambiguous))
    assert isinstance(verdict, Accepted)
    assert verdict.order_id in {NUMBER, "1914637720558140563"}


@pytest.mark.parametrize("body", COPIES_OF_A_NO.values(), ids=COPIES_OF_A_NO)
@pytest.mark.parametrize("ambiguous", [False, True])
def test_f092_the_copy_of_a_no_is_a_no(body, ambiguous):
    verdict = judge(intent(), answered(400, body, ambiguous=ambiguous))
    assert type(verdict) is OrderRejected
    assert verdict.replayed
    assert "earlier command" in str(verdict)


@pytest.mark.parametrize("body", COPIES_THAT_PROVE_NOTHING.values(), ids=COPIES_THAT_PROVE_NOTHING)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_f092_every_other_copy_is_unknown(status, body):
    assert type(judge(intent(), answered(status, body))) is OrderOutcomeUnknown


@pytest.mark.parametrize(
    "body", [*COPIES_OF_A_YES.values(), *COPIES_OF_A_NO.values()], ids=[*COPIES_OF_A_YES, *COPIES_OF_A_NO]
)
def test_f092_a_copy_that_was_cut_anywhere_is_unknown(body):
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    for length in range(whole.index(b"{") + 1, len(whole.rstrip())):
        assert type(judge(intent(), answered(400, whole[:length]))) is OrderOutcomeUnknown, whole[:length]


# --- Answers that are not copies.

REJECTIONS = {
    "code and number": ({"code": "NotEnoughCash (401)", "message": "Недостаточно средств"}, "NotEnoughCash", "Недостаточно средств"),
    "code alone": ({"code": "ClientBlocked"}, "ClientBlocked", None),
    "a number for a code": ({"code": 401, "message": "no money"}, "401", "no money"),
    "with an order's number": ({"code": "X", "message": "(1030) bad", "orderNumber": NUMBER}, "X", "(1030) bad"),
    "message alone": ({"message": "price  is\nwrong"}, None, "price is wrong"),
    "a problem": ({"title": "BadRequest", "status": 400, "detail": "not yours"}, None, "not yours"),
    "a validation": (
        {"title": "One or more validation errors occurred.", "errors": {"price": ["The value is not valid."], "x": []}},
        None,
        "price: The value is not valid.",
    ),
    "a title alone": ({"title": "BadRequest", "errors": ["x"]}, None, "BadRequest"),
    "an empty object": ({}, None, None),
    "odd types": ({"code": ["x"], "message": {"a": 1}, "detail": 5, "title": True}, None, None),
    "code true": ({"code": True, "message": "no"}, None, "no"),
    "a blank code": ({"code": " (5)", "message": "no"}, None, "no"),
    "plain text": (b"Provided json can't be read", None, "Provided json can't be read"),
    "a JSON text": (b'"Provided json can\'t be read"', None, "Provided json can't be read"),
    "a Russian code page": ("нет".encode("cp1251"), None, "\ufffd\ufffd\ufffd"),
    "a cut JSON text": (b'"Provided js', None, '"Provided js'),
    "a page": (b"<html><style>p {color: red}</style>400</html>", None, None),
    "a page with a mark": (b"\xef\xbb\xbf\r\n<!DOCTYPE html>", None, None),
    "nothing": (b"", None, None),
    "null": (b"null", None, None),
    "a list": (b"[]", None, "[]"),
    "a very long text": (b"x" * 5000, None, "x" * 300),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code", "reason"), REJECTIONS.values(), ids=REJECTIONS)
@pytest.mark.parametrize("status", [400, 405, 406, 411, 413, 414, 415, 422, 431])
def test_f100_a_plain_no_is_final_with_its_code_and_text(status, body, code, reason):
    verdict = judge(intent(), answered(status, body))
    assert type(verdict) is OrderRejected
    assert (verdict.code, verdict.reason, verdict.replayed) == (code, reason, False)
    assert (verdict.request_id, verdict.instrument_id) == (REQUEST_ID, SBER)
    text = str(verdict)
    assert text.startswith("orders.place_market: the broker said no")
    assert text.endswith(f"[request {REQUEST_ID}]")
    assert text.isprintable()


def test_f191_the_portfolio_that_a_server_speaks_of_is_not_shown():
    item = bodies.OrderGroupItem(
        portfolio="G12345", exchange=Exchange.MOEX, order_id="5", order_type=GroupedOrderType.STOP
    )
    group = bodies.OrderGroupBody(orders=(item,), execution_policy=ExecutionPolicy.IGNORE_CANCEL)
    for wanted, portfolio in (
        (intent(), "D39004"),
        (intent(Verb.CANCEL), "D39004"),
        (Intent(operations.ORDER_GROUPS_CREATE, Verb.GROUP, body=group), "G12345"),
    ):
        verdict = judge(wanted, answered(400, {"code": "X", "message": f"{portfolio} has no rights"}))
        assert isinstance(verdict, OrderRejected)
        assert verdict.reason == "*** has no rights"
        assert portfolio not in str(verdict)


@pytest.mark.parametrize("body", [value[0] for value in REJECTIONS.values()], ids=REJECTIONS)
@pytest.mark.parametrize("verb", list(Verb))
def test_a_no_after_a_lost_attempt_says_nothing_about_that_attempt(verb, body):
    for status in (400, 404, 405):
        assert type(judge(intent(verb), answered(status, body, ambiguous=True))) is OrderOutcomeUnknown


UNKNOWN_BODIES = {
    "timed out": {"code": "CommandResponseTimeout", "message": "Command Timeout"},
    "timed out, with its number": {"code": "CommandResponseTimeout (900)", "message": "Command Timeout"},
    "timed out, number alone": {"code": "900", "message": "Command Timeout"},
    "timed out, as a number": {"code": 900, "message": "Command Timeout"},
    "timed out, as text": b"Command Timeout",
    "timed out, as a JSON text": "CommandResponseTimeout (900)",
    "timed out elsewhere": {"code": "GatewayTimeout", "message": "no answer"},
    "handled before": {"message": HANDLED},
    "handled before, in a detail": {"title": "BadRequest", "detail": HANDLED},
    "handled before, with a code": {"code": "DuplicateRequest (1)", "message": "Request ALREADY HANDLED"},
    "handled before, as text": HANDLED.encode(),
    "handled before, as a JSON text": HANDLED,
    "a number without a code": SUCCESS,
    "cut": b'{"code": "NotEnoughCash", "mess',
    "cut after a list began": b'[{"message": "',
    "an object in a list": [copy_of(200, SUCCESS)],
    "an object in a text": json.dumps(copy_of(200, SUCCESS)),
    "not UTF-8": b'{"message": "\xff\xfe"}',
    "UTF-16": json.dumps(copy_of(200, SUCCESS)).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(copy_of(200, SUCCESS)).encode("utf-16-be"),
    "deep": b'{"a":' * 5000,
}


@pytest.mark.parametrize("body", UNKNOWN_BODIES.values(), ids=UNKNOWN_BODIES)
@pytest.mark.parametrize("verb", list(Verb))
def test_f092_answers_that_may_hide_a_yes_are_unknown(verb, body):
    assert type(judge(intent(verb), answered(400, body))) is OrderOutcomeUnknown


@pytest.mark.parametrize("code", ["OrderToCancelNotFound", "OrderToModifyNotFound", "ExchangeOrderNotFound"])
@pytest.mark.parametrize("number", ["", " (404)", "(403)", " (253) "])
def test_f107_a_missing_order_is_not_working(code, number):
    error = answered(400, {"code": code + number, "message": "Order to cancel not found"})
    for verb in (Verb.CANCEL, Verb.REPLACE):
        verdict = judge(intent(verb), error)
        assert type(verdict) is OrderNotWorking
        assert verdict.code == code
        assert (verdict.order_status, verdict.filled_lots) == (None, None)
        assert "nothing was changed" in str(verdict)
    for verb in (Verb.PLACE, Verb.GROUP):
        assert type(judge(intent(verb), error)) is OrderRejected


@pytest.mark.parametrize("body", [b"", b"null", {"message": "not found"}, b"not found"])
def test_f085_404_on_a_replace_or_cancel_is_not_working(body):
    for verb in (Verb.CANCEL, Verb.REPLACE):
        assert type(judge(intent(verb), answered(404, body))) is OrderNotWorking
    for verb in (Verb.PLACE, Verb.GROUP):
        assert type(judge(intent(verb), answered(404, body))) is OrderRejected


def test_a_404_that_is_a_page_knows_nothing_of_orders():
    assert type(judge(intent(Verb.CANCEL), answered(404, b"<html>404</html>"))) is OrderRejected
    assert type(judge(intent(Verb.CANCEL), answered(404, {"code": "ClientBlocked"}))) is OrderRejected


# --- Everything else that can happen to a request.

MAY_HAVE_ACTED = [
    TransportError("the server redirects, which is not followed", stage="status"),
    RequestTimeout("no answer in time"),
    ConnectionLost("the connection broke"),
    DecodeError("the answer cannot be read", path="$.orderNumber"),
    RequestError("something new"),
    *(
        answered(status, SUCCESS)
        for status in (402, 408, 409, 410, 412, 418, 423, 425, 451, 500, 501, 502, 503, 504, 599)
    ),
]
NOTHING_HAPPENED = [
    QueueTimeout("no free place"),
    ConnectError("not connected"),
    answered(429, b"slow down"),
    answered(401),
    answered(403, {"message": "x"}),
]


@pytest.mark.parametrize("error", MAY_HAVE_ACTED, ids=repr)
@pytest.mark.parametrize("verb", list(Verb))
def test_f083_what_may_have_been_carried_out_is_unknown(verb, error):
    verdict = judge(intent(verb), error)
    assert type(verdict) is OrderOutcomeUnknown
    assert error.problem in str(verdict)


@pytest.mark.parametrize("error", NOTHING_HAPPENED, ids=repr)
@pytest.mark.parametrize("verb", list(Verb))
def test_f080_an_error_that_proves_that_nothing_happened_passes_as_it_is(verb, error):
    assert judge(intent(verb), error) is error


@pytest.mark.parametrize("error", NOTHING_HAPPENED, ids=repr)
def test_f080_unless_an_earlier_attempt_was_lost(error):
    error.ambiguous = True
    try:
        assert type(judge(intent(), error)) is OrderOutcomeUnknown
    finally:
        error.ambiguous = False


def test_an_unknown_outcome_says_what_to_do():
    text = str(unknown(intent(), "the connection broke"))
    assert text == (
        "orders.place_market: the connection broke; the command may have been carried out: read the orders before "
        f"anything else, and do not repeat it under another request id [request {REQUEST_ID}]"
    )
    assert "request id" not in str(unknown(intent(Verb.CANCEL), "the connection broke"))
    assert "read the groups" in str(unknown(intent(Verb.GROUP), "the connection broke"))
    error = unknown(intent(), "x")
    assert (error.request_id, error.instrument_id) == (REQUEST_ID, SBER)


RECORDED = {
    "error.400.cancel-all-not-found": (Verb.CANCEL, OrderNotWorking),
    "error.400.cancel-not-found": (Verb.CANCEL, OrderNotWorking),
    "error.400.command-timeout": (Verb.PLACE, OrderOutcomeUnknown),
    "error.400.order-group": (Verb.GROUP, OrderRejected),
    "error.400.rejected-with-number": (Verb.PLACE, OrderRejected),
    "error.400.rejected": (Verb.PLACE, OrderRejected),
    "error.400.repeated-id-of-a-failure": (Verb.PLACE, OrderRejected),
    "error.400.repeated-id-short": (Verb.PLACE, OrderOutcomeUnknown),
    "error.400.repeated-id": (Verb.PLACE, Accepted),
    "error.400.replace-not-found": (Verb.REPLACE, OrderNotWorking),
    "error.400.unreadable-body": (Verb.PLACE, OrderRejected),
    "error.400.validation": (Verb.PLACE, OrderRejected),
    "error.401": (Verb.PLACE, Unauthorized),
    "error.403": (Verb.PLACE, Forbidden),
    "error.404": (Verb.CANCEL, OrderNotWorking),
    "error.429": (Verb.PLACE, RateLimited),
    "error.500": (Verb.PLACE, OrderOutcomeUnknown),
    "error.502": (Verb.PLACE, OrderOutcomeUnknown),
}


@pytest.mark.parametrize("name", RECORDED)
def test_the_contracts_own_examples_are_judged_as_expected(name):
    verb, expected = RECORDED[name]
    example = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    body = example.get("body")
    raw = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    assert type(judge(intent(verb), answered(example["status"], raw))) is expected


# --- Any body, any status.

_leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_anything = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_codes = st.sampled_from(
    ["NotEnoughCash", "CommandResponseTimeout", "CommandResponseTimeout (900)", "OrderToCancelNotFound (404)"]
)
_first_answers = st.one_of(
    _anything,
    st.fixed_dictionaries(
        {},
        optional={
            "orderNumber": st.sampled_from([NUMBER, int(NUMBER), "", "x", 0, None, -1, 1.5]),
            "message": st.sampled_from(["success", HANDLED]),
            "code": _codes,
        },
    ),
)
_old_responses = st.fixed_dictionaries(
    {},
    optional={
        "statusCode": st.sampled_from([200, 400, 404, 500, "200", None]) | _anything,
        "body": _first_answers | _first_answers.map(json.dumps),
    },
)
_objects = st.fixed_dictionaries(
    {},
    optional={
        "code": _codes | _anything,
        "message": st.sampled_from([HANDLED, "success", "no money"]) | _anything,
        "oldResponse": _old_responses | _anything,
        "orderNumber": st.sampled_from([NUMBER, None]) | _anything,
        "detail": _anything,
    },
)
_documents = (_objects | _anything).map(lambda value: json.dumps(value).encode())
_bodies = st.one_of(
    _documents,
    st.tuples(_documents, st.integers(0, 200)).map(lambda cut: cut[0][: cut[1]]),
    _documents.map(lambda body: b"\xef\xbb\xbf" + body),
    st.binary(max_size=60),
)
_statuses = st.sampled_from(
    [400, 400, 400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 502, 503, 504]
) | st.integers(400, 599)


@pytest.mark.heavy
@settings(max_examples=700, deadline=None)
@given(st.sampled_from(list(Verb)), _statuses, _bodies, st.booleans())
@example(Verb.PLACE, 400, json.dumps(copy_of(200, SUCCESS)).encode(), False)
@example(Verb.CANCEL, 404, b"", False)
def test_f092_any_answer_ends_in_an_outcome_that_it_proves(verb, status, body, ambiguous):
    error = answered(status, body, ambiguous=ambiguous)
    verdict = judge(intent(verb), error)
    if isinstance(verdict, Accepted):
        old = whole_object(body)["oldResponse"]
        assert old["statusCode"] == 200
        first = old["body"]
        number = (json.loads(first) if isinstance(first, str) else first)["orderNumber"]
        assert verdict.order_id == str(number)
        assert verdict.order_id.isdigit()
    elif isinstance(verdict, OrderRejected):
        assert 400 <= status < 500
        assert status not in {401, 403, 408, 409, 429}
        assert not may_hide_a_yes(body, replayed=verdict.replayed)
        assert verdict.replayed or not ambiguous
    elif isinstance(verdict, OrderOutcomeUnknown):
        assert verdict.request_id == intent(verb).request_id
    else:
        assert verdict is error
        assert status in {401, 403, 429}
        assert not ambiguous
    if isinstance(verdict, AlorError):
        assert str(verdict).isprintable()


def whole_object(body: bytes) -> dict[str, object]:
    found = json.loads(body.decode("utf-8-sig"))
    assert isinstance(found, dict)
    return found


def may_hide_a_yes(body: bytes, *, replayed: bool) -> bool:
    """Tell, by other means than the code under test, whether a refusal could be the answer to a command that worked."""
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return b"oldResponse" in body or b"CommandResponseTimeout" in body or b"already handled" in body
    if replayed:
        found = found["oldResponse"]
        if found["statusCode"] not in {400, 404, 405, 406, 411, 413, 414, 415, 422, 431}:
            return True
        found = found.get("body")
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError:
                return "already handled" in found
    if not isinstance(found, dict):
        return "oldResponse" in json.dumps(found)
    timed_out = str(found.get("code")).startswith("CommandResponseTimeout")
    return "oldResponse" in found or timed_out or found.get("message") == HANDLED


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", "5"), (5, "5"), (2**63 - 1, str(2**63 - 1)), ("1914637720558140563", "1914637720558140563"), (None, None), ("", None),
     ("0", None), (0, None), (-1, None), (2**63, None), ("abc", None), ("1.0", None), ("٣", None), ("1" * 20, None), (True, None)],
)  # fmt: skip
def test_f034_f101_an_order_number_is_digits_or_nothing(value, number):
    assert order_number(value) == number


def test_intents_and_acknowledgements_describe_themselves_without_the_portfolio():
    shown = repr(intent())
    assert shown == f"<Intent orders.place_market MOEX:SBER {REQUEST_ID}>"
    assert "D39004" not in repr(intent(Verb.CANCEL))
    assert intent(Verb.PLACE).values == {}
    ack = OrderAck(order_id=NUMBER)
    assert (ack.request_id, ack.replayed) == (None, False)
    assert ack == OrderAck(order_id=NUMBER)


def test_a_code_is_masked_and_bounded_and_a_portfolio_at_the_cut_is_masked_whole() -> None:
    body = json.dumps({"code": "D39004 " + "x" * 5_000, "message": "y" * 296 + " D39004 is full"}).encode()
    verdict = judge(intent(), BadRequest("no", status=400, raw_body=body))
    assert isinstance(verdict, OrderRejected)
    assert "D390" not in f"{verdict} {verdict.code} {verdict.reason}"
    assert len(verdict.code or "") <= 64
    assert len(str(verdict)) < 600
