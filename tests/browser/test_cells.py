"""Cells and their output, in JupyterLab and in Notebook 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .front_ends import FrontEnd

pytestmark = pytest.mark.browser

TABLE = """
class Table:
    def _repr_html_(self):
        rows = "".join(f"<tr><td>{n}</td><td>{n * n}</td></tr>" for n in range(3))
        return f"<table><thead><tr><th>n</th><th>square</th></tr></thead><tbody>{rows}</tbody></table>"
Table()
"""

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.title('squares');"


def test_print_table_plot_and_error(front: FrontEnd) -> None:
    notebook = front.open("print('printed')\n6 * 7", TABLE, PLOT, "1 / 0")
    notebook.run(0, 1, 2, 3).wait_ended()
    assert notebook.cell(0).text().split() == ["printed", "[1]:", "42"]
    assert notebook.cell(1).wait_shown("table").locator("td").all_inner_texts() == ["0", "0", "1", "1", "2", "4"]
    notebook.cell(2).wait_shown("img")
    notebook.cell(3).wait_text("ZeroDivisionError: division by zero")


TASK = """
import asyncio
async def work():
    await asyncio.sleep(0)
    print("worked")
task = asyncio.create_task(work())
"""

TRIO_TASK = """
import trio
async def work():
    await trio.sleep(0)
    print("worked")
manager = trio.open_nursery()
nursery = await manager.__aenter__()
nursery.start_soon(work)
"""

TASKS = {
    "asyncio": (TASK, "await task\nprint('waited')"),
    "trio": (TRIO_TASK, "await manager.__aexit__(None, None, None)\nprint('waited')"),
}


def test_top_level_await_lets_a_task_of_another_cell_run(front: FrontEnd) -> None:
    notebook = front.open(*TASKS[front.library])
    notebook.run(0, 1).wait_ended()
    assert notebook.cell(0).wait_text("worked").text().strip() == "worked"
    assert notebook.cell(1).wait_text("waited").text().strip() == "waited"


PROGRESS = """\
import {library}
from IPython.display import ProgressBar
from tqdm.notebook import tqdm
for _ in ProgressBar(5):
    await {library}.sleep(0.01)
for _ in tqdm(range(4)):
    await {library}.sleep(0.01)
"""


def test_progress_is_drawn_in_one_place(front: FrontEnd) -> None:
    cell = front.open(PROGRESS).cell(0).run()
    bar = cell.wait_shown("progress")
    assert (bar.count(), bar.get_attribute("value"), bar.get_attribute("max")) == (1, "5", "5")
    assert cell.wait_shown(".widget-hprogress").count() == 1
    cell.wait_shown(".progress-bar[style*='width: 100%']")
    cell.wait_text("4/4")


ASK = """\
import getpass
name = input("Name? ")
print(name, "knows a word of", len(getpass.getpass("Password? ")), "letters")
"""


def test_input_and_getpass_ask_below_their_cell(front: FrontEnd) -> None:
    cell = front.open(ASK).cell(0)
    cell.start()
    cell.answer("Ann")
    cell.wait_text("Name?  Ann")
    assert cell.wait_shown(".jp-Stdin-input").get_attribute("type") == "password"
    cell.answer("secret")
    cell.wait_ended().wait_text("Ann knows a word of 6 letters")
