from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alor_async.sandbox.gateway.jsonwriter import NEVER_TEXT, expiry_text, utc_text, write_json, zoneless_text


@pytest.mark.parametrize(
    ("number", "text"),
    [("250.10", b"250.10"), ("1E+2", b"100"), ("1E-7", b"0.0000001"), ("-2.5E+3", b"-2500"), ("0E-9", b"0.000000000")],
)
def test_a_decimal_is_written_with_all_its_digits_and_no_exponent(number: str, text: bytes) -> None:
    assert write_json({"price": Decimal(number)}) == b'{"price":' + text + b"}"


def test_text_that_looks_like_a_number_with_an_exponent_is_left_alone() -> None:
    value = {"comment": 'a 1E+5 \\ "2E-9" b', "price": Decimal("1E+1")}
    assert json.loads(write_json(value)) == {"comment": 'a 1E+5 \\ "2E-9" b', "price": 10}


@given(st.lists(st.one_of(st.decimals(allow_nan=False, allow_infinity=False), st.text()), max_size=8))
def test_numbers_and_texts_survive_exactly(values: list[Decimal | str]) -> None:
    assert json.loads(write_json(values), parse_float=Decimal, parse_int=Decimal) == values


def test_times_carry_seven_digits_and_are_utc() -> None:
    moscow = datetime(2026, 3, 16, 10, 12, 48, 437518, tzinfo=timezone(timedelta(hours=3)))
    assert utc_text(moscow) == "2026-03-16T07:12:48.4375180Z"
    assert zoneless_text(datetime(2026, 6, 18, tzinfo=UTC)) == "2026-06-18T00:00:00.0000000"
    assert utc_text(None) is None
    assert expiry_text(None) == NEVER_TEXT == "9999-12-31T23:59:59.9999999"
