"""The notebooks of the site: kept without outputs, for kernels that the build makes, in an environment that is told."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from .fences import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_came_of_it(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert book.cells[0].source.startswith("# ")


def test_the_build_makes_the_kernels_that_notebooks_ask_for() -> None:
    made = set(runpy.run_path(str(ROOT / "docs" / "build.py"))["KERNELS"])
    assert {nbformat.read(path, as_version=4).metadata.kernelspec.name for path in NOTEBOOKS} == made


def imported(path: Path) -> set[str]:
    """The modules that a notebook imports, beside those of the standard library and ours."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    nodes = [node for source in code for node in ast.walk(ast.parse(TransformerManager().transform_cell(source)))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    kernel = {"async_kernel", "ipykernel"}  # the latter is ours in a kernel's process
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - kernel


def distribution(requirement: str) -> str:
    """A name that can be compared with others: `distribution("Jupyter_Client>=8") == "jupyter-client"`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_comes_with_the_extras_and_the_group_of_the_pages(path: Path) -> None:
    """docs/build.py asks for no more than these."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *project["dependency-groups"]["docs"],
    ]
    below = {"sniffio"}  # trio requires it
    brought = {distribution(each) for each in required} | below
    provided = metadata.packages_distributions()
    missing = {name for name in imported(path) if not brought & {distribution(each) for each in provided[name]}}
    assert not missing
