"""Reading answers: strictly, then forgivingly, and never a number that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from alor_async._http.decode import Shape, Shapes, WireError, text_success
from alor_async._http.numbers import SHORT, find_odd_number, is_doubtful, shows_odd_numbers
from alor_async.models._base import OpenStrEnum, UtcTime, ZonelessTime
from alor_async.values import NEVER, Format


class Level(Struct, frozen=True, gc=False):
    price: Decimal
    volume: int


class Book(Struct, frozen=True, kw_only=True, gc=False):
    bids: tuple[Level, ...] = field(name="b")
    best: Level | None = None
    total: Decimal | None = field(name="t", default=None)
    name: str | None = None
    at: UtcTime | None = None
    until: ZonelessTime | None = None


BOOKS: Shape[list[Book]] = Shape(list[Book], zoneless=("at",))
BOOK: Shape[Book] = Shape(Book, alternates=(("bids", "b"), ("sum", "t")), zoneless=("at",))
NUMBER: Shape[Decimal] = Shape(Decimal)

ODD = ["1e401", "1E+401", "1e-401", "1e999999999", "1E999999999", "-1e9999", "0e99999"]
ODD_TEXTS = [
    "NaN", "nan", "-NaN", "sNaN", "NaN123", " nan ", "n_a_n", "\\u004eaN", "Infinity", "-Infinity", "inf", "+inf",
    "INF", "1e999999", "1e_9_9_9_9", "1E+9999", "1e９９９９", "1\\u00659999",
]  # fmt: skip


@pytest.mark.parametrize("text", [*ODD, *(f'"{text}"' for text in ODD_TEXTS)])
@pytest.mark.parametrize(
    ("template", "path"),
    [
        ('{"b":[{"price":%s,"volume":1}]}', "$.b[0].price"),
        ('{"b":[{"price":1,"volume":1},{"price":%s,"volume":1}],"t":1}', "$.b[1].price"),
        ('{"b":[],"best":{"price":%s,"volume":1}}', "$.best.price"),
        ('{"b":[],"t":%s}', "$.t"),
        ('{"b":[],"name":"A free text, nothing Else: fan","t":%s}', "$.t"),
    ],
)
def test_f035_f036_odd_numbers_never_come_out(text: str, template: str, path: str) -> None:
    with pytest.raises(WireError, match="not a finite number of a sane size") as caught:
        BOOK.decode((template % text).encode())
    assert caught.value.path == path


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999", '"abc"', "true", "[]"])
def test_f035_what_is_no_number_at_all_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        BOOK.decode(f'{{"b":[],"t":{text}}}'.encode())


def test_odd_numbers_are_found_in_lists_and_alone() -> None:
    with pytest.raises(WireError) as caught:
        BOOKS.decode(b'[{"b":[]},{"b":[{"price":1,"volume":1}],"t":1e999}]')
    assert caught.value.path == "$[1].t"
    with pytest.raises(WireError):
        NUMBER.decode(b"1e999")
    assert NUMBER.decode(b"1e3") == 1000


@pytest.mark.parametrize(
    "text", ["0", "-0.0", "250.10", "1e5", "1E+2", "1.4210854715202004E-14", "1.7976931348623157E+308", "5e-324"]
)
def test_f037_what_a_server_may_compute_comes_through_exactly(text: str) -> None:
    value = BOOK.decode(f'{{"b":[],"t":{text}}}'.encode()).total
    assert value is not None
    assert value.as_tuple() == Decimal(text).as_tuple()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='naNfiI_+-eE0123456789." \\u', max_size=12))
@example("1e999")
def test_whatever_a_number_looks_like_it_is_finite_or_refused(text: str) -> None:
    for spelled in (text, f'"{text}"'):
        try:
            value = BOOK.decode(b'{"b":[],"t":' + spelled.encode() + b"}").total
        except WireError:
            continue
        assert value is None or (value.is_finite() and abs(value.adjusted()) <= 400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":[{"price":305.42,"volume":237}],"t":1773646980395,"h":true}',
        b'{"history":[{"time":1773646800,"close":305.31,"open":305.12,"high":305.4,"low":305.05}],"prev":1773646740}',
        b'{"e":1,"E":2,"ee":3}' * 40,
    ],
)
def test_a_page_of_plain_numbers_is_proved_clean_by_its_text(body: bytes) -> None:
    assert not is_doubtful(body)


@pytest.mark.parametrize("position", [0, 3, 15, 16, 17, 40])
def test_a_long_exponent_is_found_however_many_letters_come_before(position: int) -> None:
    body = b'"time":1,' * position + b'"p":1e999,' + b'"close":2,' * 5
    assert is_doubtful(body)
    assert not is_doubtful(body.replace(b"1e999", b"1e99"))


@pytest.mark.parametrize(
    "text", ['"NaN"', '"sNaN"', '"Infinity"', '"-Infinity"', "1E+999", "1e+999999999", '"1E+400000"']
)
def test_f035_f036_a_long_list_is_searched_for_what_servers_write(text: str) -> None:
    row = b'{"b":[{"price":305.42,"volume":237}],"name":"IN some text","t":1773646980395}'
    rows = [row] * (2 * SHORT // len(row))
    assert not shows_odd_numbers(b",".join(rows))
    rows[7] = row.replace(b"1773646980395", text.encode())
    with pytest.raises(WireError) as caught:
        BOOKS.decode(b"[" + b",".join(rows) + b"]")
    assert caught.value.path == "$[7].t"


def test_a_word_that_only_looks_odd_costs_a_look_and_nothing_else() -> None:
    row = b'{"b":[],"name":"NaN and Infinity, 1E+999 of them","t":5}'
    rows = [row] * (2 * SHORT // len(row))
    body = b"[" + b",".join(rows) + b"]"
    assert shows_odd_numbers(body)
    assert len(BOOKS.decode(body)) == len(rows)


def test_nothing_to_look_at_is_nothing_odd() -> None:
    assert find_odd_number("text") is None
    assert find_odd_number([]) is None
    assert find_odd_number(None) is None


class Wide(Struct):
    at: Annotated[datetime, Meta(tz=True)]
    one: Decimal
    many: list[Decimal]
    maybe: Decimal | None = None


def test_every_place_of_a_number_is_looked_at() -> None:
    now = datetime.now(UTC)
    bad = Decimal("NaN")
    one = Decimal(1)
    assert find_odd_number(Wide(now, one, [one])) is None
    assert find_odd_number(Wide(now, bad, [])) == "$.one"
    assert find_odd_number(Wide(now, one, [one, bad])) == "$.many[1]"
    assert find_odd_number(Wide(now, one, [], bad)) == "$.maybe"


@pytest.mark.parametrize(
    ("body", "reason", "path"),
    [
        (b"", "empty", "$"),
        (b"  \n", "empty", "$"),
        (b"<html><body>Bad Gateway</body></html>", "web page", "$"),
        (b"  <!DOCTYPE html>", "web page", "$"),
        (b"null", "Expected `object`, got `null`", "$"),
        (b'""', "Expected `object`, got `str`", "$"),
        (b"[]", "Expected `object`, got `array`", "$"),
        (b'{"b":[', "truncated", "$"),
        (b'{"b":[]}x', "trailing", "$"),
        (b'{"b":[],"name":"\xff"}', "not UTF-8", "$"),
        ('{"b":[]}'.encode("utf-16"), "malformed", "$"),
        (b'{"b":[],"x":' + b"[" * 5_000, "nested too deeply", "$"),
        (b'{"b":[],"x":' + b"[" * 200_000, "nested too deeply", "$"),
        (b'{"b":[],"x":' + b'{"a":' * 200_000, "nested too deeply", "$"),
        (b"{}", "missing required field `b`", "$.b"),
        (b'{"b":[{"price":1,"volume":1},{"volume":1}]}', "missing required field `price`", "$.b[1].price"),
        (b'{"b":[{"price":null,"volume":1}]}', "Expected `decimal`, got `null`", "$.b[0].price"),
        (b'{"b":[{"price":1,"volume":1.5}]}', "Expected `int`, got `float`", "$.b[0].volume"),
        (b'{"b":[{"price":1,"volume":1' + b"0" * 5000 + b"}]}", "out of range", "$.b[0].volume"),
        (b'{"b":[],"at":"yesterday"}', "datetime", "$.at"),
        (b'{"b":[],"until":"yesterday"}', "datetime", "$.until"),
        (b'{"b":[],"until":5}', "Expected `str`", "$.until"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(body: bytes, reason: str, path: str) -> None:
    with pytest.raises(WireError) as caught:
        BOOK.decode(body)
    assert reason in caught.value.reason
    assert caught.value.path == path


def test_f038_integral_decimals_are_whole_numbers() -> None:
    assert BOOK.decode(b'{"b":[{"price":1,"volume":10.0}]}').bids[0].volume == 10


def test_f029_a_byte_order_mark_is_forgiven() -> None:
    assert BOOK.decode(b'\xef\xbb\xbf{"b":[]}') == Book(bids=())


@pytest.mark.parametrize("digits", ["", ".1", ".1234567", ".123456789"])
def test_f040_a_time_without_its_zone_is_utc(digits: str) -> None:
    book = BOOK.decode(f'{{"b":[],"at":"2026-03-16T10:00:00{digits}","until":"2026-03-16T10:00:00{digits}"}}'.encode())
    assert book.at is not None
    assert book.until is not None
    assert book.at == book.until
    assert book.at.utcoffset() is not None


def test_f039_never_is_never() -> None:
    assert BOOK.decode(b'{"b":[],"until":"9999-12-31T23:59:59.9999999"}').until == NEVER


def test_a_free_text_that_looks_like_a_key_is_left_alone() -> None:
    text = '"at": "2026-03-16T10:00:00"'
    body = json.dumps({"b": [], "name": text, "at": "2026-03-16T10:00:00"}).encode()
    assert BOOK.decode(body).name == text


def test_other_spellings_of_keys_are_understood() -> None:
    assert BOOK.decode(b'{"bids":[{"price":1,"volume":2}]}').bids == (Level(Decimal(1), 2),)
    assert BOOK.decode(b'{"b":[],"sum" : 5}').total == 5, "an optional key too, where strict reading would not notice"


def test_publishing_comes_last() -> None:
    shape: Shape[list[Level]] = Shape(list[Level], publish=lambda levels: levels[::-1])
    assert [level.volume for level in shape.decode(b'[{"price":1,"volume":1},{"price":1,"volume":2}]')] == [2, 1]


class Colour(OpenStrEnum):
    RED = "red"


def test_an_unlisted_value_is_kept_and_a_senseless_one_is_not_quoted() -> None:
    shape: Shape[list[Colour]] = Shape(list[Colour])
    assert shape.decode(b'["blue","RED"]') == ["blue", Colour.RED]
    secret = "x" * 100
    with pytest.raises(WireError) as caught:
        shape.decode(f'["{secret}"]'.encode())
    assert secret not in caught.value.reason
    assert caught.value.path == "$[0]"


@pytest.mark.parametrize(
    "body",
    [b"success", b'"success"', b'{"message":"success"}', b"Succeeded", b'"Succeeded"', b" success\n", b"SUCCESS",
     b'\xef\xbb\xbfsuccess', b'{"message":"success","orderNumber":"1"}'],
)  # fmt: skip
def test_f030_each_way_of_saying_success(body: bytes) -> None:
    assert text_success.decode(body) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"true", b"ok", b"success!", b"unsuccess", b'{"message":"failed"}', b'{"result":"success"}', b"{",
     b'{"message":5}', b"<html>success</html>", b'["success"]', b"\xff", b'{"message":"\xff"}',
     b'{"x":' + b"[" * 100_000],
)  # fmt: skip
def test_f030_anything_else_is_no_success(body: bytes) -> None:
    with pytest.raises(WireError):
        text_success.decode(body)


def test_shapes_are_looked_up_by_format() -> None:
    simple, slim, heavy = Shape[int](int), Shape[int](int), Shape[int](int)
    shapes = Shapes(simple=simple, slim=slim, heavy=heavy)
    assert [shapes[Format.SIMPLE], shapes[Format.SLIM], shapes[Format.HEAVY], shapes[None]] == [
        simple,
        slim,
        heavy,
        heavy,
    ]
    same = Shapes.same(slim)
    assert {same[Format.SIMPLE], same[Format.SLIM], same[Format.HEAVY], same[None]} == {slim}


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("btnx"), children, max_size=3)
        ),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode())
)
def test_f051_only_wire_errors_come_out(body: bytes) -> None:
    for shape in (BOOK, BOOKS, text_success):
        try:
            value: Any = shape.decode(body)
        except WireError:
            continue
        assert value is None or isinstance(value, Book | list)


def test_numbers_of_plain_containers() -> None:
    shape: Shape[dict[str, int]] = Shape(dict[str, int])
    assert shape.decode(b'{"n":1,"a":2}') == {"n": 1, "a": 2}
