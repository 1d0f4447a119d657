"""The site builds without a warning, and what people look for is found in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.search.en import SearchEnglish

from .fences import ROOT

pytestmark = pytest.mark.timeout(300)

FOUND = {
    "agent": "guides/programs",
    "binder": "guides/containers",
    "breakpoint": "guides/debugging",
    "colab": "guides/front-ends",
    "conda": "guides/install",
    "container": "guides/containers",
    "cull": "guides/jupyterhub",
    "dask": "moving-from-ipykernel",
    "data frame": "guides/rich-output",
    "debugger": "guides/debugging",
    "default kernel": "guides/install",
    "detach": "guides/programs",
    "docker": "guides/containers",
    "embedding": "guides/embedding",
    "encryption": "guides/encryption",
    "environment variable": "reference/environment-variables",
    "exit status": "reference/exit-statuses",
    "hang": "trouble/does-not-end",
    "input": "guides/input",
    "install": "guides/install",
    "interrupt": "guides/interrupts",
    "ipykernel": "moving-from-ipykernel",
    "JupyterHub": "guides/jupyterhub",
    "JupyterLab": "guides/front-ends",
    "limit": "reference/limits",
    "log": "guides/jupyterhub",
    "matplotlib": "guides/rich-output",
    "memory": "guides/containers",
    "moving": "moving-from-ipykernel",
    "nbconvert": "guides/batch",
    "nursery": "guides/tasks",
    "offline": "guides/install",
    "papermill": "guides/batch",
    "PID": "guides/containers",
    "pipx": "guides/install",
    "progress": "guides/rich-output",
    "remove": "guides/install",
    "replay": "guides/programs",
    "security": "explain/security",
    "shutdown": "guides/exit",
    "slider": "guides/rich-output",
    "stop button": "guides/interrupts",
    "subshell": "guides/beside",
    "system-wide": "guides/install",
    "timeout": "guides/programs",
    "troubleshooting": "trouble/index",
    "upgrade": "guides/install",
    "uv": "guides/install",
    "uvloop": "start/choose-a-loop",
    "voila": "guides/batch",
    "VS Code": "guides/front-ends",
    "warm": "guides/warm-starts",
    "widget": "guides/rich-output",
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
        stem = language.stem(word)
        pages: set[str] = set()
        for kind in ("terms", "titleterms"):
            numbers = index[kind].get(stem, [])
            pages.update(names[number] for number in ([numbers] if isinstance(numbers, int) else numbers))
        found &= pages
    return found
