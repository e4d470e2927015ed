"""F049 and F050: what the body of an error can be, and what becomes of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from alor_async.errors import (
    AlorError,
    BadRequest,
    Forbidden,
    NotFound,
    OrderError,
    OrderNotWorking,
    OrderOutcomeUnknown,
    OrderRejected,
    RateLimited,
    ServerError,
    StatusError,
    Unauthorized,
)
from tests.contract.call_kit import Call
from tests.contract.call_orders import COMMANDS
from tests.faults import content_support
from tests.faults.content_support import ALL_READS, PAGE, Desk, assert_fit_for_a_log, named

desk, exchange = content_support.desk, content_support.exchange

EACH_READ = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in ALL_READS])
EACH_COMMAND = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in COMMANDS])

CLASSES: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
    500: ServerError,
    502: ServerError,
    503: ServerError,
    504: ServerError,
}
RUSSIAN = "Недостаточно средств: заявка отклонена"
BODIES: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "list": b'[{"code":1}]',
    "number": b"404",
    "text": b"From and To must be less than today",
    "quoted": b'"Command Timeout"',
    "json": b'{"code":"NotEnoughCash (401)","message":"no money"}',
    "problem": b'{"title":"One or more validation errors occurred.","status":400,"errors":{"price":["not valid"]}}',
    "strange": b'{"code":{"a":[1]},"message":["x"],"errors":"none","title":7}',
    "cut": b'{"code":"NotEnoughCash","mess',
    "page": PAGE,
    "megabyte of text": b"x" * 1_000_000,
    "megabyte of json": b'{"code":"%b","message":"%b"}' % (b"C " * 250_000, b"m(1) " * 100_000),
    "megabyte of spaces": b'{"code":"a%bb","message":"m"}' % (b" " * 900_000),
    "deep": b"[" * 100_000,
    "cp1251": RUSSIAN.encode("cp1251"),
    "cp1251 in json": b'{"code":"X","message":"%b"}' % RUSSIAN.encode("cp1251"),
    "utf-16": RUSSIAN.encode("utf-16"),
    "noise": bytes(range(256)) * 8,
    "lines": b"one\r\ntwo\x1b[31m\x00three\n",
    "surrogate": b'{"code":"X","message":"\\ud800"}',
}

SWEPT = {name: body for name, body in BODIES.items() if len(body) < 200_000}
"""What every operation meets; the long ones are met by one read and one command."""


async def failed(desk: Desk, call: Call, status: int, body: bytes, content_type: str = "text/plain") -> Any:
    """Make a call that gets this status and body before anything was acted on."""
    operation = call.operation.replace("stop_orders.cancel", "orders.cancel")
    headers = {"Content-Type": content_type}
    started = time.perf_counter()
    with (
        desk.sandbox.faults.http.status(status, body=body, headers=headers, operation=operation, times=None),
        pytest.raises(AlorError) as caught,
    ):
        await desk.make(call)
    assert time.perf_counter() - started < 1, "the loop was held"
    assert_fit_for_a_log(caught.value, desk.sandbox)
    return caught.value


@EACH_READ
async def test_f049_an_error_is_that_of_its_status_whatever_its_body_is(desk: Desk, call: Call) -> None:
    for name, body in SWEPT.items():
        with named(name):
            error = await failed(desk, call, 400, body)
            assert type(error) is BadRequest
            assert len(error.body.encode()) <= 2_048
            assert len(error.raw_body) <= 65_536
            assert error.message is None or "\n" not in error.message


@pytest.mark.parametrize("status", CLASSES)
async def test_f049_each_status_has_its_class_for_each_body(desk: Desk, status: int) -> None:
    call = ALL_READS[0]
    # A 401 asks for another token, and the token service is not asked five times a second.
    bodies = {name: BODIES[name] for name in ("empty", "json", "page")} if status == 401 else BODIES
    for name, body in bodies.items():
        with named(name):
            error = await failed(desk, call, status, body, "application/json")
            assert type(error) is CLASSES[status]
            assert error.status == status
            assert error.operation == call.operation


async def test_f049_code_and_message_are_taken_from_what_can_be_read(desk: Desk) -> None:
    call = ALL_READS[0]
    said = {name: await failed(desk, call, 400, body) for name, body in BODIES.items()}
    assert (said["json"].code, said["json"].message) == ("NotEnoughCash", "no money")
    assert said["text"].message == "From and To must be less than today"
    assert "not valid" in said["problem"].message
    assert said["empty"].message is said["page"].message is None


async def test_f049_the_token_that_the_server_repeats_is_masked(desk: Desk) -> None:
    token = await desk.alor._auth.get_token()  # type: ignore[union-attr]
    for body in (
        token.encode(),
        b'{"code":"X","message":"bad token %b!"}' % token.encode(),
        b"x" * 1_990 + token.encode(),
    ):
        error = await failed(desk, ALL_READS[0], 400, body)
        for part in (str(error), repr(error), error.body, error.raw_body.decode(), str(error.message)):
            assert token not in part
            assert token.split(".")[1] not in part


@EACH_COMMAND
async def test_f049_a_refused_command_is_a_no_only_if_the_status_proves_it(desk: Desk, call: Call) -> None:
    mark = len(desk.sandbox.journal)
    for name, body in (BODIES if call is COMMANDS[0] else SWEPT).items():
        with named(name):
            error = await failed(desk, call, 400, body)
            cut = name in {"cut", "deep", "surrogate", "cp1251 in json"}
            assert isinstance(error, OrderOutcomeUnknown if cut and b"{" in body else OrderError), repr(error)
    for body in (b"", BODIES["json"], PAGE):
        for status in (500, 502, 503, 504):
            assert type(await failed(desk, call, status, body)) is OrderOutcomeUnknown
        for status, kind in ((403, Forbidden), (429, RateLimited)):
            assert type(await failed(desk, call, status, body)) is kind
    assert type(await failed(desk, call, 401, PAGE)) is Unauthorized
    assert type(await failed(desk, call, 400, BODIES["json"])) is OrderRejected
    assert desk.acts_since(mark) == 0


@pytest.mark.parametrize("method", ["orders.cancel", "orders.replace_limit", "stop_orders.cancel"])
async def test_f049_not_found_says_not_working_unless_a_page_says_it(desk: Desk, method: str) -> None:
    call = next(call for call in COMMANDS if call.method == method)
    for body in (b"", b"null", b"no such order", b'{"code":"OrderToCancelNotFound (404)","message":"?"}'):
        assert type(await failed(desk, call, 404, body)) is OrderNotWorking
    assert type(await failed(desk, call, 404, PAGE)) is OrderRejected


async def test_f050_russian_in_an_old_code_page_is_readable(desk: Desk) -> None:
    for label in ("text/plain; charset=windows-1251", "text/plain", "application/json; charset=utf-8"):
        error = await failed(desk, ALL_READS[0], 400, RUSSIAN.encode("cp1251"), label)
        assert RUSSIAN in str(error)
        assert error.message == RUSSIAN
        assert error.body == RUSSIAN


@EACH_COMMAND
async def test_f050_russian_in_an_old_code_page_refuses_a_command_without_a_crash(desk: Desk, call: Call) -> None:
    error = await failed(desk, call, 400, RUSSIAN.encode("cp1251"), "text/plain; charset=windows-1251")
    assert type(error) is OrderRejected
    assert error.reason
