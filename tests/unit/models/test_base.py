"""What all models share: plain values out, open enumerations, times."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alor_async.models import _base
from alor_async.models._base import (
    Model,
    OpenIntEnum,
    OpenStrEnum,
    UtcTime,
    ZonelessTime,
    decode,
    decode_hook,
    parse_time,
)
from alor_async.values import NEVER


class Colour(OpenStrEnum):
    RED = "red"
    DEEP_BLUE = "deepBlue"


class Phase(OpenIntEnum):
    NORMAL = 17
    CLOSED = 18


class Level(Model, frozen=True, kw_only=True, gc=False):
    price: Decimal = msgspec.field(name="p")
    lots: int = msgspec.field(name="v")


class Everything(Model, frozen=True, kw_only=True, gc=False):
    amount: Decimal = msgspec.field(name="a")
    group: UUID | None = msgspec.field(default=None, name="g")
    at: datetime | None = None
    colour: Colour | None = None
    phase: Phase | None = None
    first: Level | None = None
    levels: tuple[Level, ...] = ()
    deep: tuple[tuple[Level, ...], ...] = ()
    is_open: bool = True


LEVEL = Level(price=Decimal("250.10"), lots=3)
FULL = Everything(
    amount=Decimal("0.1000000000000000055"),
    group=UUID(int=1),
    at=datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC),
    colour=Colour("mauve"),
    phase=Phase(5),
    first=LEVEL,
    levels=(LEVEL, LEVEL),
    deep=((LEVEL,), ()),
)
PLAIN_LEVEL = {"price": "250.10", "lots": 3}


def test_a_model_becomes_plain_values_by_attribute_name():
    plain = FULL.to_dict()
    assert plain == {
        "amount": "0.1000000000000000055",
        "group": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-02T03:04:05.600000Z",
        "colour": "mauve",
        "phase": 5,
        "first": PLAIN_LEVEL,
        "levels": [PLAIN_LEVEL, PLAIN_LEVEL],
        "deep": [[PLAIN_LEVEL], []],
        "is_open": True,
    }
    assert json.loads(json.dumps(plain)) == plain
    assert list(plain) == list(Everything.__struct_fields__)
    for value, kind in (("colour", str), ("phase", int)):
        assert type(plain[value]) is kind


def test_a_model_becomes_json_with_exact_numbers():
    body = FULL.to_json()
    assert b'"amount":0.1000000000000000055,' in body
    assert json.loads(body, parse_float=str) == FULL.to_dict()


def test_what_is_missing_stays_there_as_null():
    plain = Everything(amount=Decimal(1)).to_dict()
    assert plain["group"] is plain["at"] is plain["first"] is None
    assert plain["levels"] == []


def test_never_can_be_written():
    assert Everything(amount=Decimal(0), at=NEVER).to_dict()["at"] == "9999-12-31T23:59:59.999999Z"


@settings(max_examples=100, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_f037_every_decimal_survives_both_ways_out(amount):
    model = Everything(amount=amount)
    assert Decimal(str(model.to_dict()["amount"])).as_tuple() == amount.as_tuple()
    assert json.loads(model.to_json(), parse_float=Decimal, parse_int=Decimal)["amount"] == amount


def test_models_are_values():
    assert Level(price=Decimal("250.1"), lots=3) == LEVEL
    assert hash(FULL) == hash(copy.deepcopy(FULL))
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    with pytest.raises(AttributeError):
        LEVEL.lots = 4


@pytest.mark.parametrize("text", ["red", "RED", "Red", "deepblue", "DEEPBLUE"])
def test_a_listed_text_is_found_whatever_its_case(text):
    found = Colour(text)
    assert found in {Colour.RED, Colour.DEEP_BLUE}
    assert found is Colour.RED or found is Colour.DEEP_BLUE
    assert found.is_listed
    assert msgspec.json.decode(json.dumps(text), type=Colour) is found


@pytest.mark.parametrize("text", ["mauve", "Mauve", "", "x" * 64, "UNLISTED", "красный"])
def test_f041_an_unlisted_text_is_kept(text):
    kept = msgspec.json.decode(json.dumps(text), type=Colour)
    assert kept == text == Colour(text)
    assert isinstance(kept, Colour)
    assert (kept.value, kept.name, str(kept), f"{kept}") == (text, "UNLISTED", text, text)
    assert not kept.is_listed
    assert hash(kept) == hash(text)
    assert len({kept, Colour(text)}) == 1
    assert json.loads(msgspec.json.encode(kept)) == text
    assert len(list(Colour)) == 2
    assert "UNLISTED" not in Colour.__members__


@pytest.mark.parametrize("number", [0, -1, 19, 2**63])
def test_f041_an_unlisted_number_is_kept(number):
    kept = Phase(number)
    assert kept == number
    assert isinstance(kept, Phase)
    assert (kept.name, kept.is_listed, list(Phase)) == ("UNLISTED", False, [Phase.NORMAL, Phase.CLOSED])
    assert Phase.NORMAL.is_listed
    assert hash(kept) == hash(number)
    assert Phase(17) is Phase.NORMAL


@pytest.mark.parametrize("member", [Colour.RED, Colour("mauve"), Phase.CLOSED, Phase(5)], ids=repr)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_members_listed_or_not_can_be_copied_and_pickled(member, again):
    other = again(member)
    assert type(other) is type(member)
    assert other == member
    assert other.name == member.name
    if member.is_listed:
        assert other is member


@pytest.mark.parametrize(
    ("kind", "wrong"), [(Colour, 5), (Colour, None), (Colour, "x" * 65), (Phase, "17"), (Phase, 17.5), (Phase, None)]
)
def test_a_value_of_another_kind_is_still_refused(kind, wrong):
    with pytest.raises(ValueError, match="is not a valid"):
        kind(wrong)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(wrong), type=kind)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1234567", datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
        ("2026-01-02T03:04:05.9999999Z", datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)),
        ("2026-01-02T03:04:05.120Z", datetime(2026, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05+03:00", datetime(2026, 1, 2, 0, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.9999999", NEVER),
        ("9999-12-31T23:59:59.9999999Z", NEVER),
        ("9999-12-31T23:59:59", NEVER),
        ("2060-12-31T23:59:59.0000000Z", datetime(2060, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_f039_f040_times_of_every_precision_become_aware_utc(text, time):
    for read in (parse_time(text), msgspec.json.decode(json.dumps(text), type=ZonelessTime, dec_hook=decode_hook)):
        assert read == time
        assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01T00:00:00", "0001-01-01T00:00:00+03:00", "9999-12-31T22:00:00-03:00"]
)
def test_f040_what_is_not_a_time_is_refused(text):
    with pytest.raises(ValueError):
        parse_time(text)
    with pytest.raises(msgspec.ValidationError, match="datetime"):
        msgspec.json.decode(json.dumps(text), type=ZonelessTime, dec_hook=decode_hook)


@pytest.mark.parametrize("body", [b"5", b"true", b"[]", b"null"])
def test_f040_a_zoneless_time_is_text(body):
    with pytest.raises(msgspec.ValidationError, match="str"):
        msgspec.json.decode(body, type=ZonelessTime, dec_hook=decode_hook)


def test_a_time_with_a_zone_must_have_one():
    assert msgspec.json.decode(b'"2026-01-02T03:04:05.1234567Z"', type=UtcTime).tzinfo is not None
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'"2026-01-02T03:04:05"', type=UtcTime)


def test_the_memory_of_times_is_bounded():
    _base._times.clear()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for second in range(_base._CACHE_SIZE + 10):
        text = (start + timedelta(seconds=second)).isoformat()
        assert decode_hook(ZonelessTime, text) == start + timedelta(seconds=second)
    assert len(_base._times) == 10
    assert decode_hook(ZonelessTime, text) is decode_hook(ZonelessTime, text)


def test_no_other_type_is_converted():
    with pytest.raises(NotImplementedError):
        decode_hook(Level, "x")


def test_recorded_answers_can_be_read_back():
    body = b'[{"p":250.10,"v":3},{"p":1e2,"v":4}]'
    assert decode(body, list[Level]) == [LEVEL, Level(price=Decimal("1e2"), lots=4)]
    with pytest.raises(msgspec.ValidationError):
        decode(b'[{"p":250.10}]', list[Level])


def test_zones_do_not_matter_for_equality():
    moscow = timezone(timedelta(hours=3))
    there = Everything(amount=Decimal(1), at=datetime(2026, 1, 2, 3, tzinfo=moscow))
    assert there == Everything(amount=Decimal(1), at=datetime(2026, 1, 2, 0, tzinfo=UTC))
