"""Pages as readers see them: their fenced blocks, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["PAGES", "ROOT", "Fence", "fences", "name_of", "with_output"]

ROOT = Path(__file__).parents[2]

ABOVE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "benchmarks/README.md")
"""Pages above the folder of the docs; a source distribution has some of them only."""

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *filter(Path.exists, (ROOT / name for name in ABOVE))])
"""Every page that readers are sent to."""

FENCE = re.compile(r"^```(?P<words>[^`\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


class Fence(NamedTuple):
    """One fenced block: its page, the line that it begins at, its words (`("python", "trio")`) and its text."""

    page: Path
    line: int
    words: tuple[str, ...]
    text: str

    @property
    def is_python(self) -> bool:
        """Whether it is an example in Python, of whatever kind."""
        return self.words[:1] == ("python",)

    @property
    def kind(self) -> str:
        """How it is run: "" for a plain cell, "trio", "program" ..."""
        return " ".join(self.words[1:])


def name_of(page: Path) -> str:
    """What a page is called in a test's name: "docs/guides/install.md"."""
    return page.relative_to(ROOT).as_posix()


def fences(page: Path) -> Iterator[Fence]:
    """The fenced blocks of a page; those in comments as well, which prepare what readers need not see."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Fence(page, text.count("\n", 0, found.start()) + 1, tuple(found["words"].split()), found["text"])


def with_output(page: Path) -> Iterator[tuple[Fence, str | None]]:
    """The examples in Python of a page, each with the output that the page shows behind it, or None."""
    blocks = list(fences(page))
    for number, block in enumerate(blocks):
        if block.is_python:
            behind = blocks[number + 1 :][:1]
            yield block, behind[0].text if behind and behind[0].words == ("text",) else None
