"""Where a notebook begins: the card in JupyterLab's launcher, the menu in Notebook 7's tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .front_ends import FrontEnd

pytestmark = pytest.mark.browser


def test_a_notebook_begins_with_the_name_of_the_kernel(front: FrontEnd) -> None:
    notebook = front.launch()
    cell = notebook.cell(0)
    cell.write("6 * 7")
    cell.run().wait_text("42")
