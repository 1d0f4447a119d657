"""Whole notebooks: the tour that was written for this project, and notebooks that nobody here wrote.

The latter are the test notebooks in nbclient's source distribution, fetched when the tests run. They are executed under
ipykernel and under this kernel, and the outputs have to be equal, after `normal` has taken away what differs between
two runs of one and the same kernel, and the names that kernels give to the files of their cells.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, DeadKernelError

from .driver import plain

ROOT = Path(__file__).parents[2]
TIMEOUT = 60

EXCLUDED = {
    "Autokill.ipynb": "its cell sends SIGTERM to its own kernel: ipykernel dies in the midst of the cell, here it is a "
    "clean shutdown, which lets the cell finish",
}
"""Notebooks that are not compared: name -> reason."""

HISTORY_IN_MEMORY = ["--HistoryManager.hist_file=:memory:"]
"""What nbclient says to the kernels that it takes for ipykernel by their names, and one of its notebooks asserts."""

TOGETHER = {"Parallel Execute A.ipynb", "Parallel Execute B.ipynb"}
"""Two notebooks that wait for a file of each other, and therefore run side by side."""

STDIN_NOT_ALLOWED = "STDIN NOT ALLOWED"

NORMAL = [
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"File \S*ipykernel_\d+/\d+\.py:(\d+)"), r"Cell In[N], line \1"),
    (re.compile(r"<ipython-input-\S+?>"), "CELL"),
    (re.compile(r"\S*ipykernel_\d+/\d+\.py"), "CELL"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*"), "TIME"),
    (re.compile(r"-{10,}"), "-----"),
    # The frames of ipykernel itself in its tracebacks; those of this kernel have no place in ours.
    (re.compile(r"^File \S*/ipykernel/.*", re.DOTALL), "FRAME OF IPYKERNEL"),
    (re.compile(r"raw_input was called, but this frontend does not support input requests\."), STDIN_NOT_ALLOWED),
    (re.compile(r"This cell asked for input, but the front end [^\n]*\n[^\n]*"), STDIN_NOT_ALLOWED),
    (re.compile(r"StdinNot(Implemented|Allowed)Error +"), "StdinError "),
    (re.compile(r"StdinNot(Implemented|Allowed)Error"), "StdinError"),
]
"""What differs between runs: addresses, ids of widgets and displays, times; the file names of cells; the words
in which each says that it may not ask."""


def normal(value: Any) -> Any:
    """A value of an output without what differs from run to run; see `NORMAL`."""
    if isinstance(value, str):
        value = plain(value)
        for pattern, replacement in NORMAL:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {normal(key): normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item for item in map(normal, value) if item != "FRAME OF IPYKERNEL"]
    return value


def outputs(book: nbformat.NotebookNode) -> list[Any]:
    """The normalised outputs and counts of each code cell; neighbouring texts of one stream are one."""
    cells = []
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        merged: list[dict[str, Any]] = []
        for output in copy.deepcopy(cell.outputs):
            last = merged[-1] if merged else {}
            if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
                last["text"] += output["text"]
            else:
                merged.append(output)
        cells.append((cell.execution_count, normal(merged)))
    return cells


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory, outside: Mapping[str, str]) -> Path:
    """The folder of nbclient's test notebooks, out of its source distribution.

    Of scope "session", as what follows: the tests of one backend run together, those of this module therefore apart.
    """
    folder = tmp_path_factory.mktemp("nbclient")
    command = ["download", "--quiet", "--no-deps", "--no-binary=:all:", f"--dest={folder}", "nbclient"]
    subprocess.run([sys.executable, "-m", "pip", *command], check=True, timeout=300, env=dict(outside))
    [archive] = folder.glob("nbclient-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    [notebooks] = folder.glob("nbclient-*/tests/files")
    assert len(list(notebooks.glob("*.ipynb"))) > 15
    return notebooks


def execute(path: Path, kernel: str, folder: Path, starts: int = 1) -> tuple[str, list[Any]]:
    """How a notebook ended under a kernel, and its outputs up to there. So many `starts` are tried."""
    book = nbformat.v4.upgrade(nbformat.read(path, as_version=4))
    resources = {"metadata": {"path": str(folder)}}
    options: dict[str, Any] = {
        "kernel_name": kernel,
        "timeout": TIMEOUT,
        "resources": resources,
        "extra_arguments": HISTORY_IN_MEMORY,
    }
    if path.name == "Interrupt.ipynb":
        options |= {"timeout": 1, "interrupt_on_timeout": True}
    try:
        nbclient.NotebookClient(book, **options).execute()
    except CellExecutionError as error:
        return normal(f"{error.ename}: {error.evalue}"), outputs(book)
    except DeadKernelError:
        return "the kernel died", outputs(book)
    except RuntimeError:  # before the first cell
        if starts == 1:
            raise
        return execute(path, kernel, folder, starts - 1)
    return "ok", outputs(book)


def execute_together(paths: list[Path], kernel: str, folder: Path, starts: int = 3) -> list[tuple[str, list[Any]]]:
    """Execute notebooks at the same time, each with a kernel of its own; as processes, since each needs a loop.

    Each process picks ports that are free, which another one may take before the kernel does. Then the kernel ends at
    once and says so, and all are started anew; so many `starts` are tried.
    """
    meeting = folder / f"meeting{starts}"
    meeting.mkdir()
    running, logs = [], [meeting / f"{path.stem}.log" for path in paths]
    for path, log in zip(paths, logs, strict=True):
        command = ["execute", f"--kernel_name={kernel}", f"--output={folder / path.stem}", str(path)]
        environment = {**os.environ, "NBEXECUTE_TEST_PARALLEL_TMPDIR": str(meeting)}
        with log.open("w") as said:
            words = [sys.executable, "-m", "jupyter_core", *command]
            running.append(subprocess.Popen(words, cwd=folder, env=environment, stderr=said))
    deadline = time.monotonic() + TIMEOUT
    while any(process.poll() is None for process in running) and not any(process.poll() for process in running):
        assert time.monotonic() < deadline, "the notebooks have not ended"
        time.sleep(0.05)
    statuses = [process.poll() for process in running]
    for process in running:
        process.kill()
        process.wait(TIMEOUT)
    told = "".join(log.read_text() for log in logs)
    if any(statuses) and starts > 1 and "Address already in use" in told:
        return execute_together(paths, kernel, folder, starts - 1)
    assert statuses == [0] * len(running), told
    return [("ok", outputs(nbformat.read(folder / path.name, as_version=4))) for path in paths]


@pytest.fixture(scope="session")
def under_ipykernel(foreign: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    """How every foreign notebook went under ipykernel."""
    # It does not start when somebody else has taken a port that was free when it was picked.
    return execute_all(foreign, "python3", tmp_path_factory.mktemp("ipykernel"), starts=3)


def execute_all(notebooks: Path, kernel: str, folder: Path, starts: int = 1) -> dict[str, tuple[str, Any]]:
    """How every notebook of a folder went under a kernel: `{"Error.ipynb": ("ZeroDivisionError: ...", outputs)}`. So
    many `starts` are tried."""
    for file in notebooks.iterdir():
        if file.is_file() and file.suffix != ".ipynb":
            (folder / file.name).write_bytes(file.read_bytes())
    paths = sorted(path for path in notebooks.glob("*.ipynb") if path.name not in EXCLUDED)
    done = {path.name: execute(path, kernel, folder, starts) for path in paths if path.name not in TOGETHER}
    together = [path for path in paths if path.name in TOGETHER]
    return done | dict(zip([path.name for path in together], execute_together(together, kernel, folder), strict=True))


# nbclient leaves the sockets of a kernel that died to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(600)
def test_foreign_notebooks_give_the_outputs_that_ipykernel_gives(
    backend: str,
    specs: Mapping[str, str],
    foreign: Path,
    under_ipykernel: dict[str, tuple[str, Any]],
    tmp_path: Path,
) -> None:
    ours = execute_all(foreign, specs[backend], tmp_path)
    assert set(ours) == set(under_ipykernel)
    assert sum(end == "ok" for end, _ in ours.values()) > 15
    different = {name: (ours[name], theirs) for name, theirs in under_ipykernel.items() if ours[name] != theirs}
    report = "\n\n".join(f"{name}\nours:   {ours!r}\ntheirs: {theirs!r}" for name, (ours, theirs) in different.items())
    assert not different, report


def test_the_tour_runs(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    book = nbformat.read(ROOT / "docs" / "notebooks" / "tour.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, kernel_name=specs[backend], timeout=TIMEOUT, resources=resources).execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in shown), "the tour shows a figure"
    library = "trio" if backend == "trio" else "asyncio"
    assert any(library in output.get("text", "") for output in shown), "the tour says what it runs on"
    assert any("['create_task_group']" in output.get("text", "") for output in shown), "the tour shows a completion"


HIDE = """
# Makes modules as absent as if they were not installed.
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if path is None and name in {hidden!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def required(distribution: str, seen: set[str]) -> set[str]:
    """The names of what a distribution requires without any extra, and of what that requires."""
    with suppress(metadata.PackageNotFoundError):  # for another system
        for requirement in metadata.requires(distribution) or []:
            named = re.match(r"[\w.-]+", requirement)
            assert named is not None
            name = re.sub(r"[-_.]+", "-", named[0]).lower()
            if "extra ==" not in requirement and name not in seen:
                seen.add(name)
                required(name, seen)
    return seen


def test_the_tour_needs_nothing_but_what_the_kernel_requires(
    specs: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an environment that was made as README says, where neither trio nor matplotlib is."""
    there = required("async-kernel", {"async-kernel", "pip"})
    hidden = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if not there & {re.sub(r"[-_.]+", "-", name).lower() for name in distributions}
    }
    assert {"trio", "matplotlib", "numpy"} <= hidden
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(hidden=hidden - {"coverage", "a1_coverage"}))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    book = nbformat.read(ROOT / "docs" / "notebooks" / "tour.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, kernel_name=specs["asyncio"], timeout=TIMEOUT, resources=resources).execute()
    shown = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))
    assert "%pip install matplotlib" in shown
    assert "the end of the tour" in shown


def test_the_tour_is_kept_without_outputs() -> None:
    book = nbformat.read(ROOT / "docs" / "notebooks" / "tour.ipynb", as_version=4)
    nbformat.validate(book)
    assert book.metadata.kernelspec.name == "async"
    assert all(not cell.outputs and cell.execution_count is None for cell in book.cells if cell.cell_type == "code")
