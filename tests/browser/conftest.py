"""A Chromium, a Jupyter server, and a page of each front end with a kernel of each backend.

Server and browser are shared by this folder and end with it: Playwright's loop runs beside the test that uses it, and
tests elsewhere run loops of their own. What a test shows at its end is kept in build/screenshots.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .log import objections
from .server import Server

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from .front_ends import FrontEnd, Lab

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
]
SIZE = (1100, 900)


def find_browser() -> str | None:
    """The path of a Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def lacking() -> str:
    """Why there can be no tests with a browser here, "" when there can."""
    missing = [name for name in ("playwright", "jupyterlab", "notebook") if importlib.util.find_spec(name) is None]
    if missing:
        return f"no {', '.join(missing)}: pip install --group browser"
    return "" if find_browser() else "there is no Chromium"


def need_browser() -> None:
    """Skip the test where there can be none with a browser; in CI there has to be one."""
    if (reason := lacking()) and not os.environ.get("CI"):
        pytest.skip(f"{reason}; .ci/run installs what is needed")
    assert not reason, f"{reason}, and CI has to install what is needed"


@contextmanager
def opened_browser() -> Iterator[BrowserContext]:
    """A Chromium with a profile of its own, headless. In the thread that has opened it no other loop runs meanwhile."""
    need_browser()

    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        yield context
        context.close()
        browser.close()


@pytest.fixture(scope="package")
def browser(home: Path) -> Iterator[BrowserContext]:
    """The one of the tests of this package."""
    with opened_browser() as context:
        yield context


@pytest.fixture(scope="package")
def server(
    browser: BrowserContext, specs: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A Jupyter server with JupyterLab and Notebook, and the specs of all backends."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(params=["asyncio", "trio"])
def library(request: pytest.FixtureRequest) -> str:
    """What cells import: "asyncio", "trio"."""
    return str(request.param)


@pytest.fixture(scope="package")
def pages(browser: BrowserContext, server: Server) -> Pages:
    """The page of each front end, used by one test after another: loading it takes longer than most tests."""
    return Pages(browser, server)


@pytest.fixture
def lab(pages: Pages, specs: Mapping[str, str], library: str, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """JupyterLab."""
    with pages.shown("lab", specs[library], library, request.node.name) as front:
        yield front


@pytest.fixture(params=["lab", "notebook"])
def front(pages: Pages, specs: Mapping[str, str], library: str, request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    """JupyterLab, and Notebook 7."""
    with pages.shown(request.param, specs[library], library, request.node.name) as front:
        yield front


class Pages:
    """The pages of the front ends that are loaded."""

    def __init__(self, browser: BrowserContext, server: Server) -> None:
        self._browser = browser
        self._server = server
        self._loaded: dict[str, Any] = {}

    @contextmanager
    def shown(self, name: str, kernel: str, library: str, test: str) -> Iterator[Any]:
        """The page for a test. At its end a picture is kept, all is closed, and the two logs are judged."""
        front = self._loaded.pop(name, None) or self._load(name)
        front.kernel, front.library = kernel, library
        heard, logged = len(front.console), len(self._server.log())
        try:
            yield front
        finally:
            front.picture(SCREENSHOTS / f"{_file_name(test)}.png")
            said = front.console[heard:]  # what is said when all is closed at once is about that
            try:
                front.clear()
            except BaseException:  # a dialog of a test that failed stands in the way
                front.close()
                raise
            finally:
                self._server.end_kernels()
            self._loaded[name] = front
        assert said == [], "\n".join(said)
        assert (objected := objections(self._server.log()[logged:])) == [], "\n".join(objected)

    def _load(self, name: str) -> Any:
        from .front_ends import Lab, NotebookApp

        kind = {"lab": Lab, "notebook": NotebookApp}[name]
        front = kind(self._browser.new_page(), self._server)
        front.load()
        return front


def _file_name(test: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", test.removeprefix("test_").lower()).strip("-")
