"""The file names of cells, as libraries that go by them take them: real libraries, and a process for each restart."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from async_kernel.namesakes.ipykernel.compiler import get_file_name

from .harness import Ran
from .test_process import python

NUMBA = """
import numba

@numba.njit(cache=True)
def double(x):
    return 2 * x

(double(21), sum(double.stats.cache_hits.values()))
"""

JOBLIB = """
import joblib

@joblib.Memory("kept", verbose=0).cache
def square(x):
    with open("computed", "a") as log:
        log.write("once ")
    return x * x

(square(7), open("computed").read())
"""


def test_numba_caches_functions_of_cells_over_a_restart(tmp_path: Path) -> None:
    results = [python(f"print(run({NUMBA!r}))", tmp_path)[0] for _ in range(2)]
    assert results == ["['(42, 0)']\n", "['(42, 1)']\n"]


def test_joblib_remembers_results_of_cells_over_a_restart(tmp_path: Path) -> None:
    results = [python(f"print(run({JOBLIB!r}))", tmp_path)[0] for _ in range(2)]
    assert results == ["[\"(49, 'once ')\"]\n"] * 2


def test_line_profiler_shows_the_source_of_a_cell(cells: Callable[..., Ran]) -> None:
    ran = cells(
        "%load_ext line_profiler",
        "def profiled():\n    first = 1\n    return first + 1  # the last line",
        "%lprun -f profiled profiled()",
    )
    shown = "".join(part["data"]["text/plain"] for part in ran.reply["payload"]) + ran.text()
    assert "return first + 1  # the last line" in shown


def test_a_cell_that_replaces_getpid_changes_no_name(cells: Callable[..., Ran]) -> None:
    name = cells("import os; (lambda: 0).__code__.co_filename").result
    assert re.fullmatch(r"'.*[\\/]ipykernel_\d+[\\/]\d+\.py'", name)
    mocked = cells("getpid, os.getpid = os.getpid, lambda: 1", "(lambda: 1).__code__.co_filename")
    cells("os.getpid = getpid")
    assert Path(mocked.result).parent == Path(name).parent


def test_one_name_is_given_to_all_cells_on_request(cells: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYKERNEL_CELL_NAME", "<a cell>")
    named = cells("(lambda: 0).__code__.co_filename")
    assert named.result == repr(get_file_name("anything")) == "'<a cell>'"


def test_a_full_disk_for_temporary_files_changes_no_cell(
    cells: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python finds the folder for them by writing there."""
    name = cells("(lambda: 0).__code__.co_filename").result

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("TMPDIR", str(Path(name.strip("'")).parents[1]))
    assert Path(cells("(lambda: 1).__code__.co_filename").result).parent == Path(name).parent
