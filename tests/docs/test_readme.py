"""From README alone to a plot, a widget and a nursery in JupyterLab, by typing no more than five minutes' worth."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import need_browser, opened_browser
from tests.browser.server import Server

from .desk import Desk
from .fences import ROOT, fences
from .test_commands import commands

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.browser.front_ends import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

README = ROOT / "README.md"

KEYS = 5 * 200
"""Five minutes at forty words a minute, slow for somebody who writes notebooks."""


def cells(*words: str) -> list[str]:
    """The cells of README that readers see, on one backend."""
    text = README.read_text(encoding="utf-8")
    hidden = {block.line for block in fences(README) if text.splitlines()[block.line - 2] == "<!--"}
    return [block.text.rstrip() for block in fences(README) if block.words == words and block.line not in hidden]


def typed_in_a_shell() -> list[str]:
    """The commands up to the nursery: not those for who has no Jupyter."""
    shown = [command for block in fences(README) if block.words == ("sh",) for command in commands(block)]
    return [command for command in shown if not command.startswith("python3 ")]


@pytest.fixture
def browser(home: Path) -> Iterator[BrowserContext]:
    """A Chromium for this test alone: those behind it run loops of their own."""
    with opened_browser() as context:
        yield context


@pytest.fixture
def server(browser: BrowserContext, desk: Desk) -> Iterator[Server]:
    """`jupyter lab`, in the environment that README speaks of."""
    need_browser()
    folder = desk.checkout.parent / "lab"
    folder.mkdir()
    environment = {name: value for name, value in desk.env.items() if name not in ("HOME", "MPLCONFIGDIR")}
    ours = Path(sys.prefix, "share", "jupyter")  # the front end's half of ipywidgets is not in the folder of the desk
    environment["JUPYTER_PATH"] = os.pathsep.join([environment["JUPYTER_PATH"], str(ours)])
    program = (str(desk.python), "-m", "jupyterlab", "--LabApp.expose_app_in_browser=True")
    with Server(folder, environment, program) as server:
        yield server


@pytest.fixture
def lab(browser: BrowserContext, server: Server) -> Lab:
    """The page of JupyterLab."""
    from tests.browser.front_ends import Lab

    lab = Lab(browser.new_page(), server)
    lab.load()
    return lab


def test_five_minutes_of_typing_are_enough() -> None:
    typed = [*typed_in_a_shell(), *cells("python"), *cells("python", "trio")]
    assert sum(map(len, typed)) <= KEYS
    words = " ".join(typed)
    assert all(word in words for word in ("pip install", "jupyter lab", "plt.plot", "IntSlider", "open_nursery"))


def test_from_readme_alone_to_a_plot_a_widget_and_a_nursery(lab: Lab, desk: Desk) -> None:
    install, jupyter, *more = typed_in_a_shell()
    assert (install.split()[0], jupyter) == ("pip", "jupyter lab")  # the fixtures have typed these
    lab.kernel = "async"
    notebook = write(lab, cells("python"))
    plot, slider, waits = (notebook.cell(number) for number in range(3))
    plot.wait_shown("img")
    waits.wait_running()
    slider.drag_slider()
    waits.wait_ended().wait_text("moved")

    for command in more:
        assert (done := desk.type(command)).returncode == 0, done.stderr
    lab.kernel = "async-trio"
    lab.load()
    nursery = write(lab, cells("python", "trio")).cell(0).wait_ended()
    assert sorted(nursery.text().split()) == ["a", "b", "c"]


def write(lab: Lab, sources: list[str]) -> Notebook:
    """Begin a notebook, write these cells into it, and run each when it is written."""
    notebook = lab.launch()
    for number, source in enumerate(sources):
        notebook.cell(number).editor.click()
        lab.page.keyboard.insert_text(source)
        lab.page.keyboard.press("Shift+Enter")
    return notebook
