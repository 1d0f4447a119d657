"""Every example in Python of every page is executed, and prints what the page shows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, KernelDriver, plain

from .fences import PAGES, Fence, name_of, with_output

ELSEWHERE = {
    "docs/guides/callers.md": "tests/e2e/test_callers.py, on asyncio, uvloop and trio",
    "docs/guides/clusters.md": "tests/e2e/test_clusters.py and tests/beyond/test_ray.py, on asyncio, uvloop and trio",
    "docs/guides/hosts.md": "tests/e2e/test_hosts.py; they need windows",
}
"""Pages whose examples are executed by other tests."""

CELLS = {"": "uvloop", "interrupted": "uvloop", "error": "uvloop", "trio": "trio"}
"""The kernel of each kind of cell."""

EXAMPLES = [
    pytest.param(list(with_output(page)), id=name_of(page))
    for page in PAGES
    if name_of(page) not in ELSEWHERE and any(with_output(page))
]


class Kernels:
    """The kernels of one page, each started when it is first needed."""

    def __init__(self, specs: Mapping[str, str], folder: Path, stack: ExitStack) -> None:
        self._specs, self._folder, self._stack = specs, folder, stack
        self._running: dict[str, KernelDriver] = {}

    def of(self, backend: str) -> KernelDriver:
        """The kernel on this backend."""
        if backend not in self._running:
            folder = self._folder / backend
            folder.mkdir()
            driver = KernelDriver(self._specs[backend], backend, folder).launch()
            self._stack.callback(driver.close)
            self._running[backend] = driver.wait_ready()
        return self._running[backend]


@pytest.fixture
def kernels(specs: Mapping[str, str], tmp_path: Path) -> Iterator[Kernels]:
    """Kernels for the cells of a page."""
    with ExitStack() as stack:
        yield Kernels(specs, tmp_path, stack)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_the_examples_of_a_page(examples: list[tuple[Fence, str | None]], kernels: Kernels, tmp_path: Path) -> None:
    for example, shown in examples:
        try:
            run(example, shown, kernels, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"{name_of(example.page)}:{example.line}: {error}") from error


def run(example: Fence, shown: str | None, kernels: Kernels, folder: Path) -> None:
    """Execute one example as its fence says."""
    match example.kind:
        case "" | "trio":
            # Somebody sits before the notebooks of the pages: in a batch run late output goes to the cell that runs.
            cell = kernels.of(CELLS[example.kind]).execute(example.text, allow_stdin=True).ok()
            if shown is not None:
                assert cell.text() + result(cell.result) == shown
        case "interrupted":
            kernel = kernels.of(CELLS[example.kind])
            asked = kernel.start_until_printed(f"print('begun')\n{example.text}", "begun")
            kernel.request("interrupt_request", channel="control")
            assert kernel.finish(asked).reply["ename"] == "KeyboardInterrupt"
        case "error":
            cell = kernels.of(CELLS[example.kind]).execute(example.text)
            assert cell.status == "error"
            if shown is not None:
                assert plain(cell.reply["traceback"][-1]).splitlines()[-1] == shown.strip()
        case "program":
            assert program(example.text, folder) == (shown or "")
        case "config":
            configure(example.text)
        case kind:
            raise AssertionError(f"nobody knows how to run an example of the kind {kind!r}")


def result(value: str | None) -> str:
    """The result of a cell as a page shows it, below what the cell printed."""
    return "" if value is None else f"{value}\n"


def program(text: str, folder: Path) -> str:
    """What a program prints; it has to end well."""
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=3 * DEADLINE, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def configure(text: str) -> None:
    """A configuration file: what it sets is there to be read."""
    from traitlets.config import Config

    config = Config()
    exec(compile(text, "config.py", "exec"), {"get_config": lambda: config, "c": config})
    assert config


def test_the_pages_that_others_run_are_there() -> None:
    names = {name_of(page) for page in PAGES}
    assert set(ELSEWHERE) <= names


def test_an_example_that_prints_something_else_is_found(kernels: Kernels, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n1 + 1\n```\n\n```text\n3\n```\n", encoding="utf-8")
    [(example, shown)] = with_output(page)
    with pytest.raises(AssertionError):
        run(example, shown, kernels, tmp_path)
