"""The site builds without a warning, and what people look for is found in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .fences import ROOT

pytestmark = pytest.mark.timeout(300)

WORDS = (
    "agent", "binder", "breakpoint", "colab", "conda", "contain", "cull", "debugg", "default", "detach",
    "docker", "encrypt", "instal", "interrupt", "ipykernel", "jupyterhub", "jupyterlab", "limit", "matplotlib",
    "memori", "move", "nbconvert", "nurseri", "offlin", "papermil", "pickl", "pipx", "progress", "remov",
    "shutdown", "slider", "subshel", "troubleshoot", "upgrad", "uv", "voila", "vs", "widget",
)  # fmt: skip
"""What people type into the search, as the search stems it."""


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


@pytest.mark.parametrize("word", WORDS)
def test_the_search_finds(site: Path, word: str) -> None:
    index = json.loads((site / "searchindex.js").read_text(encoding="utf-8").partition("(")[2].rpartition(")")[0])
    assert [term for term in (*index["terms"], *index["titleterms"]) if term.startswith(word)]
