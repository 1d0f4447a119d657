"""Notebooks as text: cells in IPython's syntax, each below a line with its name.

    # %% a name
    # %% a name [asyncio]
    # %% a name [fails]

The second form is for cells that need asyncio, the third for those that end in an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["NOTEBOOKS", "Cell", "read"]

FOLDER = Path(__file__).with_name("notebooks")
NOTEBOOKS = tuple(sorted(path.stem for path in FOLDER.glob("*.ipy")))
"""The names of the notebooks: ("plots", ...)."""

TITLE = re.compile(r"^# %% (?P<name>.+?)(?P<asyncio> \[asyncio\])?(?P<fails> \[fails\])?$", re.MULTILINE)


class Cell(NamedTuple):
    """A cell: its name, its code, whether it needs asyncio, and whether it ends in an error."""

    name: str
    code: str
    asyncio: bool
    fails: bool

    def runs_on(self, backend: str) -> bool:
        """Whether it is executed on a backend."""
        return backend != "trio" or not self.asyncio


def read(notebook: str) -> list[Cell]:
    """The cells of a notebook, in order."""
    text = (FOLDER / f"{notebook}.ipy").read_text(encoding="utf-8")
    titles = list(TITLE.finditer(text))
    ends = [title.start() for title in titles[1:]] + [len(text)]
    return [
        Cell(title["name"], text[title.end() : end].strip("\n"), bool(title["asyncio"]), bool(title["fails"]))
        for title, end in zip(titles, ends, strict=True)
    ]
