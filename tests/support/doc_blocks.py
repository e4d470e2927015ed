"""The Python blocks of the README and the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import cast

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.ru.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:^<!-- run: (?P<mode>\w+) -->\n)?^```python\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SNIPPET = re.compile(r'^--8<-- "(?P<path>[^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    mode: str | None
    text: str

    def compile(self) -> CodeType:
        source = "\n" * self.line + self.text
        return cast(CodeType, compile(source, str(self.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))

    def tree(self) -> ast.Module:
        return ast.parse("\n" * self.line + self.text, str(self.page))


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        source = SNIPPET.sub(lambda found: (ROOT / found["path"]).read_text(encoding="utf-8"), match["text"])
        yield Block(page, text.count("\n", 0, match.start("text")), match["mode"], source)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def name_of(block: Block) -> str:
    return f"{block.page.relative_to(ROOT)}:{block.line}"


def of_mode(mode: str) -> list[Block]:
    return [block for block in BLOCKS if block.mode == mode]
