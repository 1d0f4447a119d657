"""The debugger: breakpoints, steps and variables, in a plain cell and in one that awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .front_ends import FrontEnd

pytestmark = pytest.mark.browser

PLAIN = """\
def work(n):
    square = n * n
    return square

print(work(4))"""

ASYNC = """\
import {library}
async def later(n):
    await {library}.sleep(0)
    cube = n ** 3
    return cube
print(await later(2))"""


def test_breakpoint_step_and_variables(front: FrontEnd) -> None:
    notebook = front.open(PLAIN, ASYNC)
    debugger = notebook.debug()

    notebook.cell(0).set_breakpoint(2)
    cell = notebook.run(0)
    debugger.wait_stopped("work Cell [*]:2", "<module> Cell [*]:5")
    debugger.wait_variable("n", "4")
    debugger.press("next")
    debugger.wait_stopped("work Cell [*]:3", "<module> Cell [*]:5")
    debugger.wait_variable("square", "16")
    debugger.press("continue")
    cell.wait_text("16").wait_ended()
    debugger.wait_going()

    notebook.cell(1).set_breakpoint(3)
    cell = notebook.run(1)
    debugger.wait_stopped("later Cell [*]:3", "<module> Cell [*]:6")
    debugger.press("next")  # over an await
    debugger.wait_stopped("later Cell [*]:4", "<module> Cell [*]:6")
    debugger.press("next")
    debugger.wait_stopped("later Cell [*]:5", "<module> Cell [*]:6")
    debugger.wait_variable("cube", "8")
    debugger.press("continue")
    cell.wait_text("8").wait_ended()
