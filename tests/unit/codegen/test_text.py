"""Words and lines of generated code."""

import pytest

from codegen.python.text import constant, docstring, imports, listed, note, plural, sentence, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("market_data.get_quotes", "MARKET_DATA_GET_QUOTES"),
        ("get_server_time", "GET_SERVER_TIME"),
        ("OrderBook", "ORDER_BOOK"),
        ("OAuthTokens", "OAUTH_TOKENS"),
    ],
)
def test_constants(name: str, expected: str) -> None:
    assert constant(name) == expected


def test_words_of_private_names() -> None:
    assert words("_OrderBookSlim") == ("order", "book", "slim")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("order", "orders"), ("summary", "summaries"), ("day", "days"), ("box", "boxes"), ("status", "statuses")],
)
def test_plurals(word: str, expected: str) -> None:
    assert plural(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price; money", "Price; money."),
        ("Done.", "Done."),
        ("Really?", "Really?"),
        ("ends in dots..", "Ends in dots."),
        ("tail;", "Tail."),
    ],
)
def test_sentences(text: str, expected: str) -> None:
    assert sentence(text) == expected


def test_lists_of_words() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_short_docstring_stays_on_one_line() -> None:
    assert docstring("Short. And sweet.") == '    """Short. And sweet."""'


def test_a_long_docstring_starts_with_its_first_sentence() -> None:
    text = docstring(f"First. {'word ' * 40}\n\nLast.", indent=0)
    lines = text.splitlines()
    assert lines[:2] == ['"""First.', ""]
    assert lines[-2:] == ["Last.", '"""']
    assert max(map(len, lines)) <= 120


def test_a_list_in_a_docstring_stays_a_list() -> None:
    text = docstring(f"First.\n\n- one: {'word ' * 30}\n- two", indent=0)
    lines = text.splitlines()
    assert lines[2].startswith("- one: word")
    assert lines[3].startswith("  word")
    assert lines[-2] == "- two"
    assert max(map(len, lines)) <= 120


def test_a_long_note_is_wrapped() -> None:
    lines = note("word " * 60).splitlines()
    assert lines[0].startswith('    """word')
    assert lines[-1] == '    """'
    assert max(map(len, lines)) <= 120


def test_backslashes_and_quotes_cannot_end_a_docstring() -> None:
    text = docstring('A \\ and """.')
    assert eval(text.strip()) == 'A \\ and """.'


def test_imports_are_those_that_the_code_needs() -> None:
    code = '# Exchange\nclass A(Model):\n    """A Decimal, it says."""\n    price: Decimal\n    side: Side\n    text = "UUID"\n    x.Format\n'
    homes = {"Side": "models.enums", "Exchange": "models.enums", "A": "models.a", "Format": "values"}
    assert imports(code, homes, own=["A"]).splitlines() == [
        "from alor_async.models._base import Model",
        "from decimal import Decimal",
        "from models.enums import Side",
    ]
