"""Reading many frames gives what reading each for itself gives, whatever is remembered of those before."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alor_async import Format, MarketTrade, Quote
from alor_async._contract.subscriptions import STREAMS_MARKET_TRADES, STREAMS_ORDER_BOOK, STREAMS_QUOTES
from alor_async._http.decode import WireError
from alor_async._http.frames import Frames, is_plain

QUOTE = (
    b'{"data":{"sym":"SBER","ex":"MOEX","desc":"\xd0\xa1\xd0\xb1\xd0\xb5\xd1\x80 inn","c":306.79,"tst":1776243597,"h":%b,'
    b'"l":306.17,"acci":0,"v":2803080,"oi":null,"ask":306.79,"bid":306.77,"av":690,"bv":842,"y":null},"guid":"s1"}'
)
PLAIN = QUOTE % b"308.65"


def frames() -> Frames[Quote]:
    return Frames(STREAMS_QUOTES.data[Format.SLIM])


def outcome(read: Callable[[bytes], object], frame: bytes) -> object:
    try:
        return read(frame)
    except WireError as error:
        return error.reason, error.path


@st.composite
def alike(draw: st.DrawFn) -> list[bytes]:
    """Frames with whatever in the place of a number, each like the one before but for its digits."""
    number = draw(st.text(alphabet='naNfiIsS_+-eE0123456789."\\u \u0661\u00a0', max_size=10))
    number = f'"{number}"' if draw(st.booleans()) else number
    made = [QUOTE % number.encode()]
    for _ in range(draw(st.integers(1, 4))):
        text = bytearray(made[-1])
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(QUOTE.index(b"%b") - 1, len(text)))
            text[at:at] = draw(st.sampled_from([b"9", b"99999", b".", b"0.5"]))
        made.append(bytes(text))
    return made


@settings(max_examples=500, deadline=None)
@given(alike())
@example([QUOTE % b"1e9", QUOTE % b"1e999"])
@example([QUOTE % b'"1e9"', QUOTE % b'"1e999"'])
@example([QUOTE % b'" 1E+9"', QUOTE % b'" 1E+999"'])
@example([QUOTE % b'"nan"', QUOTE % b'"nan12"'])
@example([QUOTE % b"1", QUOTE % b"1.5", QUOTE % b"1.5.5", QUOTE % b""])
def test_what_is_remembered_changes_nothing(likes: list[bytes]) -> None:
    shared = frames()
    read = shared.reader()
    for frame in [*likes, *reversed(likes)]:
        assert outcome(read, frame) == outcome(shared.decode, frame)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='naNfiIsS_+-eE0123456789." \u0661', max_size=10), st.booleans())
@example("1e999", False)
@example("1e999", True)
@example("s_nan", True)
def test_f035_f036_no_odd_number_has_a_plain_outline(number: str, is_text: bool) -> None:
    frame = QUOTE % (f'"{number}"' if is_text else number).encode()
    try:
        value = Decimal(number)
    except ArithmeticError:
        return
    if not value.is_finite() or abs(value.adjusted()) > 400:
        assert not is_plain(frame.translate(None, b"0123456789."))


@pytest.mark.parametrize(
    "outline",
    [
        PLAIN,
        b'{"data":{"name":"e-mail of Anna","price":-,"existing":true,"side":"sell"},"guid":"s"}',
        b'{"data":{"time":"--T::Z","instrument":"infinite","financial":null},"guid":"s"}',
    ],
    ids=["quote", "letters", "times"],
)
def test_usual_messages_have_plain_outlines_or_are_proved_each(outline: bytes) -> None:
    # A text that begins like a number that is none is not told from it: here one is, and the two others are not.
    assert is_plain(outline.translate(None, b"0123456789.")) is not (b"infinite" in outline or b'"e-' in outline)


@pytest.mark.parametrize(
    "outline", [b'{"c":e,"x":1}', b'{"c":-e-}', b'{"c":"E"}', b'{"c":"nan"}', b'{"c":" -_Inf"}', b'{"c":"\\u006e"}']
)
def test_what_may_be_odd_is_never_plain(outline: bytes) -> None:
    assert not is_plain(outline)


def test_another_spelling_of_a_key_is_found_among_messages_like_it() -> None:
    read = frames().reader()
    other = PLAIN.replace(b'"l":', b'"le":')
    for _ in range(3):
        assert read(PLAIN).low_price == Decimal("306.17")
        assert read(other).low_price == Decimal("306.17")


def test_a_message_like_good_ones_is_mended_or_refused_as_ever() -> None:
    read = frames().reader()
    for _ in range(2):
        assert read(PLAIN).ask_lots == 690
    assert read(PLAIN.replace(b'"av":690', b'"av":690.0')).ask_lots == 690
    with pytest.raises(WireError):
        read(PLAIN.replace(b'"av":690', b'"av":'))
    assert read(PLAIN).ask_lots == 690, "and the next one is read"


def test_what_is_remembered_is_bounded() -> None:
    read = frames().reader()
    names = [bytes([65 + number // 26, 65 + number % 26]) for number in range(200)]
    for name in names * 2:
        assert read(PLAIN.replace(b"SBER", name)).symbol == name.decode()
    (remembered,) = (cell.cell_contents for cell in read.__closure__ or () if isinstance(cell.cell_contents, set))  # type: ignore[attr-defined]
    assert 0 < len(remembered) <= 16
    assert all(len(outline) <= 512 for outline in remembered)


def test_models_come_out_published_and_of_their_own() -> None:
    read = frames().reader()
    first, second, third = (read(QUOTE % high) for high in (b"1", b"2", b"3"))
    assert [type(first), type(third)] == [Quote, Quote]
    assert (first.high_price, second.high_price, third.high_price) == (1, 2, 3)


def test_streams_without_another_spelling_are_read_likewise() -> None:
    read = STREAMS_MARKET_TRADES.frame_decoder(Format.SLIM)
    frame = b'{"data":{"id":%d,"sym":"SBER","bd":"TQBR","q":1,"px":305.1,"t":17,"s":"buy","oi":0,"h":true},"guid":"s1"}'
    trades = [read(frame % number) for number in (1, 22, 333)]
    assert [type(trade) for trade in trades] == [MarketTrade] * 3
    assert [trade.trade_id for trade in trades] == [1, 22, 333]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='naNfiIsS_+-eE0123456789."\\u \u0661', max_size=10), st.booleans())
@example("1e999", False)
@example("1e999", True)
@example("s_nan", True)
@example("305.1", False)
def test_longer_messages_are_proved_each_by_its_text(number: str, is_text: bool) -> None:
    number = f'"{number}"' if is_text else number
    levels = b",".join([b'{"p":305.1,"v":10}'] * 40)
    frame = b'{"data":{"b":[%b,{"p":%b,"v":1}],"a":[],"t":17,"h":true},"guid":"s1"}' % (levels, number.encode())
    shared = Frames(STREAMS_ORDER_BOOK.data[Format.SLIM])
    assert len(frame) > 512
    assert outcome(shared.reader(), frame) == outcome(shared.decode, frame)
