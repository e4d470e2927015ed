"""Tags in comments: put there, read again, and never mistaken for the user's own text."""

from __future__ import annotations

import pytest

from alor_async import InvalidArgument, client_tag, own_comment
from alor_async._orders.tags import tag_of, with_tag

FIRST, SECOND = tag_of("first"), tag_of("second")


@pytest.mark.parametrize("comment", [None, "", "entry-17", "Покупка", "[a:short]", "text [a:AAAAAAAAAAAAAAAA] text"])
def test_a_tag_and_the_users_text_are_told_apart(comment: str | None) -> None:
    marked = with_tag(comment, FIRST)
    assert client_tag(marked) == FIRST
    assert own_comment(marked) == (comment or None)


def test_a_key_has_one_tag() -> None:
    assert tag_of("first") == FIRST
    assert FIRST != SECOND
    assert client_tag("no tag") is client_tag(None) is own_comment(None) is None


def test_the_tag_of_a_replacement_takes_the_place_of_the_one_before() -> None:
    replaced = with_tag(with_tag("entry-17", FIRST), SECOND)
    assert (client_tag(replaced), own_comment(replaced)) == (SECOND, "entry-17")
    full = with_tag("x" * 79, FIRST)
    assert len(with_tag(full, SECOND)) == len(full) == 100


def test_what_does_not_fit_beside_the_tag_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="at most 79 characters"):
        with_tag("x" * 80, FIRST)
