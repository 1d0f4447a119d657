"""Each cell shows what it shows under ipykernel, or something else that the table names, with the reason.

On asyncio, and on trio those cells for which the loop does not matter. uvloop is left out: it is asyncio for libraries.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..browser.conftest import find_browser
from .cells import NOTEBOOKS, read
from .conftest import Notebook
from .differences import BACKENDS
from .run import Seen, execute
from .table import DIFFERENCES

pytestmark = [
    pytest.mark.libraries,
    pytest.mark.timeout(900),  # the first one makes the environment
    pytest.mark.skipif(
        sys.platform != "linux" or sys.version_info >= (3, 14),
        reason="the table is of Linux and CPython before 3.14; elsewhere ipykernel and libraries show other things",
    ),
]


SLOW = {"plots", "processes", "tables"}
"""Notebooks that are left to a command of their own, `pytest tests/libraries -m libraries`: each takes a minute or two,
most of it for imports, three times over."""


@pytest.mark.parametrize(
    ("notebook", "backend"),
    [
        pytest.param(name, backend, marks=pytest.mark.slow if name in SLOW else ())
        for name in NOTEBOOKS
        for backend in BACKENDS
        if any(cell.runs_on(backend) for cell in read(name))
    ],
)
def test_cells_show_what_they_show_under_ipykernel(
    notebook: str,
    backend: str,
    kernels: Mapping[str, str],
    under_ipykernel: Callable[[str], Notebook],
    tmp_path: Path,
) -> None:
    if notebook == "browser" and not find_browser() and not os.environ.get("CI"):
        pytest.skip("there is no Chromium; .ci/run installs it")
    theirs, ours = under_ipykernel(notebook), execute(read(notebook), kernels[backend], backend, tmp_path)
    cells = [cell for cell in read(notebook) if cell.runs_on(backend)]
    failed = {cell.name: ours[cell.name]["shown"] for cell in cells if ours[cell.name]["status"] != "ok"}
    assert list(failed) == [cell.name for cell in cells if cell.fails], failed
    of_notebook = [each for each in DIFFERENCES if each.notebook == notebook and backend in each.backends]
    listed = {name: each for each in of_notebook for name in each.cells}
    different = {cell.name for cell in cells if ours[cell.name] != theirs[cell.name]}
    report = "".join(unlike(name, ours[name], theirs[name]) for name in sorted(different - set(listed)))
    assert not report, f"not in the table:\n{report}"
    assert different == set(listed), "in the table, but equal"
    for name, difference in listed.items():
        here, there = text_of(ours[name]), text_of(theirs[name])
        assert difference.here in here, name
        assert difference.here not in there, name
        assert difference.there in there, name
        assert difference.there not in here, name


def text_of(seen: Seen) -> str:
    """All that a cell has shown, as one text."""
    return json.dumps(seen, indent=1, sort_keys=True, ensure_ascii=False).replace("\\n", "\n")


def unlike(name: str, ours: Seen, theirs: Seen) -> str:
    """The lines in which the outputs of a cell differ."""
    lines = difflib.unified_diff(text_of(theirs).splitlines(), text_of(ours).splitlines(), "ipykernel", "here", n=0)
    return f"\n{name}\n" + "".join(f"{line[:300]}\n" for line in lines)
