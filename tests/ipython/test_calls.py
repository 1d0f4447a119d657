"""How much Python code runs around a cell: a count, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from .harness import Ran

Cells = Callable[..., Ran]

LINE = "    value = [len('text') * 2, {'key': 1}]\n"
SHORT, LONG = ("if True:\n" + LINE * number for number in (10, 110))


def count_calls(cells: Cells, code: str) -> int:
    """The calls of Python functions while a cell runs."""
    calls = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    cells(code)  # what is imported or noted once is
    sys.setprofile(note)
    try:
        cells(code)
    finally:
        sys.setprofile(None)
    return calls


def test_a_long_cell_is_not_walked_through(cells: Cells) -> None:
    assert count_calls(cells, LONG) - count_calls(cells, SHORT) < LONG.count("\n") - SHORT.count("\n")
