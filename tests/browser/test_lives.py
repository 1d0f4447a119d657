"""A notebook over the ends of others: its kernel is restarted, its page is loaded anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .front_ends import FrontEnd

pytestmark = pytest.mark.browser


def test_restart_and_run_all(front: FrontEnd) -> None:
    notebook = front.open("import os\nos.getpid()", "runs = globals().get('runs', 0) + 1", "print('runs', runs)")
    notebook.run(0, 1, 1, 2).wait_text("runs 2")
    before = notebook.cell(0).text()
    notebook.restart_and_run_all()
    notebook.cell(2).wait_text("runs 1")
    for number in range(3):
        notebook.cell(number).wait_ended(number + 1)
    assert notebook.cell(0).text() != before


# JupyterLab drops the text of cells that an earlier life of the page has sent, under any kernel; widgets live on.
RUN = """\
import ipywidgets, {library}, time
bar = ipywidgets.IntProgress(max=10)
said = ipywidgets.Output()
button = ipywidgets.Button(description="Go on")
clicks = []
button.on_click(clicks.append)
display(bar, said, button)
while not clicks: PAUSE(0.01)
bar.value = 5
said.append_stdout("went on")
while len(clicks) < 2: PAUSE(0.01)
"""
BLOCKS = RUN.replace("PAUSE", "time.sleep")
AWAITS = RUN.replace("PAUSE", "await {library}.sleep")


def test_output_goes_on_in_a_page_that_is_loaded_anew(front: FrontEnd) -> None:
    notebook = front.open(BLOCKS, AWAITS, "print('next')")
    for number in (0, 1):
        cell = notebook.run(number)
        cell.wait_shown("button")
        notebook.save()
        front.reload(notebook)
        notebook.wait_state("busy")
        cell.wait_shown("button").click()
        cell.wait_text("went on")
        cell.wait_shown(".progress-bar[style*='width: 50%']")
        notebook.wait_state("busy")
        cell.wait_shown("button").click()
        notebook.wait_state("idle")
    notebook.cell(2).run().wait_text("next")
