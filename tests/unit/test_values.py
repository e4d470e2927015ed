"""Keys, portfolios, timeframes: a value that exists is safe to send."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alor_async.errors import InvalidArgument
from alor_async.models import Exchange
from alor_async.values import NEVER, Format, InstrumentId, Portfolio, Timeframe, new_request_id

HARMLESS = [
    "SBER",
    "SBRF-12.25",
    "USD000UTSTOM",
    "RU000A0JX0J2",
    "Si-3.26",
    "BRK.B",
    "A_B",
    "СБЕР",
    "é",
    "a.",
    ".a",
    "+",
]

# What would change the path of a request, end it, or read as something else.
HARMFUL = {
    "dot": ".",
    "dots": "..",
    "three dots": "...",
    "slash": "a/b",
    "backslash": "a\\b",
    "climbing": "../../commandapi",
    "escaped climbing": "%2e%2e",
    "query": "a?b",
    "fragment": "a#b",
    "colon": "a:b",
    "semicolon": "a;b",
    "comma": "a,b",
    "line end": "a\r\nb",
    "tab": "a\tb",
    "NUL": "a\0b",
    "delete": "a\x7fb",
    "C1 control": "a\x85b",
    "no-break space": "a\xa0b",
    "soft hyphen": "a\xadb",
    "zero-width space": "a\u200bb",
    "right-to-left override": "a\u202eb",
    "byte order mark": "\ufeffa",
    "lone surrogate": "a\ud800",
    "full-width dots": "\uff0e\uff0e",
    "one-dot leaders": "\u2024\u2024",
    "two-dot leader": "\u2025",
    "vertical two dots": "\ufe30",
    "full-width slash": "a\uff0fb",
    "account-of sign, which reads a/c": "\u2100",
    "full-width percent": "\uff052e",
    "full-width question mark": "a\uff1fb",
    "full-width number sign": "a\uff03b",
    "full-width colon": "a\uff1ab",
    "small comma": "a\ufe50b",
    "ideographic space": "a\u3000b",
    "empty": "",
    "space": " ",
    "65 characters": "a" * 65,
    "a megabyte": "a" * 1_000_000,
}


@pytest.mark.parametrize("symbol", HARMLESS)
def test_a_harmless_symbol_is_kept_as_it_is(symbol):
    assert InstrumentId(symbol, "MOEX").symbol == symbol


@pytest.mark.parametrize("text", HARMFUL.values(), ids=HARMFUL)
def test_f195_a_key_or_portfolio_that_could_change_a_path_cannot_be_made(text):
    for make in (
        lambda: InstrumentId(text, "MOEX"),
        lambda: InstrumentId("SBER", text),
        lambda: InstrumentId("SBER", "MOEX", text),
        lambda: Portfolio(text),
        lambda: Portfolio("D39004", text),
    ):
        with pytest.raises(InvalidArgument):
            make()


@pytest.mark.parametrize("text", [text for text in HARMFUL.values() if ":" not in text], ids=repr)
def test_f195_a_text_that_names_an_instrument_is_checked_like_its_key(text):
    with pytest.raises(InvalidArgument):
        InstrumentId.of(f"MOEX:{text}")


def test_only_a_symbol_may_have_a_space_and_only_inside():
    assert InstrumentId("Si 3.26", "MOEX").symbol == "Si 3.26"
    for make in (
        lambda: InstrumentId(" SBER", "MOEX"),
        lambda: InstrumentId("SBER ", "MOEX"),
        lambda: InstrumentId("SBER", "MO EX"),
        lambda: InstrumentId("SBER", "MOEX", "TQ BR"),
        lambda: Portfolio("D 39004"),
    ):
        with pytest.raises(InvalidArgument, match="space"):
            make()


@pytest.mark.parametrize("value", [None, 5, b"SBER", ["SBER"], 1.5])
def test_parts_must_be_text(value):
    for make in (
        lambda: InstrumentId(value, "MOEX"),
        lambda: InstrumentId.parse(value),
        lambda: InstrumentId.of(value),
        lambda: Portfolio(value),
        lambda: Portfolio.of(value),
    ):
        with pytest.raises(InvalidArgument, match=type(value).__name__):
            make()


def test_the_text_of_a_key_can_be_read_back():
    for key in (InstrumentId("SBER", "MOEX"), InstrumentId("SBER", "MOEX", "TQBR"), InstrumentId("Si 3.26", "MOEX")):
        assert InstrumentId.parse(str(key)) == key
    assert str(InstrumentId("SBER", "MOEX", "TQBR")) == "MOEX:SBER:TQBR"


@pytest.mark.parametrize("text", ["", "SBER", "MOEX:SBER:TQBR:X", "MOEX:", ":SBER", "MOEX::TQBR", "MOEX:SBER:"])
def test_a_text_of_another_shape_is_refused(text):
    with pytest.raises(InvalidArgument):
        InstrumentId.parse(text)


def test_a_wrong_text_is_quoted_in_part_only():
    with pytest.raises(InvalidArgument) as caught:
        InstrumentId.parse("x" * 10_000)
    assert len(str(caught.value)) < 200


def test_a_key_is_taken_from_whatever_knows_it():
    class Row:
        instrument_id = InstrumentId("SBER", "MOEX")

    class Impostor:
        instrument_id = "MOEX:SBER"

    key = InstrumentId("SBER", "MOEX")
    assert InstrumentId.of(key) is key
    assert InstrumentId.of("MOEX:SBER") == key
    assert InstrumentId.of(Row()) is Row.instrument_id
    with pytest.raises(InvalidArgument, match="Impostor"):
        InstrumentId.of(Impostor())


def test_a_key_made_with_an_enumeration_equals_one_made_with_text():
    assert InstrumentId("SBER", Exchange.MOEX) == InstrumentId("SBER", "MOEX")
    assert hash(InstrumentId("SBER", Exchange.MOEX)) == hash(InstrumentId("SBER", "MOEX"))
    assert str(InstrumentId("SBER", Exchange.MOEX)) == "MOEX:SBER"


def test_values_are_immutable_hashable_and_picklable():
    values = (InstrumentId("SBER", "MOEX", "TQBR"), Portfolio("D39004", "SPBX"), Timeframe.DAY, Format.SLIM)
    for value in values:
        assert pickle.loads(pickle.dumps(value)) == value
    assert len(set(values)) == 4
    for value in values[:3]:
        with pytest.raises(AttributeError):
            setattr(value, value.__struct_fields__[0], "x")


@pytest.mark.parametrize(
    ("portfolio", "reads", "trades"),
    [
        (Portfolio("D39004"), "MOEX", "MOEX"),
        (Portfolio("7500GHC"), "MOEX", "MOEX"),
        (Portfolio("G12345"), "MOEX", "MOEX"),
        (Portfolio("E123456"), "UNITED", "MOEX"),
        (Portfolio("e123456"), "UNITED", "MOEX"),
        (Portfolio("D39004", "SPBX"), "SPBX", "SPBX"),
        (Portfolio("E123456", "UNITED"), "UNITED", "MOEX"),
        (Portfolio("E123456", "united"), "united", "MOEX"),
        (Portfolio("E123456", "MOEX"), "MOEX", "MOEX"),
    ],
    ids=repr,
)
def test_the_exchange_of_a_portfolio_follows_from_its_id_unless_it_is_given(portfolio, reads, trades):
    assert (portfolio.read_exchange, portfolio.trade_exchange) == (reads, trades)


def test_a_portfolio_is_taken_as_it_is_or_made_from_its_id():
    portfolio = Portfolio("D39004", "SPBX")
    assert Portfolio.of(portfolio) is portfolio
    assert Portfolio.of("D39004") == Portfolio("D39004")
    assert str(portfolio) == "D39004"


@pytest.mark.parametrize(
    ("given", "wire", "seconds"),
    [
        (Timeframe.SECOND, "1", 1),
        (60, "60", 60),
        (timedelta(minutes=5), "300", 300),
        ("3600", "3600", 3600),
        ("D", "D", 86_400),
        ("2W", "2W", 2 * 604_800),
        ("6M", "6M", 6 * 2_592_000),
        ("Y", "Y", 31_536_000),
        (Timeframe.seconds(15), "15", 15),
    ],
    ids=repr,
)
def test_a_timeframe_is_taken_in_every_usual_form(given, wire, seconds):
    timeframe = Timeframe.of(given)
    assert (timeframe.wire, str(timeframe), timeframe.nominal_seconds) == (wire, wire, seconds)


@pytest.mark.parametrize(
    "given",
    [0, -1, True, 1.5, 60.0, None, "", "0", "060", "-5", "d", "1H", "1000D", "0D", "60 ", "٦", "1" * 10, [],
     timedelta(milliseconds=1500), timedelta(0), timedelta(seconds=-60), 10**9],
    ids=repr,
)  # fmt: skip
def test_a_timeframe_that_the_broker_does_not_know_is_refused(given):
    with pytest.raises(InvalidArgument, match="timeframe"):
        Timeframe.of(given)


@pytest.mark.parametrize("wire", [None, 60, "", "x"])
def test_a_timeframe_cannot_be_made_of_anything_else(wire):
    with pytest.raises(InvalidArgument, match="timeframe"):
        Timeframe(wire)


def test_never_is_aware_and_later_than_everything():
    assert NEVER.tzinfo is UTC
    assert datetime(9999, 12, 31, tzinfo=UTC) < NEVER


def test_request_ids_are_random_uuids():
    first, second = new_request_id(), new_request_id()
    assert first != second
    assert isinstance(first, UUID)
    assert first.version == 4
