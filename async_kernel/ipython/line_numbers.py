"""The lines of a cell keep their numbers on the way to Python.

Front ends set breakpoints at the lines that they show, and users look there for the lines that tracebacks name. IPython
takes empty lines away from the top of a cell, and makes one line of a magic or a shell command that has several.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["count_empty", "keep_line_numbers"]


def count_empty(lines: Iterable[str]) -> int:
    """How many lines at the top are empty or blank; 0 when all are.

    >>> count_empty(["\\n", "  \\n", "x = 1\\n"])
    2
    """
    for number, line in enumerate(lines):
        if line and not line.isspace():
            return number
    return 0


def keep_line_numbers(transformers: list[type[Any]]) -> list[type[Any]]:
    """IPython's `TransformerManager.token_transformers`, made to put empty lines behind the one line that each makes of
    several."""
    return [_fill_up(transformer) for transformer in transformers]


def _fill_up(transformer: type[Any]) -> type[Any]:
    class FillingUp(transformer):
        def transform(self, lines: list[str]) -> list[str]:
            made: list[str] = super().transform(lines)
            after = self.start_line + 1
            return made[:after] + ["\n"] * (len(lines) - len(made)) + made[after:]

    FillingUp.__name__ = FillingUp.__qualname__ = transformer.__name__
    return FillingUp
