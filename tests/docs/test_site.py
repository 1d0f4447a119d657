"""The site builds without a warning, and what people look for is found in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.search.en import SearchEnglish

from tests.browser.conftest import opened_browser

from .fences import ROOT

pytestmark = pytest.mark.timeout(300)

FOUND = {
    "agent": "guides/programs",
    "API": "reference/api",
    "architecture": "explain/architecture",
    "asyncio": "start/choose-a-loop",
    "batch": "guides/batch",
    "benchmark": "compare/benchmarks",
    "binder": "guides/containers",
    "breakpoint": "guides/debugging",
    "Caller": "guides/callers",
    "choose a loop": "start/choose-a-loop",
    "cluster": "guides/clusters",
    "colab": "guides/front-ends",
    "command line": "reference/command-line",
    "concurrency": "notebooks/concurrency",
    "conda": "guides/install",
    "console": "guides/front-ends",
    "consoles": "guides/front-ends",
    "container": "guides/containers",
    "contributing": "contribute/index",
    "cull": "guides/jupyterhub",
    "culling": "guides/jupyterhub",
    "dask": "guides/clusters",
    "data frame": "guides/rich-output",
    "deadline": "guides/programs",
    "deadlines": "notebooks/deadlines-and-detached-cells",
    "debug": "guides/debugging",
    "debugger": "guides/debugging",
    "debugging": "guides/debugging",
    "decision": "explain/decisions/index",
    "default kernel": "guides/install",
    "detach": "guides/programs",
    "detached cell": "guides/programs",
    "docker": "guides/containers",
    "doctor": "trouble/index",
    "embedding": "guides/embedding",
    "encryption": "guides/encryption",
    "environment variable": "reference/environment-variables",
    "event loop is already running": "trouble/libraries",
    "executor": "guides/callers",
    "exit status": "reference/exit-statuses",
    "first notebook": "start/first-notebook",
    "gateway": "guides/gateways",
    "getpass": "guides/input",
    "GUI": "guides/hosts",
    "GUI hosts": "guides/hosts",
    "hang": "trouble/does-not-end",
    "host": "guides/writing-a-host",
    "how interrupts work": "explain/interrupts",
    "idle": "guides/jupyterhub",
    "input": "guides/input",
    "install": "guides/install",
    "interrupt": "guides/interrupts",
    "ipykernel": "moving-from-ipykernel",
    "ipyparallel": "guides/clusters",
    "JupyterHub": "guides/jupyterhub",
    "JupyterLab": "guides/front-ends",
    "kernel not listed": "trouble/not-listed",
    "kernel spec": "reference/kernel-spec",
    "kernel.json": "reference/kernel-spec",
    "Kubernetes": "guides/containers",
    "launcher": "guides/front-ends",
    "life of a cell": "explain/life-of-a-cell",
    "limit": "reference/limits",
    "limits": "guides/containers",
    "log": "guides/jupyterhub",
    "log format": "guides/jupyterhub",
    "log level": "guides/jupyterhub",
    "logging": "guides/output",
    "magic": "reference/magics",
    "matplotlib": "guides/rich-output",
    "memory": "guides/containers",
    "memory limit": "guides/containers",
    "message": "reference/messages",
    "moving": "moving-from-ipykernel",
    "moving from ipykernel": "moving-from-ipykernel",
    "multiprocessing": "guides/modules",
    "my kernel does not start": "trouble/does-not-start",
    "my library says": "trouble/libraries",
    "nbclient": "guides/batch",
    "nbconvert": "guides/batch",
    "needs": "compare/needs",
    "nest_asyncio": "reference/limits",
    "no output": "trouble/no-output",
    "Notebook": "guides/front-ends",
    "nurseries": "notebooks/trio-nurseries",
    "nursery": "guides/tasks",
    "offline": "guides/install",
    "output": "guides/output",
    "pandas": "guides/rich-output",
    "papermill": "guides/batch",
    "pickle": "guides/modules",
    "PID": "guides/containers",
    "PID 1": "guides/containers",
    "pipx": "guides/install",
    "plot": "guides/rich-output",
    "prefix": "guides/install",
    "prefixes": "guides/jupyterhub",
    "progress": "guides/rich-output",
    "progress bar": "guides/rich-output",
    "promise": "explain/promises",
    "Qt": "guides/hosts",
    "qtconsole": "guides/front-ends",
    "ray": "guides/clusters",
    "read-only home": "guides/containers",
    "read-only homes": "guides/containers",
    "ready before the interpreter": "explain/cold-start",
    "rejected": "explain/decisions/interrupts",
    "release": "contribute/packaging",
    "remove": "guides/install",
    "replaced function": "reference/process-changes",
    "replay": "guides/programs",
    "restart": "guides/exit",
    "security": "explain/security",
    "security model": "explain/security",
    "setting": "reference/command-line",
    "settings": "reference/command-line",
    "shared machine": "guides/jupyterhub",
    "shared machines": "guides/jupyterhub",
    "shutdown": "guides/exit",
    "slider": "guides/rich-output",
    "stop button": "guides/interrupts",
    "subshell": "guides/beside",
    "suites": "compare/suites",
    "system-wide": "guides/install",
    "task": "guides/tasks",
    "thread": "guides/output",
    "timeout": "guides/programs",
    "tkinter": "guides/hosts",
    "tour": "notebooks/tour",
    "trio": "start/choose-a-loop",
    "troubleshooting": "trouble/index",
    "upgrade": "guides/install",
    "user": "guides/install",
    "uv": "guides/install",
    "uvloop": "start/choose-a-loop",
    "venv": "guides/install",
    "voila": "guides/batch",
    "VS Code": "guides/front-ends",
    "vulnerability": "explain/security",
    "warm": "guides/warm-starts",
    "warm start": "guides/warm-starts",
    "warm starts": "guides/warm-starts",
    "which loop": "start/choose-a-loop",
    "widget": "guides/rich-output",
    "widgets": "guides/rich-output",
    "window": "guides/hosts",
    "writing a host": "guides/writing-a-host",
}
"""What people type into the search, and the page that it has to lead to, beside others."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by its one command: every warning, such as a link to nowhere, ends the build."""
    out = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, str(ROOT / "docs" / "build.py"), f"--out={out}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_has_every_page(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert {path for path in pages if not (site / path).with_suffix(".html").exists()} == set()


def test_notebooks_were_executed(site: Path) -> None:
    for notebook in (ROOT / "docs" / "notebooks").glob("*.ipynb"):
        page = (site / "notebooks" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        assert "cell_output" in page


@pytest.mark.browser
def test_nothing_sticks_out_of_a_page(site: Path) -> None:
    from tests.browser.site import sticking_out

    pages = [site / path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    with opened_browser() as context:
        page = context.new_page()
        found = {path.relative_to(site).as_posix(): sticking_out(page, path) for path in sorted(pages)}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("words", FOUND)
def test_the_search_leads_to_the_page(site: Path, words: str) -> None:
    assert FOUND[words] in pages_with(site, words)


def pages_with(site: Path, words: str) -> set[str]:
    """The pages that have all of these words, as the search of the site finds them."""
    index = json.loads((site / "searchindex.js").read_text(encoding="utf-8").partition("(")[2].rpartition(")")[0])
    names = index["docnames"]
    found = set(names)
    language = SearchEnglish({})
    for word in language.split(words.lower()):
        if word in language.stopwords or word.isdigit():  # the site leaves these out of the question, too
            continue
        stem = language.stem(word)
        pages: set[str] = set()
        for kind in ("terms", "titleterms"):
            numbers = index[kind].get(stem, [])
            pages.update(names[number] for number in ([numbers] if isinstance(numbers, int) else numbers))
        found &= pages
    return found
