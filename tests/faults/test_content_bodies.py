"""F027-F032: bodies that are something else, or nothing, or JSON in a strange dress."""

from __future__ import annotations

import asyncio
import time

import pytest

from alor_async import AsyncAlor, RetryPolicy
from alor_async.errors import AuthError, DecodeError
from alor_async.values import Format
from tests.contract.call_kit import Call, Listed, filled
from tests.contract.call_orders import COMMANDS
from tests.faults import content_support
from tests.faults.content_support import (
    ALL_READS,
    ONCE,
    PAGE,
    PLACING,
    READ_OF,
    READABLE,
    READABLE_OBJECTS,
    SAYING_SUCCESS,
    Desk,
    call_of,
    first_places,
    named,
    with_raw,
)

desk, exchange = content_support.desk, content_support.exchange

EACH_READ = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in ALL_READS])
EACH_COMMAND = pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in COMMANDS])
PLAIN_READ = READ_OF["market_data.get_order_book"]
ORDER = next(call for call in COMMANDS if call.method == "orders.place_market")
CANCEL = next(call for call in COMMANDS if call.method == "orders.cancel")


# F027: a web page.


@EACH_READ
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", None])
async def test_f027_a_page_is_no_answer_to_a_read(desk: Desk, call: Call, content_type: str | None) -> None:
    error = await desk.failure(DecodeError, call, PAGE, content_type=content_type)
    assert "web page" in str(error)
    assert "Welcome" in error.body


@EACH_COMMAND
async def test_f027_a_page_is_neither_a_yes_nor_a_no_to_a_command(desk: Desk, call: Call) -> None:
    await desk.unknown(call, PAGE, content_type="text/html")


async def test_f027_a_read_is_repeated_and_a_passing_page_is_forgotten(desk: Desk) -> None:
    desk.sandbox.requests.clear()
    with desk.sandbox.faults.http.body(PAGE, operation=PLAIN_READ.operation, times=2) as page:
        book = await desk.alor.market_data.get_order_book("MOEX:SBER", retries=RetryPolicy(attempts=3, base=0.001))
    assert book.bids
    assert page.fired == 2
    assert desk.sandbox.requests.count(PLAIN_READ.operation) == 3


async def test_f027_a_page_is_no_token(desk: Desk) -> None:
    environment = desk.sandbox.environment
    with desk.sandbox.faults.auth.answer(PAGE, times=None):
        async with AsyncAlor(desk.sandbox.refresh_token, environment=environment) as other:
            with pytest.raises(AuthError):
                await other.market_data.get_quote("MOEX:SBER", timeout=0.5)
    assert desk.sandbox.requests.count("market_data.get_quotes") == 0


# F028: nothing, or nothing of use.


@EACH_READ
async def test_f028_nothing_of_use_is_no_answer_to_a_read(desk: Desk, call: Call) -> None:
    is_list = isinstance(call.gives, Listed) and not call.method.partition(".")[2].startswith("iter_")
    is_list = is_list or call.method in {"market_data.get_quote", "account.iter_trades_history", "instruments.iter_for"}
    formats = tuple(Format) if call.has_format else (None,)
    for format_ in formats:
        for body in (b"", b"  \r\n", b"null", b'""', b"{}" if is_list else b"[]", b"true"):
            error = await desk.failure(DecodeError, call, body, format=format_)
            assert error.path.startswith("$")
            assert ("empty" in str(error)) == (not body.strip())


@EACH_COMMAND
async def test_f028_nothing_of_use_leaves_a_command_unknown(desk: Desk, call: Call) -> None:
    for body in (b"", b"null", b'""', b"[]", b"{}", b"0", b"false"):
        await desk.unknown(call, body)


# F029: another label, a mark, another encoding.


async def test_f029_json_is_read_under_any_label_and_without_its_mark(desk: Desk) -> None:
    for example in READABLE:
        with named(example):
            call = call_of(example)
            honest = await desk.read(call, example.body, format=example.format)
            for label in (
                "text/plain",
                "application/octet-stream",
                "text/html",
                "application/json; charset=windows-1251",
                "",
            ):
                assert await desk.read(call, example.body, format=example.format, content_type=label) == honest
            assert await desk.read(call, b"\xef\xbb\xbf" + example.body, format=example.format) == honest


async def test_f029_other_encodings_are_refused(desk: Desk) -> None:
    for example in READABLE:
        with named(example):
            for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
                body = example.body.decode().encode(encoding)
                await desk.failure(DecodeError, call_of(example), body, format=example.format)


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in PLACING])
async def test_f029_an_accepted_order_is_read_with_a_mark_and_under_any_label(desk: Desk, call: Call) -> None:
    body = b'{"message":"success","orderNumber":"19012345678"}'
    for label in ("text/plain", "application/octet-stream"):
        await desk.fresh()
        assert (await desk.read(call, b"\xef\xbb\xbf" + body, content_type=label)).order_id == "19012345678"
    await desk.unknown(call, body.decode().encode("utf-16"))


# F030: the ways to say yes.

YES = (
    b"success",
    b"Success",
    b"SUCCESS\r\n",
    b'"success"',
    b"Succeeded",
    b'"Succeeded"',
    b'{"message":"success"}',
    b'{"message":"Succeeded","code":null}',
    b"\xef\xbb\xbfsuccess",
    b' {"message" : "success"} ',
)
NOT_YES = (
    b"",
    b'"',
    b'""',
    b'"success',
    b'success"',
    b'""success""',
    b"'success'",
    b"success!",
    b"successful",
    b"no success",
    b"success success",
    b"success\x00",
    b"fail",
    b"ok",
    b"OK",
    b"true",
    b"1",
    b"200",
    b"null",
    b"[]",
    b'["success"]',
    b"{}",
    b'{"message":null}',
    b'{"message":"fail"}',
    b'{"message":["success"]}',
    b'{"Message":"success"}',
    b'{"result":"success"}',
    b'{"message":"success"',
    b'{"message":"success"}}',
    b"<p>success</p>",
    "успех".encode(),
    "success".encode("utf-16"),
    b"succes\xff",
    "ſuccess".encode(),
)


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in SAYING_SUCCESS])
async def test_f030_each_known_spelling_of_success_is_a_yes(desk: Desk, call: Call) -> None:
    for body in YES:
        await desk.fresh()
        mark = len(desk.sandbox.journal)
        result = await desk.read(call, body, content_type="text/plain")
        assert desk.acts_since(mark) == 1
        if "order_id" in call.arguments:
            result = result.order_id == filled(call.arguments["order_id"], desk.world)
        assert result in (None, True)


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in SAYING_SUCCESS])
async def test_f030_nothing_else_is_a_yes(desk: Desk, call: Call) -> None:
    for body in NOT_YES:
        await desk.unknown(call, body, content_type="text/plain")


@pytest.mark.parametrize("call", [pytest.param(call, id=str(call)) for call in PLACING])
async def test_f030_a_word_of_success_is_no_order_number(desk: Desk, call: Call) -> None:
    for body in (b"success", b'"success"', b'{"message":"success"}', b'{"message":"order 123 accepted"}'):
        await desk.unknown(call, body)


# F031: not UTF-8.

BAD_TEXTS = (
    b'"\xff"',
    b'"\xc3"',
    b'"\xed\xa0\x80"',
    b'"\xf5\x80\x80\x80"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u12"',
)


async def test_f031_texts_that_are_no_text_are_our_error(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        with named(example):
            wire = example.wire
            call = call_of(example)
            with desk.answering(call):
                for _, place in first_places(example, wire):
                    key = next(
                        (
                            key
                            for key, value in place.items()
                            if key in {"symbol", "sym", "id"} and isinstance(value, str)
                        ),
                        None,
                    )
                    if key is None:
                        continue
                    for text in BAD_TEXTS:
                        with pytest.raises(DecodeError):
                            await desk.reread(call, with_raw(wire, place, key, text), example.format)
                with pytest.raises(DecodeError):
                    await desk.reread(call, b"\xff" + example.body, example.format)
                with pytest.raises(DecodeError):
                    await desk.reread(call, example.body + b"\xff", example.format)


@EACH_COMMAND
async def test_f031_texts_that_are_no_text_leave_a_command_unknown(desk: Desk, call: Call) -> None:
    for text in BAD_TEXTS:
        await desk.unknown(call, b'{"message":' + text + b',"orderNumber":' + text + b',"groupId":' + text + b"}")


# F032: depth.

DEEP = {
    f"{name}-{depth}": opening * depth + b"1" + closing * depth
    for name, opening, closing in (("lists", b"[", b"]"), ("objects", b'{"a":', b"}"), ("both", b'[{"a":', b"}]"))
    for depth in (5_000, 200_000)
}
BOTTOMLESS = {"lists-open": b"[" * 200_000, "objects-open": b'{"a":' * 200_000}


@EACH_READ
async def test_f032_depth_is_our_error(desk: Desk, call: Call) -> None:
    for body in (*DEEP.values(), *BOTTOMLESS.values()):
        started = time.thread_time()
        await desk.failure(DecodeError, call, body)
        assert time.thread_time() - started < 2


async def test_f032_depth_in_an_unknown_or_a_known_key_is_our_error(desk: Desk) -> None:
    for example in READABLE_OBJECTS:
        with named(example):
            wire = example.wire
            call = call_of(example)
            with desk.answering(call):
                for _, place in first_places(example, wire)[:2]:
                    place["unknownKey"] = None
                    for key in (next(iter(place)), "unknownKey"):
                        with pytest.raises(DecodeError) as caught:
                            await desk.reread(call, with_raw(wire, place, key, DEEP["both-5000"]), example.format)
                        assert "deep" in str(caught.value) or key != "unknownKey"
                    del place["unknownKey"]


@EACH_COMMAND
async def test_f032_depth_leaves_a_command_unknown(desk: Desk, call: Call) -> None:
    deep = b'{"message":"success","extra":' + DEEP["objects-200000"] + b',"orderNumber":"1"}'
    await desk.unknown(call, deep)
    await desk.unknown(call, DEEP["lists-5000"])


async def test_f032_the_client_stays_useful_for_others_meanwhile(desk: Desk) -> None:
    call = READ_OF["market_data.get_futures_quote"]
    with desk.answering(call):
        deep = asyncio.gather(*(desk.reread(call, DEEP["objects-200000"]) for _ in range(8)), return_exceptions=True)
        times = await asyncio.gather(*(desk.alor.get_server_time(retries=ONCE) for _ in range(8)))
        assert all(isinstance(result, DecodeError) for result in await deep)
    assert len(set(times)) == 1
