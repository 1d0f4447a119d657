"""The first lines that mark a cell are no code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from async_kernel.ipython.directives import take_directive

from .harness import Ran


@pytest.mark.parametrize("first", ["%%task", "%%thread", "# task", "#thread", "%%task  "])
def test_a_directive_leaves_the_lines_where_they_are(first: str) -> None:
    lines = take_directive([f"{first}\n", "1\n"])
    assert lines[0].startswith("#")
    assert lines[1:] == ["1\n"]


@pytest.mark.parametrize("first", ["%%task", "# thread"])
def test_another_cell_magic_may_follow(first: str) -> None:
    assert take_directive([f"{first}\n", "%%time\n", "1\n"]) == ["%%time\n", "1\n"]


@pytest.mark.parametrize("first", ["task", "# tasks", "%%tasks", "%%time", "# a thread", "%task"])
def test_other_lines_are_none(first: str) -> None:
    assert take_directive([f"{first}\n", "1\n"]) == [f"{first}\n", "1\n"]
    assert take_directive([]) == []


def test_marked_cells_run_and_errors_name_their_lines(cells: Callable[..., Ran]) -> None:
    assert cells("%%task\n1 + 1").result == "2"
    assert "Wall time" in cells("# thread\n%%time\n1 + 1").text()
    failed = cells("%%thread\n\n1 / 0")
    assert "line 3" in "".join(failed.reply["traceback"])


def test_help_tells_what_they_do_and_elsewhere_they_are_refused(cells: Callable[..., Any]) -> None:
    assert "Run the cell in a thread" in cells("%%thread?").reply["payload"][0]["data"]["text/plain"]
    assert cells("%%task now\n1").reply["ename"] == "UsageError"
