"""Front ends as a user sees them: a page of JupyterLab or of Notebook 7, the notebook in it, and its cells.

`Lab.open` gives a `Notebook`, whose `cell(0)` is run, waited for and looked at; `Debugger` and `Console` stand beside.
All is done with mouse and keyboard on the page; only documents are opened by their path. Every wait is for a condition
and has a deadline, `DEADLINE`.
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
    r"Settings failed to load for \(@jupyterlab/(metadataform|logconsole|application)-extension": "Notebook's tree",
    r"Disposed$": "Notebook's tree, which opens a notebook and leaves it to another page",
    r"Comm not found for comm id": "the same: answers come to a page that has left",
    r"Command 'filebrowser:open-path' not registered\.": "Notebook's page, when it is loaded anew",
    r"Could not restore the debugger state: Canceled future": "JupyterLab, which drops what it has asked at a restart",
    r"Connection lost, reconnecting in 0 seconds\.": "how JupyterLab connects anew after it has restarted a kernel",
    r"Cannot read properties of undefined \(reading 'schema'\)": "Notebook's page, before it knows of a kernel",
}
"""Warnings and errors in the browser's console that a front end has under any kernel, each with whose it is."""


class FrontEnd:
    """One page of a front end, with a kernel spec to open notebooks with."""

    name: ClassVar[str]

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        """The page that is in front."""
        self.server = server
        self.kernel = ""
        self.library = ""
        self.console: list[str] = []
        self._listen(page)

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

    def launch(self) -> Notebook:
        """Begin a new notebook where a user finds the kernel by its name, and wait until the kernel idles."""
        known = self.server.notebooks()
        self._launch(self.server.display_name(self.kernel))
        self.wait_until(lambda: self.server.notebooks() - known, "a new notebook with a kernel")
        (path,) = self.server.notebooks() - known
        # Notebook's tree may leave before the server has counted its connection, which is then one too few.
        notebook = self.notebook(path)
        notebook.wait_state("idle")
        return notebook

    def reload(self, notebook: Notebook) -> None:
        """Load the page anew, as F5 does, and wait until it is connected to the notebook's kernel."""
        self.page.reload()
        self._restore(notebook.path)
        notebook.wait_connected()

    def notebook(self, path: str) -> Notebook:
        """The notebook that this page shows."""
        return Notebook(self, self.page.locator(".jp-NotebookPanel:visible"), path)

    def clear(self) -> None:
        """Close what is open, and wait until the server knows."""
        self._close()
        self.wait_until(
            # Less than none when a page left before the server had counted its connection: see `launch`.
            lambda: all(kernel["connections"] <= 0 for kernel in self.server.kernels()),
            "connections closed",
        )

    def close(self) -> None:
        """Close the page itself."""
        self.page.close()

    def _listen(self, page: Page) -> None:
        page.set_default_timeout(1000 * DEADLINE)
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))

    def accept(self, button: str) -> None:
        """Press a button of the dialog that is shown."""
        self.page.locator(".jp-Dialog-button").get_by_text(button, exact=True).click()

    def picture(self, path: Path) -> None:
        """Write what the page shows to a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def wait_until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until `condition()` is true, for what no page shows; `what` is for the error."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
            self.page.wait_for_timeout(20)  # the browser waits for some answers of Playwright's, given meanwhile

    def load(self) -> None:
        """Load the page that `open` needs."""

    def _show(self, path: str) -> None:
        raise NotImplementedError

    def show(self, notebook: Notebook) -> None:
        """Bring a notebook that is open to the front."""
        raise NotImplementedError

    def show_debugger(self) -> None:
        """Show the debugger's panel, which may come by itself."""

    def _launch(self, display_name: str) -> None:
        raise NotImplementedError

    def _restore(self, path: str) -> None:
        """Wait until the page, loaded anew, shows the notebook."""

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

    def open_console(self, notebook: Notebook) -> Console:
        """Open a console in a subshell of the notebook's kernel, from the menu that a right click shows."""
        notebook.panel.locator(".jp-Cell").last.click(button="right")
        self.page.locator(".lm-Menu").get_by_text("New Subshell Console for Notebook").click()
        return Console(self.page, self.page.locator(".jp-ConsolePanel:visible"))

    def shut_down(self, notebook: Notebook) -> None:
        """Shut down the kernel of the notebook, which is in front and saved, and close it, from the menu."""
        self.page.get_by_role("menuitem", name="File", exact=True).click()
        self.page.locator(".lm-Menu-item").get_by_text("Close and Shut Down Notebook").click()
        self.accept("Ok")
        self.wait_until(lambda: notebook.path not in self.server.notebooks(), f"the kernel of {notebook.path} is gone")

    def show(self, notebook: Notebook) -> None:
        """Press the notebook's tab."""
        self._tab(notebook.path).click()
        expect(notebook.panel).to_have_count(1)

    def _show(self, path: str) -> None:
        self.command("docmanager:open", path=path)
        expect(self._tab(path)).to_have_attribute("aria-selected", "true")

    def _launch(self, display_name: str) -> None:
        notebooks = self.page.locator(".jp-Launcher-section").filter(has_text="Notebook")
        notebooks.locator(f'.jp-LauncherCard[title="{display_name}"]').click()

    def _restore(self, path: str) -> None:
        self.page.wait_for_function("window.jupyterapp?.restored.then(() => true)")
        self._show(path)

    def _tab(self, path: str) -> Locator:
        return self.page.locator("#jp-main-dock-panel").get_by_role("tab", name=path, exact=True)

    def _close(self) -> None:
        self.command("docmanager:save-all")
        self.command("application:close-all")
        expect(self.page.locator(".jp-Launcher")).to_be_visible()
        if self.page.locator("#jp-right-stack:visible").count():  # the debugger has opened it
            self.command("application:toggle-right-area")


class NotebookApp(FrontEnd):
    """Notebook 7, a page for each notebook."""

    name = "notebook"

    def __init__(self, page: Page, server: Server) -> None:
        super().__init__(page, server)
        self._pages = [page]
        self._used = False

    def show(self, notebook: Notebook) -> None:
        """Bring the notebook's page to the front."""
        self.page = notebook.page
        self.page.bring_to_front()

    def show_debugger(self) -> None:
        """Show its panel, from the menu."""
        self.page.get_by_role("menuitem", name="View", exact=True).click()
        self.page.locator(".lm-Menu-item").get_by_text("Debugger Panel").click()

    def close(self) -> None:
        """Close all pages."""
        for page in self._pages:
            page.close()

    def _show(self, path: str) -> None:
        if self._used:
            self._add(self.page.context.new_page())
        self._used = True
        self.page.goto(self.server.url(f"notebooks/{path}"))

    def _launch(self, display_name: str) -> None:
        self.page.goto(self.server.url("tree"))
        self.page.get_by_role("menuitem", name="New", exact=True).click()
        with self.page.expect_popup() as popup:
            self.page.locator(".lm-Menu").get_by_text(display_name, exact=True).click()
        self._add(popup.value)

    def _add(self, page: Page) -> None:
        self._listen(page)
        self._pages.append(page)
        self.page = page

    def _close(self) -> None:
        self.page, *others = self._pages
        for page in others:
            page.close()
        self._pages, self._used = [self.page], False
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

    def restart_and_run_all(self) -> None:
        """Press that button, and agree."""
        self.press("notebook:restart-run-all")
        self.front.accept("Restart")

    def restart(self) -> None:
        """Press the restart button, agree, and wait until the kernel idles again."""
        self.press("notebook:restart-kernel")
        self.front.accept("Restart")
        expect(self.panel.locator(".jp-InputPrompt").filter(has_text="*")).to_have_count(0)
        self.wait_state("idle")

    def show(self) -> None:
        """Bring it to the front."""
        self.front.show(self)

    def save(self) -> None:
        """Press the save button, and wait until it is written."""
        file = self.front.server.documents / self.path
        before = file.stat().st_mtime_ns
        self.press("docmanager:save")
        self.front.wait_until(lambda: file.stat().st_mtime_ns > before, f"{self.path} is saved")

    def debug(self) -> Debugger:
        """Press the bug, and wait until breakpoints can be set."""
        self.panel.get_by_role("button", name="Enable Debugger").click()
        expect(self.panel.locator(".cm-breakpoint-gutter").first).to_be_attached()
        self.front.show_debugger()
        return Debugger(self)

    def wait_connected(self) -> None:
        """Wait until the page is connected to the notebook's kernel; before that it may call the state idle, too."""
        self.front.wait_until(
            lambda: self.front.server.connections(self.path) > 0, f"a connection to the kernel of {self.path}"
        )

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
        self.output = box.locator(".jp-Cell-outputArea")
        self.editor = box.locator(".jp-Editor .cm-content").first

    def start(self) -> None:
        """Run it, as Ctrl+Enter does."""
        self.editor.click()
        self.page.keyboard.press("Control+Enter")

    def run(self) -> Cell:
        """Run it and wait until it has ended."""
        self.start()
        return self.wait_ended()

    def type(self, keys: str) -> None:
        """Press keys behind what stands in it: `cell.type("Tab")`."""
        self.editor.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.press(keys)

    def write(self, text: str) -> None:
        """Write behind what stands in it."""
        self.type("End")
        self.page.keyboard.type(text)

    def completions(self) -> list[str]:
        """Press Tab, and give the names that are offered: `["removeprefix", ...]`.

        It is pressed again where the machine is busy, as a user does: JupyterLab ignores what comes after a second.
        """
        offered = self.page.locator(".jp-Completer:visible .jp-Completer-match")
        end = time.monotonic() + DEADLINE
        while True:
            self.type("Tab")
            try:
                expect(offered.first).to_be_visible(timeout=5000)
                break
            except AssertionError:
                if time.monotonic() > end:
                    raise
        names = offered.all_inner_texts()
        self.page.keyboard.press("Escape")
        expect(offered).to_have_count(0)
        return names

    def tooltip(self) -> str:
        """Press Shift and Tab, and give what is shown."""
        self.type("Shift+Tab")
        shown = self.page.locator(".jp-Tooltip")
        expect(shown).to_be_visible()
        text = shown.inner_text()
        self.page.keyboard.press("Escape")
        expect(shown).to_have_count(0)
        return text

    def answer(self, text: str) -> None:
        """Wait until it asks, and answer."""
        field = self.wait_shown(".jp-Stdin-input").element_handle()
        field.fill(text)
        field.press("Enter")
        field.wait_for_element_state("hidden")

    def drag_slider(self) -> None:
        """Take the handle of the slider that it shows, and draw it to the right."""
        handle = self.wait_shown(".noUi-handle")
        handle.hover()
        self.page.mouse.down()
        box = handle.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + 2 * box["width"], box["y"] + box["height"] / 2, steps=4)
        self.page.mouse.up()

    def set_breakpoint(self, line: int) -> None:
        """Press beside a line, counted from 1; the debugger has to be on."""
        gutter = self.box.locator(".cm-breakpoint-gutter .cm-gutterElement")
        gutter.nth(line).click()  # the first is there to take up room
        expect(gutter.nth(line).locator("svg")).to_be_attached()

    def wait_running(self) -> Cell:
        """Wait until it waits for its end or for its turn."""
        expect(self.prompt).to_have_text("[*]:")
        return self

    def wait_ended(self, number: int | None = None) -> Cell:
        """Wait until it has a number, or this one."""
        expect(self.prompt).to_have_text(f"[{number}]:" if number else re.compile(r"\[\d+\]:"))
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


class Debugger:
    """The debugger's panel, beside a notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self.page = notebook.page
        self._panel = notebook.page.locator(".jp-DebuggerSidebar")
        self._frames = self._panel.locator(".jp-DebuggerCallstackFrame")
        self._variables = self._panel.locator(".jp-DebuggerVariables [role=treeitem]")
        self._name = notebook.page.locator(".jp-DebuggerVariables-name")

    def press(self, command: str) -> None:
        """Press a button: "next", "stepIn", "stepOut", "continue"."""
        self._panel.locator(f"[data-command='debugger:{command}']").click()

    def wait_stopped(self, *frames: str) -> None:
        """Wait until just these frames are shown, the innermost first: `"work Cell [*]:2"`."""
        expect(self._frames).to_have_text(
            [re.compile(rf"^{re.escape(frame).replace(' ', ' *', 1)}$") for frame in frames]
        )

    def wait_variable(self, name: str, value: str) -> None:
        """Wait until a variable is shown with a value."""
        variable = self._variables.filter(has=self._name.get_by_text(name, exact=True))
        expect(variable.locator(".jp-DebuggerVariables-detail")).to_have_text(value)

    def wait_going(self) -> None:
        """Wait until nothing stands still."""
        expect(self._frames).to_have_count(0)


class Console:
    """A console of a notebook's kernel."""

    def __init__(self, page: Page, panel: Locator) -> None:
        self.page = page
        self.panel = panel

    def run(self, source: str) -> Locator:
        """Type a line, have it run, and give the cell that shows it and its output."""
        count = self.panel.locator(".jp-CodeConsole-content .jp-CodeCell").count()
        self.panel.locator(".jp-CodeConsole-input .cm-content").click()
        self.page.keyboard.type(source)
        self.page.keyboard.press("Shift+Enter")
        return self.panel.locator(".jp-CodeConsole-content .jp-CodeCell").nth(count)

    def wait_in_subshell(self) -> None:
        """Run lines until one has run in the subshell, which JupyterLab makes while one may type already."""
        end = time.monotonic() + DEADLINE
        while True:
            cell = self.run("import threading; threading.current_thread().name")
            expect(cell).to_contain_text(re.compile("'(MainThread|subshell .*)'"))
            if "'subshell " in cell.inner_text():
                return
            assert time.monotonic() < end, "there is no subshell"
