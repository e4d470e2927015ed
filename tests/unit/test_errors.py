"""The tree of errors: its shape, its texts, and that nothing is lost in pickling."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from uuid import UUID

import pytest

from alor_async import OrderView, errors
from alor_async.errors import (
    AlorError,
    AuthError,
    BadRequest,
    BracketIncomplete,
    ClosedError,
    ConfigError,
    ConnectError,
    DecodeError,
    InvalidArgument,
    LedgerUnavailable,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    OrdersUnresolved,
    OrderWaitTimeout,
    QueueTimeout,
    RateLimited,
    RequestError,
    RequestTimeout,
    ServerError,
    SlowConsumer,
    StatusError,
    StreamLost,
    SubscriptionRejected,
    TokenRefused,
    TokenUnavailable,
    Unauthorized,
)
from alor_async.values import InstrumentId, OrderAck

# Each error, its bases as the tree at the top of the module draws them, and whether the same call may succeed later.
TREE = {
    "AlorError": ("Exception", False),
    "ConfigError": ("AlorError ValueError", False),
    "InvalidArgument": ("AlorError ValueError", False),
    "ClosedError": ("AlorError RuntimeError", False),
    "AuthError": ("AlorError", False),
    "TokenRefused": ("AuthError", False),
    "TokenUnavailable": ("AuthError", True),
    "RequestError": ("AlorError", False),
    "TransportError": ("RequestError", False),
    "QueueTimeout": ("TransportError TimeoutError", True),
    "ConnectError": ("TransportError", True),
    "RequestTimeout": ("TransportError TimeoutError", True),
    "ConnectionLost": ("TransportError", True),
    "StatusError": ("RequestError", False),
    "BadRequest": ("StatusError", False),
    "Unauthorized": ("StatusError", False),
    "Forbidden": ("StatusError", False),
    "NotFound": ("StatusError", False),
    "RateLimited": ("StatusError", True),
    "ServerError": ("StatusError", True),
    "DecodeError": ("RequestError", False),
    "OrderError": ("AlorError", False),
    "OrderRejected": ("OrderError", False),
    "OrderNotWorking": ("OrderRejected", False),
    "OrderOutcomeUnknown": ("OrderError", False),
    "OrderWaitTimeout": ("OrderError TimeoutError", False),
    "BracketIncomplete": ("OrderError", False),
    "OrdersUnresolved": ("OrderError", False),
    "LedgerUnavailable": ("AlorError", False),
    "StreamError": ("AlorError", False),
    "SubscriptionRejected": ("StreamError", False),
    "SlowConsumer": ("StreamError", False),
    "StreamDecodeError": ("StreamError", False),
    "StreamLost": ("StreamError", False),
}

ORDER = {"request_id": UUID(int=7), "instrument_id": InstrumentId("SBER", "MOEX")}
REQUEST = {"operation": "orders.place_limit", "request_id": "id-7", "attempts": 3, "elapsed": 1.5, "stage": "read"}
STATUS = {"code": "NotEnoughCash", "message": "no money", "body": '{"code":1}', "raw_body": b'{"code":1}'}


def with_everything() -> list[AlorError]:
    """One of each error, with every attribute set to something of its own."""
    made: list[AlorError] = [
        AlorError("plain"),
        ConfigError("Limits.in_flight", "must be at least 2"),
        InvalidArgument("price", "is required"),
        ClosedError("this client was closed"),
        AuthError("no token", status=500),
        TokenRefused("not accepted", status=403),
        TokenUnavailable("no answer", status=502),
        DecodeError("cannot be read", path="$[3].price", body="[...]", **REQUEST),
        OrderRejected("no", code="C", reason="R", replayed=True, **ORDER),
        OrderNotWorking("gone", code="C", reason="R", **ORDER),
        OrderOutcomeUnknown("who knows", **ORDER),
        OrderWaitTimeout("it works", order_id="7", view=OrderView(order_id="7"), **ORDER),
        BracketIncomplete("half", step="entry", placed={"stop_loss": OrderAck(order_id="1")}, **ORDER),
        OrdersUnresolved("two are left", keys=("id-7", "id-8")),
        LedgerUnavailable("the disk is full"),
    ]
    made += [getattr(errors, name)("order", **ORDER) for name in ("OrderError",)]
    statuses = {"StatusError": 418, "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "NotFound": 404}
    statuses |= {"RateLimited": 429, "ServerError": 503}
    made += [getattr(errors, name)("answered", status=status, **STATUS, **REQUEST) for name, status in statuses.items()]
    transport = ("RequestError", "TransportError", "QueueTimeout", "ConnectError", "RequestTimeout", "ConnectionLost")
    made += [getattr(errors, name)("broke", **REQUEST) for name in transport]
    streams = ("StreamError", "SubscriptionRejected", "SlowConsumer", "StreamDecodeError", "StreamLost")
    made += [getattr(errors, name)("stream", subscription="order_book MOEX:SBER") for name in streams]
    for error in made:
        match error:
            case RateLimited():
                error.retry_after = 2.5
            case OrderNotWorking():
                error.order_status, error.filled_lots = "filled", 10
            case SubscriptionRejected():
                error.status, error.reason = 401, "Invalid JWT token!"
            case SlowConsumer():
                error.pending, error.dropped = 10, 3
            case StreamLost():
                error.attempts, error.last_error = 5, ConnectError("not connected")
            case RequestError():
                error.ambiguous = True
    return made


EVERY_ERROR = with_everything()


def test_the_tree_is_the_one_that_is_promised():
    actual = {
        name: " ".join(base.__name__ for base in kind.__bases__)
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, BaseException)
    }
    assert actual == {name: bases for name, (bases, _) in TREE.items()}


@pytest.mark.parametrize(("name", "retryable"), [(name, retryable) for name, (_, retryable) in TREE.items()])
def test_each_error_says_whether_the_same_call_may_succeed_later(name, retryable):
    assert getattr(errors, name).retryable is retryable


def test_the_drawing_at_the_top_of_the_module_names_every_error():
    drawn = set(re.findall(r"\b[A-Z][a-z]+[A-Za-z]*\b", (errors.__doc__ or "").split("`str(error)`")[0]))
    assert set(TREE) <= drawn
    assert set(errors.__all__) == set(TREE)


def test_the_samples_below_cover_every_error():
    assert {type(error).__name__ for error in EVERY_ERROR} == set(TREE)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_keeps_all_of_itself_in_pickling(error, protocol):
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error)
    assert repr(again) == repr(error)
    assert {name: repr(value) for name, value in vars(again).items()} == {
        name: repr(value) for name, value in vars(error).items()
    }


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_keeps_all_of_itself_in_copying(error):
    error.add_note("seen by the caller")
    try:
        again = copy.copy(error)
    finally:
        del error.__notes__
    assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
    assert again.__notes__ == ["seen by the caller"]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_reads_as_one_line(error):
    text = str(error)
    assert text
    assert text.isprintable()


def test_an_error_of_a_request_says_what_where_and_what_to_do():
    error = Unauthorized("the broker answered 401", status=401, operation="account.get_summary")
    assert str(error).startswith("account.get_summary: the broker answered 401; ")
    assert "environment" in str(error)
    error = RequestTimeout("no answer in time", **REQUEST)
    assert str(error) == "orders.place_limit: no answer in time (after 3 attempts) [request id-7]"
    assert str(ServerError("the broker answered 503", status=503)) == "the broker answered 503"


def test_errors_that_prove_that_nothing_was_sent_say_so():
    for kind in (QueueTimeout, ConnectError):
        assert "nothing was sent" in str(kind("no place"))


def test_the_body_and_what_came_with_it_stay_out_of_the_text():
    error = BadRequest("the broker answered 400", status=400, body="D39004", raw_body=b"D39004", message="D39004")
    assert "D39004" not in str(error)
    assert "D39004" not in repr(error)


@pytest.mark.parametrize(
    ("from_server", "shown"),
    [
        ("first\r\nsecond", "first second"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\a", "bell\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("Недостаточно средств", "Недостаточно средств"),
    ],
)
def test_text_of_a_server_cannot_forge_a_line_of_a_log(from_server, shown):
    assert str(RequestError(from_server)) == shown
    assert str(OrderRejected(from_server)) == shown
    assert str(AlorError(from_server)) == shown


def test_time_outs_are_caught_as_such():
    for kind in (QueueTimeout, RequestTimeout):
        with pytest.raises(TimeoutError):
            raise kind("too late")


def test_mistakes_of_the_caller_are_value_errors_that_name_the_argument():
    for kind in (ConfigError, InvalidArgument):
        with pytest.raises(ValueError, match="lots: must be at least 1") as caught:
            raise kind("lots", "must be at least 1")
        assert caught.value.argument == "lots"


def test_a_status_error_has_no_doubts_unless_somebody_tells_it():
    assert StatusError("answered", status=400).ambiguous is False
    assert RequestError("broke").stage == "send"
