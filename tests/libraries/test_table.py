"""The notebooks, the table of cells that differ, and the page that is written from them."""

from __future__ import annotations

from collections import Counter

import pytest

from ..environments import lock
from ..suites.table import SUITES
from .cells import NOTEBOOKS, read
from .page import PAGE, page
from .table import ABOUT, DIFFERENCES


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.libraries`"


def test_the_table_is_about_cells_that_are_there() -> None:
    assert set(ABOUT) == set(NOTEBOOKS)
    for each in DIFFERENCES:
        cells = [cell for cell in read(each.notebook) if cell.name in each.cells]
        assert len(cells) == len(each.cells), each.cells
        assert all(cell.runs_on(backend) for cell in cells for backend in each.backends), each.cells


def test_no_cell_is_in_the_table_twice_for_a_backend() -> None:
    listed = Counter((each.notebook, cell, on) for each in DIFFERENCES for cell in each.cells for on in each.backends)
    assert not [cell for cell, count in listed.items() if count > 1]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_cells_have_names_of_their_own(notebook: str) -> None:
    names = Counter(cell.name for cell in read(notebook))
    assert not [name for name, count in names.items() if count > 1]
    assert all(cell.code for cell in read(notebook))


def test_the_ipykernel_that_cells_are_compared_with_is_that_of_its_suite() -> None:
    assert f"\nipykernel=={SUITES['ipykernel'].version} " in lock("libraries").read_text(encoding="utf-8")
