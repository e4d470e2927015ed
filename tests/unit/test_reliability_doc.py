"""The fault catalogue is complete, and its word on what is proved is true."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import alor_async.errors

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
PROVED_NOW = (*range(1, 52), 53, 78, 86, *range(89, 173), *range(192, 197))
WORDS_FOR_RESULTS = {"value", "unknown", "replayed", "CancelledError", "TypeError", "family", "or", "then"}


def rows() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| F(\d{3}) ?★? \|", line)
        if match:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            assert int(match.group(1)) not in found, f"F{match.group(1)} stands twice"
            found[int(match.group(1))] = cells
    return found


@cache
def names_of_tests() -> tuple[str, ...]:
    """List the names of all test functions under tests/."""
    modules = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "tests").rglob("test_*.py")))
    return tuple(
        node.name
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def has_test(number: int) -> bool:
    pattern = re.compile(rf"(?:^|_)f{number:03}(?:_|$)")
    return any(pattern.search(name) for name in names_of_tests())


def test_the_catalogue_has_every_number_once_in_order() -> None:
    assert list(rows()) == list(range(1, 220))


def test_every_row_says_what_is_promised_where_it_ends_and_how_it_is_proved() -> None:
    for number, cells in rows().items():
        assert len(cells) == 5, f"F{number:03} has {len(cells)} cells"
        assert all(cells), f"F{number:03} has an empty cell"


@pytest.mark.parametrize("number", PROVED_NOW)
def test_what_is_claimed_as_proved_has_a_test_with_its_number(number: int) -> None:
    proof = rows()[number][4]
    if proof.startswith("not provable here:"):
        assert len(proof) > 40, f"F{number:03} does not say why"
    else:
        assert has_test(number), f"no test under tests/ carries f{number:03} in its name"


def test_every_proof_is_a_test_a_file_a_plan_or_a_reason() -> None:
    for number, cells in rows().items():
        proof = cells[4]
        if proof.startswith("`test_f"):
            cited, _, rest = proof.partition("; ")
            assert cited == f"`test_f{number:03}_*`", f"F{number:03} cites another number's test"
            assert not rest or rest.startswith("more planned: "), f"F{number:03} says something else"
            assert has_test(number), f"F{number:03} cites a test that is not there"
        elif proof.startswith("`tests/"):
            for path in re.findall(r"`([^`]+)`", proof):
                assert (ROOT / path).exists(), f"F{number:03} cites {path}, which is not there"
        else:
            assert proof.startswith(("planned: ", "not provable here: ")), f"F{number:03}: {proof}"
            assert number not in PROVED_NOW or proof.startswith("not provable here: "), f"F{number:03} is due now"


def test_rows_end_in_errors_of_our_tree() -> None:
    ours = set(alor_async.errors.__all__)
    for number, cells in rows().items():
        named = set(re.findall(r"`([A-Za-z]+)`", cells[3]))
        assert named <= ours | WORDS_FOR_RESULTS, f"F{number:03}: {sorted(named - ours - WORDS_FOR_RESULTS)}"
        assert named or "**value**" in cells[3] or "unknown" in cells[3], f"F{number:03} ends in nothing"
