"""The examples under tests/typing pass mypy, and the mistakes there are found by it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
TYPING = ROOT / "tests" / "typing"


@pytest.mark.timeout(120)
def test_the_typing_examples_are_seen_as_they_are_written(monkeypatch):
    monkeypatch.chdir(ROOT)
    found, problems, status = api.run(["--strict", "--warn-unused-ignores", str(TYPING.relative_to(ROOT))])
    assert (found.splitlines()[:-1], problems, status) == ([], "", 0), found


def test_there_are_examples_and_mistakes_to_see():
    text = {path.stem: path.read_text(encoding="utf-8") for path in TYPING.glob("*.py")}
    assert set(text) >= {"reads", "commands", "streams", "mistakes"}
    assert text["reads"].count("assert_type(") > 30
    assert text["commands"].count("assert_type(") > 15
    assert text["streams"].count("assert_type(") > 40
    assert len(re.findall(r"# type: ignore\[", text["mistakes"])) > 16
