"""Commands that execute a notebook from its first cell to its last.

The notebook is the same for all, executed once: what each of them has to write is known, and plugins of pytest compare
with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest

from .conftest import Run
from .table import CLIENTS

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

SLEEPS = "import {library}\nawait {library}.sleep(0.01)\nprint('slept')"
RESULT = "6 * 7"


@pytest.fixture
def book(specs: Mapping[str, str], tmp_path: Path) -> Path:
    """A notebook with its outputs, on asyncio."""
    cells = [
        code(SLEEPS.format(library="asyncio"), nbformat.v4.new_output("stream", text="slept\n")),
        code(RESULT, nbformat.v4.new_output("execute_result", {"text/plain": "42"}, execution_count=2)),
    ]
    return write(tmp_path / "book.ipynb", specs["asyncio"], cells)


@pytest.fixture
def wrong(book: Path) -> Path:
    """The same with an output that it does not give."""
    notebook = nbformat.read(book, as_version=4)
    notebook.cells[1].outputs[0].data["text/plain"] = "43"
    path = book.with_name("wrong.ipynb")
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def failing(specs: Mapping[str, str], tmp_path: Path) -> Path:
    """A notebook whose second cell fails."""
    return write(tmp_path / "failing.ipynb", specs["asyncio"], [code("print('one')"), code("1 / 0"), code("'never'")])


def code(source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def write(path: Path, kernel: str, cells: list[nbformat.NotebookNode]) -> Path:
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number if cell.outputs else None
    nbformat.write(notebook, path)
    return path


def outputs(path: Path) -> list[str]:
    """The outputs of code cells: printed text, results, the names of errors. Pieces of a text are joined."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            texts = [each.get("text") or each.get("ename") or each["data"]["text/plain"] for each in cell.outputs]
            found.append("".join(texts))
    return found


@pytest.mark.parametrize("backend", CLIENTS["papermill"].backends)
def test_papermill_with_parameters_and_progress(
    backend: str, specs: Mapping[str, str], run: Run, tmp_path: Path
) -> None:
    parameters = code("n = 1")
    parameters.metadata["tags"] = ["parameters"]
    progress = code("from tqdm import tqdm\nfor _ in tqdm(range(n), ascii=True): pass")
    cells = [parameters, code(SLEEPS.format(library=backend)), code("n * 2"), progress]
    book = write(tmp_path / "in.ipynb", specs[backend], cells)
    done = run("papermill", book.name, "out.ipynb", "-p", "n", "21", "--log-output", "--progress-bar")
    first, injected, *others, bar = outputs(tmp_path / "out.ipynb")
    assert [first, injected, *others] == ["", "", "slept\n", "42"]
    assert "21/21" in bar
    assert "100%" in done.stderr
    assert "slept\n" in done.stderr


def test_papermill_says_which_cell_failed(failing: Path, run: Run, tmp_path: Path) -> None:
    done = run("papermill", failing.name, "out.ipynb", "--no-progress-bar", status=1)
    assert "PapermillExecutionError" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert outputs(tmp_path / "out.ipynb") == ["one\n", "ZeroDivisionError", ""]


def test_nbconvert_executes(book: Path, run: Run) -> None:
    done = run("jupyter", "nbconvert", "--execute", "--to", "markdown", "--stdout", book.name)
    assert "    slept\n" in done.stdout
    assert "    42\n" in done.stdout


def test_jupytext_executes_a_script(book: Path, run: Run, tmp_path: Path) -> None:
    run("jupytext", "--to", "py:percent", "--output", "script.py", book.name)
    run("jupytext", "--to", "ipynb", "--execute", "--output", "executed.ipynb", "script.py")
    assert outputs(tmp_path / "executed.ipynb") == ["slept\n", "42"]


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        (["--nbval"], "3 passed"),
        # nbclient adds what the kernel says of its language.
        (["--nb-test-files", "-o", "nb_diff_ignore=/metadata/language_info"], "1 passed"),
    ],
    ids=["nbval", "pytest-notebook"],
)
def test_plugins_of_pytest_compare_outputs(options: list[str], passed: str, book: Path, wrong: Path, run: Run) -> None:
    done = run("pytest", "-p", "no:cacheprovider", *options, book.name, wrong.name, status=1)
    assert f"1 failed, {passed}" in done.stdout
    assert "43" in done.stdout


def test_nbmake_tells_failing_notebooks(book: Path, failing: Path, run: Run) -> None:
    done = run("pytest", "-p", "no:cacheprovider", "--nbmake", book.name, failing.name, status=1)
    assert "1 failed, 1 passed" in done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_myst_nb_executes_a_page(specs: Mapping[str, str], run: Run, tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text(
        "extensions = ['myst_nb']\nnb_execution_mode = 'inline'\nnb_execution_raise_on_error = True\n", encoding="utf-8"
    )
    (tmp_path / "index.md").write_text(PAGE.format(kernel=specs["asyncio"]), encoding="utf-8")
    run("sphinx-build", "-q", "-W", "-b", "text", ".", "built")
    page = (tmp_path / "built" / "index.txt").read_text(encoding="utf-8")
    assert "\n   slept\n" in page
    assert "The answer is 42." in page


PAGE = """\
---
file_format: mystnb
kernelspec:
  name: {kernel}
---
# A page

```{{code-cell}}
import asyncio
await asyncio.sleep(0.01)
print("slept")
answer = 6 * 7
```

The answer is {{eval}}`answer`.
"""
