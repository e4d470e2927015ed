"""Generated files: complete, fresh, and noticed when somebody edits them."""

import ast
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.contract import load_document
from codegen.errors import CodegenError
from codegen.generate import generate, owned_files
from codegen.output import formatted
from tests.unit.codegen import sample

ACCOUNT = "alor_async/models/account.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project whose generated files are fresh."""
    sample.project(tmp_path)
    assert main(["--root", str(tmp_path), "write"]) == 0
    return tmp_path


def check(root: Path) -> int:
    return main(["--root", str(root), "check"])


def test_what_was_written_is_fresh(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert check(root) == 0
    assert main(["--root", str(root), "write"]) == 0
    assert capsys.readouterr().out == "nothing changed\n"


def test_an_edited_file_fails_the_check_with_a_hint(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / ACCOUNT
    path.write_text(
        path.read_text(encoding="utf-8").replace("    symbol: str\n", "    symbol: bytes\n"), encoding="utf-8"
    )
    assert check(root) == 1
    hint = capsys.readouterr().err
    assert f"--- {ACCOUNT} (committed)" in hint
    assert "-    symbol: bytes" in hint
    assert "+    symbol: str" in hint
    assert "make generate" in hint


def test_a_long_difference_is_cut(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ACCOUNT).write_text("", encoding="utf-8")
    assert check(root) == 1
    hint = capsys.readouterr().err
    assert "more lines" in hint
    assert hint.count("\n") < 20


def test_a_missing_file_fails_the_check(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ACCOUNT).unlink()
    assert check(root) == 1
    assert f"{ACCOUNT}: is missing" in capsys.readouterr().err


def test_a_leftover_file_fails_the_check_and_is_removed_by_write(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leftover = root / "alor_async/_contract/wire/old.py"
    leftover.write_text("", encoding="utf-8")
    assert check(root) == 1
    assert "alor_async/_contract/wire/old.py: is no longer generated" in capsys.readouterr().err
    assert main(["--root", str(root), "write"]) == 0
    assert not leftover.exists()
    assert check(root) == 0


def test_a_changed_contract_fails_the_check(root: Path) -> None:
    path = root / "openapi/alor.openapi.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("description: Ticker.", "description: Code."), encoding="utf-8"
    )
    assert check(root) == 1
    assert main(["--root", str(root), "write"]) == 0
    assert check(root) == 0
    assert '"""Code."""' in (root / ACCOUNT).read_text(encoding="utf-8")


def test_hand_written_files_are_left_alone(root: Path) -> None:
    assert (root / "alor_async/models/_base.py").read_text(encoding="utf-8") == "# by hand\n"


def test_a_contract_that_cannot_be_read_is_one_line_on_stderr(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = root / "openapi/overlay.yaml"
    overlay.write_text(overlay.read_text(encoding="utf-8").replace("schemas.Iceberg", "schemas.Floe"), encoding="utf-8")
    assert main(["--root", str(root), "write"]) == 1
    assert capsys.readouterr().err == "codegen: overlay.actions[0]: $.components.schemas.Floe matches nothing\n"


def test_code_that_does_not_parse_is_refused(root: Path) -> None:
    with pytest.raises(CodegenError, match=r"refused the generated code[\s\S]*broken\.py"):
        formatted({"broken.py": "class :\n"}, root)


def test_a_file_too_long_to_read_is_refused(root: Path) -> None:
    document = sample.document()
    properties = sample.at(document, "components/schemas/Order/properties")
    for number in range(320):
        name = f"field_{chr(97 + number % 26)}{chr(97 + number // 26)}"
        properties[name] = {"type": "string", "description": "One of many.", "x-wire": name}
    with pytest.raises(CodegenError, match=r"models/account\.py: \d+ lines: split it by area"):
        generate(document, sample.sockets(), root)


def test_an_operation_of_an_unknown_facade_is_refused(root: Path) -> None:
    document = sample.document()
    sample.at(document, "paths/~time/get")["operationId"] = "clock.get_time"
    with pytest.raises(CodegenError, match="no facade `clock`"):
        generate(document, sample.sockets(), root)


def test_an_answer_without_a_shape_is_refused(root: Path) -> None:
    document = sample.document()
    content = sample.at(document, "paths/~time/get/responses/200/content/application~json")
    content["schema"] = {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}
    with pytest.raises(CodegenError, match=r"get_time: an answer must be"):
        generate(document, sample.sockets(), root)


def test_every_generated_module_says_what_it_is(root: Path) -> None:
    for path in owned_files(root):
        if path.suffix == ".py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert "change the contract, not this file" in (ast.get_docstring(tree) or "")
            assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body)


def test_generating_twice_gives_the_same(root: Path) -> None:
    document = load_document(root)
    assert generate(document, sample.sockets(), root) == generate(document, sample.sockets(), root)
