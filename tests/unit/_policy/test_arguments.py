"""Arguments are checked before anything is sent, and come out as the wire takes them."""

from __future__ import annotations

import decimal
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async._contract import bodies
from alor_async._policy import arguments
from alor_async._policy.arguments import (
    check_choice,
    check_comment,
    check_count,
    check_expiry,
    check_flag,
    check_format,
    check_group_id,
    check_lots,
    check_not_empty,
    check_optional_choice,
    check_optional_count,
    check_optional_price,
    check_optional_time,
    check_order_id,
    check_price,
    check_range,
    check_request_id,
    check_since,
    check_text,
    check_time,
)
from alor_async.errors import InvalidArgument
from alor_async.models import Exchange, Side
from alor_async.values import NEVER, Format

MOSCOW = timezone(timedelta(hours=3))
NAIVE = datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize("lots", [1, 100, 2**31 - 1])
def test_lots_are_whole_and_above_zero(lots):
    assert check_lots(lots) == lots


@pytest.mark.parametrize(
    "lots", [0, -1, 2**31, 10**400, 1.0, "1", None, True, Decimal(1), float("nan")], ids=lambda v: repr(v)[:20]
)
def test_other_lots_are_refused(lots):
    with pytest.raises(InvalidArgument, match=r"^lots: "):
        check_lots(lots)


def test_counts_have_bounds_and_may_be_left_out():
    assert check_count("depth", 0) == 0
    assert check_count("depth", 50, least=1, most=50) == 50
    assert check_optional_count("depth", None) is None
    assert check_optional_count("depth", 7) == 7
    for value, problem in ((0, "at least 1"), (51, "at most 50"), ("5", "a whole number, got str")):
        with pytest.raises(InvalidArgument, match=problem):
            check_count("depth", value, least=1, most=50)


@pytest.mark.parametrize(
    ("given", "wire"),
    [
        (Decimal("250.10"), "250.10"),
        (250, "250"),
        (0, "0"),
        (Decimal("-37.63"), "-37.63"),
        (Decimal("0.000000000001"), "1E-12"),
        (Decimal("9" * 16), "9" * 16),
        (Decimal("1E+2"), "100"),
        (Decimal("1.5E+15"), "1500000000000000"),
        (Decimal("-2E+1"), "-20"),
        (Decimal("1234567890123456.123456789012"), "1234567890123456.123456789012"),
    ],
    ids=repr,
)
def test_f037_a_price_is_written_as_it_was_given(given, wire):
    price = check_price(given)
    assert price == given
    assert str(price) == wire
    body = bodies.LimitOrderBody(
        side=Side.BUY,
        lots=1,
        price=price,
        instrument=bodies.InstrumentKey(symbol="SBER", exchange=Exchange.MOEX),
        user=bodies.OrderOwner(portfolio="D39004"),
    )
    assert json.loads(bodies.encode(body), parse_float=Decimal, parse_int=Decimal)["price"] == given


@pytest.mark.parametrize(
    "price",
    [250.1, 1e308, float("nan"), "250.10", None, True, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
     Decimal("-Infinity"), Decimal("1E+16"), Decimal("1E+999999"), Decimal("0E+999999"), Decimal("1E-13"),
     Decimal("0E-999999"), 10**16, -(10**16), 10**5000, Decimal("1." + "1" * 28)],
    ids=lambda v: repr(v)[:20] if not isinstance(v, int) else "int",
)  # fmt: skip
def test_a_price_that_is_not_exact_or_absurd_is_refused(price):
    with pytest.raises(InvalidArgument, match=r"^price: "):
        check_price(price)


def test_a_float_is_told_how_to_be_exact():
    with pytest.raises(InvalidArgument, match=r'write Decimal\("250.10"\)'):
        check_price(250.1)


@settings(max_examples=200, deadline=None)
@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False))
def test_a_price_never_depends_on_the_callers_precision(price):
    with decimal.localcontext(decimal.Context(prec=3)):
        try:
            checked = check_price(price)
        except InvalidArgument:
            return
    assert checked == price
    assert "E+" not in str(checked)


def test_an_optional_price_names_its_argument():
    assert check_optional_price(None) is None
    assert check_optional_price(5, "budget") == Decimal(5)
    with pytest.raises(InvalidArgument, match=r"^budget: "):
        check_optional_price(0.5, "budget")


@pytest.mark.parametrize("comment", [None, "", "entry 5", "Покупка", "🚀", "JwtToken", '"},{"', "x" * 100])
def test_a_comment_is_any_printable_text(comment):
    assert check_comment(comment) == comment


@pytest.mark.parametrize("comment", ["x" * 101, "two\nlines", "\x00", "\x1b[31m", "\ud800", "\u202e", 5, b"x", True])
def test_other_comments_are_refused(comment):
    with pytest.raises(InvalidArgument, match=r"^comment: "):
        check_comment(comment)


def test_a_search_text_is_short_and_printable():
    assert check_text("query", None) is None
    assert check_text("query", "Сбер банк") == "Сбер банк"
    for wrong in ("", "x" * 257, "a\nb", 5, b"x"):
        with pytest.raises(InvalidArgument, match=r"^query: "):
            check_text("query", wrong)


def test_a_flag_is_a_flag():
    for value in (True, False, None):
        assert check_flag("untraded", value) is value
    for wrong in (0, 1, "true", "", []):
        with pytest.raises(InvalidArgument, match=r"^untraded: "):
            check_flag("untraded", wrong)


class Closed(StrEnum):
    STOP_LIMIT = "StopLimit"


def test_a_choice_is_a_member_or_its_text_in_any_case():
    assert check_choice("side", Side.BUY, Side) is Side.BUY
    assert check_choice("side", "SELL", Side) is Side.SELL
    assert check_choice("kind", "stoplimit", Closed) is Closed.STOP_LIMIT
    assert check_optional_choice("side", None, Side) is None
    assert check_optional_choice("side", "buy", Side) is Side.BUY


@pytest.mark.parametrize(
    "side", ["", "bye", "UNLISTED", Side("hold"), "x" * 100, 1, None, True, b"buy", ["buy"]], ids=repr
)
def test_another_choice_is_refused_with_the_list(side):
    with pytest.raises(InvalidArgument, match=r'^side: expected one of "buy", "sell"'):
        check_choice("side", side, Side)


def test_a_format_is_a_member_or_its_text():
    assert check_format(None) is None
    assert check_format(Format.SLIM) is Format.SLIM
    assert check_format("heavy") is Format.HEAVY
    for wrong in ("", "xml", 5):
        with pytest.raises(InvalidArgument, match=r"^format: "):
            check_format(wrong)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC), 1_767_323_045),
        (datetime(2026, 1, 2, 6, 4, 5, tzinfo=MOSCOW), 1_767_323_045),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), -1),
        (datetime.min.replace(tzinfo=MOSCOW), -62_135_607_600),
        (NEVER, 253_402_300_799),
    ],
)
def test_a_time_becomes_unix_seconds_rounded_down(time, seconds):
    assert check_time("start", time) == check_optional_time("start", time) == seconds


@pytest.mark.parametrize("time", [NAIVE, date(2026, 1, 2), 1_767_323_045, "2026-01-02", None])
def test_a_time_must_be_aware(time):
    with pytest.raises(InvalidArgument, match=r"^start: .*aware datetime"):
        check_time("start", time)


def test_an_optional_time_may_be_left_out():
    assert check_optional_time("start", None) is None


def test_an_expiry_that_never_comes_is_zero():
    assert check_expiry(None) == check_expiry(NEVER) == 0
    assert check_expiry(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == 1_767_323_045
    for wrong in (datetime(1970, 1, 1, tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC), NAIVE, 5, "never"):
        with pytest.raises(InvalidArgument, match=r"^expires: "):
            check_expiry(wrong)


def test_a_range_does_not_end_before_it_starts():
    check_range(5, 5)
    check_range(5, 6)
    with pytest.raises(InvalidArgument, match=r"^end: "):
        check_range(6, 5)


@pytest.mark.parametrize(
    ("since", "wire"),
    [
        (None, None),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC), "2026-01-02T03:04:05.6000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=MOSCOW), "2026-01-02T00:04:05.0000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.0000000Z"),
        (NEVER, "9999-12-31T23:59:59.9999990Z"),
    ],
)
def test_a_date_or_time_is_spelled_as_the_broker_reads_it(since, wire):
    assert check_since("date_from", since) == wire


@pytest.mark.parametrize("since", [NAIVE, datetime.min.replace(tzinfo=MOSCOW), "2026-01-02", 5, True])
def test_another_since_is_refused(since):
    with pytest.raises(InvalidArgument, match=r"^date_from: "):
        check_since("date_from", since)


@pytest.mark.parametrize(
    ("given", "text"),
    [("1", "1"), ("61270448139", "61270448139"), ("1914637720558140563", "1914637720558140563"), (5, "5"), ("007", "007"),
     (2**63 - 1, "9223372036854775807")],
)  # fmt: skip
def test_f034_an_order_number_is_digits(given, text):
    assert check_order_id(given) == text


@pytest.mark.parametrize(
    "given", ["", "0", "000", "all", "-1", "+1", "1.0", "4.1e10", "1_000", " 1", "1\n", "٣", "1" * 20, 0, -1, 2**63, 10**5000, 1.0, True, None, b"1"],
    ids=lambda v: repr(v)[:20] if not isinstance(v, int) else "int",
)  # fmt: skip
def test_f034_anything_else_is_not(given):
    with pytest.raises(InvalidArgument, match=r"^order_id: "):
        check_order_id(given)


@pytest.mark.parametrize(
    "request_id", [UUID(int=1), "a", "D39004;3fb", "x" * 128, "~!@#$%^&*()", "1700000000000000000"]
)
def test_a_request_id_is_a_uuid_or_visible_ascii(request_id):
    assert check_request_id(request_id) is request_id


@pytest.mark.parametrize(
    "request_id",
    ["", " ", "a b", "a\r\nX-Evil: 1", "a\n", "\ta", "a\0", "é", "ключ", "\x7f", "\u2028", "x" * 129, "x" * 10_000, 5, None, b"a", True],
    ids=lambda v: repr(v)[:20],
)  # fmt: skip
def test_f096_f196_a_request_id_that_could_not_travel_in_a_header_is_refused(request_id):
    with pytest.raises(InvalidArgument, match=r"^request_id: "):
        check_request_id(request_id)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=140))
def test_f096_every_accepted_request_id_is_one_harmless_header_value(request_id):
    try:
        check_request_id(request_id)
    except InvalidArgument:
        return
    assert request_id.isascii()
    assert request_id.isprintable()
    assert request_id == request_id.strip() != ""
    assert len(request_id) <= 128


def test_a_group_id_is_a_uuid_or_its_usual_text():
    group = UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6")
    assert check_group_id(group) is group
    assert check_group_id("3FA85F64-5717-4562-B3FC-2C963F66AFA6") == group
    for wrong in ("", "3fa85f6457174562b3fc2c963f66afa6", "{3fa85f64-5717-4562-b3fc-2c963f66afa6}", 5, None,
                  "3fa85f64-5717-4562-b3fc-2c963f66_fa6", "3fa85f64-5717-4562-b3fc-2c963f66afa6\n", "g" * 36):  # fmt: skip
        with pytest.raises(InvalidArgument, match=r"^group_id: "):
            check_group_id(wrong)


def test_an_empty_collection_is_refused():
    check_not_empty("orders", [0])
    with pytest.raises(InvalidArgument, match=r"^orders: "):
        check_not_empty("orders", ())


def test_wrong_values_are_not_quoted():
    secret = "eyJhbGciOiJFUzI1NiJ9.secret.secret"
    checks = [name for name in dir(arguments) if name.startswith("check_")]
    assert len(checks) >= 20
    for wrong in (secret + "\n" + "x" * 300, [secret]):
        for check in (
            check_lots,
            check_price,
            check_comment,
            check_order_id,
            check_request_id,
            check_group_id,
            check_format,
        ):
            with pytest.raises(InvalidArgument) as caught:
                check(wrong)
            assert "secret" not in str(caught.value)
