"""The notebooks of the site: kept without outputs, for kernels that the build makes."""

from __future__ import annotations

import runpy
from pathlib import Path

import nbformat
import pytest

from .fences import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_came_of_it(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert book.cells[0].source.startswith("# ")


def test_the_build_makes_the_kernels_that_notebooks_ask_for() -> None:
    made = set(runpy.run_path(str(ROOT / "docs" / "build.py"))["KERNELS"])
    assert {nbformat.read(path, as_version=4).metadata.kernelspec.name for path in NOTEBOOKS} == made
