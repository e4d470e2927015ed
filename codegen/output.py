"""From texts to files: formatting, writing, and comparing with what is committed."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from codegen.errors import CodegenError

__all__ = ["differences", "formatted", "stale_files", "write_files"]

_HINT_LINES = 12


def formatted(modules: dict[str, str], root: Path) -> dict[str, str]:
    """Sort the imports of modules and format them, with the project's own settings.

    Raises:
        CodegenError: A module does not parse.
    """
    with tempfile.TemporaryDirectory(prefix="codegen-") as name:
        workshop = Path(name)
        for path, code in modules.items():
            (workshop / path).parent.mkdir(parents=True, exist_ok=True)
            (workshop / path).write_text(code, encoding="utf-8")
        # Named, because ruff knows a package of the project by its files, which need not be there yet.
        ours = 'lint.isort.known-first-party = ["alor_async"]'
        _ruff(workshop, "check", "--fix", "--select", "I", "--config", str(root / "pyproject.toml"), "--config", ours)
        _ruff(workshop, "format", "--config", str(root / "pyproject.toml"))
        return {path: (workshop / path).read_text(encoding="utf-8") for path in modules}


def _ruff(workshop: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--no-cache", "."]
    done = subprocess.run(command, capture_output=True, text=True, cwd=workshop, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stderr + done.stdout).strip()
        raise CodegenError("ruff", f"refused the generated code ({arguments[0]}):\n{said}")


def write_files(root: Path, files: dict[str, str], owned: Iterable[Path]) -> list[str]:
    """Write what changed, remove generated files that are no longer made, and name both."""
    changed: list[str] = []
    for path, text in files.items():
        target = root / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            changed.append(path)
    for leftover in stale_files(root, files, owned):
        (root / leftover).unlink()
        changed.append(leftover)
    return changed


def differences(root: Path, files: dict[str, str], owned: Iterable[Path]) -> list[str]:
    """Compare what is committed with what would be written: one readable hint a file, empty when they agree."""
    hints = [hint for path, text in files.items() if (hint := _difference(root / path, path, text))]
    return hints + [f"{path}: is no longer generated" for path in stale_files(root, files, owned)]


def stale_files(root: Path, files: dict[str, str], owned: Iterable[Path]) -> list[str]:
    """Name the files in generated places that nothing generates any more."""
    present = {path.relative_to(root).as_posix() for path in owned}
    return sorted(present - files.keys())


def _difference(target: Path, path: str, text: str) -> str | None:
    if not target.exists():
        return f"{path}: is missing"
    present = target.read_text(encoding="utf-8")
    if present == text:
        return None
    lines = list(
        difflib.unified_diff(
            present.splitlines(),
            text.splitlines(),
            f"{path} (committed)",
            f"{path} (from the contract)",
            "",
            "",
            n=1,
            lineterm="",
        )
    )
    shown = lines[:_HINT_LINES]
    if len(lines) > _HINT_LINES:
        shown.append(f"... and {len(lines) - _HINT_LINES} more lines")
    return "\n".join(shown)
