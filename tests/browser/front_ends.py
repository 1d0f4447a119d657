"""Front ends as a user sees them: a page of JupyterLab or of Notebook 7, the notebook in it, and its cells.

`Lab.open` gives a `Notebook`, whose `cell(0)` is run, waited for and looked at. All is done with mouse and keyboard on
the page; only documents are opened by their path. Every wait is for a condition and has a deadline, `DEADLINE`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from playwright.sync_api import Locator, Page, expect

from .server import Server

DEADLINE = 45.0
"""Seconds that any single wait may take; far above what is usual, because machines that run tests are busy."""

expect.set_options(timeout=1000 * DEADLINE)

CHATTER = {
    r"Menu entry for command '.*' is duplicated\.": "JupyterLab's and Notebook's own menus",
    r"Skipping \{command: .*\} default shortcut because it collides": "JupyterLab's and Notebook's own shortcuts",
    r"\[yjs#509\] Not same Y\.Doc": "Notebook's page carries two copies of a library",
    r"Cannot read properties of undefined \(reading 'schema'\)": "Notebook's page, before it knows of a kernel",
}
"""Warnings and errors in the browser's console that a front end has under any kernel, each with whose it is."""


class FrontEnd:
    """One page of a front end, with a kernel spec to open notebooks with."""

    name: ClassVar[str]

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.kernel = ""
        self.library = ""
        self.console: list[str] = []
        page.set_default_timeout(1000 * DEADLINE)
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))

    def open(self, *sources: str) -> Notebook:
        """Open a new notebook of these cells, with its kernel ready; `{library}` in a cell is asyncio or trio."""
        number = len(list(self.server.documents.glob("*.ipynb")))
        cells = [source.replace("{library}", self.library) for source in sources]
        return self.open_file(self.server.write(f"{number}.ipynb", self.kernel, cells))

    def open_file(self, path: str) -> Notebook:
        """Open a notebook that is there, and wait until its kernel idles."""
        self._show(path)
        notebook = self.notebook(path)
        notebook.wait_connected()
        notebook.wait_state("idle")
        return notebook

    def notebook(self, path: str) -> Notebook:
        """The notebook that this page shows."""
        return Notebook(self, self.page.locator(".jp-NotebookPanel:visible"), path)

    def clear(self) -> None:
        """Close what is open, and wait until the server knows."""
        self._close()
        wait_until(lambda: not any(kernel["connections"] for kernel in self.server.kernels()), "connections closed")

    def accept(self, button: str) -> None:
        """Press a button of the dialog that is shown."""
        self.page.locator(".jp-Dialog").get_by_role("button", name=button, exact=True).click()

    def picture(self, path: Path) -> None:
        """Write what the page shows to a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def load(self) -> None:
        """Load the page that `open` needs."""

    def _show(self, path: str) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(re.match(pattern, text) for pattern in CHATTER):
            self.console.append(f"{kind}: {text}")


class Lab(FrontEnd):
    """JupyterLab, with its notebooks in tabs of one page."""

    name = "lab"

    def load(self) -> None:
        """Load the page, without what was open before."""
        self.page.goto(self.server.url("lab?reset"))
        expect(self.page.locator(".jp-Launcher")).to_be_visible()

    def command(self, name: str, **arguments: str) -> None:
        """Have JupyterLab do something that it has no button for in sight."""
        self.page.evaluate("([name, more]) => window.jupyterapp.commands.execute(name, more)", [name, arguments])

    def _show(self, path: str) -> None:
        self.command("docmanager:open", path=path)

    def _close(self) -> None:
        self.command("docmanager:save-all")
        self.command("application:close-all")
        expect(self.page.locator(".jp-Launcher")).to_be_visible()


class NotebookApp(FrontEnd):
    """Notebook 7, a page for each notebook."""

    name = "notebook"

    def _show(self, path: str) -> None:
        self.page.goto(self.server.url(f"notebooks/{path}"))

    def _close(self) -> None:
        self.page.goto("about:blank")


class Notebook:
    """A notebook that is open, with its toolbar and its kernel's state."""

    def __init__(self, front: FrontEnd, panel: Locator, path: str) -> None:
        self.front = front
        self.path = path
        self.page = front.page
        self.panel = panel
        self._indicator = panel.locator(".jp-Notebook-ExecutionIndicator")

    def cell(self, number: int) -> Cell:
        """The code cell in this place, from 0."""
        return Cell(self, self.panel.locator(".jp-CodeCell").nth(number))

    def run(self, *numbers: int) -> Cell:
        """Run cells one after another, waiting for none; gives the last."""
        for number in numbers:
            cell = self.cell(number)
            cell.start()
        return cell

    def press(self, command: str) -> None:
        """Press a button of the toolbar, by the command behind it."""
        self.panel.locator(f"[data-command='{command}']").click()

    def stop(self) -> None:
        """Press the stop button."""
        self.press("notebook:interrupt-kernel")

    def wait_connected(self) -> None:
        """Wait until the page is connected to the notebook's kernel; before that it may call the state idle, too."""
        wait_until(lambda: self.front.server.connections(self.path) > 0, f"a connection to the kernel of {self.path}")

    def wait_state(self, state: str) -> None:
        """Wait until the kernel is said to be "idle", "busy" ..."""
        expect(self._indicator).to_have_attribute("data-status", state)


class Cell:
    """One code cell: its editor, its number and its output."""

    def __init__(self, notebook: Notebook, box: Locator) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.box = box
        self.prompt = box.locator(".jp-InputPrompt")
        self.output = box.locator(".jp-OutputArea")
        self.editor = box.locator(".jp-Editor .cm-content").first

    def start(self) -> None:
        """Run it, as Ctrl+Enter does."""
        self.editor.click()
        self.page.keyboard.press("Control+Enter")

    def run(self) -> Cell:
        """Run it and wait until it has ended."""
        self.start()
        return self.wait_ended()

    def wait_running(self) -> Cell:
        """Wait until it waits for its end or for its turn."""
        expect(self.prompt).to_have_text("[*]:")
        return self

    def wait_ended(self) -> Cell:
        """Wait until it has a number."""
        expect(self.prompt).to_have_text(re.compile(r"\[\d+\]:"))
        return self

    def wait_text(self, text: str | re.Pattern[str]) -> Cell:
        """Wait until its output contains a text."""
        expect(self.output).to_contain_text(text)
        return self

    def wait_shown(self, selector: str) -> Locator:
        """Wait until its output shows an element; gives it."""
        found = self.output.locator(selector)
        expect(found.first).to_be_visible()
        return found

    def text(self) -> str:
        """The text of its output."""
        return self.output.inner_text()


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait until `condition()` is true, for what no page shows; `what` is for the error."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
        time.sleep(0.02)
