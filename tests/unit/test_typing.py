"""The examples under tests/typing: `make check` has mypy and pyright read them, and find the mistakes among them."""

from __future__ import annotations

import re
from pathlib import Path

TYPING = Path(__file__).parents[1] / "typing"


def test_there_are_examples_and_mistakes_to_see() -> None:
    text = {path.stem: path.read_text(encoding="utf-8") for path in TYPING.glob("*.py")}
    assert set(text) >= {"reads", "commands", "streams", "mistakes"}
    assert text["reads"].count("assert_type(") > 30
    assert text["commands"].count("assert_type(") > 15
    assert text["streams"].count("assert_type(") > 40
    assert len(re.findall(r"# type: ignore\[", text["mistakes"])) > 16
