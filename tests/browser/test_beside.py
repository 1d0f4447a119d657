"""What users do beside a cell that runs: complete, look up, stop it, move a slider, work in another notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .front_ends import FrontEnd, Lab

pytestmark = pytest.mark.browser

BLOCKS = "import time\nprint('begun')\nwhile not done: time.sleep(0.01)\nprint('ended')"
AWAITS = "import {library}\nprint('begun')\nwhile not done: await {library}.sleep(0.01)\nprint('ended')"


def test_completion_tooltip_and_stop(front: FrontEnd) -> None:
    notebook = front.open("done = False\ntext = 'words'", "text.re", "text.replace", "print('next')", BLOCKS, AWAITS)
    notebook.cell(0).run()
    for number in (4, 5):
        cell = notebook.run(number).wait_text("begun")
        assert {"removeprefix", "replace"} <= set(notebook.cell(1).completions())
        assert "Return a copy with all occurrences" in notebook.cell(2).tooltip()
        cell.wait_running()
        notebook.stop()
        cell.wait_text("KeyboardInterrupt").wait_ended()
        notebook.cell(3).run().wait_text("next")


SLIDER = "import ipywidgets, time, {library}\nslider = ipywidgets.IntSlider()\nslider"
SEES = "begun = slider.value\nprint('begun')\nwhile slider.value == begun: PAUSE(0.01)\nprint('moved')"


def test_a_cell_sees_a_slider_being_moved(front: FrontEnd) -> None:
    pauses = ("time.sleep", "await {library}.sleep")
    notebook = front.open(SLIDER, *(SEES.replace("PAUSE", pause) for pause in pauses))
    notebook.cell(0).run()
    for number in (1, 2):
        cell = notebook.run(number).wait_text("begun")
        notebook.cell(0).drag_slider()
        cell.wait_text("moved").wait_ended()


def test_two_notebooks_have_a_kernel_each(front: FrontEnd) -> None:
    first = front.open("done = False\nowner = 'first'", BLOCKS, "owner")
    first.cell(0).run()
    first.run(1).wait_text("begun")
    second = front.open("owner", "owner = 'second'", "owner")
    second.cell(0).run().wait_text("NameError")
    second.cell(1).run()
    second.cell(2).run().wait_text("second")
    first.show()
    first.cell(1).wait_running()
    first.stop()
    first.cell(1).wait_text("KeyboardInterrupt")
    first.cell(2).run().wait_text("first")


def test_a_console_in_a_subshell(lab: Lab) -> None:
    notebook = lab.open("done = False", BLOCKS)
    notebook.cell(0).run()
    console = lab.open_console(notebook)
    console.wait_in_subshell()  # what is typed before that goes to the main shell, and there behind the cell
    cell = notebook.run(1).wait_text("begun")
    console.run("done")
    console.run(f"import {lab.library}; await {lab.library}.sleep(0); done = True")
    cell.wait_text("ended").wait_ended()
