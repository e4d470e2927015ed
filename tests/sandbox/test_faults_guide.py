"""The guide to faults is complete: every one-line spelling, every keyword and every scenario stands in it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from alor_async.sandbox import Sandbox
from alor_async.sandbox.inject import Which
from alor_async.sandbox.scenarios import NAMES, Scenarios

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "faults.md").read_text(encoding="utf-8")
FAULTS = Sandbox().faults
FAMILIES = ("http", "ack", "req", "auth", "net", "ws", "cws", "dedupe", "clock", "exchange", "proc")
SPELLINGS = [
    f"{family}.{name}"
    for family in FAMILIES
    for name, _ in inspect.getmembers(getattr(FAULTS, family), inspect.ismethod)
    if not name.startswith("_")
]


def test_the_families_are_all_of_them() -> None:
    assert set(FAMILIES) == {name for name in vars(FAULTS) if not name.startswith("_")}
    assert len(SPELLINGS) > 50


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_fault_is_in_the_guide(spelling: str) -> None:
    assert re.search(rf"{re.escape(spelling)}\(", GUIDE), f"docs/guides/faults.md does not tell of {spelling}"


def test_nothing_is_in_the_guide_that_does_not_exist() -> None:
    told = re.findall(rf"\b((?:{'|'.join(FAMILIES)})\.\w+)\(", GUIDE)
    assert set(told) == set(SPELLINGS)


@pytest.mark.parametrize("keyword", list(Which.__annotations__))
def test_every_keyword_is_in_the_guide(keyword: str) -> None:
    assert f"`{keyword}`" in GUIDE


def test_every_scenario_is_in_the_guide() -> None:
    methods = {name for name, _ in inspect.getmembers(Scenarios, inspect.isfunction) if not name.startswith("_")}
    assert methods == set(NAMES)
    for name in NAMES:
        assert f"| `{name}` |" in GUIDE
