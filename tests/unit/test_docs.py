"""The documentation is code too: its blocks compile, name what exists, and run where they say so.

A Python block after `<!-- run: program -->` is run as a program of its own; one after `<!-- run: sandbox -->` is run with a
client `alor` and its `sandbox` at hand, and `await` at the top level; one after `<!-- run: test -->` is a file of tests that
pytest runs, with the plugin. All others are compiled and their names looked up.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import alor_async.errors
from alor_async import AsyncAlor
from alor_async._ws.close_codes import remedy
from alor_async.sandbox import Sandbox
from tests.support.doc_blocks import BLOCKS, PAGES, ROOT, Block, blocks_of, name_of, of_mode

FACADES = ("instruments", "market_data", "account", "orders", "stop_orders", "order_groups", "streams")
CLIENT = AsyncAlor("nobodys-token", environment=alor_async.TEST)


def test_every_block_is_found_and_every_mark_stands_before_one() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = list(blocks_of(page))
        assert text.count("```python") == len(found), page
        assert text.count("<!-- run:") == sum(block.mode is not None for block in found), page
    assert {block.mode for block in BLOCKS} == {None, "program", "sandbox", "test"}


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_the_block_compiles(block: Block) -> None:
    block.compile()


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_the_names_in_the_block_exist(block: Block) -> None:
    for node in ast.walk(block.tree()):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alor_async"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert alias.name in module.__all__, f"line {node.lineno}: {alias.name} is not public"
        elif isinstance(node, ast.Call):
            check_call(node)


def check_call(node: ast.Call) -> None:
    """Check a call on the client: the method exists and takes these arguments."""
    path = ast.unparse(node.func).split(".")
    if path[0] != "alor" or not all(part.isidentifier() for part in path):
        return
    target: object = CLIENT
    for part in path[1:]:
        assert hasattr(target, part), f"line {node.lineno}: {'.'.join(path)} does not exist"
        target = getattr(target, part)
    assert callable(target), f"line {node.lineno}: {'.'.join(path)} is not a method"
    keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg is not None}
    inspect.signature(target).bind(*node.args, **keywords)


@pytest.mark.parametrize("block", of_mode("program"), ids=name_of)
def test_the_program_runs(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    exec(block.compile(), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip(), "it prints something"


@pytest.mark.parametrize("block", of_mode("sandbox"), ids=name_of)
async def test_the_fragment_runs_against_the_sandbox(block: Block) -> None:
    async with Sandbox(seed=42) as sandbox, AsyncAlor(sandbox.refresh_token, environment=sandbox.environment) as alor:
        done = eval(block.compile(), {"alor": alor, "sandbox": sandbox})
        if inspect.iscoroutine(done):
            await done
        sandbox.check()


@pytest.mark.parametrize("block", of_mode("test"), ids=name_of)
def test_the_tests_pass(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    (tmp_path / "test_bot.py").write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{block.text.count('def test_')} passed" in done.stdout


# The tables of the READMEs.


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_the_table_of_the_api_is_complete_and_true(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    for owner, target in [("alor", CLIENT), *((f"alor.{name}", getattr(CLIENT, name)) for name in FACADES)]:
        row = re.search(rf"^\| `{re.escape(owner)}` \| (.+) \|$", text, re.MULTILINE)
        assert row is not None, f"{readme} has no row for {owner}"
        assert sorted(re.findall(r"`(\w+)`", row[1])) == sorted(public_methods(target)), f"{readme}, {owner}"


def public_methods(target: object) -> list[str]:
    return [
        name
        for name, value in inspect.getmembers(type(target))
        if not name.startswith("_") and inspect.isfunction(value)
    ]


def trees_of_errors() -> Iterator[tuple[str, str]]:
    for page in ("README.md", "README.ru.md", "docs/concepts/errors.md"):
        tree = re.search(r"^AlorError.*?(?=^```$)", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        assert tree is not None, page
        yield page, tree[0]
    tree = re.search(r"^ +AlorError.*?(?=\n\n)", alor_async.errors.__doc__ or "", re.DOTALL | re.MULTILINE)
    assert tree is not None
    yield "the docstring of alor_async.errors", textwrap.dedent(tree[0])


@pytest.mark.parametrize(("page", "tree"), list(trees_of_errors()))
def test_the_tree_of_errors_is_complete_and_true(page: str, tree: str) -> None:
    """Each error is drawn once, under what it derives from, beside the exception of Python's that it is as well."""
    above: dict[int, type] = {}  # the last error that was drawn at each depth
    drawn: list[str] = []
    for line in tree.splitlines():
        depth = len(line) - len(line.lstrip("│├└─ "))
        names = re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)*\b", line)
        for name in (name for name in names if name in alor_async.errors.__all__):
            error = above[depth] = getattr(alor_async.errors, name)
            assert depth == 0 or above[depth - 4] in error.__bases__, f"{page} draws {name} in the wrong place"
            drawn.append(name)
        for name in re.findall(r"\((\w+Error)\)", line):
            assert issubclass(above[depth], getattr(builtins, name)), f"{page}: {line}"
    assert sorted(drawn) == sorted(alor_async.errors.__all__), page


def test_the_table_of_close_codes_is_complete_and_true() -> None:
    text = (ROOT / "docs" / "concepts" / "streams.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{4}(?:, \d{4})*) \| [^|]+ \| ([a-z ]+) \|$", text, re.MULTILINE)
    told = {int(code): then.replace(" ", "_") for codes, then in rows for code in codes.split(", ")}
    assert "| any other | | reconnect |" in text
    assert told.keys() >= {*range(1000, 1004), *range(1005, 1016)}
    for code in range(5000):
        assert told.get(code, "reconnect") == remedy(code).value, code


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_pages_tell_nothing_of_the_machine_they_were_written_on(page: Path) -> None:
    assert not re.search(r"/(?:work|home|root|tmp)/", page.read_text(encoding="utf-8"))


def test_the_places_that_the_assumptions_name_exist() -> None:
    text = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")
    cited = re.findall(r"`((?:_?\w+/)*_?\w+\.(?:py|yaml))`(?: \(`(\w+)`)?", text)
    assert len(cited) > 30
    for path, name in cited:
        file = ROOT / path if path.startswith("openapi/") else ROOT / "alor_async" / path
        assert file.exists(), path
        assert not name or re.search(rf"\b{name}\b", file.read_text(encoding="utf-8")), f"{path} has no {name}"


@pytest.mark.parametrize("decision", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=str)
def test_a_decision_is_short_and_has_its_four_parts(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    assert re.match(rf"# {decision.name[:4]}\. ", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "What was tried", "Consequences"]
