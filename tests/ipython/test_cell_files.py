"""The file names of cells, where what they are made of is taken away."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from async_kernel.namesakes.ipykernel.compiler import get_file_name

from .harness import Ran


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
